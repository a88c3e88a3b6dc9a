//! etcd needs an odd number of members, and at least one.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    inventory::Role,
    node::{Node, Part, escape},
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
        let finding = Diagnostic::new(code!("control-planes-none"), "no node is a control plane")
            .at(place, "")
            .help("give one node, or three, `role = \"controlplane\"`");
        found.push(follows_lost_nodes(finding, model));
    } else if names.len().is_multiple_of(2) {
        let count = names.len();
        let mut finding = Diagnostic::new(
            code!("control-planes-even"),
            format!("{count} control planes survive no more failures than {}", count - 1),
        );
        for name in names {
            finding = finding.at(model.place(&format!("/nodes/{}/role", escape(name)), Part::Value), "");
        }
        let finding = finding
            .note("etcd needs a majority: with an even number the loss of half stops the cluster")
            .help(format!("use {} or {} control planes", count - 1, count + 1));
        found.push(follows_lost_nodes(finding, model));
    }
}

/// What is said about all nodes may be untrue where some could not be read.
pub(super) fn follows_lost_nodes(finding: Diagnostic, model: &Model) -> Diagnostic {
    let written = model.root.get("nodes").map_or(&[] as &[_], Node::entries).iter();
    let lost = written.filter(|entry| !model.inventory.nodes.contains_key(&entry.key));
    lost.fold(finding, |finding, entry| finding.follows(format!("/nodes/{}", escape(&entry.key))))
}
