//! Health checks are looked at, and look at objects that somebody makes.

use std::collections::BTreeSet;

use super::is_known_whole;
use crate::{
    claim::{ObjectId, group_of},
    claims::Role,
    code,
    diagnostic::{Diagnostic, Severity},
    flux::{Cluster, Unit, has_placeholder, roots::string},
    knowledge,
    node::Node,
    source::Place,
    startup::needs,
    survey::Survey,
};

/// Reports checks that `wait` makes Flux ignore, and checks that never pass.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (at, cluster) in survey.clusters.iter().enumerate() {
        for unit in cluster.units.iter().filter(|unit| !unit.spec.health_checks.is_empty()) {
            let Some(checks) = unit.object.at(["spec"]).and_then(|spec| spec.entry("healthChecks")) else { continue };
            if unit.spec.wait && seen.insert(checks.key_place) {
                found.push(ignored(unit, checks.key_place));
            }
        }
        let made = Made::of(survey, at, cluster);
        let is_whole = is_known_whole(cluster);
        for unit in &cluster.units {
            for check in &unit.spec.health_checks {
                let missing = missing(&made, is_whole, unit, check);
                found.extend(missing.filter(|_| seen.insert(check.place)));
            }
        }
    }
}

fn ignored(unit: &Unit, place: Place) -> Diagnostic {
    let wait = unit.object.at(["spec", "wait"]).map_or(unit.place, |wait| wait.place);
    Diagnostic::new(
        code!("health-checks-ignored"),
        format!("`{}` waits for all its objects, so its health checks are ignored", unit.name),
    )
    .at(place, "never looked at")
    .at(wait, "because of this")
    .help("remove `healthChecks`, or `wait: true` if only these are meant to count")
    .about(unit.name.to_string())
    .breaks(broken(unit))
}

/// What a check that is ignored anyway follows from.
fn broken(unit: &Unit) -> String {
    format!("health checks of {}", unit.name)
}

/// What there is in a cluster.
struct Made<'s> {
    objects: BTreeSet<&'s ObjectId>,
    namespaces: BTreeSet<&'s str>,
}

impl<'s> Made<'s> {
    fn of(survey: &'s Survey, at: usize, cluster: &'s Cluster) -> Made<'s> {
        let claims = survey.claims.iter().filter(|claim| claim.cluster.is_none_or(|cluster| cluster == at));
        let claimed = claims.filter(|claim| !matches!(claim.role, Role::Fields(_))).map(|claim| &claim.object);
        let applied = cluster.units.iter().flat_map(Unit::objects).map(|object| &object.id);
        let objects: BTreeSet<&ObjectId> = claimed.chain(applied).collect();
        let lies_in = |id: &&'s ObjectId| match (id.namespace.as_deref(), id.kind.as_str()) {
            (None, "Namespace") => Some(id.name.as_str()),
            (namespace, _) => namespace,
        };
        let releases = survey.releases.iter().filter(|release| release.cluster == at);
        let targets = releases.flat_map(|release| [release.target_namespace.as_str(), release.namespace.as_str()]);
        let provided = survey.settings.settings.provides.values().flatten();
        let provided = provided.filter_map(|capability| capability.strip_prefix("namespace/"));
        let namespaces = objects.iter().filter_map(lies_in).chain(targets).chain(provided);
        Made { namespaces: namespaces.chain(needs::GIVEN.iter().copied()).collect(), objects }
    }
}

/// A check of an object that Flux alone could make and nobody does, or in a namespace that nothing is in.
fn missing(made: &Made<'_>, is_whole: bool, unit: &Unit, check: &Node) -> Option<Diagnostic> {
    let text = |key: &str| string(check, &[key]).filter(|text| !has_placeholder(text) && !text.contains("${"));
    let (api_version, kind, name) = (text("apiVersion")?, text("kind")?, text("name")?);
    let written = check.get("namespace");
    let namespace = match written {
        Some(_) => Some(text("namespace")?),
        None => None,
    };
    let group = group_of(api_version);
    let place = check.get("name").map_or(check.place, |name| name.place);
    let said = format!("{kind} `{}{name}`", namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default());
    let finding = if knowledge::is_flux_group(group) && is_whole {
        let of_flux = namespace.unwrap_or(&unit.name.namespace).to_owned();
        let wanted = ObjectId { group: group.into(), kind: kind.into(), namespace: Some(of_flux), name: name.into() };
        if made.objects.contains(&wanted) {
            return None;
        }
        let message = format!("`{}` checks the health of the {said}, which nobody makes", unit.name);
        let near = made.objects.iter().find(|id| id.group == group && id.kind == kind && id.name == name);
        let finding = Diagnostic::new(code!("health-check-missing"), message).at(place, "");
        match near.and_then(|id| id.namespace.as_deref()) {
            Some(other) => finding.help(format!("there is one in the namespace `{other}`")),
            None => finding.help("name an object that this unit applies, or remove the check"),
        }
    } else {
        let namespace = namespace.filter(|namespace| is_whole && !made.namespaces.contains(namespace))?;
        let message =
            format!("`{}` checks the health of the {said}, and nothing is in the namespace `{namespace}`", unit.name);
        let finding = Diagnostic::new(code!("health-check-missing"), message)
            .at(written.map_or(place, |node| node.place), "")
            .severity(Severity::Warning);
        let elsewhere = made.objects.iter().find(|id| id.group == group && id.kind == kind && id.name == name);
        match elsewhere.and_then(|id| id.namespace.as_deref()) {
            Some(other) => finding.help(format!("there is one in the namespace `{other}`")),
            None => finding.help("name the namespace the object is really in, or remove the check"),
        }
    };
    let finding = finding.about(unit.name.to_string());
    let finding = namespace.into_iter().fold(finding, |finding, name| finding.follows(format!("Namespace:{name}")));
    Some(if unit.spec.wait {
        finding
            .severity(Severity::Warning)
            .follows(broken(unit))
            .note("`wait: true` hides it: Flux ignores these checks")
    } else {
        finding.note("the unit never becomes ready, nor does whatever waits for it")
    })
}
