//! Labels that a kubelet may not set on its own node.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Part, escape},
    source::{Place, Sources},
};

/// Prefixes a kubelet may use among Kubernetes' own (NodeRestriction admission, Kubernetes 1.29–1.37).
const ALLOWED: &[&str] = &["kubelet.kubernetes.io/", "node.kubernetes.io/"];

/// Single labels it may use.
const ALLOWED_LABELS: &[&str] = &[
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
];

/// `node-labels` of `[talos]` and `labels` of nodes.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let shared =
        model.inventory.talos.node_labels.keys().map(|label| (label, format!("/talos/node-labels/{}", escape(label))));
    let own = model.inventory.nodes.iter().flat_map(|(name, node)| {
        node.labels.keys().map(move |label| (label, format!("/nodes/{}/labels/{}", escape(name), escape(label))))
    });
    let written = shared.chain(own).map(|(label, pointer)| (label.clone(), model.place(&pointer, Part::Key)));
    let written: Vec<(String, Place)> = written.collect();
    let said: BTreeSet<String> = written.iter().map(|(label, _)| label.clone()).collect();
    let patched = patched(model, &said);
    for (label, place) in written.into_iter().chain(patched) {
        if !is_restricted(&label) {
            continue;
        }
        let own = label.rsplit('/').next().unwrap_or(&label);
        found.push(
            Diagnostic::new(code!("node-label-restricted"), format!("a node may not give itself the label `{label}`"))
                .at(place, "")
                .note("the API server refuses it from a kubelet (NodeRestriction)")
                .help(format!("use a label of a domain of your own: `example.com/{own}`"))
                .help(format!(
                    "or set it from outside, once the node has joined: `kubectl label node NODE {label}=VALUE`"
                ))
                .about(label),
        );
    }
}

/// Labels that patches gave nodes, each at the first node that has it.
fn patched(model: &Model, said: &BTreeSet<String>) -> BTreeMap<String, Place> {
    let mut labels = BTreeMap::new();
    for (node, configured) in &model.talos {
        let first = configured.documents.iter().flatten().next();
        let machine = first.and_then(|document| document.pointer("/machine/nodeLabels")).and_then(Value::as_object);
        for label in machine.into_iter().flatten().map(|(label, _)| label).filter(|label| !said.contains(*label)) {
            labels.entry(label.clone()).or_insert_with(|| model.place(&format!("/nodes/{}", escape(node)), Part::Key));
        }
    }
    labels
}

fn is_restricted(label: &str) -> bool {
    let Some((domain, _)) = label.split_once('/') else { return false };
    let reserved = ["kubernetes.io", "k8s.io"].iter().any(|own| domain == *own || domain.ends_with(&format!(".{own}")));
    let suffix = |allowed: &&str| {
        let allowed = allowed.trim_end_matches('/');
        domain == allowed || domain.ends_with(&format!(".{allowed}"))
    };
    reserved && !ALLOWED.iter().any(suffix) && !ALLOWED_LABELS.contains(&label)
}
