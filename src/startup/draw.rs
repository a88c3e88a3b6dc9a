//! Drawings of a graph: Mermaid for Markdown, DOT for Graphviz, JSON for scripts, SVG to look at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Strength;

/// A graph to draw: names, and who waits for whom.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// What is drawn, by index.
    pub nodes: Vec<Figure>,
    /// The arrows.
    pub arrows: Vec<Arrow>,
}

/// A box of a drawing.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// What is said about it besides.
    pub about: String,
    /// What it belongs to: those of one group have one colour.
    pub group: String,
    /// Whether to set it apart: it is in conflict, or on the critical path.
    pub is_marked: bool,
}

/// An arrow from what waits to what it waits for.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// The box that waits.
    pub from: usize,
    /// The box it waits for.
    pub to: usize,
    /// How badly; None for one that is only written.
    pub strength: Option<Strength>,
    /// Why, a line each.
    pub reasons: Vec<String>,
    /// `path:line` of the first reason, or of where it is written.
    pub place: String,
    /// Whether somebody wrote it.
    pub is_written: bool,
    /// Whether it is on the critical path.
    pub is_marked: bool,
}

/// The form of [`json`].
const VERSION: u32 = 1;

/// For scripts: `{version, nodes, edges: [{from, to, strength, reason, place, written, inferred}]}`.
pub fn json(picture: &Picture) -> String {
    let name = |at: usize| picture.nodes[at].name.as_str();
    let edges: Vec<Value> = picture
        .arrows
        .iter()
        .map(|arrow| {
            json!({
                "from": name(arrow.from),
                "to": name(arrow.to),
                "strength": arrow.strength.map(Strength::name),
                "reason": arrow.reasons.first(),
                "reasons": arrow.reasons,
                "place": arrow.place,
                "written": arrow.is_written,
                "inferred": arrow.strength.is_some(),
            })
        })
        .collect();
    let nodes: Vec<Value> = picture
        .nodes
        .iter()
        .map(|node| json!({ "name": node.name, "about": node.about, "marked": node.is_marked }))
        .collect();
    let whole = json!({ "version": VERSION, "nodes": nodes, "edges": edges });
    serde_json::to_string_pretty(&whole).expect("it is JSON") + "\n"
}

/// For Markdown.
pub fn mermaid(picture: &Picture) -> String {
    let mut text = "graph LR\n".to_owned();
    for (at, node) in picture.nodes.iter().enumerate() {
        text += &format!("  n{at}[\"{}\"]\n", node.name.replace('"', "#quot;"));
    }
    for arrow in &picture.arrows {
        let line = if arrow.is_written { "-->" } else { "-.->" };
        text += &format!("  n{} {line} n{}\n", arrow.from, arrow.to);
    }
    let marked: Vec<String> =
        picture.nodes.iter().enumerate().filter(|(_, node)| node.is_marked).map(|(at, _)| format!("n{at}")).collect();
    if !marked.is_empty() {
        text += &format!("  classDef marked stroke:#c2410c,stroke-width:3px\n  class {} marked\n", marked.join(","));
    }
    text
}

/// For Graphviz.
pub fn dot(picture: &Picture) -> String {
    let mut text =
        "digraph gitopsc {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n".to_owned();
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
    for node in &picture.nodes {
        let marked = if node.is_marked { ", color=\"#c2410c\", penwidth=2" } else { "" };
        text += &format!("  {} [tooltip={}{marked}];\n", quoted(&node.name), quoted(&node.about));
    }
    for arrow in &picture.arrows {
        let style = if arrow.is_written { "solid" } else { "dashed" };
        text += &format!(
            "  {} -> {} [style={style}, color=\"{}\", tooltip={}];\n",
            quoted(&picture.nodes[arrow.from].name),
            quoted(&picture.nodes[arrow.to].name),
            color(arrow.strength),
            quoted(&arrow.reasons.join("\n")),
        );
    }
    text + "}\n"
}

fn color(strength: Option<Strength>) -> &'static str {
    match strength {
        Some(Strength::Hard) => "#b91c1c",
        Some(Strength::Ready) => "#1d4ed8",
        Some(Strength::Soft) => "#6b7280",
        None => "#a16207",
    }
}

/// Sizes of the SVG, in its own units.
const HEIGHT: f64 = 28.0;
const GAP: f64 = 12.0;
const BETWEEN: f64 = 64.0;
const MARGIN: f64 = 24.0;
const LETTER: f64 = 7.3;
const LEGEND: f64 = 44.0;
/// How many boxes that are joined to nothing stand beside each other.
const ALONE: f64 = 1200.0;
/// How many colours groups have.
const COLORS: usize = 8;

/// To look at in a browser: columns from what comes first to what comes last, in light and dark.
pub fn svg(picture: &Picture) -> String {
    let layout = Layout::of(picture);
    let (width, height) = layout.size();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"ui-sans-serif, system-ui, sans-serif\" font-size=\"13\">\n{STYLE}"
    );
    text += &legend();
    text += &layout.heading;
    let implied = implied(picture);
    for (arrow, is_implied) in picture.arrows.iter().zip(implied) {
        text += &layout.curve(picture, arrow, is_implied);
    }
    for at in 0..picture.nodes.len() {
        text += &layout.node(picture, at);
    }
    text + "</svg>\n"
}

const STYLE: &str = r#"<style>
  svg { background: #ffffff; }
  .box rect { fill: #f8fafc; stroke: #94a3b8; }
  .box text { fill: #0f172a; }
  .box.marked rect { fill: #fff7ed; stroke: #c2410c; stroke-width: 2.5; }
  .arrow { fill: none; stroke-width: 1.4; opacity: 0.75; }
  .implied { opacity: 0.18; stroke-width: 1; }
  .arrow:hover { stroke-width: 4; opacity: 1; }
  .hard { stroke: #b91c1c; } .ready { stroke: #1d4ed8; } .soft { stroke: #6b7280; } .only { stroke: #a16207; }
  .box .g0 { fill: #2563eb; } .box .g1 { fill: #059669; } .box .g2 { fill: #d97706; } .box .g3 { fill: #7c3aed; }
  .box .g4 { fill: #db2777; } .box .g5 { fill: #0891b2; } .box .g6 { fill: #65a30d; } .box .g7 { fill: #57534e; }
  .box .band { stroke: none; }
  .inferred { stroke-dasharray: 5 4; }
  .marked-arrow { stroke-width: 3.5; opacity: 1; }
  .legend { fill: #475569; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0b1120; }
    .box rect { fill: #1e293b; stroke: #64748b; }
    .box text { fill: #e2e8f0; }
    .box.marked rect { fill: #431407; stroke: #fb923c; }
    .hard { stroke: #f87171; } .ready { stroke: #60a5fa; } .soft { stroke: #9ca3af; } .only { stroke: #facc15; }
    .legend { fill: #94a3b8; }
  }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 z" fill="context-stroke"/></marker></defs>
"#;

fn legend() -> String {
    let kinds = [
        ("hard", "cannot be applied before"),
        ("ready", "does not become ready before"),
        ("soft", "heals by itself"),
        ("only", "only written"),
    ];
    let mut text = String::new();
    let mut x = MARGIN;
    for (class, words) in kinds {
        text += &format!(
            "<path class=\"arrow {class}\" d=\"M{x:.0} 20 h26\"/><text class=\"legend\" x=\"{:.0}\" y=\"24\">{words}</text>\n",
            x + 32.0
        );
        x += 60.0 + letters(words);
    }
    text + &format!(
        "<path class=\"arrow ready inferred\" d=\"M{x:.0} 20 h26\"/><text class=\"legend\" x=\"{:.0}\" y=\"24\">inferred, nobody wrote it</text>\n",
        x + 32.0
    )
}

/// About how wide a text is.
fn letters(text: &str) -> f64 {
    // A drawing is only as wide as a screen: far fewer letters than a double holds.
    LETTER * f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX))
}

/// Where everything stands.
struct Layout {
    /// Left border, top and width of each box.
    boxes: Vec<(f64, f64, f64)>,
    /// The text on each box: its name without what all names begin with.
    labels: Vec<String>,
    /// The colour of each box.
    colors: Vec<usize>,
    right: f64,
    bottom: f64,
    /// What stands above the boxes that are joined to nothing.
    heading: String,
}

impl Layout {
    fn of(picture: &Picture) -> Layout {
        let labels = labels(picture);
        let column = columns(picture);
        let is_joined = joined(picture);
        let count = column.iter().max().map_or(0, |last| last + 1);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
        for at in (0..column.len()).filter(|at| is_joined[*at]) {
            members[column[at]].push(at);
        }
        order(picture, &column, &mut members);
        let rows = rows(picture, &members);
        let mut boxes = vec![(0.0, 0.0, 0.0); column.len()];
        let mut x = MARGIN;
        for list in members.iter().filter(|list| !list.is_empty()) {
            let width = list.iter().map(|at| letters(&labels[*at])).fold(40.0, f64::max) + 28.0;
            for at in list {
                boxes[*at] = (x, MARGIN + LEGEND + rows[*at], width);
            }
            x += width + BETWEEN;
        }
        let lowest = members.iter().flatten().map(|at| boxes[*at].1 + HEIGHT + GAP).fold(MARGIN + LEGEND, f64::max);
        let mut layout = Layout {
            boxes,
            labels,
            colors: colors(picture),
            right: (x - BETWEEN).max(ALONE),
            bottom: lowest,
            heading: String::new(),
        };
        let alone: Vec<usize> = (0..is_joined.len()).filter(|at| !is_joined[*at]).collect();
        layout.stand_alone(&alone);
        layout
    }

    /// Puts boxes that are joined to nothing below the others, in lines like words.
    fn stand_alone(&mut self, alone: &[usize]) {
        if alone.is_empty() {
            return;
        }
        let (mut x, mut y) = (MARGIN, self.bottom + 2.0 * GAP);
        self.heading = format!(
            "<text class=\"legend\" x=\"{MARGIN:.0}\" y=\"{:.0}\">These wait for nothing, and nothing waits for them:</text>\n",
            y + 14.0
        );
        y += HEIGHT;
        for at in alone {
            let width = letters(&self.labels[*at]) + 28.0;
            if x > MARGIN && x + width > self.right {
                x = MARGIN;
                y += HEIGHT + GAP;
            }
            self.boxes[*at] = (x, y, width);
            x += width + GAP;
        }
        self.bottom = y + HEIGHT + GAP;
    }

    fn size(&self) -> (f64, f64) {
        ((self.right + MARGIN).max(1080.0), self.bottom + MARGIN)
    }

    fn node(&self, picture: &Picture, at: usize) -> String {
        let node = &picture.nodes[at];
        let (x, y, width) = self.boxes[at];
        let class = if node.is_marked { "box marked" } else { "box" };
        format!(
            "<g class=\"{class}\"><title>{}</title><rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{HEIGHT:.0}\" rx=\"6\"/><rect class=\"band g{}\" x=\"{:.0}\" y=\"{:.0}\" width=\"4\" height=\"{:.0}\" rx=\"2\"/><text x=\"{:.0}\" y=\"{:.0}\">{}</text></g>\n",
            escaped(&format!("{}\n{}", node.name, node.about)),
            self.colors[at],
            x + 4.0,
            y + 5.0,
            HEIGHT - 10.0,
            x + 15.0,
            y + 18.5,
            escaped(&self.labels[at]),
        )
    }

    /// From the left side of what waits, back to the right side of what it waits for.
    fn curve(&self, picture: &Picture, arrow: &Arrow, is_implied: bool) -> String {
        let (start, from_y, _) = self.boxes[arrow.from];
        let (to_x, to_y, to_width) = self.boxes[arrow.to];
        let end = to_x + to_width;
        let (from_y, to_y) = (from_y + HEIGHT / 2.0, to_y + HEIGHT / 2.0);
        let bend = ((start - end).abs() / 2.0).max(BETWEEN / 2.0);
        let class = arrow.strength.map_or("only", Strength::name);
        let inferred = if arrow.is_written { "" } else { " inferred" };
        let marked = match (arrow.is_marked, is_implied) {
            (true, _) => " marked-arrow",
            (false, true) => " implied",
            (false, false) => "",
        };
        let title = format!(
            "{} waits for {}{}\n{}\n{}",
            picture.nodes[arrow.from].name,
            picture.nodes[arrow.to].name,
            if arrow.is_written { "" } else { " (inferred)" },
            arrow.reasons.join("\n"),
            arrow.place
        );
        format!(
            "<path class=\"arrow {class}{inferred}{marked}\" marker-end=\"url(#tip)\" d=\"M{start:.0} {from_y:.1} C{:.0} {from_y:.1} {:.0} {to_y:.1} {:.0} {to_y:.1}\"><title>{}</title></path>\n",
            start - bend,
            end + bend,
            end + 2.0,
            escaped(title.trim_end())
        )
    }
}

/// Names without the namespace that all of them share.
fn labels(picture: &Picture) -> Vec<String> {
    let start = |name: &str| name.split_once('/').map(|(start, _)| format!("{start}/"));
    let shared = picture.nodes.first().and_then(|node| start(&node.name));
    let shared = shared.filter(|shared| picture.nodes.iter().all(|node| node.name.starts_with(shared.as_str())));
    let shared = shared.unwrap_or_default();
    picture.nodes.iter().map(|node| node.name[shared.len()..].to_owned()).collect()
}

/// A colour for each group, in the order of their names.
fn colors(picture: &Picture) -> Vec<usize> {
    let groups: BTreeSet<&str> = picture.nodes.iter().map(|node| node.group.as_str()).collect();
    let number: BTreeMap<&str, usize> =
        groups.into_iter().enumerate().map(|(at, group)| (group, at % COLORS)).collect();
    picture.nodes.iter().map(|node| number[node.group.as_str()]).collect()
}

/// Which boxes have an arrow.
fn joined(picture: &Picture) -> Vec<bool> {
    let mut joined = vec![false; picture.nodes.len()];
    for arrow in &picture.arrows {
        joined[arrow.from] = true;
        joined[arrow.to] = true;
    }
    joined
}

/// Which arrows say nothing new: a way over other boxes leads there too.
fn implied(picture: &Picture) -> Vec<bool> {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); picture.nodes.len()];
    picture.arrows.iter().for_each(|arrow| next[arrow.from].push(arrow.to));
    let leads = |arrow: &Arrow| {
        let mut seen: BTreeSet<usize> = next[arrow.from].iter().copied().filter(|to| *to != arrow.to).collect();
        let mut open: Vec<usize> = seen.iter().copied().collect();
        while let Some(at) = open.pop() {
            if at == arrow.to {
                return true;
            }
            open.extend(next[at].iter().copied().filter(|to| seen.insert(*to)));
        }
        false
    };
    // Beyond this nobody sees single arrows anyway.
    let is_large = picture.arrows.len() > 4000;
    picture.arrows.iter().map(|arrow| !is_large && leads(arrow)).collect()
}

/// How far down each box stands: as near to what it is joined to as the boxes above and below it allow.
fn rows(picture: &Picture, members: &[Vec<usize>]) -> Vec<f64> {
    let step = HEIGHT + GAP;
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); picture.nodes.len()];
    for arrow in &picture.arrows {
        near[arrow.from].push(arrow.to);
        near[arrow.to].push(arrow.from);
    }
    let tallest = members.iter().map(Vec::len).max().unwrap_or(0);
    let mut row = vec![0.0; picture.nodes.len()];
    for list in members {
        // Shorter columns begin in the middle of the tallest.
        let offset = number(tallest - list.len()) * step / 2.0;
        list.iter().enumerate().for_each(|(place, at)| row[*at] = offset + number(place) * step);
    }
    for round in 0..12 {
        let count = members.len();
        for turn in 0..count {
            let list = &members[if round % 2 == 0 { turn } else { count - 1 - turn }];
            let wanted: Vec<f64> = list
                .iter()
                .map(|at| near[*at].iter().map(|other| row[*other]).sum::<f64>() / number(near[*at].len().max(1)))
                .collect();
            for (at, place) in list.iter().zip(spread(&wanted, step)) {
                row[*at] = place;
            }
        }
    }
    let top = members.iter().flatten().map(|at| row[*at]).fold(f64::INFINITY, f64::min);
    row.iter().map(|place| place - top).collect()
}

/// Places in this order at least a step apart, and as near to the wanted ones as that allows: neighbours that would
/// touch are moved as one, to the mean of what they want.
fn spread(wanted: &[f64], step: f64) -> Vec<f64> {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    // Each block: the sum of where its first box wants to be, by each of its boxes, and how many these are.
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for (at, place) in wanted.iter().enumerate() {
        blocks.push((place - number(at) * step, 1));
        while let [.., (before, many), (sum, count)] = blocks.as_slice()
            && before / number(*many) > sum / number(*count)
        {
            let joined = (before + sum, many + count);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
    }
    let starts = blocks.iter().flat_map(|(sum, count)| std::iter::repeat_n(sum / number(*count), *count));
    starts.enumerate().map(|(at, start)| start + number(at) * step).collect()
}

/// The column of each box: one after the last of what it waits for. In a circle the first one met stands first.
fn columns(picture: &Picture) -> Vec<usize> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); picture.nodes.len()];
    for arrow in &picture.arrows {
        before[arrow.from].push(arrow.to);
    }
    let mut column = vec![None; picture.nodes.len()];
    for start in 0..picture.nodes.len() {
        // Depth first without recursion: a chain may be as long as the repository is large.
        let mut path = vec![(start, 0)];
        let mut is_open = vec![start];
        while let Some((at, next)) = path.pop() {
            if column[at].is_some() {
                is_open.retain(|open| *open != at);
                continue;
            }
            if let Some(&to) = before[at].get(next) {
                path.push((at, next + 1));
                if column[to].is_none() && !is_open.contains(&to) {
                    is_open.push(to);
                    path.push((to, 0));
                }
                continue;
            }
            column[at] = Some(before[at].iter().filter_map(|to| column[*to]).max().map_or(0, |last: usize| last + 1));
            is_open.retain(|open| *open != at);
        }
    }
    column.into_iter().map(Option::unwrap_or_default).collect()
}

/// Puts the boxes of each column near what they are joined to: the mean of their neighbours' places, a few times to and fro.
fn order(picture: &Picture, column: &[usize], members: &mut [Vec<usize>]) {
    let mut joined: Vec<Vec<usize>> = vec![Vec::new(); picture.nodes.len()];
    for arrow in &picture.arrows {
        joined[arrow.from].push(arrow.to);
        joined[arrow.to].push(arrow.from);
    }
    for list in members.iter_mut() {
        list.sort_by(|a, b| picture.nodes[*a].name.cmp(&picture.nodes[*b].name));
    }
    let mut place: BTreeMap<usize, f64> = BTreeMap::new();
    let settle = |members: &[Vec<usize>], place: &mut BTreeMap<usize, f64>| {
        for list in members {
            for (at, node) in list.iter().enumerate() {
                let count = f64::from(u32::try_from(list.len().max(1)).unwrap_or(u32::MAX));
                place.insert(*node, (f64::from(u32::try_from(at).unwrap_or(u32::MAX)) + 0.5) / count);
            }
        }
    };
    settle(members, &mut place);
    for round in 0..8 {
        let count = members.len();
        for step in 0..count {
            let at = if round % 2 == 0 { step } else { count - 1 - step };
            let mean = |node: &usize| {
                let near: Vec<f64> = joined[*node]
                    .iter()
                    .filter(|other| if round % 2 == 0 { column[**other] < at } else { column[**other] > at })
                    .map(|other| place[other])
                    .collect();
                let count = f64::from(u32::try_from(near.len()).unwrap_or(u32::MAX));
                if near.is_empty() { place[node] } else { near.iter().sum::<f64>() / count }
            };
            let mut keyed: Vec<(f64, usize)> = members[at].iter().map(|node| (mean(node), *node)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            members[at] = keyed.into_iter().map(|(_, node)| node).collect();
            settle(members, &mut place);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_stand_where_they_want_unless_they_would_touch() {
        assert_eq!(spread(&[0.0, 50.0, 100.0], 10.0), [0.0, 50.0, 100.0]);
        assert_eq!(spread(&[20.0, 20.0], 10.0), [15.0, 25.0]);
        assert_eq!(spread(&[30.0, 10.0, 100.0], 10.0), [15.0, 25.0, 100.0]);
    }

    #[test]
    fn an_arrow_that_another_way_leads_along_says_nothing_new() {
        let node =
            |name: &str| Figure { name: name.into(), about: String::new(), group: String::new(), is_marked: false };
        let arrow = |from, to| Arrow {
            from,
            to,
            strength: None,
            reasons: Vec::new(),
            place: String::new(),
            is_written: true,
            is_marked: false,
        };
        let picture = Picture {
            nodes: ["x/a", "x/b", "x/c", "x/d"].map(node).into(),
            arrows: vec![arrow(0, 1), arrow(1, 2), arrow(0, 2)],
        };
        assert_eq!(implied(&picture), [false, false, true]);
        assert_eq!(labels(&picture), ["a", "b", "c", "d"]);
        assert_eq!(joined(&picture), [true, true, true, false]);
    }
}
