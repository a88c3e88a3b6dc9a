//! What `kustomize build` makes of a folder, in memory and with the place every value was written at.
//!
//! Exact, or refused by name: what cannot be done as kustomize 5.8 does it is a [`Stop::Refused`], never a guess.

mod accumulate;
pub mod edit;
pub mod field_specs;
mod file;
mod id;
mod load;
mod patch;
mod remote;
mod select;

use std::collections::BTreeSet;

use accumulate::Builder;

use crate::{code, diagnostic::Diagnostic, node::Node, repository::Repository, source::Place};

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
    /// An object that was just read.
    pub(crate) fn new(object: Node) -> Self {
        Resource { place: object.place, object, past: Vec::new() }
    }

    /// What it is called now.
    pub fn id(&self) -> Id {
        self.identity().to_id()
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

/// What kustomize makes of a folder. `kustomization` takes the place of the folder's own file, as Flux writes its fields into it.
pub fn build(repository: &Repository, folder: &str, kustomization: Option<&Node>) -> Built {
    let mut builder = Builder::new(repository);
    let result = builder.root(folder, kustomization).map(|all| all.resources);
    Built { result, reads: builder.reads }
}

/// A failure of kustomize itself, at what it fails on.
pub(crate) fn fails(message: impl Into<String>, place: Place) -> Stop {
    Stop::Fails(Box::new(Diagnostic::new(code!("build-fails"), message).at(place, "")))
}

/// Something that we do not do.
pub(crate) fn refused(what: impl Into<String>, place: Place) -> Stop {
    Stop::Refused(Refusal { what: what.into(), place })
}
