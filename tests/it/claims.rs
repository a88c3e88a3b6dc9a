//! Who puts which object into a cluster, read from repositories in memory.

use gitopsc::{
    claims::{self, Claim, Tool},
    survey::{self, Options, Survey},
    world::MemWorld,
};

fn surveyed(files: &[(&str, &str)]) -> Survey {
    let world = MemWorld::new(files.iter().map(|(path, text)| (*path, *text)));
    survey::survey(&world, &Options::default()).unwrap()
}

/// The claims of a tool, each in a line: object, unit, role, line of the file.
fn shown(survey: &Survey, tool: Tool) -> Vec<String> {
    let line = |claim: &Claim| {
        let (path, line) = (survey.repository.path(claim.place), survey.repository.sources.position(claim.place).line);
        let prunes = if claim.prunes { " prunes" } else { "" };
        format!("{} {} {:?}{prunes} {path}:{line}", claims::shown(&claim.object), claim.unit, claim.role)
    };
    survey.claims.iter().filter(|claim| claim.tool == tool).map(line).collect()
}

/// A cluster whose only unit applies this text.
fn flux(text: &str) -> Survey {
    let sync = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\nspec: {interval: 1m, url: https://git.example.org/lab}\n---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: flux-system, namespace: flux-system}\nspec: {interval: 1m, path: ./lab, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}\n";
    surveyed(&[("lab/flux-system/gotk-sync.yaml", sync), ("lab/shop.yaml", text)])
}

const REPOSITORY: &str = "https://git.example.org/lab.git";

fn application(name: &str, source: &str, rest: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\n  namespace: argocd\nspec:\n  source: {{{source}}}\n  destination: {{server: https://kubernetes.default.svc, namespace: {name}}}\n  syncPolicy: {{automated: {{prune: true}}{rest}}}\n"
    )
}

#[test]
fn marks_of_flux_on_an_object_say_what_a_claim_means() {
    let object = |name: &str, mark: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: shop\n  annotations: {{kustomize.toolkit.fluxcd.io/{mark}}}\ndata: {{colour: red}}\n---\n"
        )
    };
    let marks = ["ssa: Ignore", "ssa: IfNotPresent", "ssa: Merge", "prune: disabled", "x: y"];
    let text: String = marks.iter().zip(["a", "b", "c", "d", "e"]).map(|(mark, name)| object(name, mark)).collect();
    let survey = flux(&text);
    let maps: Vec<String> =
        shown(&survey, Tool::Flux).into_iter().filter(|line| line.starts_with("ConfigMap")).collect();
    assert_eq!(
        maps,
        [
            "ConfigMap:shop/b flux-system/flux-system Bootstrap prunes lab/shop.yaml:12",
            "ConfigMap:shop/c flux-system/flux-system Fields([\"/data/colour\"]) prunes lab/shop.yaml:20",
            "ConfigMap:shop/d flux-system/flux-system Owner lab/shop.yaml:28",
            "ConfigMap:shop/e flux-system/flux-system Owner prunes lab/shop.yaml:36",
        ]
    );
}

#[test]
fn a_release_is_known_by_where_it_is_stored_and_by_its_name() {
    let survey = flux(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: metallb, namespace: flux-system}\nspec:\n  targetNamespace: balancer\n  install: {createNamespace: true}\n  chart: {spec: {chart: metallb, version: 0.15.2, sourceRef: {kind: HelmRepository, name: metallb}}}\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: storage, namespace: store}\nspec:\n  releaseName: longhorn\n  storageNamespace: helm\n  chartRef: {kind: OCIRepository, name: longhorn}\n  valuesFrom: [{kind: ConfigMap, name: values}]\n  values: {replicas: 2}\n---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: longhorn, namespace: store}\nspec: {url: oci://charts.example.org/longhorn, ref: {tag: 1.10.1}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: values, namespace: store}\ndata:\n  values.yaml: |\n    replicas: 1\n    colour: red\n",
    );
    assert_eq!(
        shown(&survey, Tool::Helm),
        [
            "Namespace:balancer flux-system/metallb Bootstrap lab/shop.yaml:6",
            "helm:flux-system/balancer-metallb flux-system/metallb Owner prunes lab/shop.yaml:3",
            "helm:helm/longhorn store/storage Owner prunes lab/shop.yaml:11",
            "PriorityClass.scheduling.k8s.io:longhorn-critical store/storage Owner prunes lab/shop.yaml:11",
            "StorageClass.storage.k8s.io:longhorn store/storage Owner prunes lab/shop.yaml:11",
        ]
    );
    let releases = claims::helm::releases(&survey.repository, &survey.clusters);
    let storage = releases.iter().find(|release| release.name == "longhorn").unwrap();
    assert_eq!(storage.values.to_json(), serde_json::json!({"replicas": 2, "colour": "red"}));
    assert_eq!(storage.version.as_ref().unwrap().text, "1.10.1");
    assert!(storage.has_all_values);
}

#[test]
fn talos_owns_the_components_that_nothing_turns_off() {
    let core_dns = |config: &str| {
        let survey = surveyed(&[("talos/node.yaml", config)]);
        let all = shown(&survey, Tool::Talos);
        let has = |object: &str| all.iter().any(|line| line.starts_with(object));
        (
            has("ConfigMap:kube-system/coredns "),
            has("DaemonSet.apps:kube-system/kube-proxy "),
            has("DaemonSet.apps:kube-system/kube-flannel "),
        )
    };
    let machine = "version: v1alpha1\nmachine: {type: controlplane, kubelet: {}}\n";
    assert_eq!(core_dns(machine), (true, true, true));
    let cluster = "cluster: {network: {cni: {name: none}}, proxy: {disabled: true}}\n";
    assert_eq!(core_dns(&format!("{machine}{cluster}")), (true, false, false));
    let off = "---\napiVersion: v1alpha1\nkind: KubeCoreDNSConfig\nenabled: false\n";
    assert_eq!(core_dns(&format!("{machine}{cluster}{off}")), (false, false, false));
    assert_eq!(core_dns("machine: {colour: red}\ncluster: {size: 3}\n"), (false, false, false));
}

#[test]
fn terraforms_patches_show_that_talos_keeps_core_dns() {
    let text = "data \"talos_machine_configuration\" \"lab\" {\n  config_patches = [yamlencode({\n    cluster = {\n      proxy = { disabled = true }\n    }\n  })]\n}\n";
    let survey = surveyed(&[("infra/main.tf", text)]);
    let line = "ConfigMap:kube-system/coredns infra/main.tf Owner prunes infra/main.tf:4";
    assert!(shown(&survey, Tool::Talos).contains(&line.to_owned()), "{:#?}", shown(&survey, Tool::Talos));
    let off = text.replace("proxy =", "coreDNS =");
    let survey = surveyed(&[("infra/main.tf", &off)]);
    assert!(!shown(&survey, Tool::Talos).iter().any(|line| line.contains("coredns")));
}

#[test]
fn inline_manifests_are_read_also_where_a_template_fills_them_in() {
    let template = "machine:\n  type: controlplane\ncluster:\n  coreDNS: {disabled: true}\n  inlineManifests:\n    - name: greeting\n      contents: |\n        apiVersion: v1\n        kind: ConfigMap\n        metadata: {name: hello, namespace: shop}\n    - name: cilium\n      contents: |\n{{CILIUM}}\n";
    let script =
        "#!/bin/sh\nhelm template cilium cilium/cilium \\\n  --version 1.18.6 --namespace kube-system > out.yaml\n";
    let survey = surveyed(&[("talos/node.yaml.template", template), ("talos/render.sh", script)]);
    let bootstraps: Vec<String> =
        shown(&survey, Tool::Talos).into_iter().filter(|line| line.contains("Bootstrap")).collect();
    assert_eq!(
        bootstraps,
        [
            "ConfigMap:shop/hello talos/node.yaml.template Bootstrap prunes talos/node.yaml.template:7",
            "helm:kube-system/cilium talos/node.yaml.template Bootstrap prunes talos/node.yaml.template:11",
        ]
    );
}

#[test]
fn applications_claim_folders_charts_and_namespaces() {
    let root = application("root", &format!("repoURL: '{REPOSITORY}', path: apps"), "");
    let shop = application(
        "shop",
        "repoURL: 'https://git.example.org/lab', path: ./shop, directory: {recurse: true}",
        ", syncOptions: [CreateNamespace=true]",
    );
    let cilium =
        application("cilium", "repoURL: 'https://charts.example.org', chart: cilium, targetRevision: 1.18.6", "");
    let foreign = application("other", "repoURL: 'https://git.example.org/other', path: deploy/prod", "");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: menu\n  annotations: {argocd.argoproj.io/sync-options: Prune=false}\n";
    let survey = surveyed(&[
        ("bootstrap/root.yaml", &root),
        ("apps/shop.yaml", &shop),
        ("apps/cilium.yaml", &cilium),
        ("apps/other.yaml", &foreign),
        ("shop/deep/menu.yaml", map),
        ("shop/values.yaml", "replicas: 1\n"),
    ]);
    assert_eq!(
        shown(&survey, Tool::ArgoCd),
        [
            "ConfigMap:shop/menu argocd/shop Owner shop/deep/menu.yaml:4",
            "Namespace:shop argocd/shop Bootstrap apps/shop.yaml:9",
            "Application.argoproj.io:argocd/cilium argocd/root Owner prunes apps/cilium.yaml:4",
            "Application.argoproj.io:argocd/other argocd/root Owner prunes apps/other.yaml:4",
            "Application.argoproj.io:argocd/root argocd/root Bootstrap bootstrap/root.yaml:4",
            "Application.argoproj.io:argocd/shop argocd/root Owner prunes apps/shop.yaml:4",
            "helm:cilium/cilium argocd/cilium Owner prunes apps/cilium.yaml:7",
        ]
    );
}

#[test]
fn an_application_set_makes_an_application_for_each_folder() {
    let set = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: all, namespace: argocd}}\nspec:\n  generators:\n    - matrix:\n        generators:\n          - git:\n              repoURL: {REPOSITORY}\n              directories: [{{path: apps/*}}, {{path: apps/old, exclude: true}}]\n          - list: {{elements: [{{stage: test}}, {{stage: live}}]}}\n  template:\n    metadata: {{name: '{{{{path.basename}}}}-{{{{stage}}}}'}}\n    spec:\n      source: {{repoURL: {REPOSITORY}, path: '{{{{path}}}}'}}\n      destination: {{name: in-cluster, namespace: '{{{{stage}}}}'}}\n"
    );
    let chart = "apiVersion: v2\nname: web\nversion: 0.1.0\n";
    let survey = surveyed(&[
        ("sets/all.yaml", &set),
        ("apps/web/Chart.yaml", chart),
        ("apps/old/Chart.yaml", chart),
        ("apps/plain/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n"),
    ]);
    assert_eq!(
        shown(&survey, Tool::ArgoCd),
        [
            "ConfigMap:live/plain argocd/plain-live Owner apps/plain/map.yaml:3",
            "ConfigMap:test/plain argocd/plain-test Owner apps/plain/map.yaml:3",
            "helm:live/web-live argocd/web-live Owner apps/web/Chart.yaml:2",
            "helm:test/web-test argocd/web-test Owner apps/web/Chart.yaml:2",
        ]
    );
}

#[test]
fn helmfile_and_scripts_install_for_somebody_else_to_take_over() {
    let helmfile =
        "releases:\n  - name: cilium\n    namespace: kube-system\n    chart: oci://charts.example.org/cilium\n";
    let definitions = format!("helmDefaults:\n  args: [--include-crds]\n{helmfile}");
    let template = "releases:\n{{ if .Values.x }}\n  - name: coredns\n    namespace: kube-system\n    chart: coredns/coredns\n{{ end }}\n";
    let script = "helm upgrade --install vault charts/vault -n vault --wait\nkubectl create namespace web\nkubectl apply -f manifests/menu.yaml\nkubectl apply -f \"$FILE\"\necho kubectl create namespace no\n";
    let survey = surveyed(&[
        ("bootstrap/helmfile.yaml", helmfile),
        ("bootstrap/helmfile.d/crds.yaml", &definitions),
        ("bootstrap/helmfile.d/more.yaml.gotmpl", template),
        ("up.sh", script),
        ("manifests/menu.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: menu, namespace: web}\n"),
    ]);
    assert_eq!(
        shown(&survey, Tool::Helmfile),
        [
            "helm:kube-system/cilium bootstrap/helmfile.yaml Bootstrap bootstrap/helmfile.yaml:2",
            "helm:kube-system/coredns bootstrap/helmfile.d/more.yaml.gotmpl Bootstrap bootstrap/helmfile.d/more.yaml.gotmpl:3",
        ]
    );
    assert_eq!(
        shown(&survey, Tool::Script),
        [
            "ConfigMap:web/menu up.sh Bootstrap up.sh:3",
            "Namespace:web up.sh Bootstrap up.sh:2",
            "helm:vault/vault up.sh Bootstrap up.sh:1",
        ]
    );
}
