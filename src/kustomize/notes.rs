//! The annotations in which kustomize keeps notes on an object while it builds. Ours stand beside the object; who looks sees them in it.

use super::{Resource, edit, generate::Behavior};
use crate::node::Node;

const DOMAIN: &str = "internal.config.kubernetes.io/";

/// Where annotations are.
const ANNOTATIONS: [&str; 2] = ["metadata", "annotations"];

/// Writes the notes on an object into it.
pub(super) fn show(resource: &mut Resource) {
    let place = resource.place;
    for (key, text) in all(resource) {
        let key = format!("{DOMAIN}{key}");
        edit::set_at(&mut resource.object, &[ANNOTATIONS[0], ANNOTATIONS[1], &key], edit::string(text, place));
    }
}

/// The notes on an object.
fn all(resource: &Resource) -> Vec<(&'static str, String)> {
    let Resource { past, marks, .. } = resource;
    let list = |texts: Vec<&str>| texts.iter().copied().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(",");
    let enabled = |flag: bool| if flag { "enabled" } else { "" }.to_owned();
    let behavior = match marks.behavior {
        _ if !marks.generated => "",
        Behavior::Unspecified => "unspecified",
        Behavior::Create => "create",
        Behavior::Merge => "merge",
        Behavior::Replace => "replace",
    };
    let mut all = vec![
        ("previousKinds", list(past.iter().map(|id| id.kind.as_str()).collect())),
        ("previousNames", list(past.iter().map(|id| id.name.as_str()).collect())),
        ("previousNamespaces", list(past.iter().map(|id| id.namespace.as_str()).collect())),
        ("prefixes", list(marks.prefixes.iter().map(String::as_str).collect())),
        ("suffixes", list(marks.suffixes.iter().map(String::as_str).collect())),
        ("allowNameChange", enabled(marks.name_may_change)),
        ("allowKindChange", enabled(marks.kind_may_change)),
        ("generatorBehavior", behavior.to_owned()),
        ("needsHashSuffix", enabled(marks.needs_hash)),
    ];
    all.retain(|(_, text)| !text.is_empty());
    all
}

/// Takes the notes out of a map of annotations.
pub(super) fn hide(annotations: &mut Node) {
    if let Some(entries) = annotations.entries_mut()
        && entries.iter().any(|entry| is_own(&entry.key))
    {
        entries.retain(|entry| !is_own(&entry.key));
    }
}

/// Whether a way through an object leads to its notes, or to what holds them. The way is taken apart.
pub(super) fn are_at<'s>(steps: impl IntoIterator<Item = &'s str>) -> bool {
    let mut steps = steps.into_iter();
    ANNOTATIONS.iter().all(|wanted| steps.next().is_none_or(|step| step == *wanted)) && steps.next().is_none_or(is_own)
}

/// Whether an annotation is one that kustomize keeps notes in, and takes away at the end.
fn is_own(key: &str) -> bool {
    const INTERNAL: [&str; 15] = [
        "previousKinds",
        "previousNames",
        "previousNamespaces",
        "prefixes",
        "suffixes",
        "allowNameChange",
        "allowKindChange",
        "refBy",
        "generatorBehavior",
        "needsHashSuffix",
        "path",
        "index",
        "seqindent",
        "id",
        "annotations-migration-resource-id",
    ];
    match key.strip_prefix(DOMAIN) {
        Some(rest) => INTERNAL.contains(&rest),
        None => matches!(key, "config.kubernetes.io/path" | "config.kubernetes.io/index" | "config.k8s.io/id"),
    }
}
