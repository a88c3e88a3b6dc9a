//! A Secret that manifests or values use is made by somebody.

use std::collections::BTreeSet;

use crate::{
    code,
    compile::Model,
    diagnostic::{Diagnostic, nearest},
    source::Sources,
};

/// Every use against everybody who makes Secrets.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let makers = &model.secret_makers;
    let mut reported = BTreeSet::new();
    for (unit, output) in model.plan.units.iter().zip(&model.units) {
        for (namespace, name, place) in &output.secret_uses {
            let key = (namespace.clone(), name.clone());
            if makers.contains_key(&key) || !reported.insert((key.clone(), *place)) {
                continue;
            }
            let finding =
                Diagnostic::new(code!("secret-unmade"), format!("nobody makes the Secret `{namespace}/{name}`"))
                    .at(*place, "")
                    .about(format!("Secret:{namespace}/{name}"));
            let here = makers.keys().filter(|(other, _)| other == namespace).map(|(_, name)| name.as_str());
            found.push(match nearest(name, here) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!(
                    "declare it: `secrets = {{ {name} = {{ sealed = [\"…\"] }} }}` in [{}]; or say who makes it: `provides = [\"secret/{namespace}/{name}\"]`",
                    unit.title()
                )),
            });
        }
    }
}
