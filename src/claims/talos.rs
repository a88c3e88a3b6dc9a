//! What Talos Linux puts into a cluster: its own components, and the manifests written into machine configurations.
//!
//! Talos 1.11–1.14. At boot it only makes what is missing; `talosctl upgrade-k8s` applies everything again, forces its fields
//! and (since 1.13) deletes what left the configuration. Read from machine configurations, patches, talhelper's
//! `talconfig.yaml`, templates of any of these, and the patches of Terraform's Talos provider.

use super::{
    Certainty, Claim, Role, Tool, cluster_of, content, embedded, machine,
    machine::Said,
    outline::{self, Line},
    release, scripts,
};
use crate::{
    claim::ObjectId,
    flux::Cluster,
    kubernetes::Schemas,
    node::{Kind, Node},
    repository::{File, Repository, parent, resolve},
    source::{Place, SourceId},
    yaml,
};

/// Kinds of the documents of a machine configuration that matter here; they are `apiVersion: v1alpha1`.
const INLINE: &str = "KubeInlineManifestConfig";
const EXTERNAL: &str = "KubeExternalManifestConfig";
/// Keys of `cluster` that no other format has under this name.
const CLUSTER_KEYS: &[&str] = &[
    "inlineManifests",
    "extraManifests",
    "coreDNS",
    "allowSchedulingOnControlPlanes",
    "allowSchedulingOnMasters",
    "controlPlane",
    "apiServer",
    "controllerManager",
    "aescbcEncryptionSecret",
    "secretboxEncryptionSecret",
    "externalCloudProvider",
];
/// Keys of `machine` that no other format has under this name.
const MACHINE_KEYS: &[&str] = &[
    "kubelet",
    "install",
    "network",
    "sysctls",
    "certSANs",
    "features",
    "kernel",
    "files",
    "udev",
    "nodeLabels",
    "registries",
    "time",
    "disks",
    "type",
    "sysfs",
    "logging",
    "nodeTaints",
    "nodeAnnotations",
    "env",
];

/// What a repository says about the Talos clusters in it.
#[derive(Debug, Default)]
pub struct Talos {
    /// The text that shows best that there is a cluster, and whether it speaks of the cluster as a whole.
    pub evidence: Option<(Place, bool)>,
    /// Whether something turns CoreDNS off.
    pub core_dns_is_off: bool,
    /// Whether something turns kube-proxy off.
    pub proxy_is_off: bool,
    /// Whether another network than flannel is asked for.
    pub flannel_is_off: bool,
    /// Where no network at all is asked for, so that somebody else has to bring one.
    pub no_network: Option<Place>,
    /// Where pods may use the Talos API, which brings a CustomResourceDefinition.
    pub talos_access: Option<Place>,
    /// Manifests in machine configurations.
    pub inline: Vec<Inline>,
    /// Addresses of manifests that are fetched; what they hold is not known here.
    pub external: Vec<(String, Place)>,
    /// What is said of networks, the domain and the API server.
    pub said: Vec<Said>,
    /// The files that were read for it.
    pub files: Vec<String>,
    rank: usize,
    network_is_document: bool,
    flannel_is_document: bool,
}

/// A manifest in a machine configuration.
#[derive(Clone, Debug)]
pub struct Inline {
    /// What the configuration calls it.
    pub name: String,
    /// Where that is written.
    pub place: Place,
    /// What it holds; None where a template fills it in.
    pub contents: Option<Vec<Node>>,
}

/// One claim for each object that Talos makes.
pub fn claims(talos: &Talos, repository: &Repository, clusters: &[Cluster], schemas: &Schemas) -> Vec<Claim> {
    let mut claims = talos.components(repository, clusters);
    claims.extend(talos.manifests(repository, clusters, schemas));
    // The configurations of several nodes are one owner.
    let mut seen = std::collections::BTreeSet::new();
    claims.retain(|claim| seen.insert((claim.object.clone(), claim.cluster)));
    claims
}

/// Reads what a repository says about Talos.
pub fn read(repository: &Repository) -> Talos {
    let mut talos = Talos::default();
    for (path, file) in repository.files() {
        let Some(source) = file.source else { continue };
        let before = talos.clues();
        if is_template(path) {
            talos.outline(&outline::of_yaml(source, &repository.sources.get(source).text));
        } else if path.ends_with(".tf") || path.ends_with(".tofu") {
            talos.terraform(source, &repository.sources.get(source).text);
        } else {
            for document in file.documents() {
                talos.document(repository, path, document);
            }
        }
        if talos.clues() != before {
            talos.files.push(path.to_owned());
        }
    }
    talos.flannel_is_off |= talos.network_is_document && !talos.flannel_is_document;
    if talos.evidence.is_some() {
        talos.elsewhere(repository);
    }
    talos
}

/// Whether a file is a template of YAML, which cannot be read as YAML.
fn is_template(path: &str) -> bool {
    [".j2", ".template", ".tmpl", ".tpl", ".gotmpl"].iter().any(|ending| path.ends_with(ending))
}

/// The manifests in a block of a template, all at the block's key. None where the template fills it in.
fn read_at(line: &Line) -> Option<Vec<Node>> {
    let reading = yaml::read(line.place.source, &line.block);
    let is_read = reading.diagnostics.is_empty() && !reading.documents.is_empty();
    is_read.then(|| reading.documents.into_iter().map(|document| embedded::placed(document.root, line.place)).collect())
}

/// The keys of a node's map, below a path.
fn walk<'n>(node: &'n Node, path: &mut Vec<&'n str>, see: &mut dyn FnMut(&[&str], &'n Node)) {
    for entry in node.entries() {
        path.push(&entry.key);
        see(path, &entry.value);
        walk(&entry.value, path, see);
        path.pop();
    }
}

impl Talos {
    /// How much was found so far.
    fn clues(&self) -> (usize, usize, usize, usize, bool, bool, bool) {
        (
            self.rank,
            self.said.len(),
            self.inline.len(),
            self.external.len(),
            self.core_dns_is_off,
            self.proxy_is_off,
            self.flannel_is_off,
        )
    }

    /// Takes a text as the evidence if it says more than what was found before.
    fn show(&mut self, rank: usize, place: Place) {
        if rank > self.rank {
            self.rank = rank;
            self.evidence = Some((place, rank >= 3));
        }
    }

    /// A document of YAML.
    fn document(&mut self, repository: &Repository, path: &str, document: &Node) {
        let text = |key: &str| document.get(key).and_then(Node::as_str);
        match (text("apiVersion"), text("kind")) {
            (Some("v1alpha1"), Some(kind)) if kind.ends_with("Config") => {
                return self.one_of_several(repository, kind, document);
            }
            (Some(_), _) => return,
            _ => {}
        }
        let is_helper = document.get("clusterName").is_some()
            && document.get("nodes").is_some()
            && (document.get("talosVersion").is_some() || document.get("endpoint").is_some());
        if is_helper {
            return self.talconfig(repository, path, document);
        }
        let has = |section: &str, keys: &[&str]| {
            document.get(section).is_some_and(|section| keys.iter().any(|key| section.get(key).is_some()))
        };
        let is_network = document.at(["cluster", "network"]).is_some_and(|network| {
            ["cni", "podSubnets", "serviceSubnets", "dnsDomain"].iter().any(|key| network.get(key).is_some())
        });
        let is_proxy = document.at(["cluster", "proxy", "disabled"]).is_some();
        if has("machine", MACHINE_KEYS) || has("cluster", CLUSTER_KEYS) || is_network || is_proxy {
            self.configuration(repository, document);
        }
    }

    /// A machine configuration, or a patch of one.
    fn configuration(&mut self, repository: &Repository, document: &Node) {
        self.show(1, document.place);
        machine::of_configuration(document, &mut self.said);
        walk(document, &mut Vec::new(), &mut |path, value| {
            let text = match &value.kind {
                Kind::String(text) => text.clone(),
                Kind::Bool(flag) => flag.to_string(),
                _ => String::new(),
            };
            self.setting(path, &text, value.place);
        });
        let list = |key: &str| document.at(["cluster", key]).map(Node::items).unwrap_or_default();
        for manifest in list("inlineManifests") {
            self.inline(repository, manifest.get("name"), manifest.get("contents"), manifest.place);
        }
        for url in list("extraManifests") {
            self.external.extend(url.as_str().map(|text| (text.to_owned(), url.place)));
        }
        for url in document.at(["cluster", "network", "cni", "urls"]).map(Node::items).unwrap_or_default() {
            self.external.extend(url.as_str().map(|text| (text.to_owned(), url.place)));
        }
    }

    /// A key of a machine configuration, whatever it was read from.
    fn setting(&mut self, path: &[&str], value: &str, place: Place) {
        match path {
            ["cluster", "coreDNS", "disabled"] if value == "true" => self.core_dns_is_off = true,
            ["cluster", "coreDNS", ..] => self.show(6, place),
            ["cluster", "proxy", "disabled"] => {
                self.proxy_is_off |= value == "true";
                self.show(5, place);
            }
            ["cluster", "network", "cni", "name"] => {
                self.flannel_is_off |= value != "flannel";
                if value == "none" {
                    self.no_network.get_or_insert(place);
                }
                self.show(4, place);
            }
            ["cluster", "controlPlane", "endpoint"] => self.show(3, place),
            ["machine", "type"] if value == "controlplane" => self.show(3, place),
            ["machine", "features", "kubernetesTalosAPIAccess", "enabled"] if value == "true" => {
                self.talos_access.get_or_insert(place);
            }
            ["cluster", ..] => self.show(2, place),
            _ => {}
        }
    }

    /// A document of a configuration of several.
    fn one_of_several(&mut self, repository: &Repository, kind: &str, document: &Node) {
        self.show(1, document.place);
        machine::of_document(kind, document, &mut self.said);
        let is_off = document.get("enabled").is_some_and(|flag| flag.kind == Kind::Bool(false));
        match kind {
            INLINE => self.inline(repository, document.get("name"), document.get("contents"), document.place),
            EXTERNAL => {
                let url = document.get("url").and_then(|url| Some((url.as_str()?.to_owned(), url.place)));
                self.external.extend(url);
            }
            other => self.component(other, is_off, document.place),
        }
    }

    /// A document about a component (Talos 1.14): it is on unless it says otherwise.
    fn component(&mut self, kind: &str, is_off: bool, place: Place) {
        match kind {
            "KubeCoreDNSConfig" if is_off => self.core_dns_is_off = true,
            "KubeCoreDNSConfig" => self.show(6, place),
            "KubeProxyConfig" => {
                self.proxy_is_off |= is_off;
                self.show(5, place);
            }
            // Where the network is a document of its own, flannel is one too, or is not there.
            "KubeNetworkConfig" => {
                self.network_is_document = true;
                self.show(3, place);
            }
            "KubeFlannelCNIConfig" => self.flannel_is_document = true,
            _ => {}
        }
    }

    fn inline(&mut self, repository: &Repository, name: Option<&Node>, contents: Option<&Node>, place: Place) {
        let contents = contents.and_then(|contents| embedded::documents(&repository.sources, contents));
        let known = name.and_then(Node::as_str).unwrap_or("inline").to_owned();
        self.inline.push(Inline { name: known, place: name.map_or(place, |name| name.place), contents });
    }

    /// talhelper's file: a description of the cluster, and patches for its nodes.
    fn talconfig(&mut self, repository: &Repository, path: &str, document: &Node) {
        let named = document.get("clusterName").map_or(document.place, |name| name.place);
        self.show(3, named);
        machine::of_talconfig(document, &mut self.said);
        if let Some(cni) = document.at(["cniConfig", "name"]) {
            self.flannel_is_off |= cni.as_str() != Some("flannel");
            if cni.as_str() == Some("none") {
                self.no_network.get_or_insert(cni.place);
            }
            self.show(4, cni.place);
        }
        let nodes = document.get("nodes").map(Node::items).unwrap_or_default();
        let parts = ["controlPlane", "worker"].iter().filter_map(|part| document.get(part));
        for part in std::iter::once(document).chain(parts).chain(nodes) {
            if let Some(patch) = part.get("inlinePatch") {
                self.configuration(repository, patch);
            }
            for key in ["patches", "configPatches"] {
                for patch in part.get(key).map(Node::items).unwrap_or_default() {
                    self.patch(repository, path, patch);
                }
            }
            for manifest in part.get("inlineManifests").map(Node::items).unwrap_or_default() {
                self.inline(repository, manifest.get("name"), manifest.get("contents"), manifest.place);
            }
            for url in part.get("extraManifests").map(Node::items).unwrap_or_default() {
                self.external.extend(url.as_str().map(|text| (text.to_owned(), url.place)));
            }
        }
    }

    /// A patch in a talconfig: its text, or `@` and the file it is in. JSON 6902 patches are not looked into.
    fn patch(&mut self, repository: &Repository, path: &str, patch: &Node) {
        let Some(text) = patch.as_str() else { return };
        if let Some(file) = text.strip_prefix('@') {
            let file = resolve(parent(path), file.trim()).and_then(|path| repository.file(&path));
            // A file in YAML is seen like any other.
            if let Some(source) = file.filter(|file| file.yaml.is_none()).and_then(|file| file.source) {
                self.outline(&outline::of_yaml(source, &repository.sources.get(source).text));
            }
            return;
        }
        match embedded::documents(&repository.sources, patch) {
            Some(documents) => documents.iter().for_each(|document| self.document(repository, path, document)),
            None => {
                let lines = outline::of_yaml(patch.place.source, text).into_iter();
                self.outline(&lines.map(|line| Line { place: patch.place, ..line }).collect::<Vec<_>>());
            }
        }
    }

    /// A template of a machine configuration.
    fn outline(&mut self, lines: &[Line]) {
        let is_one = lines.iter().any(|line| match line.keys()[..] {
            ["machine", key] => MACHINE_KEYS.contains(&key),
            ["cluster", key] => CLUSTER_KEYS.contains(&key) || matches!(key, "proxy" | "network"),
            _ => false,
        });
        let is_manifest = lines.iter().any(|line| line.path == ["apiVersion"] && line.value != "v1alpha1");
        if !is_one || is_manifest {
            return;
        }
        self.show(1, lines[0].place);
        machine::of_lines(lines, &mut self.said);
        for line in lines {
            self.setting(&line.keys(), &line.value, line.place);
            match line.keys()[..] {
                ["cluster", "inlineManifests", "-", "name"] => {
                    self.inline.push(Inline { name: line.value.clone(), place: line.place, contents: None });
                }
                ["cluster", "inlineManifests", "-", "contents"] => {
                    if let Some(inline) = self.inline.last_mut() {
                        inline.contents = read_at(line);
                    }
                }
                ["kind"] if line.value.ends_with("Config") => {
                    let own: Vec<&Line> = lines.iter().filter(|other| other.document == line.document).collect();
                    self.outlined(line, &own);
                }
                _ => {}
            }
        }
    }

    /// A document of a template of several, of which the kind is known.
    fn outlined(&mut self, kind: &Line, lines: &[&Line]) {
        let find = |key: &str| lines.iter().find(|line| line.path == [key]);
        let is_off = find("enabled").is_some_and(|line| line.value == "false");
        let name = find("name").map_or((String::new(), kind.place), |line| (line.value.clone(), line.place));
        match kind.value.as_str() {
            INLINE => {
                let contents = find("contents").and_then(|line| read_at(line));
                self.inline.push(Inline { name: name.0, place: name.1, contents });
            }
            EXTERNAL => self.external.extend(find("url").map(|line| (line.value.clone(), line.place))),
            other => self.component(other, is_off, kind.place),
        }
    }

    /// Terraform's Talos provider: the patches it is given stand in the same text, or in another one of the module.
    fn terraform(&mut self, source: SourceId, text: &str) {
        let is_one = text.contains("\"talos_machine_configuration\"");
        if !is_one && !text.contains("cluster") {
            return;
        }
        let lines = outline::of_hcl(source, text);
        if let Some(line) =
            lines.iter().find(|line| line.path.len() == 1 && line.path[0].contains("talos_machine_configuration\""))
        {
            self.show(3, line.place);
        }
        for line in &lines {
            let path = line.keys();
            let Some(from) = path.iter().rposition(|key| matches!(*key, "cluster" | "machine")) else { continue };
            // Elsewhere a word like `cluster` may mean anything.
            let is_talos =
                matches!(path[from..], ["cluster", "coreDNS" | "proxy", ..] | ["cluster", "network", "cni", ..]);
            if is_one && is_talos {
                self.setting(&path[from..], &line.value, line.place);
            }
        }
    }

    /// What turns a component off in a text that was not understood: then nothing is said about it.
    fn elsewhere(&mut self, repository: &Repository) {
        for (path, file) in repository.files() {
            let Some(source) = file.source else { continue };
            let text = &repository.sources.get(source).text;
            if path.ends_with(".md") || file.yaml.is_some() && !text.contains("coreDNS") {
                continue;
            }
            for (at, _) in text.match_indices("coreDNS").chain(text.match_indices("KubeCoreDNSConfig")) {
                let near: String = text[at..].chars().take(120).filter(|letter| !letter.is_whitespace()).collect();
                let near = near.replace(['"', '\'', '{'], "").replace('=', ":");
                self.core_dns_is_off |= near.contains("disabled:true") || near.contains("enabled:false");
            }
        }
    }

    /// The objects of the components that are on.
    fn components(&self, repository: &Repository, clusters: &[Cluster]) -> Vec<Claim> {
        let Some((place, is_sure)) = self.evidence else { return Vec::new() };
        let claim = |text: &str, place: Place| {
            let (cluster, is_alone) = cluster_of(repository.path(place), clusters);
            Claim {
                object: ObjectId::parse(text).expect("the table's objects are written right"),
                cluster,
                tool: Tool::Talos,
                unit: repository.path(place).to_owned(),
                flux_unit: None,
                role: Role::Owner,
                // What leaves the configuration is deleted by `talosctl upgrade-k8s`.
                prunes: true,
                certainty: if is_sure && is_alone { Certainty::Literal } else { Certainty::Possible },
                place,
                content: None,
            }
        };
        let mut objects: Vec<&str> = ALWAYS.to_vec();
        if !self.core_dns_is_off {
            objects.extend(CORE_DNS);
        }
        if !self.proxy_is_off {
            objects.extend(PROXY);
        }
        if !self.flannel_is_off {
            objects.extend(FLANNEL);
        }
        let mut claims: Vec<Claim> = objects.into_iter().map(|object| claim(object, place)).collect();
        if let Some(place) = self.talos_access {
            claims.push(claim("CustomResourceDefinition.apiextensions.k8s.io:serviceaccounts.talos.dev", place));
        }
        claims
    }

    /// The objects of manifests in machine configurations. What a template fills in is what a script renders for it, if it does.
    fn manifests(&self, repository: &Repository, clusters: &[Cluster], schemas: &Schemas) -> Vec<Claim> {
        let claim = |object: ObjectId, place: Place, certainty: Certainty, content: Option<u64>| {
            let (cluster, is_alone) = cluster_of(repository.path(place), clusters);
            Claim {
                object,
                cluster,
                tool: Tool::Talos,
                unit: repository.path(place).to_owned(),
                flux_unit: None,
                role: Role::Bootstrap,
                prunes: true,
                certainty: if is_alone { certainty } else { Certainty::Possible },
                place,
                content,
            }
        };
        let (rendered, copied) = (scripts::renders(repository), scripts::copies(repository));
        let mut claims = Vec::new();
        for inline in &self.inline {
            for document in inline.contents.iter().flatten() {
                for manifest in content::manifests(document) {
                    if let Some(object) = content::object(manifest, schemas, None) {
                        let digest = Some(content::digest(manifest));
                        claims.push(claim(object, content::name_place(manifest), Certainty::Exact, digest));
                    }
                }
            }
            if inline.contents.is_none() {
                for path in copied.iter().filter(|path| is_called(path, &inline.name)) {
                    for document in repository.file(path).into_iter().flat_map(File::documents) {
                        if let Some(object) = content::object(document, schemas, None) {
                            let digest = Some(content::digest(document));
                            claims.push(claim(object, inline.place, Certainty::Literal, digest));
                        }
                    }
                }
                let chart = |render: &&scripts::Render| render.release == inline.name || render.chart == inline.name;
                if let Some(render) = rendered.iter().find(chart) {
                    let object = release(&render.namespace, &render.release);
                    claims.push(claim(object, inline.place, Certainty::Literal, None));
                }
            }
        }
        claims
    }
}

/// Whether a file is what an inline manifest of this name would be made of.
fn is_called(path: &str, name: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split_once('.').is_some_and(|(stem, _)| stem == name)
}

/// What Talos makes in every cluster (Talos 1.14, `internal/app/machined/pkg/controllers/k8s/manifest.go`), without the Secret
/// of the bootstrap token, whose name is its own.
const ALWAYS: &[&str] = &[
    "ClusterRoleBinding.rbac.authorization.k8s.io:system-bootstrap-node-bootstrapper",
    "ClusterRoleBinding.rbac.authorization.k8s.io:system-bootstrap-approve-node-client-csr",
    "ClusterRoleBinding.rbac.authorization.k8s.io:system-bootstrap-node-renewal",
    "ConfigMap:kube-system/kubeconfig-in-cluster",
    "ClusterRole.rbac.authorization.k8s.io:system:talos-nodes",
    "ClusterRoleBinding.rbac.authorization.k8s.io:system:talos-nodes",
];
const CORE_DNS: &[&str] = &[
    "ServiceAccount:kube-system/coredns",
    "ConfigMap:kube-system/coredns",
    "Deployment.apps:kube-system/coredns",
    "Service:kube-system/kube-dns",
    "ClusterRole.rbac.authorization.k8s.io:system:coredns",
    "ClusterRoleBinding.rbac.authorization.k8s.io:system:coredns",
];
const PROXY: &[&str] = &[
    "DaemonSet.apps:kube-system/kube-proxy",
    "ServiceAccount:kube-system/kube-proxy",
    "ClusterRoleBinding.rbac.authorization.k8s.io:kube-proxy",
];
const FLANNEL: &[&str] = &[
    "ClusterRole.rbac.authorization.k8s.io:flannel",
    "ClusterRoleBinding.rbac.authorization.k8s.io:flannel",
    "ServiceAccount:kube-system/flannel",
    "ConfigMap:kube-system/kube-flannel-cfg",
    "DaemonSet.apps:kube-system/kube-flannel",
];
