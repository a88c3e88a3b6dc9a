//! `secrets`: sealed values, and Secrets that External Secrets makes or fetches.

use serde_json::{Value, json};

use super::{Context, Made, Need, What};
use crate::{
    code,
    diagnostic::Diagnostic,
    inventory::SecretEntry,
    node::{Part, escape},
    secrets::{Expected, ExpectedKey, SealLabel, sealed_secret_object, verify},
};

/// A SealedSecret or an ExternalSecret for each, and the generator where values are made.
pub fn make(context: &Context<'_>, made: &mut Made) {
    for (name, secret) in &context.unit.facets.secrets {
        let pointer = context.pointer(&format!("secrets/{}", escape(name)));
        made.secrets.push((context.unit.namespace.clone(), name.clone()));
        match (secret.sealed.is_empty(), secret.external.is_empty()) {
            (false, true) => sealed(context, made, name, secret, &pointer),
            (true, false) => external(context, made, name, secret, &pointer),
            (both_empty, _) => {
                let wrong = if both_empty { "has no keys" } else { "is both sealed and external" };
                let is_made = secret.generate.is_some() || secret.store.is_some() || secret.path.is_some();
                let help = match (both_empty, is_made) {
                    (true, true) => "name the keys that External Secrets provides: `external = [\"…\"]`",
                    (true, false) => {
                        "name its keys: `sealed = [\"…\"]` if you seal them, `external = [\"…\"]` if External Secrets provides them"
                    }
                    (false, _) => "make it two Secrets: one with the keys of `sealed`, one with those of `external`",
                };
                made.findings.push(
                    Diagnostic::new(code!("secret-keys"), format!("Secret `{name}` {wrong}"))
                        .at(context.root.place_of(&pointer, Part::Key), "")
                        .help(help)
                        .about(format!("Secret:{}/{name}", context.unit.namespace)),
                );
            }
        }
    }
}

fn sealed(context: &Context<'_>, made: &mut Made, name: &str, secret: &SecretEntry, pointer: &str) {
    let place = context.root.place_of(pointer, Part::Key);
    made.needs.push(Need {
        what: What::Capability("api/bitnami.com".into()),
        reason: format!("its Secret `{name}` is unsealed by Sealed Secrets"),
        place,
        otherwise: Some("Sealed Secrets".into()),
    });
    if context.inventory.sealing.is_none() {
        made.findings.push(
            Diagnostic::new(
                code!("sealing-missing"),
                format!("Secret `{name}` is sealed, but nothing says for which cluster"),
            )
            .at(place, "")
            .help("fetch the certificate: `kubeseal --fetch-cert > certs/sealed-secrets.pem`")
            .help("add `[sealing]` with `cert = \"certs/sealed-secrets.pem\"`, and pin its key: `gitopsc cert pin`")
            .breaks("/sealing")
            .follows("/sealing"),
        );
        return;
    }
    let namespace = &context.unit.namespace;
    let store = (namespace.clone(), name.to_owned());
    if context.sealed.broken.contains(&store) {
        return;
    }
    let stored = context.sealed.secrets.get(&store);
    let label = SealLabel::new(namespace, name, secret.scope);
    let key = |(index, name)| ExpectedKey {
        name,
        place: context.root.place_of(&format!("{pointer}/sealed/{index}"), Part::Value),
    };
    let keys: Vec<ExpectedKey<'_>> = secret.sealed.iter().map(String::as_str).enumerate().map(key).collect();
    let service = context.unit.label();
    let certificate = context.sealed.certificate.as_ref();
    let expected = Expected { service: &service, label: label.clone(), place, keys: &keys, certificate };
    made.findings.extend(verify(stored, &expected));
    let Some(stored) = stored else { return };
    let mut declared = stored.sealed();
    declared.values.retain(|key, _| secret.sealed.contains(key));
    if !declared.values.is_empty() {
        let object = sealed_secret_object(&declared, &label, secret.r#type.as_deref());
        made.object(format!("{name}.sealed.yaml"), pointer, object);
    }
}

fn external(context: &Context<'_>, made: &mut Made, name: &str, secret: &SecretEntry, pointer: &str) {
    let place = context.root.place_of(pointer, Part::Key);
    made.needs.push(Need {
        what: What::Capability("api/external-secrets.io".into()),
        reason: format!("its Secret `{name}` is made by External Secrets"),
        place,
        otherwise: Some("External Secrets".into()),
    });
    let namespace = &context.unit.namespace;
    let mut target = json!({ "name": name });
    if let Some(kind) = &secret.r#type {
        target["template"] = json!({ "type": kind });
    }
    let mut objects = Vec::new();
    let spec = if let Some(rule) = &secret.generate {
        let Some(password) = password(rule) else {
            made.findings.push(
                Diagnostic::new(code!("generate-unknown"), format!("`{rule}` does not say what to generate"))
                    .at(context.root.place_of(&format!("{pointer}/generate"), Part::Value), "")
                    .help("write `alphanumeric:32`, `symbols:32` or `hex:64`: an alphabet and a length from 8 to 256"),
            );
            return;
        };
        objects.push(json!({
            "apiVersion": "generators.external-secrets.io/v1alpha1",
            "kind": "Password",
            "metadata": { "name": name, "namespace": namespace },
            "spec": password,
        }));
        let generator =
            json!({ "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": name });
        let rename = |key: &String| {
            json!({
                "sourceRef": { "generatorRef": generator },
                "rewrite": [{ "regexp": { "source": "^password$", "target": key } }],
            })
        };
        json!({
            // A value that exists is never made anew: a changed password locks its users out.
            "refreshPolicy": "CreatedOnce",
            "target": target,
            "dataFrom": secret.external.iter().map(rename).collect::<Vec<Value>>(),
        })
    } else {
        let store =
            secret.store.clone().or_else(|| context.plan.only("clustersecretstore/").map(|(name, _)| name.to_owned()));
        let Some(store) = store else {
            made.findings.push(
                Diagnostic::new(code!("store-unknown"), format!("nothing says where Secret `{name}` is fetched from"))
                    .at(place, "")
                    .note(stores(context))
                    .help(
                        "name a store with `store = \"…\"`, or let the value be made: `generate = \"alphanumeric:32\"`",
                    ),
            );
            return;
        };
        made.needs.push(Need {
            what: What::Capability(format!("clustersecretstore/{store}")),
            reason: format!("its Secret `{name}` is fetched from the store `{store}`"),
            place,
            otherwise: Some(format!("the secret store `{store}`")),
        });
        let path = secret.path.clone().unwrap_or_else(|| format!("{namespace}/{name}"));
        let item = |key: &String| json!({ "secretKey": key, "remoteRef": { "key": path, "property": key } });
        json!({
            "refreshInterval": "1h",
            "secretStoreRef": { "kind": "ClusterSecretStore", "name": store },
            "target": target,
            "data": secret.external.iter().map(item).collect::<Vec<Value>>(),
        })
    };
    // External Secrets 0.16 brought `v1`; before it there was only `v1beta1`.
    let old = context.plan.chart_version("api/external-secrets.io").is_some_and(|version| version < (0, 16));
    objects.push(json!({
        "apiVersion": if old { "external-secrets.io/v1beta1" } else { "external-secrets.io/v1" },
        "kind": "ExternalSecret",
        "metadata": { "name": name, "namespace": namespace },
        "spec": spec,
    }));
    made.files.push(super::MadeFile { name: format!("{name}.external.yaml"), pointer: pointer.to_owned(), objects });
}

fn stores(context: &Context<'_>) -> String {
    let known = context.plan.providers.keys().filter_map(|capability| capability.strip_prefix("clustersecretstore/"));
    let known: Vec<String> = known.map(|store| format!("`{store}`")).collect();
    if known.is_empty() {
        "no service brings a store; one does with `provides = [\"clustersecretstore/…\"]`".into()
    } else {
        format!("services bring more than one store: {}", known.join(", "))
    }
}

/// The Password generator of `alphanumeric:32` (External Secrets 1.3: `generators.external-secrets.io/v1alpha1`).
fn password(rule: &str) -> Option<Value> {
    let (alphabet, length) = rule.split_once(':')?;
    let length: u32 = length.parse().ok().filter(|length| (8..=256).contains(length))?;
    let digits = length / 4;
    let spec = match alphabet {
        "alphanumeric" => {
            json!({ "length": length, "digits": digits, "symbols": 0, "noUpper": false, "allowRepeat": true })
        }
        "symbols" => {
            json!({ "length": length, "digits": digits, "symbols": digits, "noUpper": false, "allowRepeat": true })
        }
        // Hexadecimal text of random letters and digits: every two characters stand for one of them.
        "hex" if length.is_multiple_of(2) => json!({
            "length": length / 2, "digits": length / 8, "symbols": 0, "noUpper": false, "allowRepeat": true, "encoding": "hex",
        }),
        _ => return None,
    };
    Some(spec)
}
