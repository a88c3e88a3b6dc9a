//! Helm releases that Flux keeps: which release a HelmRelease means, of which chart, with which values.
//!
//! As helm-controller 1.6 reads `helm.toolkit.fluxcd.io/v2`. A release is known by its *storage* namespace and its name; two
//! HelmReleases that mean one release upgrade it in turn.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::{Certainty, Claim, Role, Tool, content, embedded, release};
use crate::{
    claim::ObjectId,
    flux::{Cluster, Object, Text, Unit, roots::is_of},
    knowledge,
    kubernetes::Schemas,
    node::{Entry, Kind, Node},
    repository::{File, Repository, parent, resolve},
    source::Place,
};

/// A name may have this many letters; Helm keeps some for revisions.
const LONGEST_NAME: usize = 53;
const SOURCES: &str = "source.toolkit.fluxcd.io";

/// A Helm release that Flux keeps.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its cluster.
    pub cluster: usize,
    /// Index of the unit that applies its HelmRelease.
    pub unit: usize,
    /// The namespace its state is stored in.
    pub namespace: String,
    /// Its name, as `helm list` shows it.
    pub name: String,
    /// The namespace its objects go to.
    pub target_namespace: String,
    /// Its chart; None where no object of the cluster says which.
    pub chart: Option<Chart>,
    /// The chart's version as written, which may be a range.
    pub version: Option<Text>,
    /// Its values: those of the ConfigMaps in the repository that `valuesFrom` names, over them `values`.
    pub values: Node,
    /// Whether nothing is missing in `values`: false where a Secret or something outside the repository adds to them.
    pub has_all_values: bool,
    /// Where `install.createNamespace` is said, if it is.
    pub creates_namespace: Option<Place>,
    /// Where the HelmRelease's name is written.
    pub place: Place,
    /// The HelmRelease.
    pub object: ObjectId,
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Its name: of `chart.spec.chart` or of the artifact's address, the last part.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// The folder of this repository it lies in, if it does.
    pub folder: Option<String>,
}

impl Release {
    /// The capabilities its chart is known to bring.
    pub fn provides(&self) -> &'static [&'static str] {
        self.known().map_or(&[], |known| known.provides)
    }

    /// What its chart is known to bring.
    pub fn known(&self) -> Option<&'static knowledge::Known> {
        knowledge::chart(&self.chart.as_ref()?.name)
    }
}

/// The releases of all clusters, each once, in the order of units.
pub fn releases(repository: &Repository, clusters: &[Cluster]) -> Vec<Release> {
    let mut releases = Vec::new();
    for (cluster, found) in clusters.iter().enumerate() {
        let objects = Objects::of(repository, found);
        let mut seen = BTreeSet::new();
        let here = found.units.iter().enumerate().filter(|(at, _)| !found.is_elsewhere(*at));
        for (unit, object) in here.flat_map(|(at, unit)| unit.objects().iter().map(move |object| (at, object))) {
            let is_release = object.id.kind == "HelmRelease" && object.id.group == "helm.toolkit.fluxcd.io";
            // What a HelmRelease applies to another cluster is nothing to the objects of this one.
            if is_release && object.node.at(["spec", "kubeConfig"]).is_none() && seen.insert(&object.id) {
                releases.extend(release_of(repository, cluster, unit, object, &objects));
            }
        }
    }
    releases
}

/// One claim for each release, and for what its HelmRelease and its chart are known to bring besides.
pub fn claims(releases: &[Release]) -> Vec<Claim> {
    releases.iter().flat_map(claims_of).collect()
}

fn claims_of(found: &Release) -> Vec<Claim> {
    let namespace = found.object.namespace.as_deref().unwrap_or_default();
    let claim = |object: ObjectId, role: Role, certainty: Certainty| Claim {
        object,
        cluster: Some(found.cluster),
        tool: Tool::Helm,
        unit: format!("{namespace}/{}", found.object.name),
        flux_unit: Some(found.unit),
        prunes: role == Role::Owner,
        role,
        certainty,
        place: found.place,
        content: None,
    };
    let chart = found.chart.as_ref().map_or("", |chart| &chart.name);
    let version = found.version.as_ref().map_or("", |version| &version.text);
    let text = format!("{chart} {version} {}", content::value(&found.values));
    let mut claims = vec![Claim {
        content: Some(content::text(&text)),
        ..claim(release(&found.namespace, &found.name), Role::Owner, Certainty::Exact)
    }];
    if let Some(place) = found.creates_namespace {
        // Helm creates it once and never deletes it.
        let object = ObjectId {
            group: String::new(),
            kind: "Namespace".into(),
            namespace: None,
            name: found.target_namespace.clone(),
        };
        claims.push(Claim { place, ..claim(object, Role::Bootstrap, Certainty::Literal) });
    }
    for object in found.known().into_iter().flat_map(knowledge::Known::objects) {
        claims.push(claim(object, Role::Owner, Certainty::Possible));
    }
    claims
}

/// The objects of a release, rendered: by `helm template` into a file, or just now. Hooks come and go, so they are nobody's.
pub fn claims_of_rendered(of: &Release, documents: &[Node], schemas: &Schemas) -> Vec<Claim> {
    let mut claims = Vec::new();
    for manifest in documents.iter().flat_map(content::manifests) {
        let annotation = |key: &str| manifest.at(["metadata", "annotations", key]).and_then(Node::as_str);
        if annotation("helm.sh/hook").is_some_and(|hook| hook != "crd-install") {
            continue;
        }
        let Some(object) = content::object(manifest, schemas, Some(&of.target_namespace)) else { continue };
        let namespace = of.object.namespace.as_deref().unwrap_or_default();
        claims.push(Claim {
            object,
            cluster: Some(of.cluster),
            tool: Tool::Helm,
            unit: format!("{namespace}/{}", of.object.name),
            flux_unit: Some(of.unit),
            role: Role::Owner,
            prunes: annotation("helm.sh/resource-policy") != Some("keep"),
            certainty: Certainty::Exact,
            place: content::name_place(manifest),
            content: Some(content::digest(manifest)),
        });
    }
    claims
}

/// The objects of a cluster that HelmReleases refer to.
struct Objects<'c> {
    index: BTreeMap<&'c ObjectId, &'c Object>,
    /// The sources that are this repository: what units take their folders from, and others of the same address and branch.
    own: BTreeSet<(&'c str, &'c str, &'c str)>,
}

impl<'c> Objects<'c> {
    fn of(repository: &Repository, cluster: &'c Cluster) -> Self {
        let units = cluster.units.as_slice();
        let mut index = BTreeMap::new();
        for object in units.iter().flat_map(Unit::objects) {
            index.entry(&object.id).or_insert(object);
        }
        let local = units.iter().filter(|unit| unit.folder.is_some()).filter_map(|unit| unit.spec.source.as_ref());
        let mut own: BTreeSet<(&str, &str, &str)> =
            local.map(|source| (source.kind.as_str(), source.namespace.as_str(), source.name.as_str())).collect();
        // What starts a cluster is often not among what it applies, but beside its first Kustomization.
        let firsts = units.iter().filter(|unit| unit.parent.is_none()).map(|unit| repository.path(unit.place));
        let beside = firsts.filter_map(|path| repository.file(path)).flat_map(File::documents);
        let applied = index.values().map(|object| &object.node);
        let is_own = |node: &&Node| {
            let text = |key: &str| node.at(["metadata", key]).and_then(Node::as_str).unwrap_or_default();
            own.contains(&("GitRepository", text("namespace"), text("name")))
        };
        let known: BTreeSet<_> = beside.chain(applied).filter(is_own).filter_map(origin).collect();
        let again = index.values().filter(|object| origin(&object.node).is_some_and(|origin| known.contains(&origin)));
        own.extend(again.map(|object| key(object)));
        Objects { index, own }
    }

    fn get(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&'c Object> {
        let id =
            ObjectId { group: group.into(), kind: kind.into(), namespace: Some(namespace.into()), name: name.into() };
        self.index.get(&id).copied()
    }
}

/// A source as a `sourceRef` names it.
fn key(object: &Object) -> (&str, &str, &str) {
    (&object.id.kind, object.id.namespace.as_deref().unwrap_or_default(), &object.id.name)
}

/// Which repository a GitRepository is, and what of it.
fn origin(object: &Node) -> Option<(String, String)> {
    let is_git = is_of(object, SOURCES, "GitRepository");
    let spec = object.get("spec").filter(|_| is_git)?;
    let reference = spec.get("ref").map_or(String::new(), |reference| reference.to_json().to_string());
    Some((super::argocd::normal(spec.get("url")?.as_str()?), reference))
}

fn release_of(
    repository: &Repository,
    cluster: usize,
    unit: usize,
    object: &Object,
    objects: &Objects<'_>,
) -> Option<Release> {
    let node = &object.node;
    let text = |path: &[&str]| node.at(path.iter().copied()).and_then(Node::as_str).filter(|text| !text.is_empty());
    let namespace = object.id.namespace.as_deref()?;
    let target = text(&["spec", "targetNamespace"]);
    let name = match (text(&["spec", "releaseName"]), target) {
        (Some(name), _) => name.to_owned(),
        (None, Some(target)) => shortened(&format!("{target}-{}", object.id.name)),
        (None, None) => shortened(&object.id.name),
    };
    let (chart, version) = match node.at(["spec", "chartRef"]) {
        Some(reference) => referred(reference, namespace, objects),
        None => (node.at(["spec", "chart", "spec"])).map_or((None, None), |spec| written(spec, namespace, objects)),
    };
    let (values, has_all_values) = values(repository, node, namespace, objects);
    let creates = node.at(["spec", "install", "createNamespace"]).filter(|flag| flag.kind == Kind::Bool(true));
    Some(Release {
        cluster,
        unit,
        namespace: text(&["spec", "storageNamespace"]).unwrap_or(namespace).to_owned(),
        name,
        target_namespace: target.unwrap_or(namespace).to_owned(),
        chart,
        version,
        values,
        has_all_values,
        creates_namespace: creates.map(|flag| flag.place),
        place: object.name_place(),
        object: object.id.clone(),
    })
}

/// A name too long for Helm, as helm-controller shortens it: its start and twelve digits of its digest.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let digits = format!("{digest:x}");
    format!("{}-{}", name.get(..LONGEST_NAME - 13).unwrap_or_default(), &digits[..12])
}

/// The chart that `spec.chart.spec` of a HelmRelease or `spec` of a HelmChart says.
fn written(spec: &Node, namespace: &str, objects: &Objects<'_>) -> (Option<Chart>, Option<Text>) {
    let version = spec.get("version").and_then(text_of);
    let Some(chart) = spec.get("chart").and_then(text_of) else { return (None, version) };
    let source = |key: &str| spec.at(["sourceRef", key]).and_then(Node::as_str);
    let kind = source("kind").unwrap_or_default();
    let key = (kind, source("namespace").unwrap_or(namespace), source("name").unwrap_or_default());
    let is_folder = kind != "HelmRepository";
    let folder = (is_folder && objects.own.contains(&key)).then(|| resolve("", chart.text.trim_start_matches('/')));
    let name = chart.text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    (Some(Chart { name, place: chart.place, folder: folder.flatten() }), version)
}

/// The chart behind `spec.chartRef`.
fn referred(reference: &Node, namespace: &str, objects: &Objects<'_>) -> (Option<Chart>, Option<Text>) {
    let text = |key: &str| reference.get(key).and_then(Node::as_str);
    let kind = text("kind").unwrap_or_default();
    let namespace = text("namespace").unwrap_or(namespace);
    let Some(source) = objects.get(SOURCES, kind, namespace, text("name").unwrap_or_default()) else {
        return (None, None);
    };
    let Some(spec) = source.node.get("spec") else { return (None, None) };
    if kind == "HelmChart" {
        return written(spec, namespace, objects);
    }
    let Some(url) = spec.get("url").and_then(text_of) else { return (None, None) };
    let name = url.text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let version = ["tag", "semver"].iter().find_map(|key| text_of(spec.at(["ref", key])?));
    (Some(Chart { name, place: url.place, folder: None }), version)
}

/// A text, or a number that was meant as one.
fn text_of(node: &Node) -> Option<Text> {
    let text = match &node.kind {
        Kind::String(text) => text.clone(),
        Kind::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(Text { text, place: node.place })
}

/// The values of a HelmRelease, and whether these are all.
fn values(repository: &Repository, node: &Node, namespace: &str, objects: &Objects<'_>) -> (Node, bool) {
    let empty = Node { place: node.place, kind: Kind::Map(Vec::new().into()) };
    let mut values = empty.clone();
    let mut has_all = true;
    for reference in node.at(["spec", "valuesFrom"]).map(Node::items).unwrap_or_default() {
        match values_from(repository, reference, namespace, objects) {
            Some(more) => values = merged(values, more),
            None => has_all = false,
        }
    }
    let own = node.at(["spec", "values"]).cloned().unwrap_or(empty);
    (merged(values, own), has_all)
}

/// What an entry of `valuesFrom` gives; None where that is not in the repository, or is a single value.
fn values_from(repository: &Repository, reference: &Node, namespace: &str, objects: &Objects<'_>) -> Option<Node> {
    let text = |key: &str| reference.get(key).and_then(Node::as_str);
    if text("kind")? != "ConfigMap" || reference.get("targetPath").is_some() {
        return None;
    }
    let map = objects.get("", "ConfigMap", namespace, text("name")?)?;
    let content = map.node.at(["data", text("valuesKey").unwrap_or("values.yaml")])?;
    let values = embedded::values(&repository.sources, content)?;
    let file = generated_from(repository, content);
    Some(match file.and_then(|file| file.documents().next()) {
        Some(written) => placed_as(values, written),
        None => values,
    })
}

/// The file that a `configMapGenerator` took a text from: there each value has a place of its own.
fn generated_from<'r>(repository: &'r Repository, content: &Node) -> Option<&'r File> {
    let named = repository.sources.text(content.place);
    let named = named.split_once('=').map_or(named, |(_, path)| path).trim_matches(['"', '\'']);
    let path = resolve(parent(repository.path(content.place)), named)?;
    repository.file(&path)
}

/// A value at the places of the one it was written as, before variables were substituted in it.
fn placed_as(value: Node, written: &Node) -> Node {
    let kind = match value.kind {
        Kind::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|entry| match written.entry(&entry.key) {
                    Some(was) => {
                        Entry { key_place: was.key_place, value: placed_as(entry.value, &was.value), key: entry.key }
                    }
                    None => entry,
                })
                .collect(),
        ),
        Kind::List(items) if items.len() == written.items().len() => {
            Kind::List(items.into_iter().zip(written.items()).map(|(item, was)| placed_as(item, was)).collect())
        }
        kind => kind,
    };
    Node { place: written.place, kind }
}

/// Values with others over them: maps are merged, all else is replaced.
pub fn merged(under: Node, over: Node) -> Node {
    let place = over.place;
    match (under.kind, over.kind) {
        (Kind::Map(under), Kind::Map(over)) => {
            let mut entries: Vec<Entry> = under.into_iter().collect();
            for entry in over {
                match entries.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => {
                        let below = std::mem::replace(&mut known.value.kind, Kind::Null);
                        let below = Node { place: known.value.place, kind: below };
                        *known = Entry { value: merged(below, entry.value), ..entry };
                    }
                    None => entries.push(entry),
                }
            }
            Node { place, kind: Kind::Map(entries.into()) }
        }
        (_, kind) => Node { place, kind },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_more_than_53_letters_is_cut_and_marked() {
        let short = "a".repeat(53);
        assert_eq!(shortened(&short), short);
        // printf a%.0s {1..54} | sha256sum
        let long = shortened(&"a".repeat(54));
        assert_eq!(long, format!("{}-a3f01b693925", "a".repeat(40)));
    }
}
