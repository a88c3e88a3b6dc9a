//! What well-known charts bring into a cluster: API groups, classes, roles. Services add to it with `provides`.

use crate::claim::ObjectId;

/// A chart and what it brings, as capabilities.
pub struct Known {
    /// The chart's name.
    pub chart: &'static str,
    /// `api/<group>`, `ingressclass/<name>`, `storageclass/<name>`, `identity/<name>`, …
    pub provides: &'static [&'static str],
}

/// Charts by name. Each row was read off the chart's own CRDs and templates in the version named.
pub const CHARTS: &[Known] = &[
    // argo-cd 7.7.11
    Known { chart: "argo-cd", provides: &["api/argoproj.io"] },
    // authentik 2025.10.1
    Known { chart: "authentik", provides: &["identity/authentik"] },
    // cert-manager v1.16.2
    Known { chart: "cert-manager", provides: &["api/cert-manager.io", "api/acme.cert-manager.io"] },
    // cilium 1.18.6: its CRDs come from the operator
    Known { chart: "cilium", provides: &["api/cilium.io", "cni/cilium"] },
    // external-secrets 1.3.2
    Known { chart: "external-secrets", provides: &["api/external-secrets.io", "api/generators.external-secrets.io"] },
    // ingress-nginx 4.11.3
    Known { chart: "ingress-nginx", provides: &["ingressclass/nginx"] },
    // keycloak 25: codecentric and Bitnami use one name
    Known { chart: "keycloak", provides: &["identity/keycloak"] },
    // kube-prometheus-stack 69.5.0
    Known { chart: "kube-prometheus-stack", provides: &["api/monitoring.coreos.com"] },
    // longhorn 1.10.1
    Known { chart: "longhorn", provides: &["api/longhorn.io", "storageclass/longhorn"] },
    // metallb 0.15.2
    Known { chart: "metallb", provides: &["api/metallb.io"] },
    // sealed-secrets 2.16.2
    Known { chart: "sealed-secrets", provides: &["api/bitnami.com"] },
    // tofu-controller 0.15.1 under its chart's name
    Known { chart: "tf-controller", provides: &["api/infra.contrib.fluxcd.io"] },
    Known { chart: "tofu-controller", provides: &["api/infra.contrib.fluxcd.io"] },
    // traefik 33
    Known { chart: "traefik", provides: &["ingressclass/traefik", "api/traefik.io"] },
    // vault-operator 1.22.5
    Known { chart: "vault-operator", provides: &["api/vault.banzaicloud.com"] },
];

/// What a chart brings; nothing for one that is not known.
pub fn of_chart(name: &str) -> &'static [&'static str] {
    CHARTS.iter().find(|known| known.chart == name).map_or(&[], |known| known.provides)
}

/// What is known of a chart.
pub fn chart(name: &str) -> Option<&'static Known> {
    CHARTS.iter().find(|known| known.chart == name)
}

/// The kinds of capabilities that are objects of their own, by the word in front of the name.
const CLASSES: &[(&str, &str, &str)] = &[
    ("ingressclass", "networking.k8s.io", "IngressClass"),
    ("storageclass", "storage.k8s.io", "StorageClass"),
    ("priorityclass", "scheduling.k8s.io", "PriorityClass"),
    ("runtimeclass", "node.k8s.io", "RuntimeClass"),
    ("gatewayclass", "gateway.networking.k8s.io", "GatewayClass"),
    ("snapshotclass", "snapshot.storage.k8s.io", "VolumeSnapshotClass"),
];

impl Known {
    /// The cluster-scoped objects it brings whose names do not depend on values that are usually set.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> {
        self.provides.iter().filter_map(|capability| {
            let (word, name) = capability.split_once('/')?;
            let (_, group, kind) = CLASSES.iter().find(|(class, _, _)| *class == word)?;
            Some(ObjectId { group: (*group).into(), kind: (*kind).into(), namespace: None, name: name.into() })
        })
    }
}

/// The charts that bring this.
pub fn charts_with(capability: &str) -> impl Iterator<Item = &'static str> {
    CHARTS.iter().filter(move |known| known.provides.contains(&capability)).map(|known| known.chart)
}

/// API groups of Flux itself, which is there before any unit.
pub fn is_flux_group(group: &str) -> bool {
    group.ends_with(".toolkit.fluxcd.io")
}

/// API groups that every Kubernetes API server has (Kubernetes 1.29–1.37).
pub fn is_built_in_group(group: &str) -> bool {
    group.is_empty()
        || !group.contains('.')
        || group.ends_with(".k8s.io")
            && !matches!(group, "gateway.networking.k8s.io" | "snapshot.storage.k8s.io" | "metrics.k8s.io")
            && !group.ends_with(".x-k8s.io")
}
