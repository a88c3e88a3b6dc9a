//! The objects of a file, as kustomize takes them out of it.

use std::collections::VecDeque;

use super::{Resource, Stop, edit, fails, file::malformed, refused};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Kind, Node},
    repository::Repository,
    source::{Place, Span},
    yaml::Document,
};

/// The objects of a file.
pub(super) fn objects(repository: &Repository, path: &str) -> Result<Vec<Resource>, Stop> {
    let file = repository.file(path).expect("the caller has seen it");
    if let Some(fault) = file.faults().next() {
        return Err(Stop::Fails(Box::new(fault.clone())));
    }
    if file.yaml.is_none() {
        let place = file.source.map(|source| Place { source, span: Span::default() });
        return Err(match place {
            Some(place) => refused(format!("the file `{path}`, which is not read as YAML"), place),
            None => Stop::Fails(Box::new(Diagnostic::new(
                code!("build-fails"),
                format!("`{path}` is no text, so it holds no objects"),
            ))),
        });
    }
    let text = repository.text(path).unwrap_or_default();
    let place = |start: usize, end: usize| file.source.map(|source| Place { source, span: Span::new(start, end) });
    let parts = parts(text).map_err(|(start, end)| {
        let message = "nothing but a comment may follow the marker of a document on its line";
        place(start, end).map_or_else(|| malformed(message.to_owned(), None), |place| fails(message, place))
    })?;
    let documents = file.yaml.iter().flat_map(|reading| &reading.documents);
    let mut read: Vec<&Node> = Vec::new();
    let mut last = None;
    for document in documents {
        // kustomize takes a text apart at its `---` by itself, and reads one document of each part.
        let part = parts.partition_point(|start| *start <= document.root.place.span.start as usize);
        if last.replace(part) == Some(part) {
            continue;
        }
        check_keys(document)?;
        read.push(&document.root);
    }
    expand(read.into_iter())
}

/// Where the parts of a text begin that kustomize reads by themselves, or a marker that it does not take.
fn parts(text: &str) -> Result<Vec<usize>, (usize, usize)> {
    let mut parts = vec![0];
    let mut after_break = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        // A line that begins a part belongs to its text, also if it is a marker again.
        if after_break && line.starts_with("---") && line.ends_with('\n') {
            let rest = line[3..].trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err((start, start + line.trim_end().len()));
            }
            parts.push(end);
            after_break = false;
        } else {
            after_break = true;
        }
        if line.starts_with('%') && parts.last() == Some(&start) {
            return Err((start, start + line.trim_end().len()));
        }
        start = end;
    }
    Ok(parts)
}

/// Fails where a map has a key that is no text, which cannot be written as JSON.
fn check_keys(document: &Document) -> Result<(), Stop> {
    let keys: Vec<Place> = document
        .ambiguous
        .iter()
        .filter(|scalar| scalar.readings.starts_with("a text for kubectl, no key at all"))
        .map(|scalar| scalar.place)
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    let annotations = document.root.at(["metadata", "annotations"]).map(|annotations| annotations.place.span);
    match keys
        .into_iter()
        .find(|key| annotations.is_none_or(|all| key.span.start < all.start || all.end < key.span.end))
    {
        None => Ok(()),
        Some(key) => Err(fails("this key is no text, and JSON has no other keys", key)),
    }
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
    if let Some(annotations) = node.at(["metadata", "annotations"])
        && let Some(own) = annotations.entry("internal.config.kubernetes.io/previousNames")
    {
        return Err(fails(
            "kustomize keeps notes of its own in this annotation, and does not take yours",
            own.key_place,
        ));
    }
    let name = node.at(["metadata", "name"]).and_then(edit::scalar_text).unwrap_or_default();
    if name.is_empty() && !kind.ends_with("List") {
        return nameless(format!("a {kind} without a `metadata.name`"));
    }
    Ok(())
}
