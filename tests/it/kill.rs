//! A build killed at any moment leaves the old `out/` or the new one.
//!
//! The victim is this very program, started again: it writes two trees in turn, as fast as it can, until it is killed.

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use gitopsc::{emit, tree::Tree, world::OsWorld};
use tempfile::TempDir;

use crate::emit::{build, texts, tree};

/// How often each way of swapping is killed; 200 shows what the README promises, this is enough to notice a slip.
const KILLS: u64 = 30;

const ROOT: &str = "GITOPSC_TEST_VICTIM_ROOT";
const NO_EXCHANGE: &str = "GITOPSC_TEST_VICTIM_NO_EXCHANGE";

/// Two trees that share most files, differ in some, and each have some of their own.
fn trees() -> [Tree; 2] {
    ["one", "two"].map(|name| {
        let mut files = vec![("README.md".to_owned(), format!("# {name}\n"))];
        for number in 0..40 {
            files.push((format!("apps/a{number}/shared.yaml"), format!("number: {number}\n")));
            files.push((format!("apps/a{number}/own.yaml"), format!("name: {name}\n").repeat(number)));
        }
        files.push((format!("flux/{name}.yaml"), "a: 1\n".to_owned()));
        files.push((format!("only/{name}/x.yaml"), "a: 1\n".to_owned()));
        let files: Vec<(&str, &String)> = files.iter().map(|(path, text)| (path.as_str(), text)).collect();
        tree(&files)
    })
}

/// What `out/` holds once a tree is written: the tree, and what flux bootstrap put there.
fn expected(tree: &Tree) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut files: BTreeMap<_, _> = tree.files().map(|(path, file)| (path.clone(), text(&file.bytes))).collect();
    files.insert("flux/flux-system/gotk-sync.yaml".to_owned(), "sync\n".to_owned());
    files
}

fn world(root: &Path, exchange: bool) -> OsWorld {
    let world = OsWorld::new(root);
    if exchange { world } else { world.without_exchange() }
}

#[test]
#[ignore = "the victim of the tests below; it does nothing on its own"]
fn victim() {
    let Some(root) = env::var_os(ROOT) else { return };
    let root = Path::new(&root);
    let world = world(root, env::var_os(NO_EXCHANGE).is_none());
    fs::write(root.join("started"), "").unwrap();
    // Not for ever, should whoever started us be killed itself.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        for tree in trees() {
            build(&world, "out", &tree, false).unwrap();
        }
    }
}

/// Starts the victim and kills it `after` this time of writing.
fn kill_once(root: &Path, exchange: bool, after: Duration) {
    let _ = fs::remove_file(root.join("started"));
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["kill::victim", "--exact", "--ignored"]).env(ROOT, root);
    if !exchange {
        command.env(NO_EXCHANGE, "1");
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !root.join("started").exists() {
        assert_eq!(child.try_wait().unwrap(), None, "the victim ended before it wrote anything");
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(after);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "the victim was killed");
}

fn kill_often(exchange: bool, inside_git: bool) {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    if inside_git {
        fs::create_dir(root.join(".git")).unwrap();
        fs::write(root.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    }
    fs::create_dir_all(root.join("out/flux/flux-system")).unwrap();
    fs::write(root.join("out/flux/flux-system/gotk-sync.yaml"), "sync\n").unwrap();
    let trees = trees();
    build(&world(root, exchange), "out", &trees[0], false).unwrap();
    let wanted = trees.each_ref().map(expected);
    let kills = env::var("GITOPSC_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut seen = [0, 0];
    let mut interrupted = 0;
    let mut kill = 0;
    // On a busy machine more kills, and later ones, until both trees were seen and a build was hit halfway.
    while kill < kills || kill < 20 * kills && (interrupted == 0 || seen.contains(&0)) {
        // Spread over some dozen rounds of the victim; the golden ratio keeps the moments apart.
        kill_once(root, exchange, Duration::from_micros(kill * 618_034 % (40_000 * (1 + kill / kills))));
        if root.join(".out.gitopsc").exists() {
            interrupted += 1;
        }
        if !exchange && !root.join("out").exists() {
            // Between the two moves: the next build starts by finishing them.
            drop(emit::lock(&world(root, exchange), "out").unwrap());
        }
        let found = texts(&root.join("out"));
        let which = wanted.iter().position(|wanted| *wanted == found);
        seen[which.unwrap_or_else(|| panic!("after kill {kill}, out/ is neither tree but {:?}", found.keys()))] += 1;
        kill += 1;
    }
    assert!(interrupted > 0, "the kills hit only between builds, so they show nothing");
    assert!(seen.iter().all(|count| *count > 0), "one tree was never seen: {seen:?}");
    build(&world(root, exchange), "out", &trees[1], false).unwrap();
    assert_eq!(texts(&root.join("out")), wanted[1]);
    assert!(!root.join(".out.gitopsc").exists(), "the next build cleans up");
}

#[test]
fn a_killed_build_leaves_the_old_folder_or_the_new_one() {
    kill_often(true, false);
}

#[test]
fn a_killed_build_in_a_repository_does_not_take_its_own_files_for_edited() {
    kill_often(true, true);
}

#[test]
fn where_folders_cannot_change_places_the_next_build_finishes_the_move() {
    kill_often(false, false);
}

/// Copies what the worked example is built from.
fn copy_example(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["inventory.toml", "templates", "secrets", "certs", "charts", "terraform"] {
        let mut pending = vec![part.to_owned()];
        while let Some(path) = pending.pop() {
            if from.join(&path).is_dir() {
                let entries = fs::read_dir(from.join(&path)).unwrap();
                pending.extend(entries.map(|entry| format!("{path}/{}", entry.unwrap().file_name().to_str().unwrap())));
            } else {
                let target = to.join(&path);
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::copy(from.join(&path), target).unwrap();
            }
        }
    }
}

#[test]
fn gitopsc_build_killed_at_any_moment_leaves_the_old_tree_or_the_new_one() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    copy_example(root);
    let inventory = fs::read_to_string(root.join("inventory.toml")).unwrap();
    let other = inventory.replace("interval = \"10m\"", "interval = \"20m\"");
    assert_ne!(inventory, other, "the example sets Flux's interval");
    let gitopsc = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitopsc"));
        command.arg("-C").arg(root).arg("build").stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut wanted = Vec::new();
    let mut slowest = Duration::ZERO;
    for text in [&inventory, &other] {
        fs::write(root.join("inventory.toml"), text).unwrap();
        let start = Instant::now();
        assert!(gitopsc().status().unwrap().success());
        slowest = slowest.max(start.elapsed());
        wanted.push(texts(&root.join("out")));
    }
    let kills = env::var("GITOPSC_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut seen = [0, 0];
    for kill in 0..kills {
        let text = if kill % 2 == 0 { &inventory } else { &other };
        fs::write(root.join("inventory.toml"), text).unwrap();
        let mut child = gitopsc().spawn().unwrap();
        // From the first instruction to a little after the last.
        let share = u32::try_from(kill * 618 % 1_100).unwrap();
        // Every fifth may end, so that both trees come to be however busy the machine is.
        if kill % 5 != 4 {
            thread::sleep(slowest * share / 1_000);
            let _ = child.kill();
        }
        child.wait().unwrap();
        let found = texts(&root.join("out"));
        let which = wanted.iter().position(|wanted| *wanted == found);
        seen[which.unwrap_or_else(|| panic!("after kill {kill}, out/ is neither tree but {:?}", found.keys()))] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "one tree was never seen: {seen:?}");
}
