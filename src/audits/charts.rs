//! Charts are pinned, and a namespace is made by one of the two that could.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claims::helm::Release,
    code,
    diagnostic::Diagnostic,
    flux::{Object, Unit, has_placeholder, roots::string},
    node::{Kind, Node},
    source::Place,
    startup::needs,
    survey::Survey,
};

/// Reports floating versions, and Namespaces that Helm may make before the unit that owns them.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    floating(survey, found);
    created(survey, found);
}

fn floating(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (_, _, object) in super::objects(survey) {
        let is_release = object.id.kind == "HelmRelease" && object.id.group == "helm.toolkit.fluxcd.io";
        let Some(spec) = object.node.at(["spec", "chart", "spec"]).filter(|_| is_release) else { continue };
        // The version of a chart in a Git repository is that of the commit.
        let Some(chart) = spec.get("chart").filter(|_| string(spec, &["sourceRef", "kind"]) == Some("HelmRepository"))
        else {
            continue;
        };
        let (place, text) = match spec.get("version").filter(|version| version.kind != Kind::Null) {
            Some(version) => (version.place, version.as_str().map(str::to_owned)),
            None => (chart.place, Some(String::new())),
        };
        let Some(text) = text.filter(|text| floats(text)) else { continue };
        if seen.insert(place) {
            found.push(floating_version(object, chart, place, &text));
        }
    }
}

/// Whether a version means whatever is newest in a range.
fn floats(version: &str) -> bool {
    let version = version.trim();
    if has_placeholder(version) || version.contains("${") {
        return false;
    }
    let numbers = version.trim_start_matches(['v', '=', ' ']);
    let core = numbers.split(['-', '+']).next().unwrap_or_default();
    core.split('.').count() != 3
        || !core.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        || numbers.contains([' ', ',', '|'])
}

fn floating_version(object: &Object, chart: &Node, place: Place, text: &str) -> Diagnostic {
    let chart = chart.as_str().unwrap_or_default();
    let message = if text.is_empty() {
        format!("the chart `{chart}` has no version: Flux takes the newest")
    } else {
        format!("`{text}` is no one version of the chart `{chart}`: Flux takes the newest that fits")
    };
    Diagnostic::new(code!("chart-floating"), message)
        .at(place, "")
        .note("the cluster changes without a commit, and no revert brings the old version back")
        .help("write the version that runs now, such as `1.4.2`, and let a bot raise it by commits")
        .about(object.id.to_string())
}

/// Namespaces that a release may make although a unit owns them, one finding for each.
fn created(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut owned: BTreeMap<(usize, &str), (&Unit, &Object)> = BTreeMap::new();
    for (cluster, unit, object) in super::objects(survey) {
        let is_namespace = object.id.kind == "Namespace" && object.id.group.is_empty();
        // What every cluster has is there before Helm.
        if is_namespace && !needs::GIVEN.contains(&object.id.name.as_str()) {
            owned.entry((cluster, &object.id.name)).or_insert((unit, object));
        }
    }
    let mut by_namespace: BTreeMap<(usize, &str), Vec<&Release>> = BTreeMap::new();
    for release in survey.releases.iter().filter(|release| release.creates_namespace.is_some()) {
        by_namespace.entry((release.cluster, &release.target_namespace)).or_default().push(release);
    }
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (key, releases) in by_namespace {
        let Some((unit, namespace)) = owned.get(&key) else { continue };
        let says_something =
            |field| namespace.node.at(["metadata", field]).is_some_and(|map: &Node| !map.entries().is_empty());
        if !(says_something("labels") || says_something("annotations")) {
            continue;
        }
        let places: Vec<Place> = releases
            .iter()
            .filter_map(|release| release.creates_namespace)
            .filter(|place| seen.insert(*place))
            .collect();
        let Some((first, others)) = places.split_first() else { continue };
        let message = format!("`createNamespace` makes the namespace `{}`, which unit `{}` owns", key.1, unit.name);
        let mut finding = Diagnostic::new(code!("create-namespace-owned"), message).at(*first, "");
        for other in others.iter().take(4) {
            finding = finding.at(*other, "");
        }
        found.push(
            finding
                .at(namespace.name_place(), "owned here")
                .note(
                    "if Helm is first, the namespace is there without its labels and annotations until Flux adds them",
                )
                .help("remove `createNamespace`")
                .about(format!("Namespace:{}", key.1)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_floats_unless_it_is_whole() {
        for version in [
            "",
            "*",
            "1",
            "1.4",
            "1.*",
            "1.4.x",
            "v1.4",
            ">=1.4.2",
            "^1.4.2",
            "~1.4.2",
            "1.4.2 - 1.5.0",
            "1.4.2 || 1.5.0",
            "> 1.0.0",
        ] {
            assert!(floats(version), "{version}");
        }
        for version in [
            "1.4.2",
            "v1.4.2",
            "=1.4.2",
            "1.4.2-rc.1",
            "1.4.2+build.7",
            "0.0.0",
            "${VERSION}",
            "..PLACEHOLDER_version..",
        ] {
            assert!(!floats(version), "{version}");
        }
    }
}
