use super::*;
use crate::{claims::Role, world::MemWorld};

fn repository(files: &[(&str, &str)]) -> Repository {
    Repository::read(&MemWorld::new(files.iter().copied())).unwrap()
}

fn facts(repository: &Repository) -> Facts {
    let mut found = Vec::new();
    let facts = claims(repository, &mut found);
    assert!(found.is_empty(), "{found:?}");
    facts
}

/// `object · unit · role · certainty` of every claim.
fn listed(files: &[(&str, &str)]) -> Vec<String> {
    let line = |claim: &Claim| {
        let role = match &claim.role {
            Role::Owner => "owner".to_owned(),
            Role::Bootstrap => "bootstrap".to_owned(),
            Role::Fields(fields) => fields.join(" "),
        };
        assert_eq!(claim.prunes, claim.role == Role::Owner);
        format!("{} · {} · {role} · {:?}", claim.object, claim.unit, claim.certainty)
    };
    facts(&repository(files)).claims.iter().map(line).collect()
}

fn at(repository: &Repository, place: Place) -> String {
    let position = repository.sources.position(place);
    format!("{}:{}:{}", repository.path(place), position.line, position.column)
}

#[test]
fn a_release_claims_itself_and_the_namespace_it_makes() {
    let text = r#"
resource "helm_release" "cni" {
  name             = "cilium"
  namespace        = "networking"
  create_namespace = true
  chart            = "cilium"
  version          = "1.18.1"
  values           = [file("${path.module}/values.yaml"), yamlencode({ mtu = 1450, secret = random_password.x.result })]
}
"#;
    let files = [("boot/main.tf", text), ("boot/values.yaml", "ipam:\n  mode: kubernetes\n")];
    assert_eq!(
        listed(&files),
        [
            "Release.helm.sh:networking/cilium · helm_release.cni in boot · owner · Literal",
            "Namespace:networking · helm_release.cni in boot · bootstrap · Literal",
        ]
    );
    let repository = repository(&files);
    let facts = facts(&repository);
    let release = &facts.releases[0];
    assert_eq!(release.chart.as_ref().unwrap().text, "cilium");
    assert_eq!(at(&repository, release.version.as_ref().unwrap().place), "boot/main.tf:7:22");
    let values: Vec<_> = release.values.iter().map(Node::to_json).collect();
    assert_eq!(values[0], serde_json::json!({ "ipam": { "mode": "kubernetes" } }));
    assert_eq!(values[1], serde_json::json!({ "mtu": 1450, "secret": "..PLACEHOLDER_unknown.." }));
    assert_eq!(at(&repository, release.values[0].at(["ipam", "mode"]).unwrap().place), "boot/values.yaml:2:9");
    assert!(facts.read.contains("boot/values.yaml"));
}

#[test]
fn typed_resources_are_the_objects_their_type_says() {
    let text = r#"
resource "kubernetes_namespace_v1" "apps" {
  metadata {
    name = "apps"
  }
}
resource "kubernetes_secret" "token" {
  metadata {
    name      = "token"
    namespace = kubernetes_namespace_v1.apps.metadata[0].name
  }
  data = { user = "x", pass = var.secret }
}
resource "kubernetes_config_map" "plain" {
  metadata { name = "plain" }
}
resource "kubernetes_cluster_role_binding_v1" "admins" {
  metadata { name = "admins" }
}
resource "kubernetes_pod_v1" "some" {
  metadata { generate_name = "some-" }
}
"#;
    let files = [("main.tf", text)];
    assert_eq!(
        listed(&files),
        [
            "Namespace:apps · kubernetes_namespace_v1.apps in . · owner · Literal",
            "Secret:apps/token · kubernetes_secret.token in . · owner · Literal",
            "ConfigMap:default/plain · kubernetes_config_map.plain in . · owner · Literal",
            "ClusterRoleBinding.rbac.authorization.k8s.io:admins · kubernetes_cluster_role_binding_v1.admins in . · owner \
             · Literal",
        ]
    );
    let repository = repository(&files);
    let facts = facts(&repository);
    assert_eq!(facts.keyed[0].keys, ["user", "pass"]);
    assert!(facts.keyed[0].complete);
    assert_eq!(facts.unnamed[0].address, "kubernetes_pod_v1.some");
    assert_eq!(at(&repository, facts.claims[1].place), "main.tf:7:1");
}

#[test]
fn resources_that_set_fields_claim_only_those() {
    let text = r#"
resource "kubernetes_labels" "ns" {
  api_version = "v1"
  kind        = "Namespace"
  metadata { name = "apps" }
  labels = { "pod-security.kubernetes.io/enforce" = "privileged" }
}
resource "kubernetes_config_map_v1_data" "dns" {
  metadata {
    name      = "coredns"
    namespace = "kube-system"
  }
  data = { Corefile = file("Corefile") }
}
resource "kubernetes_node_taint" "gpu" {
  metadata { name = "worker-1" }
  taint {
    key    = "gpu"
    value  = "yes"
    effect = "NoSchedule"
  }
}
"#;
    assert_eq!(
        listed(&[("main.tf", text)]),
        [
            "Namespace:apps · kubernetes_labels.ns in . · /metadata/labels/pod-security.kubernetes.io~1enforce · Literal",
            "ConfigMap:kube-system/coredns · kubernetes_config_map_v1_data.dns in . · /data/Corefile · Literal",
            "Node:worker-1 · kubernetes_node_taint.gpu in . · /spec/taints · Literal",
        ]
    );
}

#[test]
fn manifests_are_read_from_objects_files_heredocs_and_templates() {
    let text = r#"
locals {
  zone = "example.org"
}
resource "kubernetes_manifest" "object" {
  manifest = {
    apiVersion = "cert-manager.io/v1"
    kind       = "ClusterIssuer"
    metadata   = { name = "letsencrypt" }
  }
}
resource "kubernetes_manifest" "file" {
  manifest = yamldecode(file("${path.module}/certificate.yaml"))
}
resource "kubectl_manifest" "heredoc" {
  yaml_body = <<-YAML
    apiVersion: v1
    kind: Service
    metadata:
      name: web
    spec:
      externalName: ${local.zone}
  YAML
}
resource "kubectl_manifest" "template" {
  for_each  = toset(["red", "blue"])
  yaml_body = templatefile("pool.tftpl", { name = each.key })
}
resource "kubectl_manifest" "all" {
  for_each  = data.kubectl_path_documents.all.manifests
  yaml_body = each.value
}
data "kubectl_path_documents" "all" {
  pattern = "./crds/*.yaml"
}
"#;
    let files = [
        ("infra/main.tf", text),
        (
            "infra/certificate.yaml",
            "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: web}\n",
        ),
        (
            "infra/pool.tftpl",
            "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata:\n  name: ${name}\n  namespace: metallb\n",
        ),
        (
            "infra/crds/a.yaml",
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.example.org}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
        ),
    ];
    assert_eq!(
        listed(&files),
        [
            "ClusterIssuer.cert-manager.io:letsencrypt · kubernetes_manifest.object in infra · owner · Literal",
            "Certificate.cert-manager.io:web/web · kubernetes_manifest.file in infra · owner · Literal",
            "Service:default/web · kubectl_manifest.heredoc in infra · owner · Literal",
            "IPAddressPool.metallb.io:metallb/red · kubectl_manifest.template[\"red\"] in infra · owner · Literal",
            "IPAddressPool.metallb.io:metallb/blue · kubectl_manifest.template[\"blue\"] in infra · owner · Literal",
            "CustomResourceDefinition.apiextensions.k8s.io:a.example.org · kubectl_manifest.all[\"0\"] in infra · owner · \
             Literal",
            "ConfigMap:default/b · kubectl_manifest.all[\"1\"] in infra · owner · Literal",
        ]
    );
}

const MODULE: &str = r#"
variable "name" {}
variable "namespace" { default = "apps" }
variable "enabled" {
  type    = bool
  default = true
}
resource "helm_release" "this" {
  count     = var.enabled ? 1 : 0
  name      = var.name
  namespace = var.namespace
  chart     = "app"
}
output "namespace" {
  value = helm_release.this[0].namespace
}
"#;

#[test]
fn a_module_is_read_with_what_each_caller_passes() {
    let one = "module \"shop\" {\n  source = \"../modules/app\"\n  name = \"shop\"\n}\n\
               resource \"kubernetes_secret\" \"s\" {\n  metadata {\n    name = \"s\"\n    namespace = module.shop.namespace\n  }\n}\n";
    let two = "module \"many\" {\n  for_each = { a = \"left\", b = \"right\" }\n  source = \"../modules/app\"\n  name = each.key\n  \
               namespace = each.value\n  enabled = each.key != \"b\"\n}\n";
    assert_eq!(
        listed(&[("modules/app/main.tf", MODULE), ("one/main.tf", one), ("two/main.tf", two)]),
        [
            "Secret:apps/s · kubernetes_secret.s in one · owner · Literal",
            "Release.helm.sh:apps/shop · module.shop.helm_release.this[0] in one · owner · Literal",
            "Release.helm.sh:left/a · module.many[\"a\"].helm_release.this[0] in two · owner · Literal",
        ]
    );
}

#[test]
fn a_module_that_nobody_calls_is_only_possible() {
    let module = MODULE.replace("variable \"name\" {}", "variable \"name\" { default = \"x\" }");
    assert_eq!(
        listed(&[("modules/app/main.tf", &module)]),
        ["Release.helm.sh:apps/x · helm_release.this[0] in modules/app · owner · Possible"]
    );
}

#[test]
fn a_switch_that_only_a_run_tells_makes_a_claim_possible() {
    let resource =
        "resource \"kubernetes_namespace\" \"x\" {\n  count = var.on ? 1 : 0\n  metadata {\n    name = \"x\"\n  }\n}\n";
    let with = |more: &[(&str, &str)]| {
        let mut files = vec![("main.tf", resource)];
        files.extend(more);
        listed(&files)
    };
    let unit = |suffix: &str, certainty: &str| {
        vec![format!("Namespace:x · kubernetes_namespace.x{suffix} in . · owner · {certainty}")]
    };
    assert_eq!(with(&[("v.tf", "variable \"on\" {}")]), unit("", "Possible"));
    assert_eq!(with(&[("v.tf", "variable \"on\" { default = true }")]), unit("[0]", "Possible"));
    assert_eq!(with(&[("v.tf", "variable \"on\" { default = false }")]), unit("", "Possible"));
    let given = "variable \"on\" { default = false }";
    assert_eq!(with(&[("v.tf", given), ("terraform.tfvars", "on = true\n")]), unit("[0]", "Literal"));
    assert_eq!(with(&[("v.tf", given), ("a.auto.tfvars", "on = false\n")]), Vec::<String>::new());
}

#[test]
fn the_tofu_controllers_objects_hand_variables_to_their_folder() {
    let object = "apiVersion: infra.contrib.fluxcd.io/v1alpha2\nkind: Terraform\nmetadata: {name: x, namespace: flux-system}\n\
                  spec:\n  path: ./terraform/modules/x\n  vars:\n    - name: host\n      value: https://id.example.org\n";
    let text = "variable \"host\" {}\nprovider \"authentik\" {\n  url   = var.host\n  token = \"https://not.kept\"\n}\n\
                resource \"authentik_provider_oauth2\" \"x\" {\n  client_id = \"x\"\n  \
                allowed_redirect_uris = [{ matching_mode = \"strict\", url = \"${var.host}/back\" }]\n}\n";
    let repository = repository(&[("k8s/tf.yaml", object), ("terraform/modules/x/main.tf", text)]);
    let facts = facts(&repository);
    assert!(facts.roots[0].certain);
    let endpoints: Vec<_> = facts.endpoints.iter().map(|it| (it.key.as_str(), it.url.as_str())).collect();
    assert_eq!(endpoints, [("url", "https://id.example.org")]);
    assert_eq!(facts.clients[0].id.as_ref().unwrap().text, "x");
    assert_eq!(facts.clients[0].urls[0].text, "https://id.example.org/back");
    assert_eq!(facts.clients[0].resource.certainty, Certainty::Literal);
}

#[test]
fn a_root_reads_the_outputs_of_another_from_the_state_beside_its_sources() {
    let first = "locals {\n  domain = \"example.org\"\n}\nresource \"null_resource\" \"x\" {}\n\
                 output \"domain\" {\n  value = local.domain\n}\n";
    let second = "data \"terraform_remote_state\" \"one\" {\n  backend = \"local\"\n  config = {\n    \
                  path = \"../1/terraform.tfstate\"\n  }\n}\nprovider \"gitea\" {\n  base_url = \
                  \"https://git.${data.terraform_remote_state.one.outputs.domain}\"\n}\n";
    let repository = repository(&[("0/main.tf", second), ("1/main.tf", first)]);
    let facts = facts(&repository);
    assert_eq!(facts.endpoints[0].url, "https://git.example.org");
    assert!(facts.roots.iter().all(|root| root.certain));
}

#[test]
fn records_carry_the_zone_whose_id_they_name() {
    let text = r#"
data "cloudflare_zone" "home" {
  name = "example.org"
}
resource "cloudflare_record" "www" {
  zone_id = data.cloudflare_zone.home.id
  name    = "www"
  type    = "A"
  value   = "192.0.2.7"
}
resource "powerdns_zone" "lab" { name = "lab.example.org." }
resource "powerdns_record" "any" {
  zone    = powerdns_zone.lab.name
  name    = "*.lab.example.org."
  type    = "A"
  records = ["192.0.2.8", var.other]
}
resource "dns_cname_record" "git" {
  zone  = "example.org."
  name  = "git"
  cname = "www.example.org."
}
"#;
    let repository = repository(&[("main.tf", text)]);
    let facts = facts(&repository);
    let seen: Vec<_> = facts
        .records
        .iter()
        .map(|it| {
            (
                it.host().unwrap(),
                it.kind.clone().unwrap(),
                it.content.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(),
            )
        })
        .collect();
    let expected = [
        ("www.example.org", "A", vec!["192.0.2.7"]),
        ("*.lab.example.org", "A", vec!["192.0.2.8"]),
        ("git.example.org", "CNAME", vec!["www.example.org."]),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(host, kind, to)| (host.to_owned(), kind.to_owned(), to)).collect();
    assert_eq!(seen, expected);
    assert_eq!(facts.zones[0].name.text, "lab.example.org");
}

#[test]
fn talos_patches_keep_the_lines_they_are_written_on() {
    let text = r#"
data "talos_machine_configuration" "node" {
  machine_type = "controlplane"
  config_patches = concat([
    yamlencode({ cluster = { network = { cni = { name = "none" } } } }),
    file("patches/all.yaml"),
    <<-EOT
      machine:
        network:
          hostname: ${var.hostname}
          nameservers: [192.0.2.53]
    EOT
    ], [])
}
"#;
    let patch = "cluster:\n  proxy:\n    disabled: true\n";
    let repository = repository(&[("talos/main.tf", text), ("talos/patches/all.yaml", patch)]);
    let facts = facts(&repository);
    let patch = &facts.patches[0];
    assert_eq!(patch.machine_type.as_deref(), Some("controlplane"));
    assert!(patch.complete);
    let place =
        |index: usize, path: &[&str]| at(&repository, patch.documents[index].at(path.iter().copied()).unwrap().place);
    assert_eq!(place(0, &["cluster", "network", "cni", "name"]), "talos/main.tf:5:57");
    assert_eq!(place(1, &["cluster", "proxy", "disabled"]), "talos/patches/all.yaml:3:15");
    assert_eq!(place(2, &["machine", "network", "nameservers", "0"]), "talos/main.tf:11:25");
    let hostname = patch.documents[2].at(["machine", "network", "hostname"]).unwrap();
    assert_eq!(hostname.as_str(), Some("..PLACEHOLDER_hostname.."));
    assert!(at(&repository, hostname.place).starts_with("talos/main.tf:10:"));
}

#[test]
fn settings_are_what_is_written_literally_and_no_secret() {
    let text = r#"
variable "networks" {
  default = { gateway = "10.0.0.1", nodes = ["10.0.0.2"] }
}
variable "password" {
  default   = "hunter2"
  sensitive = true
}
locals {
  version = "v1.11.2"
  name    = "${var.prefix}-x"
}
module "dns" {
  source = "./dns"
  pool   = "10.0.0.9"
}
"#;
    let files = [("main.tf", text), ("terraform.tfvars", "password = \"hunter3\"\nprefix = \"lab\"\n")];
    let repository = repository(&files);
    let facts = facts(&repository);
    let seen: Vec<_> = facts.settings.iter().map(|it| (it.origin, it.name.as_str(), it.value.as_str())).collect();
    assert_eq!(
        seen,
        [
            (Origin::Default, "networks.gateway", "10.0.0.1"),
            (Origin::Default, "networks.nodes.0", "10.0.0.2"),
            (Origin::Local, "version", "v1.11.2"),
            (Origin::Given, "prefix", "lab"),
            (Origin::Argument, "dns.pool", "10.0.0.9"),
        ]
    );
    assert!(!format!("{facts:?}").contains("hunter"));
    assert_eq!(facts.calls[0].target.as_deref(), Some("dns"));
}

#[test]
fn a_file_that_is_no_hcl_is_one_warning_and_the_rest_is_read() {
    let repository = repository(&[
        ("a/broken.tf", "resource \"helm_release\" \"x\" {\n  name =\n}\n"),
        ("a/main.tf", "resource \"kubernetes_namespace\" \"x\" {\n  metadata {\n    name = \"x\"\n  }\n}\n"),
    ]);
    let mut found = Vec::new();
    let facts = claims(&repository, &mut found);
    assert_eq!(facts.claims.len(), 1);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].code, code!("terraform-syntax"));
    assert_eq!(at(&repository, found[0].labels[0].place), "a/broken.tf:2:9");
}

#[test]
fn texts_made_to_take_forever_or_to_lead_in_circles_end() {
    let mut doubling = String::from("locals {\n  l0 = [\"x\", \"x\"]\n  t0 = \"xxxxxxxx\"\n");
    for level in 1..60 {
        doubling += &format!(
            "  l{level} = [local.l{0}, local.l{0}]\n  t{level} = \"${{local.t{0}}}${{local.t{0}}}\"\n",
            level - 1
        );
    }
    doubling += "  loop = local.pool\n  pool = local.loop\n}\n\
                 resource \"kubernetes_namespace\" \"x\" {\n  for_each = toset(flatten(local.l59))\n  metadata {\n    name = local.t59\n  }\n}\n\
                 resource \"kubernetes_namespace\" \"y\" {\n  metadata {\n    name = local.loop\n  }\n}\n\
                 resource \"kubernetes_namespace\" \"z\" {\n  count = 4000000000\n  metadata {\n    name = \"z${count.index}\"\n  }\n}\n\
                 module \"self\" {\n  source = \"./\"\n}\nmodule \"a\" {\n  source = \"./a\"\n}\n";
    let mut chain = String::from("locals {\n  c0 = 1\n");
    (1..5000).for_each(|level| chain += &format!("  c{level} = local.c{}\n", level - 1));
    chain += "}\nresource \"kubernetes_namespace\" \"c\" {\n  metadata {\n    name = local.c4999\n  }\n}\n";
    let back = "module \"b\" {\n  source = \"../a\"\n  x = module.b.y\n}\noutput \"y\" {\n  value = module.b.y\n}\n";
    let repository = repository(&[("main.tf", &doubling), ("a/main.tf", back), ("deep/main.tf", &chain)]);
    let facts = claims(&repository, &mut Vec::new());
    assert!(facts.unnamed.iter().any(|it| it.address == "kubernetes_namespace.y"), "{:?}", facts.unnamed);
    assert!(facts.claims.len() <= 1001 * 14, "{}", facts.claims.len());
}

mod expressions {
    use super::*;

    /// What an expression comes to, as JSON; unknown parts as placeholders.
    fn value(expression: &str) -> serde_json::Value {
        let text = format!(
            "variable \"given\" {{ default = \"d\" }}\nvariable \"open\" {{}}\n\
             locals {{\n  nodes = {{ a = {{ ip = \"10.0.0.1\" }}, b = {{ ip = \"10.0.0.2\" }} }}\n}}\n\
             resource \"kubernetes_manifest\" \"x\" {{\n  manifest = {{ apiVersion = \"v1\", kind = \"ConfigMap\", metadata = {{ name = \
             \"x\" }}, data = {{ v = {expression} }} }}\n}}\n\
             resource \"helm_release\" \"x\" {{\n  name = \"x\"\n  values = [yamlencode({expression})]\n}}\n"
        );
        let repository = repository(&[("main.tf", &text)]);
        let facts = facts(&repository);
        facts.releases[0].values[0].to_json()
    }

    #[test]
    fn functions_and_operators_give_what_terraform_gives() {
        let cases = [
            ("1 + 2 * 3", "7"),
            ("7 / 2", "3.5"),
            ("!(2 > 1) || 1 == 1", "true"),
            ("\"1\" == 1", "true"),
            ("var.given == \"d\" ? [1] : []", "[1]"),
            ("lower(\"ABC\")", "\"abc\""),
            ("join(\"-\", [\"a\", 1, true])", "\"a-1-true\""),
            ("split(\",\", \"a,b\")", "[\"a\",\"b\"]"),
            ("format(\"%s-%02d%%\", \"node\", 3)", "\"node-03%\""),
            ("replace(\"a.b.c\", \".\", \"-\")", "\"a-b-c\""),
            ("trimsuffix(trimprefix(\"v1.2x\", \"v\"), \"x\")", "\"1.2\""),
            ("merge({ a = 1, b = 2 }, { b = 3 })", "{\"a\":1,\"b\":3}"),
            ("concat([1], [2, 3])", "[1,2,3]"),
            ("flatten([[1], [2, [3]]])", "[1,2,3]"),
            ("keys({ b = 1, a = 2 })", "[\"a\",\"b\"]"),
            ("values({ b = 1, a = 2 })", "[2,1]"),
            ("length([1, 2])", "2"),
            ("lookup({ a = 1 }, \"b\", 9)", "9"),
            ("try({ a = 1 }.b, \"fallback\")", "\"fallback\""),
            ("can({ a = 1 }.a)", "true"),
            ("coalesce(null, \"\", \"x\")", "\"x\""),
            ("contains([\"a\", \"b\"], \"b\")", "true"),
            ("element([\"a\", \"b\"], 3)", "\"b\""),
            ("range(1, 6, 2)", "[1,3,5]"),
            ("zipmap([\"a\", \"b\"], [1, 2])", "{\"a\":1,\"b\":2}"),
            ("max(3, 9, 4)", "9"),
            ("substr(\"hello\", 1, 3)", "\"ell\""),
            ("cidrhost(\"10.1.0.0/24\", 5)", "\"10.1.0.5\""),
            ("cidrhost(\"10.1.0.0/24\", -2)", "\"10.1.0.254\""),
            ("cidrhost(\"fd00::/64\", 1)", "\"fd00::1\""),
            ("jsondecode(jsonencode({ a = [1] }))", "{\"a\":[1]}"),
            ("yamldecode(\"a: [1, x]\")", "{\"a\":[1,\"x\"]}"),
            ("[for name, node in local.nodes : \"${name}=${node.ip}\" if name != \"a\"]", "[\"b=10.0.0.2\"]"),
            ("{ for name, node in local.nodes : node.ip => upper(name) }", "{\"10.0.0.1\":\"A\",\"10.0.0.2\":\"B\"}"),
            (
                "{ for word in [\"ab\", \"ac\", \"b\"] : substr(word, 0, 1) => word... }",
                "{\"a\":[\"ab\",\"ac\"],\"b\":[\"b\"]}",
            ),
            ("values(local.nodes)[*].ip", "[\"10.0.0.1\",\"10.0.0.2\"]"),
            ("local.nodes[\"b\"].ip", "\"10.0.0.2\""),
            ("\"%{ for n in [1, 2] }<${n}>%{ endfor }\"", "\"<1><2>\""),
            ("\"%{ if 1 > 2 }yes%{ else }no%{ endif }\"", "\"no\""),
            ("\"a ${~ \"b\" ~} c\"", "\"abc\""),
            ("\"$${kept}\"", "\"${kept}\""),
            ("\"x-${var.open}\"", "\"x-..PLACEHOLDER_open..\""),
            ("var.open", "\"..PLACEHOLDER_unknown..\""),
            ("false && var.open", "false"),
            ("var.open ? \"same\" : \"same\"", "\"same\""),
            ("nosuchfunction(1)", "\"..PLACEHOLDER_unknown..\""),
            ("file(\"../outside\")", "\"..PLACEHOLDER_unknown..\""),
        ];
        for (expression, expected) in cases {
            assert_eq!(value(expression).to_string(), expected, "{expression}");
        }
    }
}

mod plans {
    use super::*;
    use crate::source::Sources;

    const PLAN: &str = r#"{
      "format_version": "1.2",
      "variables": { "token": { "value": "s3cr3t-variable" } },
      "planned_values": { "root_module": {
        "resources": [
          { "address": "helm_release.cni", "mode": "managed", "type": "helm_release", "values": {
              "name": "cilium", "namespace": "kube-system", "create_namespace": false, "values": ["password: s3cr3t-values"],
              "manifest": "{\"kube-system/secret/v1/ca\":{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"ca\"},\"data\":{\"k\":\"s3cr3t-manifest\"}}}" } },
          { "address": "data.kubernetes_secret.old", "mode": "data", "type": "kubernetes_secret",
            "values": { "metadata": [{ "name": "old", "namespace": "x" }], "data": { "k": "s3cr3t-data" } } },
          { "address": "kubectl_manifest.s", "mode": "managed", "type": "kubectl_manifest",
            "values": { "yaml_body": "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: x}\nstringData: {p: s3cr3t-yaml}\n" } }
        ],
        "child_modules": [ { "resources": [
          { "address": "module.a.kubernetes_secret.t[0]", "mode": "managed", "type": "kubernetes_secret",
            "values": { "metadata": [{ "name": "t", "namespace": "x", "labels": { "l": "s3cr3t-label" } }], "data": { "pw": "s3cr3t-child" } } },
          { "address": "module.a.kubernetes_manifest.m", "mode": "managed", "type": "kubernetes_manifest",
            "values": { "manifest": { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m", "namespace": "x" }, "data": { "a": "s3cr3t-object" } } } },
          { "address": "module.a.kubernetes_labels.l", "mode": "managed", "type": "kubernetes_labels",
            "values": { "api_version": "v1", "kind": "Namespace", "metadata": [{ "name": "x" }], "labels": { "team": "s3cr3t-team" } } }
        ] } ]
      } },
      "resource_changes": [
        { "address": "kubernetes_namespace.gone", "type": "kubernetes_namespace", "change": { "actions": ["delete"], "before": { "x": "s3cr3t-before" } } },
        { "address": "kubectl_manifest.s", "type": "kubectl_manifest", "change": { "actions": ["delete", "create"] } },
        { "address": "helm_release.cni", "type": "helm_release", "change": { "actions": ["no-op"] } }
      ]
    }"#;

    fn read(text: &[u8]) -> (plan::Plan, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let source = Sources::default().add("plan.json", "");
        (plan::claims(source, "plan.json", text, &mut found), found)
    }

    #[test]
    fn a_plan_claims_what_is_there_once_it_is_applied() {
        let (plan, found) = read(PLAN.as_bytes());
        assert!(found.is_empty(), "{found:?}");
        let seen: Vec<String> = plan.claims.iter().map(|claim| format!("{} · {}", claim.object, claim.unit)).collect();
        assert_eq!(
            seen,
            [
                "Secret:kube-system/ca · helm_release.cni in plan.json",
                "Release.helm.sh:kube-system/cilium · helm_release.cni in plan.json",
                "Secret:x/s · kubectl_manifest.s in plan.json",
                "Namespace:x · module.a.kubernetes_labels.l in plan.json",
                "ConfigMap:x/m · module.a.kubernetes_manifest.m in plan.json",
                "Secret:x/t · module.a.kubernetes_secret.t[0] in plan.json",
            ]
        );
        assert_eq!(plan.claims[3].role, Role::Fields(vec!["/metadata/labels/team".into()]));
        assert!(plan.claims.iter().all(|claim| claim.certainty == Certainty::Exact));
        assert_eq!(plan.deleted.iter().collect::<Vec<_>>(), ["kubernetes_namespace.gone"]);
        assert_eq!(plan.replaced.iter().collect::<Vec<_>>(), ["kubectl_manifest.s"]);
    }

    #[test]
    fn no_value_of_a_plan_is_kept_or_said() {
        let (plan, found) = read(PLAN.as_bytes());
        assert!(!format!("{plan:?}{found:?}").contains("s3cr3t"));
        // The message of a parser quotes what it stopped at; ours must not.
        for broken in [
            PLAN.replace("\"s3cr3t-variable\"", "s3cr3t-variable"),
            PLAN.replace("\"resources\": [", "\"resources\": \"s3cr3t\", \"x\": ["),
            PLAN.replace("\"1.2\"", "\"s3cr3t\""),
            PLAN.replace("planned_values", "s3cr3t"),
            PLAN[..PLAN.len() / 2].to_owned(),
        ] {
            let (plan, found) = read(broken.as_bytes());
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].code, code!("terraform-plan-malformed"));
            assert!(plan.claims.is_empty());
            assert!(!format!("{plan:?}{found:?}").contains("s3cr3t"), "{found:?}");
        }
    }

    #[test]
    fn what_is_no_plan_is_said_with_the_command_that_makes_one() {
        for text in [&b""[..], b"PK\x03\x04", b"[]", b"{}", b"\xff", b"{\"format_version\":\"1.2\"}"] {
            let (_, found) = read(text);
            assert_eq!(found.len(), 1);
            assert!(found[0].help[0].contains("show -json"));
        }
    }

    #[test]
    fn a_plan_takes_the_place_of_its_sources() {
        let text = "resource \"helm_release\" \"cni\" {\n  name = \"cilium\"\n  namespace = \"kube-system\"\n}\n\
                    resource \"kubernetes_namespace\" \"gone\" {\n  metadata {\n    name = \"gone\"\n  }\n}\n";
        let other = "resource \"kubernetes_namespace\" \"stays\" {\n  metadata {\n    name = \"stays\"\n  }\n}\n";
        let repository = repository(&[("boot/main.tf", text), ("other/main.tf", other)]);
        let mut facts = facts(&repository);
        read(PLAN.as_bytes()).0.join(&mut facts);
        let units: Vec<&str> = facts.claims.iter().map(|claim| claim.unit.as_str()).collect();
        assert_eq!(units.iter().filter(|unit| **unit == "helm_release.cni in boot").count(), 2, "{units:?}");
        assert!(units.contains(&"kubernetes_namespace.stays in other"));
        assert!(!units.iter().any(|unit| unit.contains("gone") || unit.contains("plan.json")), "{units:?}");
        let release = facts.claims.iter().find(|claim| crate::claims::is_release(&claim.object)).unwrap();
        assert_eq!(at(&repository, release.place), "boot/main.tf:1:1");
    }
}
