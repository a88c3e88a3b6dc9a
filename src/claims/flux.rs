//! Objects that Flux applies: everything a unit builds.
//!
//! As kustomize-controller 1.9 treats the marks on objects (`docs/spec/v1/kustomizations.md`, "Controlling the apply
//! behavior of resources"); it reads them from labels and annotations alike.

use super::{Certainty, Claim, Role, Tool, content};
use crate::{
    flux::{Cluster, Object, Unit},
    node::{Kind, Node, escape},
};

const MARKS: &str = "kustomize.toolkit.fluxcd.io/";

/// One claim for each object of each unit.
pub fn claims(clusters: &[Cluster]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (cluster, found) in clusters.iter().enumerate() {
        for (at, unit) in found.units.iter().enumerate().filter(|(at, _)| !found.is_elsewhere(*at)) {
            claims.extend(unit.objects().iter().filter_map(|object| claim(cluster, at, unit, object)));
        }
    }
    claims
}

fn claim(cluster: usize, at: usize, unit: &Unit, object: &Object) -> Option<Claim> {
    let role = match mark(&object.node, "ssa") {
        Some("Ignore") => return None,
        Some("IfNotPresent") => Role::Bootstrap,
        Some("Merge") => Role::Fields(fields(&object.node)),
        _ if mark(&object.node, "reconcile") == Some("disabled") => Role::Bootstrap,
        _ => Role::Owner,
    };
    Some(Claim {
        object: object.id.clone(),
        cluster: Some(cluster),
        tool: Tool::Flux,
        unit: unit.name.to_string(),
        flux_unit: Some(at),
        role,
        prunes: unit.spec.prune && mark(&object.node, "prune") != Some("disabled"),
        certainty: Certainty::Exact,
        place: object.name_place(),
        content: Some(content::digest(&object.node)),
    })
}

/// The value of one of Flux's marks on an object.
fn mark<'o>(object: &'o Node, name: &str) -> Option<&'o str> {
    let key = format!("{MARKS}{name}");
    ["annotations", "labels"].iter().find_map(|field| object.at(["metadata", field, &key])?.as_str())
}

/// JSON pointers to everything that an object sets, beyond what says which object it is.
fn fields(object: &Node) -> Vec<String> {
    let mut found = Vec::new();
    for entry in object.entries() {
        match entry.key.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => {
                for own in ["labels", "annotations"] {
                    let set = entry.value.get(own).map(Node::entries).unwrap_or_default();
                    let set = set.iter().filter(|entry| !entry.key.starts_with(MARKS));
                    found.extend(set.map(|entry| format!("/metadata/{own}/{}", escape(&entry.key))));
                }
            }
            key => leaves(&entry.value, format!("/{}", escape(key)), &mut found),
        }
    }
    found.sort();
    found
}

fn leaves(node: &Node, pointer: String, found: &mut Vec<String>) {
    match &node.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                leaves(&entry.value, format!("{pointer}/{}", escape(&entry.key)), found);
            }
        }
        // A list is merged as a whole or by keys that the kind defines: either way it is this field that is set.
        _ => found.push(pointer),
    }
}
