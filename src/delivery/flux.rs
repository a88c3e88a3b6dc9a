//! Flux: one Kustomization a unit, HelmReleases with their sources, Namespaces (Flux 2.6 and later).

use serde_json::{Value, json};

use crate::{
    compile::{Body, Model, UnitOutput},
    facets::{ChartSource, Release},
    inventory::DriftDetection,
    plan::{NAMESPACES, Unit, UnitId, duration},
    source::Sources,
    tree::{Origin, Tree},
    yaml,
};

use super::{below_repository, marked};

/// Writes everything Flux reads.
pub fn write(model: &Model, sources: &Sources, tree: &mut Tree) {
    namespaces(model, tree);
    for (id, output) in model.units.iter().enumerate() {
        let unit = &model.plan.units[id];
        let origin = origin(model, unit);
        kustomization(model, id, &origin, tree);
        let folder = unit.path();
        let mut files: Vec<String> = Vec::new();
        let mut add = |tree: &mut Tree, name: &str, text: &str| {
            files.push(name.to_owned());
            tree.add(&format!("{folder}/{name}"), origin.clone(), &marked(text))
                .expect("names of a unit's files are checked");
        };
        if let Some(release) = &output.release {
            if let Some(source) = chart_source(model, unit, release) {
                add(tree, "source.yaml", &yaml::write(&source));
            }
            add(tree, "helmrelease.yaml", &helm_release(model, unit, output, release, sources));
        }
        for manifest in &output.manifests {
            match &manifest.body {
                Body::Template { source, .. } => add(tree, &manifest.name, &sources.get(*source).text),
                Body::Made { objects, .. } => add(tree, &manifest.name, &documents(objects)),
            }
        }
        files.sort();
        let list =
            json!({ "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": files });
        tree.add(&format!("{folder}/kustomization.yaml"), origin.clone(), &marked(&yaml::write(&list)))
            .expect("no template may have this name");
    }
}

/// Documents of a file, one after another.
fn documents(objects: &[Value]) -> String {
    objects.iter().map(yaml::write).collect::<Vec<_>>().join("---\n")
}

fn origin(model: &Model, unit: &Unit) -> Origin {
    let has_templates = !model.inputs.folder(&unit.folder).is_empty();
    let folder = format!("{}/", unit.folder);
    let change: &[&str] = if has_templates { &["inventory.toml", &folder] } else { &["inventory.toml"] };
    Origin::new(unit.title(), change)
}

fn namespaces(model: &Model, tree: &mut Tree) {
    if model.plan.namespaces.is_empty() {
        return;
    }
    let origin = Origin::new(NAMESPACES, &["inventory.toml"]);
    for (name, namespace) in &model.plan.namespaces {
        let mut metadata = json!({ "name": name });
        if let Some(level) = namespace.pod_security {
            metadata["labels"] = json!({ "pod-security.kubernetes.io/enforce": level });
        }
        // Pruning a Namespace deletes everything in it: Flux must not, even when the file is gone.
        metadata["annotations"] = json!({ "kustomize.toolkit.fluxcd.io/prune": "disabled" });
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
        tree.add(&format!("namespaces/{name}.yaml"), origin.clone(), &marked(&yaml::write(&object)))
            .expect("names of namespaces are checked");
    }
    let flux = &model.inventory.flux;
    let timeout = duration::parse(&flux.timeout).map_or_else(|| "5m".to_owned(), duration::write);
    let interval = duration::parse(&flux.interval).map_or_else(|| "10m".to_owned(), duration::write);
    let spec = Spec {
        depends_on: Vec::new(),
        interval,
        timeout,
        path: "namespaces",
        prune: false,
        wait: true,
        suspend: false,
    };
    let object = flux_kustomization(model, NAMESPACES, &spec);
    tree.add(&format!("flux/{NAMESPACES}.yaml"), origin, &marked(&yaml::write(&object)))
        .expect("no unit may have this name");
}

fn kustomization(model: &Model, id: UnitId, origin: &Origin, tree: &mut Tree) {
    let unit = &model.plan.units[id];
    let path = unit.path();
    let depends_on = model.order.edges[id]
        .iter()
        .map(|edge| edge.to.map_or(NAMESPACES, |to| model.plan.units[to].name.as_str()).to_owned())
        .collect();
    // A release may take its whole timeout; the unit waits a little longer, so that the release's own error is seen.
    let timeout = unit.timeout + std::time::Duration::from_secs(if model.units[id].release.is_some() { 60 } else { 0 });
    let spec = Spec {
        depends_on,
        interval: duration::write(unit.interval),
        timeout: duration::write(timeout),
        path: &path,
        prune: true,
        wait: model.order.awaited.contains(&id),
        suspend: unit.facets.suspend,
    };
    let object = flux_kustomization(model, &unit.name, &spec);
    tree.add(&format!("flux/{}.yaml", unit.name), origin.clone(), &marked(&yaml::write(&object)))
        .expect("names of units are checked");
}

struct Spec<'s> {
    depends_on: Vec<String>,
    interval: String,
    timeout: String,
    path: &'s str,
    prune: bool,
    wait: bool,
    suspend: bool,
}

fn flux_kustomization(model: &Model, name: &str, from: &Spec<'_>) -> Value {
    let (namespace, source) = model.inventory.flux.git_repository();
    let mut spec = json!({});
    if !from.depends_on.is_empty() {
        let mut names = from.depends_on.clone();
        names.sort();
        spec["dependsOn"] = names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>().into();
    }
    spec["interval"] = json!(from.interval);
    if let Some(retry) = duration::parse(&model.inventory.flux.retry_interval) {
        spec["retryInterval"] = json!(duration::write(retry));
    }
    spec["timeout"] = json!(from.timeout);
    spec["path"] =
        json!(format!("./{}", below_repository(&model.inventory.repo.path, &format!("{}/{}", model.out, from.path))));
    spec["prune"] = json!(from.prune);
    spec["sourceRef"] = json!({ "kind": "GitRepository", "name": source });
    if from.wait {
        spec["wait"] = json!(true);
    }
    if from.suspend {
        spec["suspend"] = json!(true);
    }
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": name, "namespace": namespace },
        "spec": spec,
    })
}

/// The object a chart is fetched with; none for a chart of this repository, which the repository's own source carries.
fn chart_source(model: &Model, unit: &Unit, release: &Release) -> Option<Value> {
    let flux = model.inventory.versions.flux.as_deref().and_then(crate::plan::version);
    let old = flux.is_some_and(|version| version < (2, 6));
    let (api_version, kind, mut spec) = match &release.source {
        ChartSource::Repository { url, .. } => {
            ("source.toolkit.fluxcd.io/v1", "HelmRepository", json!({ "interval": "1h", "url": url }))
        }
        ChartSource::Oci { url, version } => (
            // Flux 2.6 brought `v1` of OCIRepository.
            if old { "source.toolkit.fluxcd.io/v1beta2" } else { "source.toolkit.fluxcd.io/v1" },
            "OCIRepository",
            json!({
                "interval": "1h",
                "url": format!("oci://{url}"),
                "ref": { "tag": version },
                "layerSelector": { "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "operation": "copy" },
            }),
        ),
        ChartSource::Path(_) => return None,
    };
    if let Some(secret) = &release.credentials {
        spec["secretRef"] = json!({ "name": secret });
    }
    Some(json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": { "name": unit.label(), "namespace": unit.namespace },
        "spec": spec,
    }))
}

fn helm_release(model: &Model, unit: &Unit, output: &UnitOutput, release: &Release, sources: &Sources) -> String {
    let (source_namespace, source_name) = model.inventory.flux.git_repository();
    let mut spec = json!({ "interval": duration::write(unit.interval), "timeout": duration::write(unit.timeout) });
    match &release.source {
        ChartSource::Repository { name, version, .. } => {
            spec["chart"] = json!({ "spec": {
                "chart": name,
                "version": version,
                "sourceRef": { "kind": "HelmRepository", "name": unit.label() },
            } });
        }
        ChartSource::Oci { .. } => {
            spec["chartRef"] = json!({ "kind": "OCIRepository", "name": unit.label() });
        }
        ChartSource::Path(path) => {
            spec["chart"] = json!({ "spec": {
                "chart": format!("./{}", below_repository(&model.inventory.repo.path, path)),
                "reconcileStrategy": "Revision",
                "sourceRef": { "kind": "GitRepository", "name": source_name, "namespace": source_namespace },
            } });
        }
    }
    spec["releaseName"] = json!(release.name);
    spec["install"] = json!({ "crds": "Create", "remediation": { "retries": 3 } });
    spec["upgrade"] = json!({ "crds": "CreateReplace", "remediation": { "retries": 3 } });
    spec["driftDetection"] = json!({ "mode": match model.inventory.flux.drift_detection {
        DriftDetection::Enabled => "enabled",
        DriftDetection::Warn => "warn",
        DriftDetection::Disabled => "disabled",
    } });
    let patches = post_render(unit, output, sources);
    if !patches.is_empty() {
        spec["postRenderers"] = json!([{ "kustomize": { "patches": patches } }]);
    }
    let object = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": { "name": unit.label(), "namespace": unit.namespace },
        "spec": spec,
    });
    let mut text = yaml::write(&object);
    if let Some(values) = &output.values {
        text.push_str("  values:\n");
        text.push_str(&indented(body(&sources.get(values.source).text)));
    }
    text
}

/// Where neither values nor manifests use the address, the release's Services get it by a patch.
fn post_render(unit: &Unit, output: &UnitOutput, sources: &Sources) -> Vec<Value> {
    let Some(pool) = &unit.pool else { return Vec::new() };
    let texts =
        output.values.iter().map(|values| values.source).chain(output.manifests.iter().filter_map(|manifest| {
            match &manifest.body {
                Body::Template { source, .. } => Some(*source),
                Body::Made { .. } => None,
            }
        }));
    let ip = pool.ip.map(|ip| ip.to_string());
    let uses = |text: &str| text.contains("metallb.io/") || ip.as_ref().is_some_and(|ip| text.contains(ip.as_str()));
    if texts.into_iter().any(|source| uses(&sources.get(source).text)) {
        return Vec::new();
    }
    let patch = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "any", "annotations": pool.annotations() } });
    vec![json!({ "target": { "kind": "Service" }, "patch": yaml::write(&patch) })]
}

/// The text of one document without its markers.
fn body(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}');
    match text.split_once("---\n") {
        Some((before, rest)) if before.lines().all(|line| line.is_empty() || line.starts_with('#')) => rest,
        _ => text,
    }
}

/// Every line that is not empty moved in by four.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.trim_matches('\n').lines() {
        if !line.trim_end().is_empty() {
            out.push_str("    ");
            out.push_str(line.trim_end_matches('\r'));
        }
        out.push('\n');
    }
    out
}
