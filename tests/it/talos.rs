//! Talos configurations equal those of the official library, for the cases recorded in tests/fixtures/talos.
//!
//! `tests/oracle/talos.sh record` writes the answers; the bundle there was made for these tests alone.

use gitopsc::{
    node::{Kind, Node},
    source::{Place, Sources, Span},
    talos::{
        Bundle, Machine, NodeSecrets, Patch, Role, Secrets, decrypt_age, fill, generate, markers, node_of,
        schematic::{META_NETWORK, Schematic},
    },
    yaml,
};
use serde_json::{Value, json};

use crate::talos_case::{agrees, answer};

const CASES: &str = include_str!("../fixtures/talos/cases.jsonl");
const ANSWERS: &str = include_str!("../fixtures/talos/answers.jsonl");
const BUNDLE: &str = include_str!("../fixtures/talos/bundle.json");
const REFUSALS: &str = include_str!("../fixtures/talos/refusals.txt");

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The recorded answers hold markers for the bundle's values, so the bundle here holds markers too.
fn bundle_of_markers(value: &Value, path: &str) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().map(|(key, inner)| (key.clone(), bundle_of_markers(inner, &format!("{path}.{key}")))).collect()
        }
        _ => Value::from(format!("<gitopsc:{path}>")),
    }
}

fn place() -> Place {
    Place { source: Sources::default().add("test.json", ""), span: Span::default() }
}

fn bundle() -> Bundle {
    Bundle::from_node(&node_of(&serde_json::from_str(BUNDLE).unwrap(), place())).unwrap()
}

fn node_secrets(secrets: &Value) -> NodeSecrets {
    NodeSecrets::from_node(&node_of(secrets, place()), "node0")
}

/// A patch read from YAML, with real places.
fn patch(text: &str) -> (Sources, Patch) {
    let mut sources = Sources::default();
    let source = sources.add("patch.yaml", text);
    let documents = yaml::read(source, text).documents.into_iter().map(|document| document.root).collect();
    (sources, Patch { documents })
}

fn machine() -> Machine {
    let mut machine = Machine::new("base", "https://base:6443", "1.34.1", Role::ControlPlane);
    machine.install.disk = Some("/dev/vda".to_owned());
    machine
}

#[test]
fn configurations_equal_the_official_ones() {
    let markers = bundle_of_markers(&serde_json::from_str(BUNDLE).unwrap(), "bundle");
    let (cases, answers) = (lines(CASES), lines(ANSWERS));
    assert_eq!(cases.len(), answers.len());
    let mut wrong = Vec::new();
    let mut refusals = String::new();
    for (case, official) in cases.iter().zip(&answers) {
        let name = case["name"].as_str().unwrap();
        assert_eq!(official["name"], name);
        let ours = answer(case, Some(&markers));
        if !agrees(&ours, official) {
            wrong.push(format!("{name}: {ours:?}"));
        }
        if let (Err(found), true) = (ours, name.starts_with("refused-")) {
            refusals.extend([name, "\n  ", &found.join("\n  "), "\n"]);
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    if std::env::var_os("GITOPSC_TALOS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/talos/refusals.txt"), &refusals).unwrap();
    } else {
        assert_eq!(refusals, REFUSALS, "GITOPSC_TALOS=write writes the refusals anew");
    }
}

#[test]
fn without_secrets_every_secret_is_a_marker() {
    let documents = generate(&machine(), Secrets::Markers).unwrap();
    let text = serde_json::to_string(&documents).unwrap();
    for value in ["cluster.secret", "certs.os.key", "certs.k8s.key", "certs.etcd.key", "trustdinfo.token"] {
        assert!(text.contains(&format!("<gitopsc:bundle.{value}>")), "{value}");
    }
    assert_eq!(markers(&documents).len(), 14);
    let filled = fill(documents, &bundle(), &NodeSecrets::default()).unwrap();
    assert!(markers(&filled).is_empty());
    let secrets = NodeSecrets::default();
    assert_eq!(filled, generate(&machine(), Secrets::Values { bundle: &bundle(), node: &secrets }).unwrap());
}

#[test]
fn a_marker_nothing_is_known_for_is_named() {
    let mut patched = machine();
    let text = "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment:\n  - TS_AUTHKEY=<gitopsc:node.TS_AUTHKEY>-x\n";
    patched.patches = vec![patch(text).1];
    let documents = generate(&patched, Secrets::Markers).unwrap();
    let found = fill(documents.clone(), &bundle(), &NodeSecrets::default()).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code.name(), "talos-secret-missing");
    assert!(found[0].message.contains("<gitopsc:node.TS_AUTHKEY>"));
    let node = node_secrets(&json!({ "all": { "TS_AUTHKEY": "common" }, "node0": { "TS_AUTHKEY": "own" } }));
    let filled = fill(documents, &bundle(), &node).unwrap();
    assert_eq!(filled[1]["environment"], json!(["TS_AUTHKEY=own-x"]));
}

#[test]
fn findings_about_filled_secrets_do_not_quote_them() {
    let mut patched = machine();
    patched.patches = vec![patch("machine:\n  nodeLabels:\n    example.com/a: <gitopsc:node.LABEL>\n").1];
    let node = node_secrets(&json!({ "node0": { "LABEL": "not a label: hunter2" } }));
    let found = generate(&patched, Secrets::Values { bundle: &bundle(), node: &node }).unwrap_err();
    assert_eq!(found.len(), 1);
    let text = format!("{found:?}");
    assert_eq!(found[0].code.name(), "talos-refused");
    assert!(found[0].message.contains("machine.nodeLabels.example.com/a"));
    assert!(!text.contains("hunter2"), "{text}");
    assert!(!format!("{:?} {:?}", bundle(), node).contains("hunter2"));
}

#[test]
fn every_fault_of_patches_is_found_at_its_place() {
    let text = "\
machine:
  certSAN: [a]
  kubelet:
    extraArg: {}
    nodeIP: 10.2.0.0/16
cluster:
  network:
    podSubnets: 10.1.0.0/16
";
    let (sources, patch) = patch(text);
    let mut patched = machine();
    patched.patches = vec![patch];
    let found = generate(&patched, Secrets::Markers).unwrap_err();
    let shown: Vec<String> = found
        .iter()
        .map(|finding| {
            let place = finding.labels[0].place;
            format!("{} {} {}", sources.position(place), sources.text(place), finding.message)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "2:3 certSAN Talos has no field `certSAN` in `machine`",
            "4:5 extraArg Talos has no field `extraArg` in `machine.kubelet`",
            "5:13 10.2.0.0/16 `machine.kubelet.nodeIP` is text, and Talos wants a map",
            "8:17 10.1.0.0/16 `cluster.network.podSubnets` is text, and Talos wants a list",
        ]
    );
    assert_eq!(found[0].edit.as_ref().unwrap().replacement, "certSANs");
}

#[test]
fn what_talos_would_refuse_points_at_the_patch_that_brought_it() {
    let (sources, patch) =
        patch("machine:\n  nodeLabels:\n    example.com/a: not one\ncluster:\n  network:\n    cni: { name: cilium }\n");
    let mut patched = machine();
    patched.patches = vec![patch];
    let found = generate(&patched, Secrets::Markers).unwrap_err();
    let places: Vec<&str> = found.iter().map(|finding| sources.text(finding.labels[0].place)).collect();
    assert_eq!(places, ["not one", "{ name: cilium }"]);
}

#[test]
fn numbers_that_yaml_would_change_must_be_quoted() {
    let mut patched = machine();
    patched.patches = vec![patch("machine:\n  kubelet:\n    extraArgs: { a: 1.10, b: 4, c: \"1.10\" }\n").1];
    let found = generate(&patched, Secrets::Markers).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "`machine.kubelet.extraArgs.a` is text to Talos, but a number to YAML");
}

#[test]
fn a_bundle_that_lacks_values_is_refused_by_their_names() {
    let mut value: Value = serde_json::from_str(BUNDLE).unwrap();
    value["certs"]["os"].as_object_mut().unwrap().remove("key");
    value["secrets"]["aescbcencryptionsecret"] = "x".into();
    let found = Bundle::from_node(&node_of(&value, place())).unwrap_err();
    let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the secrets bundle has no `certs.os.key`",
            "the secrets bundle needs exactly one of `secrets.secretboxencryptionsecret` and `secrets.aescbcencryptionsecret`, and has 2",
        ]
    );
    let node = Node { place: place(), kind: Kind::List(Vec::new()) };
    assert_eq!(Bundle::from_node(&node).unwrap_err().len(), 14);
}

#[test]
fn age_opens_what_age_closed() {
    use age::secrecy::ExposeSecret as _;
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let keys = format!("# created for a test\n{}\n", identity.to_string().expose_secret());
    let other = age::x25519::Identity::generate().to_string().expose_secret().to_owned();
    let binary = age::encrypt(&recipient, BUNDLE.as_bytes()).unwrap();
    let armored = age::encrypt_and_armor(&recipient, BUNDLE.as_bytes()).unwrap();
    for bytes in [binary.as_slice(), armored.as_bytes()] {
        assert_eq!(decrypt_age(bytes, &keys).unwrap().as_slice(), BUNDLE.as_bytes());
        let message = |bytes: &[u8], keys: &str| decrypt_age(bytes, keys).unwrap_err().message;
        assert_eq!(message(bytes, &other), "none of the identities opens the secrets bundle");
        assert_eq!(message(bytes, "nonsense"), "the age identity file holds something else");
    }
    let cut = &binary[..binary.len() - 20];
    assert!(decrypt_age(cut, &keys).unwrap_err().message.contains("damaged"));
    assert!(decrypt_age(b"hello", &keys).unwrap_err().message.contains("not a file age encrypted"));
}

#[test]
fn a_value_of_meta_changes_the_id_of_the_boot_image_only() {
    let plain = Schematic { extensions: vec!["siderolabs/tailscale".to_owned()], ..Schematic::default() };
    let own = |name: &str| Schematic { meta: vec![(META_NETWORK, format!("hostnames: [{name}]\n"))], ..plain.clone() };
    assert_ne!(own("a").id(), own("b").id());
    assert_eq!(own("a").without_meta().id(), own("b").without_meta().id());
}
