//! Every sealed Secret that is stored is declared by a service.

use std::collections::BTreeSet;

use crate::{
    compile::Model,
    diagnostic::Diagnostic,
    secrets::{orphaned_secret, store_path},
    source::Sources,
};

/// Stores against declarations.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let declared: BTreeSet<(&str, &str)> = model
        .plan
        .units
        .iter()
        .flat_map(|unit| {
            let sealed = unit.facets.secrets.iter().filter(|(_, secret)| !secret.sealed.is_empty());
            sealed.map(|(name, _)| (unit.namespace.as_str(), name.as_str()))
        })
        .collect();
    for ((namespace, name), stored) in &model.inputs.sealed.secrets {
        if !declared.contains(&(namespace.as_str(), name.as_str())) {
            found.push(orphaned_secret(stored, namespace, name, &store_path(namespace, name)));
        }
    }
}
