//! Who puts which object into a cluster, whatever the tool: one file a tool.

pub mod argocd;
mod content;
mod embedded;
pub mod flux;
pub mod helm;
pub mod helmfile;
pub mod machine;
mod outline;
pub mod scripts;
pub mod talos;
pub mod terraform;

use self::{argocd::Application, helm::Release, talos::Talos};
pub(crate) use content::manifests;
pub use embedded::documents;
pub(crate) use embedded::placed;

use crate::{claim::ObjectId, flux::Cluster, kubernetes::Schemas, node::Node, repository::Repository, source::Place};

/// The claims of every tool but Terraform, in a fixed order.
pub fn all(
    repository: &Repository,
    clusters: &[Cluster],
    schemas: &Schemas,
    releases: &[Release],
    applications: &[Application],
    talos: &Talos,
) -> Vec<Claim> {
    let mut claims = flux::claims(clusters);
    claims.extend(helm::claims(releases));
    claims.extend(argocd::claims(repository, schemas, applications));
    claims.extend(talos::claims(talos, repository, clusters, schemas));
    claims.extend(helmfile::claims(repository, clusters));
    claims.extend(scripts::claims(repository, clusters, schemas));
    sort(&mut claims);
    claims
}

/// Puts claims into their order.
pub fn sort(claims: &mut [Claim]) {
    claims.sort_by(|left, right| key(left).cmp(&key(right)));
}

/// Says of claims that name no cluster which one they are about, where that can be told by their files.
pub fn settle(repository: &Repository, clusters: &[Cluster], claims: &mut [Claim]) {
    for claim in claims.iter_mut().filter(|claim| claim.cluster.is_none()) {
        claim.cluster = cluster_of(repository.path(claim.place), clusters).0;
    }
}

/// Whether a cluster has more in it than Flux: a folder that was bootstrapped once and then left alone has not.
fn is_in_use(cluster: &Cluster) -> bool {
    cluster.units.iter().any(|unit| {
        unit.objects().iter().any(|object| {
            let part = object.node.at(["metadata", "labels", "app.kubernetes.io/part-of"]).and_then(Node::as_str);
            let is_sync = object.id.group.ends_with(".toolkit.fluxcd.io") && object.id.name == unit.name.name;
            part != Some("flux") && !is_sync
        })
    })
}

/// Which cluster of the survey a file of another tool is about, and whether that can be told: the only one that holds anything,
/// or the one whose name is in the file's path. With none, everything is about one cluster.
pub fn cluster_of(path: &str, clusters: &[Cluster]) -> (Option<usize>, bool) {
    let alive: Vec<usize> = (0..clusters.len()).filter(|at| is_in_use(&clusters[*at])).collect();
    match alive.as_slice() {
        [] => (None, clusters.len() < 2),
        [only] => (Some(*only), true),
        several => {
            let name = |at: usize| clusters[at].name.rsplit('/').next().unwrap_or_default();
            let has = |at: &&usize| path.split(['/', '-', '.', '_']).any(|part| part == name(**at));
            let whole = |at: &&usize| path.split('/').any(|part| part == name(**at));
            let named = several.iter().find(whole).or_else(|| several.iter().find(has)).copied();
            (named, named.is_some())
        }
    }
}

/// What claims are sorted by.
fn key(claim: &Claim) -> (&ObjectId, Option<usize>, Tool, &str, Place) {
    (&claim.object, claim.cluster, claim.tool, &claim.unit, claim.place)
}

/// A tool that puts objects into clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Tool {
    Flux,
    Helm,
    Terraform,
    Talos,
    ArgoCd,
    Helmfile,
    Script,
    /// An owner that settings name.
    Declared,
}

impl Tool {
    /// As reports and `--format json` name it.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Flux => "flux",
            Tool::Helm => "helm",
            Tool::Terraform => "terraform",
            Tool::Talos => "talos",
            Tool::ArgoCd => "argocd",
            Tool::Helmfile => "helmfile",
            Tool::Script => "script",
            Tool::Declared => "declared",
        }
    }
}

/// What a claim means for the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It creates, updates and perhaps deletes the object.
    Owner,
    /// It creates the object once, for somebody else to take over.
    Bootstrap,
    /// It sets only these fields (JSON pointers) of an object that somebody else makes.
    Fields(Vec<String>),
}

/// How sure a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Read off the object itself: a build, a plan, a rendered chart.
    Exact,
    /// Read off a source text whose names are literal.
    Literal,
    /// Something of this kind may be there: a count, a condition, a name that is computed.
    Possible,
}

/// An object, and somebody who puts it into a cluster.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The object. A Helm release is [`release`]: no group, kind `HelmRelease` is the custom resource, not this.
    pub object: ObjectId,
    /// Which of the survey's clusters it is in; None where that cannot be told, which is taken for all of them.
    pub cluster: Option<usize>,
    /// The tool.
    pub tool: Tool,
    /// Which part of the tool: `flux-system/gitea`, `helm_release.cilium`, `worker.yaml`; the reader's words.
    pub unit: String,
    /// For Flux: the unit's index in its cluster. For Helm under Flux: the unit that applies the HelmRelease.
    pub flux_unit: Option<usize>,
    /// What it means.
    pub role: Role,
    /// Whether the object is deleted when its owner stops naming it.
    pub prunes: bool,
    /// How sure it is.
    pub certainty: Certainty,
    /// Where it is written.
    pub place: Place,
    /// A digest of what the object is to be, to tell copies from different versions; None where unknown.
    pub content: Option<u64>,
}

/// A Helm release as an object: storage namespace and release name. Shown as `helm:namespace/name`.
pub fn release(namespace: &str, name: &str) -> ObjectId {
    ObjectId { group: "helm.sh".into(), kind: "Release".into(), namespace: Some(namespace.into()), name: name.into() }
}

/// Whether an object is a Helm release.
pub fn is_release(object: &ObjectId) -> bool {
    object.group == "helm.sh" && object.kind == "Release"
}

/// An object as settings, reports and `why` name it: `Kind[.group]:[namespace/]name` or `helm:namespace/release`.
pub fn shown(object: &ObjectId) -> String {
    match &object.namespace {
        Some(namespace) if is_release(object) => format!("helm:{namespace}/{}", object.name),
        _ => object.to_string(),
    }
}
