//! What a change of the tree makes Flux delete: data that no later build brings back.

use std::collections::BTreeSet;

use crate::{
    claim::{ObjectId, group_of},
    code,
    diagnostic::Diagnostic,
    emit::{Change, ChangeKind},
    node::Node,
    source::{Place, Sources, Span},
    tree::Tree,
    world::{Error, World},
    yaml,
};

/// Objects of dangerous kinds that the old tree has in a unit and the new one has not. `changes` lead from one to the other.
///
/// A unit is what Flux knows by its name: objects that stay in their folder are pruned when the name changes, and objects whose folder
/// moves are not when it stays.
pub fn pruned(
    world: &dyn World,
    sources: &mut Sources,
    out: &str,
    tree: &Tree,
    changes: &[Change],
) -> Result<Vec<Diagnostic>, Error> {
    let old = Old { world, out: out.trim_end_matches('/') };
    let mut touched = BTreeSet::new();
    for change in changes.iter().filter(|change| change.kind != ChangeKind::Created && change.path.ends_with(".yaml")) {
        if change.path.starts_with("apps/") {
            touched.insert(change.path.clone());
        } else if let Some(folder) = old.folder_of(&change.path)? {
            // The unit is gone, or has another folder: everything in its old one is at stake.
            touched.extend(old.files_of(&folder)?);
        }
    }
    let mut found = Vec::new();
    for path in touched {
        let Some(text) = old.text(&path)? else { continue };
        if !KINDS.iter().any(|(kind, _)| text.contains(kind)) {
            continue;
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let unit = old.unit_of(folder)?;
        let now = match &unit {
            Some(unit) => tree.get(&format!("flux/{unit}.yaml")).and_then(|file| folder_in(&file.bytes)),
            None => Some(folder.to_owned()),
        };
        let kept = now.map(|folder| kept(tree, &folder)).unwrap_or_default();
        let source = sources.add(format!("{}/{path}", old.out), text);
        for (object, place) in dangerous(source, &sources.get(source).text) {
            if !kept.contains(&object) {
                found.push(danger(&object, place, unit.as_deref().unwrap_or_else(|| label(folder))));
            }
        }
    }
    Ok(found)
}

/// What a unit is called unless its name is pinned.
fn label(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// The tree as it lies on the disk.
struct Old<'o> {
    world: &'o dyn World,
    out: &'o str,
}

impl Old<'_> {
    fn text(&self, path: &str) -> Result<Option<String>, Error> {
        let bytes = self.world.read(&format!("{}/{path}", self.out))?;
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// The folder that a unit's file names.
    fn folder_of(&self, path: &str) -> Result<Option<String>, Error> {
        if !path.starts_with("flux/") {
            return Ok(None);
        }
        Ok(self.text(path)?.and_then(|text| folder_in(text.as_bytes())))
    }

    fn files_of(&self, folder: &str) -> Result<Vec<String>, Error> {
        let files = self.world.files(&format!("{}/{folder}", self.out))?;
        let below = |path: String| path.strip_prefix(self.out)?.strip_prefix('/').map(str::to_owned);
        Ok(files.into_iter().filter_map(below).filter(|path| path.ends_with(".yaml")).collect())
    }

    /// The unit that applies a folder.
    fn unit_of(&self, folder: &str) -> Result<Option<String>, Error> {
        for file in self.world.files(&format!("{}/flux", self.out))? {
            let Some(name) = file.rsplit('/').next().and_then(|name| name.strip_suffix(".yaml")) else { continue };
            if self.folder_of(&format!("flux/{name}.yaml"))?.as_deref() == Some(folder) {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }
}

/// The folder below `out/` that a unit's file names. Only what we wrote ourselves is asked.
fn folder_in(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("  path: "))?;
    // `apps`, the namespace and the unit's own folder; what stands before them may be called `apps` too.
    let parts: Vec<&str> = path.trim_matches(['"', ' ']).split('/').collect();
    let folder = parts.last_chunk::<3>()?;
    (folder[0] == "apps").then(|| folder.join("/"))
}

/// Kinds whose deletion destroys more than themselves, with what it destroys.
const KINDS: &[(&str, &str)] = &[
    ("PersistentVolumeClaim", "its volume, unless the storage class retains it"),
    ("CustomResourceDefinition", "every object of its kind in the whole cluster"),
    ("Namespace", "everything inside it"),
];

fn dangerous(source: crate::source::SourceId, text: &str) -> Vec<(ObjectId, Place)> {
    let documents = yaml::read(source, text).documents;
    documents.iter().filter_map(|document| object(&document.root)).filter(|(object, _)| is_dangerous(object)).collect()
}

fn is_dangerous(object: &ObjectId) -> bool {
    KINDS.iter().any(|(kind, _)| *kind == object.kind)
}

fn object(document: &Node) -> Option<(ObjectId, Place)> {
    let name = document.at(["metadata", "name"])?;
    let object = ObjectId {
        group: group_of(document.get("apiVersion")?.as_str()?).to_owned(),
        kind: document.get("kind")?.as_str()?.to_owned(),
        namespace: document.at(["metadata", "namespace"]).and_then(Node::as_str).map(str::to_owned),
        name: name.as_str()?.to_owned(),
    };
    Some((object, name.place))
}

/// Dangerous objects that the new tree has in the same folder, and so in the same unit.
fn kept(tree: &Tree, folder: &str) -> BTreeSet<ObjectId> {
    let files = tree.below(folder).filter(|(path, _)| path.ends_with(".yaml"));
    // The texts are compared, not reported on: a source of their own keeps places apart.
    let mut scratch = Sources::default();
    files
        .flat_map(|(path, file)| {
            let text = String::from_utf8_lossy(&file.bytes).into_owned();
            let source = scratch.add(path.clone(), text);
            dangerous(source, &scratch.get(source).text)
        })
        .map(|(object, _)| object)
        .collect()
}

fn danger(object: &ObjectId, place: Place, unit: &str) -> Diagnostic {
    let what = KINDS.iter().find(|(kind, _)| *kind == object.kind).map_or("it", |(_, what)| what);
    Diagnostic::new(code!("prune-danger"), format!("Flux will delete `{object}`, and with it {what}"))
        .at(Place { span: Span { ..place.span }, ..place }, "no longer in this unit")
        .note("Flux prunes what a unit applied before and has no more; an object that moves to another unit is pruned too")
        .help(format!(
            "to keep it, keep it in `{unit}`, or first build and apply it with the annotation `kustomize.toolkit.fluxcd.io/prune: disabled`"
        ))
        .about(object.to_string())
}
