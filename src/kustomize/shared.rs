//! Labels and annotations that kustomize sets in several fields at once stay one value to it: whoever changes one changes them all.
//!
//! An overlay that gives `metadata.labels.app` another value so changes the selector too that its base set with `commonLabels`.

use super::{Resource, Stop};
use crate::node::{Kind, Node};

/// Changes an object, and then whatever is one value with what was changed.
pub(super) fn keeping<T>(
    resource: &mut Resource,
    change: impl FnOnce(&mut Resource) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let before = before(resource);
    let result = change(resource)?;
    follow(before.as_ref(), resource);
    Ok(result)
}

/// An object as it is, where something may follow its changes.
pub(super) fn before(resource: &Resource) -> Option<Node> {
    (!resource.marks.shares.is_empty()).then(|| resource.object.clone())
}

/// Changes whatever is one value with what was changed since.
pub(super) fn follow(before: Option<&Node>, resource: &mut Resource) {
    let Some(before) = before else { return };
    let mut changed = Vec::new();
    compare(before, &resource.object, &mut changed);
    for (key, old, new) in changed {
        if resource.marks.shares.contains(&old.place) {
            spread(&mut resource.object, key, old, &new);
            resource.marks.shares.push(new.place);
        }
    }
}

/// The values that were changed: their keys, the old ones, and the new ones.
fn compare<'b>(before: &'b Node, after: &Node, changed: &mut Vec<(&'b str, &'b Node, Node)>) {
    for entry in before.entries() {
        let Some(now) = after.get(&entry.key) else { continue };
        match (&entry.value.kind, &now.kind) {
            (Kind::Map(_) | Kind::List(_), _) | (_, Kind::Map(_) | Kind::List(_)) => {
                compare(&entry.value, now, changed);
            }
            _ if entry.value != *now => changed.push((&entry.key, &entry.value, now.clone())),
            _ => {}
        }
    }
}

/// Sets every value of this key that was one with the old one. Values of a patch in quotes may all have the place of the patch: equal
/// places alone say nothing.
fn spread(node: &mut Node, key: &str, old: &Node, new: &Node) {
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| spread(item, key, old, new)),
        Kind::Map(entries) => {
            for (own, value) in entries.values_mut() {
                if own == key && value == old {
                    *value = new.clone();
                } else {
                    spread(value, key, old, new);
                }
            }
        }
        _ => {}
    }
}
