//! Findings: what is wrong, where, and the way out. Data only; `report` prints them.

use crate::{codes::Code, source::Place};

/// How bad a finding is. Errors stop a build from writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is written while there is one.
    Error,
    /// Shown, but the build goes on.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word users see.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// A place with what to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What is there; may be empty on the main place.
    pub text: String,
}

/// A concrete change that resolves the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What to replace.
    pub place: Place,
    /// What to write there.
    pub replacement: String,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Names the wrong; has a page.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One lower-case sentence, values in backticks, no final period.
    pub message: String,
    /// The main place first, then whatever else takes part. Empty only when no text is to blame.
    pub labels: Vec<Label>,
    /// Why it matters, where the message alone does not say it.
    pub notes: Vec<String>,
    /// The ways out.
    pub help: Vec<String>,
    /// The way out as a change of text, where there is exactly one.
    pub edit: Option<Edit>,
    /// What the finding is about, as `[[allow]] on` names it: an object, a service, a node, an address.
    pub subject: Option<String>,
    /// What this finding breaks for others: pointers into the inventory whose element was dropped because of it, or names it leaves undefined.
    pub breaks: Vec<String>,
    /// What this finding might not exist without, in the words of somebody's `breaks`. A pointer also follows from what lies above it.
    pub follows: Vec<String>,
    /// Whether the lines at its places hold a secret, and are named but not shown.
    pub hidden: bool,
    /// Findings folded under this one because they follow from it.
    pub followers: usize,
}

impl Diagnostic {
    /// A finding with its code's usual severity.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: code.page().severity,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            edit: None,
            subject: None,
            breaks: Vec::new(),
            follows: Vec::new(),
            hidden: false,
            followers: 0,
        }
    }

    /// Adds a place; the first one is where the finding is.
    #[must_use]
    pub fn at(mut self, place: Place, text: impl Into<String>) -> Self {
        self.labels.push(Label { place, text: text.into() });
        self
    }

    /// Adds why it matters.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds the way out as a change of text, with its help line.
    #[must_use]
    pub fn edit(mut self, place: Place, replacement: impl Into<String>, help: impl Into<String>) -> Self {
        self.edit = Some(Edit { place, replacement: replacement.into() });
        self.help(help)
    }

    /// Names what it is about, for `[[allow]] on`.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Says what others cannot rely on because of this.
    #[must_use]
    pub fn breaks(mut self, what: impl Into<String>) -> Self {
        self.breaks.push(what.into());
        self
    }

    /// Says which broken thing this follows from; one of several, if called again.
    #[must_use]
    pub fn follows(mut self, what: impl Into<String>) -> Self {
        self.follows.push(what.into());
        self
    }

    /// Says that the lines at its places hold a secret: no report shows them.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Overrides the severity of its code.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

/// Whether two words can be so few edits apart: each edit brings and takes one letter at most. Far faster than counting the edits,
/// which thousands of misspelt words among thousands of names would take seconds for.
fn could_be_within(limit: usize, word: &str, candidate: &str) -> bool {
    let mut surplus = [0i32; 256];
    word.bytes().for_each(|byte| surplus[usize::from(byte)] += 1);
    candidate.bytes().for_each(|byte| surplus[usize::from(byte)] -= 1);
    let (more, less): (i32, i32) =
        surplus.iter().fold((0, 0), |(more, less), count| (more + count.max(&0), less - count.min(&0)));
    let letter = if word.is_ascii() && candidate.is_ascii() { 1 } else { 4 };
    usize::try_from(more.max(less)).is_ok_and(|bytes| bytes <= letter * limit)
}

/// The nearest of `known` to a misspelt `word`, for "did you mean".
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| could_be_within(limit, word, candidate) || candidate.starts_with(word))
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit || candidate.starts_with(word) && word.len() >= 3)
        .min()
        .map(|(_, candidate)| candidate)
}
