//! Where Flux starts in a repository: what the first Kustomization of each cluster applies.
//!
//! `flux bootstrap` leaves a Kustomization in `gotk-sync.yaml`, flux-operator makes one of a FluxInstance (which may be
//! written as values of its chart), Terraform's provider has a path, a script applies a file. Where there is nothing of
//! the kind, the Kustomizations that no other one applies are where somebody has to start.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    flux::{Source, UnitName, generate, sourceignore::Ignored},
    kustomize,
    node::{Entry, Kind, Node},
    repository::{Repository, join, parent, resolve},
    source::{Place, Span},
    world::Error,
};

/// The API group of Flux's Kustomizations.
pub const GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// The API group of the flux-operator.
const OPERATOR: &str = "fluxcd.controlplane.io";
/// What Flux calls its namespace, its first Kustomization and its first source.
pub const FLUX_SYSTEM: &str = "flux-system";

/// The beginning of a cluster.
#[derive(Clone, Debug)]
pub struct Root {
    /// A name for people.
    pub name: String,
    /// The first Kustomizations.
    pub objects: Vec<First>,
    /// The address of the source, where it is known.
    pub url: Option<String>,
    /// The source's `spec.ignore`.
    pub ignore: Option<String>,
}

/// A first Kustomization.
#[derive(Clone, Debug)]
pub struct First {
    /// The Kustomization, or the one that Flux would make.
    pub object: Node,
    /// Where its name is written, or else its folder.
    pub place: Place,
    /// What it is fetched from; None where nothing says so.
    pub source: Option<Source>,
    /// The folder it applies.
    pub folder: String,
}

/// A Flux Kustomization as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Written<'r> {
    /// The file it is in.
    pub path: &'r str,
    /// Itself.
    pub object: &'r Node,
}

/// Whether an object is a Flux Kustomization.
pub fn is_unit(object: &Node) -> bool {
    is_of(object, GROUP, "Kustomization")
}

/// Every document that is a whole Flux Kustomization, in the order of files. Patches of one lack what each has to have.
pub fn written(repository: &Repository) -> Vec<Written<'_>> {
    let documents =
        repository.files().flat_map(|(path, file)| file.documents().map(move |object| Written { path, object }));
    let is_whole = |written: &Written<'_>| {
        is_unit(written.object)
            && written.object.at(["spec", "interval"]).is_some()
            && string(written.object, &["spec", "sourceRef", "name"]).is_some()
            && string(written.object, &["metadata", "name"]).is_some()
    };
    documents.filter(is_whole).collect()
}

/// The roots of a repository: those given, or those it shows, or else a start, or else what nobody applies.
pub fn find(repository: &Repository, given: &[String], start: Option<&str>) -> Result<Vec<Root>, Error> {
    if !given.is_empty() {
        let folders = given.iter().map(|folder| given_root(repository, folder)).collect::<Result<Vec<_>, _>>()?;
        return Ok(named(folders));
    }
    let mut found = BTreeMap::new();
    for evidence in [synced, instances, terraform, applied_by_scripts] {
        for root in evidence(repository) {
            let folders: Vec<String> = root.objects.iter().map(|first| first.folder.clone()).collect();
            found.entry(folders).or_insert(root);
        }
    }
    if found.len() > 1 {
        // A folder left from an earlier `flux bootstrap` starts nothing.
        let is_left = |root: &Root| root.objects.iter().all(|first| has_only_flux(repository, &first.folder));
        let kept: BTreeMap<_, _> =
            found.iter().filter(|(_, root)| !is_left(root)).map(|(key, root)| (key.clone(), root.clone())).collect();
        found = if kept.is_empty() { found } else { kept };
    }
    match start.filter(|folder| repository.is_folder(folder)) {
        _ if !found.is_empty() => Ok(named(found.into_values().collect())),
        Some(start) => Ok(named(vec![given_root(repository, start)?])),
        None => Ok(unapplied(repository)),
    }
}

/// Whether a folder holds nothing but what `flux bootstrap` writes.
fn has_only_flux(repository: &Repository, folder: &str) -> bool {
    let own = ["gotk-components.yaml", "gotk-sync.yaml", "kustomization.yaml"];
    repository.below(folder).all(|(path, _)| path.rsplit('/').next().is_some_and(|name| own.contains(&name)))
}

/// `--root DIR`.
fn given_root(repository: &Repository, folder: &str) -> Result<Root, Error> {
    let resolved = resolve("", folder.trim_start_matches("./")).filter(|folder| repository.is_folder(folder));
    let first = resolved.as_deref().and_then(|folder| {
        let file = repository.kustomization(folder);
        let file = file.as_deref().and_then(|path| repository.file(path));
        let read = file.and_then(|file| file.source);
        read.or_else(|| repository.below(folder).find_map(|(_, file)| file.source))
    });
    let (Some(folder), Some(source)) = (resolved, first) else {
        return Err(Error::new("start at", folder, "there is no such folder with files to read"));
    };
    // The Kustomization that applies it may be written somewhere, with what it says of it.
    let known = written(repository).into_iter().find(|written| applies(written.object, &folder) && is_inside(written));
    Ok(match known {
        Some(written) => of_document(repository, written),
        None => {
            let place = Place { source, span: Span::default() };
            // It is fetched from what most Kustomizations are fetched from.
            let most =
                of_one_source(written(repository)).first().and_then(|written| source_of(written.object, FLUX_SYSTEM));
            let most = most.filter(|source| is_fetched(&source.kind));
            let (kind, name) = most.as_ref().map_or(("GitRepository", FLUX_SYSTEM), |most| (&most.kind, &most.name));
            made(repository, FLUX_SYSTEM, FLUX_SYSTEM, (kind, name), &folder, place)
        }
    })
}

/// The Kustomizations of `flux bootstrap`: they lie in the folder that they apply, and are meant to.
fn synced(repository: &Repository) -> Vec<Root> {
    let is_one = |written: &Written<'_>| {
        let file = written.path.rsplit('/').next();
        let is_first =
            file == Some("gotk-sync.yaml") || string(written.object, &["metadata", "name"]) == Some(FLUX_SYSTEM);
        is_first && is_inside(written)
    };
    written(repository).into_iter().filter(is_one).map(|written| of_document(repository, written)).collect()
}

/// Whether a Kustomization lies in the folder it applies.
fn is_inside(written: &Written<'_>) -> bool {
    let folder = string(written.object, &["spec", "path"]).map(join_securely);
    folder.is_some_and(|folder| crate::repository::is_below(written.path, &folder))
}

fn applies(object: &Node, folder: &str) -> bool {
    string(object, &["spec", "path"]).map(join_securely).as_deref() == Some(folder)
}

/// What flux-operator makes: of a FluxInstance, or of the values that its chart makes one of.
fn instances(repository: &Repository) -> Vec<Root> {
    let mut roots = Vec::new();
    for (_, file) in repository.files() {
        for document in file.documents() {
            let (spec, namespace) = if is_of(document, OPERATOR, "FluxInstance") {
                (document.get("spec"), string(document, &["metadata", "namespace"]))
            } else if is_of(document, "helm.toolkit.fluxcd.io", "HelmRelease") {
                (document.at(["spec", "values", "instance"]), string(document, &["metadata", "namespace"]))
            } else if document.get("kind").is_none() {
                (document.get("instance"), None)
            } else {
                continue;
            };
            let Some(sync) = spec.and_then(|spec| spec.get("sync")) else { continue };
            let Some(path) = sync.get("path") else { continue };
            let Some(folder) = path.as_str().map(join_securely).filter(|folder| repository.is_folder(folder)) else {
                continue;
            };
            let namespace = namespace.unwrap_or(FLUX_SYSTEM);
            let name = string(sync, &["name"]).unwrap_or(namespace);
            let kind = string(sync, &["kind"]).unwrap_or("GitRepository");
            let mut root = made(repository, namespace, name, (kind, name), &folder, path.place);
            if let Some(url) = string(sync, &["url"]) {
                root.url = Some(url.to_owned());
            }
            if let Some(patches) = spec.and_then(|spec| spec.at(["kustomize", "patches"])) {
                let first = &mut root.objects[0];
                first.object = patched(repository, &first.object, patches).unwrap_or_else(|| first.object.clone());
            }
            roots.push(root);
        }
    }
    roots
}

/// The first Kustomization with those patches of an instance that aim at something; the others are for Flux itself.
fn patched(repository: &Repository, object: &Node, patches: &Node) -> Option<Node> {
    let aimed: Vec<Node> = patches.items().iter().filter(|patch| patch.get("target").is_some()).cloned().collect();
    kustomize::patched(repository, object, &Node { place: patches.place, kind: Kind::List(aimed) }).ok()
}

/// The paths of Terraform's `flux_bootstrap_git`, where they are literal.
fn terraform(repository: &Repository) -> Vec<Root> {
    let mut roots = Vec::new();
    let files = repository.files().filter(|(path, _)| path.ends_with(".tf") || path.ends_with(".tofu"));
    for (path, file) in files {
        let (Some(source), Some(text)) = (file.source, repository.text(path)) else { continue };
        for (at, _) in text.match_indices("resource \"flux_bootstrap_git\"") {
            let block = &text[at..];
            // A block ends where a line starts with its brace.
            let block = &block[..block.find("\n}").unwrap_or(block.len())];
            let line = block.lines().find(|line| {
                line.trim_start().strip_prefix("path").is_some_and(|rest| rest.trim_start().starts_with('='))
            });
            let quoted = line.and_then(|line| line.split('"').nth(1));
            let Some(folder) = quoted.map(join_securely).filter(|folder| repository.is_folder(folder)) else {
                continue;
            };
            let start = at + quoted.map_or(0, |quoted| quoted.as_ptr() as usize - block.as_ptr() as usize);
            let span = Span::new(start, start + quoted.map_or(0, str::len));
            roots.push(made(
                repository,
                FLUX_SYSTEM,
                FLUX_SYSTEM,
                ("GitRepository", FLUX_SYSTEM),
                &folder,
                Place { source, span },
            ));
        }
    }
    roots
}

/// The Kustomizations in files that a script gives to `kubectl apply`.
fn applied_by_scripts(repository: &Repository) -> Vec<Root> {
    let documents = written(repository);
    let files: BTreeSet<&str> = documents.iter().map(|written| written.path).collect();
    let mut applied: BTreeSet<&str> = BTreeSet::new();
    for (path, _) in repository.files().filter(|(path, _)| is_script(path)) {
        for line in repository
            .text(path)
            .unwrap_or_default()
            .lines()
            .filter(|line| line.contains("kubectl") && line.contains("apply"))
        {
            for word in
                line.split([' ', '"', '\'', '=', '\t']).filter(|word| word.ends_with(".yaml") || word.ends_with(".yml"))
            {
                // What stands before the last variable is not known here.
                let end =
                    word.rsplit(['}', '$']).next().unwrap_or(word).trim_start_matches("./").trim_start_matches('/');
                let is_meant = |file: &&str| *file == end || file.ends_with(&format!("/{end}")) && end.contains('/');
                applied.extend(files.iter().copied().filter(is_meant));
            }
        }
    }
    documents
        .into_iter()
        .filter(|written| applied.contains(written.path))
        .map(|written| of_document(repository, written))
        .collect()
}

fn is_script(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    [".sh", ".just", "justfile", "Justfile", "Makefile"].iter().any(|end| name.ends_with(end))
        || name.starts_with("Taskfile.")
        || path.contains(".taskfiles/")
}

/// Whether a path lies in a folder that is kept, but not used.
fn is_set_aside(path: &str) -> bool {
    const NAMES: &[&str] = &["archive", "archived", "disabled", "deprecated", "old", "unused", "examples", "example"];
    let mut folders = path.split('/').rev().skip(1);
    folders.any(|folder| NAMES.contains(&folder.trim_start_matches(['_', '.'])))
}

/// The Kustomizations that no other one applies, or where a kustomization file lists them, the outermost folder that does.
/// Those of one name belong to different clusters, told apart by the shallowest folders that do so.
fn unapplied(repository: &Repository) -> Vec<Root> {
    let live = written(repository).into_iter().filter(|written| !is_set_aside(written.path)).collect();
    let documents = of_one_source(live);
    let ignored = Ignored::of(repository, None);
    let base = artifact(repository, &documents);
    let mut applied: BTreeSet<&str> = BTreeSet::new();
    let mut themselves = BTreeSet::new();
    let mut closures = BTreeMap::new();
    for written in &documents {
        let folder = base.folder(repository, written.object);
        let files = closures.entry(folder.clone()).or_insert_with(|| files_of(repository, &ignored, &folder));
        for other in documents.iter().filter(|other| files.contains(other.path)) {
            if other.object.place == written.object.place {
                themselves.insert(written.object.place);
            } else {
                applied.insert(other.path);
            }
        }
    }
    let is_first = |written: &&Written<'_>| !applied.contains(written.path);
    let mut firsts: Vec<Written<'_>> = documents.iter().filter(is_first).copied().collect();
    if firsts.is_empty() {
        // They apply each other in a circle, which somebody has to enter somewhere.
        firsts.extend(documents.first());
    }
    let lists = lists(repository);
    let mut folders = BTreeMap::new();
    firsts.retain(|written| {
        // One that lies in the folder it applies is where somebody started.
        let is_start = themselves.contains(&written.object.place);
        let outermost = if is_start { BTreeSet::new() } else { outermost(&lists, written.path) };
        for folder in &outermost {
            folders.entry(folder.clone()).or_insert(*written);
        }
        outermost.is_empty()
    });
    let mut roots: Vec<Root> = folders
        .into_iter()
        .map(|(folder, written)| {
            let source = source_of(written.object, FLUX_SYSTEM);
            let kind = source.as_ref().map_or("GitRepository", |source| source.kind.as_str());
            let name = source.as_ref().map_or(FLUX_SYSTEM, |source| source.name.as_str());
            let place = kustomization_place(repository, &folder).unwrap_or(written.object.place);
            made(repository, FLUX_SYSTEM, name, (kind, name), &folder, place)
        })
        .collect();
    let names: Vec<String> = names(&roots.iter().map(|root| root.objects[0].folder.clone()).collect::<Vec<_>>());
    for (root, name) in roots.iter_mut().zip(names) {
        root.name = name;
    }
    for (name, group) in grouped(&firsts) {
        let parts: Vec<Root> = group.into_iter().map(|written| of_document(repository, written)).collect();
        roots.push(Root {
            name,
            url: parts.iter().find_map(|root| root.url.clone()),
            ignore: parts.iter().find_map(|root| root.ignore.clone()),
            objects: parts.into_iter().flat_map(|root| root.objects).collect(),
        });
    }
    roots
}

/// Whether a source of this kind is fetched as it is; an ExternalArtifact is put together by a generator (`artifacts.rs`).
pub fn is_fetched(kind: &str) -> bool {
    matches!(kind, "GitRepository" | "OCIRepository" | "Bucket")
}

/// Those of the source that most name, which is this repository.
fn of_one_source(mut documents: Vec<Written<'_>>) -> Vec<Written<'_>> {
    let source =
        |written: &Written<'_>| source_of(written.object, FLUX_SYSTEM).map(|source| (source.kind, source.name));
    let mut count = BTreeMap::new();
    for source in documents.iter().filter_map(source) {
        *count.entry(source).or_insert(0) += 1;
    }
    let most = count.into_iter().filter(|((kind, _), _)| is_fetched(kind)).max_by_key(|(_, count)| *count);
    if let Some((most, _)) = most {
        documents.retain(|written| source(written).as_ref() == Some(&most));
    }
    documents
}

/// The folders whose kustomization files list a file or folder, by that.
fn lists(repository: &Repository) -> BTreeMap<String, BTreeSet<String>> {
    let mut lists: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let folders = repository.files().map(|(path, _)| parent(path).to_owned()).collect::<BTreeSet<_>>();
    for folder in folders {
        for listed in listed_by(repository, &folder) {
            lists.entry(listed).or_default().insert(folder.clone());
        }
    }
    lists
}

/// The folders that list this, directly or by others, and that no other folder lists.
fn outermost(lists: &BTreeMap<String, BTreeSet<String>>, path: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    let mut open = vec![path.to_owned()];
    while let Some(here) = open.pop() {
        match lists.get(&here) {
            Some(above) => open.extend(above.iter().filter(|folder| seen.insert((*folder).clone())).cloned()),
            None if here != path => {
                found.insert(here);
            }
            None => {}
        }
    }
    found
}

/// Where the kustomization file of a folder begins.
fn kustomization_place(repository: &Repository, folder: &str) -> Option<Place> {
    let source = repository.file(&repository.kustomization(folder)?)?.source?;
    Some(Place { source, span: Span::default() })
}

/// The files that a folder's build reads, as far as kustomization files list them.
fn files_of(repository: &Repository, ignored: &Ignored, folder: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut open: Vec<String> = if repository.kustomization(folder).is_some() {
        vec![folder.to_owned()]
    } else if repository.is_folder(folder) {
        generate::resources(repository, ignored, folder).iter().filter_map(|path| resolve(folder, path)).collect()
    } else {
        Vec::new()
    };
    let mut seen = BTreeSet::new();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        if repository.is_folder(&path) {
            open.extend(listed_by(repository, &path));
        } else {
            files.insert(path);
        }
    }
    files
}

/// What the kustomization file of a folder lists.
fn listed_by(repository: &Repository, folder: &str) -> Vec<String> {
    let file = repository.kustomization(folder);
    let documents = file.iter().filter_map(|path| repository.file(path)).flat_map(crate::repository::File::documents);
    let fields = documents
        .flat_map(|document| ["resources", "bases", "components"].into_iter().filter_map(|field| document.get(field)));
    fields.flat_map(Node::items).filter_map(Node::as_str).filter_map(|path| resolve(folder, path)).collect()
}

/// The folder whose content is pushed as an artifact, from which the paths of those that fetch it are seen.
#[derive(Clone, Debug, Default)]
pub struct Artifact(String);

impl Artifact {
    /// The folder that a Kustomization applies.
    pub fn folder(&self, repository: &Repository, object: &Node) -> String {
        let path = string(object, &["spec", "path"]).map(join_securely).unwrap_or_default();
        let is_pushed = matches!(string(object, &["spec", "sourceRef", "kind"]), Some("OCIRepository" | "Bucket"));
        if self.0.is_empty() || !is_pushed || repository.is_folder(&path) && !path.is_empty() {
            return path;
        }
        if path.is_empty() { self.0.clone() } else { join(&self.0, &path) }
    }
}

/// The folder from which most of those paths lead somewhere that lead nowhere from the top.
pub fn artifact(repository: &Repository, documents: &[Written<'_>]) -> Artifact {
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for written in documents {
        let is_pushed =
            matches!(string(written.object, &["spec", "sourceRef", "kind"]), Some("OCIRepository" | "Bucket"));
        let Some(path) = string(written.object, &["spec", "path"]).map(join_securely).filter(|path| !path.is_empty())
        else {
            continue;
        };
        if !is_pushed || repository.is_folder(&path) {
            continue;
        }
        let end = format!("/{path}");
        for base in repository.folders().filter_map(|folder| folder.strip_suffix(&end)) {
            *votes.entry(base).or_default() += 1;
        }
    }
    let best = votes.into_iter().max_by_key(|(base, votes)| (*votes, std::cmp::Reverse(base.len())));
    Artifact(best.map(|(base, _)| base.to_owned()).unwrap_or_default())
}

/// Kustomizations by the folders that tell those of one name apart.
fn grouped<'r>(firsts: &[Written<'r>]) -> Vec<(String, Vec<Written<'r>>)> {
    let deepest = firsts.iter().map(|written| written.path.split('/').count()).max().unwrap_or_default();
    for depth in 0..deepest.max(1) {
        let mut groups: BTreeMap<String, Vec<Written<'r>>> = BTreeMap::new();
        for written in firsts {
            let folder: Vec<&str> = parent(written.path).split('/').take(depth).collect();
            groups.entry(folder.join("/")).or_default().push(*written);
        }
        let is_clear = |group: &Vec<Written<'_>>| {
            let mut names = BTreeSet::new();
            group.iter().all(|written| names.insert(name_of(written.object, FLUX_SYSTEM)))
        };
        if groups.values().all(is_clear) || depth + 1 >= deepest {
            let folders: Vec<String> = groups
                .iter()
                .map(|(folder, group)| if folder.is_empty() { common_folder(group) } else { folder.clone() })
                .collect();
            return names(&folders).into_iter().zip(groups.into_values()).collect();
        }
    }
    Vec::new()
}

fn common_folder(group: &[Written<'_>]) -> String {
    let mut common: Vec<&str> = parent(group[0].path).split('/').collect();
    for written in group {
        let here = parent(written.path).split('/');
        let same = common.iter().zip(here).take_while(|(left, right)| **left == *right).count();
        common.truncate(same);
    }
    common.join("/")
}

/// The root that a written Kustomization is.
fn of_document(repository: &Repository, written: Written<'_>) -> Root {
    let folder = string(written.object, &["spec", "path"]).map(join_securely).unwrap_or_default();
    let place = written.object.at(["metadata", "name"]).unwrap_or(written.object).place;
    let source = source_of(written.object, FLUX_SYSTEM);
    let (url, ignore) = source.as_ref().map_or((None, None), |source| described(repository, source, written.path));
    let first = First { object: written.object.clone(), place, source, folder };
    Root { name: String::new(), objects: vec![first], url, ignore }
}

/// The root of a Kustomization that nothing in the repository is, but that Flux makes.
fn made(
    repository: &Repository,
    namespace: &str,
    name: &str,
    (kind, source): (&str, &str),
    folder: &str,
    place: Place,
) -> Root {
    let text = |text: &str| Node { place, kind: Kind::String(text.to_owned()) };
    let map = |entries: Vec<(&str, Node)>| {
        let entry = |(key, value): (&str, Node)| Entry { key: key.to_owned(), key_place: place, value };
        Node { place, kind: Kind::Map(entries.into_iter().map(entry).collect()) }
    };
    let object = map(vec![
        ("apiVersion", text("kustomize.toolkit.fluxcd.io/v1")),
        ("kind", text("Kustomization")),
        ("metadata", map(vec![("name", text(name)), ("namespace", text(namespace))])),
        (
            "spec",
            map(vec![
                ("interval", text("10m")),
                ("path", text(if folder.is_empty() { "./" } else { folder })),
                ("prune", Node { place, kind: Kind::Bool(true) }),
                ("sourceRef", map(vec![("kind", text(kind)), ("name", text(source))])),
            ]),
        ),
    ]);
    let source = Source { kind: kind.to_owned(), namespace: namespace.to_owned(), name: source.to_owned(), place };
    let (url, ignore) = described(repository, &source, folder);
    let first = First { object, place, source: Some(source), folder: folder.to_owned() };
    Root { name: String::new(), objects: vec![first], url, ignore }
}

/// The address and `spec.ignore` of a source, as the nearest document about it has them.
fn described(repository: &Repository, source: &Source, near: &str) -> (Option<String>, Option<String>) {
    let is_it = |object: &Node| {
        is_of(object, "source.toolkit.fluxcd.io", &source.kind)
            && string(object, &["metadata", "name"]) == Some(&source.name)
            && string(object, &["metadata", "namespace"]).is_none_or(|namespace| namespace == source.namespace)
    };
    let documents = repository.files().flat_map(|(path, file)| file.documents().map(move |object| (path, object)));
    let shared = |path: &str| path.split('/').zip(near.split('/')).take_while(|(left, right)| left == right).count();
    let nearest = documents.filter(|(_, object)| is_it(object)).max_by_key(|(path, _)| shared(path));
    nearest.map_or((None, None), |(_, object)| {
        let field = |name: &str| string(object, &["spec", name]).map(str::to_owned);
        (field("url"), field("ignore"))
    })
}

/// Gives each root its name.
fn named(mut roots: Vec<Root>) -> Vec<Root> {
    let folders: Vec<String> = roots.iter().map(|root| root.objects[0].folder.clone()).collect();
    for (root, name) in roots.iter_mut().zip(names(&folders)) {
        root.name = name;
    }
    roots
}

/// Names of folders: what they do not share, or for a single one its last part.
fn names(folders: &[String]) -> Vec<String> {
    let split: Vec<Vec<&str>> = folders.iter().map(|folder| folder.split('/').collect()).collect();
    let (start, end) = match split.as_slice() {
        [] => (0, 0),
        [one] => (one.len() - 1, 0),
        several => {
            let shortest = several.iter().map(Vec::len).min().unwrap_or_default();
            let is_shared =
                |part: &dyn Fn(&[&str]) -> String| several.iter().all(|parts| part(parts) == part(&several[0]));
            let start = (0..shortest).take_while(|at| is_shared(&|parts| parts[*at].to_owned())).count();
            let from_end = |at: usize| move |parts: &[&str]| parts[parts.len() - 1 - at].to_owned();
            let end = (0..shortest - start).take_while(|at| is_shared(&from_end(*at))).count();
            (start, end)
        }
    };
    let mut used = BTreeSet::new();
    let name = |parts: &Vec<&str>| {
        let name = parts[start..parts.len() - end].join("-");
        let name = if name.is_empty() { "cluster".to_owned() } else { name };
        let numbered = (2..=folders.len()).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !used.contains(name));
        let free = free.expect("there are as many numbers as names");
        used.insert(free.clone());
        free
    };
    split.iter().map(name).collect()
}

/// The folder a `spec.path` means: no path leads out of the repository.
pub fn join_securely(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The name of a Kustomization.
pub fn name_of(object: &Node, namespace: &str) -> UnitName {
    let text = |key: &str| string(object, &["metadata", key]);
    UnitName {
        namespace: text("namespace").unwrap_or(namespace).to_owned(),
        name: text("name").unwrap_or_default().to_owned(),
    }
}

/// The `sourceRef` of a Kustomization that lies in this namespace unless it says otherwise.
pub fn source_of(object: &Node, namespace: &str) -> Option<Source> {
    let reference = object.at(["spec", "sourceRef"])?;
    let name = reference.get("name")?;
    let own = string(object, &["metadata", "namespace"]).unwrap_or(namespace);
    Some(Source {
        kind: string(reference, &["kind"])?.to_owned(),
        namespace: string(reference, &["namespace"]).unwrap_or(own).to_owned(),
        name: name.as_str()?.to_owned(),
        place: name.place,
    })
}

/// Whether an object is of this group and kind.
pub fn is_of(object: &Node, group: &str, kind: &str) -> bool {
    string(object, &["kind"]) == Some(kind)
        && string(object, &["apiVersion"]).is_some_and(|version| crate::claim::group_of(version) == group)
}

/// A text of an object.
pub fn string<'n>(object: &'n Node, path: &[&str]) -> Option<&'n str> {
    object.at(path.iter().copied()).and_then(Node::as_str)
}
