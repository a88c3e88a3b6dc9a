//! Networks do not overlap, and pools share no address with anything else.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Part, escape},
    plan::address::IpRange,
    source::{Place, Sources},
};

/// Two things that should be apart.
struct Piece {
    what: String,
    place: Place,
    range: IpRange,
}

/// Pairs of networks, then each pool against everything.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let addresses = &model.plan.addresses;
    let place = |pointer: String| model.place(&pointer, Part::Value);
    let networks: Vec<Piece> = addresses
        .networks
        .iter()
        .map(|(name, network)| Piece {
            what: format!("network `{name}`"),
            place: place(format!("/networks/{}/cidr", escape(name))),
            range: IpRange::of(network.cidr),
        })
        .collect();
    for (index, one) in networks.iter().enumerate() {
        for other in networks[index + 1..].iter().filter(|other| other.range.overlaps(one.range)) {
            found.push(
                Diagnostic::new(code!("networks-overlap"), format!("{} and {} overlap", one.what, other.what))
                    .at(other.place, "")
                    .at(one.place, "shares addresses with it")
                    .help("give one of them another prefix: an address must lead to one place"),
            );
        }
    }
    let single = |ip| IpRange { first: ip, last: ip };
    let mut taken: Vec<Piece> = Vec::new();
    for (name, network) in &addresses.networks {
        if crate::plan::address::is_internal(name) {
            let place = place(format!("/networks/{}/cidr", escape(name)));
            taken.push(Piece { what: format!("network `{name}`"), place, range: IpRange::of(network.cidr) });
        }
        if let Some(gateway) = network.gateway {
            let place = place(format!("/networks/{}/gateway", escape(name)));
            taken.push(Piece { what: format!("the gateway of network `{name}`"), place, range: single(gateway) });
        }
    }
    for (name, node) in &addresses.nodes {
        if let Some(ip) = node.ip {
            let place = place(format!("/nodes/{}/ip", escape(name)));
            taken.push(Piece { what: format!("node `{name}`"), place, range: single(ip) });
        }
    }
    for (name, vip) in &addresses.vips {
        let place = place(format!("/vips/{}/ip", escape(name)));
        taken.push(Piece { what: format!("virtual address `{name}`"), place, range: single(vip.ip) });
    }
    for (name, pool) in &addresses.pools {
        let place = place(format!("/pools/{}/ips", escape(name)));
        let mut reported = std::collections::BTreeSet::new();
        for range in &pool.ranges {
            for other in taken.iter().filter(|other| other.range.overlaps(*range)) {
                if reported.insert(other.what.clone()) {
                    found.push(pool_overlaps(name, place, other));
                }
            }
        }
        taken.extend(pool.ranges.iter().map(|range| Piece { what: format!("pool `{name}`"), place, range: *range }));
    }
}

fn pool_overlaps(pool: &str, place: Place, other: &Piece) -> Diagnostic {
    let message = if other.range.first == other.range.last {
        format!("pool `{pool}` holds `{}`, the address of {}", other.range.first, other.what)
    } else {
        format!("pool `{pool}` and {} overlap", other.what)
    };
    Diagnostic::new(code!("pool-overlaps"), message)
        .at(place, "")
        .at(other.place, other.what.clone())
        .note("MetalLB would answer for an address that is somebody else's")
        .help("leave the address out of the pool")
        .about(format!("IPAddressPool.metallb.io:{pool}"))
}
