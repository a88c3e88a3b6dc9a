//! Secrets that lie in the repository for everybody to read, and those that were never set.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    code,
    diagnostic::{Diagnostic, Severity},
    flux::has_placeholder,
    node::{Entry, Kind, Node},
    repository::is_below,
    survey::Survey,
};

/// Kinds whose keys are named like secrets and hold the names of such.
const POINTERS: &[&str] =
    &["ExternalSecret", "ClusterExternalSecret", "PushSecret", "SealedSecret", "VaultStaticSecret"];
/// Annotations with which Flux leaves an object alone once it is there, so that somebody else can fill it in.
const LEFT_ALONE: &[(&str, &str)] = &[
    ("kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent"),
    ("kustomize.toolkit.fluxcd.io/ssa", "Ignore"),
    ("kustomize.toolkit.fluxcd.io/ssa", "Merge"),
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
];

/// Reports them, in manifests that some tool applies.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    // What a unit never reaches is a fault of its own; what merely lies there is perhaps an example.
    let folders: Vec<&str> =
        survey.unreachable.iter().map(|lost| lost.folder.as_str()).filter(|folder| !folder.is_empty()).collect();
    for (path, file) in survey.repository.files() {
        if !survey.loaded.contains(path) && !folders.iter().any(|folder| is_below(path, folder)) {
            continue;
        }
        for document in file.documents() {
            judge(document, found);
        }
    }
}

fn judge(document: &Node, found: &mut Vec<Diagnostic>) {
    let Some(kind) = document.get("kind").and_then(Node::as_str) else { return };
    // A definition only describes fields. SOPS keeps what it encrypted with under this key.
    if kind == "CustomResourceDefinition"
        || document.get("sops").is_some()
        || POINTERS.contains(&kind)
        || is_left_alone(document)
    {
        return;
    }
    if kind == "Secret" && document.get("apiVersion").and_then(Node::as_str) == Some("v1") {
        return secret(document, found);
    }
    let name = document.at(["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
    placeholders(document, &format!("{kind} `{name}`"), found);
}

fn is_left_alone(document: &Node) -> bool {
    let annotation = |key: &str| document.at(["metadata", "annotations", key]).and_then(Node::as_str);
    LEFT_ALONE.iter().any(|(key, value)| annotation(key).is_some_and(|text| text.eq_ignore_ascii_case(value)))
}

/// A Secret: a finding for each value that was never set, and one for all that are readable.
fn secret(document: &Node, found: &mut Vec<Diagnostic>) {
    let name = document.at(["metadata", "name"]).and_then(Node::as_str).unwrap_or("…");
    let namespace = document.at(["metadata", "namespace"]).and_then(Node::as_str);
    let mut readable: Vec<&Entry> = Vec::new();
    for part in ["data", "stringData"] {
        for entry in document.get(part).map_or(&[][..], Node::entries) {
            let Some(text) = entry.value.as_str() else { continue };
            if has_placeholder(text) {
                continue;
            }
            let decoded = if part == "data" { decoded(text) } else { Some(text.to_owned()) };
            let Some(value) = decoded.filter(|value| !has_placeholder(value)) else { continue };
            if says_placeholder(&value) {
                if is_secret_name(&entry.key) {
                    found.push(placeholder(entry, &format!("Secret `{name}`")));
                }
            } else if (is_secret_name(&entry.key) && is_literal(&value)) || holds_private_key(&value) {
                readable.push(entry);
            }
        }
    }
    let Some(first) = readable.first() else { return };
    let keys: Vec<String> = readable.iter().map(|entry| format!("`{}`", entry.key)).collect();
    let subject = namespace.map_or_else(|| format!("Secret:{name}"), |namespace| format!("Secret:{namespace}/{name}"));
    found.push(
        Diagnostic::new(code!("secret-plaintext"), format!("Secret `{name}` holds {} in plain text", keys.join(", ")))
            .severity(Severity::Warning)
            .at(first.key_place, "")
            .hidden()
            .note("whoever can read the repository can read it, in its history too; base64 hides nothing")
            .help("set a new value, and commit it encrypted (SOPS, Sealed Secrets) or not at all (External Secrets)")
            .about(subject),
    );
}

fn decoded(text: &str) -> Option<String> {
    let whole: String = text.split_whitespace().collect();
    String::from_utf8(STANDARD.decode(whole).ok()?).ok()
}

/// Every value under a name for a secret that says it is to be replaced.
fn placeholders(node: &Node, whose: &str, found: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                match entry.value.as_str() {
                    Some(text) if is_secret_name(&entry.key) && says_placeholder(text) => {
                        found.push(placeholder(entry, whose));
                    }
                    _ => placeholders(&entry.value, whose, found),
                }
            }
            // An environment variable.
            if let (Some(name), Some(entry)) = (node.get("name").and_then(Node::as_str), node.entry("value"))
                && is_secret_name(name)
                && entry.value.as_str().is_some_and(says_placeholder)
            {
                found.push(named(name, entry, whose));
            }
        }
        Kind::List(items) => items.iter().for_each(|item| placeholders(item, whose, found)),
        _ => {}
    }
}

fn placeholder(entry: &Entry, whose: &str) -> Diagnostic {
    named(&entry.key, entry, whose)
}

fn named(name: &str, entry: &Entry, whose: &str) -> Diagnostic {
    Diagnostic::new(code!("secret-placeholder"), format!("`{name}` of {whose} was never set"))
        .at(entry.value.place, "says itself that it is to be replaced")
        .note("as it stands it is the secret, and known to whoever has seen the repository or the example it is from")
        .help("take the value from a Secret that is committed encrypted or made in the cluster")
        .about(name)
}

/// Whether a key's last words name something secret.
fn is_secret_name(name: &str) -> bool {
    // Most keys end in no letter that any of the words below does.
    let last = name.bytes().rev().find(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    if !last.is_some_and(|letter| b"dentsy".contains(&letter)) {
        return false;
    }
    let flat: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let is_reference = flat.starts_with("existing") || flat.contains("secretname") || flat.contains("public");
    let words =
        ["password", "passwd", "passphrase", "secret", "token", "apikey", "secretkey", "privatekey", "accesskey"];
    let words =
        words.iter().chain(&["encryptionkey", "signingkey", "masterkey", "authkey", "cookiesecret", "credentials"]);
    !is_reference && words.into_iter().any(|word| flat.ends_with(word))
}

/// Whether a value is one that people write until they have the real one.
fn says_placeholder(text: &str) -> bool {
    const LONGEST: usize = 120;
    if text.len() > LONGEST || text.contains(['$', '\n']) || text.contains("{{") {
        return false;
    }
    let flat: String = text.to_ascii_lowercase().replace([' ', '_'], "-");
    let marks = ["change-me", "changeme", "change-this", "changethis", "replace-me", "replaceme", "replace-this"];
    marks.iter().any(|mark| flat.contains(mark))
        || (flat.starts_with("<your-") && flat.ends_with('>'))
        || (flat.starts_with("your-") && flat.ends_with("-here"))
}

/// Whether a text stands for itself: not filled in later, no path, no address, no flag.
fn is_literal(text: &str) -> bool {
    let text = text.trim();
    let elsewhere =
        ["$", "{{", "<", "ENC[", "file:", "op://", "ref+", "secret:", "secretref", "vault:", "/", "%", "http"];
    text.len() >= 6
        && !elsewhere.iter().any(|start| text.starts_with(start))
        && !text.contains("${")
        && !text.contains("{{")
        && !["placeholder", "dummy", "example", "unused", "disabled"].contains(&text.to_ascii_lowercase().as_str())
}

fn holds_private_key(text: &str) -> bool {
    let is_key = |line: &str| {
        let line = line.trim();
        line.len() >= 32 && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
    };
    let lines = || text.lines().map(str::trim);
    lines().any(|line| line.starts_with("-----BEGIN ") && line.ends_with("PRIVATE KEY-----")) && lines().any(is_key)
        || text.trim().strip_prefix("AGE-SECRET-KEY-1").is_some_and(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{source::Sources, yaml};

    fn reports(text: &str) -> Vec<String> {
        let source = Sources::default().add("a.yaml", text);
        let mut found = Vec::new();
        for document in yaml::read(source, text).documents {
            judge(&document.root, &mut found);
        }
        found.into_iter().map(|finding| format!("{}: {}", finding.code.name(), finding.message)).collect()
    }

    #[test]
    fn values_that_say_they_are_to_be_replaced_are_found() {
        let text = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: gitea\nspec:\n  values:\n    security:\n      SECRET_KEY: change-this-before-use\n      MODE: changeme\n    redis:\n      password: <your-password>\n    env:\n      - name: API_TOKEN\n        value: CHANGE ME\n";
        assert_eq!(
            reports(text),
            [
                "secret-placeholder: `SECRET_KEY` of HelmRelease `gitea` was never set",
                "secret-placeholder: `password` of HelmRelease `gitea` was never set",
                "secret-placeholder: `API_TOKEN` of HelmRelease `gitea` was never set",
            ]
        );
    }

    #[test]
    fn what_is_encrypted_filled_in_or_merely_named_so_is_no_finding() {
        let head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n";
        for text in [
            "stringData:\n  password: ENC[AES256_GCM,data:abc,type:str]\nsops: {}\n",
            "stringData:\n  password: ${PASSWORD}\n",
            "stringData:\n  username: administrator\n  url: https://charts.example.org\n",
            "stringData:\n  password: \"\"\n",
            "data:\n  password: Li5QTEFDRUhPTERFUl9wYXNzd29yZC4u\n",
            "stringData:\n  config.yaml: \"token: from elsewhere\"\n",
        ] {
            assert_eq!(reports(&format!("{head}{text}")), Vec::<String>::new(), "{text}");
        }
        let left = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  annotations:\n    kustomize.toolkit.fluxcd.io/ssa: IfNotPresent\nstringData:\n  password: changeme\n";
        assert_eq!(reports(left), Vec::<String>::new());
    }

    #[test]
    fn a_readable_secret_is_one_finding_that_names_its_keys_alone() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  namespace: b\nstringData:\n  password: correct-horse\n  token: battery-staple\n  username: me\n";
        assert_eq!(reports(text), ["secret-plaintext: Secret `a` holds `password`, `token` in plain text"]);
        let key = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  id: |\n    -----BEGIN PRIVATE KEY-----\n    {}\n    -----END PRIVATE KEY-----\n",
            "A".repeat(64)
        );
        assert_eq!(reports(&key), ["secret-plaintext: Secret `a` holds `id` in plain text"]);
    }
}
