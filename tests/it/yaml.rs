//! YAML, compared with what PyYAML, kubectl and kustomize were recorded to read (`tests/oracle/yaml_record.py`), and with serde_yaml.

use gitopsc::{
    source::Sources,
    yaml::{self, Reading},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn recorded(name: &str) -> Vec<Value> {
    let text = match name {
        "plain" => include_str!("../fixtures/yaml/plain.json"),
        "documents" => include_str!("../fixtures/yaml/documents.json"),
        _ => include_str!("../fixtures/yaml/written.json"),
    };
    serde_json::from_str(text).expect("the recording is JSON")
}

fn read(text: &str) -> Reading {
    yaml::read(Sources::default().add("a.yaml", text), text)
}

/// The one document of a text, or none where there is an error.
fn value(text: &str) -> Option<Value> {
    let reading = read(text);
    let [document] = reading.documents.as_slice() else { return None };
    reading.diagnostics.is_empty().then(|| document.root.to_json())
}

/// Equal up to how a number is printed.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

/// What we read, in the recording's terms.
fn ours(entry: &Value) -> Value {
    let text = entry["yaml"].as_str().expect("a recorded text");
    let spec = value(text).map(|mut value| value["spec"].take());
    let read = if entry.get("text").is_some() { spec.map(|mut spec| spec["v"].take()) } else { spec };
    read.unwrap_or_else(|| json!({"error": true}))
}

/// Where we read other than kustomize on purpose.
fn departs(entry: &Value) -> bool {
    let text = entry["yaml"].as_str().unwrap_or("");
    // A key that is no text: named as kubectl names it, and reported as ambiguous.
    let key = entry["as"] == "key" && !read(text).documents.iter().all(|document| document.ambiguous.is_empty());
    // kustomize adds an empty line to a folded text with an indented line; reported as ambiguous.
    let folded = text.contains(">-\n    a\n     b");
    // A quoted text of several lines indented no deeper than its key: Go alone takes it.
    let unindented = text.contains("\"a\n  b\"");
    key || folded || unindented
}

#[test]
fn values_are_read_as_kustomize_reads_them() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for entry in recorded("plain").iter().chain(&recorded("documents")) {
        if departs(entry) {
            continue;
        }
        compared += 1;
        let read = ours(entry);
        if !same(&read, &entry["kustomize"]) {
            wrong.push(format!("{:?}: {read} for us, {} for kustomize", entry["yaml"].as_str(), entry["kustomize"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 330, "{compared}");
}

#[test]
fn what_kubectl_reads_otherwise_is_reported() {
    for entry in recorded("plain").iter().chain(&recorded("documents")) {
        if same(&entry["kubectl"], &entry["kustomize"]) {
            continue;
        }
        let text = entry["yaml"].as_str().expect("a recorded text");
        let reading = read(text);
        let ambiguous = reading.documents.iter().any(|document| !document.ambiguous.is_empty());
        assert!(ambiguous || !reading.diagnostics.is_empty(), "{text:?}");
    }
}

#[test]
fn ordinary_values_are_not_reported() {
    for entry in recorded("plain").iter().filter(|entry| entry["as"] == "value") {
        let answers = ["pyyaml", "kubectl", "kustomize"].map(|tool| &entry[tool]);
        let text = entry["text"].as_str().expect("a recorded text");
        let zero_led = text.trim_start_matches(['+', '-']).starts_with('0');
        let other_to_yaml_1_2 = text.contains('_') || zero_led;
        let overflows = text.contains("e999") || text.contains("e400");
        let too_long = text.trim_start_matches('-').len() > 18;
        if answers.iter().all(|answer| same(answer, answers[0])) && !other_to_yaml_1_2 && !overflows && !too_long {
            let ambiguous: Vec<_> = read(entry["yaml"].as_str().expect("a recorded text"))
                .documents
                .into_iter()
                .flat_map(|document| document.ambiguous)
                .collect();
            assert_eq!(ambiguous, [], "{text:?}");
        }
    }
}

/// What we wrote when the answers were recorded is what we write now, so the answers hold.
#[test]
fn nasty_strings_are_written_as_recorded() {
    for entry in recorded("written") {
        let text = entry["text"].as_str().expect("a recorded text");
        let spec = if entry["as"] == "key" { json!({"v": {text: 1}}) } else { json!({"v": text}) };
        let written = yaml::write(&json!({"spec": spec}));
        assert_eq!(Some(written.as_str()), entry["yaml"].as_str(), "{text:?}");
        assert_eq!(value(&written), Some(json!({"spec": spec})), "{text:?}");
    }
}

#[test]
fn no_reader_misreads_what_is_written() {
    let entries = recorded("written");
    assert!(entries.len() > 900, "{}", entries.len());
    for entry in entries {
        assert_eq!(entry.get("pyyaml"), None, "{entry}");
        assert_eq!(entry.get("kubectl"), None, "{entry}");
        // kustomize reads these and loses them when it writes: control characters, `<<` and keys of more than 1000 characters.
        let text = entry["text"].as_str().expect("a recorded text");
        let lost = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
        let excused = text.contains(lost) || text == "<<" || text.len() >= 900;
        assert!(entry.get("kustomize").is_none() || excused, "{entry}");
    }
}

fn independent(text: &str) -> Option<Value> {
    serde_yaml::from_str(text).ok()
}

#[test]
fn what_is_written_means_the_same_to_an_independent_reader() {
    for entry in recorded("written").iter().filter(|entry| entry["as"] == "value") {
        let text = entry["text"].as_str().expect("a recorded text");
        let written = yaml::write(&json!({"v": text}));
        assert_eq!(independent(&written), Some(json!({"v": text})), "{written:?}");
    }
}

#[test]
fn a_redefined_anchor_is_read_as_the_definition_before_each_alias_unlike_serde_yaml() {
    let text = "a: &host one\nb: *host\nc: &host two\nd: *host\ne: &host three\nf: *host\n";
    let right = json!({"a": "one", "b": "one", "c": "two", "d": "two", "e": "three", "f": "three"});
    assert_eq!(value(text), Some(right));
    let other = independent(text).expect("serde_yaml takes it");
    assert_eq!(other["d"], "three");
}

#[test]
fn an_octal_mode_is_a_number_unlike_in_serde_yaml() {
    let text = "defaultMode: 0775\n";
    assert_eq!(value(text), Some(json!({"defaultMode": 509})));
    assert_eq!(independent(text), Some(json!({"defaultMode": "0775"})));
}

#[test]
fn merge_keys_are_merged_unlike_in_serde_yaml() {
    let text = "a: &a {x: 1}\nb: {<<: *a, y: 2}\n";
    assert_eq!(value(text), Some(json!({"a": {"x": 1}, "b": {"y": 2, "x": 1}})));
    assert_eq!(independent(text), Some(json!({"a": {"x": 1}, "b": {"<<": {"x": 1}, "y": 2}})));
}

#[test]
fn keys_that_stand_twice_are_found_unlike_by_serde_yaml() {
    let text = "a: 1\na: 2\n";
    assert_eq!(value(text), None);
    assert_eq!(read(text).diagnostics[0].code.name(), "key-twice");
    assert_eq!(independent(text), Some(json!({"a": 2})));
}

#[test]
fn words_that_kubectl_takes_for_booleans_are_written_in_quotes_unlike_by_serde_yaml() {
    let booleans: Vec<String> = recorded("plain")
        .iter()
        .filter(|entry| entry["as"] == "value" && entry["kubectl"].is_boolean() && entry["kustomize"].is_string())
        .map(|entry| entry["text"].as_str().expect("a recorded text").to_owned())
        .collect();
    assert!(booleans.contains(&"on".to_owned()) && booleans.len() >= 16, "{booleans:?}");
    for word in &booleans {
        assert_eq!(yaml::quoted(word), format!("\"{word}\""));
        assert_eq!(serde_yaml::to_string(word).expect("a string can be written"), format!("{word}\n"));
    }
}

#[test]
fn a_number_with_an_underscore_after_its_sign_is_written_in_quotes() {
    assert_eq!(value("v: +_0\n"), Some(json!({"v": 0})));
    assert_eq!(yaml::write(&json!({"+_0": "-__1.5"})), "\"+_0\": \"-__1.5\"\n");
}

#[test]
fn a_plain_boolean_of_kubectl_is_a_reported_string() {
    let reading = read("annotation: on\n");
    assert_eq!(reading.documents[0].root.to_json(), json!({"annotation": "on"}));
    let found = &reading.documents[0].ambiguous[0];
    assert_eq!((found.text.as_str(), found.readings), ("on", "a boolean for kubectl, a string for kustomize"));
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-a-z0-9 .:_#'\"\n\t+e&*!|>%@`{}\\[\\],?=~<]{0,12}",
        "[yYnNoOfFtTrRuUeEsSlL~]{1,5}",
        "[-+]?[0-9_.:eExob]{1,10}",
    ]
}

fn trees() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((texts(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn what_is_written_is_read_back(tree in trees()) {
        let written = yaml::write(&tree);
        let read = value(&written);
        prop_assert!(read.as_ref().is_some_and(|read| same(read, &tree)), "{written}\n{read:?}");
        prop_assert_eq!(yaml::write(&tree), written);
    }

    #[test]
    fn key_order_is_kept(tree in trees()) {
        let read = value(&yaml::write(&json!([tree]))).expect("our own text");
        prop_assert_eq!(yaml::write(&read), yaml::write(&value(&yaml::write(&read)).expect("our own text")));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[-a-c0-2 .:#'\"\n\t&*!|>%@{}\\[\\],?~<\u{feff}é]{0,60}") {
        let reading = read(&text);
        for document in &reading.documents {
            let written = yaml::write(&document.root.to_json());
            prop_assert_eq!(value(&written).map(|read| same(&read, &document.root.to_json())), Some(true), "{}", written);
        }
    }
}

#[test]
fn an_alias_ends_before_a_colon() {
    let text = "name: &app web\ndata:\n  *app: \"1\"\n  b: c\n";
    let mut sources = gitopsc::source::Sources::default();
    let source = sources.add("a.yaml", text);
    let reading = gitopsc::yaml::read(source, text);
    assert!(reading.diagnostics.is_empty(), "{:?}", reading.diagnostics);
    let value = reading.documents[0].root.at(["data", "web"]).expect("the key is what the alias stands for");
    assert_eq!(sources.text(value.place), "\"1\"");
    assert_eq!(sources.text(reading.documents[0].root.at(["data", "b"]).unwrap().place), "c");
}
