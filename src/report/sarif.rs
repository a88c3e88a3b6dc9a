//! SARIF 2.1.0, for code scanning. The rules are the pages of the codes that were found.
//!
//! GitHub refuses more than 25,000 results in a run, shows 100 related places of one, and wants related places to differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Value, json};

use super::Report;
use crate::{
    codes::Code,
    diagnostic::{Diagnostic, Edit, Label, Severity},
    source::{Place, Sources},
};

const RESULTS: usize = 25_000;
const RELATED: usize = 100;

pub(super) fn print(report: &Report, _color: bool) -> String {
    let mut findings = report.worst_first();
    findings.truncate(RESULTS);
    let mut rules: BTreeMap<Code, usize> = findings.iter().map(|finding| (finding.code, 0)).collect();
    for (index, place) in rules.values_mut().enumerate() {
        *place = index;
    }
    let results: Vec<Value> =
        findings.iter().map(|diagnostic| result(report.sources, diagnostic, rules[&diagnostic.code])).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "gitopsc",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.keys().map(|code| rule(*code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn rule(code: Code) -> Value {
    let page = code.page();
    json!({
        "id": page.name,
        "shortDescription": { "text": page.summary },
        "fullDescription": { "text": explanation(page.text).unwrap_or_else(|| page.summary.to_owned()) },
        "help": { "text": page.text, "markdown": page.text },
        "defaultConfiguration": { "level": level(page.severity) },
    })
}

/// The paragraphs between a page's second line and its first heading.
fn explanation(page: &str) -> Option<String> {
    let lines = page.lines().filter(|line| !line.is_empty()).skip(2);
    let lines: Vec<&str> = lines.take_while(|line| !line.starts_with('#') && !line.starts_with("```")).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn result(sources: &Sources, diagnostic: &Diagnostic, rule: usize) -> Value {
    let mut result = json!({
        "ruleId": diagnostic.code.name(),
        "ruleIndex": rule,
        "level": level(diagnostic.severity),
        "message": { "text": message(diagnostic) },
    });
    if let Some(label) = diagnostic.labels.first() {
        result["locations"] = json!([location(sources, label, None)]);
    }
    let related = related(sources, diagnostic);
    if !related.is_empty() {
        result["relatedLocations"] = Value::Array(related);
    }
    if let Some(edit) = &diagnostic.edit {
        result["fixes"] = json!([fix(sources, edit, diagnostic.help.last())]);
    }
    result
}

fn message(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    let notes = diagnostic.notes.iter().map(|note| ("note", note));
    for (word, line) in notes.chain(diagnostic.help.iter().map(|help| ("help", help))) {
        write!(text, "\n{word}: {line}").expect("writing to a string");
    }
    text
}

fn related(sources: &Sources, diagnostic: &Diagnostic) -> Vec<Value> {
    let mut seen: BTreeSet<Place> = diagnostic.labels.first().map(|label| label.place).into_iter().collect();
    let others = diagnostic.labels.iter().skip(1).filter(|label| seen.insert(label.place)).take(RELATED);
    others.enumerate().map(|(index, label)| location(sources, label, Some(index + 1))).collect()
}

fn location(sources: &Sources, label: &Label, id: Option<usize>) -> Value {
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": artifact(sources, label.place),
            "region": region(sources, label.place),
        },
    });
    if let Some(id) = id {
        location["id"] = json!(id);
    }
    if !label.text.is_empty() {
        location["message"] = json!({ "text": label.text });
    }
    location
}

fn fix(sources: &Sources, edit: &Edit, help: Option<&String>) -> Value {
    json!({
        "description": { "text": help.map_or("replace it", String::as_str) },
        "artifactChanges": [{
            "artifactLocation": artifact(sources, edit.place),
            "replacements": [{
                "deletedRegion": region(sources, edit.place),
                "insertedContent": { "text": edit.replacement },
            }],
        }],
    })
}

fn artifact(sources: &Sources, place: Place) -> Value {
    json!({ "uri": uri(&sources.get(place.source).path), "uriBaseId": "%SRCROOT%" })
}

fn region(sources: &Sources, place: Place) -> Value {
    let position = sources.position(place);
    json!({
        "startLine": position.line,
        "startColumn": position.column,
        "endLine": position.end_line,
        "endColumn": position.end_column,
    })
}

/// A relative URI reference: everything but unreserved characters and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("writing to a string"),
        }
    }
    out
}
