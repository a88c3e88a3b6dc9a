//! Units that wait for each other never come up.

use crate::{code, compile::Model, diagnostic::Diagnostic, source::Sources};

/// Each knot of units once, by its shortest cycle, with the reason of every step.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let units = &model.plan.units;
    for cycle in model.order.cycles(&model.plan) {
        let mut names: Vec<&str> = cycle.iter().map(|id| units[*id].name.as_str()).collect();
        names.push(names[0]);
        let mut finding = Diagnostic::new(
            code!("cycle"),
            format!("{} wait for each other: {}", spelled(cycle.len()), names.join(" → ")),
        )
        .about(names[0]);
        let mut movable = None;
        for (step, &from) in cycle.iter().enumerate() {
            let to = cycle[(step + 1) % cycle.len()];
            let edge =
                model.order.edges[from].iter().find(|edge| edge.to == Some(to)).expect("cycles are made of edges");
            let (reason, place) = &edge.reasons[0];
            finding = finding.at(*place, format!("`{}` waits for `{}`: {reason}", units[from].name, units[to].name));
            // A facet can move into a phase, which waits in the service's stead.
            let facet = if reason.contains("its host") || reason.contains("certificate of") {
                Some("`host` and `backend`")
            } else if reason.contains("OpenTofu") || reason.contains("sign-on") {
                Some("`tofu`")
            } else if reason.contains("`depends`") {
                Some("that entry of `depends`")
            } else {
                None
            };
            if movable.is_none() && units[from].phase.is_none() {
                movable = facet.map(|facet| (facet, from));
            }
        }
        let help = match movable {
            Some((facet, from)) => format!(
                "move {facet} of `{service}` into a phase, `[services.{service}.phases.…]`: what waits for `{service}` does not wait for its phases",
                service = units[from].service
            ),
            None => "take away one of these waits, or move what needs it into a phase of its service".to_owned(),
        };
        found.push(finding.help(help));
    }
}

fn spelled(count: usize) -> String {
    match count {
        2 => "two units".into(),
        3 => "three units".into(),
        count => format!("{count} units"),
    }
}
