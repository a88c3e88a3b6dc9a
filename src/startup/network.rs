//! The pod network that Flux itself would bring: it never does, as Flux cannot run without one.

use crate::{
    claims::{Claim, Tool, helm::Release, talos::Talos},
    knowledge,
    repository::Repository,
    source::Place,
};

/// What begins the name of a capability that is a pod network.
const NETWORK: &str = "cni/";
/// What installs things when somebody runs it.
const RUN: &[&str] = &[".sh", ".just", "justfile", "Justfile", "Makefile", ".tf", ".tofu", ".gotmpl"];

/// A network that comes too late.
#[derive(Clone, Copy, Debug)]
pub struct Late<'r> {
    /// The release that brings it.
    pub release: &'r Release,
    /// Where nodes are told to install none.
    pub none: Place,
}

/// The network that only Flux brings, although the nodes have none; nothing where anything else may bring one.
pub fn late<'r>(repository: &Repository, talos: &Talos, claims: &[Claim], releases: &'r [Release]) -> Option<Late<'r>> {
    let none = talos.no_network?;
    let is_network = |name: &str| knowledge::of_chart(name).iter().any(|capability| capability.starts_with(NETWORK));
    let mut ours =
        releases.iter().filter(|release| release.chart.as_ref().is_some_and(|chart| is_network(&chart.name)));
    let release = ours.next()?;
    // With several clusters it cannot be told whose nodes these are.
    if ours.any(|other| other.cluster != release.cluster) {
        return None;
    }
    let name = &release.chart.as_ref().expect("it was asked for its chart").name;
    let mentions = |text: &str| text.contains(name.as_str()) || text.contains(release.name.as_str());
    let is_outside = |claim: &&Claim| !matches!(claim.tool, Tool::Flux | Tool::Helm);
    let is_given = claims.iter().filter(is_outside).any(|claim| {
        mentions(&claim.object.name) || claim.object.kind == "DaemonSet" && is_network(&claim.object.name)
    }) || talos.inline.iter().any(|inline| mentions(&inline.name))
        || talos.external.iter().any(|(url, _)| mentions(url))
        || repository.files().any(|(path, _)| may_install(path) && repository.text(path).is_some_and(mentions));
    (!is_given).then_some(Late { release, none })
}

/// Whether a file is of a kind that installs things before Flux runs.
fn may_install(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    RUN.iter().any(|end| file.ends_with(end))
        || ["helmfile", "Taskfile", "taskfile"].iter().any(|start| file.starts_with(start))
        || path.split('/').any(|part| matches!(part, "bootstrap" | ".taskfiles" | "scripts" | "helmfile.d" | "ansible"))
}
