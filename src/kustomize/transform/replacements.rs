//! `replacements`: values copied from one object into others.

use std::cell::{Cell, RefCell};

use regex::Regex;
use serde_json::Value;

use crate::{
    kustomize::{
        Id, Resource, Stop,
        accumulate::{Builder, missing},
        edit, fails,
        file::Kustomization,
        fold,
        id::Identity,
        patch::written,
        quotes::Quotes,
        refused, remote,
        select::Selector,
        shared,
        untyped::{self, Mistyped},
    },
    node::{Entries, Entry, Kind, Node},
    repository::resolve,
    source::{Place, Sources},
    yaml,
};

/// What is read where nothing is said.
const NAME: &str = "metadata.name";

/// A replacement.
pub(in crate::kustomize) struct Replacement {
    from: Option<From>,
    targets: Option<Vec<Target>>,
    place: Place,
}

enum From {
    /// A text that is written right there.
    Text(Node),
    Field {
        object: Wanted,
        path: String,
        options: Options,
        place: Place,
    },
    /// A field and a text at once, which fails.
    Both,
}

/// The object a value is taken from; what is empty counts for any.
struct Wanted {
    id: Id,
}

struct Target {
    select: Option<Selector>,
    reject: Vec<Selector>,
    paths: Vec<String>,
    options: Options,
    place: Place,
}

#[derive(Default)]
struct Options {
    delimiter: String,
    index: i64,
    create: bool,
}

/// Reads the replacements of a kustomization, also those it keeps in files.
pub(in crate::kustomize) fn read(
    builder: &mut Builder<'_>,
    folder: &str,
    kustomization: &Kustomization<'_>,
) -> Result<Vec<Replacement>, Stop> {
    let mut all = Vec::new();
    for entry in kustomization.list("replacements") {
        let path = entry.get("path").filter(|path| path.as_str().is_some_and(|path| !path.is_empty()));
        let Some(path) = path else {
            all.push(Replacement::read(entry)?);
            continue;
        };
        let inline = entry.get("source").is_some_and(|source| !edit::is_null(source))
            || entry.get("targets").is_some_and(|targets| !targets.items().is_empty());
        if inline {
            return Err(fails("a replacement has a `path` and stands here as well", entry.place));
        }
        read_file(builder, folder, path, &mut all)?;
    }
    Ok(all)
}

fn read_file(builder: &mut Builder<'_>, folder: &str, line: &Node, all: &mut Vec<Replacement>) -> Result<(), Stop> {
    let path = line.as_str().unwrap_or_default();
    if remote::is_url(path) {
        return Err(refused(format!("the remote replacement `{path}`"), line.place));
    }
    let repository = builder.repository;
    let target = resolve(folder, path).filter(|target| repository.file(target).is_some());
    let Some(target) = target else { return Err(missing(format!("`{path}` does not exist"), line.place)) };
    let file = repository.file(&target).expect("it was just found");
    builder.reads.insert(target);
    if let Some(fault) = file.faults().next() {
        return Err(Stop::Fails(Box::new(fault.clone())));
    }
    if file.yaml.is_none() {
        return Err(refused(format!("the replacement `{path}`, which is not read as YAML"), line.place));
    }
    match file.documents().next() {
        Some(root) if matches!(root.kind, Kind::Map(_)) => all.push(Replacement::read(root)?),
        Some(Node { kind: Kind::List(items), .. }) => {
            for item in items {
                all.push(Replacement::read(item)?);
            }
        }
        _ => return Err(fails("a file of replacements holds one or a list of them", line.place)),
    }
    Ok(())
}

fn text(node: &Node, key: &str) -> String {
    node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned()
}

fn given<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).filter(|value| !edit::is_null(value))
}

impl Replacement {
    fn read(entry: &Node) -> Result<Replacement, Stop> {
        let from = match (given(entry, "sourceValue"), given(entry, "source")) {
            (Some(_), Some(_)) => Some(From::Both),
            (Some(value), None) => Some(From::Text(value.clone())),
            (None, Some(source)) => Some(From::field(source)),
            (None, None) => None,
        };
        let targets = given(entry, "targets")
            .filter(|targets| !targets.items().is_empty())
            .map(|targets| targets.items().iter().map(Target::read).collect());
        Ok(Replacement { from, targets: targets.transpose()?, place: entry.place })
    }
}

impl From {
    fn field(source: &Node) -> From {
        let id = Id {
            group: text(source, "group"),
            version: text(source, "version"),
            kind: text(source, "kind"),
            namespace: text(source, "namespace"),
            name: text(source, "name"),
        };
        let path = text(source, "fieldPath");
        From::Field {
            object: Wanted { id },
            path: if path.is_empty() { NAME.to_owned() } else { path },
            options: Options::read(source),
            place: source.place,
        }
    }
}

impl Target {
    fn read(node: &Node) -> Result<Target, Stop> {
        let items = |key: &str| given(node, key).map(Node::items).unwrap_or_default();
        let mut paths: Vec<String> =
            items("fieldPaths").iter().map(|path| path.as_str().unwrap_or_default().to_owned()).collect();
        if paths.is_empty() {
            paths.push(NAME.to_owned());
        }
        Ok(Target {
            select: given(node, "select").map(Selector::read).transpose()?,
            reject: items("reject").iter().map(Selector::read).collect::<Result<_, _>>()?,
            paths,
            options: Options::read(node),
            place: node.place,
        })
    }
}

impl Options {
    fn read(node: &Node) -> Options {
        let Some(options) = given(node, "options") else { return Options::default() };
        let index = options.get("index").and_then(|index| edit::scalar_text(index)?.parse().ok());
        let create = options.get("create").is_some_and(|create| create.kind == Kind::Bool(true));
        Options { delimiter: text(options, "delimiter"), index: index.unwrap_or_default(), create }
    }
}

/// What an object is called, and what it was called before.
fn ids(resource: &Resource) -> Vec<Id> {
    let mut ids = vec![Identity::of(&resource.object).to_id()];
    ids.extend(resource.past_ids());
    ids
}

/// Copies the values.
pub(in crate::kustomize) fn apply(
    resources: &mut [Resource],
    replacements: &[Replacement],
    sources: &Sources,
) -> Result<(), Stop> {
    for replacement in replacements {
        let (Some(from), Some(targets)) = (&replacement.from, &replacement.targets) else {
            return Err(fails("a replacement needs a source and targets", replacement.place));
        };
        let mut value = match from {
            From::Both => return Err(fails("a replacement has `source` and `sourceValue`", replacement.place)),
            From::Text(text) => Taken::new(text.as_str().unwrap_or_default().to_owned(), plain(text), None),
            From::Field { object, path, options, place } => {
                let resource = object.find(resources, *place)?;
                let mut value = taken(&resources[resource].object, path, options, *place, sources)?;
                if let Some((at, _)) = &mut value.from {
                    *at = resource;
                }
                value
            }
        };
        for target in targets {
            let before: Vec<_> = resources.iter().map(shared::before).collect();
            target.apply(resources, &mut value, sources)?;
            for (before, resource) in before.iter().zip(resources.iter_mut()) {
                shared::follow(before.as_ref(), resource);
            }
        }
    }
    Ok(())
}

/// A value on its way.
struct Taken {
    /// Its text; empty for maps and lists.
    text: String,
    node: Node,
    /// The object and the place in it that it is read from anew whenever it is copied; none where it is a part of a text.
    from: Option<(usize, Vec<String>)>,
    /// What was put where a value of another type is, in the object that is at hand.
    mistyped: RefCell<Mistyped>,
    /// The quotes of the object that is at hand.
    quotes: RefCell<Quotes>,
}

impl Taken {
    fn new(text: String, node: Node, from: Option<(usize, Vec<String>)>) -> Taken {
        Taken { text, node, from, mistyped: RefCell::default(), quotes: RefCell::default() }
    }

    /// Reads it again, after what it comes from was changed; whether it is another value now.
    fn refresh(&mut self, at: usize, object: &Node, sources: &Sources) -> bool {
        let Some((_, path)) = self.from.as_ref().filter(|(own, _)| *own == at) else { return false };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let Ok(Some(node)) = look_up(object, &path, self.node.place, sources) else { return false };
        if node.kind == self.node.kind {
            return false;
        }
        self.text = written(node, sources).into_owned();
        self.node = node.clone();
        true
    }
}

/// A text as YAML reads it when it is written without quotes.
fn plain(text: &Node) -> Node {
    let value = text.as_str().unwrap_or_default();
    untyped::read(value, text.place)
}

impl Wanted {
    fn find(&self, resources: &[Resource], place: Place) -> Result<usize, Stop> {
        let agrees = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let effective =
            |namespace: &str| if namespace.is_empty() { "default".to_owned() } else { namespace.to_owned() };
        let is_meant = |id: &Id| {
            agrees(&self.id.name, &id.name)
                && (self.id.namespace.is_empty() || effective(&self.id.namespace) == effective(&id.namespace))
                && agrees(&self.id.group, &id.group)
                && agrees(&self.id.version, &id.version)
                && agrees(&self.id.kind, &id.kind)
        };
        let mut found = (0..resources.len()).filter(|at| ids(&resources[*at]).iter().any(is_meant));
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(fails("the source of a replacement is not in the build", place)),
            (Some(_), Some(_)) => Err(fails("the source of a replacement means several objects", place)),
        }
    }
}

/// The value of a field, or the part of it that is asked for.
fn taken(object: &Node, path: &str, options: &Options, place: Place, sources: &Sources) -> Result<Taken, Stop> {
    let steps = split(path);
    let steps: Vec<&str> = steps.iter().map(|step| step.trim()).filter(|step| !step.is_empty()).collect();
    let found = look_up(object, &steps, place, sources)?.filter(|node| match &node.kind {
        Kind::Null => false,
        Kind::List(items) => !items.is_empty(),
        Kind::Map(entries) => !entries.is_empty(),
        _ => true,
    });
    let Some(node) = found else {
        return Err(fails(format!("the source of a replacement has no `{path}`"), place));
    };
    let text = written(node, sources).into_owned();
    if options.delimiter.is_empty() {
        let from = Some((0, indexed(object, &steps, sources)));
        return Ok(Taken::new(text, node.clone(), from));
    }
    if matches!(node.kind, Kind::Map(_) | Kind::List(_)) {
        return Err(fails(format!("`{path}` is no text, so it has no parts"), place));
    }
    let part = usize::try_from(options.index).ok().and_then(|index| text.split(&options.delimiter).nth(index));
    let Some(part) = part else {
        return Err(fails(format!("`{path}` has no part {}", options.index), place));
    };
    let mut node = node.clone();
    node.kind = if matches!(node.kind, Kind::String(_)) {
        Kind::String(part.to_owned())
    } else {
        untyped::read(part, place).kind
    };
    Ok(Taken::new(part.to_owned(), node, None))
}

/// The path with the items of lists by their index, for a path that leads somewhere.
fn indexed(object: &Node, steps: &[&str], sources: &Sources) -> Vec<String> {
    let mut node = Some(object);
    let mut path = Vec::with_capacity(steps.len());
    for step in steps {
        let Some(above) = node else { break };
        node = match &above.kind {
            Kind::List(items) => {
                let at = position(items, step, sources);
                path.push(at.map_or_else(|| (*step).to_owned(), |at| at.to_string()));
                at.and_then(|at| items.get(at))
            }
            _ => {
                path.push((*step).to_owned());
                above.get(step)
            }
        };
    }
    path
}

/// Which item of a list a step of a path means.
fn position(items: &[Node], step: &str, sources: &Sources) -> Option<usize> {
    match element(step) {
        Some((key, value)) => items.iter().position(|item| match key {
            "" => written(item, sources) == value,
            key => item.get(key).is_some_and(|own| written(own, sources) == value),
        }),
        None if step == "-" => items.len().checked_sub(1),
        None => step.parse().ok(),
    }
}

/// The node behind a path; None where a part of it is missing.
fn look_up<'n>(object: &'n Node, steps: &[&str], place: Place, sources: &Sources) -> Result<Option<&'n Node>, Stop> {
    let mut node = object;
    for step in steps {
        let wrong = || fails(format!("`{step}` of a path does not fit what is there"), place);
        if edit::is_null(node) {
            return Ok(None);
        }
        let next = if let Ok(index) = step.parse::<i64>() {
            let Kind::List(items) = &node.kind else { return Err(wrong()) };
            items.get(usize::try_from(index).map_err(|_| wrong())?)
        } else if *step == "-" {
            let Kind::List(items) = &node.kind else { return Err(wrong()) };
            items.last()
        } else if *step == "*" {
            return Err(wrong());
        } else if is_element(step) {
            let (key, value) = element(step).ok_or_else(wrong)?;
            let Kind::List(items) = &node.kind else { return Err(wrong()) };
            items.iter().find(|item| match key {
                "" => written(item, sources) == value,
                key => item.get(key).is_some_and(|own| written(own, sources) == value),
            })
        } else {
            if !matches!(node.kind, Kind::Map(_)) {
                return Err(wrong());
            }
            node.get(step)
        };
        match next {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

fn is_element(step: &str) -> bool {
    step.starts_with('[') && step.ends_with(']')
}

/// `[name=web]`
fn element(step: &str) -> Option<(&str, &str)> {
    let step = step.strip_suffix(']').unwrap_or(step);
    step.strip_prefix('[').unwrap_or(step).split_once('=')
}

fn is_index(step: &str) -> bool {
    step.parse::<i64>().is_ok_and(|index| index >= 0)
}

/// Takes a path apart at its points: not within brackets, and not where `\` stands before one.
fn split(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let all: Vec<&str> = path.split('.').collect();
    let all = if all.len() > 1 && all[0].is_empty() { &all[1..] } else { &all[..] };
    for part in all {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push('.');
                last.push_str(part);
            }
            _ => parts.push((*part).to_owned()),
        }
    }
    let mut steps = Vec::new();
    let mut parts = parts.into_iter();
    while let Some(part) = parts.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            steps.push(part);
            continue;
        }
        let mut bracketed = part;
        for part in parts.by_ref() {
            bracketed.push('.');
            bracketed.push_str(&part);
            if part.ends_with(']') {
                break;
            }
        }
        let key = !bracketed.contains('=');
        steps.push(if key { bracketed.trim_matches(['[', ']']).to_owned() } else { bracketed });
    }
    steps
}

impl Target {
    fn apply(&self, resources: &mut [Resource], value: &mut Taken, sources: &Sources) -> Result<(), Stop> {
        let Some(select) = &self.select else {
            return Err(fails("a target of a replacement selects nothing", self.place));
        };
        for (at, resource) in resources.iter_mut().enumerate() {
            let object = &resource.object;
            let mut is_meant = select.picks_metadata(object)?;
            for reject in self.reject.iter().filter(|reject| reject.asks_for_metadata()) {
                is_meant = is_meant && !reject.picks_metadata(object)?;
            }
            if !is_meant {
                continue;
            }
            let ids = ids(resource);
            let named = |reject: &Selector| !reject.asks_for_no_id() && ids.iter().any(|id| reject.picks_id(id));
            if self.reject.iter().any(named) || !ids.iter().any(|id| select.picks_id(id)) {
                continue;
            }
            for path in &self.paths {
                let steps = split(path);
                forget_type(resource, &steps, sources);
                value.mistyped.swap(&RefCell::new(std::mem::take(&mut resource.marks.mistyped)));
                value.quotes.swap(&RefCell::new(std::mem::take(&mut resource.marks.quotes)));
                let times = self.set(&mut resource.object, path, &steps, value, sources)?;
                resource.marks.mistyped = value.mistyped.take();
                resource.marks.quotes = value.quotes.take();
                if value.refresh(at, &resource.object, sources) && times > 1 {
                    return Err(refused("a replacement that changes its source on the way", self.place));
                }
            }
        }
        Ok(())
    }

    /// Sets the fields of a path; how many there are.
    fn set(
        &self,
        object: &mut Node,
        path: &str,
        steps: &[String],
        value: &Taken,
        sources: &Sources,
    ) -> Result<usize, Stop> {
        if self.set_in_text(object, steps, value, sources)? {
            return Ok(1);
        }
        let walk = Walk::new(self.options.create.then_some(&value.node.kind), value.node.place, sources);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let field = match steps[..] {
            ["metadata", "annotations"] => Field::Annotations,
            _ => Field::Other,
        };
        let mut change =
            |node: &mut Node, made: bool| self.put(node, if made { Field::Made } else { field }, value, sources);
        let failed = |what: &str| fails(format!("a replacement finds no `{path}` in an object{what}"), self.place);
        match walk.visit(object, &steps, &mut change) {
            Ok(0) => Err(failed("")),
            Ok(times) => Ok(times),
            Err(Fault::Stop(stop)) => Err(stop),
            Err(Fault::Mismatch) => Err(failed(": something else lies there")),
        }
    }

    /// Puts the value into a field that was found.
    fn put(&self, node: &mut Node, field: Field, value: &Taken, sources: &Sources) -> Result<(), Stop> {
        let is_scalar = !matches!(node.kind, Kind::Map(_) | Kind::List(_));
        let folded = fold::is_folded(node, sources);
        let quoted = value.quotes.borrow().has(node, sources);
        let keep_style = |node: &mut Node| {
            if is_scalar && field == Field::Other && !untyped::is_untyped(node) {
                fold::fold(node, folded, sources);
                value.quotes.borrow_mut().set(node, quoted, sources);
            }
        };
        if self.options.delimiter.is_empty() {
            put_text(node, field, &value.text, value);
            keep_style(node);
            return Ok(());
        }
        if !is_scalar {
            return Err(fails("a replacement has a delimiter, but goes where no text is", self.place));
        }
        let own = written(node, sources).into_owned();
        let mut parts: Vec<&str> = own.split(&self.options.delimiter).collect();
        match usize::try_from(self.options.index) {
            Err(_) => parts.insert(0, &value.text),
            Ok(index) if index >= parts.len() => parts.push(&value.text),
            Ok(index) => parts[index] = &value.text,
        }
        let joined = parts.join(&self.options.delimiter);
        put_text(node, field, &joined, value);
        keep_style(node);
        Ok(())
    }

    /// Sets a value within the JSON that a text holds, where the path leads into one; false where it does not.
    fn set_in_text(&self, object: &mut Node, steps: &[String], value: &Taken, sources: &Sources) -> Result<bool, Stop> {
        let all: Vec<&str> = steps.iter().map(|step| step.trim()).collect();
        let is_text = |end: &usize| {
            let path: Vec<&str> = all[..*end].iter().copied().filter(|step| !step.is_empty()).collect();
            let found = look_up(object, &path, self.place, sources);
            matches!(found, Ok(Some(Node { kind: Kind::String(_) | Kind::Bool(_) | Kind::Number(_), .. })))
        };
        let Some(end) = (1..all.len()).find(is_text) else { return Ok(false) };
        let path: Vec<&str> = all[..end].iter().copied().filter(|step| !step.is_empty()).collect();
        let Ok(Some(field)) = look_up(object, &path, self.place, sources) else { return Ok(false) };
        let Some(text) = field.as_str().map(str::to_owned) else { return Ok(false) };
        let place = field.place;
        let reading = yaml::read(place.source, &text);
        let Some(mut inner) = reading.documents.into_iter().next().map(|document| document.root) else {
            return Ok(false);
        };
        let walk = Walk::new(self.options.create.then_some(&value.node.kind), place, sources);
        let inside: Vec<&str> = steps[end..].iter().map(String::as_str).collect();
        let mut change = |node: &mut Node, made: bool| {
            put_text(node, if made { Field::Made } else { Field::Other }, &value.text, value);
            Ok(())
        };
        let known = value.mistyped.take();
        let found = walk.visit(&mut inner, &inside, &mut change);
        if !matches!(found, Ok(1..)) || !value.mistyped.replace(known).is_empty() {
            return Ok(false);
        }
        if !text.trim_start().starts_with(['{', '[']) {
            return Err(refused("a replacement within the YAML that a text holds", self.place));
        }
        untyped::settle_all(&mut inner);
        let pretty = text.contains('\n') && text.contains("  ");
        let json = as_go_writes(&inner.to_json(), pretty);
        let Some(field) = find_mut(object, &path, sources) else { return Ok(false) };
        *field = edit::string(json, value.node.place);
        Ok(true)
    }
}

/// Lets a name or namespace that was set without a type have none, where a path leads to it.
fn forget_type(resource: &mut Resource, steps: &[String], sources: &Sources) {
    let [metadata, field] = steps else { return };
    let is_untyped = metadata == "metadata"
        && match field.as_str() {
            "name" => resource.marks.name_is_untyped,
            "namespace" => resource.marks.namespace_is_untyped,
            _ => false,
        };
    if is_untyped
        && let Some(node) = edit::at_mut(&mut resource.object, &[metadata, field])
        && !resource.marks.quotes.has(node, sources)
    {
        node.place = untyped::before(node.place);
    }
}

/// The node that [`look_up`] finds, to be changed.
fn find_mut<'n>(object: &'n mut Node, steps: &[&str], sources: &Sources) -> Option<&'n mut Node> {
    let mut node = object;
    for step in steps {
        node = match node.kind {
            Kind::Map(_) => node.get_mut(step)?,
            Kind::List(_) => {
                let items = node.items_mut()?;
                let at = position(items, step, sources)?;
                items.get_mut(at)?
            }
            _ => return None,
        };
    }
    Some(node)
}

/// JSON as kustomize writes it back into a text: keys sorted, `<`, `>` and `&` escaped.
fn as_go_writes(value: &Value, pretty: bool) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    let value = sorted(value);
    let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
    text.expect("a JSON value can always be written")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// What a value is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// All annotations of an object: where they are null they stay none, whatever is put there.
    Annotations,
    /// What the walk has just made has no type yet.
    Made,
    Other,
}

/// Sets a scalar to a text, which stays of its type, or anything else to the value itself.
fn put_text(node: &mut Node, field: Field, text: &str, value: &Taken) {
    let place = value.node.place;
    let mut mistyped = value.mistyped.borrow_mut();
    match (&node.kind, field) {
        (Kind::Map(_) | Kind::List(_), _) => *node = value.node.clone(),
        (Kind::Null, Field::Annotations) => {}
        (_, Field::Made) => *node = untyped::untyped(text, place),
        _ => mistyped.put(node, text, place),
    }
}

/// A walk to the fields of a path, making what is missing where that is asked for.
struct Walk<'w> {
    /// What the last field is made as.
    create: Option<&'w Kind>,
    place: Place,
    sources: &'w Sources,
    /// Whether it made something on the way to the next field.
    made: Cell<bool>,
}

enum Fault {
    /// The path does not fit what is there.
    Mismatch,
    Stop(Stop),
}

/// Changes a field; the flag says whether the walk has just made it.
type Change<'c> = dyn FnMut(&mut Node, bool) -> Result<(), Stop> + 'c;

impl<'w> Walk<'w> {
    fn new(create: Option<&'w Kind>, place: Place, sources: &'w Sources) -> Self {
        Walk { create, place, sources, made: Cell::new(false) }
    }

    /// Changes all fields of the path; how many there are.
    fn visit(&self, node: &mut Node, steps: &[&str], change: &mut Change<'_>) -> Result<usize, Fault> {
        let Some((step, rest)) = steps.split_first() else {
            return change(node, self.made.take()).map(|()| 1).map_err(Fault::Stop);
        };
        if is_index(step) {
            let index: usize = step.parse().map_err(|_| Fault::Mismatch)?;
            let items = Self::items(node)?;
            if items.len() == index && self.create.is_some() {
                items.push(self.make(rest.first()));
            }
            let item = items.get_mut(index).ok_or(Fault::Mismatch)?;
            return self.visit(item, rest, change);
        }
        if is_element(step) {
            return self.visit_elements(node, step, rest, change);
        }
        if *step == "*" {
            return Self::items(node)?.iter_mut().try_fold(0, |sum, item| Ok(sum + self.visit(item, rest, change)?));
        }
        self.visit_field(node, step, rest, change)
    }

    /// The items of a list; null counts as one without.
    fn items(node: &mut Node) -> Result<&mut Vec<Node>, Fault> {
        if edit::is_null(node) {
            node.kind = Kind::List(Vec::new());
        }
        node.items_mut().ok_or(Fault::Mismatch)
    }

    fn visit_field(&self, node: &mut Node, step: &str, rest: &[&str], change: &mut Change<'_>) -> Result<usize, Fault> {
        match node.kind {
            Kind::Map(_) => {}
            Kind::Null if self.create.is_none() => return Ok(0),
            _ => return Err(Fault::Mismatch),
        }
        if node.get(step).is_none() {
            if self.create.is_none() {
                return Ok(0);
            }
            node.set(step, self.place, self.make(rest.first()));
        }
        let field = node.get_mut(step).ok_or(Fault::Mismatch)?;
        match field.kind {
            Kind::Map(_) | Kind::List(_) => self.visit(field, rest, change),
            _ if rest.is_empty() => self.visit(field, rest, change),
            // A path into a text was tried before this walk.
            Kind::Null => self.visit(field, rest, change),
            _ => self.visit_text(field, rest, change),
        }
    }

    /// What a text holds is read only here, where no field in it can be set: kustomize changes a copy, and forgets it.
    fn visit_text(&self, text: &Node, rest: &[&str], change: &mut Change<'_>) -> Result<usize, Fault> {
        let reading = yaml::read(self.place.source, &written(text, self.sources));
        if !reading.diagnostics.is_empty() {
            return Err(Fault::Mismatch);
        }
        let mut inner = reading.documents.into_iter().next().ok_or(Fault::Mismatch)?;
        self.visit(&mut inner.root, rest, change)
    }

    fn visit_elements(
        &self,
        node: &mut Node,
        step: &str,
        rest: &[&str],
        change: &mut Change<'_>,
    ) -> Result<usize, Fault> {
        let (key, pattern) = element(step).ok_or(Fault::Mismatch)?;
        let regex = Regex::new(pattern).map_err(|_| Fault::Mismatch)?;
        let items = Self::items(node)?;
        let mut found = 0;
        for item in items.iter_mut() {
            if key.is_empty() {
                if regex.is_match(self.shown(item).trim()) {
                    change(item, false).map_err(Fault::Stop)?;
                    found += 1;
                }
            } else if item.get(key).is_some_and(|value| regex.is_match(self.shown(value).trim())) {
                found += self.visit(item, rest, change)?;
            }
        }
        if found > 0 || self.create.is_none() {
            return Ok(found);
        }
        self.made.set(true);
        let value = untyped::untyped(pattern, self.place);
        let item = if key.is_empty() {
            value
        } else {
            let entry = Entry { key: key.to_owned(), key_place: self.place, value };
            Node { place: self.place, kind: Kind::Map(Entries::from(vec![entry])) }
        };
        if !regex.is_match(pattern) {
            return Err(Fault::Mismatch);
        }
        items.push(item);
        let item = items.last_mut().expect("it was just added");
        self.visit(item, if key.is_empty() { &[] } else { rest }, change)
    }

    /// A scalar as it is written, quotes and all.
    fn shown(&self, node: &Node) -> String {
        if Quotes::default().has(node, self.sources) {
            let text = self.sources.text(node.place);
            // A replacement may have taken it over from elsewhere, with or without quotes.
            if text.starts_with(['"', '\'']) && node.as_str().is_some_and(|own| text.len() > own.len()) {
                return text.to_owned();
            }
        }
        written(node, self.sources).into_owned()
    }

    /// What is made where a field or item is missing; the step after it says what it must hold.
    fn make(&self, next: Option<&&str>) -> Node {
        self.made.set(true);
        let kind = match next {
            Some(next) if is_element(next) || is_index(next) => Kind::List(Vec::new()),
            Some(_) => Kind::Map(Entries::default()),
            None => match self.create {
                Some(Kind::Map(_)) => Kind::Map(Entries::default()),
                Some(Kind::List(_)) => Kind::List(Vec::new()),
                _ => Kind::Null,
            },
        };
        Node { place: self.place, kind }
    }
}
