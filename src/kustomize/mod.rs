//! What `kustomize build` makes of a folder, in memory and with the place every value was written at.
//!
//! Exact, or refused by name: what cannot be done as kustomize 5.8 does it is a [`Stop::Refused`], never a guess.

use std::collections::BTreeSet;

use crate::{diagnostic::Diagnostic, node::Node, source::Place};

/// An object of a build.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The object as it stands. A value that a patch or a transformer set has the place it was written at there.
    pub object: Node,
    /// Where its document was written: the document itself, or the entry of the generator that made it.
    pub place: Place,
    /// What it was called before each change of its name, namespace or kind, the oldest first. References still use these.
    pub(crate) past: Vec<Id>,
}

/// What kustomize tells objects apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Id {
    pub group: String,
    pub version: String,
    pub kind: String,
    /// Empty where none is set.
    pub namespace: String,
    pub name: String,
}

impl Resource {
    /// What it is called now.
    pub fn id(&self) -> Id {
        let text = |path: &[&str]| self.object.at(path.iter().copied()).and_then(Node::as_str).unwrap_or_default();
        let api_version = text(&["apiVersion"]);
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Id {
            group: group.into(),
            version: version.into(),
            kind: text(&["kind"]).into(),
            namespace: text(&["metadata", "namespace"]).into(),
            name: text(&["metadata", "name"]).into(),
        }
    }
}

/// Why a folder cannot be built.
#[derive(Clone, Debug)]
pub enum Stop {
    /// kustomize fails too: what is wrong, and where.
    Fails(Box<Diagnostic>),
    /// kustomize may well succeed, but we cannot do it exactly.
    Refused(Refusal),
}

/// Something we do not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What: `helmCharts`, `the remote resource `https://…``.
    pub what: String,
    /// Where it is asked for.
    pub place: Place,
}

/// What a build gave.
#[derive(Clone, Debug)]
pub struct Built {
    /// The objects in kustomize's order, or why there are none.
    pub result: Result<Vec<Resource>, Stop>,
    /// The files that were read, also by a build that failed.
    pub reads: BTreeSet<String>,
}
