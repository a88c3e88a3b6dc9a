//! `buildMetadata`: annotations that tell where an object comes from and what changed it.

use std::fmt::Write as _;

use super::{Resource, Stop, edit, fails, finish};
use crate::{
    repository::parent,
    source::{Place, Sources},
};

const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// What kustomize calls itself within Flux, which does not tell it its release.
const VERSION: &str = "kustomize-(devel)";

/// The way from the outermost folder to where objects are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    path: String,
}

/// The file, and what in it made or changed an object, as kustomize notes it.
pub(super) struct Builtin(String);

impl Origin {
    /// Further along a line of a kustomization.
    pub fn join(&self, line: &str) -> Origin {
        Origin { path: join(&self.path, line) }
    }

    /// A transformer or generator that a kustomization file here asks for.
    pub fn builtin(&self, file: &str, kind: &str) -> Builtin {
        let name = file.strip_prefix(parent(file)).unwrap_or(file).trim_start_matches('/');
        let path = join(&self.path, name);
        Builtin(format!("configuredIn: {path}\nconfiguredBy:\n  apiVersion: builtin\n  kind: {kind}\n"))
    }

    /// Notes on objects that they were read here.
    pub fn note(&self, resources: &mut [Resource]) {
        for resource in resources {
            let place = resource.place;
            annotate(resource, ORIGIN, format!("path: {}\n", self.path), place);
        }
    }
}

impl Builtin {
    /// Notes on an object that this made it, unless something else is noted.
    pub fn made(&self, resource: &mut Resource) {
        if annotation(resource, ORIGIN).is_none() {
            let place = resource.place;
            annotate(resource, ORIGIN, self.0.clone(), place);
        }
    }

    /// Notes on objects that this changed them, which makes texts of all annotations.
    pub fn changed(&self, resources: &mut [Resource], sources: &Sources) {
        for resource in resources {
            finish::tidy_annotations(&mut resource.object, sources);
            let place = resource.place;
            if annotation(resource, ORIGIN).is_none() {
                annotate(resource, ORIGIN, self.0.clone(), place);
                continue;
            }
            let mut all = annotation(resource, TRANSFORMATIONS).unwrap_or_default().to_owned();
            for (at, line) in self.0.lines().enumerate() {
                let _ = writeln!(all, "{}{line}", if at == 0 { "- " } else { "  " });
            }
            annotate(resource, TRANSFORMATIONS, all, place);
        }
    }
}

fn annotation<'r>(resource: &'r Resource, key: &str) -> Option<&'r str> {
    resource.object.at(["metadata", "annotations", key])?.as_str()
}

fn annotate(resource: &mut Resource, key: &str, text: String, place: Place) {
    // Whatever else stands where annotations belong is none, and makes room.
    if let Some(annotations) = edit::at_mut(&mut resource.object, &["metadata", "annotations"])
        && annotations.items_mut().is_none()
        && annotations.entries_mut().is_none()
    {
        *annotations = edit::empty_map(place);
    }
    edit::set_at(&mut resource.object, &["metadata", "annotations", key], edit::string(text, place));
}

/// Keeps the origin that is noted on the object that another takes the place of.
pub(super) fn keep(new: &mut Resource, old: &Resource) {
    if let Some(origin) = old.object.at(["metadata", "annotations", ORIGIN]) {
        edit::set_at(&mut new.object, &["metadata", "annotations", ORIGIN], origin.clone());
    }
}

/// Takes away what was not asked for, and adds the label of `managedByLabel`.
pub(super) fn finish(resources: &mut [Resource], asked: &[&str]) -> Result<(), Stop> {
    for resource in resources {
        if asked.contains(&"managedByLabel") {
            let place = resource.place;
            if !edit::set_at(&mut resource.object, &["metadata", "labels", MANAGED_BY], edit::string(VERSION, place)) {
                return Err(fails("labels are a map of texts, and here something else stands", place));
            }
        }
        for (word, key) in [("originAnnotations", ORIGIN), ("transformerAnnotations", TRANSFORMATIONS)] {
            if !asked.contains(&word) {
                edit::remove_at(&mut resource.object, &["metadata", "annotations", key]);
            }
        }
    }
    Ok(())
}

/// Two paths joined, as short as possible; it may lead above the first.
fn join(path: &str, more: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').chain(more.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
