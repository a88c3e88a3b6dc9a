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
    startup::needs::{self, Need},
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
        let objects = cluster.units.iter().filter(|unit| !unit.spec.suspend).flat_map(Unit::objects);
        let needs: Vec<Need> = objects.flat_map(needs::of).filter(|need| need.is_full_name).collect();
        let named = |need: &Need| {
            let (namespace, name) = need.capability.strip_prefix("service/")?.split_once('/')?;
            (!GIVEN.contains(&namespace)).then(|| (namespace.to_owned(), name.to_owned()))
        };
        let names: Vec<((String, String), Place)> =
            needs.iter().filter_map(|need| Some((named(need)?, need.place))).collect();
        let homes = Homes::of(survey, at, names.iter().map(|((namespace, _), _)| namespace.as_str()).collect());
        for ((namespace, name), place) in names {
            let Some(home) = homes.0.get(&namespace).filter(|home| home.is_filled && !home.may_serve(&name)) else {
                continue;
            };
            let near = nearest(&name, home.services.iter().map(String::as_str)).map(str::to_owned);
            wrong.entry((namespace, name)).or_insert((BTreeSet::new(), near)).0.insert(place);
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
    /// Whether the cluster puts anything there.
    is_filled: bool,
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

/// Namespaces that are asked about.
struct Homes(BTreeMap<String, Home>);

impl Homes {
    fn of(survey: &Survey, cluster: usize, asked: BTreeSet<&str>) -> Homes {
        let mut homes: BTreeMap<String, Home> =
            asked.into_iter().map(|namespace| (namespace.to_owned(), Home::default())).collect();
        for object in survey.clusters[cluster].units.iter().flat_map(Unit::objects) {
            let Some(home) = object.id.namespace.as_ref().and_then(|namespace| homes.get_mut(namespace)) else {
                continue;
            };
            home.is_filled = true;
            if object.id.kind == "Service" {
                home.services.insert(object.id.name.clone());
            } else if !knowledge::is_built_in_group(&object.id.group) {
                home.words.extend(words(&object.id.name).map(str::to_owned));
            }
        }
        for release in survey.releases.iter().filter(|release| release.cluster == cluster) {
            let Some(home) = homes.get_mut(&release.target_namespace) else { continue };
            home.is_filled = true;
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
            if let Some((namespace, name)) = capability.strip_prefix("service/").and_then(|name| name.split_once('/'))
                && let Some(home) = homes.get_mut(namespace)
            {
                home.services.insert(name.to_owned());
            }
        }
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
