//! `machine.network` of contracts up to 1.11. From 1.12 the same [`Network`](super::Network) becomes documents.

use serde_json::{Value, json};

use super::machine::{Bond, Link, LinkId, LinkSelector, Machine, Route, Vlan};

/// The section `machine.network`.
pub(super) fn section(machine: &Machine) -> Value {
    let network = &machine.network;
    json!({
        "hostname": machine.hostname,
        "interfaces": network.links.iter().map(device).collect::<Vec<_>>(),
        "nameservers": network.nameservers,
        "searchDomains": network.search,
        "extraHostEntries": network.hosts.iter()
            .map(|(address, names)| json!({ "ip": address, "aliases": names }))
            .collect::<Vec<_>>(),
    })
}

fn device(link: &Link) -> Value {
    let (name, found_by) = match &link.id {
        LinkId::Name(name) => (Some(name), None),
        LinkId::Selector(wanted) => (None, Some(selector(wanted))),
    };
    json!({
        "interface": name,
        "deviceSelector": found_by,
        "addresses": link.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "routes": link.routes.iter().map(route).collect::<Vec<_>>(),
        "bond": link.bond.as_ref().map(bond),
        "bridge": link.bridge.as_ref().map(|bridge| json!({
            "interfaces": bridge.links,
            "stp": bridge.stp.map(|enabled| json!({ "enabled": enabled })),
            "vlan": bridge.vlan_filtering.map(|filtering| json!({ "vlanFiltering": filtering })),
        })),
        "vlans": link.vlans.iter().map(vlan).collect::<Vec<_>>(),
        "mtu": link.mtu,
        "dhcp": link.dhcp,
        "dhcpOptions": link.dhcp_route_metric.map(|metric| json!({ "routeMetric": metric })),
        "vip": link.vip.map(|address| json!({ "ip": address })),
    })
}

fn selector(selector: &LinkSelector) -> Value {
    json!({
        "busPath": selector.bus_path,
        "hardwareAddr": selector.hardware_address,
        "permanentAddr": selector.permanent_address,
        "driver": selector.driver,
        "physical": selector.physical,
    })
}

fn route(route: &Route) -> Value {
    json!({
        "network": route.network.map(|network| network.to_string()),
        "gateway": route.gateway,
        "source": route.source,
        "metric": route.metric,
        "mtu": route.mtu,
    })
}

fn bond(bond: &Bond) -> Value {
    json!({
        "interfaces": bond.links,
        "deviceSelectors": bond.selectors.iter().map(selector).collect::<Vec<_>>(),
        "mode": bond.mode,
        "xmitHashPolicy": bond.hash_policy,
        "lacpRate": bond.lacp_rate,
        "miimon": bond.miimon,
        "updelay": bond.up_delay,
        "downdelay": bond.down_delay,
    })
}

fn vlan(vlan: &Vlan) -> Value {
    json!({
        "addresses": vlan.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "routes": vlan.routes.iter().map(route).collect::<Vec<_>>(),
        "dhcp": vlan.dhcp,
        "vlanId": vlan.id,
        "mtu": vlan.mtu,
        "vip": vlan.vip.map(|address| json!({ "ip": address })),
    })
}
