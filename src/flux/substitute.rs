//! What `postBuild` makes of an object: variables replaced in its text, and the text read again.
//!
//! Flux does not look at single values: it writes the whole object as YAML, expands that text and reads it back. A value can
//! so become a number, a map, or break the document. Every value that results keeps the place it was written at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Number;

use super::{Undefined, envsubst, text};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Entry, Kind, Node},
    source::Place,
    yaml,
};

/// The label or annotation that keeps an object as it is.
const SWITCH: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// Flux keeps whole numbers exact up to here.
const EXACT: i64 = 1 << 53;

/// The variables of a unit.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    by_name: BTreeMap<String, Variable>,
    /// Whether to substitute also where there is no variable: `substituteStrategy: Always`.
    pub always: bool,
}

/// What a variable stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its value on one line: Flux takes every line break out. Of an encrypted one, its [`super::placeholder`].
    pub value: String,
    /// Where it is defined.
    pub place: Place,
    /// Whether it comes from a Secret, so that no report may show that line.
    pub secret: bool,
}

/// An object after substitution.
#[derive(Clone, Debug, PartialEq)]
pub struct Substituted {
    /// The object.
    pub object: Node,
    /// The variables it uses that nobody defines and that have no default, by place.
    pub undefined: Vec<Undefined>,
}

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

impl Variables {
    /// Defines a variable; a later definition counts.
    pub fn set(&mut self, name: impl Into<String>, value: &str, place: Place) {
        self.by_name.insert(name.into(), Variable { value: value.replace('\n', ""), place, secret: false });
    }

    /// Defines a variable that comes from a Secret.
    pub fn set_secret(&mut self, name: impl Into<String>, value: &str, place: Place) {
        self.by_name.insert(name.into(), Variable { value: value.replace('\n', ""), place, secret: true });
    }

    /// A variable.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.by_name.get(name)
    }

    /// Every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Variable)> {
        self.by_name.iter().map(|(name, variable)| (name.as_str(), variable))
    }

    /// Whether Flux substitutes at all.
    pub fn apply(&self) -> bool {
        self.always || !self.by_name.is_empty()
    }

    /// A name that fails every build of the unit.
    pub fn malformed(&self) -> Option<Diagnostic> {
        let (name, variable) = self.by_name.iter().find(|(name, _)| !is_name(name))?;
        Some(
            Diagnostic::new(code!("variable-malformed"), format!("`{name}` is no name of a variable"))
                .at(variable.place, "")
                .note("Flux builds nothing of a unit that substitutes from it, whether the variable is used or not")
                .help("use letters without accents, digits and `_`, and no digit first"),
        )
    }
}

/// Whether Flux takes this for the name of a variable.
fn is_name(name: &str) -> bool {
    let may_start = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    name.bytes().next().is_some_and(may_start) && name.bytes().all(|byte| may_start(byte) || byte.is_ascii_digit())
}

/// Substitutes the variables of a unit in one of its objects.
pub fn substitute(object: &Node, variables: &Variables) -> Result<Substituted> {
    let unchanged = || Substituted { object: object.clone(), undefined: Vec::new() };
    if !variables.apply() || is_switched_off(object) {
        return Ok(unchanged());
    }
    if let Some(malformed) = variables.malformed() {
        return Err(Box::new(malformed));
    }
    if !is_touched(object) {
        return Ok(unchanged());
    }
    let before = text::text(object);
    let mut names = Vec::new();
    let lookup = |name: &str| variables.get(name).map(|variable| variable.value.clone());
    let after = envsubst::expand(&before, &lookup, &mut names)
        .map_err(|fault| Box::new(malformed_use(object, &before, &fault)))?;
    let undefined = places_of(object, &names);
    match read(object, &after) {
        Ok(read) => Ok(Substituted { object: placed(read, object), undefined }),
        Err(why) => Err(Box::new(broken(object, variables, &before, &why))),
    }
}

fn is_switched_off(object: &Node) -> bool {
    ["labels", "annotations"].into_iter().any(|field| {
        object.at(["metadata", field, SWITCH]).and_then(Node::as_str).is_some_and(|value| value == "disabled")
    })
}

/// Whether writing, expanding and reading could change anything.
fn is_touched(node: &Node) -> bool {
    match &node.kind {
        Kind::Null | Kind::Bool(_) => false,
        Kind::Number(number) => match number.as_i64() {
            Some(whole) => !(-EXACT..=EXACT).contains(&whole),
            None => number.is_u64(),
        },
        Kind::String(text) => text.contains('$'),
        Kind::List(items) => items.iter().any(is_touched),
        Kind::Map(entries) => entries.iter().any(|entry| entry.key.contains('$') || is_touched(&entry.value)),
    }
}

/// The first document of a text, as Flux reads it; otherwise what is wrong with it.
fn read(object: &Node, text: &str) -> std::result::Result<Node, String> {
    let mut reading = yaml::read_for_kubectl(object.place.source, text);
    if let Some(diagnostic) = reading.diagnostics.into_iter().next() {
        // A message that quotes might quote a secret.
        let is_plain = !diagnostic.message.contains('`') || diagnostic.message.starts_with("a `");
        return Err(if is_plain { diagnostic.message } else { "what results is no object".to_owned() });
    }
    if reading.documents.is_empty() {
        return Err("nothing is left".to_owned());
    }
    let mut root = reading.documents.swap_remove(0).root;
    if !matches!(root.kind, Kind::Map(_)) {
        return Err("what is left is no map".to_owned());
    }
    narrow(&mut root);
    let is_text = |node: &Node, path: &[&str]| {
        node.at(path.iter().copied()).and_then(Node::as_str).is_some_and(|text| !text.is_empty())
    };
    // Flux passes over what has none of these, without a word.
    for path in [&["apiVersion"][..], &["kind"], &["metadata", "name"]] {
        if is_text(object, path) && !is_text(&root, path) {
            return Err(format!("its `{}` is no text, and Flux leaves it out", path.join(".")));
        }
    }
    Ok(root)
}

/// Numbers pass through a float of 64 bits on their way.
fn narrow(node: &mut Node) {
    match &mut node.kind {
        Kind::Number(number) => {
            let exact = number.as_i64().is_some_and(|whole| (-EXACT..=EXACT).contains(&whole));
            if let Some(float) = number.as_f64().filter(|_| !exact)
                && let Some(narrowed) = as_number(float)
            {
                *number = narrowed;
            }
        }
        Kind::List(items) => items.iter_mut().for_each(narrow),
        Kind::Map(entries) => {
            let mut list: Vec<Entry> = std::mem::take(entries).into_iter().collect();
            for entry in &mut list {
                narrow(&mut entry.value);
            }
            *entries = list.into();
        }
        Kind::Null | Kind::Bool(_) | Kind::String(_) => {}
    }
}

/// A float as JSON writes it: a whole one has no point.
fn as_number(float: f64) -> Option<Number> {
    const LARGEST: f64 = 9_223_372_036_854_775_808.0;
    if float.fract() == 0.0 && float.abs() < LARGEST {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^63")]
        return Some(Number::from(float as i64));
    }
    Number::from_f64(float)
}

/// A value with the places of the one it came from, in the order of that one's keys.
fn placed(after: Node, before: &Node) -> Node {
    let place = before.place;
    let kind = match (after.kind, &before.kind) {
        (Kind::Map(entries), Kind::Map(_)) => Kind::Map(placed_entries(entries.into_iter().collect(), before).into()),
        (Kind::List(items), Kind::List(old)) if items.len() == old.len() => {
            Kind::List(items.into_iter().zip(old).map(|(item, old)| placed(item, old)).collect())
        }
        (Kind::List(items), _) => Kind::List(items.into_iter().map(|item| all_at(item, place)).collect()),
        (kind @ Kind::Map(_), _) => return all_at(Node { place, kind }, place),
        (kind, _) => kind,
    };
    Node { place, kind }
}

fn placed_entries(entries: Vec<Entry>, before: &Node) -> Vec<Entry> {
    let mut left: BTreeMap<String, Node> = entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
    let mut placed_entries = Vec::with_capacity(left.len());
    let (mut renamed, mut unknown) = (Vec::new(), BTreeSet::new());
    for entry in before.entries() {
        match left.remove(&entry.key) {
            Some(value) => placed_entries.push(Entry {
                key: entry.key.clone(),
                key_place: entry.key_place,
                value: placed(value, &entry.value),
            }),
            None => renamed.push(entry),
        }
    }
    unknown.extend(left.keys().cloned());
    // One key that was substituted is the one that is new; of several, nobody can tell which became which.
    let single = (renamed.len() == 1 && unknown.len() == 1).then(|| renamed[0]);
    for (key, value) in left {
        let (key_place, value) = match single {
            Some(old) => (old.key_place, placed(value, &old.value)),
            None => {
                let place = renamed.first().map_or(before.place, |old| old.key_place);
                (place, all_at(value, place))
            }
        };
        placed_entries.push(Entry { key, key_place, value });
    }
    placed_entries
}

fn all_at(node: Node, place: Place) -> Node {
    let kind = match node.kind {
        Kind::List(items) => Kind::List(items.into_iter().map(|item| all_at(item, place)).collect()),
        Kind::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|entry| Entry { key: entry.key, key_place: place, value: all_at(entry.value, place) })
                .collect(),
        ),
        kind => kind,
    };
    Node { place, kind }
}

/// Every text of an object with its place, keys before their values.
fn texts<'n>(node: &'n Node, out: &mut Vec<(&'n str, Place)>) {
    match &node.kind {
        Kind::String(text) => out.push((text, node.place)),
        Kind::List(items) => items.iter().for_each(|item| texts(item, out)),
        Kind::Map(entries) => {
            for entry in entries {
                out.push((&entry.key, entry.key_place));
                texts(&entry.value, out);
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}

/// Where an object uses these names without a default.
fn places_of(object: &Node, names: &[String]) -> Vec<Undefined> {
    let mut missing: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let mut written = Vec::new();
    texts(object, &mut written);
    let mut found: Vec<Undefined> = Vec::new();
    let mut seen = BTreeSet::new();
    for (text, place) in written.into_iter().filter(|(text, _)| text.contains("${")) {
        let mut used = Vec::new();
        let lookup = |name: &str| (!names.iter().any(|missing| missing == name)).then(String::new);
        if envsubst::expand(text, &lookup, &mut used).is_err() {
            continue;
        }
        for name in used {
            if seen.insert((name.clone(), place)) {
                found.push(Undefined { name, place });
            }
        }
    }
    missing.retain(|name| found.iter().all(|undefined| undefined.name != *name));
    // An expansion that runs over several values has no single place.
    found.extend(missing.into_iter().map(|name| Undefined { name: name.to_owned(), place: object.place }));
    found.sort_by(|left, right| (left.place, &left.name).cmp(&(right.place, &right.name)));
    found
}

/// What people call an object.
fn name_of(object: &Node) -> String {
    let text = |path: &[&str]| object.at(path.iter().copied()).and_then(Node::as_str).unwrap_or("?");
    format!("{} `{}`", text(&["kind"]), text(&["metadata", "name"]))
}

/// The finding about an expansion that Flux cannot read.
fn malformed_use(object: &Node, text: &str, fault: &envsubst::Fault) -> Diagnostic {
    let mut written = Vec::new();
    texts(object, &mut written);
    let culprit =
        written.into_iter().find(|(text, _)| envsubst::expand(text, &|_| Some("x".into()), &mut vec![]).is_err());
    let place = culprit.map_or(object.place, |(_, place)| place);
    let expansion = text.get(fault.offset..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let shown: String = expansion.chars().take(40).collect();
    let message = format!("Flux cannot expand `{shown}` in {}", name_of(object));
    Diagnostic::new(code!("substitution-malformed"), message)
        .at(place, fault.message.clone())
        .note("`postBuild` expands every `${…}` of every object; one that it cannot read fails the whole unit")
        .help(format!(
            "write `$${{…}}` where the text is meant for a shell or a dashboard, or put the label or annotation `{SWITCH}: disabled` on the object"
        ))
}

/// The finding about a value that leaves no YAML behind.
fn broken(object: &Node, variables: &Variables, before: &str, why: &str) -> Diagnostic {
    let used: BTreeSet<String> = envsubst::names(before).unwrap_or_default().into_iter().collect();
    let reads_without = |name: &str| {
        let lookup = |asked: &str| {
            let variable = variables.get(asked)?;
            Some(if asked == name { "x".to_owned() } else { variable.value.clone() })
        };
        envsubst::expand(before, &lookup, &mut Vec::new()).is_ok_and(|text| read(object, &text).is_ok())
    };
    let culprit = used.iter().find(|name| variables.get(name).is_some() && reads_without(name));
    let what = culprit.map_or_else(|| "its variables".to_owned(), |name| format!("`{name}`"));
    let message = format!("{} is no object any more once Flux has put in {what}: {why}", name_of(object));
    let mut written = Vec::new();
    texts(object, &mut written);
    let uses = |text: &str| {
        let names = envsubst::names(text).unwrap_or_default();
        match culprit {
            Some(culprit) => names.contains(culprit),
            None => !names.is_empty(),
        }
    };
    let place = written.into_iter().find(|(text, _)| uses(text)).map_or(object.place, |(_, place)| place);
    let mut diagnostic = Diagnostic::new(code!("substitution-breaks"), message).at(place, "used here");
    if let Some(variable) = culprit.and_then(|name| variables.get(name)) {
        diagnostic = diagnostic.at(variable.place, "this value does not fit there");
        if variable.secret {
            diagnostic = diagnostic.hidden();
        }
    }
    diagnostic
        .note("Flux writes the object without its quotes, replaces the variables in that text, and reads the text again")
        .help("define the variable with its own quotes, such as `'\"a: b\"'`, or use a value without `: `, ` #` and brackets")
}
