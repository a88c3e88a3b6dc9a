//! Replaces a whole folder at once, so that a process killed at any moment leaves the old folder or the new one.
//!
//! The new folder is made beside the old one, in `.<name>.gitopsc/new`. Files that stay are linked, not copied. Then both change places in
//! one system call. Where the file system cannot do that, the old one is moved aside and the new one moved in; a process killed between
//! the two leaves no folder at all, and the next run finishes the move. What a killed process left is removed by the next run.
//!
//! The promise is about the death of the process, not of the machine: nothing is synced to the disk.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Content, Error};
use crate::parallel;

/// Says that a stage is ours to remove. Removed last.
const MARKER: &str = "gitopsc";
/// The new folder, while it is made.
const NEW: &str = "new";
/// The old folder, once it was moved aside.
const OLD: &str = "old";
/// Exists once the new folder is complete; only then a run that finds no folder may move it in.
const READY: &str = "ready";

/// A file or folder of ours beside `folder`, hidden and named after it.
pub(super) fn beside(folder: &Path, ending: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.gitopsc{ending}"))
}

/// Makes `folder` hold exactly these files. The caller holds the folder's lock and has recovered it.
pub(super) fn replace(folder: &Path, files: &BTreeMap<&str, Content<'_>>, can_exchange: bool) -> Result<(), Error> {
    let stage = beside(folder, "");
    let new = stage.join(NEW);
    attempt("create", &stage, fs::create_dir_all(folder.parent().unwrap_or(folder)))?;
    attempt("create", &stage, fs::create_dir(&stage))?;
    attempt("write", &stage, fs::write(stage.join(MARKER), "This folder is made and removed by gitopsc.\n"))?;
    attempt("create", &new, fs::create_dir(&new))?;
    fill(&new, folder, files)?;
    swap(&stage, folder, can_exchange)?;
    // The new folder is in place, so this build succeeded whatever happens to the old one; the next run tries again and says why it cannot.
    let _ = clear(&stage);
    Ok(())
}

/// Finishes or undoes what a killed process left beside `folder`. The caller holds the folder's lock, so nobody else works there.
pub(super) fn recover(folder: &Path) -> Result<(), Error> {
    let stage = beside(folder, "");
    if fs::symlink_metadata(&stage).is_err() {
        return Ok(());
    }
    let empty = fs::read_dir(&stage).is_ok_and(|mut entries| entries.next().is_none());
    if !empty && !stage.join(MARKER).is_file() {
        return Err(Error::new(
            "use",
            shown(&stage),
            "it is in the way and was not made by gitopsc; move it elsewhere",
        ));
    }
    let new = stage.join(NEW);
    if fs::symlink_metadata(folder).is_err() && stage.join(READY).exists() && new.exists() {
        attempt("restore", folder, fs::rename(&new, folder))?;
    }
    attempt("remove", &stage, clear(&stage))
}

/// Writes the files into a new folder, several of its folders at a time: making a file is mostly waiting for the file system.
fn fill(new: &Path, old: &Path, files: &BTreeMap<&str, Content<'_>>) -> Result<(), Error> {
    let mut folders: BTreeMap<&str, Vec<(&str, &Content<'_>)>> = BTreeMap::new();
    for (path, content) in files {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry(folder).or_default().push((path, content));
    }
    let folders: Vec<(&str, Vec<(&str, &Content<'_>)>)> = folders.into_iter().collect();
    let write = |(folder, files): &(&str, Vec<(&str, &Content<'_>)>)| {
        let at = new.join(folder);
        attempt("create", &at, fs::create_dir_all(&at))?;
        for (path, content) in files {
            let target = new.join(path);
            match content {
                Content::Bytes(bytes) => attempt("write", &target, fs::write(&target, bytes))?,
                Content::Kept => attempt("keep", &old.join(path), keep(&old.join(path), &target))?,
            }
        }
        Ok(())
    };
    let results = parallel::each_on(AT_A_TIME, &folders, write);
    // Of several failures the first in the order of paths, whichever came first.
    results.into_iter().collect()
}

/// How many threads wait for the file system together.
const AT_A_TIME: usize = 8;

/// Links a file, or copies it where links cannot be had.
fn keep(old: &Path, new: &Path) -> io::Result<()> {
    if fs::hard_link(old, new).is_ok() {
        return Ok(());
    }
    let about = fs::symlink_metadata(old)?;
    if about.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(old)?, new);
    }
    fs::copy(old, new)?;
    // An unchanged file keeps its time, linked or copied.
    fs::File::options().write(true).open(new)?.set_modified(about.modified()?)
}

fn swap(stage: &Path, folder: &Path, can_exchange: bool) -> Result<(), Error> {
    let new = stage.join(NEW);
    if fs::symlink_metadata(folder).is_err() {
        return attempt("write", folder, fs::rename(&new, folder));
    }
    if can_exchange {
        match exchange(&new, folder) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            result => return attempt("replace", folder, result),
        }
    }
    attempt("write", stage, fs::write(stage.join(READY), ""))?;
    attempt("replace", folder, fs::rename(folder, stage.join(OLD)))?;
    if let Err(error) = fs::rename(&new, folder) {
        // We are still alive, so the old folder can go back at once.
        let _ = fs::rename(stage.join(OLD), folder);
        return Err(Error::io("replace", shown(folder), &error));
    }
    Ok(())
}

/// Lets two folders change places at once; `Unsupported` where the system or its file system cannot.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        // Linux says EINVAL where the file system does not know the flag (NFS, FUSE, ZFS before 2.2), ENOSYS where the kernel does not.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Err(io::ErrorKind::Unsupported.into()),
        result => result.map_err(io::Error::from),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios")))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes a stage. The sign that it is complete goes first, so that half of it is never moved in;
/// its marker goes last, so that whatever a kill leaves of it can still be told to be ours.
fn clear(stage: &Path) -> io::Result<()> {
    ignore_missing(fs::remove_file(stage.join(READY)))?;
    for part in [NEW, OLD] {
        ignore_missing(remove_tree(&stage.join(part)))?;
    }
    ignore_missing(fs::remove_file(stage.join(MARKER)))?;
    fs::remove_dir(stage)
}

/// Removes a folder and all that is in it, several of its folders at a time.
///
/// Some disks (ext4 mounted with `discard`, for one) take milliseconds to remove one empty folder, in which we would only wait.
fn remove_tree(folder: &Path) -> io::Result<()> {
    let folders: Vec<PathBuf> =
        folders_in(folder)?.iter().map(|folder| folders_in(folder)).collect::<io::Result<Vec<_>>>()?.concat();
    // What fails here fails again below, and is reported there.
    drop(parallel::each_on(AT_A_TIME, &folders, |folder| fs::remove_dir_all(folder)));
    fs::remove_dir_all(folder)
}

fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn attempt(action: &'static str, path: &Path, result: io::Result<()>) -> Result<(), Error> {
    result.map_err(|error| Error::io(action, shown(path), &error))
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A folder with these files (an empty text for a folder ends in `/`), recovered; what `out/a` says then.
    fn recovered(files: &[&str]) -> Option<String> {
        let root = TempDir::new().unwrap();
        for path in files {
            let at = root.path().join(path);
            if path.ends_with('/') {
                fs::create_dir_all(at).unwrap();
                continue;
            }
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            // Each file says which tree it is from, in the name of the folder that holds it at first.
            fs::write(&at, if path.contains("/new/") || path.starts_with("out/new") { "new" } else { "old" }).unwrap();
        }
        let out = root.path().join("out");
        if out.join("new").exists() {
            fs::rename(out.join("new"), out.join("a")).unwrap();
        }
        recover(&out).unwrap();
        recover(&out).unwrap();
        assert!(!root.path().join(".out.gitopsc").exists());
        fs::read_to_string(out.join("a")).ok()
    }

    #[test]
    fn every_moment_a_build_can_be_killed_at_is_recovered() {
        let old = Some("old".to_owned());
        let new = Some("new".to_owned());
        assert_eq!(recovered(&["out/a"]), old, "before anything");
        assert_eq!(recovered(&["out/a", ".out.gitopsc/"]), old, "the stage was made");
        assert_eq!(recovered(&["out/a", ".out.gitopsc/gitopsc"]), old, "and marked");
        assert_eq!(recovered(&["out/a", ".out.gitopsc/gitopsc", ".out.gitopsc/new/a"]), old, "and filled");
        assert_eq!(recovered(&[".out.gitopsc/gitopsc", ".out.gitopsc/new/a"]), None, "for a first build");
        let ready = [".out.gitopsc/gitopsc", ".out.gitopsc/ready"];
        let with = |files: &[&'static str]| recovered(&[files, &ready].concat());
        assert_eq!(with(&["out/a", ".out.gitopsc/new/a"]), old, "before the first move");
        assert_eq!(with(&[".out.gitopsc/old/a", ".out.gitopsc/new/a"]), new, "between the moves");
        assert_eq!(with(&["out/new", ".out.gitopsc/old/a"]), new, "after the second");
        assert_eq!(
            recovered(&["out/new", ".out.gitopsc/gitopsc", ".out.gitopsc/old/b"]),
            new,
            "while the old one is removed"
        );
        assert_eq!(with(&[".out.gitopsc/old/a"]), None, "and the user removed `out/` since");
    }
}
