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
    let mut used = vec![false; model.inventory.allow.len()];
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(found.len());
    for finding in found {
        let matching = model.inventory.allow.iter().enumerate().filter(|(_, allow)| {
            allow.code == finding.code.name() && allow.on.as_deref().is_none_or(|on| is_about(&finding, on))
        });
        let mut allowed = false;
        for (index, _) in matching {
            used[index] = true;
            allowed = true;
        }
        if !allowed {
            kept.push(finding);
        }
    }
    for (index, allow) in model.inventory.allow.iter().enumerate() {
        let place = |key: &str| model.place(&format!("/allow/{index}/{key}"), Part::Value);
        if Code::find(&allow.code).is_none() {
            let known = PAGES.iter().map(|page| page.name);
            let finding = Diagnostic::new(code!("allow-unknown"), format!("there is no code `{}`", allow.code))
                .at(place("code"), "");
            kept.push(match nearest(&allow.code, known) {
                Some(near) => finding.edit(place("code"), format!("\"{near}\""), format!("did you mean `{near}`?")),
                None => finding.help("`gitopsc explain` lists all codes"),
            });
        } else if !used[index] {
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

fn is_about(finding: &Diagnostic, on: &str) -> bool {
    let Some(subject) = &finding.subject else { return false };
    subject == on || ObjectId::parse(subject).is_some_and(|object| object.matches(on))
}
