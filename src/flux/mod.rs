//! What Flux would apply: the clusters of a repository, their Kustomizations ("units") and the objects of each.
//!
//! Follows kustomize-controller 1.9 (Flux 2.9). Each unit is built with its *effective* spec: as its parent's patches,
//! substitutions and decryption leave it.

pub mod artifacts;
pub mod envsubst;
mod fallback;
pub mod generate;
mod glob;
pub mod order;
pub mod roots;
pub mod sourceignore;
mod substitute;
pub mod text;
pub mod units;
pub mod variables;

pub use fallback::Fallback;
pub use substitute::{Substituted, Variable, Variables, substitute};

use std::collections::{BTreeMap, BTreeSet};

use crate::{claim::ObjectId, kustomize::Stop, node::Node, source::Place};

/// One world: the units that one root brings about.
#[derive(Debug)]
pub struct Cluster {
    /// A name for people and for `render --all`: the root's folder, without what all roots share.
    pub name: String,
    /// Its units, parents before children, otherwise in the order they are found.
    pub units: Vec<Unit>,
    /// Units by name.
    pub index: BTreeMap<UnitName, usize>,
}

impl Cluster {
    /// Whether a unit, or one that it comes from, applies to another cluster, which it names.
    pub fn is_elsewhere(&self, unit: usize) -> bool {
        let above = std::iter::successors(Some(unit), |at| self.units[*at].parent);
        above.into_iter().any(|at| self.units[at].object.at(["spec", "kubeConfig"]).is_some())
    }
}

/// The name of a unit: its Kustomization's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct UnitName {
    pub namespace: String,
    pub name: String,
}

impl std::fmt::Display for UnitName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.namespace, self.name)
    }
}

/// A Flux Kustomization.
#[derive(Debug)]
pub struct Unit {
    /// Its name.
    pub name: UnitName,
    /// The Kustomization, effective. For a root that is only known as a folder (`--root`, a FluxInstance), the one Flux would make.
    pub object: Node,
    /// Where its name is written (for a root without one: where its folder is named).
    pub place: Place,
    /// The unit that applies it; None for a root.
    pub parent: Option<usize>,
    /// The folder it applies, below the repository's root; None where `spec.path` leads nowhere or its source is elsewhere.
    pub folder: Option<String>,
    /// What it says.
    pub spec: Spec,
    /// What came of it.
    pub outcome: Outcome,
    /// The files its build read.
    pub reads: BTreeSet<String>,
    /// Variables that its substitution left undefined.
    pub undefined: Vec<Undefined>,
}

/// The parts of a Kustomization's spec that more than one check reads; the rest is in [`Unit::object`].
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names are those of the spec")]
pub struct Spec {
    pub path: Option<Text>,
    pub prune: bool,
    pub wait: bool,
    pub suspend: bool,
    pub target_namespace: Option<Text>,
    /// Kind, namespace, name.
    pub source: Option<Source>,
    pub depends_on: Vec<Dependency>,
    pub health_checks: Vec<Node>,
    pub decrypts: bool,
}

/// A text with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Text {
    pub text: String,
    pub place: Place,
}

/// A `sourceRef`, with the namespace filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the spec")]
pub struct Source {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub place: Place,
}

/// An entry of `dependsOn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The unit it waits for, with the namespace filled in.
    pub unit: UnitName,
    /// Where its name is written.
    pub place: Place,
    /// `readyExpr`, which replaces the usual test of readiness.
    pub ready_expression: Option<String>,
}

/// What came of building a unit.
#[derive(Debug)]
pub enum Outcome {
    /// The objects Flux would apply, in its order.
    Objects(Vec<Object>),
    /// None, and why.
    Stopped(Stop),
    /// Its source is not this repository.
    Elsewhere,
    /// Its path does not exist.
    NoPath,
}

/// An object as Flux would apply it.
#[derive(Clone, Debug)]
pub struct Object {
    /// Which object it is; a namespace on a kind that has none is dropped here, but still in `node`.
    pub id: ObjectId,
    /// Its `apiVersion`.
    pub api_version: String,
    /// All of it.
    pub node: Node,
    /// Where its document was written.
    pub place: Place,
}

impl Object {
    /// Where its name is written, or else its document.
    pub fn name_place(&self) -> Place {
        self.node.at(["metadata", "name"]).map_or(self.place, |name| name.place)
    }
}

/// A variable nobody defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undefined {
    /// Its name.
    pub name: String,
    /// Where it is used.
    pub place: Place,
}

impl Unit {
    /// Its objects; none where it could not be built.
    pub fn objects(&self) -> &[Object] {
        match &self.outcome {
            Outcome::Objects(objects) => objects,
            _ => &[],
        }
    }
}

/// What stands for a value that is only known encrypted: `..PLACEHOLDER_<key>..`. No check draws a conclusion from it.
pub fn placeholder(key: &str) -> String {
    format!("..PLACEHOLDER_{key}..")
}

/// Whether a text holds a value that is only known encrypted.
pub fn has_placeholder(text: &str) -> bool {
    text.contains("..PLACEHOLDER_") || text.contains("ENC[AES256_GCM,")
}
