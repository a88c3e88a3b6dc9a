//! What a field may hold, in the words of the schemas Kubernetes and custom resources are described with.

use serde_json::Value;

use crate::node::{Kind, Node};

/// What one value may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schema {
    pub shape: Shape,
    /// A null here is a value of its own, not an absent field.
    pub nullable: bool,
    /// The only values allowed, when not empty.
    pub choices: Vec<Value>,
}

/// The kinds of values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Anything,
    Flag,
    Whole {
        width: Width,
        range: Range,
    },
    Number(Range),
    Text(Text),
    WholeOrText,
    Quantity,
    List(Box<List>),
    Map(Box<Fields>),
    /// A definition elsewhere, by the name the table gives it.
    Reference(String),
}

/// How large a whole number may be before the server cannot hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Bits32,
    Bits64,
}

/// Bounds of a number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Range {
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub exclusive_minimum: bool,
    pub exclusive_maximum: bool,
}

/// Bounds of a string.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text {
    /// Base64.
    pub encoded: bool,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<String>,
}

/// A list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List {
    pub items: Schema,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    /// The fields that tell its items apart when two versions of it are merged.
    pub merge_keys: Vec<String>,
}

/// A map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fields {
    pub known: Named,
    pub required: Vec<String>,
    pub others: Others,
    /// A whole object: it has an apiVersion, a kind and metadata besides the known fields.
    pub embedded: bool,
}

/// Schemas by name, sorted. There are thousands of these, most of them short.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Named(Box<[(Box<str>, Schema)]>);

impl Named {
    pub fn get(&self, name: &str) -> Option<&Schema> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    #[cfg(test)]
    pub fn values(&self) -> impl Iterator<Item = &Schema> {
        self.0.iter().map(|(_, schema)| schema)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'n> FromIterator<(&'n str, Schema)> for Named {
    fn from_iter<I: IntoIterator<Item = (&'n str, Schema)>>(fields: I) -> Named {
        let mut fields: Vec<(Box<str>, Schema)> =
            fields.into_iter().map(|(name, schema)| (name.into(), schema)).collect();
        // Of equal names the last one counts.
        fields.reverse();
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        fields.dedup_by(|(one, _), (other, _)| one == other);
        Named(fields.into_boxed_slice())
    }
}

/// What a map may hold besides its known fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Others {
    Nothing,
    Anything,
    Each(Schema),
}

/// A schema as it is written: in the embedded table, or in a file of a repository.
pub(super) trait Written: Sized {
    fn field(&self, key: &str) -> Option<&Self>;
    fn text(&self) -> Option<&str>;
    fn flag(&self) -> Option<bool>;
    fn number(&self) -> Option<&serde_json::Number>;
    /// The items of a list; none for anything else.
    fn items(&self) -> &[Self];
    /// The entries of a map; None for anything else.
    fn entries(&self) -> Option<impl Iterator<Item = (&str, &Self)>>;
    fn json(&self) -> Value;
}

impl Written for Value {
    fn field(&self, key: &str) -> Option<&Self> {
        self.get(key)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn flag(&self) -> Option<bool> {
        self.as_bool()
    }

    fn number(&self) -> Option<&serde_json::Number> {
        self.as_number()
    }

    fn items(&self) -> &[Self] {
        self.as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn entries(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        Some(self.as_object()?.iter().map(|(key, value)| (key.as_str(), value)))
    }

    fn json(&self) -> Value {
        self.clone()
    }
}

impl Written for Node {
    fn field(&self, key: &str) -> Option<&Self> {
        self.get(key)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn flag(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    fn number(&self) -> Option<&serde_json::Number> {
        match &self.kind {
            Kind::Number(number) => Some(number),
            _ => None,
        }
    }

    fn items(&self) -> &[Self] {
        Node::items(self)
    }

    fn entries(&self) -> Option<impl Iterator<Item = (&str, &Self)>> {
        match &self.kind {
            Kind::Map(entries) => Some(entries.iter().map(|entry| (entry.key.as_str(), &entry.value))),
            _ => None,
        }
    }

    fn json(&self) -> Value {
        self.to_json()
    }
}

impl Schema {
    /// What lets everything through.
    fn anything() -> Schema {
        Schema { shape: Shape::Anything, nullable: false, choices: Vec::new() }
    }

    /// Reads a structural schema. What it does not understand it lets through.
    pub(super) fn read<W: Written>(written: &W) -> Schema {
        Schema {
            shape: shape(written),
            nullable: flag(written, "nullable"),
            choices: written.field("enum").map(|list| list.items().iter().map(W::json).collect()).unwrap_or_default(),
        }
    }
}

fn shape<W: Written>(written: &W) -> Shape {
    if let Some(name) = text(written, "$ref") {
        return Shape::Reference(name.to_owned());
    }
    if flag(written, "x-kubernetes-int-or-string") || text(written, "format") == Some("int-or-string") {
        return Shape::WholeOrText;
    }
    if text(written, "format") == Some("quantity") {
        return Shape::Quantity;
    }
    match text(written, "type") {
        Some("boolean") => Shape::Flag,
        Some("integer") => Shape::Whole {
            width: if text(written, "format") == Some("int32") { Width::Bits32 } else { Width::Bits64 },
            range: range(written),
        },
        Some("number") => Shape::Number(range(written)),
        Some("string") => Shape::Text(Text {
            encoded: text(written, "format") == Some("byte"),
            min_length: whole(written, "minLength"),
            max_length: whole(written, "maxLength"),
            pattern: text(written, "pattern").map(str::to_owned),
        }),
        Some("array") => Shape::List(Box::new(List {
            items: written.field("items").map_or_else(Schema::anything, Schema::read),
            min_items: whole(written, "minItems"),
            max_items: whole(written, "maxItems"),
            merge_keys: merge_keys(written),
        })),
        Some("object") => Shape::Map(Box::new(fields(written))),
        _ if written.field("properties").is_some_and(|properties| properties.entries().is_some()) => {
            Shape::Map(Box::new(fields(written)))
        }
        _ => Shape::Anything,
    }
}

fn fields<W: Written>(written: &W) -> Fields {
    let properties = written.field("properties");
    let entries = properties.and_then(W::entries).into_iter().flatten();
    let known = entries.map(|(name, value)| (name, Schema::read(value))).collect();
    // The API server fills in defaults before it looks for what is missing.
    let has_default = |name: &str| properties.and_then(|all| all.field(name)?.field("default")).is_some();
    let required = words(written.field("required")).into_iter().filter(|name| !has_default(name)).collect();
    let others = match written.field("additionalProperties") {
        Some(each) if each.entries().is_some() => Others::Each(Schema::read(each)),
        Some(flag) if flag.flag() == Some(true) => Others::Anything,
        _ if flag(written, "x-kubernetes-preserve-unknown-fields") => Others::Anything,
        _ => Others::Nothing,
    };
    Fields { known, required, others, embedded: flag(written, "x-kubernetes-embedded-resource") }
}

fn merge_keys(written: &impl Written) -> Vec<String> {
    match text(written, "x-kubernetes-patch-merge-key") {
        Some(key) => vec![key.to_owned()],
        None => words(written.field("x-kubernetes-list-map-keys")),
    }
}

fn range(written: &impl Written) -> Range {
    Range {
        minimum: written.field("minimum").and_then(Written::number).and_then(serde_json::Number::as_f64),
        maximum: written.field("maximum").and_then(Written::number).and_then(serde_json::Number::as_f64),
        exclusive_minimum: flag(written, "exclusiveMinimum"),
        exclusive_maximum: flag(written, "exclusiveMaximum"),
    }
}

fn words<W: Written>(written: Option<&W>) -> Vec<String> {
    let words = written.map(W::items).unwrap_or_default();
    words.iter().filter_map(W::text).map(str::to_owned).collect()
}

fn flag(written: &impl Written, key: &str) -> bool {
    written.field(key).and_then(Written::flag) == Some(true)
}

fn text<'w, W: Written>(written: &'w W, key: &str) -> Option<&'w str> {
    written.field(key).and_then(W::text)
}

fn whole(written: &impl Written, key: &str) -> Option<u64> {
    written.field(key).and_then(Written::number)?.as_u64()
}
