//! The cases of tests/oracle/talos, answered by our code: one JSON object in, one answer out.
//!
//! `documents`, `patches` and `options` are for both sides; `ours` is a part of the machine in our words, and
//! `official` the patches by which the official generator gets the same.

use gitopsc::{
    diagnostic::Diagnostic,
    node::Node,
    source::{Place, Sources, Span},
    talos::{
        Bond, Bundle, Cni, ConfigFile, Contract, DiskSelector, ExtensionService, File, KernelModule, Link, LinkId,
        LinkSelector, Machine, Mirror, Mount, NodeSecrets, Patch, Role, Route, Secrets, Vlan, apply_patches, generate,
        node_of, validate,
    },
};
use serde_json::Value;

/// What our code makes of a case: documents, or the codes and messages of what it found.
pub(crate) fn answer(case: &Value, bundle: Option<&Value>) -> Result<Vec<Value>, Vec<String>> {
    let patches = patches(&case["patches"]);
    let result = match text(case, "mode") {
        "generate" => generated(case, patches, bundle),
        "patch" => apply_patches(&nodes(&case["documents"]), &patches, Contract::V1_11),
        "validate" => {
            let documents = case["documents"].as_array().cloned().unwrap_or_default();
            let found = validate(&documents, &[]);
            if found.is_empty() { Ok(Vec::new()) } else { Err(found) }
        }
        mode => panic!("no mode {mode}"),
    };
    result.map_err(|found| found.iter().map(shown).collect())
}

fn shown(diagnostic: &Diagnostic) -> String {
    format!("{}: {}", diagnostic.code, diagnostic.message)
}

/// Equal as YAML: `1` and `1.0` are, maps in any order are.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

/// Does our answer say the same as the official one? Where both refuse, the words are each side's own.
pub(crate) fn agrees(ours: &Result<Vec<Value>, Vec<String>>, official: &Value) -> bool {
    match (ours, official.get("error")) {
        (Err(_), Some(_)) => true,
        (Ok(documents), None) => {
            same(&Value::Array(documents.clone()), official.get("documents").unwrap_or(&Value::Array(Vec::new())))
        }
        _ => false,
    }
}

/// A place for values that no text holds.
fn place() -> Place {
    let mut sources = Sources::default();
    let source = sources.add("case.json", "");
    Place { source, span: Span::default() }
}

fn nodes(documents: &Value) -> Vec<Node> {
    list(documents).iter().map(|document| node_of(document, place())).collect()
}

fn patches(patches: &Value) -> Vec<Patch> {
    list(patches).iter().map(|documents| Patch { documents: nodes(documents) }).collect()
}

fn generated(case: &Value, patches: Vec<Patch>, bundle: Option<&Value>) -> Result<Vec<Value>, Vec<Diagnostic>> {
    let role = if text(case, "role") == "worker" { Role::Worker } else { Role::ControlPlane };
    let mut machine = Machine::new(text(case, "cluster"), text(case, "endpoint"), text(case, "kubernetes"), role);
    machine.contract = Contract::named(text(case, "contract")).expect("the cases are of contracts we write");
    options(&mut machine, &case["options"]);
    ours(&mut machine, &case["ours"]);
    machine.patches = patches;
    match bundle {
        None => generate(&machine, Secrets::Markers),
        Some(bundle) => {
            let bundle = Bundle::from_node(&node_of(bundle, place())).expect("the test bundle is whole");
            let node = NodeSecrets::from_node(&node_of(&case["node_secrets"], place()), "node");
            generate(&machine, Secrets::Values { bundle: &bundle, node: &node })
        }
    }
}

/// The options of the official generator.
fn options(machine: &mut Machine, options: &Value) {
    machine.install.disk = maybe(options, "install_disk");
    machine.install.image = maybe(options, "install_image");
    machine.install.extra_kernel_args = texts(&options["extra_kernel_args"]);
    machine.cert_sans = texts(&options["sans"]);
    machine.api_server_cert_sans = texts(&options["sans"]);
    if let Some(domain) = maybe(options, "dns_domain").filter(|domain| !domain.is_empty()) {
        machine.dns_domain = domain;
    }
    machine.cni = match options["cni"]["name"].as_str() {
        None => Cni::Default,
        Some("flannel") => Cni::Flannel,
        Some("none") => Cni::None,
        Some(_) => Cni::Custom(texts(&options["cni"]["urls"])),
    };
    machine.allow_scheduling = options["allow_scheduling"] == true;
    machine.api_server_port = number(options, "api_server_port");
    machine.discovery = options["discovery"] != false;
    if let Some(port) = options["kubeprism_port"].as_u64() {
        machine.kubeprism_port = (port > 0).then(|| u16::try_from(port).expect("a port"));
    }
    machine.sysctls = map(&options["sysctls"]);
    for (host, endpoints) in options["mirrors"].as_object().into_iter().flatten() {
        machine.mirrors.insert(host.clone(), Mirror { endpoints: texts(endpoints), ..Mirror::default() });
    }
    for (subnets, key) in [(&mut machine.pod_subnets, "pod_subnets"), (&mut machine.service_subnets, "service_subnets")]
    {
        if options[key].is_array() {
            *subnets = parsed(&options[key]);
        }
    }
}

/// What the official generator has no option for.
fn ours(machine: &mut Machine, ours: &Value) {
    machine.hostname = maybe(ours, "hostname");
    machine.network.links = list(&ours["links"]).iter().map(link).collect();
    machine.network.nameservers = parsed(&ours["nameservers"]);
    machine.network.search = texts(&ours["search"]);
    machine.network.time_servers = texts(&ours["time_servers"]);
    for (address, names) in ours["hosts"].as_object().into_iter().flatten() {
        machine.network.hosts.insert(address.parse().expect("an address"), texts(names));
    }
    if let Some(selector) = ours.get("disk_selector") {
        machine.install.disk_selector = Some(DiskSelector {
            size: maybe(selector, "size"),
            kind: maybe(selector, "type"),
            model: maybe(selector, "model"),
            ..DiskSelector::default()
        });
    }
    machine.install.wipe = ours["wipe"] == true;
    machine.proxy_disabled = ours["proxy_disabled"] == true;
    machine.core_dns_disabled = ours["core_dns_disabled"] == true;
    machine.exclude_from_load_balancers = ours["exclude_from_load_balancers"] != false;
    machine.host_dns.forward_kube_dns = ours["forward_kube_dns"] != false;
    machine.host_dns.resolve_member_names = ours["resolve_member_names"].as_bool();
    for (host, mirror) in ours["mirrors"].as_object().into_iter().flatten() {
        let mirror = Mirror {
            endpoints: texts(&mirror["endpoints"]),
            skip_fallback: mirror["skip_fallback"].as_bool(),
            override_path: mirror["override_path"].as_bool(),
        };
        machine.mirrors.insert(host.clone(), mirror);
    }
    machine.kubelet.extra_args = map(&ours["kubelet_args"]);
    machine.kubelet.node_ip_subnets = texts(&ours["node_ip_subnets"]);
    machine.kubelet.cluster_dns = parsed(&ours["cluster_dns"]);
    machine.kubelet.extra_config = ours["kubelet_config"].as_object().cloned().unwrap_or_default();
    machine.kubelet.extra_mounts = list(&ours["mounts"])
        .iter()
        .map(|mount| Mount {
            destination: text(mount, "destination").to_owned(),
            source: text(mount, "source").to_owned(),
            kind: text(mount, "type").to_owned(),
            options: texts(&mount["options"]),
        })
        .collect();
    machine.labels = map(&ours["labels"]);
    machine.annotations = map(&ours["annotations"]);
    machine.taints = map(&ours["taints"]);
    machine.api_server_cert_sans.extend(texts(&ours["api_server_sans"]));
    machine.api_server_extra_args = map(&ours["api_server_args"]);
    machine.etcd_advertised_subnets = texts(&ours["etcd_advertised_subnets"]);
    machine.kernel_modules = list(&ours["kernel_modules"])
        .iter()
        .map(|module| KernelModule { name: text(module, "name").to_owned(), parameters: texts(&module["parameters"]) })
        .collect();
    machine.files = list(&ours["files"])
        .iter()
        .map(|file| File {
            path: text(file, "path").to_owned(),
            content: text(file, "content").to_owned(),
            permissions: number(file, "permissions").expect("a mode"),
            operation: text(file, "op").to_owned(),
        })
        .collect();
    machine.extension_services = list(&ours["extension_services"])
        .iter()
        .map(|service| ExtensionService {
            name: text(service, "name").to_owned(),
            environment: texts(&service["environment"]),
            config_files: list(&service["config_files"])
                .iter()
                .map(|file| ConfigFile {
                    content: text(file, "content").to_owned(),
                    mount_path: text(file, "mount_path").to_owned(),
                })
                .collect(),
        })
        .collect();
}

fn link(link: &Value) -> Link {
    let id = match link["name"].as_str() {
        Some(name) => LinkId::Name(name.to_owned()),
        None => LinkId::Selector(selector(&link["selector"])),
    };
    Link {
        dhcp: link["dhcp"].as_bool(),
        dhcp_route_metric: number(link, "dhcp_route_metric"),
        addresses: parsed(&link["addresses"]),
        routes: list(&link["routes"]).iter().map(route).collect(),
        mtu: number(link, "mtu"),
        vip: link["vip"].as_str().map(|address| address.parse().expect("an address")),
        bond: link.get("bond").map(|bond| Bond {
            links: texts(&bond["links"]),
            selectors: list(&bond["selectors"]).iter().map(selector).collect(),
            mode: text(bond, "mode").to_owned(),
            hash_policy: maybe(bond, "hash_policy"),
            lacp_rate: maybe(bond, "lacp_rate"),
            miimon: number(bond, "miimon"),
            up_delay: None,
            down_delay: None,
        }),
        vlans: list(&link["vlans"])
            .iter()
            .map(|vlan| Vlan {
                id: number(vlan, "id").expect("a VLAN has an id"),
                dhcp: vlan["dhcp"].as_bool(),
                addresses: parsed(&vlan["addresses"]),
                routes: list(&vlan["routes"]).iter().map(route).collect(),
                mtu: number(vlan, "mtu"),
                vip: vlan["vip"].as_str().map(|address| address.parse().expect("an address")),
            })
            .collect(),
        ..Link::new(id)
    }
}

fn selector(selector: &Value) -> LinkSelector {
    LinkSelector {
        hardware_address: maybe(selector, "hardware_address"),
        permanent_address: maybe(selector, "permanent_address"),
        bus_path: maybe(selector, "bus_path"),
        driver: maybe(selector, "driver"),
        physical: selector["physical"].as_bool(),
    }
}

fn route(route: &Value) -> Route {
    Route {
        network: route["network"].as_str().map(|network| network.parse().expect("a prefix")),
        gateway: route["gateway"].as_str().map(|gateway| gateway.parse().expect("an address")),
        source: None,
        metric: number(route, "metric"),
        mtu: None,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn maybe(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}

fn number<N: TryFrom<u64>>(value: &Value, key: &str) -> Option<N> {
    value[key].as_u64().and_then(|number| N::try_from(number).ok())
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Vec<T> {
    texts(value).iter().map(|item| item.parse().unwrap_or_else(|_| panic!("{item} is well-formed"))).collect()
}

fn map(value: &Value) -> std::collections::BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().expect("a text").to_owned())).collect()
}
