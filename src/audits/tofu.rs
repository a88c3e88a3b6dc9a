//! The OpenTofu code that the tofu-controller is to run is there.

use std::collections::BTreeSet;

use super::objects;
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    flux::{
        Object, Unit, has_placeholder,
        roots::{join_securely, source_of},
    },
    repository::{join, parent},
    source::Place,
    survey::Survey,
};

/// Endings of files with code.
const CODE: &[&str] = &[".tf", ".tf.json", ".tofu", ".tofu.json"];

/// Reports Terraform objects of this repository whose folder holds no code.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (_, unit, object) in objects(survey) {
        let is_one = object.id.kind == "Terraform" && object.id.group == "infra.contrib.fluxcd.io";
        let Some(spec) = object.node.get("spec").filter(|_| is_one && is_from_here(unit, object)) else { continue };
        let path = spec.get("path");
        let written = path.and_then(|path| path.as_str()).unwrap_or("./");
        let place = path.map_or(object.name_place(), |path| path.place);
        let folder = join_securely(written);
        let is_told = has_placeholder(written) || written.contains("${");
        if !is_told && !has_code(survey, &folder) && seen.insert(place) {
            found.push(missing(survey, object, written, &folder, place));
        }
    }
}

/// Whether it takes its code from the source of its own unit, which is this repository.
fn is_from_here(unit: &Unit, object: &Object) -> bool {
    let namespace = object.id.namespace.as_deref().unwrap_or_default();
    let source = source_of(&object.node, namespace);
    let (Some(theirs), Some(ours)) = (source, &unit.spec.source) else { return false };
    (theirs.kind, theirs.namespace, theirs.name) == (ours.kind.clone(), ours.namespace.clone(), ours.name.clone())
}

fn has_code(survey: &Survey, folder: &str) -> bool {
    let names = survey.repository.children(folder);
    names.iter().any(|name| CODE.iter().any(|ending| name.ends_with(ending)))
}

fn missing(survey: &Survey, object: &Object, written: &str, folder: &str, place: Place) -> Diagnostic {
    let finding = Diagnostic::new(code!("tofu-missing"), format!("there is no OpenTofu code in `{written}`"))
        .at(place, "")
        .note(format!("`{}` fails at every interval, and whatever waits for it never comes up", object.id.name))
        .about(object.id.to_string());
    let above = survey.repository.children(parent(folder));
    let name = folder.rsplit('/').next().unwrap_or_default();
    match nearest(name, above.iter().copied().filter(|name| has_code(survey, &join(parent(folder), name)))) {
        Some(near) => finding.help(format!("did you mean `./{}`?", join(parent(folder), near))),
        None => finding.help("name a folder with `.tf` files, as seen from the root of the repository"),
    }
}
