//! A unit waits only for its own or an earlier layer.

use crate::{code, compile::Model, diagnostic::Diagnostic, node::Part, source::Sources};

/// Every edge against the order of layers.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let order = &model.inventory.layers.order;
    for (id, edges) in model.order.edges.iter().enumerate() {
        let unit = &model.plan.units[id];
        let Some(own) = unit.layer else { continue };
        for edge in edges {
            let Some(to) = edge.to else { continue };
            let other = &model.plan.units[to];
            let Some(later) = other.layer.filter(|later| *later > own) else { continue };
            let (reason, place) = &edge.reasons[0];
            let message = format!(
                "`{}` of layer `{}` waits for `{}` of the later layer `{}`",
                unit.label(),
                order[own],
                other.label(),
                order[later]
            );
            found.push(
                Diagnostic::new(code!("layer-later"), message)
                    .at(*place, reason.clone())
                    .at(model.place(&format!("{}/layer", other.pointer), Part::Value), "comes later")
                    .help(format!(
                        "move one of them, or move what waits into a phase of `{}` in a later layer",
                        unit.service
                    ))
                    .about(unit.label()),
            );
        }
    }
}
