//! Small kustomizations, and what the official kustomize was recorded to make of them (`tests/oracle/kustomize.py`).
//!
//! A file of `tests/kustomize/cases` is a topic: each case names its files, of which the first lies in the folder that is built; a case
//! that is only a text is one `kustomization.yaml`. The files under `shared` are there in every case of the topic. A case with
//! `refused: true` is something kustomize does and we refuse by name.

use std::{
    collections::BTreeMap,
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use gitopsc::{
    kustomize::{self, Stop},
    repository::{Repository, parent},
    world::MemWorld,
};
use serde_json::{Map, Value, json};
use serde_yaml::{Mapping, Value as Yaml};

type Files = BTreeMap<String, Vec<u8>>;

/// A tree, the folder of it that is built, and what is expected of it.
struct Case {
    name: String,
    files: Files,
    folder: String,
    expected: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kustomize")
}

fn text(value: &Yaml) -> &str {
    value.as_str().expect("a case is of texts")
}

/// The bytes of a file: a text, or `{base64: …}`.
fn bytes(value: &Yaml) -> Vec<u8> {
    match value.get("base64") {
        Some(encoded) => BASE64_STANDARD.decode(text(encoded)).unwrap(),
        None => text(value).into(),
    }
}

fn files(mapping: &Mapping) -> Files {
    mapping.iter().map(|(path, value)| (text(path).to_owned(), bytes(value))).collect()
}

fn cases(topic: &str) -> Vec<Case> {
    let written = fs::read_to_string(folder().join(format!("cases/{topic}.yaml"))).unwrap();
    let written: Yaml = serde_yaml::from_str(&written).unwrap();
    let recorded = fs::read_to_string(folder().join(format!("recorded/{topic}.json"))).unwrap();
    let recorded: Map<String, Value> = serde_json::from_str(&recorded).unwrap();
    let shared = written.get("shared").and_then(Yaml::as_mapping).map(files).unwrap_or_default();
    let cases = written["cases"].as_mapping().expect("a topic has cases");
    assert_eq!(cases.len(), recorded.len(), "the cases of {topic} are recorded");
    cases
        .iter()
        .map(|(name, case)| {
            let name = text(name).to_owned();
            let mut own = match case {
                Yaml::Mapping(own) => own.clone(),
                text => Mapping::from_iter([("kustomization.yaml".into(), text.clone())]),
            };
            own.remove("refused");
            let first = own.keys().next().map(text).expect("a case has files");
            let folder = parent(first).to_owned();
            let mut all = shared.clone();
            all.extend(files(&own));
            Case { folder, files: all, expected: recorded[&name].clone(), name }
        })
        .collect()
}

/// What our engine makes of a case, in the recording's terms.
fn built(case: &Case) -> Value {
    let repository = Repository::read(&MemWorld::new(case.files.clone())).unwrap();
    match kustomize::build(&repository, &case.folder, None).result {
        Ok(resources) => json!({"objects": resources.iter().map(|it| it.object.to_json()).collect::<Vec<_>>()}),
        Err(Stop::Fails(diagnostic)) => json!({"fails": diagnostic.message}),
        Err(Stop::Refused(refusal)) => json!({"refused": refusal.what}),
    }
}

/// Every place where two values differ: its path, what kustomize has there, what we have there.
fn differences(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for key in theirs.keys().chain(ours.keys().filter(|key| !theirs.contains_key(*key))) {
                let path = format!("{path}/{key}");
                match (theirs.get(key), ours.get(key)) {
                    (Some(theirs), Some(ours)) => differences(&path, theirs, ours, found),
                    (Some(theirs), None) => found.push(format!("{path}: we lack {theirs}")),
                    (None, Some(ours)) => found.push(format!("{path}: we add {ours}")),
                    (None, None) => unreachable!("the key is one's or the other's"),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            for (index, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                differences(&format!("{path}/{index}"), theirs, ours, found);
            }
            for (index, theirs) in theirs.iter().enumerate().skip(ours.len()) {
                found.push(format!("{path}/{index}: we lack {theirs}"));
            }
            for (index, ours) in ours.iter().enumerate().skip(theirs.len()) {
                found.push(format!("{path}/{index}: we add {ours}"));
            }
        }
        (Value::Number(theirs), Value::Number(ours)) if theirs == ours || theirs.as_f64() == ours.as_f64() => {}
        _ if theirs == ours => {}
        _ => found.push(format!("{path}: kustomize has {theirs}, we have {ours}")),
    }
}

/// Why a case does not hold, line by line.
fn wrong(case: &Case) -> Vec<String> {
    let Ok(ours) = panic::catch_unwind(AssertUnwindSafe(|| built(case))) else { return vec!["we panic".into()] };
    let expected = &case.expected;
    let kind = |value: &Value| value.as_object().and_then(|map| map.keys().next().cloned());
    if kind(expected) != kind(&ours) {
        return vec![format!("kustomize: {expected}"), format!("we: {ours}")];
    }
    let mut found = Vec::new();
    if let (Some(theirs), Some(ours)) = (expected.get("objects"), ours.get("objects")) {
        differences("", theirs, ours, &mut found);
    }
    found
}

fn hold(topic: &str) {
    let cases = cases(topic);
    let mut report = String::new();
    let mut failed = 0;
    for case in &cases {
        let wrong = wrong(case);
        if !wrong.is_empty() {
            failed += 1;
            report += &format!("{}\n", case.name);
            for line in wrong {
                report += &format!("    {line}\n");
            }
        }
    }
    assert_eq!(failed, 0, "{failed} of {} cases of {topic} differ:\n{report}", cases.len());
}

/// A test for each topic.
macro_rules! topics {
    ($($topic:ident)*) => {
        $(#[test] fn $topic() { hold(stringify!($topic)); })*

        #[test]
        fn every_topic_is_tested() {
            let mut topics: Vec<_> = fs::read_dir(folder().join("cases"))
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            topics.sort();
            assert_eq!(topics, [$(stringify!($topic)),*]);
            assert!(topics.iter().map(|topic| cases(topic).len()).sum::<usize>() >= 300);
        }
    };
}

topics! {
    fields generators images json6902 labels layers misfits names namespace openapi patches reading replacements resources
}
