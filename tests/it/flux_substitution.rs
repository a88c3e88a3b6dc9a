//! What Flux's variables make of texts and objects, beside the recorded answers of Flux's own library.
//!
//! `tests/oracle/flux_substitution.py` asks the library itself, about these cases (`--record` writes its answers) and thousands of others.

use std::fs;

use gitopsc::{
    code,
    flux::{Substituted, Undefined, Variables, envsubst, substitute, text},
    node::Node,
    source::{Place, SourceId, Sources},
    yaml,
};
use serde_json::{Map, Value, json};

/// The only document of a text.
fn object(sources: &mut Sources, text: &str) -> Node {
    let source = sources.add("object.yaml", text);
    let mut reading = yaml::read(source, text);
    assert_eq!(reading.diagnostics, [], "{text}");
    reading.documents.swap_remove(0).root
}

fn source(sources: &mut Sources, text: &str) -> SourceId {
    sources.add("variables.yaml", text)
}

/// What the expansion gives: the text, or the library's error.
fn expanded(text: &str, variables: &Map<String, Value>, strict: bool) -> Value {
    let lookup = |name: &str| variables.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut undefined = Vec::new();
    match envsubst::expand(text, &lookup, &mut undefined) {
        Err(fault) => json!({"error": error(fault.kind)}),
        Ok(_) if strict && !undefined.is_empty() => {
            json!({"error": format!("variable not set (strict mode): {:?}", undefined[0])})
        }
        Ok(text) => json!({ "text": text }),
    }
}

/// The library's words.
fn error(kind: envsubst::FaultKind) -> &'static str {
    match kind {
        envsubst::FaultKind::Name => "unable to parse variable name",
        envsubst::FaultKind::Brace => "missing closing brace",
        envsubst::FaultKind::Argument => "unable to parse substitution within function",
        envsubst::FaultKind::Substitution => "bad substitution",
        envsubst::FaultKind::Default => "unable to parse default function",
        envsubst::FaultKind::Depth => "too deep",
        envsubst::FaultKind::Character => "half a character",
    }
}

/// Our answer to a question put to the library.
fn answer(question: &Value) -> Value {
    if let Some(text) = question["text"].as_str() {
        let empty = Map::new();
        let variables = question["vars"].as_object().unwrap_or(&empty);
        return expanded(text, variables, question["strict"] == true);
    }
    let mut sources = Sources::default();
    if let Some(text) = question["yaml"].as_str() {
        let source = sources.add("a.yaml", text);
        let reading = yaml::read_for_kubectl(source, text);
        return match reading.documents.first() {
            _ if !reading.diagnostics.is_empty() => json!({"error": ""}),
            None => json!({"json": null}),
            Some(document) => json!({"json": document.root.to_json()}),
        };
    }
    let text = question["object"].to_string();
    let source = sources.add("a.json", text.as_str());
    let reading = yaml::read(source, &text);
    assert_eq!(reading.diagnostics, [], "{text}");
    json!({"yaml": text::text(&reading.documents[0].root)})
}

/// Answers the questions of a file, for `tests/oracle/flux_substitution.py`.
#[test]
fn questions_of_the_live_comparison_are_answered() {
    let Ok(path) = std::env::var("GITOPSC_SUBSTITUTION_QUESTIONS") else { return };
    let questions = fs::read_to_string(&path).unwrap();
    let answers: Vec<String> =
        questions.lines().map(|line| answer(&serde_json::from_str(line).unwrap()).to_string()).collect();
    fs::write(format!("{path}.answers"), answers.join("\n") + "\n").unwrap();
}
