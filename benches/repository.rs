//! A made-up Flux repository of any size, laid out as people write them by hand: the same number gives the same files.
//!
//! Twenty-five units share a namespace. Each has a file with its Flux Kustomization and a folder with a chart's source, a
//! release, a ConfigMap and the kustomization file that lists them. Every fourth waits for the unit before it, every fifth
//! for one of the first namespace. The Kustomization above all of them patches each, and each takes variables from a ConfigMap
//! that a component brings to its namespace.

use std::{collections::BTreeMap, fmt::Write as _};

/// Files by path below the repository's root.
pub type Files = BTreeMap<String, String>;

/// Units of one namespace.
const TOGETHER: usize = 25;

const SYNC: &str = "\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 10m
  ref:
    branch: main
  url: ssh://git@git.example.org/harbour.git
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: flux-system
  namespace: flux-system
spec:
  interval: 10m
  path: ./cluster
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
";

const ABOVE: &str = "\
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: apps
  namespace: flux-system
spec:
  interval: 1h
  path: ./apps
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
  patches:
    - patch: |-
        apiVersion: kustomize.toolkit.fluxcd.io/v1
        kind: Kustomization
        metadata:
          name: _
        spec:
          postBuild:
            substituteFrom:
              - kind: ConfigMap
                name: cluster-settings
          patches:
            - patch: |-
                apiVersion: helm.toolkit.fluxcd.io/v2
                kind: HelmRelease
                metadata:
                  name: _
                spec:
                  install:
                    crds: CreateReplace
                  upgrade:
                    cleanupOnFail: true
                    crds: CreateReplace
              target:
                group: helm.toolkit.fluxcd.io
                kind: HelmRelease
      target:
        group: kustomize.toolkit.fluxcd.io
        kind: Kustomization
";

const SETTINGS: &str = "\
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: cluster-settings
data:
  DOMAIN: apps.example.org
  TIMEZONE: Etc/UTC
";

const COMPONENT: &str = "\
---
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources:
  - ./settings.yaml
";

/// The files of a repository with this many units, and two above them.
pub fn files(units: usize) -> Files {
    let mut files = Files::new();
    files.insert("cluster/flux-system/gotk-sync.yaml".into(), SYNC.into());
    files.insert("cluster/apps.yaml".into(), ABOVE.into());
    files.insert("components/settings/kustomization.yaml".into(), COMPONENT.into());
    files.insert("components/settings/settings.yaml".into(), SETTINGS.into());
    let homes = units.div_ceil(TOGETHER);
    let mut all = String::from("---\nkind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nresources:\n");
    for home in 0..homes {
        let members = home * TOGETHER..units.min((home + 1) * TOGETHER);
        let _ = writeln!(all, "  - ./{}", namespace(home));
        files.insert(format!("apps/{}/namespace.yaml", namespace(home)), {
            "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: _\n  labels:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n".into()
        });
        let mut text = format!(
            "---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {}\ncomponents:\n  - ../../components/settings\nresources:\n  - ./namespace.yaml\n",
            namespace(home)
        );
        for unit in members {
            let _ = writeln!(text, "  - ./{}/ks.yaml", name(unit));
            add_unit(&mut files, home, unit);
        }
        files.insert(format!("apps/{}/kustomization.yaml", namespace(home)), text);
    }
    files.insert("apps/kustomization.yaml".into(), all);
    files
}

fn namespace(home: usize) -> String {
    format!("quay-{home:03}")
}

fn name(unit: usize) -> String {
    format!("crane-{unit:05}")
}

fn add_unit(files: &mut Files, home: usize, unit: usize) {
    let (namespace, name) = (namespace(home), name(unit));
    let folder = format!("apps/{namespace}/{name}");
    files.insert(format!("{folder}/ks.yaml"), kustomization(&namespace, &folder, &name, unit));
    let list = "\
---
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ./chart.yaml
  - ./helmrelease.yaml
configMapGenerator:
  - name: NAME-settings
    files:
      - settings.yaml=./resources/settings.yaml
generatorOptions:
  disableNameSuffixHash: true
";
    files.insert(format!("{folder}/app/kustomization.yaml"), list.replace("NAME", &name));
    let settings = format!("listen: 0.0.0.0:8080\nname: {name}\nlog:\n  level: info\n  format: json\n");
    files.insert(format!("{folder}/app/resources/settings.yaml"), settings);
    let chart = "\
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata:
  name: NAME
spec:
  interval: 15m
  layerSelector:
    mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip
    operation: copy
  ref:
    tag: 4.4.0
  url: oci://charts.example.org/workload
";
    files.insert(format!("{folder}/app/chart.yaml"), chart.replace("NAME", &name));
    files.insert(format!("{folder}/app/helmrelease.yaml"), release(&name, unit));
}

/// The Flux Kustomization of a unit.
fn kustomization(namespace: &str, folder: &str, name: &str, unit: usize) -> String {
    let mut text = format!(
        "\
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: {name}
  namespace: {namespace}
spec:
  interval: 1h
  path: ./{folder}/app
  postBuild:
    substitute:
      APP: {name}
  prune: true
  sourceRef:
    kind: GitRepository
    name: flux-system
    namespace: flux-system
  targetNamespace: {namespace}
  timeout: 5m
  wait: true
"
    );
    let mut waits = Vec::new();
    if unit % 4 == 3 {
        waits.push(unit - 1);
    }
    if unit.is_multiple_of(5) && unit >= TOGETHER {
        waits.push(unit % TOGETHER);
    }
    if !waits.is_empty() {
        text.push_str("  dependsOn:\n");
    }
    for wait in waits {
        let _ =
            write!(text, "    - name: {}\n      namespace: {}\n", self::name(wait), self::namespace(wait / TOGETHER));
    }
    text
}

/// The Helm release of a unit.
fn release(name: &str, unit: usize) -> String {
    let uses = if unit > 0 && unit.is_multiple_of(3) {
        let other = unit - 1;
        let (name, namespace) = (self::name(other), namespace(other / TOGETHER));
        format!("http://{name}.{namespace}.svc.cluster.local:8080")
    } else {
        "http://127.0.0.1:8081".to_owned()
    };
    format!(
        "\
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: {name}
spec:
  chartRef:
    kind: OCIRepository
    name: {name}
  interval: 1h
  values:
    controllers:
      {name}:
        annotations:
          reloader.stakater.com/auto: \"true\"
        containers:
          app:
            image:
              repository: registry.example.org/{name}
              tag: 1.{unit}.0
            env:
              TZ: ${{TIMEZONE}}
              UPSTREAM: {uses}
            probes:
              liveness: &probe
                enabled: true
                custom: true
                spec:
                  httpGet:
                    path: /healthz
                    port: &port 8080
                  initialDelaySeconds: 0
                  periodSeconds: 10
                  timeoutSeconds: 1
                  failureThreshold: 3
              readiness: *probe
            securityContext:
              allowPrivilegeEscalation: false
              readOnlyRootFilesystem: true
              capabilities: {{drop: [\"ALL\"]}}
            resources:
              requests:
                cpu: 10m
              limits:
                memory: 256Mi
    defaultPodOptions:
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
    service:
      app:
        ports:
          http:
            port: *port
    ingress:
      app:
        className: internal
        hosts:
          - host: \"${{APP}}.${{DOMAIN}}\"
            paths:
              - path: /
                service:
                  identifier: app
                  port: http
    persistence:
      settings:
        type: configMap
        name: {name}-settings
        globalMounts:
          - path: /config/settings.yaml
            subPath: settings.yaml
            readOnly: true
"
    )
}
