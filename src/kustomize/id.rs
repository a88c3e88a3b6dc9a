//! What kustomize tells objects apart by, without copies.

use std::{
    borrow::Cow,
    hash::{BuildHasher, Hash},
};

use super::{Id, Resource, edit};
use crate::node::Node;

/// An [`Id`] as it stands in an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity<'o> {
    pub group: Cow<'o, str>,
    pub version: Cow<'o, str>,
    pub kind: Cow<'o, str>,
    pub namespace: Cow<'o, str>,
    pub name: Cow<'o, str>,
}

/// Kinds that kustomize knows to have no namespace, with their API versions.
const CLUSTER_SCOPED: &[(&str, &str)] = &[
    ("ComponentStatus", "v1"),
    ("Namespace", "v1"),
    ("Node", "v1"),
    ("NodeProxyOptions", "v1"),
    ("PersistentVolume", "v1"),
    ("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1"),
    ("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1beta1"),
    ("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1"),
    ("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1beta1"),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
    ("CustomResourceDefinition", "apiextensions.k8s.io/v1beta1"),
    ("APIService", "apiregistration.k8s.io/v1"),
    ("APIService", "apiregistration.k8s.io/v1beta1"),
    ("CertificateSigningRequest", "certificates.k8s.io/v1"),
    ("CertificateSigningRequest", "certificates.k8s.io/v1beta1"),
    ("FlowSchema", "flowcontrol.apiserver.k8s.io/v1beta1"),
    ("PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io/v1beta1"),
    ("IngressClass", "networking.k8s.io/v1"),
    ("IngressClass", "networking.k8s.io/v1beta1"),
    ("RuntimeClass", "node.k8s.io/v1"),
    ("RuntimeClass", "node.k8s.io/v1beta1"),
    ("PodSecurityPolicy", "policy/v1beta1"),
    ("ClusterRole", "rbac.authorization.k8s.io/v1"),
    ("ClusterRole", "rbac.authorization.k8s.io/v1beta1"),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1"),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io/v1beta1"),
    ("PriorityClass", "scheduling.k8s.io/v1"),
    ("PriorityClass", "scheduling.k8s.io/v1beta1"),
    ("CSIDriver", "storage.k8s.io/v1"),
    ("CSIDriver", "storage.k8s.io/v1beta1"),
    ("CSINode", "storage.k8s.io/v1"),
    ("CSINode", "storage.k8s.io/v1beta1"),
    ("StorageClass", "storage.k8s.io/v1"),
    ("StorageClass", "storage.k8s.io/v1beta1"),
    ("VolumeAttachment", "storage.k8s.io/v1"),
    ("VolumeAttachment", "storage.k8s.io/v1beta1"),
];

/// Where an object without a namespace is when ids are compared.
pub(super) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// Whether kustomize knows that the kind has no namespace.
pub fn is_cluster_scoped(group: &str, version: &str, kind: &str) -> bool {
    // Of most kinds there is no row at all.
    CLUSTER_SCOPED.iter().filter(|(known, _)| *known == kind).any(|(_, api_version)| {
        let (known_group, known_version) = api_version.split_once('/').unwrap_or(("", api_version));
        known_group == group && known_version == version
    })
}

fn effective<'n>(group: &str, version: &str, kind: &str, namespace: &'n str) -> &'n str {
    if is_cluster_scoped(group, version, kind) {
        NO_NAMESPACE
    } else if namespace.is_empty() {
        "default"
    } else {
        namespace
    }
}

impl<'o> Identity<'o> {
    pub fn of(object: &'o Node) -> Self {
        let text = |node: Option<&'o Node>| match node {
            None => Cow::Borrowed(""),
            Some(node) => match node.as_str() {
                Some(text) => Cow::Borrowed(text),
                None => Cow::Owned(edit::scalar_text(node).unwrap_or_default()),
            },
        };
        let (group, version) = match text(object.get("apiVersion")) {
            Cow::Borrowed(api_version) => match api_version.split_once('/') {
                Some((group, version)) => (Cow::Borrowed(group), Cow::Borrowed(version)),
                None => (Cow::Borrowed(""), Cow::Borrowed(api_version)),
            },
            owned @ Cow::Owned(_) => (Cow::Borrowed(""), owned),
        };
        let metadata = object.get("metadata");
        Identity {
            group,
            version,
            kind: text(object.get("kind")),
            namespace: text(metadata.and_then(|metadata| metadata.get("namespace"))),
            name: text(metadata.and_then(|metadata| metadata.get("name"))),
        }
    }

    /// The namespace it counts as being in.
    pub fn effective_namespace(&self) -> &str {
        effective(&self.group, &self.version, &self.kind, &self.namespace)
    }

    /// Whether kustomize knows that its kind has no namespace.
    pub fn is_cluster_scoped(&self) -> bool {
        is_cluster_scoped(&self.group, &self.version, &self.kind)
    }

    /// Whether both mean one object.
    pub fn is_same(&self, other: &Identity<'_>) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && self.group == other.group
            && self.version == other.version
            && self.effective_namespace() == other.effective_namespace()
    }

    /// A hash that is equal for ids that mean one object.
    pub fn hash_with(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one((&self.name, &self.kind, &self.group, &self.version, self.effective_namespace()))
    }

    pub fn to_id(&self) -> Id {
        Id {
            group: self.group.clone().into_owned(),
            version: self.version.clone().into_owned(),
            kind: self.kind.clone().into_owned(),
            namespace: self.namespace.clone().into_owned(),
            name: self.name.clone().into_owned(),
        }
    }
}

impl Id {
    /// The namespace it counts as being in.
    pub fn effective_namespace(&self) -> &str {
        effective(&self.group, &self.version, &self.kind, &self.namespace)
    }

    /// Whether kustomize knows that its kind has no namespace.
    pub fn is_cluster_scoped(&self) -> bool {
        is_cluster_scoped(&self.group, &self.version, &self.kind)
    }

    /// Whether both mean one object.
    pub fn is_same(&self, other: &Id) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && self.group == other.group
            && self.version == other.version
            && self.effective_namespace() == other.effective_namespace()
    }
}

impl Resource {
    pub(super) fn identity(&self) -> Identity<'_> {
        Identity::of(&self.object)
    }
}
