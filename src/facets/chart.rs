//! `chart`: a Helm release.

use serde_json::Value;

use super::{Context, Made};
use crate::{code, diagnostic::Diagnostic, inventory::Chart, node::Part};

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
        made.secret_uses.push((context.unit.namespace.clone(), secret.clone(), place));
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
        Err(message) => made.findings.push(
            Diagnostic::new(code!("chart-incomplete"), format!("the chart of `{}` {message}", context.unit.label()))
                .at(context.place("chart", Part::Value), "")
                .help(
                    "write `{ repo = \"https://…\", name = \"…\", version = \"…\" }`, `{ oci = \"…\", version = \"…\" }` \
                     or `{ path = \"…\" }`",
                ),
        ),
    }
}

fn source(chart: &Chart) -> Result<ChartSource, &'static str> {
    match (&chart.repo, &chart.oci, &chart.path, &chart.name, &chart.version) {
        (Some(url), None, None, Some(name), Some(version)) => {
            Ok(ChartSource::Repository { url: url.clone(), name: name.clone(), version: version.clone() })
        }
        (Some(_), None, None, None, _) => Err("has a repository, but no name"),
        (Some(_) | None, _, None, _, None) if chart.repo.is_some() || chart.oci.is_some() => Err("has no version"),
        (None, Some(url), None, None, Some(version)) => {
            let url = url.strip_prefix("oci://").unwrap_or(url).to_owned();
            Ok(ChartSource::Oci { url, version: version.clone() })
        }
        (None, None, Some(path), None, None) => Ok(ChartSource::Path(path.trim_matches('/').to_owned())),
        (None, None, None, ..) => Err("has no source"),
        (None, None, Some(_), _, _) => Err("has a path, which holds its name and version already"),
        (None, Some(_), None, Some(_), _) => Err("has a registry, which holds its name already"),
        _ => Err("has more than one source"),
    }
}
