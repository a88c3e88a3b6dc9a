//! What a Terraform plan (`terraform show -json`) puts into clusters.
//!
//! A plan holds every secret in plaintext. Only types, addresses, kinds, namespaces, names and keys are ever taken from it: everything
//! else is skipped while it is read, and no message repeats a word of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    Facts,
    kinds::{self, Effect, Naming},
    resources::{is_cluster_scoped, is_core_namespaced, object},
};
use crate::{
    claim::{ObjectId, group_of},
    claims::{Certainty, Claim, Role, Tool, release},
    code,
    diagnostic::Diagnostic,
    node::{Node, escape},
    source::{Place, SourceId, Span},
    yaml,
};

/// What a plan says.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is there once it is applied.
    pub claims: Vec<Claim>,
    /// Addresses of what it deletes.
    pub deleted: BTreeSet<String>,
    /// Addresses of what it deletes and makes anew.
    pub replaced: BTreeSet<String>,
    /// Every address that is there once it is applied.
    addresses: BTreeSet<String>,
}

/// Reads a plan. `source` stands for the file; its text is better not kept.
pub fn claims(source: SourceId, path: &str, bytes: &[u8], found: &mut Vec<Diagnostic>) -> Plan {
    let place = Place { source, span: Span::default() };
    let malformed = |reason: &str| {
        Diagnostic::new(
            code!("terraform-plan-malformed"),
            format!("`{path}` is not the JSON of a Terraform plan: {reason}"),
        )
        .at(place, "")
        .about(path)
        .hidden()
        .help("write it with `terraform show -json PLAN > FILE` or `tofu show -json PLAN > FILE`")
    };
    if bytes.starts_with(b"PK") {
        found.push(malformed("it is the plan itself, which only Terraform reads"));
        return Plan::default();
    }
    let Ok(text) = serde_json::from_slice::<Text>(bytes) else {
        // serde's message may quote the value it stopped at.
        found.push(malformed("it is no JSON, or not of that shape"));
        return Plan::default();
    };
    if text.format_version.as_deref().is_none_or(|version| !version.starts_with("1.")) {
        found.push(malformed("its `format_version` is not 1.x"));
        return Plan::default();
    }
    let Some(values) = text.planned_values.or(text.values) else {
        found.push(malformed("it has no `planned_values`"));
        return Plan::default();
    };
    let mut plan = Plan::default();
    for change in text.resource_changes {
        match change.change.actions.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["delete"] => drop(plan.deleted.insert(change.address)),
            ["delete", "create"] | ["create", "delete"] => drop(plan.replaced.insert(change.address)),
            _ => {}
        }
    }
    let mut modules: Vec<Module> = values.root_module.into_iter().collect();
    while let Some(module) = modules.pop() {
        for resource in module.resources.into_iter().filter(|resource| resource.mode.as_deref() != Some("data")) {
            let unit = format!("{} in {path}", resource.address);
            let naming = kinds::naming(&resource.kind);
            plan.addresses.insert(resource.address);
            let Some(naming) = naming else { continue };
            for (object, role, prunes) in objects(source, naming, &resource.values) {
                plan.claims.push(Claim {
                    object,
                    cluster: None,
                    tool: Tool::Terraform,
                    unit: unit.clone(),
                    flux_unit: None,
                    role,
                    prunes,
                    certainty: Certainty::Exact,
                    place,
                    content: None,
                });
            }
        }
        modules.extend(module.child_modules);
    }
    plan.claims.sort_by(|left, right| (&left.unit, &left.object).cmp(&(&right.unit, &right.object)));
    plan
}

impl Plan {
    /// Takes the place of what the sources of the same root say: a plan knows better, and one owner must not be counted twice.
    pub fn join(mut self, facts: &mut Facts) {
        let address =
            |claim: &Claim| claim.unit.rsplit_once(" in ").map(|(address, root)| (address.to_owned(), root.to_owned()));
        let mut shared: BTreeMap<String, usize> = BTreeMap::new();
        for (address, root) in facts.claims.iter().filter_map(address) {
            *shared.entry(root).or_default() += usize::from(self.addresses.contains(&address));
        }
        let root = shared.into_iter().filter(|(_, count)| *count > 0).max_by_key(|(_, count)| *count);
        if let Some((root, _)) = root {
            let places: BTreeMap<String, Place> = facts
                .claims
                .iter()
                .filter_map(|claim| Some((claim, address(claim)?)))
                .filter(|(_, (_, of))| *of == root)
                .map(|(claim, (address, _))| (address, claim.place))
                .collect();
            facts.claims.retain(|claim| address(claim).is_none_or(|(_, of)| of != root));
            for claim in &mut self.claims {
                let Some((address, _)) = address(claim) else { continue };
                // The sources have lines; the plan has none worth showing.
                claim.place = places.get(&address).copied().unwrap_or(claim.place);
                claim.unit = format!("{address} in {root}");
            }
        }
        facts.claims.append(&mut self.claims);
    }
}

/// The objects of a resource, with what it does to them.
fn objects(source: SourceId, naming: Naming, values: &Values) -> Vec<(ObjectId, Role, bool)> {
    let fields = |effect: Effect| match effect {
        Effect::Whole => Role::Owner,
        Effect::Fields(below, attribute) => {
            let keys = match attribute {
                "labels" => &values.labels,
                "annotations" => &values.annotations,
                _ => &values.data,
            };
            let keys: Vec<String> = keys.0.iter().map(|key| format!("{below}/{}", escape(key))).collect();
            Role::Fields(if keys.is_empty() { vec![below.to_owned()] } else { keys })
        }
    };
    match naming {
        Naming::Metadata(kind, effect) => {
            let Some(name) = values.metadata.name.clone() else { return Vec::new() };
            let role = fields(effect);
            let prunes = role == Role::Owner;
            vec![(object(kind, values.metadata.namespace.clone().filter(|it| !it.is_empty()), name), role, prunes)]
        }
        Naming::Written(effect) => {
            let header = Header {
                api_version: values.api_version.clone(),
                kind: values.kind.clone(),
                metadata: values.metadata.clone(),
            };
            header.object("default").into_iter().map(|object| (object, fields(effect), false)).collect()
        }
        Naming::Object(_) => match &values.manifest {
            Manifest::Object(header) => {
                header.object("default").into_iter().map(|it| (it, Role::Owner, true)).collect()
            }
            _ => Vec::new(),
        },
        Naming::Documents(attribute) => {
            let text = match (attribute, &values.manifest) {
                ("manifest", Manifest::Text(text)) => text,
                _ => &values.yaml_body.0,
            };
            let reading = yaml::read(source, text);
            let headers = reading.documents.iter().map(|document| Header::of(&document.root));
            headers.filter_map(|header| header.object("default")).map(|object| (object, Role::Owner, true)).collect()
        }
        Naming::Release => released(values),
        Naming::Flux => {
            let namespace = values.namespace.as_deref().unwrap_or("flux-system");
            let of = |group: &str, kind: &str| ObjectId {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: (kind != "Namespace").then(|| namespace.to_owned()),
                name: namespace.to_owned(),
            };
            let objects = [
                of("", "Namespace"),
                of("kustomize.toolkit.fluxcd.io", "Kustomization"),
                of("source.toolkit.fluxcd.io", "GitRepository"),
            ];
            objects.into_iter().map(|object| (object, Role::Bootstrap, false)).collect()
        }
    }
}

/// A release, its namespace where it makes that, and its objects where the provider's `manifest` experiment tells them.
fn released(values: &Values) -> Vec<(ObjectId, Role, bool)> {
    let Some(name) = &values.name else { return Vec::new() };
    let namespace = values.namespace.as_deref().unwrap_or("default");
    let mut objects = vec![(release(namespace, name), Role::Owner, true)];
    if values.create_namespace == Some(true) {
        let id =
            ObjectId { group: String::new(), kind: "Namespace".into(), namespace: None, name: namespace.to_owned() };
        objects.push((id, Role::Bootstrap, false));
    }
    if let Manifest::Text(text) = &values.manifest
        && let Ok(manifest) = serde_json::from_str::<BTreeMap<String, Header>>(text)
    {
        let rendered = manifest.values().filter_map(|header| header.object(namespace));
        objects.extend(rendered.map(|object| (object, Role::Owner, true)));
    }
    objects
}

#[derive(Deserialize)]
struct Text {
    format_version: Option<String>,
    planned_values: Option<State>,
    /// A state instead of a plan has these.
    values: Option<State>,
    #[serde(default)]
    resource_changes: Vec<Change>,
}

#[derive(Deserialize)]
struct State {
    root_module: Option<Module>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Planned>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Planned {
    address: String,
    mode: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    values: Values,
}

#[derive(Deserialize)]
struct Change {
    address: String,
    change: Actions,
}

#[derive(Deserialize)]
struct Actions {
    #[serde(default)]
    actions: Vec<String>,
}

/// What is looked at of a resource; texts that may hold secrets are dropped as soon as they have been looked through.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Values {
    #[serde(deserialize_with = "lenient_text")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    namespace: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    api_version: Option<String>,
    #[serde(deserialize_with = "lenient_text")]
    kind: Option<String>,
    metadata: Metadata,
    manifest: Manifest,
    yaml_body: Body,
    create_namespace: Option<bool>,
    data: Keys,
    labels: Keys,
    annotations: Keys,
}

/// The text of a manifest.
#[derive(Default)]
struct Body(String);

/// The keys of a map, without its values.
#[derive(Default)]
struct Keys(Vec<String>);

#[derive(Clone, Default)]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
}

#[derive(Default)]
enum Manifest {
    #[default]
    None,
    Text(String),
    Object(Header),
}

/// What names an object.
#[derive(Default, Deserialize)]
struct Header {
    #[serde(rename = "apiVersion", default, deserialize_with = "lenient_text")]
    api_version: Option<String>,
    #[serde(default, deserialize_with = "lenient_text")]
    kind: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

impl Header {
    fn of(document: &Node) -> Header {
        let text = |path: &[&str]| document.at(path.iter().copied()).and_then(Node::as_str).map(str::to_owned);
        Header {
            api_version: text(&["apiVersion"]),
            kind: text(&["kind"]),
            metadata: Metadata { name: text(&["metadata", "name"]), namespace: text(&["metadata", "namespace"]) },
        }
    }

    fn object(&self, default: &str) -> Option<ObjectId> {
        let kind = self.kind.clone()?;
        let namespace = self.metadata.namespace.clone().filter(|it| !it.is_empty() && !is_cluster_scoped(&kind));
        let namespace = namespace.or_else(|| is_core_namespaced(&kind).then(|| default.to_owned()));
        let group = group_of(self.api_version.as_deref()?).to_owned();
        Some(ObjectId { group, kind, namespace, name: self.metadata.name.clone()? })
    }
}

/// Anything at all; only a part of it is kept.
enum Loose {
    Other,
    Text(String),
    Map(Vec<(String, Loose)>),
    List(Vec<Loose>),
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = Loose;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("any JSON")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
                let mut read = Vec::new();
                while let Some(item) = items.next_element()? {
                    read.push(item);
                }
                Ok(Loose::List(read))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose, A::Error> {
                let mut read = Vec::new();
                while let Some(key) = entries.next_key::<String>()? {
                    if matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "name" | "namespace") {
                        read.push((key, entries.next_value()?));
                    } else {
                        entries.next_value::<IgnoredAny>()?;
                        read.push((key, Loose::Other));
                    }
                }
                Ok(Loose::Map(read))
            }
        }

        from.deserialize_any(Reads)
    }
}

impl Loose {
    fn take(&mut self, key: &str) -> Option<Loose> {
        let Loose::Map(entries) = self else { return None };
        let at = entries.iter().position(|(known, _)| known == key)?;
        Some(entries.swap_remove(at).1)
    }

    fn take_text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Loose::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn lenient_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Loose::deserialize(from)? {
        Loose::Text(text) => Some(text),
        _ => None,
    })
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        lenient_text(from).map(|text| Body(text.unwrap_or_default()))
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Loose::deserialize(from)? {
            Loose::Map(entries) => Keys(entries.into_iter().map(|(key, _)| key).collect()),
            _ => Keys::default(),
        })
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A block is a list of one in a plan.
        let mut read = match Loose::deserialize(from)? {
            Loose::List(items) => items.into_iter().next().unwrap_or(Loose::Other),
            read => read,
        };
        Ok(Metadata { name: read.take_text("name"), namespace: read.take_text("namespace") })
    }
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Loose::deserialize(from)? {
            Loose::Text(text) => Manifest::Text(text),
            mut read @ Loose::Map(_) => {
                let mut metadata = read.take("metadata").unwrap_or(Loose::Other);
                Manifest::Object(Header {
                    api_version: read.take_text("apiVersion"),
                    kind: read.take_text("kind"),
                    metadata: Metadata { name: metadata.take_text("name"), namespace: metadata.take_text("namespace") },
                })
            }
            _ => Manifest::None,
        })
    }
}
