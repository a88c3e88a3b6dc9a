//! Findings for people, editors and forges, and what the program's end says.

use serde_json::{Value, json};

use crate::program::{Repository, SMALL};

/// Two findings with one place each, one of them an error.
fn faulty() -> Repository {
    let inventory = SMALL.replace("[services.app]\n", "[services.app]\nintervall = \"1h\"\n");
    let repository = Repository::of(inventory);
    repository.put("templates/services/app/notes.md.j2", "nobody reads this\n");
    repository
}

#[test]
fn json_has_exactly_the_promised_shape() {
    let said = faulty().run(&["check", "--format", "json"]);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(1), ""));
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    let expected = json!({
        "version": 1,
        "diagnostics": [
            {
                "code": "key-unknown",
                "severity": "error",
                "message": "[services.app] has no key `intervall`",
                "places": [{
                    "path": "inventory.toml", "line": 11, "column": 1, "end_line": 11, "end_column": 10, "label": "",
                }],
                "hint": "did you mean `interval`?",
            },
            {
                "code": "template-unused",
                "severity": "warning",
                "message": "nothing uses `templates/services/app/notes.md.j2`",
                "places": [{
                    "path": "templates/services/app/notes.md.j2", "line": 1, "column": 1, "end_line": 1, "end_column": 18, "label": "",
                }],
                "hint": "a manifest ends in `.yaml` or `.yaml.j2`",
            },
        ],
    });
    assert_eq!(report, expected);
}

#[test]
fn a_clean_repository_gives_an_empty_report_in_every_format() {
    let repository = Repository::of(SMALL);
    let said = repository.run(&["check"]);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(0), ""));
    // The last line says what was judged.
    assert!(said.stderr.starts_with("no problems\njudged 3 units, "), "{}", said.stderr);
    let said = repository.run(&["check", "--format", "json"]);
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.exit, report), (Some(0), json!({ "version": 1, "diagnostics": [] })));
    let said = repository.run(&["check", "--format", "github"]);
    assert_eq!((said.exit, said.stdout.as_str()), (Some(0), ""));
    let said = repository.run(&["check", "--format", "sarif"]);
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((said.exit, &report["runs"][0]["results"]), (Some(0), &json!([])));
}

#[test]
fn the_same_findings_reach_code_scanning_and_pull_requests() {
    let repository = faulty();
    let said = repository.run(&["check", "--format", "sarif"]);
    assert_eq!(said.exit, Some(1));
    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(report["version"], "2.1.0");
    let run = &report["runs"][0];
    let results = run["results"].as_array().unwrap();
    let rules: Vec<&Value> = results.iter().map(|result| &result["ruleId"]).collect();
    assert_eq!(rules, ["key-unknown", "template-unused"]);
    let levels: Vec<&Value> = results.iter().map(|result| &result["level"]).collect();
    assert_eq!(levels, ["error", "warning"]);
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "inventory.toml");
    assert_eq!(place["region"], json!({ "startLine": 11, "startColumn": 1, "endLine": 11, "endColumn": 10 }));
    assert_eq!(run["columnKind"], "unicodeCodePoints");

    let said = repository.run(&["check", "--format", "github"]);
    assert_eq!(said.exit, Some(1));
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", said.stdout);
    assert!(lines[0].starts_with("::error file=inventory.toml,line=11,"), "{}", lines[0]);
    assert!(lines[1].starts_with("::warning file=templates/services/app/notes.md.j2,line=1,"), "{}", lines[1]);

    let said = repository.run(&["check", "--format", "concise"]);
    let concise = "inventory.toml:11:1: error[key-unknown]: [services.app] has no key `intervall`";
    assert_eq!(said.stderr.lines().chain(said.stdout.lines()).next(), Some(concise));
}

#[test]
fn explain_gives_the_page_of_a_code_and_lists_all() {
    let repository = Repository::of("");
    let said = repository.run(&["explain", "cycle"]);
    assert_eq!((said.exit, said.stderr.as_str()), (Some(0), ""));
    assert_eq!(said.stdout, include_str!("../../docs/codes/cycle.md"));
    let said = repository.run(&["explain", "cycel"]);
    assert_eq!(
        (said.exit, said.stderr.as_str()),
        (Some(2), "error: there is no code `cycel`\nhelp: did you mean `cycle`?\n")
    );
    let said = repository.run(&["explain"]);
    assert_eq!(said.exit, Some(0));
    assert_eq!(said.stdout.lines().count(), gitopsc::codes::PAGES.len());
    assert!(said.stdout.lines().is_sorted(), "{}", said.stdout);
}

#[test]
fn the_exit_says_clean_findings_or_could_not_run() {
    let warned = Repository::of(SMALL);
    warned.put("templates/services/app/notes.md.j2", "nobody reads this\n");
    let said = warned.run(&["build"]);
    assert_eq!((said.exit, said.codes()), (Some(0), vec!["template-unused"]), "a warning alone does not fail");
    assert_eq!(faulty().run(&["build"]).exit, Some(1));
    assert_eq!(warned.run(&["build", "--no-such-flag"]).exit, Some(2));
    assert_eq!(warned.run(&["build", "--check", "--hook"]).exit, Some(2));
    assert_eq!(warned.run(&[]).exit, Some(2));
    assert_eq!(warned.run(&["--help"]).exit, Some(0));
    assert_eq!(warned.run(&["--version"]).stdout, format!("gitopsc {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn colour_is_a_choice_and_never_needed() {
    let repository = faulty();
    let plain = repository.run(&["check"]);
    assert!(!plain.stderr.contains('\u{1b}'), "not a terminal");
    let coloured = repository.run(&["check", "--color", "always"]);
    assert!(coloured.stderr.contains('\u{1b}'));
    let never = repository.run_with(&["check", "--color", "never"], b"", |command| {
        command.env("CLICOLOR_FORCE", "1");
    });
    assert_eq!(never, plain);
}
