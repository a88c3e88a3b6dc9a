//! Plays the start from nothing: which units come up in which round, and which never do.
//!
//! Flux tries again at every interval, so a unit whose needs are met later only comes up later. What never comes up has
//! a reason that no waiting mends: a circle, a target that does not exist, a build that fails.

use std::collections::BTreeMap;

use super::{Deadlock, Graph, Strength};
use crate::{
    flux::{Cluster, Outcome},
    node::Node,
    source::Place,
};

/// How a start goes.
#[derive(Clone, Debug, Default)]
pub struct Play {
    /// The units that become ready in each round, in the order of the cluster.
    pub rounds: Vec<Vec<usize>>,
    /// The units that never do, with what each of them waits for.
    pub stuck: Vec<Stuck>,
}

/// A unit that never becomes ready.
#[derive(Clone, Debug)]
pub struct Stuck {
    /// The unit.
    pub unit: usize,
    /// What it waits for, in words.
    pub reason: String,
    /// Where that is written.
    pub place: Place,
    /// Whether the reason is its own, rather than another unit that is stuck.
    pub is_cause: bool,
}

/// Plays it for one cluster.
pub fn simulate(cluster: &Cluster, graph: &Graph, deadlocks: &[Deadlock]) -> Play {
    let stage = Stage::new(cluster, graph, deadlocks);
    let mut state = vec![State::Waiting; cluster.units.len()];
    let mut rounds = Vec::new();
    loop {
        // Everything that can be applied now is, before anybody looks whether it became ready.
        let mut went_on = false;
        let before = state.clone();
        for (at, now) in state.iter_mut().enumerate() {
            if *now == State::Waiting && stage.keeps_from_applying(at, &before).is_none() {
                *now = State::Applied;
                went_on = true;
            }
        }
        let mut ready = Vec::new();
        loop {
            let before = ready.len();
            let snapshot = state.clone();
            for (at, now) in state.iter_mut().enumerate() {
                if *now == State::Applied && stage.keeps_from_ready(at, &snapshot).is_none() {
                    *now = State::Ready;
                    ready.push(at);
                }
            }
            if ready.len() == before {
                break;
            }
        }
        went_on |= !ready.is_empty();
        ready.sort_unstable();
        if !ready.is_empty() {
            rounds.push(ready);
        }
        if !went_on {
            break;
        }
    }
    let stuck = (0..state.len()).filter(|at| state[*at] != State::Ready).map(|at| stage.stuck(at, &state)).collect();
    Play { rounds, stuck }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Applied,
    Ready,
}

/// What holds a unit up.
struct Hold {
    reason: String,
    place: Place,
    is_cause: bool,
}

struct Stage<'c> {
    cluster: &'c Cluster,
    /// Outgoing edges of each unit.
    needs: Vec<Vec<usize>>,
    graph: &'c Graph,
    deadlocks: BTreeMap<usize, &'c Deadlock>,
    children: Vec<Vec<usize>>,
}

impl<'c> Stage<'c> {
    fn new(cluster: &'c Cluster, graph: &'c Graph, deadlocks: &'c [Deadlock]) -> Stage<'c> {
        let mut needs = vec![Vec::new(); cluster.units.len()];
        graph.edges.iter().enumerate().for_each(|(at, edge)| needs[edge.from].push(at));
        let mut children = vec![Vec::new(); cluster.units.len()];
        for (at, unit) in cluster.units.iter().enumerate() {
            if let Some(parent) = unit.parent {
                children[parent].push(at);
            }
        }
        let deadlocks = deadlocks.iter().rev().map(|deadlock| (deadlock.unit, deadlock)).collect();
        Stage { cluster, needs, graph, deadlocks, children }
    }

    fn name(&self, at: usize) -> String {
        self.cluster.units[at].name.to_string()
    }

    fn keeps_from_applying(&self, at: usize, state: &[State]) -> Option<Hold> {
        let unit = &self.cluster.units[at];
        let own = |reason: String, place: Place| Some(Hold { reason, place, is_cause: true });
        if unit.spec.suspend {
            return own("it is suspended".into(), unit.place);
        }
        match &unit.outcome {
            Outcome::NoPath => {
                return own(
                    "its path does not exist".into(),
                    unit.spec.path.as_ref().map_or(unit.place, |path| path.place),
                );
            }
            Outcome::Stopped(crate::kustomize::Stop::Fails(why)) => {
                return own(format!("it does not build: {}", why.message), unit.place);
            }
            _ => {}
        }
        if let Some(parent) = unit.parent.filter(|parent| state[*parent] == State::Waiting) {
            let reason = format!("`{}`, which applies it, is not applied itself", self.name(parent));
            return Some(Hold { reason, place: unit.place, is_cause: false });
        }
        for dependency in &unit.spec.depends_on {
            match self.cluster.index.get(&dependency.unit) {
                None => {
                    return own(format!("it waits for `{}`, which does not exist", dependency.unit), dependency.place);
                }
                Some(&to) if state[to] != State::Ready => {
                    return Some(Hold {
                        reason: format!("it waits for `{}`, which is not ready", self.name(to)),
                        place: dependency.place,
                        is_cause: false,
                    });
                }
                Some(_) => {}
            }
        }
        if let Some(deadlock) = self.deadlocks.get(&at) {
            let reason = match deadlock.by {
                Some(by) => {
                    format!("{}, which only `{}` brings, and that waits for it", deadlock.reason.text, self.name(by))
                }
                None => format!("{}, which only a Helm release of the same unit brings", deadlock.reason.text),
            };
            return own(reason, deadlock.reason.place);
        }
        self.unmet(at, Strength::Hard, state)
    }

    fn keeps_from_ready(&self, at: usize, state: &[State]) -> Option<Hold> {
        let unit = &self.cluster.units[at];
        if !unit.spec.wait && unit.spec.health_checks.is_empty() {
            return None;
        }
        if unit.spec.wait
            && let Some(child) = self.children[at].iter().find(|child| state[**child] != State::Ready)
        {
            let reason = format!("it waits for everything it applies, and so for `{}`", self.name(*child));
            return Some(Hold { reason, place: wait_place(&unit.object).unwrap_or(unit.place), is_cause: false });
        }
        self.unmet(at, Strength::Ready, state)
    }

    /// A need of this strength that its provider does not meet yet.
    fn unmet(&self, at: usize, strength: Strength, state: &[State]) -> Option<Hold> {
        let edges = self.needs[at].iter().map(|edge| &self.graph.edges[*edge]);
        edges.filter(|edge| state[edge.to] == State::Waiting).find_map(|edge| {
            let reason = edge.known().find(|reason| reason.strength == strength)?;
            Some(Hold {
                reason: format!("{}, which `{}` brings, and that is not applied", reason.text, self.name(edge.to)),
                place: reason.place,
                is_cause: false,
            })
        })
    }

    fn stuck(&self, at: usize, state: &[State]) -> Stuck {
        let hold = match state[at] {
            State::Waiting => self.keeps_from_applying(at, state),
            _ => self.keeps_from_ready(at, state),
        };
        let hold = hold.expect("a unit that nothing keeps goes on");
        Stuck { unit: at, reason: hold.reason, place: hold.place, is_cause: hold.is_cause || self.is_in_circle(at) }
    }

    /// Whether it waits for itself in the end.
    fn is_in_circle(&self, at: usize) -> bool {
        let next = |from: usize| {
            let unit = &self.cluster.units[from];
            let waited =
                unit.spec.depends_on.iter().filter_map(|dependency| self.cluster.index.get(&dependency.unit).copied());
            let children = if unit.spec.wait { self.children[from].as_slice() } else { &[] };
            waited.chain(children.iter().copied()).collect::<Vec<_>>()
        };
        let mut seen = std::collections::BTreeSet::new();
        let mut open = next(at);
        while let Some(to) = open.pop() {
            if to == at {
                return true;
            }
            if seen.insert(to) {
                open.extend(next(to));
            }
        }
        false
    }
}

fn wait_place(object: &Node) -> Option<Place> {
    object.at(["spec", "wait"]).map(|wait| wait.place)
}
