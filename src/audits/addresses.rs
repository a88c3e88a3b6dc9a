//! Addresses written out by hand that no longer are, or never were, addresses of the cluster.
//!
//! What a repository says of its networks is seldom complete, so nearly all of this is about slips that can be told: an address
//! asked of pools that do not have it, and one that is a known address but for one part.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use ipnet::{IpNet, Ipv4Net};

use crate::{
    claim::group_of,
    claims::terraform::Setting,
    code,
    diagnostic::Diagnostic,
    flux::{Cluster, Text, has_placeholder},
    node::{Entry, Kind, Node},
    plan::address::IpRange,
    repository::Repository,
    source::{Place, SourceId, Span},
    survey::Survey,
};

/// Annotations and fields with which a Service or a Gateway asks for an address of a pool.
const REQUESTS: &[&str] = &[
    "loadBalancerIP",
    "metallb.universe.tf/loadBalancerIPs",
    "metallb.io/loadBalancerIPs",
    "io.cilium/lb-ipam-ips",
    "lbipam.cilium.io/ips",
];
/// Words in the name of a key behind which the cluster's own addresses stand.
const OWN: &[&str] = &["vip", "endpoint", "gateway", "loadbalancerip", "lbipam", "lb-ipam", "servicehost", "ipaddress"];
/// Keys behind which four numbers are a version.
const VERSIONS: &[&str] = &["version", "tag", "image", "chart", "ref", "targetrevision"];
/// Folders of what was true once.
const PAST: &[&str] = &["archive", "archives", "archived", "old", "history", "adr", "postmortems", "incidents", "blog"];
/// Pods and services of a cluster that nobody gave other networks: Talos, kubeadm and k3s.
const INTERNAL: &[&str] = &["10.244.0.0/16", "10.96.0.0/12", "10.42.0.0/16", "10.43.0.0/16"];
/// How many addresses of a network that is not ours can be slips. More are a network of somebody's.
const FEW: usize = 3;

/// Reports them.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut told = BTreeSet::new();
    for cluster in &survey.clusters {
        requests(cluster, &mut told, found);
    }
    let literals = literals(&survey.repository);
    if survey.settings.settings.networks.is_empty() {
        misnamed(survey, &mut told, found);
        slips(survey, &literals, &told, found);
    } else {
        outside(survey, &literals, &told, found);
    }
}

/// A pool of addresses for services.
struct Pool<'o> {
    name: &'o str,
    ranges: Vec<IpRange>,
    place: Place,
}

/// A Service asks for an address that no pool of its cluster has.
fn requests(cluster: &Cluster, told: &mut BTreeSet<Place>, found: &mut Vec<Diagnostic>) {
    // Where something is not known, a pool may be.
    if !super::is_known_whole(cluster) {
        return;
    }
    let objects = || cluster.units.iter().flat_map(crate::flux::Unit::objects);
    let Some(pools) = objects().filter_map(|object| pool(&object.node)).collect::<Option<Vec<Pool<'_>>>>() else {
        return;
    };
    let Some(nearest) = pools.first() else { return };
    for object in objects() {
        asked(&object.node, &mut |text| {
            for ip in text.text.split(',').filter_map(|part| part.trim().parse::<IpAddr>().ok()) {
                let is_ours = pools.iter().any(|pool| pool.ranges.iter().any(|range| range.contains(ip)));
                let is_judged =
                    pools.iter().any(|pool| pool.ranges.iter().any(|range| range.first.is_ipv4() == ip.is_ipv4()));
                if is_ours || !is_judged || !told.insert(text.place) {
                    continue;
                }
                let ranges: Vec<String> =
                    pools.iter().flat_map(|pool| &pool.ranges).map(|range| format!("`{range}`")).collect();
                let label =
                    if pools.len() == 1 { "the only pool".to_owned() } else { format!("one of {} pools", pools.len()) };
                found.push(
                    Diagnostic::new(code!("address-stray"), format!("`{ip}` is asked of the pools, and none has it"))
                        .at(text.place, "")
                        .at(nearest.place, label)
                        .note(format!("the pools have {}: the service never gets an address", ranges.join(", ")))
                        .help("ask for an address of a pool, or add this one to a pool")
                        .about(ip.to_string()),
                );
            }
        });
    }
}

/// An object as a pool: None where it is none, Some(None) where its addresses cannot be read.
#[expect(clippy::option_option, reason = "no pool, and a pool whose addresses nobody knows, are two things")]
fn pool(object: &Node) -> Option<Option<Pool<'_>>> {
    let group = group_of(object.get("apiVersion")?.as_str()?);
    let spec = object.get("spec");
    let list = |key: &str| spec.and_then(|spec| spec.get(key)).map_or(&[][..], Node::items);
    let ranges: Option<Vec<IpRange>> = match (group, object.get("kind")?.as_str()?) {
        ("metallb.io", "IPAddressPool") => list("addresses").iter().map(|entry| range(entry.as_str()?)).collect(),
        ("cilium.io", "CiliumLoadBalancerIPPool") => list("blocks").iter().chain(list("cidrs")).map(block).collect(),
        _ => return None,
    };
    let name = object.at(["metadata", "name"]);
    Some(ranges.map(|ranges| Pool {
        name: name.and_then(Node::as_str).unwrap_or_default(),
        ranges,
        place: name.map_or(object.place, |name| name.place),
    }))
}

fn block(block: &Node) -> Option<IpRange> {
    let text = |key: &str| block.get(key).and_then(Node::as_str);
    match (text("cidr"), text("start")) {
        (Some(cidr), _) => range(cidr),
        (None, Some(first)) => {
            Some(IpRange { first: first.parse().ok()?, last: text("stop").unwrap_or(first).parse().ok()? })
        }
        _ => None,
    }
}

/// A range as MetalLB writes it: with a hyphen, a prefix, or neither.
fn range(text: &str) -> Option<IpRange> {
    let text = text.trim();
    if let Some((first, last)) = text.split_once('-') {
        return Some(IpRange { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? });
    }
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    Some(IpRange::of(text.parse::<IpNet>().or_else(|_| single()).ok()?))
}

/// Every literal request for an address in an object or in Helm values.
fn asked(node: &Node, see: &mut dyn FnMut(Text)) {
    match &node.kind {
        Kind::Map(entries) => {
            for Entry { key, value, .. } in entries {
                match value.as_str() {
                    Some(text) if REQUESTS.contains(&key.as_str()) && !has_placeholder(text) && !text.contains('$') => {
                        see(Text { text: text.to_owned(), place: value.place });
                    }
                    _ => asked(value, see),
                }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| asked(item, see)),
        _ => {}
    }
}

/// Terraform calls an address by the name of a pool that has another one.
fn misnamed(survey: &Survey, told: &mut BTreeSet<Place>, found: &mut Vec<Diagnostic>) {
    let documents = survey.repository.files().flat_map(|(_, file)| file.documents());
    let mut pools: BTreeMap<String, Vec<Pool<'_>>> = BTreeMap::new();
    for pool in documents.filter_map(pool).flatten() {
        pools.entry(plain(pool.name)).or_default().push(pool);
    }
    let mut wrong: BTreeMap<(IpAddr, &str), (Vec<Place>, &Pool<'_>)> = BTreeMap::new();
    for setting in &survey.terraform.settings {
        let Ok(ip) = setting.value.parse::<IpAddr>() else { continue };
        // Pools of one name in several clusters are several pools.
        let Some([pool]) = pools.get(&plain(last_name(setting))).map(Vec::as_slice) else { continue };
        if !pool.ranges.iter().any(|range| range.contains(ip)) && told.insert(setting.place) {
            wrong.entry((ip, pool.name)).or_insert((Vec::new(), pool)).0.push(setting.place);
        }
    }
    for ((ip, name), (places, pool)) in wrong {
        let ranges: Vec<String> = pool.ranges.iter().map(|range| format!("`{range}`")).collect();
        let mut finding = Diagnostic::new(
            code!("address-stray"),
            format!("`{ip}` is not in the pool `{name}`, which it is called after"),
        );
        for (at, place) in places.into_iter().enumerate() {
            finding = finding.at(place, if at == 0 { "" } else { "here too" });
        }
        finding = finding.at(pool.place, format!("has {}", ranges.join(", ")));
        let finding = match pool.ranges.as_slice() {
            [only] if only.first == only.last => finding.help(format!("write `{}`", only.first)),
            _ => finding.help(format!("write an address of {}", ranges.join(", "))),
        };
        found.push(finding.about(ip.to_string()));
    }
}

fn last_name(setting: &Setting) -> &str {
    setting.name.rsplit('.').next().unwrap_or_default()
}

/// A name without what separates its words.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// An address in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Literal {
    ip: Ipv4Addr,
    /// The length of its prefix, where one is written.
    prefix: Option<u8>,
    place: Place,
    /// Whether it stands in documentation.
    is_prose: bool,
    /// Whether its key says that it is the cluster's own.
    is_own: bool,
}

/// The private addresses in every manifest, Terraform source, template and document, without those in comments.
fn literals(repository: &Repository) -> Vec<Literal> {
    let mut found = Vec::new();
    for (path, file) in repository.files() {
        let Some(source) = file.source else { continue };
        let is_prose = path.ends_with(".md");
        if path.ends_with(".sh") || is_prose && is_past(path) {
            continue;
        }
        scan(source, &repository.sources.get(source).text, is_prose, &mut found);
    }
    found
}

/// Whether a document tells of what was true once.
pub(super) fn is_past(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(|part| PAST.contains(&part.to_ascii_lowercase().as_str()))
        || name.to_ascii_lowercase().starts_with("changelog")
}

/// Looks at each dot only: most of a text has none between digits.
fn scan(source: SourceId, text: &str, is_prose: bool, found: &mut Vec<Literal>) {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut done = 0;
    while let Some(dot) = text[done..].find('.').map(|at| at + done) {
        done = dot + 1;
        if !digit(dot + 1) || dot == 0 || !digit(dot - 1) {
            continue;
        }
        let start = dot - bytes[..dot].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let end = start + bytes[start..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        done = end;
        let end = if bytes[end - 1] == b'.' { end - 1 } else { end };
        if let Some(literal) = literal(source, text, Span::new(start, end), is_prose) {
            found.push(literal);
        }
    }
}

fn literal(source: SourceId, text: &str, span: Span, is_prose: bool) -> Option<Literal> {
    let ip: Ipv4Addr = text[span.range()].parse().ok()?;
    if !ip.is_private() {
        return None;
    }
    let (start, end) = (span.range().start, span.range().end);
    let (before, after) = (&text[..start], &text[end..]);
    let is_word = |letter: char| letter.is_alphanumeric() || "_.:+".contains(letter);
    if before.chars().next_back().is_some_and(is_word) {
        return None;
    }
    // Of a range or a list; else a part of some word.
    let next: Vec<char> = after.chars().take(2).collect();
    match next.as_slice() {
        ['-', letter] if !letter.is_ascii_digit() => return None,
        [letter, ..] if letter.is_alphanumeric() || "_+".contains(*letter) => return None,
        _ => {}
    }
    if before.ends_with('-') && !before[..start - 1].ends_with(|letter: char| letter.is_ascii_digit() || letter == ' ')
    {
        return None;
    }
    let prefix = after.strip_prefix('/').map(|rest| &rest[..rest.len().min(3)]);
    let prefix = prefix.map(|rest| rest.bytes().take_while(u8::is_ascii_digit).count()).filter(|length| *length > 0);
    let prefix = prefix.and_then(|length| after[1..=length].parse().ok());
    let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    let is_comment =
        line.trim_start().starts_with(['#', '*']) || line.contains(" #") || line.trim_start().starts_with("//");
    if is_comment && !is_prose {
        return None;
    }
    let key = line.split([':', '=']).next().unwrap_or_default().trim().trim_start_matches("- ");
    let key = key.trim_matches(['"', '\'']).to_ascii_lowercase();
    if VERSIONS.iter().any(|word| key.ends_with(word)) {
        return None;
    }
    let is_own = !is_prose && OWN.iter().any(|word| key.contains(word));
    Some(Literal { ip, prefix, place: Place { source, span }, is_prose, is_own })
}

/// What the repository shows of its networks.
struct Known {
    /// Networks with where they are written; None for those that every cluster has.
    networks: Vec<(Ipv4Net, Option<Place>)>,
    pools: Vec<IpRange>,
    /// Addresses that the cluster has, with where they are written.
    own: BTreeMap<Ipv4Addr, Place>,
    /// How many addresses are written, outside of documentation, of each network of 65,536.
    crowd: BTreeMap<[u8; 2], BTreeSet<Ipv4Addr>>,
}

impl Known {
    fn of(survey: &Survey, literals: &[Literal]) -> Known {
        let mut known = Known { networks: Vec::new(), pools: Vec::new(), own: BTreeMap::new(), crowd: BTreeMap::new() };
        let documents = survey.repository.files().flat_map(|(_, file)| file.documents());
        for pool in documents.filter_map(pool).flatten() {
            for range in pool.ranges {
                known.pools.push(range);
                for end in [range.first, range.last] {
                    if let IpAddr::V4(ip) = end {
                        known.own.insert(ip, pool.place);
                    }
                }
            }
        }
        for setting in &survey.terraform.settings {
            let name = setting.name.to_ascii_lowercase();
            let host = setting.value.rsplit("://").next().and_then(|rest| rest.split(':').next()).unwrap_or_default();
            if let (true, Ok(ip)) = (OWN.iter().any(|word| name.contains(word)), host.parse::<Ipv4Addr>()) {
                known.own.entry(ip).or_insert(setting.place);
            }
        }
        known.networks.extend(INTERNAL.iter().map(|text| (text.parse().expect("they are well formed"), None)));
        for literal in literals.iter().filter(|literal| !literal.is_prose) {
            known.crowd.entry(upper(literal.ip)).or_default().insert(literal.ip);
            if literal.is_own {
                known.own.entry(literal.ip).or_insert(literal.place);
            }
            // Wider ones are the private ranges themselves.
            let prefix = literal.prefix.filter(|prefix| (13..32).contains(prefix));
            let network = prefix.and_then(|prefix| Ipv4Net::new(literal.ip, prefix).ok());
            let network = network.filter(|network| (network.prefix_len(), upper(network.addr())) != (16, [192, 168]));
            known.networks.extend(network.map(|network| (network, Some(literal.place))));
        }
        known
    }

    fn has(&self, ip: Ipv4Addr) -> bool {
        self.networks.iter().any(|(network, _)| network.contains(&ip))
            || self.pools.iter().any(|pool| pool.contains(ip.into()))
            || self.own.contains_key(&ip)
    }

    /// The address that this one is but for its second part, and what shows that: the address itself or, for documents, its network.
    ///
    /// Two networks whose plans mirror each other look the same. So the third part has to say something, and nothing may be known
    /// of the other network.
    fn meant(&self, ip: Ipv4Addr, is_prose: bool) -> Option<(Ipv4Addr, Place)> {
        let [first, second, third, fourth] = ip.octets();
        let is_crowd = self.crowd.get(&upper(ip)).is_some_and(|ips| ips.len() > FEW);
        if third == 0 || is_crowd || self.has(ip) || self.networks.iter().any(|(net, _)| upper(net.addr()) == upper(ip))
        {
            return None;
        }
        let is_other =
            |own: Ipv4Addr| own.octets()[0] == first && own.octets()[1] != second && own.octets()[2] == third;
        let same = self.own.iter().filter(|(own, _)| is_other(**own) && own.octets()[3] == fourth);
        let mut meant: BTreeMap<Ipv4Addr, Place> = same.map(|(own, place)| (*own, *place)).collect();
        if meant.is_empty() && is_prose {
            for (network, place) in
                self.networks.iter().filter(|(net, _)| net.prefix_len() >= 24 && is_other(net.addr()))
            {
                let [first, second, third, _] = network.addr().octets();
                meant.extend(place.map(|place| (Ipv4Addr::new(first, second, third, fourth), place)));
            }
        }
        let mut meant = meant.into_iter();
        meant.next().filter(|_| meant.next().is_none())
    }
}

/// The first half of an address.
fn upper(ip: Ipv4Addr) -> [u8; 2] {
    [ip.octets()[0], ip.octets()[1]]
}

/// Addresses that are one of ours but for one part: one finding for each in manifests, one for each document that has such.
fn slips(survey: &Survey, literals: &[Literal], told: &BTreeSet<Place>, found: &mut Vec<Diagnostic>) {
    // With several clusters, networks that mirror each other are a plan.
    if survey.clusters.len() > 1 {
        return;
    }
    let known = Known::of(survey, literals);
    let mut stray: BTreeMap<Ipv4Addr, (Vec<Place>, Ipv4Addr, Place)> = BTreeMap::new();
    let mut stale: BTreeMap<SourceId, BTreeMap<Ipv4Addr, (Place, Ipv4Addr, Place)>> = BTreeMap::new();
    for literal in literals.iter().filter(|literal| literal.prefix.is_none_or(|prefix| prefix == 32)) {
        // The place of a value in Terraform includes its quotes.
        let is_told = told.iter().any(|place| is_within(literal.place, *place));
        let Some((meant, place)) = known.meant(literal.ip, literal.is_prose).filter(|_| !is_told) else { continue };
        if literal.is_prose {
            let of = stale.entry(literal.place.source).or_default();
            of.entry(literal.ip).or_insert((literal.place, meant, place));
        } else {
            stray.entry(literal.ip).or_insert((Vec::new(), meant, place)).0.push(literal.place);
        }
    }
    for (ip, (places, meant, place)) in stray {
        let message = format!("`{ip}` is in no network of the cluster");
        let mut finding = Diagnostic::new(code!("address-stray"), message);
        for (at, place) in places.into_iter().enumerate() {
            finding = finding.at(place, if at == 0 { "" } else { "here too" });
        }
        found.push(
            finding.at(place, format!("`{meant}` is")).help(format!("did you mean `{meant}`?")).about(ip.to_string()),
        );
    }
    for addresses in stale.into_values() {
        let listed: Vec<String> = addresses.keys().take(FEW).map(|ip| format!("`{ip}`")).collect();
        let (more, is) = (addresses.len() - listed.len(), if addresses.len() == 1 { "is" } else { "are" });
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!("{}{more} {is} in no network of the cluster", listed.join(", "));
        let mut finding = Diagnostic::new(code!("address-stale"), message);
        for (place, meant, _) in addresses.values() {
            finding = finding.at(*place, format!("perhaps `{meant}`"));
        }
        let (_, meant, known) = addresses.values().next().expect("there is one");
        found.push(
            finding
                .at(*known, format!("`{meant}` is one"))
                .help("correct the document, or say in it that it tells of the past"),
        );
    }
}

fn is_within(inner: Place, outer: Place) -> bool {
    inner.source == outer.source && outer.span.start <= inner.span.start && inner.span.end <= outer.span.end
}

/// Addresses in manifests that are in no network that settings name.
fn outside(survey: &Survey, literals: &[Literal], told: &BTreeSet<Place>, found: &mut Vec<Diagnostic>) {
    let given = &survey.settings.settings.networks;
    let networks: Vec<Ipv4Net> =
        given.iter().map(String::as_str).chain(INTERNAL.iter().copied()).filter_map(|text| text.parse().ok()).collect();
    let mut stray: BTreeMap<Ipv4Addr, Vec<Place>> = BTreeMap::new();
    for literal in
        literals.iter().filter(|literal| !literal.is_prose && literal.prefix.is_none_or(|prefix| prefix == 32))
    {
        let is_judged = survey.loaded.contains(survey.repository.path(literal.place));
        let is_told = told.iter().any(|place| is_within(literal.place, *place));
        if is_judged && !is_told && !networks.iter().any(|network| network.contains(&literal.ip)) {
            stray.entry(literal.ip).or_default().push(literal.place);
        }
    }
    for (ip, places) in stray {
        let mut finding = Diagnostic::new(code!("address-stray"), format!("`{ip}` is in no network of the cluster"));
        for (at, place) in places.into_iter().enumerate() {
            finding = finding.at(place, if at == 0 { "" } else { "here too" });
        }
        let listed: Vec<String> = given.iter().map(|network| format!("`{network}`")).collect();
        found.push(
            finding
                .note(format!("its networks are {}", listed.join(", ")))
                .help("correct the address, or add its network to `networks`")
                .about(ip.to_string()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audits::audited, source::Sources};

    fn scanned(text: &str) -> Vec<String> {
        let source = Sources::default().add("a.yaml", text);
        let mut found = Vec::new();
        scan(source, text, false, &mut found);
        found
            .iter()
            .map(|literal| format!("{}{}", literal.ip, literal.prefix.map_or(String::new(), |it| format!("/{it}"))))
            .collect()
    }

    fn reports(files: &[(&str, &str)]) -> Vec<String> {
        let (survey, found) = audited(audit, files.iter().copied());
        let at = |finding: &Diagnostic| {
            let place = finding.labels[0].place;
            format!("{}:{}", survey.repository.path(place), survey.repository.sources.position(place).line)
        };
        found.iter().map(|finding| format!("{} {}: {}", at(finding), finding.code.name(), finding.message)).collect()
    }

    #[test]
    fn private_addresses_are_read_and_versions_are_not() {
        for (text, addresses) in [
            ("ip: 10.2.3.4", vec!["10.2.3.4"]),
            ("url: https://10.2.3.4:6443/x", vec!["10.2.3.4"]),
            ("- 10.2.3.4-10.2.3.9", vec!["10.2.3.4", "10.2.3.9"]),
            ("cidr: 10.2.0.0/16", vec!["10.2.0.0/16"]),
            ("a: [10.2.3.4,10.2.3.5]", vec!["10.2.3.4", "10.2.3.5"]),
            ("It is 10.2.3.4.", vec!["10.2.3.4"]),
            ("dns: 1.1.1.1", vec![]),
            ("doc: 192.0.2.1", vec![]),
            ("version: 10.2.3.4", vec![]),
            ("name: app:10.2.3.4", vec![]),
            ("name: v10.2.3.4", vec![]),
            ("name: app-10.2.3.4", vec![]),
            ("name: 10.2.3.4-alpine", vec![]),
            ("name: 10.2.3.4.5", vec![]),
            ("a: b # 10.2.3.4", vec![]),
            ("10.2.3.", vec![]),
            ("10.2.3.400", vec![]),
        ] {
            assert_eq!(scanned(text), addresses, "{text}");
        }
    }

    const UNIT: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: apps\n  namespace: flux-system\nspec:\n  interval: 1h\n  path: ./apps\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n";
    const POOL: &str = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata:\n  name: ingress-pool\n  namespace: metallb-system\nspec:\n  addresses:\n    - 10.2.3.10-10.2.3.20\n";

    #[test]
    fn an_address_that_no_pool_has_is_asked_in_vain() {
        let service = |ip: &str| {
            format!(
                "apiVersion: v1\nkind: Service\nmetadata:\n  name: dns\n  namespace: default\n  annotations:\n    metallb.io/loadBalancerIPs: {ip}\nspec:\n  type: LoadBalancer\n"
            )
        };
        for (ip, messages) in [
            ("10.2.3.12", vec![]),
            ("10.2.3.12,fd00::1", vec![]),
            ("10.2.3.9", vec!["apps/service.yaml:7 address-stray: `10.2.3.9` is asked of the pools, and none has it"]),
        ] {
            let service = service(ip);
            assert_eq!(
                reports(&[("cluster.yaml", UNIT), ("apps/pool.yaml", POOL), ("apps/service.yaml", &service)]),
                messages
            );
        }
    }

    #[test]
    fn a_value_called_after_a_pool_is_in_it() {
        let terraform = |ip: &str| format!("variable \"ingress_pool\" {{\n  default = \"{ip}\"\n}}\n");
        assert_eq!(reports(&[("pool.yaml", POOL), ("main.tf", &terraform("10.2.3.11"))]), Vec::<String>::new());
        assert_eq!(
            reports(&[("pool.yaml", POOL), ("main.tf", &terraform("10.0.3.11"))]),
            ["main.tf:2 address-stray: `10.0.3.11` is not in the pool `ingress-pool`, which it is called after"]
        );
    }

    #[test]
    fn an_address_with_one_wrong_part_is_told_from_another_network() {
        let values = |ip: &str| format!("kubernetes:\n  host: {ip}\n");
        let vip = "cluster_vip = \"10.2.3.1\"\n";
        let stray = ["values.yaml:2 address-stray: `10.0.3.1` is in no network of the cluster"];
        assert_eq!(reports(&[("terraform.tfvars", vip), ("values.yaml", &values("10.0.3.1"))]), stray);
        // Nothing like ours, ours, and a network that is known.
        for ip in ["10.0.4.1", "10.2.3.1", "192.168.3.1"] {
            assert_eq!(
                reports(&[("terraform.tfvars", vip), ("values.yaml", &values(ip))]),
                Vec::<String>::new(),
                "{ip}"
            );
        }
        let other = format!("{}allow: 10.0.0.0/16\n", values("10.0.3.1"));
        assert_eq!(reports(&[("terraform.tfvars", vip), ("values.yaml", &other)]), Vec::<String>::new());
    }

    #[test]
    fn documents_are_compared_with_networks_too_unless_they_tell_of_the_past() {
        let nodes = "workers = \"10.2.1.0/24\"\n";
        let text = "Ask `10.0.1.7`.\n";
        let stale = ["docs/nodes.md:1 address-stale: `10.0.1.7` is in no network of the cluster"];
        assert_eq!(reports(&[("terraform.tfvars", nodes), ("docs/nodes.md", text)]), stale);
        assert_eq!(reports(&[("terraform.tfvars", nodes), ("docs/archive/nodes.md", text)]), Vec::<String>::new());
    }

    #[test]
    fn with_networks_every_private_address_is_in_one() {
        let files = |ip: &str| {
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: default\ndata:\n  nfs: {ip}\n")
        };
        let settings = "networks = [\"10.2.0.0/16\"]\n";
        for (ip, messages) in [
            ("10.2.9.9", vec![]),
            ("8.8.8.8", vec![]),
            ("10.0.3.2", vec!["apps/a.yaml:7 address-stray: `10.0.3.2` is in no network of the cluster"]),
        ] {
            assert_eq!(
                reports(&[("gitopsc.toml", settings), ("cluster.yaml", UNIT), ("apps/a.yaml", &files(ip))]),
                messages
            );
        }
    }
}
