//! Every node has the variables that its provider ID is made of.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Part, escape},
    source::Sources,
};

/// A variable that is not there would stand in the provider ID as it is written, and no driver finds the machine.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let Some(rule) = &model.inventory.talos.provider_id else { return };
    for variable in variables(rule) {
        for (name, node) in &model.inventory.nodes {
            if node.vars.contains_key(variable) {
                continue;
            }
            found.push(
                Diagnostic::new(
                    code!("provider-id-unset"),
                    format!("node `{name}` has no variable `{variable}`, which its provider ID is made of"),
                )
                .at(model.place(&format!("/nodes/{}", escape(name)), Part::Key), "")
                .at(model.place("/talos/provider-id", Part::Value), "")
                .help(format!("add `vars.{variable}` to the node"))
                .about(name),
            );
        }
    }
}

/// The names in braces.
pub fn variables(rule: &str) -> impl Iterator<Item = &str> {
    rule.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name)
}
