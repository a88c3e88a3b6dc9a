//! The reference page of the inventory, made from the same types as its schema.

use serde_json::{Map, Value};

use super::schema;
use crate::markdown::{cell, table};

const INTRODUCTION: &str = "\
<!-- Written by `gitopsc schema --markdown` from the types of the inventory; change src/inventory/mod.rs -->

# The inventory

Everything `inventory.toml` can say. Names are keys: `[services.gitea]` is the service `gitea`, and `<name>`
below stands for a name you choose. A key with the default _required_ must be there; one without a default
may be left away. Unknown keys are errors; free data goes under `vars`.

An editor that knows TOML schemas (taplo, tombi) completes and checks all this once the first line of the
inventory names the schema, as `gitopsc schema` prints it:

```toml
#:schema docs/inventory.schema.json
```
";

/// Markdown of `docs/inventory.md`.
pub fn reference() -> String {
    reference_of(INTRODUCTION, &schema())
}

/// The page of a TOML file: an introduction, and a section for each table of its schema.
pub fn reference_of(introduction: &str, schema: &Value) -> String {
    let mut reference =
        Reference { types: &schema["$defs"], page: introduction.to_owned(), sections: Vec::new(), next: 0 };
    reference.section("Top level", schema);
    let mut at = 0;
    while let Some(section) = reference.sections.get(at).cloned() {
        at += 1;
        reference.next = at;
        reference.section(&format!("`{}`", section.title()), &reference.types[section.name.as_str()]);
    }
    reference.page
}

/// The page while it is written.
struct Reference<'s> {
    types: &'s Value,
    page: String,
    /// Every table that has a section, in the order of the page.
    sections: Vec<Section>,
    /// Where the next section goes: a table's own tables come right after it.
    next: usize,
}

/// A table of the inventory.
#[derive(Clone)]
struct Section {
    /// Its type.
    name: String,
    /// Where it stands: `services.<name>.secrets.<name>`.
    path: String,
    /// Whether it is an element of a list.
    is_element: bool,
}

impl Section {
    fn title(&self) -> String {
        if self.is_element { format!("[[{}]]", self.path) } else { format!("[{}]", self.path) }
    }

    /// How GitHub and GitLab call the heading.
    fn anchor(&self) -> String {
        self.path.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
    }
}

impl<'s> Reference<'s> {
    fn section(&mut self, title: &str, schema: &'s Value) {
        self.page.push_str(&format!("\n## {title}\n\n"));
        if let Some(text) = schema["description"].as_str() {
            self.page.push_str(&format!("{}\n\n", flowing(text)));
        }
        let path = title.trim_matches('`').trim_matches(['[', ']']);
        let path = if title.starts_with('`') { path } else { "" };
        let properties = properties(schema);
        if let Some(whole) = self.superset(path, properties) {
            let names: Vec<String> = properties.keys().map(|key| format!("`{key}`")).collect();
            self.page.push_str(&format!("As in {whole}: {}.\n", names.join(", ")));
            return;
        }
        let rows: Vec<Vec<String>> = properties.iter().map(|(key, of)| self.row(path, key, of, schema)).collect();
        self.page.push_str(&table(&["Key", "Type", "Default", "Meaning"], &rows));
        for (key, of) in properties {
            self.values(key, of);
        }
    }

    /// A link to the section around this one, when it has all of its keys.
    fn superset(&self, path: &str, properties: &Map<String, Value>) -> Option<String> {
        let around = path.split('.').take(2).collect::<Vec<_>>().join(".");
        let section = self.sections.iter().find(|section| section.path == around && section.path != path)?;
        let all = self::properties(&self.types[section.name.as_str()]);
        let is_part = properties.iter().all(|(key, of)| all.get(key) == Some(of));
        is_part.then(|| format!("[`{}`](#{})", section.title(), section.anchor()))
    }

    fn row(&mut self, path: &str, key: &str, of: &Value, table: &Value) -> Vec<String> {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let is_required = table["required"].as_array().is_some_and(|names| names.iter().any(|name| name == key));
        let default = if is_required { "_required_".to_owned() } else { default(&of["default"]) };
        let meaning = of["description"].as_str().map(flowing).unwrap_or_default();
        vec![format!("`{key}`"), self.kind(of, &path), cell(&default), cell(&meaning)]
    }

    /// What a value is, in words; tables are linked, and get a section.
    fn kind(&mut self, of: &Value, path: &str) -> String {
        if let Some(name) = reference_to(of) {
            return if properties(&self.types[name]).is_empty() {
                "word".into()
            } else {
                self.link("table", name, path)
            };
        }
        match of["type"].as_str() {
            Some("array") => match reference_to(&of["items"]) {
                Some(name) => self.link_of("list of tables", name, path, true),
                None => format!("list of {}s", self.kind(&of["items"], path)),
            },
            Some("object") => match reference_to(&of["additionalProperties"]) {
                Some(name) if properties(&self.types[name]).is_empty() => "words by name".into(),
                Some(name) => self.link("tables by name", name, &format!("{path}.<name>")),
                None if of["additionalProperties"]["type"] == "string" => "strings by name".into(),
                None if of["additionalProperties"]["type"] == "array" => "lists by name".into(),
                None if of["additionalProperties"]["type"] == "object" => "tables by name".into(),
                None => "anything by name".into(),
            },
            Some("integer") => "number".into(),
            Some(kind) => kind.to_owned(),
            None => "anything".into(),
        }
    }

    fn link(&mut self, words: &str, name: &str, path: &str) -> String {
        self.link_of(words, name, path, false)
    }

    fn link_of(&mut self, words: &str, name: &str, path: &str, is_element: bool) -> String {
        // A table that stands in two places (the secrets of a service and of its phases) is described once.
        let known = self.sections.iter().find(|section| section.name == name).cloned();
        let section = known.unwrap_or_else(|| {
            let section = Section { name: name.to_owned(), path: path.to_owned(), is_element };
            self.sections.insert(self.next, section.clone());
            self.next += 1;
            section
        });
        format!("[{words}](#{})", section.anchor())
    }

    /// The values of a key that takes one of several words, each with its meaning.
    fn values(&mut self, key: &str, of: &Value) {
        let Some(name) = reference_to(of).or_else(|| reference_to(&of["additionalProperties"])) else { return };
        let is_map = reference_to(of).is_none();
        let of = &self.types[name];
        let words: Vec<String> = match (&of["oneOf"], &of["enum"]) {
            (Value::Array(options), _) => options
                .iter()
                .filter_map(|option| {
                    let meaning = option["description"].as_str().map(flowing).unwrap_or_default();
                    Some(format!("- `{}`: {meaning}\n", option["const"].as_str()?))
                })
                .collect(),
            (_, Value::Array(words)) => {
                words.iter().filter_map(|word| Some(format!("- `{}`\n", word.as_str()?))).collect()
            }
            _ => return,
        };
        let subject = if is_map { format!("Each of `{key}`") } else { format!("`{key}`") };
        self.page.push_str(&format!("\n{subject} is one of\n\n{}", words.concat()));
    }
}

/// The name of the type that a schema refers to.
fn reference_to(of: &Value) -> Option<&str> {
    of["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// The keys of a table.
fn properties(of: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    of["properties"].as_object().unwrap_or(&NONE)
}

/// A default as the inventory would say it; nothing where that is to say nothing.
fn default(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`\"{text}\"`"),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        _ => String::new(),
    }
}

/// Text of several lines as one.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
