//! Findings for people: the lines at fault in a frame, what is there, why it matters, and the way out.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use super::{Report, summary};
use crate::{
    diagnostic::{Diagnostic, Edit, Label, Severity},
    source::{Place, SourceId, Sources, Span},
};

/// A frame shows no more than this many lines of one span; longer ones are marked on their first line.
const LINES: usize = 6;

/// Lines longer than this are named but not shown.
const LINE_BYTES: usize = 20_000;

pub(super) fn print(report: &Report, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in report.diagnostics {
        out.push_str(&renderer.render(&groups(report.sources, diagnostic)));
        out.push_str("\n\n");
    }
    if !report.diagnostics.is_empty() {
        out.push_str(&summary(report.diagnostics));
        out.push('\n');
    }
    out
}

fn groups<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.name()));
    for source in sources_of(diagnostic) {
        group = frame(group, sources, diagnostic, source);
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(printable(note)));
    }
    let suggested = diagnostic.edit.as_ref().and_then(|edit| patch(sources, edit).map(|snippet| (edit, snippet)));
    let (plain, title) = match (&suggested, diagnostic.help.split_last()) {
        (Some(_), Some((last, rest))) => (rest, last.as_str()),
        _ => (&diagnostic.help[..], "replace it"),
    };
    for help in plain {
        group = group.element(Level::HELP.message(printable(help)));
    }
    if diagnostic.followers > 0 {
        let verb = if diagnostic.followers == 1 { "follows" } else { "follow" };
        group = group.element(Level::NOTE.message(format!("{} more {verb} from this", diagnostic.followers)));
    }
    let mut groups = vec![group];
    if let Some((_, snippet)) = suggested {
        groups.push(Group::with_title(Level::HELP.secondary_title(printable(title))).element(snippet));
    }
    groups
}

/// Messages may span lines but not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|symbol| *symbol == '\n' || !symbol.is_control()).collect()
}

/// The sources of a finding's places, the main one first.
fn sources_of(diagnostic: &Diagnostic) -> Vec<SourceId> {
    let mut list = Vec::new();
    for label in &diagnostic.labels {
        if !list.contains(&label.place.source) {
            list.push(label.place.source);
        }
    }
    list
}

fn frame<'a>(mut group: Group<'a>, sources: &'a Sources, diagnostic: &'a Diagnostic, source: SourceId) -> Group<'a> {
    let path = printable(&sources.get(source).path);
    let text = sources.get(source).text.as_str();
    let labels: Vec<(bool, &Label, Span)> = diagnostic
        .labels
        .iter()
        .enumerate()
        .filter(|(_, label)| label.place.source == source)
        .map(|(index, label)| (index == 0, label, shown(text, label.place.span)))
        .collect();
    // A text that is not there, or not to be shown, has a place but no lines.
    let is_shown = !text.trim().is_empty() && !diagnostic.hidden;
    let window = Window::around(sources, source, labels.iter().map(|(_, _, span)| *span)).filter(|_| is_shown);
    let Some(window) = window else {
        for (_, label, _) in labels {
            let position = sources.position(label.place);
            group = group.element(Origin::path(path.clone()).line(position.line).char_column(position.column));
            if !label.text.is_empty() {
                group = group.element(Level::NOTE.message(printable(&label.text)));
            }
        }
        return group;
    };
    let mut snippet = Snippet::source(window.text).path(path).line_start(window.line);
    for (main, label, span) in labels {
        let kind = if main { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(window.inside(span));
        snippet = snippet.annotation(if label.text.is_empty() {
            annotation
        } else {
            annotation.label(printable(&label.text))
        });
    }
    group.element(snippet)
}

fn patch<'a>(sources: &'a Sources, edit: &'a Edit) -> Option<Snippet<'a, Patch<'a>>> {
    let Place { source, span } = edit.place;
    let text = sources.get(source).text.as_str();
    let span = within(text, span);
    let window = Window::around(sources, source, [span].into_iter())?;
    let patch = Patch::new(window.inside(span), edit.replacement.as_str());
    Some(Snippet::source(window.text).path(printable(&sources.get(source).path)).line_start(window.line).patch(patch))
}

/// The span, moved to where the text can be cut.
fn within(text: &str, span: Span) -> Span {
    let floor = |offset: u32| {
        let mut offset = (offset as usize).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let start = floor(span.start);
    Span::new(start, floor(span.end).max(start))
}

/// The part of a span that is marked: a few lines at most, and no line break at its end.
fn shown(text: &str, span: Span) -> Span {
    let span = within(text, span);
    let (start, part) = (span.range().start, &text[span.range()]);
    let part = part.trim_end_matches(['\n', '\r', ' ']);
    let part = if part.lines().nth(LINES).is_some() { part.lines().next().unwrap_or(part) } else { part };
    Span::new(start, start + part.len())
}

/// The lines of a text that a frame needs: the renderer would read a large file whole for every finding.
struct Window<'a> {
    text: &'a str,
    start: usize,
    line: usize,
}

impl<'a> Window<'a> {
    /// None when what is between the lines of these spans is too much to show.
    fn around(sources: &'a Sources, source: SourceId, spans: impl Iterator<Item = Span> + Clone) -> Option<Self> {
        let text = sources.get(source).text.as_str();
        let first = spans.clone().map(|span| span.start as usize).min()?;
        let last = spans.map(|span| span.end as usize).max()?;
        let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[last..].find('\n').map_or(text.len(), |newline| last + newline);
        let window = &text[start..end];
        let longest = window.lines().map(str::len).max().unwrap_or(0);
        let place = Place { source, span: Span::new(start, start) };
        (longest <= LINE_BYTES).then(|| Window { text: window, start, line: sources.position(place).line })
    }

    fn inside(&self, span: Span) -> std::ops::Range<usize> {
        span.start as usize - self.start..span.end as usize - self.start
    }
}
