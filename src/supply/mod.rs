//! Secrets and ConfigMaps of a cluster: who makes each, with which keys, and who uses it.

mod makers;
mod mentions;
pub mod refused;
mod uses;

pub use makers::{Keys, Maker, Makers, makers};
pub use mentions::mentioned;
pub use uses::{Use, uses};

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    /// As manifests write it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ConfigMap => "ConfigMap",
            Kind::Secret => "Secret",
        }
    }

    /// Of a `kind`.
    pub fn of(text: &str) -> Option<Kind> {
        match text {
            "ConfigMap" => Some(Kind::ConfigMap),
            "Secret" => Some(Kind::Secret),
            _ => None,
        }
    }
}

/// A Secret or ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Stored {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

impl std::fmt::Display for Stored {
    /// `Secret:namespace/name`, as `[[allow]] on` names it.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}/{}", self.kind.name(), self.namespace, self.name)
    }
}
