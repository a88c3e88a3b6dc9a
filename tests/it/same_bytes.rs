//! The same inputs give the same bytes, wherever and however often they are built; and `out/` is what a build of this repository gives.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use gitopsc::world::MemWorld;

use crate::{
    cases::run,
    program::{self, Repository},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the worked example is built from.
fn inputs() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from([("inventory.toml".to_owned(), fs::read(root().join("inventory.toml")).unwrap())]);
    for folder in ["templates", "secrets", "certs", "charts", "terraform"] {
        let below = program::files(&root().join(folder));
        files.extend(below.into_iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes)));
    }
    files
}

fn out_of(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.into_iter().filter_map(|(path, bytes)| Some((path.strip_prefix("out/")?.to_owned(), bytes))).collect()
}

#[test]
fn the_committed_tree_is_what_a_build_gives() {
    let world = MemWorld::new(inputs());
    let said = run(&world, &["--quiet", "build"]);
    assert_eq!((said.exit, said.stderr.as_str()), (0, ""));
    let built = out_of(world.snapshot());
    let committed: BTreeMap<_, _> = program::files(&root().join("out"))
        .into_iter()
        .filter(|(path, _)| !path.starts_with("flux/flux-system/"))
        .collect();
    let differing: Vec<&String> =
        built.keys().chain(committed.keys()).filter(|path| built.get(*path) != committed.get(*path)).collect();
    assert!(differing.is_empty(), "run `gitopsc build` and commit out/: {differing:?}");
    assert_eq!(run(&world, &["build", "--check"]).exit, 0);
}

#[test]
fn the_order_of_files_and_folders_built_before_changes_nothing() {
    let first = MemWorld::new(inputs());
    assert_eq!(run(&first, &["build"]).exit, 0);
    let second = MemWorld::new(inputs().into_iter().rev());
    assert_eq!(run(&second, &["build"]).exit, 0);
    assert_eq!(first.snapshot(), second.snapshot());

    // On a disk, where folders list their files in the order they were made, and from a tree of another time.
    let disk = Repository::new(inputs().into_iter().rev());
    disk.put("out/.gitopsc", &first.snapshot()["out/.gitopsc"]);
    disk.put("out/flux/gone.yaml", "# gitopsc: services.gone - do not edit; change inventory.toml\n---\na: 1\n");
    let said = disk.run(&["build"]);
    assert_eq!(said.exit, Some(0), "{}", said.stderr);
    assert_eq!(disk.files(), first.snapshot());
}

#[test]
fn the_surroundings_of_the_process_change_nothing() {
    let files = inputs();
    let variables: [&[(&str, &str)]; 3] = [
        &[],
        &[
            ("TZ", "Asia/Kathmandu"),
            ("LANG", "tr_TR.UTF-8"),
            ("LC_ALL", "tr_TR.UTF-8"),
            ("HOME", "/nonexistent"),
            ("CI", "true"),
        ],
        &[
            ("TZ", "America/St_Johns"),
            ("GITHUB_ACTIONS", "true"),
            ("TERM", "dumb"),
            ("NO_COLOR", "1"),
            ("COLUMNS", "20"),
            ("PATH", ""),
        ],
    ];
    let outcomes = variables.map(|variables| {
        let repository = Repository::new(&files);
        let said = repository.run_with(&["build"], b"", |command| {
            command.env_clear().envs(variables.iter().copied());
        });
        assert_eq!(said.exit, Some(0), "{}", said.stderr);
        let paths = [repository.path(""), fs::canonicalize(repository.path("")).unwrap()];
        for (path, bytes) in out_of(repository.files()) {
            let text = String::from_utf8(bytes).unwrap();
            let names = |machine: &PathBuf| text.contains(Path::new(machine).to_str().unwrap());
            assert!(!paths.iter().any(names), "{path} names a folder of this machine");
        }
        (said, repository.files())
    });
    assert!(outcomes[0] == outcomes[1] && outcomes[0] == outcomes[2]);
}
