//! What Kubernetes would say to a manifest: unknown fields, wrong types, missing and impossible values, each at its place.
//!
//! The facts are an embedded table (Kubernetes 1.29–1.37 and the custom resources of well-known projects), to which
//! the CustomResourceDefinitions of a repository are added.

mod crd;
mod schema;
mod table;
#[cfg(test)]
mod tests;
mod validate;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use regex::Regex;

use crate::{diagnostic::Diagnostic, node::Node};
use schema::{Schema, Shape};
use table::Table;

/// The kinds one cluster knows.
#[derive(Debug)]
pub struct Schemas {
    table: Table,
    minor: u32,
    /// The bit of this cluster's release in the table's masks.
    release: u32,
    /// From the CustomResourceDefinitions of the repository, by group.
    custom: BTreeMap<String, BTreeMap<String, crd::Custom>>,
    /// Patterns compiled so far; `None` where one is no pattern at all.
    patterns: RwLock<HashMap<String, Option<Regex>>>,
}

/// A Kubernetes version the embedded table does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVersion {
    /// What was asked for.
    pub version: String,
    /// What there is, oldest first: `1.29`, `1.30`, …
    pub known: Vec<String>,
}

impl fmt::Display for UnknownVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Kubernetes `{}` is not among the versions known here: {}", self.version, self.known.join(", "))
    }
}

impl std::error::Error for UnknownVersion {}

/// Who says what objects of a kind look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Kubernetes itself.
    Kubernetes,
    /// A CustomResourceDefinition of the repository.
    Repository,
    /// A project whose definitions are embedded, in one version of them.
    Project,
}

impl Schemas {
    /// The kinds of this Kubernetes version, written `1.32.1`, `v1.32` or the like, and of well-known custom resources.
    pub fn for_version(kubernetes: &str) -> Result<Schemas, UnknownVersion> {
        let table = Table::open();
        let Some(minor) = minor(kubernetes).filter(|minor| table.minors().contains(minor)) else {
            let known = table.minors().map(|minor| format!("1.{minor}")).collect();
            return Err(UnknownVersion { version: kubernetes.to_owned(), known });
        };
        Ok(Schemas::of(table, minor))
    }

    /// The kinds of the newest Kubernetes version known here, and of well-known custom resources.
    pub fn newest() -> Schemas {
        let table = Table::open();
        let newest = table.minors().max().expect("the table holds a version");
        Schemas::of(table, newest)
    }

    /// The kinds of a minor release that the table holds.
    fn of(table: Table, minor: u32) -> Schemas {
        let release = table.release(minor).expect("one of the table's releases");
        Schemas { table, minor, release, custom: BTreeMap::new(), patterns: RwLock::default() }
    }

    /// Adds the kind a CustomResourceDefinition (`apiextensions.k8s.io/v1`) brings; it takes precedence over the embedded one.
    ///
    /// The error is a finding that says which part of the definition cannot be used. [`Schemas::validate`] of the
    /// definition itself says more.
    pub fn add_crd(&mut self, document: &Node) -> Result<(), Diagnostic> {
        self.add_used(document, &|_, _| true)
    }

    /// The same, where only some versions of some kinds (`group/version`, kind) are ever asked about. Any fields are right in the others.
    pub fn add_used(&mut self, document: &Node, is_used: &dyn Fn(&str, &str) -> bool) -> Result<(), Diagnostic> {
        let (group, kind, custom) = crd::read(document, is_used)?;
        self.custom.entry(group).or_default().insert(kind, custom);
        Ok(())
    }

    /// Whether this kind can be validated.
    pub fn knows(&self, api_version: &str, kind: &str) -> bool {
        self.kind(api_version, kind).is_some()
    }

    /// Who describes this kind; `None` where it cannot be validated.
    pub fn origin(&self, api_version: &str, kind: &str) -> Option<Origin> {
        let known = self.kind(api_version, kind)?;
        Some(match known {
            Known { native: true, .. } => Origin::Kubernetes,
            Known { .. } if self.custom(api_version, kind).is_some() => Origin::Repository,
            Known { .. } => Origin::Project,
        })
    }

    /// The first minor release of Kubernetes without this kind, where an older one known here has it and this cluster's has not.
    pub fn gone_since(&self, api_version: &str, kind: &str) -> Option<u32> {
        let kind = self.table.kind(api_version, kind).filter(|kind| kind.is_native())?;
        let serves = |minor: &u32| self.table.release(*minor).is_some_and(|release| kind.mask() & release != 0);
        let last = self.table.minors().filter(serves).max()?;
        (last < self.minor).then_some(last + 1)
    }

    /// The minor release of Kubernetes whose kinds these are.
    pub fn minor(&self) -> u32 {
        self.minor
    }

    /// Whether objects of this kind live in a namespace; `None` for kinds nobody describes.
    pub fn namespaced(&self, api_version: &str, kind: &str) -> Option<bool> {
        match self.custom(api_version, kind) {
            Some((custom, _)) => Some(custom.namespaced),
            None => self.table.kind(api_version, kind).map(|kind| kind.namespaced),
        }
    }

    /// Everything the API server would refuse in this object, in the order of the text's structure.
    ///
    /// A custom resource that no definition describes is only checked for what every object has.
    pub fn validate(&self, document: &Node) -> Vec<Diagnostic> {
        validate::object(self, document)
    }

    /// The fields that tell the items of a list apart when two versions of an object are merged (strategic merge).
    ///
    /// `path` names fields only; the items of lists on the way have no step of their own. Empty for a list that is
    /// replaced as a whole, and for whatever is not a list.
    pub fn merge_keys<'p>(
        &self,
        api_version: &str,
        kind: &str,
        path: impl IntoIterator<Item = &'p str>,
    ) -> Vec<String> {
        let Some(kind) = self.kind(api_version, kind) else { return Vec::new() };
        let found = path.into_iter().try_fold((*kind.schema).clone(), |schema, step| self.field(&schema, step));
        match found.map(|schema| self.resolved(&schema).shape) {
            Some(Shape::List(list)) => list.merge_keys,
            _ => Vec::new(),
        }
    }

    fn field(&self, schema: &Schema, name: &str) -> Option<Schema> {
        match self.resolved(schema).shape {
            Shape::Map(fields) => match fields.known.get(name) {
                Some(field) => Some(field.clone()),
                None => match fields.others {
                    schema::Others::Each(each) => Some(each),
                    _ => None,
                },
            },
            Shape::List(list) => self.field(&list.items, name),
            _ => None,
        }
    }

    fn resolved(&self, schema: &Schema) -> Schema {
        match &schema.shape {
            Shape::Reference(name) => match self.table.definition(name, self.release) {
                Some(definition) => self.resolved(&definition),
                None => Schema { shape: Shape::Anything, nullable: true, choices: Vec::new() },
            },
            _ => schema.clone(),
        }
    }

    /// What is known about a kind at an apiVersion.
    fn kind(&self, api_version: &str, kind: &str) -> Option<Known> {
        if let Some((custom, version)) = self.custom(api_version, kind) {
            let schema = custom.versions.get(version).filter(|version| version.served)?;
            return Some(Known { schema: Arc::clone(&schema.schema), native: false });
        }
        let kind = self.table.kind(api_version, kind)?;
        let schema = self.table.definition(kind.definition(self.release)?, self.release)?;
        Some(Known { schema, native: kind.is_native() })
    }

    fn custom<'v>(&self, api_version: &'v str, kind: &str) -> Option<(&crd::Custom, &'v str)> {
        let (group, version) = api_version.split_once('/')?;
        Some((self.custom.get(group)?.get(kind)?, version))
    }

    /// Whether a text matches a pattern; yes where the pattern is not one we can read.
    fn matches(&self, pattern: &str, text: &str) -> bool {
        if let Some(regex) = self.patterns.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
            return regex.as_ref().is_none_or(|regex| regex.is_match(text));
        }
        let regex = Regex::new(pattern).ok();
        let matches = regex.as_ref().is_none_or(|regex| regex.is_match(text));
        self.patterns.write().unwrap_or_else(PoisonError::into_inner).insert(pattern.to_owned(), regex);
        matches
    }
}

/// A kind that can be validated.
struct Known {
    schema: Arc<Schema>,
    /// Kubernetes' own, rather than a custom resource.
    native: bool,
}

fn minor(version: &str) -> Option<u32> {
    let mut numbers = version.strip_prefix('v').unwrap_or(version).split('.');
    let major = numbers.next()?;
    let minor = numbers.next()?.parse().ok()?;
    // What follows the minor release (a patch number, a pre-release) does not change what objects look like.
    (major == "1").then_some(minor)
}
