//! What a kustomization changes in its objects besides their names: labels, annotations, replicas, images, replacements.

pub(super) mod annotations;
pub(super) mod images;
pub(super) mod labels;
pub(super) mod replacements;
pub(super) mod replicas;

use super::{
    Resource, Stop, edit, fails,
    field_specs::{FieldSpec, Make},
    shared,
};
use crate::{
    node::{Kind, Node},
    source::Place,
    yaml,
};

/// Sets the keys of a map of texts in every map that the fields name.
pub(super) fn set_texts(resources: &mut [Resource], pairs: &Node, fields: &[FieldSpec]) -> Result<(), Stop> {
    // How often each pair was added to a map.
    let mut times = vec![0; pairs.entries().len()];
    for resource in resources {
        times.fill(0);
        shared::keeping(resource, |resource| {
            fields.iter().try_for_each(|field| {
                field.visit(&mut resource.object, Make::Map, pairs.place, &mut |map| set_pairs(map, pairs, &mut times))
            })
        })?;
        let added_twice = pairs.entries().iter().zip(&times).filter(|(_, times)| **times > 1);
        resource.marks.shares.extend(added_twice.map(|(pair, _)| pair.value.place));
    }
    Ok(())
}

fn set_pairs(map: &mut Node, pairs: &Node, times: &mut [u32]) -> Result<(), Stop> {
    match map.kind {
        Kind::Map(_) => {}
        // Where nothing is made, kustomize writes into the null and loses it.
        Kind::Null => return Ok(()),
        _ => return Err(fails("labels or annotations are to be set in something that is no map", map.place)),
    }
    for (pair, times) in pairs.entries().iter().zip(times) {
        check_key(&pair.key, pair.key_place)?;
        let text = pair.value.as_str().unwrap_or_default();
        match map.get_mut(&pair.key) {
            // What is there is overwritten where it stands: it stays one value with whatever it was one with, and no other.
            Some(there) => there.kind = Kind::String(text.to_owned()),
            None => {
                *times += 1;
                map.set(&pair.key, pair.key_place, edit::string(text, pair.value.place));
            }
        }
    }
    Ok(())
}

/// kustomize writes the keys it sets without quotes: what is no text then fails the build.
pub(super) fn check_key(key: &str, place: Place) -> Result<(), Stop> {
    if key != "<<" && yaml::is_text(key) {
        return Ok(());
    }
    let message = format!("kustomize sets the key `{key}` without quotes, and then it is no text");
    Err(fails(message, place))
}
