//! Which folder of the repository an ArtifactGenerator (`source.extensions.fluxcd.io/v1beta1`) makes an artifact of.
//!
//! Known are artifacts whose files lie as in the repository, below some folder of it: each `copy` takes all of a folder
//! (`@alias/apps/base/**`) to where it lies as seen from there (`@artifact/base/`). A unit of such an artifact is built from the repository.

use std::collections::BTreeMap;

use super::{
    Source,
    roots::{join_securely, string},
};
use crate::{
    node::Node,
    repository::{Repository, join},
};

/// The API group of generators, without its version.
const GROUP: &str = "source.extensions.fluxcd.io";

/// Generated artifacts, and the folder each is a part of.
#[derive(Debug, Default)]
pub struct Artifacts {
    /// Those that the cluster makes, by namespace and name.
    made: BTreeMap<(String, String), Option<String>>,
    /// Those that are written anywhere, by name; none where two are written differently.
    written: BTreeMap<String, Option<String>>,
}

impl Artifacts {
    /// What is written anywhere in the repository.
    pub fn written(repository: &Repository, is_here: &dyn Fn(&Source) -> bool) -> Artifacts {
        let mut artifacts = Artifacts::default();
        for document in repository.files().flat_map(|(_, file)| file.documents()).filter(|one| is_generator(one)) {
            for (name, folder) in folders(document, super::roots::FLUX_SYSTEM, is_here) {
                let known = artifacts.written.entry(name).or_insert_with(|| folder.clone());
                if *known != folder {
                    *known = None;
                }
            }
        }
        artifacts
    }

    /// Takes up what an object that the cluster has makes.
    pub fn learn(&mut self, object: &Node, is_here: &dyn Fn(&Source) -> bool) {
        if is_generator(object) {
            let namespace = string(object, &["metadata", "namespace"]).unwrap_or(super::roots::FLUX_SYSTEM);
            for (name, folder) in folders(object, namespace, is_here) {
                self.made.insert((namespace.to_owned(), name), folder);
            }
        }
    }

    /// The folder of the repository that this source is a part of, if it is one.
    pub fn folder(&self, source: Option<&Source>) -> Option<&str> {
        let source = source.filter(|source| source.kind == "ExternalArtifact")?;
        let made = self.made.get(&(source.namespace.clone(), source.name.clone()));
        made.or_else(|| self.written.get(&source.name))?.as_deref()
    }
}

fn is_generator(object: &Node) -> bool {
    super::roots::is_of(object, GROUP, "ArtifactGenerator")
}

/// The name of each artifact, and its folder.
fn folders(generator: &Node, namespace: &str, is_here: &dyn Fn(&Source) -> bool) -> Vec<(String, Option<String>)> {
    let list = |pointer: [&str; 2]| generator.at(pointer).map(Node::items).unwrap_or_default();
    let aliases: Vec<&str> = list(["spec", "sources"])
        .iter()
        .filter_map(|source| {
            let text = |key: &str| string(source, &[key]);
            let named = Source {
                kind: text("kind")?.to_owned(),
                namespace: text("namespace").unwrap_or(namespace).to_owned(),
                name: text("name")?.to_owned(),
                place: source.place,
            };
            text("alias").filter(|_| is_here(&named))
        })
        .collect();
    let artifacts = list(["spec", "artifacts"]).iter();
    artifacts
        .filter_map(|artifact| Some((string(artifact, &["name"])?.to_owned(), folder(artifact, &aliases))))
        .collect()
}

/// The folder in which an artifact's files lie as they do in the artifact.
fn folder(artifact: &Node, aliases: &[&str]) -> Option<String> {
    let copies = artifact.get("copy").map(Node::items)?;
    let mut bases = copies.iter().map(|copy| {
        let (from, to) = (string(copy, &["from"])?, string(copy, &["to"])?);
        let is_plain = copy.get("exclude").is_none() && matches!(string(copy, &["strategy"]), None | Some("Overwrite"));
        let (alias, path) = from.strip_prefix('@')?.split_once('/').filter(|_| is_plain)?;
        let taken = if path == "**" { "" } else { path.strip_suffix("/**")? };
        let put = join_securely(to.strip_prefix("@artifact")?);
        let is_known = aliases.contains(&alias) && !taken.contains(['*', '?', '[', '{']);
        let base = if put.is_empty() { Some(taken) } else { base_of(taken, &put) };
        base.filter(|_| is_known).map(join_securely)
    });
    let first = bases.next()??;
    bases.all(|base| base.as_ref() == Some(&first)).then_some(first)
}

/// `apps` of `apps/base` and `base`.
fn base_of<'p>(path: &'p str, end: &str) -> Option<&'p str> {
    let base = path.strip_suffix(end)?;
    if base.is_empty() { Some(base) } else { base.strip_suffix('/') }
}

/// A path in an artifact, as seen from the top of the repository.
pub fn path_in(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => join(folder, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{source::Sources, yaml};

    fn known(copies: &str) -> Option<String> {
        let text = format!(
            "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\nmetadata: {{ name: parts, namespace: flux-system }}\n\
             spec:\n  sources:\n    - {{ alias: all, kind: GitRepository, name: flux-system }}\n    - {{ alias: other, kind: OCIRepository, name: charts }}\n\
             \x20 artifacts:\n    - name: apps\n      copy:\n{copies}"
        );
        let source = Sources::default().add("parts.yaml", text.as_str());
        let documents = yaml::read(source, &text).documents;
        let mut artifacts = Artifacts::default();
        artifacts.learn(&documents[0].root, &|source| source.kind == "GitRepository");
        let source = Source {
            kind: "ExternalArtifact".to_owned(),
            namespace: "flux-system".to_owned(),
            name: "apps".to_owned(),
            place: documents[0].root.place,
        };
        artifacts.folder(Some(&source)).map(str::to_owned)
    }

    #[test]
    fn an_artifact_whose_files_lie_as_in_the_repository_is_a_folder_of_it() {
        let copy = |from: &str, to: &str| format!("        - {{ from: \"@{from}\", to: \"@artifact/{to}\" }}\n");
        for (copies, folder) in [
            (copy("all/apps/**", ""), Some("apps")),
            (copy("all/**", ""), Some("")),
            (copy("all/apps/**", "apps/"), Some("")),
            (copy("all/apps/base/**", "base/") + &copy("all/apps/home/**", "home"), Some("apps")),
            // Not as in the repository, or not from it.
            (copy("all/apps/base/**", "base/") + &copy("all/charts/**", "charts/"), None),
            (copy("all/apps/base/**", "common/"), None),
            (copy("all/myapps/**", "apps/"), None),
            (copy("all/apps/*.yaml", ""), None),
            (copy("other/apps/**", ""), None),
            ("        - { from: \"@all/apps/**\", to: \"@artifact/\", exclude: [\"*.md\"] }\n".to_owned(), None),
        ] {
            assert_eq!(known(&copies).as_deref(), folder, "{copies}");
        }
    }
}
