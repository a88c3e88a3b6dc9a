//! `labels` and `commonLabels`: labels for every object, on request also for selectors and templates.

use super::set_texts;
use crate::{
    kustomize::{
        Resource, Stop,
        configuration::{merge_specs, specs},
        field_specs::{Configuration, FieldSpec},
        file::Kustomization,
    },
    node::{Kind, Node},
};

/// Sets the labels.
pub(in crate::kustomize) fn apply(
    resources: &mut [Resource],
    kustomization: &Kustomization<'_>,
    fields: &Configuration,
) -> Result<(), Stop> {
    for entry in kustomization.list("labels") {
        let wanted = wanted(entry, fields)?;
        if let Some(pairs) = entry.get("pairs") {
            set_texts(resources, pairs, &wanted)?;
        }
    }
    match kustomization.get("commonLabels") {
        Some(pairs) => set_texts(resources, pairs, &fields.common_labels),
        None => Ok(()),
    }
}

/// The fields that an entry of `labels` is about.
fn wanted(entry: &Node, fields: &Configuration) -> Result<Vec<FieldSpec>, Stop> {
    let asks = |key: &str| entry.get(key).is_some_and(|value| value.kind == Kind::Bool(true));
    let mut wanted = entry.get("fields").map(specs).unwrap_or_default();
    let mut more = |specs: &[FieldSpec]| merge_specs(&mut wanted, specs, entry.place);
    more(&fields.labels)?;
    if asks("includeSelectors") {
        more(&fields.common_labels)?;
    } else {
        if asks("includeTemplates") {
            more(&fields.template_labels)?;
        }
        more(&[FieldSpec::new("", "", "", "metadata/labels", true)])?;
    }
    Ok(wanted)
}
