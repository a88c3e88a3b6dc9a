//! Merges a patch into a document as Talos does: by the type of each field, not by the look of the text.
//!
//! Values here are what [`fields::read`](super::fields::read) made: absent fields are not in the map, and a field that
//! is there has the form of its type. Checked against the official library by `tests/oracle/talos.sh`.

use serde_json::{Map, Value};

use super::fields::{Table, Type, is_zero, join};

/// Why two values cannot be merged, and where in the patch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    /// JSON pointer into the patch.
    pub(super) pointer: String,
    /// The same, as users write it.
    pub(super) path: String,
    pub(super) reason: &'static str,
}

/// Where we are in the patch.
#[derive(Clone, Default)]
struct Trail {
    pointer: String,
    path: String,
}

impl Trail {
    fn key(&self, key: &str) -> Trail {
        Trail { pointer: format!("{}/{}", self.pointer, crate::node::escape(key)), path: join(&self.path, key) }
    }

    fn item(&self, index: usize) -> Trail {
        Trail { pointer: format!("{}/{index}", self.pointer), path: format!("{}[{index}]", self.path) }
    }

    fn conflict(&self, reason: &'static str) -> Conflict {
        Conflict { pointer: self.pointer.clone(), path: self.path.clone(), reason }
    }
}

/// Merges `right` into `left`, both of this type.
pub(super) fn merge(table: &Table, kind: &Type, left: &mut Value, right: &Value) -> Result<(), Conflict> {
    Merge { table }.value(kind, false, left, Some(right), &Trail::default())
}

const NOTHING: &str = "an item of this list is nothing, and Talos looks into every item";

struct Merge<'t> {
    table: &'t Table,
}

impl Merge<'_> {
    fn value(
        &self,
        kind: &Type,
        replace: bool,
        left: &mut Value,
        right: Option<&Value>,
        at: &Trail,
    ) -> Result<(), Conflict> {
        let right = right.filter(|right| !right.is_null());
        let Some(right) = right else {
            // Two kinds of values are taken over even when the patch does not write them.
            match kind {
                Type::Text { always_replaced: true, .. } => *left = Value::Null,
                Type::Bool => *left = Value::Bool(false),
                Type::Struct(name) if !replace && left.is_object() => self.structs(name, left, &Map::new(), at)?,
                _ => {}
            }
            return Ok(());
        };
        match kind {
            Type::Pointer(_) | Type::Struct(_) | Type::List(_) | Type::Map(_) | Type::Free if left.is_null() => {
                *left = right.clone();
                Ok(())
            }
            Type::Pointer(inner) => self.value(inner, replace, left, Some(right), at),
            Type::Struct(name) => {
                let Value::Object(map) = right else { return Ok(()) };
                if replace {
                    if !is_zero(self.table, kind, Some(right)) {
                        *left = right.clone();
                    }
                    return Ok(());
                }
                self.structs(name, left, map, at)
            }
            Type::List(_) => {
                if replace {
                    *left = right.clone();
                } else {
                    append(left, right);
                }
                Ok(())
            }
            Type::Keyed(keys, inner) => self.keyed(keys, inner, left, right, at),
            Type::Map(inner) => self.maps(inner, left, right, at),
            Type::Free if replace => {
                *left = right.clone();
                Ok(())
            }
            Type::Free => free(left, right, at),
            Type::Url => {
                *left = Value::from(merged_url(left.as_str().unwrap_or(""), right.as_str().unwrap_or("")));
                Ok(())
            }
            Type::SizeCondition if !left.is_null() => {
                Err(at.conflict("Talos cannot merge two disk sizes; delete the first one with `$patch: delete`"))
            }
            Type::Pem(_) | Type::Base64 | Type::Bool | Type::Text { always_replaced: true, .. } => {
                *left = right.clone();
                Ok(())
            }
            Type::String
            | Type::Integer(..)
            | Type::Text { .. }
            | Type::Duration
            | Type::Size
            | Type::SizeCondition
            | Type::PortRange => {
                if !is_zero(self.table, kind, Some(right)) {
                    *left = right.clone();
                }
                Ok(())
            }
        }
    }

    fn structs(&self, name: &str, left: &mut Value, right: &Map<String, Value>, at: &Trail) -> Result<(), Conflict> {
        let Value::Object(left) = left else { return Ok(()) };
        for field in self.table.fields(name) {
            let mut value = left.remove(&field.name).unwrap_or(Value::Null);
            let merged =
                self.value(&field.kind, field.replace, &mut value, right.get(&field.name), &at.key(&field.name));
            if !value.is_null() {
                left.insert(field.name.clone(), value);
            }
            merged?;
        }
        Ok(())
    }

    fn keyed(
        &self,
        keys: &[String],
        inner: &Type,
        left: &mut Value,
        right: &Value,
        at: &Trail,
    ) -> Result<(), Conflict> {
        if left.is_null() {
            *left = Value::Array(Vec::new());
        }
        let (Value::Array(left), Value::Array(right)) = (left, right) else { return Ok(()) };
        for (index, item) in right.iter().enumerate() {
            let searched = keys.len() == 1 || keys.iter().any(|key| !item[key].is_null());
            if item.is_null() || searched && left.iter().any(Value::is_null) {
                return Err(at.item(index).conflict(NOTHING));
            }
            match left.iter_mut().find(|known| self.same(keys, inner, known, item)) {
                Some(known) => self.value(inner, false, known, Some(item), &at.item(index))?,
                None => left.push(item.clone()),
            }
        }
        Ok(())
    }

    /// Items are the same when the first key that the patch's item has is equal. A list with one key compares it even when it is empty.
    fn same(&self, keys: &[String], inner: &Type, left: &Value, right: &Value) -> bool {
        let struct_name = match inner {
            Type::Pointer(inner) => inner,
            inner => inner,
        };
        let Type::Struct(struct_name) = struct_name else { return false };
        for key in keys {
            let kind = &self.table.field(struct_name, key).expect("keys are fields").kind;
            let empty = is_zero(self.table, kind, right.get(key));
            if empty && keys.len() > 1 {
                continue;
            }
            if empty {
                return is_zero(self.table, kind, left.get(key));
            }
            // Talos compares selectors with their pointers, so that two with `physical` are never the same.
            let has_pointer = right[key].get("physical").is_some_and(|flag| !flag.is_null());
            return !has_pointer && left.get(key).is_some_and(|value| self.equal(kind, value, &right[key]));
        }
        false
    }

    fn equal(&self, kind: &Type, left: &Value, right: &Value) -> bool {
        super::fields::write(self.table, kind, Some(left)) == super::fields::write(self.table, kind, Some(right))
    }

    fn maps(&self, inner: &Type, left: &mut Value, right: &Value, at: &Trail) -> Result<(), Conflict> {
        let (Value::Object(left), Value::Object(right)) = (left, right) else { return Ok(()) };
        for (key, value) in right {
            match left.get_mut(key).filter(|known| !known.is_null()) {
                Some(known) => self.value(inner, false, known, Some(value), &at.key(key))?,
                None => {
                    left.insert(key.clone(), value.clone());
                }
            }
        }
        Ok(())
    }
}

/// Free-form values know no types: what is there must be of the same kind.
fn free(left: &mut Value, right: &Value, at: &Trail) -> Result<(), Conflict> {
    if left.is_null() {
        *left = right.clone();
        return Ok(());
    }
    match (&mut *left, right) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, value) in right {
                match left.get_mut(key).filter(|known| !known.is_null()) {
                    Some(known) => free(known, value, &at.key(key))?,
                    None => {
                        left.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(_), Value::Array(_)) => append(left, right),
        (Value::Bool(_), Value::Bool(_)) => *left = right.clone(),
        (Value::String(_), Value::String(text)) => {
            if !text.is_empty() {
                *left = right.clone();
            }
        }
        (Value::Number(old), Value::Number(new)) if old.is_f64() == new.is_f64() => {
            if new.as_f64() != Some(0.0) {
                *left = right.clone();
            }
        }
        _ => return Err(at.conflict("Talos merges free-form values only with values of the same kind")),
    }
    Ok(())
}

fn append(left: &mut Value, right: &Value) {
    if let (Value::Array(left), Value::Array(right)) = (left, right) {
        left.extend(right.iter().cloned());
    }
}

/// Talos merges URLs part by part: a path stays when the patch's URL has none.
fn merged_url(left: &str, right: &str) -> String {
    let (left, right) = (UrlParts::of(left), UrlParts::of(right));
    let pick = |left, right: &str| if right.is_empty() { left } else { right.to_owned() };
    UrlParts {
        scheme: pick(left.scheme, &right.scheme),
        host: pick(left.host, &right.host),
        path: pick(left.path, &right.path),
        query: pick(left.query, &right.query),
        fragment: pick(left.fragment, &right.fragment),
    }
    .text()
}

struct UrlParts {
    scheme: String,
    host: String,
    path: String,
    query: String,
    fragment: String,
}

impl UrlParts {
    fn of(text: &str) -> UrlParts {
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (text, query) = text.split_once('?').unwrap_or((text, ""));
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (host, path) = match rest.find('/') {
            Some(slash) if !scheme.is_empty() => rest.split_at(slash),
            None if !scheme.is_empty() => (rest, ""),
            _ => ("", rest),
        };
        let owned = str::to_owned;
        UrlParts {
            scheme: owned(scheme),
            host: owned(host),
            path: owned(path),
            query: owned(query),
            fragment: owned(fragment),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.scheme.is_empty() {
            text.push_str(&self.scheme);
            text.push_str("://");
        }
        text.push_str(&self.host);
        text.push_str(&self.path);
        for (mark, part) in [('?', &self.query), ('#', &self.fragment)] {
            if !part.is_empty() {
                text.push(mark);
                text.push_str(part);
            }
        }
        text
    }
}
