//! Values as Helm puts them together: a release's over its chart's, and those of a chart handed down to its subcharts.
//!
//! As Helm 4.2 and 3.22 do it. Where they differ (an empty default of a chart), the default is kept here as null, from which nothing
//! is concluded.

use super::load::Chart;
use crate::{
    node::{Entry, Kind, Node},
    source::Place,
};

/// The key whose values every subchart gets.
const GLOBAL: &str = "global";

/// What a chart and its subcharts get, with `values` over their own; None where Helm refuses to put them together.
/// What nobody wrote, such as a map for a subchart, is at `made`.
pub fn coalesce(chart: &Chart, mut values: Node, made: Place) -> Option<Node> {
    under(chart, &mut values);
    for subchart in &chart.subcharts {
        let globals = values.get(GLOBAL).cloned();
        let mut own = match values.get(&subchart.name) {
            None => Node { place: made, kind: Kind::Map(Vec::new().into()) },
            Some(own) if is_map(own) => own.clone(),
            Some(_) => return None,
        };
        hand_down(&mut own, globals, made);
        if let Some(chart) = &subchart.chart {
            own = coalesce(chart, own, made)?;
        }
        values.set(&subchart.name, made, own);
    }
    Some(values)
}

/// Puts a chart's own values under those it is given.
fn under(chart: &Chart, values: &mut Node) {
    for default in chart.values.entries() {
        let is_subchart = chart.subcharts.iter().any(|subchart| subchart.name == default.key);
        match values.get_mut(&default.key) {
            Some(given) if given.kind == Kind::Null => {
                values.remove(&default.key);
            }
            Some(given) => lay_under(given, &default.value, is_subchart),
            None => add(values, default),
        }
    }
}

/// Puts one map under another: what only it has is added. Null takes a key away, unless nulls are kept for somebody further down.
fn lay_under(given: &mut Node, default: &Node, keeps_nulls: bool) {
    if !is_map(given) || !is_map(default) {
        return;
    }
    for entry in default.entries() {
        match given.get_mut(&entry.key) {
            Some(known) if known.kind == Kind::Null => {
                if !keeps_nulls && entry.value.kind != Kind::Null {
                    given.remove(&entry.key);
                }
            }
            Some(known) => lay_under(known, &entry.value, keeps_nulls),
            None => add(given, entry),
        }
    }
}

/// Hands the globals of a chart down to a subchart.
fn hand_down(own: &mut Node, globals: Option<Node>, made: Place) {
    let empty = || Node { place: made, kind: Kind::Map(Vec::new().into()) };
    let globals = globals.unwrap_or_else(empty);
    let mut known = own.get(GLOBAL).cloned().unwrap_or_else(empty);
    if !is_map(&globals) || !is_map(&known) {
        return;
    }
    for global in globals.entries() {
        match known.get(&global.key) {
            None => add(&mut known, global),
            Some(below) if is_map(&global.value) && is_map(below) => {
                let mut value = global.value.clone();
                lay_under(&mut value, below, true);
                known.set(&global.key, global.key_place, value);
            }
            Some(below) if is_map(&global.value) || is_map(below) => {}
            Some(_) => {
                known.set(&global.key, global.key_place, global.value.clone());
            }
        }
    }
    own.set(GLOBAL, made, known);
}

fn add(map: &mut Node, entry: &Entry) {
    map.set(&entry.key, entry.key_place, entry.value.clone());
}

fn is_map(node: &Node) -> bool {
    matches!(node.kind, Kind::Map(_))
}
