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
    for (unit, output) in model.plan.units.iter().zip(&model.units) {
        for manifest in &output.manifests {
            let Body::Template { documents, .. } = &manifest.body else { continue };
            for document in documents.iter().flat_map(|document| objects(&document.root)) {
                match document.get("kind").and_then(Node::as_str) {
                    Some("Secret") => secret(document, &unit.label(), found),
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

/// PEM blocks of private keys, also half of one, and private keys of age.
fn private_keys(path: &str, source: crate::source::SourceId, text: &str, found: &mut Vec<Diagnostic>) {
    for marker in ["PRIVATE KEY-----", "AGE-SECRET-KEY-1"] {
        let key = text.match_indices(marker).map(|(start, _)| start).find(|start| is_key(text, *start, marker));
        if let Some(start) = key {
            let line = crate::template::line(text, start);
            found.push(
                Diagnostic::new(code!("secret-plaintext"), format!("`{path}` holds a private key"))
                    .at(Place { source, span: Span::new(line.start, line.end) }, "")
                    .hidden()
                    .help("take it out, replace it (it is in git's history), and seal the new one with `gitopsc seal`")
                    .about(path),
            );
        }
    }
}

/// Whether there is a key beside the marker, and not only talk of one.
fn is_key(text: &str, start: usize, marker: &str) -> bool {
    let is_base64 = |line: &str| {
        let line = line.trim().trim_matches(['"', '\'', ',']);
        line.len() >= 32 && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
    };
    let after = &text[start + marker.len()..];
    if marker.starts_with("AGE") {
        return after.bytes().take_while(u8::is_ascii_alphanumeric).count() >= 32;
    }
    // In a quoted text line breaks are written `\\n`.
    let after = after.replace("\\n", "\n");
    let before = text[..start].replace("\\n", "\n");
    after.lines().skip(1).take(4).any(is_base64) || before.lines().rev().skip(1).take(4).any(is_base64)
}

/// One finding for a Secret, at the first of its values.
fn secret(document: &Node, unit: &str, found: &mut Vec<Diagnostic>) {
    let values = ["data", "stringData"].iter().filter_map(|key| document.get(key)).flat_map(Node::entries);
    let literal: Vec<&Entry> = values.filter(|entry| entry.value.as_str().is_some_and(is_text)).collect();
    let Some(first) = literal.first() else { return };
    let text = |path: &[&str]| document.at(path.iter().copied()).and_then(Node::as_str).unwrap_or("…");
    let (namespace, name) = (text(&["metadata", "namespace"]), text(&["metadata", "name"]));
    let keys: Vec<String> = literal.iter().map(|entry| format!("`{}`", entry.key)).collect();
    let quoted: Vec<String> = literal.iter().map(|entry| format!("\"{}\"", entry.key)).collect();
    found.push(
        Diagnostic::new(code!("secret-plaintext"), format!("Secret `{name}` holds {} in plain text", keys.join(", ")))
            .at(first.key_place, "")
            .hidden()
            .note("base64 hides nothing")
            .help(format!(
                "remove the manifest, declare it in [services.{unit}]: `secrets = {{ {name} = {{ sealed = [{}] }} }}`, and seal a new value: `gitopsc seal {unit} {name} {}`",
                quoted.join(", "),
                first.key
            ))
            .about(format!("Secret:{namespace}/{name}")),
    );
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
                if is_password(&entry.key) && is_literal(&entry.value) && !is_name_of_key(entry, entries) {
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
        .hidden()
        .help("name a Secret instead: most charts take `existingSecret`, containers `valueFrom` with a `secretKeyRef`")
        .help(format!(
            "if it is no secret: `[[allow]]` with `code = \"secret-plaintext\"`, `on = \"{name}\"` and a reason"
        ))
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

/// Beside the name of a Secret, `secretKey` names a key in it.
fn is_name_of_key(entry: &Entry, all: &[Entry]) -> bool {
    let names_secret = |other: &Entry| {
        let key = other.key.to_lowercase();
        other.key != entry.key && other.value.as_str().is_some() && (key == "name" || key.contains("secret"))
    };
    entry.key.to_lowercase().ends_with("secretkey") && all.iter().any(names_secret)
}

/// A text that can be a secret: not empty, no reference to somewhere else, no file path.
fn is_literal(value: &Node) -> bool {
    value.as_str().is_some_and(|text| {
        is_text(text)
            && !text.starts_with(['/', '%'])
            && !text.contains(' ')
            && !matches!(text, "true" | "false" | "null" | "changeme" | "REPLACE_ME")
    })
}

/// A text that stands for itself: neither filled in later (`${NAME}`, `<path:…>`, `vault:…`) nor encrypted (`ENC[…]`).
fn is_text(text: &str) -> bool {
    let elsewhere = ["$", "{{", "<", "ENC[", "file:", "op://", "ref+", "secret:", "secretref", "vault:"]
        .iter()
        .any(|start| text.starts_with(start));
    !text.trim().is_empty() && !elsewhere
}
