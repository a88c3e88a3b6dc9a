//! What a field may hold, in the words of the schemas Kubernetes and custom resources are described with.

use std::collections::BTreeMap;

use serde_json::Value;

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
    pub known: BTreeMap<String, Schema>,
    pub required: Vec<String>,
    pub others: Others,
    /// A whole object: it has an apiVersion, a kind and metadata besides the known fields.
    pub embedded: bool,
}

/// What a map may hold besides its known fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Others {
    Nothing,
    Anything,
    Each(Schema),
}

impl Schema {
    /// Reads a structural schema. What it does not understand it lets through.
    pub(super) fn read(written: &Value) -> Schema {
        Schema {
            shape: shape(written),
            nullable: flag(written, "nullable"),
            choices: written["enum"].as_array().cloned().unwrap_or_default(),
        }
    }
}

fn shape(written: &Value) -> Shape {
    if let Some(name) = written["$ref"].as_str() {
        return Shape::Reference(name.to_owned());
    }
    if flag(written, "x-kubernetes-int-or-string") || written["format"] == "int-or-string" {
        return Shape::WholeOrText;
    }
    if written["format"] == "quantity" {
        return Shape::Quantity;
    }
    match written["type"].as_str() {
        Some("boolean") => Shape::Flag,
        Some("integer") => Shape::Whole {
            width: if written["format"] == "int32" { Width::Bits32 } else { Width::Bits64 },
            range: range(written),
        },
        Some("number") => Shape::Number(range(written)),
        Some("string") => Shape::Text(Text {
            encoded: written["format"] == "byte",
            min_length: written["minLength"].as_u64(),
            max_length: written["maxLength"].as_u64(),
            pattern: written["pattern"].as_str().map(str::to_owned),
        }),
        Some("array") => Shape::List(Box::new(List {
            items: Schema::read(&written["items"]),
            min_items: written["minItems"].as_u64(),
            max_items: written["maxItems"].as_u64(),
            merge_keys: merge_keys(written),
        })),
        Some("object") => Shape::Map(Box::new(fields(written))),
        _ if written["properties"].is_object() => Shape::Map(Box::new(fields(written))),
        _ => Shape::Anything,
    }
}

fn fields(written: &Value) -> Fields {
    let known: BTreeMap<String, Schema> = written["properties"]
        .as_object()
        .map(|properties| properties.iter().map(|(name, value)| (name.clone(), Schema::read(value))).collect())
        .unwrap_or_default();
    // The API server fills in defaults before it looks for what is missing.
    let has_default = |name: &str| written["properties"][name].get("default").is_some();
    let required = words(&written["required"]).into_iter().filter(|name| !has_default(name)).collect();
    let others = match &written["additionalProperties"] {
        each @ Value::Object(_) => Others::Each(Schema::read(each)),
        Value::Bool(true) => Others::Anything,
        _ if flag(written, "x-kubernetes-preserve-unknown-fields") => Others::Anything,
        _ => Others::Nothing,
    };
    Fields { known, required, others, embedded: flag(written, "x-kubernetes-embedded-resource") }
}

fn merge_keys(written: &Value) -> Vec<String> {
    match written["x-kubernetes-patch-merge-key"].as_str() {
        Some(key) => vec![key.to_owned()],
        None => words(&written["x-kubernetes-list-map-keys"]),
    }
}

fn range(written: &Value) -> Range {
    Range {
        minimum: written["minimum"].as_f64(),
        maximum: written["maximum"].as_f64(),
        exclusive_minimum: flag(written, "exclusiveMinimum"),
        exclusive_maximum: flag(written, "exclusiveMaximum"),
    }
}

fn words(written: &Value) -> Vec<String> {
    written
        .as_array()
        .map(|words| words.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default()
}

fn flag(written: &Value, key: &str) -> bool {
    written[key].as_bool().unwrap_or(false)
}
