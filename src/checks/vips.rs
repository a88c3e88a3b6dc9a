//! Virtual addresses: held by control planes, on a link of their network, and never needed before they can exist.

use serde_json::Value;

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
            let Some((own, own_network)) =
                machine.ip.filter(|_| holds).and_then(|ip| model.plan.addresses.network_of(ip))
            else {
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
            if !on_a_link(model, node, &vip.ip.to_string()) {
                found.push(lost(model, name, node).about(vip.ip.to_string()));
                break;
            }
        }
    }
}

/// Is the address on a link of this node, be it by the inventory or by a patch? A node without a configuration is not
/// judged.
fn on_a_link(model: &Model, node: &str, ip: &str) -> bool {
    let Some(documents) = model.talos.get(node).and_then(|node| node.documents.as_ref()) else { return true };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    documents.iter().flat_map(|document| list(&document["machine"]["network"]["interfaces"])).any(|link| {
        let vlans = list(&link["vlans"]);
        std::iter::once(&link).chain(&vlans).any(|link| link["vip"]["ip"] == ip)
    })
}

/// The finding about a virtual address that would be on no link of its holder.
fn lost(model: &Model, name: &str, node: &str) -> Diagnostic {
    let links = model.talos.get(node).map_or(&[][..], |node| &node.machine.network.links);
    let other = links.iter().find_map(|link| link.vip);
    let addresses = &model.plan.addresses;
    let other = addresses.vips.iter().find(|(_, vip)| Some(vip.ip) == other).map(|(other, _)| other);
    let place = model.place(&format!("/vips/{}", escape(name)), Part::Key);
    if let Some(other) = other {
        return Diagnostic::new(
            code!("vip-second"),
            format!("`{node}` cannot hold virtual address `{name}` besides `{other}`"),
        )
        .at(place, "")
        .at(model.place(&format!("/vips/{}", escape(other)), Part::Key), "is on its link already")
        .note("a link has one virtual address")
        .help("name other holders for one of them with `nodes`, or let something else hold it: `by = \"external\"`");
    }
    let ip = addresses.nodes.get(node).and_then(|node| node.ip);
    let network = ip.and_then(|ip| addresses.network_of(ip)).map_or("", |(network, _)| network);
    Diagnostic::new(
        code!("vip-without-link"),
        format!("virtual address `{name}` is on no link of `{node}`, which holds it"),
    )
    .at(place, "")
    .at(model.place(&format!("/nodes/{}", escape(node)), Part::Key), "its link is not known")
    .help(format!("name the link of `[networks.{network}]`: `interface = \"eth0\"`, or give the node its `mac`"))
}

fn bootstrap(model: &Model, found: &mut Vec<Diagnostic>) {
    let Some(bootstrap) = &model.inventory.cluster.bootstrap else { return };
    let place = model.place("/cluster/bootstrap", Part::Value);
    let first = model.inventory.nodes.iter().find(|(_, node)| node.role == Role::Controlplane).map(|(name, _)| name);
    let mended = |finding: Diagnostic| match first {
        Some(node) => {
            finding.edit(place, format!("\"{node}\""), "name a control plane, which has an address of its own")
        }
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
