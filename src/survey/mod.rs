//! A survey: everything known about a repository, before any audit judges it.

use std::collections::BTreeSet;

use crate::{
    claims::{Claim, terraform},
    diagnostic::Diagnostic,
    flux::Cluster,
    kubernetes::Schemas,
    repository::Repository,
    startup::Graph,
};

/// What the command line asks of a survey.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folders to take for the roots of clusters, instead of looking for them.
    pub roots: Vec<String>,
    /// Terraform plans (`terraform show -json`) to read.
    pub terraform_plans: Vec<String>,
    /// Whether `helm` may be called on charts in the repository.
    pub helm: bool,
    /// Whether `kubectl kustomize` may be called for what is refused.
    pub fallback: bool,
}

/// Everything known.
#[derive(Debug)]
pub struct Survey {
    /// The files.
    pub repository: Repository,
    /// The clusters Flux keeps from it.
    pub clusters: Vec<Cluster>,
    /// Who puts what where, over all tools.
    pub claims: Vec<Claim>,
    /// What Terraform sources say besides.
    pub terraform: terraform::Facts,
    /// Who waits for whom, one graph a cluster, in the order of `clusters`.
    pub graphs: Vec<Graph>,
    /// Schemas: Kubernetes', well-known custom resources, every CRD of the repository.
    pub schemas: Schemas,
    /// Files that some tool reads: a build, Terraform, Talos, Argo CD, a generator.
    pub loaded: BTreeSet<String>,
    /// What was wrong with texts while they were read.
    pub found: Vec<Diagnostic>,
}
