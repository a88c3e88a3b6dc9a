//! What another tool owns, by `[owners]`, is not put into the cluster by us as well.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Part, escape},
    source::Sources,
};

/// Every `owns` against our claims and releases.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    for (tool, owner) in &model.inventory.owners {
        for (index, text) in owner.owns.iter().enumerate() {
            let place = model.place(&format!("/owners/{}/owns/{index}", escape(tool)), Part::Value);
            let mut report = |object: String, ours: crate::source::Place, unit: &str| {
                found.push(
                    Diagnostic::new(
                        code!("owned-elsewhere"),
                        format!("`{object}` belongs to {tool}, and unit `{unit}` has it too"),
                    )
                    .at(ours, "")
                    .at(place, format!("{tool} owns it"))
                    .note("each tool undoes what the other did")
                    .help("take it out of this inventory, or out of `owns`")
                    .about(object),
                );
            };
            if let Some(release) = text.strip_prefix("helm:") {
                for (unit, output) in model.plan.units.iter().zip(&model.units) {
                    if output
                        .release
                        .as_ref()
                        .is_some_and(|ours| release.split_once('/') == Some((&*unit.namespace, &*ours.name)))
                    {
                        let ours = model.place(&format!("{}/chart", unit.pointer), Part::Key);
                        report(text.clone(), ours, &unit.name);
                    }
                }
            } else {
                for claim in model.claims.iter().filter(|claim| claim.object.matches(text)) {
                    let unit = claim.unit.map_or("namespaces", |id| model.plan.units[id].name.as_str());
                    report(claim.object.to_string(), claim.place, unit);
                }
            }
        }
    }
}
