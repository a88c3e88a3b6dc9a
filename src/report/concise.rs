//! One line per finding: `path:line:column: error[code]: message`.

use std::fmt::Write as _;

use super::{Report, one_line};

pub(super) fn print(report: &Report, _color: bool) -> String {
    let mut out = String::new();
    for diagnostic in report.diagnostics {
        if let Some(label) = diagnostic.labels.first() {
            write!(out, "{}:{}: ", one_line(report.path(label)), report.position(label)).expect("writing to a string");
        }
        let severity = diagnostic.severity.name();
        writeln!(out, "{severity}[{}]: {}", diagnostic.code, one_line(&diagnostic.message))
            .expect("writing to a string");
    }
    out
}
