//! Audits: each reads a survey and reports what is wrong with the repository. They change nothing, and their order does not matter.
//!
//! A new audit is a file here, its name in the list and a page in `docs/codes/`.

use crate::{
    diagnostic::Diagnostic,
    flux::{Cluster, Object, Outcome, Unit},
    foundation::is_about,
    node::Node,
    parallel,
    source::Place,
    survey::Survey,
};

/// An audit.
pub type Audit = fn(&Survey, &mut Vec<Diagnostic>);

/// Makes one line of the list both the module and the entry.
macro_rules! audits {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every audit.
        pub const AUDITS: &[Audit] = &[$($name::audit),*];
    };
}

audits! {
    addresses,
    api_versions,
    certificate_twice,
    chart_values,
    charts,
    cni_from_flux,
    committed_secrets,
    dns_twice,
    documents,
    endpoints_disagree,
    files,
    flux_bootstrap_twice,
    health_checks,
    host_routed_twice,
    host_unserved,
    manifests,
    namespaces,
    networks_disagree,
    order,
    ownership,
    secret_two_makers,
    service_unserved,
    sources,
    tofu,
    unmade,
    versions,
}

pub use ownership::owner;

/// What all of them find, in the order of the list. They run side by side.
pub fn run(survey: &Survey) -> Vec<Diagnostic> {
    // Some of the last ones take longest: begun last, they would be waited for.
    let last_first: Vec<&Audit> = AUDITS.iter().rev().collect();
    let results = parallel::each(&last_first, |audit| {
        let mut found = Vec::new();
        audit(survey, &mut found);
        found
    });
    results.into_iter().rev().flatten().collect()
}

/// A survey of a repository of these files, and what one audit finds in it.
#[cfg(test)]
fn audited<'f>(audit: Audit, files: impl IntoIterator<Item = (&'f str, &'f str)>) -> (Survey, Vec<Diagnostic>) {
    let world = crate::world::MemWorld::new(files);
    let survey = crate::survey::survey(&world, &crate::survey::Options::default()).expect("memory can be read");
    let mut found = Vec::new();
    audit(&survey, &mut found);
    (survey, found)
}

/// Every object of every cluster, with its cluster's index and its unit.
fn objects(survey: &Survey) -> impl Iterator<Item = (usize, &Unit, &Object)> {
    let units =
        survey.clusters.iter().enumerate().flat_map(|(at, cluster)| cluster.units.iter().map(move |unit| (at, unit)));
    units.flat_map(|(at, unit)| unit.objects().iter().map(move |object| (at, unit, object)))
}

/// The survey's clusters by index; a repository without any is taken for one that is not known.
fn clusters(survey: &Survey) -> Vec<Option<usize>> {
    if survey.clusters.is_empty() { vec![None] } else { (0..survey.clusters.len()).map(Some).collect() }
}

/// The units of one of them, without those that apply to yet another cluster.
fn units_of(survey: &Survey, cluster: Option<usize>) -> impl Iterator<Item = &Unit> {
    cluster.map(|at| &survey.clusters[at]).into_iter().flat_map(|cluster| {
        cluster.units.iter().enumerate().filter(|(at, _)| !cluster.is_elsewhere(*at)).map(|(_, unit)| unit)
    })
}

/// Values of variables that are called something, of Flux and of Terraform: the name, the value, where it stands.
fn variables(survey: &Survey, cluster: Option<usize>) -> impl Iterator<Item = (&str, &str, Place)> {
    let of_flux = units_of(survey, cluster).flat_map(|unit| {
        let maps = unit.objects().iter().filter(|object| object.id.kind == "ConfigMap");
        let maps = maps.filter_map(|object| object.node.get("data"));
        maps.chain(unit.object.at(["spec", "postBuild", "substitute"])).flat_map(Node::entries)
    });
    let of_flux = of_flux.filter_map(|entry| Some((entry.key.as_str(), entry.value.as_str()?, entry.value.place)));
    let settings = survey.terraform.settings.iter().filter(move |it| is_about(survey, it.place, cluster));
    let last = |name: &'_ str| name.rfind('.').map_or(0, |at| at + 1);
    of_flux.chain(settings.map(move |it| (&it.name[last(&it.name)..], it.value.as_str(), it.place)))
}

/// Whether all that a cluster applies is known: every unit was built, and nothing makes objects out of others at runtime.
fn is_known_whole(cluster: &Cluster) -> bool {
    let is_built = |unit: &Unit| matches!(unit.outcome, Outcome::Objects(_));
    let makes_objects = |object: &Object| {
        matches!(object.id.kind.as_str(), "ResourceSet" | "ArtifactGenerator" | "Application" | "ApplicationSet")
    };
    cluster.units.iter().all(|unit| is_built(unit) && !unit.objects().iter().any(makes_objects))
}
