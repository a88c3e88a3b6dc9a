//! The resources of each root: which objects they are, and what else they say.

use std::collections::BTreeMap;

use super::{
    Bootstrap, Client, Endpoint, Facts, Keyed, Patch, Record, Release, Resource, Root, Written, Zone,
    configuration::{Configuration, Frame, Instance},
    hcl::{self, Block, Body, Expression},
    kinds::{self, Effect, Naming, ObjectKind},
    values::{Kind, Value},
};
use crate::{
    claim::{ObjectId, group_of},
    claims::{Certainty, Claim, Role, Tool, release},
    node::{Node, escape},
    source::Place,
};

/// What sets single values of a release, over all others.
const SETS: &[&str] = &["set", "set_list", "set_sensitive", "set_wo"];

/// Reads a root with all modules below it.
pub fn read_root(configuration: &Configuration, scope: usize, certain: bool, facts: &mut Facts) {
    let folder = configuration.scope(scope).root.to_owned();
    let git = git_of(configuration, scope);
    facts.roots.push(Root { folder, certain, git: git.clone() });
    let mut reading = Reading { configuration, git, facts };
    let mut left = vec![scope];
    while let Some(scope) = left.pop() {
        reading.scope(scope);
        let module = configuration.scope(scope).module;
        // The last one pushed is read first: pushed backwards, the calls are read in the order written.
        let calls: Vec<&str> = module.blocks_of("module").map(|call| call.label(0)).collect();
        for call in calls.iter().rev() {
            left.extend(configuration.children(scope, call).iter().rev().map(|(_, child)| child));
        }
    }
}

/// The repository that the `flux` provider of a root writes to.
fn git_of(configuration: &Configuration, scope: usize) -> Option<String> {
    let frame = Frame::of(scope);
    let module = configuration.scope(scope).module;
    let mut providers = module.blocks_of("provider").filter(|block| block.label(0) == "flux");
    let provider = providers.next()?;
    if let Some(git) = provider.body.get("git") {
        return configuration.evaluate(&frame, git).get("url")?.to_text();
    }
    let git = provider.body.blocks_of("git").next()?;
    configuration.evaluate(&frame, git.body.get("url")?).to_text()
}

struct Reading<'a, 'r> {
    configuration: &'a Configuration<'r>,
    git: Option<String>,
    facts: &'a mut Facts,
}

/// One instance of a block, while it is read.
struct Here<'a> {
    block: &'a Block,
    frame: &'a Frame,
    resource: Resource,
}

impl Reading<'_, '_> {
    fn scope(&mut self, scope: usize) {
        let here = self.configuration.scope(scope);
        for block in &here.module.blocks {
            match block.kind.as_str() {
                "resource" => self.block(scope, block, ""),
                "data" if block.label(0) == "talos_machine_configuration" => self.block(scope, block, "data."),
                "provider" => self.provider(scope, block),
                _ => {}
            }
        }
    }

    fn block(&mut self, scope: usize, block: &Block, before: &str) {
        let kind = block.label(0);
        let naming = kinds::naming(kind);
        let is_record = kinds::RECORDS.iter().any(|(name, _)| *name == kind);
        let is_zone = kinds::ZONES.iter().any(|(name, _)| *name == kind);
        let is_client = kinds::CLIENTS.iter().any(|(name, ..)| *name == kind);
        if naming.is_none() && !is_record && !is_zone && !is_client && !kind.starts_with("talos_") {
            return;
        }
        let here = self.configuration.scope(scope);
        let frame = Frame::of(scope);
        let instances = self.configuration.instances(&frame, block);
        let resource = |suffix: &str, certain: bool| Resource {
            address: format!("{}{before}{kind}.{}{suffix}", here.prefix, block.label(1)),
            kind: kind.to_owned(),
            root: here.root.to_owned(),
            certainty: if certain && here.certain { Certainty::Literal } else { Certainty::Possible },
            place: block.place,
        };
        if instances.is_empty() && naming == Some(Naming::Flux) {
            let switch = block.body.get("count").or_else(|| block.body.get("for_each"));
            let off = Some(switch.map_or(block.place, |switch| switch.place));
            self.bootstrap(&Here { block, frame: &frame, resource: resource("", true) }, off);
        }
        for Instance { suffix, frame, certain, .. } in &instances {
            let here = Here { block, frame, resource: resource(suffix, *certain) };
            match naming {
                Some(naming) => self.object(&here, naming),
                None if is_record => self.record(&here),
                None if is_zone => self.zone(&here),
                None if is_client => self.client(&here),
                None => self.talos(&here),
            }
        }
    }

    fn object(&mut self, here: &Here<'_>, naming: Naming) {
        match naming {
            Naming::Metadata(kind, effect) => {
                let Some((namespace, name)) = self.metadata(here) else { return self.unnamed(here) };
                let object = object(kind, namespace, name);
                if effect == Effect::Whole && matches!(object.kind.as_str(), "Secret" | "ConfigMap") {
                    self.keys(here, &object);
                }
                let role = self.role(here, effect);
                self.claim(here, object, role, true);
            }
            Naming::Written(effect) => {
                let text = |key: &str| self.attribute(here, key).and_then(|value| value.as_str().map(str::to_owned));
                let (Some(version), Some(kind)) = (text("api_version"), text("kind")) else {
                    return self.unnamed(here);
                };
                let Some((namespace, name)) = self.metadata(here) else { return self.unnamed(here) };
                let namespace = namespace.filter(|_| !is_cluster_scoped(&kind));
                let namespace = namespace.or_else(|| is_core_namespaced(&kind).then(|| "default".to_owned()));
                let object = ObjectId { group: group_of(&version).to_owned(), kind, namespace, name };
                let role = self.role(here, effect);
                self.claim(here, object, role, true);
            }
            Naming::Object(attribute) => {
                let Some(value) = self.attribute(here, attribute) else { return self.unnamed(here) };
                self.document(here, &value.to_node());
            }
            Naming::Documents(attribute) => {
                let value = self.attribute(here, attribute);
                let documents = value.and_then(|value| value.documents(&self.configuration.repository.sources));
                let Some(documents) = documents else { return self.unnamed(here) };
                for document in &documents {
                    self.document(here, document);
                }
            }
            Naming::Release => self.release(here),
            Naming::Flux => self.bootstrap(here, None),
        }
    }

    /// An object written out, perhaps with unknown parts.
    fn document(&mut self, here: &Here<'_>, document: &Node) {
        let text = |path: &[&str]| {
            let text = document.at(path.iter().copied())?.as_str()?;
            (!text.contains("..PLACEHOLDER_") && !text.is_empty()).then(|| text.to_owned())
        };
        if document.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List")) {
            let items = document.get("items").map_or(&[][..], Node::items);
            return items.iter().for_each(|item| self.document(here, item));
        }
        let (Some(version), Some(kind), Some(name)) =
            (text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "name"]))
        else {
            return self.unnamed(here);
        };
        let written = document.at(["metadata", "namespace"]);
        let namespace = text(&["metadata", "namespace"]).filter(|_| !is_cluster_scoped(&kind));
        if namespace.is_none()
            && written.is_some_and(|node| node.as_str().is_some_and(|text| !text.is_empty()))
            && !is_cluster_scoped(&kind)
        {
            return self.unnamed(here);
        }
        let namespace = namespace.or_else(|| is_core_namespaced(&kind).then(|| "default".to_owned()));
        let object = ObjectId { group: group_of(&version).to_owned(), kind, namespace, name };
        if matches!(object.kind.as_str(), "Secret" | "ConfigMap") && object.group.is_empty() {
            let maps = ["data", "stringData", "binaryData"].into_iter().filter_map(|key| document.get(key));
            let keys = maps.flat_map(|map| map.entries().iter().map(|entry| entry.key.clone())).collect();
            self.facts.keyed.push(Keyed { object: object.clone(), keys, complete: true, place: here.resource.place });
        }
        self.claim(here, object, Role::Owner, true);
    }

    fn claim(&mut self, here: &Here<'_>, object: ObjectId, role: Role, prunes: bool) {
        self.facts.claims.push(Claim {
            object,
            cluster: None,
            tool: Tool::Terraform,
            unit: here.resource.to_string(),
            flux_unit: None,
            prunes: prunes && role == Role::Owner,
            role,
            certainty: here.resource.certainty,
            place: here.resource.place,
            content: None,
        });
    }

    fn unnamed(&mut self, here: &Here<'_>) {
        self.facts.unnamed.push(here.resource.clone());
    }

    fn attribute(&self, here: &Here<'_>, key: &str) -> Option<Value> {
        here.block.body.get(key).map(|expression| self.configuration.evaluate(here.frame, expression))
    }

    fn written(&self, here: &Here<'_>, key: &str) -> Option<Written> {
        let value = self.attribute(here, key)?;
        Some(Written { text: value.to_text()?, place: value.place })
    }

    /// Namespace and name of a `metadata` block (or attribute, as JSON and newer providers write it).
    fn metadata(&self, here: &Here<'_>) -> Option<(Option<String>, String)> {
        let fields = |expression: Option<&Expression>| expression.map(|it| self.configuration.evaluate(here.frame, it));
        let (namespace, name) = match here.block.body.blocks_of("metadata").next() {
            Some(block) => (fields(block.body.get("namespace")), fields(block.body.get("name"))),
            None => {
                let metadata = self.attribute(here, "metadata")?;
                (metadata.get("namespace").cloned(), metadata.get("name").cloned())
            }
        };
        let name = name.map_or_else(|| default_name(here.block.label(0)), |name| name.to_text())?;
        match namespace {
            Some(namespace) if matches!(namespace.kind, Kind::Null) => Some((None, name)),
            Some(namespace) => Some((Some(namespace.to_text()?), name)),
            None => Some((None, name)),
        }
    }

    fn role(&self, here: &Here<'_>, effect: Effect) -> Role {
        let Effect::Fields(below, attribute) = effect else { return Role::Owner };
        let keys = (!attribute.is_empty()).then(|| self.attribute(here, attribute)).flatten();
        match keys.as_ref().map(Value::pairs) {
            Some(pairs) if !pairs.is_empty() => {
                Role::Fields(pairs.iter().map(|pair| format!("{below}/{}", escape(&pair.key))).collect())
            }
            _ => Role::Fields(vec![below.to_owned()]),
        }
    }

    fn keys(&mut self, here: &Here<'_>, object: &ObjectId) {
        let attributes = ["data", "data_wo", "binary_data", "binary_data_wo", "immutable_data"];
        let (mut keys, mut complete) = (Vec::new(), true);
        for expression in attributes.into_iter().filter_map(|key| here.block.body.get(key)) {
            let (value, assumed) = self.configuration.assuming(|| self.configuration.evaluate(here.frame, expression));
            complete &= !assumed;
            match &value.kind {
                Kind::Map(pairs) => keys.extend(pairs.iter().map(|pair| pair.key.clone())),
                Kind::Null => {}
                _ => complete = false,
            }
        }
        // The controller of tokens fills in what no source says.
        complete &= self
            .attribute(here, "type")
            .is_none_or(|kind| kind.as_str() != Some("kubernetes.io/service-account-token"));
        self.facts.keyed.push(Keyed { object: object.clone(), keys, complete, place: here.resource.place });
    }

    fn release(&mut self, here: &Here<'_>) {
        let Some(name) = self.attribute(here, "name").and_then(|name| name.to_text()) else {
            return self.unnamed(here);
        };
        let namespace = match self.attribute(here, "namespace") {
            None => "default".to_owned(),
            Some(value) if matches!(value.kind, Kind::Null) => "default".to_owned(),
            Some(value) => match value.to_text() {
                Some(namespace) => namespace,
                None => return self.unnamed(here),
            },
        };
        let creates_namespace =
            self.attribute(here, "create_namespace").is_some_and(|value| value.as_bool() == Some(true));
        let (values, has_all_values) = self.values(here);
        self.claim(here, release(&namespace, &name), Role::Owner, true);
        if creates_namespace {
            let kind = ObjectKind { group: "", kind: "Namespace", namespace: None };
            self.claim(here, object(kind, None, namespace.clone()), Role::Bootstrap, false);
        }
        self.facts.releases.push(Release {
            resource: here.resource.clone(),
            namespace,
            name,
            chart: self.written(here, "chart"),
            repository: self.written(here, "repository"),
            version: self.written(here, "version"),
            creates_namespace,
            values,
            has_all_values,
        });
    }

    /// The values of a release, and whether these are all.
    fn values(&self, here: &Here<'_>) -> (Vec<Node>, bool) {
        let body = &here.block.body;
        let is_set = SETS.iter().any(|set| body.get(set).is_some() || body.blocks_of(set).next().is_some());
        let is_whole = !is_set && body.blocks_of("dynamic").next().is_none();
        let Some(expression) = body.get("values") else { return (Vec::new(), is_whole) };
        let (given, assumed) = self.configuration.assuming(|| self.configuration.evaluate(here.frame, expression));
        let sources = &self.configuration.repository.sources;
        let documents: Vec<Option<Vec<Node>>> = given.items().iter().map(|value| value.documents(sources)).collect();
        let is_list = matches!(given.kind, Kind::List(_));
        let is_known = is_list && documents.iter().all(|known| known.as_ref().is_some_and(|known| known.len() == 1));
        (documents.into_iter().flatten().flatten().collect(), is_whole && is_known && !assumed)
    }

    fn bootstrap(&mut self, here: &Here<'_>, off: Option<Place>) {
        let text = |key: &str| self.attribute(here, key).and_then(|value| value.to_text());
        let namespace = text("namespace").unwrap_or_else(|| "flux-system".to_owned());
        let secret = text("secret_name").unwrap_or_else(|| "flux-system".to_owned());
        let makes_secret = text("disable_secret_creation").as_deref() != Some("true");
        let path = match here.block.body.get("path") {
            // Without a path Flux goes to the root of the repository.
            None => Some(Written { text: String::new(), place: here.resource.place }),
            Some(_) => self.written(here, "path").map(|path| Written {
                text: path.text.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/"),
                place: path.place,
            }),
        };
        if off.is_none() {
            let of = |group: &str, kind: &str, name: &str| ObjectId {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: (kind != "Namespace").then(|| namespace.clone()),
                name: name.to_owned(),
            };
            let mut objects = vec![
                of("", "Namespace", &namespace),
                of("kustomize.toolkit.fluxcd.io", "Kustomization", &namespace),
                of("source.toolkit.fluxcd.io", "GitRepository", &namespace),
            ];
            objects.extend(makes_secret.then(|| of("", "Secret", &secret)));
            // What it puts there is in the repository afterwards, and the root Kustomization takes it over.
            for object in objects {
                self.claim(here, object, Role::Bootstrap, false);
            }
        }
        self.facts.bootstraps.push(Bootstrap {
            resource: here.resource.clone(),
            path,
            namespace,
            version: self.written(here, "version"),
            git: self.git.clone(),
            off,
        });
    }

    fn talos(&mut self, here: &Here<'_>) {
        if here.block.kind == "resource" {
            self.facts.talos.push(here.resource.clone());
        }
        let endpoint = self.written(here, "cluster_endpoint");
        self.facts.cluster_endpoints.extend(endpoint);
        let Some(patches) = self.attribute(here, "config_patches") else { return };
        let sources = &self.configuration.repository.sources;
        let mut complete = matches!(patches.kind, Kind::List(_));
        let mut documents = Vec::new();
        for patch in patches.items() {
            match patch.documents(sources) {
                Some(read) => documents.extend(read),
                None => complete = false,
            }
        }
        if documents.is_empty() && complete {
            return;
        }
        let machine_type = self.attribute(here, "machine_type").and_then(|kind| kind.to_text());
        self.facts.patches.push(Patch { resource: here.resource.clone(), machine_type, documents, complete });
    }

    fn record(&mut self, here: &Here<'_>) {
        let kind = here.block.label(0);
        let Some((_, [zone, name, record, content])) = kinds::RECORDS.iter().find(|(known, _)| *known == kind) else {
            return;
        };
        let Some(name) = self.written(here, name) else { return };
        let record = if record.chars().all(|letter| letter.is_ascii_uppercase()) {
            Some((*record).to_owned())
        } else {
            self.attribute(here, record).and_then(|kind| kind.to_text())
        };
        // cloudflare_record says `value` up to version 4 of its provider, unifi_dns_record `record` from 0.42 on.
        let value = [*content, "value", "record"].into_iter().find_map(|key| self.attribute(here, key));
        let zone = (!zone.is_empty()).then(|| self.zone_of(here, zone)).flatten();
        self.facts.records.push(Record {
            resource: here.resource.clone(),
            zone: zone.map(|zone| zone.trim_end_matches('.').to_ascii_lowercase()),
            name,
            kind: record,
            content: value.map_or_else(Vec::new, |value| texts(&value)),
        });
    }

    /// The zone that an attribute means: written out, or the id of a zone that says its name.
    fn zone_of(&self, here: &Here<'_>, key: &str) -> Option<String> {
        let expression = here.block.body.get(key)?;
        let value = self.configuration.evaluate(here.frame, expression);
        if let Some(zone) = value.to_text() {
            // An id has no dot.
            return zone.contains('.').then_some(zone);
        }
        let hcl::Kind::Traversal(of, steps) = &expression.kind else { return None };
        let [all @ .., hcl::Step::Attribute(last)] = steps.as_slice() else { return None };
        let kind = match (&of.kind, all) {
            (hcl::Kind::Variable(first), [hcl::Step::Attribute(kind), ..]) if first == "data" => kind,
            (hcl::Kind::Variable(first), _) => first,
            _ => return None,
        };
        let is_id = matches!(last.as_str(), "id" | "zone_id");
        let names = kinds::ZONES.iter().filter(|(known, _)| known == kind && is_id);
        names.map(|(_, name)| *name).find_map(|name| {
            let mut steps = all.to_vec();
            steps.push(hcl::Step::Attribute(name.to_owned()));
            let named = Expression { place: expression.place, kind: hcl::Kind::Traversal(of.clone(), steps) };
            self.configuration.evaluate(here.frame, &named).to_text()
        })
    }

    fn zone(&mut self, here: &Here<'_>) {
        let kind = here.block.label(0);
        let names = kinds::ZONES.iter().filter(|(known, _)| *known == kind).map(|(_, name)| *name);
        let Some(mut name) = names.into_iter().find_map(|key| self.written(here, key)) else { return };
        name.text = name.text.trim_end_matches('.').to_ascii_lowercase();
        self.facts.zones.push(Zone { resource: here.resource.clone(), name });
    }

    fn client(&mut self, here: &Here<'_>) {
        let kind = here.block.label(0);
        let Some((_, id, addresses)) = kinds::CLIENTS.iter().find(|(known, ..)| *known == kind) else { return };
        let urls = addresses.iter().filter_map(|key| self.attribute(here, key));
        let urls = urls.flat_map(|value| texts(&value)).filter(|url| url.text.contains("://")).collect();
        self.facts.clients.push(Client { resource: here.resource.clone(), id: self.written(here, id), urls });
    }

    fn provider(&mut self, scope: usize, block: &Block) {
        let mut endpoints = BTreeMap::new();
        self.addresses(scope, &block.body, &mut endpoints);
        let root = self.configuration.scope(scope).root.to_owned();
        for (place, (key, url)) in endpoints {
            let provider = block.label(0).to_owned();
            self.facts.endpoints.push(Endpoint { provider, root: root.clone(), key, url, place });
        }
    }

    fn addresses(&self, scope: usize, body: &Body, endpoints: &mut BTreeMap<Place, (String, String)>) {
        let frame = Frame::of(scope);
        for attribute in body.attributes.iter().filter(|attribute| !is_secret(&attribute.key)) {
            let value = self.configuration.evaluate(&frame, &attribute.value);
            let mut add = |key: &str, value: &Value, place: Place| {
                let Some(text) = value.as_str() else { return };
                let is_address =
                    matches!(key, "host" | "server" | "endpoint" | "url" | "address" | "base_url" | "hostname");
                if text.contains("://") || is_address && text.contains('.') {
                    endpoints.insert(place, (key.to_owned(), text.to_owned()));
                }
            };
            match &value.kind {
                Kind::Map(pairs) => {
                    for pair in pairs.iter().filter(|pair| !is_secret(&pair.key)) {
                        add(&pair.key, &pair.value, pair.value.place);
                    }
                }
                _ => add(&attribute.key, &value, attribute.value.place),
            }
        }
        body.blocks.iter().for_each(|block| self.addresses(scope, &block.body, endpoints));
    }
}

/// The texts in a value: itself, its items, the `url` of its items.
fn texts(value: &Value) -> Vec<Written> {
    match &value.kind {
        Kind::List(items) => items.iter().flat_map(texts).collect(),
        Kind::Map(_) => value.get("url").map_or_else(Vec::new, texts),
        _ => value.to_text().map(|text| Written { text, place: value.place }).into_iter().collect(),
    }
}

/// Whether an attribute of this name may hold a secret: never kept.
fn is_secret(key: &str) -> bool {
    ["password", "token", "secret", "key", "credential", "certificate"].iter().any(|word| key.contains(word))
}

/// The object of a kind, in its usual namespace where none is written.
pub fn object(kind: ObjectKind, namespace: Option<String>, name: String) -> ObjectId {
    ObjectId {
        group: kind.group.to_owned(),
        kind: kind.kind.to_owned(),
        namespace: kind.namespace.map(|default| namespace.unwrap_or_else(|| default.to_owned())),
        name,
    }
}

/// The account that every namespace has goes without a name.
fn default_name(resource: &str) -> Option<String> {
    resource.starts_with("kubernetes_default_service_account").then(|| "default".to_owned())
}

/// Kinds that are the same in every group that has them and lie outside namespaces.
pub fn is_cluster_scoped(kind: &str) -> bool {
    matches!(
        kind,
        "ClusterRole"
            | "ClusterRoleBinding"
            | "ClusterIssuer"
            | "ClusterSecretStore"
            | "ClusterExternalSecret"
            | "Namespace"
            | "Node"
            | "PersistentVolume"
            | "CustomResourceDefinition"
            | "StorageClass"
            | "IngressClass"
            | "GatewayClass"
            | "PriorityClass"
            | "RuntimeClass"
            | "APIService"
            | "CSIDriver"
            | "MutatingWebhookConfiguration"
            | "ValidatingWebhookConfiguration"
            | "VolumeSnapshotClass"
    )
}

/// Kinds of Kubernetes' own that live in namespaces: one that names none is in `default`.
pub fn is_core_namespaced(kind: &str) -> bool {
    matches!(
        kind,
        "ConfigMap"
            | "CronJob"
            | "DaemonSet"
            | "Deployment"
            | "Ingress"
            | "Job"
            | "NetworkPolicy"
            | "PersistentVolumeClaim"
            | "Pod"
            | "Role"
            | "RoleBinding"
            | "Secret"
            | "Service"
            | "ServiceAccount"
            | "StatefulSet"
    )
}
