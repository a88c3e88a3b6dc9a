//! From a kustomization file to its objects: what it lists, what it generates, its components, then its changes.

use std::{
    collections::{BTreeSet, HashMap},
    hash::RandomState,
};

use super::{
    Resource, Stop,
    configuration::Configured,
    file::{Kustomization, malformed, shown},
    finish, fold,
    generate::{self, Generated},
    load,
    names::{self, End, Namespacing, Subjects},
    patch, references, refused, remote, transform,
};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::Node,
    repository::{Repository, is_below, resolve},
    source::Place,
};

/// Fields that are not done yet, and refused where they say anything.
const REFUSED: [&str; 7] = ["crds", "generators", "transformers", "validators", "vars", "openapi", "buildMetadata"];

/// What a run over folders carries along.
pub(super) struct Builder<'r> {
    pub repository: &'r Repository,
    pub reads: BTreeSet<String>,
    /// The folders that are being built, the outermost first.
    stack: Vec<String>,
}

/// Objects so far. Their ids are unique while objects are added.
#[derive(Default)]
pub(super) struct Accumulator {
    pub resources: Vec<Resource>,
    /// The fields that transformers touch.
    pub configured: Configured,
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
        Builder { repository, reads: BTreeSet::new(), stack: Vec::new() }
    }

    /// The finished objects of the outermost folder.
    pub fn build(&mut self, folder: &str, root: Option<&Node>) -> Result<Vec<Resource>, Stop> {
        let repository = self.repository;
        if let Some(path) = repository.kustomization(folder) {
            self.reads.insert(path);
        }
        let kustomization = match root {
            Some(root) => {
                let path = repository
                    .kustomization(folder)
                    .unwrap_or_else(|| crate::repository::join(folder, "kustomization.yaml"));
                Kustomization::new(root, path)?
            }
            None => Kustomization::of_folder(repository, folder)?,
        };
        let Accumulator { mut resources, configured, .. } =
            self.target(folder, &kustomization, Accumulator::default())?;
        generate::add_hashes(&mut resources);
        references::follow(&mut resources, configured.own().map(|own| &own.name_reference[..]))?;
        let sources = &self.repository.sources;
        finish::drop_local(&mut resources, sources)?;
        finish::sort(&mut resources, &kustomization)?;
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
        let configured = Configured::read(self, folder, kustomization.list("configurations"))?;
        all.configured.merge(configured, kustomization.place())?;
        for what in [Generated::ConfigMap, Generated::Secret] {
            for entry in kustomization.list(what.field()) {
                let made = generate::generate(self, folder, what, entry, kustomization)?;
                generate::absorb(all.changing(), made)?;
            }
        }
        for path in kustomization.list("components") {
            all = self.component(folder, path, all)?;
        }
        self.transform(folder, kustomization, &mut all)?;
        self.stack.pop();
        Ok(all)
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
            let objects = load::objects(self.repository, file)?;
            return all.append(objects);
        }
        let (kustomization, below) = self.open(path, target, line)?;
        if kustomization.is_component() {
            let message = format!("`{path}` is a Component, which belongs under `components`");
            return Err(malformed(message, Some(line.place)));
        }
        let inner = self.target(&below, &kustomization, Accumulator::default())?;
        all.append(inner.resources)?;
        all.configured.merge(inner.configured, line.place)
    }

    fn component(&mut self, folder: &str, line: &Node, all: Accumulator) -> Result<Accumulator, Stop> {
        let path = line.as_str().unwrap_or_default();
        let (kustomization, below) = self.open(path, resolve(folder, path), line)?;
        if !kustomization.is_component() {
            let message = format!("`{path}` is no Component, so it belongs under `resources`");
            return Err(malformed(message, Some(line.place)));
        }
        let inner = self.target(&below, &kustomization, all)?;
        let mut all = Accumulator::default();
        all.append(inner.resources)?;
        all.configured = inner.configured;
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
    /// Changes the objects as a kustomization says, in kustomize's order.
    fn transform(
        &mut self,
        folder: &str,
        kustomization: &Kustomization<'_>,
        all: &mut Accumulator,
    ) -> Result<(), Stop> {
        let patches = patch::patches(self, folder, kustomization)?;
        let json_patches = patch::json_patches(self, folder, kustomization)?;
        let replacements = transform::replacements::read(self, folder, kustomization)?;
        let sources = &self.repository.sources;
        all.index = None;
        let Accumulator { resources, configured, .. } = all;
        let fields = configured.get();
        patch::apply(resources, &patches, sources)?;
        if let Some(namespace) = kustomization.get("namespace").filter(|namespace| namespace.as_str() != Some("")) {
            let namespacing =
                Namespacing { namespace, fields: &fields.namespace, subjects: Subjects::Default, unset_only: false };
            namespacing.apply(resources)?;
        }
        for (end, field, fields) in
            [(End::Prefix, "namePrefix", &fields.name_prefix), (End::Suffix, "nameSuffix", &fields.name_suffix)]
        {
            let text = kustomization.text(field);
            if !text.is_empty() {
                names::extend(resources, end, text, fields)?;
            }
        }
        transform::labels::apply(resources, kustomization, fields)?;
        transform::annotations::apply(resources, kustomization, fields)?;
        patch::apply(resources, &json_patches, sources)?;
        transform::replicas::apply(resources, kustomization, fields, sources)?;
        transform::images::apply(resources, kustomization, fields)?;
        transform::replacements::apply(resources, &replacements, sources)
    }
}

/// What a kustomization names is not there.
pub(super) fn missing(message: String, place: Place) -> Stop {
    Stop::Fails(Box::new(Diagnostic::new(code!("resource-missing"), message).at(place, "")))
}
