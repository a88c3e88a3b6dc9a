//! Every object is put into the cluster by one unit, from one file.

use std::collections::BTreeMap;

use crate::{claim::Claim, code, compile::Model, diagnostic::Diagnostic, source::Sources};

/// Claims of one object by several units or files.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<_, &Claim> = BTreeMap::new();
    for claim in &model.claims {
        let Some(other) = first.get(&claim.object) else {
            first.insert(&claim.object, claim);
            continue;
        };
        let unit = |claim: &Claim| claim.unit.map_or("namespaces", |id| model.plan.units[id].name.as_str());
        let same_unit = unit(other) == unit(claim);
        let (message, note) = if same_unit {
            (
                format!("unit `{}` holds `{}` twice", unit(claim), claim.object),
                "kustomize refuses a build in which one object comes twice".to_owned(),
            )
        } else {
            (
                format!("units `{}` and `{}` both own `{}`", unit(other), unit(claim), claim.object),
                consequence(&claim.object.kind),
            )
        };
        found.push(
            Diagnostic::new(code!("owned-twice"), message)
                .at(claim.place, "")
                .at(other.place, if same_unit { "the other".to_owned() } else { format!("owned by `{}`", unit(other)) })
                .note(note)
                .help("keep it in one place; what needs it can wait for that service with `depends`")
                .about(claim.object.to_string())
                .follows(match claim.unit.filter(|_| claim.file == other.file) {
                    // Two units with one folder have one file twice.
                    Some(id) => format!("unit {}", model.plan.units[id].label()),
                    None => format!("object {}", claim.object),
                }),
        );
    }
}

fn consequence(kind: &str) -> String {
    let base =
        "Flux lets both write it, the last one wins at every interval, and whichever stops having it first deletes it";
    match kind {
        "Namespace" => format!("{base}, with everything inside"),
        "PersistentVolumeClaim" => format!("{base}, with its data"),
        "CustomResourceDefinition" => format!("{base}, with every object of its kind"),
        _ => base.to_owned(),
    }
}
