//! Nodes that must announce load-balancer addresses may do so.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    inventory::Role,
    node::{Part, escape},
    source::Sources,
};

/// Talos labels control planes `node.kubernetes.io/exclude-from-external-load-balancers`, and MetalLB heeds that: pools
/// whose announcers are all control planes are dead (Talos 1.11–1.14, MetalLB 0.13 and later).
pub fn check(model: &Model, sources: &Sources, found: &mut Vec<Diagnostic>) {
    if model.inventory.nodes.is_empty() {
        return;
    }
    for (name, pool) in &model.inventory.pools {
        let announces = |node: &str| pool.nodes.is_empty() || pool.nodes.iter().any(|named| named == node);
        let mut announcers = model.inventory.nodes.iter().filter(|(name, _)| announces(name)).peekable();
        if announcers.peek().is_none()
            || !announcers.all(|(_, node)| node.role == Role::Controlplane)
            || is_lifted(model, sources)
        {
            continue;
        }
        let at = format!("/pools/{}", escape(name));
        let place = if pool.nodes.is_empty() {
            model.place(&at, Part::Key)
        } else {
            model.place(&format!("{at}/nodes"), Part::Value)
        };
        found.push(
            Diagnostic::new(code!("announce-excluded"), format!("nobody may announce pool `{name}`"))
                .at(place, "only control planes would")
                .note("Talos labels control planes `node.kubernetes.io/exclude-from-external-load-balancers`, and MetalLB heeds it")
                .help("name workers in `nodes`, or take the label away with a patch in `templates/talos/controlplane.yaml`: `$patch: delete` on `machine.nodeLabels`")
                .about(format!("IPAddressPool.metallb.io:{name}")),
        );
    }
}

/// Whether a patch speaks of the label: then somebody has thought of it.
fn is_lifted(model: &Model, sources: &Sources) -> bool {
    let patches = model.inputs.files.iter().filter(|(path, _)| path.starts_with("templates/talos/"));
    patches.into_iter().any(|(_, source)| sources.get(*source).text.contains("exclude-from-external-load-balancers"))
}
