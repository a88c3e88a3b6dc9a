//! A custom resource does not lie in the unit of the release that installs its kind.

use crate::{
    claim::group_of,
    code,
    compile::{Model, UnitOutput},
    diagnostic::Diagnostic,
    node::Node,
    source::Sources,
};

/// Flux applies a unit as a whole: it cannot apply an object whose kind only comes with a release of the same unit.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    for (unit, output) in model.plan.units.iter().zip(&model.units) {
        if output.release.is_none() {
            continue;
        }
        for document in own_kinds(output, |group| unit.provides.contains(&format!("api/{group}"))) {
            let kind = document.get("kind").and_then(Node::as_str).unwrap_or_default();
            let group = document.get("apiVersion").and_then(Node::as_str).map(group_of).unwrap_or_default();
            let service = &unit.service;
            let way_out = match &unit.phase {
                None => format!(
                    "make a phase: `phases.config = {{}}` in [services.{service}], and move the file to `templates/services/{service}/config/`"
                ),
                Some(phase) => format!(
                    "move the file to a phase of `{service}` of its own that has `depends = [\"{service}-{phase}\"]`"
                ),
            };
            found.push(
                Diagnostic::new(
                    code!("crd-same-unit"),
                    format!("this `{kind}` lies in unit `{}`, whose release brings its API group `{group}`", unit.name),
                )
                .at(document.get("kind").map_or(document.place, |kind| kind.place), "")
                .note("Flux checks a unit's objects before it applies any of them: from zero, this unit never comes up")
                .help(way_out)
                .about(unit.label()),
            );
        }
    }
}

fn own_kinds<'o>(output: &'o UnitOutput, is_own: impl Fn(&str) -> bool + 'o) -> impl Iterator<Item = &'o Node> {
    output.documents().filter(move |document| {
        document.get("apiVersion").and_then(Node::as_str).is_some_and(|api_version| is_own(group_of(api_version)))
    })
}
