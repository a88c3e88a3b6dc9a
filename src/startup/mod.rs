//! Who has to wait for whom when a cluster comes up from nothing: what is written, what is inferred, and why.

pub mod draw;
mod guess;
mod infer;
pub mod needs;
pub mod network;
pub mod simulate;

pub use infer::{Deadlock, infer, knots};

use crate::source::Place;

/// How badly an edge is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// The dependent cannot be applied: its dry run fails.
    Hard,
    /// It is applied, but does not become ready.
    Ready,
    /// It heals by itself once the other is there.
    Soft,
}

impl Strength {
    /// As reports and `--format json` name it.
    pub fn name(self) -> &'static str {
        match self {
            Strength::Hard => "hard",
            Strength::Ready => "ready",
            Strength::Soft => "soft",
        }
    }
}

/// Why one unit needs another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// How badly.
    pub strength: Strength,
    /// In words: what it has that needs what, `its Certificate `x` needs the ClusterIssuer `y``.
    pub text: String,
    /// Where that is written.
    pub place: Place,
    /// How it is known.
    pub basis: Basis,
}

/// How a reason is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// Both sides are written, or the table of charts knows them.
    Known,
    /// So too, but another tool brings it before Flux starts: a bootstrap by helmfile, Talos, Terraform or a script.
    Given,
    /// From names and places alone.
    Likely,
}

/// `from` waits for `to`.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Index of the unit that waits.
    pub from: usize,
    /// Index of the unit it waits for.
    pub to: usize,
    /// Where `dependsOn` says so.
    pub written: Option<Place>,
    /// Why it has to, the strongest first; empty for an edge that is only written.
    pub reasons: Vec<Reason>,
}

impl Edge {
    /// The strongest of its reasons.
    pub fn strength(&self) -> Option<Strength> {
        self.reasons.iter().map(|reason| reason.strength).min()
    }

    /// The reasons a finding may rest on.
    pub fn known(&self) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(|reason| reason.basis == Basis::Known)
    }
}

/// The edges between the units of one cluster, sorted by `from` and `to`.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// One for each pair.
    pub edges: Vec<Edge>,
}
