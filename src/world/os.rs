//! The real machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, FileType, Permissions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use walkdir::WalkDir;

use super::{
    Access, Chart, Content, Entry, Error, Kind, Lock, Standing, Versions, World,
    git::{self, WorkTree},
    helm, kubectl, swap,
};

/// More than any text we read has; places count bytes in 32 bits.
const LARGEST_FILE: u64 = 1 << 30;
/// More files than any repository has: links that lead in circles around each other end here.
const MOST_FILES: usize = 1_000_000;
/// How a file that is being written is named until it is complete.
const UNFINISHED: &str = ".gitopsc-unfinished-";

/// The machine, seen from a repository's root.
#[derive(Debug)]
pub struct OsWorld {
    root: PathBuf,
    can_exchange: bool,
    patience: Duration,
}

/// The file behind a lock.
#[derive(Debug)]
pub(super) struct Held {
    file: File,
    /// Set where the lock lies among the user's files and is removed with the lock.
    visible: Option<PathBuf>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(path) = &self.visible {
            // Still locked: whoever waits for it sees, once it has the lock, that the file is gone, and makes another.
            let _ = fs::remove_file(path);
        }
        let _ = self.file.unlock();
    }
}

impl OsWorld {
    /// The machine as seen from this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        OsWorld { root: root.into(), can_exchange: true, patience: Duration::from_secs(5) }
    }

    /// Never lets two folders change places in one step, as on a file system that cannot.
    #[must_use]
    pub fn without_exchange(mut self) -> Self {
        self.can_exchange = false;
        self
    }

    /// How long to wait for another run that writes the same folder.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() || path == "." { self.root.clone() } else { self.root.join(path) }
    }

    /// The root with links resolved.
    fn real_root(&self) -> Result<PathBuf, Error> {
        let root = if self.root.as_os_str().is_empty() { Path::new(".") } else { &self.root };
        root.canonicalize().map_err(|error| Error::io("open", root.to_string_lossy(), &error))
    }

    /// The nearest folder around `folder` that exists, links resolved, and the parts below it that do not exist yet.
    fn real(&self, folder: &str) -> Result<(PathBuf, PathBuf), Error> {
        let mut existing = self.at(folder);
        if existing.is_relative() {
            existing = self.real_root()?.join(folder);
        }
        let mut names = Vec::new();
        loop {
            match existing.canonicalize() {
                Ok(real) => return Ok((real, names.iter().rev().collect())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("find", folder, &error)),
            }
            let name = existing.components().next_back().expect("the file system's root exists");
            names.push(name.as_os_str().to_owned());
            existing.pop();
        }
    }

    /// The folder that holds `folder`, the work tree around it if there is one, and the folder's name seen from the work tree's root.
    fn work_tree(&self, folder: &str) -> Result<Option<(WorkTree, PathBuf)>, Error> {
        let (existing, missing) = self.real(folder)?;
        // The folder itself may be a link or a work tree of its own; what holds it decides.
        let (parent, rest) = match existing.file_name().filter(|_| missing.as_os_str().is_empty()) {
            Some(name) => (existing.parent().unwrap_or(&existing), PathBuf::from(name)),
            None => (existing.as_path(), missing),
        };
        let Some(tree) = git::work_tree(parent) else { return Ok(None) };
        let below = parent.strip_prefix(&tree.top).expect("a work tree is found among the folders around").join(rest);
        Ok(Some((tree, below)))
    }

    fn lock_file(&self, folder: &str) -> Result<(PathBuf, bool), Error> {
        match self.memory(folder)? {
            Some(memory) => Ok((PathBuf::from(memory).join("lock"), false)),
            None => Ok((swap::beside(&self.at(folder), ".lock"), true)),
        }
    }
}

impl World for OsWorld {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        match read(&self.at(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::io("read", path, &error)),
        }
    }

    fn files(&self, folder: &str) -> Result<Vec<String>, Error> {
        let folder = folder.trim_end_matches('/');
        let prefix = if folder == "." { "" } else { folder };
        files(&self.real_root()?, &self.at(folder), prefix)
    }

    fn visible(&self) -> Result<Vec<Entry>, Error> {
        visible(&self.at("")).map_err(|error| Error::new("list", ".", error.to_string()))
    }

    fn entries(&self, folder: &str) -> Result<Vec<Entry>, Error> {
        entries(&self.at(folder)).map_err(|error| Error::io("list", folder, &error))
    }

    fn kind(&self, path: &str) -> Result<Option<Kind>, Error> {
        match fs::symlink_metadata(self.at(path)) {
            Ok(about) => Ok(Some(kind_of(about.file_type()))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Error::io("read", path, &error)),
        }
    }

    fn standing(&self, folder: &str) -> Result<Standing, Error> {
        let root = self.real_root()?;
        let (existing, missing) = self.real(folder)?;
        let real = resolve(&existing.join(missing));
        Ok(if root.starts_with(&real) {
            Standing::Above
        } else if real.starts_with(&root) {
            Standing::Inside
        } else {
            Standing::Outside
        })
    }

    fn save(&self, path: &str, bytes: &[u8], access: Access) -> Result<(), Error> {
        save(&self.at(path), bytes, access).map_err(|error| Error::io("write", path, &error))
    }

    fn lock(&self, folder: &str) -> Result<Lock, Error> {
        let (path, visible) = self.lock_file(folder)?;
        let failed = |error: io::Error| Error::io("lock", folder, &error);
        let around = path.parent().expect("a file lies in a folder").to_owned();
        fs::create_dir_all(&around).map_err(failed)?;
        let start = Instant::now();
        let file = loop {
            if let Some(file) = try_lock(&path).map_err(failed)? {
                break file;
            }
            if start.elapsed() >= self.patience {
                let waited = format!("another gitopsc is writing it (waited {} s)", self.patience.as_secs());
                return Err(Error::new("lock", folder, waited));
            }
            thread::sleep(Duration::from_millis(20));
        };
        let held = Held { file, visible: visible.then_some(path) };
        if !visible {
            remove_unfinished(&around);
        }
        swap::recover(&self.at(folder))?;
        Ok(Lock(Some(held)))
    }

    fn replace(&self, folder: &str, files: &BTreeMap<&str, Content<'_>>) -> Result<(), Error> {
        swap::replace(&self.at(folder), files, self.can_exchange)
    }

    fn memory(&self, folder: &str) -> Result<Option<String>, Error> {
        let Some((tree, below)) = self.work_tree(folder)? else { return Ok(None) };
        // One folder for each folder written, so that several inventories can live in one repository.
        let key = below.to_string_lossy().replace('%', "%25").replace('/', "%2F");
        Ok(tree.git.join("gitopsc").join(key).to_str().map(str::to_owned))
    }

    fn versions(&self, folder: &str, paths: &[&str]) -> Result<Option<Vec<Versions>>, Error> {
        let Some((tree, below)) = self.work_tree(folder)? else { return Ok(None) };
        let Some(below) = below.to_str() else { return Ok(None) };
        let paths: Vec<String> = paths.iter().map(|path| format!("{below}/{path}")).collect();
        Ok(git::versions(&tree.top, &paths))
    }

    fn chart(&self, chart: &Chart<'_>) -> Result<Result<String, String>, Error> {
        helm::template(&self.real_root()?, chart)
    }

    fn kustomize(&self, folder: &str, kustomization: &str) -> Result<Result<String, String>, Error> {
        kubectl::kustomize(&self.real_root()?, &self.visible()?, folder, kustomization)
    }

    fn tracked(&self, paths: &[&str]) -> Result<Option<BTreeSet<String>>, Error> {
        let root = self.real_root()?;
        if git::work_tree(&root).is_none() {
            return Ok(None);
        }
        Ok(git::tracked(&root, paths).map(|files| files.into_iter().collect()))
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn kind_of(file: FileType) -> Kind {
    match file {
        file if file.is_symlink() => Kind::Link,
        file if file.is_dir() => Kind::Folder,
        file if file.is_file() => Kind::File,
        _ => Kind::Odd,
    }
}

/// Reads an ordinary file. A pipe would block and a device may never end, so both are refused before they are opened.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let about = fs::metadata(path)?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not an ordinary file"));
    }
    if about.len() > LARGEST_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
    File::open(path)?.take(LARGEST_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What lies below a folder, without following links.
fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    // The folder itself may be a link; below it, links are entries.
    match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
        Ok(about) if !about.is_dir() => return Err(io::ErrorKind::NotADirectory.into()),
        Ok(_) => {}
    }
    let mut entries = Vec::new();
    let mut walk = WalkDir::new(folder).min_depth(1).into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            // What vanishes while we look is not there.
            Err(error) if is_vanished(&error) => continue,
            entry => entry?,
        };
        let is_plain = entry.file_name().to_str().is_some_and(|name| !name.contains(char::is_control));
        let kind = if is_plain { kind_of(entry.file_type()) } else { Kind::Odd };
        if !is_plain && entry.file_type().is_dir() {
            walk.skip_current_dir();
        }
        if kind != Kind::Folder {
            let path = below(folder, entry.path()).replace(char::is_control, "\u{fffd}");
            entries.push(Entry { path, kind });
        }
    }
    entries.sort();
    Ok(entries)
}

/// What git would take of the folder `root`.
fn visible(root: &Path) -> Result<Vec<Entry>, ignore::Error> {
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        // What this user ignores everywhere is not what the repository ignores.
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .filter_entry(|entry| {
            entry.depth() == 0
                || entry.file_name() != ".git" && !(is_folder(entry) && entry.path().join(".git").exists())
        })
        .build();
    let mut entries = Vec::new();
    for entry in walk {
        let entry = match entry {
            Err(error) if error.io_error().is_some_and(is_missing) => continue,
            entry => entry?,
        };
        let Some(file) = entry.file_type().filter(|file| !file.is_dir()) else { continue };
        let path = below(root, entry.path());
        let is_plain = entry.file_name().to_str().is_some() && !path.contains(char::is_control);
        let kind = if is_plain { kind_of(file) } else { Kind::Odd };
        entries.push(Entry { path: path.replace(char::is_control, "\u{fffd}"), kind });
        if entries.len() > MOST_FILES {
            break;
        }
    }
    entries.sort();
    Ok(entries)
}

fn is_folder(entry: &ignore::DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

/// The files below a folder, links followed, as paths that start with `prefix`.
fn files(root: &Path, folder: &Path, prefix: &str) -> Result<Vec<String>, Error> {
    let named = |path: &Path| match below(folder, path) {
        path if path.is_empty() => prefix.to_owned(),
        path if prefix.is_empty() => path,
        path => format!("{prefix}/{path}"),
    };
    let mut files = Vec::new();
    let walk = WalkDir::new(folder).follow_links(true).into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git") {
        let entry = match entry {
            // A link to a folder that it lies in would lead in a circle.
            Err(error) if error.loop_ancestor().is_some() => continue,
            Err(error) if is_vanished(&error) && error.depth() == 0 => return Ok(files),
            // A link to nothing is listed too: reading it says that there is no such file.
            Err(error) if is_vanished(&error) => {
                files.extend(error.path().map(named));
                continue;
            }
            Err(error) => {
                let path = error.path().map_or_else(|| prefix.to_owned(), named);
                return Err(Error::io("list", path, &error.into()));
            }
            Ok(entry) => entry,
        };
        let path = named(entry.path());
        if entry.depth() > 0 && entry.file_name().to_str().is_none() {
            return Err(Error::new("list", path, "its name is not UTF-8"));
        }
        // Beyond the repository we would read what nobody committed, or the whole machine.
        if entry.path_is_symlink() && entry.path().canonicalize().is_ok_and(|real| !real.starts_with(root)) {
            return Err(Error::new("read", path, "it is a symbolic link that leads out of the repository"));
        }
        if !entry.file_type().is_dir() {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(Error::new("list", prefix, format!("there are more than {MOST_FILES} files")));
        }
    }
    files.sort();
    Ok(files)
}

/// A path below a folder, written with `/`.
fn below(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).expect("a walk stays in its folder").to_string_lossy().into_owned()
}

fn is_vanished(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(is_missing)
}

/// Takes `.` and `..` out of a path whose existing part holds no links.
fn resolve(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            part => resolved.push(part),
        }
    }
    resolved
}

fn save(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    // A user's link stays a link: what it leads to is written.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mode = match access {
        Access::Shared => 0o666, // less the umask
        Access::Private => 0o600,
    };
    let mut unfinished =
        tempfile::Builder::new().prefix(UNFINISHED).permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    unfinished.write_all(bytes)?;
    unfinished.persist(path)?;
    Ok(())
}

/// Removes what a run killed in [`save`] left in a folder that only the holder of its lock writes.
fn remove_unfinished(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            // It is only a few bytes inside `.git`; where it cannot be removed, nobody is harmed.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The lock, or nothing when another process holds it.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        // A network file system without locks: better to build unguarded than not at all.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    // Its last holder may have removed the file between our opening and our locking it.
    let ours = file.metadata()?.ino();
    let current = fs::symlink_metadata(path).is_ok_and(|about| about.ino() == ours);
    Ok(current.then_some(file))
}
