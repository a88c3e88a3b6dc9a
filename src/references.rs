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
    /// Secrets it names: namespace (None: the unit's own), name, place.
    pub secrets: Vec<(Option<String>, String, Place)>,
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
    walk(document, namespace, !makes_secret, &mut found);
    found
}

/// Reads the references of a release's values.
pub fn of_values(values: &Node) -> References {
    let mut found = References::default();
    walk(values, None, true, &mut found);
    found
}

fn walk(node: &Node, namespace: Option<&str>, secrets: bool, found: &mut References) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| walk(item, namespace, secrets, found)),
        Kind::Map(entries) => {
            for entry in entries {
                reference(&entry.key, &entry.value, namespace, secrets, found);
                walk(&entry.value, namespace, secrets, found);
            }
        }
        _ => {}
    }
}

/// The reference that a key holds, if it holds one.
fn reference(key: &str, value: &Node, namespace: Option<&str>, secrets: bool, found: &mut References) {
    let mut need = |capability: String, reason: String, place: Place, otherwise: Option<String>| {
        found.needs.push(Need { what: What::Capability(capability), reason, place, otherwise });
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
        ("secretName" | "existingSecret" | "existingSecretName", Some(name)) if secrets => {
            found.secrets.push((namespace.map(str::to_owned), name.to_owned(), value.place));
        }
        ("secret", None) if secrets => {}
        (_, None)
            if secrets
                && is_secret_ref(key)
                && value.get("optional").is_none_or(|flag| flag.kind != Kind::Bool(true)) =>
        {
            if let Some((name, place)) = name_of(value) {
                let own = value.get("namespace").and_then(Node::as_str).map(str::to_owned);
                found.secrets.push((own.or_else(|| namespace.map(str::to_owned)), name.to_owned(), place));
            }
        }
        ("imagePullSecrets", None) if secrets => {
            for item in value.items() {
                if let Some((name, place)) = name_of(item) {
                    found.secrets.push((namespace.map(str::to_owned), name.to_owned(), place));
                }
            }
        }
        _ => {}
    }
}

/// `secretKeyRef`, `secretRef`, `apiKeySecretRef` and their like; not references to stores or account keys that are made.
fn is_secret_ref(key: &str) -> bool {
    key == "secretKeyRef" || key == "secretRef" || key.ends_with("SecretRef") && key != "privateKeySecretRef"
}

fn kind_of(node: &Node) -> Option<&str> {
    node.get("kind").and_then(Node::as_str)
}

fn name_of(node: &Node) -> Option<(&str, Place)> {
    let name = node.get("name")?;
    name.as_str().filter(|text| !text.is_empty()).map(|text| (text, name.place))
}
