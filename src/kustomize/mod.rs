//! What `kustomize build` makes of a folder, in memory and with the place every value was written at.
//!
//! Exact, or refused by name: what cannot be done as kustomize 5.8 does it is a [`Stop::Refused`], never a guess.

mod accumulate;
mod configuration;
pub mod edit;
pub mod field_specs;
mod file;
mod finish;
mod fold;
mod generate;
mod id;
mod kubectl;
mod load;
mod names;
mod notes;
mod origin;
mod patch;
mod plugins;
mod quotes;
mod references;
mod remote;
mod select;
mod shared;
mod transform;
mod untyped;
mod variables;

use std::collections::BTreeSet;

use accumulate::Builder;
use file::Kustomization;
use generate::Behavior;
use quotes::Quotes;
use untyped::Mistyped;

use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Entry, Kind, Node},
    repository::Repository,
    source::Place,
};

/// An object of a build.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The object as it stands. A value that a patch or a transformer set has the place it was written at there.
    pub object: Node,
    /// Where its document was written: the document itself, or the entry of the generator that made it.
    pub place: Place,
    /// What it was called before each change of its name, namespace or kind, the oldest first. References still use these.
    pub(crate) past: Vec<Id>,
    /// What else kustomize notes on objects while it builds.
    pub(crate) marks: Marks,
}

/// Notes on an object that are gone once it is built. kustomize keeps them as annotations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// The prefixes its name got, the innermost first.
    pub prefixes: Vec<String>,
    /// The suffixes its name got, the innermost first.
    pub suffixes: Vec<String>,
    /// Whether its name ends in the hash of what it says.
    pub needs_hash: bool,
    /// Whether a generator made it.
    pub generated: bool,
    /// The variables whose value is its.
    pub variables: Vec<String>,
    /// Where the labels and annotations are written that were set in several of its fields at once, and may still be one value.
    pub shares: Vec<Place>,
    /// The texts that a replacement put where a value of another type is.
    pub mistyped: Mistyped,
    /// Where texts of it come from that kustomize writes and cannot read again.
    pub unreadable: Vec<Place>,
    /// What it does to an object of its name.
    pub behavior: Behavior,
    /// Whether a patch that changed it was allowed to change its name.
    pub name_may_change: bool,
    /// Whether a patch that changed it was allowed to change its kind.
    pub kind_may_change: bool,
    /// The texts of it that have other quotes than they are written with.
    pub quotes: Quotes,
    /// Whether its name was set without saying that it is a text, so that what takes its place may be a number.
    pub name_is_untyped: bool,
    /// The same of its namespace.
    pub namespace_is_untyped: bool,
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
        Resource { place: object.place, object, past: Vec::new(), marks: Marks::default() }
    }

    /// Remembers what it is called, before that changes.
    pub(crate) fn remember(&mut self) {
        let mut id = self.id();
        let namespace = id.effective_namespace().to_owned();
        id.namespace = namespace;
        self.past.push(id);
    }

    /// What it was called, the oldest first. Its group and version count as they are now.
    pub(crate) fn past_ids(&self) -> Vec<Id> {
        let Id { group, version, .. } = self.id();
        let now = |past: &Id| Id { group: group.clone(), version: version.clone(), ..past.clone() };
        self.past.iter().map(now).collect()
    }

    /// Whether kustomize still knows what it was called. It keeps names, namespaces and kinds in three lists, divided by commas, into
    /// which nothing empty gets: it panics where they are of different lengths.
    pub(crate) fn has_a_past_in_order(&self) -> bool {
        let sum = |part: fn(&Id) -> &str| {
            let parts = |text: &str| if text.is_empty() { 0 } else { text.split(',').count() };
            self.past.iter().map(|past| parts(part(past))).sum::<usize>()
        };
        let names = sum(|id| &id.name);
        names == 0 || (names == sum(|id| &id.namespace) && names == sum(|id| &id.kind))
    }

    /// What it was called at first.
    pub(crate) fn original(&self) -> Id {
        let now = self.id();
        match self.past.first() {
            Some(first) => Id { group: now.group, version: now.version, ..first.clone() },
            None => now,
        }
    }

    /// Whether kustomize has annotations on it already, whatever its file says.
    pub(crate) fn has_marks(&self) -> bool {
        self.marks.generated || !self.past.is_empty()
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
    let result = builder.build(folder, kustomization);
    Built { result, reads: builder.reads }
}

/// An object with patches applied that are written as under `patches` of a kustomization file.
pub fn patched(repository: &Repository, object: &Node, patches: &Node) -> Result<Node, Stop> {
    let entry = Entry { key: "patches".to_owned(), key_place: patches.place, value: patches.clone() };
    let root = Node { place: patches.place, kind: Kind::Map(vec![entry].into()) };
    let mut builder = Builder::new(repository);
    let kustomization = Kustomization::new(&root, &[], "kustomization.yaml".to_owned())?;
    let patches = patch::patches(&mut builder, "", &kustomization)?;
    let mut resources = vec![Resource::new(object.clone())];
    patch::apply(&mut resources, &patches, &repository.sources)?;
    resources.pop().map(|resource| resource.object).ok_or_else(|| fails("the patches delete the object", root.place))
}

/// A failure of kustomize itself, at what it fails on.
pub(crate) fn fails(message: impl Into<String>, place: Place) -> Stop {
    Stop::Fails(Box::new(Diagnostic::new(code!("build-fails"), message).at(place, "")))
}

/// Something that we do not do.
pub(crate) fn refused(what: impl Into<String>, place: Place) -> Stop {
    Stop::Refused(Refusal { what: what.into(), place })
}
