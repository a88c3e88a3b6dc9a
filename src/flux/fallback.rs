//! Units that are not built here, built by `kubectl kustomize` instead, where `--fallback` asks for it.

use crate::{
    code,
    diagnostic::Diagnostic,
    kustomize::{Refusal, Resource, Stop},
    node::{Kind, Node},
    source::Place,
    yaml,
};

/// Builds a folder whose kustomization file holds this text: what is printed, or why there is nothing.
pub type Fallback<'f> = dyn Fn(&str, &str) -> Result<String, String> + 'f;

/// The objects of a unit that was refused. All of them have the place of what was refused: the text they come from is nobody's.
pub fn built(
    fallback: &Fallback<'_>,
    folder: &str,
    kustomization: &Node,
    refusal: &Refusal,
) -> Result<Vec<Resource>, Stop> {
    let place = refusal.place;
    let fails = |message: String| {
        let finding = Diagnostic::new(code!("build-fails"), message).at(place, "");
        Stop::Fails(Box::new(finding))
    };
    // What kubectl cannot do either, for want of a network perhaps, is no fault of the repository.
    let text = fallback(folder, &yaml::write(&kustomization.to_json())).map_err(|said| {
        let said = said.lines().next().unwrap_or_default();
        Stop::Refused(Refusal {
            what: format!("{} (nor does `kubectl kustomize` build it: {said})", refusal.what),
            place,
        })
    })?;
    let reading = yaml::read(place.source, &text);
    if let Some(wrong) = reading.diagnostics.first() {
        return Err(fails(format!("`kubectl kustomize` printed what is no YAML: {}", wrong.message)));
    }
    let objects = reading.documents.into_iter().map(|document| {
        let mut object = document.root;
        set_places(&mut object, place);
        Resource::new(object)
    });
    Ok(objects.collect())
}

fn set_places(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| set_places(item, place)),
        Kind::Map(entries) => {
            for (key_place, value) in entries.places_mut() {
                *key_place = place;
                set_places(value, place);
            }
        }
        _ => {}
    }
}
