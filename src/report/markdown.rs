//! Markdown, for a comment or the summary of a job: a table of findings, the worst first.

use super::{Report, one_line, summary};
use crate::{
    diagnostic::Diagnostic,
    markdown::{cell, table},
};

/// GitHub cuts a comment at 65,536 characters and a summary at 1 MiB; nobody reads that far.
const SHOWN: usize = 100;

pub(super) fn print(report: &Report, _color: bool) -> String {
    if report.diagnostics.is_empty() {
        return "**gitopsc**: no problems\n".to_owned();
    }
    let findings = report.worst_first();
    let rows: Vec<Vec<String>> = findings.iter().take(SHOWN).map(|finding| row(report, finding)).collect();
    let mut out = format!("**gitopsc**: {}\n\n", summary(report.diagnostics));
    out += &table(&["", "code", "where", "what"], &rows);
    if findings.len() > SHOWN {
        out += &format!("\n{} more; `--format sarif` holds all of them\n", findings.len() - SHOWN);
    }
    out
}

fn row(report: &Report, diagnostic: &Diagnostic) -> Vec<String> {
    let place = diagnostic
        .labels
        .first()
        .map_or_else(String::new, |label| format!("`{}:{}`", report.path(label), report.position(label).line));
    let mut what = one_line(&diagnostic.message);
    for help in diagnostic.help.iter().take(1) {
        what += &format!("<br>{}", one_line(help));
    }
    vec![
        diagnostic.severity.name().to_owned(),
        format!("`{}`", diagnostic.code.name()),
        cell(&place),
        cell(&what.replace('<', "&lt;").replace("&lt;br>", "<br>")),
    ]
}
