//! Claims: who puts which object into the cluster, and where it says so.

use std::fmt;

use crate::{plan::UnitId, source::Place};

/// An object in the cluster, without the version of its API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// API group; empty for the core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; None for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl fmt::Display for ObjectId {
    /// `Kind[.group]:[namespace/]name`, as `owns`, `allow` and `why` write it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(out, ".{}", self.group)?;
        }
        out.write_str(":")?;
        if let Some(namespace) = &self.namespace {
            write!(out, "{namespace}/")?;
        }
        out.write_str(&self.name)
    }
}

impl ObjectId {
    /// Reads `Kind[.group]:[namespace/]name`.
    pub fn parse(text: &str) -> Option<ObjectId> {
        let (kind, name) = text.split_once(':')?;
        let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
        let (namespace, name) = match name.split_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, name),
        };
        let right = !name.is_empty() && kind.starts_with(|letter: char| letter.is_ascii_uppercase());
        right.then(|| ObjectId { group: group.into(), kind: kind.into(), namespace, name: name.into() })
    }

    /// Whether an `owns` or `allow` text means this object; a group left away there means any.
    pub fn matches(&self, text: &str) -> bool {
        ObjectId::parse(text).is_some_and(|other| {
            (other.group.is_empty() || other.group == self.group)
                && other.kind == self.kind
                && other.name == self.name
                && (other.namespace.is_none() && self.namespace.is_none() || other.namespace == self.namespace)
        })
    }
}

/// The group of an `apiVersion`; empty for the core.
pub fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// An object that a unit puts into the cluster.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The object.
    pub object: ObjectId,
    /// Its `apiVersion`.
    pub api_version: String,
    /// The unit that applies it; None for the unit of namespaces.
    pub unit: Option<UnitId>,
    /// The file below `out/` that holds it.
    pub file: String,
    /// Where a person wrote it: a template's line, or the key of the inventory it comes from.
    pub place: Place,
}
