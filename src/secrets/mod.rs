//! Secrets.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// What a sealed value is bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Namespace and name.
    #[default]
    Strict,
    /// The namespace.
    NamespaceWide,
    /// The cluster.
    ClusterWide,
}
