//! What ARCHITECTURE.md says about who may do what is so in the sources.

use std::{fs, path::PathBuf};

/// A text of the code, and the only files and folders of `src/` that may have it.
type Home = (&'static str, &'static [&'static str]);

/// The machine, and what nobody else may hold.
const MACHINE: &[Home] = &[
    ("std::fs", &["world/"]),
    ("fs::{", &["world/"]),
    ("std::process", &["world/", "main.rs"]),
    ("process::{", &["world/", "main.rs"]),
    ("std::env", &["main.rs"]),
    ("env::var", &["world/", "main.rs"]),
    ("SystemTime::now", &["main.rs"]),
    ("println!", &[]),
    ("eprintln!", &[]),
    ("print!", &[]),
    ("eprint!", &[]),
    ("std::io::stdin()", &["main.rs"]),
    ("std::io::stdout()", &["main.rs"]),
    // Secrets in plaintext.
    ("Zeroizing", &["secrets/", "talos/secrets.rs", "cli/seal.rs", "cli/talos.rs"]),
];

/// Crates that we might replace.
const CRATES: &[Home] = &[
    ("granit_parser", &["yaml/"]),
    ("minijinja", &["template/"]),
    ("annotate_snippets", &["report/"]),
    ("json_patch::", &["talos/patch.rs"]),
    ("jsonschema::", &["charts/form.rs", "inventory/"]),
    ("x509_parser", &["secrets/cert.rs"]),
    ("age::", &["talos/secrets.rs"]),
    ("rsa::", &["secrets/"]),
    ("walkdir", &["world/os.rs"]),
    ("rustix", &["world/"]),
    ("ignore::", &["world/"]),
    ("toml_edit", &["cli/cert.rs", "secrets/store.rs"]),
    ("hcl_edit", &["claims/terraform/hcl.rs"]),
];

/// What one part decides for all others.
const OURS: &[Home] = &[
    // A guess shows in a graph, and makes no finding.
    ("Basis::Likely", &["startup/"]),
];

fn sources() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                sources.push((name, fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    sources.sort();
    sources
}

/// The code of a source: without comments, and without the unit tests at its end, which may read fixtures.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_touches_the_machine_or_a_replaceable_crate_stays_in_its_home() {
    let sources = sources();
    assert!(sources.len() > 80, "{}", sources.len());
    let mut strays = Vec::new();
    for (name, text) in sources.iter().filter(|(name, _)| !name.ends_with("tests.rs")) {
        let code = code(text);
        for (what, homes) in MACHINE.iter().chain(CRATES).chain(OURS) {
            let is_home = homes.iter().any(|home| name == home || home.ends_with('/') && name.starts_with(home));
            let stands = code
                .match_indices(what)
                .any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'));
            if stands && !is_home {
                strays.push(format!("src/{name} has `{what}`, which belongs into {homes:?}"));
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn every_replaceable_crate_is_used_where_it_belongs() {
    let sources = sources();
    for (what, homes) in CRATES {
        for home in *homes {
            let lives = sources.iter().any(|(name, text)| {
                (name == home || home.ends_with('/') && name.starts_with(home)) && code(text).contains(what)
            });
            assert!(lives, "nothing in src/{home} has `{what}`");
        }
    }
}
