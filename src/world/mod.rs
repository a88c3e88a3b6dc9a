//! The only door to the machine: files, git, locks.
//!
//! Everything else takes texts and bytes as arguments. [`OsWorld`] is the real machine, [`MemWorld`] a repository in memory for tests.
//! Paths are below the repository's root (`-C DIR`) and written with `/`; an absolute path stays what it is.

mod git;
mod helm;
mod ignored;
mod kubectl;
mod mem;
mod os;
mod swap;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
};

pub use ignored::Ignored;
pub use mem::{MemGit, MemWorld};
pub use os::OsWorld;

/// What a run may ask of the machine.
pub trait World: Sync {
    /// The bytes of a file, or nothing where there is no such file. A symbolic link is followed.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Every file below a folder, sorted, each as a path below the root. A folder that does not exist has none.
    ///
    /// Hidden files are listed, `.git` is not entered. Links are followed, but never in a circle and never out of the repository.
    fn files(&self, folder: &str) -> Result<Vec<String>, Error>;

    /// Every file of the repository that git would take: what `.gitignore` files name, `.git` folders and work trees within this one
    /// (submodules) are left out. Links are entries and are not followed. Paths are below the root, sorted.
    fn visible(&self) -> Result<Vec<Entry>, Error>;

    /// Everything below a folder that is not a folder, as it lies there: links are entries, and `.git` is one like any other.
    /// Paths are below that folder, sorted.
    fn entries(&self, folder: &str) -> Result<Vec<Entry>, Error>;

    /// What lies at a path, without following a link.
    fn kind(&self, path: &str) -> Result<Option<Kind>, Error>;

    /// Where a folder really lies, links followed, seen from the root. It need not exist.
    fn standing(&self, folder: &str) -> Result<Standing, Error>;

    /// Writes one file at once: whoever reads it sees the old bytes or the new ones. Missing folders are made.
    fn save(&self, path: &str, bytes: &[u8], access: Access) -> Result<(), Error>;

    /// Keeps other runs from writing this folder until the lock is dropped, after a short wait for a run that does;
    /// then finishes or undoes what a killed run left behind.
    fn lock(&self, folder: &str) -> Result<Lock, Error>;

    /// Makes a folder hold exactly these files (paths below it). Killed at any moment, the folder is the old one or the new one.
    /// Only for whoever holds the [`lock`](World::lock).
    fn replace(&self, folder: &str, files: &BTreeMap<&str, Content<'_>>) -> Result<(), Error>;

    /// The folder for what we remember about a written folder: in the `.git` folder of the work tree it lies in, never committed.
    /// Nothing outside git.
    fn memory(&self, folder: &str) -> Result<Option<String>, Error>;

    /// What git has of each of these files (paths below the folder), in their order. Nothing outside a work tree or where git cannot be run.
    fn versions(&self, folder: &str, paths: &[&str]) -> Result<Option<Vec<Versions>>, Error>;

    /// The files git tracks at or below these paths, as paths below the root. Nothing outside a work tree or where git cannot be run.
    fn tracked(&self, paths: &[&str]) -> Result<Option<BTreeSet<String>>, Error>;

    /// What `helm template` makes of a chart in the repository, or what it says is wrong with it. Nothing is fetched.
    fn chart(&self, chart: &Chart<'_>) -> Result<Result<String, String>, Error> {
        let _ = chart;
        Err(Error::new("run", "helm", "there is none here"))
    }

    /// What `kubectl kustomize` makes of a folder whose kustomization file holds this text, or what it says is wrong with it. It works on a
    /// copy, and fetches what is remote.
    fn kustomize(&self, folder: &str, kustomization: &str) -> Result<Result<String, String>, Error> {
        let _ = (folder, kustomization);
        Err(Error::new("run", "kubectl", "there is none here"))
    }
}

/// A chart to render.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chart<'c> {
    /// Its folder, below the root.
    pub folder: &'c str,
    /// The release's name.
    pub release: &'c str,
    /// The namespace it is rendered for.
    pub namespace: &'c str,
    /// The Kubernetes version it is rendered for.
    pub kubernetes: &'c str,
    /// Values over the chart's own, YAML.
    pub values: &'c str,
}

/// The machine failed. What is wrong in a user's text is a [`Diagnostic`](crate::diagnostic::Diagnostic) instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What we tried, after "cannot".
    pub action: &'static str,
    /// On what.
    pub path: String,
    /// Why it did not work.
    pub reason: String,
}

impl Error {
    /// A failure with a reason in words.
    pub fn new(action: &'static str, path: impl Into<String>, reason: impl Into<String>) -> Self {
        Error { action, path: path.into(), reason: reason.into() }
    }

    /// A failure the operating system reports.
    pub fn io(action: &'static str, path: impl Into<String>, error: &io::Error) -> Self {
        let kind = error.kind().to_string();
        // The standard library's word is clearer than the system's with its number, but it has none for every error, and ours says more.
        let is_vague = matches!(kind.as_str(), "uncategorized error" | "other error");
        Error::new(action, path, if is_vague || error.get_ref().is_some() { error.to_string() } else { kind })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {} `{}`: {}", self.action, self.path, self.reason)
    }
}

impl std::error::Error for Error {}

/// What can lie at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An ordinary file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, wherever it leads.
    Link,
    /// A pipe, socket or device, or a name that is not UTF-8 or holds control characters.
    Odd,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Path below the folder. For an odd name it is only good for showing.
    pub path: String,
    /// What it is.
    pub kind: Kind,
}

/// Where a folder lies, seen from the repository's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Below the root.
    Inside,
    /// It is the root, or the root lies in it.
    Above,
    /// Neither.
    Outside,
}

/// Who may read a file we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever the user's umask lets.
    Shared,
    /// The user alone (mode 0600).
    Private,
}

/// What a file of a replaced folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// Whatever it holds now; its time of change stays too.
    Kept,
}

/// What git has of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// As it is staged.
    pub index: Option<Vec<u8>>,
    /// As it was committed last.
    pub head: Option<Vec<u8>>,
    /// A merge of it waits to be resolved.
    pub unmerged: bool,
}

/// A folder belongs to this run while this lives.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, and let go when dropped")] Option<os::Held>);
