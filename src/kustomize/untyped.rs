//! Values that kustomize sets without a look at their type: some have none yet, others have one that does not fit.
//!
//! A replacement writes the text of a value and leaves its type alone. Whether they fit shows when the object is read again, and until
//! then a patch may still take the value away.

use super::{Stop, edit, fails, quotes::gets_quotes};
use crate::{
    node::{Kind, Node},
    source::{Place, Span},
    yaml,
};

/// A text as YAML reads it when it is written without quotes.
pub(super) fn read(text: &str, place: Place) -> Node {
    let mut node = edit::string(text, place);
    if !yaml::is_text(text) {
        let reading = yaml::read(place.source, text);
        if let Some(document) = reading.documents.into_iter().next() {
            node.kind = document.root.kind;
        }
    }
    node
}

/// A text that stands without quotes, and gets a type once its object is read; nothing there is null.
pub(super) fn untyped(text: &str, place: Place) -> Node {
    if text.is_empty() { null(place) } else { edit::string(text, before(place)) }
}

/// A text that is nothing else, even at the place of one without a type.
pub(super) fn typed(text: impl Into<String>, place: Place) -> Node {
    edit::string(text, if place == before(place) { behind(place) } else { place })
}

/// Makes a text of a value without a type that could be something else, as patches of its object do.
pub(super) fn quote(node: &mut Node) {
    if is_untyped(node) && node.as_str().is_some_and(gets_quotes) {
        node.place = behind(node.place);
    }
}

/// Gives every value below a node its type, if it has none yet.
pub(super) fn settle_all(node: &mut Node) {
    match &mut node.kind {
        Kind::Map(entries) => entries.values_mut().for_each(|(_, value)| settle_all(value)),
        Kind::List(items) => items.iter_mut().for_each(settle_all),
        _ => settle(node),
    }
}

/// Gives a value its type, if it has none yet.
pub(super) fn settle(node: &mut Node) {
    let Kind::String(text) = &node.kind else { return };
    if is_untyped(node) && !yaml::is_text(text) {
        node.kind = read(text, node.place).kind;
        if edit::is_null(node) {
            node.place = behind(node.place);
        }
    }
}

/// Null that is written nowhere, near this place.
pub(super) fn null(place: Place) -> Node {
    Node { place: before(place), kind: Kind::Null }
}

/// Whether it was made as [`untyped`] makes it.
pub(super) fn is_untyped(node: &Node) -> bool {
    let is_given = match &node.kind {
        Kind::Null => false,
        Kind::String(text) => !text.is_empty(),
        _ => true,
    };
    is_given && node.place == before(node.place)
}

/// Texts of an object that stand where a value of another type is: the place each counts as written at, and a value of that type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mistyped(Vec<(Place, Kind)>);

impl Mistyped {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a text that is written at this place into a scalar, which stays of its type.
    pub fn put(&mut self, node: &mut Node, text: &str, place: Place) {
        let known = self.0.iter().find(|(place, _)| *place == node.place).map(|(_, before)| before.clone());
        let before = match known {
            Some(before) => before,
            None if is_untyped(node) => {
                *node = untyped(text, place);
                return;
            }
            None => std::mem::replace(&mut node.kind, Kind::Null),
        };
        let read = if text.is_empty() { null(place) } else { read(text, place) };
        *node = match (&before, &read.kind) {
            (Kind::String(_), _) => typed(text, place),
            (Kind::Null, Kind::Null) | (Kind::Bool(_), Kind::Bool(_)) => untyped(text, place),
            (Kind::Number(before), Kind::Number(number)) if before.is_f64() || !number.is_f64() => untyped(text, place),
            _ => {
                self.0.push((after(place), before));
                edit::string(text, after(place))
            }
        };
    }

    /// Fails where an object still has one. `annotations` are texts in the end, whatever they were.
    pub fn check(&self, object: &Node, annotations: bool) -> Result<(), Stop> {
        if self.is_empty() {
            return Ok(());
        }
        for entry in object.entries() {
            if entry.key == "metadata" && !annotations {
                let mut others = entry.value.entries().iter().filter(|inner| inner.key != "annotations");
                others.try_for_each(|inner| self.look(&inner.value))?;
            } else {
                self.look(&entry.value)?;
            }
        }
        Ok(())
    }

    fn look(&self, node: &Node) -> Result<(), Stop> {
        match &node.kind {
            Kind::Map(entries) => entries.iter().try_for_each(|entry| self.look(&entry.value)),
            Kind::List(items) => items.iter().try_for_each(|item| self.look(item)),
            Kind::String(text) if self.0.iter().any(|(place, _)| *place == node.place) => {
                Err(fails(format!("a replacement puts `{text}` where a value of another type is"), node.place))
            }
            _ => Ok(()),
        }
    }
}

/// The place of nothing before what is written here.
pub(super) fn before(place: Place) -> Place {
    let span = Span { end: place.span.start, ..place.span };
    Place { span, ..place }
}

/// A place that is not empty, and has no mark of a block before it.
fn behind(place: Place) -> Place {
    let span = Span { start: place.span.start + 1, end: place.span.start + 2 };
    Place { span, ..place }
}

/// The place of nothing behind what is written here.
fn after(place: Place) -> Place {
    let span = Span { start: place.span.end, ..place.span };
    Place { span, ..place }
}
