//! `commonAnnotations`: annotations for every object and pod template.

use super::set_texts;
use crate::kustomize::{Resource, Stop, field_specs::Configuration, file::Kustomization};

/// Sets the annotations.
pub(in crate::kustomize) fn apply(
    resources: &mut [Resource],
    kustomization: &Kustomization<'_>,
    fields: &Configuration,
) -> Result<(), Stop> {
    match kustomization.get("commonAnnotations") {
        Some(pairs) => set_texts(resources, pairs, &fields.common_annotations),
        None => Ok(()),
    }
}
