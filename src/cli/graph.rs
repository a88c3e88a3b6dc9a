//! `graph`: who waits for whom, or who owns what, as a drawing or for a script.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Answer, Arguments,
    arguments::{Graph as Wanted, Of},
    refusal,
    surveyed::{Surveyed, surveyed},
};
use crate::{
    audits::owner,
    claims::shown,
    flux::Cluster,
    startup::{
        Graph, Strength,
        draw::{self, Arrow, Figure, Picture},
    },
    world::{Error, World},
};

/// Draws.
pub fn graph(arguments: &Arguments, wanted: &Wanted, world: &dyn World) -> Result<Answer, Error> {
    let draw = match arguments.format.name {
        "human" | "mermaid" => draw::mermaid,
        "dot" => draw::dot,
        "svg" => draw::svg,
        "json" => draw::json,
        other => {
            return Ok(refusal(format!("a graph is not drawn as `{other}`"), "`--format` mermaid, dot, svg or json"));
        }
    };
    let surveyed = match surveyed(arguments, &wanted.survey, world)? {
        Ok(surveyed) => surveyed,
        Err(refusal) => return Ok(refusal),
    };
    let mut picture = match wanted.of {
        Of::Deps => dependencies(&surveyed, wanted),
        Of::Owners => owners(&surveyed),
    };
    if let Some(focus) = &wanted.focus {
        picture = match around_of(&picture, focus) {
            Some(picture) => picture,
            None => {
                return Ok(refusal(
                    format!("nothing in this graph is called `{focus}`"),
                    "`--format json` lists the names",
                ));
            }
        };
    }
    let stdout = draw(&picture);
    Ok(Answer { stdout, ..Answer::default() })
}

fn dependencies(surveyed: &Surveyed, wanted: &Wanted) -> Picture {
    let survey = &surveyed.survey;
    let mut picture = Picture::default();
    let several = survey.clusters.len() > 1;
    for (cluster, graph) in survey.clusters.iter().zip(&survey.graphs) {
        let first = picture.nodes.len();
        let path = if wanted.critical_path { critical_path(cluster, graph) } else { Vec::new() };
        let steps: BTreeSet<(usize, usize)> = path.windows(2).map(|pair| (pair[0], pair[1])).collect();
        // Units are grouped by their namespaces, or else by the folders that theirs lie in.
        let namespaces: BTreeSet<&str> = cluster.units.iter().map(|unit| unit.name.namespace.as_str()).collect();
        for (at, unit) in cluster.units.iter().enumerate() {
            let name = if several { format!("{}: {}", cluster.name, unit.name) } else { unit.name.to_string() };
            let folder = unit.folder.clone().unwrap_or_default();
            let about = format!("{folder}, {} objects", unit.objects().len());
            let group =
                if namespaces.len() > 1 { unit.name.namespace.as_str() } else { crate::repository::parent(&folder) };
            picture.nodes.push(Figure { name, about, group: group.to_owned(), is_marked: path.contains(&at) });
        }
        for edge in &graph.edges {
            // What heals by itself would hide what does not.
            let is_soft = edge.written.is_none() && edge.strength() == Some(Strength::Soft);
            if is_soft && !wanted.soft {
                continue;
            }
            let place = edge.written.or_else(|| edge.reasons.first().map(|reason| reason.place));
            picture.arrows.push(Arrow {
                from: first + edge.from,
                to: first + edge.to,
                strength: edge.strength(),
                reasons: edge.reasons.iter().map(|reason| reason.text.clone()).collect(),
                place: place.map(|place| shown_place(surveyed, place)).unwrap_or_default(),
                is_written: edge.written.is_some(),
                is_marked: steps.contains(&(edge.from, edge.to)),
            });
        }
    }
    picture
}

/// Objects with more than one owner, and their owners.
fn owners(surveyed: &Surveyed) -> Picture {
    let survey = &surveyed.survey;
    let mut picture = Picture::default();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for contested in &survey.contested {
        let object = picture.nodes.len();
        let about = format!("{}: {}", contested.verdict.name(), contested.consequence);
        picture.nodes.push(Figure {
            name: shown(&contested.object),
            about,
            group: "object".to_owned(),
            is_marked: contested.is_wrong(),
        });
        for claim in contested.claims.iter().map(|at| &survey.claims[*at]) {
            let name = owner(claim);
            let to = *known.entry(name.clone()).or_insert_with(|| {
                picture.nodes.push(Figure {
                    name,
                    about: claim.tool.name().to_owned(),
                    group: claim.tool.name().to_owned(),
                    is_marked: false,
                });
                picture.nodes.len() - 1
            });
            picture.arrows.push(Arrow {
                from: object,
                to,
                strength: None,
                reasons: vec![contested.consequence.clone()],
                place: shown_place(surveyed, claim.place),
                is_written: true,
                is_marked: contested.is_wrong(),
            });
        }
    }
    picture
}

fn shown_place(surveyed: &Surveyed, place: crate::source::Place) -> String {
    let (path, line) = surveyed.line(place);
    format!("{path}:{line}")
}

/// What a name in the middle is joined to, in both directions and all the way.
fn around_of(picture: &Picture, focus: &str) -> Option<Picture> {
    let is_it = |node: &Figure| {
        let name = node.name.rsplit(": ").next().unwrap_or(&node.name);
        name == focus || name.rsplit('/').next() == Some(focus)
    };
    let middle: BTreeSet<usize> =
        picture.nodes.iter().enumerate().filter(|(_, node)| is_it(node)).map(|(at, _)| at).collect();
    if middle.is_empty() {
        return None;
    }
    let reached = |step: fn(&Arrow) -> (usize, usize)| {
        let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        picture.arrows.iter().map(step).for_each(|(from, to)| next.entry(from).or_default().push(to));
        let mut seen = middle.clone();
        let mut open: Vec<usize> = middle.iter().copied().collect();
        while let Some(at) = open.pop() {
            open.extend(next.get(&at).into_iter().flatten().copied().filter(|to| seen.insert(*to)));
        }
        seen
    };
    let mut kept = reached(|arrow| (arrow.from, arrow.to));
    kept.extend(reached(|arrow| (arrow.to, arrow.from)));
    let number: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let nodes = kept.iter().map(|at| {
        let node = &picture.nodes[*at];
        Figure { is_marked: node.is_marked || middle.contains(at), ..node.clone() }
    });
    let arrows = picture.arrows.iter().filter_map(|arrow| {
        Some(Arrow { from: *number.get(&arrow.from)?, to: *number.get(&arrow.to)?, ..arrow.clone() })
    });
    Some(Picture { nodes: nodes.collect(), arrows: arrows.collect() })
}

/// The longest chain of units that wait for each other, the last one first.
fn critical_path(cluster: &Cluster, graph: &Graph) -> Vec<usize> {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); cluster.units.len()];
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); cluster.units.len()];
    let counts = |edge: &&crate::startup::Edge| edge.written.is_some() || edge.strength() < Some(Strength::Soft);
    for edge in graph.edges.iter().filter(counts) {
        next[edge.from].push(edge.to);
        behind[edge.to].push(edge.from);
    }
    let mut waiting: Vec<usize> = next.iter().map(Vec::len).collect();
    let mut ready: Vec<usize> = (0..waiting.len()).filter(|at| waiting[*at] == 0).collect();
    let mut longest: Vec<(usize, Option<usize>)> = vec![(0, None); waiting.len()];
    while let Some(at) = ready.pop() {
        for from in &behind[at] {
            longest[*from] = longest[*from].max((longest[at].0 + 1, Some(at)));
            waiting[*from] -= 1;
            if waiting[*from] == 0 {
                ready.push(*from);
            }
        }
    }
    let Some(last) = (0..longest.len()).max_by_key(|at| (longest[*at].0, std::cmp::Reverse(*at))) else {
        return Vec::new();
    };
    std::iter::successors(Some(last), |at| longest[*at].1).collect()
}
