//! The order in which Flux applies the objects of a unit: by stages, in a stage by kind, then by name.
//!
//! Holds for kustomize-controller 1.9 (fluxcd/pkg/ssa 0.83). Flux waits for what a stage brought before it goes on with the next.

use super::Object;
use crate::{claim::group_of, node::Node};

/// Kinds that come before the others, whatever their group.
const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that come after all others: a webhook refuses what its pods are not there to judge.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// When an object is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Definitions of custom resources, Namespaces, ClusterRoles: Flux waits until they are there.
    Definitions,
    /// Kinds whose name ends in `Class`: Flux waits for these too.
    Classes,
    /// Everything else.
    Rest,
}

/// The stage of an object of this kind.
pub fn stage(api_version: &str, kind: &str) -> Stage {
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    let definition = is("CustomResourceDefinition") && api_version.starts_with("apiextensions.k8s.io/")
        || is("Namespace") && api_version == "v1"
        || is("ClusterRole") && api_version.starts_with("rbac.authorization.k8s.io/");
    if definition {
        Stage::Definitions
    } else if kind.ends_with("Class") {
        Stage::Classes
    } else {
        Stage::Rest
    }
}

/// Puts the objects of a unit into the order in which Flux applies them.
pub fn sort(objects: &mut [Object]) {
    objects.sort_by(|left, right| key(left).cmp(&key(right)));
}

/// What objects are ordered by: stage, rank of the kind, group, kind, namespace, name.
fn key(object: &Object) -> (Stage, usize, &str, &str, &str, &str) {
    let kind = object.id.kind.as_str();
    let namespace = object.node.at(["metadata", "namespace"]).and_then(Node::as_str).unwrap_or_default();
    let stage = stage(&object.api_version, kind);
    (stage, rank(kind), group_of(&object.api_version), kind, namespace, &object.id.name)
}

fn rank(kind: &str) -> usize {
    let first = FIRST.iter().position(|first| *first == kind);
    let last = || LAST.iter().position(|last| *last == kind).map(|rank| FIRST.len() + 1 + rank);
    first.or_else(last).unwrap_or(FIRST.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{claim::ObjectId, source::Sources, yaml};

    fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> Object {
        let text = format!("metadata: {{name: {name}, namespace: '{namespace}'}}");
        let node = yaml::read(Sources::default().add("a.yaml", text.as_str()), &text).documents.swap_remove(0).root;
        let id = ObjectId {
            group: group_of(api_version).into(),
            kind: kind.into(),
            namespace: (!namespace.is_empty()).then(|| namespace.into()),
            name: name.into(),
        };
        Object { id, api_version: api_version.into(), place: node.place, node }
    }

    #[test]
    fn definitions_come_first_then_classes_then_the_rest_by_kind_and_name() {
        let expected = [
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "boats.example.org"),
            ("v1", "Namespace", "", "harbour"),
            ("v1", "Namespace", "", "quay"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole", "", "reader"),
            ("storage.k8s.io/v1", "StorageClass", "", "fast"),
            ("gateway.networking.k8s.io/v1", "GatewayClass", "", "edge"),
            ("example.org/v1", "BoatClass", "", "sail"),
            ("example.org/v1", "Namespace", "", "not-a-core-one"),
            ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "reader"),
            ("v1", "ServiceAccount", "quay", "crane"),
            ("v1", "ConfigMap", "harbour", "z"),
            ("v1", "ConfigMap", "quay", "a"),
            ("v1", "Secret", "quay", "a"),
            ("serving.knative.dev/v1", "Service", "quay", "lamp"),
            ("apps/v1", "Deployment", "quay", "crane"),
            ("apps/v1", "DaemonSet", "quay", "b"),
            ("example.org/v1", "Boat", "quay", "a"),
            ("example.org/v2", "Crane", "quay", "a"),
            ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "b"),
            ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "a"),
        ];
        let mut objects: Vec<Object> = expected
            .iter()
            .rev()
            .map(|(version, kind, namespace, name)| object(version, kind, namespace, name))
            .collect();
        sort(&mut objects);
        let sorted: Vec<(&str, &str, &str, &str)> = objects
            .iter()
            .map(|object| {
                let namespace = object.id.namespace.as_deref().unwrap_or_default();
                (object.api_version.as_str(), object.id.kind.as_str(), namespace, object.id.name.as_str())
            })
            .collect();
        assert_eq!(sorted, expected);
    }
}
