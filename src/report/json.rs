//! Findings as data: `{version, diagnostics: [{code, severity, message, places, hint}]}`. A change of its form raises `version`.

use serde_json::{Value, json};

use super::Report;
use crate::diagnostic::{Diagnostic, Label};

pub(super) fn print(report: &Report, _color: bool) -> String {
    let diagnostics: Vec<Value> = report.diagnostics.iter().map(|diagnostic| finding(report, diagnostic)).collect();
    format!("{:#}\n", json!({ "version": 1, "diagnostics": diagnostics }))
}

fn finding(report: &Report, diagnostic: &Diagnostic) -> Value {
    json!({
        "code": diagnostic.code.name(),
        "severity": diagnostic.severity.name(),
        "message": diagnostic.message,
        "places": diagnostic.labels.iter().map(|label| place(report, label)).collect::<Vec<_>>(),
        "hint": (!diagnostic.help.is_empty()).then(|| diagnostic.help.join("\n")),
    })
}

fn place(report: &Report, label: &Label) -> Value {
    let position = report.position(label);
    json!({
        "path": report.path(label),
        "line": position.line,
        "column": position.column,
        "end_line": position.end_line,
        "end_column": position.end_column,
        "label": label.text,
    })
}
