//! Reads `inventory.toml`: syntax, profile, structure. Reports every fault in one run and goes on without the faulty parts.

use std::{borrow::Cow, sync::LazyLock};

use jsonschema::{
    Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::{Number, Value};
use toml::de::{DeTable, DeValue};

use super::{Inventory, schema};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    node::{Entries, Entry, Kind, Node, Part, escape},
    source::{SourceId, Span},
};

/// What an inventory's text was read as.
#[derive(Debug)]
pub struct Reading {
    /// The text's values with their places, profile applied, faulty elements still in it.
    pub root: Node,
    /// The inventory without its faulty elements. None if too little is left.
    pub inventory: Option<Inventory>,
    /// The profile that was applied.
    pub profile: Option<String>,
    /// Stretches of the text that a syntax error makes doubtful.
    pub unreadable: Vec<Span>,
    /// Everything wrong with its form.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads an inventory, with the profile of this name or the one it names itself.
pub fn read(source: SourceId, text: &str, profile: Option<&str>) -> Reading {
    let mut diagnostics = Vec::new();
    let mut root = syntax(source, text, &mut diagnostics);
    let unreadable = unreadable(text, &mut diagnostics);
    let profile = match profile {
        Some(name) => Some(name.to_owned()),
        None => root.get("profile").and_then(Node::as_str).map(str::to_owned),
    };
    if let Some(name) = &profile {
        overlay(&mut root, name, &mut diagnostics);
    }
    let mut value = root.to_json();
    structure(inventory_form(), &root, text, &mut value, &mut diagnostics);
    follow_unreadable(source, &unreadable, &mut diagnostics);
    let inventory = serde_json::from_value(value).ok();
    Reading { root, inventory, profile, unreadable, diagnostics }
}

/// The stretches of text that a syntax error makes doubtful: its line, on to the next table if the error is in a table's
/// name or goes on in later lines. Of several errors in one stretch only the first is kept: the others come from it.
fn unreadable(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Span> {
    let mut stretches: Vec<Span> = Vec::new();
    let all = std::mem::take(diagnostics);
    for finding in all {
        let Some(start) = finding.labels.first().map(|label| label.place.span.start as usize) else { continue };
        let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        // A table's name that is itself at fault did not end the stretch before it.
        if stretches.last().is_some_and(|stretch| line <= stretch.end as usize) {
            if finding.code == code!("toml-syntax") {
                let end = next_table(text, start);
                let stretch = stretches.last_mut().expect("it was looked at above");
                *stretch = Span::new(stretch.start as usize, end);
            } else {
                diagnostics.push(finding);
            }
            continue;
        }
        if finding.code != code!("toml-syntax") {
            diagnostics.push(finding);
            continue;
        }
        let is_alone = finding.edit.is_some();
        let end = if is_alone { line_end(text, start).saturating_sub(1) } else { next_table(text, start) };
        stretches.push(Span::new(line, end));
        diagnostics.push(finding.breaks(UNREADABLE).breaks(format!("{UNREADABLE}:{line}")));
    }
    let first_errors = diagnostics.iter_mut().filter(|finding| finding.code == code!("toml-syntax"));
    for (finding, stretch) in first_errors.zip(&stretches) {
        // Tables that begin in the stretch may be lost: whoever names them does so rightly.
        let tables = text.get(stretch.range()).unwrap_or_default().lines().filter(|line| line.starts_with('['));
        let lost = tables.map(|line| format!("/{}", line.trim().trim_matches(['[', ']']).replace('.', "/")));
        finding.breaks.extend(lost.flat_map(|table| {
            if table.starts_with("/services/") { vec![table, BRINGS.to_owned()] } else { vec![table] }
        }));
    }
    stretches
}

/// What a broken piece of text breaks: any key may be missing because of it.
const UNREADABLE: &str = "the text of the inventory";

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// Where the next table begins after the line at this offset.
fn next_table(text: &str, at: usize) -> usize {
    let from = line_end(text, at);
    if text[from..].starts_with('[') {
        return from;
    }
    text[from..].find("\n[").map_or(text.len(), |newline| from + newline + 1)
}

/// What is wrong in a doubtful stretch, and a key that is missing anywhere, follows from the syntax error.
pub fn follow_unreadable(inventory: SourceId, unreadable: &[Span], diagnostics: &mut [Diagnostic]) {
    if unreadable.is_empty() {
        return;
    }
    for finding in diagnostics.iter_mut().filter(|finding| finding.code != code!("toml-syntax")) {
        let place = finding.labels.first().map(|label| label.place).filter(|place| place.source == inventory);
        let Some(start) = place.map(|place| place.span.start) else { continue };
        if finding.code == code!("key-missing") {
            finding.follows.push(UNREADABLE.to_owned());
        } else if let Some(stretch) = unreadable.iter().find(|stretch| stretch.start <= start && start < stretch.end) {
            finding.follows.push(format!("{UNREADABLE}:{}", stretch.start));
        }
    }
}

/// TOML text to nodes. After a syntax error the rest is still read, but only the first error of a line is shown.
fn syntax(source: SourceId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Node {
    let (table, errors) = DeTable::parse_recoverable(text);
    let breaks: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut last_line = None;
    let mut twice = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = breaks.partition_point(|at| *at < span.start);
        if last_line.replace(line) == Some(line) {
            continue;
        }
        let span = Span::new(span.start, span.end);
        let message = error.message().lines().next().unwrap_or("this is not TOML").to_owned();
        if message.starts_with("duplicate key") {
            twice.push(span);
            continue;
        }
        let place = crate::source::Place { source, span };
        let finding = Diagnostic::new(code!("toml-syntax"), lower_first(&message)).at(place, "");
        diagnostics.push(plainly(finding, source, text));
    }
    let whole = Span::new(0, text.len());
    let root = Node::new(source, whole, Kind::Map(entries(source, table.get_ref(), diagnostics)));
    diagnostics.extend(twice.into_iter().map(|span| key_twice(source, text, &root, span)));
    root
}

/// A key or a table that was written before.
fn key_twice(source: SourceId, text: &str, root: &Node, again: Span) -> Diagnostic {
    let place = |span| crate::source::Place { source, span };
    let written = &text[again.start as usize..again.end as usize];
    let line = text[..again.start as usize].rfind('\n').map_or(0, |newline| newline + 1);
    let header = text[line..].split_inclusive(']').next().filter(|header| header.starts_with('['));
    let (message, first, help) = match header {
        Some(header) => {
            let first = text[..line].find(header).map(|start| start + header.rfind(written).unwrap_or_default());
            let first = first.map(|start| Span::new(start, start + written.len()));
            (format!("table `{header}` begins twice"), first, "write all its keys below one header")
        }
        None => {
            let mut keys = Vec::new();
            spans_of_key(root, written.trim_matches(['"', '\'']), &mut keys);
            let first = keys.into_iter().filter(|span| span.end <= again.start).max();
            (format!("key `{written}` stands twice in one table"), first, "keep one of the two")
        }
    };
    let finding = Diagnostic::new(code!("key-twice"), message).at(place(again), "again here").help(help);
    match first {
        Some(first) => finding.at(place(first), "first here"),
        None => finding,
    }
}

fn spans_of_key(node: &Node, key: &str, spans: &mut Vec<Span>) {
    for entry in node.entries() {
        if entry.key == key {
            spans.push(entry.key_place.span);
        }
        spans_of_key(&entry.value, key, spans);
    }
    node.items().iter().for_each(|item| spans_of_key(item, key, spans));
}

/// A syntax error in plain words, where the parser's own are about its grammar.
fn plainly(finding: Diagnostic, source: SourceId, text: &str) -> Diagnostic {
    let place = finding.labels[0].place;
    let message = finding.message.as_str();
    let is_word = ["invalid float", "invalid integer", "invalid boolean", "string values must be quoted"];
    if is_word.iter().any(|start| message.starts_with(start)) {
        let ends = |symbol: char| symbol.is_whitespace() || ",]}#=[{\"'".contains(symbol);
        let at = (place.span.start as usize).min(text.len());
        let start = text[..at].rfind(ends).map_or(0, |index| index + 1);
        let end = text[at..].find(ends).map_or(text.len(), |index| at + index);
        let word = &text[start..end];
        let is_value = text[..start].trim_end().ends_with(['=', ',', '[']);
        if is_value && !word.is_empty() {
            let place = crate::source::Place { source, span: Span::new(start, end) };
            let message = format!("`{word}` is neither a number nor `true` or `false`, and a text stands in quotes");
            return Diagnostic::new(finding.code, message).at(place, "").edit(place, format!("\"{word}\""), "quote it");
        }
    }
    let (plain, help) = match message {
        "invalid basic string, expected `\"`" => ("this text has no closing `\"`", "close it in the line it begins in"),
        "unclosed table, expected `]`" => ("the name of this table has no closing `]`", "write `[table.name]`"),
        "key with no value, expected `=`" => ("this key has no value", "write `key = value`"),
        other => {
            let message = other.trim_end_matches(", expected nothing").to_owned();
            return Diagnostic { message, ..finding };
        }
    };
    Diagnostic { message: plain.into(), ..finding }.help(help)
}

fn entries(source: SourceId, table: &DeTable<'_>, diagnostics: &mut Vec<Diagnostic>) -> Entries {
    table
        .iter()
        .map(|(key, value)| {
            let span = key.span();
            let key_place = crate::source::Place { source, span: Span::new(span.start, span.end) };
            let span = value.span();
            let kind = kind(source, value.get_ref(), Span::new(span.start, span.end), diagnostics);
            let value = Node::new(source, Span::new(span.start, span.end), kind);
            Entry { key: key.get_ref().to_string(), key_place, value }
        })
        .collect()
}

fn kind(source: SourceId, value: &DeValue<'_>, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Kind {
    match value {
        DeValue::String(text) => Kind::String(text.to_string()),
        DeValue::Boolean(flag) => Kind::Bool(*flag),
        DeValue::Integer(number) => {
            let digits: Cow<'_, str> = number.as_str().replace('_', "").into();
            match i64::from_str_radix(&digits, number.radix()) {
                Ok(number) => Kind::Number(number.into()),
                Err(_) => {
                    let place = crate::source::Place { source, span };
                    diagnostics.push(
                        Diagnostic::new(code!("toml-syntax"), format!("`{digits}` is larger than 64 bits"))
                            .at(place, ""),
                    );
                    Kind::Null
                }
            }
        }
        DeValue::Float(number) => {
            let number = number.as_str().replace('_', "").parse::<f64>().ok().and_then(Number::from_f64);
            number.map_or(Kind::Null, Kind::Number)
        }
        DeValue::Datetime(date) => Kind::String(date.to_string()),
        DeValue::Array(items) => Kind::List(
            items
                .iter()
                .map(|item| {
                    let span = Span::new(item.span().start, item.span().end);
                    Node::new(source, span, kind(source, item.get_ref(), span, diagnostics))
                })
                .collect(),
        ),
        DeValue::Table(table) => Kind::Map(entries(source, table, diagnostics)),
    }
}

/// Lays a profile over the inventory: tables merge, everything else is replaced.
fn overlay(root: &mut Node, name: &str, diagnostics: &mut Vec<Diagnostic>) {
    let profiles = root.get("profiles");
    let Some(profile) = profiles.and_then(|profiles| profiles.get(name)).cloned() else {
        let known: Vec<&str> =
            profiles.map(|node| node.entries().iter().map(|entry| entry.key.as_str()).collect()).unwrap_or_default();
        let place = match root.get("profile") {
            Some(written) if written.as_str() == Some(name) => written.place,
            _ => root.get("profiles").map_or(root.place, |node| node.place),
        };
        let mut finding =
            Diagnostic::new(code!("profile-unknown"), format!("there is no profile `{name}`")).at(place, "");
        finding = match nearest(name, known.iter().copied()) {
            Some(near) if root.get("profile").is_some_and(|written| written.place == place) => {
                finding.edit(place, format!("\"{near}\""), format!("did you mean `{near}`?"))
            }
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => finding.help(format!("add a table `[profiles.{name}]`")),
            None => finding.help(format!("known profiles: {}", quoted_list(&known))),
        };
        diagnostics.push(finding);
        return;
    };
    lay(root, profile);
}

fn lay(under: &mut Node, over: Node) {
    match (&mut under.kind, over.kind) {
        (Kind::Map(below), Kind::Map(above)) => {
            let mut merged: Vec<Entry> = std::mem::take(below).into_iter().collect();
            for entry in above {
                match merged.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => lay(&mut known.value, entry.value),
                    None => merged.push(entry),
                }
            }
            *below = merged.into();
        }
        (_, kind) => *under = Node { place: over.place, kind },
    }
}

/// Judges the form and drops what is wrong from `value`, until what is left has the form of an inventory.
fn structure(form: &Form, root: &Node, text: &str, value: &mut Value, diagnostics: &mut Vec<Diagnostic>) {
    // A dropped element can leave its parent incomplete, which then is dropped too: each round removes at least one element.
    for round in 0.. {
        let faults: Vec<Fault> = form.validator.iter_errors(value).flat_map(|error| faults(form, &error)).collect();
        if faults.is_empty() {
            return;
        }
        let mut dropped: Vec<String> = faults.iter().map(|fault| fault.pointer.clone()).collect();
        if round == 0 {
            diagnostics.extend(faults.iter().map(|fault| fault.breaking(fault.diagnostic(form, root, text))));
        } else {
            // What was dropped before made this incomplete: it is that finding's doing.
            for pointer in &dropped {
                let inside = format!("{pointer}/");
                for finding in diagnostics.iter_mut() {
                    if finding.breaks.iter().any(|broken| broken.starts_with(&inside)) {
                        finding.breaks.push(pointer.clone());
                    }
                }
            }
        }
        // Later items of a list first, so that pointers keep their meaning.
        dropped.sort_by_cached_key(|pointer| {
            pointer.rsplit_once('/').map(|(list, item)| (list.to_owned(), item.parse::<usize>().ok(), item.to_owned()))
        });
        dropped.dedup();
        for pointer in dropped.iter().rev() {
            if pointer.is_empty() {
                *value = Value::Null;
                return;
            }
            remove(value, pointer);
        }
    }
}

/// The form a TOML file has to have.
pub struct Form {
    schema: Value,
    validator: Validator,
    /// What the whole file is, in a sentence: `the inventory`.
    whole: &'static str,
    /// How many steps of a pointer below a top-level table name one of its tables.
    named: &'static [&'static str],
    /// What can be done with an unknown key that is like no known one.
    free: &'static str,
}

impl Form {
    /// The form of a schema; `named` are the top-level tables whose entries are tables with names of their own.
    pub fn new(schema: Value, whole: &'static str, named: &'static [&'static str], free: &'static str) -> Form {
        let validator = jsonschema::draft202012::new(&schema).expect("the schema of our own types is a schema");
        Form { schema, validator, whole, named, free }
    }
}

fn inventory_form() -> &'static Form {
    const NAMED: &[&str] = &["services", "nodes", "networks", "vips", "pools", "issuers", "owners", "profiles"];
    static FORM: LazyLock<Form> =
        LazyLock::new(|| Form::new(schema(), "the inventory", NAMED, "; free data goes under `vars`"));
    &FORM
}

/// Reads any TOML file of this form: its values with their places, and those that have the form. None where too little is left.
pub fn read_form<T: serde::de::DeserializeOwned>(
    form: &Form,
    source: SourceId,
    text: &str,
    found: &mut Vec<Diagnostic>,
) -> (Node, Option<T>) {
    let mut diagnostics = Vec::new();
    let root = syntax(source, text, &mut diagnostics);
    let stretches = unreadable(text, &mut diagnostics);
    let mut value = root.to_json();
    structure(form, &root, text, &mut value, &mut diagnostics);
    follow_unreadable(source, &stretches, &mut diagnostics);
    found.append(&mut diagnostics);
    (root, serde_json::from_value(value).ok())
}

/// One thing wrong with the form of the inventory.
struct Fault {
    /// What to drop.
    pointer: String,
    wrong: Wrong,
}

enum Wrong {
    UnknownKey { key: String, known: Vec<String> },
    MissingKey { key: String, about: String },
    Type { expected: String },
    Value { message: String, known: Vec<String> },
}

fn faults(form: &Form, error: &jsonschema::ValidationError<'_>) -> Vec<Fault> {
    let pointer = error.instance_path().as_str().to_owned();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_keys(form, error.schema_path().as_str());
            unexpected
                .iter()
                .map(|key| Fault {
                    pointer: format!("{pointer}/{}", escape(key)),
                    wrong: Wrong::UnknownKey { key: key.clone(), known: known.clone() },
                })
                .collect()
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default().to_owned();
            let about = description(form, error.schema_path().as_str(), &key);
            vec![Fault { pointer, wrong: Wrong::MissingKey { key, about } }]
        }
        ValidationErrorKind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(kind) => kind.as_str().to_owned(),
                TypeKind::Multiple(kinds) => {
                    kinds.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>().join(" or ")
                }
            };
            vec![Fault { pointer, wrong: Wrong::Type { expected } }]
        }
        ValidationErrorKind::Enum { options } => {
            let known = options.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            vec![Fault { pointer, wrong: Wrong::Value { message: String::new(), known } }]
        }
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::AnyOf { .. } => {
            let known = constants(form, error.schema_path().as_str());
            vec![Fault { pointer, wrong: Wrong::Value { message: String::new(), known } }]
        }
        _ => vec![Fault { pointer, wrong: Wrong::Value { message: error.to_string(), known: Vec::new() } }],
    }
}

/// The keys that the schema at this path knows.
fn known_keys(form: &Form, schema_path: &str) -> Vec<String> {
    let parent = schema_path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties = follow(&form.schema, parent).and_then(|found| found.get("properties")).and_then(Value::as_object);
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

/// What the schema says about a key beside this path: a sentence, as if it went on after a colon.
fn description(form: &Form, schema_path: &str, key: &str) -> String {
    let parent = schema_path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let property = follow(&form.schema, parent).and_then(|found| found.get("properties")?.get(key));
    let text = property.and_then(|found| found.get("description")).and_then(Value::as_str).unwrap_or_default();
    let text = text.split_inclusive(['.', '\n']).next().unwrap_or_default().trim();
    text.strip_suffix('.').map(lower_first).unwrap_or_default()
}

/// The words that a choice at this path of the schema offers.
fn constants(form: &Form, schema_path: &str) -> Vec<String> {
    let options = follow(&form.schema, schema_path).and_then(Value::as_array).cloned().unwrap_or_default();
    let word = |option: &Value| option.get("const").and_then(Value::as_str).map(str::to_owned);
    options.iter().filter_map(word).collect()
}

/// Walks a schema path through references.
fn follow<'s>(whole: &'s Value, path: &str) -> Option<&'s Value> {
    let mut here = whole;
    for step in path.split('/').skip(1) {
        if step == "$ref" {
            let target = here.get("$ref")?.as_str()?.strip_prefix('#')?;
            here = whole.pointer(target)?;
            continue;
        }
        here = match here {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            other => other.get(step.replace("~1", "/").replace("~0", "~"))?,
        };
    }
    Some(here)
}

impl Fault {
    /// Says what is left undefined: what is dropped, and what a misspelt key would have said.
    fn breaking(&self, finding: Diagnostic) -> Diagnostic {
        let mut broken = vec![self.pointer.clone()];
        if let Wrong::UnknownKey { key, known } = &self.wrong
            && let Some(near) = nearest(key, known.iter().map(String::as_str))
        {
            let parent = self.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            broken.push(format!("{parent}/{}", escape(near)));
        }
        broken.retain(|pointer| !pointer.is_empty());
        if broken.iter().any(|pointer| brings_something(pointer)) {
            broken.push(BRINGS.to_owned());
        }
        broken.into_iter().fold(finding, Diagnostic::breaks)
    }

    fn diagnostic(&self, form: &Form, root: &Node, text: &str) -> Diagnostic {
        let parent = self.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        match &self.wrong {
            Wrong::UnknownKey { key, known } => {
                let place = root.place_of(&self.pointer, Part::Key);
                let finding =
                    Diagnostic::new(code!("key-unknown"), format!("{} has no key `{key}`", form.thing(parent)))
                        .at(place, "");
                match nearest(key, known.iter().map(String::as_str)) {
                    Some(near) => finding.edit(place, near, format!("did you mean `{near}`?")),
                    None => {
                        let known: Vec<&str> = known.iter().map(String::as_str).collect();
                        finding.help(format!("known keys: {}{}", quoted_list(&known), form.free))
                    }
                }
            }
            Wrong::MissingKey { key, about } => {
                let place = root.place_of(&self.pointer, Part::Key);
                let place = if self.pointer.is_empty() {
                    crate::source::Place { span: Span::new(0, 0), ..place }
                } else {
                    place
                };
                let example = if self.pointer.is_empty() && key != "schema" {
                    format!("a table `[{key}]`")
                } else if key == "schema" {
                    "`schema = 1`".to_owned()
                } else {
                    format!("`{key} = …`")
                };
                // What follows a second colon is detail.
                let about = about.split(": ").next().unwrap_or_default();
                let about = if about.is_empty() || key == "schema" { String::new() } else { format!(": {about}") };
                Diagnostic::new(code!("key-missing"), format!("{} lacks the key `{key}`", form.thing(&self.pointer)))
                    .at(place, "")
                    .help(format!("add {example}{about}"))
                    .follows(format!("{}/{}", self.pointer, escape(key)))
            }
            Wrong::Type { expected } => {
                let node = root.pointer(&self.pointer);
                let found = node.map_or("nothing", |node| kind_name(&node.kind));
                let place = root.place_of(&self.pointer, Part::Value);
                let expected = match expected.as_str() {
                    "object" => "table",
                    "array" => "list",
                    other => other,
                };
                let finding = Diagnostic::new(
                    code!("value-type"),
                    format!("{} is {}, where {} belongs", form.thing(&self.pointer), article(found), article(expected)),
                )
                .at(place, "");
                let written = text.get(place.span.range()).unwrap_or_default();
                match (node.map(|node| &node.kind), expected) {
                    (Some(Kind::String(_) | Kind::Number(_) | Kind::Bool(_)), "list") => {
                        finding.edit(place, format!("[{written}]"), "a list stands in brackets, also with one item")
                    }
                    (Some(Kind::Number(_) | Kind::Bool(_)), "string") => {
                        finding.edit(place, format!("\"{written}\""), "a text stands in quotes")
                    }
                    (Some(Kind::String(word)), "integer" | "boolean")
                        if word.parse::<i64>().is_ok() || word.parse::<bool>().is_ok() =>
                    {
                        finding.edit(place, word, format!("{} stands without quotes", article(expected)))
                    }
                    (_, "table") => {
                        finding.help("a table is written `{ key = value, … }`, or under a heading of its own")
                    }
                    _ => finding,
                }
            }
            Wrong::Value { message, known } => {
                let place = root.place_of(&self.pointer, Part::Value);
                let written = root.pointer(&self.pointer).map(super::super::node::Node::to_json).unwrap_or_default();
                let written = written.as_str().map_or_else(|| written.to_string(), str::to_owned);
                let what = form.thing(&self.pointer);
                if known.is_empty() {
                    let text = format!("{what} cannot be `{written}`: {message}");
                    return Diagnostic::new(code!("value-unknown"), text).at(place, "");
                }
                let finding =
                    Diagnostic::new(code!("value-unknown"), format!("{what} cannot be `{written}`")).at(place, "");
                match nearest(&written, known.iter().map(String::as_str)) {
                    Some(near) => finding.edit(place, format!("\"{near}\""), format!("did you mean `{near}`?")),
                    None => {
                        let known: Vec<&str> = known.iter().map(String::as_str).collect();
                        finding.help(format!("possible values: {}", quoted_list(&known)))
                    }
                }
            }
        }
    }
}

/// What findings break that leave open who brings something into the cluster.
pub const BRINGS: &str = "brings";

/// Whether a service or owner without this may bring less than it should.
fn brings_something(pointer: &str) -> bool {
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    match steps.as_slice() {
        ["services" | "owners", _] | ["owners", _, "owns", ..] => true,
        ["services", _, inner @ ..] => {
            let inner = if inner.first() == Some(&"phases") { inner.get(2..).unwrap_or_default() } else { inner };
            matches!(inner, ["chart"] | ["chart", "name" | "oci" | "path"] | ["provides", ..])
        }
        _ => false,
    }
}

impl Form {
    /// What a pointer names, in the words of the file: `[services.gitea]`, `` `layer` of [services.gitea] ``.
    fn thing(&self, pointer: &str) -> String {
        let steps: Vec<String> =
            pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        let is_list = |first: &str| self.schema["properties"][first]["items"]["$ref"].is_string();
        let depth = match steps.first() {
            None => return self.whole.into(),
            Some(first) if self.named.contains(&first.as_str()) => 2,
            Some(first) if is_list(first) && steps.get(1).is_some_and(|step| step.parse::<usize>().is_ok()) => 2,
            Some(_) => 1,
        };
        let table = if is_list(&steps[0]) {
            format!("[[{}]]", steps[0])
        } else {
            format!("[{}]", steps[..depth.min(steps.len())].join("."))
        };
        if steps.len() <= depth { table } else { format!("`{}` of {table}", steps[depth..].join(".")) }
    }
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Null => "nothing",
        Kind::Bool(_) => "boolean",
        Kind::Number(number) if number.is_f64() => "float",
        Kind::Number(_) => "integer",
        Kind::String(_) => "string",
        Kind::List(_) => "list",
        Kind::Map(_) => "table",
    }
}

fn article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    if noun == "nothing" { noun.to_owned() } else { format!("{article} {noun}") }
}

fn quoted_list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Removes what a pointer names, if it is still there.
fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.shift_remove(&last);
        }
        Some(Value::Array(items)) => {
            if let Some(index) = last.parse().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        // The parent went with an earlier fault.
        _ => {}
    }
}
