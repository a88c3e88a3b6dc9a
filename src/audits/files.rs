//! Manifests and Kustomizations that nothing applies.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::is_known_whole;
use crate::{
    code,
    diagnostic::{Diagnostic, Severity},
    flux::{
        Outcome, Unit,
        roots::{is_unit, string},
    },
    node::Node,
    repository::{File, Repository, is_below, join, parent, resolve},
    survey::Survey,
};

/// Reports them.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    unreachable(survey, found);
    unused(survey, found);
    forgotten(survey, found);
}

fn unreachable(survey: &Survey, found: &mut Vec<Diagnostic>) {
    // A unit that is not built, or whose source is elsewhere, may apply any of them.
    if !survey.clusters.iter().all(is_known_whole) {
        return;
    }
    let is_off = |place| is_switched_off(&survey.repository, survey.repository.path(place));
    for lost in survey.unreachable.iter().filter(|lost| !is_off(lost.place)) {
        let folder = if lost.folder.is_empty() { ".".to_owned() } else { format!("./{}", lost.folder) };
        let finding = if survey.clusters.iter().any(|cluster| cluster.index.contains_key(&lost.name)) {
            let message = format!("nothing applies this second Kustomization `{}`", lost.name);
            Diagnostic::new(code!("unit-unreachable"), message)
                .severity(Severity::Note)
                .note("another file has one of this name, which a cluster applies")
                .help("delete it, or give it a name of its own and list its file")
        } else {
            Diagnostic::new(code!("unit-unreachable"), format!("nothing applies the unit `{}`", lost.name))
                .note(format!("what is in `{folder}` never reaches a cluster"))
                .help("list its file in a kustomization that a cluster applies, or delete it")
        };
        found.push(finding.at(lost.place, "").about(lost.name.to_string()));
    }
}

/// Manifests beside others that a build reads, and that no build reads themselves.
fn unused(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let candidates = candidates(survey);
    let mentioned = mentioned(survey, &candidates);
    for (path, list) in candidates.iter().filter(|(path, _)| !mentioned.contains(*path)) {
        let file = survey.repository.file(path).expect("it is one of its files");
        let Some(first) = file.documents().next() else { continue };
        let what = match file.documents().count() {
            1 => format!("this {}", string(first, &["kind"]).unwrap_or("manifest")),
            _ => "these manifests".to_owned(),
        };
        let place = first.get("kind").map_or(first.place, |kind| kind.place);
        let name = path.rsplit('/').next().unwrap_or(path);
        found.push(
            Diagnostic::new(code!("file-unused"), format!("no build loads {what}: `{list}` does not list `{name}`"))
                .at(place, "")
                .note("it lies beside what Flux applies, and is not applied itself")
                .help(format!("add `- {name}` to its `resources`, or delete the file"))
                .about((*path).to_owned()),
        );
    }
}

/// Files of manifests right beside a kustomization file that a build read and that does not mention them, with that file.
fn candidates(survey: &Survey) -> BTreeMap<&str, String> {
    let repository = &survey.repository;
    let units = || survey.clusters.iter().flat_map(|cluster| &cluster.units);
    // What a build that stopped would have read is not known.
    let stopped: Vec<&str> = units().filter_map(unread).collect();
    let halted = units().filter(|unit| matches!(unit.outcome, Outcome::Stopped(_)));
    let half_read: BTreeSet<&str> = halted.flat_map(|unit| unit.reads.iter().map(String::as_str)).collect();
    let mut candidates = BTreeMap::new();
    let mut lists: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for (path, file) in repository.files() {
        if survey.loaded.contains(path) || !holds_manifests(file) || stopped.iter().any(|folder| is_below(path, folder))
        {
            continue;
        }
        let folder = parent(path);
        let list = lists
            .entry(folder)
            .or_insert_with(|| loaded_list(survey, folder).filter(|list| !half_read.contains(list.as_str())));
        let name = path.rsplit('/').next().unwrap_or(path);
        // A hidden file is the input of some tool.
        let is_off =
            |list: &String| name.starts_with('.') || is_crossed_out(repository.text(list).unwrap_or_default(), name);
        if let Some(list) = list.as_ref().filter(|list| !is_off(list)) {
            candidates.insert(path, list.clone());
        }
    }
    candidates
}

/// The kustomization file of a folder, where a build reads it.
fn loaded_list(survey: &Survey, folder: &str) -> Option<String> {
    survey.repository.kustomization(folder).filter(|list| survey.loaded.contains(list))
}

/// Folders beside others that a kustomization file lists, and that no build reads.
fn forgotten(survey: &Survey, found: &mut Vec<Diagnostic>) {
    if !survey.clusters.iter().all(is_known_whole) {
        return;
    }
    let repository = &survey.repository;
    let lost: BTreeSet<&str> = survey.unreachable.iter().map(|lost| lost.folder.as_str()).collect();
    for folder in repository.folders().filter(|folder| !folder.is_empty()) {
        let Some(own) = repository.kustomization(folder).filter(|own| !survey.loaded.contains(own)) else { continue };
        let Some(list) = loaded_list(survey, parent(folder)) else { continue };
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let siblings = repository.file(&list).into_iter().flat_map(File::documents);
        let lists_folders =
            siblings.flat_map(|document| document.get("resources").map(Node::items).unwrap_or_default());
        let mut folders = lists_folders.filter_map(Node::as_str);
        let has_sibling = folders.any(|entry| {
            resolve(parent(folder), entry)
                .is_some_and(|path| parent(&path) == parent(folder) && repository.is_folder(&path))
        });
        let is_off = is_crossed_out(repository.text(&list).unwrap_or_default(), name);
        let is_lost =
            std::iter::successors(Some(folder), |at| (!at.is_empty()).then(|| parent(at))).any(|at| lost.contains(at));
        if !has_sibling || is_off || is_lost || is_read_below(survey, folder) || holds_unit(repository, folder) {
            continue;
        }
        let Some(resources) =
            repository.file(&own).and_then(|file| file.documents().find_map(|it| it.entry("resources")))
        else {
            continue;
        };
        found.push(
            Diagnostic::new(
                code!("file-unused"),
                format!("no build loads this folder: `{list}` does not list `{name}`"),
            )
            .at(resources.key_place, "")
            .note("it lies beside folders that Flux applies, and is not applied itself")
            .help(format!("add `- {name}` to its `resources`, or delete the folder"))
            .about(folder.to_owned()),
        );
    }
}

fn is_read_below(survey: &Survey, folder: &str) -> bool {
    let first = survey.loaded.range(format!("{folder}/")..).next();
    first.is_some_and(|path| is_below(path, folder))
}

fn holds_unit(repository: &Repository, folder: &str) -> bool {
    repository.below(folder).flat_map(|(_, file)| file.documents()).any(is_unit)
}

fn unread(unit: &Unit) -> Option<&str> {
    matches!(unit.outcome, Outcome::Stopped(_)).then_some(unit.folder.as_deref()?)
}

/// Whether every document is an object for a cluster, other than a unit: one that nothing applies is a finding of its own.
fn holds_manifests(file: &File) -> bool {
    let is_manifest = |document: &Node| {
        let version = string(document, &["apiVersion"]).unwrap_or_default();
        let is_local = ["kustomize.config.k8s.io", "config.kubernetes.io", "helmfile", "talos.dev", "v1alpha1"];
        string(document, &["kind"]).is_some_and(|kind| !kind.is_empty())
            && document.at(["metadata", "name"]).is_some()
            && !is_unit(document)
            && !version.is_empty()
            && !is_local.iter().any(|local| version.starts_with(local))
    };
    let mut documents = file.documents().peekable();
    documents.peek().is_some() && file.faults().next().is_none() && documents.all(is_manifest)
}

/// Whether a kustomization file above names the file, or its folder, in an entry that is a comment.
fn is_switched_off(repository: &Repository, path: &str) -> bool {
    let mut folder = parent(path);
    loop {
        let list = repository.kustomization(folder);
        let list = list.and_then(|list| repository.text(&list));
        let below = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
        if list.is_some_and(|list| is_crossed_out(list, below) || is_crossed_out(list, parent(below))) {
            return true;
        }
        if folder.is_empty() {
            return false;
        }
        folder = parent(folder);
    }
}

/// Whether a list holds an entry for this as a comment: somebody switched it off on purpose.
fn is_crossed_out(list: &str, name: &str) -> bool {
    let comments = list.lines().filter_map(|line| line.trim_start().strip_prefix('#'));
    let mut entries = comments.filter_map(|comment| comment.trim_start_matches(['#', ' ']).strip_prefix('-'));
    entries.any(|entry| {
        let written = entry.split_whitespace().next().unwrap_or_default().trim_matches(['"', '\'']);
        !name.is_empty() && written.trim_start_matches("./").trim_end_matches('/') == name
    })
}

/// Those of the files that a script, a task or a configuration names.
fn mentioned<'s>(survey: &'s Survey, candidates: &BTreeMap<&'s str, String>) -> BTreeSet<&'s str> {
    let short =
        |path: &str| join(parent(path).rsplit('/').next().unwrap_or_default(), path.rsplit('/').next().unwrap_or(path));
    let mut by_name: BTreeMap<String, Vec<&'s str>> = BTreeMap::new();
    for path in candidates.keys() {
        by_name.entry(short(path)).or_default().push(path);
    }
    let mut mentioned = BTreeSet::new();
    if by_name.is_empty() {
        return mentioned;
    }
    let names: Vec<String> = by_name.keys().map(|name| regex::escape(name)).collect();
    let Ok(names) = Regex::new(&names.join("|")) else { return mentioned };
    let repository = &survey.repository;
    // Manifests name each other's files in comments, which applies nothing.
    let built = survey.clusters.iter().flat_map(|cluster| &cluster.units);
    let built = built.filter(|unit| matches!(unit.outcome, Outcome::Objects(_)));
    let built: BTreeSet<&str> = built.flat_map(|unit| unit.reads.iter().map(String::as_str)).collect();
    let texts = repository
        .files()
        .filter(|(path, file)| file.source.is_some() && !path.ends_with(".md") && !built.contains(path));
    for (path, _) in texts {
        for name in names.find_iter(repository.text(path).unwrap_or_default()) {
            mentioned.extend(by_name[name.as_str()].iter().filter(|other| **other != path));
        }
    }
    mentioned
}
