//! YAML: read as Kubernetes' own tools read it, written so that none of them can misread it.
//!
//! Three dialects meet in a GitOps repository: kustomize (what Flux runs), kubectl, and the YAML 1.1 readers of other tools.
//! Reading gives what kustomize reads and reports where the others differ; writing quotes whatever any of them could take
//! for something other than the string it is.

mod read;
mod scalar;
mod write;

pub use read::{read, read_for_kubectl};
pub(crate) use scalar::{as_go_prints, is_number, is_text};
pub use write::{quoted, write};

use crate::{diagnostic::Diagnostic, node::Node, source::Place};

/// Whether kubectl takes this text, written without quotes, for the text it is.
pub(crate) fn is_text_for_kubectl(text: &str) -> bool {
    scalar::time(text).is_none() && scalar::resolve_for_kubectl(text) == scalar::Scalar::String
}

/// The same, where a date is a text too.
pub(crate) fn is_text_or_date_for_kubectl(text: &str) -> bool {
    scalar::resolve_for_kubectl(text) == scalar::Scalar::String
}

/// Whether YAML 1.1 takes this text, written without quotes, for hours, minutes and seconds.
pub(crate) fn is_number_in_base_60(text: &str) -> bool {
    scalar::is_sexagesimal(text)
}

/// One YAML document of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it holds, as kustomize reads it.
    pub root: Node,
    /// Its scalars that other readers take for something else, in the order written.
    pub ambiguous: Vec<Ambiguous>,
}

impl Document {
    /// Where a key is written that is no text for kustomize: a number, a boolean or a date.
    pub fn keys_that_are_no_texts(&self) -> impl Iterator<Item = Place> {
        self.ambiguous
            .iter()
            .filter(|ambiguous| ambiguous.readings == read::NOT_A_TEXT)
            .map(|ambiguous| ambiguous.place)
    }
}

/// A scalar that means different things to different readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguous {
    /// Where it is written.
    pub place: Place,
    /// As written.
    pub text: String,
    /// How it is read, such as `a boolean for kubectl, a string for kustomize`.
    pub readings: &'static str,
}

/// What a text holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The documents that could be read, without the empty ones.
    pub documents: Vec<Document>,
    /// What is wrong, in the order found.
    pub diagnostics: Vec<Diagnostic>,
}
