//! What an object needs in the cluster before it can be applied or become ready, and what it brings for others.
//!
//! Both are capabilities in short form: `kind/[namespace/]name` of an object, `api/<group>` or `api/<group>/<Kind>` of a custom
//! resource, `service/<namespace>/<name>` of a name in the cluster's DNS.

use super::Strength;
use crate::{
    flux::{Object, Unit, has_placeholder},
    knowledge,
    node::{Kind, Node},
    source::Place,
};

/// Something an object needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// What.
    pub capability: String,
    /// How badly.
    pub strength: Strength,
    /// Why, to be read after "because": `its ClusterIssuer `x` is of the API group `cert-manager.io``.
    pub text: String,
    /// Where that is written.
    pub place: Place,
    /// Whether it is a Service under its full name, `name.namespace.svc`: what else looks like one may be a host of another network.
    pub is_full_name: bool,
}

/// A storage class nobody names: the cluster's default.
pub const DEFAULT_CLASS: &str = "storageclass/";

/// Namespaces that every cluster has, and the one Flux runs in.
pub const GIVEN: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease", "flux-system"];

/// What an object needs.
pub fn of(object: &Object) -> Vec<Need> {
    let mut found = Vec::new();
    let id = &object.id;
    let own = format!("its {} `{}`", id.kind, id.name);
    if !knowledge::is_built_in_group(&id.group) && !knowledge::is_flux_group(&id.group) {
        let place = object.node.get("apiVersion").map_or(object.place, |version| version.place);
        push(
            &mut found,
            format!("api/{}/{}", id.group, id.kind),
            Strength::Hard,
            format!("{own} is of the API group `{}`", id.group),
            place,
        );
    }
    if let Some(namespace) = id.namespace.as_deref().filter(|namespace| !GIVEN.contains(namespace)) {
        let place = object.node.at(["metadata", "namespace"]).map_or(object.place, |node| node.place);
        let text = format!("{own} lies in the namespace `{namespace}`");
        push(&mut found, format!("namespace/{namespace}"), Strength::Hard, text, place);
    }
    let mut walker = Walker { own, namespace: id.namespace.as_deref().unwrap_or_default(), found };
    match id.kind.as_str() {
        // What a definition or a dashboard merely mentions is not needed.
        "CustomResourceDefinition" | "GrafanaDashboard" => {}
        "Kustomization" if id.group == "kustomize.toolkit.fluxcd.io" => {}
        "HelmRelease" if id.group == "helm.toolkit.fluxcd.io" => walker.release(&object.node),
        "Secret" | "ConfigMap" => walker.texts(object.node.get("data").or_else(|| object.node.get("stringData"))),
        _ => walker.object(object),
    }
    walker.found
}

/// What a unit's own Kustomization needs: the sources of its variables, the Secret with its keys.
pub fn of_unit(unit: &Unit) -> Vec<Need> {
    let mut found = Vec::new();
    let home = &unit.name.namespace;
    for from in unit.object.at(["spec", "postBuild", "substituteFrom"]).map(Node::items).unwrap_or_default() {
        if is_true(from.get("optional")) {
            continue;
        }
        if let (Some(kind), Some(name)) = (text(from.get("kind")), from.get("name")) {
            let written = name.as_str().unwrap_or_default();
            let capability = format!("{}/{home}/{written}", kind.to_lowercase());
            push(
                &mut found,
                capability,
                Strength::Hard,
                format!("it takes variables from the {kind} `{written}`"),
                name.place,
            );
        }
    }
    if let Some(name) = unit.object.at(["spec", "decryption", "secretRef", "name"]) {
        let written = name.as_str().unwrap_or_default();
        let capability = format!("secret/{home}/{written}");
        push(
            &mut found,
            capability,
            Strength::Hard,
            format!("it is decrypted with the Secret `{written}`"),
            name.place,
        );
    }
    found
}

fn push(found: &mut Vec<Need>, capability: String, strength: Strength, text: String, place: Place) {
    if !has_placeholder(&capability) && !capability.contains("{{") && !capability.contains("${") {
        found.push(Need { capability, strength, text, place, is_full_name: false });
    }
}

/// Walks one object.
struct Walker<'o> {
    own: String,
    namespace: &'o str,
    found: Vec<Need>,
}

impl Walker<'_> {
    fn need(&mut self, capability: String, strength: Strength, what: &str, place: Place) {
        let text = format!("{} {what}", self.own);
        push(&mut self.found, capability, strength, text, place);
    }

    /// A HelmRelease (`helm.toolkit.fluxcd.io/v2`): its chart, what it waits for, where its values come from, what they name.
    fn release(&mut self, release: &Node) {
        let namespace = self.namespace.to_owned();
        if let Some((kind, home, name, place)) = reference(release.at(["spec", "chartRef"]), &namespace)
            .or_else(|| reference(release.at(["spec", "chart", "spec", "sourceRef"]), &namespace))
        {
            let capability = format!("{}/{home}/{name}", kind.to_lowercase());
            self.need(capability, Strength::Ready, &format!("takes its chart from the {kind} `{name}`"), place);
        }
        for waited in release.at(["spec", "dependsOn"]).map(Node::items).unwrap_or_default() {
            let Some(name) = waited.get("name") else { continue };
            let home = waited.get("namespace").and_then(Node::as_str).unwrap_or(&namespace);
            let text = name.as_str().unwrap_or_default().to_owned();
            let what = format!("waits for the HelmRelease `{text}`");
            self.need(format!("helmrelease/{home}/{text}"), Strength::Ready, &what, name.place);
        }
        for from in release.at(["spec", "valuesFrom"]).map(Node::items).unwrap_or_default() {
            if is_true(from.get("optional")) {
                continue;
            }
            if let (Some(kind), Some(name)) = (text(from.get("kind")), from.get("name")) {
                let what = format!("takes values from the {kind} `{}`", name.as_str().unwrap_or_default());
                let capability = format!("{}/{namespace}/{}", kind.to_lowercase(), name.as_str().unwrap_or_default());
                self.need(capability, Strength::Ready, &what, name.place);
            }
        }
        if let Some(values) = release.at(["spec", "values"]) {
            let home = text(release.at(["spec", "targetNamespace"])).unwrap_or(&namespace).to_owned();
            let mut inner = Walker { own: self.own.clone(), namespace: &home, found: Vec::new() };
            inner.walk(values);
            self.found.append(&mut inner.found);
        }
        self.texts(release.at(["spec", "postRenderers"]));
    }

    fn object(&mut self, object: &Object) {
        let node = &object.node;
        if let Some(claim) = node.at(["spec", "volumeName"]).filter(|_| object.id.kind == "PersistentVolumeClaim") {
            let name = claim.as_str().unwrap_or_default().to_owned();
            self.need(
                format!("persistentvolume/{name}"),
                Strength::Ready,
                &format!("binds the volume `{name}`"),
                claim.place,
            );
        }
        let makes_secret =
            matches!(object.id.kind.as_str(), "Certificate" | "ExternalSecret" | "SealedSecret" | "PushSecret");
        for entry in node.entries() {
            match entry.key.as_str() {
                "apiVersion" | "kind" | "status" => {}
                "metadata" => {
                    if let Some(annotations) = entry.value.get("annotations") {
                        self.walk(annotations);
                        self.annotations(annotations);
                    }
                }
                // What an ExternalSecret's template or a Certificate's `secretName` says is what it makes.
                "spec" if makes_secret => self.maker(&entry.value),
                _ => self.walk(&entry.value),
            }
        }
    }

    /// Whose controllers act on its annotations.
    fn annotations(&mut self, annotations: &Node) {
        const EVERYBODY: &[&str] = &["kubernetes.io", "k8s.io", "fluxcd.io", "helm.sh", "kustomize.config.k8s.io"];
        for entry in annotations.entries() {
            let Some((domain, _)) = entry.key.split_once('/') else { continue };
            if !EVERYBODY.iter().any(|known| domain.ends_with(known)) {
                let what = format!("is annotated for `{domain}`");
                self.need(format!("annotation/{domain}"), Strength::Soft, &what, entry.key_place);
            }
        }
    }

    fn maker(&mut self, spec: &Node) {
        for entry in spec.entries() {
            match entry.key.as_str() {
                "secretName" | "encryptedData" => {}
                "target" | "template" => self.texts(Some(&entry.value)),
                _ => {
                    self.key(spec, &entry.key, &entry.value);
                    self.walk(&entry.value);
                }
            }
        }
    }

    fn walk(&mut self, node: &Node) {
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| self.walk(item)),
            Kind::Map(entries) => {
                for entry in entries {
                    self.key(node, &entry.key, &entry.value);
                    self.walk(&entry.value);
                }
            }
            Kind::String(text) => self.names_in(text, node.place),
            _ => {}
        }
    }

    /// What a key with this name refers to.
    fn key(&mut self, parent: &Node, key: &str, value: &Node) {
        let home = self.namespace.to_owned();
        let name = value.as_str().filter(|text| !text.is_empty());
        let optional = is_true(parent.get("optional")) || is_true(value.get("optional"));
        match (key, name) {
            ("ingressClassName" | "kubernetes.io/ingress.class", Some(class)) => {
                let what = format!("is of the ingress class `{class}`");
                self.need(format!("ingressclass/{class}"), Strength::Soft, &what, value.place);
            }
            ("storageClass" | "storageClassName", Some(class)) if class != "-" => {
                let what = format!("has volumes of the storage class `{class}`");
                self.need(format!("storageclass/{class}"), Strength::Ready, &what, value.place);
            }
            ("volumeSnapshotClassName", Some(class)) => {
                let what = format!("takes snapshots of the class `{class}`");
                self.need(format!("volumesnapshotclass/{class}"), Strength::Ready, &what, value.place);
            }
            ("gatewayClassName", Some(class)) => {
                let what = format!("is of the gateway class `{class}`");
                self.need(format!("gatewayclass/{class}"), Strength::Ready, &what, value.place);
            }
            ("runtimeClassName", Some(class)) => {
                let what = format!("runs in the runtime class `{class}`");
                self.need(format!("runtimeclass/{class}"), Strength::Hard, &what, value.place);
            }
            ("priorityClassName", Some(class)) if !class.starts_with("system-") => {
                let what = format!("has the priority class `{class}`");
                self.need(format!("priorityclass/{class}"), Strength::Ready, &what, value.place);
            }
            ("cert-manager.io/cluster-issuer", Some(issuer)) => {
                let what = format!("gets its certificate from the ClusterIssuer `{issuer}`");
                self.need(format!("clusterissuer/{issuer}"), Strength::Ready, &what, value.place);
            }
            ("cert-manager.io/issuer", Some(issuer)) => {
                let what = format!("gets its certificate from the Issuer `{issuer}`");
                self.need(format!("issuer/{home}/{issuer}"), Strength::Ready, &what, value.place);
            }
            ("k8s.v1.cni.cncf.io/networks", Some(networks)) => {
                self.need(
                    "api/k8s.cni.cncf.io/NetworkAttachmentDefinition".into(),
                    Strength::Ready,
                    "is attached to a network of Multus",
                    value.place,
                );
                let listed: Vec<serde_json::Value> = serde_json::from_str(networks).unwrap_or_default();
                for network in &listed {
                    let home = network["namespace"].as_str().unwrap_or(&home);
                    if let Some(name) = network["name"].as_str() {
                        let what = format!("is attached to the network `{name}`");
                        let capability = format!("networkattachmentdefinition/{home}/{name}");
                        self.need(capability, Strength::Ready, &what, value.place);
                    }
                }
                for network in networks.split(',').map(str::trim).filter(|_| listed.is_empty()) {
                    let (home, name) = network.split_once('/').unwrap_or((&home, network));
                    let name = name.split('@').next().unwrap_or(name);
                    let what = format!("is attached to the network `{name}`");
                    self.need(
                        format!("networkattachmentdefinition/{home}/{name}"),
                        Strength::Ready,
                        &what,
                        value.place,
                    );
                }
            }
            ("driver", Some(driver)) if driver.contains('.') => {
                let what = format!("has volumes of the driver `{driver}`");
                self.need(format!("csidriver/{driver}"), Strength::Ready, &what, value.place);
            }
            ("deviceClassName", Some(class)) => {
                let what = format!("uses a device of the class `{class}`");
                self.need(format!("device/{class}"), Strength::Ready, &what, value.place);
            }
            ("limits" | "requests", None) => {
                for entry in value.entries().iter().filter(|entry| entry.key.contains('/')) {
                    let domain = entry.key.split('/').next().unwrap_or_default();
                    let what = format!("uses the device `{}`", entry.key);
                    self.need(format!("device/{domain}"), Strength::Ready, &what, entry.key_place);
                }
            }
            ("persistence", None) if is_true(value.get("enabled")) && wants_default_class(value) => {
                self.need(
                    DEFAULT_CLASS.into(),
                    Strength::Ready,
                    "has volumes of the default storage class",
                    value.place,
                );
            }
            ("volumeClaimTemplates", None)
                if value.items().iter().any(|claim| claim.at(["spec", "storageClassName"]).is_none()) =>
            {
                self.need(
                    DEFAULT_CLASS.into(),
                    Strength::Ready,
                    "has volumes of the default storage class",
                    value.place,
                );
            }
            ("existingClaim" | "claimName", Some(claim)) => {
                let what = format!("mounts the PersistentVolumeClaim `{claim}`");
                self.need(format!("persistentvolumeclaim/{home}/{claim}"), Strength::Ready, &what, value.place);
            }
            ("existingSecret" | "existingSecretName", Some(secret)) => self.uses(&home, "Secret", secret, value.place),
            ("issuerRef", None) => {
                if let Some((kind, _, name, place)) = reference(Some(value), &home) {
                    let kind = if kind.is_empty() { "Issuer" } else { &kind };
                    let capability = match kind {
                        "ClusterIssuer" => format!("clusterissuer/{name}"),
                        kind => format!("{}/{home}/{name}", kind.to_lowercase()),
                    };
                    self.need(capability, Strength::Ready, &format!("is issued by the {kind} `{name}`"), place);
                }
            }
            ("secretStoreRef", None) => self.store(value, &home),
            ("secretStoreRefs", None) => value.items().iter().for_each(|item| self.store(item, &home)),
            ("parentRefs", None) => {
                for parent in value.items() {
                    if let Some((kind, home, name, place)) = reference(Some(parent), &home)
                        && (kind.is_empty() || kind == "Gateway")
                    {
                        let what = format!("is a route of the Gateway `{name}`");
                        self.need(format!("gateway/{home}/{name}"), Strength::Soft, &what, place);
                    }
                }
            }
            ("configMapRef" | "configMapKeyRef" | "configMap", None) if !optional => {
                if let Some(name) = value.get("name").filter(|_| value.get("data").is_none()) {
                    self.uses(&home, "ConfigMap", name.as_str().unwrap_or_default(), name.place);
                }
            }
            ("secretRef" | "secretKeyRef", None) if !optional => {
                if let Some(name) = value.get("name").or_else(|| value.get("secretName")) {
                    let home = text(value.get("namespace")).unwrap_or(&home).to_owned();
                    self.uses(&home, "Secret", name.as_str().unwrap_or_default(), name.place);
                }
            }
            ("secret", None) if !optional => {
                if let Some(name) = value.get("secretName") {
                    self.uses(&home, "Secret", name.as_str().unwrap_or_default(), name.place);
                }
            }
            ("dataSourceRef" | "dataSource", None) => {
                if let Some((kind, _, name, place)) = reference(Some(value), &home)
                    && !kind.is_empty()
                {
                    let what = format!("is filled from the {kind} `{name}`");
                    self.need(format!("{}/{home}/{name}", kind.to_lowercase()), Strength::Ready, &what, place);
                }
            }
            _ => {}
        }
    }

    fn uses(&mut self, home: &str, kind: &str, name: &str, place: Place) {
        if !name.is_empty() {
            let what = format!("uses the {kind} `{name}`");
            self.need(format!("{}/{home}/{name}", kind.to_lowercase()), Strength::Ready, &what, place);
        }
    }

    fn store(&mut self, value: &Node, home: &str) {
        let Some((kind, _, name, place)) = reference(Some(value), home) else { return };
        let (capability, kind) = match kind.as_str() {
            "ClusterSecretStore" => (format!("clustersecretstore/{name}"), "ClusterSecretStore"),
            _ => (format!("secretstore/{home}/{name}"), "SecretStore"),
        };
        self.need(capability, Strength::Ready, &format!("fetches from the {kind} `{name}`"), place);
    }

    /// Names of services in every text below a node.
    fn texts(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        match &node.kind {
            Kind::String(text) => self.names_in(text, node.place),
            _ => {
                node.items().iter().for_each(|item| self.texts(Some(item)));
                node.entries().iter().for_each(|entry| self.texts(Some(&entry.value)));
            }
        }
    }

    /// Names of hosts and services: `https://name…`, `name.namespace:port`, and as the cluster's DNS has them, `name.namespace.svc`.
    fn names_in(&mut self, text: &str, place: Place) {
        if !text.contains([':', '.']) {
            return;
        }
        let is_name = |symbol: char| symbol.is_ascii_alphanumeric() || "-.".contains(symbol);
        let mut hosts: Vec<&str> = text
            .match_indices("://")
            .map(|(at, _)| &text[at + 3..])
            // `user:password@host`.
            .map(|rest| {
                let end = rest.find(['/', '"', '\'', ' ', '\n', '?']).unwrap_or(rest.len());
                rest[..end].rsplit_once('@').map_or(rest, |(user, _)| &rest[user.len() + 1..])
            })
            .map(|rest| &rest[..rest.find(|symbol| !is_name(symbol)).unwrap_or(rest.len())])
            .collect();
        let alone = text.split_once(':').map_or(text, |(host, _)| host);
        if alone.contains('.') && alone.chars().all(is_name) && alone.len() < 128 {
            hosts.push(alone);
        }
        // No Service is called like the machine itself or has capital letters (`hf://Owner/model`).
        let is_host = |host: &&str| {
            !host.is_empty() && *host != "localhost" && !host.contains(|letter: char| letter.is_ascii_uppercase())
        };
        for host in hosts.into_iter().filter(|host| is_host(host) && !host.contains(".svc")) {
            let mut parts = host.split('.');
            let home = self.namespace.to_owned();
            let capability = match (parts.next(), parts.next(), parts.next()) {
                (Some(service), None, _) => format!("service/{home}/{service}"),
                (Some(service), Some(namespace), None) => format!("service/{namespace}/{service}"),
                _ => format!("host/{}", host.trim_end_matches('.')),
            };
            self.need(capability, Strength::Soft, &format!("talks to `{host}`"), place);
        }
        for (at, _) in text.match_indices(".svc") {
            if text[at + 4..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '-') {
                continue;
            }
            let start = text[..at].rfind(|symbol: char| !(symbol.is_ascii_alphanumeric() || "-.".contains(symbol)));
            let name = &text[start.map_or(0, |start| start + 1)..at];
            let mut parts = name.rsplit('.');
            if let (Some(namespace), Some(service)) = (parts.next(), parts.next())
                && !namespace.is_empty()
                && !service.is_empty()
            {
                let what = format!("talks to `{service}.{namespace}.svc`");
                let known = self.found.len();
                self.need(format!("service/{namespace}/{service}"), Strength::Soft, &what, place);
                self.found[known..].iter_mut().for_each(|need| need.is_full_name = true);
            }
        }
    }
}

/// `{kind, namespace, name}` of a reference.
fn reference(node: Option<&Node>, home: &str) -> Option<(String, String, String, Place)> {
    let node = node?;
    let name = node.get("name")?;
    let written = name.as_str().filter(|name| !name.is_empty())?;
    let kind = text(node.get("kind")).unwrap_or_default();
    let namespace = text(node.get("namespace")).unwrap_or(home);
    Some((kind.to_owned(), namespace.to_owned(), written.to_owned(), name.place))
}

fn text(node: Option<&Node>) -> Option<&str> {
    node.and_then(Node::as_str)
}

fn is_true(node: Option<&Node>) -> bool {
    node.is_some_and(|node| node.kind == Kind::Bool(true))
}

/// What an object brings besides itself, as capabilities.
pub fn brought(object: &Object) -> Vec<String> {
    let id = &object.id;
    let node = &object.node;
    let home = id.namespace.as_deref().unwrap_or_default();
    let mut brought = vec![match &id.namespace {
        Some(namespace) => format!("{}/{namespace}/{}", id.kind.to_lowercase(), id.name),
        None => format!("{}/{}", id.kind.to_lowercase(), id.name),
    }];
    let secret = |name: &str| format!("secret/{home}/{name}");
    match (id.group.as_str(), id.kind.as_str()) {
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            if let (Some(group), Some(kind)) =
                (text(node.at(["spec", "group"])), text(node.at(["spec", "names", "kind"])))
            {
                brought.push(format!("api/{group}/{kind}"));
            }
        }
        ("external-secrets.io", "ExternalSecret") => {
            brought.push(secret(text(node.at(["spec", "target", "name"])).unwrap_or(&id.name)));
        }
        ("external-secrets.io", "ClusterExternalSecret") => {}
        ("bitnami.com", "SealedSecret") => {
            brought.push(secret(text(node.at(["spec", "template", "metadata", "name"])).unwrap_or(&id.name)));
        }
        ("cert-manager.io", "Certificate") => brought.extend(text(node.at(["spec", "secretName"])).map(secret)),
        ("postgresql.cnpg.io", "Cluster") => {
            brought.extend(["rw", "ro", "r"].map(|end| format!("service/{home}/{}-{end}", id.name)));
            brought.extend(["app", "superuser", "ca"].map(|end| secret(&format!("{}-{end}", id.name))));
        }
        ("postgresql.cnpg.io", "Pooler") | ("dragonflydb.io", "Dragonfly") => {
            brought.push(format!("service/{home}/{}", id.name));
        }
        ("networking.k8s.io", "Ingress")
        | ("gateway.networking.k8s.io", "HTTPRoute")
        | ("traefik.io", "IngressRoute") => {
            if let Some(spec) = node.get("spec") {
                hosts_in(spec, &mut |host| brought.push(format!("host/{host}")));
            }
        }
        ("infra.contrib.fluxcd.io", "Terraform") => {
            brought.extend(text(node.at(["spec", "writeOutputsToSecret", "name"])).map(secret));
        }
        ("objectbucket.io", "ObjectBucketClaim") => {
            brought.push(secret(&id.name));
            brought.push(format!("configmap/{home}/{}", id.name));
        }
        // Operators name the Services of what they run after it.
        (group, _) if group.contains('.') && !is_bookkeeping(&id.kind) && !knowledge::is_built_in_group(group) => {
            brought.push(format!("service/{home}/{}", id.name));
        }
        _ => {}
    }
    brought
}

/// Kinds of custom resources that run nothing.
fn is_bookkeeping(kind: &str) -> bool {
    const ENDS: &[&str] = &[
        "Secret",
        "Store",
        "Issuer",
        "Certificate",
        "Route",
        "Monitor",
        "Rule",
        "Dashboard",
        "Policy",
        "Repository",
        "Release",
        "Kustomization",
        "Source",
        "Destination",
        "Set",
        "Class",
        "User",
        "Database",
        "Backup",
        "Schedule",
        "Datasource",
        "Folder",
    ];
    ENDS.iter().any(|end| kind.ends_with(end))
}

/// Host names that Ingresses and routes, or the values that make them, serve.
pub fn hosts_in(node: &Node, found: &mut dyn FnMut(&str)) {
    for entry in node.entries() {
        if matches!(entry.key.as_str(), "host" | "hosts" | "hostname" | "hostnames") {
            let names = entry.value.items().iter().chain([&entry.value]).filter_map(Node::as_str);
            names.filter(|name| name.split('.').count() > 2 && !name.contains(['/', ':', '{'])).for_each(&mut *found);
        }
        hosts_in(&entry.value, found);
    }
    node.items().iter().for_each(|item| hosts_in(item, found));
}

/// Whether values for a volume leave the storage class to the cluster.
fn wants_default_class(persistence: &Node) -> bool {
    let is_named = ["storageClass", "storageClassName", "existingClaim"]
        .iter()
        .any(|key| text(persistence.get(key)).is_some_and(|name| !name.is_empty()));
    let is_claim = ["size", "accessMode", "accessModes"].iter().any(|key| persistence.get(key).is_some());
    is_claim && !is_named
}

/// Storage classes and snapshot classes that a release's values name: `storageClass: {name: x}`, `storageClasses: [{name: x}]`.
pub fn classes_in(values: &Node, found: &mut Vec<String>) {
    for entry in values.entries() {
        let named: Vec<&Node> = match entry.key.as_str() {
            "storageClass" | "storageclass" | "hostpathClass" => vec![&entry.value],
            "storageClasses" => entry.value.items().iter().collect(),
            _ => Vec::new(),
        };
        let is_off = |node: &Node| {
            ["create", "enabled"].iter().any(|key| node.get(key).is_some_and(|flag| flag.kind == Kind::Bool(false)))
        };
        for class in named.into_iter().filter(|class| !is_off(class)) {
            found.extend(text(class.get("name")).map(|name| format!("storageclass/{name}")));
        }
        if entry.key.ends_with("SnapshotClass") || entry.key.ends_with("SnapshotClasses") {
            let lists = entry.value.items().iter().chain([&entry.value]);
            found.extend(
                lists.filter_map(|class| text(class.get("name"))).map(|name| format!("volumesnapshotclass/{name}")),
            );
        }
        classes_in(&entry.value, found);
    }
    values.items().iter().for_each(|item| classes_in(item, found));
}
