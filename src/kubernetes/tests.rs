//! What is accepted, what is refused, and where the finding points.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::Schemas;
use crate::{
    diagnostic::Diagnostic,
    node::{Entry, Kind, Node, Part},
    source::{Place, SourceId, Sources, Span},
};

/// Reads JSON into nodes; every key and value gets a place of its own.
struct Reader {
    source: SourceId,
    next: usize,
}

impl Reader {
    fn place(&mut self) -> Place {
        self.next += 1;
        Place { source: self.source, span: Span::new(self.next, self.next + 1) }
    }

    fn node(&mut self, value: &Value) -> Node {
        let place = self.place();
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(flag) => Kind::Bool(*flag),
            Value::Number(number) => Kind::Number(number.clone()),
            Value::String(text) => Kind::String(text.clone()),
            Value::Array(items) => Kind::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Object(fields) => Kind::Map(
                fields
                    .iter()
                    .map(|(key, value)| Entry { key: key.clone(), key_place: self.place(), value: self.node(value) })
                    .collect(),
            ),
        };
        Node { place, kind }
    }
}

fn node(value: &Value) -> Node {
    let source = Sources::default().add("object.yaml", "");
    Reader { source, next: 0 }.node(value)
}

fn schemas() -> Schemas {
    Schemas::for_version("1.32.1").expect("a version of the table")
}

fn findings(value: &Value) -> Vec<(String, String)> {
    told(&schemas().validate(&node(value)))
}

fn told(findings: &[Diagnostic]) -> Vec<(String, String)> {
    findings.iter().map(|finding| (finding.code.name().to_owned(), finding.message.clone())).collect()
}

fn expected(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(code, message)| ((*code).to_owned(), (*message).to_owned())).collect()
}

/// One line of `tests/fixtures/schemas/verdicts.tsv`.
struct Verdict<'t> {
    manifest: &'t str,
    kubeconform: &'t str,
    code: &'t str,
    pointer: &'t str,
    difference: &'t str,
}

#[test]
fn manifests_are_judged_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schemas");
    let table = fs::read_to_string(folder.join("verdicts.tsv")).expect("the record is there");
    let schemas = schemas();
    let mut count = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [manifest, kubeconform, code, pointer, difference] = columns[..] else { panic!("five columns: {line}") };
        let verdict = Verdict { manifest, kubeconform, code, pointer, difference };
        let text = fs::read_to_string(folder.join(format!("{manifest}.yaml"))).expect("each line has its manifest");
        let value: Value = serde_yaml::from_str(&text).expect("the manifests are YAML");
        judge(&schemas, &verdict, &node(&value));
        count += 1;
    }
    assert!(count >= 100, "{count}");
}

fn judge(schemas: &Schemas, verdict: &Verdict, document: &Node) {
    let found = schemas.validate(document);
    let manifest = verdict.manifest;
    if verdict.code == "-" {
        assert_eq!(told(&found), [], "{manifest}");
    } else {
        assert_eq!(found.len(), 1, "{manifest}: {:?}", told(&found));
        assert_eq!(found[0].code.name(), verdict.code, "{manifest}");
        let pointer = if verdict.pointer == "-" { "" } else { verdict.pointer };
        if !pointer.is_empty() {
            assert!(document.pointer(pointer).is_some(), "{manifest}: {pointer} is in the manifest");
        }
        let places = [document.place_of(pointer, Part::Key), document.place_of(pointer, Part::Value)];
        assert!(places.contains(&found[0].labels[0].place), "{manifest}: {:?}", told(&found));
    }
    let agree = match verdict.kubeconform {
        "valid" => verdict.code == "-",
        "invalid" => verdict.code != "-",
        "skipped" => true,
        other => panic!("{manifest}: `{other}` is no verdict"),
    };
    assert!(agree || verdict.difference != "-", "{manifest}: the disagreement with kubeconform has no reason");
}

#[test]
fn versions_are_read_as_people_write_them() {
    for version in ["1.32.1", "v1.32", "1.32", "v1.32.0-rc.1", "1.29", "1.37.4"] {
        assert!(Schemas::for_version(version).is_ok(), "{version}");
    }
    for version in ["1.28.0", "1.99", "2.32", "32", "latest", ""] {
        let unknown = Schemas::for_version(version).expect_err(version);
        assert_eq!((unknown.known.first().map(String::as_str), unknown.known.len()), (Some("1.29"), 9));
    }
}

#[test]
fn every_fault_is_found_in_one_run() {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "Web", "labels": {"a b": "c"}, "annotations": {"x": 1}},
        "spec": {"restartPolicy": "always", "contianers": [], "hostNetwork": "yes"},
    });
    assert_eq!(
        findings(&pod),
        expected(&[
            ("manifest-type", "`metadata.annotations.x` is a number where a string is wanted"),
            ("manifest-value", "`a b` cannot be a key of `metadata.labels`"),
            ("manifest-value", "`spec.restartPolicy: always` is not one of its values"),
            ("manifest-field-unknown", "`spec.contianers` is not a field of Pod"),
            ("manifest-type", "`spec.hostNetwork` is a string where `true` or `false` is wanted"),
            ("manifest-field-missing", "`spec.containers` is missing"),
            ("manifest-value", "`Web` cannot be the `metadata.name` of a Pod"),
        ])
    );
}

#[test]
fn a_misspelt_field_comes_with_its_edit() {
    let document = node(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dta": {}}));
    let found = schemas().validate(&document);
    let edit = found[0].edit.as_ref().expect("there is one way out");
    assert_eq!((edit.place, edit.replacement.as_str()), (document.place_of("/dta", Part::Key), "data"));
    assert_eq!(found[0].subject.as_deref(), Some("ConfigMap:a"));
}

#[test]
fn an_old_api_version_comes_with_the_new_one() {
    let ingress = json!({"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "a"}});
    let found = schemas().validate(&node(&ingress));
    assert_eq!(
        told(&found),
        expected(&[("manifest-kind-unknown", "Kubernetes 1.32 has no `Ingress` at `extensions/v1beta1`")])
    );
    assert_eq!(found[0].help, ["write `apiVersion: networking.k8s.io/v1`"]);
}

#[test]
fn a_kind_of_a_later_release_says_so() {
    let request =
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttributesClass", "metadata": {"name": "a"}});
    assert_eq!(findings(&request).len(), 1);
    let later = Schemas::for_version("1.36").expect("a version of the table");
    assert!(later.knows("storage.k8s.io/v1", "VolumeAttributesClass"));
}

#[test]
fn secret_values_are_not_shown() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
        "data": {"password": "hunter2!"}, "stringData": {"pin": 271_828},
    });
    let found = schemas().validate(&node(&secret));
    assert_eq!(found.len(), 2);
    let text = format!("{found:?}");
    assert!(!text.contains("hunter2") && !text.contains("271828"), "{text}");
}

#[test]
fn a_list_is_judged_item_by_item() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a_b"}},
    ]});
    assert_eq!(findings(&list), expected(&[("manifest-value", "`a_b` cannot be the `metadata.name` of a Namespace")]));
}

#[test]
fn ciphertexts_of_sops_are_left_alone() {
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "immutable": "ENC[AES256_GCM,data:x,type:bool]",
        "data": {"password": "ENC[AES256_GCM,data:x,type:str]"}, "sops": {"mac": "ENC[x]"},
    });
    assert_eq!(findings(&secret), []);
    secret.as_object_mut().expect("a map").remove("sops");
    assert_eq!(findings(&secret).len(), 2);
}

#[test]
fn variables_flux_replaces_may_become_anything() {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "${NAME}", "labels": {"a": "${LABEL}"}},
        "spec": {"replicas": "${REPLICAS}", "selector": {}, "template": {"spec": {"containers": [
            {"name": "a", "imagePullPolicy": "${POLICY:=Always}", "resources": {"limits": {"memory": "${MEMORY}Mi"}}},
        ]}}},
    });
    assert_eq!(findings(&deployment), []);
}

#[test]
fn patches_and_plugins_of_kustomize_are_no_objects() {
    let patch = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}, "$patch": "delete"});
    assert_eq!(findings(&patch), []);
    let plugin = json!({"apiVersion": "builtin", "kind": "NamespaceTransformer", "metadata": {"name": "a"}});
    assert_eq!(findings(&plugin), []);
}

#[test]
fn what_is_no_object_says_what_it_lacks() {
    assert_eq!(findings(&json!([1]))[0].0, "manifest-incomplete");
    assert_eq!(
        findings(&json!({"spec": {}})),
        expected(&[
            ("manifest-incomplete", "this object has no `apiVersion`"),
            ("manifest-incomplete", "this object has no `kind`"),
            ("manifest-incomplete", "this object has no `metadata.name`"),
        ])
    );
    let kustomization = json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"});
    assert_eq!(findings(&kustomization), []);
}

#[test]
fn unknown_custom_resources_are_checked_for_their_metadata_only() {
    let lamp = json!({
        "apiVersion": "example.org/v1", "kind": "Lamp",
        "metadata": {"name": "a", "labels": {"on": true}}, "spec": {"anything": 1},
    });
    assert_eq!(
        findings(&lamp),
        expected(&[("manifest-type", "`metadata.labels.on` is a boolean where a string is wanted")])
    );
}

fn lamp_definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "lamps.example.org"},
        "spec": {
            "group": "example.org", "scope": "Cluster", "names": {"kind": "Lamp", "plural": "lamps"},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "required": ["spec"], "properties": {"spec": {
                        "type": "object", "required": ["watt", "colour"],
                        "properties": {
                            "watt": {"type": "integer", "minimum": 1, "maximum": 100},
                            "colour": {"type": "string", "default": "white"},
                            "size": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                            "note": {"type": "string", "nullable": true, "pattern": "^[a-z]+$", "maxLength": 3},
                            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                                     "properties": {"known": {"type": "boolean"}}},
                            "closed": {"type": "object"},
                            "part": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {}},
                            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
                            "list": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                        },
                    }},
                }}},
                {"name": "v0", "served": false, "storage": false},
            ],
        },
    })
}

fn lamp(spec: &Value) -> Value {
    json!({"apiVersion": "example.org/v1", "kind": "Lamp", "metadata": {"name": "a"}, "spec": spec})
}

#[test]
fn a_definition_of_the_repository_describes_its_kind() {
    let mut schemas = schemas();
    assert_eq!(told(&schemas.validate(&node(&lamp_definition()))), []);
    schemas.add_crd(&node(&lamp_definition())).expect("a sound definition");
    assert!(schemas.knows("example.org/v1", "Lamp"));
    assert_eq!(schemas.namespaced("example.org/v1", "Lamp"), Some(false));
    let healthy = json!({
        "watt": 5, "size": "big", "note": null, "free": {"x": {"y": 1}, "known": true}, "tags": {"a": "b"},
        "part": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 1}}, "list": ["a"],
    });
    assert_eq!(told(&schemas.validate(&node(&lamp(&healthy)))), []);
    let faulty = json!({
        "watt": 101, "size": 1.5, "note": "abcd", "free": {"known": "yes"}, "closed": {"x": 1}, "tags": {"a": 1},
        "list": [null], "more": 1,
    });
    assert_eq!(
        told(&schemas.validate(&node(&lamp(&faulty)))),
        expected(&[
            ("manifest-value", "`spec.watt` is 101, but must be from 1 to 100"),
            ("manifest-type", "`spec.size` is a number where a whole number or a string is wanted"),
            ("manifest-value", "`spec.note` has 4 characters, and 3 are allowed"),
            ("manifest-type", "`spec.free.known` is a string where `true` or `false` is wanted"),
            ("manifest-field-unknown", "`spec.closed.x` is not a field of Lamp"),
            ("manifest-type", "`spec.tags.a` is a number where a string is wanted"),
            ("manifest-type", "`spec.list[0]` is null where a string is wanted"),
            ("manifest-field-unknown", "`spec.more` is not a field of Lamp"),
        ])
    );
    let mut old = lamp(&json!({}));
    old["apiVersion"] = json!("example.org/v0");
    let found = schemas.validate(&node(&old));
    assert_eq!(
        told(&found),
        expected(&[("manifest-kind-unknown", "the definition of `Lamp` in this repository does not serve `v0`")])
    );
    assert_eq!(found[0].help, ["write `apiVersion: example.org/v1`"]);
}

#[test]
fn a_definition_of_the_repository_takes_precedence() {
    let mut definition = lamp_definition();
    definition["spec"]["group"] = json!("metallb.io");
    definition["spec"]["names"]["kind"] = json!("IPAddressPool");
    definition["spec"]["versions"][0]["name"] = json!("v1beta1");
    let mut schemas = schemas();
    let pool = json!({"apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "a"}, "spec": {"watt": 1}});
    assert_eq!(schemas.validate(&node(&pool)).len(), 2);
    schemas.add_crd(&node(&definition)).expect("a sound definition");
    assert_eq!(told(&schemas.validate(&node(&pool))), []);
}

#[test]
fn a_definition_without_a_group_is_a_finding_at_its_spec() {
    let mut definition = lamp_definition();
    definition["spec"].as_object_mut().expect("a map").remove("group");
    let document = node(&definition);
    let finding = schemas().add_crd(&document).expect_err("it says nothing about any kind");
    assert_eq!(finding.labels[0].place, document.place_of("/spec", Part::Key));
}

#[test]
fn scopes_are_known() {
    let schemas = schemas();
    for (api_version, kind, namespaced) in [
        ("v1", "Namespace", Some(false)),
        ("v1", "Pod", Some(true)),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", Some(false)),
        ("cert-manager.io/v1", "ClusterIssuer", Some(false)),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease", Some(true)),
        ("example.org/v1", "Lamp", None),
    ] {
        assert_eq!(schemas.namespaced(api_version, kind), namespaced, "{kind}");
    }
}

#[test]
fn lists_say_what_they_are_merged_by() {
    let schemas = schemas();
    let keys = |path: &[&str]| schemas.merge_keys("apps/v1", "Deployment", path.iter().copied());
    assert_eq!(keys(&["spec", "template", "spec", "containers"]), ["name"]);
    assert_eq!(keys(&["spec", "template", "spec", "containers", "ports"]), ["containerPort"]);
    assert!(keys(&["spec", "template", "spec", "containers", "command"]).is_empty());
    assert!(keys(&["spec", "replicas"]).is_empty());
}

#[test]
fn every_sort_of_quantity() {
    let claim = |storage: &Value| {
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"},
            "spec": {"resources": {"requests": {"storage": storage}}},
        });
        schemas().validate(&node(&claim)).is_empty()
    };
    for fine in ["1", "1.5Gi", "100m", ".5", "5.", "+1", "1e3", "1E3", "1E", "12e-2", "0"] {
        assert!(claim(&json!(fine)), "{fine}");
    }
    for wrong in ["", "Gi", "1 Gi", "1gi", "1GB", "1.2.3", "1e", "--1", "0x10", "1Mi "] {
        assert!(!claim(&json!(wrong)), "{wrong}");
    }
    assert!(claim(&json!(1)) && claim(&json!(1.5)) && !claim(&json!(true)));
}

#[test]
fn nothing_is_missing_below_status() {
    let pool = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "creationTimestamp": null},
        "spec": {"selector": {}, "template": {}}, "status": {"conditions": [{}], "replicsa": 1},
    });
    assert_eq!(
        findings(&pool),
        expected(&[("manifest-field-unknown", "`status.replicsa` is not a field of Deployment")])
    );
}
