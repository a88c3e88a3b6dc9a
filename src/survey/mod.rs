//! A survey: everything known about a repository, before any audit judges it.

mod findings;
mod said;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    charts::{self, Install},
    claims::{
        self, Claim, argocd, helm,
        helm::Release,
        helmfile,
        talos::{self, Talos},
        terraform::{
            self,
            plan::{self, Plan},
        },
    },
    code,
    diagnostic::Diagnostic,
    flux::{self, Cluster, Outcome, UnitName, roots},
    kubernetes::Schemas,
    kustomize::Stop,
    node::{Node, Part},
    repository::Repository,
    settings::{self, Reading},
    source::Place,
    startup::{self, Deadlock, Graph},
    verdict::{self, Contested},
    world::{Error, Ignored, World},
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
    /// What machine configurations say.
    pub talos: Talos,
    /// The Helm releases that Flux keeps.
    pub releases: Vec<Release>,
    /// The charts of the repository that somebody installs.
    pub installs: Vec<Install>,
    /// The schemas of their values.
    pub chart_schemas: charts::Schemas,
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

/// Surveys a repository by what `gitopsc.toml` says of it.
pub fn survey(world: &dyn World, options: &Options) -> Result<Survey, Error> {
    let (ignored, _) = Ignored::of(&settings::ignore(world)?);
    let is_left_out = |path: &str| path != settings::FILE && ignored.holds(path);
    let repository = Repository::read_over(world, &BTreeMap::new(), &is_left_out)?;
    let mut found = Vec::new();
    let settings = match repository.file(settings::FILE).and_then(|file| file.source) {
        Some(source) => Reading::read(source, &repository.sources.get(source).text, &mut found),
        None => Reading::default(),
    };
    with(world, repository, settings, options, found)
}

/// Surveys a repository whose settings are known.
pub fn with(
    world: &dyn World,
    mut repository: Repository,
    settings: Reading,
    options: &Options,
    mut found: Vec<Diagnostic>,
) -> Result<Survey, Error> {
    let plans = plans(world, &mut repository, options, &mut found)?;
    let renders = options.helm || !settings.settings.rendered.is_empty();
    let schemas = schemas(&repository, &settings, renders, &mut found);
    let roots = first_folders(&repository, &settings, options, &mut found)?;
    let failed = std::cell::RefCell::new(None);
    let fallback = |folder: &str, kustomization: &str| match world.kustomize(folder, kustomization) {
        Ok(answer) => answer,
        Err(error) => {
            let text = error.to_string();
            failed.borrow_mut().get_or_insert(error);
            Err(text)
        }
    };
    let fallback: Option<&flux::Fallback<'_>> = if options.fallback { Some(&fallback) } else { None };
    // Other tools' sources need nothing of the clusters: they are read meanwhile.
    let (clusters, terraform, talos) = std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut found = Vec::new();
            (terraform::claims(&repository, &mut found), talos::read(&repository), found)
        });
        let build = |root: &roots::Root| flux::units::build(&repository, &schemas, root, fallback);
        let clusters: Vec<Cluster> = roots.iter().map(build).collect();
        let (terraform, talos, more) = others.join().expect("reading sources never panics");
        found.extend(more);
        (clusters, terraform, talos)
    });
    if let Some(error) = failed.into_inner() {
        return Err(error);
    }
    let unreachable = unreachable(&repository, &roots, &clusters);
    let mut terraform = terraform;
    for plan in plans {
        plan.join(&mut terraform);
    }
    let releases = helm::releases(&repository, &clusters);
    let applications = argocd::applications(&repository, &clusters);
    let installs = charts::installs(&repository, &clusters, &releases, &applications, &terraform);
    let chart_schemas = charts::schemas(world, &repository, &installs)?;
    let mut claims = claims::all(&repository, &clusters, &schemas, &releases, &applications, &talos);
    claims.extend(terraform.claims.iter().cloned());
    let said = said::Said { repository: &repository, settings: &settings, schemas: &schemas };
    claims.extend(said.rendered(&releases, &mut found));
    if options.helm {
        let is_rendered =
            |install: &&Install| !install.of_flux.is_some_and(|release| said.is_rendered(&releases[release]));
        let rendering = charts::Rendering {
            world,
            repository: &repository,
            releases: &releases,
            kubernetes: settings.settings.versions.kubernetes.as_deref(),
            schemas: &schemas,
            chart_schemas: &chart_schemas,
        };
        claims.extend(rendering.claims(installs.iter().filter(is_rendered), &mut found)?);
    }
    let declared = said.owned(&claims, &mut found);
    claims.extend(declared);
    said.faults(&mut found);
    claims::settle(&repository, &clusters, &mut claims);
    claims::sort(&mut claims);
    let infer = || {
        let installed = helmfile::releases(&repository);
        let inferred = clusters
            .iter()
            .enumerate()
            .map(|(at, cluster)| startup::infer(cluster, at, &releases, &claims, &installed, &settings.settings));
        inferred.unzip()
    };
    let (contested, (graphs, deadlocks)) = std::thread::scope(|scope| {
        let order = scope.spawn(infer);
        let contested = verdict::judge(&claims, clusters.len(), &settings.settings);
        (contested, order.join().expect("inferring an order never panics"))
    });
    let units = || clusters.iter().flat_map(|cluster| &cluster.units);
    let mut loaded: BTreeSet<String> = units().flat_map(|unit| unit.reads.iter().cloned()).collect();
    loaded.extend(terraform.read.iter().cloned());
    loaded.extend(talos.files.iter().cloned());
    let rendered: BTreeSet<&str> =
        settings.settings.rendered.values().map(|path| path.trim_start_matches("./")).collect();
    loaded.extend(rendered.iter().map(|path| (*path).to_owned()));
    loaded.extend(claims.iter().map(|claim| repository.path(claim.place).to_owned()));
    found.extend(findings::found(&repository, &clusters, &loaded, &rendered));
    Ok(Survey {
        repository,
        settings,
        clusters,
        claims,
        terraform,
        talos,
        releases,
        installs,
        chart_schemas,
        contested,
        graphs,
        deadlocks,
        schemas,
        loaded,
        unreachable,
        found,
    })
}

/// Reads plans. Their texts hold secrets, so they are not kept.
fn plans(
    world: &dyn World,
    repository: &mut Repository,
    options: &Options,
    found: &mut Vec<Diagnostic>,
) -> Result<Vec<Plan>, Error> {
    let mut plans = Vec::new();
    for path in &options.terraform_plans {
        let bytes = world.read(path)?.ok_or_else(|| Error::new("read", path, "there is no such file"))?;
        let source = repository.sources.add(path.as_str(), "");
        plans.push(plan::claims(source, path, &bytes, found));
    }
    Ok(plans)
}

/// The roots of the clusters. A folder that settings name and that does not exist is a finding.
fn first_folders(
    repository: &Repository,
    settings: &Reading,
    options: &Options,
    found: &mut Vec<Diagnostic>,
) -> Result<Vec<roots::Root>, Error> {
    if !options.roots.is_empty() {
        return roots::find(repository, &options.roots, None);
    }
    let mut named = Vec::new();
    for (at, folder) in settings.settings.roots.iter().enumerate() {
        match roots::find(repository, std::slice::from_ref(folder), None) {
            Ok(_) => named.push(folder.clone()),
            Err(_) => found.extend(settings.place(&format!("/roots/{at}"), Part::Value).map(|place| {
                Diagnostic::new(code!("path-missing"), format!("there is no folder `{folder}` with files to read"))
                    .at(place, "")
                    .note("nothing is judged as applied from there")
                    .help("name a folder as seen from the top of the repository")
            })),
        }
    }
    roots::find(repository, &named, options.start.as_deref())
}

/// How the last line of a report begins where nothing could be judged.
pub const NOTHING: &str = "nothing to judge";

impl Survey {
    /// What was judged and what was not, for the last line of a report.
    pub fn summary(&self) -> String {
        if self.clusters.is_empty() && self.claims.is_empty() && self.terraform.roots.iter().all(|root| !root.certain) {
            return format!(
                "{NOTHING}: nothing here is applied by Flux or Argo CD, and no Terraform, Talos or Helm puts anything into a cluster"
            );
        }
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
        let elsewhere = units().filter(|unit| matches!(unit.outcome, Outcome::Elsewhere)).count();
        if elsewhere > 0 {
            text.push_str(&format!("; left out {} of other sources", plural(elsewhere, "unit")));
        }
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
fn schemas(repository: &Repository, settings: &Reading, renders: bool, found: &mut Vec<Diagnostic>) -> Schemas {
    let mut schemas = match settings.settings.versions.kubernetes.as_deref().map(Schemas::for_version) {
        Some(Ok(schemas)) => schemas,
        None => Schemas::newest(),
        Some(Err(unknown)) => {
            let place = settings.place("/versions/kubernetes", Part::Value);
            let text = format!("manifests cannot be checked for Kubernetes `{}`", unknown.version);
            let finding = Diagnostic::new(code!("kubernetes-unknown"), text)
                .help(format!("known versions: {}", unknown.known.join(", ")));
            found.push(place.into_iter().fold(finding, |finding, place| finding.at(place, "")));
            Schemas::newest()
        }
    };
    let documents = || repository.files().flat_map(|(_, file)| file.documents());
    let definitions =
        documents().filter(|document| roots::is_of(document, "apiextensions.k8s.io", "CustomResourceDefinition"));
    // Most kinds that Flux and operators define are used nowhere here. What charts render is not known yet.
    let text = |document: &'_ Node, key| document.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
    let used: BTreeSet<(String, String)> =
        documents().map(|document| (text(document, "apiVersion"), text(document, "kind"))).collect();
    let is_used = |version: &str, kind: &str| renders || used.contains(&(version.to_owned(), kind.to_owned()));
    for definition in definitions {
        // What is no whole definition is a patch of one, or the API server says what is wrong with it.
        let _ = schemas.add_used(definition, &is_used);
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
