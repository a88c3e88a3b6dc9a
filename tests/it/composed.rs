//! `check` of a project with an inventory: what compiling finds, and what the compiled tree means to the rest of the repository.

use gitopsc::{
    cli::{self, Answer, Arguments, Surroundings},
    world::MemWorld,
};
use serde_json::Value;

/// An inventory of one service with a manifest of its own; more tables can follow.
const INVENTORY: &str = "schema = 1\n\n[cluster]\nname = \"home\"\nendpoint = \"192.168.1.10\"\n\n[versions]\nkubernetes = \"1.32.1\"\n\n\
    [services.wiki]\nchart = { repo = \"https://charts.example.org\", name = \"wiki\", version = \"1.0.0\" }\n";
const MANIFEST: &str = "# The pages.\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: pages\n  namespace: wiki\ndata:\n  home: hello\n";
/// Terraform that makes the same ConfigMap.
const TERRAFORM: &str = "terraform {\n  backend \"local\" {}\n}\n\nresource \"kubernetes_config_map_v1\" \"pages\" {\n  metadata {\n    name      = \"pages\"\n    namespace = \"wiki\"\n  }\n}\n";

fn project(more: &[(&str, &str)], tables: &str) -> MemWorld {
    let inventory = format!("{INVENTORY}{tables}");
    let world =
        MemWorld::new([("inventory.toml", inventory.as_str()), ("templates/services/wiki/pages.yaml", MANIFEST)]);
    for (path, text) in more {
        world.put(path, *text);
    }
    world
}

fn run(world: &MemWorld, words: &[&str]) -> Answer {
    let arguments = <Arguments as clap::Parser>::parse_from(["gitopsc"].iter().chain(words));
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    cli::run(&arguments, world, &around)
}

/// Code, severity, and `path:line` of every place of each finding.
fn found(world: &MemWorld) -> Vec<(String, String, Vec<String>)> {
    let answer = run(world, &["check", "--format", "json"]);
    let report: Value =
        serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}{}", answer.stdout, answer.stderr));
    let place = |place: &Value| format!("{}:{}", place["path"].as_str().unwrap(), place["line"]);
    let findings = report["diagnostics"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| {
            let places = finding["places"].as_array().unwrap();
            (
                finding["code"].as_str().unwrap().to_owned(),
                finding["severity"].as_str().unwrap().to_owned(),
                places.iter().map(place).collect(),
            )
        })
        .collect()
}

#[test]
fn a_sound_project_is_clean_and_says_what_was_judged() {
    let answer = run(&project(&[], ""), &["check"]);
    assert_eq!(answer.stderr.lines().next(), Some("no problems"), "{}", answer.stderr);
    assert!(answer.stderr.lines().nth(1).unwrap().starts_with("judged 3 units, "), "{}", answer.stderr);
    assert_eq!(answer.exit, 0);
}

#[test]
fn what_terraform_makes_too_is_reported_at_the_template_and_at_the_resource() {
    let world = project(&[("terraform/main.tf", TERRAFORM)], "");
    let expected = vec!["templates/services/wiki/pages.yaml:5".to_owned(), "terraform/main.tf:5".to_owned()];
    let found = found(&world);
    assert_eq!(found.len(), 1, "{found:?}");
    let (code, severity, mut places) = found[0].clone();
    places.sort();
    assert_eq!((code.as_str(), severity.as_str(), places), ("owned-twice", "error", expected));
    assert_eq!(run(&world, &["check"]).exit, 1);
    assert!(!world.snapshot().keys().any(|path| path.starts_with("out/")), "checking writes nothing");
}

#[test]
fn an_allowance_of_the_inventory_counts_for_both_halves() {
    let allow = "\n[[allow]]\ncode = \"owned-twice\"\non = \"ConfigMap:wiki/pages\"\nreason = \"it moves to Terraform this week\"\n";
    let world = project(&[("terraform/main.tf", TERRAFORM)], allow);
    assert_eq!(found(&world), []);
    let unused = project(&[], allow);
    let codes: Vec<String> = found(&unused).into_iter().map(|(code, _, _)| code).collect();
    assert_eq!(codes, ["allow-unused"]);
}

#[test]
fn what_compiling_reports_is_not_said_twice() {
    let owns = "\n[owners.hand]\nowns = [\"ConfigMap:wiki/pages\"]\n";
    let codes: Vec<String> = found(&project(&[], owns)).into_iter().map(|(code, _, _)| code).collect();
    assert_eq!(codes, ["owned-elsewhere"]);
}

#[test]
fn what_is_in_out_today_is_not_judged_but_what_will_be() {
    let world = project(&[("out/apps/wiki/wiki/old.yaml", "a: [b\n"), ("out/flux/old.yaml", "a: [b\n")], "");
    assert_eq!(found(&world), []);
}

#[test]
fn tests_and_examples_beside_an_inventory_are_no_clusters() {
    let unit = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: flux-system\n  namespace: flux-system\n\
        spec:\n  interval: 10m\n  path: ./nowhere\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n";
    let world = project(&[("tests/broken/gotk-sync.yaml", unit), ("examples/gotk-sync.yaml", unit)], "");
    assert_eq!(found(&world), []);
}

#[test]
fn an_inventory_with_errors_is_reported_alone() {
    let world = project(&[("terraform/main.tf", TERRAFORM)], "\n[services.web]\npool = \"ingres\"\n");
    let codes: Vec<String> = found(&world).into_iter().map(|(code, _, _)| code).collect();
    assert_eq!(codes, ["name-unknown"]);
    let refused = run(&world, &["conflicts"]);
    assert_eq!(refused.stderr, "error: `inventory.toml` does not compile\nhelp: `gitopsc check` says why\n");
    assert_eq!(refused.exit, 2);
}

#[test]
fn every_format_is_printed_for_both_halves() {
    let world = project(&[("terraform/main.tf", TERRAFORM)], "");
    for format in ["human", "concise", "json", "sarif", "github", "gitlab", "junit", "markdown"] {
        let answer = run(&world, &["check", "--format", format]);
        let text = format!("{}{}", answer.stdout, answer.stderr);
        assert!(text.contains("owned-twice"), "{format}: {text}");
        assert!(text.contains("templates/services/wiki/pages.yaml"), "{format}: {text}");
        assert_eq!(answer.exit, 1, "{format}");
    }
}

#[test]
fn questions_are_answered_with_lines_of_the_inventory() {
    let world = project(&[("terraform/main.tf", TERRAFORM)], "");
    let why = run(&world, &["why", "Namespace:wiki"]);
    assert!(why.stdout.contains("inventory.toml:"), "{}", why.stdout);
    let conflicts = run(&world, &["conflicts", "--format", "json"]);
    let list: Value = serde_json::from_str(&conflicts.stdout).unwrap();
    let owners = list["conflicts"][0]["owners"].as_array().unwrap();
    let mut paths: Vec<&str> = owners.iter().map(|owner| owner["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["templates/services/wiki/pages.yaml", "terraform/main.tf"]);
    assert_eq!(conflicts.exit, 1);
    let graph: Value = serde_json::from_str(&run(&world, &["graph", "--format", "json"]).stdout).unwrap();
    let names: Vec<&str> =
        graph["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"flux-system/wiki") && names.contains(&"flux-system/namespaces"), "{names:?}");
    let bootstrap = run(&world, &["bootstrap"]);
    assert!(bootstrap.stdout.contains("comes up"), "{}", bootstrap.stdout);
}
