//! etcd needs an odd number of members, and at least one.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    inventory::Role,
    node::{Part, escape},
    source::Sources,
};

/// How many control planes there are.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    if model.inventory.nodes.is_empty() {
        return;
    }
    let names: Vec<&String> = model
        .inventory
        .nodes
        .iter()
        .filter(|(_, node)| node.role == Role::Controlplane)
        .map(|(name, _)| name)
        .collect();
    let place = model.place("/nodes", Part::Key);
    if names.is_empty() {
        found.push(
            Diagnostic::new(code!("control-planes-none"), "no node is a control plane")
                .at(place, "")
                .help("give one node, or three, `role = \"controlplane\"`"),
        );
    } else if names.len().is_multiple_of(2) {
        let count = names.len();
        let mut finding = Diagnostic::new(
            code!("control-planes-even"),
            format!("{count} control planes survive no more failures than {}", count - 1),
        );
        for name in names {
            finding = finding.at(model.place(&format!("/nodes/{}/role", escape(name)), Part::Value), "");
        }
        found.push(
            finding
                .note("etcd needs a majority: with an even number the loss of half stops the cluster")
                .help(format!("use {} or {} control planes", count - 1, count + 1)),
        );
    }
}
