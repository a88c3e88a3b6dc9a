//! What Flux's variables make of texts and objects, beside the recorded answers of Flux's own library.
//!
//! `tests/oracle/flux_substitution.py` asks the library itself, about these cases (`--record` writes its answers) and thousands of others.

use std::{collections::BTreeSet, fs};

use gitopsc::{
    code,
    diagnostic::Diagnostic,
    flux::{
        Substituted, Variables,
        envsubst::{self, FaultKind},
        substitute, text,
    },
    node::{Kind, Node},
    source::{Place, Sources, Span},
    yaml,
};
use serde_json::{Value, json};

/// The library's words for a fault of ours.
fn error(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Name => "unable to parse variable name",
        FaultKind::Brace => "missing closing brace",
        FaultKind::Argument => "unable to parse substitution within function",
        FaultKind::Substitution => "bad substitution",
        FaultKind::Default => "unable to parse default function",
        FaultKind::Depth => "deeper than the library goes",
        // The library leaves half a character, which no reader takes.
        FaultKind::Character => "half a character",
    }
}

/// `{text, vars}`: what the expansion gives.
fn expanded(question: &Value) -> Value {
    let text = question["text"].as_str().unwrap();
    let lookup = |name: &str| question["vars"][name].as_str().map(str::to_owned);
    let mut undefined = Vec::new();
    match envsubst::expand(text, &lookup, &mut undefined) {
        Err(fault) => json!({"error": error(fault.kind)}),
        Ok(out) => json!({"out": out, "undefined": BTreeSet::from_iter(undefined)}),
    }
}

/// An object of a question.
fn object(question: &Value) -> Node {
    let text = question.to_string();
    let mut reading = yaml::read(Sources::default().add("object.json", text.as_str()), &text);
    assert_eq!(reading.diagnostics, [], "{text}");
    reading.documents.swap_remove(0).root
}

/// `{object, vars}`: what becomes of the object.
fn substituted(question: &Value) -> Value {
    let object = object(&question["object"]);
    let mut variables = Variables::default();
    variables.always = true;
    for (name, value) in question["vars"].as_object().unwrap() {
        variables.set(name, value.as_str().unwrap(), object.place);
    }
    match substitute(&object, &variables) {
        Err(_) => json!({"error": ""}),
        Ok(substituted) => {
            let names: BTreeSet<_> = substituted.undefined.into_iter().map(|undefined| undefined.name).collect();
            json!({"object": substituted.object.to_json(), "undefined": names})
        }
    }
}

/// Answers the questions of a file, for `tests/oracle/flux_substitution.py`.
#[test]
fn questions_of_the_live_comparison_are_answered() {
    let Ok(path) = std::env::var("GITOPSC_SUBSTITUTION_QUESTIONS") else { return };
    let answer = |line: &str| {
        let asked: Value = serde_json::from_str(line).unwrap();
        let question = &asked["question"];
        match asked["mode"].as_str().unwrap() {
            "envsubst" => expanded(question),
            "yaml" => json!({"yaml": text::text(&object(question))}),
            "substitute" => substituted(question),
            other => panic!("no mode {other}"),
        }
    };
    let questions = fs::read_to_string(&path).unwrap();
    let answers: String = questions.lines().map(|line| answer(line).to_string() + "\n").collect();
    fs::write(format!("{path}.answers"), answers).unwrap();
}

/// `python3 tests/oracle/flux_substitution.py --record` wrote the answers: fluxcd/pkg/envsubst 1.8.
#[test]
fn texts_expand_as_they_do_in_flux() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../flux/envsubst.json")).unwrap();
    assert!(cases.len() >= 140, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let ours = expanded(case);
        let same = match case.get("error") {
            Some(error) => ours.get("error") == Some(error),
            // Half a character in the answer stands for bytes that no YAML reader takes.
            None if case["out"].as_str().unwrap().contains('\u{fffd}') => ours["error"] == "half a character",
            None => {
                let undefined = case.get("undefined").cloned().unwrap_or_else(|| json!([]));
                ours == json!({"out": case["out"], "undefined": undefined})
            }
        };
        if !same {
            wrong.push(format!("{case}\n  gitopsc: {ours}"));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// A number is the same number however it is written.
fn exact(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(exact).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), exact(value))).collect(),
        other => other.clone(),
    }
}

/// Recorded with the cases above.
#[test]
fn objects_are_written_expanded_and_read_again_as_they_are_in_flux() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../flux/objects.json")).unwrap();
    assert!(cases.len() >= 100, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let question = &case["question"];
        let ours = match case["mode"].as_str() {
            Some("yaml") => json!({"yaml": text::text(&object(question))}),
            _ => substituted(question),
        };
        let theirs = &case["answer"];
        let same =
            if theirs.get("error").is_some() { ours.get("error").is_some() } else { exact(&ours) == exact(theirs) };
        if !same {
            wrong.push(format!("{question}\n  gitopsc: {ours}\n  flux:    {theirs}"));
        }
    }
    assert!(wrong.is_empty(), "{} objects differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_fault_says_where_its_expansion_starts() {
    let nobody = |_: &str| None;
    for (text, offset, part) in [
        ("a ${b} ${c-d}", 7, "`${c`"),
        ("${a:=${b", 5, "`${b`"),
        ("x${}", 1, "name"),
        ("${a:}", 0, "`${a`"),
        ("${a/b}", 0, "`a`"),
        ("${#a:1}", 0, "expansion"),
    ] {
        let fault = envsubst::expand(text, &nobody, &mut Vec::new()).unwrap_err();
        assert_eq!(fault.offset, offset, "{text}");
        assert!(fault.message.contains(part), "{text}: {}", fault.message);
    }
}

#[test]
fn hostile_texts_end_soon() {
    let nobody = |_: &str| None;
    let mut undefined = Vec::new();
    assert!(envsubst::expand(&"${a:=".repeat(100_000), &nobody, &mut undefined).is_err());
    assert_eq!(envsubst::expand(&"$".repeat(1_000_000), &nobody, &mut undefined).unwrap().len(), 500_000);
    assert_eq!(envsubst::expand(&"${a:-b}".repeat(100_000), &nobody, &mut undefined).unwrap().len(), 100_000);
    assert_eq!(undefined, [""; 0]);
}

/// An object written by hand, and the variables of its unit; `name value` a line.
struct Written {
    sources: Sources,
    object: Node,
    variables: Variables,
}

impl Written {
    fn new(text: &str, defined: &str) -> Written {
        let mut sources = Sources::default();
        let source = sources.add("object.yaml", text);
        let mut reading = yaml::read(source, text);
        assert_eq!(reading.diagnostics, [], "{text}");
        let object = reading.documents.swap_remove(0).root;
        let source = sources.add("variables", defined);
        let mut variables = Variables::default();
        let mut start = 0;
        for line in defined.lines() {
            let (name, value) = line.split_once(' ').unwrap();
            let place = Place { source, span: Span::new(start, start + name.len()) };
            variables.set(name, &value.replace("\\n", "\n"), place);
            start += line.len() + 1;
        }
        Written { sources, object, variables }
    }

    fn substituted(&self) -> Substituted {
        substitute(&self.object, &self.variables).unwrap()
    }

    /// Every scalar with the text it was written as.
    fn places(&self, node: &Node, out: &mut Vec<(Value, String)>) {
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| self.places(item, out)),
            Kind::Map(entries) => {
                for entry in entries {
                    out.push((json!(entry.key), self.sources.text(entry.key_place).to_owned()));
                    self.places(&entry.value, out);
                }
            }
            _ => out.push((node.to_json(), self.sources.text(node.place).to_owned())),
        }
    }
}

const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: harbour\n";

#[test]
fn an_object_without_a_dollar_stays_as_it_is() {
    let written = Written::new(&format!("{HEAD}data:\n  b: 1\n  a: 'yes'\n"), "x 1");
    assert_eq!(written.substituted(), Substituted { object: written.object.clone(), undefined: vec![] });
}

#[test]
fn nothing_is_substituted_where_there_is_no_variable_unless_always() {
    let mut written = Written::new(&format!("{HEAD}data:\n  a: ${{x:=1}} $$\n"), "");
    assert_eq!(written.substituted().object, written.object);
    written.variables.always = true;
    assert_eq!(written.substituted().object.at(["data", "a"]).unwrap().to_json(), json!("1 $"));
}

#[test]
fn a_label_or_an_annotation_keeps_an_object_as_it_is() {
    for field in ["labels", "annotations"] {
        let switch = format!("  {field}:\n    kustomize.toolkit.fluxcd.io/substitute: disabled\n");
        let written = Written::new(&format!("{HEAD}{switch}data:\n  a: ${{x}} ${{-}}\n"), "x 1");
        assert_eq!(written.substituted().object, written.object);
    }
    let other = "  labels:\n    kustomize.toolkit.fluxcd.io/substitute: enabled\n";
    let written = Written::new(&format!("{HEAD}{other}data:\n  a: ${{x}}\n"), "x one");
    assert_eq!(written.substituted().object.at(["data", "a"]).unwrap().as_str(), Some("one"));
}

#[test]
fn values_become_what_their_text_is_without_quotes() {
    let text = format!(
        "{HEAD}data:\n  port: \"${{n}}\"\n  flag: ${{yes}}\n  whole: ${{big}}\n  map: ${{map}}\n  none: ${{void}}\n  date: ${{date}}\n  \
         text: a ${{n}}\n  block: |\n    ${{n}}\n  $${{n}}: ${{joined}}\n"
    );
    let defined = "n 8443\nyes yes\nbig 9007199254740993\nmap {a: [1, x]}\nvoid \ndate 2001-01-01\njoined a\\nb";
    let written = Written::new(&text, defined);
    let substituted = written.substituted();
    let expected = json!({
        "port": 8443, "flag": true, "whole": 9_007_199_254_740_992_i64, "map": {"a": [1, "x"]}, "none": null, "date": "2001-01-01",
        "text": "a 8443", "block": "8443\n", "${n}": "ab",
    });
    assert_eq!(substituted.object.get("data").unwrap().to_json(), expected);
    assert_eq!(substituted.undefined, []);
}

#[test]
fn every_value_keeps_the_place_it_was_written_at() {
    let text = format!(
        "{HEAD}data:\n  z: ${{n}}\n  ${{key}}: [one, 'a ${{n}}', {{b: '${{map}}'}}]\n  block: |\n    ${{n}}\n    end\nspec: {{a: 1}}\n"
    );
    let written = Written::new(&text, "n 5\nkey renamed\nmap {c: d}");
    let mut places = Vec::new();
    let substituted = written.substituted();
    written.places(substituted.object.get("data").unwrap(), &mut places);
    let expected = [
        (json!("z"), "z"),
        (json!(5), "${n}"),
        (json!("block"), "block"),
        (json!("5\nend\n"), "${n}\n    end"),
        (json!("renamed"), "${key}"),
        (json!("one"), "one"),
        (json!("a 5"), "'a ${n}'"),
        (json!("b"), "b"),
        (json!("c"), "'${map}'"),
        (json!("d"), "'${map}'"),
    ];
    assert_eq!(places, expected.map(|(value, place)| (value, place.to_owned())));
    assert_eq!(substituted.object.get("spec").unwrap(), written.object.get("spec").unwrap());
}

#[test]
fn undefined_variables_are_named_where_they_are_used() {
    let text = format!(
        "{HEAD}data:\n  a: ${{gone}}-${{x}}\n  b: ${{gone:=default}}\n  c:\n  - ${{lost^^}} ${{gone}}\n  - ${{fine:-${{inner}}}}\n  d: $${{not_asked}}\n"
    );
    let written = Written::new(&text, "x 1");
    let substituted = written.substituted();
    let undefined: Vec<(&str, &str)> = substituted
        .undefined
        .iter()
        .map(|undefined| (undefined.name.as_str(), written.sources.text(undefined.place)))
        .collect();
    let second = "${lost^^} ${gone}";
    assert_eq!(
        undefined,
        [("gone", "${gone}-${x}"), ("gone", second), ("lost", second), ("inner", "${fine:-${inner}}")]
    );
    let expected = json!({"a": -1, "b": "default", "c": [null, null], "d": "${not_asked}"});
    assert_eq!(substituted.object.get("data").unwrap().to_json(), expected);
}

#[test]
fn a_placeholder_goes_through_unread() {
    let text = format!("{HEAD}data:\n  a: key-${{token}}\n  b: ${{token}}\n");
    let written = Written::new(&text, "token ..PLACEHOLDER_token..");
    let expected = json!({"a": "key-..PLACEHOLDER_token..", "b": "..PLACEHOLDER_token.."});
    assert_eq!(written.substituted().object.get("data").unwrap().to_json(), expected);
}

/// The finding, its places as written, and whether its lines may be shown.
fn refused(written: &Written) -> (Diagnostic, Vec<String>) {
    let diagnostic = *substitute(&written.object, &written.variables).unwrap_err();
    let places = diagnostic.labels.iter().map(|label| written.sources.text(label.place).to_owned()).collect();
    (diagnostic, places)
}

#[test]
fn a_name_that_is_none_fails_the_unit() {
    for name in ["cluster-name", "1st", "a.b", "ä"] {
        let written = Written::new(&format!("{HEAD}data: {{}}\n"), &format!("{name} x\nfine y"));
        let (diagnostic, places) = refused(&written);
        assert_eq!(diagnostic.code, code!("variable-malformed"));
        assert_eq!(diagnostic.message, format!("`{name}` is no name of a variable"));
        assert_eq!(places, [name.to_owned()]);
    }
    let written = Written::new(&format!("{HEAD}data: {{}}\n"), "_a1 x\nB_2 y\n__ z");
    assert_eq!(written.variables.malformed(), None);
}

#[test]
fn an_expansion_that_flux_cannot_read_is_a_finding_at_its_value() {
    let text = format!("{HEAD}data:\n  fine: ${{x}}\n  run.sh: |\n    echo ${{1-none}}\n");
    let (diagnostic, places) = refused(&Written::new(&text, "x 1"));
    assert_eq!(diagnostic.code, code!("substitution-malformed"));
    assert_eq!(diagnostic.message, "Flux cannot expand `${1-none}` in ConfigMap `harbour`");
    assert_eq!(places, ["echo ${1-none}"]);
}

#[test]
fn a_value_that_breaks_the_document_is_a_finding_that_names_the_variable() {
    let text = format!("{HEAD}data:\n  a: ${{fine}}\n  b: ${{greeting}}\n");
    for greeting in ["hello: world", "[open", "*nobody", "@home", "'", "a: b\\n"] {
        let written = Written::new(&text, &format!("fine 1\ngreeting {greeting}"));
        let (diagnostic, places) = refused(&written);
        assert_eq!(diagnostic.code, code!("substitution-breaks"), "{greeting}");
        let start = "ConfigMap `harbour` is no object any more once Flux has put in `greeting`: ";
        assert!(diagnostic.message.starts_with(start), "{}", diagnostic.message);
        assert_eq!(places, ["${greeting}", "greeting"], "{greeting}");
        assert!(!diagnostic.hidden);
    }
}

#[test]
fn an_object_whose_name_becomes_a_number_is_one_that_flux_leaves_out() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${site}\n";
    let (diagnostic, places) = refused(&Written::new(text, "site 12"));
    assert_eq!(diagnostic.code, code!("substitution-breaks"));
    let message = "ConfigMap `${site}` is no object any more once Flux has put in `site`: its `metadata.name` is no text, and Flux leaves it out";
    assert_eq!(diagnostic.message, message);
    assert_eq!(places, ["${site}", "site"]);
}

#[test]
fn a_secret_that_breaks_the_document_is_not_shown() {
    let mut written = Written::new(&format!("{HEAD}data:\n  b: ${{password}}\n"), "password -");
    let place = written.variables.get("password").unwrap().place;
    written.variables.set_secret("password", "@s3cr3t: `x", place);
    let (diagnostic, _) = refused(&written);
    assert!(diagnostic.hidden);
    assert!(!format!("{diagnostic:?}").contains("s3cr3t"));
}
