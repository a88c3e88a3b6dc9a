//! From a kustomization file to its objects: what it lists, what it generates, its components, then its changes.

use std::{
    collections::{BTreeSet, HashMap},
    hash::RandomState,
};

use super::{
    Resource, Stop,
    configuration::Configured,
    fails,
    file::{Kustomization, malformed, shown},
    finish, fold,
    generate::{self, Generated},
    load,
    names::{self, End, Namespacing, Subjects},
    origin::{self, Origin},
    patch, plugins, references, refused, remote, transform,
    variables::{self, Variable},
};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::Node,
    repository::{KUSTOMIZATIONS, Repository, is_below, join, resolve},
    source::Place,
};

/// Fields that are not done, and refused where they say anything.
const REFUSED: [&str; 3] = ["crds", "generators", "validators"];

/// What a run over folders carries along.
pub(super) struct Builder<'r> {
    pub repository: &'r Repository,
    pub reads: BTreeSet<String>,
    /// The folders that are being built, the outermost first.
    stack: Vec<String>,
    /// The way to the folder that is being built, where `buildMetadata` asks for it.
    origin: Option<Origin>,
}

/// Objects so far. Their ids are unique while objects are added.
#[derive(Default)]
pub(super) struct Accumulator {
    pub resources: Vec<Resource>,
    /// The fields that transformers touch.
    pub configured: Configured,
    /// The `vars` so far.
    variables: Vec<Variable>,
    /// Where objects are, by the hash of their ids; None once ids may have changed.
    index: Option<HashMap<u64, Vec<usize>>>,
    hasher: RandomState,
}

impl Accumulator {
    /// Adds objects, whose ids must be new.
    fn append(&mut self, resources: Vec<Resource>) -> Result<(), Stop> {
        if self.index.is_none() {
            let before = std::mem::take(&mut self.resources);
            self.index = Some(HashMap::new());
            self.append(before)?;
        }
        let index = self.index.as_mut().expect("it was just made");
        for resource in resources {
            let identity = resource.identity();
            let same = index.entry(identity.hash_with(&self.hasher)).or_default();
            if let Some(first) = same.iter().find(|at| self.resources[**at].identity().is_same(&identity)) {
                return Err(twice(&self.resources[*first], &resource));
            }
            same.push(self.resources.len());
            self.resources.push(resource);
        }
        Ok(())
    }

    /// The objects, to be changed in any way.
    fn changing(&mut self) -> &mut Vec<Resource> {
        self.index = None;
        &mut self.resources
    }
}

fn twice(first: &Resource, second: &Resource) -> Stop {
    let id = second.id();
    let name = if id.namespace.is_empty() { id.name } else { format!("{}/{}", id.namespace, id.name) };
    let message = format!("{} `{name}` is in one build twice", id.kind);
    let place =
        |resource: &Resource| resource.object.at(["metadata", "name"]).map_or(resource.place, |name| name.place);
    let mut diagnostic = Diagnostic::new(code!("object-twice"), message).at(place(second), "");
    if place(first) == place(second) {
        diagnostic = diagnostic.note("its file is listed twice, directly or through a folder that is");
    } else {
        diagnostic = diagnostic.at(place(first), "it is here already");
    }
    Stop::Fails(Box::new(diagnostic))
}

impl<'r> Builder<'r> {
    pub fn new(repository: &'r Repository) -> Self {
        Builder { repository, reads: BTreeSet::new(), stack: Vec::new(), origin: None }
    }

    /// The finished objects of the outermost folder.
    pub fn build(&mut self, folder: &str, root: Option<&Node>) -> Result<Vec<Resource>, Stop> {
        let repository = self.repository;
        if let Some(path) = repository.kustomization(folder) {
            self.reads.insert(path);
        }
        let kustomization = match root {
            Some(root) => {
                let path = repository.kustomization(folder).unwrap_or_else(|| join(folder, KUSTOMIZATIONS[0]));
                let reading = repository.file(&path).and_then(|file| file.yaml.as_ref());
                let ambiguous = reading.and_then(|reading| reading.documents.first());
                Kustomization::new(root, ambiguous.map_or(&[], |document| &document.ambiguous), path)?
            }
            None => Kustomization::of_folder(repository, folder)?,
        };
        let metadata = kustomization.list("buildMetadata");
        self.origin = (!metadata.is_empty()).then(Origin::default);
        let Accumulator { mut resources, configured, variables, .. } =
            self.target(folder, &kustomization, Accumulator::default())?;
        let sources = &self.repository.sources;
        generate::add_hashes(&mut resources, sources)?;
        references::follow(&mut resources, configured.own().map(|own| &own.name_reference[..]), sources)?;
        variables::resolve(&variables, &mut resources, &configured.get().var_reference, sources)?;
        finish::drop_local(&mut resources, sources)?;
        finish::sort(&mut resources, &kustomization)?;
        let asked: Vec<&str> = metadata.iter().filter_map(Node::as_str).collect();
        origin::finish(&mut resources, &asked)?;
        for resource in &mut resources {
            finish::tidy_annotations(&mut resource.object, sources);
            fold::settle(&mut resource.object, sources);
        }
        Ok(resources)
    }

    /// Adds what a kustomization gives to what there is; that is nothing unless it is a Component.
    fn target(
        &mut self,
        folder: &str,
        kustomization: &Kustomization<'_>,
        before: Accumulator,
    ) -> Result<Accumulator, Stop> {
        self.stack.push(folder.to_owned());
        let mut all = before;
        for field in ["resources", "bases"] {
            for path in kustomization.list(field) {
                self.resource(folder, path, &mut all)?;
            }
        }
        for field in REFUSED {
            if let Some(value) = kustomization.get(field) {
                return Err(refused(format!("`{field}`"), value.place));
            }
        }
        self.check_schema(folder, kustomization)?;
        let configured = Configured::read(self, folder, kustomization.list("configurations"))?;
        all.configured.merge(configured, kustomization.place())?;
        for what in [Generated::ConfigMap, Generated::Secret] {
            for entry in kustomization.list(what.field()) {
                let mut made = generate::generate(self, folder, what, entry, kustomization)?;
                if let Some(origin) = &self.origin {
                    origin.builtin(&kustomization.path, what.plugin()).made(&mut made);
                }
                generate::absorb(all.changing(), made, &self.repository.sources)?;
            }
        }
        for path in kustomization.list("components") {
            all = self.component(folder, path, all)?;
        }
        self.transform(folder, kustomization, &mut all)?;
        variables::add(&mut all.variables, &mut all.resources, kustomization)?;
        self.stack.pop();
        Ok(all)
    }

    /// Changes the objects as a kustomization says, in kustomize's order.
    fn transform(
        &mut self,
        folder: &str,
        kustomization: &Kustomization<'_>,
        all: &mut Accumulator,
    ) -> Result<(), Stop> {
        all.index = None;
        let Accumulator { resources, configured, .. } = all;
        let fields = configured.get();
        let mut plugins = Accumulator::default();
        for line in kustomization.list("transformers") {
            let text = line.as_str().unwrap_or_default();
            if self.origin.is_some() || text.contains('\n') {
                return Err(refused("`transformers` inline or beside `buildMetadata`", line.place));
            }
            self.resource(folder, line, &mut plugins)?;
        }
        let patches = patch::patches(self, folder, kustomization)?;
        let json_patches = patch::json_patches(self, folder, kustomization)?;
        let replacements = transform::replacements::read(self, folder, kustomization)?;
        let sources = &self.repository.sources;
        let origin = self.origin.clone();
        let note = |resources: &mut Vec<Resource>, plugin: &str| {
            if let Some(origin) = &origin {
                origin.builtin(&kustomization.path, plugin).changed(resources, sources);
            }
        };
        let (merges, patches) = patches.split_at(kustomization.list("patchesStrategicMerge").len());
        patch::apply(resources, merges, sources)?;
        if !merges.is_empty() {
            note(resources, "PatchStrategicMergeTransformer");
        }
        for patch in patches {
            patch::apply(resources, std::slice::from_ref(patch), sources)?;
            note(resources, "PatchTransformer");
        }
        if let Some(namespace) = kustomization.get("namespace").filter(|namespace| namespace.as_str() != Some("")) {
            let namespacing =
                Namespacing { namespace, fields: &fields.namespace, subjects: Subjects::Default, unset_only: false };
            namespacing.apply(resources)?;
            note(resources, "NamespaceTransformer");
        }
        for (end, field, plugin, fields) in [
            (End::Prefix, "namePrefix", "PrefixTransformer", &fields.name_prefix),
            (End::Suffix, "nameSuffix", "SuffixTransformer", &fields.name_suffix),
        ] {
            let text = kustomization.text(field);
            if !text.is_empty() {
                names::extend(resources, end, text, fields, sources)?;
                note(resources, plugin);
            }
        }
        let count = |field: &str| kustomization.list(field).len();
        let notes = |resources: &mut Vec<Resource>, times: usize, plugin: &str| {
            (0..times).for_each(|_| note(resources, plugin));
        };
        transform::labels::apply(resources, kustomization, fields)?;
        if kustomization.get("labels").is_some() || kustomization.get("commonLabels").is_some() {
            // One for each of `labels`, and one for `commonLabels` even where there are none.
            notes(resources, count("labels") + 1, "LabelTransformer");
        }
        transform::annotations::apply(resources, kustomization, fields)?;
        notes(resources, usize::from(kustomization.get("commonAnnotations").is_some()), "AnnotationsTransformer");
        for patch in &json_patches {
            patch::apply(resources, std::slice::from_ref(patch), sources)?;
            note(resources, "PatchJson6902Transformer");
        }
        transform::replicas::apply(resources, kustomization, fields, sources)?;
        notes(resources, count("replicas"), "ReplicaCountTransformer");
        transform::images::apply(resources, kustomization, fields)?;
        notes(resources, count("images") + count("imageTags"), "ImageTagTransformer");
        transform::replacements::apply(resources, &replacements, sources)?;
        plugins::apply(resources, &plugins.resources, sources)?;
        notes(resources, usize::from(count("replacements") > 0), "ReplacementTransformer");
        Ok(())
    }

    /// Whether the schemas that `openapi` names are those that are built in.
    fn check_schema(&self, folder: &str, kustomization: &Kustomization<'_>) -> Result<(), Stop> {
        let Some(openapi) = kustomization.get("openapi") else { return Ok(()) };
        if let Some(path) = openapi.get("path") {
            let target = resolve(folder, path.as_str().unwrap_or_default());
            return Err(match target.and_then(|target| self.repository.file(&target)) {
                Some(_) => refused("`openapi`", openapi.place),
                None => missing("the schema does not exist".to_owned(), path.place),
            });
        }
        match openapi.get("version") {
            Some(version) if version.as_str() != Some("v1.21.2") => {
                Err(fails("kustomize has the schemas of `v1.21.2` only", version.place))
            }
            _ => Ok(()),
        }
    }

    /// Adds what one line of `resources` leads to: a file, or a folder with a kustomization.
    fn resource(&mut self, folder: &str, line: &Node, all: &mut Accumulator) -> Result<(), Stop> {
        let path = line.as_str().unwrap_or_default();
        if remote::is_url(path) {
            return Err(refused(format!("the remote resource `{path}`"), line.place));
        }
        let target = resolve(folder, path);
        if let Some(file) = target.as_deref().filter(|file| self.repository.file(file).is_some()) {
            self.reads.insert(file.to_owned());
            let mut objects = load::objects(self.repository, file)?;
            if let Some(origin) = &self.origin {
                origin.join(path).note(&mut objects);
            }
            return all.append(objects);
        }
        let (kustomization, below) = self.open(path, target, line)?;
        if kustomization.is_component() {
            let message = format!("`{path}` is a Component, which belongs under `components`");
            return Err(malformed(message, Some(line.place)));
        }
        let inner = self.below(path, &below, &kustomization, Accumulator::default())?;
        all.append(inner.resources)?;
        all.configured.merge(inner.configured, line.place)?;
        inner.variables.into_iter().try_for_each(|variable| variables::push(&mut all.variables, variable))
    }

    /// What a kustomization in another folder gives.
    fn below(
        &mut self,
        line: &str,
        folder: &str,
        kustomization: &Kustomization<'_>,
        before: Accumulator,
    ) -> Result<Accumulator, Stop> {
        let origin = self.origin.clone();
        self.origin = origin.as_ref().map(|origin| origin.join(line));
        let all = self.target(folder, kustomization, before)?;
        self.origin = origin;
        Ok(all)
    }

    fn component(&mut self, folder: &str, line: &Node, all: Accumulator) -> Result<Accumulator, Stop> {
        let path = line.as_str().unwrap_or_default();
        let (kustomization, below) = self.open(path, resolve(folder, path), line)?;
        if !kustomization.is_component() {
            let message = format!("`{path}` is no Component, so it belongs under `resources`");
            return Err(malformed(message, Some(line.place)));
        }
        let inner = self.below(path, &below, &kustomization, all)?;
        let mut all = Accumulator::default();
        all.append(inner.resources)?;
        all.configured = inner.configured;
        all.variables = inner.variables;
        Ok(all)
    }

    /// The kustomization of a folder that a line names.
    fn open(&mut self, path: &str, target: Option<String>, line: &Node) -> Result<(Kustomization<'r>, String), Stop> {
        if remote::is_repository(path) {
            return Err(refused(format!("the remote resource `{path}`"), line.place));
        }
        let target = target.filter(|target| !path.is_empty() && self.repository.is_folder(target));
        let Some(target) = target else {
            return Err(missing(format!("`{path}` does not exist"), line.place));
        };
        if let Some(above) = self.stack.iter().find(|above| is_below(above, &target)) {
            let message = format!("`{path}` leads back to `{}`, which is just being built", shown(above));
            return Err(malformed(message, Some(line.place)));
        }
        let Some(path) = self.repository.kustomization(&target) else {
            return Err(missing(format!("`{path}` is a folder without a kustomization file"), line.place));
        };
        self.reads.insert(path);
        Ok((Kustomization::of_folder(self.repository, &target)?, target))
    }
}

/// What a kustomization names is not there.
pub(super) fn missing(message: String, place: Place) -> Stop {
    Stop::Fails(Box::new(Diagnostic::new(code!("resource-missing"), message).at(place, "")))
}
