//! Labels that a kubelet may not set on its own node.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Part, escape},
    source::Sources,
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
    for (label, pointer) in shared.chain(own) {
        if !is_restricted(label) {
            continue;
        }
        found.push(
            Diagnostic::new(code!("node-label-restricted"), format!("a node may not give itself the label `{label}`"))
                .at(model.place(&pointer, Part::Key), "")
                .note("the API server refuses it from a kubelet (NodeRestriction)")
                .help("use a label of your own domain; set roles with `kubectl label node` or a controller")
                .about(label),
        );
    }
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
