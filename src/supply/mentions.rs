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
    let mut search = Search { names, shape: Shape::of(names), uses, found: BTreeSet::new() };
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
    shape: Shape,
    uses: &'s BTreeSet<Place>,
    found: BTreeSet<&'n str>,
}

impl Search<'_, '_> {
    fn object(&mut self, object: &Object) {
        let group = &object.id.group;
        // A definition describes fields and makes nothing.
        let is_definition = object.id.kind == "CustomResourceDefinition";
        if is_definition || knowledge::is_flux_group(group) && object.id.kind != "HelmRelease" {
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
        let mut rest = text.as_bytes();
        let is_in = |letter: &u8| IN_WORDS[usize::from(*letter)];
        while let Some(start) = rest.iter().position(is_in) {
            rest = &rest[start..];
            let (word, behind) = rest.split_at(rest.iter().position(|letter| !is_in(letter)).unwrap_or(rest.len()));
            if self.shape.allows(word) {
                let word = std::str::from_utf8(word).expect("letters of ASCII").trim_matches(['.', '-']);
                self.found.extend(self.names.get(word));
            }
            rest = behind;
        }
    }
}

/// The letters of words.
const IN_WORDS: [bool; 256] = {
    let mut letters = [false; 256];
    let mut letter = 0_u8;
    while letter < 128 {
        letters[letter as usize] = letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'.' | b'_');
        letter += 1;
    }
    letters
};

/// What tells most words from names without looking them up.
struct Shape {
    shortest: usize,
    /// Letters that names begin with, and what may stand before them.
    firsts: [bool; 256],
}

impl Shape {
    fn of(names: &BTreeSet<&str>) -> Shape {
        let mut firsts = [false; 256];
        let letters = names.iter().filter_map(|name| name.bytes().next());
        letters.chain(*b".-").for_each(|letter| firsts[usize::from(letter)] = true);
        Shape { shortest: names.iter().map(|name| name.len()).min().unwrap_or_default(), firsts }
    }

    fn allows(&self, word: &[u8]) -> bool {
        word.len() >= self.shortest && word.first().is_some_and(|letter| self.firsts[usize::from(*letter)])
    }
}

fn is_label(key: &str) -> bool {
    matches!(key, "labels" | "matchLabels" | "selector" | "podLabels" | "commonLabels")
}
