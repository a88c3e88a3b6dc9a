//! The commands that look at a repository which has never seen an inventory: what they print, and how they end.

use std::cell::RefCell;

use gitopsc::{
    cli::{self, Answer, Arguments, Surroundings},
    world::MemWorld,
};
use serde_json::{Value, json};

use crate::program::Repository;

/// A Flux Kustomization; `more` is the rest of its spec.
fn unit(name: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  namespace: flux-system\n\
         spec:\n  interval: 10m\n  path: ./{name}\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n{more}"
    )
}

fn map(name: &str, data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: apps\ndata:\n  {data}\n")
}

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: apps\n";

/// Two units that both make the ConfigMap `shared`, and a third one that makes their namespace.
fn contested() -> Vec<(&'static str, String)> {
    let waits = "  wait: true\n  dependsOn:\n    - name: base\n";
    vec![
        ("clusters/home/base.yaml", unit("base", "  wait: true\n")),
        ("clusters/home/one.yaml", unit("one", waits)),
        ("clusters/home/two.yaml", unit("two", waits)),
        ("base/namespace.yaml", NAMESPACE.to_owned()),
        ("one/shared.yaml", map("shared", "color: green")),
        ("two/shared.yaml", map("shared", "color: blue")),
        ("two/own.yaml", map("own", "host: pages.example.org\n  address: 192.168.7.9")),
    ]
}

fn world(files: &[(&str, String)]) -> MemWorld {
    MemWorld::new(files.iter().map(|(path, text)| (*path, text.as_bytes())))
}

fn run(world: &MemWorld, words: &[&str]) -> Answer {
    run_with(world, words, &|_| None)
}

fn run_with(world: &MemWorld, words: &[&str], variable: &dyn Fn(&str) -> Option<String>) -> Answer {
    let arguments = <Arguments as clap::Parser>::parse_from(["gitopsc"].iter().chain(words));
    let around = Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable };
    cli::run(&arguments, world, &around)
}

fn codes(answer: &Answer) -> Vec<String> {
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    let found = report["diagnostics"].as_array().unwrap();
    found.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn checked(files: &[(&str, String)]) -> Vec<String> {
    codes(&run(&world(files), &["check", "--format", "json"]))
}

#[test]
fn conflicts_are_listed_with_each_owners_line() {
    let answer = run(&world(&contested()), &["conflicts"]);
    let expected = "ConfigMap:apps/shared: conflict\n  one/shared.yaml:4  unit `flux-system/one` (owns and prunes)\n  two/shared.yaml:4  unit `flux-system/two` (owns and prunes)\n  Flux lets both write it: the last one wins, at every interval, and whichever stops having it deletes it for both\n\n1 in conflict, 0 shared or handed over\n";
    assert_eq!((answer.stdout.as_str(), answer.stderr.as_str(), answer.exit), (expected, "", 1));
}

#[test]
fn conflicts_are_data_for_scripts() {
    let answer = run(&world(&contested()), &["conflicts", "--format", "json"]);
    let mut list: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(list["version"], 1);
    let conflict = list["conflicts"][0].as_object_mut().unwrap();
    let rest: Vec<String> = ["cluster", "declared", "consequence"].map(str::to_owned).into();
    for key in &rest {
        assert!(conflict.remove(key).is_some(), "{key}");
    }
    for owner in conflict["owners"].as_array_mut().unwrap() {
        assert_eq!(owner.as_object_mut().unwrap().remove("role"), Some(json!("owns and prunes")));
    }
    let expected = json!({
        "object": { "group": "", "kind": "ConfigMap", "namespace": "apps", "name": "shared" },
        "verdict": "conflict",
        "severity": "error",
        "owners": [
            { "tool": "flux", "unit": "flux-system/one", "path": "one/shared.yaml", "line": 4 },
            { "tool": "flux", "unit": "flux-system/two", "path": "two/shared.yaml", "line": 4 },
        ],
    });
    assert_eq!(list["conflicts"], json!([expected]));
}

#[test]
fn a_repository_whose_objects_have_one_owner_each_has_no_conflict() {
    let mut files = contested();
    files.retain(|(path, _)| *path != "one/shared.yaml");
    files.push(("one/other.yaml", map("other", "a: b")));
    let answer = run(&world(&files), &["conflicts"]);
    assert_eq!((answer.stdout.as_str(), answer.exit), ("every object has one owner\n", 0));
}

#[test]
fn why_answers_for_objects_files_lines_addresses_and_hosts() {
    let world = world(&contested());
    let why = |what: &str| run(&world, &["why", what]).stdout;
    let object = why("ConfigMap:apps/shared");
    for line in [
        "  made by unit `flux-system/one`",
        "    one/shared.yaml:4",
        "    unit `flux-system/one` of home, which applies one/, clusters/home/one.yaml:4",
        "  made by unit `flux-system/two`",
        "  conflict: Flux lets both write it",
    ] {
        assert!(object.contains(line), "{line}\n{object}");
    }
    assert_eq!(why("configmap/apps/shared"), object);
    assert_eq!(why("ConfigMap:shared"), object, "a namespace left away means any");
    let namespace = why("Namespace:apps");
    assert!(
        namespace.contains("needed by `flux-system/one`") && namespace.contains("needed by `flux-system/two`"),
        "{namespace}"
    );
    let file = why("two/own.yaml");
    assert!(file.starts_with("two/own.yaml\n  read by\n    unit `flux-system/two`"), "{file}");
    assert!(file.contains("\nConfigMap:apps/own\n"), "{file}");
    assert!(why("./two/own.yaml:8").contains("ConfigMap:apps/own"));
    let expected = "192.168.7.9\ntwo/own.yaml:8\n  in `ConfigMap:apps/own` of unit `flux-system/two` of home\n";
    assert_eq!(why("192.168.7.9"), expected);
    let host = why("pages.example.org");
    assert_eq!(
        host,
        "pages.example.org\ntwo/own.yaml:7\n  in `ConfigMap:apps/own` of unit `flux-system/two` of home\n"
    );
    let nothing = run(&world, &["why", "192.168.7"]);
    assert!(nothing.stderr.starts_with("error: nothing in this repository is `192.168.7`, or says it\nhelp: "));
    assert_eq!(nothing.exit, 2);
}

fn graph(files: &[(&str, String)], words: &[&str]) -> String {
    let answer = run(&world(files), &[&["graph"], words].concat());
    assert_eq!((answer.stderr.as_str(), answer.exit), ("", 0));
    answer.stdout
}

fn edges(graph: &str) -> Vec<(String, String, bool, bool)> {
    let graph: Value = serde_json::from_str(graph).unwrap();
    let text = |value: &Value| value.as_str().unwrap().trim_start_matches("flux-system/").to_owned();
    let edges = graph["edges"].as_array().unwrap().iter();
    edges
        .map(|edge| {
            let flag = |key: &str| edge[key].as_bool().unwrap();
            (text(&edge["from"]), text(&edge["to"]), flag("written"), flag("inferred"))
        })
        .collect()
}

#[test]
fn a_graph_is_data_for_scripts() {
    let mut files = contested();
    // Nobody wrote that this one needs the namespace.
    files[1].1 = unit("one", "  wait: true\n");
    let printed = graph(&files, &["--format", "json"]);
    let edge = |from: &str, to: &str, written, inferred| (from.to_owned(), to.to_owned(), written, inferred);
    assert_eq!(edges(&printed), [edge("one", "base", false, true), edge("two", "base", true, true)]);
    let whole: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(whole["version"], 1);
    let first = whole["edges"][0].as_object().unwrap();
    assert_eq!((&first["strength"], &first["place"]), (&json!("hard"), &json!("one/shared.yaml:5")));
    assert!(first["reason"].as_str().unwrap().contains("`apps`"), "{first:?}");
    let names: Vec<&Value> = whole["nodes"].as_array().unwrap().iter().map(|node| &node["name"]).collect();
    assert_eq!(names, ["flux-system/base", "flux-system/one", "flux-system/two"]);
}

#[test]
fn a_graph_is_drawn_in_each_format() {
    let files = contested();
    let mermaid = graph(&files, &["--format", "mermaid"]);
    assert!(mermaid.starts_with("graph LR\n") && mermaid.matches("-->").count() == 2, "{mermaid}");
    let dot = graph(&files, &["--format", "dot"]);
    assert!(dot.contains("\"flux-system/one\" -> \"flux-system/base\""), "{dot}");
    assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    let svg = graph(&files, &["--format", "svg"]);
    assert_eq!(svg.matches("marker-end").count(), 2);
    let opened = svg.matches("<g ").count() + svg.matches("<g>").count();
    assert_eq!(opened, svg.matches("</g>").count());
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>\n"));
    for name in ["base", "one", "two"] {
        assert!(svg.contains(name), "{name}");
    }
    let refused = run(&world(&files), &["graph", "--format", "junit"]);
    assert_eq!(refused.stderr, "error: a graph is not drawn as `junit`\nhelp: `--format` mermaid, dot, svg or json\n");
    assert_eq!(refused.exit, 2);
}

#[test]
fn a_graph_can_be_of_one_unit_of_the_longest_chain_or_of_owners() {
    let mut files = contested();
    files.push(("clusters/home/three.yaml", unit("three", "  dependsOn:\n    - name: two\n")));
    files.push(("three/own.yaml", map("three", "a: b")));
    let focused: Value = serde_json::from_str(&graph(&files, &["--format", "json", "--focus", "one"])).unwrap();
    let names = |graph: &Value| -> Vec<String> {
        graph["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&focused), ["flux-system/base", "flux-system/one"]);
    let path: Value = serde_json::from_str(&graph(&files, &["--format", "json", "--critical-path"])).unwrap();
    let marked: Vec<&str> = path["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["marked"] == json!(true))
        .map(|node| node["name"].as_str().unwrap())
        .collect();
    assert_eq!(marked, ["flux-system/base", "flux-system/three", "flux-system/two"]);
    let owners: Value = serde_json::from_str(&graph(&files, &["--format", "json", "--of", "owners"])).unwrap();
    assert_eq!(names(&owners), ["ConfigMap:apps/shared", "unit `flux-system/one`", "unit `flux-system/two`"]);
    let nobody = run(&world(&files), &["graph", "--focus", "nobody"]);
    assert_eq!(
        (nobody.stderr.lines().next(), nobody.exit),
        (Some("error: nothing in this graph is called `nobody`"), 2)
    );
}

#[test]
fn a_start_is_played_to_its_end_or_to_where_it_hangs() {
    let up = run(&world(&contested()), &["bootstrap"]);
    let expected =
        "home\n  1. Flux\n     flux-system/base\n  2. Flux\n     flux-system/one, flux-system/two\n  comes up\n\n";
    assert_eq!((up.stdout.as_str(), up.exit), (expected, 0));
    let mut files = contested();
    files[0].1 = unit("base", "  wait: true\n  dependsOn:\n    - name: gone\n");
    let hangs = run(&world(&files), &["bootstrap"]);
    let cause = "    ! flux-system/base: it waits for `flux-system/gone`, which does not exist\n        clusters/home/base.yaml:15\n";
    let follows = "    - flux-system/one: it waits for `flux-system/base`, which is not ready\n        clusters/home/one.yaml:15\n";
    assert!(hangs.stdout.contains("  hangs: 3 of 3 units never become ready\n"), "{}", hangs.stdout);
    assert!(hangs.stdout.contains(cause) && hangs.stdout.contains(follows), "{}", hangs.stdout);
    assert_eq!(hangs.exit, 1);
}

#[test]
fn a_network_that_only_flux_brings_never_comes_up() {
    let release = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: cilium\n  namespace: kube-system\nspec:\n  interval: 1h\n  url: https://charts.example.org\n---\n\
        apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: cilium\n  namespace: kube-system\nspec:\n  interval: 1h\n  chart:\n    spec:\n      chart: cilium\n      version: 1.18.2\n      sourceRef:\n        kind: HelmRepository\n        name: cilium\n";
    let mut files = vec![
        ("cluster.yaml", unit("network", "")),
        ("network/cilium.yaml", release.to_owned()),
        ("talos/patch.yaml", "cluster:\n  network:\n    cni:\n      name: none\n".to_owned()),
    ];
    let answer = run(&world(&files), &["bootstrap"]);
    assert!(
        answer.stdout.contains("  hangs before Flux runs: its pods need a network, and only Flux brings one\n"),
        "{}",
        answer.stdout
    );
    assert!(answer.stdout.contains("        talos/patch.yaml:4\n"), "{}", answer.stdout);
    assert_eq!(answer.exit, 1);
    assert_eq!(checked(&files), ["cni-from-flux"]);
    files.push(("bootstrap/install.sh", "helm install cilium cilium --repo https://charts.example.org\n".to_owned()));
    assert_eq!(run(&world(&files), &["bootstrap"]).exit, 0);
    assert!(!checked(&files).contains(&"cni-from-flux".to_owned()));
}

#[test]
fn a_baseline_leaves_out_what_was_there_and_tells_what_is_new_or_gone() {
    let world = world(&contested());
    let written = run(&world, &["check", "--write-baseline", "baseline.json"]);
    assert_eq!((written.stderr.as_str(), written.exit), ("1 finding written to baseline.json\n", 0));
    let same = run(&world, &["check", "--baseline", "baseline.json"]);
    assert_eq!(same.stderr, "no problems\njudged 3 units, 4 objects, 7 files in 1 cluster\n");
    assert_eq!(same.exit, 0);
    world.put("one/more.yaml", map("own", "a: b"));
    let more = run(&world, &["check", "--baseline", "baseline.json", "--format", "json"]);
    assert_eq!((codes(&more), more.exit), (vec!["owned-twice".to_owned()], 1));
    assert!(more.stdout.contains("ConfigMap:apps/own") && !more.stdout.contains("ConfigMap:apps/shared"));
    world.delete("one/more.yaml");
    world.put("one/shared.yaml", map("other", "a: b"));
    let gone = run(&world, &["check", "--baseline", "baseline.json"]);
    assert!(gone.stderr.ends_with("1 finding of the baseline is gone: write it anew\n"), "{}", gone.stderr);
    let missing = run(&world, &["check", "--baseline", "nowhere.json"]);
    assert_eq!(
        (missing.stderr.as_str(), missing.exit),
        ("error: cannot read `nowhere.json`: there is no such file\n", 2)
    );
}

#[test]
fn a_comment_beside_the_line_allows_a_finding() {
    let mut files = contested();
    files[4].1 = format!("# gitopsc: allow(owned-twice) it moves next week\n{}", files[4].1);
    assert_eq!(checked(&files), ["allow-unused", "owned-twice"], "three lines are too far away");
    files[4].1 = map("shared # gitopsc: allow(owned-twice) it moves next week", "color: green");
    assert_eq!(checked(&files), Vec::<String>::new());
}

#[test]
fn settings_allow_set_levels_and_leave_out() {
    let with = |settings: &str| {
        let mut files = contested();
        files.push(("gitopsc.toml", settings.to_owned()));
        run(&world(&files), &["check", "--format", "json"])
    };
    let allowed =
        with("[[allow]]\ncode = \"owned-twice\"\non = \"ConfigMap:apps/shared\"\nreason = \"it moves next week\"\n");
    assert_eq!((codes(&allowed), allowed.exit), (Vec::new(), 0));
    let quiet = with("[codes]\nowned-twice = \"note\"\n");
    assert_eq!((codes(&quiet), quiet.exit), (vec!["owned-twice".to_owned()], 0));
    assert_eq!(codes(&with("[codes]\nowned-twice = \"off\"\n")), Vec::<String>::new());
    let left_out = with("ignore = [\"/two/shared.yaml\"]\n");
    assert_eq!(codes(&left_out), Vec::<String>::new());
    let owned = with("[owners.hand]\nowns = [\"ConfigMap:apps/own\"]\n");
    assert_eq!(codes(&owned), ["owned-twice", "owned-twice"]);
}

#[test]
fn faults_in_settings_are_found_at_their_place_and_the_rest_is_judged() {
    let mut files = contested();
    let settings = "roots = [\"nowhere\"]\nrootz = []\nignore = [\"[z-a]\"]\nnetworks = [\"10.0.0.0/99\"]\n\n[owners.hand]\nowns = [\"shared\"]\n\n\
        [rendered]\n\"apps/wiki\" = \"rendered.yaml\"\n\n[[handover]]\non = \"ConfigMap:apps/own\"\nfrom = \"taloss\"\nto = \"flux\"\nreason = \"it is so\"\n\n\
        [codes]\nowned-twize = \"off\"\n";
    files.push(("gitopsc.toml", settings.to_owned()));
    let answer = run(&world(&files), &["check", "--format", "concise"]);
    let text = format!("{}{}", answer.stdout, answer.stderr);
    for expected in [
        "gitopsc.toml:1:",
        "`gitopsc.toml` has no key `rootz`",
        "`ignore` cannot be `[z-a]`",
        "`10.0.0.0/99` is not a network prefix",
        "`owns` of [owners.hand] cannot be `shared`",
        "`apps/wiki` of [rendered] is not a release that Flux keeps",
        "`from` of [[handover]] cannot be `taloss`",
        "there is no code `owned-twize`",
        "`ConfigMap:apps/shared`",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert_eq!(answer.exit, 1);
}

#[test]
fn a_terraform_plan_is_read_and_a_missing_one_ends_the_run() {
    let plan = json!({
        "format_version": "1.2",
        "planned_values": { "root_module": { "resources": [{
            "address": "kubernetes_config_map_v1.own", "mode": "managed", "type": "kubernetes_config_map_v1", "name": "own",
            "values": { "metadata": [{ "name": "own", "namespace": "apps" }], "data": { "password": "hush" } }
        }] } }
    });
    let mut files = contested();
    files.push(("plan.json", plan.to_string()));
    let answer = run(&world(&files), &["conflicts", "--tf-plan", "plan.json"]);
    assert!(
        answer.stdout.contains("ConfigMap:apps/own: conflict\n")
            && answer.stdout.contains("kubernetes_config_map_v1.own"),
        "{}",
        answer.stdout
    );
    let human = run(&world(&files), &["check", "--tf-plan", "plan.json"]);
    assert!(!human.stderr.contains("hush") && human.stderr.contains("plan.json"), "{}", human.stderr);
    let missing = run(&world(&files), &["check", "--tf-plan", "gone.json"]);
    assert_eq!((missing.stderr.as_str(), missing.exit), ("error: cannot read `gone.json`: there is no such file\n", 2));
}

#[test]
fn charts_rendered_into_files_are_owned_by_their_release() {
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: wiki\n  namespace: apps\nspec:\n  interval: 1h\n  chart:\n    spec:\n      chart: wiki\n      version: 1.0.0\n      sourceRef:\n        kind: HelmRepository\n        name: wiki\n---\n\
        apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: wiki\n  namespace: apps\nspec:\n  interval: 1h\n  url: https://charts.example.org\n";
    let mut files = contested();
    files.push(("one/release.yaml", release.to_owned()));
    files.push(("rendered/wiki.yaml", map("own", "rendered: yes-it-is")));
    files.push(("gitopsc.toml", "[rendered]\n\"apps/wiki\" = \"./rendered/wiki.yaml\"\n".to_owned()));
    let answer = run(&world(&files), &["conflicts"]);
    let both = "ConfigMap:apps/own: conflict\n  two/own.yaml:4  unit `flux-system/two` (owns and prunes)\n  rendered/wiki.yaml:4  HelmRelease `apps/wiki` (owns and prunes)\n";
    assert!(answer.stdout.contains(both), "{}", answer.stdout);
}

#[test]
fn what_is_applied_to_another_cluster_is_no_claim_on_this_one() {
    let mut files = contested();
    files[2].1 = unit("two", "  kubeConfig:\n    secretRef:\n      name: other-cluster\n");
    let answer = run(&world(&files), &["conflicts"]);
    assert_eq!(answer.stdout, "every object has one owner\n");
    let edges = edges(&graph(&files, &["--format", "json"]));
    assert_eq!(edges, [("one".to_owned(), "base".to_owned(), true, true)]);
}

#[test]
fn a_github_job_gets_a_summary_after_what_is_there() {
    let world = world(&contested());
    world.put("summary.md", "before\n");
    let asked = RefCell::new(Vec::new());
    let variable = |name: &str| {
        asked.borrow_mut().push(name.to_owned());
        (name == "GITHUB_STEP_SUMMARY").then(|| "summary.md".to_owned())
    };
    let answer = run_with(&world, &["check", "--format", "github"], &variable);
    assert!(answer.stdout.contains("one/shared.yaml"), "{}", answer.stdout);
    let summary = String::from_utf8(world.snapshot()["summary.md"].clone()).unwrap();
    assert!(summary.starts_with("before\n") && summary.contains("owned-twice"), "{summary}");
    assert!(summary.ends_with("judged 3 units, 4 objects, 8 files in 1 cluster\n"), "{summary}");
}

#[test]
fn the_last_line_says_what_was_refused() {
    let mut files = contested();
    files.push((
        "one/kustomization.yaml",
        "resources:\n  - shared.yaml\nhelmCharts:\n  - name: wiki\n    repo: https://charts.example.org\n".to_owned(),
    ));
    let answer = run(&world(&files), &["check"]);
    let last = answer.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("judged 2 units, ")
            && last.contains("; refused 1 unit (")
            && last.contains("one/kustomization.yaml:3"),
        "{last}"
    );
}

#[test]
fn quiet_says_nothing_where_nothing_is_wrong() {
    let mut files = contested();
    files.retain(|(path, _)| *path != "one/shared.yaml");
    files.push(("one/other.yaml", map("other", "a: b")));
    let answer = run(&world(&files), &["check", "--quiet"]);
    assert_eq!((answer.stdout.as_str(), answer.stderr.as_str(), answer.exit), ("", "", 0));
}

#[test]
fn a_repository_without_anything_of_ours_has_nothing_to_judge() {
    let world = world(&[("README.md", "hello\n".to_owned()), ("src/main.c", "int main;\n".to_owned())]);
    let answer = run(&world, &["check"]);
    let expected = "nothing to judge: nothing here is applied by Flux or Argo CD, and no Terraform, Talos or Helm puts anything into a cluster\n";
    assert_eq!((answer.stderr.as_str(), answer.exit), (expected, 0));
}

#[test]
fn a_folder_is_judged_from_elsewhere() {
    let repository = Repository::new(contested().into_iter().map(|(path, text)| (format!("deep/{path}"), text)));
    let said = repository.run(&["-C", "deep", "check"]);
    assert_eq!((said.codes(), said.exit), (vec!["owned-twice"], Some(1)));
    assert!(said.stderr.contains("--> one/shared.yaml:4:"), "{}", said.stderr);
    let nowhere = repository.run(&["-C", "nowhere", "check"]);
    assert_eq!((nowhere.stderr.as_str(), nowhere.exit), ("error: `nowhere` is not a folder\n", Some(2)));
}

#[test]
fn a_unit_that_needs_what_waits_for_it_is_a_circle() {
    let unit = |name: &str, after: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  namespace: flux-system\nspec:\n  interval: 1h\n  path: ./{name}\n  prune: true\n  wait: true\n{after}  sourceRef:\n    kind: GitRepository\n    name: flux-system\n"
        )
    };
    let cluster =
        format!("{}---\n{}", unit("cert-manager", "  dependsOn:\n    - name: issuers\n"), unit("issuers", ""));
    let release = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: charts\n  namespace: flux-system\nspec:\n  interval: 1h\n  url: https://charts.example.org\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: cert-manager\n  namespace: flux-system\nspec:\n  interval: 1h\n  chart:\n    spec:\n      chart: cert-manager\n      version: v1.16.2\n      sourceRef:\n        kind: HelmRepository\n        name: charts\n";
    let issuer =
        "apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata:\n  name: internal\nspec:\n  selfSigned: {}\n";
    let files =
        [("cluster.yaml", cluster.as_str()), ("cert-manager/release.yaml", release), ("issuers/issuer.yaml", issuer)];
    let world = MemWorld::new(files);
    let answer = run(&world, &["check", "--format", "concise"]);
    let expected = "issuers/issuer.yaml:1:13: error[cycle]: unit `flux-system/issuers` needs what `flux-system/cert-manager` brings, which waits for it";
    assert!(answer.stderr.contains(expected), "{}", answer.stderr);
    let answer = run(&world, &["bootstrap"]);
    assert_eq!(answer.exit, 1, "{}", answer.stdout);
    assert!(
        answer.stdout.contains("which only `flux-system/cert-manager` brings, and that waits for it"),
        "{}",
        answer.stdout
    );
}

#[test]
fn of_many_units_that_need_one_only_the_first_are_shown_with_their_lines() {
    let users: Vec<String> = (10..24).map(|number| format!("user{number}")).collect();
    let mut files = vec![
        ("cluster/base.yaml".to_owned(), unit("base", "  wait: true\n")),
        ("base/namespace.yaml".to_owned(), NAMESPACE.to_owned()),
    ];
    for user in &users {
        files.push((format!("cluster/{user}.yaml"), unit(user, "  wait: true\n")));
        files.push((format!("{user}/map.yaml"), map(user, "color: green")));
    }
    let files: Vec<(&str, String)> = files.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
    let said = run(&world(&files), &["check"]).stderr;
    assert!(said.contains("14 units need `flux-system/base`, and do not wait for it"), "{said}");
    assert_eq!(said.matches("lies in the namespace `apps`").count(), 12, "{said}");
    assert!(said.contains("= note: and likewise `flux-system/user22`, `flux-system/user23`"), "{said}");
}

#[test]
fn a_unit_of_a_generated_artifact_is_built_from_the_folder_it_is_made_of() {
    let generator = "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\nmetadata:\n  name: parts\n  namespace: flux-system\n\
        spec:\n  sources:\n    - alias: all\n      kind: GitRepository\n      name: flux-system\n  artifacts:\n    - name: apps\n      copy:\n\
        \x20       - from: \"@all/apps/base/**\"\n          to: \"@artifact/base/\"\n        - from: \"@all/apps/home/**\"\n          to: \"@artifact/home/\"\n";
    let part = |name: &str| {
        unit(name, "").replace("kind: GitRepository\n    name: flux-system", "kind: ExternalArtifact\n    name: apps")
    };
    let files = [
        ("cluster/flux-system/kustomization.yaml", "resources: []\n".to_owned()),
        ("cluster/parts.yaml", generator.to_owned()),
        ("cluster/home.yaml", part("home")),
        ("cluster/other.yaml", part("other").replace("name: apps", "name: unheard-of")),
        ("apps/home/kustomization.yaml", "resources:\n  - ../base\n".to_owned()),
        ("apps/base/kustomization.yaml", "resources:\n  - map.yaml\n".to_owned()),
        ("apps/base/map.yaml", map("shared", "color: green")),
    ];
    let rendered = run(&world(&files), &["render", "flux-system/home"]);
    assert!(rendered.stdout.contains("color: green"), "{}{}", rendered.stdout, rendered.stderr);
    let said = run(&world(&files), &["check"]).stderr;
    assert!(said.ends_with("in 1 cluster; left out 1 unit of other sources\n"), "{said}");
}

#[test]
fn definitions_that_a_unit_may_fetch_from_elsewhere_are_not_said_to_be_missing() {
    let release = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata:\n  name: charts\n  namespace: flux-system\nspec:\n  interval: 1h\n  url: https://charts.example.org\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: cert-manager\n  namespace: flux-system\nspec:\n  interval: 1h\n  chart:\n    spec:\n      chart: cert-manager\n      version: v1.16.2\n      sourceRef:\n        kind: HelmRepository\n        name: charts\n";
    let issuer =
        "apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata:\n  name: internal\nspec:\n  selfSigned: {}\n";
    let with_unseen = |address: &str| {
        checked(&[
            (
                "cluster/units.yaml",
                format!(
                    "{}---\n{}---\n{}",
                    unit("controllers", "  wait: true\n"),
                    unit("issuers", ""),
                    unit("definitions", "")
                ),
            ),
            ("controllers/release.yaml", release.to_owned()),
            ("issuers/issuer.yaml", issuer.to_owned()),
            ("definitions/kustomization.yaml", format!("resources:\n  - {address}\n")),
        ])
    };
    let other = "https://example.org/queues/releases/crds.yaml";
    assert_eq!(with_unseen(other), ["build-refused", "order-missing"]);
    let theirs = "https://example.org/cert-manager/releases/download/v1.16.2/cert-manager.crds.yaml";
    assert_eq!(with_unseen(theirs), ["build-refused"]);
}

#[test]
fn a_handover_is_meant_for_the_tool_that_is_not_the_first() {
    let application = |indent: &str| {
        let lines = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: root\n  namespace: argocd\nspec:\n  project: default\n  source:\n    repoURL: https://git.example.org/lab.git\n    path: apps\n  destination:\n    server: https://kubernetes.default.svc\n    namespace: argocd\n";
        lines.lines().flat_map(|line| [indent, line, "\n"]).collect::<String>()
    };
    let machine = format!(
        "version: v1alpha1\nmachine:\n  type: controlplane\ncluster:\n  inlineManifests:\n    - name: root\n      contents: |\n{}",
        application("        ")
    );
    let files = [
        ("talos/controlplane.yaml", machine),
        ("bootstrap/root.yaml", application("")),
        ("apps/map.yaml", map("shared", "color: green")),
    ];
    let said = run(&world(&files), &["check"]).stderr;
    assert!(said.contains("warning[handover-undeclared]"), "{said}");
    assert!(said.contains("`from = \"talos\"`, `to = \"argocd\"`"), "{said}");
}
