//! Values that kustomize sets without a look at their type: some have none yet, others have one that does not fit.
//!
//! A replacement writes the text of a value and leaves its type alone. Whether they fit shows when the object is read again, and until
//! then a patch may still take the value away.

use super::{Resource, Stop, edit, fails};
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

/// A text as it is read where it stands without quotes; nothing there is null. It is of that type only until another is put there.
pub(super) fn untyped(text: &str, place: Place) -> Node {
    if text.is_empty() {
        return null(place);
    }
    let node = read(text, place);
    if edit::is_null(&node) { node } else { Node { place: before(place), ..node } }
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

/// A text where a value of another type is.
pub(super) fn mistyped(text: &str, place: Place) -> Node {
    edit::string(text, after(place))
}

/// Notes on an object that it may have what [`mistyped`] made of a text that is written at this place.
pub(super) fn note(resource: &mut Resource, place: Place) {
    resource.marks.mistyped.push(after(place));
}

/// Fails where an object still has a value that does not fit its type. `annotations` are texts in the end, whatever they were.
pub(super) fn check(resource: &Resource, annotations: bool) -> Result<(), Stop> {
    let mistyped = &resource.marks.mistyped;
    if mistyped.is_empty() {
        return Ok(());
    }
    for entry in resource.object.entries() {
        if entry.key == "metadata" && !annotations {
            let others = entry.value.entries().iter().filter(|inner| inner.key != "annotations");
            others.into_iter().try_for_each(|inner| look(&inner.value, mistyped))?;
        } else {
            look(&entry.value, mistyped)?;
        }
    }
    Ok(())
}

fn look(node: &Node, mistyped: &[Place]) -> Result<(), Stop> {
    match &node.kind {
        Kind::Map(entries) => entries.iter().try_for_each(|entry| look(&entry.value, mistyped)),
        Kind::List(items) => items.iter().try_for_each(|item| look(item, mistyped)),
        Kind::String(text) if mistyped.contains(&node.place) => {
            Err(fails(format!("a replacement puts `{text}` where a value of another type is"), node.place))
        }
        _ => Ok(()),
    }
}

/// The place of nothing before what is written here.
fn before(place: Place) -> Place {
    let span = Span { end: place.span.start, ..place.span };
    Place { span, ..place }
}

/// The place of nothing behind what is written here.
fn after(place: Place) -> Place {
    let span = Span { start: place.span.end, ..place.span };
    Place { span, ..place }
}
