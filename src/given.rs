//! The values that a chart is given, whoever installs it: Flux, Terraform, Argo CD, or a file for helmfile or a script.

use std::collections::BTreeSet;

use crate::{
    claims::{cluster_of, documents, helm::merged},
    node::Node,
    survey::Survey,
};

/// Values for a chart.
#[derive(Clone, Debug)]
pub struct Given {
    /// The cluster they are for; None where there is none that holds anything.
    pub cluster: Option<usize>,
    /// The namespace of the release; None where a file of values does not say it.
    pub namespace: Option<String>,
    /// The values.
    pub values: Node,
    /// Whether they are all: then the chart's own default holds for every key that is not among them.
    pub is_whole: bool,
}

impl Given {
    /// Whether they are for this one of the survey's clusters.
    pub fn is_for(&self, cluster: Option<usize>) -> bool {
        self.cluster.is_none() || self.cluster == cluster
    }
}

/// Keys that only the values of Cilium have at the top.
const OF_CILIUM: &[&str] = &["k8sServiceHost", "ipv4NativeRoutingCIDR", "kubeProxyReplacement"];

/// Every set of values for a chart of this name, where it can be told for which cluster.
pub fn to_chart(survey: &Survey, chart: &str) -> Vec<Given> {
    let mut given = Vec::new();
    for release in &survey.releases {
        if release.chart.as_ref().is_some_and(|of| of.name == chart) {
            given.push(Given {
                cluster: Some(release.cluster),
                namespace: Some(release.target_namespace.clone()),
                values: release.values.clone(),
                is_whole: release.has_all_values,
            });
        }
    }
    of_terraform(survey, chart, &mut given);
    let known: BTreeSet<_> = given.iter().map(|it| it.values.place.source).collect();
    for (_, file) in
        survey.repository.files().filter(|(_, file)| file.source.is_some_and(|source| !known.contains(&source)))
    {
        for document in file.documents() {
            of_document(survey, chart, document, &mut given);
        }
    }
    given
}

fn of_terraform(survey: &Survey, chart: &str, given: &mut Vec<Given>) {
    for release in &survey.terraform.releases {
        let is_it =
            release.chart.as_ref().is_some_and(|of| of.text.trim_end_matches('/').rsplit('/').next() == Some(chart));
        let (cluster, is_sure) = cluster_of(survey.repository.path(release.resource.place), &survey.clusters);
        let values = release.values.iter().cloned().reduce(merged);
        if let (true, Some(values)) = (is_it && is_sure, values) {
            // Single values that `set` adds are not among them.
            given.push(Given { cluster, namespace: Some(release.namespace.clone()), values, is_whole: false });
        }
    }
}

/// An Application of Argo CD with values in it, or a file of values.
fn of_document(survey: &Survey, chart: &str, document: &Node, given: &mut Vec<Given>) {
    let cluster = || {
        let (cluster, is_sure) = cluster_of(survey.repository.path(document.place), &survey.clusters);
        is_sure.then_some(cluster)
    };
    if document.get("apiVersion").is_none() {
        let is_one = chart == "cilium" && OF_CILIUM.iter().filter(|key| document.get(key).is_some()).count() >= 2;
        if let Some(cluster) = is_one.then(cluster).flatten() {
            given.push(Given { cluster, namespace: None, values: document.clone(), is_whole: false });
        }
        return;
    }
    if document.get("kind").and_then(Node::as_str) != Some("Application") {
        return;
    }
    let namespace = document.at(["spec", "destination", "namespace"]).and_then(Node::as_str);
    let sources = document.at(["spec", "sources"]).map(Node::items).unwrap_or_default();
    let is_it = |source: &&Node| source.get("chart").and_then(Node::as_str) == Some(chart);
    for source in sources.iter().chain(document.at(["spec", "source"])).filter(is_it) {
        let written = source.at(["helm", "values"]).and_then(|text| documents(&survey.repository.sources, text));
        let values = source.at(["helm", "valuesObject"]).cloned().or_else(|| written?.into_iter().next());
        let has_more = ["valueFiles", "parameters"].iter().any(|key| source.at(["helm", key]).is_some());
        if let (Some(values), Some(cluster)) = (values, cluster()) {
            given.push(Given { cluster, namespace: namespace.map(Into::into), values, is_whole: !has_more });
        }
    }
}
