//! Checks: each reads the model and reports what is wrong with it. They change nothing, and their order does not matter.
//!
//! A new check is a file here, a line in [`CHECKS`] and a page in `docs/codes/`.

mod allow;
mod expired;

use crate::{compile::Model, diagnostic::Diagnostic, source::Sources};

pub use allow::{allow, allow_all, is_allowed, unknown_code};
pub use expired::{expired, expired_allowances};

/// A check.
pub type Check = fn(&Model, &Sources, &mut Vec<Diagnostic>);

/// Makes one line of the list both the module and the entry.
macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every check.
        pub const CHECKS: &[Check] = &[$($name::check),*];
    };
}

checks! {
    addresses,
    ambiguous,
    announce,
    chart_folder,
    cni,
    control_planes,
    crd_same_unit,
    cycles,
    duplicates,
    extensions,
    host_unused,
    kubernetes_range,
    layers,
    manifests,
    namespaces,
    node_labels,
    overlaps,
    owned_elsewhere,
    owned_twice,
    plaintext,
    provider_id,
    release_twice,
    sealed_orphans,
    secret_unmade,
    template_unused,
    tofu_folder,
    untracked,
    vips,
}
