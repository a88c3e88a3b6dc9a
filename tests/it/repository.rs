//! `check` and `render` in a repository that has never seen an inventory.

use gitopsc::{
    cli::{self, Answer, Arguments, Surroundings},
    flux::{Outcome, Unit},
    survey::{self, Options, Survey},
    world::MemWorld,
};

/// A Flux Kustomization; `more` is the rest of its spec.
fn unit(name: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  namespace: flux-system\n\
         spec:\n  interval: 10m\n  path: {path}\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n{more}"
    )
}

fn settings(name: &str, data: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: flux-system\ndata:\n  {data}\n")
}

fn world(files: &[(&str, String)]) -> MemWorld {
    MemWorld::new(files.iter().map(|(path, text)| (*path, text.as_bytes())))
}

fn surveyed(files: &[(&str, String)], roots: &[&str]) -> Survey {
    let options = Options { roots: roots.iter().map(|root| (*root).to_owned()).collect(), ..Options::default() };
    survey::survey(&world(files), &options).unwrap()
}

fn run(world: &MemWorld, words: &[&str]) -> Answer {
    let arguments = <Arguments as clap::Parser>::parse_from(["gitopsc"].iter().chain(words));
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    cli::run(&arguments, world, &around)
}

fn clusters(survey: &Survey) -> Vec<(String, Vec<String>)> {
    let units = |units: &[Unit]| units.iter().map(|unit| unit.name.name.clone()).collect();
    survey.clusters.iter().map(|cluster| (cluster.name.clone(), units(&cluster.units))).collect()
}

fn expect(survey: &Survey, expected: &[(&str, &[&str])]) {
    let expected: Vec<(String, Vec<String>)> = expected
        .iter()
        .map(|(name, units)| ((*name).to_owned(), units.iter().map(|unit| (*unit).to_owned()).collect()))
        .collect();
    assert_eq!(clusters(survey), expected);
}

fn named<'s>(survey: &'s Survey, name: &str) -> &'s Unit {
    survey.clusters[0].units.iter().find(|unit| unit.name.name == name).unwrap()
}

#[test]
fn bootstrapped_clusters_are_worlds_of_their_own() {
    let survey = surveyed(
        &[
            ("clusters/north/flux-system/gotk-sync.yaml", unit("flux-system", "./clusters/north", "")),
            ("clusters/north/apps.yaml", unit("apps", "./apps", "")),
            ("clusters/south/flux-system/gotk-sync.yaml", unit("flux-system", "./clusters/south", "")),
            ("clusters/south/apps.yaml", unit("apps", "./apps", "")),
            ("apps/a.yaml", settings("a", "color: green")),
        ],
        &[],
    );
    expect(&survey, &[("north", &["flux-system", "apps"]), ("south", &["flux-system", "apps"])]);
    assert_eq!(survey.found, []);
}

#[test]
fn an_instance_starts_at_its_path_with_its_patches() {
    let instance = "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata:\n  name: flux\n  namespace: flux-system\n\
        spec:\n  sync:\n    kind: GitRepository\n    url: https://git.example.org/home.git\n    path: fleet\n  kustomize:\n    patches:\n\
        \x20     - target:\n          kind: Kustomization\n        patch: |\n          - op: add\n            path: /spec/targetNamespace\n            value: tower\n";
    let survey =
        surveyed(&[("setup/instance.yaml", instance.to_owned()), ("fleet/a.yaml", settings("a", "color: green"))], &[]);
    expect(&survey, &[("fleet", &["flux-system"])]);
    let object = &survey.clusters[0].units[0].objects()[0];
    assert_eq!(object.id.namespace.as_deref(), Some("tower"));
}

#[test]
fn what_no_other_applies_is_a_root_and_folders_tell_clusters_apart() {
    let survey = surveyed(
        &[
            ("fleet/north/infrastructure.yaml", unit("infrastructure", "./infrastructure", "")),
            ("fleet/north/apps.yaml", unit("apps", "./apps", "")),
            ("fleet/south/apps.yaml", unit("apps", "./apps", "")),
            ("infrastructure/later.yaml", unit("later", "./later", "")),
            ("apps/a.yaml", settings("a", "color: green")),
            ("later/b.yaml", settings("b", "color: green")),
        ],
        &[],
    );
    expect(&survey, &[("north", &["apps", "infrastructure", "later"]), ("south", &["apps"])]);
    assert!(survey.unreachable.is_empty());
}

#[test]
fn what_no_root_reaches_is_unreachable() {
    let survey = surveyed(
        &[
            ("k8s/flux-system/gotk-sync.yaml", unit("flux-system", "./k8s", "")),
            ("old/apps.yaml", unit("apps", "./k8s", "")),
        ],
        &[],
    );
    expect(&survey, &[("k8s", &["flux-system"])]);
    let lost: Vec<String> = survey.unreachable.iter().map(|lost| lost.name.to_string()).collect();
    assert_eq!(lost, ["flux-system/apps"]);
    assert_eq!(survey.repository.path(survey.unreachable[0].place), "old/apps.yaml");
}

#[test]
fn children_are_built_as_their_parents_leave_them() {
    let patches = "  patches:\n    - target:\n        kind: Kustomization\n      patch: |\n        - op: add\n          path: /spec/postBuild\n          value: {substitute: {color: blue}}\n";
    let survey = surveyed(
        &[
            ("start/apps.yaml", unit("apps", "./apps", patches)),
            ("apps/child.yaml", unit("child", "../child", "")),
            ("child/a.yaml", settings("a", "color: ${color}")),
        ],
        &["start"],
    );
    expect(&survey, &[("start", &["flux-system", "apps", "child"])]);
    let child = named(&survey, "child");
    assert_eq!(child.folder.as_deref(), Some("child"), "no path leads out of the repository");
    assert_eq!(child.objects()[0].node.at(["data", "color"]).unwrap().as_str(), Some("blue"));
}

#[test]
fn variables_come_from_units_that_are_found_later() {
    let from = |kind: &str, name: &str| {
        format!("  postBuild:\n    substituteFrom:\n      - kind: {kind}\n        name: {name}\n")
    };
    let sealed = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: login\n  namespace: flux-system\nspec:\n  encryptedData:\n    PASSWORD: AgBy3i4O\n";
    let survey = surveyed(
        &[
            ("start/a.yaml", unit("a", "./a", &from("ConfigMap", "shared"))),
            ("start/b.yaml", unit("b", "./b", "")),
            ("start/c.yaml", unit("c", "./c", &from("Secret", "login"))),
            ("start/d.yaml", unit("d", "./d", &from("Secret", "by-hand"))),
            ("a/a.yaml", settings("a", "domain: ${DOMAIN}${NOTHING}")),
            ("b/kustomization.yaml", "configMapGenerator:\n  - name: shared\n    namespace: flux-system\n    literals: [DOMAIN=example.org]\n    options: {disableNameSuffixHash: true}\n".to_owned()),
            ("b/login.yaml", String::new()),
            ("c/a.yaml", settings("c", "password: ${PASSWORD}")),
            ("c/login.yaml", sealed.to_owned()),
            ("d/a.yaml", settings("d", "name: x${NAME}")),
        ],
        &["start"],
    );
    let data = |unit: &str, key: &str| {
        let unit = named(&survey, unit);
        let object = unit.objects().iter().find(|object| object.id.kind == "ConfigMap").unwrap();
        object.node.at(["data", key]).unwrap().as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(data("a", "domain"), "example.org");
    let undefined: Vec<&str> = named(&survey, "a").undefined.iter().map(|variable| variable.name.as_str()).collect();
    assert_eq!(undefined, ["NOTHING"]);
    // The unit makes its own source, so nothing is known of it before; nor of a Secret that somebody makes by hand.
    assert!(named(&survey, "c").undefined.is_empty());
    assert!(named(&survey, "d").undefined.is_empty());
}

#[test]
fn other_repositories_and_missing_folders_are_not_built() {
    let elsewhere = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: shared\n  namespace: flux-system\nspec:\n  url: https://git.example.org/shared.git\n";
    let survey = surveyed(
        &[
            ("k8s/flux-system/gotk-sync.yaml", unit("flux-system", "./k8s", "")),
            (
                "k8s/shared.yaml",
                unit("shared", "./k8s", "")
                    .replace("name: flux-system\n", "name: shared\n")
                    .replace("    name: flux-system", "    name: shared"),
            ),
            ("k8s/source.yaml", elsewhere.to_owned()),
            ("k8s/gone.yaml", unit("gone", "./gone", "")),
        ],
        &[],
    );
    assert!(matches!(named(&survey, "shared").outcome, Outcome::Elsewhere));
    assert!(matches!(named(&survey, "gone").outcome, Outcome::NoPath));
    let codes: Vec<&str> = survey.found.iter().map(|finding| finding.code.name()).collect();
    assert_eq!(codes, ["path-missing"]);
}

#[test]
fn render_prints_a_unit_and_writes_all() {
    let files = [
        ("start/apps.yaml", unit("apps", "./apps", "  commonMetadata:\n    labels:\n      team: home\n")),
        ("apps/a.yaml", settings("a", "color: green")),
    ];
    let world = world(&files);
    let one = run(&world, &["render", "--root", "start", "flux-system/apps"]);
    let expected = "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: flux-system\n  labels:\n    team: home\ndata:\n  color: green\n";
    assert_eq!((one.stdout.as_str(), one.stderr.as_str(), one.exit), (expected, "", 0));
    let all = run(&world, &["render", "--root", "start", "--all", "--output", "made"]);
    assert_eq!((all.stdout.as_str(), all.stderr.as_str(), all.exit), ("", "", 0));
    let made: Vec<String> = world.snapshot().into_keys().filter(|path| path.starts_with("made/")).collect();
    assert_eq!(made, ["made/start/flux-system/apps.yaml", "made/start/flux-system/flux-system.yaml"]);
    let none = run(&world, &["render", "--root", "start", "flux-system/aps"]);
    assert_eq!(none.stderr, "error: there is no unit `flux-system/aps`\nhelp: did you mean `flux-system/apps`?\n");
    assert_eq!(none.exit, 2);
}

#[test]
fn check_says_what_it_judged() {
    let files = [("k8s/flux-system/gotk-sync.yaml", unit("flux-system", "./k8s", ""))];
    let answer = run(&world(&files), &["check"]);
    assert_eq!(answer.stderr, "no problems\njudged 1 unit, 1 object, 1 file in 1 cluster\n");
    assert_eq!(answer.exit, 0);
}
