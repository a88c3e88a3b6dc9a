//! `gitopsc.toml`: what a repository without an inventory says about itself, so that it can be judged.
//!
//! Everything in it is optional, and so is the file.

use std::{collections::BTreeMap, sync::LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    diagnostic::Diagnostic,
    inventory::{self, Allow, Form, Inventory},
    node::{Node, Part},
    source::{Place, SourceId, Sources},
    world::{Error, World},
};

/// The name of the file, at the top of a repository.
pub const FILE: &str = "gitopsc.toml";

/// What `gitopsc.toml` can say.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Settings {
    /// The folders that the first Kustomization of each cluster applies. Default: they are looked for.
    pub roots: Vec<String>,
    /// The versions that run. Default: what the repository shows of them.
    pub versions: Versions,
    /// The networks of the cluster, in CIDR notation: an address in a manifest that lies in none of them is reported.
    pub networks: Vec<String>,
    /// Files and folders to leave out, as if they were not in the repository; written as in `.gitignore`.
    pub ignore: Vec<String>,
    /// What other tools put into the cluster.
    pub owners: BTreeMap<String, Owner>,
    /// Objects that one tool makes first and another one takes over.
    pub handover: Vec<Handover>,
    /// What units or Helm releases bring that cannot be read off them: `"flux-system/rook" = ["storageclass/ceph-block"]`.
    pub provides: BTreeMap<String, Vec<String>>,
    /// Rendered charts, as `helm template` prints them, by release: `"metallb-system/metallb" = "rendered/metallb.yaml"`.
    pub rendered: BTreeMap<String, String>,
    /// Codes that are reported otherwise than usual: `"error"`, `"warning"`, `"note"` or `"off"`.
    pub codes: BTreeMap<String, Level>,
    /// Accepted findings, each with a reason.
    pub allow: Vec<Allow>,
}

/// The versions that run.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Versions {
    /// Kubernetes, such as `1.34`.
    pub kubernetes: Option<String>,
    /// Flux, such as `2.7`.
    pub flux: Option<String>,
    /// Talos Linux, such as `1.11`.
    pub talos: Option<String>,
}

/// Another tool.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", default)]
pub struct Owner {
    /// What it owns: `Kind[.group]:[namespace/]name`, or `helm:namespace/release`.
    pub owns: Vec<String>,
}

/// An object that changes hands on purpose.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Handover {
    /// The object: `Kind[.group]:[namespace/]name` or `helm:namespace/release`; `*` stands for any text.
    pub on: String,
    /// The tool that makes it first: `talos`, `terraform`, `helmfile`, `script`, `flux`, `helm`, `argocd`.
    pub from: String,
    /// The tool that keeps it afterwards.
    pub to: String,
    /// Why, for the next reader.
    pub reason: String,
}

/// How a code is reported.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Level {
    Error,
    Warning,
    Note,
    Off,
}

/// Settings with their places.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What was said.
    pub settings: Settings,
    /// Where; None where there is no file.
    pub root: Option<Node>,
}

impl Reading {
    /// Reads `gitopsc.toml`. What is wrong in it is a finding, and dropped.
    pub fn read(source: SourceId, text: &str, found: &mut Vec<Diagnostic>) -> Reading {
        let (root, settings) = inventory::read_form(form(), source, text, found);
        Reading { settings: settings.unwrap_or_default(), root: Some(root) }
    }

    /// What an inventory says of this, for a project that has one.
    pub fn of_inventory(inventory: &Inventory, root: &Node) -> Reading {
        let owners = inventory.owners.iter().map(|(tool, owner)| (tool.clone(), Owner { owns: owner.owns.clone() }));
        let settings = Settings {
            versions: Versions {
                kubernetes: Some(inventory.versions.kubernetes.clone()),
                talos: inventory.versions.talos.clone(),
                flux: inventory.versions.flux.clone(),
            },
            networks: inventory.networks.values().map(|network| network.cidr.clone()).collect(),
            owners: owners.collect(),
            ..Settings::default()
        };
        Reading { settings, root: Some(root.clone()) }
    }

    /// The place of something the settings say.
    pub fn place(&self, pointer: &str, part: Part) -> Option<Place> {
        Some(self.root.as_ref()?.place_of(pointer, part))
    }
}

/// The patterns of what is left out, for reading the rest. What is wrong in the file is said when all of it is read.
pub fn ignore(world: &dyn World) -> Result<Vec<String>, Error> {
    let Some(bytes) = world.read(FILE)? else { return Ok(Vec::new()) };
    let text = String::from_utf8_lossy(&bytes);
    let source = Sources::default().add(FILE, "");
    Ok(Reading::read(source, &text, &mut Vec::new()).settings.ignore)
}

/// The JSON Schema of `gitopsc.toml`.
pub fn schema() -> serde_json::Value {
    inventory::schema_of::<Settings>("gitopsc settings of a repository without an inventory")
}

const INTRODUCTION: &str = "\
<!-- Written by `gitopsc schema --settings --markdown` from the types of the settings; change src/settings.rs -->

# Settings of a repository without an inventory

Everything `gitopsc.toml` can say. It lies at the top of the repository; all of it is optional, and so is the file.
Paths are seen from there. Unknown keys are errors, and what is wrong is left out, so that the rest still counts.

An editor that knows TOML schemas (taplo, tombi) completes and checks all this once the first line names the schema, as
`gitopsc schema --settings` prints it:

```toml
#:schema gitopsc.schema.json
```
";

/// Markdown of `docs/settings.md`.
pub fn reference() -> String {
    inventory::reference_of(INTRODUCTION, &schema())
}

fn form() -> &'static Form {
    static FORM: LazyLock<Form> = LazyLock::new(|| Form::new(schema(), "`gitopsc.toml`", &["owners"], ""));
    &FORM
}

/// Whether a text fits a pattern in which `*` stands for any text.
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| fits(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, is_fit) in [
            ("*", "", true),
            ("helm:*/cilium", "helm:kube-system/cilium", true),
            ("ConfigMap:kube-system/*", "ConfigMap:kube-system/coredns", true),
            ("ConfigMap:kube-system/*", "Secret:kube-system/coredns", false),
            ("a*b*c", "a.b.b.c", true),
            ("a*b*c", "a.b.b", false),
        ] {
            assert_eq!(fits(pattern, text), is_fit, "{pattern} and {text}");
        }
    }

    #[test]
    fn faults_are_dropped_and_the_rest_is_kept() {
        let text = "rootz = []\nroots = [\"k8s\"]\n\n[[handover]]\non = \"helm:kube-system/cilium\"\nfrom = \"talos\"\n\n[codes]\nx = \"loud\"\n";
        let source = Sources::default().add(FILE, text);
        let mut found = Vec::new();
        let reading = Reading::read(source, text, &mut found);
        let mut messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        messages.sort_unstable();
        assert_eq!(
            messages,
            [
                "[[handover]] lacks the key `reason`",
                "[[handover]] lacks the key `to`",
                "`gitopsc.toml` has no key `rootz`",
                "`x` of [codes] cannot be `loud`",
            ]
        );
        assert_eq!(reading.settings.roots, ["k8s"]);
    }
}
