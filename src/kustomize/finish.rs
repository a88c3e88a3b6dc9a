//! What happens once, to the objects of the outermost folder: local ones dropped, the order, and what is left of annotations.

use std::collections::HashSet;

use super::{
    Id, Resource, Stop, edit, fails,
    file::Kustomization,
    generate, load, names, notes,
    patch::{is_date, written},
    transform::check_key,
    untyped,
};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Entry, Kind, Node, Part},
    source::Sources,
};

/// The annotation of objects that are only there for kustomize.
const LOCAL: &str = "config.kubernetes.io/local-config";
pub(super) const ORDER_FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
pub(super) const ORDER_LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Leaves out what is marked as local.
pub(super) fn drop_local(resources: &mut Vec<Resource>, sources: &Sources) -> Result<(), Stop> {
    for resource in resources.iter_mut() {
        load::check(&resource.object)?;
        check_keys(&mut resource.object)?;
        resource.marks.mistyped.check(&resource.object, false)?;
        generate::check_texts(resource)?;
        if let Some(annotations @ Node { kind: Kind::List(_), .. }) = resource.object.at(["metadata", "annotations"])
            && resource.has_marks()
        {
            return Err(fails("annotations are a map of texts, and this is a list", annotations.place));
        }
        pair_up(&mut resource.object, sources)?;
    }
    let is_local = |resource: &Resource| {
        let local = resource.object.at(["metadata", "annotations", LOCAL]);
        local.is_some_and(|value| raw_text(value, sources) != "false")
    };
    compare_names(resources.iter().filter(|resource| !is_local(resource)))?;
    if resources.iter().any(is_local) {
        let kept: HashSet<Id> = resources.iter().filter(|resource| !is_local(resource)).map(Resource::id).collect();
        // kustomize goes by the name: a local object that is called as another stays.
        let is_dropped = |resource: &mut Resource| is_local(resource) && !kept.contains(&resource.id());
        let dropped: Vec<Resource> = resources.extract_if(.., is_dropped).collect();
        compare_names(dropped.iter())?;
    }
    Ok(())
}

/// Fails where two objects are one to kustomize: patches and replacements give names that nobody compared.
fn compare_names<'r>(resources: impl Iterator<Item = &'r Resource>) -> Result<(), Stop> {
    let Some((first, second)) = names::twice(resources) else { return Ok(()) };
    let identity = second.identity();
    let message = format!("patches or replacements make a second {} `{}`", identity.kind, identity.name);
    let diagnostic = Diagnostic::new(code!("object-twice"), message).at(second.place, "");
    Err(Stop::Fails(Box::new(diagnostic.at(first.place, "the other"))))
}

/// Puts the objects in the order that `sortOptions` asks for.
pub(super) fn sort(resources: &mut [Resource], kustomization: &Kustomization<'_>) -> Result<(), Stop> {
    let Some(options) = kustomization.field("sortOptions") else { return Ok(()) };
    let legacy = options.get("legacySortOptions").filter(|legacy| !edit::is_null(legacy));
    match options.get("order").and_then(Node::as_str) {
        Some("fifo") if legacy.is_none() => Ok(()),
        Some("legacy") => {
            let list = |key: &str, default: &[&str]| -> Vec<String> {
                match legacy {
                    None => default.iter().map(|kind| (*kind).to_owned()).collect(),
                    Some(legacy) => legacy
                        .get(key)
                        .map_or(&[][..], Node::items)
                        .iter()
                        .map(|kind| kind.as_str().unwrap_or_default().to_owned())
                        .collect(),
                }
            };
            let (first, last) = (list("orderFirst", &ORDER_FIRST), list("orderLast", &ORDER_LAST));
            let rank = |kind: &str| match last.iter().rposition(|known| known == kind) {
                Some(at) => 1 + at,
                None => 0,
            };
            let key = |resource: &Resource| {
                let id = resource.id();
                let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
                let group = format!("{}_{}_{}", or(&id.group, "~G"), or(&id.version, "~V"), or(&id.kind, "~K"));
                let order = match (rank(&id.kind), first.iter().rposition(|known| *known == id.kind)) {
                    (0, Some(at)) => (0, at),
                    (rank, _) => (1, rank),
                };
                let name = format!(
                    "{}.{}.{}|{}|{}",
                    or(&id.kind, "[noKind]"),
                    or(&id.version, "[noVer]"),
                    or(&id.group, "[noGrp]"),
                    or(&id.namespace, "~X"),
                    or(&id.name, "~N")
                );
                // The core's Namespaces come before those of other groups, which sort before it otherwise.
                let foreign = id.kind == "Namespace" && !id.group.is_empty();
                (order, foreign, group, name)
            };
            resources.sort_by_cached_key(key);
            Ok(())
        }
        _ => {
            let message =
                "`sortOptions` has an `order` of `fifo` or `legacy`, and `legacySortOptions` only with the latter";
            Err(fails(message, options.place_of("/order", Part::Value)))
        }
    }
}

/// Makes a map of a list of annotations, as kustomize does with keys and values in turn.
pub(super) fn pair_up(object: &mut Node, sources: &Sources) -> Result<(), Stop> {
    let Some(annotations) = object.at(["metadata", "annotations"]) else { return Ok(()) };
    let Kind::List(_) = annotations.kind else { return Ok(()) };
    let mut map = edit::empty_map(annotations.place);
    for pair in edit::pairs(annotations)?.chunks_exact(2) {
        map.set(&raw_text(&pair[0], sources), pair[0].place, edit::string(raw_text(&pair[1], sources), pair[1].place));
    }
    edit::set_at(object, &["metadata", "annotations"], map);
    Ok(())
}

/// kustomize writes all annotations anew, with their keys without quotes.
fn check_keys(object: &mut Node) -> Result<(), Stop> {
    let Some(metadata) = object.get_mut("metadata") else { return Ok(()) };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Node::entries_mut) else { return Ok(()) };
    if annotations.iter().any(|entry| entry.key == "<<") {
        // Which merges nothing, since it holds a text, and is gone.
        annotations.retain(|entry| entry.key != "<<");
    }
    annotations.iter().try_for_each(|entry| check_key(&entry.key, entry.key_place))
}

/// Leaves every annotation a text, in the order of the keys, and no map of annotations without any.
pub(super) fn tidy_annotations(object: &mut Node, sources: &Sources) {
    let place = object.place;
    let Some(metadata) = edit::map_at(object, &["metadata"], place) else { return };
    let Some(annotations) = metadata.get_mut("annotations") else { return };
    notes::hide(annotations);
    let entries = annotations.entries();
    if entries.is_empty() {
        metadata.remove("annotations");
        return;
    }
    let is_odd = |value: &Node| value.as_str().is_none() || is_date(value, sources) || untyped::is_untyped(value);
    let is_tidy = !entries.iter().any(|entry| is_odd(&entry.value));
    if is_tidy {
        return;
    }
    let place = annotations.place;
    let mut entries: Vec<Entry> = entries
        .iter()
        .map(|entry| Entry {
            value: untyped::typed(raw_text(&entry.value, sources), entry.value.place),
            ..entry.clone()
        })
        .collect();
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    let annotations = Node { place, kind: Kind::Map(entries.into()) };
    metadata.set("annotations", place, annotations);
}

/// A scalar as it is written; empty for maps and lists.
pub(super) fn raw_text(node: &Node, sources: &Sources) -> String {
    written(node, sources).into_owned()
}
