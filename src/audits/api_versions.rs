//! Objects are written in API versions that the cluster still serves.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    objects,
    versions::{Kubernetes, kubernetes},
};
use crate::{
    claims::helm::Release,
    code,
    diagnostic::Diagnostic,
    flux::{Cluster, Object, roots::string},
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// Where one finding lists more than this many places, it counts the rest.
const SHOWN: usize = 12;

/// API versions that Flux dropped: group, version, the minor release of Flux 2 without it, what to write instead (Flux 2.9).
const FLUX: &[(&str, &str, u32, &str)] = &[
    ("helm.toolkit.fluxcd.io", "v2beta1", 7, "v2"),
    ("helm.toolkit.fluxcd.io", "v2beta2", 8, "v2"),
    ("image.toolkit.fluxcd.io", "v1beta1", 7, "v1"),
    ("kustomize.toolkit.fluxcd.io", "v1beta1", 7, "v1"),
    ("kustomize.toolkit.fluxcd.io", "v1beta2", 8, "v1"),
    ("source.toolkit.fluxcd.io", "v1beta1", 7, "v1"),
    ("source.toolkit.fluxcd.io", "v1beta2", 8, "v1"),
];

/// API versions that Kubernetes dropped before the releases whose kinds are embedded: apiVersion, kind (empty for all of them), the
/// minor release without it, what to write instead. From the deprecation guide of Kubernetes.
const KUBERNETES: &[(&str, &str, u32, &str)] = &[
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration", 22, "admissionregistration.k8s.io/v1"),
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration", 22, "admissionregistration.k8s.io/v1"),
    ("apiextensions.k8s.io/v1beta1", "", 22, "apiextensions.k8s.io/v1"),
    ("apiregistration.k8s.io/v1beta1", "", 22, "apiregistration.k8s.io/v1"),
    ("apps/v1beta1", "", 16, "apps/v1"),
    ("apps/v1beta2", "", 16, "apps/v1"),
    ("autoscaling/v2beta1", "", 25, "autoscaling/v2"),
    ("autoscaling/v2beta2", "", 26, "autoscaling/v2"),
    ("batch/v1beta1", "CronJob", 25, "batch/v1"),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest", 22, "certificates.k8s.io/v1"),
    ("coordination.k8s.io/v1beta1", "Lease", 22, "coordination.k8s.io/v1"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice", 25, "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", "", 25, "events.k8s.io/v1"),
    ("extensions/v1beta1", "Ingress", 22, "networking.k8s.io/v1"),
    ("extensions/v1beta1", "NetworkPolicy", 16, "networking.k8s.io/v1"),
    ("extensions/v1beta1", "PodSecurityPolicy", 16, ""),
    ("extensions/v1beta1", "", 16, "apps/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "", 26, "flowcontrol.apiserver.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "Ingress", 22, "networking.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "IngressClass", 22, "networking.k8s.io/v1"),
    ("node.k8s.io/v1beta1", "RuntimeClass", 25, "node.k8s.io/v1"),
    ("policy/v1beta1", "PodDisruptionBudget", 25, "policy/v1"),
    ("policy/v1beta1", "PodSecurityPolicy", 25, ""),
    ("rbac.authorization.k8s.io/v1alpha1", "", 22, "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", "", 22, "rbac.authorization.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass", 22, "scheduling.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIDriver", 22, "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSINode", 22, "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity", 27, "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "StorageClass", 22, "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "VolumeAttachment", 22, "storage.k8s.io/v1"),
];

/// API versions of other projects that their later releases do not serve.
const PROJECTS: &[Project] = &[
    Project {
        api_version: "cert-manager.io/v1alpha2",
        name: "cert-manager",
        chart: "cert-manager",
        gone: (1, 6),
        instead: "cert-manager.io/v1",
    },
    Project {
        api_version: "cert-manager.io/v1alpha3",
        name: "cert-manager",
        chart: "cert-manager",
        gone: (1, 6),
        instead: "cert-manager.io/v1",
    },
    Project {
        api_version: "cert-manager.io/v1beta1",
        name: "cert-manager",
        chart: "cert-manager",
        gone: (1, 6),
        instead: "cert-manager.io/v1",
    },
    Project {
        api_version: "external-secrets.io/v1beta1",
        name: "External Secrets",
        chart: "external-secrets",
        gone: (0, 17),
        instead: "external-secrets.io/v1",
    },
];

struct Project {
    api_version: &'static str,
    name: &'static str,
    /// The chart whose version is the project's.
    chart: &'static str,
    gone: (u32, u32),
    instead: &'static str,
}

/// Whether objects of an API version can still be applied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// They cannot.
    Removed { why: String, instead: String },
    /// They can, but not for ever, or it is not known which version runs.
    Deprecated { why: String, instead: String },
}

/// Where objects of an API version are written, by what becomes of them and where the version is that this follows from.
type Places = BTreeMap<(Verdict, Option<Place>), BTreeSet<Place>>;

/// Reports each API version once, with the places that use it.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let worlds: Vec<World> = survey.clusters.iter().enumerate().map(|(at, it)| World::of(survey, at, it)).collect();
    let mut uses: BTreeMap<(&str, &str), Places> = BTreeMap::new();
    for (cluster, _, object) in objects(survey) {
        if let Some(verdict) = worlds[cluster].judge(survey, object) {
            let place = object.node.get("apiVersion").map_or(object.place, |version| version.place);
            let key = (object.api_version.as_str(), object.id.kind.as_str());
            uses.entry(key).or_default().entry(verdict).or_default().insert(place);
        }
    }
    for ((api_version, kind), verdicts) in uses {
        found.extend(verdicts.into_iter().map(|((verdict, told), places)| {
            let finding = finding(api_version, kind, verdict, &places);
            told.into_iter().fold(finding, |finding, place| finding.at(place, "this says which Kubernetes runs"))
        }));
    }
}

fn finding(api_version: &str, kind: &str, verdict: Verdict, places: &BTreeSet<Place>) -> Diagnostic {
    let (mut finding, instead) = match verdict {
        Verdict::Removed { why, instead } => {
            let note = "Flux applies nothing of a unit that holds an object the cluster does not know";
            (Diagnostic::new(code!("api-removed"), why).note(note), instead)
        }
        Verdict::Deprecated { why, instead } => (Diagnostic::new(code!("api-deprecated"), why), instead),
    };
    for place in places.iter().take(SHOWN) {
        finding = finding.at(*place, "");
    }
    if let Some(more) = places.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        finding = finding.note(format!("{more} more objects are written so"));
    }
    let help =
        if instead.is_empty() { "nothing takes its place: remove it".to_owned() } else { format!("write `{instead}`") };
    finding.help(help).about(format!("{kind} {api_version}"))
}

/// What runs in a cluster, as far as its repository says.
struct World<'s> {
    /// The versions that definitions the cluster applies give to a kind.
    defined: BTreeMap<(&'s str, &'s str), Vec<Version<'s>>>,
    /// The minor release of Flux 2.
    flux: Option<u32>,
    releases: Vec<&'s Release>,
    cluster: usize,
    /// What the repository says of Kubernetes, asked for only where something depends on it.
    kubernetes: OnceCell<Option<Kubernetes>>,
}

struct Version<'s> {
    name: &'s str,
    served: bool,
    deprecated: bool,
}

impl<'s> World<'s> {
    fn of(survey: &'s Survey, at: usize, cluster: &'s Cluster) -> World<'s> {
        let objects = || cluster.units.iter().flat_map(crate::flux::Unit::objects);
        let definitions = objects().filter(|object| object.id.kind == "CustomResourceDefinition");
        let told = survey.settings.settings.versions.flux.as_deref().and_then(minor_of_flux);
        World {
            defined: definitions.filter_map(|object| versions(&object.node)).collect(),
            flux: told
                .or_else(|| objects().find_map(|object| flux_of(&object.node)))
                .or_else(|| flux_beside(survey, cluster)),
            releases: survey.releases.iter().filter(|release| release.cluster == at).collect(),
            cluster: at,
            kubernetes: OnceCell::new(),
        }
    }

    /// What becomes of an object, and where the version of the cluster is written that it follows from.
    fn judge(&self, survey: &Survey, object: &Object) -> Option<(Verdict, Option<Place>)> {
        let (group, version) = object.api_version.split_once('/')?;
        let defined = self.defined.get(&(group, object.id.kind.as_str()));
        let in_definition = defined.and_then(|versions| by_definition(versions, object, version));
        match in_definition {
            Some(removed @ Verdict::Removed { .. }) => Some((removed, None)),
            // What Flux or Kubernetes say of a version is more than that it is deprecated.
            deprecated => match self.by_flux(object, group, version).or(deprecated) {
                Some(verdict) => Some((verdict, None)),
                None => self.by_kubernetes(survey, object).or_else(|| {
                    let verdict = self.by_project(object).filter(|_| defined.is_none());
                    verdict.map(|verdict| (verdict, None))
                }),
            },
        }
    }

    fn by_kubernetes(&self, survey: &Survey, object: &Object) -> Option<(Verdict, Option<Place>)> {
        let (api_version, kind) = (object.api_version.as_str(), object.id.kind.as_str());
        let row = KUBERNETES.iter().find(|row| row.0 == api_version && (row.1 == kind || row.1.is_empty()));
        let (gone, instead) = match row {
            Some((_, _, gone, instead)) => (*gone, (*instead).to_owned()),
            None => (survey.schemas.gone_since(api_version, kind)?, newer(survey, object)),
        };
        let (runs, told) = if survey.settings.settings.versions.kubernetes.is_some() {
            (Some(survey.schemas.minor()), None)
        } else {
            let inferred = *self.kubernetes.get_or_init(|| kubernetes(survey, self.cluster));
            // Where several are named, what the oldest no longer serves is gone in all of them.
            let inferred = inferred.filter(|it| it.is_agreed || it.minor >= gone);
            (inferred.map(|it| it.minor), inferred.map(|it| it.place))
        };
        let verdict = match runs {
            Some(runs) if runs >= gone => Verdict::Removed {
                why: format!("Kubernetes 1.{runs} does not serve {kind} at `{api_version}`, gone since 1.{gone}"),
                instead,
            },
            Some(runs) => Verdict::Deprecated {
                why: format!("Kubernetes 1.{gone} no longer serves {kind} at `{api_version}`; 1.{runs} runs here"),
                instead,
            },
            None => Verdict::Deprecated {
                why: format!("Kubernetes no longer serves {kind} at `{api_version}` since 1.{gone}"),
                instead,
            },
        };
        Some((verdict, told))
    }

    fn by_flux(&self, object: &Object, group: &str, version: &str) -> Option<Verdict> {
        let (_, _, gone, instead) = FLUX.iter().find(|row| row.0 == group && row.1 == version)?;
        let instead = format!("{group}/{instead}");
        let what = format!("{} at `{group}/{version}`", object.id.kind);
        Some(match self.flux {
            Some(runs) if runs >= *gone => {
                Verdict::Removed { why: format!("Flux 2.{runs} does not serve {what}, gone since 2.{gone}"), instead }
            }
            Some(runs) => Verdict::Deprecated {
                why: format!("Flux 2.{gone} no longer serves {what}; 2.{runs} runs here"),
                instead,
            },
            None => Verdict::Deprecated { why: format!("Flux no longer serves {what} since 2.{gone}"), instead },
        })
    }

    fn by_project(&self, object: &Object) -> Option<Verdict> {
        let project = PROJECTS.iter().find(|project| project.api_version == object.api_version)?;
        let mut running =
            self.releases.iter().filter(|release| release.chart.as_ref().is_some_and(|it| it.name == project.chart));
        let release = running.next().filter(|_| running.next().is_none());
        let runs = release.filter(|release| brings_its_kinds(release));
        let runs = runs.and_then(|release| numbers(&release.version.as_ref()?.text));
        let (instead, gone) = (project.instead.to_owned(), format!("{}.{}", project.gone.0, project.gone.1));
        Some(match runs {
            Some(runs) if runs >= project.gone => Verdict::Removed {
                why: format!(
                    "{} {}.{} does not serve {} at `{}`, gone since {gone}",
                    project.name, runs.0, runs.1, object.id.kind, project.api_version
                ),
                instead,
            },
            Some(runs) => Verdict::Deprecated {
                why: format!(
                    "{} {gone} no longer serves {} at `{}`; {}.{} runs here",
                    project.name, object.id.kind, project.api_version, runs.0, runs.1
                ),
                instead,
            },
            None => Verdict::Deprecated {
                why: format!(
                    "{} no longer serves {} at `{}` since {gone}",
                    project.name, object.id.kind, project.api_version
                ),
                instead,
            },
        })
    }
}

/// Whether a release of a project brings the kinds of its own version, and no values ask for older ones.
fn brings_its_kinds(release: &Release) -> bool {
    let is = |pointer: &str, wanted: bool| {
        release.values.pointer(pointer).is_some_and(|flag| flag.kind == Kind::Bool(wanted))
    };
    release.has_all_values && !is("/installCRDs", false) && !is("/crds/unsafeServeV1Beta1", true)
}

fn by_definition(versions: &[Version<'_>], object: &Object, version: &str) -> Option<Verdict> {
    let group = &object.id.group;
    let newest = versions.iter().rev().find(|it| it.served && !it.deprecated)?;
    let instead = format!("{group}/{}", newest.name);
    match versions.iter().find(|it| it.name == version) {
        Some(it) if it.served && it.deprecated => Some(Verdict::Deprecated {
            why: format!("its definition calls `{}` of {} deprecated", object.api_version, object.id.kind),
            instead,
        }),
        Some(it) if it.served => None,
        _ => Some(Verdict::Removed {
            why: format!(
                "the definition of {} in this repository does not serve `{}`",
                object.id.kind, object.api_version
            ),
            instead,
        }),
    }
}

/// The version of the same group that the cluster serves.
fn newer(survey: &Survey, object: &Object) -> String {
    let candidates = ["v1", "v2", "v1beta3", "v1beta2", "v1beta1", "v1alpha2"]
        .map(|version| format!("{}/{version}", object.id.group));
    let known = candidates.into_iter().find(|candidate| survey.schemas.knows(candidate, &object.id.kind));
    known.unwrap_or_default()
}

/// Group, kind and versions of a CustomResourceDefinition.
fn versions(definition: &Node) -> Option<((&str, &str), Vec<Version<'_>>)> {
    let text = |pointer: &str| definition.pointer(pointer)?.as_str();
    let key = (text("/spec/group")?, text("/spec/names/kind")?);
    let list = definition.at(["spec", "versions"]).map(Node::items).unwrap_or_default();
    let is = |version: &Node, key: &str| version.get(key).is_some_and(|flag| flag.kind == Kind::Bool(true));
    let versions = list
        .iter()
        .filter_map(|node| {
            Some(Version {
                name: node.get("name")?.as_str()?,
                served: is(node, "served"),
                deprecated: is(node, "deprecated"),
            })
        })
        .collect::<Vec<_>>();
    (!versions.is_empty()).then_some((key, versions))
}

/// The minor release of Flux that an object tells: the components that `flux bootstrap` writes, or a FluxInstance.
fn flux_of(object: &Node) -> Option<u32> {
    let label = |key: &str| object.at(["metadata", "labels", key])?.as_str();
    match string(object, &["kind"])? {
        "CustomResourceDefinition" if label("app.kubernetes.io/part-of") == Some("flux") => {
            minor_of_flux(label("app.kubernetes.io/version")?)
        }
        "FluxInstance" => minor_of_flux(string(object, &["spec", "distribution", "version"])?),
        _ => None,
    }
}

/// The minor release of Flux whose components lie in the repository, although no unit applies them, where they are all of one: those
/// below the folder that the cluster begins with count before any others.
fn flux_beside(survey: &Survey, cluster: &Cluster) -> Option<u32> {
    let told = |below: &str| {
        let files = survey.repository.below(below).filter(|(path, _)| path.ends_with("gotk-components.yaml"));
        let told: BTreeSet<u32> = files.filter_map(|(_, file)| file.documents().find_map(flux_of)).collect();
        told.first().copied().filter(|_| told.len() == 1)
    };
    let root = cluster.units.iter().find(|unit| unit.parent.is_none())?.folder.as_deref()?;
    told(root).or_else(|| told(""))
}

/// The minor release in `v2.7.3`, `2.7.x`, `2.7`; None for other than Flux 2 and for what follows every release.
fn minor_of_flux(version: &str) -> Option<u32> {
    numbers(version).filter(|(major, _)| *major == 2).map(|(_, minor)| minor)
}

/// Major and minor of a version that is pinned to them.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches(['v', '=']).split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audits::audited;

    const UNIT: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\n\
                        spec:\n  interval: 1h\n  path: ./apps\n  prune: true\n  sourceRef: {kind: GitRepository, name: flux-system}\n";
    const JOB: &str = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: tidy, namespace: web}\n";

    /// What is said of a CronJob in the version that 1.25 dropped, and where it says which Kubernetes runs.
    fn reports(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().copied().chain([("cluster.yaml", UNIT), ("apps/job.yaml", JOB)]);
        let (survey, found) = audited(audit, files);
        let told = |finding: &Diagnostic| {
            let told = finding.labels.iter().find(|label| label.text.starts_with("this says"));
            told.map_or(String::new(), |label| format!(" ({})", survey.repository.path(label.place)))
        };
        found.iter().map(|it| format!("{}: {}{}", it.code.name(), it.message, told(it))).collect()
    }

    const UNKNOWN: &str = "api-deprecated: Kubernetes no longer serves CronJob at `batch/v1beta1` since 1.25";
    const GONE: &str = "api-removed: Kubernetes 1.34 does not serve CronJob at `batch/v1beta1`, gone since 1.25";

    fn image(version: &str) -> String {
        format!("machine:\n  kubelet:\n    image: ghcr.io/siderolabs/kubelet:{version}\n")
    }

    #[test]
    fn what_machines_run_tells_whether_a_version_is_gone() {
        assert_eq!(reports(&[]), [UNKNOWN]);
        assert_eq!(reports(&[("talos/a.yaml", &image("v1.34.1"))]), [format!("{GONE} (talos/a.yaml)")]);
        let still = "api-deprecated: Kubernetes 1.25 no longer serves CronJob at `batch/v1beta1`; 1.24 runs here (talos/a.yaml)";
        assert_eq!(reports(&[("talos/a.yaml", &image("v1.24.9"))]), [still]);
        let settings = "[versions]\nkubernetes = \"1.34\"\n";
        assert_eq!(reports(&[("talos/a.yaml", &image("v1.24.9")), ("gitopsc.toml", settings)]), [GONE]);
    }

    #[test]
    fn of_several_the_oldest_counts_and_only_if_it_decides() {
        let two = |left: &str, right: &str| reports(&[("talos/a.yaml", &image(left)), ("talos/b.yaml", &image(right))]);
        assert_eq!(two("v1.34.1", "v1.35.0"), [format!("{GONE} (talos/a.yaml)")]);
        assert_eq!(two("v1.24.1", "v1.34.1"), [UNKNOWN]);
    }

    #[test]
    fn what_an_operator_upgrades_the_cluster_to_runs() {
        let plan = |image: &str| {
            format!(
                "apiVersion: upgrade.cattle.io/v1\nkind: Plan\nmetadata: {{name: a, namespace: web}}\nspec:\n  version: v1.34.2+k3s1\n  upgrade: {{image: {image}}}\n"
            )
        };
        assert_eq!(reports(&[("apps/plan.yaml", &plan("rancher/k3s-upgrade"))]), [format!("{GONE} (apps/plan.yaml)")]);
        assert_eq!(reports(&[("apps/plan.yaml", &plan("example/tool"))]), [UNKNOWN]);
        let upgrade = "apiVersion: tuppr.home-operations.com/v1alpha1\nkind: KubernetesUpgrade\nmetadata: {name: a}\nspec:\n  kubernetes: {version: v1.34.2}\n";
        assert_eq!(reports(&[("apps/upgrade.yaml", upgrade)]), [format!("{GONE} (apps/upgrade.yaml)")]);
    }

    #[test]
    fn a_default_in_terraform_is_no_version_that_runs() {
        let default = "variable \"kubernetes_version\" {\n  default = \"v1.34.1\"\n}\n";
        assert_eq!(reports(&[("terraform/main.tf", default)]), [UNKNOWN]);
        let given = "kubernetes_version = \"v1.34.1\"\n";
        let files = [("terraform/main.tf", default), ("terraform/terraform.tfvars", given)];
        assert_eq!(reports(&files), [format!("{GONE} (terraform/terraform.tfvars)")]);
    }
}
