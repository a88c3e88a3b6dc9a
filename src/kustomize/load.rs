//! The objects of a file, as kustomize takes them out of it.

use std::collections::VecDeque;

use super::{Resource, Stop, edit, fails, refused};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Kind, Node},
    repository::Repository,
    source::{Place, SourceId, Span},
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
    let documents = file.yaml.iter().flat_map(|reading| &reading.documents).collect::<Vec<_>>();
    let source = documents.first().map(|document| document.root.place.source);
    let documents = match (source, repository.text(path)) {
        (Some(source), Some(text)) => first_of_each_part(documents, &parts(source, text)?),
        _ => documents,
    };
    for document in &documents {
        if let Some(place) = document.keys_that_are_no_texts().find(|key| !is_outermost(&document.root, *key)) {
            return Err(fails("this key is no text, and JSON has no others", place));
        }
    }
    expand(documents.into_iter().map(|document| &document.root))
}

/// kustomize holds the outermost keys in a map of texts, whatever they were.
fn is_outermost(root: &Node, key: Place) -> bool {
    root.entries().iter().any(|entry| entry.key_place == key)
}

/// Where the parts of a text start. kustomize cuts it at lines that begin with `---` before it reads YAML, so that nothing but a comment
/// may follow on such a line, and a directive stands alone.
fn parts(source: SourceId, text: &str) -> Result<Vec<usize>, Stop> {
    let place = |start: usize, line: &str| Place { source, span: Span::new(start, start + line.trim_end().len()) };
    let mut parts = vec![0];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if let Some(rest) = line.strip_prefix("---").filter(|_| start > 0 && line.ends_with('\n')) {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(fails("nothing but a comment may follow `---` on its line", place(start, line)));
            }
            parts.push(end);
        }
        if line.starts_with('%') && parts.len() == 1 && is_blank(&text[..start]) {
            return Err(fails("kustomize reads no directives", place(start, line)));
        }
        start = end;
    }
    Ok(parts)
}

/// Whether nothing but comments stands in a text.
fn is_blank(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.starts_with('#'))
}

/// Of each part kustomize reads one document: what follows `...` is lost.
fn first_of_each_part<'n>(documents: Vec<&'n Document>, parts: &[usize]) -> Vec<&'n Document> {
    let part = |document: &Document| parts.partition_point(|start| *start <= document.root.place.span.start as usize);
    let mut kept: Vec<&Document> = Vec::new();
    for document in documents {
        if kept.last().is_none_or(|last| part(last) != part(document)) {
            kept.push(document);
        }
    }
    kept
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
