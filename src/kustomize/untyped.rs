//! Texts that stand where kustomize has set them without a look at types: for some no type is known yet, for others one that may not fit.
//!
//! A replacement writes the text of a value and leaves its type alone. Whether they fit shows when the object is read again. Until then
//! such a value is a text, and a patch may take it away.

use super::{Stop, edit, fails, quotes::Quotes};
use crate::{
    node::{Kind, Node},
    source::{Place, Sources, Span},
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

/// Null that is written nowhere, near this place.
pub(super) fn null(place: Place) -> Node {
    let span = Span { end: place.span.start, ..place.span };
    Node { place: Place { span, ..place }, kind: Kind::Null }
}

/// Those of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Untyped {
    texts: Vec<Text>,
    /// Those without a type whose quotes are not noted yet.
    fresh: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Text {
    /// The place that it counts as written at, where nothing is: behind what it was copied from.
    place: Place,
    /// A value of the type that it should have; none where it may have any.
    like: Option<Kind>,
}

impl Untyped {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    fn find(&self, node: &Node) -> Option<&Text> {
        self.texts.iter().find(|text| text.place == node.place)
    }

    /// Puts a text that is written at this place into a scalar, which stays of its type.
    pub fn put(&mut self, node: &mut Node, text: &str, place: Place) {
        let like = match self.find(node).map(|text| text.like.clone()) {
            Some(None) => return self.put_untyped(node, text, place),
            Some(Some(like)) => like,
            None => std::mem::replace(&mut node.kind, Kind::Null),
        };
        *node = match typed(&like, text, place) {
            Some(typed) => typed,
            None => self.add(text, place, Some(like)),
        };
    }

    /// Makes a scalar a text without a type; nothing is null.
    pub fn put_untyped(&mut self, node: &mut Node, text: &str, place: Place) {
        if text.is_empty() {
            *node = null(place);
        } else {
            *node = self.add(text, place, None);
            self.fresh.push(node.clone());
        }
    }

    /// Notes that those which were put last have no quotes.
    pub fn note(&mut self, quotes: &mut Quotes, sources: &Sources) {
        self.fresh.drain(..).for_each(|node| quotes.set(&node, false, sources));
    }

    fn add(&mut self, text: &str, place: Place, like: Option<Kind>) -> Node {
        let span = Span { start: place.span.end, ..place.span };
        let place = Place { span, ..place };
        self.texts.push(Text { place, like });
        edit::string(text, place)
    }

    /// Gives each in an object the type that it should have, as reading it does, or fails where it cannot. Quotes make texts of those
    /// that have no type. Annotations are left alone: kustomize makes texts of them all.
    pub fn settle(&self, object: &mut Node, quotes: &Quotes, sources: &Sources) -> Result<(), Stop> {
        if self.is_empty() {
            return Ok(());
        }
        let Some(entries) = object.entries_mut() else { return Ok(()) };
        entries.values_mut().try_for_each(|(key, value)| match value.entries_mut() {
            Some(entries) if key == "metadata" => {
                let mut others = entries.values_mut().filter(|(key, _)| *key != "annotations");
                others.try_for_each(|(_, value)| self.settle_all(value, Some(quotes), sources))
            }
            _ => self.settle_all(value, Some(quotes), sources),
        })
    }

    /// The same for a value and all in it, annotations or not; nothing has quotes where none are given.
    pub fn settle_all(&self, node: &mut Node, quotes: Option<&Quotes>, sources: &Sources) -> Result<(), Stop> {
        match &mut node.kind {
            _ if self.is_empty() => Ok(()),
            Kind::Map(entries) => {
                entries.values_mut().try_for_each(|(_, value)| self.settle_all(value, quotes, sources))
            }
            Kind::List(items) => items.iter_mut().try_for_each(|item| self.settle_all(item, quotes, sources)),
            Kind::String(_) => self.settle_text(node, quotes, sources),
            _ => Ok(()),
        }
    }

    fn settle_text(&self, node: &mut Node, quotes: Option<&Quotes>, sources: &Sources) -> Result<(), Stop> {
        let Some(Text { like, .. }) = self.find(node) else { return Ok(()) };
        let text = node.as_str().expect("the caller has a text");
        let typed = match like {
            Some(like) => typed(like, text, node.place),
            None if quotes.is_some_and(|quotes| quotes.has(node, sources)) => return Ok(()),
            None => Some(read(text, node.place)),
        };
        let message = || format!("a replacement puts `{text}` where a value of another type is");
        *node = typed.ok_or_else(|| fails(message(), node.place))?;
        Ok(())
    }
}

/// A text as a value of the type that another value has; none where it does not fit.
fn typed(like: &Kind, text: &str, place: Place) -> Option<Node> {
    // A value that was copied from one without a type must not have its place.
    let start = if place.span.start == place.span.end { place.span.start.saturating_sub(1) } else { place.span.start };
    let place = Place { span: Span { start, ..place.span }, ..place };
    if let Kind::String(_) = like {
        return Some(edit::string(text, place));
    }
    let read = if text.is_empty() { null(place) } else { read(text, place) };
    let fits = match (like, &read.kind) {
        (Kind::Null, Kind::Null) | (Kind::Bool(_), Kind::Bool(_)) => true,
        (Kind::Number(like), Kind::Number(number)) => like.is_f64() || !number.is_f64(),
        _ => false,
    };
    fits.then_some(read)
}
