//! What helmfile installs before anything else runs: releases that a GitOps tool then finds there.

use std::collections::BTreeMap;

use super::{Certainty, Claim, Role, Tool, cluster_of, outline, release};
use crate::{
    flux::Cluster,
    node::{Kind, Node},
    repository::Repository,
    source::Place,
};

/// A release in a helmfile.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The helmfile.
    pub path: String,
    /// The release's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its chart's name, without its repository; None where it is inherited or computed. Then it is often the release's.
    pub chart: Option<String>,
    /// Whether only its CustomResourceDefinitions are taken, and the release is never installed.
    pub is_definitions_only: bool,
    /// The releases it waits for, as written: `namespace/name`.
    pub needs: Vec<String>,
    /// Where its name is written.
    pub place: Place,
}

/// One claim for each release that helmfile installs. It is for somebody else to take over.
pub fn claims(repository: &Repository, clusters: &[Cluster]) -> Vec<Claim> {
    let installed = releases(repository).into_iter().filter(|release| !release.is_definitions_only);
    let claim = |found: Installed| Claim {
        object: release(&found.namespace, &found.name),
        cluster: cluster_of(&found.path, clusters).0,
        tool: Tool::Helmfile,
        unit: found.path,
        flux_unit: None,
        role: Role::Bootstrap,
        prunes: false,
        certainty: Certainty::Literal,
        place: found.place,
        content: None,
    };
    installed.map(claim).collect()
}

/// The releases of every helmfile of the repository.
pub fn releases(repository: &Repository) -> Vec<Installed> {
    let mut found = Vec::new();
    for (path, file) in repository.files().filter(|(path, _)| is_helmfile(path)) {
        let Some(source) = file.source else { continue };
        if file.yaml.as_ref().is_some_and(|reading| reading.diagnostics.is_empty()) {
            file.documents().for_each(|document| of_document(path, document, &mut found));
        } else {
            of_template(path, &outline::of_yaml(source, &repository.sources.get(source).text), &mut found);
        }
    }
    found
}

/// Whether a path is a helmfile's: by its name, or in a folder of them.
fn is_helmfile(path: &str) -> bool {
    let is_read = path.ends_with(".yaml") || path.ends_with(".yml") || path.ends_with(".gotmpl");
    let mut parts: Vec<&str> = path.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    is_read && (name.starts_with("helmfile") || parts.last().is_some_and(|folder| folder.starts_with("helmfile")))
}

fn of_document(path: &str, document: &Node, found: &mut Vec<Installed>) {
    if document.get("apiVersion").is_some() {
        return;
    }
    let arguments = document.at(["helmDefaults", "args"]).map(Node::items).unwrap_or_default();
    let has_definitions = arguments.iter().any(|argument| argument.as_str() == Some("--include-crds"));
    for entry in document.get("releases").map(Node::items).unwrap_or_default() {
        let text = |key: &str| entry.get(key).and_then(Node::as_str).filter(|text| !text.contains("{{"));
        let Some(name) = entry.get("name").filter(|_| text("name").is_some()) else { continue };
        if entry.get("installed").is_some_and(|flag| flag.kind == Kind::Bool(false)) {
            continue;
        }
        let needs = entry.get("needs").map(Node::items).unwrap_or_default();
        found.push(Installed {
            path: path.to_owned(),
            name: name.as_str().unwrap_or_default().to_owned(),
            namespace: text("namespace").unwrap_or("default").to_owned(),
            chart: text("chart").and_then(chart_name),
            is_definitions_only: has_definitions,
            needs: needs.iter().filter_map(|need| need.as_str().map(Into::into)).collect(),
            place: name.place,
        });
    }
}

/// A helmfile that is a template: its releases one after another, as their keys stand.
fn of_template(path: &str, lines: &[outline::Line], found: &mut Vec<Installed>) {
    let has_definitions = lines.iter().any(|line| line.value.contains("--include-crds"));
    let mut open: Option<(BTreeMap<&str, &str>, Place)> = None;
    let mut close = |open: &mut Option<(BTreeMap<&str, &str>, Place)>| {
        let Some((keys, place)) = open.take() else { return };
        let text = |key: &str| keys.get(key).copied().filter(|text| !text.is_empty() && !text.contains("{{"));
        if let Some(name) = text("name") {
            found.push(Installed {
                path: path.to_owned(),
                name: name.to_owned(),
                namespace: text("namespace").unwrap_or("default").to_owned(),
                chart: text("chart").and_then(chart_name),
                is_definitions_only: has_definitions,
                needs: Vec::new(),
                place,
            });
        }
    };
    for line in lines {
        let ["releases", "-", key] = line.keys()[..] else { continue };
        if open.as_ref().is_none_or(|(keys, _)| keys.contains_key(key)) {
            close(&mut open);
            open = Some((BTreeMap::new(), line.place));
        }
        let Some((keys, place)) = &mut open else { continue };
        let key = line.path.last().map_or(key, String::as_str);
        keys.insert(key, &line.value);
        if key == "name" {
            *place = line.place;
        }
    }
    close(&mut open);
}

fn chart_name(chart: &str) -> Option<String> {
    Some(chart.trim_end_matches('/').rsplit('/').next()?.to_owned())
}
