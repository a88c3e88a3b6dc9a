//! Small inventories and exactly what they give: every folder of `tests/cases/` is one.
//!
//! A case holds the files of a repository, and what `gitopsc build` makes of them: `expected/` is the whole of `out/`, `report.txt` what is
//! said besides. `GITOPSC_CASES=write cargo test --test it cases` writes both anew, to be read word by word before they are committed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use gitopsc::{
    cli::{self, Answer, Arguments, Surroundings},
    world::MemWorld,
};
use similar::TextDiff;

use crate::program;

const EXPECTED: &str = "expected/";
const REPORT: &str = "report.txt";

type Files = BTreeMap<String, String>;

/// What a build of a case gives, as files of the case's folder.
struct Outcome {
    files: Files,
    answer: Answer,
}

pub fn run(world: &MemWorld, command: &[&str]) -> Answer {
    let arguments = <Arguments as clap::Parser>::parse_from([&["gitopsc"], command].concat());
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    cli::run(&arguments, world, &around)
}

fn build(inputs: &Files) -> Outcome {
    let world = MemWorld::new(inputs.iter().map(|(path, text)| (path.as_str(), text.as_bytes())));
    let answer = run(&world, &["--quiet", "build"]);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let out = world.snapshot().into_iter().filter_map(|(path, bytes)| {
        let below = path.strip_prefix("out/")?;
        Some((format!("{EXPECTED}{below}"), text(bytes)))
    });
    let mut files: Files = out.collect();
    if !answer.stderr.is_empty() {
        files.insert(REPORT.to_owned(), answer.stderr.clone());
    }
    if answer.exit == 0 {
        let before = world.snapshot();
        let again = run(&world, &["build", "--hook"]);
        assert_eq!(again.exit, 0, "a second build writes: {}", again.stderr);
        assert_eq!(world.snapshot(), before);
    }
    Outcome { files, answer }
}

/// What is in one and not in the other, line by line.
fn differences(expected: &Files, found: &Files) -> String {
    let mut text = String::new();
    let paths: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for path in paths {
        let side = |files: &Files| files.get(path).cloned().unwrap_or_default();
        let (old, new) = (side(expected), side(found));
        let diff = TextDiff::from_lines(&old, &new);
        text.push_str(&diff.unified_diff().header(&format!("case/{path}"), &format!("build/{path}")).to_string());
    }
    text
}

fn write(case: &Path, files: &Files) {
    let _ = fs::remove_dir_all(case.join(EXPECTED));
    let _ = fs::remove_file(case.join(REPORT));
    for (path, text) in files {
        let path = case.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn every_case_gives_exactly_its_tree_and_its_report() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 10, "the cases are not where this test looks for them");
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let files = program::files(&case).into_iter();
        let files = files.map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap()));
        let (expected, inputs): (Files, Files) =
            files.partition(|(path, _)| path.starts_with(EXPECTED) || path == REPORT);
        let outcome = build(&inputs);
        assert!(outcome.answer.exit < 2, "{name}: {}", outcome.answer.stderr);
        let has_tree = outcome.files.keys().any(|path| path.starts_with(EXPECTED));
        assert_eq!(outcome.answer.exit == 0, has_tree, "{name}: a tree is written exactly where there is no error");
        if std::env::var_os("GITOPSC_CASES").is_some() {
            write(&case, &outcome.files);
        } else if outcome.files != expected {
            wrong.push(format!("{name}:\n{}", differences(&expected, &outcome.files)));
        }
    }
    assert!(wrong.is_empty(), "{} cases give something else:\n\n{}", wrong.len(), wrong.join("\n"));
}
