//! Turns templates into what units give: values of releases, manifests, solvers of issuers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Inputs;
use crate::{
    code,
    diagnostic::Diagnostic,
    facets::{Made, Release},
    facts::Facts,
    inventory::Inventory,
    node::{Kind, Node, escape},
    plan::{Plan, Unit, UnitId},
    references::SecretUse,
    source::{Place, SourceId, Sources, Span},
    template::Context,
    yaml,
};

/// What a unit gives.
#[derive(Debug, Default)]
pub struct UnitOutput {
    /// Its Helm release.
    pub release: Option<Release>,
    /// The release's values.
    pub values: Option<Values>,
    /// Its files with objects, sorted by name.
    pub manifests: Vec<Manifest>,
    /// Secrets that come to be with it, besides those of its manifests: namespace and name.
    pub secrets: Vec<(String, String)>,
    /// Secrets it uses, each with its namespace.
    pub secret_uses: Vec<SecretUse>,
    /// Whether one of its templates was wrong, so that what is missing may follow from that.
    pub broken: bool,
}

impl UnitOutput {
    /// Every document of its own manifests, items of lists among them.
    pub fn documents(&self) -> impl Iterator<Item = &Node> {
        self.manifests
            .iter()
            .flat_map(|manifest| match &manifest.body {
                Body::Template { documents, .. } => documents.as_slice(),
                Body::Made { .. } => &[],
            })
            .flat_map(|document| objects(&document.root))
    }
}

/// Values of a release, as text to keep and as nodes to check.
#[derive(Debug)]
pub struct Values {
    /// The text, without document markers.
    pub source: SourceId,
    /// What it says.
    pub root: Node,
    /// Scalars that readers disagree about.
    pub ambiguous: Vec<yaml::Ambiguous>,
}

/// A file with objects.
#[derive(Debug)]
pub struct Manifest {
    /// Its name in the unit's folder.
    pub name: String,
    /// What is in it.
    pub body: Body,
}

/// What is in a manifest.
#[derive(Debug)]
pub enum Body {
    /// A template's text, kept as rendered.
    Template {
        /// The text.
        source: SourceId,
        /// What it says.
        documents: Vec<yaml::Document>,
    },
    /// Objects the compiler makes.
    Made {
        /// The objects.
        objects: Vec<Value>,
        /// What in the inventory asks for them.
        pointer: String,
    },
}

/// The objects of a document: itself, or the items of a `List`.
pub fn objects(document: &Node) -> impl Iterator<Item = &Node> {
    let is_list = document.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List"));
    let items = document.get("items").filter(|_| is_list).map_or(&[] as &[Node], Node::items);
    let itself = (!is_list).then_some(document);
    itself.into_iter().chain(items)
}

/// What a unit's facets and templates give.
#[expect(clippy::too_many_arguments, reason = "the steps of one run meet here and nowhere else")]
pub fn unit(
    inputs: &mut Inputs,
    plan: &Plan,
    inventory: &Inventory,
    facts: &Facts,
    id: UnitId,
    made: Made,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> UnitOutput {
    let unit = &plan.units[id];
    let mut output = UnitOutput {
        release: made.release,
        secrets: made.secrets,
        secret_uses: made.secret_uses,
        ..UnitOutput::default()
    };
    for file in made.files {
        let body = Body::Made { objects: file.objects, pointer: file.pointer };
        output.manifests.push(Manifest { name: file.name, body });
    }
    let own_facts = std::cell::OnceCell::new();
    for (name, path) in inputs.folder(&unit.folder) {
        let Some(stem) = manifest_name(&name) else { continue };
        inputs.used.insert(path.clone());
        let facts = own_facts.get_or_init(|| facts.of_unit(plan, id, inventory));
        let before = found.len();
        let rendered = render(inputs, &path, facts, sources, found);
        output.broken |= found.len() > before;
        for finding in &mut found[before..] {
            follow_unit(finding, unit);
        }
        let Some(source) = rendered else { continue };
        if stem == "values.yaml" || stem == "values.yml" {
            values(&mut output, source, &path, &unit.label(), sources, found);
        } else {
            manifest(&mut output, stem, source, sources, found);
        }
    }
    output.manifests.sort_by(|one, other| one.name.cmp(&other.name));
    output
}

/// A fact of the unit alone is undefined where the unit's own table could not be read: `pool` stands for
/// `/services/web/pool`, and that for the pool it names.
fn follow_unit(finding: &mut Diagnostic, unit: &Unit) {
    let own: Vec<String> = finding.follows.iter().map(|fact| format!("{}{fact}", unit.pointer)).collect();
    if let Some(pool) = unit.facets.pool.as_ref().filter(|_| finding.follows.iter().any(|fact| fact == "/pool")) {
        finding.follows.push(format!("/pools/{}", escape(pool)));
    }
    finding.follows.extend(own);
}

impl Inputs {
    /// Files directly in a folder of templates, as names and paths.
    pub fn folder(&self, folder: &str) -> Vec<(String, String)> {
        let prefix = format!("{folder}/");
        self.files
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .filter(|(path, _)| !path[prefix.len()..].contains('/'))
            .map(|(path, _)| (path[prefix.len()..].to_owned(), path.clone()))
            .collect()
    }
}

/// The name a template's result has: without `.j2`. None for files that are neither manifests nor values.
pub fn manifest_name(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".j2").unwrap_or(name);
    (stem.ends_with(".yaml") || stem.ends_with(".yml")).then_some(stem)
}

/// The text of a template, rendered if its name ends in `.j2`.
pub fn render(
    inputs: &mut Inputs,
    path: &str,
    facts: &Context,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> Option<SourceId> {
    if !path.ends_with(".j2") {
        return inputs.files.get(path).copied();
    }
    match inputs.templates.render(path, facts) {
        Ok(text) => {
            let source = sources.add_rendered(path, text);
            inputs.renders.add(source, path, facts);
            Some(source)
        }
        Err(findings) => {
            found.extend(findings);
            None
        }
    }
}

fn values(
    output: &mut UnitOutput,
    source: SourceId,
    path: &str,
    unit: &str,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    let text = &sources.get(source).text;
    let start = Place { source, span: Span::new(0, text.lines().next().map_or(0, str::len)) };
    if output.release.is_none() {
        found.push(
            Diagnostic::new(code!("values-without-chart"), format!("`{unit}` has values, but no chart"))
                .at(start, "")
                .help("give it a `chart`, or rename the file if it is a manifest"),
        );
        return;
    }
    let mut reading = yaml::read(source, text);
    let failed = !reading.diagnostics.is_empty();
    output.broken |= failed;
    found.append(&mut reading.diagnostics);
    let mut documents = reading.documents.into_iter();
    match (documents.next(), documents.next()) {
        (None, _) => {}
        (Some(document), None) if matches!(document.root.kind, Kind::Map(_)) => {
            output.values = Some(Values { source, root: document.root, ambiguous: document.ambiguous });
        }
        _ if failed => {}
        _ => found.push(
            Diagnostic::new(code!("values-not-a-map"), format!("`{path}` does not hold one map of values"))
                .at(start, "")
                .help("write the values as the chart's `values.yaml` does: one document of keys"),
        ),
    }
}

fn manifest(output: &mut UnitOutput, name: &str, source: SourceId, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let text = &sources.get(source).text;
    let reading = yaml::read(source, text);
    output.broken |= !reading.diagnostics.is_empty();
    found.extend(reading.diagnostics);
    if reading.documents.is_empty() {
        return;
    }
    let is_kustomization = matches!(name, "kustomization.yaml" | "kustomization.yml");
    let reserved = is_kustomization || matches!(name, "source.yaml" | "helmrelease.yaml");
    let taken = output.manifests.iter().find(|known| known.name == name);
    if reserved || taken.is_some() {
        let start =
            |source| Place { source, span: Span::new(0, sources.get(source).text.lines().next().map_or(0, str::len)) };
        let finding = match taken.map(|known| &known.body) {
            Some(Body::Template { source: other, .. }) => {
                Diagnostic::new(code!("file-twice"), format!("two templates become `{name}`"))
                    .at(start(source), "")
                    .at(start(*other), "the other")
                    .help("give one of them another name")
            }
            _ => {
                let message = format!("`{name}` is a file that the compiler writes here itself");
                let help = if is_kustomization {
                    "remove it: every file of this folder is applied without it"
                } else {
                    "give the template another name"
                };
                Diagnostic::new(code!("file-twice"), message).at(start(source), "").help(help)
            }
        };
        found.push(finding);
        return;
    }
    output
        .manifests
        .push(Manifest { name: name.to_owned(), body: Body::Template { source, documents: reading.documents } });
}

/// The solvers of issuers that `templates/solvers/` gives.
pub fn solvers(
    inputs: &mut Inputs,
    facts: &Facts,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Value> {
    let mut solvers = BTreeMap::new();
    for (name, path) in inputs.folder("templates/solvers") {
        let Some(stem) = manifest_name(&name).and_then(|stem| stem.rsplit_once('.')).map(|(stem, _)| stem) else {
            continue;
        };
        inputs.used.insert(path.clone());
        // A solver that is wrong is there all the same.
        solvers.insert(stem.to_owned(), Value::Null);
        let Some(source) = render(inputs, &path, facts.shared(), sources, found) else { continue };
        let reading = yaml::read(source, &sources.get(source).text);
        found.extend(reading.diagnostics);
        if let Some(document) = reading.documents.first() {
            solvers.insert(stem.to_owned(), document.root.to_json());
        }
    }
    solvers
}
