//! Patches: what a kustomization says is to be changed in objects that others wrote.

mod inline;
mod json;
mod lists;
mod merge;

use std::{borrow::Cow, cell::RefCell, collections::HashSet};

pub(super) use self::merge::{is_date, written};
use self::{inline::Inline, json::Operation};
use super::{
    Id, Marks, Quotes, Resource, Stop,
    accumulate::{Builder, missing},
    edit, fails,
    file::Kustomization,
    finish, fold, generate,
    id::Identity,
    kubectl, load, notes, refused, remote,
    select::Selector,
    shared, untyped,
};
use crate::{
    node::{Kind, Node},
    repository::resolve,
    source::{Place, Sources},
    yaml::{self, Reading},
};

/// A patch, read and ready.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    content: Content,
    target: Option<Selector>,
    allow_name_change: bool,
    allow_kind_change: bool,
    /// Whether what a JSON patch changed was called before is kept; `patchesJson6902` forgets it.
    remembers: bool,
    place: Place,
}

#[derive(Clone, Debug)]
enum Content {
    /// Parts of objects to be merged into those.
    Merge(Vec<Node>),
    Json(Vec<Operation>),
}

/// What kustomize applies first: `patchesStrategicMerge`, then `patches`.
pub(super) fn patches(
    builder: &mut Builder<'_>,
    folder: &str,
    kustomization: &Kustomization<'_>,
) -> Result<Vec<Patch>, Stop> {
    let mut all = Vec::new();
    let merges = kustomization.list("patchesStrategicMerge");
    for line in merges {
        let mut documents = merge_documents(builder, folder, line)?;
        for document in &mut documents {
            write_out_metadata(document, &builder.repository.sources);
        }
        all.push(Patch::of(Content::Merge(documents), line.place));
    }
    if let Some(first) = merges.first()
        && all.iter().all(|patch| matches!(&patch.content, Content::Merge(documents) if documents.is_empty()))
    {
        return Err(fails("the patches of `patchesStrategicMerge` are empty", first.place));
    }
    for entry in kustomization.list("patches") {
        all.push(patch(builder, folder, entry)?);
    }
    Ok(all)
}

/// What kustomize applies once names, namespaces, labels and annotations are set: `patchesJson6902`.
pub(super) fn json_patches(
    builder: &mut Builder<'_>,
    folder: &str,
    kustomization: &Kustomization<'_>,
) -> Result<Vec<Patch>, Stop> {
    kustomization.list("patchesJson6902").iter().map(|entry| json_patch(builder, folder, entry)).collect()
}

impl Patch {
    fn of(content: Content, place: Place) -> Patch {
        Patch { content, target: None, allow_name_change: false, allow_kind_change: false, remembers: true, place }
    }
}

/// A text of a patch: its documents, and itself.
struct Text {
    inline: Inline,
    whole: String,
    place: Place,
}

/// The text of the file that `line` names.
fn file(builder: &mut Builder<'_>, folder: &str, line: &Node) -> Result<Text, Stop> {
    let path = line.as_str().unwrap_or_default();
    if remote::is_url(path) {
        return Err(refused(format!("the remote patch `{path}`"), line.place));
    }
    let repository = builder.repository;
    let target = resolve(folder, path).filter(|target| repository.file(target).is_some());
    let Some(target) = target else { return Err(missing(format!("`{path}` does not exist"), line.place)) };
    let file = repository.file(&target).expect("it was just found");
    let read = if let Some(fault) = &file.fault {
        Err(Stop::Fails(fault.clone()))
    } else if let (Some(reading), Some(text)) = (&file.yaml, repository.text(&target)) {
        let inline = Inline { reading: reading.clone(), first_for_kubectl: kubectl::first(reading) };
        Ok(Text { inline, whole: text.to_owned(), place: line.place })
    } else {
        Err(refused(format!("the patch `{path}`, which is not read as YAML"), line.place))
    };
    builder.reads.insert(target);
    read
}

/// What a line of `patchesStrategicMerge` is: patches themselves, or the file of some.
fn merge_documents(builder: &mut Builder<'_>, folder: &str, line: &Node) -> Result<Vec<Node>, Stop> {
    let text = line.as_str().unwrap_or_default();
    let inline = inline::read(&builder.repository.sources, line, text);
    if let Ok(documents) = objects(&inline.reading) {
        return Ok(documents);
    }
    objects(&file(builder, folder, line)?.inline.reading)
}

fn objects(reading: &Reading) -> Result<Vec<Node>, Stop> {
    if let Some(fault) = reading.diagnostics.first() {
        return Err(Stop::Fails(Box::new(fault.clone())));
    }
    let objects = load::expand(reading.documents.iter().map(|document| &document.root))?;
    Ok(objects.into_iter().map(|resource| resource.object).collect())
}

/// The text that a patch has inline or in a file, of which it must have one.
fn text(builder: &mut Builder<'_>, folder: &str, entry: &Node, trim: bool) -> Result<Text, Stop> {
    let given = |key: &str| entry.get(key).filter(|value| value.as_str().is_some_and(|text| !text.is_empty()));
    let inline = given("patch").filter(|value| !trim || value.as_str().is_some_and(|text| !text.trim().is_empty()));
    match (inline, given("path")) {
        (None, None) => Err(fails("a patch has neither `patch` nor `path`", entry.place)),
        (Some(_), Some(path)) => {
            Err(fails("a patch has `patch` and `path`, and can have one of them only", path.place))
        }
        (None, Some(path)) => file(builder, folder, path),
        (Some(scalar), None) => {
            let text = scalar.as_str().unwrap_or_default();
            let text = if trim { text.trim() } else { text };
            let inline = inline::read(&builder.repository.sources, scalar, text);
            Ok(Text { inline, whole: text.to_owned(), place: scalar.place })
        }
    }
}

/// An entry of `patches`.
fn patch(builder: &mut Builder<'_>, folder: &str, entry: &Node) -> Result<Patch, Stop> {
    let text = text(builder, folder, entry, true)?;
    let content = match (objects(&text.inline.reading), operations(&text, &builder.repository.sources)) {
        (Ok(documents), _) => Content::Merge(documents),
        (Err(_), Ok(operations)) => Content::Json(operations),
        (Err(stop), Err(json)) => {
            let is_list =
                text.inline.reading.documents.first().is_some_and(|first| matches!(first.root.kind, Kind::List(_)));
            return Err(if is_list { json } else { stop });
        }
    };
    let option = |key: &str| entry.at(["options", key]).is_some_and(|value| value.kind == Kind::Bool(true));
    let mut patch = Patch::of(content, text.place);
    patch.allow_name_change = option("allowNameChange");
    patch.allow_kind_change = option("allowKindChange");
    patch.target = target(entry)?;
    if let (Content::Merge(documents), Some(_)) = (&mut patch.content, &patch.target) {
        if documents.len() > 1 {
            return Err(fails("a patch of several objects has a `target`, which only one may have", text.place));
        }
        for document in documents {
            write_out_metadata(document, &builder.repository.sources);
        }
    }
    Ok(patch)
}

fn target(entry: &Node) -> Result<Option<Selector>, Stop> {
    entry.get("target").filter(|target| !edit::is_null(target)).map(Selector::read).transpose()
}

/// An entry of `patchesJson6902`.
fn json_patch(builder: &mut Builder<'_>, folder: &str, entry: &Node) -> Result<Patch, Stop> {
    let named = entry.at(["target", "name"]).and_then(Node::as_str).is_some_and(|name| !name.is_empty());
    if !named {
        return Err(fails("a JSON patch needs the name of its target", entry.place));
    }
    let text = text(builder, folder, entry, false)?;
    let operations = operations(&text, &builder.repository.sources)?;
    if operations.is_empty() {
        return Err(fails("a JSON patch without a step", text.place));
    }
    let mut patch = Patch::of(Content::Json(operations), text.place);
    patch.target = target(entry)?;
    patch.remembers = false;
    Ok(patch)
}

/// The steps of a JSON patch. A text that begins with `[` is JSON to kustomize, any other YAML as kubectl reads it.
fn operations(text: &Text, sources: &Sources) -> Result<Vec<Operation>, Stop> {
    let no_steps = |place: Place| fails("a JSON patch is a list of steps", place);
    let is_json = text.whole.starts_with('[');
    if is_json && serde_json::from_str::<serde::de::IgnoredAny>(&text.whole).is_err() {
        return Err(fails("a patch that begins with `[` must be JSON", text.place));
    }
    let reading = &text.inline.reading;
    if let Some(fault) = reading.diagnostics.first() {
        return Err(Stop::Fails(Box::new(fault.clone())));
    }
    let first = if is_json {
        reading.documents.first().map(|document| &document.root)
    } else {
        text.inline.first_for_kubectl.as_ref()
    };
    let Some(root) = first else { return Ok(Vec::new()) };
    let Kind::List(items) = &root.kind else { return Err(no_steps(root.place)) };
    let mut steps = items.clone();
    if let Some(step) = steps.iter().find(|step| !matches!(step.kind, Kind::Map(_) | Kind::Null)) {
        return Err(no_steps(step.place));
    }
    for step in &mut steps {
        fold::forget(step, sources);
    }
    let mut operations: Vec<Operation> = steps.iter().map(Operation::read).collect();
    if is_json && operations.iter().any(Operation::is_test) {
        let again = yaml::read(text.place.source, &text.whole);
        let written = again.documents.first().map_or(&[][..], |document| document.root.items());
        for (operation, step) in operations.iter_mut().zip(written) {
            operation.compare_letters(step, &text.whole);
        }
    }
    Ok(operations)
}

/// Labels and annotations are texts to kustomize in a patch with a target and in `patchesStrategicMerge`, even where they are null to
/// delete something.
fn write_out_metadata(patch: &mut Node, sources: &Sources) {
    for field in ["labels", "annotations"] {
        write_out(patch, field, sources);
    }
}

/// Annotations that are numbers went through JSON, which has one kind of them.
fn write_numbers(object: &mut Node) {
    let annotations = object.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    let Some(annotations) = annotations.and_then(Node::entries_mut) else { return };
    for (_, value) in annotations.values_mut() {
        if let Kind::Number(number) = &value.kind
            && let Some(number) = number.as_f64()
        {
            value.kind = Kind::String(yaml::as_go_prints(number));
        }
    }
}

/// Makes texts of all values of a map of `metadata`, which goes away where it is empty.
fn write_out(object: &mut Node, field: &str, sources: &Sources) {
    let Some(metadata) = object.get_mut("metadata") else { return };
    let Some(map) = metadata.get_mut(field) else { return };
    match &mut map.kind {
        Kind::Map(entries) if !entries.is_empty() => {
            for (_, value) in entries.values_mut() {
                if !matches!(value.kind, Kind::String(_)) {
                    value.kind = Kind::String(merge::written(value, sources).into_owned());
                }
            }
        }
        _ => {
            metadata.remove(field);
        }
    }
}

/// Applies patches in their order.
pub(super) fn apply(resources: &mut Vec<Resource>, patches: &[Patch], sources: &Sources) -> Result<(), Stop> {
    patches.iter().try_for_each(|patch| patch.apply(resources, sources))
}

impl Patch {
    fn apply(&self, resources: &mut Vec<Resource>, sources: &Sources) -> Result<(), Stop> {
        match (&self.content, &self.target) {
            (Content::Merge(documents), None) => {
                documents.iter().try_for_each(|document| self.merge_into_own(resources, document, sources))
            }
            (Content::Merge(documents), Some(target)) => match documents.first() {
                Some(document) => self.merge_into_all(resources, document, target, sources),
                None => Ok(()),
            },
            (Content::Json(_), None) => Err(fails("a JSON patch needs a `target`", self.place)),
            (Content::Json(operations), Some(target)) => resources.iter_mut().try_for_each(|resource| {
                if target.picks(resource)? { self.change(resource, operations, sources) } else { Ok(()) }
            }),
        }
    }

    /// Merges a document into the object it names.
    fn merge_into_own(&self, resources: &mut Vec<Resource>, document: &Node, sources: &Sources) -> Result<(), Stop> {
        let wanted = Identity::of(document).to_id();
        let is_meant = |resource: &Resource| {
            resource.identity().is_same(&Identity::of(document))
                || (resource.past.iter().any(|past| past.name == wanted.name)
                    && resource.past_ids().iter().any(|past| past.is_same(&wanted)))
        };
        let mut found = (0..resources.len()).filter(|at| is_meant(&resources[*at]));
        let (first, second) = (found.next(), found.next());
        match (first, second) {
            (Some(first), None) => {
                if !self.merge(&mut resources[first], document, sources)? {
                    resources.remove(first);
                }
                Ok(())
            }
            (None, _) => {
                Err(fails(format!("a patch is for {}, which is not in the build", shown(&wanted)), document.place))
            }
            (Some(_), Some(_)) => {
                Err(fails(format!("a patch is for {}, of which there are several", shown(&wanted)), document.place))
            }
        }
    }

    fn merge_into_all(
        &self,
        resources: &mut Vec<Resource>,
        document: &Node,
        target: &Selector,
        sources: &Sources,
    ) -> Result<(), Stop> {
        let mut gone = Vec::new();
        for (at, resource) in resources.iter_mut().enumerate() {
            if !target.picks(resource)? {
                continue;
            }
            let document = with_api_version(document, &resource.object, sources);
            if !self.merge(resource, &document, sources)? {
                gone.push(at);
            } else if resource.object.get("apiVersion").is_none() {
                // The one that the patch got; null counts as none while it is merged.
                let api_version = document.get("apiVersion").filter(|api_version| edit::is_null(api_version)).cloned();
                let api_version = api_version.unwrap_or_else(|| untyped::null(document.place));
                resource.object.set("apiVersion", document.place, api_version);
            }
        }
        let mut at = 0..;
        resources.retain(|_| at.next().is_none_or(|at| !gone.contains(&at)));
        if self.allow_name_change || self.allow_kind_change {
            self.check_names(resources)?;
        }
        Ok(())
    }

    /// A patch with a target may give several objects one name, which nothing else checks.
    fn check_names(&self, resources: &[Resource]) -> Result<(), Stop> {
        let mut names = HashSet::new();
        for resource in resources {
            let id = resource.id();
            let namespace = id.effective_namespace().to_owned();
            if !names.insert(Id { namespace, ..id.clone() }) {
                return Err(fails(format!("a patch makes a second {}", shown(&id)), self.place));
            }
        }
        Ok(())
    }

    /// Merges a document into an object; false where that deletes it.
    fn merge(&self, resource: &mut Resource, document: &Node, sources: &Sources) -> Result<bool, Stop> {
        if self.allow_name_change || self.allow_kind_change {
            resource.remember();
        }
        let object = &resource.object;
        let kind = object.get("kind").cloned();
        let name = object.at(["metadata", "name"]).cloned();
        let namespace = object.at(["metadata", "namespace"]).cloned();
        let stays = shared::keeping(resource, |resource| {
            let to_come = resource.marks.quotes.to_come();
            let quotes = RefCell::new(std::mem::take(&mut resource.marks.quotes));
            let stays = merge::merge(&mut resource.object, document, &quotes, sources);
            resource.marks.quotes = quotes.into_inner();
            resource.marks.quotes.come(to_come);
            stays
        })?;
        if !stays || load::is_empty(&resource.object) {
            return Ok(false);
        }
        // kustomize keeps its notes in annotations: a patch that deletes them all deletes these too.
        if document.at(["metadata", "annotations"]).is_some_and(edit::is_null) {
            resource.past.clear();
            let Marks { variables, shares, mistyped, unreadable, quotes, .. } = std::mem::take(&mut resource.marks);
            resource.marks = Marks { variables, shares, mistyped, unreadable, quotes, ..Marks::default() };
        }
        resource.marks.name_may_change |= self.allow_name_change;
        resource.marks.kind_may_change |= self.allow_kind_change;
        resource.marks.name_is_untyped = !self.allow_name_change;
        resource.marks.namespace_is_untyped = true;
        let object = &mut resource.object;
        if !self.allow_kind_change {
            restore(object, &["kind"], kind);
        }
        if !self.allow_name_change {
            restore(object, &["metadata", "name"], name);
        }
        let namespace = namespace.filter(edit::is_name);
        restore(object, &["metadata", "namespace"], namespace);
        Ok(true)
    }

    fn change(&self, resource: &mut Resource, operations: &[Operation], sources: &Sources) -> Result<(), Stop> {
        if self.remembers {
            resource.remember();
        }
        resource.marks.mistyped.check(&resource.object, true)?;
        generate::check_texts(resource)?;
        // kustomize keeps earlier names in annotations: there always are some while the patch is applied.
        let shows_notes = operations.iter().any(Operation::reads_notes);
        if shows_notes {
            notes::show(resource);
        } else if resource.has_marks() {
            edit::map_at(&mut resource.object, &["metadata", "annotations"], self.place);
        }
        let object = &mut resource.object;
        // The object goes through JSON.
        fold::settle(object, sources);
        json::apply(object, operations, sources)?;
        if shows_notes && let Some(annotations) = edit::at_mut(object, &["metadata", "annotations"]) {
            notes::hide(annotations);
        }
        resource.marks.shares.clear();
        resource.marks.name_is_untyped = false;
        resource.marks.namespace_is_untyped = false;
        write_numbers(object);
        finish::pair_up(object, sources)?;
        write_out(object, "annotations", sources);
        resource.marks.quotes.write_anew(&resource.object, sources);
        Ok(())
    }
}

/// A patch with the API version of the object it is merged into, so that it is the object's kind alone that may be known.
fn with_api_version<'p>(patch: &'p Node, object: &Node, sources: &Sources) -> Cow<'p, Node> {
    let (theirs, own) = (patch.get("apiVersion"), object.get("apiVersion"));
    if theirs.zip(own).is_some_and(|(theirs, own)| theirs.kind == own.kind) {
        return Cow::Borrowed(patch);
    }
    let quoted = theirs.is_some_and(|theirs| Quotes::default().has(theirs, sources));
    let api_version = match own {
        Some(own) => own.clone(),
        None if quoted => edit::string("", patch.place),
        None => untyped::null(patch.place),
    };
    let mut patch = patch.clone();
    patch.set("apiVersion", api_version.place, api_version);
    Cow::Owned(patch)
}

/// Sets a value back to what it was, if a patch changed it.
fn restore(object: &mut Node, path: &[&str], before: Option<Node>) {
    let now = object.at(path.iter().copied());
    match before {
        None if now.is_some() => {
            edit::remove_at(object, path);
        }
        Some(before) if now.is_none_or(|now| now.kind != before.kind) => {
            edit::set_at(object, path, before);
        }
        _ => {}
    }
}

fn shown(id: &Id) -> String {
    if id.namespace.is_empty() {
        format!("{} `{}`", id.kind, id.name)
    } else {
        format!("{} `{}/{}`", id.kind, id.namespace, id.name)
    }
}
