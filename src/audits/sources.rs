//! What units and releases are fetched from exists.

use std::collections::BTreeSet;

use super::is_known_whole;
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    flux::{
        Cluster, Object, Unit, has_placeholder,
        roots::{FLUX_SYSTEM, string},
    },
    node::Node,
    source::Place,
    survey::Survey,
};

/// The API group of sources.
const GROUP: &str = "source.toolkit.fluxcd.io";

/// A source that something names.
struct Named<'s> {
    kind: &'s str,
    namespace: &'s str,
    name: &'s str,
    place: Place,
    /// Who names it.
    by: String,
}

/// Reports sources that nobody makes.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let written = written(survey);
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for cluster in survey.clusters.iter().filter(|cluster| is_known_whole(cluster)) {
        let made = made(cluster);
        for named in named(cluster) {
            let given = named.name == FLUX_SYSTEM || has_placeholder(named.name) || named.name.contains("${");
            // What is written somewhere may be applied by hand; files that no build loads are another finding.
            let is_there = made.contains(&(named.kind, named.namespace, named.name))
                || written.contains(&(named.kind, named.name));
            if !given && !is_there && seen.insert(named.place) {
                found.push(finding(&named, &made));
            }
        }
    }
}

fn finding(named: &Named<'_>, made: &BTreeSet<(&str, &str, &str)>) -> Diagnostic {
    let Named { kind, namespace, name, .. } = named;
    let message = format!("{} is fetched from the {kind} `{namespace}/{name}`, which nobody makes", named.by);
    let same = || made.iter().filter(|(other, _, _)| other == kind);
    let finding = Diagnostic::new(code!("source-missing"), message)
        .at(named.place, "")
        .note("it never becomes ready, nor does whatever waits for it")
        .about(format!("{kind}.{GROUP}:{namespace}/{name}"));
    let near = nearest(name, same().filter(|(_, other, _)| other == namespace).map(|(_, _, name)| *name));
    match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!("add the {kind}, or name one that is there")),
    }
}

/// Kind, namespace and name of the sources that a cluster's units make, and of the one its root is fetched from.
fn made(cluster: &Cluster) -> BTreeSet<(&str, &str, &str)> {
    let objects = cluster.units.iter().flat_map(Unit::objects).filter(|object| object.id.group.ends_with(".fluxcd.io"));
    let applied = objects
        .filter_map(|object| Some((object.id.kind.as_str(), object.id.namespace.as_deref()?, object.id.name.as_str())));
    let roots = cluster.units.iter().filter(|unit| unit.parent.is_none()).filter_map(|unit| unit.spec.source.as_ref());
    applied.chain(roots.map(|source| (source.kind.as_str(), source.namespace.as_str(), source.name.as_str()))).collect()
}

/// Kind and name of every source that a document of the repository or another tool's claim is.
fn written(survey: &Survey) -> BTreeSet<(&str, &str)> {
    let documents = survey.repository.files().flat_map(|(_, file)| file.documents());
    let of = |document: &'_ Node| string(document, &["apiVersion"]).is_some_and(|version| version.starts_with(GROUP));
    let documents = documents.filter(|document| of(document));
    let documents =
        documents.filter_map(|document| Some((string(document, &["kind"])?, string(document, &["metadata", "name"])?)));
    let claims = survey.claims.iter().filter(|claim| claim.object.group == GROUP);
    documents.chain(claims.map(|claim| (claim.object.kind.as_str(), claim.object.name.as_str()))).collect()
}

/// Every source that units, HelmReleases and HelmCharts of a cluster name.
fn named(cluster: &Cluster) -> Vec<Named<'_>> {
    let mut named = Vec::new();
    for unit in &cluster.units {
        if let Some(source) = unit.spec.source.as_ref().filter(|_| unit.parent.is_some()) {
            named.push(Named {
                kind: &source.kind,
                namespace: &source.namespace,
                name: &source.name,
                place: source.place,
                by: format!("unit `{}`", unit.name),
            });
        }
        for object in unit.objects() {
            let Some(spec) = object.node.get("spec") else { continue };
            let reference = match (object.id.kind.as_str(), object.id.group.as_str()) {
                ("HelmRelease", "helm.toolkit.fluxcd.io") => {
                    spec.get("chartRef").or_else(|| spec.at(["chart", "spec", "sourceRef"]))
                }
                ("HelmChart", GROUP) => spec.get("sourceRef"),
                _ => None,
            };
            named.extend(reference.and_then(|reference| referred(object, reference)));
        }
    }
    named
}

fn referred<'s>(object: &'s Object, reference: &'s Node) -> Option<Named<'s>> {
    let name = reference.get("name")?;
    let own = object.id.namespace.as_deref()?;
    Some(Named {
        kind: string(reference, &["kind"])?,
        namespace: string(reference, &["namespace"]).filter(|text| !text.is_empty()).unwrap_or(own),
        name: name.as_str()?,
        place: name.place,
        by: format!("{} `{own}/{}`", object.id.kind, object.id.name),
    })
}
