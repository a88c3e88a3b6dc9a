//! Official system extensions have names that the Image Factory knows.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Part, escape},
    source::Sources,
};

/// `extensions` of `[talos]` and of nodes: `vendor/name` without a version, which the factory chooses by that of Talos.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let shared = [("/talos".to_owned(), &model.inventory.talos.extensions)];
    let own = model.inventory.nodes.iter().map(|(name, node)| (format!("/nodes/{}", escape(name)), &node.extensions));
    for (at, extensions) in shared.into_iter().chain(own) {
        for (index, extension) in extensions.iter().enumerate() {
            let name = extension.split([':', '@']).next().unwrap_or_default();
            let name = name.strip_prefix("ghcr.io/").unwrap_or(name);
            let right = if name.contains('/') { name.to_owned() } else { format!("siderolabs/{name}") };
            if right == *extension {
                continue;
            }
            let place = model.place(&format!("{at}/extensions/{index}"), Part::Value);
            let message = format!("`{extension}` is not the name of an official extension");
            found.push(
                Diagnostic::new(code!("extension-malformed"), message)
                    .at(place, "")
                    .edit(place, format!("\"{right}\""), format!("did you mean `{right}`?"))
                    .about(extension),
            );
        }
    }
}
