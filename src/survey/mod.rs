//! A survey: everything known about a repository, before any audit judges it.

mod findings;

use std::collections::BTreeSet;

use crate::{
    claims::{self, Certainty, Claim, Role, Tool, helm, helm::Release, terraform},
    diagnostic::Diagnostic,
    flux::{self, Cluster, Outcome, UnitName, roots},
    kubernetes::Schemas,
    kustomize::Stop,
    node::{Node, Part, escape},
    repository::Repository,
    settings::{self, Reading},
    source::Place,
    startup::{self, Deadlock, Graph},
    verdict::{self, Contested},
    world::{Error, World},
};

/// What the command line asks of a survey.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folders to take for the roots of clusters, instead of looking for them.
    pub roots: Vec<String>,
    /// Terraform plans (`terraform show -json`) to read.
    pub terraform_plans: Vec<String>,
    /// Whether `helm` may be called on charts in the repository.
    pub helm: bool,
    /// Whether `kubectl kustomize` may be called for what is refused.
    pub fallback: bool,
    /// The folder to start from where nothing in the repository says where Flux does.
    pub start: Option<String>,
}

/// Everything known.
#[derive(Debug)]
pub struct Survey {
    /// The files.
    pub repository: Repository,
    /// What the repository says about itself.
    pub settings: Reading,
    /// The clusters Flux keeps from it.
    pub clusters: Vec<Cluster>,
    /// Who puts what where, over all tools.
    pub claims: Vec<Claim>,
    /// What Terraform sources say besides.
    pub terraform: terraform::Facts,
    /// The Helm releases that Flux keeps.
    pub releases: Vec<Release>,
    /// Objects with several claims, and what that means.
    pub contested: Vec<Contested>,
    /// Who waits for whom, one graph a cluster, in the order of `clusters`.
    pub graphs: Vec<Graph>,
    /// Units that wait for their own Helm releases, for each cluster.
    pub deadlocks: Vec<Vec<Deadlock>>,
    /// Schemas: Kubernetes', well-known custom resources, every CRD of the repository.
    pub schemas: Schemas,
    /// Files that some tool reads: a build, Terraform, Talos, Argo CD, a generator.
    pub loaded: BTreeSet<String>,
    /// Flux Kustomizations that no cluster applies, although there are clusters.
    pub unreachable: Vec<Unreachable>,
    /// What was wrong with texts while they were read.
    pub found: Vec<Diagnostic>,
}

/// A Flux Kustomization that nothing applies.
#[derive(Clone, Debug)]
pub struct Unreachable {
    /// Its name, as it is written.
    pub name: UnitName,
    /// Where its name is written.
    pub place: Place,
    /// The folder it would apply.
    pub folder: String,
}

/// Surveys a repository.
pub fn survey(world: &dyn World, options: &Options) -> Result<Survey, Error> {
    let mut survey = of(Repository::read(world)?, options)?;
    if options.helm {
        let Survey { repository, clusters, schemas, found, claims, settings, .. } = &mut survey;
        claims.extend(helm::rendered(world, repository, clusters, schemas, found)?);
        claims::sort(claims);
        survey.contested = verdict::judge(claims, clusters.len(), &settings.settings);
    }
    Ok(survey)
}

/// Surveys a repository that has been read.
pub fn of(repository: Repository, options: &Options) -> Result<Survey, Error> {
    let mut found = Vec::new();
    let settings = settings(&repository, &mut found);
    with(repository, settings, options, found)
}

/// Surveys a repository whose settings are known.
pub fn with(
    repository: Repository,
    settings: Reading,
    options: &Options,
    mut found: Vec<Diagnostic>,
) -> Result<Survey, Error> {
    let schemas = schemas(&repository, &settings, &mut found);
    let named = if options.roots.is_empty() { &settings.settings.roots } else { &options.roots };
    let roots = roots::find(&repository, named, options.start.as_deref())?;
    let clusters: Vec<Cluster> = roots.iter().map(|root| flux::units::build(&repository, &schemas, root)).collect();
    let unreachable = unreachable(&repository, &roots, &clusters);
    let terraform = terraform::claims(&repository, &mut found);
    let releases = helm::releases(&repository, &clusters);
    let mut claims = claims::all(&repository, &clusters, &schemas);
    claims.extend(terraform.claims.iter().cloned());
    claims.extend(declared(&settings));
    claims::settle(&repository, &clusters, &mut claims);
    claims::sort(&mut claims);
    let contested = verdict::judge(&claims, clusters.len(), &settings.settings);
    let inferred = clusters
        .iter()
        .enumerate()
        .map(|(at, cluster)| startup::infer(cluster, at, &releases, &claims, &settings.settings));
    let (graphs, deadlocks) = inferred.unzip();
    let units = || clusters.iter().flat_map(|cluster| &cluster.units);
    let mut loaded: BTreeSet<String> = units().flat_map(|unit| unit.reads.iter().cloned()).collect();
    loaded.extend(terraform.read.iter().cloned());
    loaded.extend(claims.iter().map(|claim| repository.path(claim.place).to_owned()));
    found.extend(findings::found(&repository, &clusters, &loaded));
    Ok(Survey {
        repository,
        settings,
        clusters,
        claims,
        terraform,
        releases,
        contested,
        graphs,
        deadlocks,
        schemas,
        loaded,
        unreachable,
        found,
    })
}

fn settings(repository: &Repository, found: &mut Vec<Diagnostic>) -> Reading {
    let source = repository.file(settings::FILE).and_then(|file| file.source);
    source.map_or_else(Reading::default, |source| Reading::read(source, &repository.sources.get(source).text, found))
}

/// What settings say that other tools own.
fn declared(settings: &Reading) -> Vec<Claim> {
    let mut declared = Vec::new();
    for (tool, owner) in &settings.settings.owners {
        for (at, text) in owner.owns.iter().enumerate() {
            let object = match text.strip_prefix("helm:").and_then(|name| name.split_once('/')) {
                Some((namespace, name)) => Some(claims::release(namespace, name)),
                None => crate::claim::ObjectId::parse(text),
            };
            let pointer = format!("/owners/{}/owns/{at}", escape(tool));
            if let (Some(object), Some(place)) = (object, settings.place(&pointer, Part::Value)) {
                declared.push(Claim {
                    object,
                    cluster: None,
                    tool: Tool::Declared,
                    unit: tool.clone(),
                    flux_unit: None,
                    role: Role::Owner,
                    prunes: false,
                    certainty: Certainty::Literal,
                    place,
                    content: None,
                });
            }
        }
    }
    declared
}

impl Survey {
    /// What was judged and what was not, for the last line of a report.
    pub fn summary(&self) -> String {
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let units = || self.clusters.iter().flat_map(|cluster| &cluster.units);
        let judged = units().filter(|unit| matches!(unit.outcome, Outcome::Objects(_))).count();
        let objects = units().map(|unit| unit.objects().len()).sum();
        let files = self.repository.files().filter(|(_, file)| file.source.is_some()).count();
        let mut text = format!(
            "judged {}, {}, {} in {}",
            plural(judged, "unit"),
            plural(objects, "object"),
            plural(files, "file"),
            plural(self.clusters.len(), "cluster")
        );
        let refused: Vec<String> = units()
            .filter_map(|unit| match &unit.outcome {
                Outcome::Stopped(Stop::Refused(refusal)) => {
                    let line = self.repository.sources.position(refusal.place).line;
                    Some(format!("{} in {}:{line}", refusal.what, self.repository.path(refusal.place)))
                }
                _ => None,
            })
            .collect();
        if !refused.is_empty() {
            let reasons: BTreeSet<&String> = refused.iter().collect();
            let reasons: Vec<&str> = reasons.into_iter().map(String::as_str).collect();
            text.push_str(&format!("; refused {} ({})", plural(refused.len(), "unit"), reasons.join(", ")));
        }
        text
    }
}

/// Kubernetes' kinds, those of well-known projects and those that the repository defines.
fn schemas(repository: &Repository, settings: &Reading, found: &mut Vec<Diagnostic>) -> Schemas {
    let mut schemas = match settings.settings.versions.kubernetes.as_deref().map(Schemas::for_version) {
        Some(Ok(schemas)) => schemas,
        None => Schemas::newest(),
        Some(Err(unknown)) => {
            let place = settings.place("/versions/kubernetes", Part::Value);
            let text = format!("manifests cannot be checked for Kubernetes `{}`", unknown.version);
            let finding = Diagnostic::new(crate::code!("kubernetes-unknown"), text)
                .help(format!("known versions: {}", unknown.known.join(", ")));
            found.push(place.into_iter().fold(finding, |finding, place| finding.at(place, "")));
            Schemas::newest()
        }
    };
    let documents = repository.files().flat_map(|(_, file)| file.documents());
    let definitions =
        documents.filter(|document| roots::is_of(document, "apiextensions.k8s.io", "CustomResourceDefinition"));
    for definition in definitions {
        // What is no whole definition is a patch of one, or the API server says what is wrong with it.
        let _ = schemas.add_crd(definition);
    }
    schemas
}

fn unreachable(repository: &Repository, roots: &[roots::Root], clusters: &[Cluster]) -> Vec<Unreachable> {
    if clusters.is_empty() {
        return Vec::new();
    }
    let firsts = roots.iter().flat_map(|root| &root.objects).map(|first| first.object.place);
    let objects = clusters.iter().flat_map(|cluster| &cluster.units).flat_map(flux::Unit::objects);
    let reached: BTreeSet<Place> =
        firsts.chain(objects.filter(|object| roots::is_unit(&object.node)).map(|object| object.place)).collect();
    let is_lost = |written: &roots::Written<'_>| !reached.contains(&written.object.place);
    let lost = roots::written(repository).into_iter().filter(is_lost);
    lost.map(|written| Unreachable {
        name: roots::name_of(written.object, roots::FLUX_SYSTEM),
        place: written.object.at(["metadata", "name"]).map_or(written.object.place, |name: &Node| name.place),
        folder: roots::string(written.object, &["spec", "path"]).map(roots::join_securely).unwrap_or_default(),
    })
    .collect()
}
