//! What git knows of a work tree.
//!
//! Where the `.git` folder lies is found without git, so that a build in which nothing has to be judged starts no process.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use super::Versions;

/// The work tree a folder lies in.
#[derive(Debug)]
pub(super) struct WorkTree {
    /// Its root, links resolved.
    pub(super) top: PathBuf,
    /// Its own git folder: `.git`, or `.git/worktrees/<name>` for a linked work tree, or `.git/modules/<name>` for a submodule.
    pub(super) git: PathBuf,
}

/// The work tree this existing folder lies in, if any.
pub(super) fn work_tree(folder: &Path) -> Option<WorkTree> {
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().find_map(|top| {
        let git = git_folder(&top.join(".git"))?;
        Some(WorkTree { top: top.to_owned(), git })
    })
}

/// The git folder behind `.git`, which is that folder or a file that names it.
fn git_folder(path: &Path) -> Option<PathBuf> {
    let folder = if path.is_dir() {
        path.to_owned()
    } else {
        let text = fs::read_to_string(path).ok()?;
        path.parent()?.join(text.strip_prefix("gitdir:")?.trim())
    };
    // An empty `.git` is no repository; git looks further up then, and so do we.
    folder.join("HEAD").exists().then(|| folder.canonicalize().ok()).flatten()
}

/// The files git tracks at or below these paths, as git prints them seen from `folder`.
pub(super) fn tracked(folder: &Path, paths: &[&str]) -> Option<Vec<String>> {
    let mut arguments = vec!["--literal-pathspecs", "ls-files", "-z", "--"];
    arguments.extend(paths);
    let listed = run(folder, &arguments, Vec::new())?;
    let names = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Some(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// What git has of each of these files, whose paths are below `folder`.
pub(super) fn versions(folder: &Path, paths: &[String]) -> Option<Vec<Versions>> {
    // `:` is the index, `:2:` and `:3:` the two sides of a merge that waits to be resolved.
    const STAGES: [&str; 4] = [":", "HEAD:", ":2:", ":3:"];
    let requests: String = paths.iter().flat_map(|path| STAGES.map(|stage| format!("{stage}./{path}\n"))).collect();
    let answers = run(folder, &["cat-file", "--batch"], requests.into_bytes())?;
    let mut rest = answers.as_slice();
    let mut versions = Vec::with_capacity(paths.len());
    for _ in paths {
        let index = next_answer(&mut rest)?;
        let head = next_answer(&mut rest)?;
        let ours = next_answer(&mut rest)?;
        let theirs = next_answer(&mut rest)?;
        versions.push(Versions { index, head, unmerged: ours.is_some() || theirs.is_some() });
    }
    Some(versions)
}

/// Takes one answer of `git cat-file --batch` off the front: `<hash> <type> <size>` and the bytes, or `<request> missing`.
/// Nothing when the answers end early, nothing inside when git has no such file.
#[expect(clippy::option_option, reason = "the outer one is for `?` alone")]
fn next_answer(rest: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = String::from_utf8_lossy(&rest[..end]).into_owned();
    *rest = &rest[end + 1..];
    let mut words = line.rsplit(' ');
    let (Some(size), Some("blob")) = (words.next().and_then(|size| size.parse::<usize>().ok()), words.next()) else {
        return Some(None);
    };
    let bytes = rest.get(..size)?.to_vec();
    *rest = rest.get(size + 1..)?;
    Some(Some(bytes))
}

/// What git prints. Nothing when it is not installed or refuses, say because the work tree belongs to somebody else.
fn run(folder: &Path, arguments: &[&str], input: Vec<u8>) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments);
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
    // A partial clone must not go to the network to answer us.
    command.env("GIT_NO_LAZY_FETCH", "1");
    // Inside a hook these speak of the hook's folder, which need not be ours.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    if let Some(index) = index_of_hook(folder) {
        command.env("GIT_INDEX_FILE", index);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdin = child.stdin.take().expect("piped above");
    // git answers while it reads: writing and reading in one thread would block both sides once a pipe is full.
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().ok()?;
    let written = writer.join().is_ok_and(|result| result.is_ok());
    (written && output.status.success()).then_some(output.stdout)
}

/// The index `git commit` lets a hook see (`git commit FILE` has one of its own), if it is of our work tree.
fn index_of_hook(folder: &Path) -> Option<PathBuf> {
    let index = PathBuf::from(env::var_os("GIT_INDEX_FILE")?).canonicalize().ok()?;
    index.starts_with(work_tree(folder)?.git).then_some(index)
}
