//! Finds the template's characters behind a rendered text, so that a fault in the YAML is shown where it can be mended.
//!
//! A second rendering carries marks: where plain text begins, where an expression begins and ends, which line break is which.
//! With the marks taken out it must equal the first, byte by byte; a template that measures or compares its own output may
//! break that, and then the finding names the template and what was rendered.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Context, OUTPUT_BYTES, Templates, environment, fault, render,
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

impl LineMap {
    pub(super) fn new(templates: &Templates, path: &str, context: &Context, rendered: &str) -> Self {
        let template = templates.texts.get(path).map(|text| (text.source, fault::line(&text.text, 0)));
        let all: BTreeMap<String, (usize, Vec<(usize, Mark)>)> = templates
            .texts
            .iter()
            .enumerate()
            .map(|(index, (path, text))| (path.clone(), (index, rewrite::marks(&text.text))))
            .collect();
        let pieces = pieces(templates, &all, path, context, rendered).unwrap_or_default();
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
fn pieces(
    templates: &Templates,
    marks: &BTreeMap<String, (usize, Vec<(usize, Mark)>)>,
    path: &str,
    context: &Context,
    rendered: &str,
) -> Option<Vec<Piece>> {
    if rendered.contains(MARK[0]) || rendered.contains(MARK[1]) {
        return None;
    }
    let texts = templates.texts.clone();
    let loaded = marks.clone();
    let environment = environment(templates.writer, move |path| {
        let (index, marks) = loaded.get(path)?;
        Some(rewrite::mark(&texts.get(path)?.text, *index, marks).text)
    });
    // Marks are short beside the lines they mark, but a line may be one letter.
    let marked = render(&environment, path, context, OUTPUT_BYTES * 8).ok()?;
    let order: Vec<(&str, &[(usize, Mark)])> =
        marks.iter().map(|(path, (_, marks))| (path.as_str(), marks.as_slice())).collect();
    let mut reader = Reader { templates, order, rendered, pieces: Vec::new(), open: Vec::new(), at: 0, from: None };
    reader.read(&marked)?;
    (reader.at == rendered.len()).then_some(reader.pieces)
}

/// Reads a marked text beside the rendered one.
struct Reader<'a> {
    templates: &'a Templates,
    order: Vec<(&'a str, &'a [(usize, Mark)])>,
    rendered: &'a str,
    pieces: Vec<Piece>,
    /// The expressions that the reader is inside of.
    open: Vec<(SourceId, Range<usize>)>,
    /// How much of the rendered text is read.
    at: usize,
    /// The plain text that the reader is inside of: template and offset.
    from: Option<(&'a str, usize)>,
}

impl Reader<'_> {
    fn read(&mut self, marked: &str) -> Option<()> {
        let mut rest = marked;
        while let Some(start) = rest.find(MARK[0]) {
            self.text(&rest[..start])?;
            let after = &rest[start + MARK[0].len_utf8()..];
            let (mark, after) = after.split_once(MARK[1])?;
            let (template, index) = mark.split_once(':')?;
            let (path, marks) = *self.order.get(template.parse::<usize>().ok()?)?;
            let (_, mark) = *marks.get(index.parse::<usize>().ok()?)?;
            self.mark(path, mark);
            rest = after;
        }
        self.text(rest)
    }

    fn mark(&mut self, path: &str, mark: Mark) {
        let Some((path, _)) = self.templates.texts.get_key_value(path) else { return };
        let source = self.templates.texts[path].source;
        let known = self.order.iter().find(|(known, _)| known == path).map(|(known, _)| *known);
        match mark {
            Mark::Text(offset) | Mark::Newline(offset) => {
                self.from = known.map(|path| (path, offset));
                if matches!(mark, Mark::Newline(_)) {
                    self.blank_before(source, path, offset);
                }
            }
            Mark::Open(start, end) => {
                self.from = None;
                self.open.push((source, start..end));
            }
            Mark::Close => {
                self.from = None;
                self.open.pop();
            }
        }
    }

    /// What is left unknown on this line belongs to the template's line.
    fn blank_before(&mut self, source: SourceId, path: &str, offset: usize) {
        let line = fault::line(&self.templates.texts[path].text, offset);
        let start = self.rendered[..self.at].rfind('\n').map_or(0, |newline| newline + 1);
        for piece in self.pieces.iter_mut().rev().take_while(|piece| piece.rendered.start >= start) {
            if piece.origin.is_empty() && !piece.exact {
                piece.source = source;
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
        let rendered = self.at..self.at + text.len();
        self.at = rendered.end;
        if let Some((path, offset)) = self.from.take() {
            let origin = &self.templates.texts[path];
            let own = text.bytes().zip(origin.text[offset..].bytes()).take_while(|(left, right)| left == right).count();
            // The line break before an indented tag is the template's, the indentation may not be.
            let exact = rendered.start..rendered.start + own;
            if own > 0 {
                let piece =
                    Piece { rendered: exact.clone(), source: origin.source, origin: offset..offset + own, exact: true };
                self.pieces.push(piece);
            }
            if exact.end < rendered.end {
                self.unknown(exact.end..rendered.end);
            }
        } else {
            self.unknown(rendered);
        }
        Some(())
    }

    /// Text of an expression, or indentation before a mark.
    fn unknown(&mut self, rendered: Range<usize>) {
        let piece = match self.open.last() {
            Some((source, origin)) => Piece { rendered, source: *source, origin: origin.clone(), exact: false },
            None => {
                let before = self.pieces.last().map(|piece| (piece.source, piece.origin.end));
                let (source, at) = before.unwrap_or_else(|| {
                    let first = self.templates.texts.values().next().expect("a template was rendered");
                    (first.source, 0)
                });
                Piece { rendered, source, origin: at..at, exact: false }
            }
        };
        self.pieces.push(piece);
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
        label.text.push_str(&format!("{space}(rendered line {line}: `{text}`)"));
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
