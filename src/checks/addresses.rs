//! Every address belongs to one thing, and lies in a network.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    code,
    compile::Model,
    diagnostic::{Diagnostic, nearest},
    node::{Node, Part, escape},
    plan::address::is_internal,
    source::{Place, Sources},
};

/// Node, virtual and gateway addresses: none twice, none outside the networks.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let addresses = &model.plan.addresses;
    let mut owners: BTreeMap<IpAddr, (String, Place)> = BTreeMap::new();
    for (ip, what, place) in single(model) {
        if let Some((other, first)) = owners.get(&ip) {
            found.push(
                Diagnostic::new(code!("address-twice"), format!("`{ip}` is the address of {other} and of {what}"))
                    .at(place, "")
                    .at(*first, format!("{other} has it too"))
                    .help("give one of them another address")
                    .about(ip.to_string()),
            );
        } else {
            owners.insert(ip, (what, place));
        }
    }
    if addresses.networks.keys().all(|name| is_internal(name)) {
        return;
    }
    let pools = addresses.pools.iter().flat_map(|(name, pool)| {
        let place = model.place(&format!("/pools/{}/ips", escape(name)), Part::Value);
        pool.ranges
            .iter()
            .flat_map(|range| [range.first, range.last])
            .map(move |ip| (ip, format!("pool `{name}`"), place))
    });
    let mut seen = std::collections::BTreeSet::new();
    for (ip, what, place) in
        single(model).into_iter().filter(|(_, what, _)| !what.starts_with("the gateway")).chain(pools)
    {
        if addresses.network_of(ip).is_none() && seen.insert((what.clone(), place)) {
            let finding = outside(model, ip, &what, place);
            // It may lie in a network whose own prefix could not be read.
            let unread = model.root.get("networks").map_or(&[] as &[_], Node::entries).iter();
            let unread = unread.filter(|entry| !addresses.networks.contains_key(&entry.key));
            found.push(
                unread.fold(finding, |finding, entry| finding.follows(format!("/networks/{}", escape(&entry.key)))),
            );
        }
    }
    for (name, network) in &addresses.networks {
        if let Some(gateway) = network.gateway.filter(|gateway| !network.cidr.contains(gateway)) {
            let at = escape(name);
            found.push(
                Diagnostic::new(
                    code!("address-outside"),
                    format!("gateway `{gateway}` is not in `{}`, the network it leads out of", network.cidr),
                )
                .at(model.place(&format!("/networks/{at}/gateway"), Part::Value), "")
                .at(model.place(&format!("/networks/{at}/cidr"), Part::Value), format!("network `{name}`"))
                .help("a gateway is reached inside its own network")
                .about(gateway.to_string()),
            );
        }
    }
}

/// Addresses that one thing has, in the order of the inventory.
fn single(model: &Model) -> Vec<(IpAddr, String, Place)> {
    let addresses = &model.plan.addresses;
    let gateways = addresses.networks.iter().filter_map(|(name, network)| {
        let place = model.place(&format!("/networks/{}/gateway", escape(name)), Part::Value);
        network.gateway.map(|ip| (ip, format!("the gateway of network `{name}`"), place))
    });
    let nodes = addresses.nodes.iter().filter_map(|(name, node)| {
        let place = model.place(&format!("/nodes/{}/ip", escape(name)), Part::Value);
        node.ip.map(|ip| (ip, format!("node `{name}`"), place))
    });
    let vips = addresses.vips.iter().map(|(name, vip)| {
        let place = model.place(&format!("/vips/{}/ip", escape(name)), Part::Value);
        (vip.ip, format!("virtual address `{name}`"), place)
    });
    gateways.chain(nodes).chain(vips).collect()
}

fn outside(model: &Model, ip: IpAddr, what: &str, place: Place) -> Diagnostic {
    let networks: Vec<String> = model
        .plan
        .addresses
        .networks
        .iter()
        .filter(|(name, _)| !is_internal(name))
        .map(|(name, network)| format!("`{name}` is `{}`", network.cidr))
        .collect();
    let finding =
        Diagnostic::new(code!("address-outside"), format!("`{ip}` of {what} is in no network of this cluster"))
            .at(place, "")
            .note(networks.join(", "))
            .about(ip.to_string());
    // A slip of one digit group is the usual cause: name an address that has it right.
    let text = ip.to_string();
    let similar = model.plan.addresses.networks.values().filter_map(|network| {
        let near = nearest_inside(ip, network.cidr)?;
        Some(near.to_string())
    });
    let similar: Vec<String> = similar.collect();
    match nearest(&text, similar.iter().map(String::as_str)) {
        // In a pool the address is only a part of the text.
        Some(near) if what.starts_with("pool") => finding.help(format!("did you mean `{near}`?")),
        Some(near) => finding.edit(place, format!("\"{near}\""), format!("did you mean `{near}`?")),
        None => finding.help("correct the address, or add its network to [networks]"),
    }
}

/// The address with the network's own leading bits.
fn nearest_inside(ip: IpAddr, network: ipnet::IpNet) -> Option<IpAddr> {
    match (ip, network) {
        (IpAddr::V4(ip), ipnet::IpNet::V4(network)) => {
            let mask = u32::from(network.netmask());
            Some(IpAddr::V4((u32::from(ip) & !mask | u32::from(network.network())).into()))
        }
        _ => None,
    }
}
