//! Healthy repositories to plant faults into: those of the project itself, and a larger one of many small applications.

use std::{collections::BTreeMap, path::Path};

use gitopsc::world::{MemWorld, OsWorld, World};

/// A repository: texts by path.
#[derive(Clone, Debug)]
pub struct Tree {
    pub name: &'static str,
    pub files: BTreeMap<String, String>,
}

/// Every healthy tree.
pub fn all() -> Vec<Tree> {
    let recorded = |name: &'static str, folder: &str| Tree {
        name,
        files: read(&format!("tests/oracle/repositories/{folder}"), ""),
    };
    let mut trees: Vec<Tree> = APPS.iter().map(|(name, apps)| home(name, &[(*name, &apps[..FEW])])).collect();
    trees.extend([
        home("town", APPS),
        worked_example(),
        recorded("two clusters", "two-clusters"),
        recorded("instance", "instance"),
        recorded("overlays", "overlays"),
    ]);
    trees
}

impl Tree {
    pub fn world(&self) -> MemWorld {
        MemWorld::new(self.files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
    }
}

/// The text files below a folder of this project, by their paths below it, put below another one.
fn read(folder: &str, below: &str) -> BTreeMap<String, String> {
    let world = OsWorld::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let text = |path: String| {
        let bytes = world.read(&path).unwrap().unwrap();
        String::from_utf8(bytes).ok().map(|text| (format!("{below}{path}"), text))
    };
    world.files("").unwrap().into_iter().filter_map(text).collect()
}

/// What the project's own inventory was compiled into, applied by a first Kustomization.
fn worked_example() -> Tree {
    let mut files = read("out", "out/");
    files.extend(read("terraform", "terraform/"));
    files.insert("out/flux/flux-system/gotk-sync.yaml".into(), unit("flux-system", "flux-system", "./out/flux", ""));
    files.insert("gitopsc.toml".into(), "[versions]\nkubernetes = \"1.32\"\nflux = \"2.8\"\n".into());
    Tree { name: "worked example", files }
}

/// A Flux Kustomization; `more` is the rest of its spec.
pub fn unit(name: &str, namespace: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         spec:\n  interval: 1h\n  path: {path}\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n\
         \x20   namespace: flux-system\n{more}"
    )
}

/// The applications, by namespace. Every third one is made of plain manifests, the others of a chart.
const APPS: &[(&str, &[&str])] = &[
    ("media", &["reel", "gramophone", "lantern", "darkroom", "bookshelf", "jukebox", "aerial", "easel"]),
    ("home", &["doorbell", "thermostat", "kettle", "letterbox", "pantry", "garden", "attic", "hearth"]),
    ("tools", &["anvil", "chisel", "spanner", "lathe", "plane", "vice", "rasp", "awl"]),
    ("office", &["ledger", "inkwell", "abacus", "gazette", "atlas", "blotter", "stapler", "sextant"]),
];

/// So many applications of a namespace make a small tree.
const FEW: usize = 4;

/// A home laboratory: one unit for each application, in the namespace of the application; operators, stores and issuers before them;
/// Terraform and Talos below.
fn home(name: &'static str, apps: &[(&'static str, &[&'static str])]) -> Tree {
    let mut home = Home(BTreeMap::new());
    home.foundation();
    home.operators();
    for (namespace, apps) in apps {
        let entries = apps.iter().map(|app| format!("  - ./{app}/unit.yaml\n")).collect::<String>();
        home.namespace(namespace, &format!("{entries}  - ./board/unit.yaml\n"));
        home.board(namespace);
        for (at, app) in apps.iter().enumerate() {
            home.app(namespace, app, at);
        }
    }
    home.modules(apps);
    let namespaces = ["operators", "cloud"].into_iter().chain(apps.iter().map(|(namespace, _)| *namespace));
    let folders = namespaces.map(|folder| format!("  - ./{folder}\n")).collect::<String>();
    home.put("kubernetes/apps/kustomization.yaml", list(&folders));
    Tree { name, files: home.0 }
}

fn list(resources: &str) -> String {
    format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{resources}")
}

fn object(api_version: &str, kind: &str, name: &str, namespace: &str, rest: &str) -> String {
    let namespace = if namespace.is_empty() { String::new() } else { format!("  namespace: {namespace}\n") };
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}{rest}")
}

/// `dependsOn` of these units, `namespace/name` each.
fn waits(units: &[&str]) -> String {
    let mut text = "  dependsOn:\n".to_owned();
    for unit in units {
        let (namespace, name) = unit.split_once('/').unwrap();
        text.push_str(&format!("    - name: {name}\n      namespace: {namespace}\n"));
    }
    text
}

struct Home(BTreeMap<String, String>);

impl Home {
    fn put(&mut self, path: &str, text: impl Into<String>) {
        self.0.insert(path.to_owned(), text.into());
    }

    /// What Flux starts from, what Terraform and Talos keep, and what the repository says about itself.
    fn foundation(&mut self) {
        let source = object(
            "source.toolkit.fluxcd.io/v1",
            "GitRepository",
            "flux-system",
            "flux-system",
            "spec:\n  interval: 1m\n  url: https://git.example.org/lab/home\n  ref:\n    branch: main\n",
        );
        let sync = unit("flux-system", "flux-system", "./kubernetes/flux", "");
        self.put("kubernetes/flux/flux-system/gotk-sync.yaml", format!("{source}---\n{sync}"));
        self.put("kubernetes/flux/flux-system/kustomization.yaml", list("  - gotk-sync.yaml\n"));
        self.put("kubernetes/flux/kustomization.yaml", list("  - flux-system\n  - apps.yaml\n"));
        self.put("kubernetes/flux/apps.yaml", unit("apps", "flux-system", "./kubernetes/apps", ""));
        let settings =
            object("v1", "ConfigMap", "settings", "", "data:\n  DOMAIN: lab.example.org\n  ZONE: Europe/Prague\n");
        self.put("kubernetes/components/settings/settings.yaml", settings);
        let component =
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources:\n  - settings.yaml\n";
        self.put("kubernetes/components/settings/kustomization.yaml", component);
        self.put(
            "gitopsc.toml",
            "networks = [\"10.30.0.0/24\", \"10.96.0.0/12\", \"10.244.0.0/16\"]\n\n[versions]\nkubernetes = \"1.34\"\nflux = \"2.8\"\n",
        );
        self.put(
            "terraform/main.tf",
            "terraform {\n  required_version = \">= 1.8\"\n}\n\nresource \"flux_bootstrap_git\" \"this\" {\n  path = \"kubernetes/flux\"\n}\n",
        );
        for (name, kind, address) in [
            ("north", "controlplane", 11),
            ("east", "controlplane", 12),
            ("south", "controlplane", 13),
            ("west", "worker", 14),
        ] {
            self.put(
                &format!("talos/{name}.yaml"),
                format!(
                    "version: v1alpha1\nmachine:\n  type: {kind}\n  network:\n    hostname: {name}\n    interfaces:\n      - interface: eth0\n        addresses:\n          - 10.30.0.{address}/24\n  install:\n    disk: /dev/sda\ncluster:\n  clusterName: home\n  controlPlane:\n    endpoint: https://10.30.0.10:6443\n"
                ),
            );
        }
    }

    /// A namespace's folder: the Namespace, the settings, its units.
    fn namespace(&mut self, name: &str, entries: &str) {
        let folder = format!("kubernetes/apps/{name}");
        self.put(&format!("{folder}/namespace.yaml"), object("v1", "Namespace", name, "", ""));
        let text = list(&format!("  - ./namespace.yaml\n{entries}"));
        self.put(
            &format!("{folder}/kustomization.yaml"),
            format!("{text}namespace: {name}\ncomponents:\n  - ../../components/settings\n"),
        );
    }

    /// Operators and what their kinds configure, one unit each.
    fn operators(&mut self) {
        let mut entries = String::new();
        for (name, chart, version) in [
            ("cert-manager", "cert-manager", "1.18.2"),
            ("external-secrets", "external-secrets", "1.3.2"),
            ("longhorn", "longhorn", "1.10.1"),
            ("metallb", "metallb", "0.15.2"),
            ("ingress-nginx", "ingress-nginx", "4.13.3"),
            ("prometheus", "kube-prometheus-stack", "79.5.0"),
        ] {
            entries.push_str(&format!("  - ./{name}/unit.yaml\n"));
            self.unit("operators", name, "");
            let folder = format!("kubernetes/apps/operators/{name}/app");
            self.put(&format!("{folder}/source.yaml"), helm_source(name));
            self.put(&format!("{folder}/release.yaml"), helm_release(name, chart, version));
            self.put(&format!("{folder}/kustomization.yaml"), list("  - release.yaml\n  - source.yaml\n"));
        }
        for (name, after, kind, text) in [
            ("issuers", "cert-manager", "issuer", issuer()),
            ("stores", "external-secrets", "store", store()),
            ("pools", "metallb", "pool", pool()),
        ] {
            entries.push_str(&format!("  - ./{name}/unit.yaml\n"));
            self.unit("operators", name, &waits(&[&format!("operators/{after}")]));
            let folder = format!("kubernetes/apps/operators/{name}/app");
            self.put(&format!("{folder}/{kind}.yaml"), text);
            self.put(&format!("{folder}/kustomization.yaml"), list(&format!("  - {kind}.yaml\n")));
        }
        self.namespace("operators", &entries);
    }

    /// A unit of an application, which gives the application's namespace to what it applies.
    fn unit(&mut self, namespace: &str, name: &str, more: &str) {
        let path = format!("./kubernetes/apps/{namespace}/{name}/app");
        let more = format!(
            "  targetNamespace: {namespace}\n  timeout: 5m\n  wait: true\n{more}  postBuild:\n    substitute:\n      APP: {name}\n    substituteFrom:\n      - kind: ConfigMap\n        name: settings\n"
        );
        self.put(&format!("kubernetes/apps/{namespace}/{name}/unit.yaml"), unit(name, namespace, &path, &more));
    }

    fn app(&mut self, namespace: &str, app: &str, at: usize) {
        let more = waits(&["operators/stores", "operators/issuers", "operators/longhorn", "operators/ingress-nginx"]);
        self.unit(namespace, app, &more);
        let folder = format!("kubernetes/apps/{namespace}/{app}/app");
        let mut files = vec![
            ("certificate", certificate(app)),
            ("config", config(app)),
            ("external-secret", external_secret(app)),
            ("ingress", ingress(app)),
            ("volume", volume(app)),
        ];
        if at.is_multiple_of(3) {
            files.push(("deployment", deployment(app)));
            files.push(("service", service(app)));
        } else {
            files.push(("release", oci_release(app, at)));
            files.push(("source", oci_source(app, at)));
        }
        files.sort();
        let entries = files.iter().map(|(name, _)| format!("  - {name}.yaml\n")).collect::<String>();
        self.put(&format!("{folder}/kustomization.yaml"), list(&entries));
        for (name, text) in files {
            self.put(&format!("{folder}/{name}.yaml"), text);
        }
    }

    /// A release of a chart that lies in the repository, with a schema of its values.
    fn board(&mut self, namespace: &str) {
        self.unit(namespace, "board", "");
        let folder = format!("kubernetes/apps/{namespace}/board/app");
        let spec = "spec:\n  interval: 1h\n  chart:\n    spec:\n      chart: ./charts/board\n      sourceRef:\n        kind: GitRepository\n        name: flux-system\n        namespace: flux-system\n  values:\n    replicas: 2\n    mode: steady\n    port: 8080\n    title: Notices\n    storage:\n      size: 5Gi\n";
        self.put(
            &format!("{folder}/release.yaml"),
            object("helm.toolkit.fluxcd.io/v2", "HelmRelease", "board", "", spec),
        );
        self.put(&format!("{folder}/kustomization.yaml"), list("  - release.yaml\n"));
        self.put("charts/board/Chart.yaml", "apiVersion: v2\nname: board\nversion: 1.2.0\n");
        self.put(
            "charts/board/values.yaml",
            "replicas: 1\nmode: steady\nport: 8080\ntitle: \"\"\nstorage:\n  size: 1Gi\n  class: longhorn\n",
        );
        self.put(
            "charts/board/templates/map.tpl",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  title: {{ .Values.title | quote }}\n",
        );
        self.put(
            "charts/board/values.schema.json",
            r#"{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "required": ["title"],
  "properties": {
    "replicas": { "type": "integer", "minimum": 1 },
    "mode": { "enum": ["steady", "rotating"] },
    "port": { "type": "integer", "maximum": 65535 },
    "title": { "type": "string", "minLength": 1 },
    "storage": {
      "type": "object",
      "properties": { "size": { "type": "string" }, "class": { "type": "string" } },
      "additionalProperties": false
    }
  }
}
"#,
        );
    }

    /// OpenTofu modules that a controller in the cluster runs.
    fn modules(&mut self, apps: &[(&str, &[&str])]) {
        let mut entries = String::new();
        self.unit("cloud", "tofu-controller", "");
        let folder = "kubernetes/apps/cloud/tofu-controller/app";
        self.put(&format!("{folder}/source.yaml"), helm_source("tofu-controller"));
        self.put(&format!("{folder}/release.yaml"), helm_release("tofu-controller", "tofu-controller", "0.16.0-rc.5"));
        self.put(&format!("{folder}/kustomization.yaml"), list("  - release.yaml\n  - source.yaml\n"));
        self.unit("cloud", "modules", &waits(&["cloud/tofu-controller"]));
        for app in apps.iter().flat_map(|(_, apps)| *apps) {
            let spec = format!(
                "spec:\n  interval: 1h\n  approvePlan: auto\n  path: ./terraform/modules/{app}\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n    namespace: flux-system\n"
            );
            let text = object("infra.contrib.fluxcd.io/v1alpha2", "Terraform", app, "", &spec);
            self.put(&format!("kubernetes/apps/cloud/modules/app/{app}.yaml"), text);
            entries.push_str(&format!("  - {app}.yaml\n"));
            self.put(
                &format!("terraform/modules/{app}/main.tf"),
                format!("variable \"size\" {{\n  default = 1\n}}\n\nresource \"hcloud_server\" \"this\" {{\n  name  = \"{app}\"\n  count = var.size\n}}\n"),
            );
        }
        self.put("kubernetes/apps/cloud/modules/app/kustomization.yaml", list(&entries));
        self.namespace("cloud", "  - ./modules/unit.yaml\n  - ./tofu-controller/unit.yaml\n");
    }
}

fn helm_source(name: &str) -> String {
    let spec = format!("spec:\n  interval: 1h\n  url: https://charts.example.org/{name}\n");
    object("source.toolkit.fluxcd.io/v1", "HelmRepository", name, "", &spec)
}

fn helm_release(name: &str, chart: &str, version: &str) -> String {
    let spec = format!(
        "spec:\n  interval: 1h\n  chart:\n    spec:\n      chart: {chart}\n      version: {version}\n      sourceRef:\n        kind: HelmRepository\n        name: {name}\n  install:\n    crds: Create\n  values:\n    replicas: 1\n"
    );
    object("helm.toolkit.fluxcd.io/v2", "HelmRelease", name, "", &spec)
}

/// Charts come from an OCIRepository or from a HelmRepository, in turn.
fn oci_source(app: &str, at: usize) -> String {
    if at % 3 == 1 {
        return helm_source(app);
    }
    let spec = format!("spec:\n  interval: 1h\n  url: oci://charts.example.org/{app}\n  ref:\n    tag: 4.2.{at}\n");
    object("source.toolkit.fluxcd.io/v1", "OCIRepository", app, "", &spec)
}

fn oci_release(app: &str, at: usize) -> String {
    let chart = if at % 3 == 1 {
        format!(
            "  chart:\n    spec:\n      chart: {app}\n      version: 4.2.{at}\n      sourceRef:\n        kind: HelmRepository\n        name: {app}\n"
        )
    } else {
        format!("  chartRef:\n    kind: OCIRepository\n    name: {app}\n")
    };
    let spec = format!(
        "spec:\n  interval: 1h\n{chart}  values:\n    controller:\n      replicas: 1\n      image: registry.example.org/{app}:1.{at}.0\n    existingSecret: {app}-login\n    persistence:\n      existingClaim: {app}\n"
    );
    object("helm.toolkit.fluxcd.io/v2", "HelmRelease", app, "", &spec)
}

fn issuer() -> String {
    let spec = "spec:\n  acme:\n    server: https://acme.example.org/directory\n    privateKeySecretRef:\n      name: issuer-account\n    solvers:\n      - http01:\n          ingress:\n            ingressClassName: nginx\n";
    object("cert-manager.io/v1", "ClusterIssuer", "public", "", spec)
}

fn store() -> String {
    let spec = "spec:\n  provider:\n    vault:\n      server: https://vault.example.org\n      path: kv\n      version: v2\n      auth:\n        kubernetes:\n          mountPath: kubernetes\n          role: reader\n";
    object("external-secrets.io/v1", "ClusterSecretStore", "vault", "", spec)
}

fn pool() -> String {
    object("metallb.io/v1beta1", "IPAddressPool", "lan", "", "spec:\n  addresses:\n    - 10.30.0.200-10.30.0.220\n")
}

fn certificate(app: &str) -> String {
    let spec = format!(
        "spec:\n  secretName: {app}-tls\n  dnsNames:\n    - {app}.lab.example.org\n  issuerRef:\n    kind: ClusterIssuer\n    name: public\n"
    );
    object("cert-manager.io/v1", "Certificate", app, "", &spec)
}

fn external_secret(app: &str) -> String {
    let spec = format!(
        "spec:\n  refreshInterval: 1h\n  secretStoreRef:\n    kind: ClusterSecretStore\n    name: vault\n  target:\n    name: {app}-login\n  data:\n    - secretKey: password\n      remoteRef:\n        key: {app}\n        property: password\n"
    );
    object("external-secrets.io/v1", "ExternalSecret", app, "", &spec)
}

fn config(app: &str) -> String {
    let data = format!("data:\n  title: {app}\n  zone: ${{ZONE}}\n  address: https://{app}.${{DOMAIN}}\n");
    object("v1", "ConfigMap", &format!("{app}-config"), "", &data)
}

fn ingress(app: &str) -> String {
    let spec = format!(
        "spec:\n  ingressClassName: nginx\n  tls:\n    - hosts:\n        - {app}.lab.example.org\n      secretName: {app}-tls\n  rules:\n    - host: {app}.lab.example.org\n      http:\n        paths:\n          - path: /\n            pathType: Prefix\n            backend:\n              service:\n                name: {app}\n                port:\n                  number: 8080\n"
    );
    object("networking.k8s.io/v1", "Ingress", app, "", &spec)
}

fn volume(app: &str) -> String {
    let spec = "spec:\n  accessModes:\n    - ReadWriteOnce\n  storageClassName: longhorn\n  resources:\n    requests:\n      storage: 5Gi\n";
    object("v1", "PersistentVolumeClaim", app, "", spec)
}

fn service(app: &str) -> String {
    let spec = format!(
        "spec:\n  type: ClusterIP\n  selector:\n    app.kubernetes.io/name: {app}\n  ports:\n    - name: http\n      port: 8080\n      targetPort: http\n"
    );
    object("v1", "Service", app, "", &spec)
}

fn deployment(app: &str) -> String {
    let spec = format!(
        "spec:\n  replicas: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: {app}\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: {app}\n    spec:\n      containers:\n        - name: app\n          image: registry.example.org/{app}:1.4.2\n          ports:\n            - name: http\n              containerPort: 8080\n          env:\n            - name: PASSWORD\n              valueFrom:\n                secretKeyRef:\n                  name: {app}-login\n                  key: password\n            - name: TITLE\n              valueFrom:\n                configMapKeyRef:\n                  name: {app}-config\n                  key: title\n          volumeMounts:\n            - name: data\n              mountPath: /data\n      volumes:\n        - name: data\n          persistentVolumeClaim:\n            claimName: {app}\n"
    );
    object("apps/v1", "Deployment", app, "", &spec)
}
