//! Addresses: the inventory's networks, virtual addresses, pools and nodes, parsed.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use ipnet::IpNet;

use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    inventory::{Inventory, Role, VipHolder},
    node::{Node, Part, escape},
    source::{Place, Span},
};

/// Every address the inventory writes, with the pointer it is written at.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// Networks by name.
    pub networks: BTreeMap<String, Network>,
    /// Virtual addresses by name.
    pub vips: BTreeMap<String, Vip>,
    /// Pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// Nodes by name. All of the inventory's, also those without an address.
    pub nodes: BTreeMap<String, Machine>,
}

/// A network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its prefix, without host bits.
    pub cidr: IpNet,
    /// The default route.
    pub gateway: Option<IpAddr>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
    /// The link nodes have in it.
    pub interface: Option<String>,
}

/// A virtual address.
#[derive(Clone, Debug)]
pub struct Vip {
    /// The address.
    pub ip: IpAddr,
    /// Who holds it.
    pub by: VipHolder,
    /// The nodes that share it; empty for every control plane.
    pub nodes: Vec<String>,
}

/// A pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its ranges in the order written.
    pub ranges: Vec<IpRange>,
}

/// Addresses from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IpRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address, included.
    pub last: IpAddr,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What it does.
    pub role: Role,
    /// Its address.
    pub ip: Option<IpAddr>,
}

impl IpRange {
    /// The range of a prefix.
    pub fn of(net: IpNet) -> Self {
        IpRange { first: net.network(), last: net.broadcast() }
    }

    /// Whether an address lies in it.
    pub fn contains(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.first.is_ipv4() && self.first <= ip && ip <= self.last
    }

    /// What is left of it without another one: nothing, one range or two.
    pub fn without(self, other: IpRange) -> Vec<IpRange> {
        if !self.overlaps(other) {
            return vec![self];
        }
        let before = (self.first < other.first).then(|| IpRange { first: self.first, last: step(other.first, -1) });
        let after = (other.last < self.last).then(|| IpRange { first: step(other.last, 1), last: self.last });
        before.into_iter().chain(after).collect()
    }

    /// Whether two ranges share an address.
    pub fn overlaps(self, other: IpRange) -> bool {
        self.first.is_ipv4() == other.first.is_ipv4() && self.first <= other.last && other.first <= self.last
    }
}

/// The next address, or the one before it.
fn step(ip: IpAddr, by: i8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V4(u32::from(ip).wrapping_add_signed(by.into()).into()),
        IpAddr::V6(ip) => IpAddr::V6(u128::from(ip).wrapping_add_signed(by.into()).into()),
    }
}

impl fmt::Display for IpRange {
    /// As MetalLB writes it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            let bits = if self.first.is_ipv4() { 32 } else { 128 };
            return write!(out, "{}/{bits}", self.first);
        }
        write!(out, "{}-{}", self.first, self.last)
    }
}

impl Pool {
    /// The address, where the pool has exactly one.
    pub fn only(&self) -> Option<IpAddr> {
        match self.ranges.as_slice() {
            [range] if range.first == range.last => Some(range.first),
            _ => None,
        }
    }
}

impl Addresses {
    /// Parses every address of the inventory; what is malformed is reported and left out.
    pub fn read(inventory: &Inventory, root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Addresses {
        let mut reader = Reader { root, part: None, diagnostics };
        let mut addresses = Addresses::default();
        for (name, network) in &inventory.networks {
            let at = format!("/networks/{}", escape(name));
            let Some(cidr) = reader.prefix(&network.cidr, &format!("{at}/cidr"), &at) else { continue };
            let gateway = network.gateway.as_ref().and_then(|text| reader.address(text, &format!("{at}/gateway"), ""));
            let dns = network.dns.iter().enumerate();
            let dns = dns.filter_map(|(index, text)| reader.address(text, &format!("{at}/dns/{index}"), "")).collect();
            addresses
                .networks
                .insert(name.clone(), Network { cidr, gateway, dns, interface: network.interface.clone() });
        }
        for (name, vip) in &inventory.vips {
            let at = format!("/vips/{}", escape(name));
            let Some(ip) = reader.address(&vip.ip, &format!("{at}/ip"), &at) else { continue };
            addresses.vips.insert(name.clone(), Vip { ip, by: vip.by, nodes: vip.nodes.clone() });
        }
        for (name, pool) in &inventory.pools {
            let at = format!("/pools/{}", escape(name));
            let pointer = format!("{at}/ips");
            let mut ranges = Vec::new();
            let mut offset = 0;
            for part in pool.ips.split(',') {
                let start = offset + (part.len() - part.trim_start().len());
                reader.part = Some((pool.ips.len(), Span::new(start, start + part.trim().len())));
                ranges.extend(reader.range(part.trim(), &pointer, &at));
                offset += part.len() + 1;
            }
            reader.part = None;
            if !ranges.is_empty() {
                addresses.pools.insert(name.clone(), Pool { ranges });
            }
        }
        for (name, node) in &inventory.nodes {
            let at = format!("/nodes/{}/ip", escape(name));
            let ip = node.ip.as_ref().and_then(|text| reader.address(text, &at, &at));
            addresses.nodes.insert(name.clone(), Machine { role: node.role, ip });
        }
        addresses
    }

    /// The network an address lies in, other than those of pods and services: the narrowest.
    pub fn network_of(&self, ip: IpAddr) -> Option<(&str, &Network)> {
        self.networks
            .iter()
            .filter(|(name, network)| !is_internal(name) && network.cidr.contains(&ip))
            .max_by_key(|(_, network)| network.cidr.prefix_len())
            .map(|(name, network)| (name.as_str(), network))
    }
}

/// The two networks that exist only inside the cluster.
pub fn is_internal(network: &str) -> bool {
    matches!(network, "pods" | "services")
}

struct Reader<'r> {
    root: &'r Node,
    /// The length of the value and the bytes of it that are read now, where they are a part of it.
    part: Option<(usize, Span)>,
    diagnostics: &'r mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn address(&mut self, text: &str, pointer: &str, breaks: &str) -> Option<IpAddr> {
        if let Ok(ip) = text.parse() {
            return Some(ip);
        }
        let finding = Diagnostic::new(code!("address-malformed"), format!("`{text}` is not an IP address"));
        let finding = if text.contains('/') && text.parse::<IpNet>().is_ok() {
            finding.help("leave the prefix length away: it comes from the network the address lies in")
        } else {
            finding.help("an address looks like `10.2.1.1` or `fd00::1`")
        };
        self.report(finding, pointer, breaks);
        None
    }

    fn prefix(&mut self, text: &str, pointer: &str, breaks: &str) -> Option<IpNet> {
        let Ok(net) = text.parse::<IpNet>() else {
            let finding = Diagnostic::new(code!("address-malformed"), format!("`{text}` is not a network prefix"));
            self.report(finding.help("a prefix looks like `10.2.0.0/16`"), pointer, breaks);
            return None;
        };
        if net.trunc() != net {
            let (place, is_part) = self.place(pointer);
            let right = net.trunc().to_string();
            let replacement = if is_part { right.clone() } else { format!("\"{right}\"") };
            self.diagnostics.push(
                Diagnostic::new(code!("host-bits"), format!("`{text}` is an address in a network, not a network"))
                    .at(place, format!("the bits behind /{} are not zero", net.prefix_len()))
                    .edit(place, replacement, format!("did you mean `{right}`?")),
            );
        }
        Some(net.trunc())
    }

    fn range(&mut self, text: &str, pointer: &str, breaks: &str) -> Option<IpRange> {
        if text.contains('/') {
            return self.prefix(text, pointer, breaks).map(IpRange::of);
        }
        let whole = self.part;
        let (first, last) = match text.split_once('-') {
            None => {
                let only = self.address(text, pointer, breaks)?;
                (only, only)
            }
            Some((first, last)) => {
                self.part =
                    whole.map(|(length, span)| (length, Span { end: span.start + in_bytes(first.trim_end()), ..span }));
                let first = self.address(first.trim(), pointer, breaks);
                self.part = whole
                    .map(|(length, span)| (length, Span { start: span.end - in_bytes(last.trim_start()), ..span }));
                let last = self.address(last.trim(), pointer, breaks);
                self.part = whole;
                (first?, last?)
            }
        };
        if first > last || first.is_ipv4() != last.is_ipv4() {
            let finding = Diagnostic::new(code!("address-malformed"), format!("`{text}` ends before it begins"));
            self.report(finding.help("write the lower address first"), pointer, breaks);
            return None;
        }
        Some(IpRange { first, last })
    }

    /// Where the text that is read now stands, and whether that is only a part of its value.
    fn place(&self, pointer: &str) -> (Place, bool) {
        let whole = self.root.place_of(pointer, Part::Value);
        match self.part {
            // As long as its value and two quotes: no escape moves the bytes.
            Some((length, part))
                if (whole.span.end - whole.span.start) as usize == length + 2 && part != Span::new(0, length) =>
            {
                let start = whole.span.start as usize + 1;
                let span = Span::new(start + part.start as usize, start + part.end as usize);
                (Place { span, ..whole }, true)
            }
            _ => (whole, false),
        }
    }

    fn report(&mut self, finding: Diagnostic, pointer: &str, breaks: &str) {
        let finding = finding.at(self.place(pointer).0, "");
        self.diagnostics.push(if breaks.is_empty() { finding } else { finding.breaks(breaks) });
    }
}

fn in_bytes(text: &str) -> u32 {
    u32::try_from(text.len()).expect("sources are smaller than 4 GiB")
}

/// A finding about a name that a table of the inventory does not have, or nothing when it has.
pub fn unknown_name<'k>(
    root: &Node,
    pointer: &str,
    name: &str,
    table: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<Diagnostic> {
    let known: Vec<&str> = known.into_iter().collect();
    if known.contains(&name) {
        return None;
    }
    let place = root.place_of(pointer, Part::Value);
    let finding = Diagnostic::new(code!("name-unknown"), format!("`{name}` is not in [{table}]"))
        .at(place, "")
        .follows(format!("/{table}/{}", escape(name)))
        .breaks(pointer);
    Some(match nearest(name, known.iter().copied()) {
        Some(near) => finding.edit(place, format!("\"{near}\""), format!("did you mean `{near}`?")),
        None => finding.help(format!("add `{name}` to [{table}], or name one that is there")),
    })
}
