//! Any text as a template is rendered, read as YAML and checked without a panic, and twice the same.

#![no_main]

use gitopsc::{
    compile::{Options, compile},
    report::{FORMATS, Report, render},
    world::MemWorld,
};
use libfuzzer_sys::fuzz_target;

const INVENTORY: &str = r#"schema = 1

[cluster]
name     = "c"
domain   = "c.example.com"
endpoint = "n"

[repo]
url = "ssh://git@git.example.com/c.git"

[versions]
talos      = "v1.11.2"
contract   = "v1.11"
kubernetes = "1.32.1"
flux       = "v2.7.3"

[networks]
nodes = { cidr = "10.0.0.0/24", gateway = "10.0.0.1", interface = "eth0" }

[nodes]
n = { role = "controlplane", ip = "10.0.0.2" }

[talos]
install-disk = "/dev/sda"

[services.manifest]

[services.release]
chart = { repo = "https://charts.example.com", name = "release", version = "1.0.0" }
"#;

fuzz_target!(|text: &str| {
    let world = MemWorld::new([
        ("inventory.toml", INVENTORY),
        ("templates/services/manifest/manifest.yaml.j2", text),
        ("templates/services/release/values.yaml.j2", text),
        ("templates/talos/all.yaml.j2", text),
    ]);
    let run = || compile(&world, &Options::default()).expect("memory does not fail");
    let (first, second) = (run(), run());
    assert!(first.model.is_some(), "the inventory is sound");
    assert_eq!(first.diagnostics, second.diagnostics);
    assert!(first.tree == second.tree);
    for format in FORMATS {
        render(*format, &Report { sources: &first.sources, diagnostics: &first.diagnostics }, false);
    }
});
