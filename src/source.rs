//! The texts a run has read, and places in them.

use std::{fmt, sync::OnceLock};

/// A half-open range of bytes in one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of these byte offsets; texts are limited to 4 GiB by [`crate::world`].
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { start: narrow(start), end: narrow(end) }
    }

    /// The same span as `usize` offsets, for slicing.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Which text a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A span in one source: what a finding points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The text.
    pub source: SourceId,
    /// The part of it.
    pub span: Span,
}

/// Lines and columns of a place. Both count from 1, columns count Unicode scalars, the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Position {
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.line, self.column)
    }
}

/// One text: a file, or what a template rendered to.
#[derive(Debug)]
pub struct Source {
    /// Path below the repository's root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Set when the text was rendered: `path` is then the template's, and places are translated before they are shown.
    pub rendered: bool,
    /// Where each line starts; counted once, when a place is first asked for.
    lines: OnceLock<Vec<usize>>,
}

impl Source {
    /// Line and column of a byte offset, both from 1, columns in Unicode scalars.
    fn line_column(&self, offset: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect()
        });
        let line = lines.partition_point(|start| *start <= offset.min(self.text.len()));
        let start = lines[line - 1];
        let (_, column) = line_column(&self.text[start..], offset - start);
        (line, column)
    }
}

/// All texts of a run. A place is only meaningful together with the `Sources` that gave it.
#[derive(Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a file's text.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.push(Source { path: path.into(), text: text.into(), rendered: false, lines: OnceLock::new() })
    }

    /// Adds what the template at `path` rendered to.
    pub fn add_rendered(&mut self, path: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.push(Source { path: path.into(), text: text.into(), rendered: true, lines: OnceLock::new() })
    }

    fn push(&mut self, source: Source) -> SourceId {
        let id = SourceId(u32::try_from(self.list.len()).expect("fewer than 2^32 sources"));
        self.list.push(source);
        id
    }

    /// Takes over all texts of another run, and gives what finds places of that run among these.
    pub fn append(&mut self, other: Sources) -> impl Fn(Place) -> Place + use<> {
        let before = u32::try_from(self.list.len()).expect("fewer than 2^32 sources");
        self.list.extend(other.list);
        move |place| Place { source: SourceId(place.source.0 + before), span: place.span }
    }

    /// The text behind an id.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.list[id.0 as usize]
    }

    /// The source read from this path, if any was.
    pub fn find(&self, path: &str) -> Option<SourceId> {
        let index = self.list.iter().position(|source| !source.rendered && source.path == path)?;
        Some(SourceId(u32::try_from(index).expect("checked when it was added")))
    }

    /// The text of a place.
    pub fn text(&self, place: Place) -> &str {
        self.get(place.source).text.get(place.span.range()).unwrap_or("")
    }

    /// Lines and columns of a place.
    pub fn position(&self, place: Place) -> Position {
        let source = self.get(place.source);
        let (line, column) = source.line_column(place.span.start as usize);
        let (end_line, end_column) = source.line_column(place.span.end as usize);
        Position { line, column, end_line, end_column }
    }
}

/// Line and column of a byte offset, both from 1, columns in Unicode scalars.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_has_the_same_place_with_and_without_the_table_of_lines() {
        for text in ["", "\n", "a", "ä\n\nö\r\nx", "x\n"] {
            let mut sources = Sources::default();
            let source = sources.add("a", text);
            for offset in 0..text.len() + 3 {
                let position = sources.position(Place { source, span: Span::new(offset, offset) });
                assert_eq!((position.line, position.column), line_column(text, offset), "{text:?} at {offset}");
            }
        }
    }

    #[test]
    fn places_move_with_their_texts() {
        let mut all = Sources::default();
        all.add("a", "one");
        let mut others = Sources::default();
        let source = others.add("b", "two");
        let moved = all.append(others);
        assert_eq!(all.text(moved(Place { source, span: Span::new(0, 2) })), "tw");
    }

    #[test]
    fn columns_count_unicode_scalars() {
        let mut sources = Sources::default();
        let source = sources.add("a.toml", "x\nä = ö\n");
        let place = Place { source, span: Span::new(7, 9) };
        assert_eq!(sources.text(place), "ö");
        assert_eq!(sources.position(place), Position { line: 2, column: 5, end_line: 2, end_column: 6 });
    }
}
