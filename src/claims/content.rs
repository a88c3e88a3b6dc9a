//! What an object is to be, without what tells who keeps it: which object a manifest is, and a digest of its content.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{
    claim::{ObjectId, group_of},
    kubernetes::Schemas,
    node::{Kind, Node},
    source::Place,
};

/// What tools write into labels and annotations to know their own objects.
const OWNERSHIP: &[&str] = &[
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "helm.sh/chart",
    "argocd.argoproj.io/",
    "app.kubernetes.io/managed-by",
    "kubectl.kubernetes.io/",
];

/// Which object a manifest is; None for what is no manifest, or whose name a template computes.
///
/// An object of a kind that lives in namespaces is in `namespace` unless it says otherwise.
pub fn object(manifest: &Node, schemas: &Schemas, namespace: Option<&str>) -> Option<ObjectId> {
    let text = |path: &[&str]| manifest.at(path.iter().copied()).and_then(Node::as_str);
    let (api_version, kind, name) = (text(&["apiVersion"])?, text(&["kind"])?, text(&["metadata", "name"])?);
    let written = text(&["metadata", "namespace"]).filter(|text| !text.is_empty());
    let namespace = match schemas.namespaced(api_version, kind) {
        Some(false) => None,
        Some(true) => written.or(namespace).or(Some("default")),
        None => written.or(namespace),
    };
    let is_computed = |text: &str| text.is_empty() || text.contains("{{") || text.contains("${");
    if is_computed(name) || is_computed(kind) || namespace.is_some_and(is_computed) {
        return None;
    }
    Some(ObjectId {
        group: group_of(api_version).into(),
        kind: kind.into(),
        namespace: namespace.map(Into::into),
        name: name.into(),
    })
}

/// The manifests in a document: itself, or the items of a List.
pub fn manifests(document: &Node) -> Vec<&Node> {
    let is_list = document.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List"));
    match document.get("items") {
        Some(items) if is_list => items.items().iter().collect(),
        _ => vec![document],
    }
}

/// Where a manifest's name is written, or else the manifest.
pub fn name_place(manifest: &Node) -> Place {
    manifest.at(["metadata", "name"]).map_or(manifest.place, |name| name.place)
}

/// A digest of an object, equal for copies whoever applies them.
pub fn digest(object: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut entries: Vec<_> = object.entries().iter().filter(|entry| entry.key != "status").collect();
    entries.sort_by(|left, right| left.key.cmp(&right.key));
    for entry in entries {
        match entry.key.as_str() {
            "metadata" => metadata(&entry.value, &mut hasher),
            key => (key, value(&entry.value)).hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// A digest of a value.
pub fn value(node: &Node) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &node.kind {
        Kind::Null => 0u8.hash(&mut hasher),
        Kind::Bool(flag) => (1u8, flag).hash(&mut hasher),
        Kind::Number(number) => (2u8, number.to_string()).hash(&mut hasher),
        Kind::String(text) => (3u8, text).hash(&mut hasher),
        Kind::List(items) => (4u8, items.iter().map(value).collect::<Vec<_>>()).hash(&mut hasher),
        Kind::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), value(&entry.value))).collect();
            entries.sort_unstable();
            (5u8, entries).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// A digest of a text.
pub fn text(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn metadata(node: &Node, hasher: &mut DefaultHasher) {
    let mut entries: Vec<_> = node.entries().iter().collect();
    entries.sort_by(|left, right| left.key.cmp(&right.key));
    for entry in entries {
        match entry.key.as_str() {
            "labels" | "annotations" => {
                let mut own: Vec<_> = entry
                    .value
                    .entries()
                    .iter()
                    .filter(|entry| !OWNERSHIP.iter().any(|mark| entry.key.starts_with(mark)))
                    .map(|entry| (entry.key.as_str(), value(&entry.value)))
                    .collect();
                own.sort_unstable();
                if !own.is_empty() {
                    (entry.key.as_str(), own).hash(hasher);
                }
            }
            "creationTimestamp" => {}
            key => (key, value(&entry.value)).hash(hasher),
        }
    }
}
