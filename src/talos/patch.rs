//! Patches to a node's configuration: strategic merges with `$patch: delete`, and JSON 6902 where Talos allows it.

use serde_json::Value;

use super::{
    contract::{Contract, LATER_KINDS},
    fields::{self, Table, Type},
    merge,
};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    node::{Entry, Kind, Node, Part},
    source::{Place, Span},
};

/// One patch: the documents of one file, with their places.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Strategic merges, one for each document they change; or one list of JSON 6902 operations.
    pub documents: Vec<Node>,
}

/// A document being made. Its value holds only what is set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) value: Value,
}

/// The kind of the machine configuration itself, which has no `kind`.
pub(super) const LEGACY: &str = "v1alpha1";

/// Applies patches in order. Every fault of every patch is found; the documents are sound only when none was.
pub(super) fn apply(documents: &mut Vec<Document>, patches: &[Patch], contract: Contract) -> Vec<Diagnostic> {
    let table = fields::table(contract);
    let mut found = Vec::new();
    for patch in patches {
        match patch.documents.as_slice() {
            [Node { kind: Kind::List(operations), place }] => {
                apply_operations(documents, operations, *place, contract, &mut found);
            }
            _ => apply_merge(documents, &patch.documents, table, &mut found),
        }
    }
    found
}

fn apply_merge(documents: &mut Vec<Document>, patch: &[Node], table: &Table, found: &mut Vec<Diagnostic>) {
    let mut seen: Vec<(String, String, Place)> = Vec::new();
    for node in patch {
        let mut rest = node.clone();
        let mut deletions = Vec::new();
        let all_deleted = Extraction { deletions: &mut deletions, found }.node(&mut rest, false, &mut Vec::new());
        let Some((kind, name)) = identity(node, table, found) else { continue };
        for deletion in &deletions {
            delete(documents, &kind, &name, deletion, table, found);
        }
        if all_deleted || says_nothing(&rest) {
            continue;
        }
        if let Some((.., first)) = seen.iter().find(|(other, other_name, _)| *other == kind && *other_name == name) {
            let what = described(&kind, &name);
            found.push(
                Diagnostic::new(code!("patch-document-twice"), format!("one patch has two documents for {what}"))
                    .at(rest.place, "the second one")
                    .at(*first, "the first one")
                    .help("make them one document, or two patches"),
            );
            continue;
        }
        seen.push((kind.clone(), name.clone(), node.place));
        merge_document(documents, kind, name, &rest, table, found);
    }
}

fn merge_document(
    documents: &mut Vec<Document>,
    kind: String,
    name: String,
    patch: &Node,
    table: &Table,
    found: &mut Vec<Diagnostic>,
) {
    let root = &table.document(&kind).expect("identity() knows it").root;
    let before = found.len();
    let value = fields::read(table, root, patch, "", found);
    if found.len() > before {
        return;
    }
    let Some(value) = value else { return };
    match documents.iter_mut().find(|document| document.kind == kind && document.name == name) {
        None => documents.push(Document { kind, name, value }),
        Some(document) => {
            if let Err(conflict) = merge::merge(table, root, &mut document.value, &value) {
                found.push(
                    Diagnostic::new(
                        code!("patch-type"),
                        format!("`{}` cannot be merged into what is there", conflict.path),
                    )
                    .at(patch.place_of(&conflict.pointer, Part::Value), "")
                    .note(conflict.reason)
                    .help(
                        "delete the old value with `$patch: delete` in an earlier patch, or write a value of its kind",
                    ),
                );
            }
        }
    }
}

/// Which document a patch is for: its kind, and its name where documents of that kind have one.
fn identity(node: &Node, table: &Table, found: &mut Vec<Diagnostic>) -> Option<(String, String)> {
    if !matches!(node.kind, Kind::Map(_)) {
        found.push(
            Diagnostic::new(code!("patch-type"), "a patch is a map of fields, or a list of JSON 6902 operations")
                .at(node.place, "neither of them")
                .help("start with `machine:` or `cluster:`"),
        );
        return None;
    }
    let Some(entry) = node.entry("kind") else { return Some((LEGACY.to_owned(), String::new())) };
    let kind = entry.value.as_str().unwrap_or_default();
    let known = table.document(kind).filter(|_| kind != LEGACY);
    let Some(known) = known else {
        found.push(unknown_kind(kind, entry, table));
        return None;
    };
    let version = node.get("apiVersion").and_then(Node::as_str);
    if version != Some("v1alpha1") {
        let place = node.entry("apiVersion").map_or(entry.key_place, |entry| entry.value.place);
        found.push(
            Diagnostic::new(code!("patch-kind-unknown"), format!("a patch for `{kind}` needs `apiVersion: v1alpha1`"))
                .at(place, "")
                .help("write `apiVersion: v1alpha1` above `kind`"),
        );
        return None;
    }
    let name = if known.named { node.get("name").and_then(Node::as_str).unwrap_or_default() } else { "" };
    Some((kind.to_owned(), name.to_owned()))
}

fn unknown_kind(kind: &str, entry: &Entry, table: &Table) -> Diagnostic {
    let diagnostic = Diagnostic::new(
        code!("patch-kind-unknown"),
        format!("Talos has no document of kind `{kind}` at this contract"),
    )
    .at(entry.value.place, "unknown kind");
    if let Some((version, _)) = LATER_KINDS.iter().find(|(_, kinds)| kinds.contains(&kind)) {
        return diagnostic
            .note(format!("`{kind}` came with Talos {version}"))
            .help("write the same in the `machine` or `cluster` section, where this contract has it");
    }
    let kinds: Vec<&str> = table.kinds().filter(|known| *known != LEGACY).collect();
    match nearest(kind, kinds.iter().copied()) {
        Some(near) => diagnostic.edit(entry.value.place, near, format!("did you mean `{near}`?")),
        None => diagnostic.help(format!(
            "known kinds: {}",
            kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// A document of nothing but these scalars is read as no document at all.
fn says_nothing(node: &Node) -> bool {
    node.entries().iter().all(|entry| {
        matches!(entry.key.as_str(), "version" | "kind" | "name")
            && !matches!(entry.value.kind, Kind::Map(_) | Kind::List(_))
    })
}

fn described(kind: &str, name: &str) -> String {
    match (kind, name) {
        (LEGACY, _) => "the machine configuration".to_owned(),
        (kind, "") => format!("`{kind}`"),
        (kind, name) => format!("`{kind}` `{name}`"),
    }
}

/// A `$patch: delete`.
#[derive(Debug)]
struct Deletion {
    steps: Vec<Step>,
    /// Which item of a list: the first that has this text in this field.
    selector: Option<(String, String)>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Item(usize),
}

fn shown(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) => fields::join(&path, key),
        Step::Item(index) => format!("{path}[{index}]"),
    })
}

/// Takes the deletions out of a patch before it is merged.
struct Extraction<'a> {
    deletions: &'a mut Vec<Deletion>,
    found: &'a mut Vec<Diagnostic>,
}

impl Extraction<'_> {
    /// True when nothing of the node is left to merge, and it had a deletion.
    fn node(&mut self, node: &mut Node, in_list: bool, steps: &mut Vec<Step>) -> bool {
        match &mut node.kind {
            Kind::Map(entries) => {
                let mut left: Vec<Entry> = std::mem::take(entries).into_iter().collect();
                let gone = self.map(&mut left, in_list, steps);
                *entries = left.into();
                gone
            }
            Kind::List(items) => {
                let mut index = 0;
                while index < items.len() {
                    steps.push(Step::Item(index));
                    let gone = self.node(&mut items[index], true, steps);
                    steps.pop();
                    if !gone {
                        index += 1;
                        continue;
                    }
                    items.remove(index);
                    if items.is_empty() {
                        return true;
                    }
                }
                false
            }
            _ => false,
        }
    }

    fn map(&mut self, entries: &mut Vec<Entry>, in_list: bool, steps: &mut Vec<Step>) -> bool {
        let mut index = 0;
        while index < entries.len() {
            if entries[index].key == "$patch" && entries[index].value.as_str() == Some("delete") {
                self.deletion(entries, index, in_list, steps);
                return true;
            }
            steps.push(Step::Key(entries[index].key.clone()));
            let gone = self.node(&mut entries[index].value, false, steps);
            steps.pop();
            if !gone {
                index += 1;
                continue;
            }
            entries.remove(index);
            if entries.is_empty() {
                return true;
            }
        }
        false
    }

    fn deletion(&mut self, entries: &[Entry], index: usize, in_list: bool, steps: &[Step]) {
        let place = entries[index].key_place;
        if !in_list && steps.iter().any(|step| matches!(step, Step::Item(_))) {
            let message = format!("Talos cannot delete `{}`, which is inside an item of a list", shown(steps));
            self.found.push(
                Diagnostic::new(code!("patch-delete-missing"), message)
                    .at(place, "")
                    .help("delete the whole item, and add it again as it should be"),
            );
            return;
        }
        let mut selector = None;
        if in_list {
            let Some(entry) = entries.iter().find(|entry| entry.key != "$patch") else {
                self.found.push(
                    Diagnostic::new(
                        code!("patch-delete-missing"),
                        format!("`{}` does not say which item to delete", shown(steps)),
                    )
                    .at(place, "")
                    .help("name the item by one of its fields, beside `$patch: delete`"),
                );
                return;
            };
            selector = Some((entry.key.clone(), entry.value.as_str().unwrap_or_default().to_owned()));
        }
        self.deletions.push(Deletion { steps: steps.to_vec(), selector, place });
    }
}

fn delete(
    documents: &mut Vec<Document>,
    kind: &str,
    name: &str,
    deletion: &Deletion,
    table: &Table,
    found: &mut Vec<Diagnostic>,
) {
    let missing = |message: String, help: &str| {
        Diagnostic::new(code!("patch-delete-missing"), message).at(deletion.place, "nothing to delete").help(help)
    };
    let Some(index) = documents.iter().position(|document| document.kind == kind && document.name == name) else {
        found.push(missing(
            format!("the node has not got {}, from which this deletes", described(kind, name)),
            "remove the deletion",
        ));
        return;
    };
    if deletion.steps.is_empty() {
        if kind == LEGACY {
            found.push(missing(
                "the machine configuration itself cannot be deleted".to_owned(),
                "delete the fields that should go, one by one",
            ));
        } else {
            documents.remove(index);
        }
        return;
    }
    let root = &table.document(kind).expect("identity() knows it").root;
    if let Err(reason) =
        delete_at(table, root, &mut documents[index].value, &deletion.steps, deletion.selector.as_ref())
    {
        let path = shown(&deletion.steps);
        let message = match &deletion.selector {
            Some((key, value)) => {
                format!("no item with `{key}: {value}` in `{}`", shown(&deletion.steps[..deletion.steps.len() - 1]))
            }
            None => format!("there is no `{path}` to delete"),
        };
        found.push(missing(message, "remove the deletion, or correct what it names").note(reason));
    }
}

fn delete_at(
    table: &Table,
    kind: &Type,
    value: &mut Value,
    steps: &[Step],
    selector: Option<&(String, String)>,
) -> Result<(), &'static str> {
    let (step, rest) = steps.split_first().expect("a deletion has a path");
    match (kind, step) {
        (Type::Pointer(_), _) if value.is_null() => Err("what should hold it is not set"),
        (Type::Pointer(inner), _) => delete_at(table, inner, value, steps, selector),
        (Type::Struct(name), Step::Key(key)) => {
            let field = table.field(name, key).ok_or("Talos has no such field")?;
            let mut nothing = Value::Null;
            let map = value.as_object_mut();
            if rest.is_empty() {
                // A field that is already absent may be deleted; only the way to it must exist.
                if let Some(map) = map {
                    map.remove(key);
                }
                return Ok(());
            }
            let inner = map.and_then(|map| map.get_mut(key)).unwrap_or(&mut nothing);
            delete_at(table, &field.kind, inner, rest, selector)
        }
        (Type::Map(inner), Step::Key(key)) => {
            let map = value.as_object_mut().ok_or("what should hold it is not set")?;
            if rest.is_empty() {
                return map.shift_remove(key).map(|_| ()).ok_or("the map has no such key");
            }
            delete_at(table, inner, map.get_mut(key).ok_or("the map has no such key")?, rest, selector)
        }
        (Type::List(inner) | Type::Keyed(_, inner), Step::Item(_)) => {
            let (key, text) = selector.ok_or("Talos deletes whole items of a list only")?;
            let inner = match &**inner {
                Type::Pointer(inner) => inner,
                inner => inner,
            };
            let Type::Struct(name) = inner else { return Err("the items of this list have no fields") };
            let is_text = table.field(name, key).is_some_and(|field| field.kind == Type::String);
            let items = value.as_array_mut().ok_or("the list is empty")?;
            let index = items
                .iter()
                .position(|item| {
                    is_text && item.is_object() && item.get(key).and_then(Value::as_str).unwrap_or_default() == text
                })
                .ok_or("Talos compares text fields only, and takes the first item that has the text")?;
            items.remove(index);
            Ok(())
        }
        (Type::Free, _) => Err("Talos cannot delete inside a free-form value; replace the whole of it"),
        _ => Err("the path does not fit the fields"),
    }
}

fn apply_operations(
    documents: &mut [Document],
    operations: &[Node],
    place: Place,
    contract: Contract,
    found: &mut Vec<Diagnostic>,
) {
    let failed = |message: String, place: Place| Diagnostic::new(code!("patch-json-failed"), message).at(place, "");
    let [document] = documents else {
        found.push(
            failed("JSON 6902 operations cannot change a configuration of several documents".to_owned(), place)
                .note("this node has further documents, such as the settings of its extensions, and Talos then takes no JSON patch")
                .help("write the change as a strategic merge"),
        );
        return;
    };
    let table = fields::table(contract);
    let root = &table.document(&document.kind).expect("documents have known kinds").root;
    let mut value = fields::write(table, root, Some(&document.value));
    for operation in operations {
        let Ok(parsed) = serde_json::from_value::<json_patch::PatchOperation>(operation.to_json()) else {
            found.push(
                failed("this is not a JSON 6902 operation".to_owned(), operation.place)
                    .help("an operation has `op`, `path` and, for `add`, `replace` and `test`, a `value`"),
            );
            return;
        };
        if json_patch::patch(&mut value, &[parsed]).is_err() {
            let path = operation.get("path").and_then(Node::as_str).unwrap_or_default();
            let word = operation.get("op").and_then(Node::as_str).unwrap_or_default();
            found.push(
                failed(format!("`{word}` of `{path}` does not fit the configuration"), operation.place)
                    .help("the path must lead to something that is there; `add` needs its parent"),
            );
            return;
        }
    }
    // An empty span: what the operations made was not written as it stands.
    let start = Place { source: place.source, span: Span { start: place.span.start, end: place.span.start } };
    if let Some(value) = fields::read(table, root, &node_of(&value, start), "", found) {
        document.value = value;
    }
}

/// A value as a node that is all at one place.
pub fn node_of(value: &Value, place: Place) -> Node {
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(flag) => Kind::Bool(*flag),
        Value::Number(number) => Kind::Number(number.clone()),
        Value::String(text) => Kind::String(text.clone()),
        Value::Array(items) => Kind::List(items.iter().map(|item| node_of(item, place)).collect()),
        Value::Object(map) => Kind::Map(
            map.iter()
                .map(|(key, value)| Entry { key: key.clone(), key_place: place, value: node_of(value, place) })
                .collect(),
        ),
    };
    Node { place, kind }
}
