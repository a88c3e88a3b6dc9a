//! JSON patches (RFC 6902) as kustomize 5.8 applies them: `replace` also sets a key that a map has not, negative indices count from the end.

use super::merge::print_anew;
use crate::{
    kustomize::{Stop, fails, generate::go_text, notes},
    node::{Kind, Node},
    source::{Place, Sources},
    yaml,
};

/// One step of a patch. What is wrong with it counts only once it is applied to an object.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    op: String,
    path: Option<String>,
    from: Option<String>,
    value: Option<Node>,
    /// Whether a text or number of the value is written otherwise than kustomize writes it. To a test it is another one then.
    is_written_otherwise: bool,
    place: Place,
}

impl Operation {
    /// Reads a step, which is a map.
    pub(super) fn read(node: &Node) -> Operation {
        let text = |key| node.get(key).and_then(Node::as_str).map(str::to_owned);
        Operation {
            op: text("op").unwrap_or_default(),
            path: text("path"),
            from: text("from"),
            value: node.get("value").cloned(),
            is_written_otherwise: false,
            place: node.place,
        }
    }

    /// Whether it compares a value.
    pub(super) fn is_test(&self) -> bool {
        self.op == "test"
    }

    /// Notes how the value is written in the JSON of a step, whose places are those in `text`.
    pub(super) fn compare_letters(&mut self, step: &Node, text: &str) {
        self.is_written_otherwise = step.get("value").is_some_and(|value| is_written_otherwise(value, text));
    }

    /// Whether it sees the annotations that kustomize keeps notes in.
    pub(super) fn reads_notes(&self) -> bool {
        let read = match self.op.as_str() {
            "copy" | "move" => &self.from,
            "test" => &self.path,
            _ => return false,
        };
        let steps = |path: &'_ String| path.split('/').skip(1).map(unescaped).collect::<Vec<_>>();
        read.as_ref().map(steps).is_some_and(|steps| notes::are_at(steps.iter().map(String::as_str)))
    }

    fn path(&self) -> Result<&str, Stop> {
        self.path.as_deref().ok_or_else(|| fails("a step of a JSON patch has no `path`", self.place))
    }

    fn from(&self) -> Result<&str, Stop> {
        let missing = || fails(format!("a `{}` of a JSON patch has no `from`", self.op), self.place);
        self.from.as_deref().ok_or_else(missing)
    }

    fn value(&self) -> Node {
        self.value.clone().unwrap_or(Node { place: self.place, kind: Kind::Null })
    }

    fn missing(&self, path: &str) -> Stop {
        fails(format!("`{}` of a JSON patch leads to `{path}`, which the object does not have", self.op), self.place)
    }

    fn apply(&self, object: &mut Node) -> Result<(), Stop> {
        match self.op.as_str() {
            "add" => self.add(object, self.value()),
            "remove" => self.remove(object, self.path()?).map(drop),
            "replace" => self.replace(object),
            "move" => {
                let value = self.remove(object, self.from()?)?;
                self.add(object, value)
            }
            "copy" => {
                let from = self.from()?;
                let (above, key) = find(object, from).ok_or_else(|| self.missing(from))?;
                let value = get(above, &key, self.place).ok_or_else(|| self.missing(from))?;
                self.add(object, value)
            }
            "test" => self.test(object),
            "" => Err(fails("a step of a JSON patch has no `op`", self.place)),
            op => Err(fails(format!("`{op}` is no operation of JSON patches"), self.place)),
        }
    }

    fn add(&self, object: &mut Node, value: Node) -> Result<(), Stop> {
        let path = self.path()?;
        let (above, key) = find(object, path).ok_or_else(|| self.missing(path))?;
        match &mut above.kind {
            Kind::Map(_) => {
                above.set(&key, self.place, value);
            }
            Kind::List(items) if key == "-" => items.push(value),
            Kind::List(items) => {
                let at = index(&key, items.len() + 1).filter(|at| *at <= items.len());
                items.insert(at.ok_or_else(|| self.missing(path))?, value);
            }
            _ => return Err(self.missing(path)),
        }
        Ok(())
    }

    fn remove(&self, object: &mut Node, path: &str) -> Result<Node, Stop> {
        let (above, key) = find(object, path).ok_or_else(|| self.missing(path))?;
        let gone = match &mut above.kind {
            Kind::Map(entries) => entries.remove(&key).map(|entry| entry.value),
            Kind::List(items) => index(&key, items.len()).filter(|at| *at < items.len()).map(|at| items.remove(at)),
            _ => None,
        };
        gone.ok_or_else(|| self.missing(path))
    }

    fn replace(&self, object: &mut Node) -> Result<(), Stop> {
        let path = self.path()?;
        if path.is_empty() {
            let value = self.value();
            if !matches!(value.kind, Kind::Map(_)) {
                return Err(fails("a JSON patch replaces the object with something that is no object", self.place));
            }
            *object = value;
            return Ok(());
        }
        let (above, key) = find(object, path).ok_or_else(|| self.missing(path))?;
        match &mut above.kind {
            Kind::Map(_) => {
                above.set(&key, self.place, self.value());
            }
            Kind::List(items) => {
                let at = index(&key, items.len()).filter(|at| *at < items.len());
                items[at.ok_or_else(|| self.missing(path))?] = self.value();
            }
            _ => return Err(self.missing(path)),
        }
        Ok(())
    }

    fn test(&self, object: &mut Node) -> Result<(), Stop> {
        let path = self.path()?;
        let failed = || fails(format!("`test` of a JSON patch finds another value at `{path}`"), self.place);
        let wanted = self.value.as_ref().map_or(serde_json::Value::Null, Node::to_json);
        let own = if path.is_empty() {
            object.to_json()
        } else {
            let (above, key) = find(object, path).ok_or_else(|| self.missing(path))?;
            get(above, &key, self.place).ok_or_else(|| self.missing(path))?.to_json()
        };
        if own == wanted && !self.is_written_otherwise { Ok(()) } else { Err(failed()) }
    }
}

/// Applies a patch to an object. kustomize writes the object out on the way, so that keys without a value become written
/// nulls, and numbers those that Go prints.
pub(super) fn apply(object: &mut Node, operations: &[Operation], sources: &Sources) -> Result<(), Stop> {
    operations.iter().try_for_each(|operation| operation.apply(object))?;
    let place = object.place;
    write(object, place, sources);
    Ok(())
}

fn write(node: &mut Node, near: Place, sources: &Sources) {
    let own = node.place;
    match &mut node.kind {
        Kind::Null if own.span.start == own.span.end => node.place = near,
        Kind::List(items) => items.iter_mut().for_each(|item| write(item, own, sources)),
        Kind::Map(entries) => entries.values_mut().for_each(|(_, value)| write(value, own, sources)),
        Kind::Number(_) | Kind::String(_) => print_anew(node, sources),
        _ => {}
    }
}

/// Whether kustomize writes the JSON of a value in other letters.
fn is_written_otherwise(value: &Node, text: &str) -> bool {
    let written = text.get(value.place.span.range()).unwrap_or_default();
    match &value.kind {
        Kind::Null | Kind::Bool(_) => false,
        Kind::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => written != yaml::as_go_prints(float),
            None => written != number.to_string(),
        },
        Kind::String(own) => {
            let mut json = String::new();
            go_text(own, &mut json);
            written != json
        }
        Kind::List(items) => items.iter().any(|item| is_written_otherwise(item, text)),
        Kind::Map(entries) => entries.iter().any(|entry| is_written_otherwise(&entry.value, text)),
    }
}

/// A step of a path as the key it stands for.
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// What lies above the end of a path, and its last key; None where a part of the way is missing.
fn find<'n>(object: &'n mut Node, path: &str) -> Option<(&'n mut Node, String)> {
    let mut steps = path.split('/').skip(1).map(unescaped);
    let mut key = steps.next()?;
    let mut node = object;
    for next in steps {
        node = match node.kind {
            Kind::Map(_) => node.get_mut(&key)?,
            Kind::List(_) => {
                let items = node.items_mut()?;
                let at = index(&key, items.len())?;
                items.get_mut(at)?
            }
            _ => return None,
        };
        key = next;
    }
    matches!(node.kind, Kind::Map(_) | Kind::List(_)).then_some((node, key))
}

/// A copy of a value of a map or list. A key that a map does not have is null to some operations; None for an index a list has not.
fn get(above: &Node, key: &str, place: Place) -> Option<Node> {
    match &above.kind {
        Kind::List(items) => items.get(index(key, items.len())?).cloned(),
        _ => Some(above.get(key).cloned().unwrap_or(Node { place, kind: Kind::Null })),
    }
}

/// An index; a negative one counts from the end.
fn index(key: &str, length: usize) -> Option<usize> {
    let index = key.parse::<i64>().ok()?;
    if index >= 0 { usize::try_from(index).ok() } else { length.checked_sub(usize::try_from(-index).ok()?) }
}
