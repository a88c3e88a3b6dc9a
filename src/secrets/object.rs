//! The SealedSecret object of a store, as kubeseal writes it.

use serde_json::{Map, Value, json};

use super::{
    seal::{Scope, SealLabel},
    store::SealedSecret,
};

/// The group and version of SealedSecret, served by every controller since v0.1.
pub const API_VERSION: &str = "bitnami.com/v1alpha1";

/// The `bitnami.com/v1alpha1` SealedSecret of a Secret; `secret_type` is the `type` of the Secret it becomes.
///
/// The annotation of a wide scope stands on the object, where the controller reads it, and on the template, where it ends up
/// on the Secret, as with kubeseal.
pub fn sealed_secret_object(sealed: &SealedSecret, label: &SealLabel, secret_type: Option<&str>) -> Value {
    let values: Map<String, Value> =
        sealed.values.iter().map(|(key, value)| (key.clone(), Value::String(value.sealed.clone()))).collect();
    let metadata = metadata(label);
    let mut template = json!({ "metadata": metadata });
    if let Some(secret_type) = secret_type {
        template["type"] = json!(secret_type);
    }
    json!({
        "apiVersion": API_VERSION,
        "kind": "SealedSecret",
        "metadata": metadata,
        "spec": { "encryptedData": values, "template": template },
    })
}

fn metadata(label: &SealLabel) -> Value {
    let mut metadata = json!({ "name": label.name, "namespace": label.namespace });
    let annotation = match label.scope {
        Scope::Strict => return metadata,
        Scope::NamespaceWide => "sealedsecrets.bitnami.com/namespace-wide",
        Scope::ClusterWide => "sealedsecrets.bitnami.com/cluster-wide",
    };
    metadata["annotations"] = json!({ annotation: "true" });
    metadata
}
