//! Charts that lie in the repository: who installs them, with which values, and whether these have the form the chart asks for.

mod form;
mod install;
mod judge;
mod load;
mod render;
mod values;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::{
    form::{Fault, Wrong},
    install::{Install, installs},
    judge::{Misfit, misfits},
    render::{Rendering, TWICE},
};
use crate::{
    repository::{Repository, join},
    world::{Error, World},
};

/// The largest schema that is read.
const LARGEST: usize = 8 * 1024 * 1024;
/// What a schema or a folder of subcharts might be called in a `.helmignore`.
const LEFT_OUT: &[&str] = &["schema", ".json", "charts", "values"];

/// The schemas of the charts that are installed and of their subcharts, by path.
pub type Schemas = BTreeMap<String, Value>;

/// Reads the schemas of charts. Where no chart is installed from the repository, nothing is read.
pub fn schemas(world: &dyn World, repository: &Repository, installs: &[Install]) -> Result<Schemas, Error> {
    let mut schemas = Schemas::new();
    for install in installs.iter().filter(|install| install.is_held_to_schema) {
        let ending = format!("/{}", load::SCHEMA);
        let below = repository.below(&install.folder).map(|(path, _)| path);
        let paths: Vec<&str> = below.filter(|path| path.ends_with(&ending)).collect();
        if paths.is_empty() || paths.iter().all(|path| schemas.contains_key(*path)) {
            continue;
        }
        if leaves_out(world, repository, &install.folder)? {
            continue;
        }
        for path in paths {
            let Some(bytes) = world.read(path)?.filter(|bytes| bytes.len() <= LARGEST) else { continue };
            // What is no JSON is something `helm lint` knows better.
            if let Ok(schema) = serde_json::from_slice(&bytes) {
                schemas.insert(path.to_owned(), schema);
            }
        }
    }
    Ok(schemas)
}

/// Whether Helm might leave a schema or a subchart out of what it loads.
fn leaves_out(world: &dyn World, repository: &Repository, folder: &str) -> Result<bool, Error> {
    let path = join(folder, ".helmignore");
    if repository.file(&path).is_none() {
        return Ok(false);
    }
    let bytes = world.read(&path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut patterns = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    Ok(patterns.any(|pattern| LEFT_OUT.iter().any(|word| pattern.contains(word)) || pattern == "*"))
}
