//! The output folder on a real disk, and next to the real git.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use gitopsc::{
    emit::{self, Change, ChangeKind},
    source::Sources,
    tree::{Origin, Tree},
    world::{Access, Entry, Error, Kind, OsWorld, Standing, World},
};
use tempfile::TempDir;

/// A tree of these files; all belong to one service.
pub(crate) fn tree<T: AsRef<str>>(files: &[(&str, T)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.add(path, Origin::new("services.a", &["inventory.toml"]), text.as_ref()).unwrap();
    }
    tree
}

/// Builds as the command line does; the codes of the findings when it may not.
pub(crate) fn build(world: &OsWorld, out: &str, tree: &Tree, force: bool) -> Result<Vec<Change>, Vec<String>> {
    let _lock = emit::lock(world, out).unwrap();
    let (changes, findings) = emit::plan(world, &mut Sources::default(), out, tree, force).unwrap();
    if !findings.is_empty() {
        return Err(findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect());
    }
    emit::write(world, out, tree, &changes).unwrap();
    Ok(changes)
}

/// Every file below a folder with its text.
pub(crate) fn texts(folder: &Path) -> BTreeMap<String, String> {
    let world = OsWorld::new(folder);
    let entries = world.entries("").unwrap();
    let text = |path: &str| fs::read_to_string(folder.join(path)).unwrap();
    entries.into_iter().map(|entry| (entry.path.clone(), text(&entry.path))).collect()
}

/// A work tree with `out/` built and committed from `a: 1`. Nothing where git is not installed.
fn repository() -> Option<TempDir> {
    let folder = TempDir::new().unwrap();
    if !git(folder.path(), "init -q -b main") {
        return None;
    }
    build(&OsWorld::new(folder.path()), "out", &tree(&[("a.yaml", "a: 1\n")]), false).unwrap();
    assert!(git(folder.path(), "add -A") && commit(folder.path()));
    Some(folder)
}

fn git(folder: &Path, arguments: &str) -> bool {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
    command.args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_remove("GIT_DIR").env_remove("GIT_INDEX_FILE").env_remove("GIT_WORK_TREE");
    command.status().is_ok_and(|status| status.success())
}

fn commit(folder: &Path) -> bool {
    git(folder, "commit -q --no-verify --no-gpg-sign -m x")
}

/// Forgets what we wrote, as a fresh clone would.
fn forget(folder: &Path) {
    fs::remove_dir_all(folder.join(".git/gitopsc")).unwrap();
}

fn edit(folder: &Path) {
    let path = folder.join("out/a.yaml");
    let text = fs::read_to_string(&path).unwrap() + "edited: true\n";
    fs::write(path, text).unwrap();
}

fn changed(path: &str) -> Vec<Change> {
    vec![Change { path: path.to_owned(), kind: ChangeKind::Changed }]
}

#[test]
fn a_second_build_touches_nothing_and_a_third_only_what_changed() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let first = tree(&[("apps/a.yaml", "a: 1\n"), ("apps/b.yaml", "b: 1\n"), ("gone/c.yaml", "c: 1\n")]);
    for world in [OsWorld::new(folder.path()), OsWorld::new(folder.path()).without_exchange()] {
        build(&world, "out", &first, false).unwrap();
        let identity = |path: &str| {
            let about = fs::metadata(out.join(path)).unwrap();
            (about.ino(), about.modified().unwrap())
        };
        let (whole, a, b) = (identity(""), identity("apps/a.yaml"), identity("apps/b.yaml"));
        assert_eq!(build(&world, "out", &first, false), Ok(vec![]));
        assert_eq!((whole, a, b), (identity(""), identity("apps/a.yaml"), identity("apps/b.yaml")));

        build(&world, "out", &tree(&[("apps/a.yaml", "a: 1\n"), ("apps/b.yaml", "b: 2\n")]), false).unwrap();
        assert_eq!(a, identity("apps/a.yaml"));
        assert_ne!(b, identity("apps/b.yaml"));
        assert!(!out.join("gone").exists());
        let beside: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(beside, ["out"]);
    }
}

#[test]
fn links_and_pipes_in_the_output_are_foreign_and_stay() {
    let folder = TempDir::new().unwrap();
    let world = OsWorld::new(folder.path());
    let one = tree(&[("a.yaml", "a: 1\n")]);
    build(&world, "out", &one, false).unwrap();
    symlink("/etc/hostname", folder.path().join("out/link")).unwrap();
    let refused = "output-foreign `out/link` is a symbolic link, which gitopsc never writes";
    let two = tree(&[("a.yaml", "a: 2\n")]);
    assert_eq!(build(&world, "out", &two, false), Err(vec![refused.to_owned()]));

    let (changes, _) = emit::plan(&world, &mut Sources::default(), "out", &two, true).unwrap();
    emit::write(&world, "out", &two, &changes).unwrap();
    assert_eq!(fs::read_link(folder.path().join("out/link")).unwrap(), Path::new("/etc/hostname"));
    fs::remove_file(folder.path().join("out/link")).unwrap();

    std::os::unix::net::UnixListener::bind(folder.path().join("out/socket")).unwrap();
    let refused = "output-foreign `out/socket` is not an ordinary file with an ordinary name";
    for force in [false, true] {
        assert_eq!(build(&world, "out", &two, force), Err(vec![refused.to_owned()]));
    }
}

#[test]
fn an_output_folder_that_a_link_leads_away_is_refused() {
    let folder = TempDir::new().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let world = OsWorld::new(folder.path());
    fs::create_dir(folder.path().join("real")).unwrap();
    symlink("real", folder.path().join("out")).unwrap();
    symlink(elsewhere.path(), folder.path().join("away")).unwrap();
    for (out, reason) in [
        ("out", "it is a symbolic link"),
        ("away/out", "a symbolic link leads it out of the repository"),
        ("real/../..", "the repository lies in it"),
    ] {
        let refused = format!("output-unsafe `{out}` cannot be the output folder: {reason}");
        assert_eq!(build(&world, out, &tree::<&str>(&[]), true), Err(vec![refused]));
    }
    let named = elsewhere.path().join("preview");
    build(&world, named.to_str().unwrap(), &tree(&[("a.yaml", "a: 1\n")]), false).unwrap();
    assert!(named.join("a.yaml").exists());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

#[test]
fn a_second_build_at_the_same_time_waits_and_then_says_why_it_stops() {
    let folder = TempDir::new().unwrap();
    let inside_git = TempDir::new().unwrap();
    fs::create_dir(inside_git.path().join(".git")).unwrap();
    fs::write(inside_git.path().join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    for folder in [folder.path(), inside_git.path()] {
        let held = OsWorld::new(folder).lock("out").unwrap();
        let impatient = OsWorld::new(folder).patience(Duration::from_millis(50));
        let error = impatient.lock("out").unwrap_err();
        assert_eq!(error.to_string(), "cannot lock `out`: another gitopsc is writing it (waited 0 s)");
        impatient.lock("other").unwrap();
        drop(held);
        impatient.lock("out").unwrap();
        assert!(!folder.join(".out.gitopsc.lock").exists());
    }
}

#[test]
fn what_lies_in_the_way_of_the_stage_is_not_removed() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join(".out.gitopsc")).unwrap();
    OsWorld::new(folder.path()).lock("out").unwrap();
    fs::create_dir(folder.path().join(".out.gitopsc")).unwrap();
    fs::write(folder.path().join(".out.gitopsc/mine"), "x").unwrap();
    let error = OsWorld::new(folder.path()).lock("out").unwrap_err();
    assert!(error.reason.contains("was not made by gitopsc"), "{error}");
    assert!(folder.path().join(".out.gitopsc/mine").exists());
}

#[test]
fn a_hand_edit_is_refused_and_a_staged_or_committed_one_is_not() {
    let Some(folder) = repository() else { return };
    let world = OsWorld::new(folder.path());
    let two = tree(&[("a.yaml", "a: 2\n")]);
    edit(folder.path());
    let refused = "output-edited `out/a.yaml` was edited by hand (1 line added)";
    assert_eq!(build(&world, "out", &two, false), Err(vec![refused.to_owned()]));
    forget(folder.path());
    assert_eq!(build(&world, "out", &two, false), Err(vec![refused.to_owned()]));

    assert!(git(folder.path(), "add out"));
    assert_eq!(build(&world, "out", &two, false), Ok(changed("a.yaml")));

    edit(folder.path());
    assert!(git(folder.path(), "add out") && commit(folder.path()));
    assert!(git(folder.path(), "rm -q --cached out/a.yaml"));
    forget(folder.path());
    assert_eq!(build(&world, "out", &two, false), Ok(changed("a.yaml")));
}

#[test]
fn what_git_checked_out_is_no_edit() {
    let Some(folder) = repository() else { return };
    let world = OsWorld::new(folder.path());
    let two = tree(&[("a.yaml", "a: 2\n")]);
    build(&world, "out", &two, false).unwrap();
    assert!(git(folder.path(), "commit -q --no-verify --no-gpg-sign -a -m two"));
    assert!(git(folder.path(), "checkout -q HEAD~1"));
    forget(folder.path());
    assert_eq!(build(&world, "out", &two, false), Ok(changed("a.yaml")));

    // Restored from an older commit and not staged: nobody but us remembers it.
    assert!(git(folder.path(), "checkout -q -f main"));
    build(&world, "out", &tree(&[("a.yaml", "a: 3\n")]), false).unwrap();
    assert!(git(folder.path(), "restore --source=HEAD out"));
    assert_eq!(build(&world, "out", &tree(&[("a.yaml", "a: 4\n")]), false), Ok(changed("a.yaml")));
}

#[test]
fn an_unresolved_merge_is_resolved_by_building() {
    let Some(folder) = repository() else { return };
    let world = OsWorld::new(folder.path());
    assert!(git(folder.path(), "checkout -q -b side"));
    build(&world, "out", &tree(&[("a.yaml", "a: 2\n")]), false).unwrap();
    assert!(git(folder.path(), "commit -q --no-verify --no-gpg-sign -a -m side"));
    assert!(git(folder.path(), "checkout -q main"));
    build(&world, "out", &tree(&[("a.yaml", "a: 3\n")]), false).unwrap();
    assert!(git(folder.path(), "commit -q --no-verify --no-gpg-sign -a -m main"));
    assert!(!git(folder.path(), "merge -q --no-gpg-sign side"), "both changed the same line");
    assert!(texts(&folder.path().join("out"))["a.yaml"].contains("<<<<<<<"));
    assert_eq!(build(&world, "out", &tree(&[("a.yaml", "a: 4\n")]), false), Ok(changed("a.yaml")));
}

#[test]
fn a_checkout_with_windows_line_ends_changes_nothing() {
    let Some(folder) = repository() else { return };
    assert!(git(folder.path(), "config core.autocrlf true"));
    fs::remove_dir_all(folder.path().join("out")).unwrap();
    assert!(git(folder.path(), "checkout -q -f -- out"));
    assert!(texts(&folder.path().join("out"))["a.yaml"].contains("\r\n"));
    let world = OsWorld::new(folder.path());
    assert_eq!(build(&world, "out", &tree(&[("a.yaml", "a: 1\n")]), false), Ok(vec![]));
    forget(folder.path());
    assert_eq!(build(&world, "out", &tree(&[("a.yaml", "a: 2\n")]), false), Ok(changed("a.yaml")));
}

#[test]
fn a_linked_work_tree_and_a_folder_deep_in_a_repository_remember_for_themselves() {
    let Some(folder) = repository() else { return };
    let linked = TempDir::new().unwrap();
    let linked = linked.path().join("linked");
    assert!(git(folder.path(), &format!("worktree add -q {} -b linked", linked.display())));
    let world = OsWorld::new(&linked);
    let memory = world.memory("out").unwrap().unwrap();
    let real = folder.path().canonicalize().unwrap();
    assert_eq!(Path::new(&memory), real.join(".git/worktrees/linked/gitopsc/out"));
    edit(&linked);
    let two = tree(&[("a.yaml", "a: 2\n")]);
    assert!(build(&world, "out", &two, false).unwrap_err()[0].starts_with("output-edited"));

    fs::create_dir_all(folder.path().join("sites/home")).unwrap();
    let deep = OsWorld::new(folder.path().join("sites/home"));
    let memory = deep.memory("out").unwrap().unwrap();
    build(&deep, "out", &two, false).unwrap();
    assert_eq!(deep.memory("out").unwrap().unwrap(), memory, "the same before the folder exists and after");
    assert_eq!(Path::new(&memory), real.join(".git/gitopsc/sites%2Fhome%2Fout"));
    edit(&folder.path().join("sites/home"));
    assert!(build(&deep, "out", &two, false).unwrap_err()[0].starts_with("output-edited"));
    assert!(git(folder.path(), "add sites"));
    assert_eq!(build(&deep, "out", &two, false), Ok(changed("a.yaml")));
    let tracked = deep.tracked(&["out"]).unwrap().unwrap();
    assert_eq!(tracked.into_iter().collect::<Vec<_>>(), ["out/.gitopsc", "out/a.yaml"]);
}

#[test]
fn a_submodule_is_not_an_output_folder() {
    let Some(folder) = repository() else { return };
    let world = OsWorld::new(folder.path());
    fs::write(folder.path().join("out/.git"), "gitdir: ../.git/modules/out\n").unwrap();
    let refused = "output-unsafe `out` cannot be the output folder: it is a repository or submodule of its own";
    assert_eq!(build(&world, "out", &tree::<&str>(&[]), true), Err(vec![refused.to_owned()]));
}

#[test]
fn outside_a_repository_git_is_not_asked() {
    let folder = TempDir::new().unwrap();
    let world = OsWorld::new(folder.path());
    assert_eq!(world.memory("out"), Ok(None));
    assert_eq!(world.tracked(&["out"]), Ok(None));
    assert_eq!(world.versions("out", &["a.yaml"]), Ok(None));
}

#[test]
fn files_are_listed_through_links_but_not_in_circles_or_out_of_the_repository() {
    let folder = TempDir::new().unwrap();
    let at = |path: &str| folder.path().join(path);
    let world = OsWorld::new(folder.path());
    assert_eq!(world.files("templates"), Ok(vec![]));
    fs::create_dir_all(at("templates/a/.git")).unwrap();
    fs::create_dir_all(at("shared")).unwrap();
    for path in ["templates/z.yaml", "templates/a/.hidden", "templates/a/.git/config", "shared/s.yaml"] {
        fs::write(at(path), "").unwrap();
    }
    symlink("../../shared", at("templates/a/shared")).unwrap();
    symlink("../templates", at("templates/circle")).unwrap();
    symlink("nowhere", at("templates/dangling")).unwrap();
    let listed = world.files("templates/").unwrap();
    assert_eq!(listed, ["templates/a/.hidden", "templates/a/shared/s.yaml", "templates/dangling", "templates/z.yaml"]);
    assert_eq!(world.read("templates/dangling"), Ok(None));
    assert_eq!(world.files(".").unwrap().len(), 5);

    symlink("/", at("templates/machine")).unwrap();
    let error = world.files("templates").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read `templates/machine`: it is a symbolic link that leads out of the repository"
    );
}

#[test]
fn what_is_not_an_ordinary_file_is_not_read() {
    let folder = TempDir::new().unwrap();
    let world = OsWorld::new(folder.path());
    fs::create_dir(folder.path().join("folder")).unwrap();
    assert_eq!(world.read("folder").unwrap_err().to_string(), "cannot read `folder`: is a directory");
    assert_eq!(world.read("folder/missing"), Ok(None));
    fs::write(folder.path().join("file"), "x").unwrap();
    assert_eq!(world.read("file/below"), Ok(None));
    // Reading either to its end never returns.
    let error = world.read("/dev/zero").unwrap_err();
    assert_eq!(error, Error::new("read", "/dev/zero", "not an ordinary file"));
    if Command::new("mkfifo").arg(folder.path().join("pipe")).status().is_ok_and(|status| status.success()) {
        assert_eq!(world.read("pipe").unwrap_err().reason, "not an ordinary file");
        assert_eq!(world.kind("pipe"), Ok(Some(Kind::Odd)));
        assert_eq!(world.entries("").unwrap()[1], Entry { path: "pipe".to_owned(), kind: Kind::Odd });
    }
}

#[test]
fn a_saved_file_is_private_when_asked() {
    let folder = TempDir::new().unwrap();
    let world = OsWorld::new(folder.path());
    world.save("new/secret", b"x", Access::Private).unwrap();
    world.save("plain", b"x", Access::Shared).unwrap();
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().mode() & 0o777;
    assert_eq!(mode("new/secret"), 0o600);
    assert_eq!(mode("plain") & 0o600, 0o600);
    symlink("plain", folder.path().join("link")).unwrap();
    world.save("link", b"y", Access::Shared).unwrap();
    assert_eq!(world.read("plain"), Ok(Some(b"y".to_vec())));
    assert_eq!(world.kind("link"), Ok(Some(Kind::Link)));
    assert_eq!(world.standing("new"), Ok(Standing::Inside));
    assert_eq!(world.standing("."), Ok(Standing::Above));
    assert_eq!(world.standing("/usr"), Ok(Standing::Outside));
}
