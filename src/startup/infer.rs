//! Edges from what objects need and bring.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Basis, Edge, Graph, Reason, Strength, guess, needs};
use crate::{
    claims::{Claim, Tool, helm::Release, helmfile::Installed, is_release},
    flux::{Cluster, Object},
    knowledge,
    settings::Settings,
};

/// Who brings a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Provider {
    unit: usize,
    how: How,
}

/// How it is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// By an object of the unit: it is there once the unit is applied.
    Object,
    /// By a controller or a Helm release of the unit: it is there once that has done its work.
    Later,
}

/// What the units of a cluster bring.
struct Brought<'c> {
    by: HashMap<String, Vec<Provider>>,
    /// What is there before Flux starts: from Terraform, Talos, helmfile, scripts, and what settings say.
    outside: HashSet<String>,
    cluster: &'c Cluster,
    /// Direct and indirect dependencies of each unit as written, its ancestors included.
    before: Vec<Set>,
    /// Whose releases unknown domains are named after.
    names: guess::Names,
    /// Units whose release brings a storage class without saying its name.
    default_class: Option<usize>,
}

/// A need that the unit's own Helm release satisfies only after the unit was applied: it never comes up from nothing.
#[derive(Clone, Debug)]
pub struct Deadlock {
    /// The unit.
    pub unit: usize,
    /// What it needs.
    pub capability: String,
    /// Why, and where that is written.
    pub reason: Reason,
    /// Who brings it, where that is another unit, which waits for this one.
    pub by: Option<usize>,
}

/// The edges of one cluster, and the units that wait for themselves.
pub fn infer(
    cluster: &Cluster,
    index: usize,
    releases: &[Release],
    claims: &[Claim],
    installed: &[Installed],
    settings: &Settings,
) -> (Graph, Vec<Deadlock>) {
    let mut brought = Brought::of(cluster, index, releases, claims, settings);
    brought.outside.extend(definitions(installed, index, releases));
    brought.outside.extend(GIVEN.iter().map(|capability| (*capability).to_owned()));
    let mut reasons = Reasons::default();
    let mut deadlocks = Vec::new();
    for (from, unit) in cluster.units.iter().enumerate() {
        let mut seen = BTreeSet::new();
        let own = needs::of_unit(unit);
        for need in own.into_iter().chain(objects_here(cluster, from).iter().flat_map(needs::of)) {
            let is_given = brought.is_outside(&need.capability);
            let basis = if is_given { Basis::Given } else { Basis::Known };
            let mut reason = Reason { strength: need.strength, text: need.text, place: need.place, basis };
            match brought.best(from, &need.capability) {
                Found::Unit(to) => {
                    if seen.insert((to, need.capability.clone())) {
                        reasons.add(from, to, reason);
                    }
                }
                Found::Itself if need.strength == Strength::Hard && !is_given => {
                    if seen.insert((from, need.capability.clone())) {
                        deadlocks.push(Deadlock { unit: from, capability: need.capability, reason, by: None });
                    }
                }
                Found::Unknown => {
                    let Some(to) = brought.likely(from, &need.capability) else { continue };
                    if seen.insert((to, need.capability)) {
                        reason.text =
                            format!("{}, which `{}` probably brings", reason.text, cluster.units[to].name.name);
                        reason.basis = Basis::Likely;
                        reasons.add(from, to, reason);
                    }
                }
                Found::Behind(by) if need.strength == Strength::Hard && !is_given => {
                    if seen.insert((by, need.capability.clone())) {
                        deadlocks.push(Deadlock { unit: from, capability: need.capability, reason, by: Some(by) });
                    }
                }
                Found::Itself | Found::Behind(_) | Found::Nothing => {}
            }
        }
    }
    brought.by_name(releases, index, &mut reasons);
    let reasons = reasons.0;
    let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
    for (from, unit) in cluster.units.iter().enumerate() {
        for dependency in &unit.spec.depends_on {
            if let Some(&to) = cluster.index.get(&dependency.unit) {
                let edge = edges.entry((from, to)).or_insert(Edge { from, to, written: None, reasons: Vec::new() });
                edge.written.get_or_insert(dependency.place);
            }
        }
    }
    for ((from, to), mut found) in reasons {
        found.sort();
        edges.entry((from, to)).or_insert(Edge { from, to, written: None, reasons: Vec::new() }).reasons = found;
    }
    let mut graph = Graph { edges: edges.into_values().collect() };
    drop_circles(&mut graph, cluster);
    (graph, deadlocks)
}

/// What a unit puts into this cluster, rather than into another one that it names.
fn objects_here(cluster: &Cluster, unit: usize) -> &[Object] {
    if cluster.is_elsewhere(unit) { &[] } else { cluster.units[unit].objects() }
}

/// More reasons than anybody reads.
const MOST_REASONS: usize = 20;

/// Why each unit waits for which.
#[derive(Default)]
struct Reasons(BTreeMap<(usize, usize), Vec<Reason>>);

impl Reasons {
    fn add(&mut self, from: usize, to: usize, reason: Reason) {
        let kept = self.0.entry((from, to)).or_default();
        if kept.len() < MOST_REASONS {
            kept.push(reason);
        }
    }
}

/// Who brings what a unit needs.
enum Found {
    /// Nobody that is known.
    Unknown,
    /// Only a unit that waits for this one.
    Behind(usize),
    Unit(usize),
    /// Only the unit itself, and too late.
    Itself,
    /// Nobody, or it is there anyway.
    Nothing,
}

impl<'c> Brought<'c> {
    fn of(
        cluster: &'c Cluster,
        index: usize,
        releases: &[Release],
        claims: &[Claim],
        settings: &Settings,
    ) -> Brought<'c> {
        let mut by: HashMap<String, Vec<Provider>> = HashMap::new();
        let mut add = |capability: String, unit: usize, how: How| {
            let known = by.entry(capability).or_default();
            if !known.iter().any(|provider| provider.unit == unit && provider.how == how) {
                known.push(Provider { unit, how });
            }
        };
        for (at, unit) in cluster.units.iter().enumerate() {
            for object in objects_here(cluster, at) {
                for (place, capability) in needs::brought(object).into_iter().enumerate() {
                    // The first is the object itself and a definition's kind; what controllers make of it comes later.
                    let is_now = place == 0 || object.id.kind == "CustomResourceDefinition";
                    add(capability, at, if is_now { How::Object } else { How::Later });
                }
            }
            for capability in settings.provides.get(&unit.name.to_string()).into_iter().flatten() {
                add(capability.clone(), at, How::Later);
            }
        }
        for release in releases.iter().filter(|release| release.cluster == index) {
            for capability in release.provides() {
                add((*capability).to_owned(), release.unit, How::Later);
            }
            let mut classes = Vec::new();
            needs::classes_in(&release.values, &mut classes);
            for class in classes {
                add(class, release.unit, How::Later);
            }
            needs::hosts_in(&release.values, &mut |host| add(format!("host/{host}"), release.unit, How::Later));
            add(format!("service/{}/{}", release.target_namespace, release.name), release.unit, How::Later);
            let named = [format!("{}/{}", release.namespace, release.name), release.name.clone()];
            for capability in named.iter().filter_map(|name| settings.provides.get(name)).flatten() {
                add(capability.clone(), release.unit, How::Later);
            }
        }
        let before = closures(cluster);
        let own: Vec<&Release> = releases.iter().filter(|release| release.cluster == index).collect();
        let names = guess::Names::of(&own);
        let mut classes: Vec<usize> = by
            .iter()
            .filter(|(capability, _)| capability.starts_with("storageclass/"))
            .flat_map(|(_, providers)| providers.iter().map(|provider| provider.unit))
            .collect();
        classes.sort_unstable();
        classes.dedup();
        let default_class = match classes.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        Brought { by, outside: outside(claims), cluster, before, names, default_class }
    }

    /// The unit whose bringing it counts, for a unit that needs it.
    fn best(&self, from: usize, capability: &str) -> Found {
        let Some(providers) = self.providers(capability) else { return Found::Unknown };
        if providers.iter().any(|provider| provider.unit == from && provider.how == How::Object) {
            return Found::Nothing;
        }
        let others: Vec<&Provider> = providers.iter().filter(|provider| provider.unit != from).collect();
        let before = &self.before[from];
        if let Some(provider) = others.iter().find(|provider| before.contains(provider.unit)) {
            // What a parent applies is there when its children are.
            return if self.is_ancestor(provider.unit, from) { Found::Nothing } else { Found::Unit(provider.unit) };
        }
        let waits = |provider: &&&Provider| !self.before[provider.unit].contains(from);
        match others.iter().filter(waits).min_by_key(|provider| (provider.how, provider.unit)) {
            Some(provider) => Found::Unit(provider.unit),
            None if others.is_empty() => Found::Itself,
            None => match others.as_slice() {
                // What an ancestor brings is there before its children, or the ancestor would not be what it is.
                [only] if !self.is_ancestor(from, only.unit) => Found::Behind(only.unit),
                _ => Found::Nothing,
            },
        }
    }

    /// Whoever brings it: for a kind of custom resources its definition, else whatever brings its group.
    fn providers(&self, capability: &str) -> Option<&Vec<Provider>> {
        if let Some(found) = self.by.get(capability) {
            return Some(found);
        }
        if let Some(kind) = capability.strip_prefix("api/") {
            let group = kind.split('/').next().unwrap_or(kind);
            return self.by.get(&format!("api/{group}"));
        }
        // A release's services carry its name, and something more.
        let (namespace, service) = capability.strip_prefix("service/")?.split_once('/')?;
        let cuts = service.rmatch_indices('-').map(|(at, _)| &service[..at]);
        cuts.map(|start| format!("service/{namespace}/{start}")).find_map(|start| self.by.get(&start))
    }

    /// Whose release an unknown API group, device, driver or annotation is named after.
    fn likely(&self, from: usize, capability: &str) -> Option<usize> {
        if capability == needs::DEFAULT_CLASS {
            return self.usable(from, self.default_class?);
        }
        let (what, name) = capability.split_once('/')?;
        let domain = match what {
            "api" | "device" | "csidriver" | "annotation" => name.split('/').next().unwrap_or(name),
            _ => return None,
        };
        self.usable(from, self.names.owner_of(domain)?)
    }

    /// A unit that another one may wait for.
    fn usable(&self, from: usize, to: usize) -> Option<usize> {
        let circles = self.before[to].contains(from);
        (to != from && !circles && !self.is_ancestor(to, from)).then_some(to)
    }

    /// Edges from the names of charts and the places of folders.
    fn by_name(&self, releases: &[Release], index: usize, reasons: &mut Reasons) {
        let own: Vec<&Release> = releases.iter().filter(|release| release.cluster == index).collect();
        for (release, to) in guess::named_after(&own) {
            if let Some(to) = self.usable(release.unit, to) {
                let chart = release.chart.as_ref().expect("it is named after another");
                let text = format!(
                    "its chart `{}` is probably of what `{}` installs",
                    chart.name, self.cluster.units[to].name.name
                );
                let reason = Reason { strength: Strength::Ready, text, place: chart.place, basis: Basis::Likely };
                reasons.add(release.unit, to, reason);
            }
        }
        for (from, to, text) in guess::beside(self.cluster) {
            if let Some(to) = self.usable(from, to) {
                let unit = &self.cluster.units[from];
                let place = unit.spec.path.as_ref().map_or(unit.place, |path| path.place);
                reasons.add(from, to, Reason { strength: Strength::Soft, text, place, basis: Basis::Likely });
            }
        }
    }

    fn is_outside(&self, capability: &str) -> bool {
        self.outside.contains(capability)
            || capability
                .strip_prefix("api/")
                .is_some_and(|kind| self.outside.contains(&format!("api/{}", kind.split('/').next().unwrap_or(kind))))
    }

    fn is_ancestor(&self, ancestor: usize, unit: usize) -> bool {
        let parent = |at: &usize| self.cluster.units[*at].parent;
        std::iter::successors(parent(&unit), parent).any(|above| above == ancestor)
    }
}

/// What runs before Flux can: its operator, where it has one.
const GIVEN: &[&str] = &["api/fluxcd.controlplane.io"];

/// What the charts bring that a bootstrap installs or takes the definitions of, and the network's: without it Flux would not run.
fn definitions<'r>(
    installed: &'r [Installed],
    index: usize,
    releases: &'r [Release],
) -> impl Iterator<Item = String> + 'r {
    let own = releases.iter().filter(move |release| release.cluster == index);
    let adopted = own.filter(|release| {
        let is_same = |known: &Installed| known.name == release.name && known.namespace == release.namespace;
        installed.iter().any(is_same) || release.provides().iter().any(|capability| capability.starts_with("cni/"))
    });
    let named = installed.iter().flat_map(|release| release.chart.iter().chain([&release.name]));
    let known = named.flat_map(|chart| knowledge::of_chart(chart)).chain(adopted.flat_map(Release::provides));
    known.map(|capability| (*capability).to_owned())
}

/// What other tools bring before Flux starts.
fn outside(claims: &[Claim]) -> HashSet<String> {
    let mut found = HashSet::new();
    for claim in claims.iter().filter(|claim| !matches!(claim.tool, Tool::Flux | Tool::Helm | Tool::ArgoCd)) {
        let object = &claim.object;
        if is_release(object) {
            found.extend(knowledge::of_chart(&object.name).iter().map(|capability| (*capability).to_owned()));
        } else if object.kind == "CustomResourceDefinition"
            && let Some((_, group)) = object.name.split_once('.')
        {
            found.insert(format!("api/{group}"));
        }
        let home = object.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        found.insert(format!("{}/{home}{}", object.kind.to_lowercase(), object.name));
    }
    found
}

/// For each unit everything that is surely before it: its ancestors, what it waits for, and what those wait for.
fn closures(cluster: &Cluster) -> Vec<Set> {
    let units = &cluster.units;
    let next: Vec<Vec<usize>> = (0..units.len()).map(|at| directly_before(cluster, at)).collect();
    let mut waiting: Vec<usize> = next.iter().map(Vec::len).collect();
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); units.len()];
    for (at, found) in next.iter().enumerate() {
        for to in found {
            behind[*to].push(at);
        }
    }
    let mut closures = vec![Set::new(units.len()); units.len()];
    let mut ready: Vec<usize> = (0..units.len()).filter(|at| waiting[*at] == 0).collect();
    // A unit in a circle is never ready: what is before it then is only what it names.
    while let Some(at) = ready.pop() {
        let mut own = Set::new(units.len());
        for to in &next[at] {
            own.insert(*to);
            own.add(&closures[*to]);
        }
        closures[at] = own;
        for from in &behind[at] {
            waiting[*from] -= 1;
            if waiting[*from] == 0 {
                ready.push(*from);
            }
        }
    }
    for at in (0..units.len()).filter(|at| waiting[*at] > 0) {
        next[at].iter().for_each(|to| closures[at].insert(*to));
    }
    closures
}

fn directly_before(cluster: &Cluster, at: usize) -> Vec<usize> {
    let unit = &cluster.units[at];
    let waited = unit.spec.depends_on.iter().filter_map(|dependency| cluster.index.get(&dependency.unit).copied());
    let found: BTreeSet<usize> = waited.chain(unit.parent).filter(|to| *to != at).collect();
    found.into_iter().collect()
}

/// A set of units, a bit each.
#[derive(Clone, Debug)]
struct Set(Vec<u64>);

impl Set {
    fn new(size: usize) -> Set {
        Set(vec![0; size.div_ceil(64)])
    }

    fn insert(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn contains(&self, at: usize) -> bool {
        self.0[at / 64] & 1 << (at % 64) != 0
    }

    fn add(&mut self, other: &Set) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own |= other);
    }
}

/// Takes out inferred edges that would close a circle with the written ones, the weakest first: an order that is inferred must be one.
fn drop_circles(graph: &mut Graph, cluster: &Cluster) {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); cluster.units.len()];
    for edge in graph.edges.iter().filter(|edge| edge.written.is_some()) {
        next[edge.from].push(edge.to);
    }
    // A child is applied by its parent.
    for (at, unit) in cluster.units.iter().enumerate() {
        next[at].extend(unit.parent);
    }
    let mut all = next.clone();
    graph.edges.iter().filter(|edge| edge.written.is_none()).for_each(|edge| all[edge.from].push(edge.to));
    let is_knotted = knots(&all);
    let in_knot = |edge: &Edge| edge.written.is_none() && is_knotted[edge.from] && is_knotted[edge.to];
    let mut doubtful: Vec<usize> = (0..graph.edges.len()).filter(|at| in_knot(&graph.edges[*at])).collect();
    doubtful.sort_by_key(|at| (graph.edges[*at].strength(), graph.edges[*at].from, graph.edges[*at].to));
    let mut dropped = HashSet::new();
    for at in doubtful {
        let Edge { from, to, .. } = graph.edges[at];
        if from == to || leads(&next, to, from) {
            dropped.insert((from, to));
        } else {
            next[from].push(to);
        }
    }
    graph.edges.retain(|edge| !dropped.contains(&(edge.from, edge.to)));
}

/// The units that lie in a circle or between circles: what is left when those without a next or a previous one are taken away.
pub fn knots(next: &[Vec<usize>]) -> Vec<bool> {
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); next.len()];
    for (at, found) in next.iter().enumerate() {
        for to in found {
            behind[*to].push(at);
        }
    }
    let mut is_left = vec![true; next.len()];
    for (forward, backward) in [(next, behind.as_slice()), (behind.as_slice(), next)] {
        let mut count: Vec<usize> =
            forward.iter().map(|found| found.iter().filter(|to| is_left[**to]).count()).collect();
        let mut open: Vec<usize> = (0..next.len()).filter(|at| is_left[*at] && count[*at] == 0).collect();
        while let Some(at) = open.pop() {
            is_left[at] = false;
            for from in &backward[at] {
                if is_left[*from] {
                    count[*from] -= 1;
                    if count[*from] == 0 {
                        open.push(*from);
                    }
                }
            }
        }
    }
    is_left
}

/// Whether `goal` can be reached.
fn leads(next: &[Vec<usize>], start: usize, goal: usize) -> bool {
    let mut seen = HashSet::from([start]);
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        if at == goal {
            return true;
        }
        open.extend(next[at].iter().copied().filter(|to| seen.insert(*to)));
    }
    false
}
