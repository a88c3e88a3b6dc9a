//! ConfigMaps and Secrets that a kustomization generates, and the hash that ends their names.

use std::{collections::BTreeMap, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{
    Marks, Resource, Stop,
    accumulate::{Builder, missing},
    edit, fails,
    file::{Kustomization, malformed},
    finish, fold, origin,
    patch::written,
    quotes::Quotes,
    refused, remote,
    transform::check_key,
    untyped,
};
use crate::{
    node::{Entry, Kind, Node},
    repository::resolve,
    source::{Place, Sources, Span},
};

/// What a generated object does to one of its name that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// As [`Behavior::Create`], because nothing is said.
    #[default]
    Unspecified,
    /// There must be none.
    Create,
    /// Its data is added to.
    Merge,
    /// Its data is replaced.
    Replace,
}

/// What is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generated {
    ConfigMap,
    Secret,
}

impl Generated {
    /// The field of a kustomization that lists them.
    pub fn field(self) -> &'static str {
        match self {
            Generated::ConfigMap => "configMapGenerator",
            Generated::Secret => "secretGenerator",
        }
    }

    /// What kustomize calls the generator.
    pub fn plugin(self) -> &'static str {
        match self {
            Generated::ConfigMap => "ConfigMapGenerator",
            Generated::Secret => "SecretGenerator",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Generated::ConfigMap => "ConfigMap",
            Generated::Secret => "Secret",
        }
    }
}

/// A key of the data, with its bytes and where it is asked for.
struct Pair {
    key: String,
    value: Vec<u8>,
    place: Place,
}

/// The object that one entry of a generator makes.
pub(super) fn generate(
    builder: &mut Builder<'_>,
    folder: &str,
    what: Generated,
    entry: &Node,
    kustomization: &Kustomization<'_>,
) -> Result<Resource, Stop> {
    let place = entry.place;
    let name = entry.get("name").filter(|name| name.as_str().is_some_and(|name| !name.is_empty()));
    let Some(name) = name else {
        return Err(malformed(format!("an entry of `{}` needs a `name`", what.field()), Some(place)));
    };
    let mut object = edit::empty_map(place);
    object.set("apiVersion", place, edit::string("v1", place));
    object.set("kind", place, edit::string(what.kind(), place));
    edit::set_at(&mut object, &["metadata", "name"], name.clone());
    if let Some(namespace) = text(entry, "namespace") {
        edit::set_at(&mut object, &["metadata", "namespace"], namespace.clone());
    }
    if what == Generated::Secret {
        let default = edit::string("Opaque", place);
        object.set("type", place, text(entry, "type").cloned().unwrap_or(default));
        object.set("data", place, edit::empty_map(place));
    }
    let mut unreadable = Vec::new();
    for pair in pairs(builder, folder, entry, what)? {
        check_key(&pair.key, pair.place)?;
        let (field, value) = match (what, String::from_utf8(pair.value)) {
            (Generated::ConfigMap, Ok(text)) => ("data", text),
            (Generated::ConfigMap, Err(error)) => ("binaryData", base64_lines(error.as_bytes())),
            (Generated::Secret, Ok(text)) => ("data", base64_lines(text.as_bytes())),
            (Generated::Secret, Err(error)) => ("data", base64_lines(error.as_bytes())),
        };
        if value.starts_with('\t') && value.contains('\n') && fold::can_be_block(&value) {
            unreadable.push(pair.place);
        }
        edit::set_at(&mut object, &[field, &pair.key], edit::string(value, pair.place));
    }
    let options = [entry.get("options"), kustomization.get("generatorOptions")];
    for field in ["labels", "annotations"] {
        for (key, value) in merged(options, field) {
            check_key(&key, value.place)?;
            edit::set_at(&mut object, &["metadata", field, &key], value);
        }
    }
    let is_set = |option: &str| {
        let flags = options.into_iter().flatten().filter_map(|options| options.get(option));
        flags.map(|flag| &flag.kind).any(|flag| *flag == Kind::Bool(true))
    };
    if is_set("immutable") {
        object.set("immutable", place, Node { place, kind: Kind::Bool(true) });
    }
    let mut resource = Resource::new(object);
    resource.marks.needs_hash = !is_set("disableNameSuffixHash");
    resource.marks.behavior = match entry.get("behavior").and_then(Node::as_str) {
        Some("merge") => Behavior::Merge,
        Some("replace") => Behavior::Replace,
        Some("create") => Behavior::Create,
        _ => Behavior::Unspecified,
    };
    resource.marks.generated = true;
    resource.marks.unreadable = unreadable;
    Ok(resource)
}

/// Fails where an object still has a text that kustomize writes as a block and cannot read again.
pub(super) fn check_texts(resource: &Resource) -> Result<(), Stop> {
    let unreadable = &resource.marks.unreadable;
    if unreadable.is_empty() {
        return Ok(());
    }
    let is_one =
        |value: &Node| value.as_str().is_some_and(|text| text.starts_with('\t')) && unreadable.contains(&value.place);
    match resource.object.get("data").and_then(|data| data.entries().iter().find(|entry| is_one(&entry.value))) {
        None => Ok(()),
        Some(Entry { key, value, .. }) => {
            let message =
                format!("the text of `{key}` begins with a tab, which kustomize writes and cannot read again");
            Err(fails(message, value.place))
        }
    }
}

fn text<'n>(entry: &'n Node, field: &str) -> Option<&'n Node> {
    entry.get(field).filter(|value| value.as_str().is_some_and(|text| !text.is_empty()))
}

/// The entry's own labels or annotations, and those of `generatorOptions` that it does not have.
fn merged(options: [Option<&Node>; 2], field: &str) -> BTreeMap<String, Node> {
    let mut merged = BTreeMap::new();
    for map in options.into_iter().flatten().filter_map(|options| options.get(field)) {
        for Entry { key, value, .. } in map.entries() {
            let value = match &value.kind {
                Kind::Null => edit::string("", value.place),
                _ => value.clone(),
            };
            merged.entry(key.clone()).or_insert(value);
        }
    }
    merged
}

/// The data, by key.
fn pairs(builder: &mut Builder<'_>, folder: &str, entry: &Node, what: Generated) -> Result<Vec<Pair>, Stop> {
    let list = |field: &str| entry.get(field).map_or(&[][..], Node::items);
    let mut pairs = Vec::new();
    for line in list("envs").iter().chain(text(entry, "env")) {
        let bytes = read(builder, folder, line.as_str().unwrap_or_default(), line.place)?;
        variables(&bytes, line.place, &mut pairs)?;
    }
    for line in list("literals") {
        let literal = line.as_str().unwrap_or_default();
        match literal.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                pairs.push(Pair { key: key.to_owned(), value: unquoted(value).as_bytes().to_vec(), place: line.place });
            }
            _ => return Err(malformed("a literal is written `key=value`".to_owned(), Some(line.place))),
        }
    }
    for line in list("files") {
        let source = line.as_str().unwrap_or_default();
        let (key, path) = match source.split_once('=') {
            None => (base(source), source),
            Some((key, path)) if !key.is_empty() && !path.is_empty() && !path.contains('=') => (key, path),
            Some(_) => return Err(malformed("a file is written `path` or `key=path`".to_owned(), Some(line.place))),
        };
        let value = read(builder, folder, path, line.place)?;
        pairs.push(Pair { key: key.to_owned(), value, place: line.place });
    }
    for pair in &mut pairs {
        pair.place = within_quotes(pair.place, &builder.repository.sources);
    }
    pairs.sort_by(|one, other| one.key.cmp(&other.key));
    if let Some(twice) = pairs.windows(2).find(|two| two[0].key == two[1].key) {
        let message = format!("the {} gets the key `{}` twice", what.kind(), twice[0].key);
        return Err(fails(message, twice[1].place));
    }
    Ok(pairs)
}

/// A place without the quotes around it: what is written in there does not count as written in quotes.
fn within_quotes(place: Place, sources: &Sources) -> Place {
    let Place { source, span } = place;
    let is_quoted = span.end - span.start > 1 && sources.text(place).starts_with(['"', '\'']);
    if is_quoted { Place { source, span: Span { start: span.start + 1, end: span.end - 1 } } } else { place }
}

/// The last part of a path, as Go's `path.Base` gives it.
fn base(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.is_empty() => ".",
        "" => "/",
        path => path.rsplit('/').next().unwrap_or(path),
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

fn read(builder: &mut Builder<'_>, folder: &str, path: &str, place: Place) -> Result<Vec<u8>, Stop> {
    if remote::is_url(path) {
        return Err(refused(format!("the remote file `{path}`"), place));
    }
    let target = resolve(folder, path).filter(|target| builder.repository.file(target).is_some());
    let Some(target) = target else { return Err(missing(format!("`{path}` does not exist"), place)) };
    builder.reads.insert(target.clone());
    match builder.repository.bytes(&target) {
        Some(bytes) => Ok(bytes.to_vec()),
        None => Err(refused(format!("the file `{target}`, which is not read"), place)),
    }
}

/// The variables of a file of lines `KEY=value`.
fn variables(bytes: &[u8], place: Place, pairs: &mut Vec<Pair>) -> Result<(), Stop> {
    for (number, line) in lines(bytes).enumerate() {
        let Ok(line) = std::str::from_utf8(line) else {
            return Err(fails(format!("line {} of this file is not UTF-8", number + 1), place));
        };
        let line = if number == 0 { line.trim_start_matches('\u{feff}') } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            pairs.push(Pair { key: key.to_owned(), value: value.as_bytes().to_vec(), place });
        }
    }
    Ok(())
}

/// Lines without their ends, `\r\n` counting as one end.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let all = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    all.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Base64 as kustomize writes it: in lines of 70 letters where it is longer than one.
fn base64_lines(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let text = STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    for at in (0..text.len()).step_by(LINE) {
        lines.push_str(&text[at..text.len().min(at + LINE)]);
        lines.push('\n');
    }
    lines
}

/// Adds a generated object to the others, or its data to the one of its name.
pub(super) fn absorb(resources: &mut Vec<Resource>, mut new: Resource, sources: &Sources) -> Result<(), Stop> {
    let id = new.id();
    let is_same = |resource: &Resource| {
        resource.identity().is_same(&new.identity()) || resource.past_ids().iter().any(|past| past.is_same(&id))
    };
    let found: Vec<usize> = (0..resources.len()).filter(|at| is_same(&resources[*at])).collect();
    let shown = || format!("{} `{}`", id.kind, id.name);
    match (&found[..], new.marks.behavior) {
        ([], Behavior::Unspecified | Behavior::Create) => resources.push(new),
        ([], _) => return Err(fails(format!("there is no {} to merge with or replace", shown()), new.place)),
        ([_], Behavior::Unspecified | Behavior::Create) => {
            let message = format!("{} exists already, and this entry has no `behavior` to merge or replace", shown());
            return Err(fails(message, new.place));
        }
        ([at], behavior) => {
            let old = &resources[*at];
            if behavior == Behavior::Merge {
                for field in ["data", "binaryData"] {
                    merge_map(&mut new.object, &old.object, &[field], sources);
                }
            }
            take_over(&mut new, old, sources);
            if behavior == Behavior::Merge {
                origin::keep(&mut new, old);
            }
            let again = resources.iter().filter(|resource| resource.identity().is_same(&new.identity())).count();
            if again != 1 {
                return Err(fails(format!("{} is not the only one of its name", shown()), new.place));
            }
            resources[*at] = new;
        }
        (_, _) => return Err(fails(format!("more than one object could be the {}", shown()), new.place)),
    }
    Ok(())
}

/// What a generated object keeps of the one it takes the place of: name, namespace, labels, annotations and its past.
fn take_over(new: &mut Resource, old: &Resource, sources: &Sources) {
    for field in ["labels", "annotations"] {
        merge_map(&mut new.object, &old.object, &["metadata", field], sources);
    }
    for field in ["name", "namespace"] {
        match old.object.at(["metadata", field]).filter(|name| edit::is_name(name)) {
            Some(value) => {
                edit::set_at(&mut new.object, &["metadata", field], value.clone());
            }
            None => {
                edit::remove_at(&mut new.object, &["metadata", field]);
            }
        }
    }
    let needs_hash = new.marks.needs_hash && old.marks.needs_hash;
    new.past.clone_from(&old.past);
    let unreadable = [&new.marks.unreadable[..], &old.marks.unreadable].concat();
    new.marks = Marks { quotes: Quotes::default(), unreadable, ..old.marks.clone() };
    for path in [&["data"][..], &["binaryData"], &["metadata", "labels"], &["metadata", "annotations"]] {
        if let Some(map) = new.object.at(path.iter().copied()) {
            new.marks.quotes.set_anew(map, sources);
        }
    }
    new.marks.needs_hash = needs_hash;
    new.marks.name_is_untyped = true;
}

/// Adds the entries of the old map that the new one does not have. The result is sorted, and every value a text; in data null is none.
fn merge_map(new: &mut Node, old: &Node, path: &[&str], sources: &Sources) {
    let mut all: BTreeMap<String, Node> = BTreeMap::new();
    for map in [old.at(path.iter().copied()), new.at(path.iter().copied())].into_iter().flatten() {
        for entry in map.entries() {
            let is_none = edit::is_null(&entry.value) && path[0] != "metadata";
            let text = if is_none { String::new() } else { finish::raw_text(&entry.value, sources) };
            all.insert(entry.key.clone(), untyped::typed(text, entry.value.place));
        }
    }
    let place = new.place;
    edit::remove_at(new, path);
    if !all.is_empty() {
        let entries = all.into_iter().map(|(key, value)| Entry { key, key_place: value.place, value });
        let mut map = Node { place, kind: Kind::Map(entries.collect()) };
        fold::forget(&mut map, sources);
        edit::set_at(new, path, map);
    }
}

/// Ends the names of what was generated with the hash of what it says.
pub(super) fn add_hashes(resources: &mut [Resource], sources: &Sources) -> Result<(), Stop> {
    for resource in resources.iter_mut().filter(|resource| resource.marks.needs_hash) {
        resource.remember();
        let old = resource.object.at(["metadata", "name"]).map(|name| finish::raw_text(name, sources));
        let object = &mut resource.object;
        // Annotations stay as they are: all of them become texts in the end.
        let annotations = |object: &mut Node, kind: Kind| {
            edit::at_mut(object, &["metadata", "annotations"]).map(|node| std::mem::replace(&mut node.kind, kind))
        };
        let hidden = annotations(object, Kind::Null);
        fold::settle(object, sources);
        if let Some(kind) = hidden {
            annotations(object, kind);
        }
        let hash = hash(object, sources)?;
        if let Some(name) = edit::at_mut(&mut resource.object, &["metadata", "name"]) {
            name.kind = Kind::String(format!("{}-{hash}", old.unwrap_or_default()));
        }
    }
    Ok(())
}

/// Ten letters that stand for what a ConfigMap or Secret says. Its name does not count: kustomize looks for it in the wrong place.
fn hash(object: &Node, sources: &Sources) -> Result<String, Stop> {
    let kind = object.get("kind").and_then(edit::scalar_text).unwrap_or_default();
    let (is_secret, more) = match kind.as_str() {
        "ConfigMap" => (false, "binaryData"),
        "Secret" => (true, "stringData"),
        // kustomize then counts the lines and columns where everything stands.
        _ => return Err(refused(format!("the hash of a generated object that has become a {kind}"), object.place)),
    };
    let mut json = String::from("{");
    let field = |json: &mut String, key: &str| {
        let _ = write!(json, "\"{key}\":");
        match object.get(key) {
            Some(value) => match value.kind {
                Kind::Map(_) => go_json(value, json),
                Kind::List(_) => json.push_str("null"),
                _ => go_text(&written(value, sources), json),
            },
            None => json.push_str("\"\""),
        }
    };
    let has_more = matches!(object.get(more).map(|value| &value.kind), Some(Kind::Map(_) | Kind::List(_)));
    if !is_secret && has_more {
        field(&mut json, more);
        json.push(',');
    }
    field(&mut json, "data");
    let _ = write!(json, ",\"kind\":\"{kind}\",\"name\":\"\"");
    if is_secret {
        if has_more {
            json.push(',');
            field(&mut json, more);
        }
        json.push(',');
        field(&mut json, "type");
    }
    json.push('}');
    let digest = Sha256::digest(json.as_bytes());
    let mut hex = String::new();
    for byte in &digest[..5] {
        let _ = write!(hex, "{byte:02x}");
    }
    // Letters that cannot spell a word.
    let letters = hex.chars().map(|letter| match letter {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        letter => letter,
    });
    Ok(letters.collect())
}

/// JSON as Go writes it: keys sorted, what could be HTML escaped, and all numbers floats.
fn go_json(node: &Node, json: &mut String) {
    match &node.kind {
        Kind::Null => json.push_str("null"),
        Kind::Bool(flag) => json.push_str(if *flag { "true" } else { "false" }),
        Kind::Number(number) => json.push_str(&go_number(number.as_f64().unwrap_or_default())),
        Kind::String(text) => go_text(text, json),
        Kind::List(items) => {
            json.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                go_json(item, json);
            }
            json.push(']');
        }
        Kind::Map(entries) => {
            let mut sorted: Vec<&Entry> = entries.iter().collect();
            sorted.sort_by(|one, other| one.key.cmp(&other.key));
            json.push('{');
            for (at, entry) in sorted.into_iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                go_text(&entry.key, json);
                json.push(':');
                go_json(&entry.value, json);
            }
            json.push('}');
        }
    }
}

/// A float as Go's JSON has it: with an exponent only where it is very large or very small.
fn go_number(float: f64) -> String {
    if float == 0.0 || (1e-6..1e21).contains(&float.abs()) {
        return float.to_string();
    }
    let text = format!("{float:e}");
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}

pub(super) fn go_text(text: &str, json: &mut String) {
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\u{20}' => {
                let _ = write!(json, "\\u{:04x}", u32::from(letter));
            }
            letter => json.push(letter),
        }
    }
    json.push('"');
}
