//! What the pages of codes do not show: one cause is one finding, and healthy repositories have none.

use gitopsc::{
    compile::{Options, compile},
    report,
    world::MemWorld,
};

const CLUSTER: &str =
    "schema = 1\n\n[cluster]\nname = \"home\"\nendpoint = \"10.0.0.10\"\n\n[versions]\nkubernetes = \"1.32.1\"\n\n";

const CERTIFICATES: &str = "
[dns]
zone = \"example.com\"

[issuers]
letsencrypt = { acme = \"production\" }

[tls]
issuer = \"letsencrypt\"

[services.cert-manager]
chart = { repo = \"https://charts.jetstack.io\", name = \"cert-manager\", version = \"v1.16.2\" }

[services.ingress-nginx]
chart = { repo = \"https://kubernetes.github.io/ingress-nginx\", name = \"ingress-nginx\", version = \"4.11.3\" }

[services.external-secrets]
chart = { repo = \"https://charts.external-secrets.io\", name = \"external-secrets\", version = \"1.3.2\" }
";

/// What a build of these files finds, a line each: place, code and message.
fn found_in(files: &[(&str, &[u8])]) -> Vec<String> {
    let world = MemWorld::new(files.iter().map(|(path, bytes)| (*path, *bytes)));
    let compiled = compile(&world, &Options::default()).expect("memory does not fail");
    let format = *report::FORMATS.iter().find(|format| format.name == "concise").expect("there is such a format");
    let report = report::Report { sources: &compiled.sources, diagnostics: &compiled.diagnostics };
    report::render(format, &report, false).lines().map(str::to_owned).collect()
}

fn found(services: &str, templates: &[(&str, &str)]) -> Vec<String> {
    let inventory = format!("{CLUSTER}{services}");
    let mut files: Vec<(&str, &[u8])> = vec![("inventory.toml", inventory.as_bytes())];
    files.extend(templates.iter().map(|(path, text)| (*path, text.as_bytes())));
    found_in(&files)
}

fn config_map(name: &str, namespace: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\n")
}

#[test]
fn a_file_that_is_no_text_is_named_with_its_line() {
    let inventory = format!("{CLUSTER}[services.web]\n");
    let latin = b"apiVersion: v1\n# caf\xe9\nkind: ConfigMap\n";
    let files = [("inventory.toml", inventory.as_bytes()), ("templates/services/web/config.yaml", latin.as_slice())];
    assert_eq!(
        found_in(&files),
        [
            "templates/services/web/config.yaml:2:6: error[not-utf8]: `templates/services/web/config.yaml` is not UTF-8 from line 2 on"
        ]
    );
}

#[test]
fn a_template_that_fails_hides_what_it_would_have_made() {
    let secret = "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: {{ nmae }}\n  namespace: web\nspec: {}\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: web\nspec:\n  containers:\n    - name: web\n      image: web\n      envFrom:\n        - secretRef:\n            name: token\n";
    let services = format!("{CERTIFICATES}\n[services.web]\nhost = \"web\"\n");
    assert_eq!(
        found(
            &services,
            &[("templates/services/web/secret.yaml.j2", secret), ("templates/services/web/pod.yaml", pod)]
        ),
        ["templates/services/web/secret.yaml.j2:4:12: error[template-undefined]: `nmae` is undefined"]
    );
}

#[test]
fn hosts_without_a_zone_are_one_finding() {
    let services = format!(
        "{}\n[services.a]\nhost = \"a\"\n\n[services.b]\nhost = \"b\"\n",
        CERTIFICATES.replace("[dns]\nzone = \"example.com\"\n", "")
    );
    let template = format!("{}data:\n  host: {{{{ host.fqdn }}}}\n", config_map("b", "b"));
    assert_eq!(
        found(&services, &[("templates/services/b/config.yaml.j2", &template)]),
        ["inventory.toml:28:8: error[zone-missing]: host `a` has no zone to lie in"]
    );
}

#[test]
fn a_malformed_pool_is_one_finding_with_the_template_that_uses_it() {
    let services = "[pools]\na = { ips = \"10.0.0.100-10.0.0.1000\" }\n\n[services.metallb]\nchart = { repo = \"https://metallb.github.io/metallb\", name = \"metallb\", version = \"0.15.2\" }\n\n[services.web]\npool = \"a\"\n";
    let template = format!("{}data:\n  ip: {{{{ pool.ip }}}}\n", config_map("web", "web"));
    assert_eq!(
        found(services, &[("templates/services/web/config.yaml.j2", &template)]),
        ["inventory.toml:11:25: error[address-malformed]: `10.0.0.1000` is not an IP address"]
    );
}

#[test]
fn a_service_that_cannot_be_read_has_its_templates_all_the_same() {
    let config = config_map("web", "web");
    let other = config_map("db", "web");
    let templates =
        [("templates/services/web/a.yaml", config.as_str()), ("templates/services/db/b.yaml", other.as_str())];
    assert_eq!(
        found("[services]\nweb = 3\ndb = { depends = [\"web\"] }\n", &templates),
        ["inventory.toml:11:7: error[value-type]: [services.web] is an integer, where a table belongs"]
    );
    assert_eq!(
        found("[services]\nWeb = {}\n", &[("templates/services/Web/a.yaml", config.as_str())]),
        ["inventory.toml:11:1: error[name-malformed]: `Web` cannot be a name in Kubernetes"]
    );
}

#[test]
fn a_missing_namespace_is_one_finding_however_many_objects_lie_in_it() {
    let (one, other) = (config_map("one", "elsewhere"), config_map("other", "elsewhere"));
    assert_eq!(
        found(
            "[services.web]\n",
            &[("templates/services/web/a.yaml", &one), ("templates/services/web/b.yaml", &other)]
        ),
        ["templates/services/web/a.yaml:5:14: error[namespace-missing]: nobody makes the namespace `elsewhere`"]
    );
}

#[test]
fn two_hosts_and_two_units_are_found_once() {
    let services = format!(
        "{CERTIFICATES}\n[services.a]\nhost = \"web\"\nbackend = \"a:80\"\n\n[services.b]\nnamespace = \"a\"\nhost = \"web\"\nbackend = \"a:80\"\n"
    );
    assert_eq!(
        found(&services, &[]),
        ["inventory.toml:35:8: error[host-twice]: host `web.example.com` is claimed by `a` and `b`"]
    );
    let chart = "chart = { oci = \"ghcr.io/example/web\", version = \"1.0.0\" }";
    let services =
        format!("[services.a]\n{chart}\nphases.b = {{ {chart} }}\n\n[services.a-b]\nnamespace = \"a\"\n{chart}\n");
    assert_eq!(
        found(&services, &[]),
        ["inventory.toml:14:11: error[unit-twice]: phase `b` of `a` and service `a-b` are both unit `a-b`"]
    );
}

#[test]
fn a_line_that_is_not_toml_is_one_finding() {
    for (line, expected) in [
        ("depends = [\"web\"", "12:1: error[toml-syntax]: missing comma between array elements, expected `,`"),
        ("[services.lost", "11:15: error[toml-syntax]: the name of this table has no closing `]`"),
        (
            "timeout = 5m",
            "11:11: error[toml-syntax]: `5m` is neither a number nor `true` or `false`, and a text stands in quotes",
        ),
        ("unit = \"db", "11:11: error[toml-syntax]: this text has no closing `\"`"),
        ("unit", "11:5: error[toml-syntax]: this key has no value"),
    ] {
        let services = format!("[services.db]\n{line}\ninterval = \"5m\"\n\n[services.web]\nnamespace = \"db\"\n");
        assert_eq!(found(&services, &[]), [format!("inventory.toml:{expected}")], "{line}");
    }
    assert_eq!(
        found("[services.db]\ntimeout = 5m\ninterval = 6m\n", &[]).len(),
        2,
        "mistakes in two lines are two findings"
    );
}

#[test]
fn values_that_only_look_like_secrets_are_none() {
    let services = format!(
        "{CERTIFICATES}
[services.web]
host = \"web\"
chart = {{ oci = \"ghcr.io/example/web\", version = \"1.0.0\" }}
secrets = {{ web-auth = {{ external = [\"password\"], generate = \"hex:32\" }}, registry = {{ external = [\"auth\"], generate = \"hex:32\" }} }}
"
    );
    let values = r#"
imagePullSecrets:
  - name: registry
auth:
  existingSecret: web-auth
  existingSecretPasswordKey: password
  secretKeys: { adminPasswordKey: password, userPasswordKey: user-password }
  password: ""
  forgotPassword: true
oidc:
  secretName: web-auth
  secretKey: password
  passwordSecretRef: { name: web-auth, key: password }
  clientSecret: $OIDC_CLIENT_SECRET
smtp:
  passwordFile: /run/secrets/smtp
  password: ENC[AES256_GCM,data:abc]
memberlist:
  secretName: web-memberlist
ingress:
  annotations:
    cert-manager.io/cluster-issuer: letsencrypt
  tls:
    - secretName: made-for-the-ingress
      hosts: [web.example.com]
extraObjects:
  - apiVersion: v1
    kind: Secret
    metadata: { name: extra }
extra:
  existingSecret: extra
database:
  existingSecret: "{{ .Release.Name }}-database"
volumes:
  - name: one
    secret: { secretName: web-auth }
  - name: other
    secret: { secretName: perhaps, optional: true }
tls:
  secretName: web-example-com-tls
"#;
    let manifests = "apiVersion: v1
kind: Secret
metadata:
  name: web-token
  namespace: web
  annotations:
    kubernetes.io/service-account.name: web
type: kubernetes.io/service-account-token
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: web
  namespace: web
secrets:
  - name: web-token
imagePullSecrets:
  - name: registry
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: web
  annotations:
    cert-manager.io/cluster-issuer: letsencrypt
spec:
  ingressClassName: nginx
  tls:
    - hosts: [other.example.com]
      secretName: made-by-cert-manager
---
apiVersion: v1
kind: Pod
metadata:
  name: proxy
  namespace: web
spec:
  containers:
    - name: proxy
      image: proxy
  volumes:
    - name: tls
      secret:
        secretName: made-by-cert-manager
---
# -----BEGIN PRIVATE KEY----- never belongs here
apiVersion: v1
kind: ConfigMap
metadata:
  name: notes
  namespace: web
";
    let templates = [("templates/services/web/values.yaml", values), ("templates/services/web/rest.yaml", manifests)];
    assert_eq!(found(&services, &templates), [] as [&str; 0]);
}

#[test]
fn secrets_of_every_form_are_found_and_not_shown() {
    let key = format!(
        "{}data:\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ\n",
        config_map("key", "web")
    );
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\n  namespace: web\nstringData:\n  user: admin\n  password: hunter2\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: web\nspec:\n  containers:\n    - name: web\n      image: web\n      env:\n        - name: API_PASSWORD\n          value: hunter2\n";
    let inventory = format!("{CLUSTER}[services.web]\n");
    let files: [(&str, &[u8]); 4] = [
        ("inventory.toml", inventory.as_bytes()),
        ("templates/services/web/key.yaml", key.as_bytes()),
        ("templates/services/web/pod.yaml", pod.as_bytes()),
        ("templates/services/web/secret.yaml", secret.as_bytes()),
    ];
    assert_eq!(
        found_in(&files),
        [
            "templates/services/web/key.yaml:8:5: error[secret-plaintext]: `templates/services/web/key.yaml` holds a private key",
            "templates/services/web/pod.yaml:12:11: error[secret-plaintext]: `API_PASSWORD` is written in plain text",
            "templates/services/web/secret.yaml:7:3: error[secret-plaintext]: Secret `web` holds `user`, `password` in plain text",
        ]
    );
    let world = MemWorld::new(files.iter().map(|(path, bytes)| (*path, *bytes)));
    let compiled = compile(&world, &Options::default()).expect("memory does not fail");
    for format in report::FORMATS {
        let report = report::Report { sources: &compiled.sources, diagnostics: &compiled.diagnostics };
        let text = report::render(*format, &report, false);
        assert!(!text.contains("hunter2") && !text.contains("MIIE"), "{}: {text}", format.name);
    }
}

#[test]
fn a_secret_that_an_operator_may_make_is_not_missed() {
    let definition = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: databases.example.com
spec:
  group: example.com
  names: { kind: Database, plural: databases, singular: database, listKind: DatabaseList }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true }
";
    let database = "apiVersion: example.com/v1\nkind: Database\nmetadata:\n  name: main\n  namespace: web\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: web\nspec:\n  containers:\n    - name: web\n      image: web\n      envFrom:\n        - secretRef:\n            name: main-app\n        - secretRef:\n            name: other\n";
    let templates = [
        ("templates/services/operator/definition.yaml", definition),
        ("templates/services/web/database.yaml", database),
        ("templates/services/web/pod.yaml", pod),
    ];
    assert_eq!(
        found("[services.operator]\n\n[services.web]\n", &templates),
        ["templates/services/web/pod.yaml:14:19: error[secret-unmade]: nobody makes the Secret `web/other`"]
    );
}
