//! What Argo CD applies: Applications, the applications of applications, ApplicationSets whose generators are literal.
//!
//! As Argo CD 3.x reads `argoproj.io/v1alpha1`. An Application is taken for live wherever its manifest lies, except among
//! documentation and examples.

mod generate;

use std::collections::{BTreeMap, BTreeSet};

use super::{Certainty, Claim, Role, Tool, cluster_of, content, embedded, release};
use crate::{
    claim::ObjectId,
    flux::{Cluster, Text},
    kubernetes::Schemas,
    kustomize,
    node::{Kind, Node},
    repository::{Repository, is_below, join, resolve},
    source::Place,
};

const GROUP: &str = "argoproj.io/";

/// An Application.
#[derive(Clone, Debug)]
pub struct Application {
    /// `namespace/name`.
    pub name: String,
    /// Its sources.
    pub sources: Vec<Origin>,
    /// The namespace of what does not say one.
    pub namespace: Option<String>,
    /// The cluster it applies to: a server's address or a name; None for the one Argo CD runs in.
    pub destination: Option<String>,
    /// Whether it deletes what it no longer has.
    pub prunes: bool,
    /// Where it asks for its namespace to be made, if it does.
    pub creates_namespace: Option<Place>,
    /// Whether its manifest is all there: false for one that a template computes in part.
    pub is_literal: bool,
    /// Whether it is a manifest of its own, and not what an ApplicationSet or a chart makes.
    pub is_written: bool,
    /// A digest of it.
    pub content: u64,
    /// Where its name is written.
    pub place: Place,
    /// Which of the survey's clusters it is in, where that can be told.
    pub cluster: Option<usize>,
    /// Whether Flux applies it.
    pub is_applied: bool,
}

/// A source of an Application.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The folder of this repository that it applies, if it is one.
    pub folder: Option<String>,
    /// The chart that it installs, if it is one: the name, and where that is written.
    pub chart: Option<Text>,
    /// `targetRevision`: for a chart its version.
    pub version: Option<Text>,
    /// The name of the release.
    pub release: String,
    /// Values written in the Application.
    pub values: Option<Node>,
    /// All of it.
    pub node: Node,
}

/// One claim for each object of each Application, and for its release and its namespace.
pub fn claims(repository: &Repository, schemas: &Schemas, applications: &[Application]) -> Vec<Claim> {
    let home = home(applications);
    let mut claims = Vec::new();
    for application in applications.iter().filter(|application| application.destination == home) {
        let mut seen = BTreeSet::new();
        claims.extend(
            claims_of(repository, schemas, application).into_iter().filter(|claim| seen.insert(claim.object.clone())),
        );
    }
    let roots = roots(applications, &claims);
    claims.extend(roots);
    claims
}

/// The Applications that nothing applies: somebody puts them there by hand.
fn roots(applications: &[Application], claims: &[Claim]) -> Vec<Claim> {
    let applied: BTreeSet<&ObjectId> = claims.iter().map(|claim| &claim.object).collect();
    let root = |application: &Application| {
        let (namespace, name) = application.name.split_once('/')?;
        let object = ObjectId {
            group: GROUP.trim_end_matches('/').into(),
            kind: "Application".into(),
            namespace: Some(namespace.into()),
            name: name.into(),
        };
        let is_root = application.is_written && !application.is_applied && !applied.contains(&object);
        is_root.then(|| Claim {
            object,
            cluster: application.cluster,
            tool: Tool::ArgoCd,
            unit: application.name.clone(),
            flux_unit: None,
            role: Role::Bootstrap,
            prunes: false,
            certainty: Certainty::Literal,
            place: application.place,
            content: Some(application.content),
        })
    };
    applications.iter().filter_map(root).collect()
}

/// The cluster that most Applications go to. What goes elsewhere is nothing to the objects of this one.
fn home(applications: &[Application]) -> Option<String> {
    let mut counts: BTreeMap<&Option<String>, usize> = BTreeMap::new();
    for application in applications {
        *counts.entry(&application.destination).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(destination, count)| (*count, destination.is_none()))
        .and_then(|(home, _)| home.clone())
}

/// Every Application of the repository, those of ApplicationSets included, by name.
pub fn applications(repository: &Repository, clusters: &[Cluster]) -> Vec<Application> {
    let manifests = manifests(repository, clusters);
    let addresses = own_addresses(repository, &manifests);
    let mut applications: BTreeMap<String, Application> = BTreeMap::new();
    for manifest in &manifests {
        let made = match manifest.kind {
            Of::Application => vec![(manifest.node.clone(), true)],
            Of::Set => generate::applications(repository, &manifest.node, &|url| addresses.contains(&normal(url))),
        };
        for (node, is_literal) in made {
            if let Some(found) = application(repository, clusters, &node, manifest, is_literal, &addresses) {
                applications.entry(found.name.clone()).or_insert(found);
            }
        }
    }
    applications.into_values().collect()
}

/// What a manifest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Application,
    Set,
}

/// A manifest of Argo CD.
struct Manifest {
    kind: Of,
    node: Node,
    cluster: Option<usize>,
    /// Whether it is a manifest in a file, and an Application.
    is_written: bool,
}

/// The Applications and ApplicationSets: what Flux applies, what lies in files, what values of the chart `argocd-apps` hold.
fn manifests(repository: &Repository, clusters: &[Cluster]) -> Vec<Manifest> {
    let mut manifests = Vec::new();
    let mut applied = BTreeSet::new();
    for (cluster, found) in clusters.iter().enumerate() {
        for object in found.units.iter().flat_map(crate::flux::Unit::objects) {
            if let Some(kind) = kind_of(&object.node) {
                applied.insert(object.place);
                manifests.push(Manifest { kind, node: object.node.clone(), cluster: Some(cluster), is_written: false });
            }
        }
    }
    for (path, file) in repository.files().filter(|(path, _)| !is_example(path)) {
        for document in file.documents() {
            for manifest in content::manifests(document) {
                if let Some(kind) = kind_of(manifest).filter(|_| !applied.contains(&manifest.place)) {
                    let is_written = kind == Of::Application;
                    manifests.push(Manifest { kind, node: manifest.clone(), cluster: None, is_written });
                }
            }
            if path.ends_with("ml") && document.get("apiVersion").is_none() {
                manifests.extend(of_values(document));
            }
        }
    }
    manifests
}

/// The Applications and ApplicationSets that the chart `argocd-apps` (2.0) makes of its values, also as a dependency of a chart.
fn of_values(values: &Node) -> Vec<Manifest> {
    let own = values.get("argocd-apps").unwrap_or(values);
    let mut manifests = Vec::new();
    for (key, kind) in [("applications", Of::Application), ("applicationsets", Of::Set)] {
        for entry in own.get(key).map(Node::entries).unwrap_or_default() {
            let spec = &entry.value;
            let is_one = match kind {
                Of::Application => spec.get("destination").is_some(),
                Of::Set => spec.at(["template", "metadata", "name"]).is_some(),
            };
            if is_one {
                manifests.push(Manifest {
                    kind,
                    node: generate::manifest(entry, kind == Of::Set),
                    cluster: None,
                    is_written: false,
                });
            }
        }
    }
    manifests
}

fn kind_of(manifest: &Node) -> Option<Of> {
    if !manifest.get("apiVersion")?.as_str()?.starts_with(GROUP) {
        return None;
    }
    match manifest.get("kind")?.as_str()? {
        "Application" => Some(Of::Application),
        "ApplicationSet" => Some(Of::Set),
        _ => None,
    }
}

/// Whether a path is one of documentation or of examples, which nobody applies.
fn is_example(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "docs" | "doc" | "examples" | "example" | "testdata" | "tests" | "test"))
}

/// The addresses under which this repository is known: those whose paths lie here, most of them at least.
///
/// A repository cannot know its own address, but an Application of a foreign one would name folders that are not here.
fn own_addresses(repository: &Repository, manifests: &[Manifest]) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut count = |url: &str, is_here: bool| {
        let entry = counts.entry(normal(url)).or_default();
        entry.0 += usize::from(is_here);
        entry.1 += 1;
    };
    for manifest in manifests {
        for (url, path) in generate::paths(&manifest.node) {
            let is_here = generate::exists(repository, path);
            count(url, is_here);
        }
    }
    counts.into_iter().filter(|(_, (here, all))| *here > 0 && here * 2 > *all).map(|(url, _)| url).collect()
}

/// An address without what several spellings of it differ in.
pub(super) fn normal(url: &str) -> String {
    let url = url.trim_end_matches('/').trim_end_matches(".git").to_lowercase();
    let url = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let url = url.split_once('@').map_or(url, |(_, rest)| rest);
    url.replace(':', "/")
}

fn application(
    repository: &Repository,
    clusters: &[Cluster],
    node: &Node,
    manifest: &Manifest,
    is_literal: bool,
    addresses: &BTreeSet<String>,
) -> Option<Application> {
    let text = |path: &[&str]| node.at(path.iter().copied()).and_then(Node::as_str).filter(|text| !text.is_empty());
    let name = text(&["metadata", "name"]).filter(|name| !name.contains("{{"))?;
    let namespace = text(&["metadata", "namespace"]).unwrap_or("argocd");
    let spec = node.get("spec")?;
    let single = spec.get("source").into_iter();
    let several = spec.get("sources").map(Node::items).unwrap_or_default().iter();
    let sources: Vec<Origin> =
        single.chain(several).map(|source| origin(repository, source, name, addresses)).collect();
    let server = text(&["spec", "destination", "server"]).or(text(&["spec", "destination", "name"]));
    let is_local = |server: &&str| {
        !matches!(
            server.trim_end_matches('/'),
            "https://kubernetes.default.svc" | "in-cluster" | "https://kubernetes.default"
        )
    };
    let options = spec.at(["syncPolicy", "syncOptions"]).map(Node::items).unwrap_or_default();
    let creates = options.iter().find(|option| {
        option.as_str().is_some_and(|option| option.replace(' ', "").eq_ignore_ascii_case("CreateNamespace=true"))
    });
    Some(Application {
        name: format!("{namespace}/{name}"),
        sources,
        namespace: text(&["spec", "destination", "namespace"]).map(Into::into),
        destination: server.filter(is_local).map(Into::into),
        prunes: spec.at(["syncPolicy", "automated", "prune"]).is_some_and(|prune| prune.kind == Kind::Bool(true)),
        creates_namespace: creates.map(|option| option.place),
        is_literal,
        is_written: manifest.is_written,
        content: content::digest(node),
        place: content::name_place(node),
        cluster: manifest.cluster.or_else(|| cluster_of(repository.path(node.place), clusters).0),
        is_applied: manifest.cluster.is_some(),
    })
}

fn origin(repository: &Repository, source: &Node, name: &str, addresses: &BTreeSet<String>) -> Origin {
    let text = |path: &[&str]| {
        let node = source.at(path.iter().copied())?;
        Some(Text { text: node.as_str().filter(|text| !text.is_empty())?.to_owned(), place: node.place })
    };
    let is_here = text(&["repoURL"]).is_some_and(|url| addresses.contains(&normal(&url.text)));
    let chart = text(&["chart"]);
    let path = text(&["path"]).filter(|_| chart.is_none() && is_here);
    let folder = path.and_then(|path| resolve("", path.text.trim_start_matches('/')));
    let values = source.at(["helm", "valuesObject"]).cloned().or_else(|| {
        let text = source.at(["helm", "values"])?;
        embedded::values(&repository.sources, text)
    });
    Origin {
        folder: folder.filter(|folder| repository.is_folder(folder)),
        version: text(&["targetRevision"]),
        release: text(&["helm", "releaseName"]).map_or_else(|| name.to_owned(), |release| release.text),
        chart,
        values,
        node: source.clone(),
    }
}

fn claims_of(repository: &Repository, schemas: &Schemas, application: &Application) -> Vec<Claim> {
    let claim = |object: ObjectId, place: Place, certainty: Certainty| Claim {
        object,
        cluster: application.cluster,
        tool: Tool::ArgoCd,
        unit: application.name.clone(),
        flux_unit: None,
        role: Role::Owner,
        prunes: application.prunes,
        certainty: if application.is_literal { certainty } else { certainty.max(Certainty::Literal) },
        place,
        content: None,
    };
    let namespace = application.namespace.as_deref();
    let mut claims = Vec::new();
    if let (Some(place), Some(name)) = (application.creates_namespace, namespace) {
        let object = ObjectId { group: String::new(), kind: "Namespace".into(), namespace: None, name: name.into() };
        let made = claim(object, place, Certainty::Literal);
        // It stays when the Application goes.
        claims.push(Claim { role: Role::Bootstrap, prunes: false, ..made });
    }
    for origin in &application.sources {
        let chart = origin.chart.as_ref().map(|chart| chart.place);
        let folder = origin.folder.as_ref().filter(|folder| repository.file(&join(folder, "Chart.yaml")).is_some());
        if chart.is_some() || folder.is_some() {
            let file = folder.and_then(|folder| repository.file(&join(folder, "Chart.yaml")));
            let named = file.and_then(|file| Some(file.documents().next()?.get("name")?.place));
            let text = format!(
                "{} {} {}",
                origin.chart.as_ref().map_or("", |chart| &chart.text),
                origin.version.as_ref().map_or("", |version| &version.text),
                origin.values.as_ref().map_or(0, content::value)
            );
            let place = chart.or(named).unwrap_or(application.place);
            let made = claim(release(namespace.unwrap_or("default"), &origin.release), place, Certainty::Exact);
            claims.push(Claim { content: chart.map(|_| content::text(&text)), ..made });
            continue;
        }
        let Some(folder) = &origin.folder else { continue };
        let (objects, is_exact) = objects(repository, folder, origin);
        for manifest in &objects {
            for manifest in content::manifests(manifest) {
                let Some(object) = content::object(manifest, schemas, namespace) else { continue };
                let certainty = if is_exact { Certainty::Exact } else { Certainty::Possible };
                let made = claim(object, content::name_place(manifest), certainty);
                claims.push(Claim {
                    prunes: application.prunes && !is_kept(manifest),
                    content: Some(content::digest(manifest)),
                    ..made
                });
            }
        }
    }
    claims
}

/// Whether a manifest asks never to be deleted.
fn is_kept(manifest: &Node) -> bool {
    let options = manifest.at(["metadata", "annotations", "argocd.argoproj.io/sync-options"]).and_then(Node::as_str);
    options.is_some_and(|options| options.split(',').any(|option| option.trim().eq_ignore_ascii_case("Prune=false")))
}

/// The manifests of a folder, and whether these are exactly what is applied.
fn objects(repository: &Repository, folder: &str, origin: &Origin) -> (Vec<Node>, bool) {
    if repository.kustomization(folder).is_some() {
        // What the source says of kustomize besides only changes images, labels and annotations, or names.
        let renames = ["namePrefix", "nameSuffix", "namespace", "patches", "components"];
        let is_plain = !renames.iter().any(|key| origin.node.at(["kustomize", key]).is_some());
        let built = kustomize::build(repository, folder, None).result.unwrap_or_default();
        return (built.into_iter().map(|resource| resource.object).collect(), is_plain);
    }
    if origin.node.get("plugin").is_some() {
        return (Vec::new(), false);
    }
    let text = |key: &str| origin.node.at(["directory", key]).and_then(Node::as_str).unwrap_or_default();
    let recurses = origin.node.at(["directory", "recurse"]).is_some_and(|flag| flag.kind == Kind::Bool(true));
    let (include, exclude) = (text("include"), text("exclude"));
    let mut found = Vec::new();
    for (path, file) in repository.below(folder) {
        let below = path[folder.len()..].trim_start_matches('/');
        let is_manifest = [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending));
        let is_chosen = (include.is_empty() || generate::fits_one(include, below))
            && (exclude.is_empty() || !generate::fits_one(exclude, below));
        if is_manifest && is_chosen && (recurses || !below.contains('/')) && is_below(path, folder) {
            found.extend(file.documents().cloned());
        }
    }
    (found, true)
}
