//! Checks: each reads the model and reports what is wrong with it. They change nothing, and their order does not matter.
//!
//! A new check is a file here, a line in [`CHECKS`] and a page in `docs/codes/`.

mod addresses;
mod allow;
mod ambiguous;
mod announce;
mod chart_folder;
mod cni;
mod control_planes;
mod crd_same_unit;
mod cycles;
mod duplicates;
mod host_unused;
mod layers;
mod manifests;
mod namespaces;
mod node_labels;
mod overlaps;
mod owned_elsewhere;
mod owned_twice;
mod plaintext;
mod release_twice;
mod sealed_orphans;
mod secret_unmade;
mod template_unused;
mod untracked;
mod vips;

use crate::{compile::Model, diagnostic::Diagnostic, source::Sources};

pub use allow::allow;

/// A check.
pub type Check = fn(&Model, &Sources, &mut Vec<Diagnostic>);

/// Every check.
pub const CHECKS: &[Check] = &[
    addresses::check,
    ambiguous::check,
    announce::check,
    chart_folder::check,
    cni::check,
    control_planes::check,
    crd_same_unit::check,
    cycles::check,
    duplicates::check,
    host_unused::check,
    layers::check,
    manifests::check,
    namespaces::check,
    node_labels::check,
    overlaps::check,
    owned_elsewhere::check,
    owned_twice::check,
    plaintext::check,
    release_twice::check,
    sealed_orphans::check,
    secret_unmade::check,
    template_unused::check,
    untracked::check,
    vips::check,
];
