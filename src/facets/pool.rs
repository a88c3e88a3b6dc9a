//! `pool`: an address out of a pool.

use super::{Context, Made, Need, What};
use crate::node::Part;

/// The pools must be there first. The annotations themselves are facts for the templates; where none uses them,
/// the compiler patches the release's Services.
pub fn make(context: &Context<'_>, made: &mut Made) {
    let Some(pool) = &context.unit.pool else { return };
    made.needs.push(Need {
        what: What::Capability(format!("ipaddresspool/{}", pool.name)),
        reason: format!("its address comes from the pool `{}`", pool.name),
        place: context.place("pool", Part::Value),
        otherwise: Some(format!("the address pool `{}`", pool.name)),
    });
}
