//! CustomResourceDefinitions found in a repository, read into the same form as the embedded table.

use std::{collections::BTreeMap, sync::Arc};

use super::schema::{Fields, Named, Others, Schema, Shape};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Node, Part},
};

/// A kind somebody's definition brings.
#[derive(Debug)]
pub(super) struct Custom {
    pub namespaced: bool,
    pub versions: BTreeMap<String, Version>,
}

/// One version of it.
#[derive(Debug)]
pub(super) struct Version {
    pub served: bool,
    pub schema: Arc<Schema>,
}

/// The group and kind a definition brings, and what it says of them.
pub(super) fn read(
    document: &Node,
    is_used: &dyn Fn(&str, &str) -> bool,
) -> Result<(String, String, Custom), Diagnostic> {
    let group = text(document, "/spec/group")?;
    let kind = text(document, "/spec/names/kind")?;
    let scope = text(document, "/spec/scope")?;
    let list = document.pointer("/spec/versions").filter(|versions| !versions.items().is_empty());
    let list = list.ok_or_else(|| missing(document, "/spec/versions"))?;
    let is_used = |version: &str| is_used(&format!("{group}/{version}"), &kind);
    let versions = list.items().iter().filter_map(|written| version(written, &is_used)).collect();
    Ok((group, kind, Custom { namespaced: scope == "Namespaced", versions }))
}

fn version(written: &Node, is_used: &dyn Fn(&str) -> bool) -> Option<(String, Version)> {
    let name = written.get("name")?.as_str()?.to_owned();
    let served = written.get("served").is_none_or(|served| served.kind != crate::node::Kind::Bool(false));
    let schema = match written.at(["schema", "openAPIV3Schema"]).filter(|_| is_used(&name)) {
        Some(schema) => Schema::read(schema),
        None => open(),
    };
    Some((name, Version { served, schema: Arc::new(schema) }))
}

/// A version without a schema says nothing about its fields.
fn open() -> Schema {
    let fields = Fields { known: Named::default(), required: Vec::new(), others: Others::Anything, embedded: false };
    Schema { shape: Shape::Map(Box::new(fields)), nullable: false, choices: Vec::new() }
}

fn text(document: &Node, pointer: &str) -> Result<String, Diagnostic> {
    let value = document.pointer(pointer).and_then(Node::as_str);
    value.map(str::to_owned).ok_or_else(|| missing(document, pointer))
}

fn missing(document: &Node, pointer: &str) -> Diagnostic {
    let field = pointer.trim_start_matches('/').replace('/', ".");
    Diagnostic::new(code!("manifest-field-missing"), format!("this CustomResourceDefinition has no usable `{field}`"))
        .at(document.place_of(pointer, Part::Key), "")
        .note("objects of its kind cannot be checked without it")
}
