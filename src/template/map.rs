//! Finds the template's characters behind a rendered text, so that a fault in the YAML is shown where it can be mended.
//!
//! A second rendering carries marks: where plain text begins, where an expression begins and ends, which line break is which.
//! With the marks taken out it must equal the first, byte by byte; a template that measures or compares its own output may
//! break that, and then the finding names the template and what was rendered.

use std::{collections::BTreeMap, fmt::Write as _, ops::Range, sync::Arc};

use super::{
    Context, OUTPUT_BYTES, Templates, Text, environment, fault, render,
    rewrite::{self, MARK, Mark},
};
use crate::{
    diagnostic::{Diagnostic, Label},
    source::{Place, SourceId, Sources, Span},
};

/// Text of a template that is quoted in a label is cut after this many characters.
const QUOTED: usize = 60;

/// Where each part of a rendered text comes from.
#[derive(Debug)]
pub struct LineMap {
    /// In the order of the rendered text, from its first byte to its last; empty if the text could not be mapped.
    pieces: Vec<Piece>,
    /// The template that was rendered.
    template: Option<(SourceId, Range<usize>)>,
}

/// A part of the rendered text with one origin.
#[derive(Clone, Debug)]
struct Piece {
    rendered: Range<usize>,
    source: SourceId,
    origin: Range<usize>,
    /// Whether the bytes are the template's own, one by one.
    exact: bool,
}

impl Piece {
    fn is_unknown(&self) -> bool {
        !self.exact && self.origin.is_empty()
    }
}

impl LineMap {
    pub(super) fn new(templates: &Templates, path: &str, context: &Context, rendered: &str) -> Self {
        let template = templates.texts.get(path).map(|text| (text.source, fault::line(&text.content, 0)));
        let pieces = pieces(templates, path, context, rendered).unwrap_or_default();
        LineMap { pieces, template }
    }

    /// The template's characters behind a part of the rendered text, and whether they are the same characters.
    pub fn place(&self, span: Span) -> Option<(Place, bool)> {
        if self.pieces.is_empty() {
            let (source, line) = self.template.clone()?;
            return Some((Place { source, span: Span::new(line.start, line.end) }, false));
        }
        let (start, end) = (span.start as usize, span.end as usize);
        let index = self.pieces.partition_point(|piece| piece.rendered.end <= start).min(self.pieces.len() - 1);
        // The end of a text belongs to what is before it.
        let index =
            if start == end && index > 0 && self.pieces[index].rendered.start == start { index - 1 } else { index };
        let first = &self.pieces[index];
        if !first.exact {
            return Some((place(first.source, first.origin.clone()), false));
        }
        let from = first.origin.start + start.saturating_sub(first.rendered.start);
        let from = from.min(first.origin.end);
        if end <= first.rendered.end {
            let to = (from + (end - start)).min(first.origin.end);
            return Some((place(first.source, from..to), true));
        }
        let mut exact = true;
        let mut to = first.origin.end;
        for piece in &self.pieces[index + 1..] {
            if piece.rendered.start >= end {
                break;
            }
            // A loop or a macro goes back in the text, an include leaves it: the part before that is named.
            if piece.source != first.source || piece.origin.start < to {
                exact = false;
                break;
            }
            exact &= piece.exact && piece.origin.start == to;
            let part = if piece.exact { end - piece.rendered.start } else { piece.origin.len() };
            to = piece.origin.start + part.min(piece.origin.len());
        }
        Some((place(first.source, from..to), exact))
    }
}

fn place(source: SourceId, range: Range<usize>) -> Place {
    Place { source, span: Span::new(range.start, range.end) }
}

/// The pieces of the rendered text, or none if the marks changed what is rendered.
fn pieces(templates: &Templates, path: &str, context: &Context, rendered: &str) -> Option<Vec<Piece>> {
    if rendered.contains(MARK) {
        return None;
    }
    let marked: Vec<Marked> = templates.texts.iter().map(|(path, text)| Marked::new(path, text)).collect();
    let marked = Arc::new(marked);
    let loaded = Arc::clone(&marked);
    let environment = environment(templates.writer, move |path| {
        let index = loaded.binary_search_by(|marked| marked.path.as_str().cmp(path)).ok()?;
        let Marked { text, marks, .. } = &loaded[index];
        Some(rewrite::mark(&text.content, index, marks).text)
    });
    // Marks are short beside the lines they mark, but a line may be one letter.
    let output = render(&environment, path, context, OUTPUT_BYTES * 8).ok()?;
    let main = templates.texts.get(path)?.source;
    let mut reader =
        Reader { marked: &marked, main, rendered, pieces: Vec::new(), open: Vec::new(), at: 0, from: None };
    reader.read(&output)?;
    (reader.at == rendered.len()).then_some(reader.pieces)
}

/// A template with the places of its marks.
struct Marked {
    path: String,
    text: Arc<Text>,
    marks: Vec<(usize, Mark)>,
}

impl Marked {
    fn new(path: &str, text: &Arc<Text>) -> Self {
        Marked { path: path.to_owned(), text: Arc::clone(text), marks: rewrite::marks(&text.content) }
    }
}

/// Reads a marked text beside the rendered one.
struct Reader<'a> {
    marked: &'a [Marked],
    /// The template that was rendered.
    main: SourceId,
    rendered: &'a str,
    pieces: Vec<Piece>,
    /// The expressions that the reader is inside of.
    open: Vec<(SourceId, Range<usize>)>,
    /// How much of the rendered text is read.
    at: usize,
    /// The plain text that the reader is inside of: template and offset.
    from: Option<(&'a Text, usize)>,
}

impl Reader<'_> {
    fn read(&mut self, output: &str) -> Option<()> {
        let mut rest = output;
        while let Some(start) = rest.find(MARK[0]) {
            self.text(&rest[..start])?;
            let after = &rest[start + MARK[0].len_utf8()..];
            let (mark, after) = after.split_once(MARK[1])?;
            let (template, index) = mark.split_once(':')?;
            let Marked { text, marks, .. } = self.marked.get(template.parse::<usize>().ok()?)?;
            let (_, mark) = *marks.get(index.parse::<usize>().ok()?)?;
            self.from = None;
            match mark {
                Mark::Text(offset) => {
                    self.indentation(text, offset);
                    self.from = Some((text, offset));
                }
                Mark::Newline(offset) => {
                    self.line(text, offset);
                    self.from = Some((text, offset));
                }
                Mark::Open(start, end) => self.open.push((text.source, start..end)),
                Mark::Close => drop(self.open.pop()),
            }
            rest = after;
        }
        self.text(rest)
    }

    /// Spaces before a mark are the template's if the same stand there.
    fn indentation(&mut self, text: &Text, offset: usize) {
        let Some(last) = self.pieces.last_mut().filter(|piece| piece.is_unknown()) else { return };
        let spaces = &self.rendered[last.rendered.clone()];
        if text.content[..offset].ends_with(spaces) {
            last.source = text.source;
            last.origin = offset - spaces.len()..offset;
            last.exact = true;
        }
    }

    /// What is still unknown on this line belongs to the template's line.
    fn line(&mut self, text: &Text, offset: usize) {
        let line = fault::line(&text.content, offset);
        let start = self.rendered[..self.at].rfind('\n').map_or(0, |newline| newline + 1);
        for piece in self.pieces.iter_mut().rev().take_while(|piece| piece.rendered.start >= start) {
            if piece.is_unknown() {
                piece.source = text.source;
                piece.origin = line.clone();
            }
        }
    }

    fn text(&mut self, text: &str) -> Option<()> {
        if text.is_empty() {
            return Some(());
        }
        if !self.rendered[self.at..].starts_with(text) {
            return None;
        }
        let start = self.at;
        self.at += text.len();
        // What follows a line break has a mark of its own, or is indentation that may not be this line's.
        let line = text.find('\n').map_or(text.len(), |newline| newline + 1);
        let own = self.from.take().map_or(0, |(origin, offset)| {
            let same = text.bytes().zip(origin.content[offset..].bytes()).take(line);
            let own = same.take_while(|(left, right)| left == right).count();
            let own = (0..=own).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            if own > 0 {
                let (rendered, origin_range) = (start..start + own, offset..offset + own);
                self.pieces.push(Piece { rendered, source: origin.source, origin: origin_range, exact: true });
            }
            own
        });
        if own < text.len() {
            self.unknown(start + own..self.at);
        }
        Some(())
    }

    /// Text of an expression, or indentation before a mark.
    fn unknown(&mut self, rendered: Range<usize>) {
        let (source, origin) = self.open.last().cloned().unwrap_or_else(|| {
            let before = self.pieces.last().map(|piece| (piece.source, piece.origin.end));
            let (source, at) = before.unwrap_or((self.main, 0));
            (source, at..at)
        });
        self.pieces.push(Piece { rendered, source, origin, exact: false });
    }
}

/// Which rendered text came from which template and context, so that findings can be translated.
#[derive(Debug, Default)]
pub struct Renders {
    known: BTreeMap<SourceId, (String, Context)>,
}

impl Renders {
    /// Remembers how a rendered source was made.
    pub fn add(&mut self, rendered: SourceId, path: &str, context: &Context) {
        self.known.insert(rendered, (path.to_owned(), context.clone()));
    }

    /// Moves every place in a rendered text to the template it comes from. Where the characters differ, the label says what
    /// was rendered.
    pub fn translate(&self, diagnostics: &mut [Diagnostic], templates: &Templates, sources: &Sources) {
        let mut maps: BTreeMap<SourceId, LineMap> = BTreeMap::new();
        for diagnostic in diagnostics {
            for label in &mut diagnostic.labels {
                if let Some(map) = self.map(&mut maps, label.place.source, templates, sources) {
                    translate(label, map, sources);
                }
            }
            if let Some(edit) = &mut diagnostic.edit
                && let Some(map) = self.map(&mut maps, edit.place.source, templates, sources)
            {
                match map.place(edit.place.span) {
                    Some((place, true)) => edit.place = place,
                    _ => diagnostic.edit = None,
                }
            }
        }
    }

    fn map<'m>(
        &self,
        maps: &'m mut BTreeMap<SourceId, LineMap>,
        source: SourceId,
        templates: &Templates,
        sources: &Sources,
    ) -> Option<&'m LineMap> {
        let (path, context) = self.known.get(&source)?;
        Some(maps.entry(source).or_insert_with(|| templates.locate(path, context, &sources.get(source).text)))
    }
}

fn translate(label: &mut Label, map: &LineMap, sources: &Sources) {
    let Some((place, exact)) = map.place(label.place.span) else { return };
    if !exact {
        let line = sources.position(label.place).line;
        let text = quoted(sources, label.place);
        let space = if label.text.is_empty() { "" } else { " " };
        write!(label.text, "{space}(rendered line {line}: `{text}`)").expect("writing to a string");
    }
    label.place = place;
}

/// What stands at a place: the text, or for an empty or longer one the line.
fn quoted(sources: &Sources, place: Place) -> String {
    let whole = sources.get(place.source).text.as_str();
    let text = sources.text(place).trim();
    let text = if text.is_empty() || text.contains('\n') {
        &whole[fault::line(whole, (place.span.start as usize).min(whole.len()))]
    } else {
        text
    };
    if text.chars().count() <= QUOTED {
        return text.to_owned();
    }
    text.chars().take(QUOTED).chain(['…']).collect()
}
