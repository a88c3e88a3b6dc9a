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
                    .help("give one of them another prefix: an address must lead to one place")
                    .about(format!("{} and {}", one.what, other.what).replace('`', "")),
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
        let others: Vec<&Piece> =
            taken.iter().filter(|other| pool.ranges.iter().any(|range| other.range.overlaps(*range))).collect();
        if !others.is_empty() {
            found.push(pool_overlaps(name, place, &pool.ranges, &others));
        }
        taken.extend(pool.ranges.iter().map(|range| Piece { what: format!("pool `{name}`"), place, range: *range }));
    }
}

/// How many of the others are shown with their lines.
const SHOWN: usize = 4;

fn pool_overlaps(pool: &str, place: Place, ranges: &[IpRange], others: &[&Piece]) -> Diagnostic {
    let message = match others {
        [other] if other.range.first == other.range.last => {
            format!("pool `{pool}` holds `{}`, the address of {}", other.range.first, other.what)
        }
        [other] => format!("pool `{pool}` and {} overlap", other.what),
        others => format!("pool `{pool}` holds addresses of {} others", others.len()),
    };
    let mut finding = Diagnostic::new(code!("pool-overlaps"), message)
        .at(place, "")
        .note("MetalLB would answer for an address that is somebody else's")
        .about(format!("IPAddressPool.metallb.io:{pool}"));
    for other in others.iter().take(SHOWN) {
        finding = finding.at(other.place, other.what.clone());
    }
    if let Some(more) = others.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        finding = finding.note(format!("and {more} more"));
    }
    let rest = others
        .iter()
        .fold(ranges.to_vec(), |rest, other| rest.into_iter().flat_map(|range| range.without(other.range)).collect());
    let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
    if rest.is_empty() || rest.len() > SHOWN {
        return finding.help("choose addresses that nothing else has");
    }
    finding.edit(
        place,
        format!("\"{}\"", rest.join(", ")),
        if others.len() == 1 { "leave it out of the pool" } else { "leave them out of the pool" },
    )
}
