//! The machine configuration up to contract 1.11: one document with everything, then the settings of extensions.

use serde_json::{Map, Value, json};

use super::{
    legacy_network,
    machine::{Cni, EtcdEncryption, Machine, Role},
    patch::{Document, LEGACY},
    secrets::marker,
};

/// The documents of a machine before its patches.
pub(super) fn documents(machine: &Machine) -> Vec<Document> {
    let value = json!({
        "version": "v1alpha1",
        "debug": false,
        "persist": true,
        "machine": machine_section(machine),
        "cluster": cluster_section(machine),
    });
    let mut documents = vec![Document { kind: LEGACY.to_owned(), name: String::new(), value: without_nulls(value) }];
    documents.extend(machine.extension_services.iter().map(|service| {
        let files: Vec<Value> = service
            .config_files
            .iter()
            .map(|file| json!({ "content": file.content, "mountPath": file.mount_path }))
            .collect();
        let value = json!({
            "apiVersion": "v1alpha1",
            "kind": "ExtensionServiceConfig",
            "name": service.name,
            "configFiles": files,
            "environment": service.environment,
        });
        Document { kind: "ExtensionServiceConfig".to_owned(), name: service.name.clone(), value }
    }));
    documents
}

/// What is not set is not there.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

fn machine_section(machine: &Machine) -> Value {
    json!({
        "type": machine.role.name(),
        "token": marker("trustdinfo.token"),
        "ca": authority(machine.role, "certs.os"),
        "certSANs": machine.cert_sans,
        "kubelet": kubelet(machine),
        "network": legacy_network::section(machine),
        "install": install(machine),
        "files": machine.files.iter().map(|file| json!({
            "content": file.content,
            "permissions": file.permissions,
            "path": file.path,
            "op": file.operation,
        })).collect::<Vec<_>>(),
        "time": (!machine.network.time_servers.is_empty()).then(|| json!({ "servers": machine.network.time_servers })),
        "sysctls": machine.sysctls,
        "registries": { "mirrors": machine.mirrors.iter().map(|(registry, mirror)| (registry.clone(), json!({
            "endpoints": mirror.endpoints,
            "overridePath": mirror.override_path,
            "skipFallback": mirror.skip_fallback,
        }))).collect::<Map<_, _>>() },
        "features": features(machine),
        "kernel": (!machine.kernel_modules.is_empty()).then(|| json!({
            "modules": machine.kernel_modules.iter()
                .map(|module| json!({ "name": module.name, "parameters": module.parameters }))
                .collect::<Vec<_>>(),
        })),
        "nodeLabels": labels(machine),
        "nodeAnnotations": machine.annotations,
        "nodeTaints": machine.taints,
    })
}

fn labels(machine: &Machine) -> Value {
    let mut labels = Map::new();
    if machine.role == Role::ControlPlane && machine.exclude_from_load_balancers {
        labels.insert("node.kubernetes.io/exclude-from-external-load-balancers".to_owned(), Value::from(""));
    }
    labels.extend(machine.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))));
    Value::Object(labels)
}

fn kubelet(machine: &Machine) -> Value {
    let kubelet = &machine.kubelet;
    json!({
        "image": format!("ghcr.io/siderolabs/kubelet:v{}", machine.kubernetes_version),
        "clusterDNS": kubelet.cluster_dns,
        "extraArgs": kubelet.extra_args,
        "extraMounts": kubelet.extra_mounts.iter().map(|mount| json!({
            "destination": mount.destination,
            "type": mount.kind,
            "source": mount.source,
            "options": mount.options,
        })).collect::<Vec<_>>(),
        "extraConfig": (!kubelet.extra_config.is_empty()).then_some(&kubelet.extra_config),
        "defaultRuntimeSeccompProfileEnabled": true,
        "nodeIP": (!kubelet.node_ip_subnets.is_empty()).then(|| json!({ "validSubnets": kubelet.node_ip_subnets })),
        "disableManifestsDirectory": true,
    })
}

fn install(machine: &Machine) -> Value {
    let install = &machine.install;
    json!({
        "disk": install.disk,
        "diskSelector": install.disk_selector.as_ref().map(|selector| json!({
            "size": selector.size,
            "name": selector.name,
            "model": selector.model,
            "serial": selector.serial,
            "modalias": selector.modalias,
            "uuid": selector.uuid,
            "wwid": selector.wwid,
            "type": selector.kind,
            "busPath": selector.bus_path,
        })),
        "extraKernelArgs": install.extra_kernel_args,
        "image": install.image,
        "wipe": install.wipe,
    })
}

fn features(machine: &Machine) -> Value {
    let dns = machine.host_dns;
    json!({
        "rbac": true,
        "stableHostname": true,
        "apidCheckExtKeyUsage": true,
        "diskQuotaSupport": true,
        "kubePrism": machine.kubeprism_port.map(|port| json!({ "enabled": true, "port": port })),
        "hostDNS": {
            "enabled": dns.enabled,
            "forwardKubeDNSToHost": dns.forward_kube_dns,
            "resolveMemberNames": dns.resolve_member_names,
        },
    })
}

/// A certificate authority: workers know the certificate, the control plane its key as well.
fn authority(role: Role, path: &str) -> Value {
    let key = match role {
        Role::ControlPlane => marker(&format!("{path}.key")),
        Role::Worker => Value::from(""),
    };
    json!({ "crt": marker(&format!("{path}.crt")), "key": key })
}

fn cluster_section(machine: &Machine) -> Value {
    let mut section = json!({
        "id": marker("cluster.id"),
        "secret": marker("cluster.secret"),
        "controlPlane": { "endpoint": machine.endpoint },
        "clusterName": machine.cluster_name,
        "network": {
            "cni": cni(&machine.cni),
            "dnsDomain": machine.dns_domain,
            "podSubnets": texts(&machine.pod_subnets),
            "serviceSubnets": texts(&machine.service_subnets),
        },
        "token": marker("secrets.bootstraptoken"),
        "ca": authority(machine.role, "certs.k8s"),
        "discovery": {
            "enabled": machine.discovery,
            // Kubernetes as a registry of nodes is broken since its node authoriser got stricter (Kubernetes 1.32).
            "registries": { "kubernetes": { "disabled": true }, "service": {} },
        },
    });
    if machine.role == Role::ControlPlane {
        let map = section.as_object_mut().expect("made above");
        if let Some(port) = machine.api_server_port {
            map["controlPlane"]["localAPIServerPort"] = Value::from(port);
        }
        if let Value::Object(more) = control_plane_only(machine) {
            map.extend(more);
        }
    }
    section
}

fn control_plane_only(machine: &Machine) -> Value {
    let image = |name: &str| json!({ "image": format!("registry.k8s.io/{name}:v{}", machine.kubernetes_version) });
    let (secretbox, aescbc) = match machine.etcd_encryption {
        EtcdEncryption::Secretbox => (marker("secrets.secretboxencryptionsecret"), Value::Null),
        EtcdEncryption::AesCbc => (Value::Null, marker("secrets.aescbcencryptionsecret")),
    };
    let mut proxy = image("kube-proxy");
    if machine.proxy_disabled {
        proxy["disabled"] = Value::Bool(true);
    }
    json!({
        "aescbcEncryptionSecret": aescbc,
        "secretboxEncryptionSecret": secretbox,
        "aggregatorCA": authority(machine.role, "certs.k8saggregator"),
        "serviceAccount": { "key": marker("certs.k8sserviceaccount.key") },
        "apiServer": api_server(machine),
        "controllerManager": image("kube-controller-manager"),
        "proxy": proxy,
        "scheduler": image("kube-scheduler"),
        "etcd": {
            "ca": authority(machine.role, "certs.etcd"),
            "advertisedSubnets": machine.etcd_advertised_subnets,
        },
        "coreDNS": machine.core_dns_disabled.then(|| json!({ "disabled": true })),
        "extraManifests": [],
        "inlineManifests": [],
        "allowSchedulingOnControlPlanes": machine.allow_scheduling.then_some(true),
    })
}

fn api_server(machine: &Machine) -> Value {
    let mut names = vec![endpoint_host(&machine.endpoint).to_owned()];
    names.extend(machine.api_server_cert_sans.iter().cloned());
    json!({
        "image": format!("registry.k8s.io/kube-apiserver:v{}", machine.kubernetes_version),
        "extraArgs": machine.api_server_extra_args,
        "certSANs": names,
        "disablePodSecurityPolicy": true,
        "admissionControl": [{
            "name": "PodSecurity",
            "configuration": {
                "apiVersion": "pod-security.admission.config.k8s.io/v1alpha1",
                "kind": "PodSecurityConfiguration",
                "defaults": {
                    "audit": "restricted",
                    "audit-version": "latest",
                    "enforce": "baseline",
                    "enforce-version": "latest",
                    "warn": "restricted",
                    "warn-version": "latest",
                },
                "exemptions": { "namespaces": ["kube-system"], "runtimeClasses": [], "usernames": [] },
            },
        }],
        "auditPolicy": { "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{ "level": "Metadata" }] },
    })
}

fn texts(prefixes: &[ipnet::IpNet]) -> Vec<String> {
    prefixes.iter().map(ToString::to_string).collect()
}

/// The host of `https://host:6443`, an IPv6 address without its brackets.
pub(super) fn endpoint_host(endpoint: &str) -> &str {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

fn cni(cni: &Cni) -> Value {
    match cni {
        Cni::Default => Value::Null,
        Cni::Flannel => json!({ "name": "flannel" }),
        Cni::None => json!({ "name": "none" }),
        Cni::Custom(urls) => json!({ "name": "custom", "urls": urls }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_endpoint_has_no_port_and_no_brackets() {
        for (endpoint, host) in [
            ("https://10.2.3.1:6443", "10.2.3.1"),
            ("https://[fd00::1]:6443", "fd00::1"),
            ("https://kube.example.com", "kube.example.com"),
            ("https://kube.example.com:6443/", "kube.example.com"),
        ] {
            assert_eq!(endpoint_host(endpoint), host);
        }
    }
}
