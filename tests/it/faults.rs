//! Faults planted into healthy repositories are found, with the right code at the right place.

#![expect(clippy::format_collect, reason = "small texts, built once each")]
#![expect(clippy::print_stdout, reason = "how many of each kind were found is the result, also where nothing failed")]

mod kinds;
mod trees;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use gitopsc::{
    cli::{self, Arguments, Surroundings},
    world::MemWorld,
};
use kinds::{Fault, KINDS};

/// Each kind of fault is planted in so many places.
const FEWEST: usize = 20;
/// So many in a hundred are to be found, of each kind.
const FOUND: usize = 95;

/// What `check --format json` says of a repository.
fn findings(world: &MemWorld) -> Vec<serde_json::Value> {
    let arguments = <Arguments as clap::Parser>::parse_from(["gitopsc", "check", "--format", "json"]);
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    let answer = cli::run(&arguments, world, &around);
    assert!(answer.exit < 2, "{}", answer.stderr);
    let report: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    report["diagnostics"].as_array().unwrap().clone()
}

/// A finding in a line: code, places, message.
fn line(finding: &serde_json::Value) -> String {
    let place = |place: &serde_json::Value| format!("{}:{}", place["path"].as_str().unwrap_or_default(), place["line"]);
    let places: Vec<String> = finding["places"].as_array().into_iter().flatten().map(place).collect();
    let text = |key: &str| finding[key].as_str().unwrap_or_default();
    format!("{}[{}] {}: {}", text("severity"), text("code"), places.join(" "), text("message"))
}

#[test]
fn healthy_trees_are_healthy() {
    for tree in trees::all() {
        let found = findings(&tree.world());
        let wrong: Vec<String> = found.iter().filter(|finding| finding["severity"] != "note").map(line).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{}", tree.name);
    }
}

/// Whether a finding of the right code is at the right place.
fn is_found(fault: &Fault<'_>, code: &str, found: &[serde_json::Value]) -> bool {
    let is_there = |place: &serde_json::Value| {
        let line = place["line"].as_u64().and_then(|line| usize::try_from(line).ok());
        place["path"] == fault.path.as_str() && line.is_some_and(|line| fault.lines.contains(&line))
    };
    found
        .iter()
        .filter(|finding| finding["code"] == code)
        .any(|finding| finding["places"].as_array().into_iter().flatten().any(is_there))
}

/// So many as are asked for: from every tree in turn, and spread over what each has.
fn spread(by_tree: Vec<Vec<Fault<'_>>>) -> Vec<Fault<'_>> {
    let mut shares = vec![0; by_tree.len()];
    let mut left = FEWEST;
    while left > 0 && shares.iter().zip(&by_tree).any(|(share, faults)| *share < faults.len()) {
        for (share, faults) in shares.iter_mut().zip(&by_tree) {
            if *share < faults.len() && left > 0 {
                *share += 1;
                left -= 1;
            }
        }
    }
    let some = |(faults, share): (Vec<_>, usize)| {
        let all = faults.len();
        let chosen: BTreeSet<usize> = (0..share).map(|at| at * all / share).collect();
        faults.into_iter().enumerate().filter(move |(at, _)| chosen.contains(at)).map(|(_, fault)| fault)
    };
    by_tree.into_iter().zip(shares).flat_map(some).collect()
}

#[test]
fn planted_faults_are_found() {
    let trees = trees::all();
    let only = std::env::var("GITOPSC_FAULTS").ok();
    let is_asked = |kind: &&kinds::Kind| only.as_ref().is_none_or(|only| kind.name.contains(only.as_str()));
    let planted: Vec<(&kinds::Kind, Fault<'_>)> = KINDS
        .iter()
        .filter(is_asked)
        .flat_map(|kind| {
            let faults = spread(trees.iter().map(|tree| (kind.plant)(tree)).collect());
            assert!(faults.len() >= FEWEST, "`{}` has only {} places", kind.name, faults.len());
            faults.into_iter().map(move |fault| (kind, fault))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut missed = Vec::new();
        while let Some((kind, fault)) = planted.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = findings(&fault.world());
            if !is_found(fault, kind.code, &found) {
                let instead: Vec<String> = found.iter().map(line).take(6).collect();
                missed.push((
                    kind.name,
                    format!("{} {}:{:?}\n    {}", fault.tree.name, fault.path, fault.lines, instead.join("\n    ")),
                ));
            }
        }
        missed
    };
    let workers = thread::available_parallelism().map_or(2, |count| count.get().min(4));
    let missed: Vec<(&str, String)> = thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (kind, _) in &planted {
        counts.entry(kind.name).or_default().1 += 1;
    }
    for (name, count) in &mut counts {
        count.0 = count.1 - missed.iter().filter(|(missed, _)| missed == name).count();
    }
    let mut report: Vec<String> =
        counts.iter().map(|(name, (found, all))| format!("{found:3}/{all:3} {name}")).collect();
    report.extend(missed.iter().map(|(name, text)| format!("missed {name}: {text}")));
    let report = report.join("\n");
    let enough = |found: usize, all: usize| found * 100 >= all * FOUND;
    assert!(counts.values().all(|(found, all)| enough(*found, *all)), "{report}");
    assert!(enough(planted.len() - missed.len(), planted.len()), "{report}");
    println!("{report}");
}

#[test]
fn what_a_stopped_build_would_have_read_is_not_called_unused() {
    let overlays = trees::all().into_iter().find(|tree| tree.name == "overlays").unwrap();
    let world = overlays.world();
    world.put("base/app.yaml", "broken: [");
    let codes: Vec<String> = findings(&world).iter().map(|finding| finding["code"].to_string()).collect();
    assert_eq!(codes, ["\"yaml-syntax\"", "\"build-refused\""]);
}
