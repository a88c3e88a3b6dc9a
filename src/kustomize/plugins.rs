//! `transformers`: kustomize's own ones with a configuration of their own. What is not one of them is refused.

use super::{
    Resource, Stop,
    configuration::specs,
    fails, load,
    names::{self, End, Namespacing, Subjects},
    refused,
    transform::set_texts,
};
use crate::{
    node::{Kind, Node},
    source::Sources,
};

/// Does what the objects of `transformers` say, in their order.
pub(super) fn apply(resources: &mut Vec<Resource>, plugins: &[Resource], sources: &Sources) -> Result<(), Stop> {
    for plugin in plugins {
        one(resources, &plugin.object, sources)?;
        resources.retain(|resource| !load::is_empty(&resource.object));
    }
    Ok(())
}

fn one(resources: &mut [Resource], plugin: &Node, sources: &Sources) -> Result<(), Stop> {
    let kind = plugin.get("kind").and_then(Node::as_str).unwrap_or_default();
    let known = plugin.get("apiVersion").and_then(Node::as_str) == Some("builtin");
    let text = |key: &str| plugin.get(key).and_then(Node::as_str);
    let fields = plugin.get("fieldSpecs").map(specs).unwrap_or_default();
    match kind {
        "AnnotationsTransformer" | "LabelTransformer" if known => {
            let pairs = plugin.get(if kind == "LabelTransformer" { "labels" } else { "annotations" });
            let Some(pairs) = pairs.filter(|pairs| !pairs.entries().is_empty()) else { return Ok(()) };
            if let Some(entry) = pairs.entries().iter().find(|entry| entry.value.as_str().is_none()) {
                return Err(fails("labels and annotations are texts", entry.value.place));
            }
            set_texts(resources, pairs, &fields)
        }
        "NamespaceTransformer" if known => {
            let namespace =
                plugin.at(["metadata", "namespace"]).filter(|node| node.as_str().is_some_and(|it| !it.is_empty()));
            let Some(namespace) = namespace else { return Ok(()) };
            let subjects = match text("setRoleBindingSubjects") {
                None | Some("" | "defaultOnly") => Subjects::Default,
                Some("allServiceAccounts") => Subjects::ServiceAccounts,
                Some("none") => Subjects::None,
                Some(_) => {
                    return Err(fails("`setRoleBindingSubjects` has another value than kustomize knows", plugin.place));
                }
            };
            let unset_only = plugin.get("unsetOnly").is_some_and(|flag| flag.kind == Kind::Bool(true));
            Namespacing { namespace, fields: &fields, subjects, unset_only }.apply(resources)
        }
        "PrefixTransformer" | "SuffixTransformer" if known => {
            if plugin.get("fieldSpecs").is_none() {
                return Err(fails(format!("a {kind} needs `fieldSpecs`"), plugin.place));
            }
            let (end, key) =
                if kind == "PrefixTransformer" { (End::Prefix, "prefix") } else { (End::Suffix, "suffix") };
            match text(key) {
                Some(text) => names::extend(resources, end, text, &fields, sources),
                None => Ok(()),
            }
        }
        _ => Err(refused(format!("the transformer `{kind}`"), plugin.place)),
    }
}
