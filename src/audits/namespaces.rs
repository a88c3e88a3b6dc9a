//! Objects lie in a namespace, and Namespaces keep the name they are written with.

use std::collections::{BTreeMap, BTreeSet};

use super::objects;
use crate::{
    code,
    diagnostic::Diagnostic,
    flux::{Object, Unit, has_placeholder},
    node::Node,
    source::Place,
    startup::needs,
    survey::Survey,
};

/// Reports objects without a namespace and Namespaces that a build renames.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    unset(survey, found);
    renamed(survey, found);
}

fn unset(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (_, unit, object) in objects(survey) {
        let has_namespace = object
            .node
            .at(["metadata", "namespace"])
            .and_then(Node::as_str)
            .is_some_and(|namespace| !namespace.is_empty());
        let needs_one = survey.schemas.namespaced(&object.api_version, &object.id.kind) == Some(true);
        if !has_namespace && needs_one && seen.insert(object.place) {
            found.push(without(unit, object));
        }
    }
}

fn without(unit: &Unit, object: &Object) -> Diagnostic {
    let place = object.node.entry("metadata").map_or(object.place, |entry| entry.key_place);
    let message = format!("this `{}` does not say which namespace it is in", object.id.kind);
    Diagnostic::new(code!("namespace-unset"), message)
        .at(place, "")
        .note(format!("Flux refuses the whole of `{}`: `namespace not specified`", unit.name))
        .help("give it a `namespace`, or the Kustomization a `targetNamespace`")
        .about(object.id.to_string())
}

/// A Namespace that `targetNamespace` or `namespace` gave another name, where that can only be a mistake: the new name is one of the
/// system's, or the old one is still used and nobody makes it. A file of a Namespace that is there to be renamed is a common way to
/// make one for each folder.
fn renamed(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let namespaces: BTreeMap<Place, &Node> = objects(survey)
        .filter(|(_, _, object)| object.id.kind == "Namespace" && object.id.group.is_empty())
        .filter_map(|(_, _, object)| Some((object.place, document(survey, object)?)))
        .collect();
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (at, cluster) in survey.clusters.iter().enumerate() {
        let all = || cluster.units.iter().flat_map(|unit| unit.objects().iter().map(move |object| (unit, object)));
        let made: BTreeSet<&str> = all()
            .filter(|(_, object)| object.id.kind == "Namespace")
            .map(|(_, object)| object.id.name.as_str())
            .collect();
        let targets = survey.releases.iter().filter(|release| release.cluster == at);
        let targets = targets.filter(|release| release.creates_namespace.is_none());
        let targets = targets.map(|release| release.target_namespace.as_str());
        let used: BTreeSet<&str> =
            all().filter_map(|(_, object)| object.id.namespace.as_deref()).chain(targets).collect();
        let mut uses: BTreeMap<Place, usize> = BTreeMap::new();
        all().for_each(|(_, object)| *uses.entry(object.place).or_default() += 1);
        for (unit, object) in all().filter(|(_, object)| object.id.kind == "Namespace") {
            let Some(document) = namespaces.get(&object.place) else { continue };
            let Some(name) = document.at(["metadata", "name"]) else { continue };
            let Some(old) = name.as_str().filter(|old| !has_placeholder(old) && !old.contains("${")) else { continue };
            let new = object.id.name.as_str();
            // A prefix or a suffix is no namespace.
            if old == new || new.contains(old) {
                continue;
            }
            let is_lost = used.contains(old) && !made.contains(old) && !needs::GIVEN.contains(&old);
            let takes_system =
                needs::GIVEN.contains(&new) && is_pruned(unit, object) && is_meant(old) && uses[&object.place] == 1;
            if (is_lost || takes_system) && seen.insert(name.place) {
                found.push(renamed_to(unit, object, name, old, takes_system));
            }
        }
    }
}

fn is_pruned(unit: &Unit, object: &Object) -> bool {
    let keeps = object.node.at(["metadata", "annotations", "kustomize.toolkit.fluxcd.io/prune"]);
    unit.spec.prune && keeps.and_then(Node::as_str) != Some("disabled")
}

/// Whether a name is one that a namespace can have: `_` and the like are there to be replaced.
fn is_meant(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.bytes().all(is_inner)
        && !name.starts_with('-')
        && !["not-used", "unused", "placeholder", "replaced"].contains(&name)
}

fn renamed_to(unit: &Unit, object: &Object, name: &Node, old: &str, takes_system: bool) -> Diagnostic {
    let new = &object.id.name;
    let note = if takes_system {
        format!("once it leaves `{}`, Flux deletes the namespace `{new}` and all that is in it", unit.name)
    } else {
        format!("nobody makes the namespace `{old}`, which objects of this cluster lie in")
    };
    Diagnostic::new(
        code!("namespace-renamed"),
        format!("`{}` makes the namespace `{new}` of this Namespace `{old}`", unit.name),
    )
    .at(name.place, "")
    .at(object.name_place(), "renames it")
    .note(note)
    .help("set the namespace on the objects that need it instead, or keep the Namespace in a unit without one")
    .about(format!("Namespace:{old}"))
    .breaks(format!("Namespace:{old}"))
}

/// The document an object was written as.
fn document<'s>(survey: &'s Survey, object: &Object) -> Option<&'s Node> {
    let file = survey.repository.file(survey.repository.path(object.place))?;
    file.documents().find(|document| document.place == object.place)
}
