//! Small changes of objects: values made, keys set along a path, labels and annotations written.

use super::{Stop, fails};
use crate::{
    node::{Entries, Kind, Node},
    source::Place,
};

/// A string that counts as written at `place`.
pub fn string(text: impl Into<String>, place: Place) -> Node {
    Node { place, kind: Kind::String(text.into()) }
}

/// A whole number that counts as written at `place`.
pub fn integer(number: i64, place: Place) -> Node {
    Node { place, kind: Kind::Number(number.into()) }
}

/// A map without entries.
pub fn empty_map(place: Place) -> Node {
    Node { place, kind: Kind::Map(Entries::default()) }
}

/// A list without items.
pub fn empty_list(place: Place) -> Node {
    Node { place, kind: Kind::List(Vec::new()) }
}

/// Whether it is null, as a key without a value is.
pub fn is_null(node: &Node) -> bool {
    matches!(node.kind, Kind::Null)
}

/// The node behind a path of keys.
pub fn at_mut<'n>(node: &'n mut Node, path: &[&str]) -> Option<&'n mut Node> {
    path.iter().try_fold(node, |node, key| node.get_mut(key))
}

/// The map behind a path of keys; what is missing or null on the way is made. None where something else than a map lies there.
pub fn map_at<'n>(node: &'n mut Node, path: &[&str], place: Place) -> Option<&'n mut Node> {
    let mut node = node;
    for key in path {
        node = map_of(node, key, place)?;
    }
    matches!(node.kind, Kind::Map(_)).then_some(node)
}

fn map_of<'n>(node: &'n mut Node, key: &str, place: Place) -> Option<&'n mut Node> {
    if is_null(node) {
        node.kind = Kind::Map(Entries::default());
    }
    if !matches!(node.kind, Kind::Map(_)) {
        return None;
    }
    if node.get(key).is_none_or(is_null) {
        node.set(key, place, empty_map(place));
    }
    node.get_mut(key)
}

/// Sets the last key of a path to `value`, making the maps above it; false where something else than a map is in the way.
pub fn set_at(node: &mut Node, path: &[&str], value: Node) -> bool {
    let Some((last, above)) = path.split_last() else {
        *node = value;
        return true;
    };
    let place = value.place;
    let Some(map) = map_at(node, above, place) else { return false };
    map.set(last, place, value);
    true
}

/// Takes the last key of a path out, and its value; the maps above it stay.
pub fn remove_at(node: &mut Node, path: &[&str]) -> Option<Node> {
    let (last, above) = path.split_last()?;
    at_mut(node, above)?.remove(last).map(|entry| entry.value)
}

/// The items of a list that stands where labels or annotations belong: kustomize takes them for keys and values in turn, and panics
/// where a key is the last. Nothing for anything else.
pub(super) fn pairs(node: &Node) -> Result<&[Node], Stop> {
    let items = node.items();
    if items.len() % 2 == 1 {
        return Err(fails("labels and annotations are maps of texts, and this is a list", node.place));
    }
    Ok(items)
}

/// The text of a scalar as it would be written without quotes; None for maps, lists and null.
pub fn scalar_text(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::String(text) => Some(text.clone()),
        Kind::Bool(flag) => Some(flag.to_string()),
        Kind::Number(number) => Some(number.to_string()),
        Kind::Null | Kind::List(_) | Kind::Map(_) => None,
    }
}

/// Whether a value is something to be called: any scalar but null and the empty text.
pub fn is_name(node: &Node) -> bool {
    match &node.kind {
        Kind::String(text) => !text.is_empty(),
        Kind::Bool(_) | Kind::Number(_) => true,
        Kind::Null | Kind::List(_) | Kind::Map(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{source::Sources, yaml};

    #[test]
    fn maps_are_made_on_the_way() {
        let mut sources = Sources::default();
        let text = "metadata:\n  labels:\nspec: 1\n";
        let source = sources.add("a.yaml", text);
        let mut object = yaml::read(source, text).documents.remove(0).root;
        let value = string("x", object.place);
        assert!(set_at(&mut object, &["metadata", "labels", "app"], value.clone()));
        assert!(set_at(&mut object, &["a", "b"], value.clone()));
        assert!(!set_at(&mut object, &["spec", "b"], value));
        assert_eq!(remove_at(&mut object, &["a", "c"]), None);
        let expected = serde_json::json!({"metadata": {"labels": {"app": "x"}}, "spec": 1, "a": {"b": "x"}});
        assert_eq!(object.to_json(), expected);
    }
}
