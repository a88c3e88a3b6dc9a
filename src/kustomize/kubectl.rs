//! Values as kubectl reads them, which is how kustomize reads what is meant for itself: kustomization files and JSON patches.

use std::borrow::Cow;

use crate::{
    node::{Kind, Node},
    yaml::{Ambiguous, Document, Reading},
};

/// The first document of a text as kubectl reads it.
pub(super) fn first(reading: &Reading) -> Option<Node> {
    reading.documents.first().map(|Document { root, ambiguous }| self::reading(root, ambiguous).into_owned())
}

/// The same with every scalar as kubectl reads it. `ambiguous` are those of its document.
pub(super) fn reading<'n>(root: &'n Node, ambiguous: &[Ambiguous]) -> Cow<'n, Node> {
    let differing: Vec<(&Ambiguous, Kind)> =
        ambiguous.iter().filter_map(|scalar| Some((scalar, meaning(scalar)?))).collect();
    if differing.is_empty() {
        return Cow::Borrowed(root);
    }
    let mut root = root.clone();
    change(&mut root, &differing);
    Cow::Owned(root)
}

/// What kubectl takes a scalar for, where that is something other than what kustomize takes it for in objects.
fn meaning(scalar: &Ambiguous) -> Option<Kind> {
    if scalar.readings.starts_with("a boolean for kubectl") {
        return Some(Kind::Bool(scalar.text.starts_with(['y', 'Y']) || scalar.text.eq_ignore_ascii_case("on")));
    }
    let texts = ["a string for kubectl, a time", "a string for kubectl, a number"];
    texts.iter().any(|text| scalar.readings.starts_with(text)).then(|| Kind::String(scalar.text.clone()))
}

fn change(node: &mut Node, differing: &[(&Ambiguous, Kind)]) {
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| change(item, differing)),
        Kind::Map(entries) => {
            let changed = std::mem::take(entries).into_iter().map(|mut entry| {
                change(&mut entry.value, differing);
                if let Some((_, Kind::Bool(flag))) = differing.iter().find(|(key, _)| key.place == entry.key_place) {
                    entry.key = flag.to_string();
                }
                entry
            });
            *entries = changed.collect();
        }
        _ => {
            if let Some((_, kind)) = differing.iter().find(|(scalar, _)| scalar.place == node.place) {
                node.kind = kind.clone();
            }
        }
    }
}
