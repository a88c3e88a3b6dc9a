//! Nodes that must announce load-balancer addresses may do so.

use super::control_planes::follows_lost_nodes;
use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Part, escape},
    source::Sources,
};

/// Talos gives control planes this label, and MetalLB heeds it (Talos 1.11–1.14, MetalLB 0.13 and later).
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// Pools of which every announcer is excluded are dead.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    for (name, pool) in &model.inventory.pools {
        let announces = |node: &str| pool.nodes.is_empty() || pool.nodes.iter().any(|named| named == node);
        let mut announcers = model.inventory.nodes.keys().filter(|node| announces(node)).peekable();
        if announcers.peek().is_none() || !announcers.all(|node| is_excluded(model, node)) {
            continue;
        }
        let at = format!("/pools/{}", escape(name));
        let place = if pool.nodes.is_empty() {
            model.place(&at, Part::Key)
        } else {
            model.place(&format!("{at}/nodes"), Part::Value)
        };
        let finding = Diagnostic::new(code!("announce-excluded"), format!("nobody may announce pool `{name}`"))
            .at(place, "only control planes would")
            .note("Talos labels control planes `node.kubernetes.io/exclude-from-external-load-balancers`, and MetalLB heeds it")
            .help("let workers announce it")
            .help(
                "or take the label away in `templates/talos/controlplane.yaml`: `machine: { nodeLabels: \
                 { node.kubernetes.io/exclude-from-external-load-balancers: { $patch: delete } } }`",
            )
            .about(format!("IPAddressPool.metallb.io:{name}"));
        found.push(follows_lost_nodes(finding, model));
    }
}

/// Whether the node's final configuration carries the label.
fn is_excluded(model: &Model, node: &str) -> bool {
    let documents = model.talos.get(node).and_then(|configured| configured.documents.as_ref());
    let labels =
        documents.and_then(|documents| documents.first()).and_then(|first| first.pointer("/machine/nodeLabels"));
    labels.is_some_and(|labels| labels.get(EXCLUDED).is_some())
}
