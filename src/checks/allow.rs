//! `[[allow]]`: findings that are right here, each with a reason.

use crate::{
    calendar::Date,
    claim::ObjectId,
    code,
    codes::{Code, PAGES},
    compile::Model,
    diagnostic::{Diagnostic, Severity, nearest},
    inventory::Allow,
    node::Part,
    source::Place,
};

/// Takes out what is allowed, and reports allowances that allow nothing.
pub fn allow(model: &Model, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    allow_all(&model.inventory.allow, &|pointer| model.place(pointer, Part::Value), found)
}

/// The same for allowances from anywhere; `place_of` gives the place of `/allow/0/code` and its like.
pub fn allow_all(allowances: &[Allow], place_of: &dyn Fn(&str) -> Place, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut used = vec![false; allowances.len()];
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(found.len());
    for finding in found {
        let matching = allowances.iter().enumerate().filter(|(_, allow)| allows(allow, &finding));
        let mut allowed = false;
        for (index, _) in matching {
            used[index] = true;
            allowed = true;
        }
        if !allowed {
            kept.push(finding);
        }
    }
    for (index, allow) in allowances.iter().enumerate() {
        let place = |key: &str| place_of(&format!("/allow/{index}/{key}"));
        if Code::find(&allow.code).is_none() {
            kept.push(unknown_code(&allow.code, place("code"), |near| format!("\"{near}\"")));
        } else if !used[index] && allow.code != LATE {
            kept.extend(unused(allow, &kept, place("code"), place("on")));
        }
        if let Some(until) = &allow.until
            && Date::parse(until).is_none()
        {
            kept.push(
                Diagnostic::new(code!("date-malformed"), format!("`{until}` is not a day"))
                    .at(place("until"), "")
                    .help("write `YYYY-MM-DD`, in quotes"),
            );
        }
        if allow.reason.trim().is_empty() {
            kept.push(
                Diagnostic::new(code!("allow-unreasoned"), format!("`{}` is allowed without a reason", allow.code))
                    .at(place("reason"), "")
                    .help("say why it is right here: the next reader wants to know"),
            );
        }
    }
    kept
}

/// A code that does not exist; `written` is how the right one would be written there.
pub fn unknown_code(code: &str, place: Place, written: impl Fn(&str) -> String) -> Diagnostic {
    let finding = Diagnostic::new(code!("allow-unknown"), format!("there is no code `{code}`")).at(place, "");
    match nearest(code, PAGES.iter().map(|page| page.name)) {
        Some(near) => finding.edit(place, written(near), format!("did you mean `{near}`?")),
        None => finding.help("`gitopsc explain` lists all codes"),
    }
}

/// An allowance that allows nothing; perhaps what it should allow is found under another name.
fn unused(allow: &Allow, found: &[Diagnostic], code: Place, on: Place) -> Option<Diagnostic> {
    if let Some(subject) = &allow.on {
        let alike = found.iter().filter(|finding| finding.code.name() == allow.code);
        if let Some(near) = nearest(subject, alike.filter_map(|finding| finding.subject.as_deref())) {
            let message = format!("`{}` is allowed on `{subject}`, but not found there", allow.code);
            let finding = Diagnostic::new(code!("allow-unused"), message).at(on, "");
            return Some(finding.edit(on, format!("\"{near}\""), format!("did you mean `{near}`?")));
        }
    }
    // What is wrong elsewhere may hide what this would allow.
    if found.iter().any(|finding| finding.severity == Severity::Error) {
        return None;
    }
    let on = allow.on.as_ref().map(|on| format!(" on `{on}`")).unwrap_or_default();
    let message = format!("`{}` is allowed{on}, but not found any more", allow.code);
    Some(Diagnostic::new(code!("allow-unused"), message).at(code, "").help("remove this `[[allow]]`"))
}

/// The code of what only a comparison with the old tree finds, after all checks.
const LATE: &str = "prune-danger";

/// Whether the inventory allows a finding.
pub fn is_allowed(model: &Model, finding: &Diagnostic) -> bool {
    model.inventory.allow.iter().any(|allow| allows(allow, finding))
}

fn allows(allow: &Allow, finding: &Diagnostic) -> bool {
    allow.code == finding.code.name() && allow.on.as_deref().is_none_or(|on| is_about(finding, on))
}

fn is_about(finding: &Diagnostic, on: &str) -> bool {
    let Some(subject) = &finding.subject else { return false };
    subject == on || ObjectId::parse(subject).is_some_and(|object| object.matches(on))
}
