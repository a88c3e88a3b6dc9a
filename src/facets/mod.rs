//! What a service can have: one file a facet. Each says which objects it gives, and what it needs from other units.

mod chart;
mod host;
mod issuers;
mod pool;
mod pools;
mod secrets;
mod tofu;

use serde_json::Value;

pub use chart::{ChartSource, Release, folder_of};

use crate::{
    compile::SealedStore,
    diagnostic::Diagnostic,
    inventory::Inventory,
    node::{Node, Part},
    plan::{Plan, Unit, UnitId},
    references::SecretUse,
    source::Place,
};

/// Every facet, in the order their files are listed.
pub const FACETS: &[fn(&Context<'_>, &mut Made)] =
    &[chart::make, host::make, pool::make, secrets::make, tofu::make, issuers::make, pools::make];

/// What a facet sees.
pub struct Context<'c> {
    /// The whole plan.
    pub plan: &'c Plan,
    /// The inventory as written.
    pub inventory: &'c Inventory,
    /// Its places.
    pub root: &'c Node,
    /// The sealed values that are committed.
    pub sealed: &'c SealedStore,
    /// The solvers of issuers that templates gave.
    pub solvers: &'c std::collections::BTreeMap<String, Value>,
    /// The unit in question.
    pub unit: &'c Unit,
    /// Its number.
    pub id: UnitId,
}

impl Context<'_> {
    /// The place of a key of this unit.
    pub fn place(&self, key: &str, part: Part) -> Place {
        self.root.place_of(&self.pointer(key), part)
    }

    /// The pointer of a key of this unit.
    pub fn pointer(&self, key: &str) -> String {
        format!("{}/{key}", self.unit.pointer)
    }
}

/// What facets gave a unit.
#[derive(Debug, Default)]
pub struct Made {
    /// Files with objects.
    pub files: Vec<MadeFile>,
    /// The Helm release.
    pub release: Option<Release>,
    /// What must be there first.
    pub needs: Vec<Need>,
    /// Secrets that come to be, as namespace and name.
    pub secrets: Vec<(String, String)>,
    /// Secrets that are used, as namespace, name and place.
    pub secret_uses: Vec<SecretUse>,
    /// What is wrong.
    pub findings: Vec<Diagnostic>,
}

impl Made {
    /// Adds a file with one object.
    pub fn object(&mut self, file: impl Into<String>, pointer: impl Into<String>, object: Value) {
        self.files.push(MadeFile { name: file.into(), pointer: pointer.into(), objects: vec![object] });
    }
}

/// A file of objects that the compiler writes.
#[derive(Debug)]
pub struct MadeFile {
    /// Its name in the unit's folder.
    pub name: String,
    /// Where the inventory asks for it.
    pub pointer: String,
    /// Its objects.
    pub objects: Vec<Value>,
}

/// Something that must be there before a unit comes up.
#[derive(Clone, Debug)]
pub struct Need {
    /// Who brings it.
    pub what: What,
    /// Why, to be read after "because ": `its host needs the issuer letsencrypt`.
    pub reason: String,
    /// Where this is written.
    pub place: Place,
    /// What to say when nobody brings it; nothing when that is no fault.
    pub otherwise: Option<String>,
}

/// Who brings what a unit needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Whoever brings this capability.
    Capability(String),
    /// This unit.
    Unit(UnitId),
}
