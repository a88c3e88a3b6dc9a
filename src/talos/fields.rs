//! What every field of a Talos document is: the table a patch is checked, merged and written by.
//!
//! The tables in `fields/` are made from the official library (their first line says how). A line is a field of the
//! struct above it: its name, its type, and whether an empty value is left out (`omitempty`) or a patch replaces
//! instead of appending (`replace`). Types: Go's scalars, `*T` (absent is not the same as empty), `[]T`, `{}T` (a map),
//! `{key,…}T` (a list whose items merge when a key is equal), `@Name` (read and merged in an own way), a struct's name.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Map, Number, Value};

use super::{contract::Contract, duration, secrets::has_marker};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    node::{Kind, Node},
};

/// Every document and struct of one contract.
#[derive(Debug)]
pub(super) struct Table {
    documents: BTreeMap<String, DocumentKind>,
    structs: BTreeMap<String, Vec<Field>>,
}

/// A kind of document.
#[derive(Clone, Debug)]
pub(super) struct DocumentKind {
    pub(super) root: Type,
    pub(super) named: bool,
}

/// A field of a struct.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Type,
    pub(super) omit_empty: bool,
    pub(super) replace: bool,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    String,
    Bool,
    /// Smallest and largest value.
    Integer(i64, u64),
    Pointer(Box<Type>),
    List(Box<Type>),
    /// Items are the same when the first of these fields that is set is equal.
    Keyed(Vec<String>, Box<Type>),
    Map(Box<Type>),
    Struct(String),
    /// Text with a form of its own; `zero` is how its empty value is written.
    Text {
        zero: String,
        always_replaced: bool,
    },
    /// A free-form map.
    Free,
    /// Certificate, key or both, each base64; both together replace what was there.
    Pem(&'static [&'static str]),
    Base64,
    Url,
    Duration,
    /// A size of a partition, as a number or with a unit.
    Size,
    /// A size to compare a disk with; Talos cannot merge two of them.
    SizeCondition,
    PortRange,
}

static V1_11: LazyLock<Table> = LazyLock::new(|| Table::parse(include_str!("fields/v1.11.txt")));

/// The table of a contract.
pub(super) fn table(contract: Contract) -> &'static Table {
    match contract {
        Contract::V1_11 => &V1_11,
    }
}

impl Table {
    fn parse(text: &str) -> Table {
        let mut table = Table { documents: BTreeMap::new(), structs: BTreeMap::new() };
        let mut fields = None;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["document", kind, root, flags @ ..] => {
                    let kind_of =
                        DocumentKind { root: Type::Struct((*root).to_owned()), named: flags.contains(&"named") };
                    table.documents.insert((*kind).to_owned(), kind_of);
                }
                ["struct", name] => fields = Some(table.structs.entry((*name).to_owned()).or_default()),
                [name, kind, flags @ ..] => {
                    fields.as_mut().expect("a field follows its struct").push(Field {
                        name: (*name).to_owned(),
                        kind: Type::parse(kind),
                        omit_empty: flags.contains(&"omitempty"),
                        replace: flags.contains(&"replace"),
                    });
                }
                _ => panic!("the field table has the line `{line}`"),
            }
        }
        table
    }

    /// The kind of document of this name; the machine configuration itself is `v1alpha1`.
    pub(super) fn document(&self, kind: &str) -> Option<&DocumentKind> {
        self.documents.get(kind)
    }

    /// The names of all kinds.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str)
    }

    /// The fields of a struct, in the order they are written.
    pub(super) fn fields(&self, name: &str) -> &[Field] {
        self.structs.get(name).map_or(&[], Vec::as_slice)
    }

    /// A field of a struct.
    pub(super) fn field(&self, name: &str, field: &str) -> Option<&Field> {
        self.fields(name).iter().find(|candidate| candidate.name == field)
    }
}

impl Type {
    fn parse(text: &str) -> Type {
        if let Some(inner) = text.strip_prefix('*') {
            return Type::Pointer(Box::new(Type::parse(inner)));
        }
        if let Some(inner) = text.strip_prefix("[]") {
            return Type::List(Box::new(Type::parse(inner)));
        }
        if let Some((keys, inner)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            let inner = Box::new(Type::parse(inner));
            if keys.is_empty() {
                return Type::Map(inner);
            }
            return Type::Keyed(keys.split(',').map(str::to_owned).collect(), inner);
        }
        if let Some(zero) = text.strip_prefix("@text!:") {
            return Type::Text { zero: zero.to_owned(), always_replaced: true };
        }
        if let Some(zero) = text.strip_prefix("@text:") {
            return Type::Text { zero: zero.to_owned(), always_replaced: false };
        }
        match text {
            "string" => Type::String,
            "bool" => Type::Bool,
            "int" | "int64" => Type::Integer(i64::MIN, i64::MAX.unsigned_abs()),
            "uint" | "uint64" => Type::Integer(0, u64::MAX),
            "uint8" => Type::Integer(0, u8::MAX.into()),
            "uint16" => Type::Integer(0, u16::MAX.into()),
            "uint32" | "@FileMode" => Type::Integer(0, u32::MAX.into()),
            "@Unstructured" => Type::Free,
            "@PEMEncodedCertificateAndKey" => Type::Pem(&["crt", "key"]),
            "@PEMEncodedCertificate" => Type::Pem(&["crt"]),
            "@PEMEncodedKey" => Type::Pem(&["key"]),
            "@Base64Bytes" => Type::Base64,
            "@Endpoint" | "@URL" => Type::Url,
            "@Duration" => Type::Duration,
            "@DiskSize" => Type::Size,
            "@InstallDiskSizeMatcher" => Type::SizeCondition,
            "@PortRange" => Type::PortRange,
            name => {
                assert!(!name.starts_with('@') && name.contains('.'), "the field table has the type `{name}`");
                Type::Struct(name.to_owned())
            }
        }
    }

    /// What a value of this type is called in a message.
    fn words(&self) -> &'static str {
        match self {
            Type::String | Type::Text { .. } => "text",
            Type::Bool => "`true` or `false`",
            Type::Integer(..) => "a whole number",
            Type::Pointer(inner) => inner.words(),
            Type::List(_) | Type::Keyed(..) => "a list",
            Type::Map(_) | Type::Struct(_) | Type::Free | Type::Pem(_) => "a map",
            Type::Base64 => "base64 text",
            Type::Url => "a URL",
            Type::Duration => "a duration such as `15s` or `1h30m`",
            Type::Size => "a size such as `100GB`",
            Type::SizeCondition => "a size to compare with, such as `>= 100GB`",
            Type::PortRange => "a port or a range such as `8000-8080`",
        }
    }
}

/// Reads a patch's value as its type: unknown fields and wrong types become findings at their place, absent values are left out.
pub(super) fn read(table: &Table, kind: &Type, node: &Node, path: &str, found: &mut Vec<Diagnostic>) -> Option<Value> {
    if node.kind == Kind::Null {
        return None;
    }
    let wrong = |found: &mut Vec<Diagnostic>| {
        found.push(wrong_type(kind, node, path));
        None
    };
    match kind {
        Type::Pointer(inner) => read(table, inner, node, path, found),
        Type::Bool => match node.kind {
            Kind::Bool(flag) => Some(Value::Bool(flag)),
            _ => wrong(found),
        },
        Type::Integer(low, high) => match &node.kind {
            Kind::Number(number) => integer(number, *low, *high).map_or_else(|| wrong(found), Some),
            _ => wrong(found),
        },
        Type::String
        | Type::Text { .. }
        | Type::Url
        | Type::Base64
        | Type::Duration
        | Type::Size
        | Type::SizeCondition
        | Type::PortRange => match text_of(node, path, found) {
            Some(text) if fits(kind, &text) => Some(written(kind, &text)),
            Some(_) => wrong(found),
            None => None,
        },
        Type::List(inner) | Type::Keyed(_, inner) => match &node.kind {
            Kind::List(items) => Some(Value::Array(
                items
                    .iter()
                    .enumerate()
                    // An item that is nothing stays where the list holds pointers, and is dropped elsewhere.
                    .filter(|(_, item)| item.kind != Kind::Null || matches!(**inner, Type::Pointer(_)))
                    .map(|(index, item)| {
                        read(table, inner, item, &format!("{path}[{index}]"), found)
                            .unwrap_or_else(|| absent_item(inner))
                    })
                    .collect(),
            )),
            _ => wrong(found),
        },
        Type::Map(inner) => match &node.kind {
            Kind::Map(entries) => Some(Value::Object(
                entries
                    .iter()
                    .map(|entry| {
                        let value = read(table, inner, &entry.value, &join(path, &entry.key), found);
                        (entry.key.clone(), value.unwrap_or_else(|| absent_item(inner)))
                    })
                    .collect(),
            )),
            _ => wrong(found),
        },
        Type::Struct(name) => match &node.kind {
            Kind::Map(_) => Some(read_struct(table, name, node, path, found)),
            _ => wrong(found),
        },
        Type::Free => match &node.kind {
            Kind::Map(entries) if entries.is_empty() => None,
            Kind::Map(_) => Some(node.to_json()),
            _ => wrong(found),
        },
        Type::Pem(parts) => match &node.kind {
            Kind::Map(_) => Some(read_pem(parts, node, path, found)),
            _ => wrong(found),
        },
    }
}

fn read_struct(table: &Table, name: &str, node: &Node, path: &str, found: &mut Vec<Diagnostic>) -> Value {
    let mut map = Map::new();
    for entry in node.entries() {
        let Some(field) = table.field(name, &entry.key) else {
            found.push(unknown_field(table, name, entry, path));
            continue;
        };
        if let Some(value) = read(table, &field.kind, &entry.value, &join(path, &entry.key), found) {
            map.insert(entry.key.clone(), value);
        }
    }
    // Talos drops blank lines at the start of an inline manifest when it reads one.
    if name == "v1alpha1.ClusterInlineManifest"
        && let Some(Value::String(contents)) = map.get_mut("contents")
    {
        *contents = contents.trim_start_matches(['\t', '\n', '\u{b}', '\u{c}', '\r']).to_owned();
    }
    Value::Object(map)
}

fn unknown_field(table: &Table, name: &str, entry: &crate::node::Entry, path: &str) -> Diagnostic {
    let place = if path.is_empty() { "at the top of the document".to_owned() } else { format!("in `{path}`") };
    let message = format!("Talos has no field `{}` {place}", entry.key);
    let diagnostic = Diagnostic::new(code!("patch-field-unknown"), message).at(entry.key_place, "unknown field");
    let known = table.fields(name).iter().map(|field| field.name.as_str());
    match nearest(&entry.key, known.clone()) {
        Some(near) => diagnostic.edit(entry.key_place, near, format!("did you mean `{near}`?")),
        None if table.fields(name).is_empty() => diagnostic.help("it takes no fields: write `{}`"),
        None => diagnostic
            .help(format!("it has: {}", known.map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", "))),
    }
}

fn read_pem(parts: &[&str], node: &Node, path: &str, found: &mut Vec<Diagnostic>) -> Value {
    // A part that is not written is read as empty, not as absent: the pair always replaces what was there.
    let mut map: Map<String, Value> = parts.iter().map(|part| ((*part).to_owned(), Value::from(""))).collect();
    for entry in node.entries() {
        if !parts.contains(&entry.key.as_str()) {
            let message = format!("Talos has no field `{}` in `{path}`", entry.key);
            found.push(
                Diagnostic::new(code!("patch-field-unknown"), message).at(entry.key_place, "unknown field").help(
                    format!("it has: {}", parts.iter().map(|part| format!("`{part}`")).collect::<Vec<_>>().join(", ")),
                ),
            );
            continue;
        }
        if let Some(value) = read(NO_TABLE, &Type::Base64, &entry.value, &join(path, &entry.key), found) {
            map.insert(entry.key.clone(), value);
        }
    }
    Value::Object(map)
}

static NO_TABLE: &Table = &Table { documents: BTreeMap::new(), structs: BTreeMap::new() };

fn wrong_type(kind: &Type, node: &Node, path: &str) -> Diagnostic {
    let is = match &node.kind {
        Kind::Null => "nothing",
        Kind::Bool(_) => "`true` or `false`",
        Kind::Number(_) => "a number",
        Kind::String(_) => "text",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a map",
    };
    let wants = kind.words();
    let message = if is == wants {
        format!("`{path}` does not hold {wants} that fits")
    } else {
        format!("`{path}` is {is}, and Talos wants {wants}")
    };
    Diagnostic::new(code!("patch-type"), message).at(node.place, format!("not {wants}")).help(format!("write {wants}"))
}

/// The text Talos reads from a scalar: a plain number or `true` is text as well, as it was written.
fn text_of(node: &Node, path: &str, found: &mut Vec<Diagnostic>) -> Option<String> {
    let text = match &node.kind {
        Kind::String(text) => return Some(text.clone()),
        Kind::Bool(flag) => flag.to_string(),
        Kind::Number(number) => number.to_string(),
        _ => {
            found.push(wrong_type(&Type::String, node, path));
            return None;
        }
    };
    // `1.10` or `0x1F` are no longer known once they are numbers; Talos would take them to the letter.
    let written = node.place.span.range().len();
    if written == 0 || written == text.len() {
        return Some(text);
    }
    found.push(
        Diagnostic::new(code!("patch-type"), format!("`{path}` is text to Talos, but a number to YAML"))
            .at(node.place, "not quoted")
            .help("write it in quotes"),
    );
    None
}

fn integer(number: &Number, low: i64, high: u64) -> Option<Value> {
    if let Some(value) = number.as_i64() {
        let fits = value >= low && (value < 0 || value.unsigned_abs() <= high);
        return fits.then(|| Value::from(value));
    }
    if let Some(value) = number.as_u64() {
        return (value <= high).then(|| Value::from(value));
    }
    #[expect(clippy::cast_possible_truncation, reason = "compared with the value it came from")]
    let whole = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 9e15).map(|value| value as i64)?;
    (whole >= low && (whole < 0 || whole.unsigned_abs() <= high)).then(|| Value::from(whole))
}

fn fits(kind: &Type, text: &str) -> bool {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    if has_marker(text) {
        return true;
    }
    match kind {
        Type::Base64 => BASE64_STANDARD.decode(text.replace(['\n', '\r'], "")).is_ok(),
        Type::Duration => duration::parse(text).is_some(),
        Type::Size => size_in_bytes(text).is_some(),
        Type::SizeCondition => {
            let text = text.trim();
            let size =
                [">=", "<=", "==", ">", "<"].iter().find_map(|operator| text.strip_prefix(operator)).unwrap_or(text);
            size_in_bytes(size.trim()).is_some()
        }
        Type::PortRange => match text.split_once('-') {
            Some((low, high)) => low.parse::<u16>().is_ok() && high.parse::<u16>().is_ok(),
            None => text.parse::<u16>().is_ok(),
        },
        Type::Url => !text.contains([' ', '\n']) && !text.starts_with(':'),
        _ => true,
    }
}

/// The form a scalar is kept in: what the official encoder would write after reading it.
fn written(kind: &Type, text: &str) -> Value {
    if has_marker(text) {
        return Value::from(text);
    }
    match kind {
        Type::Base64 => Value::from(text.replace(['\n', '\r'], "")),
        Type::Duration => Value::from(duration::format(duration::parse(text).unwrap_or_default())),
        Type::Size => size_as_written(size_in_bytes(text).unwrap_or_default()),
        Type::SizeCondition => Value::from(text.trim()),
        Type::PortRange => match text.split_once('-') {
            Some((low, high)) if low.parse::<u16>() != high.parse::<u16>() => Value::from(text),
            Some((port, _)) => Value::from(port.parse::<u16>().unwrap_or_default()),
            None => Value::from(text.parse::<u16>().unwrap_or_default()),
        },
        _ => Value::from(text),
    }
}

const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("kib", 1 << 10),
    ("kb", 1_000),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
    ("pib", 1 << 50),
    ("pb", 1_000_000_000_000_000),
    ("eib", 1 << 60),
    ("eb", 1_000_000_000_000_000_000),
    ("ki", 1 << 10),
    ("k", 1_000),
    ("mi", 1 << 20),
    ("m", 1_000_000),
    ("gi", 1 << 30),
    ("g", 1_000_000_000),
    ("ti", 1 << 40),
    ("t", 1_000_000_000_000),
    ("pi", 1 << 50),
    ("p", 1_000_000_000_000_000),
    ("ei", 1 << 60),
    ("e", 1_000_000_000_000_000_000),
];

/// The bytes of `100GB`, `1.5 TiB` or `4096`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the official reader computes in floating point too"
)]
pub(super) fn size_in_bytes(text: &str) -> Option<u64> {
    let digits =
        text.find(|letter: char| !letter.is_ascii_digit() && letter != '.' && letter != ',').unwrap_or(text.len());
    let number: f64 = text[..digits].replace(',', "").parse().ok()?;
    let unit = text[digits..].trim().to_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let bytes = number * *factor as f64;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// A size as the official encoder writes it: with a unit when none of its digits is lost.
fn size_as_written(bytes: u64) -> Value {
    if bytes.is_multiple_of(1000) && bytes > 0 {
        let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        let mut factor = 1_u64;
        let mut unit = 0;
        while unit + 1 < units.len() && bytes / factor >= 1000 {
            factor *= 1000;
            unit += 1;
        }
        // One decimal below ten units, none above.
        let tenths = factor / 10;
        let text = if unit > 0 && bytes / factor < 10 && bytes.is_multiple_of(tenths) {
            Some(format!("{}.{} {}", bytes / factor, bytes % factor / tenths, units[unit]))
        } else if bytes.is_multiple_of(factor) && (unit == 0 || bytes / factor >= 10) {
            Some(format!("{} {}", bytes / factor, units[unit]))
        } else {
            None
        };
        if let Some(text) = text {
            return Value::from(text);
        }
    }
    Value::from(bytes)
}

/// What an item that is written as nothing becomes.
fn absent_item(kind: &Type) -> Value {
    match kind {
        Type::Pointer(_) => Value::Null,
        Type::Struct(_) | Type::Map(_) | Type::Free | Type::Pem(_) => Value::Object(Map::new()),
        Type::List(_) | Type::Keyed(..) => Value::Array(Vec::new()),
        Type::Bool => Value::Bool(false),
        Type::Integer(..) | Type::Size | Type::PortRange => Value::from(0),
        Type::Text { zero, .. } => Value::from(zero.as_str()),
        Type::String | Type::Base64 | Type::Url | Type::Duration | Type::SizeCondition => Value::from(""),
    }
}

/// Is this what the type holds when nothing was written?
pub(super) fn is_zero(table: &Table, kind: &Type, value: Option<&Value>) -> bool {
    let Some(value) = value.filter(|value| !value.is_null()) else { return true };
    match (kind, value) {
        (Type::Pointer(_), _) => false,
        (Type::Text { zero, .. }, Value::String(text)) => text.is_empty() || text == zero,
        (Type::Duration, Value::String(text)) => text.is_empty() || text == "0s",
        (_, Value::String(text)) => text.is_empty(),
        (_, Value::Bool(flag)) => !flag,
        (_, Value::Number(number)) => number.as_f64() == Some(0.0),
        (_, Value::Array(items)) => items.is_empty(),
        (Type::Struct(name), Value::Object(map)) => {
            table.fields(name).iter().all(|field| is_zero(table, &field.kind, map.get(&field.name)))
        }
        (_, Value::Object(map)) => map.is_empty(),
        (_, Value::Null) => true,
    }
}

/// The whole value as the official encoder writes it: fields in their order, empty ones left out or spelled out.
pub(super) fn write(table: &Table, kind: &Type, value: Option<&Value>) -> Value {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return match kind {
            Type::Struct(name) => write_struct(table, name, &Map::new()),
            _ => absent_item(kind),
        };
    };
    match (kind, value) {
        (Type::Pointer(inner), value) => write(table, inner, Some(value)),
        (Type::List(inner) | Type::Keyed(_, inner), Value::Array(items)) => {
            Value::Array(items.iter().map(|item| write(table, inner, Some(item))).collect())
        }
        (Type::Map(inner), Value::Object(map)) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            Value::Object(
                sorted.into_iter().map(|(key, value)| (key.clone(), write(table, inner, Some(value)))).collect(),
            )
        }
        (Type::Struct(name), Value::Object(map)) => write_struct(table, name, map),
        (Type::Pem(parts), Value::Object(map)) => Value::Object(
            parts
                .iter()
                .map(|part| ((*part).to_owned(), map.get(*part).cloned().unwrap_or_else(|| Value::from(""))))
                .collect(),
        ),
        (_, value) => value.clone(),
    }
}

fn write_struct(table: &Table, name: &str, map: &Map<String, Value>) -> Value {
    let mut out = Map::new();
    for field in table.fields(name) {
        let value = map.get(&field.name);
        if field.omit_empty && is_zero(table, &field.kind, value) {
            continue;
        }
        out.insert(field.name.clone(), write(table, &field.kind, value));
    }
    Value::Object(out)
}

/// A path as users write it: `machine.network.interfaces[0].vip`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_struct_the_table_names_is_in_it() {
        fn check(table: &Table, kind: &Type) {
            match kind {
                Type::Struct(name) => assert!(table.structs.contains_key(name), "{name}"),
                Type::Pointer(inner) | Type::List(inner) | Type::Keyed(_, inner) | Type::Map(inner) => {
                    check(table, inner);
                }
                _ => {}
            }
        }
        let table = table(Contract::V1_11);
        for kind in table.documents.values() {
            check(table, &kind.root);
        }
        for field in table.structs.values().flatten() {
            check(table, &field.kind);
        }
        assert_eq!(table.documents.len(), 18);
    }

    #[test]
    fn sizes_are_written_as_the_official_encoder_does() {
        assert_eq!(size_in_bytes("100 GB"), Some(100_000_000_000));
        assert_eq!(size_in_bytes("1.5TiB"), Some(1_649_267_441_664));
        assert_eq!(size_in_bytes("many"), None);
        assert_eq!(size_as_written(100_000_000_000), Value::from("100 GB"));
        assert_eq!(size_as_written(1_500_000_000), Value::from("1.5 GB"));
        assert_eq!(size_as_written(4096), Value::from(4096));
        assert_eq!(size_as_written(1_234_000), Value::from(1_234_000));
    }
}
