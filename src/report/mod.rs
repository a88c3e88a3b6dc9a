//! Prints findings: for people, for editors and scripts, for code scanning, for pull requests.
//!
//! A format is one file here and one line in [`FORMATS`].

use std::{collections::BTreeMap, sync::LazyLock};

use clap::{ValueEnum, builder::PossibleValue};
use sha2::{Digest as _, Sha256};

use crate::{
    diagnostic::{Diagnostic, Label, Severity},
    source::{Position, Sources},
};

mod concise;
mod github;
mod gitlab;
mod human;
mod json;
mod junit;
mod markdown;
mod sarif;

/// Every format, the default first.
pub static FORMATS: &[Format] = &[
    Format { name: "human", about: "frames with the lines at fault", stdout: false, print: human::print },
    Format { name: "concise", about: "one line per finding", stdout: false, print: concise::print },
    Format { name: "json", about: "for scripts; covered by a version", stdout: true, print: json::print },
    Format { name: "sarif", about: "SARIF 2.1.0, for code scanning", stdout: true, print: sarif::print },
    Format { name: "github", about: "annotations on a pull request", stdout: true, print: github::print },
    Format { name: "gitlab", about: "a Code Quality report", stdout: true, print: gitlab::print },
    Format { name: "junit", about: "test results, for any CI", stdout: true, print: junit::print },
    Format { name: "markdown", about: "a table, for a comment or a summary", stdout: true, print: markdown::print },
];

/// How findings are printed.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// What `--format` calls it.
    pub name: &'static str,
    /// What `--help` says about it.
    pub about: &'static str,
    /// Whether it is data for standard output, rather than a message for standard error.
    pub stdout: bool,
    print: fn(&Report, bool) -> String,
}

impl Default for Format {
    fn default() -> Self {
        FORMATS[0]
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// How a graph is drawn; findings cannot be.
pub static PICTURES: &[Format] = &[
    Format { name: "mermaid", about: "a graph, for Markdown", stdout: true, print: concise::print },
    Format { name: "dot", about: "a graph, for Graphviz", stdout: true, print: concise::print },
    Format { name: "svg", about: "a graph, to look at in a browser", stdout: true, print: concise::print },
];

impl Format {
    /// Whether it is a drawing.
    pub fn is_picture(self) -> bool {
        PICTURES.contains(&self)
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Format>> = LazyLock::new(|| FORMATS.iter().chain(PICTURES).copied().collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name).help(self.about))
    }
}

/// Findings with the texts they point into.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The texts.
    pub sources: &'a Sources,
    /// The findings, [settled](settle).
    pub diagnostics: &'a [Diagnostic],
}

impl Report<'_> {
    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    fn path(&self, label: &Label) -> &str {
        &self.sources.get(label.place.source).path
    }

    fn position(&self, label: &Label) -> Position {
        self.sources.position(label.place)
    }

    /// The findings, errors first, otherwise in their order.
    fn worst_first(&self) -> Vec<&Diagnostic> {
        let mut diagnostics: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
        diagnostics
    }
}

/// The text of a report, as `main` prints it.
pub fn render(format: Format, report: &Report, color: bool) -> String {
    (format.print)(report, color)
}

/// The severities of the findings, counted: `2 errors, 1 warning`.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let counted = [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(|severity| {
        let count = diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        (count > 0).then(|| plural(count, severity.name()))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// What stays of a finding when lines move: its code, its file, what it is about. Two runs compare findings by it.
pub fn fingerprint(report: &Report, diagnostic: &Diagnostic) -> String {
    let path = diagnostic.labels.first().map_or("", |label| report.path(label));
    // Digits of a message may be lines or counts; what it is about is named.
    let about = diagnostic.subject.as_deref().unwrap_or(&diagnostic.message);
    let digest = Sha256::digest(format!("{}\0{path}\0{about}", diagnostic.code.name()));
    digest.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// The same text in one line that cannot steer a terminal.
fn one_line(text: &str) -> String {
    let text: String = text.chars().filter(|symbol| *symbol == '\n' || !symbol.is_control()).collect();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Brings findings into the order of their places, drops repetitions and folds what merely follows from another finding.
///
/// A finding follows when something of its `follows`, or what lies above that, is among another one's `breaks`. It then disappears and is counted on the finding at
/// the root, unless that one is less severe: an error is never hidden behind a warning.
pub fn settle(mut diagnostics: Vec<Diagnostic>, sources: &Sources) -> Vec<Diagnostic> {
    diagnostics.sort_by_cached_key(|diagnostic| sort_key(diagnostic, sources));
    let mut unique: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
    for diagnostic in diagnostics {
        let alike = unique.iter().rev().take_while(|earlier| {
            earlier.code == diagnostic.code
                && earlier.message == diagnostic.message
                && earlier.labels.first().map(|label| label.place) == diagnostic.labels.first().map(|label| label.place)
        });
        if !alike.into_iter().any(|earlier| *earlier == diagnostic) {
            unique.push(diagnostic);
        }
    }
    fold(unique)
}

fn sort_key(diagnostic: &Diagnostic, sources: &Sources) -> impl Ord + use<> {
    let place = diagnostic.labels.first().map(|label| {
        let source = sources.get(label.place.source);
        (source.path.clone(), label.place.span, label.place.source)
    });
    (place, diagnostic.code.name(), diagnostic.message.clone())
}

fn fold(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut broken_by: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        for what in &diagnostic.breaks {
            broken_by.entry(what).or_default().push(index);
        }
    }
    let cause = |index: usize| -> Option<usize> {
        let follower = &diagnostics[index];
        let mut breakers =
            follower.follows.iter().flat_map(|what| and_above(what)).filter_map(|what| broken_by.get(what));
        breakers.find_map(|breakers| {
            let is_worse = |breaker: &usize| *breaker != index && diagnostics[*breaker].severity <= follower.severity;
            breakers.iter().copied().find(is_worse)
        })
    };
    let roots: Vec<usize> = (0..diagnostics.len()).map(|index| root(index, &cause)).collect();
    let mut followers = vec![0; diagnostics.len()];
    for (index, &root) in roots.iter().enumerate() {
        if root != index {
            followers[root] += 1 + diagnostics[index].followers;
        }
    }
    let kept = diagnostics.into_iter().enumerate().filter(|(index, _)| roots[*index] == *index);
    kept.map(|(index, mut diagnostic)| {
        diagnostic.followers += followers[index];
        diagnostic
    })
    .collect()
}

/// A pointer and what lies above it: what is dropped takes everything inside it along. Any other word is only itself.
fn and_above(what: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(what);
    std::iter::from_fn(move || {
        let here = next?;
        next = here.rsplit_once('/').map(|(above, _)| above).filter(|above| above.starts_with('/'));
        Some(here)
    })
}

/// The finding this one comes from in the end. Findings that follow from each other in a circle have the first of the circle
/// as their root, so that one of them stays.
fn root(index: usize, cause: &impl Fn(usize) -> Option<usize>) -> usize {
    let mut path = vec![index];
    let mut current = index;
    while let Some(next) = cause(current) {
        if let Some(start) = path.iter().position(|&earlier| earlier == next) {
            return *path[start..].iter().min().expect("a circle has members");
        }
        path.push(next);
        current = next;
    }
    current
}

#[cfg(test)]
mod tests;
