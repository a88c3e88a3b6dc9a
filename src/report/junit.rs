//! JUnit XML: a test suite for each file, a failed case for each error, so that any CI shows them.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Report, one_line};
use crate::diagnostic::{Diagnostic, Severity};

pub(super) fn print(report: &Report, _color: bool) -> String {
    let mut suites: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in report.diagnostics {
        let path = diagnostic.labels.first().map_or(".", |label| report.path(label));
        suites.entry(path).or_default().push(diagnostic);
    }
    // A run without findings is a test that passed, not a report that is missing.
    if suites.is_empty() {
        suites.insert(".", Vec::new());
    }
    let failures = |list: &[&Diagnostic]| list.iter().filter(|finding| finding.severity == Severity::Error).count();
    let all: Vec<&Diagnostic> = report.diagnostics.iter().collect();
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let tests: usize = suites.values().map(|list| list.len().max(1)).sum();
    writeln!(out, "<testsuites name=\"gitopsc\" tests=\"{tests}\" failures=\"{}\">", failures(&all))
        .expect("writing to a string");
    for (path, list) in &suites {
        let (tests, failed) = (list.len().max(1), failures(list));
        writeln!(out, "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failed}\">", escaped(path))
            .expect("writing to a string");
        if list.is_empty() {
            out += "    <testcase name=\"no problems\" classname=\"gitopsc\"/>\n";
        }
        for diagnostic in list {
            case(&mut out, report, diagnostic);
        }
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

fn case(out: &mut String, report: &Report, diagnostic: &Diagnostic) {
    let place = match diagnostic.labels.first() {
        Some(label) => format!("{}:{}", report.path(label), report.position(label)),
        None => ".".to_owned(),
    };
    let name = format!("{} {place}", diagnostic.code.name());
    write!(out, "    <testcase name=\"{}\" classname=\"gitopsc\"", escaped(&name)).expect("writing to a string");
    let mut text = format!("{place}: {}", one_line(&diagnostic.message));
    for line in diagnostic
        .notes
        .iter()
        .map(|note| format!("note: {note}"))
        .chain(diagnostic.help.iter().map(|help| format!("help: {help}")))
    {
        text += &format!("\n{}", one_line(&line));
    }
    let (message, text) = (escaped(&one_line(&diagnostic.message)), escaped(&text));
    // JUnit knows failed and passed; what is no error passes, and says so.
    if diagnostic.severity == Severity::Error {
        write!(out, ">\n      <failure message=\"{message}\" type=\"{}\">{text}</failure>", diagnostic.code.name())
    } else {
        write!(out, ">\n      <system-out>{}: {text}</system-out>", diagnostic.severity.name())
    }
    .expect("writing to a string");
    out.push_str("\n    </testcase>\n");
}

/// The escapes of XML 1.0, which has no word for most control characters.
fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|symbol| !symbol.is_control() || matches!(symbol, '\n' | '\t')).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
