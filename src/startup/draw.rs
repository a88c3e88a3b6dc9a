//! Drawings of a graph: Mermaid for Markdown, DOT for Graphviz, JSON for scripts, SVG to look at.

use std::collections::BTreeMap;

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
const BETWEEN: f64 = 90.0;
const MARGIN: f64 = 24.0;
const LETTER: f64 = 7.3;
const LEGEND: f64 = 44.0;

/// To look at in a browser: columns from what comes first to what comes last, in light and dark.
pub fn svg(picture: &Picture) -> String {
    let layout = Layout::of(picture);
    let (width, height) = layout.size();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"ui-sans-serif, system-ui, sans-serif\" font-size=\"13\">\n{STYLE}"
    );
    text += &legend();
    for arrow in &picture.arrows {
        text += &layout.curve(picture, arrow);
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
  .arrow:hover { stroke-width: 4; opacity: 1; }
  .hard { stroke: #b91c1c; } .ready { stroke: #1d4ed8; } .soft { stroke: #6b7280; } .only { stroke: #a16207; }
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
    column: Vec<usize>,
    row: Vec<f64>,
    /// Left border and width of each column.
    columns: Vec<(f64, f64)>,
    bottom: f64,
}

impl Layout {
    fn of(picture: &Picture) -> Layout {
        let column = columns(picture);
        let count = column.iter().max().map_or(0, |last| last + 1);
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (at, column) in column.iter().enumerate() {
            members[*column].push(at);
        }
        order(picture, &column, &mut members);
        let mut row = vec![0.0; column.len()];
        let tallest = members.iter().map(Vec::len).max().unwrap_or(0);
        let at_row = |at: usize| f64::from(u32::try_from(at).unwrap_or(u32::MAX)) * (HEIGHT + GAP);
        for list in &members {
            // Shorter columns stand in the middle of the tallest.
            let offset = at_row(tallest - list.len()) / 2.0;
            for (place, at) in list.iter().enumerate() {
                row[*at] = MARGIN + LEGEND + offset + at_row(place);
            }
        }
        let mut x = MARGIN;
        let mut columns = Vec::new();
        for list in &members {
            let width = list.iter().map(|at| letters(&picture.nodes[*at].name)).fold(40.0, f64::max) + 24.0;
            columns.push((x, width));
            x += width + BETWEEN;
        }
        Layout { column, row, columns, bottom: MARGIN + LEGEND + at_row(tallest) + MARGIN }
    }

    fn size(&self) -> (f64, f64) {
        let right = self.columns.last().map_or(0.0, |(x, width)| x + width);
        ((right + MARGIN).max(1080.0), self.bottom)
    }

    fn node(&self, picture: &Picture, at: usize) -> String {
        let node = &picture.nodes[at];
        let (x, width) = self.columns[self.column[at]];
        let y = self.row[at];
        let class = if node.is_marked { "box marked" } else { "box" };
        format!(
            "<g class=\"{class}\"><title>{}</title><rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{HEIGHT:.0}\" rx=\"6\"/><text x=\"{:.0}\" y=\"{:.0}\">{}</text></g>\n",
            escaped(&format!("{}\n{}", node.name, node.about)),
            x + 12.0,
            y + 18.5,
            escaped(&node.name),
        )
    }

    /// From the left side of what waits, back to the right side of what it waits for.
    fn curve(&self, picture: &Picture, arrow: &Arrow) -> String {
        let (from_x, _) = self.columns[self.column[arrow.from]];
        let (to_x, to_width) = self.columns[self.column[arrow.to]];
        let (start, end) = (from_x, to_x + to_width);
        let (from_y, to_y) = (self.row[arrow.from] + HEIGHT / 2.0, self.row[arrow.to] + HEIGHT / 2.0);
        let bend = ((start - end).abs() / 2.0).max(BETWEEN / 2.0);
        let class = arrow.strength.map_or("only", Strength::name);
        let inferred = if arrow.is_written { "" } else { " inferred" };
        let marked = if arrow.is_marked { " marked-arrow" } else { "" };
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
