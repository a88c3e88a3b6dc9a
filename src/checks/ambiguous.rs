//! Scalars that one reader of YAML takes for a string and another for something else.

use crate::{
    code,
    compile::{Body, Model},
    diagnostic::Diagnostic,
    source::Sources,
    yaml::Ambiguous,
};

/// Plain scalars of manifests and values.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    for output in &model.units {
        let manifests = output.manifests.iter().flat_map(|manifest| match &manifest.body {
            Body::Template { documents, .. } => documents.as_slice(),
            Body::Made { .. } => &[],
        });
        let values = output.values.iter().flat_map(|values| &values.ambiguous);
        for scalar in manifests.flat_map(|document| &document.ambiguous).chain(values) {
            found.push(ambiguous(scalar));
        }
    }
}

fn ambiguous(scalar: &Ambiguous) -> Diagnostic {
    let text = &scalar.text;
    Diagnostic::new(code!("scalar-ambiguous"), format!("`{text}` is {}", scalar.readings)).at(scalar.place, "").edit(
        scalar.place,
        format!("\"{text}\""),
        "quote it if it is a string; write `true`, `false` or a plain number if not",
    )
}
