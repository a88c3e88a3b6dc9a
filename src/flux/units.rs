//! Builds the units of a cluster, from its first Kustomizations down to the last, each with its effective spec.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claim::{ObjectId, group_of},
    code,
    diagnostic::Diagnostic,
    flux::{
        self, Cluster, Dependency, Fallback, Object, Outcome, Source, Spec, Text, Undefined, Unit, UnitName, Variables,
        artifacts::{self, Artifacts},
        fallback, generate, order,
        roots::{self, Root, is_unit, string},
        sourceignore::Ignored,
        variables::{self, Given, SourceName},
    },
    kubernetes::Schemas,
    kustomize::{self, Refusal, Stop},
    node::{Entry, Kind, Node},
    parallel,
    repository::Repository,
    source::Place,
};

/// A first Kustomization that changes itself is built again so often at most.
const ROUNDS: usize = 3;

/// Builds a cluster.
pub fn build(repository: &Repository, schemas: &Schemas, root: &Root, fallback: Option<&Fallback<'_>>) -> Cluster {
    let here = Here::of(repository, root);
    let mut following = Following {
        repository,
        fallback,
        schemas,
        ignored: Ignored::of(repository, root.ignore.as_deref()),
        artifacts: Artifacts::written(repository, &|source| here.holds(Some(source))),
        here,
        artifact: roots::artifact(repository, &roots::written(repository)),
        somewhere: variables::names_anywhere(repository),
        given: Given::default(),
        units: Vec::new(),
        index: BTreeMap::new(),
        ready: Vec::new(),
        waiting: BTreeMap::new(),
        waiters: BTreeMap::new(),
    };
    for first in &root.objects {
        following.add(first.object.clone(), roots::FLUX_SYSTEM, None);
    }
    while let Some(wave) = following.next_wave() {
        following.build(&wave);
    }
    Cluster { name: root.name.clone(), units: following.units, index: following.index }
}

/// A cluster in the making.
struct Following<'r> {
    repository: &'r Repository,
    /// Who builds what is refused.
    fallback: Option<&'r Fallback<'r>>,
    schemas: &'r Schemas,
    ignored: Ignored,
    here: Here,
    artifact: roots::Artifact,
    /// What generators make of the repository.
    artifacts: Artifacts,
    /// What ConfigMaps and Secrets are called anywhere in the repository.
    somewhere: BTreeSet<String>,
    given: Given,
    units: Vec<Unit>,
    index: BTreeMap<UnitName, usize>,
    /// Units to build next.
    ready: Vec<usize>,
    /// Units that wait for their variables, with how many sources each still lacks.
    waiting: BTreeMap<usize, usize>,
    /// Who waits for a source.
    waiters: BTreeMap<SourceName, Vec<usize>>,
}

/// What the build of a unit gave, before it is known what its objects are.
struct Made {
    result: Result<Vec<(Node, Place)>, Stop>,
    reads: BTreeSet<String>,
    undefined: Vec<Undefined>,
}

impl Following<'_> {
    /// Takes a Kustomization up, unless there is one of this name: the first one counts.
    fn add(&mut self, object: Node, namespace: &str, parent: Option<usize>) {
        let name = roots::name_of(&object, namespace);
        if self.index.contains_key(&name) {
            return;
        }
        let spec = spec_of(&object, &name);
        let folder = self.folder(&object, spec.source.as_ref());
        let is_here = self.here.holds(spec.source.as_ref()) || self.artifacts.folder(spec.source.as_ref()).is_some();
        let exists = self.repository.is_folder(&folder);
        let outcome = if !is_here {
            Outcome::Elsewhere
        } else if !exists {
            Outcome::NoPath
        } else {
            Outcome::Objects(Vec::new())
        };
        let place = object.at(["metadata", "name"]).unwrap_or(&object).place;
        let at = self.units.len();
        if is_here && exists {
            self.await_sources(at, &name, &object);
        }
        self.units.push(Unit {
            name: name.clone(),
            object,
            place,
            parent,
            folder: (is_here && exists).then_some(folder),
            spec,
            outcome,
            reads: BTreeSet::new(),
            undefined: Vec::new(),
        });
        self.index.insert(name, at);
    }

    /// The folder that a Kustomization applies.
    fn folder(&self, object: &Node, source: Option<&Source>) -> String {
        match self.artifacts.folder(source) {
            Some(folder) => {
                let path = string(object, &["spec", "path"]).map(roots::join_securely).unwrap_or_default();
                artifacts::path_in(folder, &path)
            }
            None => self.artifact.folder(self.repository, object),
        }
    }

    /// Takes a unit up for building: at once, or when the sources of its variables are known. One that nobody makes is not waited for.
    fn await_sources(&mut self, at: usize, name: &UnitName, object: &Node) {
        let sources: BTreeSet<SourceName> =
            variables::sources(name, object).into_iter().map(|(source, _)| source).collect();
        let lacks = |source: &SourceName| !self.given.has(source) && self.somewhere.contains(&source.2);
        let lacking: Vec<SourceName> = sources.into_iter().filter(lacks).collect();
        if lacking.is_empty() {
            self.ready.push(at);
        } else {
            self.waiting.insert(at, lacking.len());
            for source in lacking {
                self.waiters.entry(source).or_default().push(at);
            }
        }
    }

    /// Lets go on who waited for a source.
    fn release(&mut self, source: &SourceName) {
        for at in self.waiters.remove(source).unwrap_or_default() {
            let Some(lacks) = self.waiting.get_mut(&at) else { continue };
            *lacks -= 1;
            if *lacks == 0 {
                self.waiting.remove(&at);
                self.ready.push(at);
            }
        }
    }

    /// The units to build next: those whose variables are known. Where all wait for each other, the first one no longer does.
    fn next_wave(&mut self) -> Option<Vec<usize>> {
        let mut wave = std::mem::take(&mut self.ready);
        if wave.is_empty() {
            wave.extend(self.waiting.pop_first().map(|(at, _)| at));
        }
        wave.sort_unstable();
        Some(wave).filter(|wave| !wave.is_empty())
    }

    /// Builds units side by side, then takes up what they made in their order.
    fn build(&mut self, wave: &[usize]) {
        let work: Vec<(usize, Option<(Variables, bool)>)> = wave
            .iter()
            .map(|&at| {
                let unit = &self.units[at];
                (at, self.given.variables(&unit.name, &unit.object))
            })
            .collect();
        let (repository, ignored, units) = (self.repository, &self.ignored, &self.units);
        let one = |(at, variables): &(usize, Option<(Variables, bool)>)| {
            (*at, made(repository, ignored, &units[*at], variables.as_ref(), None))
        };
        let results = parallel::each(&work, one);
        for (at, mut made) in results {
            if let (Some(fallback), Err(Stop::Refused(refusal))) = (self.fallback, &made.result) {
                let variables =
                    work.iter().find(|(known, _)| *known == at).and_then(|(_, variables)| variables.as_ref());
                let other = Some((fallback, refusal.clone()));
                let reads = std::mem::take(&mut made.reads);
                made = self::made(self.repository, &self.ignored, &self.units[at], variables, other);
                made.reads.extend(reads);
            }
            let made = self.settled(at, made);
            self.take(at, made);
        }
    }

    /// A first Kustomization that lies in the folder it applies is what the build makes of it: builds with that one.
    fn settled(&mut self, at: usize, mut made: Made) -> Made {
        if self.units[at].parent.is_some() {
            return made;
        }
        for _ in 0..ROUNDS {
            let unit = &self.units[at];
            let is_itself =
                |object: &Node| is_unit(object) && roots::name_of(object, &unit.name.namespace) == unit.name;
            let itself = made.result.iter().flatten().map(|(object, _)| object).find(|object| is_itself(object));
            let Some(itself) = itself.filter(|itself| itself.to_json() != unit.object.to_json()) else { break };
            let spec = spec_of(itself, &unit.name);
            if Some(self.folder(itself, spec.source.as_ref())) != unit.folder {
                break;
            }
            let itself = itself.clone();
            self.units[at].object = itself;
            self.units[at].spec = spec;
            let unit = &self.units[at];
            let variables = self.given.variables(&unit.name, &unit.object);
            made = self::made(self.repository, &self.ignored, unit, variables.as_ref(), None);
        }
        made
    }

    fn take(&mut self, at: usize, made: Made) {
        self.units[at].reads = made.reads;
        self.units[at].undefined = made.undefined;
        let built = match made.result {
            Ok(built) => built,
            Err(stop) => {
                self.units[at].outcome = Outcome::Stopped(stop);
                return;
            }
        };
        for (node, _) in &built {
            self.artifacts.learn(node, &|source| self.here.holds(Some(source)));
        }
        let mut objects = Vec::with_capacity(built.len());
        for (node, place) in built {
            if let Some(source) = self.given.learn(&node) {
                self.release(&source);
            }
            if is_unit(&node) {
                let namespace = self.units[at].name.namespace.clone();
                self.add(node.clone(), &namespace, Some(at));
            }
            objects.push(self.object(node, place));
        }
        order::sort(&mut objects);
        self.units[at].outcome = Outcome::Objects(objects);
    }

    fn object(&self, node: Node, place: Place) -> Object {
        let text = |path: &[&str]| string(&node, path).unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&["apiVersion"]), text(&["kind"]));
        let namespace = Some(text(&["metadata", "namespace"])).filter(|namespace| !namespace.is_empty());
        let has_namespaces = self.schemas.namespaced(&api_version, &kind) != Some(false);
        let id = ObjectId {
            group: group_of(&api_version).to_owned(),
            kind,
            namespace: namespace.filter(|_| has_namespaces),
            name: text(&["metadata", "name"]),
        };
        Object { id, api_version, node, place }
    }
}

/// Which sources are this repository.
struct Here {
    /// Those of the first Kustomizations.
    own: BTreeSet<(String, String, String)>,
    url: Option<String>,
    /// The address of every source that is written somewhere, by kind and name; several where clusters differ.
    addresses: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Here {
    fn of(repository: &Repository, root: &Root) -> Here {
        let mut addresses: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for document in repository.files().flat_map(|(_, file)| file.documents()) {
            let is_source =
                string(document, &["apiVersion"]).is_some_and(|version| group_of(version).starts_with("source."));
            let (Some(kind), Some(name), true) =
                (string(document, &["kind"]), string(document, &["metadata", "name"]), is_source)
            else {
                continue;
            };
            let url = string(document, &["spec", "url"]).unwrap_or_default();
            addresses.entry((kind.to_owned(), name.to_owned())).or_default().insert(url.to_owned());
        }
        let own = root
            .objects
            .iter()
            .filter_map(|first| first.source.as_ref())
            .filter(|source| roots::is_fetched(&source.kind));
        let own = own.map(|source| (source.kind.clone(), source.namespace.clone(), source.name.clone())).collect();
        Here { own, url: root.url.clone(), addresses }
    }

    /// Whether a source is this repository. One that nothing describes is: it was made by hand, for this.
    fn holds(&self, source: Option<&Source>) -> bool {
        let Some(source) = source else { return true };
        if self.own.contains(&(source.kind.clone(), source.namespace.clone(), source.name.clone())) {
            return true;
        }
        if !roots::is_fetched(&source.kind) {
            return false;
        }
        let addresses = self.addresses.get(&(source.kind.clone(), source.name.clone()));
        match (addresses, &self.url) {
            (None, _) => source.kind == "GitRepository",
            (Some(addresses), Some(url)) => addresses.contains(url),
            (Some(_), None) => false,
        }
    }
}

/// Builds a unit, or lets somebody else build what was refused.
fn made(
    repository: &Repository,
    ignored: &Ignored,
    unit: &Unit,
    variables: Option<&(Variables, bool)>,
    other: Option<(&Fallback<'_>, Refusal)>,
) -> Made {
    let folder = unit.folder.as_deref().expect("only units with a folder are built");
    let kustomization = match generate::kustomization(repository, ignored, folder, &unit.object) {
        Ok(kustomization) => kustomization,
        Err(stop) => return Made { result: Err(stop), reads: BTreeSet::new(), undefined: Vec::new() },
    };
    let built = match other {
        None => kustomize::build(repository, folder, Some(&kustomization)),
        Some((fallback, refusal)) => {
            let result = fallback::built(fallback, folder, &kustomization, &refusal);
            kustomize::Built { result, reads: BTreeSet::new() }
        }
    };
    let mut undefined = Vec::new();
    let result = built.result.and_then(|resources| {
        let mut objects = Vec::with_capacity(resources.len());
        for resource in resources {
            if let Some(wrong) = incomplete(&resource.object, resource.place) {
                return Err(Stop::Fails(Box::new(wrong)));
            }
            let mut object = resource.object;
            if let Some((variables, may_be_more)) = variables {
                let substituted = flux::substitute(&object, variables).map_err(Stop::Fails)?;
                object = substituted.object;
                if !may_be_more {
                    undefined.extend(substituted.undefined);
                }
            }
            mark(&mut object, &unit.object);
            objects.push((object, resource.place));
        }
        Ok(objects)
    });
    Made { result, reads: built.reads, undefined }
}

/// What Flux says to an object without a name, a kind or an apiVersion.
fn incomplete(object: &Node, place: Place) -> Option<Diagnostic> {
    let fields = [("apiVersion", &["apiVersion"][..]), ("kind", &["kind"]), ("metadata.name", &["metadata", "name"])];
    let (missing, _) = fields.into_iter().find(|(_, path)| string(object, path).is_none_or(str::is_empty))?;
    Some(Diagnostic::new(code!("build-fails"), format!("this object has no `{missing}`")).at(place, ""))
}

/// `commonMetadata`: labels and annotations of the spec win over those of each object.
fn mark(object: &mut Node, kustomization: &Node) {
    for field in ["labels", "annotations"] {
        let Some(common) =
            kustomization.at(["spec", "commonMetadata", field]).filter(|common| !common.entries().is_empty())
        else {
            continue;
        };
        let mut metadata = object.get("metadata").map(|metadata| metadata.entries().to_vec()).unwrap_or_default();
        let mut here = metadata
            .iter()
            .find(|entry| entry.key == field)
            .map(|entry| entry.value.entries().to_vec())
            // Labels of which one is no text count as none.
            .filter(|entries| entries.iter().all(|entry| entry.value.as_str().is_some()))
            .unwrap_or_default();
        for entry in common.entries() {
            here.retain(|present| present.key != entry.key);
            here.push(entry.clone());
        }
        let value = Node { place: common.place, kind: Kind::Map(here.into()) };
        match metadata.iter_mut().find(|entry| entry.key == field) {
            Some(entry) => entry.value = value,
            None => metadata.push(Entry { key: field.to_owned(), key_place: common.place, value }),
        }
        let mut entries = object.entries().to_vec();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == "metadata") {
            entry.value.kind = Kind::Map(metadata.into());
        }
        object.kind = Kind::Map(entries.into());
    }
}

/// What a Kustomization's spec says.
pub fn spec_of(object: &Node, unit: &UnitName) -> Spec {
    let empty = Node { place: object.place, kind: Kind::Null };
    let spec = object.get("spec").unwrap_or(&empty);
    let text = |key: &str| {
        let node = spec.get(key)?;
        Some(Text { text: node.as_str().filter(|text| !text.is_empty())?.to_owned(), place: node.place })
    };
    let flag = |key: &str| spec.get(key).is_some_and(|flag| flag.kind == Kind::Bool(true));
    let list = |key: &str| spec.get(key).map(Node::items).unwrap_or_default();
    let dependency = |node: &Node| {
        let name = node.get("name")?;
        let namespace = string(node, &["namespace"]).filter(|namespace| !namespace.is_empty());
        Some(Dependency {
            unit: UnitName {
                namespace: namespace.unwrap_or(&unit.namespace).to_owned(),
                name: name.as_str()?.to_owned(),
            },
            place: name.place,
            ready_expression: string(node, &["readyExpr"]).map(str::to_owned),
        })
    };
    Spec {
        path: text("path"),
        prune: flag("prune"),
        wait: flag("wait"),
        suspend: flag("suspend"),
        target_namespace: text("targetNamespace"),
        source: roots::source_of(object, &unit.namespace),
        depends_on: list("dependsOn").iter().filter_map(dependency).collect(),
        health_checks: list("healthChecks").to_vec(),
        decrypts: spec.get("decryption").is_some_and(|node| node.kind != Kind::Null),
    }
}
