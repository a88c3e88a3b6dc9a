//! What is likely without being written anywhere: whose controller an API group or a device belongs to, which unit lies beside which.
//!
//! Edges of this kind show in the graph, with a reason that says "probably"; no finding rests on them alone.

use std::collections::{BTreeMap, HashMap};

use crate::{claims::helm::Release, flux::Cluster};

/// Parts of names that say nothing about whose they are.
const EMPTY: &[&str] = &[
    "operator",
    "controller",
    "manager",
    "chart",
    "charts",
    "helm",
    "crds",
    "crd",
    "system",
    "server",
    "app",
    "stack",
    "k8s",
    "x",
    "io",
    "com",
    "dev",
    "org",
    "net",
    "sh",
    "cloud",
    "kubernetes",
    "v1",
    "api",
    "apis",
    "config",
    "home",
    "operations",
    "csi",
    "driver",
    "drivers",
    "plugin",
    "provider",
    "alpha",
    "beta",
    "metrics",
    "networking",
    "storage",
    "resource",
    "core",
    "apps",
    "ai",
    "eu",
    "de",
    "co",
    "tech",
    "node",
    "device",
    "cluster",
];

/// Releases by the parts of their names, to find whose an unknown domain is.
pub struct Names {
    by_part: HashMap<String, Vec<usize>>,
    /// How many telling parts each release's name has.
    parts: Vec<usize>,
    units: Vec<usize>,
}

impl Names {
    /// The releases of one cluster.
    pub fn of(releases: &[&Release]) -> Names {
        let mut by_part: HashMap<String, Vec<usize>> = HashMap::new();
        let mut parts = Vec::new();
        for (at, release) in releases.iter().enumerate() {
            let chart = release.chart.as_ref().map_or("", |chart| chart.name.as_str());
            // Charts that only wrap somebody's containers say nothing; the release's name does.
            let mut found: Vec<String> = telling(chart).chain(telling(&release.name)).collect();
            found.sort();
            found.dedup();
            parts.push(found.len());
            for part in found {
                by_part.entry(part).or_default().push(at);
            }
        }
        Names { by_part, parts, units: releases.iter().map(|release| release.unit).collect() }
    }

    /// The unit whose release a domain such as `volsync.backube` or `gpu.intel.com` names: the one that shares most with it, if there is one such.
    pub fn owner_of(&self, domain: &str) -> Option<usize> {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for part in telling(domain) {
            let found = self.by_part.get(&part).map(Vec::as_slice).unwrap_or_default();
            for at in found {
                *shared.entry(*at).or_default() += 1;
            }
        }
        let best = shared.iter().map(|(at, count)| (*count, std::cmp::Reverse(self.parts[*at]))).max()?;
        let mut owners: Vec<usize> = shared
            .iter()
            .filter(|(at, count)| (**count, std::cmp::Reverse(self.parts[**at])) == best)
            .map(|(at, _)| self.units[*at])
            .collect();
        owners.dedup();
        match owners.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }
}

/// The parts of a name that tell it from others.
fn telling(name: &str) -> impl Iterator<Item = String> {
    let parts = name.split(['.', '-', '/', '_']).filter(|part| part.len() > 2 && !EMPTY.contains(part));
    parts.map(|part| {
        let part = part.to_lowercase();
        // `dragonflydb.io` is about `dragonfly`, `rabbitmq.com` about itself.
        part.strip_suffix("db").filter(|rest| rest.len() > 4).map(str::to_owned).unwrap_or(part)
    })
}

/// For each chart that is named after another one's, that one's unit: `rook-ceph-cluster` after `rook-ceph`.
pub fn named_after<'r>(releases: &[&'r Release]) -> Vec<(&'r Release, usize)> {
    let chart = |release: &Release| release.chart.as_ref().map_or(String::new(), |chart| chart.name.clone());
    let by_chart: HashMap<String, usize> = releases.iter().map(|release| (chart(release), release.unit)).collect();
    let mut found = Vec::new();
    for release in releases {
        let own = chart(release);
        if own.is_empty() {
            continue;
        }
        let controllers = ["-controller", "-operator", "-crds"].map(|end| format!("{own}{end}"));
        let cuts = own.rmatch_indices('-').map(|(at, _)| own[..at].to_owned());
        let is_controller = ["-controller", "-operator", "-crds"].iter().any(|end| own.ends_with(end));
        let before = cuts.filter(|_| !is_controller).flat_map(|cut| [cut.clone(), format!("{cut}-operator")]);
        let earlier = controllers.into_iter().chain(before).find_map(|name| by_chart.get(&name).copied());
        found.extend(earlier.filter(|unit| *unit != release.unit).map(|unit| (*release, unit)));
    }
    found
}

/// For each unit that lies beside the one with the main part, that one: `network/multus/networks` beside `network/multus/app`.
pub fn beside(cluster: &Cluster) -> Vec<(usize, usize, String)> {
    let mut folders: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for (at, unit) in cluster.units.iter().enumerate() {
        if let Some((folder, name)) = unit.folder.as_deref().and_then(|folder| folder.rsplit_once('/')) {
            folders.entry(folder).or_default().push((at, name));
        }
    }
    let mut found = Vec::new();
    for (folder, members) in folders {
        let whole = folder.rsplit('/').next().unwrap_or(folder);
        let is_main = |name: &str| matches!(name, "app" | "operator" | "controller" | "install") || name == whole;
        let mains: Vec<usize> = members.iter().filter(|(_, name)| is_main(name)).map(|(at, _)| *at).collect();
        // Where everything is an app of its own, nothing lies beside anything.
        let [main] = mains.as_slice() else {
            named_beside(cluster, &members, &mut found);
            continue;
        };
        for (at, _) in members.iter().filter(|(at, _)| at != main) {
            found.push((*at, *main, format!("it lies beside `{}` in {folder}/", cluster.units[*main].name.name)));
        }
    }
    found
}

/// `cert-manager-config` in the folder where `cert-manager` is.
fn named_beside(cluster: &Cluster, members: &[(usize, &str)], found: &mut Vec<(usize, usize, String)>) {
    let by_name: HashMap<&str, usize> = members.iter().map(|(at, name)| (*name, *at)).collect();
    for (at, name) in members {
        let cuts = name.rmatch_indices('-').map(|(cut, _)| &name[..cut]);
        let earlier =
            cuts.flat_map(|cut| [Some(cut), cut.strip_suffix("-operator")]).flatten().find_map(|cut| by_name.get(cut));
        if let Some(main) = earlier {
            found.push((*at, *main, format!("its folder is named after that of `{}`", cluster.units[*main].name.name)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_by_its_parts() {
        let parts = |name: &str| telling(name).collect::<Vec<_>>();
        assert_eq!(parts("volsync.backube"), ["volsync", "backube"]);
        assert_eq!(parts("gpu.intel.com"), ["gpu", "intel"]);
        assert_eq!(parts("dragonflydb.io"), ["dragonfly"]);
        assert_eq!(parts("operator.controller.io"), [] as [&str; 0]);
    }
}
