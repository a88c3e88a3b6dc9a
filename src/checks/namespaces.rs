//! Namespaces are made by the compiler, once; objects lie in one that exists.

use crate::{
    code,
    compile::{Body, Model, objects},
    diagnostic::{Diagnostic, nearest},
    inventory::BRINGS,
    node::{Kind, Node},
    plan::is_always_there,
    source::Sources,
};

/// Manifests that bring a Namespace, lack one, or name one that nobody makes.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let Some(schemas) = &model.schemas else { return };
    for (unit, output) in model.plan.units.iter().zip(&model.units) {
        for manifest in &output.manifests {
            let Body::Template { documents, .. } = &manifest.body else { continue };
            for document in documents.iter().flat_map(|document| objects(&document.root)) {
                let text = |key: &str| document.get(key).and_then(Node::as_str).unwrap_or_default();
                let (api_version, kind) = (text("apiVersion"), text("kind"));
                let namespace = document.at(["metadata", "namespace"]);
                match (schemas.namespaced(api_version, kind), namespace) {
                    (Some(true), None) => found.push(unset(document, kind, &unit.namespace)),
                    (Some(false), Some(written)) => found.push(
                        Diagnostic::new(code!("namespace-superfluous"), format!("a `{kind}` is in no namespace"))
                            .at(written.place, "")
                            .help(format!("remove `namespace: {}`", written.as_str().unwrap_or_default())),
                    ),
                    (_, Some(written)) => found.extend(missing(model, written)),
                    _ => {}
                }
            }
        }
    }
}

fn unset(document: &Node, kind: &str, namespace: &str) -> Diagnostic {
    let place = document.entry("metadata").map_or(document.place, |entry| entry.key_place);
    Diagnostic::new(code!("namespace-unset"), format!("this `{kind}` does not say which namespace it is in"))
        .at(place, "")
        .note("Flux refuses the whole unit: `namespace not specified`")
        .help(format!("add `namespace: {namespace}`, in a template `namespace: {{{{ service.namespace }}}}`"))
}

fn missing(model: &Model, written: &Node) -> Option<Diagnostic> {
    let Kind::String(name) = &written.kind else { return None };
    let always = is_always_there(name, &model.inventory);
    let owned = format!("Namespace:{name}");
    let elsewhere = model.inventory.owners.values().any(|owner| owner.owns.contains(&owned));
    let provided = model.plan.providers.contains_key(&format!("namespace/{name}"));
    if always || elsewhere || provided || model.plan.namespaces.contains_key(name) {
        return None;
    }
    // Everything in it lacks the same Namespace.
    let cause = format!("Namespace:{name}");
    let finding = Diagnostic::new(code!("namespace-missing"), format!("nobody makes the namespace `{name}`"))
        .at(written.place, "")
        .about(&owned)
        .breaks(&cause)
        .follows(cause)
        .follows(format!("/services/{name}"))
        .follows(format!("namespace/{name}"))
        .follows(BRINGS);
    Some(match nearest(name, model.plan.namespaces.keys().map(String::as_str)) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => {
            finding.help(format!("give a service `namespace = \"{name}\"`, or say who owns it: `owns = [\"{owned}\"]`"))
        }
    })
}
