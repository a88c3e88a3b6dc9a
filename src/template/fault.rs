//! What MiniJinja found wrong, as a finding at the template's characters.

use std::{collections::BTreeSet, ops::Range};

use minijinja::{Error, ErrorKind, Value};

use super::{Context, FOLDER, OUTPUT_BYTES, Templates, Text, below_folder};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    node::escape,
    source::{Place, Span},
};

impl Templates {
    /// The finding of a failed rendering: the innermost template is at fault, those that include it are shown too.
    pub(super) fn diagnose(&self, path: &str, context: &Context, error: &Error) -> Diagnostic {
        let mut chain = vec![error];
        while let Some(inner) = std::error::Error::source(chain[chain.len() - 1])
            && let Some(inner) = inner.downcast_ref::<Error>()
        {
            chain.push(inner);
        }
        let innermost = chain.pop().expect("the error itself is there");
        let main = innermost.name().and_then(|name| self.texts.get(name)).or_else(|| self.texts.get(path));
        let Some(main) = main else {
            return Diagnostic::new(code!("template-error"), format!("there is no template `{path}`"));
        };
        if let Some(range) = &main.guarded().too_deep {
            let place = Place { source: main.source, span: Span::new(range.start, range.end) };
            return Diagnostic::new(code!("template-syntax"), "this template nests too deep")
                .at(place, "")
                .help("take the expression apart with `{% set … %}`, or loop over a list instead of chaining `elif`");
        }
        let mut range = range_of(main, innermost);
        if innermost.kind() == ErrorKind::UndefinedError {
            range = name_at(&main.content, range);
        }
        if innermost.kind() == ErrorKind::OutOfFuel {
            // Which expression of the line took the last step means nothing.
            range = line(&main.content, range.start);
        }
        let place = Place { source: main.source, span: Span::new(range.start, range.end) };
        let mut diagnostic = self.describe(innermost, &main.content[range], context, place);
        let mut shown = BTreeSet::from([place]);
        for outer in chain.iter().rev() {
            if let Some(text) = outer.name().and_then(|name| self.texts.get(name)) {
                let range = range_of(text, outer);
                let place = Place { source: text.source, span: Span::new(range.start, range.end) };
                if !shown.insert(place) {
                    continue;
                }
                diagnostic = diagnostic.at(place, "included here");
            }
        }
        diagnostic
    }

    fn describe(&self, error: &Error, at_fault: &str, context: &Context, place: Place) -> Diagnostic {
        let detail = error.detail().unwrap_or_default();
        let (detail, help) = detail.split_once('\n').map_or((detail, None), |(detail, help)| (detail, Some(help)));
        let detail = plain(detail);
        match error.kind() {
            ErrorKind::UndefinedError => undefined(at_fault, context, place),
            ErrorKind::SyntaxError | ErrorKind::BadEscape => {
                let message = if detail.is_empty() { "this is not template syntax".to_owned() } else { detail };
                let closing = match message.rsplit_once(", expected ").map(|(_, expected)| expected) {
                    Some("end of variable block") => Some("an expression ends with `}}`"),
                    Some("end of block") => Some("a statement ends with `%}`"),
                    _ => None,
                };
                let finding = Diagnostic::new(code!("template-syntax"), message).at(place, "");
                closing.map_or(finding.clone(), |help| finding.help(help))
            }
            ErrorKind::OutOfFuel => {
                let message = if detail.is_empty() { "rendering takes too many steps".to_owned() } else { detail };
                too_large(message, place)
            }
            ErrorKind::InvalidOperation if detail.contains("recursion limit") => {
                too_large("includes, macros or loops nest too deep".to_owned(), place)
            }
            ErrorKind::WriteFailure => {
                too_large(format!("the template prints more than {} MiB", OUTPUT_BYTES / 1024 / 1024), place)
            }
            ErrorKind::TemplateNotFound => self.not_found(&detail, place),
            ErrorKind::UnknownFilter => unknown("filter", at_fault, place),
            ErrorKind::UnknownTest => unknown("test", at_fault, place),
            ErrorKind::UnknownFunction => unknown("function", at_fault, place),
            kind => {
                let message = if detail.is_empty() { kind.to_string() } else { detail };
                let mut diagnostic = Diagnostic::new(code!("template-error"), message).at(place, "");
                if let Some(help) = help {
                    diagnostic = diagnostic.help(help);
                }
                if kind == ErrorKind::UnknownMethod {
                    diagnostic =
                        diagnostic.help("what is a method in Python is a filter here: `map | items`, `text | upper`");
                }
                diagnostic
            }
        }
    }

    fn not_found(&self, detail: &str, place: Place) -> Diagnostic {
        // An include is named as it was written, an import as it was looked for.
        let name = detail.split(['`', '\'']).nth(1).unwrap_or_default();
        let name = name.strip_prefix(FOLDER).unwrap_or(name);
        let path = below_folder(name);
        if !path.starts_with(FOLDER) {
            return Diagnostic::new(code!("template-error"), "this name leaves the folder `templates/`")
                .at(place, "")
                .help("name a template by its path below `templates/`, without `.` and `..`");
        }
        let message = format!("there is no template `{path}`");
        let diagnostic = Diagnostic::new(code!("template-error"), message).at(place, "");
        match nearest(&path, self.texts.keys().map(String::as_str)) {
            Some(known) => diagnostic.help(format!("did you mean `{}`?", known.strip_prefix(FOLDER).unwrap_or(known))),
            None => diagnostic.help("names are paths below `templates/`"),
        }
    }
}

fn unknown(what: &str, at_fault: &str, place: Place) -> Diagnostic {
    let name = at_fault.split('(').next().unwrap_or_default().trim();
    Diagnostic::new(code!("template-error"), format!("there is no {what} `{name}`")).at(place, "")
}

fn too_large(message: String, place: Place) -> Diagnostic {
    Diagnostic::new(code!("template-too-large"), message)
        .at(place, "")
        .help("print less, or split the template: a Kubernetes object may have 1 MiB, a template 8 MiB")
}

/// A detail of MiniJinja in our form: no capital, no period, names in backticks.
fn plain(detail: &str) -> String {
    let detail = detail.trim_end_matches('.').replace('"', "`");
    let mut letters = detail.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            format!("{}{}", first.to_lowercase(), &detail[first.len_utf8()..])
        }
        _ => detail,
    }
}

/// The characters an error is about, in the template as it was written: at least one of the right line.
fn range_of(text: &Text, error: &Error) -> Range<usize> {
    let whole: &str = &text.content;
    let floor = |offset: usize| {
        let mut offset = offset.min(whole.len());
        while !whole.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    if let Some(range) = error.range() {
        let range = text.guarded().original(range);
        let (start, end) = (floor(range.start), floor(range.end));
        if start < end {
            let part = whole[start..end].trim();
            let start = start + (whole[start..end].len() - whole[start..end].trim_start().len());
            return start..start + part.len();
        }
        return line(whole, start);
    }
    let start =
        error.line().map_or(0, |number| whole.split_inclusive('\n').take(number.saturating_sub(1)).map(str::len).sum());
    line(whole, start)
}

/// The visible part of the line at an offset.
pub(crate) fn line(whole: &str, offset: usize) -> Range<usize> {
    let start = whole[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let line = whole[start..].lines().next().unwrap_or("");
    let start = start + (line.len() - line.trim_start().len());
    start..start + line.trim().len()
}

/// The whole name of what is undefined: MiniJinja points at its last members, or at the filter that got it.
fn name_at(whole: &str, range: Range<usize>) -> Range<usize> {
    let name = |end: usize| {
        let start =
            whole[..end].trim_end_matches(|symbol: char| symbol.is_alphanumeric() || "_.".contains(symbol)).len();
        start..end
    };
    if whole[range.clone()].starts_with('.') {
        return name(range.start).start..range.end;
    }
    let filtered = whole[..range.start].trim_end().strip_suffix('|').map(|before| name(before.trim_end().len()));
    filtered.filter(|name| !name.is_empty()).unwrap_or(range)
}

fn undefined(at_fault: &str, context: &Context, place: Place) -> Diagnostic {
    let at_fault = at_fault.trim();
    let is_path = !at_fault.is_empty()
        && at_fault
            .split('.')
            .all(|step| !step.is_empty() && step.chars().all(|symbol| symbol.is_alphanumeric() || symbol == '_'));
    if !is_path {
        return Diagnostic::new(code!("template-undefined"), "something here is undefined")
            .at(place, "")
            .help("give it a value, or say what else to print: `| default(…)`");
    }
    let mut known = context.0.clone();
    let mut prefix: Vec<&str> = Vec::new();
    for step in at_fault.split('.') {
        let member = known.get_attr(step).unwrap_or_default();
        if member.is_undefined() {
            return missing(at_fault, step, &prefix, &known, place);
        }
        prefix.push(step);
        known = member;
    }
    Diagnostic::new(code!("template-undefined"), format!("`{at_fault}` is undefined")).at(place, "")
}

fn missing(at_fault: &str, step: &str, prefix: &[&str], known: &Value, place: Place) -> Diagnostic {
    let names: Vec<String> =
        known.try_iter().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    // Facts have the names that things have in the inventory, so a pointer leads from one to the other.
    let pointer = prefix.iter().chain([&step]).fold(String::new(), |above, step| above + "/" + &escape(step));
    let diagnostic = Diagnostic::new(code!("template-undefined"), format!("`{at_fault}` is undefined"))
        .at(place, "")
        .follows(pointer);
    let of = |name: &str| prefix.iter().copied().chain([name]).collect::<Vec<_>>().join(".");
    match nearest(step, names.iter().map(String::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{}`?", of(near))),
        None if !prefix.is_empty() && !names.is_empty() && names.len() <= 12 => {
            diagnostic.help(format!("`{}` has: {}", prefix.join("."), names.join(", ")))
        }
        None => diagnostic.help("give it a value, or say what else to print: `| default(…)`"),
    }
}
