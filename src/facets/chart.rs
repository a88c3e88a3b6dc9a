//! `chart`: a Helm release.

use serde_json::Value;

use super::{Context, Made};
use crate::{code, diagnostic::Diagnostic, inventory::Chart, node::Part, references::SecretUse};

/// A Helm release, before a delivery writes it.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Where its chart comes from.
    pub source: ChartSource,
    /// The Secret with credentials for the source.
    pub credentials: Option<String>,
    /// Patches of what the chart renders (Kustomize patches with targets).
    pub post_render: Vec<Value>,
}

/// Where a chart comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChartSource {
    /// A Helm repository.
    Repository {
        /// Its URL.
        url: String,
        /// The chart.
        name: String,
        /// Its version.
        version: String,
    },
    /// An OCI registry.
    Oci {
        /// Registry and path, without `oci://`.
        url: String,
        /// The tag.
        version: String,
    },
    /// A folder of this repository.
    Path(String),
}

/// The release of a unit with a chart.
pub fn make(context: &Context<'_>, made: &mut Made) {
    let Some(chart) = &context.unit.facets.chart else { return };
    if let Some(secret) = &chart.credentials {
        let place = context.place("chart/credentials", Part::Value);
        made.secret_uses.push(SecretUse::certain(&context.unit.namespace, secret, place));
    }
    match source(chart) {
        Ok(source) => {
            made.release = Some(Release {
                name: context.unit.release(),
                source,
                credentials: chart.credentials.clone(),
                post_render: Vec::new(),
            });
        }
        Err(Incomplete { what, key, way_out }) => {
            let missing = context.pointer(&format!("chart/{key}"));
            let finding =
                Diagnostic::new(code!("chart-incomplete"), format!("the chart of `{}` {what}", context.unit.label()))
                    .at(context.root.place_of(&missing, Part::Key), "")
                    .help(way_out)
                    .about(context.unit.label())
                    .follows(missing);
            let sources = ["oci", "path"].iter().filter(|_| key == "repo");
            let sources = sources.map(|source| context.pointer(&format!("chart/{source}")));
            made.findings.push(sources.fold(finding, Diagnostic::follows));
        }
    }
}

/// A folder of this repository as its files name it: no `./` in front, no `/` around.
pub fn folder_of(path: &str) -> &str {
    path.trim_start_matches("./").trim_matches('/')
}

/// What a chart lacks, or has too much.
struct Incomplete {
    what: &'static str,
    /// The key in question.
    key: &'static str,
    way_out: &'static str,
}

fn source(chart: &Chart) -> Result<ChartSource, Incomplete> {
    let wrong = |what, key, way_out| Err(Incomplete { what, key, way_out });
    match (&chart.repo, &chart.oci, &chart.path, &chart.name, &chart.version) {
        (Some(url), None, None, Some(name), Some(version)) => {
            Ok(ChartSource::Repository { url: url.clone(), name: name.clone(), version: version.clone() })
        }
        (Some(_), None, None, None, _) => wrong("has a repository, but no name", "name", "add `name = \"…\"`"),
        (Some(_), None, None, _, None) | (None, Some(_), None, _, None) => {
            wrong("has no version", "version", "add `version = \"…\"`: without one Flux takes whatever is newest")
        }
        (None, Some(url), None, None, Some(version)) => {
            let url = url.strip_prefix("oci://").unwrap_or(url).to_owned();
            Ok(ChartSource::Oci { url, version: version.clone() })
        }
        (None, None, Some(path), None, None) => Ok(ChartSource::Path(folder_of(path).to_owned())),
        (None, None, None, ..) => wrong(
            "has no source",
            "repo",
            "add `repo = \"https://…\"`, or name a chart in a registry with `oci`, or a folder of this repository with `path`",
        ),
        (None, None, Some(_), Some(_), _) => {
            wrong("has a path and a name", "name", "leave `name` away: the chart in the folder has one")
        }
        (None, None, Some(_), None, Some(_)) => {
            wrong("has a path and a version", "version", "leave `version` away: the chart in the folder has one")
        }
        (None, Some(_), None, Some(_), _) => {
            wrong("has a registry and a name", "name", "leave `name` away: `oci` ends with it")
        }
        (Some(_), Some(_), ..) => wrong("has two sources", "oci", "keep one of `repo` and `oci`"),
        (_, _, Some(_), ..) => wrong("has two sources", "path", "keep `path`, or what is fetched"),
    }
}
