//! Charts rendered by `helm`: what they bring, why they cannot be rendered, and what is wrong with what comes out.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Install, Schemas,
    judge::misfits,
    load::{Chart, Subchart},
};
use crate::{
    claims::{
        Claim, Tool,
        helm::{self, Release},
        manifests, placed, shown,
    },
    code,
    diagnostic::{Diagnostic, Severity},
    flux::has_placeholder,
    kubernetes::{self, Origin},
    node::{Kind, Node},
    repository::{Repository, is_below, join},
    source::{Place, Span},
    world::{self, Error, World},
    yaml,
};

/// Which objects a chart has rarely depends on it; some refuse what `helm` takes for the version by itself.
const KUBERNETES: &str = "1.34.0";
/// What templates ask of a cluster, or of a network, which none is there to answer.
const ASKS: &[&str] = &["lookup", ".Capabilities.APIVersions", "getHostByName"];
/// What templates ask of its version.
const ASKS_VERSION: &str = ".Capabilities.KubeVersion";

/// What follows from a key that stands twice in what a chart renders.
pub const TWICE: &str =
    "Flux refuses the release: it passes what Helm renders through kustomize, which takes no key twice";

/// What charts are rendered with.
pub struct Rendering<'r> {
    /// Who calls `helm`.
    pub world: &'r dyn World,
    /// The files.
    pub repository: &'r Repository,
    /// The releases that Flux keeps.
    pub releases: &'r [Release],
    /// The version of Kubernetes, where it is known.
    pub kubernetes: Option<&'r str>,
    /// Which kinds live in namespaces, and what they look like.
    pub schemas: &'r kubernetes::Schemas,
    /// The schemas of the charts' values.
    pub chart_schemas: &'r Schemas,
}

/// A part of what `helm template` prints.
struct Part {
    /// The template it comes from, below the repository's root; the release's name where it says none.
    template: String,
    /// The template's file, or else where the release names the chart.
    place: Place,
    /// Whether Helm installs it beside the release, from `crds/`.
    is_definition: bool,
    documents: Vec<Node>,
    /// Keys that stand twice in one map.
    twice: Vec<String>,
}

impl Rendering<'_> {
    /// Renders each of these once: a claim for each object of those that Flux installs. What is wrong is found.
    pub fn claims<'i>(
        &self,
        installs: impl Iterator<Item = &'i Install>,
        found: &mut Vec<Diagnostic>,
    ) -> Result<Vec<Claim>, Error> {
        let mut claims = Vec::new();
        let mut refused: BTreeMap<Place, Vec<(&Install, String)>> = BTreeMap::new();
        for install in installs {
            match self.render(install)? {
                Ok(text) => {
                    let parts = self.parts(install, &text);
                    if is_certain(install) {
                        faults(self, install, &parts, found);
                    }
                    let release = install.of_flux.map(|at| &self.releases[at]);
                    claims.extend(release.into_iter().flat_map(|of| self.claims_of(of, &parts)));
                }
                // Its values are at fault, which is found anyway.
                Err(_) if !misfits(self.repository, self.chart_schemas, install).is_empty() => {}
                Err(reason) => match self.failure(install, &reason) {
                    Some(finding) => found.push(finding),
                    None => refused.entry(install.place).or_default().push((install, reason)),
                },
            }
        }
        found.extend(refused.iter().map(|(place, charts)| refusal(*place, charts)));
        Ok(claims)
    }

    /// What `helm template` prints, or why it prints nothing.
    fn render(&self, install: &Install) -> Result<Result<String, String>, Error> {
        if install.instead.is_some() {
            return Ok(Err("its values come from `valuesFiles`, which are no part of it yet".to_owned()));
        }
        let values = install.values.to_json().to_string();
        let kubernetes = self.kubernetes.map_or(KUBERNETES.to_owned(), whole_version);
        self.world.chart(&world::Chart {
            kubernetes: &kubernetes,
            folder: &install.folder,
            release: &install.release.name,
            namespace: &install.namespace,
            values: &values,
        })
    }

    fn parts(&self, install: &Install, text: &str) -> Vec<Part> {
        text.split("\n---\n").map(|part| self.part(install, part)).collect()
    }

    fn part(&self, install: &Install, part: &str) -> Part {
        let named = part.lines().find_map(|line| line.strip_prefix("# Source: "));
        // The first part of that path is the chart's name.
        let template = named.and_then(|path| path.trim().split_once('/')).map(|(_, path)| join(&install.folder, path));
        let source = template.as_ref().and_then(|path| self.repository.file(path)?.source);
        let place = source.map_or(install.place, |source| Place { source, span: Span::default() });
        let reading = yaml::read(place.source, part);
        let key = |finding: &Diagnostic| part.get(finding.labels.first()?.place.span.range()).map(str::to_owned);
        let twice = reading.diagnostics.iter().filter(|finding| finding.code == code!("key-twice")).filter_map(key);
        Part {
            is_definition: template.as_ref().is_some_and(|path| is_below(path, &join(&install.folder, "crds"))),
            template: template.unwrap_or_else(|| install.release.name.clone()),
            place,
            twice: twice.collect(),
            documents: reading.documents.into_iter().map(|document| placed(document.root, place)).collect(),
        }
    }

    /// The objects of a release, each at the template it comes from, or else where the chart is named.
    fn claims_of(&self, of: &Release, parts: &[Part]) -> Vec<Claim> {
        let made = |part: &Part| {
            let made = helm::claims_of_rendered(of, &part.documents, self.schemas);
            // Helm never deletes what lies in `crds/`.
            let is_definition = part.is_definition;
            made.into_iter().map(move |claim| Claim { prunes: claim.prunes && !is_definition, ..claim })
        };
        parts.iter().flat_map(made).collect()
    }

    /// What follows from a chart that `helm` does not render; None where it may well be rendered in the cluster.
    fn failure(&self, install: &Install, reason: &str) -> Option<Diagnostic> {
        let folder = &install.folder;
        let template = template_in(install, reason);
        if !self.is_sure(install, reason, template.as_ref().map(|(path, _)| path.as_str())) {
            return None;
        }
        let consequence = match install.tool {
            Tool::ArgoCd => "Argo CD changes nothing of the Application until it can be rendered",
            Tool::Terraform => "`terraform apply` fails until it can be rendered",
            _ => "the release is neither installed nor upgraded until it can be rendered",
        };
        let message = format!("the chart in `{folder}` cannot be rendered with the values of this release");
        let mut finding = Diagnostic::new(code!("chart-render-fails"), message).at(install.place, "");
        let label = if reason.starts_with("YAML parse error") { "what it renders is no YAML" } else { "it fails here" };
        if let Some(place) = template.and_then(|(path, line)| self.line(&path, line)) {
            finding = finding.at(place, label);
        }
        Some(
            finding
                .about(shown(&install.release))
                .note(format!("`helm template` says: {reason}"))
                .note(consequence)
                .help(format!("correct it until `helm template {folder}` with these values prints manifests")),
        )
    }

    /// Whether a chart fails in the cluster as well: it can be read whole, its values are known, and nothing but these decides.
    fn is_sure(&self, install: &Install, reason: &str, template: Option<&str>) -> bool {
        if reason.contains("missing in charts/ directory") || install.instead.is_some() {
            return false;
        }
        // Whatever the values are.
        let is_there = template.is_some_and(|path| self.repository.file(path).is_some());
        if reason.starts_with("parse error at (") && is_there {
            return true;
        }
        let Some(chart) = Chart::load(self.repository, &install.folder, None) else { return false };
        let is_version_known = self.kubernetes.is_some();
        if reason.contains("requires kubeVersion") {
            return is_version_known;
        }
        let asks = ASKS.iter().chain((!is_version_known).then_some(&ASKS_VERSION));
        let texts = || self.repository.below(&install.folder).filter_map(|(path, _)| self.repository.text(path));
        is_certain(install)
            && is_whole(&chart)
            && (template.is_none() || is_there)
            && !is_of_network(reason)
            && asks.into_iter().all(|word| texts().all(|text| !text.contains(word)))
    }

    /// The place of a line of a file, or of its last one.
    fn line(&self, path: &str, line: usize) -> Option<Place> {
        let source = self.repository.file(path)?.source?;
        let text = &self.repository.sources.get(source).text;
        let (at, written) = text.lines().enumerate().take(line.max(1)).last()?;
        let start: usize = text.split_inclusive('\n').take(at).map(str::len).sum();
        let indentation = written.len() - written.trim_start().len();
        Some(Place { source, span: Span::new(start + indentation, start + written.trim_end().len()) })
    }
}

/// Charts that are named in one place, and that nothing is known about.
fn refusal(place: Place, charts: &[(&Install, String)]) -> Diagnostic {
    const SHOWN: usize = 3;
    let folders: Vec<String> = charts.iter().take(SHOWN).map(|(install, _)| format!("`{}`", install.folder)).collect();
    let (first, reason) = &charts[0];
    let (message, said) = match charts.len() {
        1 => (format!("the chart in {} is not rendered here", folders[0]), "`helm template` says".to_owned()),
        2..=SHOWN => {
            let message = format!("the charts in {} are not rendered here", folders.join(", "));
            (message, format!("`helm template` says of {}", folders[0]))
        }
        all => (
            format!("the charts in {} and {} more are not rendered here", folders.join(", "), all - SHOWN),
            format!("`helm template` says of {}", folders[0]),
        ),
    };
    let finding = Diagnostic::new(code!("build-refused"), message)
        .at(place, "")
        .note(format!("{said}: {reason}"))
        .note("what is rendered from there could not be judged");
    if charts.len() == 1 { finding.about(shown(&first.release)) } else { finding }
}

/// What is wrong with what a chart renders: keys that stand twice, and manifests that Kubernetes does not take.
fn faults(rendering: &Rendering<'_>, install: &Install, parts: &[Part], found: &mut Vec<Diagnostic>) {
    let mut seen = BTreeSet::new();
    for part in parts.iter().filter(|part| !part.is_definition) {
        for key in part.twice.iter().filter(|key| seen.insert((&part.template, (*key).clone()))) {
            found.push(twice(install, part, key));
        }
        for manifest in part.documents.iter().flat_map(manifests) {
            let text = |key: &str| manifest.get(key).and_then(Node::as_str).unwrap_or_default();
            // The definition of any other kind may be another one in the cluster.
            if rendering.schemas.origin(text("apiVersion"), text("kind")) != Some(Origin::Kubernetes) {
                continue;
            }
            for fault in rendering.schemas.validate(manifest) {
                if fault.code != code!("manifest-kind-unknown") && seen.insert((&part.template, fault.message.clone()))
                {
                    let name = manifest.at(["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
                    found.push(misshapen(install, part, &format!("{}:{name}", text("kind")), fault));
                }
            }
        }
    }
}

/// A fault of a manifest that nobody wrote as it is.
fn misshapen(install: &Install, part: &Part, object: &str, fault: Diagnostic) -> Diagnostic {
    let note = format!("`{}` renders `{object}` so, with the values of this release", part.template);
    let finding = Diagnostic { labels: Vec::new(), edit: None, ..fault }.at(install.place, "").note(note);
    if part.place == install.place { finding } else { finding.at(part.place, "rendered from here") }
}

fn twice(install: &Install, part: &Part, key: &str) -> Diagnostic {
    let template = &part.template;
    let message = format!("`{template}` renders the key `{key}` twice in one map");
    let finding = Diagnostic::new(code!("key-twice"), message)
        .at(install.place, "with the values of this release")
        .about(shown(&install.release))
        .help("render it once; one of the two may come from a helper or from values");
    let finding = if part.place == install.place { finding } else { finding.at(part.place, "rendered from here") };
    match install.tool {
        Tool::ArgoCd => finding.severity(Severity::Warning).note("Argo CD silently keeps the last of the two"),
        Tool::Terraform => finding.severity(Severity::Warning).note("Helm silently keeps the last of the two"),
        _ => finding.note(TWICE),
    }
}

/// A version with all three of its numbers, as `helm` wants it.
fn whole_version(written: &str) -> String {
    let numbers = written.trim_start_matches('v');
    let missing = 2_usize.saturating_sub(numbers.matches('.').count());
    format!("{numbers}{}", ".0".repeat(missing))
}

/// Whether the values are those of the cluster.
fn is_certain(install: &Install) -> bool {
    install.is_plain && install.has_all_values && install.replaced.is_empty() && !holds_placeholder(&install.values)
}

fn holds_placeholder(node: &Node) -> bool {
    match &node.kind {
        Kind::String(text) => has_placeholder(text),
        Kind::List(items) => items.iter().any(holds_placeholder),
        Kind::Map(entries) => entries.iter().any(|entry| holds_placeholder(&entry.value)),
        _ => false,
    }
}

/// Whether all subcharts lie in the repository as files.
fn is_whole(chart: &Chart) -> bool {
    chart.subcharts.iter().all(|Subchart { chart, .. }| chart.as_ref().is_some_and(is_whole))
}

/// Whether something was to be fetched.
fn is_of_network(reason: &str) -> bool {
    ["127.0.0.1:9", "dial tcp", "lookup ", "HTTP request"].iter().any(|word| reason.contains(word))
}

/// The template that a reason is about, below the repository's root, and its line.
fn template_in(install: &Install, reason: &str) -> Option<(String, usize)> {
    let words = reason.split([' ', '(', ')', '"', '<', '>']);
    let path = words.filter_map(|word| {
        let mut parts = word.split(':');
        let path = parts.next().filter(|path| path.contains("/templates/"))?;
        let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(1);
        let (_, path) = path.split_once('/')?;
        Some((join(&install.folder, path), line))
    });
    path.into_iter().next()
}
