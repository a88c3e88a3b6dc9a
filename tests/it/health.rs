//! `check` finds each planted fault about Flux and manifests at its place, and nothing in the healthy repository.

use gitopsc::{
    cli::{self, Arguments, Surroundings},
    world::MemWorld,
};

/// A healthy repository: `flux bootstrap`, a unit with a chart, a unit with a workload, one with OpenTofu code.
const HEALTHY: &[(&str, &str)] = &[
    (
        "flux/flux-system/gotk-components.yaml",
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: receivers.notification.toolkit.fluxcd.io
  labels:
    app.kubernetes.io/part-of: flux
    app.kubernetes.io/version: v2.7.1
spec:
  group: notification.toolkit.fluxcd.io
  names: { kind: Receiver, plural: receivers }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          x-kubernetes-preserve-unknown-fields: true
",
    ),
    (
        "flux/flux-system/gotk-sync.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 1m
  url: https://git.example.org/cluster.git
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 10m
  path: ./flux
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
",
    ),
    (
        "flux/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - shop.yaml
  - wiki.yaml
  - users.yaml
",
    ),
    (
        "flux/shop.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: shop
  namespace: flux-system
spec:
  interval: 10m
  path: ./apps/shop
  prune: true
  wait: true
  sourceRef:
    kind: GitRepository
    name: flux-system
",
    ),
    (
        "flux/users.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: users
  namespace: flux-system
spec:
  interval: 10m
  path: ./apps/users
  prune: true
  dependsOn:
    - name: shop
  sourceRef:
    kind: GitRepository
    name: flux-system
",
    ),
    (
        "flux/wiki.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: wiki
  namespace: flux-system
spec:
  interval: 10m
  path: ./apps/wiki
  prune: true
  healthChecks:
    - apiVersion: helm.toolkit.fluxcd.io/v2
      kind: HelmRelease
      name: wiki
      namespace: wiki
  sourceRef:
    kind: GitRepository
    name: flux-system
",
    ),
    (
        "apps/shop/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - namespace.yaml
  - deployment.yaml
  - definition.yaml
  - widget.yaml
",
    ),
    ("apps/shop/namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"),
    (
        "apps/shop/deployment.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels:
      app: shop
  template:
    metadata:
      labels:
        app: shop
    spec:
      containers:
        - name: shop
          image: registry.example.org/shop:1.0
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: shop
  namespace: shop
spec:
  minAvailable: 1
",
    ),
    (
        "apps/shop/definition.yaml",
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.org
spec:
  group: example.org
  names: { kind: Widget, plural: widgets }
  scope: Namespaced
  versions:
    - name: v1alpha1
      served: false
      storage: false
      schema: { openAPIV3Schema: { type: object } }
    - name: v1beta1
      served: true
      deprecated: true
      storage: false
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { size: { type: integer } } } } } }
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { size: { type: integer } } } } } }
",
    ),
    (
        "apps/shop/widget.yaml",
        "apiVersion: example.org/v1
kind: Widget
metadata:
  name: large
  namespace: shop
spec:
  size: 3
",
    ),
    (
        "apps/wiki/namespace.yaml",
        "apiVersion: v1
kind: Namespace
metadata:
  name: wiki
  labels:
    pod-security.kubernetes.io/enforce: baseline
",
    ),
    (
        "apps/wiki/release.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata:
  name: charts
  namespace: wiki
spec:
  interval: 1h
  url: https://charts.example.org
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: wiki
  namespace: wiki
spec:
  interval: 1h
  chart:
    spec:
      chart: wiki
      version: 1.4.2
      sourceRef:
        kind: HelmRepository
        name: charts
",
    ),
    (
        "apps/users/tofu.yaml",
        "apiVersion: infra.contrib.fluxcd.io/v1alpha2
kind: Terraform
metadata:
  name: users
  namespace: flux-system
spec:
  interval: 1h
  approvePlan: auto
  path: ./tofu/users
  sourceRef:
    kind: GitRepository
    name: flux-system
",
    ),
    ("tofu/users/main.tf", "variable \"domain\" {}\n"),
];

/// A fault: the file it is planted in, what is replaced there (nothing: the file is new, or the text is added at its end) by what,
/// and what is then found where.
struct Fault {
    file: &'static str,
    old: &'static str,
    new: &'static str,
    finding: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        file: "apps/wiki/release.yaml",
        old: "source.toolkit.fluxcd.io/v1\n",
        new: "source.toolkit.fluxcd.io/v1beta1\n",
        finding: "apps/wiki/release.yaml:1:13: error[api-removed]",
    },
    Fault {
        file: "apps/wiki/release.yaml",
        old: "helm.toolkit.fluxcd.io/v2\n",
        new: "helm.toolkit.fluxcd.io/v2beta1\n",
        finding: "apps/wiki/release.yaml:10:13: error[api-removed]",
    },
    Fault {
        file: "apps/wiki/release.yaml",
        old: "helm.toolkit.fluxcd.io/v2\n",
        new: "helm.toolkit.fluxcd.io/v2beta2\n",
        finding: "apps/wiki/release.yaml:10:13: warning[api-deprecated]",
    },
    Fault {
        file: "flux/shop.yaml",
        old: "kustomize.toolkit.fluxcd.io/v1\n",
        new: "kustomize.toolkit.fluxcd.io/v1beta2\n",
        finding: "flux/shop.yaml:1:13: warning[api-deprecated]",
    },
    Fault {
        file: "apps/shop/deployment.yaml",
        old: "apiVersion: policy/v1\n",
        new: "apiVersion: policy/v1beta1\n",
        finding: "apps/shop/deployment.yaml:20:13: warning[api-deprecated]",
    },
    Fault {
        file: "apps/shop/widget.yaml",
        old: "example.org/v1\n",
        new: "example.org/v1alpha1\n",
        finding: "apps/shop/widget.yaml:1:13: error[api-removed]",
    },
    Fault {
        file: "apps/shop/widget.yaml",
        old: "example.org/v1\n",
        new: "example.org/v1beta1\n",
        finding: "apps/shop/widget.yaml:1:13: warning[api-deprecated]",
    },
    Fault {
        file: "flux/wiki.yaml",
        old: "  prune: true\n",
        new: "  prune: true\n  wait: true\n",
        finding: "flux/wiki.yaml:11:3: warning[health-checks-ignored]",
    },
    Fault {
        file: "flux/wiki.yaml",
        old: "      name: wiki\n",
        new: "      name: wikki\n",
        finding: "flux/wiki.yaml:13:13: error[health-check-missing]",
    },
    Fault {
        file: "flux/wiki.yaml",
        old: "    - apiVersion: helm.toolkit.fluxcd.io/v2\n      kind: HelmRelease\n      name: wiki\n      namespace: wiki\n",
        new: "    - apiVersion: apps/v1\n      kind: Deployment\n      name: wiki\n      namespace: wiki-system\n",
        finding: "flux/wiki.yaml:14:18: warning[health-check-missing]",
    },
    Fault {
        file: "apps/wiki/release.yaml",
        old: "        name: charts\n",
        new: "        name: chart\n",
        finding: "apps/wiki/release.yaml:23:15: error[source-missing]",
    },
    Fault {
        file: "apps/wiki/release.yaml",
        old: "1.4.2",
        new: "'1.4'",
        finding: "apps/wiki/release.yaml:20:16: warning[chart-floating]",
    },
    Fault {
        file: "apps/wiki/release.yaml",
        old: "1.4.2",
        new: "'>=1.4.2'",
        finding: "apps/wiki/release.yaml:20:16: warning[chart-floating]",
    },
    Fault {
        file: "apps/wiki/release.yaml",
        old: "      version: 1.4.2\n",
        new: "",
        finding: "apps/wiki/release.yaml:19:14: warning[chart-floating]",
    },
    Fault {
        file: "apps/wiki/release.yaml",
        old: "  interval: 1h\n  chart:\n",
        new: "  interval: 1h\n  install: { createNamespace: true }\n  chart:\n",
        finding: "apps/wiki/release.yaml:17:31: note[create-namespace-owned]",
    },
    Fault {
        file: "flux/wiki.yaml",
        old: "  path: ./apps/wiki\n",
        new: "  path: ./apps/wiki\n  targetNamespace: kube-system\n",
        finding: "apps/wiki/namespace.yaml:4:9: error[namespace-renamed]",
    },
    Fault {
        file: "apps/shop/deployment.yaml",
        old: "  namespace: shop\nspec:\n  minAvailable",
        new: "spec:\n  minAvailable",
        finding: "apps/shop/deployment.yaml:22:1: error[namespace-unset]",
    },
    Fault {
        file: "apps/shop/deployment.yaml",
        old: "replicas",
        new: "replicsa",
        finding: "apps/shop/deployment.yaml:7:3: error[manifest-field-unknown]",
    },
    Fault {
        file: "apps/shop/deployment.yaml",
        old: "replicas: 2",
        new: "replicas: two",
        finding: "apps/shop/deployment.yaml:7:13: error[manifest-type]",
    },
    Fault {
        file: "apps/shop/widget.yaml",
        old: "size: 3",
        new: "sise: 3",
        finding: "apps/shop/widget.yaml:7:3: warning[manifest-field-unknown]",
    },
    Fault {
        file: "apps/shop/widget.yaml",
        old: "size: 3",
        new: "size: large",
        finding: "apps/shop/widget.yaml:7:9: error[manifest-type]",
    },
    Fault {
        file: "apps/shop/config.yaml",
        old: "",
        new: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\n  namespace: shop\ndata: {}\n",
        finding: "apps/shop/config.yaml:2:7: warning[file-unused]",
    },
    Fault {
        file: "flux/kustomization.yaml",
        old: "  - wiki.yaml\n",
        new: "",
        finding: "flux/wiki.yaml:4:9: warning[unit-unreachable]",
    },
    Fault {
        file: "apps/users/tofu.yaml",
        old: "./tofu/users",
        new: "./tofu/user",
        finding: "apps/users/tofu.yaml:9:9: error[tofu-missing]",
    },
];

/// What is no fault: planted the same way, nothing is found.
const HARMLESS: &[(&str, &str, &str)] = &[
    // Switched off on purpose.
    ("flux/kustomization.yaml", "  - wiki.yaml\n", "  # - ./wiki.yaml\n"),
    ("apps/shop/kustomization.yaml", "  - widget.yaml\n", "  #- widget.yaml\n"),
    // A workload that a chart may make.
    (
        "flux/wiki.yaml",
        "    - apiVersion: helm.toolkit.fluxcd.io/v2\n      kind: HelmRelease\n      name: wiki\n",
        "    - apiVersion: apps/v1\n      kind: Deployment\n      name: wiki-server\n",
    ),
    // A kind whose definition is nowhere.
    (
        "apps/wiki/namespace.yaml",
        "baseline\n",
        "baseline\n---\napiVersion: example.com/v1\nkind: Unknown\nmetadata: { name: a, namespace: wiki }\nspec: { any: thing }\n",
    ),
    // One exact version in other words.
    ("apps/wiki/release.yaml", "1.4.2", "v1.4.2-rc.1"),
    // A field that newer releases of a project may have.
    (
        "apps/wiki/release.yaml",
        "  url: https://charts.example.org\n",
        "  url: https://charts.example.org\n  fieldOfTomorrow: true\n",
    ),
];

/// Every finding as `place: severity[code]`.
fn findings(files: &[(&str, String)]) -> Vec<String> {
    let world = MemWorld::new(files.iter().map(|(path, text)| (*path, text.as_bytes())));
    let arguments = <Arguments as clap::Parser>::parse_from(["gitopsc", "--quiet", "check", "--format", "concise"]);
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    let answer = cli::run(&arguments, &world, &around);
    let text = format!("{}{}", answer.stdout, answer.stderr);
    let short = |line: &str| line.find(']').map(|end| line[..=end].to_owned());
    text.lines().filter_map(short).collect()
}

fn planted(file: &'static str, old: &str, new: &str) -> Vec<(&'static str, String)> {
    let mut files: Vec<(&str, String)> = HEALTHY.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
    match files.iter_mut().find(|(path, _)| *path == file) {
        Some((_, text)) => {
            assert!(text.contains(old), "`{old}` is not in {file}");
            *text = text.replacen(old, new, 1);
        }
        None => files.push((file, new.to_owned())),
    }
    files
}

#[test]
fn nothing_is_found_in_a_healthy_repository() {
    let files: Vec<(&str, String)> = HEALTHY.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
    assert_eq!(findings(&files), Vec::<String>::new());
}

#[test]
fn every_planted_fault_is_found_at_its_place_and_alone() {
    let mut wrong = Vec::new();
    for fault in FAULTS {
        let found = findings(&planted(fault.file, fault.old, fault.new));
        if found != [fault.finding] {
            wrong.push(format!("`{}` in {}: {found:?}, not {}", fault.new, fault.file, fault.finding));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// External Secrets in this version of its chart, with these values, and a store in the API version it dropped.
fn external_secrets(version: &str, values: &str) -> Vec<(&'static str, String)> {
    let release = format!(
        "---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: external-secrets
  namespace: wiki
spec:
  interval: 1h
  chart:
    spec:
      chart: external-secrets
      version: {version}
      sourceRef:
        kind: HelmRepository
        name: charts
  values: {values}
"
    );
    let store = "apiVersion: external-secrets.io/v1beta1
kind: ClusterSecretStore
metadata:
  name: vault
spec:
  provider:
    vault:
      server: https://vault.example.org
";
    let mut files = planted("apps/users/store.yaml", "", store);
    let at = files.iter().position(|(path, _)| *path == "apps/wiki/release.yaml").unwrap();
    files[at].1.push_str(&release);
    let users = files.iter().position(|(path, _)| *path == "flux/users.yaml").unwrap();
    files[users].1 = files[users].1.replace("- name: shop", "- name: wiki");
    files
}

#[test]
fn what_is_served_depends_on_the_version_of_a_chart() {
    let removed = "apps/users/store.yaml:1:13: error[api-removed]";
    let deprecated = "apps/users/store.yaml:1:13: warning[api-deprecated]";
    for (version, values, expected) in [
        ("0.10.4", "{}", deprecated),
        ("0.16.2", "{}", deprecated),
        ("0.17.0", "{}", removed),
        ("1.3.2", "{}", removed),
        ("'*'", "{}", deprecated),
        ("1.3.2", "{ crds: { unsafeServeV1Beta1: true } }", deprecated),
        ("1.3.2", "{ installCRDs: false }", deprecated),
    ] {
        let found = findings(&external_secrets(version, values));
        let found: Vec<&String> = found.iter().filter(|finding| finding.contains("[api-")).collect();
        assert_eq!(found, [expected], "{version} {values}");
    }
}

#[test]
fn what_is_served_depends_on_the_version_of_kubernetes() {
    let budget = ("apps/shop/deployment.yaml", "apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n");
    for (settings, expected) in [
        ("", "apps/shop/deployment.yaml:20:13: warning[api-deprecated]"),
        ("[versions]\nkubernetes = \"1.34\"\n", "apps/shop/deployment.yaml:20:13: error[api-removed]"),
    ] {
        let mut files = planted(budget.0, budget.1, budget.2);
        files.push(("gitopsc.toml", settings.to_owned()));
        assert_eq!(findings(&files), [expected], "{settings}");
    }
}

#[test]
fn what_is_served_depends_on_the_version_of_flux() {
    for (settings, expected) in [
        ("[versions]\nflux = \"2.6.4\"\n", "apps/wiki/release.yaml:10:13: warning[api-deprecated]"),
        ("[versions]\nflux = \"2.8.0\"\n", "apps/wiki/release.yaml:10:13: error[api-removed]"),
    ] {
        let mut files =
            planted("apps/wiki/release.yaml", "helm.toolkit.fluxcd.io/v2\n", "helm.toolkit.fluxcd.io/v2beta2\n");
        files.push(("gitopsc.toml", settings.to_owned()));
        assert_eq!(findings(&files), [expected], "{settings}");
    }
}

#[test]
fn a_folder_that_its_list_forgets_is_found() {
    let mut files: Vec<(&str, String)> = HEALTHY.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
    let list = |entries: &str| {
        format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{entries}")
    };
    files.push(("apps/wiki/kustomization.yaml", list("  - namespace.yaml\n  - release.yaml\n  - themes\n")));
    for folder in ["themes", "skins"] {
        let config = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {folder}\n  namespace: wiki\n");
        files.push((
            if folder == "themes" { "apps/wiki/themes/config.yaml" } else { "apps/wiki/skins/config.yaml" },
            config,
        ));
    }
    files.push(("apps/wiki/themes/kustomization.yaml", list("  - config.yaml\n")));
    files.push(("apps/wiki/skins/kustomization.yaml", list("  - config.yaml\n")));
    assert_eq!(findings(&files), ["apps/wiki/skins/kustomization.yaml:3:1: warning[file-unused]"]);
}

#[test]
fn what_may_be_meant_is_let_through() {
    let mut wrong = Vec::new();
    for (file, old, new) in HARMLESS {
        let found = findings(&planted(file, old, new));
        if !found.is_empty() {
            wrong.push(format!("`{new}` in {file}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
