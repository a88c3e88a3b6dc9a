//! Strategic merge as kustomize 5.8 does it: maps merged, lists of known kinds merged by key, `$patch` obeyed.
//!
//! kustomize walks the whole object, also where the patch says nothing: keys without a value disappear, and items of keyed
//! lists that stand there twice are joined. Both happen here too.

use std::{borrow::Cow, cell::RefCell};

use serde_json::Number;

use super::lists::{Field, Schema};
use crate::{
    kustomize::{Stop, edit, fails, fold, quotes::Quotes, untyped},
    node::{Entry, Kind, Node},
    source::{Place, Sources},
    yaml,
};

/// The key that says what to do instead of merging.
const DIRECTIVE: &str = "$patch";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Merges a patch into an object; false where nothing is left of it.
pub(super) fn merge(
    object: &mut Node,
    patch: &Node,
    quotes: &RefCell<Quotes>,
    sources: &Sources,
) -> Result<bool, Stop> {
    // kustomize forgets to put the replacement of a whole object in its place.
    if map_directive(patch)? == Directive::Replace {
        return Ok(true);
    }
    Merge { quotes, sources }.value(object, patch, Field { schema: Schema::Unknown, keys: None })
}

/// The text of a scalar to the letter, where it stands in a source; otherwise as [`raw`] gives it.
pub(in crate::kustomize) fn written<'n>(node: &'n Node, sources: &'n Sources) -> Cow<'n, str> {
    let text = sources.text(node.place);
    let agrees = match &node.kind {
        Kind::Null => matches!(text, "" | "~" | "null" | "Null" | "NULL"),
        Kind::Bool(flag) => text.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
        Kind::Number(number) => yaml::is_number(text, number),
        Kind::String(_) => is_date(node, sources),
        _ => false,
    };
    match &node.kind {
        _ if agrees => Cow::Borrowed(text),
        Kind::Number(number) if text.len() == 1 => Cow::Owned(printed(number)),
        _ => raw(node),
    }
}

/// Whether a text is a date that was written without quotes, which kustomize prints in full.
pub(in crate::kustomize) fn is_date(node: &Node, sources: &Sources) -> bool {
    let Kind::String(full) = &node.kind else { return false };
    let is_one = |text: &str| {
        text != full && text.len() >= "2001-1-1".len() && text.starts_with(|first: char| first.is_ascii_digit())
    };
    full.ends_with('Z') && is_one(sources.text(node.place)) && !yaml::is_text(sources.text(node.place))
}

/// Notes that a number was written anew, as Go prints floats, or a date: of what was written only the first letter is left.
pub(super) fn print_anew(node: &mut Node, sources: &Sources) {
    if is_date(node, sources) {
        node.place.span.end = node.place.span.start + 1;
    }
    let Kind::Number(number) = &node.kind else { return };
    let text = sources.text(node.place);
    let is_short = text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if !is_short && text.len() > 1 && text.is_ascii() && text != printed(number) {
        node.place.span.end = node.place.span.start + 1;
    }
}

/// A number as Go prints it, once it went through JSON, which has floats only.
fn printed(number: &Number) -> String {
    number.as_f64().map_or_else(|| number.to_string(), yaml::as_go_prints)
}

/// The text of a scalar as it is written; empty for everything else.
pub(super) fn raw(node: &Node) -> Cow<'_, str> {
    match &node.kind {
        Kind::String(text) => Cow::Borrowed(text),
        Kind::Bool(true) => Cow::Borrowed("true"),
        Kind::Bool(false) => Cow::Borrowed("false"),
        Kind::Number(number) => Cow::Owned(number.to_string()),
        Kind::Null if is_written(node) => Cow::Borrowed("null"),
        Kind::Null | Kind::List(_) | Kind::Map(_) => Cow::Borrowed(""),
    }
}

/// Whether a null is written out, and not only a key without a value.
fn is_written(null: &Node) -> bool {
    null.place.span.start < null.place.span.end
}

fn directive(text: &str, place: Place) -> Result<Directive, Stop> {
    match text {
        "merge" => Ok(Directive::Merge),
        "replace" => Ok(Directive::Replace),
        "delete" => Ok(Directive::Delete),
        _ => Err(fails(format!("`{DIRECTIVE}` is `{text}`, which is none of `delete`, `merge` and `replace`"), place)),
    }
}

/// What a map of a patch says is to be done.
fn map_directive(map: &Node) -> Result<Directive, Stop> {
    map.get(DIRECTIVE).map_or(Ok(Directive::Merge), |value| directive(&raw(value), value.place))
}

/// What a list of a patch says is to be done with the list as a whole, and the word that says so.
fn list_directive(items: &[Node]) -> Result<Option<(Directive, String)>, Stop> {
    let Some(item) = items.iter().find(|item| item.get(DIRECTIVE).is_some()) else { return Ok(None) };
    if item.entries().len() > 1 {
        return Ok(None);
    }
    let word = raw(&item.entries()[0].value).into_owned();
    Ok(Some((directive(&word, item.place)?, word)))
}

/// Takes the items out that only said what to do with their list.
fn without_directive(items: Vec<Node>, word: &str) -> Result<Vec<Node>, Stop> {
    let mut list = Keyed { nodes: items, element: Schema::Unknown, with: None };
    let every = (0..list.nodes.len()).collect();
    let kept = list.set_element(every, None, &[DIRECTIVE], &[word.to_owned()])?;
    Ok(list.take(&kept))
}

/// What kustomize makes of a value that no patch touches.
fn settle(node: &mut Node, field: Field) -> Result<(), Stop> {
    match &mut node.kind {
        Kind::Map(_) => {
            let schema = field.schema.or_of(node);
            let entries = node.entries_mut().expect("it is a map");
            let mut lost = false;
            for (key, value) in entries.values_mut() {
                match &value.kind {
                    Kind::Null => lost |= !is_written(value),
                    Kind::Map(_) | Kind::List(_) => settle(value, schema.field(key))?,
                    Kind::String(_) => untyped::quote(value),
                    _ => {}
                }
            }
            if lost {
                entries.retain(|entry| !edit::is_null(&entry.value) || is_written(&entry.value));
            }
        }
        Kind::List(items) => {
            if let Some(keys) = field.keys {
                let own = std::mem::take(items);
                *items = settled_list(own, keys, field.schema)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn settled_list(mut items: Vec<Node>, keys: &[&str], element: Schema) -> Result<Vec<Node>, Stop> {
    if has_distinct_keys(&items, keys) {
        let field = Field { schema: element, keys: None };
        items.iter_mut().try_for_each(|item| settle(item, field))?;
        return Ok(items);
    }
    Keyed { nodes: items, element, with: None }.merge(None, keys)
}

/// Whether every item has all keys, or the first alone where none has another, and no two the same.
fn has_distinct_keys(items: &[Node], keys: &[&str]) -> bool {
    let Some((first, others)) = keys.split_first() else { return false };
    let text = |item: &Node, key: &str| {
        item.get(key)
            .filter(|value| !edit::is_null(value))
            .map(|value| raw(value).into_owned())
            .filter(|text| !text.is_empty())
    };
    let one = |item: &Node| text(item, first);
    if others.iter().any(|key| items.iter().any(|item| text(item, key).is_some())) {
        return false;
    }
    let names: Option<Vec<String>> = items.iter().map(one).collect();
    names.is_some_and(|names| names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)))
}

/// What kustomize makes of a value of the patch where the object has none; false where nothing is left of it.
/// `first` for the outermost such value, whose directive may be anything.
fn adopt(node: &mut Node, field: Field, first: bool) -> Result<bool, Stop> {
    match &node.kind {
        Kind::Null => return Ok(false),
        Kind::Map(_) => {
            match map_directive(node) {
                Ok(Directive::Delete) => {
                    // It says so once: an item of a list may come by a second time.
                    node.remove(DIRECTIVE);
                    return Ok(false);
                }
                Ok(_) => {
                    node.remove(DIRECTIVE);
                }
                Err(stop) if !first => return Err(stop),
                Err(_) => {}
            }
            adopt_fields(node, field.schema)?;
        }
        Kind::List(items) => {
            let Some(keys) = field.keys else { return Ok(true) };
            let directive = if first { None } else { list_directive(items)? };
            let items = std::mem::take(node.items_mut().expect("it is a list"));
            let items = match directive {
                Some((Directive::Delete, _)) => return Ok(false),
                Some((_, word)) => without_directive(items, &word)?,
                None => items,
            };
            let items = Keyed { nodes: items, element: field.schema, with: None }.merge(Some(Patch::Itself), keys)?;
            node.kind = Kind::List(items);
        }
        _ => {}
    }
    Ok(true)
}

fn adopt_fields(map: &mut Node, schema: Schema) -> Result<(), Stop> {
    let schema = schema.or_of(map);
    let entries = map.entries_mut().expect("the caller has a map");
    let mut gone = Vec::new();
    for (at, (key, value)) in entries.values_mut().enumerate() {
        if !adopt(value, schema.field(key), false)? {
            gone.push(at);
        }
    }
    if !gone.is_empty() {
        let mut at = 0..;
        entries.retain(|_| at.next().is_none_or(|at| !gone.contains(&at)));
    }
    Ok(())
}

/// The merging itself.
#[derive(Clone, Copy)]
struct Merge<'s> {
    quotes: &'s RefCell<Quotes>,
    sources: &'s Sources,
}

impl Merge<'_> {
    /// Merges a value of the patch into one of the object; false where nothing is left of it.
    fn value(self, own: &mut Node, patch: &Node, field: Field) -> Result<bool, Stop> {
        if edit::is_null(patch) {
            return Ok(false);
        }
        if edit::is_null(own) {
            *own = patch.clone();
            fold::fold(own, false, self.sources);
            self.quotes.borrow_mut().set(own, false, self.sources);
            return adopt(own, field, true);
        }
        match (&own.kind, &patch.kind) {
            (Kind::Map(_), Kind::Map(_)) => match map_directive(patch)? {
                Directive::Delete => Ok(false),
                Directive::Replace => {
                    *own = patch.clone();
                    own.remove(DIRECTIVE);
                    adopt_fields(own, field.schema)?;
                    Ok(true)
                }
                Directive::Merge => self.fields(own, patch, field.schema).map(|()| true),
            },
            (Kind::List(_), Kind::List(items)) => self.list(own, patch, items, field),
            (Kind::Map(_) | Kind::List(_), _) | (_, Kind::Map(_) | Kind::List(_)) => {
                let name = |node: &Node| match node.kind {
                    Kind::Map(_) => "a map",
                    Kind::List(_) => "a list",
                    _ => "a scalar",
                };
                let message = format!("a patch has {} where the object has {}", name(patch), name(own));
                Err(match fails(message, patch.place) {
                    Stop::Fails(diagnostic) => Stop::Fails(Box::new(diagnostic.at(own.place, "in the object"))),
                    refused @ Stop::Refused(_) => refused,
                })
            }
            _ => {
                let quoted = self.quotes.borrow().has(own, self.sources);
                let folded = fold::is_folded(own, self.sources);
                *own = patch.clone();
                fold::fold(own, folded, self.sources);
                if quoted && (!matches!(patch.kind, Kind::String(_)) || is_date(patch, self.sources)) {
                    own.kind = Kind::String(written(patch, self.sources).into_owned());
                }
                self.quotes.borrow_mut().set(own, quoted, self.sources);
                Ok(true)
            }
        }
    }

    fn fields(self, own: &mut Node, patch: &Node, schema: Schema) -> Result<(), Stop> {
        let schema = schema.or_of(own).or_of(patch);
        let entries = own.entries_mut().expect("the caller has a map");
        let mut gone: Vec<String> = Vec::new();
        for (key, value) in entries.values_mut() {
            let field = schema.field(key);
            let stays = match patch.get(key).filter(|_| key != DIRECTIVE) {
                Some(patch) => self.value(value, patch, field)?,
                None if edit::is_null(value) => is_written(value),
                None => {
                    settle(value, field)?;
                    untyped::quote(value);
                    true
                }
            };
            if !stays {
                gone.push(key.to_owned());
            }
        }
        let mut added: Vec<Entry> = Vec::new();
        for entry in patch.entries() {
            if entry.key == DIRECTIVE || entries.iter().any(|own| own.key == entry.key) {
                continue;
            }
            let mut value = entry.value.clone();
            if adopt(&mut value, schema.field(&entry.key), true)? {
                added.push(Entry { key: entry.key.clone(), key_place: entry.key_place, value });
            }
        }
        if !gone.is_empty() {
            entries.retain(|entry| !gone.contains(&entry.key));
        }
        for entry in added {
            entries.set(entry);
        }
        Ok(())
    }

    fn list(self, own: &mut Node, patch: &Node, items: &[Node], field: Field) -> Result<bool, Stop> {
        let Some(keys) = field.keys else {
            *own = patch.clone();
            return Ok(true);
        };
        let mut patch_items = items.to_vec();
        if let Some((directive, word)) = list_directive(items)? {
            match directive {
                Directive::Delete => return Ok(false),
                Directive::Replace => {
                    let items = without_directive(patch_items, &word)?;
                    let items =
                        Keyed { nodes: items, element: field.schema, with: None }.merge(Some(Patch::Itself), keys)?;
                    *own = Node { place: patch.place, kind: Kind::List(items) };
                    return Ok(true);
                }
                Directive::Merge => patch_items = without_directive(patch_items, &word)?,
            }
        }
        let items = std::mem::take(own.items_mut().expect("the caller has a list"));
        let items = Keyed { nodes: items, element: field.schema, with: Some(self) }
            .merge(Some(Patch::Items(patch_items)), keys)?;
        own.kind = Kind::List(items);
        Ok(true)
    }
}

/// What a list is merged with.
enum Patch {
    Items(Vec<Node>),
    /// With itself: it comes from the patch alone.
    Itself,
}

/// A list that is merged by keys. Items are named by their place in `nodes`, since kustomize goes on changing an item that stands in
/// several lists at once.
struct Keyed<'s> {
    nodes: Vec<Node>,
    element: Schema,
    /// How items of the patch are merged into others; none where there are no others.
    with: Option<Merge<'s>>,
}

impl Keyed<'_> {
    /// The items of the patch first, then what else there is.
    fn merge(mut self, patch: Option<Patch>, keys: &[&str]) -> Result<Vec<Node>, Stop> {
        let mut own: Vec<usize> = (0..self.nodes.len()).collect();
        let (other, itself) = match patch {
            None => (None, false),
            Some(Patch::Itself) => (None, true),
            Some(Patch::Items(items)) => {
                let from = self.nodes.len();
                self.nodes.extend(items);
                (Some((from..self.nodes.len()).collect::<Vec<_>>()), false)
            }
        };
        let keys: &[&str] = if keys.is_empty() { &[""] } else { keys };
        let mut values = self.values(other.as_deref().unwrap_or_default(), &own, keys);
        if values.is_empty() {
            return Ok(self.take(&own));
        }
        if keys.len() > 1 {
            join_alike(&mut values);
        }
        let has = |key: usize| values.iter().any(|values| !values[key].is_empty());
        let mut valid: Vec<usize> = (0..keys.len()).filter(|key| has(*key)).collect();
        if valid.is_empty() {
            valid = (0..keys.len()).collect();
        }
        let names: Vec<&str> = valid.iter().map(|key| keys[*key]).collect();
        let mut merged = Vec::new();
        for values in &values {
            let values: Vec<String> = valid.iter().map(|key| values[*key].clone()).collect();
            let mine = self.find(&own, &names, &values);
            let theirs = if itself { mine } else { other.as_ref().and_then(|other| self.find(other, &names, &values)) };
            let Some(item) = self.merge_element(mine, theirs)? else {
                own = self.set_element(own, None, &names, &values)?;
                continue;
            };
            for (name, value) in names.iter().zip(&values) {
                let node = &mut self.nodes[item];
                if matches!(node.kind, Kind::Map(_)) && node.get(name).is_none() && !value.is_empty() {
                    let place = node.place;
                    node.set(name, place, edit::string(value.as_str(), place));
                }
            }
            merged = self.set_element(merged, Some(item), &names, &values)?;
        }
        let list = self.append(merged, &own, &names)?;
        Ok(self.take(&list))
    }

    /// The values of the keys of every item, each set of values once: those of the patch first.
    fn values(&self, patch: &[usize], own: &[usize], keys: &[&str]) -> Vec<Vec<String>> {
        let mut all: Vec<Vec<String>> = Vec::new();
        for item in patch.iter().chain(own) {
            let item = &self.nodes[*item];
            let value = |key: &&str| match *key {
                "" => raw(item).into_owned(),
                key => item
                    .get(key)
                    .filter(|value| !edit::is_null(value))
                    .map(|value| raw(value).into_owned())
                    .unwrap_or_default(),
            };
            let values = keys.iter().map(value).collect();
            if !all.contains(&values) {
                all.push(values);
            }
        }
        all
    }

    /// The first item with these values; keys without a value do not count unless there are no others.
    fn find(&self, list: &[usize], keys: &[&str], values: &[String]) -> Option<usize> {
        let given = values.iter().any(|value| !value.is_empty());
        let wanted: Vec<(&str, &str)> = keys
            .iter()
            .zip(values)
            .filter(|(_, value)| !given || !value.is_empty())
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        list.iter().copied().find(|item| {
            let item = &self.nodes[*item];
            if let [("", value)] = wanted[..] {
                return raw(item) == value;
            }
            wanted.iter().all(|(key, value)| item.get(key).is_some_and(|own| raw(own) == *value))
        })
    }

    /// Merges two items; which of them is the result, or none.
    fn merge_element(&mut self, own: Option<usize>, patch: Option<usize>) -> Result<Option<usize>, Stop> {
        let field = Field { schema: self.element, keys: None };
        let (result, stays) = match (own, patch) {
            (None, None) => return Ok(None),
            (Some(own), None) => {
                settle(&mut self.nodes[own], field)?;
                (own, true)
            }
            (None, Some(patch)) => (patch, adopt(&mut self.nodes[patch], field, true)?),
            (Some(own), Some(patch)) if own == patch => (own, adopt(&mut self.nodes[own], field, false)?),
            (Some(own), Some(patch)) => {
                let maps =
                    matches!(self.nodes[own].kind, Kind::Map(_)) && matches!(self.nodes[patch].kind, Kind::Map(_));
                if !maps {
                    (patch, true)
                } else if map_directive(&self.nodes[patch])? == Directive::Replace {
                    self.nodes[patch].remove(DIRECTIVE);
                    adopt_fields(&mut self.nodes[patch], field.schema)?;
                    (patch, true)
                } else {
                    let null = Node { place: self.nodes[own].place, kind: Kind::Null };
                    let mut node = std::mem::replace(&mut self.nodes[own], null);
                    let with = self.with.expect("only a patch brings other items");
                    let stays = with.value(&mut node, &self.nodes[patch], field);
                    self.nodes[own] = node;
                    self.nodes[patch].remove(DIRECTIVE);
                    (own, stays?)
                }
            }
        };
        Ok((stays && !is_nothing(&self.nodes[result])).then_some(result))
    }

    /// Puts an item in the place of those with these values, or at the end where there are none; takes them out where there is no item.
    fn set_element(
        &mut self,
        list: Vec<usize>,
        element: Option<usize>,
        keys: &[&str],
        values: &[String],
    ) -> Result<Vec<usize>, Stop> {
        let of_maps = !keys[0].is_empty() && values.first().is_some_and(|value| !value.is_empty());
        let mut kept = Vec::with_capacity(list.len() + 1);
        let mut found = false;
        for item in list {
            let node = &self.nodes[item];
            if is_nothing(node) {
                continue;
            }
            if of_maps && !matches!(node.kind, Kind::Map(_)) {
                kept.push(item);
                continue;
            }
            // A key without a value given counts as the one before it.
            let mut matches = false;
            for (at, key) in keys.iter().enumerate() {
                if let Some(value) = values.get(at) {
                    matches = has_value(node, key, value)?;
                }
                if !matches {
                    break;
                }
            }
            if matches {
                found = true;
                kept.extend(element);
            } else if !values.is_empty() {
                kept.push(item);
            }
        }
        if let Some(element) = element
            && !found
            && !edit::is_null(&self.nodes[element])
        {
            kept.push(element);
        }
        Ok(kept)
    }

    /// Puts the items of `more` into a list, in the place of those with the same values or at the end.
    fn append(&mut self, mut list: Vec<usize>, more: &[usize], keys: &[&str]) -> Result<Vec<usize>, Stop> {
        for item in more.iter().copied() {
            if keys[0].is_empty() {
                let value = raw(&self.nodes[item]).into_owned();
                list = self.set_element(list, Some(item), keys, &[value])?;
                continue;
            }
            let node = &self.nodes[item];
            if !matches!(node.kind, Kind::Map(_) | Kind::Null) {
                return Err(fails("a list that is merged by keys has an item that is no map", node.place));
            }
            let mut values = Vec::new();
            for key in keys {
                match self.nodes[item].get(key) {
                    Some(value) => values.push(raw(value).into_owned()),
                    None => list.push(item),
                }
            }
            if keys.len() > 1 {
                list = self.set_element(list, None, keys, &values)?;
            }
            list = self.set_element(list, Some(item), keys, &values)?;
        }
        Ok(list)
    }

    /// The items of a list.
    fn take(self, list: &[usize]) -> Vec<Node> {
        let mut nodes: Vec<Option<Node>> = self.nodes.into_iter().map(Some).collect();
        let mut items: Vec<Node> = Vec::with_capacity(list.len());
        for (at, item) in list.iter().enumerate() {
            match nodes[*item].take() {
                Some(node) => items.push(node),
                None => {
                    let first = list[..at].iter().position(|earlier| earlier == item).expect("it was taken before");
                    items.push(items[first].clone());
                }
            }
        }
        items
    }
}

/// Null or an empty map, which kustomize takes for no item at all.
fn is_nothing(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => true,
        Kind::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

/// Whether an item has this value; an empty one stands for any.
fn has_value(item: &Node, key: &str, value: &str) -> Result<bool, Stop> {
    match &item.kind {
        Kind::Map(_) if key.is_empty() => Err(fails("a list of plain values has an item that is a map", item.place)),
        Kind::List(_) => Err(fails("a list that is merged by keys has an item that is a list", item.place)),
        Kind::Map(_) => Ok(item.get(key).is_some_and(|own| value.is_empty() || raw(own) == value)),
        _ if key.is_empty() => Ok(raw(item) == value),
        _ => Err(fails("a list that is merged by keys has an item that is no map", item.place)),
    }
}

/// Fills the values that one item leaves out and an otherwise equal one has: a port without protocol is that of the same number.
fn join_alike(values: &mut [Vec<String>]) {
    for one in 0..values.len() {
        let before = values[one].clone();
        for other in 0..values.len() {
            if let Some(joined) = joined(&before, &values[other]) {
                values[one].clone_from(&joined);
                values[other] = joined;
            }
        }
    }
}

fn joined(one: &[String], other: &[String]) -> Option<Vec<String>> {
    let mut common = false;
    let mut joined = Vec::with_capacity(one.len());
    for (one, other) in one.iter().zip(other) {
        common |= one == other;
        if one != other && !one.is_empty() && !other.is_empty() {
            return None;
        }
        joined.push(if one.is_empty() { other.clone() } else { one.clone() });
    }
    common.then_some(joined)
}
