use std::collections::BTreeMap;

use super::*;
use crate::{
    tree::{Origin, SENTINEL},
    world::{MemGit, MemWorld},
};

const A: &str = "# gitopsc: services.a - do not edit; change inventory.toml or templates/services/a/\n";

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.add(path, Origin::new("services.a", &["inventory.toml", "templates/services/a/"]), text).unwrap();
    }
    tree
}

/// A work tree that was built from this tree, nothing staged.
fn built(files: &[(&str, &str)]) -> MemWorld {
    let world = MemWorld::new([("inventory.toml", "")]).with_git(MemGit::default());
    build(&world, &tree(files));
    world
}

fn build(world: &MemWorld, tree: &Tree) -> Vec<String> {
    let (changes, findings) = plan(world, &mut Sources::default(), "out", tree, false).unwrap();
    assert_eq!(findings, []);
    write(world, "out", tree, &changes).unwrap();
    changes.iter().map(|change| format!("{} {}", change.kind.name(), change.path)).collect()
}

/// The changes, and each finding as `path:line: severity[code] message`.
fn planned(world: &MemWorld, tree: &Tree, force: bool) -> (Vec<String>, Vec<String>) {
    planned_in(world, "out", tree, force)
}

fn planned_in(world: &MemWorld, out: &str, tree: &Tree, force: bool) -> (Vec<String>, Vec<String>) {
    let mut sources = Sources::default();
    let (changes, findings) = plan(world, &mut sources, out, tree, force).unwrap();
    let changes = changes.iter().map(|change| format!("{} {}", change.kind.name(), change.path)).collect();
    let shown = findings.iter().map(|finding| {
        let place = finding.labels.first().map_or(String::new(), |label| {
            let path = &sources.get(label.place.source).path;
            format!("{path}:{}: ", sources.position(label.place).line)
        });
        format!("{place}{}[{}] {}", finding.severity.name(), finding.code, finding.message)
    });
    (changes, shown.collect())
}

fn out_of(world: &MemWorld) -> BTreeMap<String, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let files = world.snapshot().into_iter();
    files.filter_map(|(path, bytes)| Some((path.strip_prefix("out/")?.to_owned(), text(bytes)))).collect()
}

#[test]
fn a_second_build_changes_nothing() {
    let world = MemWorld::new([("inventory.toml", "")]);
    let tree = tree(&[("apps/a.yaml", "a: 1\n")]);
    assert_eq!(build(&world, &tree), ["created .gitopsc", "created apps/a.yaml"]);
    assert_eq!(
        out_of(&world),
        BTreeMap::from([
            (".gitopsc".to_owned(), SENTINEL.to_owned()),
            ("apps/a.yaml".to_owned(), format!("{A}a: 1\n")),
        ])
    );
    assert_eq!(build(&world, &tree), [""; 0]);
}

#[test]
fn what_is_ours_and_gone_from_the_tree_is_removed() {
    let world = built(&[("a.yaml", "a: 1\n"), ("b.yaml", "b: 1\n"), ("c.yaml", "c: 1\n")]);
    let changed = build(&world, &tree(&[("a.yaml", "a: 1\n"), ("b.yaml", "b: 2\n"), ("d.yaml", "d: 1\n")]));
    assert_eq!(changed, ["changed b.yaml", "removed c.yaml", "created d.yaml"]);
    let paths: Vec<String> = out_of(&world).into_keys().collect();
    assert_eq!(paths, [".gitopsc", "a.yaml", "b.yaml", "d.yaml"]);
}

#[test]
fn a_checkout_with_windows_line_ends_is_equal() {
    let tree = tree(&[("a.yaml", "a: 1\n")]);
    let world = built(&[("a.yaml", "a: 1\n")]);
    world.put("out/a.yaml", format!("{A}a: 1\n").replace('\n', "\r\n"));
    assert_eq!(planned(&world, &tree, false), (vec![], vec![]));
}

#[test]
fn windows_line_ends_are_no_edit_either() {
    let world = built(&[("a.yaml", "a: 1\n")]);
    world.put("out/a.yaml", format!("{A}a: 1\n").replace('\n', "\r\n"));
    let changes = vec!["changed a.yaml".to_owned()];
    assert_eq!(planned(&world, &tree(&[("a.yaml", "a: 2\n")]), false), (changes, vec![]));
}

#[test]
fn what_flux_bootstrap_and_file_browsers_write_is_kept() {
    let world = MemWorld::new([
        ("out/flux/flux-system/gotk-sync.yaml", "sync\n"),
        ("out/.DS_Store", "browser"),
        ("out/apps/.DS_Store", "browser"),
    ]);
    build(&world, &tree(&[("a.yaml", "a: 1\n")]));
    build(&world, &tree(&[]));
    let paths: Vec<String> = out_of(&world).into_keys().collect();
    assert_eq!(paths, [".DS_Store", ".gitopsc", "apps/.DS_Store", "flux/flux-system/gotk-sync.yaml"]);
}

#[test]
fn a_foreign_file_is_an_error_and_force_lets_it_lie() {
    let world = built(&[("a.yaml", "a: 1\n")]);
    world.put("out/apps/notes.txt", "password: hunter2\n");
    let tree = tree(&[("a.yaml", "a: 2\n")]);
    let changes = vec!["changed a.yaml".to_owned()];
    let message = "`out/apps/notes.txt` was not written by gitopsc";
    let error = format!("out/apps/notes.txt:1: error[output-foreign] {message}");
    assert_eq!(planned(&world, &tree, false), (changes.clone(), vec![error]));
    let warning = format!("out/apps/notes.txt:1: warning[output-foreign] {message}; it stays where it is");
    assert_eq!(planned(&world, &tree, true), (changes, vec![warning]));
    let (changes, _) = plan(&world, &mut Sources::default(), "out", &tree, true).unwrap();
    write(&world, "out", &tree, &changes).unwrap();
    assert_eq!(out_of(&world)["apps/notes.txt"], "password: hunter2\n");
    assert_eq!(out_of(&world)["a.yaml"], format!("{A}a: 2\n"));
}

#[test]
fn a_foreign_file_in_our_place_is_overwritten_by_force_alone() {
    let world = built(&[("b.yaml", "b: 1\n")]);
    world.put("out/a.yaml", "mine\n");
    let tree = tree(&[("a.yaml", "a: 1\n"), ("b.yaml", "b: 1\n")]);
    let changes = vec!["changed a.yaml".to_owned()];
    let error = "out/a.yaml:1: error[output-foreign] `out/a.yaml` was not written by gitopsc, and lies where `services.a` puts a file";
    assert_eq!(planned(&world, &tree, false), (changes.clone(), vec![error.to_owned()]));
    assert_eq!(planned(&world, &tree, true), (changes, vec![]));
}

#[test]
fn a_foreign_file_where_a_folder_must_be_is_an_error_even_with_force() {
    let world = built(&[("b.yaml", "b: 1\n")]);
    world.put("out/apps", "mine\n");
    let tree = tree(&[("apps/a.yaml", "a: 1\n"), ("b.yaml", "b: 1\n")]);
    let error = "out/apps:1: error[output-foreign] `out/apps` was not written by gitopsc, and is in the way of `out/apps/a.yaml` of `services.a`";
    assert_eq!(planned(&world, &tree, true).1, [error]);
}

#[test]
fn a_first_build_into_somebody_elses_folder_is_refused_even_with_force() {
    let world = MemWorld::new([("out/b/main.c", "int main;\n"), ("out/z.c", "int z;\n")]);
    let error =
        "out/b/main.c:1: error[output-foreign-folder] `out` holds 2 files already, none of them written by gitopsc";
    for force in [false, true] {
        assert_eq!(planned(&world, &tree(&[]), force).1, [error]);
    }
}

#[test]
fn a_hand_edit_is_refused_until_it_is_forced_or_known_to_git() {
    let old: &[(&str, &str)] = &[("a.yaml", "a: 1\nb: 1\n")];
    let new = tree(&[("a.yaml", "a: 2\nb: 1\n")]);
    let edited = format!("{A}a: 1\nb: 1\nc: secret\n");
    let changes = vec!["changed a.yaml".to_owned()];
    let refused = |lines: &str, line: usize| {
        vec![format!("out/a.yaml:{line}: error[output-edited] `out/a.yaml` was edited by hand{lines}")]
    };

    let world = built(old);
    world.put("out/a.yaml", edited.clone());
    // Also when nothing else changed: what the inventory says and what lies there differ.
    assert_eq!(planned(&world, &tree(old), false), (changes.clone(), refused("", 1)));
    assert_eq!(planned(&world, &new, false), (changes.clone(), refused("", 1)));
    assert_eq!(planned(&world, &new, true), (changes.clone(), vec![]));

    let version = |bytes: &str| BTreeMap::from([("out/a.yaml".to_owned(), bytes.as_bytes().to_vec())]);
    let committed = format!("{A}a: 1\nb: 1\n");
    let unmerged = std::collections::BTreeSet::from(["out/a.yaml".to_owned()]);
    let judged = |git: MemGit| {
        let world = built(old).with_git(git);
        world.put("out/a.yaml", edited.clone());
        planned(&world, &new, false).1
    };
    let head = version(&committed);
    assert_eq!(
        judged(MemGit { head: head.clone(), index: head.clone(), ..MemGit::default() }),
        refused(" (1 line added)", 4)
    );
    assert_eq!(judged(MemGit { head, index: version(&edited), ..MemGit::default() }), [""; 0]);
    assert_eq!(judged(MemGit { head: version(&edited), ..MemGit::default() }), [""; 0]);
    assert_eq!(judged(MemGit { unmerged, ..MemGit::default() }), [""; 0]);
}

#[test]
fn the_report_of_a_hand_edit_never_holds_its_text() {
    let world = built(&[("a.yaml", "a: 1\n")]);
    world.put("out/a.yaml", format!("{A}a: hunter2\n"));
    let mut sources = Sources::default();
    let (_, findings) = plan(&world, &mut sources, "out", &tree(&[("a.yaml", "a: 1\n")]), false).unwrap();
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!(
        finding.help,
        ["make the change in inventory.toml or templates/services/a/", "`gitopsc build --force` drops the edit"]
    );
    assert!(!format!("{finding:?}{sources:?}").contains("hunter2"));
}

#[test]
fn a_hand_edited_file_is_not_removed() {
    let world = built(&[("a.yaml", "a: 1\n")]);
    world.put("out/a.yaml", format!("{A}a: 3\n"));
    let (changes, findings) = planned(&world, &tree(&[]), false);
    assert_eq!(changes, ["removed a.yaml"]);
    assert_eq!(findings, ["out/a.yaml:1: error[output-edited] `out/a.yaml` was edited by hand"]);
}

#[test]
fn an_older_state_that_we_wrote_is_no_edit() {
    let world = built(&[("a.yaml", "a: 1\n")]);
    let first = out_of(&world)["a.yaml"].clone();
    build(&world, &tree(&[("a.yaml", "a: 2\n")]));
    world.put("out/a.yaml", first);
    assert_eq!(build(&world, &tree(&[("a.yaml", "a: 3\n")])), ["changed a.yaml"]);
}

#[test]
fn a_deleted_file_comes_back() {
    let world = built(&[("a.yaml", "a: 1\n")]);
    world.delete("out/a.yaml");
    assert_eq!(build(&world, &tree(&[("a.yaml", "a: 1\n")])), ["created a.yaml"]);
}

#[test]
fn what_nobody_remembers_is_judged_by_its_header() {
    let world = built(&[("a.yaml", "a: 1\n")]);
    world.delete(".git/gitopsc/out/written");
    assert_eq!(build(&world, &tree(&[("a.yaml", "a: 2\n")])), ["changed a.yaml"]);

    let outside_git = MemWorld::new([("inventory.toml", "")]);
    build(&outside_git, &tree(&[("a.yaml", "a: 1\n")]));
    outside_git.put("out/a.yaml", format!("{A}a: edited\n"));
    assert_eq!(build(&outside_git, &tree(&[("a.yaml", "a: 2\n")])), ["changed a.yaml"]);
}

#[test]
fn a_newer_format_is_left_alone() {
    for format in ["2", "99999999999999999999"] {
        let world = MemWorld::new([("out/.gitopsc", format!("# gitopsc: whatever\nformat = {format}\n"))]);
        let error = format!(
            "out/.gitopsc:2: error[output-newer] `out` was written by a newer gitopsc: its format is {format}, this one knows 1"
        );
        for force in [false, true] {
            assert_eq!(planned(&world, &tree(&[]), force), (vec![], vec![error.clone()]));
        }
    }
}

#[test]
fn a_folder_that_is_not_ours_alone_is_refused() {
    let world = MemWorld::new([
        ("inventory.toml", ""),
        ("site/inventory.toml", ""),
        ("module/.git", "gitdir: ../.git/modules/module\n"),
        ("file", ""),
    ]);
    for (out, reason) in [
        (".", "the repository lies in it"),
        ("..", "the repository lies in it"),
        ("out/..", "the repository lies in it"),
        ("site", "an inventory lies in it"),
        ("module/", "it is a repository or submodule of its own"),
        ("file", "it is not a folder"),
        (".git/out", "it belongs to git"),
        ("./templates", "`templates/` is what a build reads"),
        ("secrets/sealed", "`secrets/` is what a build reads"),
        ("o\nut", "its name holds a backslash or a control character"),
    ] {
        let shown = folder::plain(out);
        let error = format!("error[output-unsafe] `{shown}` cannot be the output folder: {reason}");
        assert_eq!(planned_in(&world, out, &tree(&[]), true), (vec![], vec![error]), "{out:?}");
        assert!(lock(&world, out).unwrap().is_none(), "{out:?}");
    }
    assert_eq!(
        planned_in(&world, "./clusters/home/", &tree(&[]), false),
        (vec!["created .gitopsc".to_owned()], vec![])
    );
}

#[test]
fn a_diff_reads_as_git_prints_it() {
    let world = built(&[("a.yaml", "a: 1\n"), ("b.yaml", "b: 1\n")]);
    let tree = tree(&[("a.yaml", "a: 2\n"), ("c.yaml", "c: 1\n")]);
    let (changes, _) = plan(&world, &mut Sources::default(), "out", &tree, false).unwrap();
    assert_eq!(
        diff(&world, "out", &tree, &changes).unwrap(),
        format!(
            "--- a/out/a.yaml\n+++ b/out/a.yaml\n@@ -1,2 +1,2 @@\n {A}-a: 1\n+a: 2\n\
             --- a/out/b.yaml\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-{A}-b: 1\n\
             --- /dev/null\n+++ b/out/c.yaml\n@@ -0,0 +1,2 @@\n+{A}+c: 1\n"
        )
    );
}
