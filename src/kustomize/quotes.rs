//! Which texts of an object stand in quotes or in blocks. kustomize keeps the quotes of a value that something changes, so that
//! whatever takes its place is a text: `"8080"` stays one when a patch says `9090`.

use std::collections::BTreeMap;

use super::{fold, patch::is_date};
use crate::{
    node::{Kind, Node},
    source::{Place, Sources},
    yaml,
};

/// The texts whose quotes are not those they were written with, by their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotes {
    other: BTreeMap<Place, Other>,
    /// Whether texts that could be something else have got quotes, as they do from every patch.
    settled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    Quoted,
    Plain,
    /// It has none, but the next patch of the object that leaves it alone gives it some.
    PlainAsYet,
}

impl Quotes {
    /// Whether a value has quotes.
    pub(super) fn has(&self, node: &Node, sources: &Sources) -> bool {
        let Kind::String(text) = &node.kind else { return false };
        match self.other.get(&node.place) {
            Some(other) => *other == Other::Quoted,
            None => self.settled && gets_quotes(text) || are_written(node, text, sources),
        }
    }

    /// Notes that a value has the quotes of another one, whose place it took.
    pub(super) fn set(&mut self, node: &Node, quoted: bool, sources: &Sources) {
        let Kind::String(text) = &node.kind else { return };
        let other = match (quoted, are_written(node, text, sources)) {
            (true, false) => Other::Quoted,
            (false, _) if gets_quotes(text) => Other::PlainAsYet,
            (false, true) => Other::Plain,
            _ => return,
        };
        self.other.insert(node.place, other);
    }

    /// The texts that get quotes from the next patch, unless it changes them.
    pub(super) fn to_come(&self) -> Vec<Place> {
        let waits = |entry: &(&Place, &Other)| *entry.1 == Other::PlainAsYet;
        self.other.iter().filter(waits).map(|(place, _)| *place).collect()
    }

    /// Notes that a patch was merged, and these have got theirs.
    pub(super) fn come(&mut self, places: Vec<Place>) {
        self.settled = true;
        self.other.extend(places.into_iter().map(|place| (place, Other::Quoted)));
    }

    /// Notes that an object was written anew, so that only those texts have quotes that need them.
    pub(super) fn write_anew(&mut self, object: &Node, sources: &Sources) {
        self.other.clear();
        self.settled = true;
        self.note(object, needs_quotes, sources);
    }

    /// Notes that every text of a map was set anew.
    pub(super) fn set_anew(&mut self, map: &Node, sources: &Sources) {
        self.note(map, |text| text.contains('\n') || gets_quotes(text), sources);
    }

    fn note(&mut self, node: &Node, quoted: fn(&str) -> bool, sources: &Sources) {
        match &node.kind {
            Kind::Map(entries) => entries.iter().for_each(|entry| self.note(&entry.value, quoted, sources)),
            Kind::List(items) => items.iter().for_each(|item| self.note(item, quoted, sources)),
            Kind::String(text) => self.set(node, quoted(text), sources),
            _ => {}
        }
    }
}

/// Whether a text is written in quotes or as a block, or gets quotes because nobody wrote it as it is.
fn are_written(node: &Node, text: &str, sources: &Sources) -> bool {
    let written = sources.text(node.place);
    written.starts_with(['"', '\'', '|', '>'])
        || fold::header(node.place, sources).is_some()
        || text != written
            && !is_date(node, sources)
            && !written.contains('\n')
            && (text.contains('\n') || gets_quotes(text))
}

/// Whether kustomize puts a text in quotes where it sets it.
pub(super) fn gets_quotes(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n') && !yaml::is_text_or_date_for_kubectl(text)
}

/// Whether a text is written in quotes or as a block by who writes a whole object.
fn needs_quotes(text: &str) -> bool {
    let is_blank = |letter: char| matches!(letter, ' ' | '\t');
    let opens = |letter: char| "#,[]{}&*!|>'\"%@`".contains(letter);
    let is_mark = ["-", "?", ":"]
        .into_iter()
        .any(|mark| text.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t'])));
    !yaml::is_text(text)
        || gets_quotes(text)
        || yaml::is_number_in_base_60(text)
        || text.starts_with(opens)
        || text.starts_with(is_blank)
        || text.ends_with(is_blank)
        || text.starts_with("---")
        || text.starts_with("...")
        || is_mark
        || text.ends_with(':')
        || text.contains(": ")
        || text.contains(":\t")
        || text.contains(" #")
        || text.contains("\t#")
        || text.contains(|letter: char| letter.is_control() || letter == '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_could_be_something_else_need_quotes() {
        for text in [
            "",
            "8080",
            "yes",
            "12:30",
            "a: b",
            "#no",
            " pad ",
            "-",
            "- a",
            "a:",
            "two\nlines",
            "@at",
            "~",
            "2001-01-01",
        ] {
            assert!(needs_quotes(text), "{text}");
        }
        for text in ["red", "a,b", "-a", ":a", "?a", "a#b", "é", "$(NAME)", "1.2.3"] {
            assert!(!needs_quotes(text), "{text}");
        }
    }
}
