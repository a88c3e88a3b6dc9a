//! Names of Secrets and ConfigMaps that stand anywhere else: somebody we do not know may make what he names.

use std::collections::BTreeSet;

use crate::{
    flux::{Object, Outcome},
    knowledge,
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// Which of these names are mentioned in other places than those where they are known to be used only.
pub fn mentioned<'n>(survey: &Survey, names: &BTreeSet<&'n str>, uses: &BTreeSet<Place>) -> BTreeSet<&'n str> {
    let mut search = Search { names, uses, found: BTreeSet::new() };
    if names.is_empty() {
        return search.found;
    }
    let units = || survey.clusters.iter().flat_map(|cluster| &cluster.units);
    for object in units().flat_map(super::super::flux::Unit::objects) {
        search.object(object);
    }
    // Of what was not built, nothing is known but its texts.
    let built = units().filter(|unit| matches!(unit.outcome, Outcome::Objects(_)));
    let built: BTreeSet<&str> = built.flat_map(|unit| &unit.reads).map(String::as_str).collect();
    for (path, _) in survey.repository.files().filter(|(path, _)| !built.contains(path)) {
        let text = survey.repository.text(path).unwrap_or_default();
        // Prose names many things; it makes one where it shows the command or the manifest.
        if !path.ends_with(".md")
            || ["create secret", "create configmap", "kind: Secret", "kubectl "].iter().any(|mark| text.contains(mark))
        {
            search.words(text);
        }
    }
    search.found
}

struct Search<'s, 'n> {
    names: &'s BTreeSet<&'n str>,
    uses: &'s BTreeSet<Place>,
    found: BTreeSet<&'n str>,
}

impl Search<'_, '_> {
    fn object(&mut self, object: &Object) {
        let group = &object.id.group;
        if knowledge::is_flux_group(group) && object.id.kind != "HelmRelease" {
            return;
        }
        // Of the kinds we know, only free texts can name what they make: scripts, arguments, files in a ConfigMap.
        let only_texts = knowledge::is_built_in_group(group) && !object.id.group.starts_with("rbac.");
        for entry in object.node.entries() {
            match entry.key.as_str() {
                "apiVersion" | "kind" | "status" => {}
                "metadata" => {
                    if let Some(annotations) = entry.value.get("annotations") {
                        self.walk(annotations, "annotations", only_texts);
                    }
                }
                key => self.walk(&entry.value, key, only_texts),
            }
        }
    }

    fn walk(&mut self, node: &Node, key: &str, only_texts: bool) {
        match &node.kind {
            Kind::List(items) => items.iter().for_each(|item| self.walk(item, key, only_texts)),
            Kind::Map(entries) => {
                for entry in entries.iter().filter(|entry| !is_label(&entry.key)) {
                    // What Reloader watches is used.
                    if !entry.key.contains("reload") {
                        self.walk(&entry.value, &entry.key, only_texts);
                    }
                }
            }
            Kind::String(_) if self.uses.contains(&node.place) => {}
            Kind::String(text) => {
                let is_text = matches!(key, "args" | "command" | "value") || text.contains(char::is_whitespace);
                if is_text || !only_texts {
                    self.words(text);
                }
            }
            _ => {}
        }
    }

    fn words(&mut self, text: &str) {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        for word in text.split(|letter| !is_part(letter)) {
            if let Some(name) = self.names.get(word.trim_matches(['.', '-'])) {
                self.found.insert(name);
            }
        }
    }
}

fn is_label(key: &str) -> bool {
    matches!(key, "labels" | "matchLabels" | "selector" | "podLabels" | "commonLabels")
}
