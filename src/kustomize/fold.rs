//! What kustomize changes when it writes an object and reads it again: folded texts (`>`), and keys in braces without a value.
//!
//! Its writer decides by the first letter of the whole text whether to double a line break, so that a line that is indented more
//! than the text, and the end of a text that keeps its line breaks, get one too many. That is what reaches the cluster.

use super::untyped;
use crate::{
    node::{Kind, Node},
    source::{Place, Sources},
};

/// Does to every folded text what writing and reading it does, and to keys in braces that have no value, which get an empty text. What
/// has no type yet gets one.
/// Afterwards a text counts as written in quotes, so that this happens once.
pub(super) fn settle(node: &mut Node, sources: &Sources) {
    fill_braces(node, sources);
    each(node, sources, &mut |text, place, header| {
        if can_be_block(text) {
            *text = refolded(text);
        }
        place.span.start = header;
    });
}

fn fill_braces(node: &mut Node, sources: &Sources) {
    let place = node.place;
    match &mut node.kind {
        Kind::Map(entries) => {
            let mut in_braces = None;
            for (_, value) in entries.values_mut() {
                if value.kind == Kind::Null && value.place.span.start == value.place.span.end {
                    if *in_braces.get_or_insert_with(|| sources.text(place).starts_with('{')) {
                        value.kind = Kind::String(String::new());
                    }
                } else {
                    fill_braces(value, sources);
                }
            }
        }
        Kind::List(items) => items.iter_mut().for_each(|item| fill_braces(item, sources)),
        Kind::String(_) => untyped::settle(node),
        _ => {}
    }
}

/// Whether a text is folded.
pub(super) fn is_folded(node: &Node, sources: &Sources) -> bool {
    let is_written = node.place.span.start < node.place.span.end;
    matches!(node.kind, Kind::String(_)) && is_written && matches!(header(node.place, sources), Some(('>', _)))
}

/// Folds a text that takes the place of a folded one, or unfolds it where it takes the place of another one.
pub(super) fn fold(node: &mut Node, folded: bool, sources: &Sources) {
    if folded == is_folded(node, sources) {
        return;
    }
    match &mut node.kind {
        Kind::String(text) if folded && matters(text) && can_be_block(text) => *text = refolded(text),
        Kind::String(_) if !folded => forget(node, sources),
        _ => {}
    }
}

/// Lets every folded text count as written in quotes, as values do that went through JSON.
pub(super) fn forget(node: &mut Node, sources: &Sources) {
    each(node, sources, &mut |_, place, header| place.span.start = header);
}

/// The folded texts that could change, with where their `>` is.
fn each(node: &mut Node, sources: &Sources, found: &mut dyn FnMut(&mut String, &mut Place, u32)) {
    match &mut node.kind {
        Kind::Map(entries) => entries.values_mut().for_each(|(_, value)| each(value, sources, found)),
        Kind::List(items) => items.iter_mut().for_each(|item| each(item, sources, found)),
        Kind::String(text) => {
            let is_block = matters(text) && node.place.span.start < node.place.span.end;
            if let Some(('>', header)) = is_block.then(|| header(node.place, sources)).flatten() {
                found(text, &mut node.place, header);
            }
        }
        _ => {}
    }
}

/// Whether folding could change a text.
fn matters(text: &str) -> bool {
    let inner = text.trim_end_matches('\n');
    inner.contains('\n') || text.len() > inner.len() + 1
}

/// The mark (`>` or `|`) that the line before a block ends with, and where it is. The place of a block is what comes after. Within a text
/// in quotes a line ends with `\n` as it is written there.
pub(super) fn header(place: Place, sources: &Sources) -> Option<(char, u32)> {
    let before = sources.get(place.source).text.get(..place.span.start as usize)?;
    let bare = before.trim_end_matches([' ', '\t']);
    let (above, end) = match bare.strip_suffix('\n') {
        Some(above) => (above.trim_end(), "\n"),
        None => (bare.strip_suffix("\\n")?, "\\n"),
    };
    let line = above.rsplit_once(end).map_or(above, |(_, line)| line);
    let code = match line.find(" #") {
        Some(comment) => &line[..comment],
        None => line,
    };
    let mark = code.trim_end().trim_end_matches(['+', '-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let style = mark.chars().next_back().filter(|style| matches!(style, '>' | '|'))?;
    let before_mark = &mark[..mark.len() - 1];
    if !(before_mark.is_empty() || before_mark.ends_with([' ', '\t'])) {
        return None;
    }
    Some((style, u32::try_from(above.len() - line.len() + before_mark.len()).ok()?))
}

/// Whether kustomize's writer takes a block for it at all; otherwise it takes quotes, which change nothing.
pub(super) fn can_be_block(text: &str) -> bool {
    let printable = |letter: char| letter == '\n' || letter == '\t' || !letter.is_control() && letter != '\u{feff}';
    !text.contains(" \n") && !text.ends_with(' ') && text.chars().all(printable)
}

fn refolded(text: &str) -> String {
    let is_blank = |line: &str| line.starts_with([' ', '\t']);
    let doubles = !text.trim_start_matches('\n').starts_with([' ', '\t']);
    let content = text.trim_end_matches('\n');
    let ends = text.len() - content.len();
    let mut result = String::with_capacity(text.len() + 8);
    // The lines, each with the number of line breaks before it.
    let mut last: Option<&str> = None;
    let mut breaks = 0;
    for line in content.split('\n') {
        if line.is_empty() {
            breaks += 1;
            continue;
        }
        match last {
            None => (0..breaks).for_each(|_| result.push('\n')),
            Some(before) => {
                // `breaks` counts the empty lines between the two.
                let written = breaks + 1 + usize::from(doubles && !is_blank(before));
                let read = if is_blank(before) || is_blank(line) { written } else { written - 1 };
                if read == 0 {
                    result.push(' ');
                }
                (0..read).for_each(|_| result.push('\n'));
            }
        }
        result.push_str(line);
        last = Some(line);
        breaks = 0;
    }
    let more = usize::from(ends > 1 && doubles && last.is_some_and(|line| !is_blank(line)));
    (0..ends + more).for_each(|_| result.push('\n'));
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    /// The value of `a`, once settled.
    fn settled(text: &str) -> String {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", text);
        let mut root = yaml::read(source, text).documents.remove(0).root;
        settle(&mut root, &sources);
        let once = root.clone();
        settle(&mut root, &sources);
        assert_eq!(root, once, "it happens once");
        root.get("a").unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn a_line_that_is_indented_more_gets_a_line_break_too_many() {
        assert_eq!(settled("a: >-\n  [\n    one\n  ]\n"), "[\n\n  one\n]");
        assert_eq!(settled("a: > # why\n  one\n\n  two\n"), "one\ntwo\n");
        assert_eq!(settled("a: >+\n  one\n\n\n"), "one\n\n\n\n");
    }

    #[test]
    fn other_texts_stay() {
        assert_eq!(settled("a: |-\n  [\n    one\n  ]\n"), "[\n  one\n]");
        assert_eq!(settled("a: \"[\\n  one\\n]\"\n"), "[\n  one\n]");
        assert_eq!(settled("b: x >\na:\n  one\n\n  two\n"), "one\ntwo");
    }
}
