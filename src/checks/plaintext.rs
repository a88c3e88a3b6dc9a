//! No secret lies in plain text in a template.

use crate::{
    code,
    compile::{Body, Model, objects},
    diagnostic::Diagnostic,
    node::{Entry, Kind, Node},
    source::{Place, Sources, Span},
};

/// Secrets with literal data, private keys, and literal passwords.
pub fn check(model: &Model, sources: &Sources, found: &mut Vec<Diagnostic>) {
    for (path, source) in &model.inputs.files {
        private_keys(path, *source, &sources.get(*source).text, found);
    }
    for output in &model.units {
        for manifest in &output.manifests {
            let Body::Template { documents, .. } = &manifest.body else { continue };
            for document in documents.iter().flat_map(|document| objects(&document.root)) {
                match document.get("kind").and_then(Node::as_str) {
                    Some("Secret") => secret(document, found),
                    // `secretKey` there is the name of a key.
                    Some("ExternalSecret" | "ClusterExternalSecret" | "PushSecret") => {}
                    _ => passwords(document, found),
                }
            }
        }
        if let Some(values) = &output.values {
            passwords(&values.root, found);
        }
    }
}

/// PEM blocks of private keys, also half of one.
fn private_keys(path: &str, source: crate::source::SourceId, text: &str, found: &mut Vec<Diagnostic>) {
    for marker in ["PRIVATE KEY-----", "AGE-SECRET-KEY-1"] {
        if let Some(start) = text.find(marker) {
            let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
            found.push(
                Diagnostic::new(code!("secret-plaintext"), format!("`{path}` holds a private key"))
                    .at(Place { source, span: Span::new(line_start, start + marker.len()) }, "")
                    .help("take it out, replace it (it is in git's history), and seal the new one with `gitopsc seal`"),
            );
        }
    }
}

fn secret(document: &Node, found: &mut Vec<Diagnostic>) {
    for entry in ["data", "stringData"].iter().filter_map(|key| document.get(key)).flat_map(Node::entries) {
        let literal = entry.value.as_str().is_some_and(|text| !text.is_empty());
        if literal {
            found.push(
                Diagnostic::new(code!("secret-plaintext"), format!("this Secret holds `{}` in plain text", entry.key))
                    .at(entry.key_place, "")
                    .note("base64 hides nothing")
                    .help("declare it under `secrets` of its service, and seal the value: gitopsc seal SERVICE SECRET KEY"),
            );
        }
    }
}

/// Keys named like passwords with a literal behind them.
fn passwords(node: &Node, found: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::List(items) => {
            for item in items {
                // `- name: DB_PASSWORD` with `value: …`: an environment variable.
                if let (Some(name), Some(entry)) = (item.get("name").and_then(Node::as_str), item.entry("value"))
                    && is_password(name)
                    && is_literal(&entry.value)
                {
                    found.push(literal(name, entry));
                }
                passwords(item, found);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                if is_password(&entry.key) && is_literal(&entry.value) {
                    found.push(literal(&entry.key, entry));
                }
                passwords(&entry.value, found);
            }
        }
        _ => {}
    }
}

fn literal(name: &str, entry: &Entry) -> Diagnostic {
    Diagnostic::new(code!("secret-plaintext"), format!("`{name}` is written in plain text"))
        .at(entry.key_place, "")
        .help("use a Secret by name: most charts take `existingSecret`, containers `secretKeyRef`; `[[allow]]` it if it is no secret")
        .about(name)
}

/// Names that end in a word for a secret. Names of Secrets and of their keys do not (`passwordKey`), or say that what they
/// name exists already (`existingSecretKey`).
fn is_password(name: &str) -> bool {
    if name.starts_with("existing") {
        return false;
    }
    let flat: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    ["password", "passwd", "apikey", "secretkey", "clientsecret", "authtoken", "accesstoken"]
        .iter()
        .any(|word| flat.ends_with(word))
}

/// A text that can be a secret: not empty, no reference to somewhere else, no file path.
fn is_literal(value: &Node) -> bool {
    value.as_str().is_some_and(|text| {
        let elsewhere =
            ["$", "/", "%", "file:", "vault:", "op://", "secret:", "{{"].iter().any(|start| text.starts_with(start));
        !text.is_empty()
            && !elsewhere
            && !text.contains(' ')
            && !matches!(text, "true" | "false" | "null" | "changeme" | "REPLACE_ME")
    })
}
