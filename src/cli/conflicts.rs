//! `conflicts`: every object that more than one owner puts into the cluster.

use serde_json::{Value, json};

use super::{
    Answer, Arguments, arguments,
    surveyed::{Surveyed, surveyed},
};
use crate::{
    audits::owner,
    claims::{Claim, Role, shown},
    verdict::Contested,
    world::{Error, World},
};

/// The form of `--format json`.
const VERSION: u32 = 1;

/// Lists them all, also the handovers and the shared ones that are no findings.
pub fn conflicts(arguments: &Arguments, flags: &arguments::Survey, world: &dyn World) -> Result<Answer, Error> {
    let surveyed = match surveyed(arguments, flags, world)? {
        Ok(surveyed) => surveyed,
        Err(refusal) => return Ok(refusal),
    };
    let survey = &surveyed.survey;
    let is_wrong = |contested: &&Contested| contested.is_wrong();
    let exit = u8::from(survey.contested.iter().any(|contested| is_wrong(&contested)));
    let stdout = if arguments.format.name == "json" {
        let list: Vec<Value> = survey.contested.iter().map(|contested| as_json(&surveyed, contested)).collect();
        let mut text =
            serde_json::to_string_pretty(&json!({ "version": VERSION, "conflicts": list })).expect("it is JSON");
        text.push('\n');
        text
    } else {
        as_text(&surveyed)
    };
    Ok(Answer { stdout, exit, ..Answer::default() })
}

fn as_json(surveyed: &Surveyed, contested: &Contested) -> Value {
    let object = &contested.object;
    let owners: Vec<Value> = claims(surveyed, contested)
        .map(|claim| {
            let (path, line) = surveyed.line(claim.place);
            json!({
                "tool": claim.tool.name(),
                "unit": claim.unit,
                "role": role(claim),
                "path": path,
                "line": line,
            })
        })
        .collect();
    json!({
        "object": {
            "group": object.group,
            "kind": object.kind,
            "namespace": object.namespace,
            "name": object.name,
        },
        "cluster": contested.cluster.map(|at| surveyed.survey.clusters[at].name.as_str()),
        "verdict": contested.verdict.name(),
        "declared": contested.is_declared,
        "severity": contested.severity.name(),
        "consequence": contested.consequence,
        "owners": owners,
    })
}

fn as_text(surveyed: &Surveyed) -> String {
    let survey = &surveyed.survey;
    let mut text = String::new();
    for contested in &survey.contested {
        let declared = if contested.is_declared { ", declared" } else { "" };
        let cluster = match contested.cluster {
            Some(at) if survey.clusters.len() > 1 => format!(" in {}", survey.clusters[at].name),
            _ => String::new(),
        };
        text += &format!("{}{cluster}: {}{declared}\n", shown(&contested.object), contested.verdict.name());
        for claim in claims(surveyed, contested) {
            text += &format!("  {}  {} ({})\n", surveyed.at(claim.place), owner(claim), role(claim));
        }
        text += &format!("  {}\n\n", contested.consequence);
    }
    let wrong = survey.contested.iter().filter(|contested| contested.is_wrong()).count();
    let rest = survey.contested.len() - wrong;
    text + &match (wrong, rest) {
        (0, 0) => "every object has one owner\n".to_owned(),
        (0, rest) => format!("no conflict; {rest} shared or handed over\n"),
        (wrong, rest) => format!("{wrong} in conflict, {rest} shared or handed over\n"),
    }
}

fn claims<'s>(surveyed: &'s Surveyed, contested: &'s Contested) -> impl Iterator<Item = &'s Claim> {
    contested.claims.iter().map(|at| &surveyed.survey.claims[*at])
}

fn role(claim: &Claim) -> &'static str {
    match claim.role {
        Role::Owner if claim.prunes => "owns and prunes",
        Role::Owner => "owns",
        Role::Bootstrap => "bootstraps",
        Role::Fields(_) => "sets fields",
    }
}
