//! GitLab's Code Quality report: a list of issues, each with a fingerprint that stays when lines move.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Report, fingerprint};
use crate::diagnostic::Severity;

pub(super) fn print(report: &Report, _color: bool) -> String {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let issues: Vec<Value> = report
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let (path, begin, end) = match diagnostic.labels.first() {
                Some(label) => {
                    let position = report.position(label);
                    (report.path(label), position.line, position.end_line)
                }
                // GitLab leaves out what has no place.
                None => (".", 1, 1),
            };
            // Two findings alike in one file need two fingerprints.
            let mut print = fingerprint(report, diagnostic);
            let times = seen.entry(print.clone()).or_default();
            *times += 1;
            if *times > 1 {
                print = format!("{print}-{times}");
            }
            let help: Vec<&str> = diagnostic.notes.iter().chain(&diagnostic.help).map(String::as_str).collect();
            json!({
                "type": "issue",
                "check_name": diagnostic.code.name(),
                "description": diagnostic.message,
                "content": { "body": help.join("\n") },
                "severity": match diagnostic.severity {
                    Severity::Error => "critical",
                    Severity::Warning => "minor",
                    Severity::Note => "info",
                },
                "fingerprint": print,
                "location": { "path": path, "lines": { "begin": begin, "end": end } },
            })
        })
        .collect();
    format!("{:#}\n", Value::Array(issues))
}
