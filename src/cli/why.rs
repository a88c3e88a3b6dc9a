//! `why`: who makes an object, a file, an address or a host name, from which lines, who needs it, who else claims it.

use std::collections::BTreeSet;

use super::{
    Answer, Arguments, arguments, refusal,
    surveyed::{Surveyed, surveyed},
};
use crate::{
    audits::owner,
    claim::ObjectId,
    claims::{Claim, release, shown},
    flux::{Cluster, Unit},
    node::{Kind, Node},
    source::{Place, Span},
    startup::needs,
    survey::Survey,
    world::{Error, World},
};

/// Answers for whatever the text names.
pub fn why(arguments: &Arguments, what: &str, flags: &arguments::Survey, world: &dyn World) -> Result<Answer, Error> {
    let surveyed = match surveyed(arguments, flags, world)? {
        Ok(surveyed) => surveyed,
        Err(refusal) => return Ok(refusal),
    };
    let survey = &surveyed.survey;
    let (path, line) = match what.rsplit_once(':') {
        Some((path, line)) if line.parse::<usize>().is_ok() => (path, line.parse().ok()),
        _ => (what, None),
    };
    let path = path.trim_start_matches("./");
    let stdout = if survey.repository.file(path).is_some() {
        of_file(&surveyed, path, line)
    } else if let Some(objects) = objects_named(survey, what) {
        objects.iter().map(|object| of_object(&surveyed, object)).collect::<Vec<_>>().join("\n")
    } else {
        of_text(&surveyed, what)
    };
    if stdout.is_empty() {
        return Ok(refusal(
            format!("nothing in this repository is `{what}`, or says it"),
            "name an object as `Kind:namespace/name` or `helm:namespace/release`, a file with or without `:LINE`, an address or a host",
        ));
    }
    Ok(Answer { stdout, ..Answer::default() })
}

/// The objects a text means: in full, or `Kind/name`, or `kind/namespace/name`.
fn objects_named(survey: &Survey, what: &str) -> Option<Vec<ObjectId>> {
    let known: BTreeSet<&ObjectId> = survey.claims.iter().map(|claim| &claim.object).collect();
    let mut found: Vec<ObjectId> =
        if let Some((namespace, name)) = what.strip_prefix("helm:").and_then(|rest| rest.split_once('/')) {
            known.into_iter().filter(|object| **object == release(namespace, name)).cloned().collect()
        } else if ObjectId::parse(what).is_some() {
            let exact: Vec<ObjectId> =
                known.iter().filter(|object| object.matches(what)).map(|object| (*object).clone()).collect();
            // A namespace left away means any.
            if exact.is_empty() {
                let is_like = |object: &&&ObjectId| {
                    ObjectId::parse(what).is_some_and(|wanted| {
                        wanted.namespace.is_none() && wanted.kind == object.kind && wanted.name == object.name
                    })
                };
                known.iter().filter(is_like).map(|object| (*object).clone()).collect()
            } else {
                exact
            }
        } else {
            let parts: Vec<&str> = what.split('/').collect();
            let is_like = |object: &&ObjectId| match parts.as_slice() {
                [kind, name] => object.kind.eq_ignore_ascii_case(kind) && object.name == *name,
                [kind, namespace, name] => {
                    object.kind.eq_ignore_ascii_case(kind)
                        && object.name == *name
                        && object.namespace.as_deref() == Some(namespace)
                }
                _ => false,
            };
            known.into_iter().filter(is_like).cloned().collect()
        };
    found.dedup();
    (!found.is_empty()).then_some(found)
}

fn of_object(surveyed: &Surveyed, object: &ObjectId) -> String {
    let survey = &surveyed.survey;
    let mut text = format!("{}\n", shown(object));
    for claim in survey.claims.iter().filter(|claim| claim.object == *object) {
        text += &format!("  {} by {}\n", made(claim), owner(claim));
        text += &format!("    {}\n", surveyed.at(claim.place));
        if let Some((cluster, unit)) = unit_of(survey, claim) {
            text += &chain(surveyed, cluster, unit);
        }
    }
    for contested in survey.contested.iter().filter(|contested| contested.object == *object) {
        text += &format!("  {}: {}\n", contested.verdict.name(), contested.consequence);
    }
    text + &needed_by(surveyed, object)
}

fn made(claim: &Claim) -> &'static str {
    match claim.role {
        crate::claims::Role::Owner => "made",
        crate::claims::Role::Bootstrap => "first made",
        crate::claims::Role::Fields(_) => "changed in some fields",
    }
}

fn unit_of<'s>(survey: &'s Survey, claim: &Claim) -> Option<(&'s Cluster, &'s Unit)> {
    let cluster = &survey.clusters[claim.cluster?];
    Some((cluster, &cluster.units[claim.flux_unit?]))
}

/// The unit, and the units it is applied by.
fn chain(surveyed: &Surveyed, cluster: &Cluster, unit: &Unit) -> String {
    let mut text = String::new();
    let above = |unit: &&Unit| unit.parent.map(|parent| &cluster.units[parent]);
    for unit in std::iter::successors(Some(unit), above) {
        let folder = unit.folder.as_deref().map(|folder| format!(", which applies {folder}/")).unwrap_or_default();
        text += &format!("    unit `{}` of {}{folder}, {}\n", unit.name, cluster.name, surveyed.at(unit.place));
    }
    text
}

/// Everything that refers to an object.
fn needed_by(surveyed: &Surveyed, object: &ObjectId) -> String {
    let survey = &surveyed.survey;
    let mut lines = BTreeSet::new();
    for cluster in &survey.clusters {
        let all = || cluster.units.iter().flat_map(Unit::objects);
        let brought: BTreeSet<String> =
            all().filter(|candidate| candidate.id == *object).flat_map(needs::brought).collect();
        if brought.is_empty() {
            continue;
        }
        for unit in &cluster.units {
            let needs = needs::of_unit(unit).into_iter().chain(unit.objects().iter().flat_map(needs::of));
            for need in needs.filter(|need| brought.contains(&need.capability)) {
                lines.insert(format!("  needed by `{}`: {}\n    {}\n", unit.name, need.text, surveyed.at(need.place)));
            }
        }
    }
    lines.into_iter().collect()
}

fn of_file(surveyed: &Surveyed, path: &str, line: Option<usize>) -> String {
    let survey = &surveyed.survey;
    let mut text = format!("{path}\n");
    let is_here = |place: Place| survey.repository.path(place) == path;
    let mut is_read = false;
    for cluster in &survey.clusters {
        for unit in cluster.units.iter().filter(|unit| unit.reads.contains(path)) {
            is_read = true;
            text += &format!("  read by\n{}", chain(surveyed, cluster, unit));
        }
    }
    let claims: Vec<&Claim> = survey.claims.iter().filter(|claim| is_here(claim.place)).collect();
    let line_of = |claim: &Claim| survey.repository.sources.position(claim.place).line;
    // The object of a line is the one whose name stands nearest, as documents are short.
    let nearest = line.and_then(|line| claims.iter().map(|claim| line_of(claim)).min_by_key(|at| at.abs_diff(line)));
    let chosen = claims.iter().filter(|claim| nearest.is_none_or(|nearest| line_of(claim) == nearest));
    let objects: BTreeSet<&ObjectId> = chosen.map(|claim| &claim.object).collect();
    for object in objects {
        text += &format!("\n{}", of_object(surveyed, object));
    }
    if !is_read && claims.is_empty() {
        text += if survey.loaded.contains(path) { "  read, but it makes no object\n" } else { "  nothing reads it\n" };
    }
    text
}

/// An address or a host name: every place that says it, and what that place belongs to.
fn of_text(surveyed: &Surveyed, what: &str) -> String {
    let survey = &surveyed.survey;
    let mut lines = Vec::new();
    let mut told = BTreeSet::new();
    for (cluster, unit, object) in survey.clusters.iter().flat_map(|cluster| {
        let units = cluster.units.iter();
        units.flat_map(move |unit| unit.objects().iter().map(move |object| (cluster, unit, object)))
    }) {
        let mut places = Vec::new();
        find(&object.node, what, &mut places);
        for place in places {
            let line = survey.repository.sources.position(place).line;
            told.insert((survey.repository.path(place).to_owned(), line));
            lines.push(format!(
                "{}\n  in `{}` of unit `{}` of {}\n",
                surveyed.at(place),
                shown(&object.id),
                unit.name,
                cluster.name
            ));
        }
    }
    for (path, file) in survey.repository.files() {
        let Some(source) = file.source else { continue };
        let text = &survey.repository.sources.get(source).text;
        for (start, _) in text.match_indices(what).filter(|(start, _)| is_whole(text, *start, what)) {
            let place = Place { source, span: Span::new(start, start + what.len()) };
            let line = survey.repository.sources.position(place).line;
            if told.insert((path.to_owned(), line)) {
                lines.push(format!("{}\n", surveyed.at(place)));
            }
        }
    }
    lines.sort();
    lines.dedup();
    if lines.is_empty() { String::new() } else { format!("{what}\n{}", lines.concat()) }
}

fn find(node: &Node, what: &str, places: &mut Vec<Place>) {
    match &node.kind {
        Kind::String(text) if text.match_indices(what).any(|(start, _)| is_whole(text, start, what)) => {
            places.push(node.place);
        }
        Kind::List(items) => items.iter().for_each(|item| find(item, what, places)),
        Kind::Map(entries) => entries.iter().for_each(|entry| find(&entry.value, what, places)),
        _ => {}
    }
}

/// Whether no letter, digit or dot goes on around it.
fn is_whole(text: &str, start: usize, what: &str) -> bool {
    let goes_on = |symbol: char| symbol.is_alphanumeric() || symbol == '-';
    let before = text[..start].chars().next_back();
    let mut after = text[start + what.len()..].chars();
    let (next, further) = (after.next(), after.next());
    before.is_none_or(|symbol| !goes_on(symbol) && symbol != '.')
        && !next.is_some_and(goes_on)
        && !(next == Some('.') && further.is_some_and(goes_on))
}
