//! The objects of a file, as kustomize takes them out of it.

use std::collections::VecDeque;

use super::{Resource, Stop, edit, fails, refused};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Kind, Node},
    repository::Repository,
};

/// The objects of a file.
pub(super) fn objects(repository: &Repository, path: &str) -> Result<Vec<Resource>, Stop> {
    let file = repository.file(path).expect("the caller has seen it");
    if let Some(fault) = file.faults().next() {
        return Err(Stop::Fails(Box::new(fault.clone())));
    }
    if file.yaml.is_none() {
        let place = file.source.map(|source| crate::source::Place { source, span: crate::source::Span::default() });
        return Err(match place {
            Some(place) => refused(format!("the file `{path}`, which is not read as YAML"), place),
            None => Stop::Fails(Box::new(Diagnostic::new(
                code!("build-fails"),
                format!("`{path}` is no text, so it holds no objects"),
            ))),
        });
    }
    expand(file.documents())
}

/// The objects that these documents hold: empty ones dropped, lists taken apart.
pub(super) fn expand<'n>(documents: impl Iterator<Item = &'n Node>) -> Result<Vec<Resource>, Stop> {
    let mut objects = Vec::new();
    let mut left: VecDeque<&Node> = documents.filter(|node| !is_empty(node)).collect();
    left.iter().try_for_each(|node| check(node))?;
    while let Some(node) = left.pop_front() {
        let items = is_list(node).then(|| node.get("items")).flatten();
        match items.map(|items| (items, &items.kind)) {
            None => objects.push(Resource::new(node.clone())),
            Some((_, Kind::Null)) => {}
            Some((_, Kind::List(items))) => {
                for item in items.iter().filter(|item| !is_empty(item)) {
                    check(item)?;
                    left.push_back(item);
                }
            }
            Some((items, _)) => return Err(fails("the `items` of a list must be a list", items.place)),
        }
    }
    Ok(objects)
}

fn is_list(node: &Node) -> bool {
    kind(node).ends_with("List")
}

fn kind(node: &Node) -> String {
    node.get("kind").and_then(edit::scalar_text).unwrap_or_default()
}

pub(super) fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => true,
        Kind::Map(entries) => entries.is_empty(),
        Kind::List(items) => items.is_empty(),
        _ => false,
    }
}

/// What kustomize asks of everything it reads as an object: a kind, and a name unless it is a list.
pub(super) fn check(node: &Node) -> Result<(), Stop> {
    let nameless = |message: String| {
        let diagnostic = Diagnostic::new(code!("object-nameless"), message).at(node.place, "");
        Err(Stop::Fails(Box::new(diagnostic)))
    };
    if !matches!(node.kind, Kind::Map(_)) {
        return nameless("this document is no Kubernetes object".to_owned());
    }
    let kind = kind(node);
    if kind.is_empty() {
        return nameless("an object without a `kind`".to_owned());
    }
    let name = node.at(["metadata", "name"]).and_then(edit::scalar_text).unwrap_or_default();
    if name.is_empty() && !kind.ends_with("List") {
        return nameless(format!("a {kind} without a `metadata.name`"));
    }
    Ok(())
}
