//! The Applications that an ApplicationSet makes, where its generators can be read off the repository: lists, folders and
//! files of it, and the matrix of two of these.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    node::{Entry, Kind, Node},
    repository::{Repository, join},
};

/// The values that a template is filled with, by their dotted names.
type Values = BTreeMap<String, String>;
/// Whether an address is this repository's.
type IsHere<'h> = dyn Fn(&str) -> bool + 'h;

/// More Applications than this are a sign that something was read wrongly.
const MOST: usize = 5_000;

/// The manifests an ApplicationSet makes, each with whether nothing in it stayed computed.
pub fn applications(repository: &Repository, set: &Node, is_here: &IsHere<'_>) -> Vec<(Node, bool)> {
    let Some(template) = set.at(["spec", "template"]) else { return Vec::new() };
    let generators = set.at(["spec", "generators"]).map(Node::items).unwrap_or_default();
    let is_patched = set.at(["spec", "templatePatch"]).is_some();
    let mut made = Vec::new();
    for generator in generators {
        for values in rows(repository, generator, is_here, 0).unwrap_or_default().into_iter().take(MOST) {
            let mut is_literal = !is_patched;
            let node = filled(template, &values, &mut is_literal);
            made.push((application(node, set), is_literal));
        }
    }
    made
}

/// A template's Application: the kind is implied, the namespace is the set's.
fn application(template: Node, set: &Node) -> Node {
    let place = template.place;
    let text = |text: &str| Node { place, kind: Kind::String(text.into()) };
    let mut entries = vec![entry("apiVersion", text("argoproj.io/v1alpha1")), entry("kind", text("Application"))];
    let namespace = set.at(["metadata", "namespace"]);
    if let Kind::Map(own) = template.kind {
        for mut own in own {
            if let (true, Some(namespace), Kind::Map(_)) = (own.key == "metadata", namespace, &own.value.kind)
                && own.value.get("namespace").is_none()
            {
                let Kind::Map(metadata) = own.value.kind else { unreachable!("it is a map") };
                let all = metadata.into_iter().chain([entry("namespace", namespace.clone())]);
                own.value = Node { place: own.value.place, kind: Kind::Map(all.collect()) };
            }
            entries.push(own);
        }
    }
    Node { place, kind: Kind::Map(entries.into()) }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.into(), key_place: value.place, value }
}

/// The manifest that the chart `argocd-apps` makes of an entry of its values.
pub fn manifest(of: &Entry, is_set: bool) -> Node {
    let spec = of.value.clone();
    let text = |text: &str| Node { place: of.key_place, kind: Kind::String(text.into()) };
    let namespace = spec.get("namespace").cloned().unwrap_or_else(|| text("argocd"));
    let metadata = Kind::Map(vec![entry("name", text(&of.key)), entry("namespace", namespace)].into());
    let kind = if is_set { "ApplicationSet" } else { "Application" };
    let entries = vec![
        entry("apiVersion", text("argoproj.io/v1alpha1")),
        entry("kind", text(kind)),
        entry("metadata", Node { place: of.key_place, kind: metadata }),
        entry("spec", spec),
    ];
    Node { place: of.value.place, kind: Kind::Map(entries.into()) }
}

/// The rows of values a generator gives; None for one that asks a cluster or a service.
fn rows(repository: &Repository, generator: &Node, is_here: &IsHere<'_>, depth: usize) -> Option<Vec<Values>> {
    if depth > 2 {
        return None;
    }
    if let Some(list) = generator.get("list") {
        return Some(list.get("elements")?.items().iter().map(|element| flat(element, "")).collect());
    }
    if let Some(git) = generator.get("git") {
        let rows = of_git(repository, git, is_here)?;
        let more = git.get("values").map(|values| flat(values, "values.")).unwrap_or_default();
        return Some(rows.into_iter().map(|row| with(row, &more)).collect());
    }
    let matrix = generator.at(["matrix", "generators"])?.items();
    let [left, right] = matrix else { return None };
    let left = rows(repository, left, is_here, depth + 1)?;
    let mut product = Vec::new();
    for row in left.into_iter().take(MOST) {
        // The second generator may use what the first one gives.
        let mut is_literal = true;
        let right = filled(right, &row, &mut is_literal);
        for more in rows(repository, &right, is_here, depth + 1)?.into_iter().take(MOST) {
            product.push(with(row.clone(), &more));
        }
    }
    Some(product)
}

fn with(mut row: Values, more: &Values) -> Values {
    row.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    row
}

fn of_git(repository: &Repository, git: &Node, is_here: &IsHere<'_>) -> Option<Vec<Values>> {
    if !is_here(git.get("repoURL")?.as_str()?) {
        return None;
    }
    let patterns = |key: &str, is_excluded: bool| -> Vec<String> {
        let items = git.get(key).map(Node::items).unwrap_or_default().iter();
        let says = |item: &Node| item.get("exclude").is_some_and(|flag| flag.kind == Kind::Bool(true));
        items
            .filter(|item| says(item) == is_excluded)
            .filter_map(|item| Some(item.get("path")?.as_str()?.trim_matches('/').to_owned()))
            .collect()
    };
    let mut found = Vec::new();
    if git.get("directories").is_some() {
        let without = patterns("directories", true);
        let mut folders: BTreeSet<String> = BTreeSet::new();
        for pattern in patterns("directories", false) {
            folders.extend(folders_like(repository, &pattern));
        }
        folders.retain(|folder| !without.iter().any(|pattern| fits(pattern, folder)));
        found.extend(folders.iter().map(|folder| path_values(folder)));
    }
    if git.get("files").is_some() {
        let without = patterns("files", true);
        for pattern in patterns("files", false) {
            for (path, file) in repository.files().filter(|(path, _)| fits(&pattern, path)) {
                if without.iter().any(|pattern| fits(pattern, path)) {
                    continue;
                }
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                let mut place = path_values(folder);
                place.insert("path.filename".into(), name.into());
                place.insert("path.filenameNormalized".into(), normalized(name));
                for document in file.documents() {
                    let items =
                        if document.items().is_empty() { std::slice::from_ref(document) } else { document.items() };
                    found.extend(items.iter().map(|item| with(flat(item, ""), &place)));
                }
            }
        }
    }
    Some(found)
}

/// What an ApplicationSet knows of a folder, in both spellings: with and without `goTemplate`.
fn path_values(folder: &str) -> Values {
    let name = folder.rsplit('/').next().unwrap_or(folder);
    let mut values = Values::from([
        ("path".into(), folder.into()),
        ("path.path".into(), folder.into()),
        ("path.basename".into(), name.into()),
        ("path.basenameNormalized".into(), normalized(name)),
    ]);
    for (at, part) in folder.split('/').enumerate() {
        values.insert(format!("path[{at}]"), part.into());
        values.insert(format!("path.segments[{at}]"), part.into());
    }
    values
}

fn normalized(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
    name.to_lowercase().chars().map(plain).collect()
}

/// The scalars of a value, by their dotted names.
fn flat(node: &Node, prefix: &str) -> Values {
    let mut values = Values::new();
    for entry in node.entries() {
        let key = format!("{prefix}{}", entry.key);
        match &entry.value.kind {
            Kind::String(text) => drop(values.insert(key, text.clone())),
            Kind::Number(number) => drop(values.insert(key, number.to_string())),
            Kind::Bool(flag) => drop(values.insert(key, flag.to_string())),
            Kind::Map(_) => values.extend(flat(&entry.value, &format!("{key}."))),
            Kind::List(_) | Kind::Null => {}
        }
    }
    values
}

/// A template with its `{{…}}` filled in; what cannot be is left as it is.
fn filled(node: &Node, values: &Values, is_literal: &mut bool) -> Node {
    let kind = match &node.kind {
        Kind::String(text) if text.contains("{{") => Kind::String(filled_text(text, values, is_literal)),
        Kind::List(items) => Kind::List(items.iter().map(|item| filled(item, values, is_literal)).collect()),
        Kind::Map(entries) => Kind::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    key: entry.key.clone(),
                    key_place: entry.key_place,
                    value: filled(&entry.value, values, is_literal),
                })
                .collect(),
        ),
        kind => kind.clone(),
    };
    Node { place: node.place, kind }
}

fn filled_text(text: &str, values: &Values, is_literal: &mut bool) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        result.push_str(before);
        let Some((expression, behind)) = after.split_once("}}") else {
            *is_literal = false;
            result.push_str("{{");
            rest = after;
            continue;
        };
        if let Some(value) = value_of(expression.trim_matches('-').trim(), values) {
            result.push_str(&value);
        } else {
            *is_literal = false;
            result.push_str("{{");
            result.push_str(expression);
            result.push_str("}}");
        }
        rest = behind;
    }
    result.push_str(rest);
    result
}

/// What an expression of a template gives: `path.basename`, `.path.basename`, `index .path.segments 1`, with simple functions
/// behind `|`.
fn value_of(expression: &str, values: &Values) -> Option<String> {
    let mut steps = expression.split('|').map(str::trim);
    let first = steps.next()?;
    let words: Vec<&str> = first.split_whitespace().collect();
    let name = match words.as_slice() {
        [name] => name.trim_start_matches('.').to_owned(),
        ["index", list, at] => format!("{}[{at}]", list.trim_start_matches('.')),
        _ => return None,
    };
    // With `goTemplate`, `.path` is a map and never stands alone.
    let mut value = values.get(&name).cloned();
    for step in steps {
        let words: Vec<&str> = step.split_whitespace().collect();
        value = match words.as_slice() {
            ["default", text] => value.or_else(|| Some(text.trim_matches('"').to_owned())),
            ["lower"] => value.map(|value| value.to_lowercase()),
            ["upper"] => value.map(|value| value.to_uppercase()),
            ["normalize"] => value.map(|value| normalized(&value)),
            ["quote"] => value,
            ["replace", from, to] => value.map(|value| value.replace(from.trim_matches('"'), to.trim_matches('"'))),
            ["trimPrefix", start] => {
                let start = start.trim_matches('"');
                value.map(|value| value.strip_prefix(start).unwrap_or(&value).to_owned())
            }
            ["trimSuffix", end] => {
                let end = end.trim_matches('"');
                value.map(|value| value.strip_suffix(end).unwrap_or(&value).to_owned())
            }
            _ => return None,
        };
    }
    value
}

/// Every pair of an address and a path that a manifest names.
pub fn paths(manifest: &Node) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    collect(manifest, &mut found);
    found
}

fn collect<'n>(node: &'n Node, found: &mut Vec<(&'n str, &'n str)>) {
    if let Some(url) = node.get("repoURL").and_then(Node::as_str) {
        let own = node.get("path").and_then(Node::as_str).filter(|path| !path.contains("{{"));
        let folders = ["directories", "files"].iter().filter_map(|key| node.get(key)).flat_map(Node::items);
        let folders = folders.filter_map(|item| item.get("path").and_then(Node::as_str));
        if node.get("chart").is_none() {
            found.extend(own.into_iter().chain(folders).map(|path| (url, path)));
        }
    }
    node.items().iter().for_each(|item| collect(item, found));
    node.entries().iter().for_each(|entry| collect(&entry.value, found));
}

/// Whether a path, or what a pattern means, lies in the repository.
pub fn exists(repository: &Repository, path: &str) -> bool {
    let path = path.trim_start_matches("./").trim_matches('/');
    if path.contains(['*', '?', '[', '{']) {
        return !folders_like(repository, path).is_empty() || repository.files().any(|(file, _)| fits(path, file));
    }
    // A path that is the root says nothing about whose root it is.
    !path.is_empty() && path != "." && repository.is_folder(path)
}

/// The folders a pattern means. Those that start with a dot are left out.
fn folders_like(repository: &Repository, pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for part in pattern.trim_start_matches("./").split('/') {
        let mut next = Vec::new();
        for folder in found {
            if part.contains(['*', '?', '[']) {
                let children = repository.children(&folder);
                let fitting = children.into_iter().filter(|name| !name.starts_with('.') && fits(part, name));
                next.extend(fitting.map(|name| join(&folder, name)));
            } else {
                next.push(join(&folder, part));
            }
        }
        next.retain(|folder| repository.is_folder(folder));
        found = next;
    }
    found
}

/// Whether a path fits one of the patterns in `{a,b}`, or the only one.
pub fn fits_one(patterns: &str, path: &str) -> bool {
    match patterns.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(list) => list.split(',').any(|pattern| fits_one(pattern.trim(), path)),
        // A pattern without a slash means the name at any depth.
        None if !patterns.contains('/') => fits(patterns, path.rsplit('/').next().unwrap_or(path)),
        None => fits(patterns, path),
    }
}

/// Whether a path fits a pattern: `*` and `?` stay within a part, `**` goes over parts.
pub fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    fits_parts(&pattern, &path)
}

fn fits_parts(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|skipped| fits_parts(rest, &path[skipped..])),
        ([first, rest @ ..], [part, parts @ ..]) => {
            fits_part(&first.chars().collect::<Vec<_>>(), &part.chars().collect::<Vec<_>>()) && fits_parts(rest, parts)
        }
        _ => false,
    }
}

/// Only the last `*` is ever tried again, so that no pattern takes long.
fn fits_part<'c>(mut pattern: &'c [char], mut text: &'c [char]) -> bool {
    let mut last: Option<(&[char], &[char])> = None;
    loop {
        if let ['*', rest @ ..] = pattern {
            last = Some((rest, text));
            pattern = rest;
        } else if let Some((rest, behind)) = one(pattern, text) {
            (pattern, text) = (rest, behind);
        } else if pattern.is_empty() && text.is_empty() {
            return true;
        } else {
            let Some((rest, [_, behind @ ..])) = last else { return false };
            last = Some((rest, behind));
            (pattern, text) = (rest, behind);
        }
    }
}

/// What is left of both after one letter.
fn one<'c>(pattern: &'c [char], text: &'c [char]) -> Option<(&'c [char], &'c [char])> {
    let (letter, behind) = text.split_first()?;
    match pattern {
        ['?', rest @ ..] => Some((rest, behind)),
        ['[', rest @ ..] => {
            let end = rest.iter().position(|letter| *letter == ']')?;
            let (class, rest) = (&rest[..end], &rest[end + 1..]);
            let (is_negated, class) = match class {
                ['!' | '^', class @ ..] => (true, class),
                class => (false, class),
            };
            (is_in(class, *letter) != is_negated).then_some((rest, behind))
        }
        [first, rest @ ..] => (first == letter).then_some((rest, behind)),
        [] => None,
    }
}

fn is_in(class: &[char], letter: char) -> bool {
    match class {
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&letter) || is_in(rest, letter),
        [one, rest @ ..] => *one == letter || is_in(rest, letter),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stay_within_a_part_unless_doubled() {
        for (pattern, path, is_fit) in [
            ("apps/*", "apps/web", true),
            ("apps/*", "apps/web/db", false),
            ("apps/**/x.yaml", "apps/x.yaml", true),
            ("apps/**/x.yaml", "apps/a/b/x.yaml", true),
            ("apps/[a-c]?b", "apps/bob", true),
            ("apps/[!a-c]*", "apps/bob", false),
        ] {
            assert_eq!(fits(pattern, path), is_fit, "{pattern} and {path}");
        }
        assert!(fits_one("{*.yaml,*.json}", "deep/a.json") && !fits_one("*.yaml", "deep/a.json"));
    }

    #[test]
    fn expressions_are_filled_in_both_spellings() {
        let values = path_values("apps/Web_Shop");
        for (text, filled) in [
            ("{{path.basename}}", "Web_Shop"),
            ("x-{{ .path.basenameNormalized }}", "x-web-shop"),
            ("{{path[0]}}/{{ index .path.segments 1 }}", "apps/Web_Shop"),
            ("{{ .path.basename | lower | replace \"_\" \"-\" }}", "web-shop"),
            ("{{ .none | default \"x\" }}", "x"),
        ] {
            let mut is_literal = true;
            assert_eq!(filled_text(text, &values, &mut is_literal), filled);
            assert!(is_literal);
        }
        let mut is_literal = true;
        assert_eq!(filled_text("{{ .other }}", &values, &mut is_literal), "{{ .other }}");
        assert!(!is_literal);
    }
}
