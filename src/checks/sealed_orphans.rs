//! Every sealed Secret that is stored is declared by a service.

use crate::{
    compile::Model,
    diagnostic::Diagnostic,
    secrets::{orphaned_secret, store_path},
    source::Sources,
};

/// Stores against declarations.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    for ((namespace, name), stored) in &model.inputs.sealed.secrets {
        let declared = model.plan.units.iter().any(|unit| {
            unit.namespace == *namespace
                && unit.facets.secrets.get(name).is_some_and(|secret| !secret.sealed.is_empty())
        });
        if !declared {
            found.push(orphaned_secret(stored, namespace, name, &store_path(namespace, name)));
        }
    }
}
