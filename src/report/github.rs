//! Annotations on a pull request, as workflow commands of GitHub Actions.
//!
//! GitHub shows ten of a severity in a step and drops the rest without a word, so the rest is counted here.

use std::fmt::Write as _;

use super::{Report, plural};
use crate::diagnostic::{Diagnostic, Severity};

const SHOWN: usize = 10;

pub(super) fn print(report: &Report, _color: bool) -> String {
    let mut out = String::new();
    for (severity, command) in [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "notice")]
    {
        let findings = report.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity);
        for diagnostic in findings.take(SHOWN) {
            annotation(&mut out, command, report, diagnostic);
        }
    }
    let hidden: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| {
            let more = report.count(severity).checked_sub(SHOWN).filter(|more| *more > 0)?;
            Some(plural(more, severity.name()))
        })
        .collect();
    if !hidden.is_empty() {
        writeln!(out, "+{} more; `--format sarif` holds all of them", hidden.join(", ")).expect("writing to a string");
    }
    out
}

fn annotation(out: &mut String, command: &str, report: &Report, diagnostic: &Diagnostic) {
    let mut properties: Vec<(&str, String)> = Vec::new();
    if let Some(label) = diagnostic.labels.first() {
        let position = report.position(label);
        properties.push(("file", report.path(label).to_owned()));
        properties.push(("line", position.line.to_string()));
        properties.push(("col", position.column.to_string()));
        properties.push(("endLine", position.end_line.to_string()));
        properties.push(("endColumn", position.end_column.to_string()));
    }
    properties.push(("title", diagnostic.code.name().to_owned()));
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", escape_property(value))).collect();
    let mut text = diagnostic.message.clone();
    for help in &diagnostic.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    writeln!(out, "::{command} {}::{}", properties.join(","), escape(&text)).expect("writing to a string");
}

/// The escapes of a command's text.
fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The escapes of a command's property, where `:` and `,` would end it.
fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}
