//! Who surely uses which Secrets and ConfigMaps: pods, Flux, ingresses, well-known custom resources, the values of releases.
//!
//! What a custom resource or a chart we do not know calls a Secret may as well be one that it makes: that is no use here.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Kind, Stored,
    makers::{has_issuer, is_true},
};
use crate::{
    claims::helm::Release,
    flux::{Object, has_placeholder},
    knowledge,
    node::{Kind as NodeKind, Node},
    source::Place,
    survey::Survey,
};

/// A Secret or ConfigMap that is surely used.
#[derive(Clone, Debug)]
pub struct Use {
    /// What.
    pub stored: Stored,
    /// The key that is used, if one is named, and where.
    pub key: Option<(String, Place)>,
    /// Where its name is written.
    pub place: Place,
    /// The unit that holds the user.
    pub unit: usize,
    /// Who uses it, in the words of the reader: ``Deployment `web` ``.
    pub who: String,
    /// The release in whose values it stands, as an index of the survey's.
    pub release: Option<usize>,
    /// Whether the key it stands under says that somebody else makes it: `existingSecret`.
    pub is_existing: bool,
}

/// Custom resources whose references to Secrets only ever name what is there already.
const KNOWN_GROUPS: &[&str] = &[
    "acme.cert-manager.io",
    "cert-manager.io",
    "external-secrets.io",
    "grafana.integreatly.org",
    "monitoring.coreos.com",
    "traefik.io",
    "volsync.backube",
];

/// Every sure use in one of the survey's clusters, in the order of its units.
pub fn uses(survey: &Survey, cluster: usize) -> Vec<Use> {
    let mut found = Vec::new();
    let releases: BTreeMap<_, _> = survey
        .releases
        .iter()
        .enumerate()
        .filter(|(_, release)| release.cluster == cluster)
        .map(|(at, release)| (&release.object, at))
        .collect();
    let units = &survey.clusters[cluster].units;
    let sources: BTreeSet<_> = units
        .iter()
        .filter_map(|unit| unit.spec.source.as_ref())
        .map(|source| (source.kind.as_str(), source.name.as_str()))
        .collect();
    let issuers = survey
        .releases
        .iter()
        .filter(|release| release.cluster == cluster)
        .find(|release| release.chart.as_ref().is_some_and(|chart| chart.name == "cert-manager"));
    let issuers = issuers.map(|release| release.target_namespace.as_str());
    for (unit, object) in units
        .iter()
        .enumerate()
        .filter(|(_, unit)| !unit.spec.suspend)
        .flat_map(|(at, unit)| unit.objects().iter().map(move |object| (at, object)))
    {
        let id = &object.id;
        let home = match (id.group.as_str(), id.kind.as_str()) {
            ("cert-manager.io", "ClusterIssuer") => issuers,
            _ => id.namespace.as_deref(),
        };
        let mut walker = Walker {
            home,
            who: format!("{} `{}`", id.kind, id.name),
            unit,
            release: None,
            named: None,
            chart: "",
            found: &mut found,
        };
        match (id.group.as_str(), id.kind.as_str()) {
            // What a definition, a policy or a template merely mentions is not used, nor is what something makes.
            ("", "ConfigMap" | "Secret" | "Namespace" | "Event")
            | ("apiextensions.k8s.io", _)
            | ("external-secrets.io", "ExternalSecret" | "ClusterExternalSecret" | "PushSecret")
            | ("cert-manager.io", "Certificate") => {}
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => walker.kustomization(&object.node),
            ("helm.toolkit.fluxcd.io", "HelmRelease") if is_true(object.node.at(["spec", "suspend"])) => {}
            ("helm.toolkit.fluxcd.io", "HelmRelease") => {
                let at = releases.get(id).copied();
                walker.release(&object.node, at.map(|at| (at, &survey.releases[at])));
            }
            // The credentials of what Flux itself is read from are there before anything else, made by who installs it.
            ("source.toolkit.fluxcd.io", kind) if sources.contains(&(kind, id.name.as_str())) => {}
            ("networking.k8s.io", "Ingress") => walker.ingress(object),
            ("gateway.networking.k8s.io", "Gateway") => walker.gateway(object),
            ("volsync.backube", "ReplicationSource" | "ReplicationDestination") => walker.volume_backup(&object.node),
            ("", "ServiceAccount") => walker.pull_secrets(object.node.get("imagePullSecrets")),
            (group, _)
                if knowledge::is_built_in_group(group)
                    || knowledge::is_flux_group(group)
                    || KNOWN_GROUPS.contains(&group) =>
            {
                if let Some(spec) = object.node.get("spec") {
                    walker.walk(spec, "spec");
                }
            }
            _ => {}
        }
    }
    found
}

/// Walks one object, or the values of one release.
struct Walker<'w> {
    /// The namespace of names without one; None where that is not known.
    home: Option<&'w str>,
    who: String,
    unit: usize,
    release: Option<usize>,
    /// The release's name and namespace, which templates in its values may name.
    named: Option<(&'w str, &'w str)>,
    chart: &'w str,
    found: &'w mut Vec<Use>,
}

impl Walker<'_> {
    fn push(&mut self, kind: Kind, namespace: Option<&Node>, name: &Node, key: Option<&Node>, is_existing: bool) {
        let Some(namespace) = namespace.and_then(Node::as_str).or(self.home) else { return };
        let Some(written) = name.as_str().filter(|name| !name.is_empty()) else { return };
        let (namespace, written) = (&*self.filled(namespace), &*self.filled(written));
        if [namespace, written].iter().any(|text| has_placeholder(text) || text.contains("{{") || text.contains("${")) {
            return;
        }
        let key = key.and_then(|key| Some((key.as_str()?.to_owned(), key.place)));
        let key = key
            .filter(|(key, _)| !key.is_empty() && !key.contains("{{") && !key.contains("${") && !has_placeholder(key));
        self.found.push(Use {
            stored: Stored { kind, namespace: namespace.to_owned(), name: written.to_owned() },
            key,
            place: name.place,
            unit: self.unit,
            who: self.who.clone(),
            release: self.release,
            is_existing,
        });
    }

    /// A text of values with the release's name and namespace in place of templates of just these. What else a chart computes is
    /// for it to know.
    fn filled<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some((name, namespace)) = self.named.filter(|_| text.contains("{{")) else { return text.into() };
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, (template, behind))) =
            rest.split_once("{{").and_then(|(before, open)| Some((before, open.split_once("}}")?)))
        {
            let value = match template.trim_matches(['-', ' ']).trim_start_matches('$') {
                ".Release.Name" => name,
                ".Release.Namespace" => namespace,
                _ => return text.into(),
            };
            filled.push_str(before);
            filled.push_str(value);
            rest = behind;
        }
        filled.push_str(rest);
        filled.into()
    }

    /// A Flux Kustomization. Its key for decryption is there before Flux, made by hand.
    fn kustomization(&mut self, node: &Node) {
        for from in node.at(["spec", "postBuild", "substituteFrom"]).map(Node::items).unwrap_or_default() {
            self.from(from, false);
        }
        if let Some(secret) = node.at(["spec", "kubeConfig", "secretRef"]) {
            self.reference(Kind::Secret, secret, false);
        }
    }

    /// An entry of `substituteFrom` or `valuesFrom`.
    fn from(&mut self, from: &Node, has_key: bool) {
        let kind = from.get("kind").and_then(Node::as_str).and_then(Kind::of);
        if let (Some(kind), Some(name), false) = (kind, from.get("name"), is_true(from.get("optional"))) {
            self.push(kind, None, name, from.get("valuesKey").filter(|_| has_key), false);
        }
    }

    fn release(&mut self, node: &Node, release: Option<(usize, &Release)>) {
        for from in node.at(["spec", "valuesFrom"]).map(Node::items).unwrap_or_default() {
            self.from(from, true);
        }
        if let Some(secret) = node.at(["spec", "kubeConfig", "secretRef"]) {
            self.reference(Kind::Secret, secret, false);
        }
        if let Some((at, release)) = release {
            let chart = release.chart.as_ref().map_or("", |chart| chart.name.as_str());
            let mut inner = Walker {
                home: Some(&release.target_namespace),
                who: self.who.clone(),
                unit: self.unit,
                release: Some(at),
                named: Some((&release.name, &release.target_namespace)),
                chart,
                found: &mut *self.found,
            };
            inner.walk(&release.values, "");
        }
    }

    /// An Ingress: its certificates, unless cert-manager makes them.
    fn ingress(&mut self, object: &Object) {
        if has_issuer(&object.node) {
            return;
        }
        for tls in object.node.at(["spec", "tls"]).map(Node::items).unwrap_or_default() {
            if let Some(name) = tls.get("secretName") {
                self.push(Kind::Secret, None, name, None, false);
            }
        }
    }

    fn gateway(&mut self, object: &Object) {
        if has_issuer(&object.node) {
            return;
        }
        let listeners = object.node.at(["spec", "listeners"]).map(Node::items).unwrap_or_default();
        let references = listeners.iter().filter_map(|listener| listener.at(["tls", "certificateRefs"]));
        for reference in references.flat_map(Node::items) {
            let is_secret = reference.get("kind").is_none_or(|kind| kind.as_str() == Some("Secret"));
            if let Some(name) = reference.get("name").filter(|_| is_secret) {
                self.push(Kind::Secret, reference.get("namespace"), name, None, false);
            }
        }
    }

    /// A replication of VolSync (`volsync.backube/v1alpha1`), whose `repository` is a Secret.
    fn volume_backup(&mut self, node: &Node) {
        for mover in ["restic", "rclone", "kopia"] {
            for key in ["repository", "rcloneConfig"] {
                if let Some(name) = node.at(["spec", mover, key]) {
                    self.push(Kind::Secret, None, name, None, false);
                }
            }
        }
    }

    fn walk(&mut self, node: &Node, key: &str) {
        match &node.kind {
            NodeKind::List(items) => items.iter().for_each(|item| self.walk(item, key)),
            NodeKind::Map(entries) => {
                let is_off = node.get("enabled").is_some_and(|flag| flag.kind == NodeKind::Bool(false));
                // A manifest among values is applied by the chart, wherever it says.
                let is_manifest =
                    self.release.is_some() && node.get("apiVersion").is_some() && node.get("kind").is_some();
                if self.release.is_some() && (is_off || is_manifest) {
                    return;
                }
                for entry in entries {
                    self.key(node, key, &entry.key, &entry.value);
                    self.walk(&entry.value, &entry.key);
                }
            }
            _ => {}
        }
    }

    /// What a key with this name refers to.
    fn key(&mut self, parent: &Node, above: &str, key: &str, value: &Node) {
        if is_true(parent.get("optional")) || is_true(value.get("optional")) {
            return;
        }
        let in_values = self.release.is_some();
        // A volume has a name beside its source; a projected volume has a list of sources.
        let in_volume = parent.get("name").is_some() || above == "sources";
        match (key, value.as_str()) {
            ("secretKeyRef" | "secretRef", None) => self.reference(Kind::Secret, value, key == "secretKeyRef"),
            ("configMapKeyRef" | "configMapRef", None) => {
                self.reference(Kind::ConfigMap, value, key == "configMapKeyRef");
            }
            ("secret", None) if in_volume => {
                let name = value.get("secretName").or_else(|| value.get("name").filter(|_| above == "sources"));
                self.volume(Kind::Secret, value, name);
            }
            ("configMap", None) if in_volume && value.get("data").is_none() => {
                self.volume(Kind::ConfigMap, value, value.get("name"));
            }
            ("imagePullSecrets", None) => self.pull_secrets(Some(value)),
            ("existingSecret" | "existingSecretName", Some(_)) if in_values => {
                self.push(Kind::Secret, None, value, None, true);
            }
            // Of a runner's scale set; a map there is a Secret for the chart to make.
            ("githubConfigSecret", Some(_)) if self.chart == "gha-runner-scale-set" => {
                self.push(Kind::Secret, None, value, None, true);
            }
            ("persistence", None) if self.chart == "app-template" => self.persistence(value),
            (_, None) if !in_values && key.ends_with("SecretRef") && key != "privateKeySecretRef" => {
                self.reference(Kind::Secret, value, false);
            }
            _ => {}
        }
    }

    fn reference(&mut self, kind: Kind, value: &Node, has_key: bool) {
        if let Some(name) = value.get("name") {
            self.push(kind, value.get("namespace"), name, value.get("key").filter(|_| has_key), false);
        }
    }

    fn volume(&mut self, kind: Kind, value: &Node, name: Option<&Node>) {
        let Some(name) = name else { return };
        let items = value.get("items").map(Node::items).unwrap_or_default();
        self.push(kind, None, name, None, false);
        for key in items.iter().filter_map(|item| item.get("key")) {
            self.push(kind, None, name, Some(key), false);
        }
    }

    fn pull_secrets(&mut self, list: Option<&Node>) {
        for secret in list.map(Node::items).unwrap_or_default() {
            self.reference(Kind::Secret, secret, false);
        }
    }

    /// `persistence` of the chart app-template (4.x): `type: secret` and `type: configMap` name what is there.
    fn persistence(&mut self, value: &Node) {
        for entry in value.entries() {
            let volume = &entry.value;
            let is_off = volume.get("enabled").is_some_and(|flag| flag.kind == NodeKind::Bool(false));
            let kind = match volume.get("type").and_then(Node::as_str) {
                Some("secret") => Kind::Secret,
                Some("configMap") => Kind::ConfigMap,
                _ => continue,
            };
            if let Some(name) = volume.get("name").filter(|_| !is_off && !is_true(volume.get("optional"))) {
                self.push(kind, None, name, None, false);
            }
        }
    }
}
