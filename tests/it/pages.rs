//! Every page of `docs/codes/` is true: its wrong example gives exactly its report, its right example gives none.
//!
//! `GITOPSC_PAGES=write cargo test --test it pages` writes the reports anew, to be read word by word before they are committed.

use std::{collections::BTreeSet, fs, path::PathBuf};

use gitopsc::{
    cli::{self, Answer, Arguments, Surroundings},
    codes::{PAGES, Page},
    world::MemWorld,
};

/// A fenced block: its language, the file it stands for, its text, and where the text lies in the page.
struct Block<'p> {
    language: &'p str,
    file: Option<&'p str>,
    text: &'p str,
}

/// The blocks of the part of a page that starts with this heading.
fn blocks<'p>(page: &'p str, heading: &str) -> Vec<Block<'p>> {
    let Some((_, part)) = page.split_once(&format!("\n## {heading}\n")) else { return Vec::new() };
    let part = part.split("\n## ").next().unwrap();
    let mut blocks = Vec::new();
    let mut rest = part;
    while let Some((_, opened)) = rest.split_once("\n```") {
        let (info, body) = opened.split_once('\n').unwrap();
        let end = if body.starts_with("```") { 0 } else { body.find("\n```").expect("every block is closed") + 1 };
        let mut words = info.split_whitespace();
        blocks.push(Block { language: words.next().unwrap_or_default(), file: words.next(), text: &body[..end] });
        rest = &body[end..];
        rest = &rest[3..];
    }
    blocks
}

fn world(blocks: &[Block<'_>]) -> MemWorld {
    MemWorld::new(blocks.iter().filter_map(|block| Some((block.file?, block.text.as_bytes()))))
}

/// `gitopsc build`, writing nothing; `gitopsc check` where there is no inventory to build.
fn build(page: &Page, world: &MemWorld) -> Answer {
    let is_compiled = world.snapshot().contains_key("inventory.toml") || page.name == "inventory-missing";
    let command = if is_compiled { "build" } else { "check" };
    let arguments = <Arguments as clap::Parser>::parse_from(["gitopsc", "--quiet", command]);
    let around =
        Surroundings { color: false, stdin: &|| Ok(Vec::new()), stdin_is_terminal: false, now: 0, variable: &|_| None };
    cli::run(&arguments, world, &around)
}

/// The report without its last line, which counts.
fn report(answer: &Answer) -> String {
    let text = answer.stderr.trim_end();
    let text = text.rsplit_once("\n\n").map_or("", |(findings, _)| findings);
    format!("{text}\n")
}

#[test]
fn every_page_shows_what_build_reports() {
    let write = std::env::var_os("GITOPSC_PAGES").is_some();
    let mut wrong = Vec::new();
    for page in PAGES {
        let text = page.text;
        let bad = blocks(text, "Wrong");
        if bad.iter().any(|block| block.language == "none") {
            continue;
        }
        if bad.iter().all(|block| block.file.is_none()) {
            wrong.push(format!("{}: no example", page.name));
            continue;
        }
        let answer = build(page, &world(&bad));
        let report = report(&answer);
        if !answer.stderr.contains(&format!("[{}]", page.name)) {
            wrong.push(format!("{}: the wrong example does not give it, but\n{}", page.name, answer.stderr));
            continue;
        }
        let expected = bad.iter().find(|block| block.language == "text" && block.file.is_none());
        match expected {
            Some(block) if block.text == report => {}
            Some(block) if write => {
                let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/codes/{}.md", page.name));
                let written = fs::read_to_string(&path).unwrap();
                let new = written.replacen(&format!("```text\n{}```", block.text), &format!("```text\n{report}```"), 1);
                fs::write(path, new).unwrap();
            }
            Some(block) => wrong.push(format!("{}: the page says\n{}\nbuild says\n{report}", page.name, block.text)),
            None => wrong.push(format!("{}: no report; build says\n{report}", page.name)),
        }
        let good = blocks(text, "Right");
        if good.iter().all(|block| block.file.is_none()) {
            wrong.push(format!("{}: no right example", page.name));
            continue;
        }
        let answer = build(page, &world(&good));
        if !answer.stderr.is_empty() {
            wrong.push(format!("{}: the right example is not clean:\n{}", page.name, answer.stderr));
        }
    }
    assert!(wrong.is_empty(), "{} pages are wrong:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn every_page_explains() {
    for page in PAGES {
        let prose = page.text.split("\n## ").next().unwrap();
        assert!(prose.lines().count() > 3, "{} explains nothing", page.name);
        assert!(page.summary.ends_with('.'), "{}: the summary is a sentence", page.name);
    }
}

#[test]
fn every_page_has_a_finding() {
    // A code nobody reports is a page about nothing.
    let mut used = BTreeSet::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                used.extend(
                    text.split("code!(\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned),
                );
            }
        }
    }
    let unused: Vec<&str> = PAGES.iter().map(|page| page.name).filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "{unused:?} are reported nowhere");
}
