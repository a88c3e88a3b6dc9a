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
pub fn pruned(
    world: &dyn World,
    sources: &mut Sources,
    out: &str,
    tree: &Tree,
    changes: &[Change],
) -> Result<Vec<Diagnostic>, Error> {
    let mut found = Vec::new();
    let touched = changes.iter().filter(|change| {
        change.kind != ChangeKind::Created && change.path.starts_with("apps/") && change.path.ends_with(".yaml")
    });
    for change in touched {
        let path = format!("{}/{}", out.trim_end_matches('/'), change.path);
        let Some(old) = world.read(&path)?.and_then(|bytes| String::from_utf8(bytes).ok()) else { continue };
        if !KINDS.iter().any(|(kind, _)| old.contains(kind)) {
            continue;
        }
        let source = sources.add(path.clone(), old);
        let before = dangerous(source, &sources.get(source).text);
        let folder = change.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let kept = kept(tree, folder);
        for (object, place) in before {
            if !kept.contains(&object) {
                found.push(danger(&object, place, folder));
            }
        }
    }
    Ok(found)
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

fn danger(object: &ObjectId, place: Place, folder: &str) -> Diagnostic {
    let what = KINDS.iter().find(|(kind, _)| *kind == object.kind).map_or("it", |(_, what)| what);
    let service = folder.rsplit('/').next().unwrap_or(folder);
    Diagnostic::new(code!("prune-danger"), format!("Flux will delete `{object}`, and with it {what}"))
        .at(Place { span: Span { ..place.span }, ..place }, "no longer in this unit")
        .note("Flux prunes what a unit applied before and has no more; an object that moves to another unit is pruned too")
        .help(format!(
            "to keep it, keep it in `{service}`, or first build and apply it with the annotation `kustomize.toolkit.fluxcd.io/prune: disabled`"
        ))
        .about(object.to_string())
}
