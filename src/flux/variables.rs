//! What `postBuild` substitutes: variables written in a Kustomization, and those of ConfigMaps and Secrets that units make.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;

use crate::{
    claim::group_of,
    flux::{UnitName, Variables, placeholder, roots::string},
    node::{Kind, Node},
    repository::Repository,
    source::Place,
};

/// A ConfigMap or Secret: kind, namespace, name.
pub type SourceName = (String, String, String);

/// The values that the units built so far make.
#[derive(Debug, Default)]
pub struct Given {
    sources: BTreeMap<SourceName, Values>,
}

/// What a ConfigMap or Secret holds.
#[derive(Clone, Debug, Default)]
struct Values {
    texts: BTreeMap<String, (String, Place)>,
    secret: bool,
    /// Whether it may hold more than is known here.
    open: bool,
}

impl Given {
    /// Learns from an object that a unit makes: which source it is, if it is one.
    pub fn learn(&mut self, object: &Node) -> Option<SourceName> {
        let text = |path: &[&str]| string(object, path);
        let (kind, name) = (text(&["kind"])?, text(&["metadata", "name"])?);
        let namespace = text(&["metadata", "namespace"]).unwrap_or_default();
        let mut values = Values { secret: kind != "ConfigMap", ..Values::default() };
        let (kind, name) = match (group_of(text(&["apiVersion"]).unwrap_or_default()), kind) {
            ("", "ConfigMap") => {
                values.add(object.get("data"), |_, text| text.to_owned());
                ("ConfigMap", name)
            }
            ("", "Secret") => {
                values.add(object.get("data"), decoded);
                values.add(object.get("stringData"), |key, text| {
                    if is_encrypted(text) { placeholder(key) } else { text.to_owned() }
                });
                ("Secret", name)
            }
            ("bitnami.com", "SealedSecret") => {
                values.add(object.at(["spec", "template", "data"]), |_, text| text.to_owned());
                values.add(object.at(["spec", "encryptedData"]), |key, _| placeholder(key));
                ("Secret", name)
            }
            ("external-secrets.io", "ExternalSecret") => {
                values.add_external(object);
                ("Secret", text(&["spec", "target", "name"]).unwrap_or(name))
            }
            _ => return None,
        };
        let source = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.sources.insert(source.clone(), values);
        Some(source)
    }

    /// Whether some unit makes it.
    pub fn has(&self, source: &SourceName) -> bool {
        self.sources.contains_key(source)
    }

    /// What a Kustomization substitutes, None where it substitutes nothing; and whether there may be variables besides,
    /// of a source that is not known (whole).
    pub fn variables(&self, unit: &UnitName, object: &Node) -> Option<(Variables, bool)> {
        let build = object.at(["spec", "postBuild"]).filter(|build| build.kind != Kind::Null)?;
        let mut variables = Variables::default();
        variables.always = string(object, &["spec", "postBuild", "substituteStrategy"]) == Some("Always");
        let mut open = false;
        for (source, _) in sources(unit, object) {
            let Some(values) = self.sources.get(&source) else {
                open = true;
                continue;
            };
            open |= values.open;
            for (key, (text, place)) in &values.texts {
                if values.secret {
                    variables.set_secret(key, text, *place);
                } else {
                    variables.set(key, text, *place);
                }
            }
        }
        for entry in build.get("substitute").map(Node::entries).unwrap_or_default() {
            if let Some(text) = entry.value.as_str() {
                variables.set(&entry.key, text, entry.key_place);
            }
        }
        Some((variables, open))
    }
}

/// The sources of a Kustomization's variables, each with whether it may be missing.
pub fn sources(unit: &UnitName, object: &Node) -> Vec<(SourceName, bool)> {
    let list = object.at(["spec", "postBuild", "substituteFrom"]).map(Node::items).unwrap_or_default();
    let source = |node: &Node| {
        let text = |key| node.get(key).and_then(Node::as_str).map(str::to_owned);
        let optional = node.get("optional").is_some_and(|flag| flag.kind == Kind::Bool(true));
        Some(((text("kind")?, unit.namespace.clone(), text("name")?), optional))
    };
    list.iter().filter_map(source).collect()
}

/// The names that ConfigMaps, Secrets and what makes Secrets have anywhere in the repository, generated ones included.
///
/// A source of another name is made by nobody, and nothing needs to wait for it.
pub fn names_anywhere(repository: &Repository) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for document in repository.files().flat_map(|(_, file)| file.documents()) {
        let name = |path: &[&str]| string(document, path).map(str::to_owned);
        match string(document, &["kind"]) {
            Some("ConfigMap" | "Secret" | "SealedSecret" | "ExternalSecret") => {
                names.extend(name(&["metadata", "name"]));
                names.extend(name(&["spec", "target", "name"]));
            }
            _ => {
                for generator in ["configMapGenerator", "secretGenerator"] {
                    let list = document.get(generator).map(Node::items).unwrap_or_default();
                    names.extend(list.iter().filter_map(|entry| string(entry, &["name"])).map(str::to_owned));
                }
            }
        }
    }
    names
}

impl Values {
    fn add(&mut self, map: Option<&Node>, value: impl Fn(&str, &str) -> String) {
        for entry in map.map(Node::entries).unwrap_or_default() {
            if let Some(text) = entry.value.as_str() {
                self.texts.insert(entry.key.clone(), (value(&entry.key, text), entry.key_place));
            }
        }
    }

    /// The Secret that External Secrets makes has the keys that are listed, unless others are fetched or made by a template.
    fn add_external(&mut self, object: &Node) {
        let spec = |path: &[&str]| object.get("spec").and_then(|spec| spec.at(path.iter().copied()));
        let is_some = |path: &[&str]| spec(path).is_some_and(|list| !list.items().is_empty());
        self.open = is_some(&["dataFrom"]) || is_some(&["target", "template", "templateFrom"]);
        let template = spec(&["target", "template", "data"]);
        if template.is_none() || string(object, &["spec", "target", "template", "mergePolicy"]) == Some("Merge") {
            for entry in spec(&["data"]).map(Node::items).unwrap_or_default() {
                let key = string(entry, &["secretKey"]);
                self.texts.extend(key.map(|key| (key.to_owned(), (placeholder(key), entry.place))));
            }
        }
        self.add(template, |key, _| placeholder(key));
    }
}

fn is_encrypted(text: &str) -> bool {
    text.starts_with("ENC[")
}

/// The text behind a value of a Secret's `data`.
fn decoded(key: &str, text: &str) -> String {
    if is_encrypted(text) {
        return placeholder(key);
    }
    let compact: String = text.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
}
