//! What a date makes wrong: allowances and certificates that have run out. Only `check --as-of` asks.

use crate::{
    calendar::Date, code, compile::Model, diagnostic::Diagnostic, inventory::Allow, node::Part, source::Place,
};

/// Allowances and the sealing certificate on this day.
pub fn expired(model: &Model, date: Date, found: &mut Vec<Diagnostic>) {
    expired_allowances(&model.inventory.allow, &|pointer| model.place(pointer, Part::Value), date, found);
    let certificate = model.inputs.sealed.certificate.as_ref();
    found.extend(certificate.and_then(|certificate| certificate.refuse_expired(date.seconds())));
}

/// Allowances from anywhere on this day; `place_of` gives the place of `/allow/0/until` and its like.
pub fn expired_allowances(
    allowances: &[Allow],
    place_of: &dyn Fn(&str) -> Place,
    date: Date,
    found: &mut Vec<Diagnostic>,
) {
    for (index, allow) in allowances.iter().enumerate() {
        let Some(until) = allow.until.as_deref().and_then(Date::parse).filter(|until| *until < date) else { continue };
        let place = place_of(&format!("/allow/{index}/until"));
        found.push(
            Diagnostic::new(code!("allow-expired"), format!("`{}` was allowed until {until} only", allow.code))
                .at(place, format!("before {date}"))
                .note(format!("the reason was: {}", allow.reason))
                .help("mend what it allows, or give it a new date if the reason still holds"),
        );
    }
}
