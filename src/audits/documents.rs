//! Documents speak of files and numbers that are there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    repository::{Repository, join, parent, resolve},
    source::{Place, SourceId, Span},
    survey::Survey,
};

/// Endings of files that a repository of this kind keeps itself.
const ENDINGS: &[&str] = &["yaml", "yml", "tf", "tofu", "sh", "md", "j2", "toml", "py", "just"];

/// Reports what is not.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    for (path, file) in survey.repository.files() {
        let Some(source) = file.source.filter(|_| path.ends_with(".md") && !super::addresses::is_past(path)) else {
            continue;
        };
        let text = &survey.repository.sources.get(source).text;
        let gone = gone(&survey.repository, source, path, text);
        if !gone.is_empty() && !is_elsewhere(path) {
            found.push(missing(&survey.repository, path, &gone));
        }
    }
    counts(survey, found);
}

/// Whether a document is instructions with made-up names, or about what is still to come.
fn is_elsewhere(path: &str) -> bool {
    const PLANNED: &[&str] = &["plan", "plans", "proposals", "rfc", "rfcs", "templates"];
    path.split('/').any(|part| part.starts_with(['.', '_']) || PLANNED.contains(&part.to_ascii_lowercase().as_str()))
}

/// A path that a document names and that leads nowhere.
struct Gone {
    path: String,
    place: Place,
}

fn missing(repository: &Repository, document: &str, gone: &[Gone]) -> Diagnostic {
    const SHOWN: usize = 6;
    let message = match gone {
        [only] => format!("there is no `{}`", only.path),
        many => format!("{} paths in `{document}` lead nowhere", many.len()),
    };
    let mut finding = Diagnostic::new(code!("path-stale"), message);
    for one in gone.iter().take(SHOWN) {
        let label = if gone.len() == 1 { String::new() } else { "not there".to_owned() };
        finding = finding.at(one.place, label);
    }
    let first = &gone[0].path;
    let folder = parent(first);
    let name = first.rsplit('/').next().unwrap_or_default();
    let beside = repository.children(folder);
    match nearest(name, beside.iter().copied().filter(|_| gone.len() == 1)) {
        Some(near) => finding.help(format!("did you mean `{}`?", join(folder, near))),
        None => finding.help("name what took its place, or take the sentence out"),
    }
    .about(document)
}

/// What links and quoted paths of a document name that is not there, each path once. Blocks of code are left out.
fn gone(repository: &Repository, source: SourceId, document: &str, text: &str) -> Vec<Gone> {
    let mut gone: Vec<Gone> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        if fence.is_some() || mark.is_some() {
            continue;
        }
        let named =
            links(line).into_iter().filter_map(|span| Some((linked(repository, document, &line[span.range()])?, span)));
        let quoted = quotes(line)
            .into_iter()
            .filter_map(|span| Some((spoken(repository, document, &line[span.range()])?, span)));
        for (path, span) in named.chain(quoted) {
            if !gone.iter().any(|known| known.path == path) {
                let span = Span::new(at + span.range().start, at + span.range().end);
                gone.push(Gone { path, place: Place { source, span } });
            }
        }
    }
    gone
}

/// The targets of links in a line: `[text](target)`.
fn links(line: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("](") {
        let from = at + 2;
        if let Some(length) = line[from..].find([')', ' ', '"']) {
            found.push(Span::new(from, from + length));
        }
    }
    found
}

/// What stands between single backticks in a line.
fn quotes(line: &str) -> Vec<Span> {
    let ticks: Vec<usize> = line.match_indices('`').map(|(at, _)| at).collect();
    if line.contains("``") {
        return Vec::new();
    }
    ticks.chunks_exact(2).map(|pair| Span::new(pair[0] + 1, pair[1])).collect()
}

/// The path a link leads to, where that lies in the repository and nothing is there.
fn linked(repository: &Repository, document: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?']).next().unwrap_or_default();
    let is_elsewhere = target.contains(':') || target.starts_with('/') || target.starts_with('<') || !is_plain(target);
    if target.is_empty() || is_elsewhere {
        return None;
    }
    let name = target.rsplit('/').next().unwrap_or_default();
    // The address of a page that is made of these documents has no ending.
    if !name.is_empty() && !name.contains('.') || target.contains("path/to") {
        return None;
    }
    let path = resolve(parent(document), &target.replace("%20", " "))?;
    (!exists(repository, &path) && !path.is_empty()).then_some(path)
}

/// The path that a quoted text speaks of, where its folder is there and it is not.
fn spoken(repository: &Repository, document: &str, text: &str) -> Option<String> {
    let (folder, name) = text.trim_start_matches("./").rsplit_once('/')?;
    let (stem, ending) = name.rsplit_once('.')?;
    if !is_plain(text) || text.starts_with(['/', '~', '.']) && !text.starts_with("./") || stem.is_empty() {
        return None;
    }
    if !ENDINGS.contains(&ending) || folder.contains("..") {
        return None;
    }
    // As seen from the document, or from any folder above it.
    let mut bases = vec![parent(document)];
    while let Some(base) = bases.last().copied().filter(|base| !base.is_empty()) {
        bases.push(parent(base));
    }
    let whole = format!("{folder}/{name}");
    if bases.iter().any(|base| exists(repository, &join(base, &whole))) {
        return None;
    }
    // One word for a folder can be short for one that lies deeper, and so can a path that ends some other path.
    let ends = format!("/{whole}");
    let is_short = !folder.contains('/') || repository.files().any(|(path, _)| path.ends_with(&ends));
    let is_folder = |base: &&&str| repository.is_folder(&join(base, folder));
    let base = bases.iter().find(is_folder).filter(|_| !is_short)?;
    // A tool or a person makes it where the folder has nothing of the kind.
    let path = join(base, &whole);
    let has_kind = repository.children(parent(&path)).iter().any(|name| name.ends_with(&format!(".{ending}")));
    has_kind.then_some(path)
}

/// Whether a text is a path and no pattern of paths.
fn is_plain(text: &str) -> bool {
    !text.contains(['*', '<', '>', '{', '}', '$', '|', '\\', ' ', '…', '(']) && !text.contains("...")
}

fn exists(repository: &Repository, path: &str) -> bool {
    repository.file(path).is_some() || repository.is_folder(path) || repository.is_link(path)
        // What lies behind a link.
        || repository.links().any(|link| crate::repository::is_below(path, link))
}

/// Words for nodes of one kind, and the names of variables that count them.
const COUNTED: &[(&str, &[&str], &[&str])] = &[
    (
        "worker nodes",
        &["worker", "workers"],
        &["workercount", "workerscount", "workernodecount", "workernodescount", "numworkers"],
    ),
    (
        "control planes",
        &[
            "controller",
            "controllers",
            "controlplane",
            "controlplanes",
            "control-plane",
            "control-planes",
            "master",
            "masters",
        ],
        &["controllercount", "controlplanecount", "controlplanenodecount", "mastercount", "numcontrolplanes"],
    ),
];

/// The number of nodes in the README at the top, and in Terraform.
fn counts(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let Some(source) = survey.repository.file("README.md").and_then(|file| file.source) else { return };
    let text = &survey.repository.sources.get(source).text;
    for (what, words, variables) in COUNTED {
        let said = said(text, words);
        let numbers: BTreeSet<u32> = said.iter().map(|(number, _)| *number).collect();
        let mut set: BTreeMap<u32, Vec<Place>> = BTreeMap::new();
        for setting in &survey.terraform.settings {
            let name: String = setting
                .name
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            if let (true, Ok(number)) = (variables.contains(&name.to_ascii_lowercase().as_str()), setting.value.parse())
            {
                set.entry(number).or_default().push(setting.place);
            }
        }
        // Several numbers on one side are several clusters, or a history.
        let (Some((spoken, span)), 1) = (said.first(), numbers.len()) else { continue };
        let mut numbers = set.into_iter();
        let (Some((number, places)), None) = (numbers.next(), numbers.next()) else { continue };
        if number == *spoken {
            continue;
        }
        let message = format!("the README counts {spoken} {what}, Terraform {number}");
        let mut finding = Diagnostic::new(code!("counts-disagree"), message).at(Place { source, span: *span }, "");
        for place in places {
            finding = finding.at(place, format!("{number} here"));
        }
        found.push(
            finding
                .note("a file of variables that is not committed may say otherwise")
                .help("set both to what runs")
                .about(*what),
        );
    }
}

/// Every count of nodes in a text: `2 workers`, `three control-plane nodes`.
fn said(text: &str, words: &[&str]) -> Vec<(u32, Span)> {
    const NUMBERS: &[&str] = &["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let mut said = Vec::new();
    for line in text.lines() {
        let start = line.as_ptr() as usize - text.as_ptr() as usize;
        let tokens: Vec<&str> = line.split([' ', '\t']).collect();
        for pair in tokens.windows(2) {
            let number = pair[0].trim_matches(['(', '*', '`', '-', '~']);
            let spelled = NUMBERS.iter().position(|word| number.eq_ignore_ascii_case(word)).map(|at| at + 1);
            let number = spelled.and_then(|at| u32::try_from(at).ok()).or_else(|| number.parse().ok());
            let word = pair[1].trim_matches(|letter: char| !letter.is_alphanumeric()).to_ascii_lowercase();
            if let (Some(number), true) = (number, words.contains(&word.as_str())) {
                let from = pair[0].as_ptr() as usize - line.as_ptr() as usize;
                let to = pair[1].as_ptr() as usize - line.as_ptr() as usize + pair[1].len();
                said.push((number, Span::new(start + from, start + to)));
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audits::audited;

    fn reports(files: &[(&str, &str)]) -> Vec<String> {
        let (survey, found) = audited(audit, files.iter().copied());
        let line = |it: &Diagnostic| survey.repository.sources.position(it.labels[0].place).line;
        found.iter().map(|it| format!("{} {}: {}", line(it), it.code.name(), it.message)).collect()
    }

    const NODE: (&str, &str) = ("talos/nodes/worker.yaml", "a: b\n");

    #[test]
    fn paths_that_lead_nowhere_are_found() {
        for (text, path) in [
            ("See [it](talos/nodes/gone.yaml).\n", "talos/nodes/gone.yaml"),
            ("See [it](talos/gone.md#usage \"title\").\n", "talos/gone.md"),
            ("Edit `talos/nodes/gone.yaml`.\n", "talos/nodes/gone.yaml"),
        ] {
            assert_eq!(
                reports(&[NODE, ("README.md", text)]),
                [format!("1 path-stale: there is no `{path}`")],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_there_a_pattern_or_an_example_is_left_alone() {
        for text in [
            "See [it](talos/nodes/worker.yaml), [all](talos/nodes/), [top](#top), [web](https://example.org/a.md), [root](/a.md).\n",
            "Edit `talos/nodes/worker.yaml`, `nodes/worker.yaml` and `./talos/nodes/worker.yaml`.\n",
            "Edit `talos/nodes/<name>.yaml`, `talos/nodes/*.yaml` or `talos/nodes/$NAME.yaml`.\n",
            "It writes `talos/nodes/key.pem`, `talos/nodes/plan.sh`, `clusters/home/a.yaml` and `/etc/talos/a.yaml`.\n",
            "```\n[it](gone.md) `talos/nodes/gone.yaml`\n```\n",
        ] {
            assert_eq!(reports(&[NODE, ("README.md", text)]), Vec::<String>::new(), "{text}");
        }
        assert_eq!(reports(&[NODE, ("CHANGELOG.md", "[it](gone.md)\n")]), Vec::<String>::new());
        assert_eq!(
            reports(&[NODE, ("docs/a.md", "Edit `talos/nodes/worker.yaml`, see [it](../talos/nodes/worker.yaml).\n")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn nodes_are_counted_alike() {
        let terraform = |count: u32| format!("variable \"worker_count\" {{\n  default = {count}\n}}\n");
        for (text, count, messages) in [
            ("- 2 workers (worker0-1)\n", 3, vec!["1 counts-disagree: the README counts 2 worker nodes, Terraform 3"]),
            (
                "It has **two** worker nodes.\n",
                3,
                vec!["1 counts-disagree: the README counts 2 worker nodes, Terraform 3"],
            ),
            ("- 3 workers\n", 3, vec![]),
            ("- 2+ workers\n", 3, vec![]),
            ("- 2 workers at first, 4 workers now\n", 3, vec![]),
            ("- many workers\n", 3, vec![]),
        ] {
            assert_eq!(reports(&[("README.md", text), ("main.tf", &terraform(count))]), messages, "{text}");
        }
        let other = terraform(2);
        let files = [("README.md", "- 2 workers\n"), ("a/main.tf", other.as_str()), ("b/main.tf", &terraform(3))];
        assert_eq!(reports(&files), Vec::<String>::new());
    }
}
