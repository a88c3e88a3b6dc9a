//! Talos: the machine configuration of every node, each secret a marker.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    code,
    compile::{self, Inputs, Model},
    diagnostic::Diagnostic,
    facts::Facts,
    inventory::{self, Inventory, TalosNetwork, VipHolder},
    node::{Node, Part, escape},
    plan::{Plan, address::Network},
    source::{Place, Sources},
    talos::{
        Cni, Contract, HostDns, Link, LinkId, LinkSelector, Machine, Mirror, Patch, Role, Route, Secrets, generate,
        schematic::{META_NETWORK, Schematic, installer_image, network_meta},
    },
    tree::{Origin, Tree},
    yaml,
};

/// Where official images come from.
const FACTORY: &str = "factory.talos.dev";

/// A node's configuration before it is written.
#[derive(Debug)]
pub struct Configured {
    /// The machine as Talos' generator takes it.
    pub machine: Machine,
    /// The schematic of its boot image.
    pub schematic: Schematic,
    /// Its documents, each secret a marker. None if a patch was wrong.
    pub documents: Option<Vec<Value>>,
}

/// What the configurations are made from.
pub struct Parts<'p> {
    /// The inventory as written.
    pub inventory: &'p Inventory,
    /// Its places.
    pub root: &'p Node,
    /// What it means.
    pub plan: &'p Plan,
    /// The facts of templates.
    pub facts: &'p Facts,
}

/// Writes `talos/<node>.yaml`.
pub fn write(model: &Model, tree: &mut Tree) {
    for (node, configured) in &model.talos {
        let Some(documents) = &configured.documents else { continue };
        let text = documents.iter().map(yaml::write).collect::<Vec<_>>().join("---\n");
        let origin = Origin::new(format!("nodes.{node}"), &["inventory.toml", "templates/talos/"]);
        tree.add(&format!("talos/{node}.yaml"), origin, &super::marked(&text)).expect("names of nodes are checked");
    }
}

/// Configures every node. What is wrong in a patch is reported once, however many nodes it is for.
pub fn configure(
    parts: &Parts<'_>,
    inputs: &mut Inputs,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Configured> {
    let mut configured = BTreeMap::new();
    let Some((contract, version)) = versions(parts, found) else { return configured };
    let layers = layers(parts, inputs);
    for (name, node) in &parts.inventory.nodes {
        let place = parts.root.place_of(&format!("/nodes/{}", escape(name)), Part::Key);
        if !name.split('.').all(crate::plan::is_label) {
            let finding = Diagnostic::new(code!("name-malformed"), format!("`{name}` cannot be the name of a node"));
            found.push(finding.at(place, "").help("a host name has lower-case letters, digits and `-`"));
            continue;
        }
        let mut machine = machine(parts, name, node, contract);
        let schematic = schematic(parts, node, name, &mut machine);
        if let Some(version) = &version {
            let id = schematic.without_meta().id();
            machine.install.image = Some(installer_image(FACTORY, "metal", false, &id, version));
        }
        machine.patches = patches(parts, name, node.role, &layers, inputs, sources, found);
        let documents = match generate(&machine, Secrets::Markers) {
            Ok(documents) => Some(documents),
            Err(findings) => {
                found.extend(findings.into_iter().map(|finding| placed(finding, place)));
                None
            }
        };
        configured.insert(name.clone(), Configured { machine, schematic, documents });
    }
    configured
}

/// A finding without a place of its own is about the node.
fn placed(finding: Diagnostic, place: Place) -> Diagnostic {
    if finding.labels.is_empty() { finding.at(place, "") } else { finding }
}

/// The contract and the installed version. None where the inventory says nothing of Talos.
fn versions(parts: &Parts<'_>, found: &mut Vec<Diagnostic>) -> Option<(Contract, Option<String>)> {
    let versions = &parts.inventory.versions;
    let (written, key) = match (&versions.contract, &versions.talos) {
        (Some(contract), _) => (contract, "contract"),
        (None, Some(talos)) => (talos, "talos"),
        (None, None) => return None,
    };
    let minor: Vec<&str> = written.trim_start_matches('v').split('.').take(2).collect();
    let name = format!("v{}", minor.join("."));
    let Some(contract) = Contract::named(&name) else {
        found.push(
            Diagnostic::new(
                code!("contract-unknown"),
                format!("machine configurations cannot be written for Talos `{written}`"),
            )
            .at(parts.root.place_of(&format!("/versions/{key}"), Part::Value), "")
            .help(way_out(written)),
        );
        return None;
    };
    Some((contract, versions.talos.clone()))
}

/// What to write instead of a version that is no contract.
fn way_out(written: &str) -> String {
    let minor = |version: &str| {
        let (major, rest) = version.trim_start_matches('v').split_once('.')?;
        Some((major.parse::<u32>().ok()?, rest.split('.').next()?.parse::<u32>().ok()?))
    };
    let (oldest, newest) = (Contract::ALL[0].name(), Contract::ALL[Contract::ALL.len() - 1].name());
    match minor(written) {
        None => format!("write a version of Talos, such as `{newest}`"),
        Some(version) if Some(version) < minor(oldest) => {
            format!("Talos {} is the oldest they can be written for", oldest.trim_start_matches('v'))
        }
        Some(_) => {
            format!("pin an older form with `contract = \"{newest}\"`, which later versions of Talos read as well")
        }
    }
}

fn machine(parts: &Parts<'_>, name: &str, node: &inventory::NodeEntry, contract: Contract) -> Machine {
    let talos = &parts.inventory.talos;
    let addresses = &parts.plan.addresses;
    let role = match node.role {
        inventory::Role::Controlplane => Role::ControlPlane,
        inventory::Role::Worker => Role::Worker,
    };
    let kubernetes = parts.inventory.versions.kubernetes.trim_start_matches('v');
    let mut machine = Machine::new(&parts.inventory.cluster.name, &parts.plan.endpoint_url(), kubernetes, role);
    machine.contract = contract;
    machine.hostname = Some(node.hostname.clone().unwrap_or_else(|| name.to_owned()));
    for (network, subnets) in [("pods", &mut machine.pod_subnets), ("services", &mut machine.service_subnets)] {
        if let Some(network) = addresses.networks.get(network) {
            *subnets = vec![network.cidr];
        }
    }
    machine.cni = match talos.cni.as_str() {
        "flannel" => Cni::Default,
        "none" => Cni::None,
        url => Cni::Custom(vec![url.to_owned()]),
    };
    machine.proxy_disabled = !talos.proxy;
    machine.discovery = talos.discovery;
    machine.kubeprism_port = Some(talos.kubeprism).filter(|port| *port != 0);
    machine.host_dns = HostDns {
        enabled: talos.host_dns.enabled,
        forward_kube_dns: talos.host_dns.forward_kube_dns,
        resolve_member_names: None,
    };
    let mirror = |(registry, mirror): (&String, &inventory::Mirror)| {
        let said = |flag: bool| flag.then_some(true);
        let value = Mirror {
            endpoints: mirror.endpoints.clone(),
            skip_fallback: said(mirror.skip_fallback),
            override_path: said(mirror.override_path),
        };
        (registry.clone(), value)
    };
    machine.mirrors = talos.mirrors.iter().map(mirror).collect();
    machine.labels =
        talos.node_labels.iter().chain(&node.labels).map(|(key, value)| (key.clone(), value.clone())).collect();
    machine.cert_sans.clone_from(&talos.cert_sans);
    machine.api_server_cert_sans.clone_from(&talos.cert_sans);
    machine.allow_scheduling = talos.schedule_on_controlplanes;
    machine.sysctls.clone_from(&talos.sysctls);
    machine.install.disk = node.install_disk.clone().or_else(|| talos.install_disk.clone());
    if let Some(rule) = &talos.provider_id {
        machine.kubelet.extra_args.insert("provider-id".into(), filled(rule, node));
    }
    network(parts, node, name, &mut machine);
    machine
}

/// A text with `{name}` replaced by the node's variable.
fn filled(rule: &str, node: &inventory::NodeEntry) -> String {
    node.vars.iter().fold(rule.to_owned(), |text, (name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.replace(&format!("{{{name}}}"), &value)
    })
}

/// The link of the node's network with its static address, and the virtual addresses that live on it.
fn network(parts: &Parts<'_>, node: &inventory::NodeEntry, name: &str, machine: &mut Machine) {
    let addresses = &parts.plan.addresses;
    let Some(ip) = addresses.nodes.get(name).and_then(|node| node.ip) else { return };
    let Some((network_name, network)) = addresses.network_of(ip) else { return };
    machine.network.nameservers.clone_from(&network.dns);
    machine.network.time_servers.clone_from(&parts.inventory.networks[network_name].ntp);
    machine.kubelet.node_ip_subnets = match parts.inventory.talos.node_ip_subnets.as_slice() {
        [] => vec![network.cidr.to_string()],
        written => written.to_vec(),
    };
    let Some(id) = link_of(node, network) else { return };
    let mut link = Link::new(id);
    // Without this a node with a static address asks for a second one, and its kubelet may register with that.
    link.dhcp = Some(false);
    link.addresses = vec![ipnet::IpNet::new(ip, network.cidr.prefix_len()).expect("the length is of the same family")];
    link.routes = network.gateway.map(default_route).into_iter().collect();
    if node.role == inventory::Role::Controlplane {
        link.vip = vip(parts, name, network);
    }
    machine.network.links.push(link);
}

/// How the node's link is found: by its name, or by its hardware address where nothing names it.
fn link_of(node: &inventory::NodeEntry, network: &Network) -> Option<LinkId> {
    if let Some(name) = node.interface.as_ref().or(network.interface.as_ref()) {
        return Some(LinkId::Name(name.clone()));
    }
    // Talos compares with the kernel's spelling.
    let hardware_address = Some(node.mac.as_ref()?.to_lowercase().replace('-', ":"));
    Some(LinkId::Selector(LinkSelector { hardware_address, ..LinkSelector::default() }))
}

fn default_route(gateway: std::net::IpAddr) -> Route {
    let everywhere = if gateway.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    let network = everywhere.parse().expect("a constant prefix");
    Route { network: Some(network), gateway: Some(gateway), source: None, metric: None, mtu: None }
}

/// The virtual address that this node shares on a network.
fn vip(parts: &Parts<'_>, node: &str, network: &Network) -> Option<std::net::IpAddr> {
    let holds = |nodes: &[String]| nodes.is_empty() || nodes.iter().any(|named| named == node);
    let vips = parts.plan.addresses.vips.values();
    vips.filter(|vip| vip.by == VipHolder::Talos && holds(&vip.nodes))
        .map(|vip| vip.ip)
        .find(|ip| network.cidr.contains(ip))
}

/// The schematic of the node's boot image. With addresses in META they leave the machine configuration, but for a
/// link without a name, which META cannot say.
fn schematic(parts: &Parts<'_>, node: &inventory::NodeEntry, name: &str, machine: &mut Machine) -> Schematic {
    let talos = &parts.inventory.talos;
    let mut schematic = Schematic {
        extra_kernel_args: talos.kernel_args.clone(),
        extensions: talos.extensions.iter().chain(&node.extensions).cloned().collect(),
        ..Schematic::default()
    };
    let named = |link: &Link| matches!(link.id, LinkId::Name(_));
    if talos.network == TalosNetwork::Meta && machine.network.links.iter().any(named) {
        let hostname = machine.hostname.as_deref().unwrap_or(name);
        schematic.meta.push((META_NETWORK, network_meta(Some(hostname), &machine.network)));
        for link in machine.network.links.iter_mut().filter(|link| named(link)) {
            link.addresses.clear();
            link.routes.clear();
        }
        machine.network.nameservers.clear();
    }
    schematic
}

/// The files of each layer of patches: `all`, roles, nodes; in this order.
fn layers(parts: &Parts<'_>, inputs: &mut Inputs) -> BTreeMap<String, Vec<String>> {
    let roles = ["all", "controlplane", "worker"];
    let names = roles.into_iter().chain(parts.inventory.nodes.keys().map(String::as_str));
    let mut layers = BTreeMap::new();
    for name in names {
        let beside = inputs.folder("templates/talos").into_iter().filter(|(file, _)| {
            compile::manifest_name(file).and_then(|stem| stem.rsplit_once('.')).is_some_and(|(stem, _)| stem == name)
        });
        let inside = inputs.folder(&format!("templates/talos/{name}"));
        let inside = inside.into_iter().filter(|(file, _)| compile::manifest_name(file).is_some());
        let files: Vec<String> = beside.chain(inside).map(|(_, path)| path).collect();
        inputs.used.extend(files.iter().cloned());
        layers.insert(name.to_owned(), files);
    }
    layers
}

fn patches(
    parts: &Parts<'_>,
    name: &str,
    role: inventory::Role,
    layers: &BTreeMap<String, Vec<String>>,
    inputs: &mut Inputs,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> Vec<Patch> {
    let facts = parts.facts.of_node(parts.inventory, parts.plan, name);
    let order = ["all", role.name(), name];
    let files: Vec<String> = order.iter().filter_map(|layer| layers.get(*layer)).flatten().cloned().collect();
    let mut patches = Vec::new();
    for path in files {
        let Some(source) = compile::render(inputs, &path, &facts, sources, found) else { continue };
        let reading = yaml::read(source, &sources.get(source).text);
        found.extend(reading.diagnostics);
        let documents: Vec<Node> = reading.documents.into_iter().map(|document| document.root).collect();
        if !documents.is_empty() {
            patches.push(Patch { documents });
        }
    }
    patches
}
