//! Everything the configuration of one node needs, in our words: what the plan fills in and a contract's writer renders.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;

use super::{contract::Contract, patch::Patch};

/// One node.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the configuration")]
pub struct Machine {
    /// The cluster's name.
    pub cluster_name: String,
    /// `https://host:6443`: where the Kubernetes API is reached.
    pub endpoint: String,
    /// How the configuration is written.
    pub contract: Contract,
    /// Kubernetes, without `v`.
    pub kubernetes_version: String,
    /// What the node is for.
    pub role: Role,
    /// Its host name; Talos makes one up when it is not given.
    pub hostname: Option<String>,
    /// Its links, name servers and clocks.
    pub network: Network,
    /// Where and from which image Talos installs itself.
    pub install: Install,
    /// Prefixes of pods.
    pub pod_subnets: Vec<IpNet>,
    /// Prefixes of services.
    pub service_subnets: Vec<IpNet>,
    /// The domain inside the cluster.
    pub dns_domain: String,
    /// Who brings the pod network.
    pub cni: Cni,
    /// Is kube-proxy left out? Something else must then do its work.
    pub proxy_disabled: bool,
    /// Is CoreDNS left out?
    pub core_dns_disabled: bool,
    /// Do nodes find each other through the discovery service?
    pub discovery: bool,
    /// The port of KubePrism on every node; `None` turns it off.
    pub kubeprism_port: Option<u16>,
    /// The DNS cache on the host.
    pub host_dns: HostDns,
    /// Where images of a registry are asked for first, by registry.
    pub mirrors: BTreeMap<String, Mirror>,
    /// The kubelet's settings.
    pub kubelet: Kubelet,
    /// Labels of the node.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the node.
    pub annotations: BTreeMap<String, String>,
    /// Taints of the node, `value:Effect` or `Effect`.
    pub taints: BTreeMap<String, String>,
    /// Further names of the Talos API's certificate.
    pub cert_sans: Vec<String>,
    /// Further names of the Kubernetes API's certificate; the endpoint's host is always among them.
    pub api_server_cert_sans: Vec<String>,
    /// Arguments of the Kubernetes API server.
    pub api_server_extra_args: BTreeMap<String, String>,
    /// The port the API server listens on, where it is not 6443.
    pub api_server_port: Option<u16>,
    /// Prefixes etcd announces itself on.
    pub etcd_advertised_subnets: Vec<String>,
    /// May workloads run on control plane nodes?
    pub allow_scheduling: bool,
    /// Keep load balancers away from control plane nodes? Talos does; whoever announces addresses from them must not.
    pub exclude_from_load_balancers: bool,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Kernel modules with their parameters.
    pub kernel_modules: Vec<KernelModule>,
    /// Files below `/var`, or appended to one of the system's.
    pub files: Vec<File>,
    /// Which key of the bundle encrypts Secrets in etcd.
    pub etcd_encryption: EtcdEncryption,
    /// Settings of system extensions, a document each.
    pub extension_services: Vec<ExtensionService>,
    /// Patches in the order they apply: all, role, node.
    pub patches: Vec<Patch>,
}

impl Machine {
    /// A node with the official generator's defaults.
    pub fn new(cluster_name: &str, endpoint: &str, kubernetes_version: &str, role: Role) -> Machine {
        let prefix = |text: &str| text.parse().expect("the defaults are prefixes");
        Machine {
            cluster_name: cluster_name.to_owned(),
            endpoint: endpoint.to_owned(),
            contract: Contract::V1_11,
            kubernetes_version: kubernetes_version.to_owned(),
            role,
            hostname: None,
            network: Network::default(),
            install: Install::default(),
            pod_subnets: vec![prefix("10.244.0.0/16")],
            service_subnets: vec![prefix("10.96.0.0/12")],
            dns_domain: "cluster.local".to_owned(),
            cni: Cni::Default,
            proxy_disabled: false,
            core_dns_disabled: false,
            discovery: true,
            kubeprism_port: Some(7445),
            host_dns: HostDns { enabled: true, forward_kube_dns: true, resolve_member_names: None },
            mirrors: BTreeMap::new(),
            kubelet: Kubelet::default(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            taints: BTreeMap::new(),
            cert_sans: Vec::new(),
            api_server_cert_sans: Vec::new(),
            api_server_extra_args: BTreeMap::new(),
            api_server_port: None,
            etcd_advertised_subnets: Vec::new(),
            allow_scheduling: false,
            exclude_from_load_balancers: true,
            sysctls: BTreeMap::new(),
            kernel_modules: Vec::new(),
            files: Vec::new(),
            etcd_encryption: EtcdEncryption::Secretbox,
            extension_services: Vec::new(),
            patches: Vec::new(),
        }
    }
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs etcd and the Kubernetes API.
    ControlPlane,
    /// Runs workloads.
    Worker,
}

impl Role {
    /// Talos' word for it.
    pub fn name(self) -> &'static str {
        match self {
            Role::ControlPlane => "controlplane",
            Role::Worker => "worker",
        }
    }
}

/// The network of a node, described once for every contract.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Interfaces, bonds and bridges.
    pub links: Vec<Link>,
    /// Name servers.
    pub nameservers: Vec<IpAddr>,
    /// Search domains.
    pub search: Vec<String>,
    /// Time servers.
    pub time_servers: Vec<String>,
    /// Further lines of `/etc/hosts`: names by address.
    pub hosts: BTreeMap<IpAddr, Vec<String>>,
}

/// One link.
#[derive(Clone, Debug)]
pub struct Link {
    /// Which one.
    pub id: LinkId,
    /// Ask for an address? Not said is not the same as no.
    pub dhcp: Option<bool>,
    /// Metric of the routes DHCP brings.
    pub dhcp_route_metric: Option<u32>,
    /// Static addresses with their prefix length.
    pub addresses: Vec<IpNet>,
    /// Static routes.
    pub routes: Vec<Route>,
    /// Largest packet.
    pub mtu: Option<u32>,
    /// The shared address of the control plane, when it lives here.
    pub vip: Option<IpAddr>,
    /// Set when the link is a bond of others.
    pub bond: Option<Bond>,
    /// Set when the link is a bridge of others.
    pub bridge: Option<Bridge>,
    /// VLANs on top of it.
    pub vlans: Vec<Vlan>,
}

impl Link {
    /// A link by name, with nothing set.
    pub fn named(name: impl Into<String>) -> Link {
        Link::new(LinkId::Name(name.into()))
    }

    /// A link with nothing set.
    pub fn new(id: LinkId) -> Link {
        Link {
            id,
            dhcp: None,
            dhcp_route_metric: None,
            addresses: Vec::new(),
            routes: Vec::new(),
            mtu: None,
            vip: None,
            bond: None,
            bridge: None,
            vlans: Vec::new(),
        }
    }
}

/// How a link is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkId {
    /// By name: `eth0`.
    Name(String),
    /// By what it is.
    Selector(LinkSelector),
}

/// What a link is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSelector {
    /// MAC address, `*` matches any part.
    pub hardware_address: Option<String>,
    /// MAC address the card was made with; keeps its value inside a bond.
    pub permanent_address: Option<String>,
    /// PCI bus prefix.
    pub bus_path: Option<String>,
    /// Kernel driver.
    pub driver: Option<String>,
    /// Only real hardware?
    pub physical: Option<bool>,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to; everywhere when not given.
    pub network: Option<IpNet>,
    /// Through which router.
    pub gateway: Option<IpAddr>,
    /// From which of our addresses.
    pub source: Option<IpAddr>,
    /// Lower wins.
    pub metric: Option<u32>,
    /// Largest packet.
    pub mtu: Option<u32>,
}

/// Several links as one.
#[derive(Clone, Debug)]
pub struct Bond {
    /// Its members by name.
    pub links: Vec<String>,
    /// Its members by what they are, instead of by name.
    pub selectors: Vec<LinkSelector>,
    /// `802.3ad`, `active-backup`, …
    pub mode: String,
    /// `layer3+4`, …
    pub hash_policy: Option<String>,
    /// `fast` or `slow`.
    pub lacp_rate: Option<String>,
    /// Milliseconds between link checks.
    pub miimon: Option<u32>,
    /// Milliseconds before a link counts as up.
    pub up_delay: Option<u32>,
    /// Milliseconds before a link counts as down.
    pub down_delay: Option<u32>,
}

/// Several links as one switch.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// Its members by name.
    pub links: Vec<String>,
    /// Spanning tree?
    pub stp: Option<bool>,
    /// VLAN filtering?
    pub vlan_filtering: Option<bool>,
}

/// A VLAN on a link.
#[derive(Clone, Debug)]
pub struct Vlan {
    /// 1 to 4094.
    pub id: u16,
    /// Ask for an address?
    pub dhcp: Option<bool>,
    /// Static addresses with their prefix length.
    pub addresses: Vec<IpNet>,
    /// Static routes.
    pub routes: Vec<Route>,
    /// Largest packet.
    pub mtu: Option<u32>,
    /// The shared address of the control plane, when it lives here.
    pub vip: Option<IpAddr>,
}

/// Where and from which image Talos installs itself.
#[derive(Clone, Debug, Default)]
pub struct Install {
    /// The disk, `/dev/…`.
    pub disk: Option<String>,
    /// The disk by what it is; wins over `disk`.
    pub disk_selector: Option<DiskSelector>,
    /// The installer image: see [`super::schematic::installer_image`].
    pub image: Option<String>,
    /// Wipe the disk first?
    pub wipe: bool,
    /// Kernel arguments the installer writes; a boot image made as a unified kernel ignores them.
    pub extra_kernel_args: Vec<String>,
}

/// What the install disk is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the names are those of the disk's attributes")]
pub struct DiskSelector {
    pub size: Option<String>,
    pub name: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub modalias: Option<String>,
    pub uuid: Option<String>,
    pub wwid: Option<String>,
    pub kind: Option<String>,
    pub bus_path: Option<String>,
}

/// Who brings the pod network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cni {
    /// Not said: Talos takes Flannel.
    Default,
    /// Flannel, said so.
    Flannel,
    /// Somebody else.
    None,
    /// Manifests Talos applies from these addresses.
    Custom(Vec<String>),
}

/// The DNS cache on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostDns {
    /// Is it on?
    pub enabled: bool,
    /// Does CoreDNS ask it?
    pub forward_kube_dns: bool,
    /// Does it know the other nodes' names?
    pub resolve_member_names: Option<bool>,
}

/// Where images of a registry are asked for first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// In this order; the registry itself is asked last.
    pub endpoints: Vec<String>,
    /// Never ask the registry itself?
    pub skip_fallback: Option<bool>,
    /// Are the endpoints' paths complete?
    pub override_path: Option<bool>,
}

/// The kubelet's settings.
#[derive(Clone, Debug, Default)]
pub struct Kubelet {
    /// Command line arguments.
    pub extra_args: BTreeMap<String, String>,
    /// Which of the node's addresses is the node's: `10.2.0.0/16`, `!10.2.3.0/24`.
    pub node_ip_subnets: Vec<String>,
    /// Directories of the host it may hand to pods.
    pub extra_mounts: Vec<Mount>,
    /// KubeletConfiguration fields.
    pub extra_config: serde_json::Map<String, serde_json::Value>,
    /// Addresses of the cluster's DNS service, where they are not the usual ones.
    pub cluster_dns: Vec<IpAddr>,
}

/// A bind mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// In the kubelet.
    pub destination: String,
    /// On the host.
    pub source: String,
    /// `bind`, …
    pub kind: String,
    /// `rshared`, `rw`, …
    pub options: Vec<String>,
}

/// A kernel module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelModule {
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub parameters: Vec<String>,
}

/// A file on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub path: String,
    /// What it holds.
    pub content: String,
    /// Unix permissions.
    pub permissions: u32,
    /// `create`, `append` or `overwrite`.
    pub operation: String,
}

/// Which key of the bundle encrypts Secrets in etcd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdEncryption {
    /// Clusters made with Talos 1.3 or later.
    Secretbox,
    /// Older clusters.
    AesCbc,
}

/// Settings of a system extension's service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionService {
    /// The service: `tailscale`.
    pub name: String,
    /// `KEY=value`; a value may be or hold a marker.
    pub environment: Vec<String>,
    /// Files it finds.
    pub config_files: Vec<ConfigFile>,
}

/// A file of an extension's service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// What it holds.
    pub content: String,
    /// Where the service finds it.
    pub mount_path: String,
}
