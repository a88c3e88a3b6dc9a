//! Helm keeps releases by namespace and name: two HelmReleases never share both.

use std::collections::BTreeMap;

use crate::{code, compile::Model, diagnostic::Diagnostic, node::Part, source::Sources};

/// Releases of all units.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (id, (unit, output)) in model.plan.units.iter().zip(&model.units).enumerate() {
        let Some(release) = &output.release else { continue };
        let key = (unit.namespace.as_str(), release.name.as_str());
        let Some(&other) = first.get(&key) else {
            first.insert(key, id);
            continue;
        };
        let other = &model.plan.units[other];
        let place = |unit: &crate::plan::Unit| {
            let own = format!("{}/release", unit.pointer);
            if model.root.pointer(&own).is_some() {
                model.place(&own, Part::Value)
            } else {
                model.place(&unit.pointer, Part::Key)
            }
        };
        let name = format!("helm:{}/{}", key.0, key.1);
        found.push(
            Diagnostic::new(
                code!("release-twice"),
                format!("`{}` and `{}` are one Helm release, `{name}`", other.label(), unit.label()),
            )
            .at(place(unit), "")
            .at(place(other), "the other")
            .note("each would upgrade the other's release to its own chart")
            .help("give one of them another `release`, or another namespace")
            .about(name)
            .follows(format!("unit {}", unit.label())),
        );
    }
}
