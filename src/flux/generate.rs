//! What Flux changes in a folder's kustomization file before kustomize builds it, or makes up where there is none.
//!
//! As kustomize-controller 1.9 does it; facts come from `kustomize_generator.go` of `fluxcd/pkg/kustomize` 1.41.

use crate::{
    code,
    diagnostic::Diagnostic,
    flux::sourceignore::Ignored,
    kustomize::{Refusal, Stop},
    node::{Entry, Kind, Node},
    repository::{Repository, join, resolve},
    source::Place,
};

/// The fields of a kustomization file. Flux reads the first file of a build into a type of these and writes it anew, so
/// what kustomize would refuse as unknown is gone.
const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// The kustomization that Flux builds a folder with.
///
/// `object` is the Flux Kustomization, effective.
pub fn kustomization(repository: &Repository, ignored: &Ignored, folder: &str, object: &Node) -> Result<Node, Stop> {
    let spec = object.get("spec");
    let place = spec.and_then(|spec| spec.get("path")).unwrap_or(object).place;
    let mut fields = match repository.kustomization(folder) {
        Some(path) => written(repository, &path)?,
        None => made_up(repository, ignored, folder, place),
    };
    if let Some(spec) = spec {
        overlay(repository, folder, spec, &mut fields)?;
    }
    Ok(fields.node)
}

/// The fields of the kustomization in the making.
struct Fields {
    node: Node,
}

impl Fields {
    fn set(&mut self, key: &str, key_place: Place, value: Node) {
        let mut entries = self.node.entries().to_vec();
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = value,
            None => entries.push(Entry { key: key.to_owned(), key_place, value }),
        }
        self.node.kind = Kind::Map(entries.into());
    }

    fn append(&mut self, key: &str, list: &Node, added: Vec<Node>) {
        if added.is_empty() {
            return;
        }
        let (place, mut items) = match self.node.get(key) {
            Some(here) if !here.items().is_empty() => (here.place, here.items().to_vec()),
            _ => (list.place, Vec::new()),
        };
        items.extend(added);
        self.set(key, place, Node { place, kind: Kind::List(items) });
    }
}

/// The file of the folder, as Flux reads it.
fn written(repository: &Repository, path: &str) -> Result<Fields, Stop> {
    let file = repository.file(path).expect("the repository has just named it");
    if let Some(fault) = file.faults().next() {
        return Err(Stop::Fails(Box::new(fault.clone())));
    }
    let document = file.documents().next();
    let Some(Node { place, kind: Kind::Map(entries) }) = document else {
        let place = document
            .map(|document| document.place)
            .or_else(|| Some(Place { source: file.source?, span: crate::source::Span::default() }));
        let mut wrong = Diagnostic::new(code!("build-fails"), format!("`{path}` holds no kustomization"));
        if let Some(place) = place {
            wrong = wrong.at(place, "");
        }
        return Err(Stop::Fails(Box::new(
            wrong.help("list its `resources`, or delete the file: Flux then takes every file of the folder"),
        )));
    };
    let known = entries.iter().filter(|entry| FIELDS.contains(&entry.key.as_str())).cloned();
    let mut fields = Fields { node: Node { place: *place, kind: Kind::Map(known.collect()) } };
    if fields.node.get("resources").is_none_or(|resources| resources.items().is_empty()) {
        // Against kustomize's refusal of a file that asks for nothing.
        let marks = Node { place: *place, kind: Kind::List(vec![text(*place, "originAnnotations")]) };
        fields.set("buildMetadata", *place, marks);
    }
    Ok(fields)
}

/// What Flux makes up for a folder without a kustomization file: every manifest at any depth, and instead of what lies
/// in a folder that has a kustomization file, that folder.
fn made_up(repository: &Repository, ignored: &Ignored, folder: &str, place: Place) -> Fields {
    let found = resources(repository, ignored, folder);
    let mut fields = Fields { node: Node { place, kind: Kind::Map(Vec::new().into()) } };
    fields.set("apiVersion", place, text(place, "kustomize.config.k8s.io/v1beta1"));
    fields.set("kind", place, text(place, "Kustomization"));
    if found.is_empty() {
        fields.set("namespace", place, text(place, "_placeholder"));
    } else {
        let items = found.iter().map(|path| text(place, path)).collect();
        fields.set("resources", place, Node { place, kind: Kind::List(items) });
    }
    fields
}

/// What Flux lists as the resources of a folder without a kustomization file.
pub fn resources(repository: &Repository, ignored: &Ignored, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    walk(repository, ignored, folder, "", &mut found);
    found
}

fn walk(repository: &Repository, ignored: &Ignored, folder: &str, below: &str, found: &mut Vec<String>) {
    let here = resolve(folder, below).expect("a path without `..` leads nowhere else");
    for name in repository.children(&here) {
        let path = join(&here, name);
        let seen = join(below, name);
        if repository.is_folder(&path) {
            let has_one = repository.kustomization(&path).is_some_and(|file| !ignored.holds(&file));
            if has_one {
                found.push(seen);
            } else {
                walk(repository, ignored, folder, &seen, found);
            }
        } else if (name.ends_with(".yaml") || name.ends_with(".yml")) && !ignored.holds(&path) {
            found.push(seen);
        }
    }
}

/// Writes the spec's fields into the kustomization.
fn overlay(repository: &Repository, folder: &str, spec: &Node, fields: &mut Fields) -> Result<(), Stop> {
    for (from, to) in [("targetNamespace", "namespace"), ("namePrefix", "namePrefix"), ("nameSuffix", "nameSuffix")] {
        if let Some(entry) = spec.entry(from).filter(|entry| entry.value.as_str().is_some_and(|text| !text.is_empty()))
        {
            fields.set(to, entry.key_place, entry.value.clone());
        }
    }
    if let Some(patches) = spec.get("patches") {
        fields.append("patches", patches, patches.items().iter().map(patch).collect());
    }
    if let Some(components) = spec.get("components") {
        let added = wanted_components(repository, folder, spec, components)?;
        fields.append("components", components, added);
    }
    if let Some(images) = spec.get("images").filter(|images| !images.items().is_empty()) {
        merge_images(fields, images);
    }
    if let Some(marks) = spec.entry("buildMetadata").filter(|entry| !entry.value.items().is_empty()) {
        fields.set("buildMetadata", marks.key_place, marks.value.clone());
    }
    Ok(())
}

/// A patch with what Flux's type of it has.
fn patch(written: &Node) -> Node {
    const TARGET: &[&str] = &["group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"];
    let mut entries = Vec::new();
    for entry in written.entries() {
        match entry.key.as_str() {
            "patch" => entries.push(entry.clone()),
            "target" if entry.value.entries().is_empty() => {}
            "target" => {
                let known = entry.value.entries().iter().filter(|entry| TARGET.contains(&entry.key.as_str())).cloned();
                let target = Node { place: entry.value.place, kind: Kind::Map(known.collect()) };
                entries.push(Entry { value: target, ..entry.clone() });
            }
            _ => {}
        }
    }
    Node { place: written.place, kind: Kind::Map(entries.into()) }
}

fn wanted_components(repository: &Repository, folder: &str, spec: &Node, components: &Node) -> Result<Vec<Node>, Stop> {
    let may_be_missing = spec.get("ignoreMissingComponents").is_some_and(|flag| flag.kind == Kind::Bool(true));
    let mut wanted = Vec::new();
    for component in components.items() {
        let Some(path) = component.as_str() else { continue };
        if is_remote(path) {
            let wrong = Diagnostic::new(
                code!("build-fails"),
                format!("the component `{path}` is no path below the repository"),
            )
            .at(component.place, "")
            .note("Flux takes components only from the source of the Kustomization, by a relative path");
            return Err(Stop::Fails(Box::new(wrong)));
        }
        let Some(at) = resolve(folder, path) else {
            let what = format!("the component `{path}`, which lies outside the repository");
            return Err(Stop::Refused(Refusal { what, place: component.place }));
        };
        if may_be_missing && !repository.is_folder(&at) && repository.file(&at).is_none() {
            continue;
        }
        wanted.push(component.clone());
    }
    Ok(wanted)
}

fn is_remote(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let starts = ["git::", "gh:", "ssh://", "https://", "http://", "git@", "github.com:", "github.com/"];
    starts.iter().any(|start| lower.len() > start.len() && lower.starts_with(start))
        || lower.strip_prefix("file://").unwrap_or(path).starts_with('/')
}

/// Images of the spec override those of the same name in the file: a new name for itself, tag and digest together.
fn merge_images(fields: &mut Fields, images: &Node) {
    let key_place = fields.node.entry("images").map_or(images.place, |entry| entry.key_place);
    let mut list = fields.node.get("images").map(|list| list.items().to_vec()).unwrap_or_default();
    for image in images.items() {
        let Some(name) = image.get("name").and_then(Node::as_str) else { continue };
        let has =
            |key: &str| image.entry(key).filter(|entry| entry.value.as_str().is_some_and(|text| !text.is_empty()));
        let Some(here) = list.iter_mut().find(|here| here.get("name").and_then(Node::as_str) == Some(name)) else {
            list.push(image.clone());
            continue;
        };
        let mut entries = here.entries().to_vec();
        let (new_name, tag, digest) = (has("newName"), has("newTag"), has("digest"));
        entries.retain(|entry| match entry.key.as_str() {
            "newName" => new_name.is_none(),
            "newTag" | "digest" => tag.is_none() && digest.is_none(),
            _ => true,
        });
        entries.extend([new_name, tag, digest].into_iter().flatten().cloned());
        here.kind = Kind::Map(entries.into());
    }
    fields.set("images", key_place, Node { place: images.place, kind: Kind::List(list) });
}

fn text(place: Place, text: &str) -> Node {
    Node { place, kind: Kind::String(text.to_owned()) }
}
