//! Findings that a page of `docs/codes/` cannot show, and findings that must not be shown beside their cause.

use gitopsc::{
    cli::{self, Arguments, Surroundings},
    world::{MemGit, MemWorld},
};

const HEAD: &str =
    "schema = 1\n\n[cluster]\nname = \"home\"\nendpoint = \"10.0.0.10\"\n\n[versions]\nkubernetes = \"1.32.1\"\n\n";

fn world<'f>(inventory: &str, files: impl IntoIterator<Item = (&'f str, &'f str)>) -> MemWorld {
    let inventory = ("inventory.toml", format!("{HEAD}{inventory}"));
    let files = files.into_iter().map(|(path, text)| (path, text.to_owned()));
    MemWorld::new(std::iter::once(inventory).chain(files).map(|(path, text)| (path, text.into_bytes())))
}

/// What a command finds: `path:line:column: severity[code]`, in order.
fn found(world: &MemWorld, command: &[&str]) -> Vec<String> {
    let line = ["gitopsc", "--quiet", "--format", "concise"].iter().chain(command);
    let arguments = <Arguments as clap::Parser>::parse_from(line);
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    let answer = cli::run(&arguments, world, &around);
    let of_finding = |line: &str| line.find("]: ").map(|end| line[..=end].to_owned());
    answer.stderr.lines().filter_map(of_finding).collect()
}

fn built(inventory: &str, files: &[(&str, &str)]) -> Vec<String> {
    found(&world(inventory, files.iter().copied()), &["build"])
}

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  namespace: web\n";

#[test]
fn a_file_beyond_32_mib_is_no_input() {
    let large = "#".repeat((32 << 20) + 1);
    let path = "templates/services/web/dump.yaml";
    assert_eq!(built("[services.web]\n", &[(path, &large)]), [format!("{path}:1:1: error[file-too-large]")]);
}

#[test]
fn a_template_that_git_does_not_know_is_named() {
    let path = "templates/services/web/config.yaml";
    let world = world("[services.web]\n", [(path, CONFIG)]);
    let mut git = MemGit::default();
    git.index.insert("inventory.toml".into(), world.snapshot()["inventory.toml"].clone());
    let world = world.with_git(git.clone());
    assert_eq!(found(&world, &["build"]), [format!("{path}:1:1: warning[input-untracked]")]);
    git.index.insert(path.into(), CONFIG.into());
    assert_eq!(found(&world.with_git(git), &["build"]), [""; 0]);
}

#[test]
fn a_repository_without_a_tracked_input_is_a_beginning() {
    let world = world("[services.web]\n", [("templates/services/web/config.yaml", CONFIG)]);
    assert_eq!(found(&world.with_git(MemGit::default()), &["build"]), [""; 0]);
}

#[test]
fn an_allowance_runs_out_after_its_day() {
    let inventory = "[nodes]\ncp0 = { role = \"controlplane\" }\ncp1 = { role = \"controlplane\" }\n\n[[allow]]\n\
                     code = \"control-planes-even\"\nreason = \"the third is on order\"\nuntil = \"2026-03-31\"\n";
    let world = world(inventory, []);
    assert_eq!(found(&world, &["check"]), [""; 0]);
    assert_eq!(found(&world, &["check", "--as-of", "2026-03-31"]), [""; 0]);
    assert_eq!(found(&world, &["check", "--as-of", "2026-04-01"]), ["inventory.toml:17:9: error[allow-expired]"]);
}

#[test]
fn an_allowance_of_another_subject_is_shown_the_right_one() {
    let inventory = "[networks]\nnodes = { cidr = \"10.0.0.0/24\" }\n\n[nodes]\n\
                     cp0 = { role = \"controlplane\", ip = \"10.0.0.11\" }\nworker0 = { role = \"worker\", ip = \"10.0.0.11\" }\n\n\
                     [[allow]]\ncode = \"address-twice\"\non = \"10.0.0.12\"\nreason = \"anycast\"\n";
    let expected = ["inventory.toml:15:35: error[address-twice]", "inventory.toml:19:6: warning[allow-unused]"];
    assert_eq!(built(inventory, &[]), expected);
    assert_eq!(built(&inventory.replace(".12", ".11"), &[]), [""; 0]);
}

#[test]
fn an_allowance_is_not_called_unused_while_an_error_may_hide_what_it_allows() {
    let inventory = "[nodes]\ncp0 = { role = \"controlplane\" }\ncp1 = { role = \"controlplan\" }\n\n[[allow]]\n\
                     code = \"control-planes-even\"\nreason = \"the third is on order\"\n";
    assert_eq!(built(inventory, &[]), ["inventory.toml:12:16: error[value-unknown]"]);
}

#[test]
fn two_templates_of_one_name_are_one_file_too_many() {
    let files = [("templates/services/web/a.yaml", CONFIG), ("templates/services/web/a.yaml.j2", CONFIG)];
    assert_eq!(built("[services.web]\n", &files), ["templates/services/web/a.yaml.j2:1:1: error[file-twice]"]);
}

#[test]
fn keys_and_tables_that_stand_twice_in_toml_are_found_where_they_stand_again() {
    let twice = |inventory: &str| built(inventory, &[]);
    assert_eq!(twice("[services.web]\nsuspend = true\nsuspend = false\n"), ["inventory.toml:12:1: error[key-twice]"]);
    assert_eq!(
        twice("[services.web]\nsuspend = true\n\n[services.db]\n\n[services.web]\ninterval = \"1m\"\n"),
        ["inventory.toml:15:11: error[key-twice]"]
    );
    assert_eq!(
        twice("[nodes]\na = { role = \"controlplane\", role = \"worker\" }\n"),
        ["inventory.toml:11:30: error[key-twice]"]
    );
}

#[test]
fn a_fault_in_a_pool_is_found_at_its_range() {
    let pools = |ips: &str| {
        built(
            &format!("[networks]\nnodes = {{ cidr = \"10.0.0.0/24\" }}\n\n[pools]\nlan = {{ ips = \"{ips}\" }}\n"),
            &[],
        )
    };
    assert_eq!(pools("10.0.0.5, 10.0.0.240-10.0.0.300"), ["inventory.toml:14:37: error[address-malformed]"]);
    assert_eq!(pools("10.0.0.5, 10.0.0.9/28"), ["inventory.toml:14:26: error[host-bits]"]);
    assert_eq!(pools("10.0.0.9-10.0.0.5"), ["inventory.toml:14:15: error[address-malformed]"]);
}

/// What is wrong, the inventory, its files, and where the one finding is.
type Case<'c> = (&'c str, String, &'c [(&'c str, &'c str)], &'c str);

/// One cause, one finding: each of these inventories has one fault, and much that depends on it.
#[test]
fn what_follows_from_a_fault_is_not_reported_beside_it() {
    let metallb =
        "chart = { repo = \"https://metallb.github.io/metallb\", name = \"metallb\", version = \"0.15.2\" }\n";
    let hosts = |tables: &str, provides: &str| {
        let web = |name: &str| format!("[services.{name}]\nhost = \"{name}\"\nbackend = \"{name}:80\"\n");
        format!("{tables}[services.edge]\nprovides = [{provides}]\n\n{}{}", web("one"), web("two"))
    };
    let pool = "[networks]\nnodes = { cidr = \"10.0.0.0/24\" }\n\n[pools]\nlan = { ips = \"10.0.0.240\" }\n";
    let cases: &[Case<'_>] = &[
        (
            "a service without a name that Kubernetes takes",
            "[services.Vault]\n\n[services.web]\ndepends = [\"Vault\"]\n".into(),
            &[("templates/services/Vault/config.yaml", CONFIG)],
            "10:11: error[name-malformed]",
        ),
        (
            "a service in a namespace that Kubernetes does not take",
            "[services.vault]\nnamespace = \"Vault\"\nphases.login = {}\n\n[services.web]\ndepends = [\"vault\", \"vault-login\"]\n"
                .into(),
            &[("templates/services/vault/config.yaml", CONFIG)],
            "11:13: error[name-malformed]",
        ),
        (
            "services in a misspelt table",
            "[service.vault]\n\n[services.web]\ndepends = [\"vault\"]\n".into(),
            &[("templates/services/vault/config.yaml", CONFIG)],
            "10:2: error[key-unknown]",
        ),
        (
            "a service that is no table",
            "[services]\nvault = true\nweb = { depends = [\"vault\"] }\n".into(),
            &[("templates/services/vault/config.yaml", CONFIG)],
            "11:9: error[value-type]",
        ),
        (
            "whoever brings the pools has no name",
            format!("{pool}\n[services.MetalLB]\n{metallb}\n[services.web]\npool = \"lan\"\n"),
            &[],
            "16:11: error[name-malformed]",
        ),
        (
            "the chart that brings the pools has no name",
            format!("{pool}\n[services.metallb]\n{}\n[services.web]\npool = \"lan\"\n", metallb.replace(" name", " nmae")),
            &[],
            "17:55: error[key-unknown]",
        ),
        (
            "a pool that a service and its template use",
            format!("{}\n[services.web]\npool = \"lan\"\n", pool.replace("240", "256")),
            &[("templates/services/web/a.yaml.j2", "ip: {{ pool.ip }}\n")],
            "14:15: error[address-malformed]",
        ),
        (
            "a node that is endpoint, bootstrap and owner of a patch",
            "[networks]\nnodes = { cidr = \"10.0.0.0/24\" }\n\n[nodes]\ncp0 = { rol = \"controlplane\", ip = \"10.0.0.10\" }\n\n\
             [vips]\napi = { ip = \"10.0.0.9\", nodes = [\"cp0\"] }\n"
                .into(),
            &[("templates/talos/cp0.yaml", "machine: {}\n")],
            "14:9: error[key-unknown]",
        ),
        (
            "a network that nodes lie in",
            "[networks]\nnodes = { cidr = \"10.0.0/24\" }\nother = { cidr = \"10.1.0.0/24\" }\n\n[nodes]\n\
             cp0 = { role = \"controlplane\", ip = \"10.0.0.10\" }\n"
                .into(),
            &[],
            "11:18: error[address-malformed]",
        ),
        (
            "no zone for several hosts",
            hosts("[tls]\nissuer = \"acme\"\n\n", "\"ingressclass/nginx\", \"clusterissuer/acme\""),
            &[],
            "17:8: error[zone-missing]",
        ),
        (
            "no issuer for several hosts",
            hosts("[dns]\nzone = \"example.com\"\n\n", "\"ingressclass/nginx\", \"clusterissuer/acme\""),
            &[],
            "17:8: error[issuer-missing]",
        ),
        (
            "no ingress class for several hosts",
            hosts("[dns]\nzone = \"example.com\"\n\n[tls]\nissuer = \"acme\"\n\n", "\"clusterissuer/acme\""),
            &[],
            "21:11: error[ingress-class-unknown]",
        ),
        (
            "nobody brings the issuer of several hosts",
            hosts("[dns]\nzone = \"example.com\"\n\n[tls]\nissuer = \"acme\"\n\n", "\"ingressclass/nginx\""),
            &[],
            "20:8: error[provider-missing]",
        ),
        (
            "a host outside the zone that templates name",
            "[dns]\nzone = \"example.com\"\n\n[services.web]\nhost = \"web.example.org\"\n".into(),
            &[("templates/services/web/a.yaml.j2", "host: {{ host.fqdn }}\nurl: {{ services.web.host.url }}\n")],
            "14:8: error[host-outside-zone]",
        ),
        (
            "an owner of the pod network with a misspelt key",
            "[talos]\ncni = \"none\"\n\n[owners.terraform]\nown = [\"helm:kube-system/cilium\"]\n".into(),
            &[],
            "14:1: error[key-unknown]",
        ),
        (
            "a misspelt field that its kind requires",
            "[services.web]\n".into(),
            &[(
                "templates/services/web/a.yaml",
                "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: web\nspec:\n  ports:\n    - prot: 80\n",
            )],
            "templates/services/web/a.yaml:8:7: error[manifest-field-unknown]",
        ),
    ];
    for (what, inventory, files, expected) in cases {
        let expected =
            if expected.contains('/') { (*expected).to_owned() } else { format!("inventory.toml:{expected}") };
        assert_eq!(built(inventory, files), [expected], "{what}");
    }
}

#[test]
fn a_backend_is_a_service_and_a_port_that_kubernetes_takes() {
    let tables = "[dns]\nzone = \"example.com\"\n\n[tls]\nissuer = \"acme\"\n\n[services.edge]\n\
                  provides = [\"ingressclass/nginx\", \"clusterissuer/acme\"]\n\n[services.web]\nhost = \"web\"\n";
    for fine in ["web:80", "web:65535", "web:http", "web:grpc-web"] {
        assert_eq!(built(&format!("{tables}backend = \"{fine}\"\n"), &[]), [""; 0], "{fine}");
    }
    for wrong in
        ["web", "web:", ":80", "web:0", "web:65536", "Web:80", "web:HTTP", "web:a-name-that-is-too-long", "a:b:c"]
    {
        let found = built(&format!("{tables}backend = \"{wrong}\"\n"), &[]);
        assert_eq!(found, ["inventory.toml:21:11: error[backend-malformed]"], "{wrong}");
    }
}

#[test]
fn a_chart_has_one_complete_source() {
    let cases = [
        ("{ name = \"web\" }", "11:1"),
        ("{ repo = \"https://charts.example.com\", version = \"1.0.0\" }", "11:1"),
        ("{ repo = \"https://charts.example.com\", name = \"web\" }", "11:1"),
        ("{ oci = \"registry.example.com/web\" }", "11:1"),
        ("{ oci = \"registry.example.com/web\", name = \"web\", version = \"1.0.0\" }", "11:45"),
        ("{ path = \"charts/web\", version = \"1.0.0\" }", "11:32"),
        ("{ repo = \"https://charts.example.com\", path = \"charts/web\" }", "11:48"),
    ];
    for (chart, place) in cases {
        let found = built(&format!("[services.web]\nchart = {chart}\n"), &[]);
        assert_eq!(found, [format!("inventory.toml:{place}: error[chart-incomplete]")], "{chart}");
    }
    let files = [("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n")];
    for path in ["charts/web", "./charts/web", "charts/web/"] {
        assert_eq!(built(&format!("[services.web]\nchart = {{ path = \"{path}\" }}\n"), &files), [""; 0], "{path}");
    }
}

#[test]
fn defaults_of_flux_are_read_even_where_no_unit_looks_at_them() {
    let place = |line: usize, column: usize, code: &str| format!("inventory.toml:{line}:{column}: error[{code}]");
    let wrong = "[flux]\nsource = \"infra\"\nretry-interval = \"1 minute\"\n";
    assert_eq!(built(wrong, &[]), [place(11, 10, "value-unknown"), place(12, 18, "duration-malformed")]);
    for source in ["a/b/c", "/flux-system", "flux-system/", "Flux/repo"] {
        assert_eq!(
            built(&format!("[flux]\nsource = \"{source}\"\n"), &[]),
            [place(11, 10, "value-unknown")],
            "{source}"
        );
    }
    assert_eq!(built("[flux]\nsource = \"gitops/home.cluster\"\nretry-interval = \"90s\"\n", &[]), [""; 0]);
}

#[test]
fn what_others_own_is_an_object_or_a_release() {
    for wrong in ["cilium", "helm:cilium", "helm:kube-system/", "secret:a/b", "Namespace:", ""] {
        let inventory = format!("[owners.terraform]\nowns = [\"Namespace:media\", \"{wrong}\"]\n");
        assert_eq!(built(&inventory, &[]), ["inventory.toml:11:28: error[value-unknown]"], "{wrong}");
    }
    let right = "owns = [\"helm:kube-system/cilium\", \"Secret:a/b\", \"CustomResourceDefinition.apiextensions.k8s.io:x.example.org\"]";
    assert_eq!(built(&format!("[owners.terraform]\n{right}\n"), &[]), [""; 0]);
}

#[test]
fn the_names_of_units_and_releases_are_names_in_kubernetes() {
    for wrong in ["../x", "a/b", "A B", "", "-a", "flux.yaml"] {
        for key in ["unit", "release"] {
            let chart = "chart = { oci = \"ghcr.io/example/web\", version = \"1.0.0\" }";
            let inventory = format!("[services.web]\n{chart}\n{key} = \"{wrong}\"\n");
            let place = format!("inventory.toml:12:{}: error[name-malformed]", key.len() + 4);
            assert_eq!(built(&inventory, &[]), [place], "{key} = {wrong}");
        }
    }
    let (long, phase) = ("s".repeat(40), "p".repeat(30));
    let inventory = format!("[services.{long}]\nphases.{phase} = {{}}\n");
    assert_eq!(built(&inventory, &[]), ["inventory.toml:11:8: error[name-malformed]"]);
}

#[test]
fn keys_that_name_objects_are_names_in_kubernetes() {
    let has = |inventory: &str| built(inventory, &[]).iter().any(|finding| finding.ends_with("error[name-malformed]"));
    for wrong in ["../x", "a/b", "A", ""] {
        assert!(has(&format!("[pools]\n\"{wrong}\" = {{ ips = \"10.0.0.1\" }}\n")), "pool {wrong}");
        assert!(has(&format!("[issuers]\n\"{wrong}\" = {{ acme = \"staging\" }}\n")), "issuer {wrong}");
        let secret = format!("secrets = {{ \"{wrong}\" = {{ external = [\"a\"], generate = \"hex:32\" }} }}");
        assert!(has(&format!("[services.web]\n{secret}\n")), "secret {wrong}");
        assert!(has(&format!("[services.web]\nphases.late = {{ {secret} }}\n")), "secret {wrong} of a phase");
    }
}
