//! Brings `out/` to what the compiler made: compares, refuses what is not ours to change, and writes everything at once.
//!
//! A build holds the [`lock`], asks for the [`plan`], and when nothing it found is an error, [`write()`]s it. What lies in `out/` is
//! - *ours* when it starts with our header: replaced, and removed once the tree has no such file;
//! - *kept* when a tool we know puts it there (`flux bootstrap`): left alone;
//! - *foreign* otherwise: an error, never deleted.
//!
//! A file of ours whose bytes neither we nor git know was edited by hand; that is an error too, because the next build would undo it.

mod edits;
mod folder;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use similar::TextDiff;

use crate::{
    code,
    diagnostic::{Diagnostic, Severity},
    source::{Place, Sources, Span},
    tree::{self, Tree, unix_lines},
    world::{Content, Entry, Error, Kind, Lock, World},
};

/// What others write into `out/` on purpose: `flux bootstrap` its own manifests.
const KEPT_FOLDERS: [&str; 1] = ["flux/flux-system/"];
/// What file browsers drop into every folder they show.
const KEPT_NAMES: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];
/// Beyond this nobody reads a difference, and finding it takes long.
const LARGEST_DIFF: usize = 4 << 20;

/// A file that differs between `out/` and the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Path below `out/`.
    pub path: String,
    /// How it differs.
    pub kind: ChangeKind,
}

/// How a file differs between `out/` and the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// The tree has it, `out/` does not.
    Created,
    /// Both have it, with different bytes.
    Changed,
    /// `out/` has it and it is ours, but the tree has it no more.
    Removed,
}

impl ChangeKind {
    /// The word users see.
    pub fn name(self) -> &'static str {
        match self {
            ChangeKind::Created => "created",
            ChangeKind::Changed => "changed",
            ChangeKind::Removed => "removed",
        }
    }
}

/// Keeps other builds from writing `out/` while it lives, and finishes what a killed one left. Take it before [`plan`].
/// Nothing for a folder that [`plan`] refuses whole.
pub fn lock(world: &dyn World, out: &str) -> Result<Option<Lock>, Error> {
    let out = folder::plain(out);
    if folder::is_unsafe(world, &out)?.is_some() {
        return Ok(None);
    }
    world.lock(&out).map(Some)
}

/// What writing the tree would change, sorted by path, and what speaks against it.
///
/// `force` overwrites files that are foreign or edited by hand where the tree has a file, and lets other foreign files lie.
pub fn plan(
    world: &dyn World,
    sources: &mut Sources,
    out: &str,
    tree: &Tree,
    force: bool,
) -> Result<(Vec<Change>, Vec<Diagnostic>), Error> {
    let out = folder::plain(out);
    if let Some(finding) = folder::refusal(world, sources, &out)? {
        return Ok((Vec::new(), vec![finding]));
    }
    let found = compare(world, &out, tree)?;
    let mut findings = foreign(sources, &out, tree, &found, force);
    if !force {
        let edits = edits::among(world, &out, tree, &found.differing)?;
        findings.extend(edits.into_iter().map(|edit| (edit.path.clone(), edit.finding(sources, &out))));
    }
    findings.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok((found.changes, findings.into_iter().map(|(_, finding)| finding).collect()))
}

/// Makes `out/` the tree. Nothing is touched when there is no change. `changes` are what [`plan`] gave, under the same [`lock`].
pub fn write(world: &dyn World, out: &str, tree: &Tree, changes: &[Change]) -> Result<(), Error> {
    let out = folder::plain(out);
    // First, because a build killed right after the swap must not call its own files edited.
    edits::remember(world, &out, tree, changes)?;
    if changes.is_empty() {
        return Ok(());
    }
    let differing: BTreeMap<&str, ChangeKind> =
        changes.iter().map(|change| (change.path.as_str(), change.kind)).collect();
    let entries = world.entries(&out)?;
    // Whatever we did not decide to remove stays, also what came after we looked.
    let staying = entries.iter().map(|entry| entry.path.as_str()).filter(|path| !differing.contains_key(path));
    let mut files: BTreeMap<&str, Content<'_>> = staying.map(|path| (path, Content::Kept)).collect();
    for (path, file) in tree.files() {
        if differing.contains_key(path.as_str()) {
            files.insert(path, Content::Bytes(&file.bytes));
        }
    }
    world.replace(&out, &files)
}

/// The changes as a unified diff, as `git diff` would show them.
pub fn diff(world: &dyn World, out: &str, tree: &Tree, changes: &[Change]) -> Result<String, Error> {
    let out = folder::plain(out);
    let mut text = String::new();
    for change in changes {
        let path = format!("{out}/{}", change.path);
        let old = if change.kind == ChangeKind::Created { None } else { world.read(&path)? };
        let new = tree.get(&change.path).map(|file| file.bytes.as_slice());
        text.push_str(&diff_of_file(&path, old.as_deref(), new));
    }
    Ok(text)
}

fn diff_of_file(path: &str, old: Option<&[u8]>, new: Option<&[u8]>) -> String {
    let name = |side: &str, bytes: Option<&[u8]>| bytes.map_or("/dev/null".to_owned(), |_| format!("{side}/{path}"));
    let (old_name, new_name) = (name("a", old), name("b", new));
    let old = unix_lines(old.unwrap_or_default());
    let new = new.unwrap_or_default();
    match (std::str::from_utf8(&old), std::str::from_utf8(new)) {
        (Ok(old), Ok(new)) if old.len() <= LARGEST_DIFF && new.len() <= LARGEST_DIFF => {
            TextDiff::from_lines(old, new).unified_diff().context_radius(3).header(&old_name, &new_name).to_string()
        }
        (Ok(_), Ok(_)) => format!("Files {old_name} and {new_name} differ and are too large to compare line by line\n"),
        _ => format!("Binary files {old_name} and {new_name} differ\n"),
    }
}

/// What lies in `out/`, held against the tree.
#[derive(Default)]
struct Found {
    changes: Vec<Change>,
    /// Our files that would be replaced or removed, and what they hold.
    differing: Vec<(String, Vec<u8>)>,
    foreign: Vec<Entry>,
    /// Some file in `out/` carries our header.
    is_written: bool,
}

fn compare(world: &dyn World, out: &str, tree: &Tree) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut present = BTreeSet::new();
    for entry in world.entries(out)? {
        let wanted = tree.get(&entry.path);
        if wanted.is_none() && is_kept(&entry.path) {
            continue;
        }
        if entry.kind != Kind::File {
            found.foreign(entry, wanted.is_some(), &mut present);
            continue;
        }
        // A file that vanishes while we look is one that is not there.
        let Some(bytes) = world.read(&format!("{out}/{}", entry.path))? else { continue };
        if wanted.is_some_and(|file| unix_lines(&bytes) == unix_lines(&file.bytes)) {
            found.is_written = true;
            present.insert(entry.path);
        } else if tree::is_ours(&bytes) {
            found.is_written = true;
            let kind = if wanted.is_some() { ChangeKind::Changed } else { ChangeKind::Removed };
            present.insert(entry.path.clone());
            found.changes.push(Change { path: entry.path.clone(), kind });
            found.differing.push((entry.path, bytes));
        } else {
            found.foreign(entry, wanted.is_some(), &mut present);
        }
    }
    let missing = tree.files().filter(|(path, _)| !present.contains(*path));
    found.changes.extend(missing.map(|(path, _)| Change { path: path.clone(), kind: ChangeKind::Created }));
    found.changes.sort();
    Ok(found)
}

impl Found {
    fn foreign(&mut self, entry: Entry, is_wanted: bool, present: &mut BTreeSet<String>) {
        if is_wanted {
            self.changes.push(Change { path: entry.path.clone(), kind: ChangeKind::Changed });
            present.insert(entry.path.clone());
        }
        self.foreign.push(entry);
    }
}

fn is_kept(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    KEPT_NAMES.contains(&name) || KEPT_FOLDERS.iter().any(|folder| path.starts_with(folder))
}

fn foreign(sources: &mut Sources, out: &str, tree: &Tree, found: &Found, force: bool) -> Vec<(String, Diagnostic)> {
    if let Some(first) = found.foreign.first().filter(|_| !found.is_written) {
        return vec![(String::new(), foreign_folder(sources, out, first, found.foreign.len()))];
    }
    let findings = found.foreign.iter().filter_map(|entry| {
        let finding = foreign_file(sources, out, tree, entry, force)?;
        Some((entry.path.clone(), finding))
    });
    findings.collect()
}

fn foreign_folder(sources: &mut Sources, out: &str, first: &Entry, count: usize) -> Diagnostic {
    let message = if count == 1 {
        format!("`{out}` holds a file already, and gitopsc did not write it")
    } else {
        format!("`{out}` holds {count} files already, none of them written by gitopsc")
    };
    Diagnostic::new(code!("output-foreign-folder"), message)
        .at(unseen(sources, out, &first.path, 1), if count == 1 { "" } else { "the first of them" })
        .note("what is in the folder and not in the inventory would have to go, so a build only starts in an empty one")
        .help("move the files elsewhere, or build into another folder with `--out DIR`")
}

/// What to say about a foreign file; nothing when it may be overwritten.
fn foreign_file(sources: &mut Sources, out: &str, tree: &Tree, entry: &Entry, force: bool) -> Option<Diagnostic> {
    let path = format!("{out}/{}", entry.path);
    let is = match entry.kind {
        Kind::Link => "is a symbolic link, which gitopsc never writes",
        Kind::Odd => "is not an ordinary file with an ordinary name",
        Kind::File | Kind::Folder => "was not written by gitopsc",
    };
    let place = unseen(sources, out, &entry.path, 1);
    let finding = |message: String| Diagnostic::new(code!("output-foreign"), message).at(place, "");
    match tree.in_the_way(&entry.path) {
        Some((wanted, _)) if wanted == entry.path && entry.kind != Kind::Odd && force => None,
        Some((wanted, file)) if wanted == entry.path => {
            let owner = &file.origin.owner;
            let finding = finding(format!("`{path}` {is}, and lies where `{owner}` puts a file"))
                .help("move it elsewhere, or overwrite it with `gitopsc build --force`");
            Some(finding)
        }
        Some((wanted, file)) => {
            let owner = &file.origin.owner;
            let finding = finding(format!("`{path}` {is}, and is in the way of `{out}/{wanted}` of `{owner}`"))
                .help("move it elsewhere");
            Some(finding)
        }
        None if force && entry.kind != Kind::Odd => {
            let finding = finding(format!("`{path}` {is}; it stays where it is")).severity(Severity::Warning);
            Some(finding)
        }
        None => {
            let finding = finding(format!("`{path}` {is}"))
                .help(format!("move it out of `{out}`; a manifest belongs into `templates/services/<service>/`"));
            Some(finding)
        }
    }
}

/// A line of a file in `out/` whose text is not shown: what somebody else put there may be a secret.
fn unseen(sources: &mut Sources, out: &str, path: &str, line: usize) -> Place {
    let source = sources.add(format!("{out}/{path}"), "\n".repeat(line - 1));
    Place { source, span: Span::new(line - 1, line - 1) }
}

/// How many lines were added and removed between two texts, and the first line of the second that differs.
fn measure(old: &[u8], new: &[u8]) -> (String, usize) {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    if old.len().max(new.len()) > LARGEST_DIFF {
        return (String::new(), 1);
    }
    let difference = TextDiff::from_lines(old.as_ref(), new.as_ref());
    let changes = difference.ops().iter().filter(|op| op.tag() != similar::DiffTag::Equal);
    let (mut added, mut removed, mut first) = (0, 0, None);
    for op in changes {
        added += op.new_range().len();
        removed += op.old_range().len();
        first.get_or_insert(op.new_range().start + 1);
    }
    let lines = |count: usize| if count == 1 { "line" } else { "lines" };
    let mut text = String::new();
    if added > 0 {
        write!(text, "{added} {} added", lines(added)).expect("writing to a string");
    }
    if removed > 0 {
        let comma = if text.is_empty() { "" } else { ", " };
        write!(text, "{comma}{removed} {} removed", lines(removed)).expect("writing to a string");
    }
    (text, first.unwrap_or(1))
}

#[cfg(test)]
mod tests;
