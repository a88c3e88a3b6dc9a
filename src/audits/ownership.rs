//! Every object and every Helm release has one owner, over all tools.

use crate::{
    claim::ObjectId,
    claims::{Claim, Role, Tool, is_release, shown},
    code,
    diagnostic::{Diagnostic, Severity},
    survey::Survey,
    verdict::{Contested, Verdict},
};

/// Reports what is contested and not declared.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    for contested in survey.contested.iter().filter(|contested| !contested.is_declared) {
        let claims: Vec<&Claim> = contested.claims.iter().map(|at| &survey.claims[*at]).collect();
        match contested.verdict {
            Verdict::Conflict => found.push(conflict(contested, &claims)),
            Verdict::Handover if contested.severity <= Severity::Warning => found.push(handover(contested, &claims)),
            // One who makes it where it is missing, and one who keeps it, are what a bootstrap is.
            Verdict::Handover | Verdict::Shared | Verdict::Unknown => {}
        }
    }
}

fn conflict(contested: &Contested, claims: &[&Claim]) -> Diagnostic {
    let object = shown(&contested.object);
    let (first, second) = (owner(claims[0]), claims.get(1).map(|claim| owner(claim)));
    let several = claims.iter().map(|claim| owner(claim)).collect::<std::collections::BTreeSet<_>>().len();
    let code = if is_release(&contested.object) { code!("release-twice") } else { code!("owned-twice") };
    let message = match second.filter(|second| *second != first) {
        Some(_) if several > 2 => format!("`{object}` has {several} owners"),
        Some(second) => format!("{first} and {second} both own `{object}`"),
        None => format!("{first} applies its own Kustomization"),
    };
    let mut finding = Diagnostic::new(code, message).severity(contested.severity);
    for claim in claims {
        finding = finding.at(claim.place, says(claim));
    }
    finding.note(contested.consequence.clone()).help(way_out(contested, claims)).about(object)
}

fn handover(contested: &Contested, claims: &[&Claim]) -> Diagnostic {
    let object = shown(&contested.object);
    let is_starter = |claim: &&&Claim| claim.role == Role::Bootstrap;
    let keeper = claims.iter().find(|claim| claim.role == Role::Owner);
    let starter = claims.iter().find(is_starter).expect("a handover has somebody who begins");
    let message = match keeper {
        Some(keeper) => format!("{} makes `{object}`, which {} owns", owner(starter), owner(keeper)),
        None => format!("`{object}` is made by several tools"),
    };
    let mut finding = Diagnostic::new(code!("handover-undeclared"), message).severity(contested.severity);
    let ordered = keeper.into_iter().chain(claims.iter().filter(|claim| claim.role != Role::Owner));
    for claim in ordered {
        finding = finding.at(claim.place, says(claim));
    }
    // Where all of them only begin it, another tool than the first one is to have it.
    let keeper = keeper.or_else(|| claims.iter().find(|claim| claim.tool != starter.tool));
    let to = keeper.map_or("flux", |keeper| keeper.tool.name());
    finding
        .note(contested.consequence.clone())
        .help(format!(
            "let one of them have it; if it is meant to change hands, say so in gitopsc.toml: `[[handover]] on = \"{object}\"`, `from = \"{}\"`, `to = \"{to}\"`, `reason = \"…\"`",
            starter.tool.name()
        ))
        .about(object)
}

/// Who a claim is of, in the words of its tool.
pub fn owner(claim: &Claim) -> String {
    match claim.tool {
        Tool::Flux => format!("unit `{}`", claim.unit),
        Tool::Helm => format!("HelmRelease `{}`", claim.unit),
        Tool::Terraform => format!("Terraform (`{}`)", claim.unit),
        Tool::Talos => "Talos".to_owned(),
        Tool::ArgoCd => format!("Argo CD application `{}`", claim.unit),
        Tool::Helmfile => format!("helmfile (`{}`)", claim.unit),
        Tool::Script => format!("script `{}`", claim.unit),
        Tool::Declared => format!("`{}`", claim.unit),
    }
}

fn says(claim: &Claim) -> String {
    let what = match &claim.role {
        Role::Owner if claim.prunes => "owned, and pruned, by",
        Role::Owner => "owned by",
        Role::Bootstrap => "first made by",
        Role::Fields(_) => "fields set by",
    };
    format!("{what} {}", owner(claim))
}

fn way_out(contested: &Contested, claims: &[&Claim]) -> String {
    let tools: std::collections::BTreeSet<Tool> = claims.iter().map(|claim| claim.tool).collect();
    if is_release(&contested.object) {
        return "keep one of them; `releaseName` or another namespace makes two releases of it".to_owned();
    }
    if contested.is_self {
        return "list the file with the Kustomization only in its parent, not in the folder it applies".to_owned();
    }
    if is_namespace(&contested.object) {
        return "give the namespace a unit of its own that the others wait for, annotated `kustomize.toolkit.fluxcd.io/prune: disabled`".to_owned();
    }
    if tools.len() > 1 {
        return "let one tool have it, and take it out of the other one's state before its sources".to_owned();
    }
    "keep it in one unit; what needs it can wait for that unit with `dependsOn`".to_owned()
}

fn is_namespace(object: &ObjectId) -> bool {
    object.group.is_empty() && object.kind == "Namespace"
}
