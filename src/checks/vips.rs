//! Virtual addresses: held by control planes, on a link of their network, and never needed before they can exist.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    inventory::{Role, VipHolder},
    node::{Part, escape},
    source::Sources,
};

/// Each virtual address, and the node that is asked first.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    bootstrap(model, found);
    for (name, vip) in &model.plan.addresses.vips {
        if vip.by != VipHolder::Talos {
            continue;
        }
        let at = format!("/vips/{}", escape(name));
        for (index, node) in vip.nodes.iter().enumerate() {
            if model.inventory.nodes.get(node).is_some_and(|node| node.role == Role::Worker) {
                found.push(
                    Diagnostic::new(
                        code!("vip-on-worker"),
                        format!("virtual address `{name}` cannot be held by worker `{node}`"),
                    )
                    .at(model.place(&format!("{at}/nodes/{index}"), Part::Value), "")
                    .at(model.place(&format!("/nodes/{}/role", escape(node)), Part::Value), "a worker")
                    .note("Talos elects the holder of a virtual address through etcd, which only control planes run")
                    .help("name control planes, or leave `nodes` away")
                    .about(vip.ip.to_string()),
                );
            }
        }
        // The link it would sit on is that of the holder's own network.
        let network = model.plan.addresses.network_of(vip.ip);
        for (node, machine) in &model.plan.addresses.nodes {
            let holds = machine.role == Role::Controlplane && (vip.nodes.is_empty() || vip.nodes.contains(node));
            let Some((own, own_network)) = machine.ip.filter(|_| holds).and_then(|ip| model.plan.addresses.network_of(ip)) else {
                continue;
            };
            if let Some((other, _)) = network.filter(|(other, _)| *other != own) {
                found.push(
                    Diagnostic::new(
                        code!("vip-off-link"),
                        format!("virtual address `{name}` is in network `{other}`, but `{node}`, which holds it, is in `{own}`"),
                    )
                    .at(model.place(&format!("{at}/ip"), Part::Value), "")
                    .at(model.place(&format!("/nodes/{}/ip", escape(node)), Part::Value), format!("in `{own}`"))
                    .note("a virtual address is announced on the link of its holder and is reachable only there")
                    .help(format!("choose an address of `{own}` ({})", own_network.cidr))
                    .help("or say `by = \"external\"`, if a load balancer or a router holds it")
                    .about(vip.ip.to_string()),
                );
                break;
            }
        }
    }
}

fn bootstrap(model: &Model, found: &mut Vec<Diagnostic>) {
    let Some(bootstrap) = &model.inventory.cluster.bootstrap else { return };
    let place = model.place("/cluster/bootstrap", Part::Value);
    let first = model.inventory.nodes.iter().find(|(_, node)| node.role == Role::Controlplane).map(|(name, _)| name);
    let mended = |finding: Diagnostic| match first {
        Some(node) => finding.edit(place, format!("\"{node}\""), "name a control plane, which has an address of its own"),
        None => finding.help("name a control plane, which has an address of its own"),
    };
    let vip = model.inventory.vips.iter().find(|(name, vip)| *name == bootstrap || vip.ip == *bootstrap);
    if let Some((name, vip)) = vip {
        let note = match vip.by {
            VipHolder::Talos => {
                "a virtual address is held by a member of etcd, and etcd runs only after the bootstrap: it would hang"
            }
            VipHolder::External => "any control plane may answer there: a second try could bootstrap a second cluster",
        };
        found.push(mended(
            Diagnostic::new(
                code!("bootstrap-through-vip"),
                format!("the cluster cannot be bootstrapped through virtual address `{name}`"),
            )
            .at(place, "")
            .at(model.place(&format!("/vips/{}", escape(name)), Part::Key), "a virtual address")
            .note(note)
            .about(vip.ip.clone()),
        ));
    } else if model.inventory.nodes.get(bootstrap).is_some_and(|node| node.role == Role::Worker) {
        found.push(mended(
            Diagnostic::new(code!("bootstrap-through-worker"), format!("worker `{bootstrap}` cannot be bootstrapped"))
                .at(place, "")
                .at(model.place(&format!("/nodes/{}/role", escape(bootstrap)), Part::Value), "a worker")
                .note("etcd runs on control planes")
                .about(bootstrap),
        ));
    }
}
