//! `gitopsc talos config`: the full configuration of a node, for the one moment it is applied.

use std::{fs, os::unix::fs::MetadataExt as _};

use serde_json::Value;

use crate::program::{Repository, Said};

/// Made for these tests alone; it opens nothing.
const BUNDLE: &str = include_str!("../fixtures/talos/bundle.json");

const INVENTORY: &str = r#"schema   = 1
cluster  = { name = "home", endpoint = "node0" }
versions = { talos = "v1.11.5", kubernetes = "1.32.1" }

[networks]
lan = { cidr = "192.168.1.0/24", gateway = "192.168.1.1", interface = "eth0" }

[nodes]
node0 = { role = "controlplane", ip = "192.168.1.10", install-disk = "/dev/sda" }
node1 = { role = "worker", ip = "192.168.1.11", install-disk = "/dev/sda" }
"#;

/// A document of its own for Tailscale, whose key each node has for itself.
const PATCH: &str = "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment:\n  - TS_AUTHKEY=<gitopsc:node.tailscale>\n";

fn repository() -> Repository {
    Repository::new([("inventory.toml", INVENTORY), ("bundle.yaml", BUNDLE)])
}

fn config(repository: &Repository, more: &[&str]) -> Said {
    repository.run(&[&["talos", "config", "node0", "--secrets", "bundle.yaml"], more].concat())
}

/// Every text of the bundle that is a secret.
fn secrets(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => {
            map.iter().filter(|(key, _)| *key != "crt").flat_map(|(_, value)| secrets(value)).collect()
        }
        Value::String(text) => vec![text],
        _ => Vec::new(),
    }
}

fn leaks(said: &Said) -> bool {
    let bundle: Value = serde_json::from_str(BUNDLE).unwrap();
    secrets(&bundle).iter().any(|secret| said.stdout.contains(secret) || said.stderr.contains(secret))
}

#[test]
fn every_marker_is_filled_and_nothing_else_changes() {
    let repository = repository();
    assert_eq!(repository.run(&["build"]).exit, Some(0));
    let said = config(&repository, &[]);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(0), ""));
    assert!(!said.stdout.contains("<gitopsc:"));
    let bundle: Value = serde_json::from_str(BUNDLE).unwrap();
    let filled: serde_yaml::Value = serde_yaml::from_str(&said.stdout).unwrap();
    assert_eq!(filled["machine"]["token"].as_str(), bundle["trustdinfo"]["token"].as_str());
    assert_eq!(filled["machine"]["ca"]["key"].as_str(), bundle["certs"]["os"]["key"].as_str());
    assert_eq!(filled["cluster"]["secret"].as_str(), bundle["cluster"]["secret"].as_str());

    // The tree's file is the same with markers: filling them by hand gives the same document.
    let mut by_hand = repository.read("out/talos/node0.yaml");
    while let Some((before, rest)) = by_hand.split_once("<gitopsc:bundle.") {
        let (path, after) = rest.split_once('>').unwrap();
        let value = path.split('.').fold(&bundle, |value, key| &value[key]).as_str().unwrap();
        by_hand = format!("{before}{value}{after}");
    }
    assert_eq!(serde_yaml::from_str::<serde_yaml::Value>(&by_hand).unwrap(), filled);
    for (path, bytes) in repository.files().iter().filter(|(path, _)| *path != "bundle.yaml") {
        let text = String::from_utf8_lossy(bytes);
        assert!(secrets(&bundle).iter().all(|secret| !text.contains(secret)), "{path} holds a secret");
    }
}

#[test]
fn a_file_of_secrets_is_readable_by_its_owner_alone() {
    let repository = repository();
    let on_stdout = config(&repository, &[]).stdout;
    repository.put("node0.yaml", "old, and readable by all\n");
    let said = config(&repository, &["-o", "node0.yaml"]);
    let expected = "wrote node0.yaml, readable by you alone: it holds the cluster's secrets\n";
    assert_eq!(said, Said { stdout: String::new(), stderr: expected.to_owned(), exit: Some(0) });
    assert_eq!(repository.read("node0.yaml"), on_stdout);
    assert_eq!(fs::metadata(repository.path("node0.yaml")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_missing_secret_is_named_and_the_others_stay_unsaid() {
    let repository = repository();
    repository.put("templates/talos/node0.yaml", PATCH);
    let said = config(&repository, &[]);
    assert_eq!((said.exit, said.codes(), said.stdout.as_str()), (Some(1), vec!["talos-secret-missing"], ""));
    assert!(said.stderr.contains("node.tailscale"), "{}", said.stderr);
    assert!(!leaks(&said), "{}", said.stderr);

    repository.put("nodes.yaml", "node0: { tailscale: tskey-test-only }\nnode1: { tailscale: tskey-of-another }\n");
    let said = config(&repository, &["--node-secrets", "nodes.yaml"]);
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("TS_AUTHKEY=tskey-test-only") && !said.stdout.contains("tskey-of-another"));

    let mut short: Value = serde_json::from_str(BUNDLE).unwrap();
    short["certs"]["os"].as_object_mut().unwrap().remove("key");
    repository.put("bundle.yaml", short.to_string());
    let said = config(&repository, &["--node-secrets", "nodes.yaml"]);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
    assert!(said.stderr.contains("certs.os.key"), "{}", said.stderr);
    assert!(!leaks(&said), "{}", said.stderr);
}

#[test]
fn a_bundle_that_is_none_says_nothing_of_its_text() {
    let repository = repository();
    for (text, message) in
        [("{ token: \"hunter2", "error: `bundle.yaml` is not YAML\n"), ("", "error: `bundle.yaml` is empty\n")]
    {
        repository.put("bundle.yaml", text);
        let said = config(&repository, &[]);
        assert_eq!(said.exit, Some(2));
        assert!(said.stderr.starts_with(message) && !said.stderr.contains("hunter2"), "{}", said.stderr);
    }
    repository.put("bundle.yaml", "token: hunter2\n");
    let said = config(&repository, &[]);
    assert_eq!(said.exit, Some(1));
    assert!(!said.codes().is_empty() && !said.stderr.contains("hunter2"), "{}", said.stderr);
    repository.put("bundle.yaml", b"\xff\xfe");
    assert!(config(&repository, &[]).stderr.starts_with("error: `bundle.yaml` is not text\n"));
    fs::remove_file(repository.path("bundle.yaml")).unwrap();
    assert!(config(&repository, &[]).stderr.starts_with("error: there is no file `bundle.yaml`\n"));
    let said = repository.run(&["talos", "config", "nod0", "--secrets", "bundle.yaml"]);
    assert_eq!(
        (said.exit, said.stderr.as_str()),
        (Some(2), "error: there is no node `nod0`\nhelp: did you mean `node0`?\n")
    );
}

#[test]
fn an_encrypted_bundle_opens_with_its_identity() {
    use age::secrecy::ExposeSecret as _;
    let repository = repository();
    let plain = config(&repository, &[]);
    let (identity, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let written = identity.to_string();
    repository.put("key.txt", written.expose_secret());
    repository.put("other.txt", other.to_string().expose_secret());
    let binary = age::encrypt(&identity.to_public(), BUNDLE.as_bytes()).unwrap();
    let armored = age::encrypt_and_armor(&identity.to_public(), BUNDLE.as_bytes()).unwrap();
    for encrypted in [binary, armored.into_bytes()] {
        repository.put("bundle.yaml", encrypted);
        assert_eq!(config(&repository, &["--identity", "key.txt"]), plain);
        let arguments = ["talos", "config", "node0", "--secrets", "bundle.yaml"];
        let by_variable = repository.run_with(&arguments, b"", |command| {
            command.env("SOPS_AGE_KEY", written.expose_secret());
        });
        assert_eq!(by_variable, plain);
        let by_file = repository.run_with(&arguments, b"", |command| {
            command.env("SOPS_AGE_KEY_FILE", repository.path("key.txt"));
        });
        assert_eq!(by_file, plain);

        let said = config(&repository, &[]);
        assert_eq!((said.exit, said.stdout.as_str()), (Some(2), ""));
        assert!(said.stderr.contains("--identity"), "{}", said.stderr);
        let said = config(&repository, &["--identity", "other.txt"]);
        assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
        assert!(!said.stderr.contains("AGE-SECRET-KEY"), "{}", said.stderr);
        let said = config(&repository, &["--identity", "no-such-file.txt"]);
        assert_eq!(said.exit, Some(2));
        assert!(said.stderr.starts_with("error: there is no file `no-such-file.txt`, "), "{}", said.stderr);
    }
}
