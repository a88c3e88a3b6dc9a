//! What the inventory says of nodes and networks is what their configurations say.

use gitopsc::{
    cli::{self, Answer, Arguments, Surroundings},
    world::MemWorld,
    yaml,
};
use serde_json::{Value, json};

const HEAD: &str = r#"
schema = 1
[cluster]
name = "home"
domain = "example.com"
endpoint = "api"
[repo]
url = "ssh://git@example.com/home.git"
[versions]
talos = "v1.11.5"
kubernetes = "1.32.1"
flux = "v2.7.3"
"#;

/// Runs gitopsc on the head of an inventory, the rest of it, and other files.
fn run(rest: &str, files: &[(&str, &str)], command: &[&str]) -> Answer {
    let inventory = format!("{HEAD}{rest}");
    let files = files.iter().copied().chain([("inventory.toml", inventory.as_str())]);
    let world = MemWorld::new(files.map(|(path, text)| (path, text.as_bytes())));
    let words = ["gitopsc", "--quiet", "--format", "concise"].iter().chain(command);
    let arguments = <Arguments as clap::Parser>::parse_from(words);
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    cli::run(&arguments, &world, &around)
}

/// The machine configuration of a node, with the bundle made for tests.
fn config(rest: &str, files: &[(&str, &str)], node: &str) -> Value {
    let mut files = files.to_vec();
    files.push(("bundle.yaml", include_str!("../fixtures/talos/bundle.json")));
    let answer = run(rest, &files, &["talos", "config", node, "--secrets", "bundle.yaml"]);
    assert_eq!((answer.exit, answer.stderr.as_str()), (0, ""));
    let source = gitopsc::source::Sources::default().add("config.yaml", "");
    let reading = yaml::read(source, &answer.stdout);
    assert!(reading.diagnostics.is_empty());
    reading.documents[0].root.to_json()
}

/// What `build` finds.
fn found(rest: &str) -> String {
    run(rest, &[], &["build"]).stderr
}

const NETWORK: &str = r#"
[networks.nodes]
cidr = "10.2.0.0/16"
gateway = "10.2.0.1"
dns = ["1.1.1.1", "8.8.8.8"]
ntp = ["time.example.com"]
interface = "eth0"
[vips]
api = { ip = "10.2.3.1" }
[nodes]
node0 = { role = "controlplane", ip = "10.2.1.1" }
node1 = { role = "worker", ip = "10.2.2.1", hostname = "first", interface = "eno1", install-disk = "/dev/nvme0n1" }
[talos]
install-disk = "/dev/sda"
"#;

#[test]
fn a_node_has_its_address_route_name_servers_and_clocks() {
    let config = config(NETWORK, &[], "node0");
    let network = json!({
        "hostname": "node0",
        "interfaces": [{
            "interface": "eth0",
            "addresses": ["10.2.1.1/16"],
            "routes": [{ "network": "0.0.0.0/0", "gateway": "10.2.0.1" }],
            "dhcp": false,
            "vip": { "ip": "10.2.3.1" },
        }],
        "nameservers": ["1.1.1.1", "8.8.8.8"],
    });
    assert_eq!(config["machine"]["network"], network);
    assert_eq!(config["machine"]["time"], json!({ "servers": ["time.example.com"] }));
    assert_eq!(config["machine"]["kubelet"]["nodeIP"], json!({ "validSubnets": ["10.2.0.0/16"] }));
    assert_eq!(config["cluster"]["controlPlane"]["endpoint"], "https://10.2.3.1:6443");
}

#[test]
fn what_a_node_says_of_itself_wins() {
    let config = config(NETWORK, &[], "node1");
    assert_eq!(config["machine"]["network"]["hostname"], "first");
    assert_eq!(config["machine"]["install"]["disk"], "/dev/nvme0n1");
    let interface = &config["machine"]["network"]["interfaces"][0];
    assert_eq!(interface["interface"], "eno1");
    assert_eq!(interface.get("vip"), None, "a worker holds no virtual address");
}

#[test]
fn extensions_of_a_node_make_an_installer_of_its_own() {
    let with = NETWORK.replace(r#"ip = "10.2.1.1""#, r#"ip = "10.2.1.1", extensions = ["siderolabs/iscsi-tools"]"#);
    let image = |text: &str, node: &str| config(text, &[], node)["machine"]["install"]["image"].clone();
    assert_eq!(image(&with, "node1"), image(NETWORK, "node0"));
    assert_ne!(image(&with, "node0"), image(NETWORK, "node0"));
}

#[test]
fn with_addresses_in_meta_the_configuration_keeps_the_virtual_address_and_turns_dhcp_off() {
    let rest = format!("{NETWORK}network = \"meta\"\n");
    let config = config(&rest, &[], "node0");
    let network = json!({
        "hostname": "node0",
        "interfaces": [{ "interface": "eth0", "dhcp": false, "vip": { "ip": "10.2.3.1" } }],
    });
    assert_eq!(config["machine"]["network"], network);
    let schematic = run(&rest, &[], &["talos", "schematic", "node0"]);
    assert!(schematic.stdout.contains("address: 10.2.1.1/16"), "{}", schematic.stdout);
    let image = config["machine"]["install"]["image"].as_str().unwrap();
    assert!(!image.contains(schematic.stderr.trim()), "the installer has no META");
}

#[test]
fn a_link_that_nothing_names_is_found_by_its_hardware_address_also_beside_meta() {
    let rest = NETWORK
        .replace("interface = \"eth0\"\n", "")
        .replace(r#"ip = "10.2.1.1""#, r#"ip = "10.2.1.1", mac = "BC-24-11-00-00-01""#);
    for rest in [rest.clone(), format!("{rest}network = \"meta\"\n")] {
        let config = config(&rest, &[], "node0");
        let interface = &config["machine"]["network"]["interfaces"][0];
        assert_eq!(interface["deviceSelector"], json!({ "hardwareAddr": "bc:24:11:00:00:01" }));
        assert_eq!(interface["addresses"], json!(["10.2.1.1/16"]));
        assert_eq!(interface["dhcp"], false);
        assert_eq!(interface["vip"], json!({ "ip": "10.2.3.1" }));
        assert_eq!(config["machine"]["network"]["nameservers"], json!(["1.1.1.1", "8.8.8.8"]));
        assert!(!run(&rest, &[], &["talos", "schematic", "node0"]).stdout.contains("meta"));
    }
}

#[test]
fn each_control_plane_holds_the_virtual_address_of_its_own_network() {
    let rest = r#"
[networks]
east = { cidr = "10.1.0.0/16", interface = "eth0" }
west = { cidr = "10.2.0.0/16", interface = "eth1", gateway = "10.2.0.1" }
[vips]
api = { ip = "10.1.9.1", nodes = ["node0", "node1"] }
inside = { ip = "10.2.9.1", nodes = ["node2"] }
outside = { ip = "10.2.9.2", by = "external" }
[nodes]
node0 = { role = "controlplane", ip = "10.1.1.1" }
node1 = { role = "controlplane", ip = "10.1.1.2" }
node2 = { role = "controlplane", ip = "10.2.1.1" }
[talos]
install-disk = "/dev/sda"
"#;
    for (node, vip, subnet) in [
        ("node0", "10.1.9.1", "10.1.0.0/16"),
        ("node1", "10.1.9.1", "10.1.0.0/16"),
        ("node2", "10.2.9.1", "10.2.0.0/16"),
    ] {
        let config = config(rest, &[], node);
        assert_eq!(config["machine"]["network"]["interfaces"][0]["vip"], json!({ "ip": vip }), "{node}");
        assert_eq!(config["machine"]["kubelet"]["nodeIP"]["validSubnets"], json!([subnet]), "{node}");
    }
}

#[test]
fn a_node_may_speak_ipv6_alone() {
    let rest = r#"
[networks]
nodes = { cidr = "fd00:2::/64", gateway = "fd00:2::ffff", dns = ["2606:4700:4700::1111"], interface = "eth0" }
pods = { cidr = "fd00:244::/56" }
services = { cidr = "fd00:96::/112" }
[vips]
api = { ip = "fd00:2::9" }
[nodes]
node0 = { role = "controlplane", ip = "fd00:2::1" }
[talos]
install-disk = "/dev/sda"
"#;
    let config = config(rest, &[], "node0");
    assert_eq!(config["cluster"]["controlPlane"]["endpoint"], "https://[fd00:2::9]:6443");
    assert_eq!(config["cluster"]["apiServer"]["certSANs"], json!(["fd00:2::9"]));
    assert_eq!(config["cluster"]["network"]["podSubnets"], json!(["fd00:244::/56"]));
    assert_eq!(config["cluster"]["network"]["serviceSubnets"], json!(["fd00:96::/112"]));
    let interface = &config["machine"]["network"]["interfaces"][0];
    assert_eq!(interface["addresses"], json!(["fd00:2::1/64"]));
    assert_eq!(interface["routes"], json!([{ "network": "::/0", "gateway": "fd00:2::ffff" }]));
}

#[test]
fn the_pod_network_is_flannels_nobodys_or_a_manifests() {
    let cni =
        |line: &str| config(&format!("{NETWORK}{line}\n"), &[], "node0")["cluster"]["network"].get("cni").cloned();
    assert_eq!(cni("cni = \"flannel\""), None);
    let custom = json!({ "name": "custom", "urls": ["https://example.com/cni.yaml"] });
    assert_eq!(cni("cni = \"https://example.com/cni.yaml\""), Some(custom));
    assert!(found(&format!("{NETWORK}cni = \"cilium\"\n")).contains("`cilium` is not a URL of a manifest"));
}

#[test]
fn kubeprism_has_the_port_that_is_written_and_none_at_0() {
    let features = |line: &str| config(&format!("{NETWORK}{line}\n"), &[], "node1")["machine"]["features"].clone();
    assert_eq!(features("kubeprism = 7445")["kubePrism"], json!({ "enabled": true, "port": 7445 }));
    assert_eq!(features("kubeprism = 0").get("kubePrism"), None);
}

#[test]
fn a_virtual_address_that_no_link_would_have_is_reported() {
    let unnamed = NETWORK.replace("interface = \"eth0\"\n", "");
    assert!(found(&unnamed).contains("virtual address `api` is on no link of `node0`"), "{}", found(&unnamed));
    let second = NETWORK.replace("[nodes]", "second = { ip = \"10.2.3.2\" }\n[nodes]");
    assert!(
        found(&second).contains("`node0` cannot hold virtual address `second` besides `api`"),
        "{}",
        found(&second)
    );
    assert_eq!(found(NETWORK), "");
}

#[test]
fn a_patch_may_bring_the_link_of_a_virtual_address() {
    let unnamed = NETWORK.replace("interface = \"eth0\"\n", "");
    let patch = "\
machine:
  network:
    interfaces:
      - interface: bond0
        vlans:
          - vlanId: 100
            vip:
              ip: {{ vips.api.ip }}
";
    let config = config(&unnamed, &[("templates/talos/controlplane.yaml.j2", patch)], "node0");
    let vlan = &config["machine"]["network"]["interfaces"][0]["vlans"][0];
    assert_eq!(vlan["vip"], json!({ "ip": "10.2.3.1" }));
}

#[test]
fn a_provider_id_is_filled_from_the_nodes_variables_and_every_node_needs_them() {
    let rest = format!("{NETWORK}provider-id = \"proxmox://home/{{vmid}}\"\n");
    let filled = rest.replace("role = ", "vars.vmid = 150, role = ").replacen("150", "1500", 1);
    let provider = |node| config(&filled, &[], node)["machine"]["kubelet"]["extraArgs"]["provider-id"].clone();
    assert_eq!(provider("node0"), "proxmox://home/1500");
    assert_eq!(provider("node1"), "proxmox://home/150");
    let found = found(&rest);
    for node in ["node0", "node1"] {
        assert!(found.contains(&format!("node `{node}` has no variable `vmid`")), "{found}");
    }
}
