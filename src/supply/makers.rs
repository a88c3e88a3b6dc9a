//! Who makes the Secrets and ConfigMaps of a cluster: manifests, operators, Terraform, scripts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Stored};
use crate::{
    claims::{Role, Tool},
    flux::Object,
    knowledge,
    node::{self, Node},
    source::Place,
    survey::Survey,
};

/// The keys of what is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// These and no others.
    Known(BTreeSet<String>),
    /// Only a run tells.
    Unknown,
}

/// Somebody who makes a Secret or a ConfigMap.
#[derive(Clone, Debug)]
pub struct Maker {
    /// Who, in the words of the reader: ``Certificate `web` ``.
    pub who: String,
    /// Where it says so.
    pub place: Place,
    /// With which keys.
    pub keys: Keys,
    /// The unit that applies the maker; None for what is made outside of Flux.
    pub unit: Option<usize>,
    /// The object that makes it; None for what is made outside of Flux.
    pub object: Option<crate::claim::ObjectId>,
}

/// Everything that is made in a cluster.
#[derive(Clone, Debug, Default)]
pub struct Makers {
    made: BTreeMap<Stored, Vec<Maker>>,
    /// Names that are made in namespaces which cannot be told, or in all of them.
    anywhere: BTreeSet<(Kind, String)>,
    /// Whether something copies Secrets from one namespace into another.
    copies: bool,
}

impl Makers {
    /// Who makes it.
    pub fn of(&self, stored: &Stored) -> &[Maker] {
        self.made.get(stored).map_or(&[], Vec::as_slice)
    }

    /// Everything that is made, with its makers.
    pub fn all(&self) -> impl Iterator<Item = (&Stored, &[Maker])> {
        self.made.iter().map(|(stored, makers)| (stored, makers.as_slice()))
    }

    /// Whether it is made, or may be by somebody who works in all namespaces.
    pub fn has(&self, stored: &Stored) -> bool {
        self.made.contains_key(stored)
            || self.anywhere.contains(&(stored.kind, stored.name.clone()))
            || self.copies && self.elsewhere(stored).is_some()
    }

    /// One of the same name in another namespace.
    pub fn elsewhere(&self, stored: &Stored) -> Option<&Stored> {
        self.made.keys().find(|other| other.kind == stored.kind && other.name == stored.name && *other != stored)
    }

    /// The names that are made in the namespace.
    pub fn names<'m>(&'m self, kind: Kind, namespace: &'m str) -> impl Iterator<Item = &'m str> {
        let here = move |stored: &&Stored| stored.kind == kind && stored.namespace == namespace;
        self.made.keys().filter(here).map(|stored| stored.name.as_str())
    }

    fn add(&mut self, kind: Kind, namespace: &str, name: &str, maker: Maker) {
        let stored = Stored { kind, namespace: namespace.to_owned(), name: name.to_owned() };
        self.made.entry(stored).or_default().push(maker);
    }
}

/// Everything that is made in one of the survey's clusters.
pub fn makers(survey: &Survey, cluster: usize) -> Makers {
    let mut makers = Makers::default();
    let units = survey.clusters[cluster].units.iter().enumerate();
    for (unit, object) in units.flat_map(|(at, unit)| unit.objects().iter().map(move |object| (at, object))) {
        of_object(unit, object, &mut makers);
    }
    outside(survey, cluster, &mut makers);
    makers
}

/// What other tools make, and what settings say.
fn outside(survey: &Survey, cluster: usize, makers: &mut Makers) {
    let keyed: BTreeMap<_, _> = survey.terraform.keyed.iter().map(|keyed| (&keyed.object, keyed)).collect();
    for claim in &survey.claims {
        let object = &claim.object;
        let kind = Kind::of(&object.kind).filter(|_| object.group.is_empty() && claim.tool != Tool::Flux);
        let (Some(kind), Some(namespace)) = (kind, &object.namespace) else { continue };
        if claim.cluster.is_some_and(|at| at != cluster) {
            continue;
        }
        // A claim on single fields says that somebody else makes the object; its keys are more than that one's.
        let keys = match keyed.get(object) {
            Some(keyed) if keyed.complete && claim.role == Role::Owner => {
                Keys::Known(keyed.keys.iter().cloned().collect())
            }
            _ => Keys::Unknown,
        };
        let who = format!("{} (`{}`)", claim.tool.name(), claim.unit);
        makers.add(kind, namespace, &object.name, Maker { who, place: claim.place, keys, unit: None, object: None });
    }
    for capability in survey.settings.settings.provides.values().flatten() {
        let mut parts = capability.split('/');
        if let (Some(kind), Some(_), Some(name)) = (parts.next(), parts.next(), parts.next()) {
            match kind {
                "secret" => makers.anywhere.insert((Kind::Secret, name.to_owned())),
                "configmap" => makers.anywhere.insert((Kind::ConfigMap, name.to_owned())),
                _ => false,
            };
        }
    }
}

fn of_object(unit: usize, object: &Object, makers: &mut Makers) {
    let node = &object.node;
    let home = object.id.namespace.as_deref().unwrap_or_default();
    let mut make = |kind: Kind, name: &Node, keys: Keys| {
        if let Some(text) = name.as_str().filter(|text| !text.is_empty()) {
            let who = format!("{} `{}`", object.id.kind, object.id.name);
            let maker = Maker { who, place: name.place, keys, unit: Some(unit), object: Some(object.id.clone()) };
            makers.add(kind, home, text, maker);
        }
    };
    let own_name = node.at(["metadata", "name"]).unwrap_or(node);
    let named = |path: &[&str]| node.at(path.iter().copied());
    if let Some(name) = knowledge::secret_of(&object.id.group, &object.id.kind, &object.id.name) {
        make(Kind::Secret, &Node { place: own_name.place, kind: node::Kind::String(name) }, Keys::Unknown);
    }
    match (object.id.group.as_str(), object.id.kind.as_str()) {
        ("", "Secret") => make(Kind::Secret, own_name, written_keys(node)),
        ("", "ConfigMap") => make(Kind::ConfigMap, own_name, written_keys(node)),
        ("bitnami.com", "SealedSecret") => {
            make(Kind::Secret, named(&["spec", "template", "metadata", "name"]).unwrap_or(own_name), sealed_keys(node));
        }
        ("external-secrets.io", "ExternalSecret") => {
            let policy = text(node, &["spec", "target", "creationPolicy"]).unwrap_or("Owner");
            let keys =
                if matches!(policy, "Owner" | "Orphan") { external_keys(node.get("spec")) } else { Keys::Unknown };
            make(Kind::Secret, named(&["spec", "target", "name"]).unwrap_or(own_name), keys);
        }
        ("external-secrets.io", "ClusterExternalSecret") => {
            let name = text(node, &["spec", "externalSecretSpec", "target", "name"])
                .or_else(|| text(node, &["spec", "externalSecretName"]))
                .unwrap_or(&object.id.name);
            makers.anywhere.insert((Kind::Secret, name.to_owned()));
        }
        ("external-secrets.io", "PushSecret" | "ClusterPushSecret") => {
            for pushed in named(&["spec", "data"]).map(Node::items).unwrap_or_default() {
                let remote = text(pushed, &["match", "remoteRef", "remoteKey"]);
                makers.anywhere.extend(remote.map(|name| (Kind::Secret, name.to_owned())));
            }
        }
        ("cert-manager.io", "Certificate") => {
            if let Some(name) = named(&["spec", "secretName"]) {
                make(Kind::Secret, name, certificate_keys(node));
            }
        }
        ("cert-manager.io", "Issuer") => {
            if let Some(name) = named(&["spec", "acme", "privateKeySecretRef", "name"]) {
                make(Kind::Secret, name, Keys::Unknown);
            }
        }
        ("networking.k8s.io", "Ingress") if has_issuer(node) => {
            for name in named(&["spec", "tls"])
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(|tls| tls.get("secretName"))
            {
                make(Kind::Secret, name, Keys::Unknown);
            }
        }
        ("gateway.networking.k8s.io", "Gateway") if has_issuer(node) => {
            let listeners = named(&["spec", "listeners"]).map(Node::items).unwrap_or_default();
            let references = listeners.iter().filter_map(|listener| listener.at(["tls", "certificateRefs"]));
            for name in references.flat_map(Node::items).filter_map(|reference| reference.get("name")) {
                make(Kind::Secret, name, Keys::Unknown);
            }
        }
        ("infra.contrib.fluxcd.io", "Terraform") => {
            if let Some(name) = named(&["spec", "writeOutputsToSecret", "name"]) {
                make(Kind::Secret, name, Keys::Unknown);
            }
        }
        ("objectbucket.io", "ObjectBucketClaim") => {
            make(Kind::Secret, own_name, Keys::Unknown);
            make(Kind::ConfigMap, own_name, Keys::Unknown);
        }
        ("trust.cert-manager.io", "Bundle") => {
            makers.anywhere.insert((Kind::ConfigMap, object.id.name.clone()));
            makers.anywhere.insert((Kind::Secret, object.id.name.clone()));
        }
        ("kyverno.io", _) => makers.copies = true,
        ("helm.toolkit.fluxcd.io", "HelmRelease") => {
            let chart =
                text(node, &["spec", "chart", "spec", "chart"]).or_else(|| text(node, &["spec", "chartRef", "name"]));
            let copier = chart.is_some_and(|chart| COPIERS.iter().any(|name| chart.contains(name)));
            makers.copies |= copier;
        }
        ("apps", "Deployment") => makers.copies |= COPIERS.iter().any(|name| object.id.name.contains(name)),
        _ => {}
    }
}

/// Programs that copy Secrets and ConfigMaps into other namespaces.
pub(super) const COPIERS: &[&str] =
    &["reflector", "replicator", "kubed", "config-syncer", "clustersecret", "kyverno", "secret-copier"];

/// The keys that a manifest writes; unknown where somebody else fills it in.
fn written_keys(node: &Node) -> Keys {
    let filled_by_others =
        ["replicator.v1.mittwald.de/", "reflector.v1.k8s.emberstack.com/reflects", "config.openshift.io/inject"];
    let marks =
        ["annotations", "labels"].into_iter().filter_map(|key| node.at(["metadata", key])).flat_map(Node::entries);
    let is_filled = marks.into_iter().any(|mark| filled_by_others.iter().any(|start| mark.key.starts_with(start)));
    let is_token = text(node, &["type"]) == Some("kubernetes.io/service-account-token");
    let maps = ["data", "stringData", "binaryData"].into_iter().filter_map(|key| node.get(key));
    let keys: BTreeSet<String> = maps.flat_map(Node::entries).map(|entry| entry.key.clone()).collect();
    // An empty one is there for somebody to fill.
    if keys.is_empty() || is_filled || is_token { Keys::Unknown } else { Keys::Known(keys) }
}

fn sealed_keys(node: &Node) -> Keys {
    if node.at(["spec", "data"]).is_some() {
        return Keys::Unknown;
    }
    let maps = [node.at(["spec", "encryptedData"]), node.at(["spec", "template", "data"])];
    let keys: BTreeSet<String> =
        maps.into_iter().flatten().flat_map(Node::entries).map(|entry| entry.key.clone()).collect();
    if keys.is_empty() { Keys::Unknown } else { Keys::Known(keys) }
}

/// What External Secrets puts into its target (0.20): the fetched keys, or what the template makes of them.
fn external_keys(spec: Option<&Node>) -> Keys {
    let Some(spec) = spec else { return Keys::Unknown };
    let template = spec.at(["target", "template"]);
    let made = template.and_then(|template| template.get("data"));
    let merges = template.is_some_and(|template| text(template, &["mergePolicy"]) == Some("Merge"));
    let has_more = template.is_some_and(|template| template.get("templateFrom").is_some());
    let fetches_all = spec.get("dataFrom").is_some_and(|from| !from.items().is_empty());
    let mut keys: BTreeSet<String> =
        made.iter().flat_map(|made| made.entries()).map(|entry| entry.key.clone()).collect();
    let takes_fetched = made.is_none() || merges;
    if has_more || takes_fetched && fetches_all {
        return Keys::Unknown;
    }
    if takes_fetched {
        let fetched = spec.get("data").map(Node::items).unwrap_or_default();
        keys.extend(fetched.iter().filter_map(|one| text(one, &["secretKey"])).map(str::to_owned));
    }
    if keys.is_empty() || keys.iter().any(|key| key.contains("{{")) { Keys::Unknown } else { Keys::Known(keys) }
}

fn certificate_keys(node: &Node) -> Keys {
    if ["keystores", "additionalOutputFormats"].into_iter().any(|key| node.at(["spec", key]).is_some()) {
        return Keys::Unknown;
    }
    Keys::Known(["tls.crt", "tls.key", "ca.crt"].map(str::to_owned).into())
}

/// Whether cert-manager makes a certificate for an Ingress or a Gateway.
pub(super) fn has_issuer(node: &Node) -> bool {
    let annotations = node.at(["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    annotations.iter().any(|entry| {
        matches!(
            entry.key.as_str(),
            "cert-manager.io/cluster-issuer"
                | "cert-manager.io/issuer"
                | "kubernetes.io/tls-acme"
                | "cert-manager.io/issuer-kind"
        )
    })
}

fn text<'n>(node: &'n Node, path: &[&str]) -> Option<&'n str> {
    node.at(path.iter().copied()).and_then(Node::as_str).filter(|text| !text.is_empty())
}

/// Whether a flag is written and true.
pub(super) fn is_true(node: Option<&Node>) -> bool {
    node.is_some_and(|node| node.kind == node::Kind::Bool(true))
}
