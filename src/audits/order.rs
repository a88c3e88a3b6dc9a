//! What is written about order is satisfiable, and what is needed is written.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    code,
    diagnostic::{Diagnostic, Severity, nearest},
    flux::{Cluster, Dependency, Outcome, Unit, UnitName},
    kustomize::Stop,
    startup::{Deadlock, Edge, Graph, Reason, Strength, knots},
    survey::Survey,
};

/// At most so many units that need one are shown with their lines; the others are named.
const SHOWN: usize = 12;

/// Checks every cluster's `dependsOn` against what its objects need.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    for (at, cluster) in survey.clusters.iter().enumerate() {
        let graph = &survey.graphs[at];
        let broken = !super::is_known_whole(cluster);
        // A unit that could not be built may apply the one that is waited for.
        if !broken {
            targets(survey, cluster, found);
        }
        cycles(cluster, graph, found);
        waits_for_children(cluster, found);
        unready(cluster, found);
        // Where a unit could not be built, what it brings is not known.
        if !broken {
            deadlocks(survey, at, found);
        }
        missing(survey, at, found);
    }
}

/// `dependsOn` names units that exist.
fn targets(survey: &Survey, cluster: &Cluster, found: &mut Vec<Diagnostic>) {
    for unit in &cluster.units {
        for dependency in unit.spec.depends_on.iter().filter(|one| !cluster.index.contains_key(&one.unit)) {
            let finding = unknown(survey, cluster, unit, dependency);
            // Nobody knows what else applies a unit that nothing here does, unless the name is nearly right.
            if unit.parent.is_some() || finding.edit.is_some() || finding.labels.len() > 1 {
                found.push(finding);
            }
        }
    }
}

fn unknown(survey: &Survey, cluster: &Cluster, unit: &Unit, dependency: &Dependency) -> Diagnostic {
    let UnitName { namespace, name } = &dependency.unit;
    let message = format!("unit `{}` waits for `{}`, which this cluster does not have", unit.name, dependency.unit);
    let finding = Diagnostic::new(code!("depends-unknown"), message)
        .at(dependency.place, "")
        .note("Flux never applies a unit whose dependency does not exist")
        .about(unit.name.to_string());
    let release = cluster.units.iter().flat_map(Unit::objects).find(|object| {
        object.id.group == "helm.toolkit.fluxcd.io" && object.id.kind == "HelmRelease" && object.id.name == *name
    });
    if let Some(release) = release {
        let owner = cluster.units.iter().find(|unit| unit.objects().iter().any(|object| object.id == release.id));
        let help = owner.map_or_else(String::new, |owner| format!(": name the unit that applies it, `{}`", owner.name));
        return finding
            .at(release.name_place(), "a HelmRelease of this name")
            .help(format!("a Kustomization cannot wait for a HelmRelease{help}"));
    }
    let elsewhere = cluster.index.keys().find(|known| known.name == *name);
    if let Some(known) = elsewhere {
        return finding.help(format!("there is `{known}`: add `namespace: {}`", known.namespace));
    }
    if let Some(lost) = survey.unreachable.iter().find(|lost| lost.name == dependency.unit) {
        return finding.at(lost.place, "no unit applies it").help("let a unit that is applied list this file");
    }
    let names = cluster.index.keys().filter(|known| known.namespace == *namespace).map(|known| known.name.as_str());
    match nearest(name, names) {
        Some(near) => finding.edit(dependency.place, near, format!("did you mean `{near}`?")),
        None => finding.help("take it out, or add the unit"),
    }
}

/// No unit waits for itself in the end.
fn cycles(cluster: &Cluster, graph: &Graph, found: &mut Vec<Diagnostic>) {
    let mut next: Vec<Vec<&Edge>> = vec![Vec::new(); cluster.units.len()];
    graph.edges.iter().filter(|edge| edge.written.is_some()).for_each(|edge| next[edge.from].push(edge));
    let targets: Vec<Vec<usize>> = next.iter().map(|edges| edges.iter().map(|edge| edge.to).collect()).collect();
    let is_knotted = knots(&targets);
    let mut told = BTreeSet::new();
    for start in (0..cluster.units.len()).filter(|at| is_knotted[*at]) {
        let Some(path) = circle(&next, start) else { continue };
        let members: BTreeSet<usize> = path.iter().map(|edge| edge.from).collect();
        if members.first() != Some(&start) || !told.insert(members) {
            continue;
        }
        let names: Vec<String> = path.iter().map(|edge| format!("`{}`", cluster.units[edge.from].name)).collect();
        let message = format!("{} wait for each other in a circle", names.join(", "));
        let mut finding = Diagnostic::new(code!("cycle"), message);
        for edge in &path {
            let to = &cluster.units[edge.to].name;
            let why = edge.reasons.first().map(|reason| format!(": {}", reason.text)).unwrap_or_default();
            let place = edge.written.expect("a circle is of written edges");
            finding = finding.at(place, format!("`{}` waits for `{to}`{why}", cluster.units[edge.from].name));
        }
        found.push(
            finding
                .note("none of them is ever applied")
                .help("take out the edge that is needed least")
                .about(cluster.units[start].name.to_string()),
        );
    }
}

/// A shortest circle through a unit of the edges that leave each unit.
fn circle<'g>(next: &[Vec<&'g Edge>], start: usize) -> Option<Vec<&'g Edge>> {
    let mut came: Vec<Option<&Edge>> = vec![None; next.len()];
    let mut open = std::collections::VecDeque::from([start]);
    while let Some(at) = open.pop_front() {
        for edge in &next[at] {
            if edge.to == start {
                let mut path = vec![*edge];
                while path[path.len() - 1].from != start {
                    path.push(came[path[path.len() - 1].from].expect("it was reached"));
                }
                path.reverse();
                return Some(path);
            }
            if came[edge.to].is_none() {
                came[edge.to] = Some(edge);
                open.push_back(edge.to);
            }
        }
    }
    None
}

/// A parent that waits for everything it applies, and a child that waits for the parent.
fn waits_for_children(cluster: &Cluster, found: &mut Vec<Diagnostic>) {
    for unit in &cluster.units {
        let ancestors = std::iter::successors(unit.parent, |at| cluster.units[*at].parent);
        for above in ancestors.map(|at| &cluster.units[at]).filter(|above| above.spec.wait) {
            for dependency in unit.spec.depends_on.iter().filter(|one| one.unit == above.name) {
                let wait = above.object.at(["spec", "wait"]).map_or(above.place, |wait| wait.place);
                found.push(
                    Diagnostic::new(
                        code!("parent-waits"),
                        format!("unit `{}` waits for `{}`, which waits for it", unit.name, above.name),
                    )
                    .at(dependency.place, "")
                    .at(wait, "waits until everything it applies is ready, this unit too")
                    .help("a parent is applied before its children anyway: take the dependency out")
                    .about(unit.name.to_string()),
                );
            }
        }
    }
}

/// A unit that others wait for says when it is ready.
fn unready(cluster: &Cluster, found: &mut Vec<Diagnostic>) {
    let mut waiting: Vec<Vec<&Dependency>> = vec![Vec::new(); cluster.units.len()];
    let dependencies = cluster.units.iter().flat_map(|unit| &unit.spec.depends_on);
    for dependency in dependencies.filter(|one| one.ready_expression.is_none()) {
        if let Some(at) = cluster.index.get(&dependency.unit) {
            waiting[*at].push(dependency);
        }
    }
    for (at, unit) in cluster.units.iter().enumerate() {
        let checks = unit.object.at(["spec", "healthCheckExprs"]).map_or(0, |list| list.items().len());
        if unit.spec.wait || !unit.spec.health_checks.is_empty() || checks > 0 || !becomes_ready_later(unit) {
            continue;
        }
        let waiting = &waiting[at];
        let Some(first) = waiting.first() else { continue };
        let count = waiting.len();
        found.push(
            Diagnostic::new(
                code!("depends-unready"),
                format!("`{}` is waited for, but does not say when it is ready", unit.name),
            )
            .at(unit.place, "")
            .at(
                first.place,
                if count == 1 { "waits for it".to_owned() } else { format!("waits for it, one of {count}") },
            )
            .note("without `wait` or `healthChecks` a unit counts as ready as soon as it is applied")
            .help("add `wait: true` to its spec")
            .about(unit.name.to_string()),
        );
    }
}

/// Whether something in it takes time after it was applied.
fn becomes_ready_later(unit: &Unit) -> bool {
    unit.objects().iter().any(|object| {
        matches!(
            object.id.kind.as_str(),
            "HelmRelease"
                | "Deployment"
                | "StatefulSet"
                | "DaemonSet"
                | "Job"
                | "Kustomization"
                | "ClusterIssuer"
                | "Issuer"
        )
    })
}

/// An object of a kind that only a Helm release of the same unit defines.
fn deadlocks(survey: &Survey, at: usize, found: &mut Vec<Diagnostic>) {
    let cluster = &survey.clusters[at];
    let mut by_unit: BTreeMap<(usize, &str), Vec<&Reason>> = BTreeMap::new();
    for deadlock in &survey.deadlocks[at] {
        if let Some(by) = deadlock.by {
            found.push(behind(cluster, deadlock, by));
            continue;
        }
        by_unit.entry((deadlock.unit, &deadlock.capability)).or_default().push(&deadlock.reason);
    }
    for ((unit, capability), reasons) in by_unit {
        let unit = &cluster.units[unit];
        let mut finding = Diagnostic::new(
            code!("crd-same-unit"),
            format!(
                "unit `{}` holds {} and the Helm release that brings its kind",
                unit.name,
                article(&reasons[0].text)
            ),
        );
        for reason in &reasons {
            finding = finding.at(reason.place, "");
        }
        found.push(
            finding
                .note(
                    "Flux tries a whole unit before it applies any of it: from nothing, the release is never installed",
                )
                .help("move it to a unit of its own that waits for this one")
                .about(format!("{} {capability}", unit.name)),
        );
    }
}

/// A need that only a unit meets which waits for this one.
fn behind(cluster: &Cluster, deadlock: &Deadlock, by: usize) -> Diagnostic {
    let (unit, other) = (&cluster.units[deadlock.unit], &cluster.units[by]);
    let message = format!("unit `{}` needs what `{}` brings, which waits for it", unit.name, other.name);
    let finding = Diagnostic::new(code!("cycle"), message).at(deadlock.reason.place, deadlock.reason.text.clone());
    let waits = other.spec.depends_on.iter().find(|one| one.unit == unit.name);
    let finding = match waits {
        Some(waits) => finding.at(waits.place, format!("`{}` waits for `{}`", other.name, unit.name)),
        None => finding.at(other.place, format!("waits for `{}` through others", unit.name)),
    };
    finding
        .note("from nothing, neither of them is ever ready")
        .help(format!("let `{}` wait for `{}` instead", unit.name.name, other.name.name))
        .about(unit.name.to_string())
}

/// The object of a reason: `` its Certificate `x` is of … `` without what follows.
fn article(text: &str) -> String {
    let object = api_need(text).map_or(text, |(object, _)| object);
    object.strip_prefix("its ").unwrap_or(object).to_owned()
}

/// A need that no dependency meets.
fn missing(survey: &Survey, at: usize, found: &mut Vec<Diagnostic>) {
    let cluster = &survey.clusters[at];
    let graph = &survey.graphs[at];
    let unseen = unseen(cluster);
    // Of few units it is asked.
    let mut before: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut by_target: BTreeMap<usize, Vec<(&Edge, &Reason)>> = BTreeMap::new();
    for edge in graph.edges.iter().filter(|edge| edge.written.is_none()) {
        let Some(reason) = edge.known().next().filter(|reason| reason.strength < Strength::Soft) else { continue };
        if api_need(&reason.text).is_some_and(|(_, group)| may_define(&unseen, group)) {
            continue;
        }
        if before.entry(edge.from).or_insert_with(|| written_before(cluster, edge.from)).contains(&edge.to) {
            continue;
        }
        by_target.entry(edge.to).or_default().push((edge, reason));
    }
    for (to, mut needs) in by_target {
        needs.sort_by_key(|(_, reason)| reason.strength);
        let target = &cluster.units[to];
        let message = match needs.as_slice() {
            [(edge, _)] => {
                format!("unit `{}` needs `{}`, and does not wait for it", cluster.units[edge.from].name, target.name)
            }
            many => format!("{} units need `{}`, and do not wait for it", many.len(), target.name),
        };
        let is_hard = needs.iter().any(|(_, reason)| reason.strength == Strength::Hard);
        let mut finding = Diagnostic::new(code!("order-missing"), message);
        let (shown, more) = needs.split_at(needs.len().min(SHOWN));
        for (edge, reason) in shown {
            finding = finding.at(reason.place, format!("`{}`: {}", cluster.units[edge.from].name, reason.text));
        }
        if !more.is_empty() {
            let names: Vec<String> =
                more.iter().map(|(edge, _)| format!("`{}`", cluster.units[edge.from].name)).collect();
            finding = finding.note(format!("and likewise {}", names.join(", ")));
        }
        let note = if is_hard {
            "from nothing, what needs it fails until it is there, and Flux tries again only after `retryInterval`"
        } else {
            "from nothing, what needs it does not become ready until it is"
        };
        let severity = if is_hard { Severity::Warning } else { Severity::Note };
        found.push(
            finding
                .severity(severity)
                .note(note)
                .help(format!("add `{}` to `dependsOn`", target.name.name))
                .about(target.name.to_string()),
        );
    }
}

/// Words about the units whose objects are not known here: what they are called, where they come from, why they were refused.
fn unseen(cluster: &Cluster) -> BTreeSet<String> {
    let mut texts = Vec::new();
    for unit in &cluster.units {
        match &unit.outcome {
            Outcome::Objects(_) => continue,
            Outcome::Stopped(Stop::Refused(refusal)) => texts.push(refusal.what.clone()),
            Outcome::Stopped(_) | Outcome::NoPath | Outcome::Elsewhere => {}
        }
        texts.push(unit.name.name.clone());
        texts.extend(unit.spec.source.as_ref().map(|source| source.name.clone()));
        texts.extend(unit.spec.path.as_ref().map(|path| path.text.clone()));
    }
    texts.iter().flat_map(|text| words(text)).map(str::to_lowercase).collect()
}

/// Words long enough to tell projects apart.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| word.len() > 3)
}

/// Whether units that are not known may define the kinds of an API group.
fn may_define(unseen: &BTreeSet<String>, group: &str) -> bool {
    const GENERAL: &[&str] = &["networking", "storage", "sigs", "toolkit", "cluster"];
    const CALLED: &[(&str, &str)] = &[("monitoring.coreos.com", "prometheus")];
    let other = CALLED.iter().find(|(known, _)| *known == group).map(|(_, name)| *name);
    let own = words(group).filter(|word| !GENERAL.contains(word));
    own.chain(other).any(|word| unseen.iter().any(|known| known.starts_with(word) || word.starts_with(known.as_str())))
}

/// The object and the API group of a reason that is about a custom resource.
fn api_need(reason: &str) -> Option<(&str, &str)> {
    let (object, rest) = reason.split_once(" is of the API group `")?;
    Some((object, rest.split('`').next()?))
}

/// What is written to be before a unit: its ancestors, what they and it wait for, and so on.
fn written_before(cluster: &Cluster, at: usize) -> BTreeSet<usize> {
    let next = |at: usize| {
        let unit = &cluster.units[at];
        let waited = unit.spec.depends_on.iter().filter_map(|one| cluster.index.get(&one.unit).copied());
        waited.chain(unit.parent)
    };
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = next(at).collect();
    while let Some(to) = open.pop() {
        if seen.insert(to) {
            open.extend(next(to));
        }
    }
    seen
}
