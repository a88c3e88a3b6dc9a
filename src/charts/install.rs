//! Who installs a chart that lies in the repository: HelmReleases of Flux, Applications of Argo CD, releases of Terraform.

use super::load::read;
use crate::{
    claim::ObjectId,
    claims::{
        Certainty, Tool,
        argocd::{Application, Origin},
        helm::{self, Release},
        release, terraform,
    },
    flux::{Cluster, Object, Unit},
    node::{Kind, Node, escape},
    repository::{Repository, join, resolve},
    source::Place,
};

/// A chart of the repository that somebody installs.
#[derive(Clone, Debug)]
pub struct Install {
    /// The tool that does.
    pub tool: Tool,
    /// The release.
    pub release: ObjectId,
    /// The namespace its objects go to.
    pub namespace: String,
    /// The chart's folder.
    pub folder: String,
    /// Files with values for the chart to have instead of its own, merged; None where it keeps its own.
    pub instead: Option<Node>,
    /// Values over those of the chart.
    pub values: Node,
    /// Those of them that nothing else comes over.
    pub own: Node,
    /// Whether `values` are all that is laid over the chart's.
    pub has_all_values: bool,
    /// Pointers to values that something unknown replaces.
    pub replaced: Vec<String>,
    /// Whether how the values come about is understood: false where a file of them cannot be read, or a variable has no value.
    pub is_plain: bool,
    /// Whether Helm holds the values against the chart's schema.
    pub is_held_to_schema: bool,
    /// Where the chart is named.
    pub place: Place,
    /// Where values are written, or else the chart is named.
    pub values_place: Place,
    /// The release among those that Flux keeps.
    pub of_flux: Option<usize>,
}

/// Every chart of the repository that is installed from there.
pub fn installs(
    repository: &Repository,
    clusters: &[Cluster],
    releases: &[Release],
    applications: &[Application],
    terraform: &terraform::Facts,
) -> Vec<Install> {
    let mut installs = Vec::new();
    for (at, release) in releases.iter().enumerate() {
        let here = release.chart.as_ref().and_then(|chart| Some((chart.place, chart.folder.as_ref()?)));
        let Some((place, folder)) = here.filter(|(_, folder)| is_chart(repository, folder)) else { continue };
        let unit = &clusters[release.cluster].units[release.unit];
        let object = unit.objects().iter().find(|object| object.id == release.object);
        installs.extend(object.map(|object| of_flux(repository, at, release, unit, object, place, folder)));
    }
    for application in applications.iter().filter(|application| application.is_literal) {
        for origin in &application.sources {
            installs.extend(of_argo(repository, application, origin));
        }
    }
    installs.extend(terraform.releases.iter().filter_map(|release| of_terraform(repository, release)));
    installs
}

fn is_chart(repository: &Repository, folder: &str) -> bool {
    repository.file(&join(folder, "Chart.yaml")).is_some()
}

fn of_flux(
    repository: &Repository,
    at: usize,
    found: &Release,
    unit: &Unit,
    object: &Object,
    place: Place,
    folder: &str,
) -> Install {
    let spec = |path: &[&str]| object.node.at(["spec"].into_iter().chain(path.iter().copied()));
    let references = spec(&["valuesFrom"]).map(Node::items).unwrap_or_default();
    let targets: Vec<&Node> = references.iter().filter_map(|reference| reference.get("targetPath")).collect();
    let replaced: Option<Vec<String>> = targets.iter().map(|target| plain_path(target.as_str()?)).collect();
    let is_switched_off =
        |action: &str| spec(&[action, "disableSchemaValidation"]).is_some_and(|flag| flag.kind == Kind::Bool(true));
    let files = spec(&["chart", "spec", "valuesFiles"]).map(Node::items).unwrap_or_default();
    let instead = merged_files(repository, files);
    let own = spec(&["values"]).cloned();
    // A variable without a value leaves a gap that something may be meant to fill.
    let has_gaps = unit.undefined.iter().any(|gap| holds(&found.values, gap.place));
    let written = object.node.get("spec").and_then(|spec| spec.entry("values"));
    // A HelmChart of its own may name files with values, too.
    let is_plain =
        spec(&["chartRef"]).is_none() && replaced.is_some() && (files.is_empty() || instead.is_some()) && !has_gaps;
    Install {
        tool: Tool::Flux,
        release: release(&found.namespace, &found.name),
        namespace: found.target_namespace.clone(),
        folder: folder.to_owned(),
        instead,
        values: found.values.clone(),
        own: own.unwrap_or_else(|| empty(place)),
        has_all_values: found.has_all_values || targets.len() == references.len(),
        replaced: replaced.unwrap_or_default(),
        is_plain,
        is_held_to_schema: !is_switched_off("install") && !is_switched_off("upgrade"),
        place,
        values_place: written.map_or(place, |entry| entry.key_place),
        of_flux: Some(at),
    }
}

/// Whether anything in a value is written at a place.
fn holds(node: &Node, place: Place) -> bool {
    node.place == place
        || node.items().iter().any(|item| holds(item, place))
        || node.entries().iter().any(|entry| entry.key_place == place || holds(&entry.value, place))
}

/// A path of `--set` as a pointer, where it has nothing but keys in it.
fn plain_path(path: &str) -> Option<String> {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    is_plain.then(|| format!("/{}", path.split('.').map(escape).collect::<Vec<_>>().join("/")))
}

/// The values of files, later ones over earlier ones; None where there are none or one cannot be read.
fn merged_files(repository: &Repository, files: &[Node]) -> Option<Node> {
    let mut merged: Option<Node> = None;
    for file in files {
        let more = read(repository, &resolve("", file.as_str()?.trim_start_matches('/'))?)?;
        merged = Some(match merged {
            Some(under) => helm::merged(under, more),
            None => more,
        });
    }
    merged
}

fn of_argo(repository: &Repository, application: &Application, origin: &Origin) -> Option<Install> {
    let folder = origin.folder.as_ref().filter(|folder| is_chart(repository, folder))?;
    let is_other = ["plugin", "kustomize", "directory"].iter().any(|key| origin.node.get(key).is_some());
    if is_other {
        return None;
    }
    let helm = origin.node.get("helm");
    let of_helm = |key: &str| helm.and_then(|helm| helm.get(key));
    let place = origin.node.get("path").map_or(application.place, |path| path.place);
    let is_set = |key: &str| of_helm(key).is_some_and(|value| !value.items().is_empty());
    let mut has_all_values = !is_set("parameters") && !is_set("fileParameters");
    let mut values = empty(place);
    for file in of_helm("valueFiles").map(Node::items).unwrap_or_default() {
        let path = file.as_str().filter(|path| !path.contains(['$', '*', ':'])).and_then(|path| {
            match path.strip_prefix('/') {
                Some(path) => resolve("", path),
                None => resolve(folder, path),
            }
        });
        match path.and_then(|path| read(repository, &path)) {
            Some(more) => values = helm::merged(values, more),
            None => has_all_values = false,
        }
    }
    let is_written = of_helm("values").or(of_helm("valuesObject")).is_some();
    has_all_values &= !is_written || origin.values.is_some();
    // Values on the command line come over all others.
    let own = if is_set("parameters") || is_set("fileParameters") { None } else { origin.values.clone() };
    let entry = helm.and_then(|helm| helm.entry("valuesObject").or_else(|| helm.entry("values")));
    Some(Install {
        tool: Tool::ArgoCd,
        release: release(application.namespace.as_deref().unwrap_or("default"), &origin.release),
        namespace: application.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        folder: folder.clone(),
        instead: None,
        values: origin.values.clone().map_or(values.clone(), |own| helm::merged(values, own)),
        own: own.unwrap_or_else(|| empty(place)),
        has_all_values,
        replaced: Vec::new(),
        is_plain: true,
        is_held_to_schema: of_helm("skipSchemaValidation").is_none_or(|flag| flag.kind != Kind::Bool(true)),
        place,
        values_place: entry.map_or(place, |entry| entry.key_place),
        of_flux: None,
    })
}

fn of_terraform(repository: &Repository, found: &terraform::Release) -> Option<Install> {
    let chart = found.chart.as_ref().filter(|_| found.resource.certainty != Certainty::Possible)?;
    // The provider takes a name for a folder only if it says so.
    let is_path = found.repository.is_none() && (chart.text.starts_with('.') || chart.text.contains('/'));
    let folder = is_path.then(|| resolve(&found.resource.root, &chart.text)).flatten()?;
    let values = found.values.iter().cloned().fold(empty(chart.place), helm::merged);
    is_chart(repository, &folder).then(|| Install {
        tool: Tool::Terraform,
        release: release(&found.namespace, &found.name),
        namespace: found.namespace.clone(),
        folder,
        instead: None,
        is_plain: found.has_all_values && !may_be_boolean(&values),
        own: empty(chart.place),
        values,
        has_all_values: found.has_all_values,
        replaced: Vec::new(),
        is_held_to_schema: true,
        place: chart.place,
        values_place: found.values.first().map_or(chart.place, |first| first.place),
        of_flux: None,
    })
}

/// Whether a value is a text here and may be a boolean for Helm, which reads YAML otherwise.
fn may_be_boolean(node: &Node) -> bool {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off"];
    node.as_str().is_some_and(|text| WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)))
        || node.items().iter().any(may_be_boolean)
        || node.entries().iter().any(|entry| may_be_boolean(&entry.value))
}

fn empty(place: Place) -> Node {
    Node { place, kind: Kind::Map(Vec::new().into()) }
}
