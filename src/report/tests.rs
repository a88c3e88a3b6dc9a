use serde_json::Value;

use super::*;
use crate::{
    code,
    source::{Place, SourceId, Span},
};

fn place(sources: &Sources, source: SourceId, text: &str) -> Place {
    let start = sources.get(source).text.find(text).expect("the text is there");
    Place { source, span: Span::new(start, start + text.len()) }
}

/// Two files and three findings, one of each severity.
fn example() -> (Sources, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let inventory =
        sources.add("inventory.toml", "[vips]\nä = { ip = \"10.2.3.1\" }\n\n[nodes]\nb = \"10.2.3.1\"\ntpye = 1\n");
    let template = sources.add("templates/a b.yaml", "kind: A\n");
    let diagnostics = vec![
        Diagnostic::new(code!("template-error"), "`10.2.3.1` is used twice")
            .at(place(&sources, inventory, "b = \"10.2.3.1\""), "")
            .at(place(&sources, inventory, "10.2.3.1"), "first here")
            .at(place(&sources, template, "A"), "and here")
            .note("only one of them answers: 50%")
            .help("give one another address"),
        Diagnostic::new(code!("template-syntax"), "unknown key `tpye`")
            .at(place(&sources, inventory, "tpye"), "")
            .edit(place(&sources, inventory, "tpye"), "type", "did you mean `type`?")
            .severity(Severity::Warning),
        Diagnostic::new(code!("template-undefined"), "nothing is to blame").severity(Severity::Note),
    ];
    (sources, diagnostics)
}

fn shown(format: &str) -> String {
    let (sources, diagnostics) = example();
    let format = FORMATS.iter().find(|known| known.name == format).expect("it is a format");
    render(*format, &Report { sources: &sources, diagnostics: &diagnostics }, false)
}

#[test]
fn human() {
    let expected = "\
error[template-error]: `10.2.3.1` is used twice
 --> inventory.toml:5:1
  |
2 | ä = { ip = \"10.2.3.1\" }
  |             -------- first here
...
5 | b = \"10.2.3.1\"
  | ^^^^^^^^^^^^^^
  |
 ::: templates/a b.yaml:1:7
  |
1 | kind: A
  |       - and here
  |
  = note: only one of them answers: 50%
  = help: give one another address

warning[template-syntax]: unknown key `tpye`
 --> inventory.toml:6:1
  |
6 | tpye = 1
  | ^^^^
  |
help: did you mean `type`?
  |
6 - tpye = 1
6 + type = 1
  |

note[template-undefined]: nothing is to blame

1 error, 1 warning, 1 note
";
    assert_eq!(shown("human"), expected);
}

#[test]
fn concise() {
    let expected = "\
inventory.toml:5:1: error[template-error]: `10.2.3.1` is used twice
inventory.toml:6:1: warning[template-syntax]: unknown key `tpye`
note[template-undefined]: nothing is to blame
";
    assert_eq!(shown("concise"), expected);
}

#[test]
fn json() {
    let expected = r#"{
  "version": 1,
  "diagnostics": [
    {
      "code": "template-error",
      "severity": "error",
      "message": "`10.2.3.1` is used twice",
      "places": [
        {
          "path": "inventory.toml",
          "line": 5,
          "column": 1,
          "end_line": 5,
          "end_column": 15,
          "label": ""
        },
        {
          "path": "inventory.toml",
          "line": 2,
          "column": 13,
          "end_line": 2,
          "end_column": 21,
          "label": "first here"
        },
        {
          "path": "templates/a b.yaml",
          "line": 1,
          "column": 7,
          "end_line": 1,
          "end_column": 8,
          "label": "and here"
        }
      ],
      "hint": "give one another address"
    },
    {
      "code": "template-syntax",
      "severity": "warning",
      "message": "unknown key `tpye`",
      "places": [
        {
          "path": "inventory.toml",
          "line": 6,
          "column": 1,
          "end_line": 6,
          "end_column": 5,
          "label": ""
        }
      ],
      "hint": "did you mean `type`?"
    },
    {
      "code": "template-undefined",
      "severity": "note",
      "message": "nothing is to blame",
      "places": [],
      "hint": null
    }
  ]
}
"#;
    assert_eq!(shown("json"), expected);
}

#[test]
fn github() {
    let expected = "\
::error file=inventory.toml,line=5,col=1,endLine=5,endColumn=15,title=template-error::`10.2.3.1` is used twice%0Ahelp: give one another address
::warning file=inventory.toml,line=6,col=1,endLine=6,endColumn=5,title=template-syntax::unknown key `tpye`%0Ahelp: did you mean `type`?
::notice title=template-undefined::nothing is to blame
";
    assert_eq!(shown("github"), expected);
}

#[test]
fn github_shows_ten_and_counts_the_rest() {
    let mut sources = Sources::default();
    let source = sources.add("a,b:c%.toml", "x");
    let finding =
        Diagnostic::new(code!("template-error"), "100% wrong\r\n").at(Place { source, span: Span::new(0, 1) }, "");
    let warning = finding.clone().severity(Severity::Warning);
    let diagnostics: Vec<Diagnostic> = [warning].into_iter().chain(std::iter::repeat_n(finding, 12)).collect();
    let text = render(FORMATS[4], &Report { sources: &sources, diagnostics: &diagnostics }, false);
    let lines: Vec<&str> = text.lines().collect();
    let first =
        "::error file=a%2Cb%3Ac%25.toml,line=1,col=1,endLine=1,endColumn=2,title=template-error::100%25 wrong%0D%0A";
    assert_eq!(lines[0], first);
    assert!(lines[10].starts_with("::warning "), "{}", lines[10]);
    assert_eq!(lines[11], "+2 errors more; `--format sarif` holds all of them");
    assert_eq!(lines.len(), 12);
}

#[test]
fn sarif_has_what_code_scanning_asks_for() {
    let log: Value = serde_json::from_str(&shown("sarif")).expect("it is JSON");
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["$schema"], "https://json.schemastore.org/sarif-2.1.0.json");
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "gitopsc");
    let rules = driver["rules"].as_array().expect("there are rules");
    let ids: Vec<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert_eq!(ids, ["template-error", "template-syntax", "template-undefined"]);
    assert_eq!(rules[0]["shortDescription"]["text"], "A template asks for something that cannot be done.");
    let full = rules[0]["fullDescription"]["text"].as_str().expect("there is an explanation");
    assert!(full.starts_with("The template is well written, but"), "{full}");
    assert!(!full.contains('#'), "{full}");
    assert_eq!(rules[0]["help"]["markdown"], code!("template-error").page().text);
    assert_eq!(rules[0]["defaultConfiguration"]["level"], "error");

    let results = run["results"].as_array().expect("there are results");
    assert_eq!(results.len(), 3);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("a small one");
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let location = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "inventory.toml");
    assert_eq!(location["artifactLocation"]["uriBaseId"], "%SRCROOT%");
    let region = serde_json::json!({ "startLine": 5, "startColumn": 1, "endLine": 5, "endColumn": 15 });
    assert_eq!(location["region"], region);
    let related = results[0]["relatedLocations"].as_array().expect("the other places");
    assert_eq!(related.len(), 2);
    assert_eq!(related[1]["physicalLocation"]["artifactLocation"]["uri"], "templates/a%20b.yaml");
    assert_eq!((&related[0]["id"], &related[1]["id"]), (&Value::from(1), &Value::from(2)));
    assert_eq!(related[0]["message"]["text"], "first here");
    let message = "`10.2.3.1` is used twice\nnote: only one of them answers: 50%\nhelp: give one another address";
    assert_eq!(results[0]["message"]["text"], message);
    let replacement = &results[1]["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(replacement["insertedContent"]["text"], "type");
    assert_eq!(replacement["deletedRegion"]["endColumn"], 5);
    assert_eq!(results[1]["fixes"][0]["description"]["text"], "did you mean `type`?");
    assert_eq!(results[2].get("locations"), None);
    assert_eq!(results[2]["level"], "note");
}

#[test]
fn sarif_names_each_related_place_once() {
    let mut sources = Sources::default();
    let source = sources.add("a", "xyz");
    let at = |start: usize| Place { source, span: Span::new(start, start + 1) };
    let finding =
        Diagnostic::new(code!("template-error"), "m").at(at(0), "").at(at(1), "a").at(at(1), "b").at(at(0), "c");
    let text = render(FORMATS[3], &Report { sources: &sources, diagnostics: &[finding] }, false);
    let log: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(log["runs"][0]["results"][0]["relatedLocations"].as_array().map(Vec::len), Some(1));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let (sources, diagnostics) = example();
    let report = Report { sources: &sources, diagnostics: &diagnostics };
    let styled = render(Format::default(), &report, true);
    assert_ne!(styled, shown("human"));
    assert_eq!(anstream::adapter::strip_str(&styled).to_string(), shown("human"));
}

#[test]
fn any_place_can_be_shown() {
    let mut sources = Sources::default();
    let long = format!("{}\nb", "ä".repeat(30_000));
    for text in ["", "\n", "a", "a\n", "a\r\nb\r\n", "ä\tö\n\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", &long] {
        let source = sources.add("file", text);
        let offsets: Vec<usize> = (0..=text.len().min(12)).chain([text.len(), text.len() + 9]).collect();
        for start in &offsets {
            for end in &offsets {
                let place = Place { source, span: Span::new(*start, *end) };
                let finding =
                    Diagnostic::new(code!("template-error"), "m").at(place, "here").edit(place, "x", "write `x`");
                for format in FORMATS {
                    let text = render(
                        *format,
                        &Report { sources: &sources, diagnostics: std::slice::from_ref(&finding) },
                        false,
                    );
                    assert!(text.contains("template-error"), "{text}");
                }
            }
        }
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let mut sources = Sources::default();
    let source = sources.add("a\u{1b}[31m", "x\u{1b}[31my\u{7}");
    let place = Place { source, span: Span::new(0, 3) };
    let finding =
        Diagnostic::new(code!("template-error"), "m\u{1b}[31m").at(place, "l\u{1b}[31m").note("n\u{1b}").help("h\u{7}");
    for format in ["human", "concise"] {
        let format = FORMATS.iter().find(|known| known.name == format).expect("it is a format");
        let text = render(*format, &Report { sources: &sources, diagnostics: std::slice::from_ref(&finding) }, false);
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }
}

fn named(message: &str, source: SourceId, at: usize) -> Diagnostic {
    Diagnostic::new(code!("template-error"), message).at(Place { source, span: Span::new(at, at + 1) }, "")
}

fn settled(diagnostics: Vec<Diagnostic>, sources: &Sources) -> Vec<(String, usize)> {
    settle(diagnostics, sources).into_iter().map(|diagnostic| (diagnostic.message, diagnostic.followers)).collect()
}

#[test]
fn findings_are_in_the_order_of_their_places_and_said_once() {
    let mut sources = Sources::default();
    let (b, a) = (sources.add("b", "xyz"), sources.add("a", "xyz"));
    let list = vec![
        named("3", b, 1),
        named("2", b, 0),
        named("1", a, 2),
        named("2", b, 0),
        Diagnostic::new(code!("template-error"), "0"),
    ];
    let messages: Vec<String> = settled(list, &sources).into_iter().map(|(message, _)| message).collect();
    assert_eq!(messages, ["0", "1", "2", "3"]);
}

#[test]
fn followers_are_folded_under_their_root() {
    let mut sources = Sources::default();
    let source = sources.add("a", "uvwxyz");
    let list = vec![
        named("root", source, 3).breaks("/nodes/a"),
        named("second", source, 0).follows("/nodes/a").breaks("/services/b"),
        named("third", source, 1).follows("/services/b"),
        named("other", source, 2).follows("/nodes/c"),
        named("itself", source, 4).follows("/x").breaks("/x"),
    ];
    assert_eq!(settled(list, &sources), [("other".to_owned(), 0), ("root".to_owned(), 2), ("itself".to_owned(), 0)]);
}

#[test]
fn an_error_is_not_hidden_behind_a_warning_and_a_circle_keeps_one() {
    let mut sources = Sources::default();
    let source = sources.add("a", "uvwxyz");
    let list = vec![
        named("warning", source, 0).breaks("/a").severity(Severity::Warning),
        named("error", source, 1).follows("/a"),
        named("x", source, 2).follows("/y").breaks("/x"),
        named("y", source, 3).follows("/x").breaks("/y"),
        named("z", source, 4).follows("/y"),
    ];
    assert_eq!(settled(list, &sources), [("warning".to_owned(), 0), ("error".to_owned(), 0), ("x".to_owned(), 2)]);
}

#[test]
fn folded_findings_are_counted() {
    let mut sources = Sources::default();
    let source = sources.add("a", "uvwxyz");
    let list = vec![named("root", source, 3).breaks("/a"), named("b", source, 0).follows("/a")];
    let diagnostics = settle(list, &sources);
    let text = render(Format::default(), &Report { sources: &sources, diagnostics: &diagnostics }, false);
    assert!(text.contains("= note: 1 more follows from this\n"), "{text}");
    assert!(text.ends_with("\n1 error\n"), "{text}");
}

#[test]
fn gitlab_gets_an_issue_for_each_finding() {
    let issues: Value = serde_json::from_str(&shown("gitlab")).unwrap();
    let issues = issues.as_array().unwrap();
    assert_eq!(issues.len(), 3);
    assert_eq!(issues[0]["severity"], "critical");
    assert_eq!(issues[0]["check_name"], "template-error");
    assert_eq!(
        issues[0]["location"],
        serde_json::json!({ "path": "inventory.toml", "lines": { "begin": 5, "end": 5 } })
    );
    let prints: std::collections::BTreeSet<&str> =
        issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(prints.len(), 3);
}

#[test]
fn junit_fails_a_case_for_each_error() {
    let text = shown("junit");
    assert_eq!(text.matches("<testcase").count(), 3, "{text}");
    assert_eq!(text.matches("<failure").count(), 1, "{text}");
    assert!(text.contains("<testsuites name=\"gitopsc\" tests=\"3\" failures=\"1\">"), "{text}");
    assert!(text.contains("<testcase name=\"template-error inventory.toml:5:1\""), "{text}");
    let nothing = render(
        *FORMATS.iter().find(|known| known.name == "junit").unwrap(),
        &Report { sources: &Sources::default(), diagnostics: &[] },
        false,
    );
    assert!(nothing.contains("tests=\"1\" failures=\"0\""), "{nothing}");
}

#[test]
fn markdown_has_a_row_for_each_finding() {
    let text = shown("markdown");
    assert!(text.starts_with("**gitopsc**: 1 error, 1 warning, 1 note\n"), "{text}");
    assert!(text.contains("| `inventory.toml:5`"), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), 5, "{text}");
}

#[test]
fn a_fingerprint_stays_when_lines_move() {
    let print = |before: &str| {
        let mut sources = Sources::default();
        let text = format!("{before}kind: A\n");
        let source = sources.add("a.yaml", &*text);
        let finding = Diagnostic::new(code!("template-error"), "x").at(place(&sources, source, "A"), "").about("A");
        fingerprint(&Report { sources: &sources, diagnostics: &[] }, &finding)
    };
    assert_eq!(print(""), print("# a comment\n\n"));
}
