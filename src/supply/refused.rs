//! What a unit may hold that was not built because it fetches something: definitions of custom resources make no Secrets, and what
//! lies beside them can be read.

use std::collections::{BTreeSet, VecDeque};

use super::makers::COPIERS;
use crate::{
    flux::{Outcome, Unit},
    kustomize::Stop,
    node::Node,
    repository::{Repository, parent, resolve},
};

/// Parts of a kustomization that make what only a run tells.
const COMPUTED: &[&str] =
    &["helmCharts", "helmChartInflationGenerator", "generators", "transformers", "namePrefix", "nameSuffix"];

/// The names of all objects beside what such a unit fetches. None where it may make anything else.
pub fn names(repository: &Repository, unit: &Unit) -> Option<BTreeSet<String>> {
    let Outcome::Stopped(Stop::Refused(refusal)) = &unit.outcome else { return None };
    let is_fetched = ["the remote resource", "the remote file"].iter().any(|start| refusal.what.starts_with(start));
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: VecDeque<String> = unit.folder.clone().filter(|_| is_fetched).into_iter().collect();
    if open.is_empty() {
        return None;
    }
    while let Some(path) = open.pop_front() {
        if !seen.insert(path.clone()) {
            continue;
        }
        if repository.is_folder(&path) {
            folder(repository, &path, &mut open)?;
        } else {
            file(repository, &path, &mut names)?;
        }
    }
    Some(names)
}

/// What a folder lists; what it fetches is no more than definitions.
fn folder(repository: &Repository, path: &str, open: &mut VecDeque<String>) -> Option<()> {
    let list = repository.kustomization(path)?;
    let kustomization = repository.file(&list)?.documents().next()?;
    if COMPUTED.iter().any(|key| kustomization.get(key).is_some()) {
        return None;
    }
    for key in ["resources", "bases", "components"] {
        for entry in kustomization.get(key).map(Node::items).unwrap_or_default() {
            let entry = entry.as_str()?;
            match resolve(parent(&list), entry)
                .filter(|path| repository.is_folder(path) || repository.file(path).is_some())
            {
                Some(local) => open.push_back(local),
                None if fetches_definitions(entry) => {}
                None => return None,
            }
        }
    }
    Some(())
}

/// The names in a file, unless a variable is in one or it copies Secrets.
fn file(repository: &Repository, path: &str, names: &mut BTreeSet<String>) -> Option<()> {
    let has_variables = repository.text(path)?.contains("${");
    let file = repository.file(path).filter(|file| file.yaml.is_some() && file.faults().next().is_none())?;
    for document in file.documents() {
        let kind = document.get("kind").and_then(Node::as_str).unwrap_or_default();
        let is_release = kind == "HelmRelease";
        let name = document.at(["metadata", "name"]).and_then(Node::as_str)?;
        let copies = matches!(kind, "HelmRelease" | "Deployment") && COPIERS.iter().any(|copier| name.contains(copier));
        if has_variables && (!is_release || name.contains("${")) || copies || kind.ends_with("ClusterPolicy") {
            return None;
        }
        names.insert(name.to_owned());
    }
    Some(())
}

/// Whether an address is that of CustomResourceDefinitions and of nothing else, as projects call the files of their releases.
fn fetches_definitions(address: &str) -> bool {
    let Some((_, rest)) = address.split_once("://") else { return false };
    // Owner and project may be called anything.
    let parts: Vec<&str> = rest.split('/').collect();
    let words = parts.iter().skip(3).flat_map(|part| part.split(|letter: char| !letter.is_ascii_alphanumeric()));
    let is_gateway = parts.get(1..3) == Some(&["kubernetes-sigs", "gateway-api"]);
    is_gateway || words.into_iter().any(|word| matches!(word.to_ascii_lowercase().as_str(), "crd" | "crds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_told_by_the_names_of_their_files() {
        for (address, are) in [
            ("https://example.org/owner/project/releases/download/v1.2.3/project.crds.yaml", true),
            ("https://raw.githubusercontent.com/owner/project/v1.2.3/config/crd/things.yaml", true),
            ("https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.4.0/standard-install.yaml", true),
            ("https://github.com/owner/crd/releases/download/v1.2.3/install.yaml", false),
            ("https://github.com/owner/project/releases/download/v1.2.3/install.yaml", false),
            ("github.com/owner/project//deploy?ref=v1.2.3", false),
        ] {
            assert_eq!(fetches_definitions(address), are, "{address}");
        }
    }
}
