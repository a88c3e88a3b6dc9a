//! Which fields of which kinds kustomize's transformers touch when nobody says otherwise, and the walk to such a field.
//!
//! The tables are those of kustomize 5.8; `configurations` and `crds` of a kustomization add to them.

use std::sync::LazyLock;

use super::{Id, Stop, edit, fails};
use crate::{
    node::{Kind, Node},
    source::Place,
};

/// Fields of the kinds it selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Empty for every group.
    pub group: String,
    /// Empty for every version.
    pub version: String,
    /// Empty for every kind.
    pub kind: String,
    /// As kustomize writes it: `spec/template/spec/containers[]/image`.
    pub path: String,
    /// Whether a missing field is made.
    pub create: bool,
    /// The path, taken apart.
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    key: String,
    /// Whether it says that a list lies there (`containers[]`), which is never made.
    list: bool,
}

/// What a walk makes of a field that is missing or null, where its spec says `create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// Nothing is made, whatever the spec says.
    Nothing,
    /// A null, which the caller replaces.
    Scalar,
    /// An empty map.
    Map,
}

/// Which references follow a renamed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    /// Empty for every group.
    pub group: String,
    /// Empty for every version.
    pub version: String,
    /// The kind that is referred to.
    pub kind: String,
    /// The fields that hold its name.
    pub fields: Vec<FieldSpec>,
}

/// The fields of every transformer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of a file of `configurations`")]
pub struct Configuration {
    pub name_prefix: Vec<FieldSpec>,
    pub name_suffix: Vec<FieldSpec>,
    pub namespace: Vec<FieldSpec>,
    pub common_labels: Vec<FieldSpec>,
    pub labels: Vec<FieldSpec>,
    pub template_labels: Vec<FieldSpec>,
    pub common_annotations: Vec<FieldSpec>,
    pub name_reference: Vec<References>,
    pub var_reference: Vec<FieldSpec>,
    pub images: Vec<FieldSpec>,
    pub replicas: Vec<FieldSpec>,
}

impl FieldSpec {
    /// A spec; empty strings select everything.
    pub fn new(group: &str, version: &str, kind: &str, path: &str, create: bool) -> Self {
        let steps = split_path(path).into_iter().map(|step| match step.strip_suffix("[]") {
            Some(key) => Step { key: key.to_owned(), list: true },
            None => Step { key: step, list: false },
        });
        FieldSpec {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            path: path.into(),
            create,
            steps: steps.collect(),
        }
    }

    /// Whether it is about objects of this kind.
    pub fn selects(&self, group: &str, version: &str, kind: &str) -> bool {
        let agrees = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        agrees(&self.kind, kind) && agrees(&self.group, group) && agrees(&self.version, version)
    }

    /// Whether it is about the object as it is now.
    pub fn selects_object(&self, object: &Node) -> bool {
        let text = |key| object.get(key).and_then(Node::as_str).unwrap_or_default();
        if !self.kind.is_empty() && self.kind != text("kind") {
            return false;
        }
        let api_version = text("apiVersion");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.selects(group, version, &self.kind)
    }

    /// Shows every field of the object that the spec names to `change`, through all lists on the way. An object of another kind is
    /// left alone. `place` is where the maps and fields that it makes count as written.
    pub fn visit(
        &self,
        object: &mut Node,
        make: Make,
        place: Place,
        change: &mut dyn FnMut(&mut Node) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if !self.selects_object(object) {
            return Ok(());
        }
        self.visit_any_kind(object, make, place, change)
    }

    /// The same for an object of any kind.
    pub fn visit_any_kind(
        &self,
        object: &mut Node,
        make: Make,
        place: Place,
        change: &mut dyn FnMut(&mut Node) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let make = if self.create { make } else { Make::Nothing };
        self.walk(object, &self.steps, make, place, change)
    }

    fn walk(
        &self,
        node: &mut Node,
        steps: &[Step],
        make: Make,
        place: Place,
        change: &mut dyn FnMut(&mut Node) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let Some((step, rest)) = steps.split_first() else { return change(node) };
        match &mut node.kind {
            Kind::Null => Ok(()),
            Kind::List(items) => items.iter_mut().try_for_each(|item| self.walk(item, steps, make, place, change)),
            Kind::Map(_) => match step.field(node, rest.is_empty(), make, place) {
                Some(field) => self.walk(field, rest, make, place, change),
                None => Ok(()),
            },
            _ => {
                let message = format!("`{}` leads through a value that is neither a map nor a list", self.path);
                Err(fails(message, node.place))
            }
        }
    }
}

impl Step {
    /// The field of a map; a missing or null one is made where that is asked for.
    fn field<'n>(&self, map: &'n mut Node, last: bool, make: Make, place: Place) -> Option<&'n mut Node> {
        let null = Node { place, kind: Kind::Null };
        let makes = make != Make::Nothing && !self.list;
        if map.get(&self.key).is_none() {
            if !makes {
                return None;
            }
            map.set(&self.key, place, null);
        }
        let field = map.get_mut(&self.key)?;
        if edit::is_null(field) {
            if self.list {
                field.kind = Kind::List(Vec::new());
            } else if makes && (!last || make == Make::Map) {
                *field = edit::empty_map(place);
            }
        }
        Some(field)
    }
}

/// Takes a path apart at its slashes; `\/` is a slash within a key.
pub fn split_path(path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let parts = if parts.len() > 1 && parts[0].is_empty() { &parts[1..] } else { &parts[..] };
    let mut steps: Vec<String> = Vec::with_capacity(parts.len());
    for part in parts {
        match steps.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push('/');
                last.push_str(part);
            }
            _ => steps.push((*part).to_owned()),
        }
    }
    steps
}

impl References {
    /// Whether it is about references to an object of this name.
    pub fn is_to(&self, id: &Id) -> bool {
        let agrees = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        agrees(&self.kind, &id.kind) && agrees(&self.group, &id.group) && agrees(&self.version, &id.version)
    }
}

/// What holds where no kustomization says more.
pub static DEFAULTS: LazyLock<Configuration> = LazyLock::new(|| Configuration {
    name_prefix: vec![every("metadata/name", false)],
    name_suffix: vec![every("metadata/name", false)],
    namespace: namespace(),
    common_labels: common_labels(),
    labels: Vec::new(),
    template_labels: metadata_labels(),
    common_annotations: common_annotations(),
    name_reference: name_references(),
    var_reference: var_references(),
    images: images(),
    replicas: ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"]
        .map(|kind| FieldSpec::new("", "", kind, "spec/replicas", true))
        .to_vec(),
});

const SERVICES: &str = "spec/service/namespace";
const CONVERSION: &str = "spec/conversion/webhook/clientConfig/service/namespace";

fn every(path: &str, create: bool) -> FieldSpec {
    FieldSpec::new("", "", "", path, create)
}

fn namespace() -> Vec<FieldSpec> {
    vec![
        FieldSpec::new("", "", "Namespace", "metadata/name", true),
        FieldSpec::new("apiregistration.k8s.io", "", "APIService", SERVICES, true),
        FieldSpec::new("apiextensions.k8s.io", "", "CustomResourceDefinition", CONVERSION, false),
    ]
}

fn images() -> Vec<FieldSpec> {
    let fields = ["containers[]/image", "initContainers[]/image", "volumes[]/image/reference"];
    let paths = ["spec", "spec/template/spec"].into_iter().flat_map(|pod| fields.map(|field| format!("{pod}/{field}")));
    paths.map(|path| every(&path, true)).collect()
}

fn common_labels() -> Vec<FieldSpec> {
    let mut specs = vec![
        FieldSpec::new("", "v1", "Service", "spec/selector", true),
        FieldSpec::new("", "v1", "ReplicationController", "spec/selector", true),
        FieldSpec::new("", "", "Deployment", "spec/selector/matchLabels", true),
        FieldSpec::new("", "", "ReplicaSet", "spec/selector/matchLabels", true),
        FieldSpec::new("", "", "DaemonSet", "spec/selector/matchLabels", true),
        FieldSpec::new("apps", "", "StatefulSet", "spec/selector/matchLabels", true),
    ];
    let affinity = |way: &str, when: &str| format!("affinity/{way}/{when}DuringSchedulingIgnoredDuringExecution");
    for kind in ["Deployment", "StatefulSet"] {
        let terms = ["podAffinity", "podAntiAffinity"]
            .into_iter()
            .flat_map(|way| [format!("{}/podAffinityTerm", affinity(way, "preferred")), affinity(way, "required")]);
        for term in terms.chain(["topologySpreadConstraints".to_owned()]) {
            let path = format!("spec/template/spec/{term}/labelSelector/matchLabels");
            specs.push(FieldSpec::new("apps", "", kind, &path, false));
        }
    }
    let selectors = [
        ("batch", "Job", "spec/selector/matchLabels"),
        ("batch", "CronJob", "spec/jobTemplate/spec/selector/matchLabels"),
        ("policy", "PodDisruptionBudget", "spec/selector/matchLabels"),
        ("networking.k8s.io", "NetworkPolicy", "spec/podSelector/matchLabels"),
        ("networking.k8s.io", "NetworkPolicy", "spec/ingress/from/podSelector/matchLabels"),
        ("networking.k8s.io", "NetworkPolicy", "spec/egress/to/podSelector/matchLabels"),
    ];
    specs.extend(selectors.map(|(group, kind, path)| FieldSpec::new(group, "", kind, path, false)));
    specs.extend(metadata_labels());
    specs
}

fn metadata_labels() -> Vec<FieldSpec> {
    vec![
        every("metadata/labels", true),
        FieldSpec::new("", "v1", "ReplicationController", "spec/template/metadata/labels", true),
        FieldSpec::new("", "", "Deployment", "spec/template/metadata/labels", true),
        FieldSpec::new("", "", "ReplicaSet", "spec/template/metadata/labels", true),
        FieldSpec::new("", "", "DaemonSet", "spec/template/metadata/labels", true),
        FieldSpec::new("apps", "", "StatefulSet", "spec/template/metadata/labels", true),
        FieldSpec::new("apps", "", "StatefulSet", "spec/volumeClaimTemplates[]/metadata/labels", true),
        FieldSpec::new("batch", "", "Job", "spec/template/metadata/labels", true),
        FieldSpec::new("batch", "", "CronJob", "spec/jobTemplate/metadata/labels", true),
        FieldSpec::new("batch", "", "CronJob", "spec/jobTemplate/spec/template/metadata/labels", true),
    ]
}

fn common_annotations() -> Vec<FieldSpec> {
    vec![
        every("metadata/annotations", true),
        FieldSpec::new("", "v1", "ReplicationController", "spec/template/metadata/annotations", true),
        FieldSpec::new("", "", "Deployment", "spec/template/metadata/annotations", true),
        FieldSpec::new("", "", "ReplicaSet", "spec/template/metadata/annotations", true),
        FieldSpec::new("", "", "DaemonSet", "spec/template/metadata/annotations", true),
        FieldSpec::new("", "", "StatefulSet", "spec/template/metadata/annotations", true),
        FieldSpec::new("batch", "", "Job", "spec/template/metadata/annotations", true),
        FieldSpec::new("batch", "", "CronJob", "spec/jobTemplate/metadata/annotations", true),
        FieldSpec::new("batch", "", "CronJob", "spec/jobTemplate/spec/template/metadata/annotations", true),
    ]
}

/// Where the kinds that run pods keep the pod's `spec`.
const PODS: &[(&str, &str)] = &[
    ("Pod", "spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
];

/// The fields of a pod that name ConfigMaps and Secrets; `PodTemplate` counts here, and a `Pod` only in v1.
fn pod_sources(fields: &[&str]) -> Vec<FieldSpec> {
    let template = [("PodTemplate", "template/spec")];
    let pods = PODS.iter().copied().chain(template);
    pods.flat_map(|(kind, pod)| {
        let version = if kind == "Pod" { "v1" } else { "" };
        fields.iter().map(move |field| FieldSpec::new("", version, kind, &format!("{pod}/{field}"), false))
    })
    .collect()
}

/// A field of the pod of the kinds that name accounts, claims and priorities: not `ReplicaSet`, but `ReplicationController`.
fn pod_field(field: &str) -> Vec<FieldSpec> {
    let controller = [("ReplicationController", "spec/template/spec")];
    let pods = PODS.iter().copied().filter(|(kind, _)| *kind != "ReplicaSet").chain(controller);
    pods.map(|(kind, pod)| FieldSpec::new("", "", kind, &format!("{pod}/{field}"), false)).collect()
}

fn fields(list: &[(&str, &str, &str)]) -> Vec<FieldSpec> {
    list.iter().map(|(group, kind, path)| FieldSpec::new(group, "", kind, path, false)).collect()
}

/// In the order in which kustomize follows them: what should exist first comes first, then by group, version and kind.
fn name_references() -> Vec<References> {
    let to = |group: &str, version: &str, kind: &str, fields: Vec<FieldSpec>| References {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        fields,
    };
    let rbac = "rbac.authorization.k8s.io";
    let admission = "admissionregistration.k8s.io";
    let scaled = || fields(&[("", "HorizontalPodAutoscaler", "spec/scaleTargetRef/name")]);
    vec![
        to("storage.k8s.io", "v1", "StorageClass", storage_classes()),
        to("", "v1", "ServiceAccount", service_accounts()),
        to(rbac, "", "Role", fields(&[(rbac, "RoleBinding", "roleRef/name")])),
        to(
            rbac,
            "",
            "ClusterRole",
            fields(&[(rbac, "RoleBinding", "roleRef/name"), (rbac, "ClusterRoleBinding", "roleRef/name")]),
        ),
        to("", "v1", "ConfigMap", config_maps()),
        to("", "v1", "Secret", secrets()),
        to("", "v1", "Service", services()),
        to("scheduling.k8s.io", "v1", "PriorityClass", pod_field("priorityClassName")),
        to(
            "",
            "v1",
            "PersistentVolume",
            fields(&[("", "PersistentVolumeClaim", "spec/volumeName"), ("", "ClusterRole", "rules/resourceNames")]),
        ),
        to("", "v1", "PersistentVolumeClaim", pod_field("volumes/persistentVolumeClaim/claimName")),
        to("", "", "Deployment", scaled()),
        to("", "", "StatefulSet", scaled()),
        to(
            admission,
            "",
            "ValidatingAdmissionPolicy",
            fields(&[(admission, "ValidatingAdmissionPolicyBinding", "spec/policyName")]),
        ),
        // The group is kustomize's own mistake: no object has it, so it never applies.
        to("networking.k8s.io/v1", "v1", "IngressClass", fields(&[("", "Ingress", "spec/ingressClassName")])),
        to("", "", "ReplicaSet", scaled()),
        to("", "", "ReplicationController", scaled()),
    ]
}

fn storage_classes() -> Vec<FieldSpec> {
    fields(&[
        ("", "PersistentVolume", "spec/storageClassName"),
        ("", "PersistentVolumeClaim", "spec/storageClassName"),
        ("", "StatefulSet", "spec/volumeClaimTemplates/spec/storageClassName"),
    ])
}

fn service_accounts() -> Vec<FieldSpec> {
    let rbac = "rbac.authorization.k8s.io";
    let mut specs = fields(&[(rbac, "RoleBinding", "subjects"), (rbac, "ClusterRoleBinding", "subjects")]);
    specs.extend(pod_field("serviceAccountName"));
    specs
}

fn config_maps() -> Vec<FieldSpec> {
    let mut specs = pod_sources(&[
        "volumes/configMap/name",
        "containers/env/valueFrom/configMapKeyRef/name",
        "initContainers/env/valueFrom/configMapKeyRef/name",
        "containers/envFrom/configMapRef/name",
        "initContainers/envFrom/configMapRef/name",
        "volumes/projected/sources/configMap/name",
    ]);
    specs.extend(fields(&[
        ("", "Node", "spec/configSource/configMap"),
        ("", "Role", "rules/resourceNames"),
        ("", "ClusterRole", "rules/resourceNames"),
        ("", "Ingress", r"metadata/annotations/nginx.ingress.kubernetes.io\/fastcgi-params-configmap"),
    ]));
    specs
}

fn secrets() -> Vec<FieldSpec> {
    let mut specs = pod_sources(&[
        "volumes/secret/secretName",
        "containers/env/valueFrom/secretKeyRef/name",
        "initContainers/env/valueFrom/secretKeyRef/name",
        "containers/envFrom/secretRef/name",
        "initContainers/envFrom/secretRef/name",
        "imagePullSecrets/name",
        "volumes/projected/sources/secret/name",
    ]);
    specs.extend(fields(&[
        ("", "Ingress", "spec/tls/secretName"),
        ("", "Ingress", r"metadata/annotations/ingress.kubernetes.io\/auth-secret"),
        ("", "Ingress", r"metadata/annotations/nginx.ingress.kubernetes.io\/auth-secret"),
        ("", "Ingress", r"metadata/annotations/nginx.ingress.kubernetes.io\/auth-tls-secret"),
        ("", "ServiceAccount", "imagePullSecrets/name"),
        ("", "StorageClass", "parameters/secretName"),
        ("", "StorageClass", "parameters/adminSecretName"),
        ("", "StorageClass", "parameters/userSecretName"),
        ("", "StorageClass", "parameters/secretRef"),
        ("", "Role", "rules/resourceNames"),
        ("", "ClusterRole", "rules/resourceNames"),
        ("", "PersistentVolume", "spec/azureFile/secretName"),
    ]));
    let knative = "spec/template/spec/containers/env/valueFrom/secretKeyRef/name";
    specs.push(FieldSpec::new("serving.knative.dev", "v1", "Service", knative, false));
    specs
}

fn services() -> Vec<FieldSpec> {
    let admission = "admissionregistration.k8s.io";
    fields(&[
        ("apps", "StatefulSet", "spec/serviceName"),
        ("", "Ingress", "spec/rules/http/paths/backend/serviceName"),
        ("", "Ingress", "spec/backend/serviceName"),
        ("", "Ingress", "spec/rules/http/paths/backend/service/name"),
        ("", "Ingress", "spec/defaultBackend/service/name"),
        ("apiregistration.k8s.io", "APIService", "spec/service/name"),
        (admission, "ValidatingWebhookConfiguration", "webhooks/clientConfig/service"),
        (admission, "MutatingWebhookConfiguration", "webhooks/clientConfig/service"),
    ])
}

fn var_references() -> Vec<FieldSpec> {
    let mut specs = Vec::new();
    for (kind, pod) in PODS {
        for containers in ["containers", "initContainers"] {
            for field in ["args", "command", "env/value", "volumeMounts/mountPath"] {
                specs.push(FieldSpec::new("", "", kind, &format!("{pod}/{containers}/{field}"), false));
            }
        }
        // For two kinds kustomize's table leads elsewhere than to the pod.
        let server = match *kind {
            "CronJob" => "spec/jobTemplate/spec/template/volumes/nfs/server".to_owned(),
            "StatefulSet" => "spec/volumeClaimTemplates/spec/nfs/server".to_owned(),
            _ => format!("{pod}/volumes/nfs/server"),
        };
        specs.push(FieldSpec::new("", "", kind, &server, false));
    }
    specs.extend(fields(&[
        ("", "Deployment", "spec/template/metadata/annotations"),
        ("", "Ingress", "spec/rules/host"),
        ("", "Ingress", "spec/tls/hosts"),
        ("", "Ingress", "spec/tls/secretName"),
        ("", "Service", "spec/ports/port"),
        ("", "Service", "spec/ports/targetPort"),
        ("", "PersistentVolume", "spec/nfs/server"),
        ("", "", "metadata/labels"),
        ("", "", "metadata/annotations"),
    ]));
    specs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{source::Sources, yaml};

    fn object(text: &str) -> Node {
        let source = Sources::default().add("a.yaml", text);
        yaml::read(source, text).documents.remove(0).root
    }

    /// What the fields that a spec finds are after each was replaced by a text.
    fn replaced(spec: &FieldSpec, text: &str, make: Make) -> serde_json::Value {
        let mut object = object(text);
        let place = object.place;
        spec.visit(&mut object, make, place, &mut |field| {
            *field = edit::string("x", place);
            Ok(())
        })
        .unwrap();
        object.to_json()
    }

    #[test]
    fn a_walk_goes_through_lists_and_makes_what_is_missing() {
        let image = FieldSpec::new("", "", "", "spec/containers[]/image", true);
        let pod = "{kind: Pod, spec: {containers: [{image: a}, {name: b}, {image: null}]}}";
        let expected =
            serde_json::json!({"kind": "Pod", "spec": {"containers": [{"image": "x"}, {"name": "b"}, {"image": "x"}]}});
        assert_eq!(replaced(&image, pod, Make::Nothing), expected);
        let namespace = FieldSpec::new("", "", "", "metadata/namespace", true);
        let expected = serde_json::json!({"kind": "Pod", "metadata": {"namespace": "x"}});
        assert_eq!(replaced(&namespace, "{kind: Pod}", Make::Scalar), expected);
        assert_eq!(replaced(&namespace, "{kind: Pod}", Make::Nothing), serde_json::json!({"kind": "Pod"}));
    }

    #[test]
    fn a_spec_is_about_its_kind_alone() {
        let spec = FieldSpec::new("apps", "v1", "Deployment", "spec", true);
        let other = "{apiVersion: batch/v1, kind: Deployment}";
        assert_eq!(replaced(&spec, other, Make::Map), object(other).to_json());
        assert!(spec.selects_object(&object("{apiVersion: apps/v1, kind: Deployment}")));
    }

    #[test]
    fn an_escaped_slash_belongs_to_its_key() {
        assert_eq!(split_path(r"/metadata/annotations/a.io\/b"), ["metadata", "annotations", "a.io/b"]);
    }
}
