//! What Terraform and OpenTofu put into clusters, read off `.tf` sources without running anything.
//!
//! A folder that is nobody's module is a root. Each root is walked with its modules as Terraform would: variables hold what callers
//! pass, `count` and `for_each` are played where they can be told, and everything that only a run would learn stays unknown.

mod configuration;
mod functions;
pub mod hcl;
mod kinds;
pub mod plan;
mod resources;
#[cfg(test)]
mod tests;
pub mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use self::{
    configuration::{Configuration, Module},
    hcl::{Block, Expression},
    values::Value,
};
use super::{Certainty, Claim};
use crate::{
    claim::ObjectId,
    code,
    diagnostic::Diagnostic,
    node::Node,
    parallel,
    repository::{Repository, parent, resolve},
    source::{Place, SourceId},
};

/// What Terraform sources say: claims, and what other checks compare them with.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Objects, releases and fields that Terraform puts into clusters.
    pub claims: Vec<Claim>,
    /// Folders that Terraform is run in.
    pub roots: Vec<Root>,
    /// `flux_bootstrap_git`, also where it is switched off.
    pub bootstraps: Vec<Bootstrap>,
    /// `helm_release`.
    pub releases: Vec<Release>,
    /// Patches of Talos configurations.
    pub patches: Vec<Patch>,
    /// Where the configurations that Terraform makes for Talos say the cluster's API server is.
    pub cluster_endpoints: Vec<Written>,
    /// Other `talos_…` resources.
    pub talos: Vec<Resource>,
    /// Values written literally: defaults of variables, locals, what `.tfvars` set, arguments of modules.
    pub settings: Vec<Setting>,
    /// Calls of modules.
    pub calls: Vec<Call>,
    /// Addresses that provider blocks talk to.
    pub endpoints: Vec<Endpoint>,
    /// DNS records.
    pub records: Vec<Record>,
    /// DNS zones.
    pub zones: Vec<Zone>,
    /// Clients of identity providers.
    pub clients: Vec<Client>,
    /// Secrets and ConfigMaps with their keys.
    pub keyed: Vec<Keyed>,
    /// Resources that put something into a cluster whose name only a run would tell.
    pub unnamed: Vec<Resource>,
    /// Files that Terraform reads: sources, and what they name with `file` and its like.
    pub read: BTreeSet<String>,
}

/// A folder that Terraform is run in.
#[derive(Clone, Debug)]
pub struct Root {
    /// The folder.
    pub folder: String,
    /// Whether something says so: a backend, a provider with settings, a Terraform object; else it is only nobody's module.
    pub certain: bool,
    /// Git addresses of its `flux` provider.
    pub git: Option<String>,
}

/// A resource in a root, as a reader finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `module.x.helm_release.cilium`.
    pub address: String,
    /// Its type.
    pub kind: String,
    /// The folder of the root.
    pub root: String,
    /// Whether it is certain to exist.
    pub certainty: Certainty,
    /// Its type and name, as written.
    pub place: Place,
}

impl fmt::Display for Resource {
    /// `module.x.helm_release.cilium in terraform/01-bootstrap`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} in {}", self.address, if self.root.is_empty() { "." } else { &self.root })
    }
}

/// A text with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Where it stands; for a reference, where what it means is written.
    pub place: Place,
}

/// A `flux_bootstrap_git`.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The resource.
    pub resource: Resource,
    /// The folder of the repository it writes Flux into, without `./`; None where that cannot be told.
    pub path: Option<Written>,
    /// The namespace.
    pub namespace: String,
    /// The version of Flux.
    pub version: Option<Written>,
    /// The repository, as the provider of its root says.
    pub git: Option<String>,
    /// Whether `count` or `for_each` make none of it here, with the place of the switch.
    pub off: Option<Place>,
}

/// A `helm_release`.
#[derive(Clone, Debug)]
pub struct Release {
    /// The resource.
    pub resource: Resource,
    /// The namespace its storage is in.
    pub namespace: String,
    /// The release's name.
    pub name: String,
    /// The chart as written.
    pub chart: Option<Written>,
    /// The repository of the chart.
    pub repository: Option<Written>,
    /// The chart's version.
    pub version: Option<Written>,
    /// Whether it makes its namespace.
    pub creates_namespace: bool,
    /// Its values, one document an entry, later ones winning; unknown parts are placeholders.
    pub values: Vec<Node>,
    /// Whether these are all, and nobody can give others without changing a file.
    pub has_all_values: bool,
}

/// A patch of a Talos configuration.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The resource or data source.
    pub resource: Resource,
    /// `controlplane` or `worker`, where it says so.
    pub machine_type: Option<String>,
    /// The documents of the patch; unknown parts are placeholders.
    pub documents: Vec<Node>,
    /// Whether every patch of the resource could be read.
    pub complete: bool,
}

/// Where a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Origin {
    Default,
    Local,
    Given,
    Argument,
}

/// A scalar that is written literally.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The folder of the module.
    pub folder: String,
    /// What it is.
    pub origin: Origin,
    /// Its name, with the way into it: `cluster_networks.gateway`, for an argument `dns.ingress_pool`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where.
    pub place: Place,
}

/// A call of a module.
#[derive(Clone, Debug)]
pub struct Call {
    /// The folder of the calling module.
    pub folder: String,
    /// Its name.
    pub name: String,
    /// The source as written.
    pub source: Option<Written>,
    /// The folder of the called module, where it lies in the repository.
    pub target: Option<String>,
    /// Where.
    pub place: Place,
}

/// An address that a provider talks to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The provider: `authentik`.
    pub provider: String,
    /// The folder of the root.
    pub root: String,
    /// The attribute: `url`.
    pub key: String,
    /// What it comes to.
    pub url: String,
    /// The attribute's value as written.
    pub place: Place,
}

/// A DNS record.
#[derive(Clone, Debug)]
pub struct Record {
    /// The resource.
    pub resource: Resource,
    /// The zone, without a final dot.
    pub zone: Option<String>,
    /// The name as written.
    pub name: Written,
    /// `A`, `CNAME`, ….
    pub kind: Option<String>,
    /// What it points at, as far as that is known.
    pub content: Vec<Written>,
}

impl Record {
    /// The full name, without a final dot, where the zone is known or the name ends in it.
    pub fn host(&self) -> Option<String> {
        let name = self.name.text.trim_end_matches('.').to_ascii_lowercase();
        if self.name.text.ends_with('.') {
            return Some(name);
        }
        match &self.zone {
            Some(zone) if name.is_empty() || name == "@" => Some(zone.clone()),
            Some(zone) if name == *zone || name.ends_with(&format!(".{zone}")) => Some(name),
            Some(zone) => Some(format!("{name}.{zone}")),
            None => None,
        }
    }
}

/// A DNS zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// The resource.
    pub resource: Resource,
    /// Its name, without a final dot.
    pub name: Written,
}

/// A client of an identity provider.
#[derive(Clone, Debug)]
pub struct Client {
    /// The resource.
    pub resource: Resource,
    /// Its id, or slug or name where it has no id.
    pub id: Option<Written>,
    /// Redirects and other addresses, as far as they are known.
    pub urls: Vec<Written>,
}

/// A Secret or ConfigMap with its keys.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// The object.
    pub object: ObjectId,
    /// Its keys.
    pub keys: Vec<String>,
    /// Whether these are all.
    pub complete: bool,
    /// Where.
    pub place: Place,
}

/// Reads all Terraform sources of a repository.
pub fn claims(repository: &Repository, found: &mut Vec<Diagnostic>) -> Facts {
    let mut facts = Facts::default();
    let modules = modules(repository, &mut facts.read, found);
    if modules.is_empty() {
        return facts;
    }
    let handed = handed(repository);
    let called = called(&modules);
    let configuration = Configuration::new(repository, &modules, &handed);
    let does_something = |block: &Block| matches!(block.kind.as_str(), "resource" | "module" | "data");
    let is_root = |(folder, module): &(&String, &Module)| {
        !called.contains(folder.as_str()) && module.blocks.iter().any(does_something)
    };
    // All of them before the first is read: one may look into the outputs of another.
    let mut roots = Vec::new();
    for (folder, module) in modules.iter().filter(is_root) {
        let certain = handed.contains_key(folder) || says_root(module) || !is_among_modules(folder);
        roots.extend(configuration.root(folder, certain).map(|scope| (scope, certain)));
    }
    for (scope, certain) in roots {
        configuration.refuel();
        resources::read_root(&configuration, scope, certain, &mut facts);
    }
    for module in modules.values() {
        settings(module, &mut facts);
        calls(module, &mut facts);
    }
    facts.read.append(&mut configuration.files.take());
    facts
}

/// Every folder with sources, parsed on as many threads as pays.
fn modules(
    repository: &Repository,
    read: &mut BTreeSet<String>,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Module> {
    let is_source = |path: &str| path.ends_with(".tf") || path.ends_with(".tofu");
    let is_given = |path: &str| {
        path.ends_with("/terraform.tfvars") || path == "terraform.tfvars" || path.ends_with(".auto.tfvars")
    };
    let texts: Vec<(&str, crate::source::SourceId)> = repository
        .files()
        .filter(|(path, _)| is_source(path) || is_given(path))
        // OpenTofu reads `x.tofu` instead of `x.tf`.
        .filter(|(path, _)| {
            path.strip_suffix(".tf").is_none_or(|name| repository.file(&format!("{name}.tofu")).is_none())
        })
        .filter_map(|(path, file)| Some((path, file.source.filter(|_| file.fault.is_none())?)))
        .collect();
    let mut folders: BTreeMap<String, (Vec<Block>, Vec<hcl::Attribute>)> = BTreeMap::new();
    for (path, reading) in parse(repository, &texts) {
        read.insert(path.to_owned());
        match reading {
            Ok(body) => {
                let (blocks, given) = folders.entry(parent(path).to_owned()).or_default();
                if is_source(path) { blocks.extend(body.blocks) } else { given.extend(body.attributes) }
            }
            Err(fault) => found.push(syntax(path, &fault)),
        }
    }
    folders.retain(|_, (blocks, _)| !blocks.is_empty());
    folders.into_iter().map(|(folder, (blocks, given))| (folder.clone(), Module::new(&folder, blocks, given))).collect()
}

fn parse<'t>(repository: &Repository, texts: &[(&'t str, SourceId)]) -> Vec<(&'t str, Result<hcl::Body, hcl::Fault>)> {
    let sources = &repository.sources;
    let mut readings = parallel::each(texts, |(path, source)| (*path, hcl::read(*source, &sources.get(*source).text)));
    readings.sort_by_key(|(path, _)| *path);
    readings
}

fn syntax(path: &str, fault: &hcl::Fault) -> Diagnostic {
    // What could stand there instead is a list of letters that helps nobody.
    let wrong = fault.message.split([';', '\n']).next().unwrap_or_default().replace('`', "");
    Diagnostic::new(code!("terraform-syntax"), format!("`{path}` is not Terraform's language: {wrong}"))
        .at(fault.place, "")
        .about(path)
        .note("what this file puts into a cluster is not compared with what other tools put there")
        .help("`terraform fmt` or `tofu fmt` names the line too; a template for such a file wants another ending, such as `.tftpl`")
}

/// The folders that some module calls.
fn called(modules: &BTreeMap<String, Module>) -> BTreeSet<String> {
    let mut called = BTreeSet::new();
    for module in modules.values() {
        let sources = module.blocks_of("module").filter_map(|call| module.source(call));
        called.extend(sources.filter(|source| *source != module.folder));
    }
    called
}

/// Whether a folder lies among folders of modules, so that nobody calling it does not make it a root.
fn is_among_modules(folder: &str) -> bool {
    folder.split('/').any(|part| matches!(part, "modules" | "module" | "examples" | "tests"))
}

/// Whether a module says that Terraform is run in it: it keeps a state somewhere, or tells a provider what to talk to.
fn says_root(module: &Module) -> bool {
    let terraform =
        |block: &Block| block.body.blocks.iter().any(|inner| matches!(inner.kind.as_str(), "backend" | "cloud"));
    module.blocks_of("terraform").any(terraform)
        || module.blocks_of("provider").next().is_some()
        || !module.given.is_empty()
}

/// What the objects of the tofu controller set, by the folder they run.
fn handed(repository: &Repository) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut handed: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    let objects = repository.files().flat_map(|(_, file)| file.documents());
    for object in objects.filter(|object| object.get("kind").and_then(Node::as_str) == Some("Terraform")) {
        let is_ours = |version: &str| version.starts_with("infra.contrib.fluxcd.io/");
        if !object.get("apiVersion").and_then(Node::as_str).is_some_and(is_ours) {
            continue;
        }
        let Some(folder) = object.at(["spec", "path"]).and_then(Node::as_str) else { continue };
        let Some(folder) = resolve("", folder.trim_start_matches('/')) else { continue };
        let values = handed.entry(folder).or_default();
        for variable in object.at(["spec", "vars"]).map_or(&[][..], Node::items) {
            if let (Some(name), Some(value)) = (variable.get("name").and_then(Node::as_str), variable.get("value")) {
                values.push((name.to_owned(), Value::from_node(value)));
            }
        }
    }
    handed
}

fn settings(module: &Module, facts: &mut Facts) {
    let mut add = |origin: Origin, name: &str, expression: &Expression| {
        literals(name, expression, &mut |name, value, place| {
            let folder = module.folder.clone();
            facts.settings.push(Setting { folder, origin, name: name.to_owned(), value, place });
        });
    };
    let is_secret =
        |block: &Block| block.body.get("sensitive").is_some_and(|flag| matches!(flag.kind, hcl::Kind::Bool(true)));
    let hidden: BTreeSet<&str> =
        module.blocks_of("variable").filter(|block| is_secret(block)).map(|block| block.label(0)).collect();
    for variable in module.blocks_of("variable").filter(|block| !is_secret(block)) {
        if let Some(default) = variable.body.get("default") {
            add(Origin::Default, variable.label(0), default);
        }
    }
    for attribute in module.blocks_of("locals").flat_map(|block| &block.body.attributes) {
        add(Origin::Local, &attribute.key, &attribute.value);
    }
    for given in module.given.iter().filter(|given| !hidden.contains(given.key.as_str())) {
        add(Origin::Given, &given.key, &given.value);
    }
    for call in module.blocks_of("module") {
        let meta = ["source", "version", "providers", "depends_on", "count", "for_each"];
        for attribute in call.body.attributes.iter().filter(|attribute| !meta.contains(&attribute.key.as_str())) {
            add(Origin::Argument, &format!("{}.{}", call.label(0), attribute.key), &attribute.value);
        }
    }
}

/// The scalars written literally in an expression, with the way to each.
fn literals(name: &str, expression: &Expression, add: &mut dyn FnMut(&str, String, Place)) {
    match &expression.kind {
        hcl::Kind::Bool(flag) => add(name, flag.to_string(), expression.place),
        hcl::Kind::Number(number) => add(name, number.to_string(), expression.place),
        hcl::Kind::Text(text) => add(name, text.clone(), expression.place),
        hcl::Kind::List(items) => {
            for (at, item) in items.iter().enumerate() {
                literals(&format!("{name}.{at}"), item, add);
            }
        }
        hcl::Kind::Object(entries) => {
            for (key, value) in entries {
                if let hcl::Kind::Text(key) = &key.kind {
                    literals(&format!("{name}.{key}"), value, add);
                }
            }
        }
        hcl::Kind::Call { name: function, arguments, .. }
            if matches!(
                function.as_str(),
                "yamlencode" | "jsonencode" | "merge" | "concat" | "toset" | "tolist" | "tomap"
            ) =>
        {
            for argument in arguments {
                literals(name, argument, add);
            }
        }
        _ => {}
    }
}

fn calls(module: &Module, facts: &mut Facts) {
    for call in module.blocks_of("module") {
        let source = call.body.get("source").and_then(|source| match &source.kind {
            hcl::Kind::Text(text) => Some(Written { text: text.clone(), place: source.place }),
            _ => None,
        });
        facts.calls.push(Call {
            folder: module.folder.clone(),
            name: call.label(0).to_owned(),
            source,
            target: module.source(call),
            place: call.place,
        });
    }
}
