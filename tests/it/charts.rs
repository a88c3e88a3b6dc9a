//! Charts that lie in the repository: values against their schemas, and what helm says of them, from recorded answers.

use gitopsc::{
    cli::{self, Arguments, Surroundings},
    world::MemWorld,
};

const SYNC: &str = "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: 'https://git.example.org/lab.git', ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, path: ./lab, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
";
const SCHEMA: &str = r#"{"required": ["title"], "properties": {"port": {"type": "integer"}, "title": {"type": "string"},
    "tags": {"type": "array", "maxItems": 2}, "mode": {"enum": ["calm", "wild"]}, "store": {"additionalProperties": false,
    "properties": {"size": {"type": "string"}, "class": {"type": "string"}}}}}"#;
const VALUES: &str = "title: Board\nport: 80\nstore:\n  size: 1Gi\ntags: [a, b]\n";

/// Paths and texts.
type Files<'f> = &'f [(&'f str, &'f str)];

/// A repository with one release of the chart in `charts/board`; `spec` is the rest of its spec.
fn lab(spec: &str, files: Files<'_>) -> MemWorld {
    let release = format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: board, namespace: lab}}\nspec:\n  interval: 1h\n  chart:\n    spec:\n      chart: ./charts/board\n      sourceRef: {{kind: GitRepository, name: flux-system, namespace: flux-system}}\n{spec}"
    );
    let mut all = vec![
        ("lab/flux-system/gotk-sync.yaml", SYNC),
        ("lab/board.yaml", &release),
        ("charts/board/Chart.yaml", "apiVersion: v2\nname: board\nversion: 1.0.0\n"),
        ("charts/board/values.yaml", VALUES),
        ("charts/board/values.schema.json", SCHEMA),
        ("charts/board/templates/map.yaml", "data:\n  {{ required \"say so\" .Values.title }}\n"),
    ];
    all.extend(files);
    MemWorld::new(all)
}

/// What `check` says, a line each, without what it says of the lab itself.
fn check(world: &MemWorld, flags: &[&str]) -> Vec<String> {
    let words = ["gitopsc", "check", "--format", "concise"].iter().chain(flags);
    let arguments = <Arguments as clap::Parser>::parse_from(words);
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    let answer = cli::run(&arguments, world, &around);
    assert!(answer.exit < 2, "{}", answer.stderr);
    let is_aside = |line: &&str| line.contains("[namespace-missing]") || line.contains("[configmap-unmade]");
    answer
        .stdout
        .lines()
        .chain(answer.stderr.lines())
        .filter(|line| line.contains('[') && !is_aside(line))
        .map(str::to_owned)
        .collect()
}

fn found(spec: &str, files: Files<'_>) -> Vec<String> {
    check(&lab(spec, files), &[])
}

fn invalid(place: &str, message: &str) -> String {
    format!("{place}: error[chart-values-invalid]: {message}")
}

#[test]
fn values_are_put_together_as_helm_does() {
    assert_eq!(found("", &[]), Vec::<String>::new());
    assert_eq!(found("  values: {store: {class: fast}, tags: [c]}\n", &[]), Vec::<String>::new());
    // A list is replaced, not added to.
    assert_eq!(found("  values: {tags: [c, d]}\n", &[]), Vec::<String>::new());
    assert_eq!(
        found("  values:\n    tags: [c, d, e]\n", &[]),
        [invalid("lab/board.yaml:11:5", "`tags` of the chart `board` has to have at most 2 items")]
    );
    // Null takes a default away.
    assert_eq!(
        found("  values:\n    title: null\n", &[]),
        [invalid("lab/board.yaml:11:5", "the chart `board` needs a value `title`")]
    );
    assert_eq!(
        found("  values:\n    store:\n      sise: 2Gi\n    mode: loud\n    port: '80'\n", &[]),
        [
            invalid("lab/board.yaml:12:7", "the chart `board` has no value `store.sise`"),
            invalid("lab/board.yaml:13:11", "`mode` of the chart `board` has to be one of `calm`, `wild`"),
            invalid("lab/board.yaml:14:11", "`port` of the chart `board` has to be an integer, not a text"),
        ]
    );
}

#[test]
fn values_of_a_config_map_and_of_files_are_judged_where_they_are_written() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: board, namespace: lab}\ndata:\n  values.yaml: |\n    title: yes\n    port: many\n";
    let from = "  valuesFrom:\n    - {kind: ConfigMap, name: board}\n";
    assert_eq!(
        found(from, &[("lab/map.yaml", map)]),
        [
            // As helm reads it, `yes` is a boolean.
            invalid("lab/map.yaml:6:12", "`title` of the chart `board` has to be a text, not a boolean"),
            invalid("lab/map.yaml:7:11", "`port` of the chart `board` has to be an integer, not a text"),
        ]
    );
    assert_eq!(
        found(&format!("{from}  values: {{title: Yes!, port: 8080}}\n"), &[("lab/map.yaml", map)]),
        Vec::<String>::new()
    );
    // These files take the place of the chart's own values.
    let files = "      valuesFiles: [values/base.yaml]\n";
    assert_eq!(
        found(files, &[("values/base.yaml", "port: 1.5\n")]),
        [
            invalid("lab/board.yaml:8:14", "the chart `board` needs a value `title`"),
            invalid("values/base.yaml:1:7", "`port` of the chart `board` has to be an integer, not a number"),
        ]
    );
    // A default that is wrong is wrong once, and in the chart.
    assert_eq!(
        found("", &[("charts/board/values.yaml", "title: 7\n")]),
        [invalid("charts/board/values.yaml:1:8", "`title` of the chart `board` has to be a text, not an integer")]
    );
}

#[test]
fn nothing_is_concluded_from_values_that_are_not_known() {
    let empty = [("charts/board/values.yaml", "port: 80\n")];
    assert_eq!(found("", &empty).len(), 1, "it lacks its title");
    let quiet: &[&str] = &[
        "  valuesFrom: [{kind: Secret, name: board}]\n",
        "  valuesFrom: [{kind: ConfigMap, name: elsewhere}]\n",
        "  valuesFrom: [{kind: Secret, name: board, targetPath: title}]\n  values: {title: 7}\n",
        "  valuesFrom: [{kind: Secret, name: board, targetPath: 'a[0].b'}]\n  values: {title: 7}\n",
        "  install: {disableSchemaValidation: true}\n  values: {title: 7}\n",
        "  values: {title: ..PLACEHOLDER_title.., port: ..PLACEHOLDER_port.., mode: ..PLACEHOLDER_mode..}\n",
    ];
    for spec in quiet {
        assert_eq!(found(spec, &empty), Vec::<String>::new(), "{spec}");
    }
    // What the release itself sets comes over all of these.
    assert_eq!(
        found("  valuesFrom: [{kind: Secret, name: board}]\n  values: {port: high}\n", &empty),
        [invalid("lab/board.yaml:11:18", "`port` of the chart `board` has to be an integer, not a text")]
    );
    // Schemas that refer to an address, or to a draft that nobody knows.
    for schema in [
        r#"{"properties": {"port": {"$ref": "https://schemas.example.org/port.json"}}}"#,
        r#"{"$schema": "https://schemas.example.org/draft", "properties": {"port": {"type": "string"}}}"#,
        "{",
    ] {
        assert_eq!(found("", &[("charts/board/values.schema.json", schema)]), Vec::<String>::new(), "{schema}");
    }
    let left_out = ("charts/board/.helmignore", "# notes\n*.schema.json\n");
    assert_eq!(found("", &[empty[0], left_out]), Vec::<String>::new());
}

#[test]
fn subcharts_are_judged_by_their_own_schemas() {
    let named = "apiVersion: v2\nname: board\nversion: 1.0.0\ndependencies:\n  - {name: store, version: 1.x, alias: disk, condition: disk.enabled}\n  - {name: cache, version: 1.x}\n";
    let schema = r#"{"properties": {"size": {"type": "integer"}, "global": {"properties": {"zone": {"type": "string"}}}}, "required": ["size"]}"#;
    let files = [
        ("charts/board/Chart.yaml", named),
        ("charts/board/charts/store/Chart.yaml", "apiVersion: v2\nname: store\nversion: 1.2.0\n"),
        ("charts/board/charts/store/values.schema.json", schema),
        ("charts/board/charts/cache-1.0.0.tgz", "packed"),
        ("charts/board/values.schema.json", r#"{"properties": {"cache": {"required": ["size"]}}}"#),
    ];
    assert_eq!(
        found("  values:\n    disk:\n      size: big\n    global: {zone: 7}\n", &files),
        [
            invalid("lab/board.yaml:12:13", "`disk.size` of the chart `store` has to be an integer, not a text"),
            invalid("lab/board.yaml:13:20", "`disk.global.zone` of the chart `store` has to be a text, not an integer"),
        ]
    );
    assert_eq!(
        found("  values:\n    disk: {}\n", &files),
        [invalid("lab/board.yaml:11:5", "the chart `store` needs a value `disk.size`")]
    );
    // It is switched off; whether it is cannot be told.
    assert_eq!(found("  values: {disk: {enabled: false, size: big}}\n", &files), Vec::<String>::new());
    assert_eq!(found("  values: {disk: {enabled: ..PLACEHOLDER_on.., size: big}}\n", &files), Vec::<String>::new());
}

#[test]
fn the_repository_is_known_by_its_address_too() {
    let other = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: charts, namespace: lab}\nspec: {interval: 1h, url: 'ssh://git@git.example.org/lab', ref: {branch: main}}\n";
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: second, namespace: lab}\nspec:\n  chart: {spec: {chart: charts/board, sourceRef: {kind: GitRepository, name: charts}}}\n  values: {port: high}\n";
    let files = [("lab/source.yaml", other), ("lab/second.yaml", release)];
    assert_eq!(
        found("", &files),
        [invalid("lab/second.yaml:6:18", "`port` of the chart `board` has to be an integer, not a text")]
    );
    let branch = other.replace("main", "next");
    assert_eq!(found("", &[("lab/source.yaml", &branch), ("lab/second.yaml", release)]), Vec::<String>::new());
}

#[test]
fn applications_of_argo_cd_are_judged_too() {
    let application = |helm: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: board, namespace: argocd}}\nspec:\n  destination: {{server: https://kubernetes.default.svc, namespace: lab}}\n  source:\n    repoURL: https://git.example.org/lab\n    path: charts/board\n    helm:\n{helm}"
        )
    };
    let found = |helm: &str| {
        let text = application(helm);
        let files = [
            ("apps/board.yaml", text.as_str()),
            ("charts/board/Chart.yaml", "apiVersion: v2\nname: board\nversion: 1.0.0\n"),
            ("charts/board/values.yaml", VALUES),
            ("charts/board/lab.yaml", "port: low\n"),
            ("charts/board/values.schema.json", SCHEMA),
        ];
        check(&MemWorld::new(files), &[])
    };
    assert_eq!(
        found("      valuesObject: {port: high}\n"),
        [invalid("apps/board.yaml:10:28", "`port` of the chart `board` has to be an integer, not a text")]
    );
    assert_eq!(
        found("      valueFiles: [lab.yaml]\n"),
        [invalid("charts/board/lab.yaml:1:7", "`port` of the chart `board` has to be an integer, not a text")]
    );
    assert_eq!(
        found("      valueFiles: [lab.yaml]\n      parameters: [{name: port, value: '80'}]\n"),
        Vec::<String>::new()
    );
    assert_eq!(found("      skipSchemaValidation: true\n      valueFiles: [lab.yaml]\n"), Vec::<String>::new());
}

#[test]
fn releases_of_terraform_are_judged_where_all_their_values_are_known() {
    let found = |more: &str| {
        let text = format!(
            "terraform {{\n  backend \"local\" {{}}\n}}\nvariable \"port\" {{\n  default = \"high\"\n}}\nresource \"helm_release\" \"board\" {{\n  name  = \"board\"\n  chart = \"${{path.module}}/../charts/board\"\n{more}}}\n"
        );
        let files = [
            ("infra/main.tf", text.as_str()),
            ("infra/board.yaml", "port: low\n"),
            ("charts/board/Chart.yaml", "apiVersion: v2\nname: board\nversion: 1.0.0\n"),
            ("charts/board/values.yaml", VALUES),
            ("charts/board/values.schema.json", SCHEMA),
        ];
        check(&MemWorld::new(files), &[])
    };
    assert_eq!(found(""), Vec::<String>::new());
    let message = "`port` of the chart `board` has to be an integer, not a text";
    assert_eq!(
        found("  values = [yamlencode({\n    port = \"high\"\n  })]\n"),
        [invalid("infra/main.tf:11:12", message)]
    );
    assert_eq!(found("  values = [file(\"${path.module}/board.yaml\")]\n"), [invalid("infra/board.yaml:1:7", message)]);
    for unsure in [
        "  values = [file(\"${path.module}/board.yaml\")]\n  set {\n    name = \"port\"\n    value = 80\n  }\n",
        "  values = [yamlencode({ port = var.port })]\n",
        "  values = [yamlencode({ port = \"high\" }), file(\"made.yaml\")]\n",
    ] {
        assert_eq!(found(unsure), Vec::<String>::new(), "{unsure}");
    }
}

/// In the form in which helm 3.22 prints it: `helm template board charts/board --values -`. tests/oracle/charts.py asks helm itself.
const TWICE: &str = "---
# Source: board/crds/notice.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: crd, name: crd}
---
# Source: board/templates/map.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: board
  labels:
    app: board
    app: board
";

#[test]
fn keys_that_a_chart_renders_twice_are_found() {
    let world =
        lab("", &[("charts/board/crds/notice.yaml", "x: y\n")]).with_chart("charts/board", Ok(TWICE.to_owned()));
    assert_eq!(check(&world, &[]), Vec::<String>::new());
    assert_eq!(
        check(&world, &["--helm"]),
        [
            "lab/board.yaml:8:14: error[key-twice]: `charts/board/templates/map.yaml` renders the key `app` twice in one map"
        ]
    );
    // What is in a file needs no helm, and a template language in it is only a text.
    let settings = "[rendered]\n\"lab/board\" = \"rendered/board.yaml\"\n";
    let rendered = format!("{TWICE}  annotations: {{summary: '{{{{ $value }}}}'}}\n");
    let files = [("gitopsc.toml", settings), ("rendered/board.yaml", &rendered)];
    assert_eq!(
        found("", &files),
        [
            "rendered/board.yaml:5:23: error[key-twice]: key `name` stands twice in one map",
            "rendered/board.yaml:14:5: error[key-twice]: key `app` stands twice in one map",
        ]
    );
}

#[test]
fn manifests_that_a_chart_renders_have_the_form_of_their_kind() {
    let text = "---\n# Source: board/templates/map.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: board\ndate: {}\n---\n# Source: board/templates/map.yaml\napiVersion: example.org/v1\nkind: Notice\nmetadata: {name: board}\nanything: 1\n";
    let world = lab("", &[]).with_chart("charts/board", Ok(text.to_owned()));
    assert_eq!(
        check(&world, &["--helm"]),
        ["lab/board.yaml:8:14: error[manifest-field-unknown]: `date` is not a field of ConfigMap"]
    );
    // With values that are not known it may be rendered otherwise.
    let world =
        lab("  valuesFrom: [{kind: Secret, name: board}]\n", &[]).with_chart("charts/board", Ok(text.to_owned()));
    assert_eq!(check(&world, &["--helm"]), Vec::<String>::new());
}

#[test]
fn a_chart_that_fails_is_an_error_where_it_fails_in_the_cluster() {
    let fails = [
        "lab/board.yaml:8:14: error[chart-render-fails]: the chart in `charts/board` cannot be rendered with the values of this release",
    ];
    let refused = ["lab/board.yaml:8:14: note[build-refused]: the chart in `charts/board` is not rendered here"];
    // As helm 3.22 says it: `helm template board charts/board --values -`.
    let required = "execution error at (board/templates/map.yaml:2:5): say so";
    let parse = "parse error at (board/templates/map.yaml:2): unclosed action";
    let missing = "An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: cache";
    let version = "chart requires kubeVersion: >=1.40.0-0 which is incompatible with Kubernetes v1.34.0";
    let secret = "  valuesFrom: [{kind: Secret, name: board}]\n";
    let asks = ("charts/board/templates/_asks.tpl", "{{ lookup \"v1\" \"Secret\" \"lab\" \"board\" }}\n");
    let stated = ("gitopsc.toml", "[versions]\nkubernetes = \"1.34\"\n");
    let cases: &[(&str, &str, Files<'_>, bool)] = &[
        (required, "", &[], true),
        (required, secret, &[], false),
        (required, "  values: {title: ..PLACEHOLDER_title..}\n", &[], false),
        (required, "", &[asks], false),
        (parse, secret, &[asks], true),
        (missing, "", &[], false),
        (version, "", &[], false),
        (version, "", &[stated], true),
        ("execution error at (board/charts/cache/templates/map.yaml:2:5): say so", "", &[], false),
    ];
    for (reason, spec, files, is_error) in cases {
        let world = lab(spec, files).with_chart("charts/board", Err((*reason).to_owned()));
        assert_eq!(check(&world, &["--helm"]), if *is_error { fails } else { refused }, "{reason} {spec}");
    }
    // What the schema refuses is one finding, not two.
    let schema = "values don't meet the specifications of the schema(s) in the following chart(s): board: - at '/port': got string, want integer";
    let world = lab("  values: {port: high}\n", &[]).with_chart("charts/board", Err(schema.to_owned()));
    assert_eq!(
        check(&world, &["--helm"]),
        [invalid("lab/board.yaml:10:18", "`port` of the chart `board` has to be an integer, not a text")]
    );
}
