//! Which of our files somebody edited by hand.
//!
//! We remember the digests of what we wrote in `.git/gitopsc/`, where nobody commits them. A file that differs from the tree is fine when we
//! wrote it like that, or when it is as git staged or committed it: then it can be had back. Git is asked only about what we do not remember.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use sha2::{Digest as _, Sha256};

use super::{Change, ChangeKind, measure, unseen};
use crate::{
    code,
    diagnostic::Diagnostic,
    source::Sources,
    tree::{self, Tree, unix_lines},
    world::{Access, Error, Versions, World},
};

/// How many states of a file we remember. More than one, because `git stash` and a kill in the middle of a build bring older ones back.
const REMEMBERED: usize = 8;

/// A file somebody edited by hand.
pub(super) struct Edit {
    /// Path below `out/`.
    pub(super) path: String,
    bytes: Vec<u8>,
    /// What it was edited from, where git has that.
    base: Option<Vec<u8>>,
    /// The tree has such a file no more.
    is_gone: bool,
}

/// The hand-edited ones among files of ours that differ from the tree.
pub(super) fn among(
    world: &dyn World,
    out: &str,
    tree: &Tree,
    differing: &[(String, Vec<u8>)],
) -> Result<Vec<Edit>, Error> {
    if differing.is_empty() {
        return Ok(Vec::new());
    }
    // Outside git there is nowhere to remember anything, and nothing to compare with.
    let Some(memory) = world.memory(out)? else { return Ok(Vec::new()) };
    let memory = Memory::read(world, &memory)?;
    let suspects: Vec<_> = differing.iter().filter(|(path, bytes)| !memory.knows(path, bytes)).collect();
    if suspects.is_empty() {
        return Ok(Vec::new());
    }
    let paths: Vec<&str> = suspects.iter().map(|(path, _)| path.as_str()).collect();
    let versions = world.versions(out, &paths)?.unwrap_or_else(|| vec![Versions::default(); paths.len()]);
    let edits = suspects.into_iter().zip(versions).filter_map(|((path, bytes), versions)| {
        let is_edited = is_edited(bytes, &versions, memory.exists);
        is_edited.then(|| Edit {
            path: path.clone(),
            bytes: bytes.clone(),
            base: versions.index.or(versions.head),
            is_gone: tree.get(path).is_none(),
        })
    });
    Ok(edits.collect())
}

fn is_edited(bytes: &[u8], versions: &Versions, is_remembered: bool) -> bool {
    // A merge left its marks in the file; building again is how it is resolved.
    if versions.unmerged {
        return false;
    }
    let known: Vec<&Vec<u8>> = versions.index.iter().chain(&versions.head).collect();
    if known.is_empty() && !is_remembered {
        // The folder became a repository after it was written, or git cannot be run: nothing tells an edit from our own text.
        return false;
    }
    !known.iter().any(|version| unix_lines(version) == unix_lines(bytes))
}

impl Edit {
    pub(super) fn finding(self, sources: &mut Sources, out: &str) -> Diagnostic {
        let path = format!("{out}/{}", self.path);
        let (lines, first) = match &self.base {
            Some(base) => measure(&unix_lines(base), &unix_lines(&self.bytes)),
            None => (String::new(), 1),
        };
        let lines = if lines.is_empty() { lines } else { format!(" ({lines})") };
        let undo = if self.is_gone { "removes it" } else { "overwrites it" };
        let mut finding = Diagnostic::new(code!("output-edited"), format!("`{path}` was edited by hand{lines}"))
            .at(unseen(sources, out, &self.path, first), "")
            .note(format!("the next build {undo}, so the edit would be lost"));
        if self.base.is_some() {
            finding = finding.note(format!("`git diff -- {path}` shows the edit"));
        }
        if let Some(places) = tree::where_to_change(&self.bytes) {
            finding = finding.help(format!("make the change in {places}"));
        }
        finding.help("`gitopsc build --force` drops the edit")
    }
}

/// Remembers what is about to be written, before it is.
pub(super) fn remember(world: &dyn World, out: &str, tree: &Tree, changes: &[Change]) -> Result<(), Error> {
    let Some(place) = world.memory(out)? else { return Ok(()) };
    let mut memory = Memory::read(world, &place)?;
    if changes.is_empty() && memory.exists {
        return Ok(());
    }
    let removed = |change: &&Change| change.kind == ChangeKind::Removed;
    let changed: BTreeSet<&str> =
        changes.iter().filter(|change| !removed(change)).map(|change| change.path.as_str()).collect();
    for (path, file) in tree.files() {
        if changed.contains(path.as_str()) || !memory.digests.contains_key(path) {
            memory.add(path, &file.bytes);
        }
    }
    memory.save(world, &place)
}

/// The digests of the last states of every file we wrote: one line a file, its path, a tab, and the digests, newest first.
struct Memory {
    digests: BTreeMap<String, Vec<String>>,
    exists: bool,
}

impl Memory {
    fn read(world: &dyn World, place: &str) -> Result<Memory, Error> {
        let bytes = world.read(&file_of(place))?;
        let exists = bytes.is_some();
        let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let digests =
            lines.map(|(path, digests)| (path.to_owned(), digests.split(' ').map(str::to_owned).collect())).collect();
        Ok(Memory { digests, exists })
    }

    fn knows(&self, path: &str, bytes: &[u8]) -> bool {
        self.digests.get(path).is_some_and(|digests| digests.contains(&digest(bytes)))
    }

    fn add(&mut self, path: &str, bytes: &[u8]) {
        let digest = digest(bytes);
        let digests = self.digests.entry(path.to_owned()).or_default();
        digests.retain(|known| *known != digest);
        digests.insert(0, digest);
        digests.truncate(REMEMBERED);
    }

    fn save(&self, world: &dyn World, place: &str) -> Result<(), Error> {
        let mut text = String::new();
        for (path, digests) in &self.digests {
            writeln!(text, "{path}\t{}", digests.join(" ")).expect("writing to a string");
        }
        world.save(&file_of(place), text.as_bytes(), Access::Shared)
    }
}

fn file_of(place: &str) -> String {
    format!("{place}/written")
}

/// Half a SHA-256 is plenty to tell a file from its edited self.
fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(unix_lines(bytes));
    digest[..16].iter().fold(String::with_capacity(32), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string");
        hex
    })
}
