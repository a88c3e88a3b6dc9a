//! What a Terraform expression comes to, as far as the repository alone tells.

use serde_json::Number;

use crate::{
    node::{Entry, Kind as NodeKind, Node},
    source::{Place, Sources, Span},
    yaml,
};

/// How a text that cannot be known shows in a document, as everywhere in the survey.
const PLACEHOLDER: &str = "..PLACEHOLDER_";

/// A value, and where the text stands that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Kind {
    /// It depends on what only Terraform learns.
    Unknown,
    /// A key or index that is not there: what `try` passes over.
    Missing,
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// A text with placeholders for the parts that are unknown.
    Partial(String),
    /// The YAML or JSON text of a value.
    Encoded(Box<Value>),
    List(Vec<Value>),
    Map(Vec<Pair>),
}

/// A key of a map with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The key as written.
    pub key_place: Place,
    /// Its value.
    pub value: Value,
}

impl Value {
    /// A value.
    pub fn new(place: Place, kind: Kind) -> Self {
        Value { place, kind }
    }

    /// One that cannot be known.
    pub fn unknown(place: Place) -> Self {
        Value { place, kind: Kind::Unknown }
    }

    /// A text.
    pub fn text(place: Place, text: impl Into<String>) -> Self {
        Value { place, kind: Kind::Text(text.into()) }
    }

    /// The text of a string that is wholly known.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As Terraform turns scalars into text.
    pub fn to_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(number) => Some(number.to_string()),
            Kind::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// A truth value, also written as a string.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(flag) => Some(*flag),
            Kind::Text(text) if text == "true" => Some(true),
            Kind::Text(text) if text == "false" => Some(false),
            _ => None,
        }
    }

    /// A number, also written as a string.
    pub fn as_f64(&self) -> Option<f64> {
        match &self.kind {
            Kind::Number(number) => number.as_f64(),
            Kind::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub fn as_index(&self) -> Option<usize> {
        match &self.kind {
            Kind::Number(number) => usize::try_from(number.as_u64()?).ok(),
            Kind::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> &[Value] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The pairs of a map.
    pub fn pairs(&self) -> &[Pair] {
        match &self.kind {
            Kind::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.pairs().iter().find(|pair| pair.key == key).map(|pair| &pair.value)
    }

    /// Whether nothing at all is known of it.
    pub fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown | Kind::Missing)
    }

    /// Whether all of it is known.
    pub fn is_whole(&self) -> bool {
        match &self.kind {
            Kind::Unknown | Kind::Missing | Kind::Partial(_) => false,
            Kind::Encoded(inner) => inner.is_whole(),
            Kind::List(items) => items.iter().all(Value::is_whole),
            Kind::Map(pairs) => pairs.iter().all(|pair| pair.value.is_whole()),
            _ => true,
        }
    }

    /// How many parts it has: what a copy costs.
    pub fn size(&self) -> usize {
        match &self.kind {
            Kind::Text(text) | Kind::Partial(text) => 1 + text.len() / 64,
            Kind::Encoded(inner) => 1 + inner.size(),
            Kind::List(items) => 1 + items.iter().map(Value::size).sum::<usize>(),
            Kind::Map(pairs) => 1 + pairs.iter().map(|pair| 1 + pair.value.size()).sum::<usize>(),
            _ => 1,
        }
    }

    /// A value of YAML or JSON.
    pub fn from_node(node: &Node) -> Value {
        let kind = match &node.kind {
            NodeKind::Null => Kind::Null,
            NodeKind::Bool(flag) => Kind::Bool(*flag),
            NodeKind::Number(number) => Kind::Number(number.clone()),
            NodeKind::String(text) if text.contains(PLACEHOLDER) => Kind::Partial(text.clone()),
            NodeKind::String(text) => Kind::Text(text.clone()),
            NodeKind::List(items) => Kind::List(items.iter().map(Value::from_node).collect()),
            NodeKind::Map(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|entry| Pair {
                        key: entry.key.clone(),
                        key_place: entry.key_place,
                        value: Value::from_node(&entry.value),
                    })
                    .collect(),
            ),
        };
        Value { place: node.place, kind }
    }

    /// The same as a document, with placeholders for what is unknown.
    pub fn to_node(&self) -> Node {
        let kind = match &self.kind {
            Kind::Unknown | Kind::Missing => NodeKind::String(placeholder("unknown")),
            Kind::Null => NodeKind::Null,
            Kind::Bool(flag) => NodeKind::Bool(*flag),
            Kind::Number(number) => NodeKind::Number(number.clone()),
            Kind::Text(text) | Kind::Partial(text) => NodeKind::String(text.clone()),
            Kind::Encoded(inner) => NodeKind::String(yaml::write(&inner.to_node().to_json())),
            Kind::List(items) => NodeKind::List(items.iter().map(Value::to_node).collect()),
            Kind::Map(pairs) => NodeKind::Map(
                pairs
                    .iter()
                    .map(|pair| Entry { key: pair.key.clone(), key_place: pair.key_place, value: pair.value.to_node() })
                    .collect(),
            ),
        };
        Node { place: self.place, kind }
    }

    /// The documents of a YAML text, each with places in the file where its lines are written; None for what is no such text.
    pub fn documents(&self, sources: &Sources) -> Option<Vec<Node>> {
        let text = match &self.kind {
            Kind::Encoded(inner) => return Some(vec![inner.to_node()]),
            Kind::Text(text) | Kind::Partial(text) => text,
            _ => return None,
        };
        let reading = yaml::read(self.place.source, text);
        if reading.documents.is_empty() && !reading.diagnostics.is_empty() {
            return None;
        }
        let lines = Lines::of(text, sources, self.place);
        let mut documents: Vec<Node> = reading.documents.into_iter().map(|document| document.root).collect();
        for document in &mut documents {
            lines.relocate(document);
        }
        Some(documents)
    }
}

/// What stands for a text that cannot be known.
pub fn placeholder(name: &str) -> String {
    format!("{PLACEHOLDER}{name}..")
}

/// Where the lines of a text stand that an expression holds: the text may have lost its indentation, or have values filled in.
struct Lines {
    whole: Place,
    /// Start of each line of the text, and the bytes of the source it stands at; empty where they do not correspond.
    starts: Vec<(usize, Span, bool)>,
}

impl Lines {
    fn of(text: &str, sources: &Sources, whole: Place) -> Lines {
        let written = sources.text(whole);
        let mut starts = Vec::new();
        let mut raw = Vec::new();
        let mut offset = whole.span.start as usize;
        for line in written.split_inclusive('\n') {
            raw.push((offset, line.trim_end_matches(['\n', '\r'])));
            offset += line.len();
        }
        if written.starts_with("<<") {
            raw.remove(0);
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        if lines.len() <= raw.len() && raw.len() <= lines.len() + 1 {
            let mut at = 0;
            for (line, (offset, written)) in lines.iter().zip(raw) {
                let bare = line.trim_end_matches(['\n', '\r']);
                let same = written.ends_with(bare);
                let from = if same { written.len() - bare.len() } else { written.len() - written.trim_start().len() };
                starts.push((at, Span::new(offset + from, offset + written.len()), same));
                at += line.len();
            }
        }
        Lines { whole, starts }
    }

    fn place(&self, place: Place) -> Place {
        let find = |offset: u32| {
            let offset = offset as usize;
            let line = self.starts.partition_point(|(start, ..)| *start <= offset).checked_sub(1)?;
            let (start, span, same) = self.starts[line];
            Some((span, same.then(|| (span.start as usize + offset - start).min(span.end as usize))))
        };
        let (Some((first, start)), Some((last, end))) = (find(place.span.start), find(place.span.end)) else {
            return self.whole;
        };
        let start = start.unwrap_or(first.start as usize);
        let end = end.unwrap_or(last.end as usize).max(start);
        Place { source: self.whole.source, span: Span::new(start, end) }
    }

    fn relocate(&self, node: &mut Node) {
        node.place = self.place(node.place);
        match &mut node.kind {
            NodeKind::List(items) => items.iter_mut().for_each(|item| self.relocate(item)),
            NodeKind::Map(entries) => {
                let moved = std::mem::take(entries).into_iter().map(|mut entry| {
                    entry.key_place = self.place(entry.key_place);
                    self.relocate(&mut entry.value);
                    entry
                });
                *entries = moved.collect();
            }
            _ => {}
        }
    }
}
