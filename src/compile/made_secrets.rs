//! Secrets that somebody makes: sealed, fetched, issued, written by hand.

use std::collections::BTreeMap;

use super::Model;
use crate::{
    claim::ObjectId,
    node::{Kind, Node},
};

/// Secrets by namespace and name, with the unit that makes them; None where nobody of this inventory does.
pub(super) fn secret_makers(model: &Model) -> BTreeMap<(String, String), Option<usize>> {
    let mut makers = BTreeMap::new();
    for owned in model.inventory.owners.values().flat_map(|owner| &owner.owns) {
        if let Some(ObjectId { kind, namespace: Some(namespace), name, .. }) = ObjectId::parse(owned)
            && kind == "Secret"
        {
            makers.insert((namespace, name), None);
        }
    }
    for (capability, units) in &model.plan.providers {
        if let Some((namespace, name)) = capability.strip_prefix("secret/").and_then(|name| name.split_once('/')) {
            makers.insert((namespace.to_owned(), name.to_owned()), units.first().copied());
        }
    }
    for (id, output) in model.units.iter().enumerate() {
        let namespace = &model.plan.units[id].namespace;
        for made in &output.secrets {
            makers.insert(made.clone(), Some(id));
        }
        for document in output.documents() {
            of_manifest(document, namespace, |secret| _ = makers.insert(secret, Some(id)));
        }
        if let Some(values) = &output.values {
            of_values(&values.root, namespace, |secret| _ = makers.insert(secret, Some(id)));
        }
    }
    makers
}

/// The Secrets that a manifest is or brings about.
fn of_manifest(document: &Node, unit_namespace: &str, mut made: impl FnMut((String, String))) {
    let text = |path: &[&str]| document.at(path.iter().copied()).and_then(Node::as_str).map(str::to_owned);
    let namespace = text(&["metadata", "namespace"]).unwrap_or_else(|| unit_namespace.to_owned());
    let name = text(&["metadata", "name"]);
    let secret = match document.get("kind").and_then(Node::as_str) {
        Some("Secret" | "SealedSecret") => name,
        Some("Certificate") => text(&["spec", "secretName"]),
        Some("ExternalSecret") => text(&["spec", "target", "name"]).or(name),
        Some("Terraform") => text(&["spec", "writeOutputsToSecret", "name"]),
        // cert-manager makes a certificate for each Ingress that names an issuer.
        Some("Ingress") if names_issuer(document.get("metadata")) => {
            let hosts = document.at(["spec", "tls"]).map_or(&[] as &[Node], Node::items);
            for secret in hosts.iter().filter_map(|host| host.get("secretName")?.as_str()) {
                made((namespace.clone(), secret.to_owned()));
            }
            None
        }
        _ => None,
    };
    if let Some(secret) = secret {
        made((namespace, secret));
    }
}

/// The Secrets that values bring about: certificates of a chart's Ingresses, and manifests that the chart adds (`extraObjects`).
fn of_values(values: &Node, namespace: &str, mut made: impl FnMut((String, String))) {
    let has_issuer = any(values, &|node| names_issuer(Some(node)));
    each(values, false, &mut |node, below_tls| {
        if let Some(secret) = node.get("secretName").and_then(Node::as_str)
            && has_issuer
            && below_tls
        {
            made((namespace.to_owned(), secret.to_owned()));
        }
        if node.get("apiVersion").is_some() {
            of_manifest(node, namespace, &mut made);
        }
    });
}

fn names_issuer(node: Option<&Node>) -> bool {
    let annotations = node.and_then(|node| node.get("annotations")).map_or(&[] as &[_], Node::entries);
    annotations.iter().any(|annotation| {
        matches!(
            annotation.key.as_str(),
            "cert-manager.io/cluster-issuer" | "cert-manager.io/issuer" | "kubernetes.io/tls-acme"
        )
    })
}

fn any(node: &Node, is: &dyn Fn(&Node) -> bool) -> bool {
    is(node)
        || node.items().iter().any(|item| any(item, is))
        || node.entries().iter().any(|entry| any(&entry.value, is))
}

/// Every map below a node, and whether it lies below a key `tls`.
fn each(node: &Node, below_tls: bool, visit: &mut dyn FnMut(&Node, bool)) {
    if let Kind::Map(entries) = &node.kind {
        visit(node, below_tls);
        for entry in entries {
            each(&entry.value, below_tls || entry.key == "tls", visit);
        }
    }
    for item in node.items() {
        each(item, below_tls, visit);
    }
}
