//! What well-known charts bring into a cluster: API groups, classes, roles. Services add to it with `provides`.

use crate::claim::ObjectId;

/// A chart and what it brings.
pub struct Known {
    /// The chart's name.
    pub chart: &'static str,
    /// Capabilities: `api/<group>`, `ingressclass/<name>`, `storageclass/<name>`, `apiservice/<name>`, `identity/<name>`, …
    pub provides: &'static [&'static str],
    /// Its controllers as `Kind/name`. `{fullname}` stands for the release's name, and the chart's behind it where that is not in it.
    pub workloads: &'static [&'static str],
    /// API groups whose objects its admission webhooks judge: while these are down, nothing of the group can be applied.
    pub webhooks: &'static [&'static str],
}

const NOTHING: Known = Known { chart: "", provides: &[], workloads: &[], webhooks: &[] };

/// Charts by name, sorted.
///
/// A row with a full version was read off the chart's own CRDs and templates in that version; one that says
/// "its documentation" off what the project documents for it. Names that depend on values are those of the default values.
/// A group is only given to the chart that brings the kinds people write: `argoproj.io` to Argo CD, `cilium.io` to Cilium.
pub const CHARTS: &[Known] = &[
    // argo-cd 7.7.11
    Known {
        chart: "argo-cd",
        provides: &["api/argoproj.io"],
        workloads: &[
            "Deployment/{fullname}-server",
            "Deployment/{fullname}-repo-server",
            "StatefulSet/{fullname}-application-controller",
        ],
        ..NOTHING
    },
    // argo-rollouts 2.40.4, its documentation
    Known { chart: "argo-rollouts", workloads: &["Deployment/{fullname}"], ..NOTHING },
    // argo-workflows 0.45.19, its documentation
    Known {
        chart: "argo-workflows",
        workloads: &["Deployment/{fullname}-server", "Deployment/{fullname}-workflow-controller"],
        ..NOTHING
    },
    // authentik 2025.10.1
    Known {
        chart: "authentik",
        provides: &["identity/authentik"],
        workloads: &["Deployment/{fullname}-server", "Deployment/{fullname}-worker"],
        ..NOTHING
    },
    // cert-manager v1.16.2, v1.21.2
    Known {
        chart: "cert-manager",
        provides: &["api/cert-manager.io", "api/acme.cert-manager.io"],
        workloads: &["Deployment/{fullname}", "Deployment/{fullname}-cainjector", "Deployment/{fullname}-webhook"],
        webhooks: &["cert-manager.io", "acme.cert-manager.io"],
    },
    // cilium 1.18.6, 1.20.2: its CRDs come from the operator
    Known {
        chart: "cilium",
        provides: &["api/cilium.io", "cni/cilium"],
        workloads: &["DaemonSet/cilium", "Deployment/cilium-operator"],
        ..NOTHING
    },
    // cloudnative-pg 0.26.1, its documentation
    Known {
        chart: "cloudnative-pg",
        provides: &["api/postgresql.cnpg.io"],
        workloads: &["Deployment/{fullname}"],
        webhooks: &["postgresql.cnpg.io"],
    },
    // cluster-api-operator 0.23, its documentation
    Known { chart: "cluster-api-operator", provides: &["api/operator.cluster.x-k8s.io"], ..NOTHING },
    // coredns 1.45, its documentation
    Known { chart: "coredns", workloads: &["Deployment/{fullname}"], ..NOTHING },
    // crossplane 2.1, its documentation: its CRDs come from the running program
    Known {
        chart: "crossplane",
        provides: &["api/apiextensions.crossplane.io", "api/pkg.crossplane.io"],
        workloads: &["Deployment/crossplane", "Deployment/crossplane-rbac-manager"],
        ..NOTHING
    },
    // csi-driver-nfs 4.12, its documentation
    Known {
        chart: "csi-driver-nfs",
        workloads: &["Deployment/csi-nfs-controller", "DaemonSet/csi-nfs-node"],
        ..NOTHING
    },
    // csi-driver-smb 1.19, its documentation
    Known {
        chart: "csi-driver-smb",
        workloads: &["Deployment/csi-smb-controller", "DaemonSet/csi-smb-node"],
        ..NOTHING
    },
    // dragonfly-operator 1.3, its documentation
    Known {
        chart: "dragonfly-operator",
        provides: &["api/dragonflydb.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // eck-operator 3.2, its documentation
    Known {
        chart: "eck-operator",
        provides: &[
            "api/elasticsearch.k8s.elastic.co",
            "api/kibana.k8s.elastic.co",
            "api/apm.k8s.elastic.co",
            "api/beat.k8s.elastic.co",
            "api/agent.k8s.elastic.co",
            "api/logstash.k8s.elastic.co",
            "api/enterprisesearch.k8s.elastic.co",
            "api/maps.k8s.elastic.co",
            "api/autoscaling.k8s.elastic.co",
            "api/stackconfigpolicy.k8s.elastic.co",
        ],
        workloads: &["StatefulSet/{fullname}"],
        webhooks: &["elasticsearch.k8s.elastic.co", "kibana.k8s.elastic.co"],
    },
    // external-dns 1.19, its documentation
    Known {
        chart: "external-dns",
        provides: &["api/externaldns.k8s.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // external-secrets 1.3.2
    Known {
        chart: "external-secrets",
        provides: &["api/external-secrets.io", "api/generators.external-secrets.io"],
        workloads: &["Deployment/{fullname}", "Deployment/{fullname}-webhook", "Deployment/{fullname}-cert-controller"],
        webhooks: &["external-secrets.io"],
    },
    // flagger 1.42, its documentation
    Known { chart: "flagger", provides: &["api/flagger.app"], workloads: &["Deployment/{fullname}"], ..NOTHING },
    // flux-instance 0.33, its documentation: the operator brings Flux itself
    Known {
        chart: "flux-instance",
        provides: &["api/source.toolkit.fluxcd.io", "api/kustomize.toolkit.fluxcd.io", "api/helm.toolkit.fluxcd.io"],
        ..NOTHING
    },
    // flux-operator 0.33, its documentation
    Known {
        chart: "flux-operator",
        provides: &["api/fluxcd.controlplane.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // gateway-api-crds 1.4, its documentation
    Known { chart: "gateway-api-crds", provides: &["api/gateway.networking.k8s.io"], ..NOTHING },
    // envoy gateway v1.6, its documentation: the classes are the user's
    Known {
        chart: "gateway-helm",
        provides: &["api/gateway.envoyproxy.io", "api/gateway.networking.k8s.io"],
        workloads: &["Deployment/envoy-gateway"],
        ..NOTHING
    },
    // gha-runner-scale-set-controller 0.13, its documentation
    Known {
        chart: "gha-runner-scale-set-controller",
        provides: &["api/actions.github.com"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // gpu-operator 25.10, its documentation
    Known {
        chart: "gpu-operator",
        provides: &["api/nvidia.com", "runtimeclass/nvidia"],
        workloads: &["Deployment/gpu-operator"],
        ..NOTHING
    },
    // grafana-operator 5.20, its documentation
    Known {
        chart: "grafana-operator",
        provides: &["api/grafana.integreatly.org"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // hcloud-csi 2.18, its documentation
    Known { chart: "hcloud-csi", provides: &["storageclass/hcloud-volumes"], ..NOTHING },
    // ingress-nginx 4.11.3
    Known {
        chart: "ingress-nginx",
        provides: &["ingressclass/nginx"],
        workloads: &["Deployment/{fullname}-controller"],
        webhooks: &["networking.k8s.io"],
    },
    // intel-device-plugins-operator 0.34, its documentation
    Known {
        chart: "intel-device-plugins-operator",
        provides: &["api/deviceplugin.intel.com"],
        webhooks: &["deviceplugin.intel.com"],
        ..NOTHING
    },
    // istiod 1.28, its documentation
    Known {
        chart: "istiod",
        provides: &["gatewayclass/istio"],
        workloads: &["Deployment/istiod"],
        webhooks: &["networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"],
    },
    // jaeger-operator 2.57, its documentation
    Known {
        chart: "jaeger-operator",
        provides: &["api/jaegertracing.io"],
        workloads: &["Deployment/{fullname}"],
        webhooks: &["jaegertracing.io"],
    },
    // k8up 4.8, its documentation
    Known { chart: "k8up", provides: &["api/k8up.io"], workloads: &["Deployment/{fullname}"], ..NOTHING },
    // karpenter 1.8, its documentation
    Known {
        chart: "karpenter",
        provides: &["api/karpenter.sh", "api/karpenter.k8s.aws"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // keda 2.18, its documentation
    Known {
        chart: "keda",
        provides: &["api/keda.sh", "api/eventing.keda.sh", "apiservice/v1beta1.external.metrics.k8s.io"],
        workloads: &[
            "Deployment/keda-operator",
            "Deployment/keda-operator-metrics-apiserver",
            "Deployment/keda-admission-webhooks",
        ],
        webhooks: &["keda.sh"],
    },
    // keycloak 25: codecentric and Bitnami use one name
    Known { chart: "keycloak", provides: &["identity/keycloak"], ..NOTHING },
    // kong 2.52, its documentation
    Known {
        chart: "kong",
        provides: &["api/configuration.konghq.com", "ingressclass/kong"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // kube-prometheus-stack 69.5.0
    Known {
        chart: "kube-prometheus-stack",
        provides: &["api/monitoring.coreos.com"],
        webhooks: &["monitoring.coreos.com"],
        ..NOTHING
    },
    // kubelet-csr-approver 1.2, its documentation
    Known { chart: "kubelet-csr-approver", workloads: &["Deployment/{fullname}"], ..NOTHING },
    // kured 5.10, its documentation
    Known { chart: "kured", workloads: &["DaemonSet/{fullname}"], ..NOTHING },
    // kyverno 3.5, its documentation
    Known {
        chart: "kyverno",
        provides: &["api/kyverno.io", "api/policies.kyverno.io", "api/reports.kyverno.io", "api/wgpolicyk8s.io"],
        workloads: &[
            "Deployment/kyverno-admission-controller",
            "Deployment/kyverno-background-controller",
            "Deployment/kyverno-cleanup-controller",
            "Deployment/kyverno-reports-controller",
        ],
        webhooks: &["kyverno.io", "policies.kyverno.io"],
    },
    // linkerd-crds 2025.10, its documentation
    Known { chart: "linkerd-crds", provides: &["api/linkerd.io", "api/policy.linkerd.io"], ..NOTHING },
    // longhorn 1.10.1
    Known {
        chart: "longhorn",
        provides: &["api/longhorn.io", "storageclass/longhorn", "priorityclass/longhorn-critical"],
        workloads: &["DaemonSet/longhorn-manager", "Deployment/longhorn-driver-deployer", "Deployment/longhorn-ui"],
        webhooks: &["longhorn.io"],
    },
    // mariadb-operator 25.8, its documentation: the CRDs are a chart of their own
    Known {
        chart: "mariadb-operator",
        workloads: &["Deployment/{fullname}"],
        webhooks: &["k8s.mariadb.com"],
        ..NOTHING
    },
    // mariadb-operator-crds 25.8, its documentation
    Known { chart: "mariadb-operator-crds", provides: &["api/k8s.mariadb.com"], ..NOTHING },
    // metallb 0.15.2, v0.16.2 (whose FRR objects are on unless values say otherwise)
    Known {
        chart: "metallb",
        provides: &["api/metallb.io", "api/frrk8s.metallb.io"],
        workloads: &["Deployment/{fullname}-controller", "DaemonSet/{fullname}-speaker"],
        webhooks: &["metallb.io"],
    },
    // metrics-server 3.13, its documentation
    Known {
        chart: "metrics-server",
        provides: &["apiservice/v1beta1.metrics.k8s.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // multus 4.2, its documentation
    Known { chart: "multus", provides: &["api/k8s.cni.cncf.io"], ..NOTHING },
    // mysql-operator 2.2, its documentation
    Known { chart: "mysql-operator", provides: &["api/mysql.oracle.com", "api/zalando.org"], ..NOTHING },
    // nfs-subdir-external-provisioner 4.0, its documentation
    Known {
        chart: "nfs-subdir-external-provisioner",
        provides: &["storageclass/nfs-client"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // node-feature-discovery 0.18, its documentation
    Known {
        chart: "node-feature-discovery",
        provides: &["api/nfd.k8s-sigs.io"],
        workloads: &["Deployment/{fullname}-master", "DaemonSet/{fullname}-worker", "Deployment/{fullname}-gc"],
        ..NOTHING
    },
    // open-feature-operator 0.8, its documentation
    Known {
        chart: "open-feature-operator",
        provides: &["api/core.openfeature.dev"],
        webhooks: &["core.openfeature.dev"],
        ..NOTHING
    },
    // openebs 4.3, its documentation
    Known {
        chart: "openebs",
        provides: &["storageclass/openebs-hostpath", "api/openebs.io", "api/local.openebs.io", "api/zfs.openebs.io"],
        ..NOTHING
    },
    // opentelemetry-operator 0.98, its documentation
    Known {
        chart: "opentelemetry-operator",
        provides: &["api/opentelemetry.io"],
        workloads: &["Deployment/{fullname}"],
        webhooks: &["opentelemetry.io"],
    },
    // origin-ca-issuer 0.6, its documentation
    Known {
        chart: "origin-ca-issuer",
        provides: &["api/cert-manager.k8s.cloudflare.com"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // pgo 6.0, its documentation
    Known {
        chart: "pgo",
        provides: &["api/postgres-operator.crunchydata.com"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // plugin-barman-cloud 0.3.1, its documentation
    Known { chart: "plugin-barman-cloud", provides: &["api/barmancloud.cnpg.io"], ..NOTHING },
    // policy-reporter 3.5, its documentation
    Known { chart: "policy-reporter", workloads: &["Deployment/{fullname}"], ..NOTHING },
    // postgres-operator 1.15, its documentation
    Known {
        chart: "postgres-operator",
        provides: &["api/acid.zalan.do"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // prometheus-adapter 5.1, its documentation
    Known {
        chart: "prometheus-adapter",
        provides: &["apiservice/v1beta1.custom.metrics.k8s.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // prometheus-operator-crds 24.0, its documentation
    Known { chart: "prometheus-operator-crds", provides: &["api/monitoring.coreos.com"], ..NOTHING },
    // proxmox-csi-plugin 0.4, its documentation: the classes are values
    Known {
        chart: "proxmox-csi-plugin",
        workloads: &["Deployment/{fullname}-controller", "DaemonSet/{fullname}-node"],
        ..NOTHING
    },
    // rabbitmq-cluster-operator 4.4, its documentation
    Known {
        chart: "rabbitmq-cluster-operator",
        provides: &["api/rabbitmq.com"],
        webhooks: &["rabbitmq.com"],
        ..NOTHING
    },
    // redis-operator 0.22, its documentation
    Known {
        chart: "redis-operator",
        provides: &["api/redis.redis.opstreelabs.in"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // reflector 9.1, its documentation
    Known { chart: "reflector", workloads: &["Deployment/{fullname}"], ..NOTHING },
    // rook-ceph v1.18, its documentation
    Known {
        chart: "rook-ceph",
        provides: &["api/ceph.rook.io", "api/objectbucket.io", "api/csi.ceph.io"],
        workloads: &["Deployment/rook-ceph-operator"],
        ..NOTHING
    },
    // rook-ceph-cluster v1.18, its documentation: what is named in its default values
    Known {
        chart: "rook-ceph-cluster",
        provides: &["storageclass/ceph-block", "storageclass/ceph-filesystem", "storageclass/ceph-bucket"],
        ..NOTHING
    },
    // scylla-operator v1.19, its documentation
    Known {
        chart: "scylla-operator",
        provides: &["api/scylla.scylladb.com"],
        webhooks: &["scylla.scylladb.com"],
        ..NOTHING
    },
    // sealed-secrets 2.16.2
    Known { chart: "sealed-secrets", provides: &["api/bitnami.com"], workloads: &["Deployment/{fullname}"], ..NOTHING },
    // secrets-store-csi-driver 1.5, its documentation
    Known { chart: "secrets-store-csi-driver", provides: &["api/secrets-store.csi.x-k8s.io"], ..NOTHING },
    // silence-operator 0.18, its documentation
    Known {
        chart: "silence-operator",
        provides: &["api/monitoring.giantswarm.io", "api/observability.giantswarm.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // snapshot-controller 4.1, its documentation
    Known {
        chart: "snapshot-controller",
        provides: &["api/snapshot.storage.k8s.io", "api/groupsnapshot.storage.k8s.io"],
        workloads: &["Deployment/{fullname}"],
        webhooks: &["snapshot.storage.k8s.io"],
    },
    // spegel 0.5, its documentation
    Known { chart: "spegel", workloads: &["DaemonSet/{fullname}"], ..NOTHING },
    // strimzi-kafka-operator 0.48, its documentation
    Known {
        chart: "strimzi-kafka-operator",
        provides: &["api/kafka.strimzi.io", "api/core.strimzi.io"],
        workloads: &["Deployment/strimzi-cluster-operator"],
        ..NOTHING
    },
    // tailscale-operator 1.90, its documentation
    Known {
        chart: "tailscale-operator",
        provides: &["api/tailscale.com", "ingressclass/tailscale"],
        workloads: &["Deployment/operator"],
        ..NOTHING
    },
    // tempo-operator 0.18, its documentation
    Known { chart: "tempo-operator", provides: &["api/tempo.grafana.com"], ..NOTHING },
    // tetragon 1.6, its documentation: its CRDs come from the operator
    Known { chart: "tetragon", workloads: &["DaemonSet/{fullname}", "Deployment/{fullname}-operator"], ..NOTHING },
    // tf-controller 0.15.1, tofu-controller 0.15.1
    Known {
        chart: "tf-controller",
        provides: &["api/infra.contrib.fluxcd.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // tigera-operator v3.31, its documentation: Calico comes from the operator
    Known {
        chart: "tigera-operator",
        provides: &["api/operator.tigera.io", "api/crd.projectcalico.org", "api/projectcalico.org", "cni/calico"],
        workloads: &["Deployment/tigera-operator"],
        ..NOTHING
    },
    Known {
        chart: "tofu-controller",
        provides: &["api/infra.contrib.fluxcd.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // traefik 33
    Known {
        chart: "traefik",
        provides: &["ingressclass/traefik", "api/traefik.io"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // trust-manager 0.20, its documentation
    Known {
        chart: "trust-manager",
        provides: &["api/trust.cert-manager.io"],
        workloads: &["Deployment/trust-manager"],
        webhooks: &["trust.cert-manager.io"],
    },
    // tuppr 0.0.50, its documentation
    Known {
        chart: "tuppr",
        provides: &["api/tuppr.home-operations.com"],
        workloads: &["Deployment/{fullname}"],
        webhooks: &["tuppr.home-operations.com"],
    },
    // vault-operator 1.22.5
    Known {
        chart: "vault-operator",
        provides: &["api/vault.banzaicloud.com"],
        workloads: &["Deployment/{fullname}"],
        ..NOTHING
    },
    // vault-secrets-operator 0.10, its documentation
    Known { chart: "vault-secrets-operator", provides: &["api/secrets.hashicorp.com"], ..NOTHING },
    // velero 11.2, its documentation
    Known { chart: "velero", provides: &["api/velero.io"], workloads: &["Deployment/{fullname}"], ..NOTHING },
    // victoria-metrics-k8s-stack 0.63, its documentation
    Known {
        chart: "victoria-metrics-k8s-stack",
        provides: &["api/operator.victoriametrics.com"],
        webhooks: &["operator.victoriametrics.com"],
        ..NOTHING
    },
    // victoria-metrics-operator 0.56, its documentation
    Known {
        chart: "victoria-metrics-operator",
        provides: &["api/operator.victoriametrics.com"],
        workloads: &["Deployment/{fullname}"],
        webhooks: &["operator.victoriametrics.com"],
    },
    // volsync 0.14, its documentation
    Known { chart: "volsync", provides: &["api/volsync.backube"], workloads: &["Deployment/{fullname}"], ..NOTHING },
    // vertical-pod-autoscaler 10.3 as `vpa` 4.9, its documentation
    Known {
        chart: "vpa",
        provides: &["api/autoscaling.k8s.io"],
        workloads: &[
            "Deployment/{fullname}-recommender",
            "Deployment/{fullname}-updater",
            "Deployment/{fullname}-admission-controller",
        ],
        ..NOTHING
    },
    // zfs-localpv 2.8, its documentation
    Known { chart: "zfs-localpv", provides: &["api/zfs.openebs.io"], ..NOTHING },
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
    ("apiservice", "apiregistration.k8s.io", "APIService"),
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

    /// Kind and name of its controllers in a release of this name.
    pub fn workloads(&self, release: &str) -> impl Iterator<Item = (&'static str, String)> {
        let full = if release.contains(self.chart) { release.to_owned() } else { format!("{release}-{}", self.chart) };
        let split = self.workloads.iter().filter_map(|workload| workload.split_once('/'));
        split.map(move |(kind, name)| (kind, name.replace("{fullname}", &full)))
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

/// API groups whose objects make no Secrets, or only those that are read off them.
const WITHOUT_SECRETS: &[&str] = &[
    "apiextensions.k8s.io",
    "barmancloud.cnpg.io",
    "bitnami.com",
    "cert-manager.io",
    "cilium.io",
    "external-secrets.io",
    "externaldns.k8s.io",
    "gateway.networking.k8s.io",
    "generators.external-secrets.io",
    "grafana.integreatly.org",
    "k8s.cni.cncf.io",
    "keda.sh",
    "metallb.io",
    "monitoring.coreos.com",
    "snapshot.storage.k8s.io",
    "talos.dev",
    "traefik.io",
    "volsync.backube",
];
/// What kinds are called that say what is to be done with something else, whoever defines them.
const INSTRUCTIONS: &[&str] = &["Backup", "Dashboard", "Monitor", "Policy", "Route", "Rule", "Schedule", "Snapshot"];

/// Whether an operator may make Secrets for a custom resource of this kind that nothing in it names: a database and its password.
pub fn may_make_secrets(group: &str, kind: &str) -> bool {
    !is_built_in_group(group)
        && !is_flux_group(group)
        && !WITHOUT_SECRETS.contains(&group)
        && !INSTRUCTIONS.iter().any(|ending| kind.ends_with(ending))
}

/// The Secret that an operator makes for a custom resource under a name of its own making.
pub fn secret_of(group: &str, kind: &str, name: &str) -> Option<String> {
    match (group, kind) {
        // The credentials of Talos' API, for pods (`kubernetesTalosAPIAccess`, 1.2–1.14).
        ("talos.dev", "ServiceAccount") => Some(name.to_owned()),
        // The administrator's password (grafana-operator 5.x).
        ("grafana.integreatly.org", "Grafana") => Some(format!("{name}-admin-credentials")),
        _ => None,
    }
}

/// API groups that every Kubernetes API server has (Kubernetes 1.29–1.37).
pub fn is_built_in_group(group: &str) -> bool {
    group.is_empty()
        || !group.contains('.')
        || group.ends_with(".k8s.io")
            && !matches!(group, "gateway.networking.k8s.io" | "snapshot.storage.k8s.io" | "metrics.k8s.io")
            && !group.ends_with(".x-k8s.io")
}
