//! The order units come up in: who waits for whom, and why.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, UnitId};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    facets::{Need, What},
    inventory::{BRINGS, Inventory},
    knowledge,
    node::{Node, Part, escape},
    source::Place,
};

/// One unit waits for another.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Who is waited for; None for the unit of namespaces.
    pub to: Option<UnitId>,
    /// Why, each with where it is written.
    pub reasons: Vec<(String, Place)>,
}

/// Every edge, by the unit that waits.
#[derive(Debug, Default)]
pub struct Order {
    /// Edges of each unit, sorted by the name of who is waited for.
    pub edges: Vec<Vec<Edge>>,
    /// Units that somebody waits for.
    pub awaited: BTreeSet<UnitId>,
}

impl Order {
    /// Edges from what the units need, what they name in `depends`, and their phases.
    pub fn infer(
        plan: &Plan,
        inventory: &Inventory,
        root: &Node,
        needs: &[Vec<Need>],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Order {
        let outside = outside(inventory);
        let mut order = Order::default();
        for (id, unit) in plan.units.iter().enumerate() {
            let mut edges: BTreeMap<Option<UnitId>, Vec<(String, Place)>> = BTreeMap::new();
            let mut add = |to: Option<UnitId>, reason: String, place: Place| {
                if to != Some(id) {
                    let reasons = edges.entry(to).or_default();
                    if !reasons.iter().any(|(known, _)| *known == reason) {
                        reasons.push((reason, place));
                    }
                }
            };
            let place = root.place_of(&unit.pointer, Part::Key);
            if plan.namespaces.contains_key(&unit.namespace) {
                add(None, format!("its namespace `{}` must exist", unit.namespace), place);
            }
            if let (Some(phase), Some(main)) = (&unit.phase, plan.services.get(&unit.service)) {
                add(Some(*main), format!("`{phase}` is a phase of `{}`", unit.service), place);
            }
            for (index, name) in unit.facets.depends.iter().enumerate() {
                let pointer = format!("{}/depends/{index}", unit.pointer);
                let place = root.place_of(&pointer, Part::Value);
                match plan.unit_called(name) {
                    Some(other) if other == id => diagnostics.push(
                        Diagnostic::new(code!("depends-on-itself"), format!("`{name}` waits for itself"))
                            .at(place, "")
                            .help("leave it out of `depends`")
                            .about(name),
                    ),
                    Some(other) => add(Some(other), "it is named in `depends`".to_owned(), place),
                    None => diagnostics.push(unknown(plan, inventory, &unit.label(), name, place)),
                }
            }
            for need in &needs[id] {
                let to = match &need.what {
                    What::Unit(unit) => Some(*unit),
                    What::Capability(capability) => match plan.provider(capability) {
                        Some(unit) => Some(unit),
                        None => {
                            if let Some(what) = &need.otherwise
                                && !outside.contains(capability)
                            {
                                diagnostics.push(nobody(&unit.label(), capability, what, need));
                            }
                            None
                        }
                    },
                };
                if let Some(to) = to {
                    add(Some(to), need.reason.clone(), need.place);
                }
            }
            let mut edges: Vec<Edge> = edges.into_iter().map(|(to, reasons)| Edge { to, reasons }).collect();
            edges.sort_by_key(|edge| edge.to.map(|to| plan.units[to].name.as_str()));
            order.awaited.extend(edges.iter().filter_map(|edge| edge.to));
            order.edges.push(edges);
        }
        order
    }

    /// Units so that each comes after all it waits for; by name where the order is free. None if there is a cycle.
    pub fn sorted(&self, plan: &Plan) -> Option<Vec<UnitId>> {
        let mut waiting: Vec<usize> =
            self.edges.iter().map(|edges| edges.iter().filter(|edge| edge.to.is_some()).count()).collect();
        let mut waiters: Vec<Vec<UnitId>> = vec![Vec::new(); plan.units.len()];
        for (from, edges) in self.edges.iter().enumerate() {
            for to in edges.iter().filter_map(|edge| edge.to) {
                waiters[to].push(from);
            }
        }
        let mut ready: BTreeSet<(&str, UnitId)> =
            (0..plan.units.len()).filter(|id| waiting[*id] == 0).map(|id| (plan.units[id].name.as_str(), id)).collect();
        let mut sorted = Vec::with_capacity(plan.units.len());
        while let Some((_, id)) = ready.pop_first() {
            sorted.push(id);
            for &waiter in &waiters[id] {
                waiting[waiter] -= 1;
                if waiting[waiter] == 0 {
                    ready.insert((plan.units[waiter].name.as_str(), waiter));
                }
            }
        }
        (sorted.len() == plan.units.len()).then_some(sorted)
    }

    /// Units that wait for each other: one shortest cycle for each knot, as the units in the order they wait.
    pub fn cycles(&self, plan: &Plan) -> Vec<Vec<UnitId>> {
        let mut cycles = Vec::new();
        for knot in self.knots(plan.units.len()) {
            let start = knot.iter().copied().min_by_key(|id| plan.units[*id].name.as_str());
            let shortest = knot.iter().filter_map(|id| self.shortest_cycle(*id, &knot)).min_by_key(Vec::len);
            // Begin at the first name, so that the report does not depend on numbering.
            if let Some(mut cycle) = start.and(shortest) {
                let first = cycle.iter().enumerate().min_by_key(|(_, id)| plan.units[**id].name.as_str());
                let first = first.map_or(0, |(index, _)| index);
                cycle.rotate_left(first);
                cycles.push(cycle);
            }
        }
        cycles
    }

    fn targets(&self, id: UnitId) -> impl Iterator<Item = UnitId> + '_ {
        self.edges[id].iter().filter_map(|edge| edge.to)
    }

    fn shortest_cycle(&self, start: UnitId, knot: &BTreeSet<UnitId>) -> Option<Vec<UnitId>> {
        let mut came_from: BTreeMap<UnitId, UnitId> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(id) = queue.pop_front() {
            for to in self.targets(id).filter(|to| knot.contains(to)) {
                if to == start {
                    let mut path = vec![id];
                    while let Some(previous) = came_from.get(path.last().expect("the path starts with one unit")) {
                        path.push(*previous);
                    }
                    path.reverse();
                    return Some(path);
                }
                if to != start && !came_from.contains_key(&to) {
                    came_from.insert(to, id);
                    queue.push_back(to);
                }
            }
        }
        None
    }

    /// Strongly connected components with more than one unit (Tarjan's algorithm, without recursion).
    fn knots(&self, count: usize) -> Vec<BTreeSet<UnitId>> {
        const NEW: usize = usize::MAX;
        let targets: Vec<Vec<UnitId>> = (0..count).map(|id| self.targets(id).collect()).collect();
        let (mut index, mut low) = (vec![NEW; count], vec![0; count]);
        let mut on_stack = vec![false; count];
        let (mut stack, mut knots, mut next) = (Vec::new(), Vec::new(), 0);
        for root in 0..count {
            if index[root] != NEW {
                continue;
            }
            let mut calls = vec![(root, 0)];
            while let Some((id, step)) = calls.pop() {
                if step == 0 {
                    (index[id], low[id]) = (next, next);
                    next += 1;
                    stack.push(id);
                    on_stack[id] = true;
                } else {
                    let child = targets[id][step - 1];
                    if on_stack[child] {
                        low[id] = low[id].min(low[child]);
                    }
                }
                if let Some(&child) = targets[id].get(step) {
                    calls.push((id, step + 1));
                    if index[child] == NEW {
                        calls.push((child, 0));
                    }
                    continue;
                }
                if low[id] == index[id] {
                    let mut knot = BTreeSet::new();
                    while let Some(member) = stack.pop() {
                        on_stack[member] = false;
                        knot.insert(member);
                        if member == id {
                            break;
                        }
                    }
                    if knot.len() > 1 {
                        knots.push(knot);
                    }
                }
            }
        }
        knots
    }
}

fn unknown(plan: &Plan, inventory: &Inventory, from: &str, name: &str, place: Place) -> Diagnostic {
    let labels: Vec<String> = plan.units.iter().map(super::Unit::label).collect();
    let finding =
        Diagnostic::new(code!("depends-unknown"), format!("`{from}` waits for `{name}`, which is not a service"))
            .at(place, "")
            .about(from)
            .follows(format!("/services/{}", escape(name)));
    if inventory.layers.order.iter().any(|layer| layer == name) {
        return finding.help("a layer cannot be waited for: name the services you need");
    }
    match nearest(name, labels.iter().map(String::as_str)) {
        Some(near) => finding.edit(place, format!("\"{near}\""), format!("did you mean `{near}`?")),
        None => finding.help(match phase_of(plan, name) {
            Some((service, phase)) => {
                format!("give [services.{service}] a phase `{phase}`, or leave it out of `depends`")
            }
            None if super::is_label(name) => format!("add `[services.{name}]`, or leave it out of `depends`"),
            None => "leave it out of `depends`".to_owned(),
        }),
    }
}

/// The service whose phase a name would be.
fn phase_of<'n>(plan: &Plan, name: &'n str) -> Option<(&'n str, &'n str)> {
    let mut cut = name.rmatch_indices('-').map(|(dash, _)| (&name[..dash], &name[dash + 1..]));
    cut.find(|(service, phase)| plan.services.contains_key(*service) && super::is_label(phase))
}

fn nobody(from: &str, capability: &str, what: &str, need: &Need) -> Diagnostic {
    let charts: Vec<String> = knowledge::charts_with(capability).map(|chart| format!("`{chart}`")).collect();
    let charts = match charts.as_slice() {
        [] => String::new(),
        [chart] => format!(" (the chart {chart} does)"),
        charts => format!(" (the charts {} do)", charts.join(", ")),
    };
    let way_out = format!("add a service that brings it{charts}, or let one say `provides = [\"{capability}\"]`");
    Diagnostic::new(code!("provider-missing"), format!("`{from}` needs {what}, which no service brings"))
        .at(need.place, need.reason.clone())
        .help(way_out)
        .about(capability)
        .breaks(capability)
        .follows(capability)
        .follows(BRINGS)
}

/// What `[owners]` bring: the capabilities of their Helm releases and of single objects.
fn outside(inventory: &Inventory) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in inventory.owners.values().flat_map(|owner| &owner.owns) {
        if let Some(release) = text.strip_prefix("helm:") {
            let name = release.rsplit('/').next().unwrap_or(release);
            found.extend(knowledge::of_chart(name).iter().map(|capability| (*capability).to_owned()));
        } else if let Some((kind, name)) = text.split_once(':') {
            let kind = kind.split('.').next().unwrap_or(kind).to_lowercase();
            if kind == "customresourcedefinition"
                && let Some((_, group)) = name.split_once('.')
            {
                found.insert(format!("api/{group}"));
            }
            found.insert(format!("{kind}/{name}"));
        }
    }
    found
}
