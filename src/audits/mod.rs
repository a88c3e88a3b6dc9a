//! Audits: each reads a survey and reports what is wrong with the repository. They change nothing, and their order does not matter.
//!
//! A new audit is a file here, its name in the list and a page in `docs/codes/`.

use crate::{diagnostic::Diagnostic, survey::Survey};

/// An audit.
pub type Audit = fn(&Survey, &mut Vec<Diagnostic>);

/// Makes one line of the list both the module and the entry.
macro_rules! audits {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every audit.
        pub const AUDITS: &[Audit] = &[$($name::audit),*];
    };
}

audits! {
    certificate_twice,
    dns_twice,
    flux_bootstrap_twice,
    host_routed_twice,
    host_unserved,
    order,
    ownership,
    secret_two_makers,
    service_unserved,
    unmade,
}

pub use ownership::owner;
