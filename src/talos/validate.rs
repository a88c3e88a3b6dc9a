//! What Talos refuses in a whole configuration, found before it gets there: `talosctl validate --mode metal` of 1.11,
//! for everything that an inventory or a patch can bring about.
//!
//! Markers of secrets count as values, so that the reviewable form and the filled one are judged alike.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde_json::Value;

use super::{
    duration,
    fields::size_in_bytes,
    patch::{LEGACY, Patch},
    secrets::has_marker,
};
use crate::{code, diagnostic::Diagnostic, node::Node, source::Place};

/// Finds what Talos would refuse. A fault that a patch brought points at the patch.
pub fn validate(documents: &[Value], patches: &[Patch]) -> Vec<Diagnostic> {
    faults(documents).into_iter().map(|fault| fault.diagnostic(patches)).collect()
}

/// The same for documents whose markers are filled in: nothing of the values is in what is found.
pub(super) fn validate_filled(documents: &[Value], patches: &[Patch]) -> Vec<Diagnostic> {
    let unnamed = |fault: Fault| Fault {
        message: format!("with its secrets filled in, Talos would refuse `{}`", fault.path),
        help: "correct the secret's value; it is not shown here".to_owned(),
        ..fault
    };
    faults(documents).into_iter().map(|fault| unnamed(fault).diagnostic(patches)).collect()
}

fn faults(documents: &[Value]) -> Vec<Fault> {
    let mut faults = Faults { list: Vec::new() };
    for document in documents {
        match document["kind"].as_str() {
            None => configuration(document, &mut faults),
            Some(kind) => extra_document(kind, document, &mut faults),
        }
    }
    faults.list
}

/// Something Talos refuses.
struct Fault {
    /// Kind of the document, its name, and the field's path in it.
    kind: String,
    name: String,
    path: String,
    message: String,
    help: String,
}

struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    fn add(&mut self, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.in_document(LEGACY, "", path, message, help);
    }

    fn in_document(&mut self, kind: &str, name: &str, path: &str, message: impl Into<String>, help: impl Into<String>) {
        self.list.push(Fault {
            kind: kind.to_owned(),
            name: name.to_owned(),
            path: path.to_owned(),
            message: message.into(),
            help: help.into(),
        });
    }
}

impl Fault {
    fn diagnostic(self, patches: &[Patch]) -> Diagnostic {
        let diagnostic = Diagnostic::new(code!("talos-refused"), self.message.clone()).help(self.help.clone());
        match self.place(patches) {
            Some(place) => diagnostic.at(place, ""),
            None => diagnostic,
        }
    }

    /// The last patch that writes the field. Items of lists are not followed: their places shift when lists are appended.
    fn place(&self, patches: &[Patch]) -> Option<Place> {
        let keys = self.path.split('[').next().unwrap_or_default();
        patches.iter().rev().flat_map(|patch| patch.documents.iter().rev()).find_map(|node| {
            let kind = node.get("kind").and_then(|kind| kind.as_str()).unwrap_or(LEGACY);
            let name = node.get("name").and_then(|name| name.as_str()).unwrap_or_default();
            let mine = kind == self.kind && (kind == LEGACY || name == self.name);
            if mine { below(node, keys) } else { None }
        })
    }
}

/// The place of the value at a path whose keys may have dots of their own.
fn below(node: &Node, path: &str) -> Option<Place> {
    if path.is_empty() {
        return Some(node.place);
    }
    node.entries().iter().find_map(|entry| match path.strip_prefix(&entry.key)? {
        "" => Some(entry.value.place),
        rest => below(&entry.value, rest.strip_prefix('.')?),
    })
}

fn configuration(document: &Value, faults: &mut Faults) {
    let machine = &document["machine"];
    let cluster = &document["cluster"];
    if !machine.is_object() || !cluster.is_object() {
        faults.add(
            "",
            "the configuration has no `machine` or no `cluster` section",
            "remove the deletion of the section",
        );
        return;
    }
    let role = text(machine, "type");
    let control_plane = matches!(role, "controlplane" | "init");
    if !control_plane && !matches!(role, "worker" | "join") {
        faults.add("machine.type", format!("`{role}` is not a type of machine"), "write `controlplane` or `worker`");
    }
    if document["persist"] == false {
        faults.add("persist", "a configuration that is not kept is refused", "leave `persist` out");
    }
    authorities(machine, cluster, control_plane, faults);
    install(&machine["install"], faults);
    network(&machine["network"], control_plane, faults);
    kubespan(machine, cluster, faults);
    kubelet(&machine["kubelet"], faults);
    storage(machine, faults);
    names(machine, faults);
    features(machine, control_plane, faults);
    for (index, destination) in list(&machine["logging"]["destinations"]).iter().enumerate() {
        logging(&format!("machine.logging.destinations[{index}]"), destination, faults);
    }
    for part in ["mirrors", "config"] {
        for (host, value) in entries(&machine["registries"][part]) {
            if value.is_null() {
                faults.add(
                    &format!("machine.registries.{part}.{host}"),
                    format!("the registry `{host}` has no settings"),
                    "write them, or leave the registry out",
                );
            }
        }
    }
    cluster_section(cluster, control_plane, faults);
}

fn authorities(machine: &Value, cluster: &Value, control_plane: bool, faults: &mut Faults) {
    let certificate = !text(&machine["ca"], "crt").is_empty();
    let key = !text(&machine["ca"], "key").is_empty();
    let accepted = !list(&machine["acceptedCAs"]).is_empty();
    if machine["ca"].is_null() && !accepted {
        faults.add("machine.ca", "the Talos API has no certificate authority", "leave `machine.ca` as it is generated");
    }
    if control_plane && (machine["ca"].is_null() || !key) {
        faults.add(
            "machine.ca",
            "a control plane node has no key of the Talos certificate authority",
            "give `crt` and `key`: a patch of one of them empties the other",
        );
    }
    if !control_plane && key {
        faults.add(
            "machine.ca.key",
            "a worker must not have the key of the Talos certificate authority",
            "remove it from what workers get",
        );
    }
    if !control_plane && !machine["ca"].is_null() && !certificate && !accepted {
        faults.add("machine.ca", "a worker does not know the Talos certificate authority", "give `crt`");
    }
    if !control_plane && !text(&cluster["ca"], "key").is_empty() {
        faults.add(
            "cluster.ca.key",
            "a worker must not have the key of the Kubernetes certificate authority",
            "remove it from what workers get",
        );
    }
}

fn install(install: &Value, faults: &mut Faults) {
    let selector = &install["diskSelector"];
    if !text(selector, "name").is_empty() {
        faults.add(
            "machine.install.diskSelector.name",
            "Talos no longer selects a disk by its name",
            "use `disk`, or another field of the selector",
        );
    }
    let kind = text(selector, "type");
    if !kind.is_empty() && !["nvme", "sd", "hdd", "ssd"].contains(&kind) {
        faults.add(
            "machine.install.diskSelector.type",
            format!("`{kind}` is not a type of disk"),
            "write `ssd`, `hdd`, `nvme` or `sd`",
        );
    }
    if text(install, "disk").is_empty() && selector.is_null() {
        faults.add("machine.install", "the node has no disk to install on", "set the install disk, or a disk selector");
    }
    let mut seen = Vec::new();
    for extension in list(&install["extensions"]) {
        let image = text(extension, "image");
        if seen.contains(&image) {
            faults.add(
                "machine.install.extensions",
                format!("the extension `{image}` is there twice"),
                "patches append to this list: name it in one of them",
            );
        }
        seen.push(image);
    }
}

fn network(network: &Value, control_plane: bool, faults: &mut Faults) {
    let mut members: BTreeMap<&str, &str> = BTreeMap::new();
    let devices = list(&network["interfaces"]);
    for (index, device) in devices.iter().enumerate() {
        let at = format!("machine.network.interfaces[{index}]");
        let name = text(device, "interface");
        let (bond, bridge) = (&device["bond"], &device["bridge"]);
        if !bond.is_null() && !bridge.is_null() {
            faults.add(&at, format!("`{name}` is a bond and a bridge"), "make it one of them");
        }
        if !list(&bond["interfaces"]).is_empty() && !list(&bond["deviceSelectors"]).is_empty() {
            faults.add(&at, format!("the bond `{name}` finds its members by name and by selector"), "use one of them");
        }
        let of = if bridge.is_null() { bond } else { bridge };
        for member in list(&of["interfaces"]).iter().filter_map(Value::as_str) {
            if let Some(other) = members.insert(member, name).filter(|other| *other != name) {
                faults.add(
                    &at,
                    format!("`{member}` is part of `{other}` and of `{name}`"),
                    "a link is part of one other at most",
                );
            }
        }
    }
    for (index, one) in devices.iter().enumerate().filter(|(_, device)| device["ignore"] != true || !control_plane) {
        let at = format!("machine.network.interfaces[{index}]");
        if !control_plane {
            for carrier in std::iter::once(one).chain(list(&one["vlans"])) {
                if !carrier["vip"].is_null() {
                    faults.add(
                        &at,
                        "a worker cannot hold the shared address of the control plane",
                        "give the VIP to control plane nodes only",
                    );
                }
            }
        }
        if one["ignore"] != true {
            device(&at, one, members.contains_key(text(one, "interface")), faults);
        }
    }
}

fn device(at: &str, device: &Value, is_member: bool, faults: &mut Faults) {
    let name = text(device, "interface");
    let selector = &device["deviceSelector"];
    match (name.is_empty(), selector.is_null()) {
        (true, true) => {
            faults.add(at, "an interface has neither name nor selector", "write `interface` or `deviceSelector`");
        }
        (false, false) => faults.add(
            at,
            format!("`{name}` has a name and a selector"),
            "write `interface` or `deviceSelector`, not both",
        ),
        (true, false) if entries(selector).next().is_none() => {
            faults.add(at, "the selector of an interface is empty", "say which device it is");
        }
        _ => {}
    }
    let addresses = list(&device["addresses"]);
    let cidr = text(device, "cidr");
    let addressed = device["dhcp"] == true || !cidr.is_empty() || !addresses.is_empty() || !device["vip"].is_null();
    if is_member && !name.is_empty() && addressed {
        faults.add(
            at,
            format!("`{name}` is part of a bond or bridge and has an address of its own"),
            "give the address to the bond or bridge",
        );
    }
    if !cidr.is_empty() && !addresses.is_empty() {
        faults.add(at, format!("`{name}` has `cidr` and `addresses`"), "move the first into the second");
    }
    for address in addresses.iter().filter_map(Value::as_str).chain((!cidr.is_empty()).then_some(cidr)) {
        if !is_address_or_prefix(address) {
            faults.add(at, format!("`{address}` is not an address"), "write it as `10.2.1.1/16`");
        }
    }
    if !device["vip"].is_null() && !is_address(text(&device["vip"], "ip")) {
        faults.add(
            at,
            format!("`{}` is not an address a VIP can have", text(&device["vip"], "ip")),
            "write an address without prefix length",
        );
    }
    for (index, one) in list(&device["routes"]).iter().enumerate() {
        route(&format!("{at}.routes[{index}]"), one, faults);
    }
    for vlan in list(&device["vlans"]) {
        let cidr = text(vlan, "cidr");
        let addresses = list(&vlan["addresses"]);
        if !cidr.is_empty() && !addresses.is_empty() {
            faults.add(
                at,
                format!("VLAN {} has `cidr` and `addresses`", vlan["vlanId"]),
                "move the first into the second",
            );
        }
        for address in addresses.iter().filter_map(Value::as_str).chain((!cidr.is_empty()).then_some(cidr)) {
            if !is_address_or_prefix(address) {
                faults.add(at, format!("`{address}` is not an address"), "write it as `10.2.1.1/16`");
            }
        }
    }
    if !device["bond"].is_null() {
        bond(at, &device["bond"], faults);
    }
    if !device["wireguard"].is_null() {
        wireguard(at, &device["wireguard"], faults);
    }
}

fn route(at: &str, route: &Value, faults: &mut Faults) {
    let (network, gateway, source) = (text(route, "network"), text(route, "gateway"), text(route, "source"));
    if !network.is_empty() && !is_prefix(network) {
        faults.add(at, format!("`{network}` is not a network"), "write it as `10.0.0.0/8`");
    }
    for address in [gateway, source] {
        if !address.is_empty() && !is_address(address) {
            faults.add(at, format!("`{address}` is not an address"), "write an address without prefix length");
        }
    }
    if network.is_empty() && gateway.is_empty() {
        faults.add(at, "a route has neither network nor gateway", "give one of them");
    }
}

/// The values each option of a bond may have.
const BOND_WORDS: &[(&str, &[&str])] = &[
    ("mode", &["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"]),
    ("xmitHashPolicy", &["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4"]),
    ("lacpRate", &["slow", "fast"]),
    ("arpValidate", &["none", "active", "backup", "all"]),
    ("arpAllTargets", &["any", "all"]),
    ("primaryReselect", &["always", "better", "failure"]),
    ("failOverMac", &["none", "active", "follow"]),
    ("adSelect", &["stable", "bandwidth", "count"]),
];

fn bond(at: &str, bond: &Value, faults: &mut Faults) {
    for (option, words) in BOND_WORDS {
        let word = text(bond, option);
        if !word.is_empty() && !words.contains(&word) {
            faults.add(at, format!("a bond has no {option} `{word}`"), format!("write one of: {}", words.join(", ")));
        }
    }
    let number = |key: &str| bond[key].as_u64().unwrap_or(0);
    let miimon = number("miimon");
    for delay in ["updelay", "downdelay"] {
        if number(delay) > 0 && (miimon == 0 || number(delay) % miimon != 0) {
            faults.add(
                at,
                format!("`{delay}` of a bond is not a multiple of `miimon`"),
                "set `miimon`, and the delay to a multiple of it",
            );
        }
    }
    let mode = text(bond, "mode");
    let mode = if mode.is_empty() { "balance-rr" } else { mode };
    let set = |key: &str| !text(bond, key).is_empty();
    let balances = matches!(mode, "balance-alb" | "balance-tlb");
    let lacp = mode == "802.3ad";
    let refused = [
        (set("adActorSystem"), "adActorSystem"),
        (!list(&bond["arpIPTarget"]).is_empty(), "arpIPTarget"),
        (set("lacpRate") && !lacp, "lacpRate"),
        (set("arpValidate") && (lacp || balances), "arpValidate"),
        (set("primary") && !(balances || mode == "active-backup"), "primary"),
        (number("arpInterval") > 0 && (lacp || balances), "arpInterval"),
        (number("packetsPerSlave") > 1 && mode != "balance-rr", "packetsPerSlave"),
        (number("tlbDynamicLb") > 0 && !balances, "tlbDynamicLb"),
        (number("adActorSysPrio") > 0 && !lacp, "adActorSysPrio"),
        (number("adUserPortKey") > 0 && !lacp, "adUserPortKey"),
    ];
    for (_, option) in refused.iter().filter(|(wrong, _)| *wrong) {
        faults.add(
            at,
            format!("a bond of mode `{mode}` cannot have `{option}`"),
            "remove the option, or change the mode",
        );
    }
}

fn wireguard(at: &str, wireguard: &Value, faults: &mut Faults) {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let is_key = |key: &str| has_marker(key) || BASE64_STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 32);
    if !is_key(text(wireguard, "privateKey")) {
        faults.add(at, "the private key of a WireGuard link is not one", "a key is 32 bytes in base64");
    }
    for peer in list(&wireguard["peers"]) {
        if !is_key(text(peer, "publicKey")) {
            faults.add(at, "the public key of a WireGuard peer is not one", "a key is 32 bytes in base64");
        }
        let endpoint = text(peer, "endpoint");
        if !endpoint.is_empty() && !has_port(endpoint) {
            faults.add(at, format!("`{endpoint}` is not an endpoint of a WireGuard peer"), "write `address:port`");
        }
        for network in list(&peer["allowedIPs"]).iter().filter_map(Value::as_str) {
            if !is_prefix(network) {
                faults.add(at, format!("`{network}` is not a network"), "write it as `10.0.0.0/8`");
            }
        }
    }
}

fn has_port(endpoint: &str) -> bool {
    let Some((host, port)) = endpoint.rsplit_once(':') else { return false };
    port.parse::<u16>().is_ok() && (!host.contains(':') || host.starts_with('[') && host.ends_with(']'))
}

fn kubespan(machine: &Value, cluster: &Value, faults: &mut Faults) {
    let kubespan = &machine["network"]["kubespan"];
    if kubespan["enabled"] != true {
        return;
    }
    let at = "machine.network.kubespan";
    if kubespan["mtu"].as_u64().is_some_and(|mtu| mtu < 1280) {
        faults.add(at, "the packets of KubeSpan are too small", "`mtu` is at least 1280");
    }
    if !discovers(cluster) {
        faults.add(at, "KubeSpan needs cluster discovery, and it is off", "turn discovery on");
    }
    for key in ["id", "secret"] {
        if text(cluster, key).is_empty() {
            faults.add(at, format!("KubeSpan needs `cluster.{key}`"), "leave it as it is generated");
        }
    }
    subnets(at, &kubespan["filters"]["endpoints"], faults);
}

fn discovers(cluster: &Value) -> bool {
    cluster["discovery"]["enabled"] == true
}

fn kubelet(kubelet: &Value, faults: &mut Faults) {
    const PROTECTED: &[&str] = &[
        "apiVersion",
        "authentication",
        "authorization",
        "cgroupRoot",
        "kind",
        "kubeletCgroups",
        "port",
        "protectKernelDefaults",
        "resolvConf",
        "rotateCertificates",
        "systemCgroups",
        "staticPodPath",
        "seccompDefault",
    ];
    subnets("machine.kubelet.nodeIP.validSubnets", &kubelet["nodeIP"]["validSubnets"], faults);
    for (field, _) in entries(&kubelet["extraConfig"]).filter(|(field, _)| PROTECTED.contains(&field.as_str())) {
        faults.add(
            &format!("machine.kubelet.extraConfig.{field}"),
            format!("the kubelet's `{field}` is set by Talos alone"),
            "remove it",
        );
    }
}

fn subnets(at: &str, list_of: &Value, faults: &mut Faults) {
    for subnet in list(list_of).iter().filter_map(Value::as_str) {
        if !is_address_or_prefix(subnet.strip_prefix('!').unwrap_or(subnet)) {
            faults.add(
                at,
                format!("`{subnet}` is not a network"),
                "write it as `10.2.0.0/16`, or `!10.2.0.0/16` to leave one out",
            );
        }
    }
}

fn is_address(text: &str) -> bool {
    has_marker(text) || text.parse::<IpAddr>().is_ok()
}

fn is_prefix(text: &str) -> bool {
    has_marker(text) || text.parse::<IpNet>().is_ok()
}

fn is_address_or_prefix(text: &str) -> bool {
    if text.contains('/') { is_prefix(text) } else { is_address(text) }
}

fn storage(machine: &Value, faults: &mut Faults) {
    for (index, disk) in list(&machine["disks"]).iter().enumerate() {
        let at = format!("machine.disks[{index}]");
        let partitions = list(&disk["partitions"]);
        if disk.is_null() {
            faults.add(&at, "a disk is nothing", "write it, or remove the item");
        }
        let whole = |partition: &Value| match &partition["size"] {
            Value::String(size) => size_in_bytes(size) == Some(0),
            size => size.as_u64().unwrap_or(0) == 0,
        };
        if partitions.split_last().is_some_and(|(_, before)| before.iter().any(whole)) {
            faults.add(&at, "a partition takes the whole disk, and others follow it", "give it a size, or put it last");
        }
    }
    for partition in ["state", "ephemeral"] {
        let encryption = &machine["systemDiskEncryption"][partition];
        if !encryption.is_null() {
            keys(LEGACY, "", &format!("machine.systemDiskEncryption.{partition}"), encryption, faults);
        }
    }
}

fn keys(kind: &str, name: &str, at: &str, encryption: &Value, faults: &mut Faults) {
    let list_of = list(&encryption["keys"]);
    if list_of.is_empty() {
        faults.in_document(kind, name, at, "an encrypted partition has no key", "give it one under `keys`");
    }
    let mut slots = Vec::new();
    for key in list_of {
        let slot = key["slot"].as_i64().unwrap_or(0);
        if slots.contains(&slot) {
            faults.in_document(
                kind,
                name,
                at,
                format!("two keys are in slot {slot}"),
                "patches append to this list: number the slots",
            );
        }
        slots.push(slot);
        if ["static", "nodeID", "kms", "tpm"].iter().all(|way| key[*way].is_null()) {
            faults.in_document(
                kind,
                name,
                at,
                format!("the key in slot {slot} says not where it comes from"),
                "write `static`, `nodeID`, `kms` or `tpm`",
            );
        }
    }
}

fn names(machine: &Value, faults: &mut Faults) {
    for (key, value) in entries(&machine["nodeLabels"]) {
        let value = value.as_str().unwrap_or_default();
        if !is_qualified_name(key) || !is_label_value(value) {
            faults.add(&format!("machine.nodeLabels.{key}"), format!("`{key}: {value}` is not a label"), LABEL_HELP);
        }
    }
    let mut size = 0;
    for (key, value) in entries(&machine["nodeAnnotations"]) {
        size += key.len() + value.as_str().unwrap_or_default().len();
        if !is_qualified_name(key) {
            faults.add(
                &format!("machine.nodeAnnotations.{key}"),
                format!("`{key}` is not a name for an annotation"),
                LABEL_HELP,
            );
        }
        if ["talos.dev/owned-annotations", "talos.dev/owned-labels", "talos.dev/owned-taints"].contains(&key.as_str()) {
            faults.add(
                &format!("machine.nodeAnnotations.{key}"),
                format!("the annotation `{key}` is Talos' own"),
                "remove it",
            );
        }
    }
    if size > 256 * 1024 {
        faults.add("machine.nodeAnnotations", "the annotations are larger than 256 KiB", "shorten them");
    }
    for (key, value) in entries(&machine["nodeTaints"]) {
        let value = value.as_str().unwrap_or_default();
        let (before, effect) = value.split_once(':').unwrap_or(("", value));
        if !is_qualified_name(key)
            || !is_label_value(before)
            || !["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&effect)
        {
            let help = "write `name: value:Effect` or `name: Effect`; an effect is `NoSchedule`, `PreferNoSchedule` or `NoExecute`";
            faults.add(&format!("machine.nodeTaints.{key}"), format!("`{key}: {value}` is not a taint"), help);
        }
    }
}

const LABEL_HELP: &str = "names are `prefix/name` or `name`; names and values have up to 63 letters, digits, `-`, `_` and `.`, and start and end with a letter or digit";

fn is_qualified_name(name: &str) -> bool {
    let (prefix, name) = name.split_once('/').map_or((None, name), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
}

fn is_label_value(value: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    has_marker(value)
        || value.len() <= 63
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && ends(value.as_bytes().first())
            && ends(value.as_bytes().last())
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn features(machine: &Value, control_plane: bool, faults: &mut Faults) {
    let features = &machine["features"];
    let access = &features["kubernetesTalosAPIAccess"];
    if access["enabled"] == true {
        let at = "machine.features.kubernetesTalosAPIAccess";
        if features["rbac"] == false {
            faults.add(at, "access to the Talos API from Kubernetes needs `rbac`", "turn `machine.features.rbac` on");
        }
        if !control_plane {
            faults.add(
                at,
                "only control plane nodes give access to the Talos API from Kubernetes",
                "move it to the control plane's patch",
            );
        }
        let roles = ["os:admin", "os:operator", "os:reader", "os:etcd:backup", "os:impersonator"];
        for role in list(&access["allowedRoles"]).iter().filter_map(Value::as_str).filter(|role| !roles.contains(role))
        {
            faults.add(at, format!("Talos has no role `{role}`"), format!("roles are: {}", roles.join(", ")));
        }
    }
    let algorithm = text(features, "nodeAddressSortAlgorithm");
    if !["", "v1", "v2"].contains(&algorithm) {
        faults.add(
            "machine.features.nodeAddressSortAlgorithm",
            format!("addresses are not sorted by `{algorithm}`"),
            "write `v1` or `v2`",
        );
    }
}

fn logging(at: &str, destination: &Value, faults: &mut Faults) {
    let endpoint = text(destination, "endpoint");
    let (scheme, host) = endpoint.split_once("://").unwrap_or(("", ""));
    if !matches!(scheme, "tcp" | "udp") || host.is_empty() {
        faults.add(
            at,
            format!("`{endpoint}` is not where logs can go"),
            "write `tcp://address:port` or `udp://address:port`",
        );
    }
    if text(destination, "format") != "json_lines" {
        faults.add(at, format!("logs have no format `{}`", text(destination, "format")), "write `json_lines`");
    }
}

fn cluster_section(cluster: &Value, control_plane: bool, faults: &mut Faults) {
    let endpoint = text(&cluster["controlPlane"], "endpoint");
    if !is_endpoint(endpoint) {
        faults.add(
            "cluster.controlPlane.endpoint",
            format!("`{endpoint}` is not an endpoint"),
            "write `https://host:6443`",
        );
    }
    let domain = text(&cluster["network"], "dnsDomain");
    if !domain.is_empty() && !is_dns_name(domain) {
        faults.add(
            "cluster.network.dnsDomain",
            format!("`{domain}` is not a domain"),
            "write letters, digits, `-` and `_` between dots",
        );
    }
    if control_plane {
        cni(&cluster["network"]["cni"], faults);
    }
    let etcd = &cluster["etcd"];
    if !etcd.is_null() && !control_plane {
        faults.add("cluster.etcd", "a worker has settings of etcd", "move them to the control plane's patch");
    } else if !etcd.is_null() {
        if etcd["ca"].is_null() {
            faults.add(
                "cluster.etcd",
                "etcd has no certificate authority",
                "leave `cluster.etcd.ca` as it is generated",
            );
        }
        if !text(etcd, "subnet").is_empty() && !list(&etcd["advertisedSubnets"]).is_empty() {
            faults.add(
                "cluster.etcd.subnet",
                "etcd has `subnet` and `advertisedSubnets`",
                "move the first into the second",
            );
        }
        subnets("cluster.etcd.advertisedSubnets", &etcd["advertisedSubnets"], faults);
        let subnet = text(etcd, "subnet");
        if !subnet.is_empty() && !is_address_or_prefix(subnet.strip_prefix('!').unwrap_or(subnet)) {
            faults.add("cluster.etcd.subnet", format!("`{subnet}` is not a network"), "write it as `10.2.0.0/16`");
        }
        subnets("cluster.etcd.listenSubnets", &etcd["listenSubnets"], faults);
    }
    let cloud = &cluster["externalCloudProvider"];
    if cloud["enabled"] != true && !list(&cloud["manifests"]).is_empty() {
        faults.add(
            "cluster.externalCloudProvider",
            "the external cloud provider is off and has manifests",
            "turn it on, or remove them",
        );
    }
    for url in list(&cloud["manifests"]).iter().filter_map(Value::as_str).filter(|url| !is_endpoint(url)) {
        faults.add(
            "cluster.externalCloudProvider.manifests",
            format!("`{url}` is not a URL of a manifest"),
            "write `https://…`",
        );
    }
    let mut seen = Vec::new();
    for manifest in list(&cluster["inlineManifests"]) {
        let name = text(manifest, "name");
        if name.trim().is_empty() {
            faults.add("cluster.inlineManifests", "an inline manifest has no name", "give it one");
        }
        if seen.contains(&name) {
            faults.add(
                "cluster.inlineManifests",
                format!("two inline manifests have the name `{name}`"),
                "patches append to this list: name it in one of them",
            );
        }
        seen.push(name);
    }
    discovery(cluster, faults);
    api_server(&cluster["apiServer"], faults);
    for part in ["apiServer", "controllerManager", "scheduler"] {
        for limit in ["requests", "limits"] {
            for (resource, _) in entries(&cluster[part]["resources"][limit])
                .filter(|(name, _)| !["cpu", "memory"].contains(&name.as_str()))
            {
                let at = format!("cluster.{part}.resources.{limit}.{resource}");
                faults.add(
                    &at,
                    format!("Talos sets no `{resource}` for the control plane's pods"),
                    "write `cpu` and `memory` only",
                );
            }
        }
    }
}

fn cni(cni: &Value, faults: &mut Faults) {
    let at = "cluster.network.cni";
    let name = text(cni, "name");
    let name = if name.is_empty() { "flannel" } else { name };
    let urls = list(&cni["urls"]);
    if !["flannel", "none", "custom"].contains(&name) {
        faults.add(
            at,
            format!("Talos installs no pod network `{name}`"),
            "write `flannel`, `custom` with its manifests, or `none`",
        );
        return;
    }
    if name != "custom" && !urls.is_empty() {
        faults.add(at, format!("the pod network `{name}` has manifests"), "write `custom`, or remove `urls`");
    }
    if name != "flannel" && !list(&cni["flannel"]["extraArgs"]).is_empty() {
        faults.add(at, format!("the pod network `{name}` has arguments of Flannel"), "remove them");
    }
    if name == "custom" {
        for url in urls.iter().filter_map(Value::as_str).filter(|url| !is_endpoint(url)) {
            faults.add(at, format!("`{url}` is not a URL of a manifest"), "write `https://…`");
        }
    }
}

fn discovery(cluster: &Value, faults: &mut Faults) {
    let service = &cluster["discovery"]["registries"]["service"];
    if !discovers(cluster) || service["disabled"] == true {
        return;
    }
    let endpoint = text(service, "endpoint");
    if !endpoint.is_empty() {
        let rest = endpoint.split_once("://").map(|(_, rest)| rest);
        if rest.is_none_or(|rest| rest.find('/').is_some_and(|slash| rest.len() > slash + 1)) {
            let help = "write `https://host` without a path";
            faults.add(
                "cluster.discovery.registries.service.endpoint",
                format!("`{endpoint}` is not a discovery service"),
                help,
            );
        }
    }
    for key in ["id", "secret"] {
        if text(cluster, key).is_empty() {
            faults.add(
                "cluster.discovery",
                format!("the discovery service needs `cluster.{key}`"),
                "leave it as it is generated, or turn discovery off",
            );
        }
    }
}

fn api_server(server: &Value, faults: &mut Faults) {
    let authorizers = list(&server["authorizationConfig"]);
    if !authorizers.is_empty() {
        for (argument, _) in entries(&server["extraArgs"]) {
            if argument == "authorization-mode" || argument.starts_with("authorization-webhook-") {
                let help = "use `authorizationConfig` or the argument";
                faults.add(
                    "cluster.apiServer.extraArgs",
                    format!("`{argument}` contradicts `authorizationConfig`"),
                    help,
                );
            }
        }
    }
    for authorizer in authorizers {
        let kind = text(authorizer, "type");
        if !["Node", "RBAC", "Webhook"].contains(&kind) || text(authorizer, "name").is_empty() {
            let help = "give it a name, and the type `Node`, `RBAC` or `Webhook`";
            faults.add("cluster.apiServer.authorizationConfig", "an authorizer has no name or an unknown type", help);
        }
    }
}

/// A URL with a host, its port within bounds.
fn is_endpoint(url: &str) -> bool {
    if has_marker(url) {
        return true;
    }
    let Some((_, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    let bracketed = name.starts_with('[') && name.ends_with(']');
    !name.is_empty()
        && (bracketed || !name.contains(':'))
        && !host.contains(' ')
        && port.is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_dns_name(name: &str) -> bool {
    let body = name.strip_suffix(['.', '_']).unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    name.len() <= 255 && body.split('.').all(label)
}

fn extra_document(kind: &str, document: &Value, faults: &mut Faults) {
    let name = text(document, "name");
    let mut refuse = |path: &str, message: String, help: &str| faults.in_document(kind, name, path, message, help);
    let volume = matches!(kind, "UserVolumeConfig" | "RawVolumeConfig" | "SwapVolumeConfig" | "ExistingVolumeConfig");
    let needs_name =
        volume || matches!(kind, "ExtensionServiceConfig" | "NetworkRuleConfig" | "EthernetConfig" | "KmsgLogConfig");
    if needs_name && name.is_empty() {
        refuse("name", format!("a `{kind}` has no name"), "give it one");
    }
    if volume && !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        refuse("name", format!("`{name}` is not a name for a volume"), "use letters, digits and `-`");
    }
    if volume && kind != "ExistingVolumeConfig" && name.len() > 34 {
        refuse("name", format!("the name `{name}` is too long for a volume"), "use up to 34 letters");
    }
    match kind {
        "ExtensionServiceConfig" => {
            let files = list(&document["configFiles"]);
            if files.is_empty() && list(&document["environment"]).is_empty() {
                refuse(
                    "",
                    format!("the settings of the extension `{name}` are empty"),
                    "give `environment` or `configFiles`",
                );
            }
            if files.iter().any(|file| text(file, "content").is_empty() || text(file, "mountPath").is_empty()) {
                refuse(
                    "configFiles",
                    format!("a file of the extension `{name}` is empty or has no place"),
                    "give `content` and `mountPath`",
                );
            }
        }
        "NetworkRuleConfig" => {
            if !["icmp", "tcp", "udp", "icmpv6"].contains(&text(&document["portSelector"], "protocol")) {
                refuse(
                    "portSelector",
                    format!("the rule `{name}` has no protocol"),
                    "write `protocol: tcp` or another",
                );
            }
            if !are_ports(list(&document["portSelector"]["ports"])) {
                refuse(
                    "portSelector",
                    format!("the ports of the rule `{name}` are missing, upside down or overlap"),
                    "list each port once",
                );
            }
        }
        "WatchdogTimerConfig" => {
            if text(document, "device").is_empty() {
                refuse("device", "the watchdog has no device".to_owned(), "write `/dev/watchdog0`");
            }
            let timeout = duration::parse(text(document, "timeout")).unwrap_or(0);
            if timeout != 0 && timeout < 10_000_000_000 {
                refuse("timeout", "the watchdog's timeout is below 10 seconds".to_owned(), "write `10s` or more");
            }
        }
        "VolumeConfig" => {
            if !["STATE", "EPHEMERAL", "IMAGECACHE"].contains(&name) {
                refuse(
                    "name",
                    format!("`{name}` is not a volume of the system"),
                    "write `EPHEMERAL`, `STATE` or `IMAGECACHE`, or use `UserVolumeConfig`",
                );
            }
            if name == "STATE" && entries(&document["provisioning"]).next().is_some() {
                refuse(
                    "provisioning",
                    "the volume `STATE` has its size from Talos".to_owned(),
                    "remove `provisioning`",
                );
            }
        }
        "ZswapConfig" if document["maxPoolPercent"].as_i64().is_some_and(|percent| !(0..=100).contains(&percent)) => {
            refuse("maxPoolPercent", "zswap takes 0 to 100 percent of memory".to_owned(), "write a percentage");
        }
        _ => {}
    }
    if volume || kind == "VolumeConfig" {
        provisioning(kind, document, faults);
    }
}

fn provisioning(kind: &str, document: &Value, faults: &mut Faults) {
    let name = text(document, "name");
    let spec = &document["provisioning"];
    let size = |key: &str| spec[key].as_str().and_then(size_in_bytes);
    let required = matches!(kind, "UserVolumeConfig" | "RawVolumeConfig" | "SwapVolumeConfig");
    let mut refuse = |message: String, help: &str| faults.in_document(kind, name, "provisioning", message, help);
    if required && text(&spec["diskSelector"], "match").is_empty() {
        refuse(format!("the volume `{name}` does not say on which disk it is"), "give `diskSelector.match`");
    }
    match (size("minSize"), size("maxSize")) {
        (None, None) if required => refuse(format!("the volume `{name}` has no size"), "give `minSize` or `maxSize`"),
        (Some(least), Some(most)) if least > most => {
            refuse(format!("the volume `{name}` must be larger than it may be"), "make `minSize` the smaller one");
        }
        _ => {}
    }
    if kind == "ExistingVolumeConfig" && text(&document["discovery"]["volumeSelector"], "match").is_empty() {
        faults.in_document(
            kind,
            name,
            "discovery",
            format!("the volume `{name}` does not say which one it is"),
            "give `discovery.volumeSelector.match`",
        );
    }
    let encryption = &document["encryption"];
    let provider = text(encryption, "provider");
    if encryption.is_null() || matches!(provider, "" | "none") && list(&encryption["keys"]).is_empty() {
        return;
    }
    if provider != "luks2" {
        faults.in_document(
            kind,
            name,
            "encryption",
            format!("the volume `{name}` has keys and no `provider`"),
            "write `provider: luks2`",
        );
    }
    keys(kind, name, "encryption", encryption, faults);
}

/// Ports and ranges that are in order and do not overlap.
fn are_ports(ports: &[Value]) -> bool {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for port in ports {
        let range = match port {
            Value::Number(port) => port.as_u64().map(|port| (port, port)),
            Value::String(text) => {
                text.split_once('-').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)))
            }
            _ => None,
        };
        match range {
            Some((low, high)) if low <= high => ranges.push((low, high)),
            _ => return false,
        }
    }
    ranges.sort_unstable();
    !ranges.is_empty() && ranges.windows(2).all(|pair| pair[0].1 < pair[1].0)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
