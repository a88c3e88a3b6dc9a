//! Which Kubernetes object each resource type of Terraform stands for. Names are those of the hashicorp/kubernetes provider 2.38 and 3.0.

/// An object's kind, as far as the resource type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKind {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// The namespace of one that names none; None for cluster-scoped kinds.
    pub namespace: Option<&'static str>,
}

/// What a resource does to the object it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It owns the whole object.
    Whole,
    /// It sets some fields: those below this pointer that the attribute of this name lists; all below it where that is empty.
    Fields(&'static str, &'static str),
}

/// How a resource type names its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The type says the kind; a `metadata` block names the object.
    Metadata(ObjectKind, Effect),
    /// `api_version`, `kind` and a `metadata` block.
    Written(Effect),
    /// The attribute holds the whole object.
    Object(&'static str),
    /// The attribute holds YAML or JSON text.
    Documents(&'static str),
    /// A Helm release.
    Release,
    /// Flux, put into a cluster and its repository.
    Flux,
}

const fn namespaced(group: &'static str, kind: &'static str) -> ObjectKind {
    ObjectKind { group, kind, namespace: Some("default") }
}

const fn cluster(group: &'static str, kind: &'static str) -> ObjectKind {
    ObjectKind { group, kind, namespace: None }
}

/// `kubernetes_…` types without their version.
const OBJECTS: &[(&str, ObjectKind)] = &[
    ("api_service", cluster("apiregistration.k8s.io", "APIService")),
    ("certificate_signing_request", cluster("certificates.k8s.io", "CertificateSigningRequest")),
    ("cluster_role", cluster("rbac.authorization.k8s.io", "ClusterRole")),
    ("cluster_role_binding", cluster("rbac.authorization.k8s.io", "ClusterRoleBinding")),
    ("config_map", namespaced("", "ConfigMap")),
    ("cron_job", namespaced("batch", "CronJob")),
    ("csi_driver", cluster("storage.k8s.io", "CSIDriver")),
    ("daemonset", namespaced("apps", "DaemonSet")),
    ("daemon_set", namespaced("apps", "DaemonSet")),
    ("deployment", namespaced("apps", "Deployment")),
    ("endpoint_slice", namespaced("discovery.k8s.io", "EndpointSlice")),
    ("endpoints", namespaced("", "Endpoints")),
    ("horizontal_pod_autoscaler", namespaced("autoscaling", "HorizontalPodAutoscaler")),
    ("ingress", namespaced("networking.k8s.io", "Ingress")),
    ("ingress_class", cluster("networking.k8s.io", "IngressClass")),
    ("job", namespaced("batch", "Job")),
    ("limit_range", namespaced("", "LimitRange")),
    ("mutating_webhook_configuration", cluster("admissionregistration.k8s.io", "MutatingWebhookConfiguration")),
    ("namespace", cluster("", "Namespace")),
    ("network_policy", namespaced("networking.k8s.io", "NetworkPolicy")),
    ("persistent_volume", cluster("", "PersistentVolume")),
    ("persistent_volume_claim", namespaced("", "PersistentVolumeClaim")),
    ("pod", namespaced("", "Pod")),
    ("pod_disruption_budget", namespaced("policy", "PodDisruptionBudget")),
    ("pod_security_policy", cluster("policy", "PodSecurityPolicy")),
    ("priority_class", cluster("scheduling.k8s.io", "PriorityClass")),
    ("replication_controller", namespaced("", "ReplicationController")),
    ("resource_quota", namespaced("", "ResourceQuota")),
    ("role", namespaced("rbac.authorization.k8s.io", "Role")),
    ("role_binding", namespaced("rbac.authorization.k8s.io", "RoleBinding")),
    ("runtime_class", cluster("node.k8s.io", "RuntimeClass")),
    ("secret", namespaced("", "Secret")),
    ("service", namespaced("", "Service")),
    ("service_account", namespaced("", "ServiceAccount")),
    ("stateful_set", namespaced("apps", "StatefulSet")),
    ("storage_class", cluster("storage.k8s.io", "StorageClass")),
    ("validating_admission_policy", cluster("admissionregistration.k8s.io", "ValidatingAdmissionPolicy")),
    ("validating_webhook_configuration", cluster("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")),
];

/// `kubernetes_…` types that set fields of an object somebody else makes.
const FIELDS: &[(&str, ObjectKind, Effect)] = &[
    ("config_map_data", namespaced("", "ConfigMap"), Effect::Fields("/data", "data")),
    ("secret_data", namespaced("", "Secret"), Effect::Fields("/data", "data")),
    ("default_service_account", namespaced("", "ServiceAccount"), Effect::Fields("/imagePullSecrets", "")),
    ("node_taint", cluster("", "Node"), Effect::Fields("/spec/taints", "")),
];

/// Types of other providers.
const OTHERS: &[(&str, Naming)] = &[
    ("argocd_application", Naming::Metadata(argo("Application"), Effect::Whole)),
    ("argocd_application_set", Naming::Metadata(argo("ApplicationSet"), Effect::Whole)),
    ("argocd_project", Naming::Metadata(argo("AppProject"), Effect::Whole)),
    ("flux_bootstrap_git", Naming::Flux),
    ("helm_release", Naming::Release),
    ("kubectl_manifest", Naming::Documents("yaml_body")),
    ("kubernetes_annotations", Naming::Written(Effect::Fields("/metadata/annotations", "annotations"))),
    ("kubernetes_env", Naming::Written(Effect::Fields("/spec/template/spec/containers", ""))),
    ("kubernetes_labels", Naming::Written(Effect::Fields("/metadata/labels", "labels"))),
    ("kubernetes_manifest", Naming::Object("manifest")),
    ("kustomization_resource", Naming::Documents("manifest")),
];

const fn argo(kind: &'static str) -> ObjectKind {
    ObjectKind { group: "argoproj.io", kind, namespace: Some("argocd") }
}

/// How a resource type names its object; None for one that puts nothing into a cluster.
pub fn naming(resource: &str) -> Option<Naming> {
    if let Some((_, naming)) = OTHERS.iter().find(|(name, _)| *name == resource) {
        return Some(*naming);
    }
    let name = unversioned(resource.strip_prefix("kubernetes_")?);
    if let Some((_, kind, effect)) = FIELDS.iter().find(|(known, ..)| *known == name) {
        return Some(Naming::Metadata(*kind, *effect));
    }
    let (_, kind) = OBJECTS.iter().find(|(known, _)| *known == name)?;
    Some(Naming::Metadata(*kind, Effect::Whole))
}

/// `config_map_v1_data` and `config_map_v1` without what says the version.
fn unversioned(name: &str) -> String {
    let is_version =
        |part: &&str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    name.split('_').filter(|part| !is_version(part)).collect::<Vec<_>>().join("_")
}

/// Resource types of DNS records: zone, name, type, content, in which attributes. An empty attribute is not there; a type in upper case
/// is meant itself.
pub const RECORDS: &[(&str, [&str; 4])] = &[
    ("adguard_rewrite", ["", "domain", "A", "answer"]),
    ("aws_route53_record", ["zone_id", "name", "type", "records"]),
    ("azurerm_dns_a_record", ["zone_name", "name", "A", "records"]),
    ("azurerm_dns_aaaa_record", ["zone_name", "name", "AAAA", "records"]),
    ("azurerm_dns_cname_record", ["zone_name", "name", "CNAME", "record"]),
    ("cloudflare_dns_record", ["zone_id", "name", "type", "content"]),
    ("cloudflare_record", ["zone_id", "name", "type", "content"]),
    ("desec_rrset", ["domain", "subname", "type", "records"]),
    ("digitalocean_record", ["domain", "name", "type", "value"]),
    ("dns_a_record_set", ["zone", "name", "A", "addresses"]),
    ("dns_aaaa_record_set", ["zone", "name", "AAAA", "addresses"]),
    ("dns_cname_record", ["zone", "name", "CNAME", "cname"]),
    ("dns_ns_record_set", ["zone", "name", "NS", "nameservers"]),
    ("dns_ptr_record", ["zone", "name", "PTR", "ptr"]),
    ("dns_txt_record_set", ["zone", "name", "TXT", "txt"]),
    ("gandi_livedns_record", ["zone", "name", "type", "values"]),
    ("google_dns_record_set", ["managed_zone", "name", "type", "rrdatas"]),
    ("hcloud_zone_record", ["zone", "name", "type", "value"]),
    ("hcloud_zone_rrset", ["zone", "name", "type", "records"]),
    ("hetznerdns_record", ["zone_id", "name", "type", "value"]),
    ("ovh_domain_zone_record", ["zone", "subdomain", "fieldtype", "target"]),
    ("pihole_cname_record", ["", "domain", "CNAME", "target"]),
    ("pihole_dns_record", ["", "domain", "A", "ip"]),
    ("porkbun_dns_record", ["domain", "subdomain", "type", "content"]),
    ("powerdns_record", ["zone", "name", "type", "records"]),
    ("technitium_record", ["zone", "domain", "type", "ip_address"]),
    ("unifi_dns_record", ["", "name", "record_type", "value"]),
];

/// Resource and data types of DNS zones, and the attribute that names the zone.
pub const ZONES: &[(&str, &str)] = &[
    ("aws_route53_zone", "name"),
    ("azurerm_dns_zone", "name"),
    ("cloudflare_zone", "name"),
    ("cloudflare_zone", "zone"),
    ("desec_domain", "name"),
    ("digitalocean_domain", "name"),
    ("google_dns_managed_zone", "dns_name"),
    ("hcloud_zone", "name"),
    ("hetznerdns_zone", "name"),
    ("powerdns_zone", "name"),
    ("technitium_zone", "name"),
];

/// Resource types of clients of an identity provider: the attributes of the client's id, and those that hold addresses.
pub const CLIENTS: &[(&str, &str, &[&str])] = &[
    ("authentik_application", "slug", &["meta_launch_url"]),
    ("authentik_provider_oauth2", "client_id", &["allowed_redirect_uris", "redirect_uris"]),
    ("authentik_provider_proxy", "name", &["external_host", "internal_host"]),
    ("harbor_config_auth", "oidc_client_id", &["oidc_endpoint"]),
    ("keycloak_openid_client", "client_id", &["valid_redirect_uris", "root_url", "base_url", "web_origins"]),
    ("vault_jwt_auth_backend", "oidc_client_id", &["oidc_discovery_url", "bound_issuer"]),
    ("vault_jwt_auth_backend_role", "role_name", &["allowed_redirect_uris"]),
    ("vault_identity_oidc_client", "name", &["redirect_uris"]),
    ("zitadel_application_oidc", "name", &["redirect_uris", "post_logout_redirect_uris"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_means_the_same_object_in_every_version() {
        let deployment = naming("kubernetes_deployment").unwrap();
        assert_eq!(naming("kubernetes_deployment_v1"), Some(deployment));
        assert_eq!(
            naming("kubernetes_horizontal_pod_autoscaler_v2beta2"),
            naming("kubernetes_horizontal_pod_autoscaler")
        );
        assert_eq!(
            naming("kubernetes_secret_v1_data"),
            Some(Naming::Metadata(namespaced("", "Secret"), Effect::Fields("/data", "data")))
        );
        assert_eq!(naming("kubernetes_token_request_v1"), None);
        assert_eq!(naming("proxmox_virtual_environment_vm"), None);
    }

    #[test]
    fn the_scope_of_every_kind_is_what_kubernetes_says() {
        let schemas = crate::kubernetes::Schemas::for_version("1.34").unwrap();
        for (name, kind) in OBJECTS {
            let versions = ["v1", "v2", "v1beta1"].map(|version| {
                if kind.group.is_empty() { version.to_owned() } else { format!("{}/{version}", kind.group) }
            });
            let known = versions.iter().find_map(|version| schemas.namespaced(version, kind.kind));
            if let Some(known) = known {
                assert_eq!(kind.namespace.is_some(), known, "{name}");
            } else {
                assert_eq!(kind.kind, "PodSecurityPolicy", "{name} is not known");
            }
        }
    }
}
