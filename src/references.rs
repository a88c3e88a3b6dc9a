//! What manifests and values refer to: classes, issuers, stores, Secrets, the API groups of custom resources.

use crate::{
    claim::group_of,
    facets::{Need, What},
    knowledge,
    node::{Kind, Node},
    source::Place,
};

/// What one document refers to.
#[derive(Debug, Default)]
pub struct References {
    /// What must be there first.
    pub needs: Vec<Need>,
    /// Secrets it names.
    pub secrets: Vec<SecretUse>,
}

/// A Secret that a manifest or a value names.
#[derive(Clone, Debug)]
pub struct SecretUse {
    /// Its namespace. None: the one of the unit.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub place: Place,
    /// Whether it is surely read here. Some values and custom resources name a Secret that their chart or operator makes.
    pub is_certain: bool,
}

impl SecretUse {
    /// A use that the inventory itself declares.
    pub fn certain(namespace: &str, name: &str, place: Place) -> Self {
        SecretUse { namespace: Some(namespace.to_owned()), name: name.to_owned(), place, is_certain: true }
    }
}

/// What holds for a whole document.
struct Within<'d> {
    namespace: Option<&'d str>,
    /// Names of Secrets in it are uses.
    secrets: bool,
    /// A plain `secretName` is surely a use, wherever it stands.
    certain: bool,
}

/// Reads the references of a manifest.
pub fn of_manifest(document: &Node) -> References {
    let mut found = References::default();
    let api_version = document.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
    let kind = document.get("kind").and_then(Node::as_str).unwrap_or_default();
    let group = group_of(api_version);
    if !knowledge::is_built_in_group(group)
        && !knowledge::is_flux_group(group)
        && let Some(written) = document.get("apiVersion")
    {
        found.needs.push(Need {
            what: What::Capability(format!("api/{group}")),
            reason: format!("its `{kind}` is of the API group `{group}`"),
            place: written.place,
            otherwise: Some(format!("the API group `{group}`")),
        });
    }
    let namespace = document.at(["metadata", "namespace"]).and_then(Node::as_str);
    // A Certificate's own secretName is what it makes, and an ExternalSecret's target likewise.
    let makes_secret =
        matches!(kind, "Certificate" | "SealedSecret" | "ExternalSecret" | "Secret" | "CustomResourceDefinition");
    let certain = knowledge::is_built_in_group(group) || knowledge::is_flux_group(group) || knows_its_secrets(group);
    walk(document, &Within { namespace, secrets: !makes_secret, certain }, &mut found);
    if !certain {
        found.secrets.iter_mut().for_each(|found| found.is_certain = false);
    }
    found
}

/// Custom resources whose fields only ever name Secrets that are there already, other than those that [`of_manifest`] leaves
/// out. An operator we do not know may as well make the Secret that its custom resource names.
fn knows_its_secrets(group: &str) -> bool {
    const GROUPS: &[&str] = &[
        "acme.cert-manager.io",
        "cert-manager.io",
        "external-secrets.io",
        "generators.external-secrets.io",
        "metallb.io",
        "monitoring.coreos.com",
        "traefik.io",
    ];
    GROUPS.contains(&group)
}

/// Reads the references of a release's values.
pub fn of_values(values: &Node) -> References {
    let mut found = References::default();
    walk(values, &Within { namespace: None, secrets: true, certain: false }, &mut found);
    found
}

fn walk(node: &Node, within: &Within<'_>, found: &mut References) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| walk(item, within, found)),
        Kind::Map(entries) => {
            for entry in entries {
                reference(node, &entry.key, &entry.value, within, found);
                // A chart may make the Secret that a value calls `secretName`; those of volumes and of Ingresses are uses.
                let inner =
                    matches!(entry.key.as_str(), "secret" | "tls") && !matches!(entry.value.kind, Kind::String(_));
                walk(&entry.value, &Within { certain: within.certain || inner, ..*within }, found);
            }
        }
        _ => {}
    }
}

/// The reference that a key holds, if it holds one.
fn reference(parent: &Node, key: &str, value: &Node, within: &Within<'_>, found: &mut References) {
    let secrets = within.secrets && !is_optional(parent) && !is_optional(value);
    let uses = &mut found.secrets;
    let mut secret = |own: Option<&str>, name: &str, place: Place, is_certain: bool| {
        // What a chart's own templates fill in is theirs to know.
        if !name.contains("{{") {
            let namespace = own.or(within.namespace).map(str::to_owned);
            uses.push(SecretUse { namespace, name: name.to_owned(), place, is_certain });
        }
    };
    let needs = &mut found.needs;
    let mut need = |capability: String, reason: String, place: Place, otherwise: Option<String>| {
        needs.push(Need { what: What::Capability(capability), reason, place, otherwise });
    };
    let text = value.as_str().filter(|text| !text.is_empty());
    match (key, text) {
        ("ingressClassName" | "kubernetes.io/ingress.class", Some(class)) => {
            need(format!("ingressclass/{class}"), format!("its Ingress is of the class `{class}`"), value.place, None);
        }
        ("storageClass" | "storageClassName", Some(class)) if class != "-" => {
            need(format!("storageclass/{class}"), format!("its volumes are of the class `{class}`"), value.place, None);
        }
        ("cert-manager.io/cluster-issuer", Some(issuer)) => {
            need(
                format!("clusterissuer/{issuer}"),
                format!("its certificate comes from the issuer `{issuer}`"),
                value.place,
                None,
            );
        }
        ("issuerRef", None) if kind_of(value) == Some("ClusterIssuer") => {
            if let Some((name, place)) = name_of(value) {
                let reason = format!("its certificate comes from the issuer `{name}`");
                need(format!("clusterissuer/{name}"), reason, place, Some(format!("the issuer `{name}`")));
            }
        }
        ("secretStoreRef", None) if kind_of(value) == Some("ClusterSecretStore") => {
            if let Some((name, place)) = name_of(value) {
                let reason = format!("it fetches secrets from the store `{name}`");
                need(format!("clustersecretstore/{name}"), reason, place, Some(format!("the secret store `{name}`")));
            }
        }
        ("secretName", Some(name)) if secrets => secret(None, name, value.place, within.certain),
        ("existingSecret" | "existingSecretName", Some(name)) if secrets => secret(None, name, value.place, true),
        (_, None) if secrets && is_secret_ref(key) => {
            if let Some((name, place)) = name_of(value) {
                secret(value.get("namespace").and_then(Node::as_str), name, place, true);
            }
        }
        ("imagePullSecrets", None) if secrets => {
            for (name, place) in value.items().iter().filter_map(name_of) {
                secret(None, name, place, true);
            }
        }
        _ => {}
    }
}

/// `secretKeyRef`, `secretRef`, `apiKeySecretRef` and their like; not references to stores or account keys that are made.
fn is_secret_ref(key: &str) -> bool {
    key == "secretKeyRef" || key == "secretRef" || key.ends_with("SecretRef") && key != "privateKeySecretRef"
}

/// Kubernetes goes on without it.
fn is_optional(node: &Node) -> bool {
    node.get("optional").is_some_and(|flag| flag.kind == Kind::Bool(true))
}

fn kind_of(node: &Node) -> Option<&str> {
    node.get("kind").and_then(Node::as_str)
}

fn name_of(node: &Node) -> Option<(&str, Place)> {
    let name = node.get("name")?;
    name.as_str().filter(|text| !text.is_empty()).map(|text| (text, name.place))
}
