//! Holds what a release is given against the schemas of its chart and of the chart's subcharts.

use super::{
    Install, Schemas,
    form::{self, Fault, Wrong},
    load::{Chart, SCHEMA},
    values::coalesce,
};
use crate::{
    flux::has_placeholder,
    node::{Kind, Node, Part, escape},
    repository::{Repository, is_below, join},
    source::Place,
};

/// A value that a chart does not take.
#[derive(Clone, Debug)]
pub struct Misfit {
    /// The chart whose schema says so.
    pub chart: String,
    /// That schema.
    pub schema: String,
    /// The value as it is written for the release, its steps joined by dots; empty for all values.
    pub name: String,
    /// What is wrong with it.
    pub wrong: Wrong,
    /// What it is now: an article and a type.
    pub is_now: &'static str,
    /// Where it is written, or else the nearest thing around it.
    pub place: Place,
}

/// The values of an installation that its chart does not take, those that are surely so.
pub fn misfits(repository: &Repository, schemas: &Schemas, install: &Install) -> Vec<Misfit> {
    let has_schema = |path: &String| is_below(path, &install.folder);
    if !install.is_plain || !install.is_held_to_schema || !schemas.keys().any(has_schema) {
        return Vec::new();
    }
    judge(repository, schemas, install).unwrap_or_default()
}

/// None where what Helm would do is not known exactly.
fn judge(repository: &Repository, schemas: &Schemas, install: &Install) -> Option<Vec<Misfit>> {
    let chart = Chart::load(repository, &install.folder, install.instead.clone())?;
    let all = coalesce(&chart, install.values.clone(), install.place)?;
    let given = Given { install, values: &all, gaps: Vec::new() };
    let is_known = |pointer: &str| given.is_known(pointer) && all.pointer(pointer).is_none_or(|node| !is_open(node));
    let chart = chart.switched(install.values.clone(), &is_known, install.place)?;
    let values = coalesce(&chart, install.values.clone(), install.place)?;
    let mut gaps = install.replaced.clone();
    gaps_of(&chart, "", &mut gaps);
    let given = Given { install, values: &values, gaps };
    let mut misfits = Vec::new();
    of_chart(repository, schemas, &chart, "", &given, &mut misfits);
    Some(misfits)
}

/// The keys of subcharts whose own values are not known.
fn gaps_of(chart: &Chart, above: &str, gaps: &mut Vec<String>) {
    for subchart in &chart.subcharts {
        let pointer = format!("{above}/{}", escape(&subchart.name));
        match &subchart.chart {
            Some(chart) => gaps_of(chart, &pointer, gaps),
            None => gaps.push(pointer),
        }
    }
}

fn of_chart(
    repository: &Repository,
    schemas: &Schemas,
    chart: &Chart,
    above: &str,
    given: &Given<'_>,
    misfits: &mut Vec<Misfit>,
) {
    let path = join(&chart.folder, SCHEMA);
    if let (Some(schema), Some(values)) = (schemas.get(&path), given.values.pointer(above)) {
        for fault in form::faults(schema, &values.to_json()).unwrap_or_default() {
            let whole = format!("{above}{}", fault.pointer);
            if given.is_sure(&fault, above, &whole) {
                misfits.push(misfit(repository, chart, &path, given, fault, &whole));
            }
        }
    }
    for subchart in &chart.subcharts {
        if let Some(chart) = &subchart.chart {
            let above = format!("{above}/{}", escape(&subchart.name));
            of_chart(repository, schemas, chart, &above, given, misfits);
        }
    }
}

fn misfit(
    repository: &Repository,
    chart: &Chart,
    schema: &str,
    given: &Given<'_>,
    fault: Fault,
    whole: &str,
) -> Misfit {
    let name = |pointer: &str| {
        let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
        steps.collect::<Vec<_>>().join(".")
    };
    let (name, place) = match &fault.wrong {
        Wrong::Missing(key) => {
            let pointer = format!("{whole}/{}", escape(key));
            let place = match given.install.values.pointer(&pointer) {
                // It takes a default away.
                Some(_) => given.install.values.place_of(&pointer, Part::Key),
                None => around(repository, given, whole),
            };
            (name(&pointer), place)
        }
        Wrong::Unknown(key, _) => {
            let pointer = format!("{whole}/{}", escape(key));
            (name(&pointer), given.values.place_of(&pointer, Part::Key))
        }
        _ => {
            let is_leaf =
                given.values.pointer(whole).is_some_and(|node| node.items().is_empty() && node.entries().is_empty());
            let part = if is_leaf { Part::Value } else { Part::Key };
            let place = if whole.is_empty() { given.install.values_place } else { given.values.place_of(whole, part) };
            (name(whole), place)
        }
    };
    let is_now = given.values.pointer(whole).map_or("nothing", kind_of);
    Misfit { chart: chart.name.clone(), schema: schema.to_owned(), name, wrong: fault.wrong, is_now, place }
}

/// The nearest key around a pointer that the release itself has, or else its values.
fn around(repository: &Repository, given: &Given<'_>, whole: &str) -> Place {
    let mut pointer = whole;
    while !pointer.is_empty() {
        let place = given.values.place_of(pointer, Part::Key);
        if !is_below(repository.path(place), &given.install.folder) {
            return place;
        }
        pointer = pointer.rsplit_once('/').map_or("", |(above, _)| above);
    }
    given.install.values_place
}

/// What is known of the values of an installation.
struct Given<'g> {
    install: &'g Install,
    /// All of them, put together.
    values: &'g Node,
    /// Pointers below which there is more than is known.
    gaps: Vec<String>,
}

impl Given<'_> {
    /// Whether a value is what Helm gets, as far as where it comes from goes.
    fn is_known(&self, pointer: &str) -> bool {
        let is_replaced = self.install.replaced.iter().any(|path| is_at_or_below(pointer, path));
        let is_whole = self.install.has_all_values && !self.gaps.iter().any(|gap| is_at_or_below(pointer, gap));
        !is_replaced && (is_whole || self.install.own.pointer(pointer).is_some())
    }

    /// Whether a map has no other keys than are known.
    fn is_whole(&self, pointer: &str) -> bool {
        self.install.has_all_values && !self.gaps.iter().any(|gap| is_at_or_below(pointer, gap))
    }

    /// Whether all of a value is known, whatever is in it.
    fn is_settled(&self, pointer: &str) -> bool {
        let Some(node) = self.values.pointer(pointer) else { return false };
        let has_gap = self.gaps.iter().chain(&self.install.replaced).any(|gap| is_at_or_below(gap, pointer));
        let is_closed = matches!(node.kind, Kind::List(_)) || node.entries().is_empty() || self.is_whole(pointer);
        self.is_known(pointer) && !has_gap && is_closed && !is_open(node)
    }

    /// Whether a fault is one for Helm too, whatever the values are that are not known here.
    fn is_sure(&self, fault: &Fault, above: &str, whole: &str) -> bool {
        if fault.is_conditional && !self.is_settled(above) {
            return false;
        }
        match &fault.wrong {
            Wrong::Missing(_) => self.is_whole(whole) && self.is_known(whole),
            Wrong::Unknown(key, _) => {
                let pointer = format!("{whole}/{}", escape(key));
                let is_there = self.values.pointer(&pointer).is_some_and(|node| node.kind != Kind::Null);
                is_there && self.is_known(&pointer)
            }
            Wrong::Type(_) => {
                let is_open = self.values.pointer(whole).is_none_or(is_open_leaf);
                self.is_known(whole) && !is_open
            }
            Wrong::Choice(_) | Wrong::Form(_) => self.is_settled(whole),
        }
    }
}

fn is_at_or_below(pointer: &str, above: &str) -> bool {
    pointer.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether anything in a value is not what Helm gets.
fn is_open(node: &Node) -> bool {
    is_open_leaf(node) || node.items().iter().any(is_open) || node.entries().iter().any(|entry| is_open(&entry.value))
}

/// Whether a value is only known encrypted, is filled in later, or is read otherwise by another version of Helm, as nothing is.
fn is_open_leaf(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => true,
        Kind::String(text) => has_placeholder(text) || text.contains("${") || text.contains("{{"),
        _ => false,
    }
}

fn kind_of(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Null => "nothing",
        Kind::Bool(_) => "a boolean",
        Kind::Number(number) if number.is_f64() => "a number",
        Kind::Number(_) => "an integer",
        Kind::String(_) => "a text",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a map",
    }
}
