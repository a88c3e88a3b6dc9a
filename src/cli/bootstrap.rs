//! `bootstrap`: plays the start of a cluster from nothing, stage by stage, and stops where it would hang.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Answer, Arguments, arguments,
    surveyed::{Surveyed, surveyed},
};
use crate::{
    claims::{Tool, shown},
    flux::Cluster,
    startup::{
        network,
        simulate::{Play, simulate},
    },
    world::{Error, World},
};

/// Plays it for every cluster.
pub fn bootstrap(arguments: &Arguments, flags: &arguments::Survey, world: &dyn World) -> Result<Answer, Error> {
    let surveyed = match surveyed(arguments, flags, world)? {
        Ok(surveyed) => surveyed,
        Err(refusal) => return Ok(refusal),
    };
    let survey = &surveyed.survey;
    let mut stdout = String::new();
    let mut hangs = false;
    for (at, cluster) in survey.clusters.iter().enumerate() {
        let play = simulate(cluster, &survey.graphs[at], &survey.deadlocks[at]);
        hangs |= play.stuck.iter().any(|stuck| stuck.is_cause);
        hangs |= network::late(&survey.repository, &survey.talos, &survey.claims, &survey.releases)
            .is_some_and(|late| late.release.cluster == at);
        stdout += &told(&surveyed, at, cluster, &play);
    }
    if survey.clusters.is_empty() {
        stdout += "no cluster is kept from this repository by Flux\n";
    }
    Ok(Answer { stdout, exit: u8::from(hangs), ..Answer::default() })
}

fn told(surveyed: &Surveyed, at: usize, cluster: &Cluster, play: &Play) -> String {
    let survey = &surveyed.survey;
    let mut text = format!("{}\n", cluster.name);
    let mut stage = 0;
    for (tool, title) in [
        (Tool::Terraform, "Terraform"),
        (Tool::Talos, "Talos, at the first boot"),
        (Tool::Helmfile, "helmfile"),
        (Tool::Script, "scripts"),
    ] {
        let claims = survey.claims.iter().filter(|claim| claim.tool == tool);
        let claims = claims.filter(|claim| claim.cluster.is_none_or(|cluster| cluster == at));
        // By folder: a layer is a folder that is applied by itself.
        let mut layers: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for claim in claims {
            let folder = crate::repository::parent(survey.repository.path(claim.place));
            layers.entry(folder).or_default().insert(shown(&claim.object));
        }
        for (folder, objects) in layers {
            stage += 1;
            text += &format!("  {stage}. {title}, {}\n", if folder.is_empty() { "./" } else { folder });
            text += &listed(&objects.into_iter().collect::<Vec<_>>());
        }
    }
    let late = network::late(&survey.repository, &survey.talos, &survey.claims, &survey.releases);
    if let Some(late) = late.filter(|late| late.release.cluster == at) {
        return text
            + &format!(
                "  hangs before Flux runs: its pods need a network, and only Flux brings one\n    ! `{}` installs `{}`\n        {}\n    ! the nodes install none\n        {}\n\n",
                cluster.units[late.release.unit].name,
                late.release.name,
                surveyed.at(late.release.place),
                surveyed.at(late.none)
            );
    }
    for round in &play.rounds {
        stage += 1;
        text += &format!("  {stage}. Flux\n");
        text += &listed(&round.iter().map(|unit| cluster.units[*unit].name.to_string()).collect::<Vec<_>>());
    }
    if play.stuck.is_empty() {
        return text + "  comes up\n\n";
    }
    text += &format!("  hangs: {} of {} units never become ready\n", play.stuck.len(), cluster.units.len());
    let mut stuck: Vec<_> = play.stuck.iter().collect();
    stuck.sort_by_key(|stuck| !stuck.is_cause);
    for stuck in stuck {
        let mark = if stuck.is_cause { "!" } else { "-" };
        text += &format!(
            "    {mark} {}: {}\n        {}\n",
            cluster.units[stuck.unit].name,
            stuck.reason,
            surveyed.at(stuck.place)
        );
    }
    text + "\n"
}

/// Names, a few on each line.
fn listed(names: &[String]) -> String {
    const WIDTH: usize = 96;
    let mut text = String::new();
    let mut line = String::new();
    for name in names {
        if !line.is_empty() && line.len() + name.len() + 2 > WIDTH {
            text += &format!("     {line},\n");
            line.clear();
        }
        if !line.is_empty() {
            line += ", ";
        }
        line += name;
    }
    if line.is_empty() { text } else { text + &format!("     {line}\n") }
}
