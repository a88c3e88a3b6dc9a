//! The compiler: inventory and templates in, plan, claims, findings and tree out. A function of what it reads.

mod inputs;
mod made_secrets;
mod manifests;

use std::collections::BTreeMap;

use serde_json::Value;

pub use inputs::{Inputs, SealedStore, tofu_folders};
use made_secrets::secret_makers;
pub use manifests::{Body, Manifest, UnitOutput, Values, manifest_name, objects, render};

use crate::{
    calendar::Date,
    checks,
    claim::{Claim, ObjectId, group_of},
    code,
    delivery::{
        self,
        talos::{Configured, Parts},
    },
    diagnostic::{Diagnostic, Severity},
    facets::{Context, FACETS, Made},
    facts::Facts,
    inventory::{self, Inventory},
    kubernetes::Schemas,
    node::{Node, Part},
    plan::{Plan, order::Order},
    references, report,
    source::{Place, Sources},
    tree::Tree,
    world::{Error, World},
};

/// What to compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// The inventory's path.
    pub inventory: String,
    /// The profile to apply instead of the inventory's own.
    pub profile: Option<String>,
    /// The folder the tree will lie in, as Flux sees it below `[repo] path`.
    pub out: String,
    /// The day to judge allowances and certificates by. A build has none: it does not know the time.
    pub as_of: Option<Date>,
}

impl Default for Options {
    fn default() -> Self {
        Options { inventory: "inventory.toml".into(), profile: None, out: "out".into(), as_of: None }
    }
}

/// What a run made of its inputs.
#[derive(Debug)]
pub struct Compiled {
    /// Every text that was read or rendered.
    pub sources: Sources,
    /// Everything found, sorted, followers folded, allowances applied.
    pub diagnostics: Vec<Diagnostic>,
    /// Everything known about the cluster. None if the inventory could not be read at all.
    pub model: Option<Model>,
    /// The whole of `out/`. None if there was an error.
    pub tree: Option<Tree>,
}

impl Compiled {
    /// Whether a build may write.
    pub fn is_sound(&self) -> bool {
        self.diagnostics.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Everything known about the cluster, before any check judges it.
#[derive(Debug)]
pub struct Model {
    /// What was read.
    pub inputs: Inputs,
    /// The inventory as written.
    pub inventory: Inventory,
    /// Its places.
    pub root: Node,
    /// What it means.
    pub plan: Plan,
    /// Who waits for whom.
    pub order: Order,
    /// What each unit gives, in the order of [`Plan::units`].
    pub units: Vec<UnitOutput>,
    /// Every object of every unit.
    pub claims: Vec<Claim>,
    /// Secrets that somebody makes, by namespace and name, with the unit that does; None where nobody of this inventory does.
    pub secret_makers: BTreeMap<(String, String), Option<usize>>,
    /// The facts of templates.
    pub facts: Facts,
    /// Schemas of the cluster's Kubernetes version, of popular custom resources and of every CRD in the repository.
    pub schemas: Option<Schemas>,
    /// The configuration of each Talos node.
    pub talos: BTreeMap<String, Configured>,
    /// The folder the tree will lie in.
    pub out: String,
}

impl Model {
    /// The place of something the inventory says.
    pub fn place(&self, pointer: &str, part: Part) -> Place {
        self.root.place_of(pointer, part)
    }
}

/// Compiles a repository. An error means that the machine failed; what is wrong in the texts is among the findings.
pub fn compile(world: &dyn World, options: &Options) -> Result<Compiled, Error> {
    let mut sources = Sources::default();
    let mut found = Vec::new();
    let Some(source) = inputs::text(world, &options.inventory, &mut sources, &mut found)? else {
        if found.is_empty() {
            found.push(
                Diagnostic::new(code!("inventory-missing"), format!("there is no `{}` here", options.inventory))
                    .help("go to the folder that holds it, or name that folder with `-C DIR`"),
            );
        }
        return Ok(Compiled { diagnostics: report::settle(found, &sources), sources, model: None, tree: None });
    };
    let text = sources.get(source).text.clone();
    let reading = inventory::read(source, &text, options.profile.as_deref());
    found.extend(reading.diagnostics);
    let Some(inventory) = reading.inventory else {
        return Ok(Compiled { diagnostics: report::settle(found, &sources), sources, model: None, tree: None });
    };
    let root = reading.root;
    let inputs = Inputs::read(world, &inventory, &root, &mut sources, &mut found)?;
    let model = model(inputs, inventory, root, &mut sources, &mut found, options);
    for check in checks::CHECKS {
        check(&model, &sources, &mut found);
    }
    model.inputs.translate(&mut found, &sources);
    inventory::follow_unreadable(source, &reading.unreadable, &mut found);
    let mut found = checks::allow(&model, found);
    if let Some(date) = options.as_of {
        checks::expired(&model, date, &mut found);
    }
    let diagnostics = report::settle(found, &sources);
    let sound = diagnostics.iter().all(|finding| finding.severity != Severity::Error);
    let tree = sound.then(|| tree(&model, &sources));
    Ok(Compiled { sources, diagnostics, model: Some(model), tree })
}

fn model(
    mut inputs: Inputs,
    inventory: Inventory,
    root: Node,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
    options: &Options,
) -> Model {
    let plan = Plan::resolve(&inventory, &root, found);
    let facts = Facts::new(&inventory, &plan);
    let schemas = schemas(&inventory, &root, found);
    let solvers = manifests::solvers(&mut inputs, &facts, sources, found);
    let mut units = Vec::with_capacity(plan.units.len());
    let mut needs = Vec::with_capacity(plan.units.len());
    for (id, unit) in plan.units.iter().enumerate() {
        let mut made = Made::default();
        let context = Context {
            plan: &plan,
            inventory: &inventory,
            root: &root,
            sealed: &inputs.sealed,
            solvers: &solvers,
            unit,
            id,
        };
        for facet in FACETS {
            facet(&context, &mut made);
        }
        found.append(&mut made.findings);
        needs.push(std::mem::take(&mut made.needs));
        units.push(manifests::unit(&mut inputs, &plan, &inventory, &facts, id, made, sources, found));
    }
    let parts = Parts { inventory: &inventory, root: &root, plan: &plan, facts: &facts };
    let talos = delivery::talos::configure(&parts, &mut inputs, sources, found);
    let mut model = Model {
        inputs,
        inventory,
        root,
        plan,
        order: Order::default(),
        units,
        claims: Vec::new(),
        secret_makers: BTreeMap::new(),
        facts,
        schemas,
        talos,
        out: options.out.clone(),
    };
    if let Some(schemas) = &mut model.schemas {
        for document in model.units.iter().flat_map(UnitOutput::documents) {
            if document.get("kind").and_then(Node::as_str) == Some("CustomResourceDefinition") {
                found.extend(schemas.add_crd(document).err());
            }
        }
    }
    claims(&mut model);
    let definitions = model.claims.iter().filter(|claim| claim.object.kind == "CustomResourceDefinition");
    for (unit, (_, group)) in definitions.filter_map(|claim| Some((claim.unit?, claim.object.name.split_once('.')?))) {
        let units = model.plan.providers.entry(format!("api/{group}")).or_default();
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    gather_references(&mut model, &mut needs);
    model.order = Order::infer(&model.plan, &model.inventory, &model.root, &needs, found);
    model
}

fn schemas(inventory: &Inventory, root: &Node, found: &mut Vec<Diagnostic>) -> Option<Schemas> {
    match Schemas::for_version(&inventory.versions.kubernetes) {
        Ok(schemas) => Some(schemas),
        Err(unknown) => {
            let place = root.place_of("/versions/kubernetes", Part::Value);
            let text = format!("manifests cannot be checked for Kubernetes `{}`", inventory.versions.kubernetes);
            found.push(
                Diagnostic::new(code!("kubernetes-unknown"), text)
                    .at(place, "")
                    .help(format!("known versions: {}", unknown.known.join(", "))),
            );
            None
        }
    }
}

/// Every object that units put into the cluster.
fn claims(model: &mut Model) {
    let mut claims = Vec::new();
    for (name, namespace) in &model.plan.namespaces {
        claims.push(Claim {
            object: ObjectId { group: String::new(), kind: "Namespace".into(), namespace: None, name: name.clone() },
            api_version: "v1".into(),
            unit: None,
            file: format!("namespaces/{name}.yaml"),
            place: model.place(&namespace.pointer, Part::Key),
        });
    }
    for (id, output) in model.units.iter().enumerate() {
        let unit = &model.plan.units[id];
        let folder = unit.path();
        for manifest in &output.manifests {
            let file = format!("{folder}/{}", manifest.name);
            match &manifest.body {
                Body::Made { objects, pointer } => {
                    let place = model.place(pointer, Part::Key);
                    claims.extend(objects.iter().filter_map(|object| claim_of_value(object, id, &file, place)));
                }
                Body::Template { documents, .. } => {
                    for document in documents.iter().flat_map(|document| manifests::objects(&document.root)) {
                        claims.extend(claim_of_node(document, id, &file, model.schemas.as_ref()));
                    }
                }
            }
        }
        if output.release.is_some() {
            let place = model.place(&format!("{}/chart", unit.pointer), Part::Value);
            claims.push(Claim {
                object: ObjectId {
                    group: "helm.toolkit.fluxcd.io".into(),
                    kind: "HelmRelease".into(),
                    namespace: Some(unit.namespace.clone()),
                    name: unit.label(),
                },
                api_version: "helm.toolkit.fluxcd.io/v2".into(),
                unit: Some(id),
                file: format!("{folder}/helmrelease.yaml"),
                place,
            });
        }
    }
    model.claims = claims;
}

fn claim_of_value(object: &Value, unit: usize, file: &str, place: Place) -> Option<Claim> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let api_version = text("/apiVersion")?;
    Some(Claim {
        object: ObjectId {
            group: group_of(api_version).into(),
            kind: text("/kind")?.into(),
            namespace: text("/metadata/namespace").map(str::to_owned),
            name: text("/metadata/name")?.into(),
        },
        api_version: api_version.into(),
        unit: Some(unit),
        file: file.into(),
        place,
    })
}

fn claim_of_node(document: &Node, unit: usize, file: &str, schemas: Option<&Schemas>) -> Option<Claim> {
    let api_version = document.get("apiVersion")?.as_str()?;
    let kind = document.get("kind")?.as_str()?;
    let name = document.at(["metadata", "name"])?;
    let cluster_scoped = schemas.and_then(|schemas| schemas.namespaced(api_version, kind)) == Some(false);
    let namespace = document.at(["metadata", "namespace"]).and_then(Node::as_str).filter(|_| !cluster_scoped);
    Some(Claim {
        object: ObjectId {
            group: group_of(api_version).into(),
            kind: kind.into(),
            namespace: namespace.map(str::to_owned),
            name: name.as_str()?.into(),
        },
        api_version: api_version.into(),
        unit: Some(unit),
        file: file.into(),
        place: name.place,
    })
}

/// Adds what manifests and values refer to.
fn gather_references(model: &mut Model, needs: &mut [Vec<crate::facets::Need>]) {
    for (id, output) in model.units.iter_mut().enumerate() {
        let mut all = Vec::new();
        let namespace = &model.plan.units[id].namespace;
        for document in output.documents() {
            // cert-manager looks for the Secrets of its cluster-wide issuers where it runs itself.
            let is_issuer = document.get("kind").and_then(Node::as_str) == Some("ClusterIssuer");
            let controller = model.plan.provider("api/cert-manager.io").filter(|_| is_issuer);
            let namespace = controller.map_or(namespace, |id| &model.plan.units[id].namespace);
            all.push((references::of_manifest(document), namespace));
        }
        if let Some(values) = &output.values {
            all.push((references::of_values(&values.root), namespace));
        }
        for (mut found, namespace) in all {
            needs[id].append(&mut found.needs);
            for secret in &mut found.secrets {
                secret.namespace.get_or_insert_with(|| namespace.clone());
            }
            output.secret_uses.append(&mut found.secrets);
        }
    }
    model.secret_makers = secret_makers(model);
    for (id, output) in model.units.iter().enumerate() {
        for references::SecretUse { namespace, name, place, .. } in &output.secret_uses {
            let namespace = namespace.clone().unwrap_or_default();
            if let Some(Some(maker)) = model.secret_makers.get(&(namespace, name.clone())) {
                needs[id].push(crate::facets::Need {
                    what: crate::facets::What::Unit(*maker),
                    reason: format!("it uses the Secret `{name}`"),
                    place: *place,
                    otherwise: None,
                });
            }
        }
    }
}

fn tree(model: &Model, sources: &Sources) -> Tree {
    let mut tree = Tree::default();
    delivery::flux::write(model, sources, &mut tree);
    delivery::talos::write(model, &mut tree);
    delivery::readme::write(model, &mut tree);
    tree
}
