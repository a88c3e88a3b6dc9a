//! A made-up cluster of any size: the same number gives the same files, byte for byte, on every machine.
//!
//! The shares are those of the worked example: of twenty services about sixteen have a chart, ten a host, ten a Secret, four an
//! address, three a phase. Seven more bring what these need.

use std::{collections::BTreeMap, fmt::Write as _};

use gitopsc::{
    secrets::{Certificate, Scope, SealLabel, SealedSecret, SealedValue, store_path, write_store},
    source::Sources,
};
use rsa::rand_core::{CryptoRng, Error, RngCore};

/// Files by path below the repository's root.
pub type Files = BTreeMap<String, String>;

const CERTIFICATE: &str = include_str!("../tests/fixtures/sealing/test-only-4096.pem");

const BASE: &str = r#"schema = 1

[cluster]
name      = "scale"
domain    = "scale.example.com"
endpoint  = "kube-api"
bootstrap = "controlplane0"
gitops    = "flux"

[repo]
url    = "ssh://git@git.example.com/scale.git"
branch = "main"

[versions]
talos      = "v1.11.2"
contract   = "v1.11"
kubernetes = "1.32.1"
flux       = "v2.7.3"

[networks]
nodes    = { cidr = "10.0.0.0/12", gateway = "10.0.0.1", dns = ["1.1.1.1"], interface = "eth0" }
pods     = { cidr = "10.128.0.0/10" }
services = { cidr = "10.96.0.0/12" }

[vips]
kube-api = { ip = "10.0.3.1", by = "talos" }

[pools]
ingress  = { ips = "10.0.4.1", auto = false }
services = { ips = "10.1.0.0-10.1.255.255" }

[nodes]
controlplane0 = { role = "controlplane", ip = "10.0.1.1" }
controlplane1 = { role = "controlplane", ip = "10.0.1.2" }
controlplane2 = { role = "controlplane", ip = "10.0.1.3" }
worker0       = { role = "worker", ip = "10.0.2.1" }
worker1       = { role = "worker", ip = "10.0.2.2" }

[talos]
install-disk = "/dev/sda"
cni          = "none"
proxy        = false

[flux]
interval = "10m"
timeout  = "5m"

[sealing]
cert = "certs/sealed-secrets.pem"

[dns]
zone = "scale.example.com"

[tls]
issuer = "letsencrypt"

[issuers]
letsencrypt = { acme = "production", email = "ops@scale.example.com", solver = "http" }

[owners.terraform]
owns = ["helm:kube-system/cilium", "Namespace:flux-system"]

[layers]
order = ["core", "apps"]

[services.cert-manager]
layer = "core"
chart = { repo = "https://charts.jetstack.io", name = "cert-manager", version = "v1.16.2" }

[services.sealed-secrets]
layer     = "core"
namespace = "kube-system"
chart     = { repo = "https://bitnami-labs.github.io/sealed-secrets", name = "sealed-secrets", version = "2.16.2" }

[services.metallb]
layer     = "core"
namespace = "metallb-system"
chart     = { repo = "https://metallb.github.io/metallb", name = "metallb", version = "0.15.2" }

[services.ingress-nginx]
layer     = "core"
pool      = "ingress"
chart     = { repo = "https://kubernetes.github.io/ingress-nginx", name = "ingress-nginx", version = "4.11.3" }
provides  = ["ingressclass/nginx"]

[services.csi]
layer     = "core"
chart     = { oci = "ghcr.io/example/charts/csi", version = "0.2.11" }
provides  = ["storageclass/local"]

[services.external-secrets]
layer     = "core"
chart     = { repo = "https://charts.external-secrets.io", name = "external-secrets", version = "1.3.2" }

[services.database]
layer     = "core"
depends   = ["csi"]
chart     = { oci = "ghcr.io/example/charts/database", version = "3.1.0" }
"#;

const SOLVER: &str = "http01:\n  ingress:\n    ingressClassName: nginx\n";

const VALUES: &str = r#"# What the chart does not guess.
replicaCount: {{ vars.replicas }}
image:
  pullPolicy: IfNotPresent
service:
  type: {{ "LoadBalancer" if pool is defined else "ClusterIP" }}
  port: 80
{% if pool is defined %}
  annotations:
{% for key, value in pool.annotations | items %}
    {{ key }}: {{ value | q }}
{% endfor %}
{% endif %}
{% if host is defined %}
ingress:
  enabled: true
  className: nginx
  hosts:
    - host: {{ host.fqdn }}
      paths:
        - path: /
          pathType: Prefix
  tls:
    - secretName: {{ host.tls_secret }}
      hosts:
        - {{ host.fqdn }}
{% endif %}
resources:
  requests:
    cpu: 100m
    memory: 256Mi
  limits:
    memory: 1Gi
persistence:
  enabled: true
  storageClass: local
  size: 20Gi
config:
  # One line for each thing that differs between our clusters.
  domain: {{ cluster.domain }}
  name: {{ service.name | q }}
{% if secrets %}
extraEnv:
{% for name, secret in secrets | items %}
{% for key in secret["keys"] %}
  - name: {{ key | upper }}
    valueFrom:
      secretKeyRef:
        name: {{ name }}
        key: {{ key }}
{% endfor %}
{% endfor %}
{% endif %}
"#;

const DEPLOYMENT: &str = r"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ service.name }}
  namespace: {{ service.namespace }}
  labels:
    app.kubernetes.io/name: {{ service.name }}
spec:
  replicas: {{ vars.replicas }}
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ service.name }}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {{ service.name }}
    spec:
      containers:
        - name: app
          image: registry.example.com/{{ service.name }}:1.0.0
          ports:
            - name: http
              containerPort: 8080
          readinessProbe:
            httpGet:
              path: /ready
              port: http
          resources:
            requests:
              cpu: 50m
              memory: 64Mi
---
apiVersion: v1
kind: Service
metadata:
  name: {{ service.name }}
  namespace: {{ service.namespace }}
spec:
  selector:
    app.kubernetes.io/name: {{ service.name }}
  ports:
    - name: http
      port: 80
      targetPort: http
";

const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ service.name }}-{{ phase }}
  namespace: {{ service.namespace }}
data:
  ready: \"true\"
  url: https://{{ cluster.domain }}/{{ service.name }}
";

/// The repository of a cluster with this many services, besides those that bring what they need.
pub fn files(services: usize) -> Files {
    let mut random = Seeded(0x6769_746f_7073_6300);
    let certificate = Certificate::read(Sources::default().add("certificate", CERTIFICATE), CERTIFICATE)
        .expect("the fixture is a certificate");
    let mut files = Files::new();
    let mut inventory = BASE.to_owned();
    for number in 0..services {
        service(number, &certificate, &mut random, &mut inventory, &mut files);
    }
    let pinned = format!("[sealing]\nspki = \"{}\"", certificate.spki());
    files.insert("inventory.toml".into(), inventory.replacen("[sealing]", &pinned, 1));
    files.insert("certs/sealed-secrets.pem".into(), CERTIFICATE.into());
    files.insert("templates/solvers/http.yaml".into(), SOLVER.into());
    files
}

fn service(number: usize, certificate: &Certificate, random: &mut Seeded, inventory: &mut String, files: &mut Files) {
    let name = name_of(number);
    let folder = format!("templates/services/{name}");
    let mut line = |text: String| {
        inventory.push_str(&text);
        inventory.push('\n');
    };
    line(format!("\n[services.{name}]\nlayer = \"apps\"\nvars = {{ replicas = {} }}", 1 + random.below(3)));
    let has_chart = random.happens(80);
    let has_host = random.happens(50);
    if has_chart {
        line(format!(
            "chart = {{ repo = \"https://charts.example.com/{name}\", name = \"{name}\", version = \"1.{}.{}\" }}",
            random.below(30),
            random.below(10)
        ));
        files.insert(format!("{folder}/values.yaml.j2"), VALUES.into());
    } else {
        files.insert(format!("{folder}/app.yaml.j2"), DEPLOYMENT.into());
    }
    if has_host {
        line(format!("host = \"{name}\""));
        if !has_chart {
            line(format!("backend = \"{name}:80\""));
        }
    }
    if has_chart && random.happens(20) {
        line(format!("pool = \"services\"\nip = \"10.1.{}.{}\"", number / 256 % 256, number % 256));
    }
    let mut depends = vec!["database".to_owned()];
    for _ in 0..random.below(3).min(number) {
        // Near ones mostly, as services come in groups.
        depends.push(name_of(number - 1 - random.below(number.min(20))));
    }
    depends.sort();
    depends.dedup();
    line(format!("depends = {depends:?}"));
    if random.happens(15) {
        line(format!("phases.settle = {{ depends = [\"{}\"] }}", name_of(number - random.below(number.min(5) + 1))));
        files.insert(format!("{folder}/settle/settings.yaml.j2"), SETTINGS.into());
    }
    if random.happens(40) {
        line(format!(
            "secrets.{name}-login = {{ external = [\"password\", \"token\"], generate = \"alphanumeric:32\" }}"
        ));
    } else if random.happens(20) {
        line(format!("secrets.{name}-key = {{ sealed = [\"key\"] }}"));
        let secret = format!("{name}-key");
        let label = SealLabel::new(&name, &secret, Scope::Strict);
        let value = SealedValue::seal(b"of no worth", "key", &label, certificate, random);
        let sealed = SealedSecret { values: BTreeMap::from([("key".to_owned(), value)]) };
        files.insert(store_path(&name, &secret), write_store(&sealed, &name, &secret));
    }
}

fn name_of(number: usize) -> String {
    const WORDS: [&str; 8] = ["forge", "chat", "wiki", "metrics", "cache", "mail", "board", "queue"];
    let mut name = String::new();
    write!(name, "{}-{number:05}", WORDS[number % WORDS.len()]).expect("writing to a string");
    name
}

/// SplitMix64: small, and the same everywhere. Far too weak for a secret; what is sealed here is none.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next_u64() % (end.max(1) as u64)).expect("it is below a number of that type")
    }

    fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

impl RngCore for Seeded {
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Seeded {}
