//! Manifests have the form their API asks for.

use crate::{
    code,
    compile::{Body, Model, objects},
    diagnostic::Diagnostic,
    node::Kind,
    source::{Place, Sources, Span},
};

/// Every document of every template against the schemas.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let Some(schemas) = &model.schemas else { return };
    for output in &model.units {
        for manifest in &output.manifests {
            let Body::Template { documents, .. } = &manifest.body else { continue };
            for document in documents.iter().flat_map(|document| objects(&document.root)) {
                if matches!(document.kind, Kind::Map(_)) {
                    found.extend(schemas.validate(document));
                } else {
                    let place =
                        Place { span: Span { end: document.place.span.end, ..document.place.span }, ..document.place };
                    found.push(
                        Diagnostic::new(code!("manifest-incomplete"), "this document is not a Kubernetes object")
                            .at(place, "")
                            .help("an object has `apiVersion`, `kind` and `metadata`"),
                    );
                }
            }
        }
    }
}
