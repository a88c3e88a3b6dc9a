//! One thing has one version, whichever file speaks of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claims::{helm::Release, release, shown, terraform::Origin},
    code,
    diagnostic::{Diagnostic, Severity},
    flux::{Object, Unit},
    foundation::LARGEST,
    foundation::is_about,
    node::Node,
    repository::{Repository, join, parent},
    source::{Place, SourceId, Span},
    survey::Survey,
};

/// Folders that speak of the tools people and pipelines run, not of what runs in a cluster.
const ELSEWHERE: &[&str] = &[".github/", ".gitlab/", ".gitea/", ".forgejo/", ".woodpecker/"];

/// Reports what has two.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    releases(survey, found);
    flux(survey, found);
    // Which cluster a file is about cannot be told surely where there are several.
    if survey.clusters.len() < 2 {
        platform(survey, found);
    }
}

/// A version where it is written.
struct Pin {
    version: Version,
    place: Place,
}

/// A whole version: three numbers and what follows them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    numbers: [u32; 3],
    rest: String,
}

impl Version {
    /// Ranges and parts of versions are none.
    fn read(text: &str) -> Option<Version> {
        let text = text.trim().trim_start_matches('v');
        let core = text.split(['-', '+']).next()?;
        let numbers: Vec<u32> = core.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let is_whole = text[core.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte));
        let numbers = numbers.try_into().ok().filter(|_| is_whole)?;
        // What follows a plus is no part of a version's order.
        let rest = text[core.len()..].split('+').next().unwrap_or_default().to_owned();
        Some(Version { numbers, rest })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(out, "{major}.{minor}.{patch}{}", self.rest)
    }
}

/// A release that something else installs before Flux does, in another version of the same chart.
fn releases(survey: &Survey, found: &mut Vec<Diagnostic>) {
    for (namespace, name, chart, pin) in installed(survey) {
        let object = release(&namespace, &name);
        let claims = || survey.claims.iter().filter(|claim| claim.object == object);
        let said = claims().find(|claim| claim.place == pin.place || is_beside(survey, claim.place, pin.place));
        let only = (survey.clusters.len() == 1).then_some(0);
        let Some(cluster) = said.and_then(|claim| claim.cluster).or(only) else { continue };
        let is_same = |kept: &&Release| {
            let is_chart = chart.as_ref().is_none_or(|chart| kept.chart.as_ref().is_some_and(|it| it.name == *chart));
            kept.cluster == cluster && kept.namespace == namespace && kept.name == name && is_chart
        };
        let Some(kept) = survey.releases.iter().find(is_same).and_then(|kept| kept.version.as_ref()) else { continue };
        let Some(version) = Version::read(&kept.text).filter(|version| *version != pin.version) else { continue };
        let object = shown(&object);
        found.push(
            Diagnostic::new(
                code!("versions-disagree"),
                format!("`{object}` is installed in version `{}`, and kept in `{version}`", pin.version),
            )
            .at(pin.place, "")
            .at(kept.place, "Flux keeps this version")
            .note("a cluster built from nothing starts with the one and is changed to the other at once")
            .help("set both in one change, best by a rule of the tool that updates them")
            .about(object),
        );
    }
}

/// Whether two places are in one file, a few lines from each other: a name and its version.
fn is_beside(survey: &Survey, left: Place, right: Place) -> bool {
    const NEAR: usize = 30;
    let line = |place| survey.repository.sources.position(place).line;
    left.source == right.source && line(left).abs_diff(line(right)) < NEAR
}

/// What helmfile and Terraform install: namespace, name, chart, version.
fn installed(survey: &Survey) -> Vec<(String, String, Option<String>, Pin)> {
    let mut installed = Vec::new();
    for (_, file) in survey.repository.files() {
        for document in file.documents().filter(|document| document.get("apiVersion").is_none()) {
            for entry in document.get("releases").map_or(&[][..], Node::items) {
                let text = |key: &str| entry.get(key).and_then(Node::as_str).filter(|text| !text.contains("{{"));
                let (Some(name), Some(chart), Some(at)) = (text("name"), text("chart"), entry.get("version")) else {
                    continue;
                };
                let Some(version) = at.as_str().and_then(Version::read) else { continue };
                let namespace = text("namespace").unwrap_or("default").to_owned();
                let pin = Pin { version, place: at.place };
                installed.push((namespace, name.to_owned(), Some(last(chart)), pin));
            }
        }
    }
    for of in &survey.terraform.releases {
        let Some(pin) = of
            .version
            .as_ref()
            .and_then(|version| Some(Pin { version: Version::read(&version.text)?, place: version.place }))
        else {
            continue;
        };
        let chart = of.chart.as_ref().map(|chart| last(&chart.text));
        installed.push((of.namespace.clone(), of.name.clone(), chart, pin));
    }
    installed
}

fn last(chart: &str) -> String {
    chart.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

/// Flux as Terraform installs it, and as its files lie in the repository.
fn flux(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut told = BTreeSet::new();
    for bootstrap in survey.terraform.bootstraps.iter().filter(|bootstrap| bootstrap.off.is_none()) {
        let (Some(path), Some(wanted)) = (&bootstrap.path, &bootstrap.version) else { continue };
        let file = join(&path.text, "flux-system/gotk-components.yaml");
        let Some(there) = components(&survey.repository, &file) else { continue };
        let Some(version) = Version::read(&wanted.text).filter(|version| *version != there.version) else { continue };
        if told.insert(wanted.place) {
            found.push(
                Diagnostic::new(
                    code!("versions-disagree"),
                    format!("Terraform installs Flux `{version}`, and `{file}` is of `{}`", there.version),
                )
                .at(wanted.place, "")
                .at(there.place, "Flux updates itself to what this file holds")
                .note("each run of Terraform writes the file anew, and Flux follows it")
                .help("run Terraform, or set the version that runs")
                .about("Flux"),
            );
        }
    }
}

/// The version that the first line of Flux' own manifests names.
fn components(repository: &Repository, path: &str) -> Option<Pin> {
    let source = repository.file(path)?.source?;
    let text = &repository.sources.get(source).text;
    let line = text.lines().take(5).find(|line| line.starts_with("# Flux Version:"))?;
    let start = line.as_ptr() as usize - text.as_ptr() as usize;
    let version = Version::read(line.strip_prefix("# Flux Version:")?)?;
    Some(Pin { version, place: Place { source, span: Span::new(start, start + line.len()) } })
}

/// What a cluster stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Platform {
    Talos,
    Kubernetes,
}

/// A version of it that some text names.
struct Said {
    of: Platform,
    pin: Pin,
    path: String,
    is_prose: bool,
}

/// The oldest minor release of Kubernetes that anything says a cluster runs, where it says so, and whether all say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kubernetes {
    pub minor: u32,
    pub place: Place,
    pub is_agreed: bool,
}

/// What a cluster runs, by its machine configurations, Terraform, and the objects that operators upgrade it by. A default in Terraform is
/// not counted: a file that is not committed may say otherwise.
pub(super) fn kubernetes(survey: &Survey, cluster: usize) -> Option<Kubernetes> {
    let defaults: BTreeSet<Place> =
        survey.terraform.settings.iter().filter(|it| it.origin == Origin::Default).map(|it| it.place).collect();
    let is_counted = |it: &Said| {
        let is_about = is_about(survey, it.pin.place, Some(cluster));
        it.of == Platform::Kubernetes && !it.is_prose && !defaults.contains(&it.pin.place) && is_about
    };
    let mut pins: Vec<Pin> = said(survey).into_iter().filter(is_counted).map(|it| it.pin).collect();
    pins.extend(super::units_of(survey, Some(cluster)).flat_map(Unit::objects).filter_map(upgrade));
    let releases: BTreeSet<[u32; 2]> =
        pins.iter().map(|pin| [pin.version.numbers[0], pin.version.numbers[1]]).collect();
    let oldest = pins.into_iter().min_by(|left, right| left.version.cmp(&right.version))?;
    let [major, minor, _] = oldest.version.numbers;
    (major == 1).then_some(Kubernetes { minor, place: oldest.place, is_agreed: releases.len() == 1 })
}

/// The version that an operator upgrades the cluster to: tuppr's `KubernetesUpgrade` (0.1), or a `Plan` of Rancher's
/// system-upgrade-controller (0.16) for k3s, RKE2 or with `talosctl upgrade-k8s`.
fn upgrade(object: &Object) -> Option<Pin> {
    let written = match (object.id.group.as_str(), object.id.kind.as_str()) {
        ("tuppr.home-operations.com", "KubernetesUpgrade") => object.node.at(["spec", "kubernetes", "version"])?,
        ("upgrade.cattle.io", "Plan") => {
            let upgrade = object.node.at(["spec", "upgrade"])?;
            let image = upgrade.get("image").and_then(Node::as_str).unwrap_or_default();
            let words = ["args", "command"].into_iter().filter_map(|key| upgrade.get(key)).flat_map(Node::items);
            let is_talos = words.filter_map(Node::as_str).any(|word| word == "upgrade-k8s");
            let is_ours = is_talos || ["k3s-upgrade", "rke2-upgrade"].iter().any(|name| image.contains(name));
            object.node.at(["spec", "version"]).filter(|_| is_ours)?
        }
        _ => return None,
    };
    Some(Pin { version: Version::read(written.as_str()?)?, place: written.place })
}

fn platform(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let said = said(survey);
    for (of, name) in [(Platform::Talos, "Talos"), (Platform::Kubernetes, "Kubernetes")] {
        let (prose, meant): (Vec<&Said>, Vec<&Said>) = said.iter().filter(|it| it.of == of).partition(|it| it.is_prose);
        let Some(newest) = meant.iter().max_by_key(|it| &it.pin.version) else { continue };
        let others: Vec<&Said> = meant.iter().copied().filter(|it| it.pin.version != newest.pin.version).collect();
        // Files of one name in several folders are those of several clusters.
        let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let is_several = |it: &&Said| file(&it.path) == file(&newest.path) && it.path != newest.path;
        if others.iter().any(is_several) {
            continue;
        }
        if let Some(first) = others.first() {
            let message = format!("{name} is `{}` here and `{}` elsewhere", first.pin.version, newest.pin.version);
            found.push(disagreement(message, &others, newest, name).help("set the version that runs in all of them"));
            continue;
        }
        let mut by_file: BTreeMap<SourceId, Vec<&Said>> = BTreeMap::new();
        for it in prose.into_iter().filter(|it| it.pin.version < newest.pin.version) {
            by_file.entry(it.pin.place.source).or_default().push(it);
        }
        for old in by_file.values() {
            let message = format!(
                "the document is about {name} `{}`, the cluster has `{}`",
                old[0].pin.version, newest.pin.version
            );
            let finding = disagreement(message, old, newest, name).severity(Severity::Note);
            found.push(finding.help("name the version that runs, or write it without one"));
        }
    }
}

fn disagreement(message: String, others: &[&Said], newest: &Said, name: &str) -> Diagnostic {
    const SHOWN: usize = 4;
    let mut finding = Diagnostic::new(code!("versions-disagree"), message);
    for (at, other) in others.iter().take(SHOWN).enumerate() {
        finding = finding.at(other.pin.place, if at == 0 { String::new() } else { format!("`{}`", other.pin.version) });
    }
    finding.at(newest.pin.place, format!("`{}`", newest.pin.version)).about(name)
}

fn said(survey: &Survey) -> Vec<Said> {
    let mut said = Vec::new();
    for (path, file) in survey.repository.files() {
        let Some(source) = file.source else { continue };
        let text = &survey.repository.sources.get(source).text;
        // Flux fills its manifests with versions of everything.
        let is_other = ELSEWHERE.iter().any(|folder| path.starts_with(folder)) || parent(path).ends_with("flux-system");
        if text.len() > LARGEST || is_other || path.ends_with(".tf") || path.ends_with(".tofu") {
            continue;
        }
        let is_prose = path.ends_with(".md");
        if !(is_prose && super::addresses::is_past(path)) {
            in_text(source, path, text, is_prose, &mut said);
        }
    }
    terraform(survey, &mut said);
    said
}

/// Keys that name a version, and images that carry one.
fn in_text(source: SourceId, path: &str, text: &str, is_prose: bool, said: &mut Vec<Said>) {
    // Every way to name one has one of these words.
    let mut lines = BTreeSet::new();
    for word in ["alos", "ALOS", "ubernetes", "UBERNETES", "kubelet:"] {
        for (at, _) in text.match_indices(word) {
            lines.insert(text[..at].rfind('\n').map_or(0, |newline| newline + 1));
        }
    }
    for start in lines {
        let line = text[start..].lines().next().unwrap_or_default();
        let line = if is_prose { line } else { line.split(" #").next().unwrap_or_default() };
        if !is_prose && line.trim_start().starts_with(['#', '/']) {
            continue;
        }
        if let Some((of, at, version)) = of_line(line, is_prose) {
            let span = Span::new(start + at, start + at + version.len());
            let Some(version) = Version::read(version) else { continue };
            let pin = Pin { version, place: Place { source, span } };
            said.push(Said { of, pin, path: path.to_owned(), is_prose });
        }
    }
}

/// The version in a line, and where it starts there.
fn of_line(line: &str, is_prose: bool) -> Option<(Platform, usize, &str)> {
    let end = |from: usize| {
        let length =
            line[from..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(byte)).count();
        from + length
    };
    // `factory.talos.dev/metal-installer/<schematic>:v1.13.0`, `ghcr.io/siderolabs/kubelet:v1.36.0`
    if let Some(at) = line.find(":v") {
        let image = line[..at].rsplit([' ', '"', '\'', '=']).next().unwrap_or_default();
        let is_talos = image.contains("talos.dev/") || image.contains("siderolabs/");
        let of = match image {
            _ if is_talos && image.contains("installer") => Some(Platform::Talos),
            _ if image.ends_with("/kubelet") => Some(Platform::Kubernetes),
            _ => None,
        };
        if let Some(of) = of {
            return Some((of, at + 1, &line[at + 1..end(at + 1)]));
        }
    }
    if is_prose {
        return None;
    }
    let (key, value) = line.split_once([':', '='])?;
    let key = key.trim().trim_start_matches("- ").trim_start_matches("export ").trim_matches(['"', '\'']);
    let of = match plain(key).as_str() {
        "talosversion" => Platform::Talos,
        "kubernetesversion" => Platform::Kubernetes,
        _ => return None,
    };
    let quoted = value.trim_start().trim_start_matches(['"', '\'']);
    let at = line.len() - quoted.len();
    Some((of, at, &line[at..end(at)]))
}

/// A name without what separates its words.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// What Terraform says; a default counts where nothing else sets the variable.
fn terraform(survey: &Survey, said: &mut Vec<Said>) {
    let settings = &survey.terraform.settings;
    let name = |text: &str| plain(text.rsplit('.').next().unwrap_or_default());
    let given: BTreeSet<String> =
        settings.iter().filter(|it| it.origin != Origin::Default).map(|it| name(&it.name)).collect();
    for setting in settings {
        let of = match name(&setting.name).as_str() {
            "talosversion" => Platform::Talos,
            "kubernetesversion" | "k8sversion" => Platform::Kubernetes,
            _ => continue,
        };
        if setting.origin == Origin::Default && given.contains(&name(&setting.name)) {
            continue;
        }
        let Some(version) = Version::read(&setting.value) else { continue };
        let path = survey.repository.path(setting.place).to_owned();
        said.push(Said { of, pin: Pin { version, place: setting.place }, path, is_prose: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audits::audited;

    fn reports(files: &[(&str, &str)]) -> Vec<String> {
        let (survey, found) = audited(audit, files.iter().copied());
        let at = |finding: &Diagnostic| {
            let place = finding.labels[0].place;
            format!("{}:{}", survey.repository.path(place), survey.repository.sources.position(place).line)
        };
        found.iter().map(|it| format!("{} {}: {}", at(it), it.severity.name(), it.message)).collect()
    }

    const NONE: [String; 0] = [];
    const CONFIGURATION: &str = "machine:\n  install:\n    image: factory.talos.dev/metal-installer/abc:v1.11.2\n";

    #[test]
    fn whole_versions_are_read_and_ranges_are_not() {
        for (text, shown) in [
            ("v1.2.3", Some("1.2.3")),
            ("1.2.3-rc.1", Some("1.2.3-rc.1")),
            ("1.2.3+build", Some("1.2.3")),
            ("1.2", None),
            ("1.2.x", None),
            ("~1.2.3", None),
            ("1.2.3 - 2", None),
            ("", None),
        ] {
            assert_eq!(Version::read(text).map(|version| version.to_string()).as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn a_default_in_terraform_disagrees_unless_something_else_sets_it() {
        let default = "variable \"talos_version\" {\n  default = \"v1.9.1\"\n}\n";
        let found = reports(&[("talos/node.yaml", CONFIGURATION), ("terraform/variables.tf", default)]);
        assert_eq!(found, ["terraform/variables.tf:2 warning: Talos is `1.9.1` here and `1.11.2` elsewhere"]);
        let given = ("terraform/terraform.tfvars", "talos_version = \"v1.11.2\"\n");
        assert_eq!(reports(&[("talos/node.yaml", CONFIGURATION), ("terraform/variables.tf", default), given]), NONE);
    }

    #[test]
    fn tools_of_pipelines_patterns_and_other_clusters_are_left_alone() {
        let other = CONFIGURATION.replace("1.11.2", "1.12.0");
        for (path, text) in [
            (".github/workflows/lint.yaml", "env:\n  TALOS_VERSION: v1.9.1\n"),
            ("test/talos/node.yaml", other.as_str()),
            ("talos/other.yaml.j2", "image: ghcr.io/siderolabs/installer:{{ version }}\n"),
            ("talos/job.yaml", "image: ghcr.io/siderolabs/talosctl:v1.9.1\n"),
            ("talos/b.yaml", "a: b # talosVersion: v1.9.1\n# talosVersion: v1.9.1\n"),
            ("docs/archive/upgrade.md", "talosctl upgrade --image ghcr.io/siderolabs/installer:v1.9.1\n"),
        ] {
            assert_eq!(reports(&[("talos/node.yaml", CONFIGURATION), (path, text)]), NONE, "{path}");
        }
    }

    #[test]
    fn a_document_with_an_older_version_is_a_note() {
        let text = "Then:\n\ntalosctl upgrade --image ghcr.io/siderolabs/installer:v1.9.1\n";
        assert_eq!(
            reports(&[("talos/node.yaml", CONFIGURATION), ("README.md", text)]),
            ["README.md:3 note: the document is about Talos `1.9.1`, the cluster has `1.11.2`"]
        );
    }

    #[test]
    fn helmfile_installs_the_version_that_flux_keeps() {
        const UNIT: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: apps\n  namespace: flux-system\nspec:\n  interval: 1h\n  path: ./apps\n  prune: true\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n";
        let release = |version: &str| {
            format!(
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: cilium\n  namespace: kube-system\nspec:\n  interval: 1h\n  chart:\n    spec:\n      chart: cilium\n      version: {version}\n      sourceRef:\n        kind: HelmRepository\n        name: cilium\n        namespace: kube-system\n"
            )
        };
        let helmfile =
            "releases:\n  - name: cilium\n    namespace: kube-system\n    chart: cilium/cilium\n    version: 1.18.2\n";
        for (version, messages) in [
            ("v1.18.2", vec![]),
            ("1.x", vec![]),
            (
                "1.18.4",
                vec![
                    "bootstrap/helmfile.yaml:5 warning: `helm:kube-system/cilium` is installed in version `1.18.2`, and kept in `1.18.4`",
                ],
            ),
        ] {
            let release = release(version);
            let files =
                [("cluster.yaml", UNIT), ("apps/cilium.yaml", release.as_str()), ("bootstrap/helmfile.yaml", helmfile)];
            assert_eq!(reports(&files), messages, "{version}");
        }
    }

    #[test]
    fn terraform_installs_the_flux_that_lies_there() {
        let terraform = "resource \"flux_bootstrap_git\" \"this\" {\n  path    = \"k8s\"\n  version = \"v2.7.3\"\n}\n";
        let components = |version: &str| {
            format!("---\n# Flux Version: {version}\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: flux-system\n")
        };
        let path = "k8s/flux-system/gotk-components.yaml";
        assert_eq!(reports(&[("main.tf", terraform), (path, &components("v2.7.3"))]), NONE);
        assert_eq!(
            reports(&[("main.tf", terraform), (path, &components("v2.5.1"))]),
            [
                "main.tf:3 warning: Terraform installs Flux `2.7.3`, and `k8s/flux-system/gotk-components.yaml` is of `2.5.1`"
            ]
        );
    }
}
