//! YAML written inside a scalar of another file: its values keep the places they have in that file.

use crate::{
    kustomize::{fold, kubectl},
    node::{Kind, Node},
    source::{Place, Sources, Span},
    yaml::{self, Reading},
};

/// A text of YAML inside a scalar.
pub(super) struct Inline {
    /// Its documents as kustomize reads objects.
    pub reading: Reading,
    /// The first of them as kubectl reads it.
    pub first_for_kubectl: Option<Node>,
}

/// Reads the text of a scalar; `text` is what of it counts, without the white space around it.
pub(super) fn read(sources: &Sources, scalar: &Node, text: &str) -> Inline {
    let mut reading = yaml::read(scalar.place.source, text);
    // Before the places move: values of a text that is not written as it is get one and the same place.
    let mut first_for_kubectl = kubectl::first(&reading);
    let whole = scalar.as_str().unwrap_or_default();
    let skipped = whole.find(text).unwrap_or_default();
    let lines = Lines::of(sources, scalar.place, whole);
    let moved = |place: Place| Place { source: place.source, span: lines.place(place.span, skipped) };
    if let Some(root) = &mut first_for_kubectl {
        move_node(root, &moved);
    }
    for document in &mut reading.documents {
        move_node(&mut document.root, &moved);
        for ambiguous in &mut document.ambiguous {
            ambiguous.place = moved(ambiguous.place);
        }
    }
    for diagnostic in &mut reading.diagnostics {
        for label in &mut diagnostic.labels {
            label.place = moved(label.place);
        }
        diagnostic.edit = None;
    }
    Inline { reading, first_for_kubectl }
}

fn move_node(node: &mut Node, moved: &dyn Fn(Place) -> Place) {
    node.place = moved(node.place);
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| move_node(item, moved)),
        Kind::Map(entries) => {
            let all = std::mem::take(entries);
            *entries = all
                .into_iter()
                .map(|mut entry| {
                    entry.key_place = moved(entry.key_place);
                    move_node(&mut entry.value, moved);
                    entry
                })
                .collect();
        }
        _ => {}
    }
}

/// Where the lines of a scalar's text stand in the file.
struct Lines {
    scalar: Span,
    /// Where a line begins: in the text, and in the file. Empty where the text is not written as it is.
    starts: Vec<(usize, usize)>,
}

impl Lines {
    fn of(sources: &Sources, place: Place, text: &str) -> Lines {
        let written = sources.text(place);
        let starts = match fold::header(place, sources) {
            Some(('|', _)) => Lines::block(sources, place, text),
            _ => aligned(written, text).map(|starts| {
                starts.into_iter().map(|(offset, at)| (offset, place.span.start as usize + at)).collect()
            }),
        };
        Lines { scalar: place.span, starts: starts.unwrap_or_default() }
    }

    /// The lines of a block scalar, whose place begins with its first line or the indentation before it; None where one is not as the
    /// text has it.
    fn block(sources: &Sources, place: Place, text: &str) -> Option<Vec<(usize, usize)>> {
        let (_, header) = fold::header(place, sources)?;
        let file = &*sources.get(place.source).text;
        let mut at = header as usize + file.get(header as usize..)?.find('\n')? + 1;
        let first = text.lines().position(|line| !line.is_empty())?;
        let mut indent = None;
        let mut starts = Vec::new();
        let mut offset = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let rest = file.get(at..)?;
            let raw = rest.split_inclusive('\n').next().unwrap_or_default();
            let bare = line.trim_end_matches(['\n', '\r']);
            if number == first {
                indent = Some(raw.find(bare)?);
            }
            let skip = indent.unwrap_or_default().min(raw.trim_end_matches(['\n', '\r']).len());
            // The last line may have lost white space at its end.
            if !bare.starts_with(raw.get(skip..)?.trim_end()) {
                return None;
            }
            starts.push((offset, at + skip));
            offset += line.len();
            at += raw.len();
        }
        Some(starts)
    }

    /// A span of the text, as one of the file. What is written nowhere stays empty.
    fn place(&self, span: Span, skipped: usize) -> Span {
        if self.starts.is_empty() {
            let empty = span.start == span.end;
            return if empty { Span { start: self.scalar.start, end: self.scalar.start } } else { self.scalar };
        }
        let moved = |offset: usize| {
            let line = self.starts.partition_point(|(text, _)| *text <= offset).saturating_sub(1);
            let (text, file) = self.starts[line];
            (file + offset - text).min(self.scalar.end as usize)
        };
        let range = span.range();
        let start = moved(range.start + skipped);
        // An end counts as on the line of what it ends.
        let end = if range.is_empty() { start } else { moved(range.end - 1 + skipped) + 1 };
        Span::new(start, end.max(start))
    }
}

/// Where the parts of a text stand in what is written for it, in quotes or folded: white space may be written as any other, and letters
/// by their escapes. None where something else differs.
fn aligned(written: &str, text: &str) -> Option<Vec<(usize, usize)>> {
    let quote = written.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut at = quote.map_or(0, char::len_utf8);
    for (offset, letter) in text.char_indices().filter(|(_, letter)| !is_space(*letter)) {
        at += space(&written[at..], quote);
        let (before, length) = escaped(&written[at..], quote, letter)?;
        if starts.last().is_none_or(|(text, file)| file + offset - text != at + before) {
            starts.push((offset, at + before));
        }
        at += before + length;
    }
    Some(starts)
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
}

/// How much white space a text begins with, escapes of it included.
fn space(written: &str, quote: Option<char>) -> usize {
    let mut rest = written;
    loop {
        let bare = rest.trim_start_matches(is_space);
        let escape = bare.strip_prefix('\\').filter(|_| quote == Some('"'));
        match escape.and_then(|rest| rest.strip_prefix(['n', 't', 'r', ' ', '\t', '\n', '\r'])) {
            Some(more) => rest = more,
            None => return written.len() - bare.len(),
        }
    }
}

/// How a letter is written: the length of what comes before it there, and of the rest.
fn escaped(written: &str, quote: Option<char>, letter: char) -> Option<(usize, usize)> {
    let escape = quote.map(|quote| if quote == '"' { '\\' } else { quote });
    let Some(rest) = escape.and_then(|escape| written.strip_prefix(escape)) else {
        return written.starts_with(letter).then(|| (0, letter.len_utf8()));
    };
    match rest.chars().next()? {
        'x' => Some((0, 4)),
        'u' => Some((0, 6)),
        'U' => Some((0, 10)),
        same if same == letter => Some((1, same.len_utf8())),
        other => Some((0, 1 + other.len_utf8())),
    }
    .filter(|(before, length)| written.is_char_boundary(before + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_place_in_the_file() {
        for text in [
            "patches:\n  - patch: |-\n      kind: A\n\n      spec:\n        name: wanted\n",
            "patches:\n  - patch: |\n\n      # why\n      spec: {name: wanted}\n    target: {}\n",
            "patches:\n  - patch: 'spec: {name: wanted}'\n",
            "patches:\n  - patch: 'a: ''b''\n\n      spec: {name: wanted}\n\n      '\n",
            "patches:\n  - patch: >-\n      spec: {name: wanted,\n      b: c}\n",
            r##"{"patches": [{"patch": "# \u00e9\na: \"b\"\nspec:\n  name: wanted\n"}]}"##,
            "patches: [{patch: \"a: \\\"b\\\"\\nspec:\\n\\\n  \\  name:\n  wanted\\n\"}]\n",
        ] {
            let mut sources = Sources::default();
            let source = sources.add("kustomization.yaml", text);
            let root = yaml::read(source, text).documents.remove(0).root;
            let scalar = root.pointer("/patches/0/patch").unwrap();
            let inline = read(&sources, scalar, scalar.as_str().unwrap().trim());
            let name = inline.reading.documents[0].root.pointer("/spec/name").unwrap();
            assert_eq!(sources.text(name.place), "wanted", "{text}");
        }
    }

    #[test]
    fn what_is_no_letter_for_letter_copy_is_not_found() {
        assert_eq!(aligned("\"one two\"", "one\ntwo"), Some(vec![(0, 1)]));
        assert_eq!(aligned("\"one\"", "two"), None);
        assert_eq!(aligned("\"one\\", "one two"), None);
        assert_eq!(aligned("'it''s'", "it's"), Some(vec![(0, 1), (2, 4)]));
    }
}
