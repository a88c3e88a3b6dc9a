//! A chart as Helm loads it from a folder: its values, its schema, its subcharts.

use super::values::coalesce;
use crate::{
    node::{Kind, Node, escape},
    repository::{File, Repository, join},
    source::Place,
    yaml,
};

/// A chart's schema of its values.
pub const SCHEMA: &str = "values.schema.json";

/// A chart with its subcharts.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: String,
    /// Its own values.
    pub values: Node,
    /// Its subcharts, those that are switched off among them until [`Chart::switched`].
    pub subcharts: Vec<Subchart>,
}

/// A chart within a chart.
#[derive(Clone, Debug)]
pub struct Subchart {
    /// The key of its values: its alias, or else its name.
    pub name: String,
    /// None for one that is not in the repository as files: packed, or fetched before the chart is installed.
    pub chart: Option<Chart>,
    /// Whether Helm asks it for dependencies of its own.
    is_asked: bool,
    /// Paths of values that switch it on and off; the first one that is there counts.
    conditions: Vec<String>,
    tags: Vec<String>,
}

impl Chart {
    /// Loads a chart, with other values instead of its own if there are some. None for one that cannot be loaded exactly.
    pub fn load(repository: &Repository, folder: &str, values: Option<Node>) -> Option<Chart> {
        Chart::load_within(repository, folder, values, true)
    }

    /// Helm asks no chart for its dependencies that lies in one without any: `is_asked`.
    fn load_within(repository: &Repository, folder: &str, values: Option<Node>, is_asked: bool) -> Option<Chart> {
        let described = read(repository, &join(folder, "Chart.yaml"))?;
        let name = text(&described, "name")?;
        let older = join(folder, "requirements.yaml");
        let required = if repository.file(&older).is_some() { read(repository, &older)? } else { described };
        let path = join(folder, "values.yaml");
        let values = match values {
            Some(values) => values,
            None if repository.file(&path).is_some() => read(repository, &path)?,
            None => Node { place: required.place, kind: Kind::Map(Vec::new().into()) },
        };
        let dependencies = required.get("dependencies").filter(|list| is_asked && list.kind != Kind::Null);
        let subcharts = subcharts(repository, folder, dependencies)?;
        Some(Chart { name, folder: folder.to_owned(), values, subcharts })
    }

    /// The same without the subcharts that these values switch off. Where that cannot be told, a subchart is as good as one that is not there.
    pub fn switched(mut self, values: Node, is_known: &dyn Fn(&str) -> bool, made: Place) -> Option<Chart> {
        self.switch(values, "", is_known, made)?;
        Some(self)
    }

    /// As Helm goes down, each chart's own values come under those of all charts above.
    fn switch(&mut self, values: Node, above: &str, is_known: &dyn Fn(&str) -> bool, made: Place) -> Option<()> {
        let values = coalesce(self, values, made)?;
        self.subcharts.retain_mut(|subchart| {
            let is_on = is_on(subchart, &values, above, is_known);
            if is_on.is_none() {
                subchart.chart = None;
            }
            is_on != Some(false)
        });
        for subchart in self.subcharts.iter_mut().filter(|subchart| subchart.is_asked) {
            let above = format!("{above}/{}", escape(&subchart.name));
            if let Some(chart) = &mut subchart.chart {
                chart.switch(values.clone(), &above, is_known, made)?;
            }
        }
        Some(())
    }
}

/// Whether a subchart is switched on; None where that hangs on a value that is not known.
fn is_on(subchart: &Subchart, values: &Node, above: &str, is_known: &dyn Fn(&str) -> bool) -> Option<bool> {
    for condition in &subchart.conditions {
        let steps: Vec<String> = condition.split('.').map(escape).collect();
        let pointer = format!("{above}/{}", steps.join("/"));
        if !is_known(&pointer) {
            return None;
        }
        if let Some(Kind::Bool(flag)) = values.pointer(&pointer).map(|node| &node.kind) {
            return Some(*flag);
        }
    }
    let mut flags = Vec::new();
    for tag in &subchart.tags {
        let pointer = format!("/tags/{}", escape(tag));
        if !is_known(&pointer) {
            return None;
        }
        if let Some(Kind::Bool(flag)) = values.pointer(&pointer).map(|node| &node.kind) {
            flags.push(*flag);
        }
    }
    Some(flags.is_empty() || flags.contains(&true))
}

/// The subcharts of a chart: those it names, and those that only lie in its `charts/`.
fn subcharts(repository: &Repository, folder: &str, dependencies: Option<&Node>) -> Option<Vec<Subchart>> {
    let inside = join(folder, "charts");
    let is_asked = dependencies.is_some();
    let mut lying = Vec::new();
    for name in repository.children(&inside) {
        let path = join(&inside, name);
        // Helm leaves out what begins so.
        if !name.starts_with(['_', '.']) && repository.is_folder(&path) {
            lying.push(Chart::load_within(repository, &path, None, is_asked)?);
        }
    }
    let named = dependencies.map(Node::items).unwrap_or_default();
    let subchart = |named: &Node| {
        // What a chart takes over from the values of its subcharts depends on all of them.
        if named.get("import-values").is_some_and(|values| !values.items().is_empty()) {
            return None;
        }
        let name = text(named, "name")?;
        let conditions = text(named, "condition").unwrap_or_default();
        let conditions = conditions.split(',').map(str::trim).filter(|path| !path.is_empty());
        let tags = named.get("tags").map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str);
        Some(Subchart {
            name: text(named, "alias").filter(|alias| !alias.is_empty()).unwrap_or_else(|| name.clone()),
            chart: lying.iter().find(|chart| chart.name == name).cloned(),
            is_asked,
            conditions: conditions.map(str::to_owned).collect(),
            tags: tags.map(str::to_owned).collect(),
        })
    };
    let mut subcharts: Vec<Subchart> = named.iter().map(subchart).collect::<Option<_>>()?;
    let is_named = |chart: &Chart| named.iter().any(|named| text(named, "name").as_deref() == Some(&chart.name));
    let alone = |chart: &Chart| Subchart {
        name: chart.name.clone(),
        chart: Some(chart.clone()),
        is_asked,
        conditions: Vec::new(),
        tags: Vec::new(),
    };
    let others: Vec<Subchart> = lying.iter().filter(|chart| !is_named(chart)).map(alone).collect();
    subcharts.extend(others);
    Some(subcharts)
}

/// The one document of a file, as Helm reads it; an empty map for an empty file, None for one that is no map or cannot be read.
pub fn read(repository: &Repository, path: &str) -> Option<Node> {
    let source = repository.file(path).filter(|file: &&File| file.fault.is_none())?.source?;
    let reading = yaml::read_for_kubectl(source, &repository.sources.get(source).text);
    if !reading.diagnostics.is_empty() {
        return None;
    }
    let empty = Node::new(source, crate::source::Span::default(), Kind::Map(Vec::new().into()));
    let node = reading.documents.into_iter().next().map_or(empty, |document| document.root);
    matches!(node.kind, Kind::Map(_)).then_some(node)
}

fn text(node: &Node, key: &str) -> Option<String> {
    Some(node.get(key)?.as_str()?.to_owned())
}
