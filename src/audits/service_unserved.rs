//! A name in the cluster's DNS belongs to a Service that somebody makes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claims::is_release,
    code,
    diagnostic::{Diagnostic, nearest},
    flux::Unit,
    knowledge,
    node::{Kind, Node},
    source::Place,
    startup::needs,
    survey::Survey,
};

/// Where the cluster and its distribution keep Services of their own.
const GIVEN: &[&str] = &["default", "kube-system", "kube-public", "flux-system"];
/// At most so many users of a name are shown.
const SHOWN: usize = 3;

/// Every `name.namespace.svc` against the Services of namespaces in which all is known.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut wrong: BTreeMap<(String, String), (BTreeSet<Place>, Option<String>)> = BTreeMap::new();
    for (at, cluster) in survey.clusters.iter().enumerate() {
        if !super::unmade::is_complete(cluster) {
            continue;
        }
        let mut homes = Homes::of(survey, at);
        for object in cluster.units.iter().filter(|unit| !unit.spec.suspend).flat_map(Unit::objects) {
            for need in needs::of(object).into_iter().filter(|need| need.is_full_name) {
                let Some((namespace, name)) =
                    need.capability.strip_prefix("service/").and_then(|name| name.split_once('/'))
                else {
                    continue;
                };
                let Some(home) = homes.0.get_mut(namespace).filter(|home| !home.may_serve(name)) else { continue };
                let near = nearest(name, home.services.iter().map(String::as_str)).map(str::to_owned);
                let entry = wrong.entry((namespace.to_owned(), name.to_owned())).or_insert((BTreeSet::new(), near));
                entry.0.insert(need.place);
            }
        }
    }
    for ((namespace, name), (places, near)) in wrong {
        let message = format!("no Service `{name}` is known in the namespace `{namespace}`");
        let mut finding =
            Diagnostic::new(code!("service-unserved"), message).about(format!("Service:{namespace}/{name}"));
        for place in places.iter().take(SHOWN) {
            finding = finding.at(*place, "");
        }
        if places.len() > SHOWN {
            finding = finding.note(format!("and named in {} more places", places.len() - SHOWN));
        }
        found.push(match near {
            Some(near) => finding.help(format!("did you mean `{near}.{namespace}.svc`?")),
            None => finding.help(format!(
                "name a Service of `{namespace}`, or say who makes it: `[provides]`, `\"service/{namespace}/{name}\"`"
            )),
        });
    }
}

/// What is known of a namespace.
#[derive(Default)]
struct Home {
    services: BTreeSet<String>,
    /// Words of the names of whatever may make Services there: releases, charts, custom resources.
    words: BTreeSet<String>,
}

impl Home {
    fn may_serve(&self, name: &str) -> bool {
        // The operator of Prometheus makes Services of fixed names.
        self.services.contains(name) || name.ends_with("-operated") || words(name).any(|word| self.words.contains(word))
    }
}

/// The namespaces that this cluster fills.
struct Homes(BTreeMap<String, Home>);

impl Homes {
    fn of(survey: &Survey, cluster: usize) -> Homes {
        let mut homes: BTreeMap<String, Home> = BTreeMap::new();
        for object in survey.clusters[cluster].units.iter().flat_map(Unit::objects) {
            let Some(namespace) = &object.id.namespace else { continue };
            let home = homes.entry(namespace.clone()).or_default();
            if object.id.kind == "Service" {
                home.services.insert(object.id.name.clone());
            } else if !knowledge::is_built_in_group(&object.id.group) {
                home.words.extend(words(&object.id.name).map(str::to_owned));
            }
        }
        for release in survey.releases.iter().filter(|release| release.cluster == cluster) {
            let home = homes.entry(release.target_namespace.clone()).or_default();
            let chart = release.chart.as_ref().map_or("", |chart| chart.name.as_str());
            home.words.extend(words(&release.name).chain(words(chart)).map(str::to_owned));
            overrides(&release.values, &mut home.words);
        }
        for claim in survey.claims.iter().filter(|claim| claim.cluster.is_none_or(|at| at == cluster)) {
            let Some(home) = claim.object.namespace.as_ref().and_then(|namespace| homes.get_mut(namespace)) else {
                continue;
            };
            if claim.object.kind == "Service" || is_release(&claim.object) {
                home.services.insert(claim.object.name.clone());
                home.words.extend(words(&claim.object.name).map(str::to_owned));
            }
        }
        for capability in survey.settings.settings.provides.values().flatten() {
            if let Some((namespace, name)) = capability.strip_prefix("service/").and_then(|name| name.split_once('/')) {
                homes.entry(namespace.to_owned()).or_default().services.insert(name.to_owned());
            }
        }
        homes.retain(|namespace, _| !GIVEN.contains(&namespace.as_str()));
        Homes(homes)
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['-', '.', '_']).filter(|word| word.len() > 1)
}

/// Words of every text in values: charts name Services after many of them.
fn overrides(values: &Node, found: &mut BTreeSet<String>) {
    for entry in values.entries() {
        found.extend(words(&entry.key).map(str::to_owned));
        match &entry.value.kind {
            Kind::String(text) if entry.key.to_lowercase().ends_with("name") || entry.key.ends_with("Override") => {
                found.extend(words(text).map(str::to_owned));
            }
            _ => overrides(&entry.value, found),
        }
    }
    values.items().iter().for_each(|item| overrides(item, found));
}
