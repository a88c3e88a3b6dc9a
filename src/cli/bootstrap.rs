//! `bootstrap`: plays the start of a cluster from nothing, stage by stage, and stops where it would hang.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, arguments, check::asked};
use crate::{
    claims::{Tool, shown},
    flux::Cluster,
    source::Place,
    startup::simulate::{Play, simulate},
    survey::{Survey, survey},
    world::{Error, World},
};

/// Plays it for every cluster.
pub fn bootstrap(flags: &arguments::Survey, world: &dyn World) -> Result<Answer, Error> {
    let survey = survey(world, &asked(flags))?;
    let mut stdout = String::new();
    let mut hangs = false;
    for (at, cluster) in survey.clusters.iter().enumerate() {
        let play = simulate(cluster, &survey.graphs[at], &survey.deadlocks[at]);
        hangs |= play.stuck.iter().any(|stuck| stuck.is_cause);
        stdout += &told(&survey, at, cluster, &play);
    }
    if survey.clusters.is_empty() {
        stdout += "no cluster is kept from this repository by Flux\n";
    }
    Ok(Answer { stdout, exit: u8::from(hangs), ..Answer::default() })
}

fn told(survey: &Survey, at: usize, cluster: &Cluster, play: &Play) -> String {
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
            place(survey, stuck.place)
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

fn place(survey: &Survey, place: Place) -> String {
    format!("{}:{}", survey.repository.path(place), survey.repository.sources.position(place).line)
}
