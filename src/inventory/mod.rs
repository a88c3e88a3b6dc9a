//! The inventory as its author wrote it: the types of `inventory.toml`, its schema and its reference.
//!
//! Texts stay texts here (an address is a `String`); `plan` gives them meaning and reports what has none. The doc comments
//! are user documentation: schema and `docs/inventory.md` are made from them.

mod read;
mod reference;
mod schema;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use read::{BRINGS, Form, Reading, follow_unreadable, read, read_form};
pub use reference::{reference, reference_of};
pub use schema::{schema, schema_of};

use crate::secrets::Scope;

/// Free data for templates, by name.
pub type Vars = BTreeMap<String, Value>;

/// The whole inventory of one cluster.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Inventory {
    /// Version of this language. Always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// The profile that the committed tree is built with. `-p` chooses another, and needs `--out`.
    pub profile: Option<String>,
    /// The cluster: its name, how it is reached, who applies its manifests.
    pub cluster: Cluster,
    /// The Git repository this inventory lives in, as the cluster sees it.
    #[serde(default)]
    pub repo: Repo,
    /// The versions that everything is written for.
    pub versions: Versions,
    /// Networks by name. Every address lies in one; `pods` and `services` are the cluster's own.
    #[serde(default)]
    pub networks: BTreeMap<String, Network>,
    /// Virtual addresses by name, shared by control planes.
    #[serde(default)]
    pub vips: BTreeMap<String, Vip>,
    /// Load-balancer address pools by name. Made by the phase `config` of the service that brings MetalLB.
    #[serde(default)]
    pub pools: BTreeMap<String, Pool>,
    /// Nodes by host name.
    #[serde(default)]
    pub nodes: BTreeMap<String, NodeEntry>,
    /// What all Talos nodes share.
    #[serde(default)]
    pub talos: Talos,
    /// Defaults of the Flux objects.
    #[serde(default)]
    pub flux: Flux,
    /// The certificate that secrets are sealed with.
    pub sealing: Option<Sealing>,
    /// DNS of the services.
    pub dns: Option<Dns>,
    /// Certificates of the services.
    pub tls: Option<Tls>,
    /// ACME issuers by name. Made by the phase `issuers` of the service that brings cert-manager.
    #[serde(default)]
    pub issuers: BTreeMap<String, Issuer>,
    /// Overlays by name: tables laid over the inventory, lists replaced, checked afterwards.
    #[serde(default)]
    pub profiles: BTreeMap<String, BTreeMap<String, Value>>,
    /// Who else writes to the cluster, by tool.
    #[serde(default)]
    pub owners: BTreeMap<String, Owner>,
    /// The order in which parts of the cluster come up. A lint: a service may wait only for its own or an earlier layer.
    #[serde(default)]
    pub layers: Layers,
    /// Services by name.
    #[serde(default)]
    pub services: BTreeMap<String, Service>,
    /// Accepted findings, each with a reason.
    #[serde(default)]
    pub allow: Vec<Allow>,
    /// Free data for every template.
    #[serde(default)]
    pub vars: Vars,
}

/// The cluster.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its DNS domain as seen from outside.
    pub domain: Option<String>,
    /// How kubeconfig and kubelets reach the API server: a name in `[vips]` or `[nodes]`, a host name or an address.
    pub endpoint: String,
    /// The node that is bootstrapped and asked first. Never a virtual address, which exists only once etcd runs.
    pub bootstrap: Option<String>,
    /// Who applies the manifests.
    #[serde(default)]
    pub gitops: Gitops,
}

/// Who applies the manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gitops {
    /// Flux.
    #[default]
    Flux,
}

/// The Git repository.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Repo {
    /// Where Flux clones it from.
    pub url: Option<String>,
    /// The branch Flux follows.
    pub branch: String,
    /// Where this inventory's folder lies in the repository.
    pub path: String,
}

impl Default for Repo {
    fn default() -> Self {
        Repo { url: None, branch: "main".into(), path: ".".into() }
    }
}

/// Versions.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Versions {
    /// Talos on the nodes, for example `v1.11.5`.
    pub talos: Option<String>,
    /// How machine configurations are written: the Talos version the cluster was created with, for example `v1.11`.
    /// Defaults to `talos`; pinned apart from it, because raising it changes what a running cluster relies on.
    pub contract: Option<String>,
    /// Kubernetes, for example `1.32.1`. Manifests are checked against this version.
    pub kubernetes: String,
    /// Flux, for example `v2.7.3`.
    pub flux: Option<String>,
}

/// A network.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Network {
    /// Its prefix.
    pub cidr: String,
    /// The default route.
    pub gateway: Option<String>,
    /// Name servers.
    #[serde(default)]
    pub dns: Vec<String>,
    /// Time servers.
    #[serde(default)]
    pub ntp: Vec<String>,
    /// The link that nodes have in it.
    pub interface: Option<String>,
}

/// A virtual address.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Vip {
    /// The address.
    pub ip: String,
    /// Who holds it.
    #[serde(default)]
    pub by: VipHolder,
    /// The nodes that share it. Default: every control plane.
    #[serde(default)]
    pub nodes: Vec<String>,
}

/// Who holds a virtual address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VipHolder {
    /// Talos, once etcd runs; on the link of the network that the address lies in.
    #[default]
    Talos,
    /// Something outside this inventory: a load balancer, keepalived, a router.
    External,
}

/// A load-balancer address pool.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Pool {
    /// Addresses, ranges or prefixes, separated by commas: `10.2.3.4-10.2.3.20, 10.2.4.0/28`.
    pub ips: String,
    /// Whether a Service that names no pool may get an address of this one.
    #[serde(default = "yes")]
    pub auto: bool,
    /// The nodes that announce it. Default: every node that may.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// The links it is announced on. Default: the `interface` of the network it lies in.
    #[serde(default)]
    pub interfaces: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct NodeEntry {
    /// What it does.
    pub role: Role,
    /// Its address, in one of `[networks]`.
    pub ip: Option<String>,
    /// Its host name, if not its name here.
    pub hostname: Option<String>,
    /// The hardware address of its link, by which Talos finds the link where nothing names it.
    pub mac: Option<String>,
    /// Its link, if not the `interface` of its network.
    pub interface: Option<String>,
    /// The disk Talos is installed on, if not `[talos] install-disk`.
    pub install_disk: Option<String>,
    /// Extensions besides those of `[talos]`.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// Kubernetes labels besides those of `[talos]`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Free data for templates.
    #[serde(default)]
    pub vars: Vars,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs etcd and the API server.
    Controlplane,
    /// Runs workloads.
    Worker,
}

impl Role {
    /// The word Talos and this inventory use.
    pub fn name(self) -> &'static str {
        match self {
            Role::Controlplane => "controlplane",
            Role::Worker => "worker",
        }
    }
}

/// What all Talos nodes share. Patches for the rest: `templates/talos/{all,controlplane,worker,<node>}.yaml`, applied in this order.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Talos {
    /// The disk Talos is installed on.
    pub install_disk: Option<String>,
    /// Official system extensions, for example `siderolabs/qemu-guest-agent`. They become the schematic of the installer image.
    pub extensions: Vec<String>,
    /// Kernel arguments of the schematic.
    pub kernel_args: Vec<String>,
    /// Where static addresses are written: in the machine configuration, or in the image's META partition (key 10), which
    /// gives a node its address before it has a configuration.
    pub network: TalosNetwork,
    /// The pod network: `flannel`, `none` when another owner installs one, or the URL of a manifest.
    pub cni: String,
    /// Whether Talos runs kube-proxy.
    pub proxy: bool,
    /// Whether nodes find each other through the discovery service.
    pub discovery: bool,
    /// The port of KubePrism, the API load balancer on every node; 0 switches it off.
    pub kubeprism: u16,
    /// The DNS resolver on every node.
    pub host_dns: HostDns,
    /// Registry mirrors by registry.
    pub mirrors: BTreeMap<String, Mirror>,
    /// Further names and addresses in the certificates of the Talos and Kubernetes APIs.
    pub cert_sans: Vec<String>,
    /// Kubernetes labels of every node.
    pub node_labels: BTreeMap<String, String>,
    /// The kubelet's provider ID; `{name}` stands for the node's variable of that name, which every node must then have as its own.
    pub provider_id: Option<String>,
    /// The networks that kubelets take their node address from. Default: the network of the node's address.
    pub node_ip_subnets: Vec<String>,
    /// Whether workloads run on control planes.
    pub schedule_on_controlplanes: bool,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Node variables no two nodes may share, for example `vmid`.
    pub unique_vars: Vec<String>,
}

impl Default for Talos {
    fn default() -> Self {
        Talos {
            install_disk: None,
            extensions: Vec::new(),
            kernel_args: Vec::new(),
            network: TalosNetwork::default(),
            cni: "flannel".into(),
            proxy: true,
            discovery: true,
            kubeprism: 7445,
            host_dns: HostDns::default(),
            mirrors: BTreeMap::new(),
            cert_sans: Vec::new(),
            node_labels: BTreeMap::new(),
            provider_id: None,
            node_ip_subnets: Vec::new(),
            schedule_on_controlplanes: false,
            sysctls: BTreeMap::new(),
            unique_vars: Vec::new(),
        }
    }
}

/// Where static addresses are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TalosNetwork {
    /// In the machine configuration.
    #[default]
    Machine,
    /// In the META partition of each node's own image: that of `gitopsc talos schematic NODE`. All nodes of one set of
    /// extensions share an installer image, because META stays on the disk.
    Meta,
}

/// The DNS resolver on every node.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct HostDns {
    /// Whether it runs.
    pub enabled: bool,
    /// Whether CoreDNS forwards to it.
    pub forward_kube_dns: bool,
}

impl Default for HostDns {
    fn default() -> Self {
        HostDns { enabled: true, forward_kube_dns: true }
    }
}

/// A registry mirror.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Mirror {
    /// URLs asked before the registry itself.
    pub endpoints: Vec<String>,
    /// Never ask the registry itself.
    #[serde(default)]
    pub skip_fallback: bool,
    /// The URLs hold the whole path: no `/v2` is added.
    #[serde(default)]
    pub override_path: bool,
}

/// Defaults of the Flux objects.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Flux {
    /// How often Flux looks at a unit.
    pub interval: String,
    /// How long Flux waits for a unit.
    pub timeout: String,
    /// How soon Flux tries again after a failure.
    pub retry_interval: String,
    /// The GitRepository that carries this repository, as `namespace/name`.
    pub source: String,
    /// What Flux does about objects of a release that were changed in the cluster.
    pub drift_detection: DriftDetection,
}

impl Default for Flux {
    fn default() -> Self {
        Flux {
            interval: "10m".into(),
            timeout: "5m".into(),
            retry_interval: "1m".into(),
            source: "flux-system/flux-system".into(),
            drift_detection: DriftDetection::default(),
        }
    }
}

impl Flux {
    /// Namespace and name of the GitRepository that carries this repository.
    pub fn git_repository(&self) -> (&str, &str) {
        self.source.split_once('/').unwrap_or(("flux-system", "flux-system"))
    }
}

/// What Flux does about objects of a release that were changed in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DriftDetection {
    /// Puts them back.
    Enabled,
    /// Says so in an event.
    #[default]
    Warn,
    /// Nothing.
    Disabled,
}

/// The certificate that secrets are sealed with.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Sealing {
    /// The PEM file of the public half.
    pub cert: String,
    /// Digest of its public key, written by `gitopsc cert pin`. A certificate with another key is refused.
    pub spki: Option<String>,
}

/// DNS of the services.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Dns {
    /// The zone that every `host` lies in.
    pub zone: String,
}

/// Certificates of the services.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Tls {
    /// The issuer of every `host`: a name in `[issuers]`, or a ClusterIssuer that a service `provides`.
    pub issuer: String,
}

/// An ACME issuer.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Issuer {
    /// `production` or `staging` of Let's Encrypt, or the URL of an ACME directory.
    pub acme: String,
    /// Where the authority writes to.
    pub email: Option<String>,
    /// How ownership is proved: `http01`, or the name of a solver in `templates/solvers/<name>.yaml.j2`.
    #[serde(default = "http01")]
    pub solver: String,
}

/// Another writer to the cluster.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Owner {
    /// Folders of its sources.
    pub dirs: Vec<String>,
    /// Its plans (`terraform show -json`).
    pub plans: Vec<String>,
    /// What it owns: `Kind[.group]:[namespace/]name`, or `helm:namespace/release`.
    pub owns: Vec<String>,
}

/// The order in which parts of the cluster come up.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Layers {
    /// Layers, first to last.
    pub order: Vec<String>,
}

/// A service: one unit, plus one for each phase.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Service {
    /// The namespace. Default: the service's name.
    pub namespace: Option<String>,
    /// The Pod Security level of the namespace.
    pub pod_security: Option<PodSecurity>,
    /// Later parts of the service, by name: the unit `service-phase` waits for the service and lies beside it.
    #[serde(default)]
    pub phases: BTreeMap<String, Facets>,
    /// Single sign-on: the phase `sso`, which waits for the identity service and for this one.
    pub sso: Option<Sso>,
    #[serde(flatten)]
    #[expect(missing_docs, reason = "flattened into the service")]
    pub facets: Facets,
}

/// What a service, or a phase of it, can have.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Facets {
    /// Its layer. A phase has its service's unless it says otherwise.
    pub layer: Option<String>,
    /// The Helm chart. Values: `templates/services/<name>/values.yaml.j2`.
    pub chart: Option<Chart>,
    /// The name of the Helm release. Default: the unit's name.
    pub release: Option<String>,
    /// The address pool its LoadBalancer Service gets its address from.
    pub pool: Option<String>,
    /// The address out of the pool. Needed only where the pool has more than one.
    pub ip: Option<String>,
    /// Its host name in `[dns] zone`: gives a certificate.
    pub host: Option<String>,
    /// Where the host leads: `service:port`. Gives the Ingress too; charts with an ingress of their own leave it out.
    pub backend: Option<String>,
    /// The issuer of its certificate, if not `[tls] issuer`.
    pub issuer: Option<String>,
    /// The ingress class of its Ingress. Default: the only one a service provides.
    pub ingress_class: Option<String>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, SecretEntry>,
    /// OpenTofu code that the tofu-controller applies.
    pub tofu: Option<Tofu>,
    /// What it waits for besides what is inferred: services, or `service-phase`.
    pub depends: Vec<String>,
    /// What it brings that others need, as `kind/name`: `storageclass/fast`, `clustersecretstore/vault`, `secret/<namespace>/<name>`.
    pub provides: Vec<String>,
    /// The name of its Flux Kustomization. Pin it before renaming a service: a rename prunes.
    pub unit: Option<String>,
    /// How long Flux waits for it.
    pub timeout: Option<String>,
    /// How often Flux looks at it.
    pub interval: Option<String>,
    /// Flux leaves it alone.
    pub suspend: bool,
    /// Free data for its templates.
    pub vars: Vars,
}

/// A Pod Security level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words are Kubernetes' own")]
pub enum PodSecurity {
    Restricted,
    Baseline,
    Privileged,
}

/// A Helm chart: from a repository (`repo`, `name`), a registry (`oci`), or a folder of this repository (`path`).
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Chart {
    /// URL of the Helm repository.
    pub repo: Option<String>,
    /// The chart in an OCI registry, without `oci://`.
    pub oci: Option<String>,
    /// The chart's folder in this repository.
    pub path: Option<String>,
    /// The chart's name in the Helm repository.
    pub name: Option<String>,
    /// Its version. Not for `path`.
    pub version: Option<String>,
    /// The Secret with credentials for the repository or registry.
    pub credentials: Option<String>,
}

/// A Secret: its keys are sealed here, or made in the cluster by External Secrets.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct SecretEntry {
    /// Keys sealed with `gitopsc seal`.
    pub sealed: Vec<String>,
    /// What a sealed value is bound to.
    pub scope: Scope,
    /// Keys that External Secrets provides.
    pub external: Vec<String>,
    /// Make the external keys instead of reading them: `alphanumeric:32`, `hex:64`.
    pub generate: Option<String>,
    /// The ClusterSecretStore they are read from. Default: the only one a service provides.
    pub store: Option<String>,
    /// Where the store keeps it. Default: `<namespace>/<name>`.
    pub path: Option<String>,
    /// The Secret's type. Default: `Opaque`.
    pub r#type: Option<String>,
}

/// OpenTofu code that the tofu-controller applies.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Tofu {
    /// Its folder in this repository.
    pub dir: String,
    /// Whether the controller applies plans without asking.
    #[serde(default = "yes")]
    pub approve: bool,
    /// The Secret with its variables.
    pub vars_from: Option<String>,
    /// The Secret it writes its outputs to.
    pub writes: Option<String>,
}

/// Single sign-on.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Sso {
    /// The folder of the OpenTofu code that registers the client.
    pub tofu: String,
    /// The Secret with its variables.
    pub vars_from: Option<String>,
    /// The Secret it writes the client's credentials to.
    pub writes: Option<String>,
}

/// An accepted finding.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Allow {
    /// The code.
    pub code: String,
    /// What it is about, as the finding names it. Default: everything with this code.
    pub on: Option<String>,
    /// Why it is right here.
    pub reason: String,
    /// The last day it is accepted, as `YYYY-MM-DD`; `check --as-of` asks.
    pub until: Option<String>,
}

fn yes() -> bool {
    true
}

fn http01() -> String {
    "http01".into()
}
