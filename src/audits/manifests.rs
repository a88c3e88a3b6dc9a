//! What Flux would apply has the form its API asks for.

use std::collections::BTreeSet;

use crate::{
    code,
    diagnostic::{Diagnostic, Severity},
    flux::{Object, Unit, has_placeholder},
    kubernetes::Origin,
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// Holds every object against its schema, where that is surely the one of the cluster: Kubernetes' own kinds, and those whose
/// definition the cluster applies.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeSet<(Place, String)> = BTreeSet::new();
    for cluster in &survey.clusters {
        let defined = defined(cluster.units.iter().flat_map(Unit::objects));
        for unit in &cluster.units {
            for object in unit.objects() {
                let is_custom = match survey.schemas.origin(&object.api_version, &object.id.kind) {
                    Some(Origin::Kubernetes) => false,
                    Some(Origin::Repository)
                        if defined.contains(&(object.id.group.as_str(), object.id.kind.as_str())) =>
                    {
                        true
                    }
                    // A project's definition is embedded in one version, and the cluster may run another.
                    Some(Origin::Repository | Origin::Project) | None => continue,
                };
                for finding in survey.schemas.validate(&object.node) {
                    if is_certain(survey, unit, object, &finding)
                        && seen.insert((place(&finding, object), finding.message.clone()))
                    {
                        found.push(weighed(finding, is_custom));
                    }
                }
            }
        }
    }
}

/// Group and kind of every definition among these.
fn defined<'s>(objects: impl Iterator<Item = &'s Object>) -> BTreeSet<(&'s str, &'s str)> {
    let definitions = objects.filter(|object| object.id.kind == "CustomResourceDefinition");
    let text = |object: &'s Object, pointer: &str| object.node.pointer(pointer)?.as_str();
    definitions.filter_map(|object| Some((text(object, "/spec/group")?, text(object, "/spec/names/kind")?))).collect()
}

fn place(finding: &Diagnostic, object: &Object) -> Place {
    finding.labels.first().map_or(object.place, |label| label.place)
}

fn weighed(finding: Diagnostic, is_custom: bool) -> Diagnostic {
    let is_unknown = finding.code == code!("manifest-field-unknown");
    if is_custom && is_unknown { finding.severity(Severity::Warning) } else { finding }
}

/// Whether what is judged is what the cluster will see: no value that is encrypted, undefined or filled in later.
fn is_certain(survey: &Survey, unit: &Unit, object: &Object, finding: &Diagnostic) -> bool {
    // API versions are judged elsewhere.
    if finding.code == code!("manifest-kind-unknown") {
        return false;
    }
    let place = place(finding, object);
    let written = survey.repository.sources.text(place);
    let is_undefined = unit.undefined.iter().any(|variable| variable.place == place)
        || !unit.undefined.is_empty() && written.contains("${");
    !has_placeholder(written) && !is_undefined && !holds_placeholder(&object.node, place)
}

/// Whether the value of this place, wherever it is in the object, is only known encrypted.
fn holds_placeholder(node: &Node, place: Place) -> bool {
    match &node.kind {
        Kind::String(text) => node.place == place && has_placeholder(text),
        Kind::List(items) => items.iter().any(|item| holds_placeholder(item, place)),
        Kind::Map(entries) => entries.iter().any(|entry| {
            entry.key_place == place && entry.value.as_str().is_some_and(has_placeholder)
                || holds_placeholder(&entry.value, place)
        }),
        _ => false,
    }
}
