//! Values that remember where they were written: what TOML and YAML are read into.

use std::{collections::HashMap, fmt, ops::Deref};

use serde_json::{Map, Number, Value};

use crate::source::{Place, SourceId, Span};

/// A value and the text it was written as.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value's text, without its key.
    pub place: Place,
    /// What it holds.
    pub kind: Kind,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Node>),
    /// In the order written; keys are unique.
    Map(Entries),
}

/// One key of a map with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, unquoted.
    pub key: String,
    /// The key as written.
    pub key_place: Place,
    /// Its value.
    pub value: Node,
}

/// The entries of a map. A large one knows where each key is; looking along a small one is faster.
#[derive(Clone, Default)]
pub struct Entries {
    list: Box<[Entry]>,
    #[expect(clippy::box_collection, reason = "one word in every small map instead of six")]
    index: Option<Box<HashMap<String, usize>>>,
}

impl Entries {
    /// Up to here a map has no index.
    const SMALL: usize = 32;

    fn find(&self, key: &str) -> Option<&Entry> {
        match &self.index {
            Some(index) => index.get(key).map(|at| &self.list[*at]),
            None => self.list.iter().find(|entry| entry.key == key),
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.list.iter().position(|entry| entry.key == key),
        }
    }

    /// The values, to be changed; the keys stay.
    pub fn values_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.list.iter_mut().map(|entry| (entry.key.as_str(), &mut entry.value))
    }

    /// Sets a key: where there is one of this name its value is replaced, otherwise the entry comes last.
    pub fn set(&mut self, entry: Entry) -> &mut Node {
        if let Some(at) = self.position(&entry.key) {
            self.list[at].value = entry.value;
            return &mut self.list[at].value;
        }
        let at = self.list.len();
        if let Some(index) = &mut self.index {
            index.insert(entry.key.clone(), at);
        }
        let mut list = std::mem::take(&mut self.list).into_vec();
        list.push(entry);
        if self.index.is_none() && list.len() > Self::SMALL {
            *self = list.into();
        } else {
            self.list = list.into();
        }
        &mut self.list[at].value
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.position(key)?;
        let mut list = std::mem::take(&mut self.list).into_vec();
        let gone = list.remove(at);
        *self = list.into();
        Some(gone)
    }

    /// Keeps only the entries that `keep` wants.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        let mut list = std::mem::take(&mut self.list).into_vec();
        list.retain(keep);
        *self = list.into();
    }
}

impl Entries {
    /// The places of the keys with the values, to be moved together.
    pub fn places_mut(&mut self) -> impl Iterator<Item = (&mut Place, &mut Node)> {
        self.list.iter_mut().map(|entry| (&mut entry.key_place, &mut entry.value))
    }
}

impl From<Vec<Entry>> for Entries {
    fn from(list: Vec<Entry>) -> Self {
        let index = (list.len() > Self::SMALL)
            .then(|| Box::new(list.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect()));
        Entries { list: list.into(), index }
    }
}

impl FromIterator<Entry> for Entries {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Vec::from_iter(entries).into()
    }
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.list
    }
}

impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_vec().into_iter()
    }
}

impl<'e> IntoIterator for &'e Entries {
    type Item = &'e Entry;
    type IntoIter = std::slice::Iter<'e, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(out)
    }
}

/// Which part of an entry to point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key's text.
    Key,
    /// The value's text.
    Value,
}

impl Node {
    /// A node of this source.
    pub fn new(source: SourceId, span: Span, kind: Kind) -> Self {
        Node { place: Place { source, span }, kind }
    }

    /// The value of a key of this map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key of this map.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.find(key),
            _ => None,
        }
    }

    /// The entries of this map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of this list; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The value of a key of this map, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.kind {
            Kind::Map(entries) => {
                let at = entries.position(key)?;
                Some(&mut entries.list[at].value)
            }
            _ => None,
        }
    }

    /// The entries of this map, to be changed; None for anything else.
    pub fn entries_mut(&mut self) -> Option<&mut Entries> {
        match &mut self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of this list, to be changed; None for anything else.
    pub fn items_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    /// Sets a key of this map; anything else becomes a map first.
    pub fn set(&mut self, key: &str, key_place: Place, value: Node) -> &mut Node {
        if !matches!(self.kind, Kind::Map(_)) {
            self.kind = Kind::Map(Entries::default());
        }
        let Kind::Map(entries) = &mut self.kind else { unreachable!("it was made a map") };
        entries.set(Entry { key: key.to_owned(), key_place, value })
    }

    /// Takes a key out of this map.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        self.entries_mut()?.remove(key)
    }

    /// The text of this string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The node behind a path of keys and indices.
    pub fn at<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<&Node> {
        path.into_iter().try_fold(self, |node, step| node.step(step).map(|(_, value)| value))
    }

    /// The node behind a JSON pointer (RFC 6901).
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |node, step| {
            let step = unescape(step);
            node.step(&step).map(|(_, value)| value)
        })
    }

    /// The place of what a JSON pointer names, or of the nearest thing above it that exists.
    pub fn place_of(&self, pointer: &str, part: Part) -> Place {
        let mut node = self;
        let mut place = self.place;
        for step in pointer.split('/').skip(1) {
            let Some((key, value)) = node.step(&unescape(step)) else { break };
            place = match (part, key) {
                (Part::Key, Some(key)) => key,
                _ => value.place,
            };
            node = value;
        }
        place
    }

    fn step(&self, step: &str) -> Option<(Option<Place>, &Node)> {
        match &self.kind {
            Kind::Map(_) => self.entry(step).map(|entry| (Some(entry.key_place), &entry.value)),
            Kind::List(items) => items.get(step.parse::<usize>().ok()?).map(|item| (None, item)),
            _ => None,
        }
    }

    /// The same value without places.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }
}

/// Escapes one step of a JSON pointer.
pub fn escape(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    #[test]
    fn a_key_is_found_in_maps_of_every_size() {
        let source = Sources::default().add("a.toml", "");
        for size in [0, 1, Entries::SMALL, Entries::SMALL + 1, 1000] {
            let entry = |number: usize| {
                let value = Node::new(source, Span::new(number, number + 1), Kind::Number(number.into()));
                Entry { key: format!("k{number}"), key_place: value.place, value }
            };
            let map = Node::new(source, Span::default(), Kind::Map((0..size).map(entry).collect()));
            for number in 0..size {
                assert_eq!(map.get(&format!("k{number}")).unwrap().place.span.start as usize, number);
            }
            assert_eq!(map.get(&format!("k{size}")), None);
            assert_eq!(map.entries().len(), size);
        }
    }

    #[test]
    fn keys_are_set_and_removed_in_maps_of_every_size() {
        let source = Sources::default().add("a.toml", "");
        let number = |number: usize| Node::new(source, Span::default(), Kind::Number(number.into()));
        let mut map = Node::new(source, Span::default(), Kind::Null);
        for size in 0..100 {
            map.set(&format!("k{size}"), map.place, number(0));
            map.set(&format!("k{size}"), map.place, number(size));
            assert_eq!(map.entries().len(), size + 1);
            assert_eq!(map.get(&format!("k{size}")), Some(&number(size)));
        }
        for gone in (0..100).step_by(2) {
            assert_eq!(map.remove(&format!("k{gone}")).unwrap().value, number(gone));
            assert_eq!(map.remove(&format!("k{gone}")), None);
            assert_eq!(map.get_mut("k99"), Some(&mut number(99)));
        }
        assert_eq!(map.entries().len(), 50);
    }
}
