//! `render`: what Flux would apply for a unit; what a service becomes, and what it waits for.

use super::{Answer, Arguments, Surroundings, arguments::Render, compiled, refusal, report};
use crate::{
    compile::Model,
    diagnostic::nearest,
    flux::{Cluster, Outcome, Unit},
    kustomize::Stop,
    plan::{NAMESPACES, UnitId},
    survey::{self, Survey, survey},
    world::{Access, Error, World},
    yaml,
};

/// Runs `render`: a name with a `/` is a unit of any repository, a bare one a service of the inventory.
pub fn render(
    arguments: &Arguments,
    wanted: &Render,
    world: &dyn World,
    around: &Surroundings<'_>,
) -> Result<Answer, Error> {
    let (units, services): (Vec<&String>, Vec<&String>) = wanted.names.iter().partition(|name| name.contains('/'));
    if wanted.output.is_some() && !services.is_empty() {
        return Ok(refusal("`--output` writes units, not services", "name units as `namespace/name`, or say `--all`"));
    }
    let mut answer = Answer::default();
    for name in services {
        answer.add(&service(arguments, name, world, around)?);
    }
    if wanted.all || !units.is_empty() {
        let options = survey::Options { roots: wanted.roots.clone(), ..survey::Options::default() };
        answer.add(&render_units(&survey(world, &options)?, &units, wanted, world)?);
    }
    Ok(answer)
}

impl Answer {
    /// What two questions are answered together.
    fn add(&mut self, other: &Answer) {
        self.stdout.push_str(&other.stdout);
        self.stderr.push_str(&other.stderr);
        self.exit = self.exit.max(other.exit);
    }
}

/// What Flux would apply for units.
fn render_units(survey: &Survey, names: &[&String], wanted: &Render, world: &dyn World) -> Result<Answer, Error> {
    if let Some(refusal) = no_such_cluster(survey, wanted.cluster.as_deref()) {
        return Ok(refusal);
    }
    let clusters =
        survey.clusters.iter().filter(|cluster| wanted.cluster.as_ref().is_none_or(|name| *name == cluster.name));
    let units: Vec<(&Cluster, &Unit)> =
        clusters.flat_map(|cluster| cluster.units.iter().map(move |unit| (cluster, unit))).collect();
    let chosen = if wanted.all {
        units
    } else {
        match chosen(&units, names) {
            Ok(chosen) => chosen,
            Err(refusal) => return Ok(refusal),
        }
    };
    let mut answer = Answer::default();
    for (cluster, unit) in chosen {
        match text(survey, unit) {
            Ok(text) => match &wanted.output {
                Some(folder) => {
                    let path = format!("{folder}/{}/{}/{}.yaml", cluster.name, unit.name.namespace, unit.name.name);
                    world.save(&path, text.as_bytes(), Access::Shared)?;
                }
                None => answer.stdout.push_str(&text),
            },
            // Of all units, those of other repositories are not meant.
            Err(_) if wanted.all && matches!(unit.outcome, Outcome::Elsewhere) => {}
            Err(why) => {
                answer.stderr.push_str(&format!("error: cannot render `{}`: {why}\n", unit.name));
                answer.exit = 1;
            }
        }
    }
    Ok(answer)
}

fn no_such_cluster(survey: &Survey, name: Option<&str>) -> Option<Answer> {
    let names = || survey.clusters.iter().map(|cluster| cluster.name.as_str());
    if survey.clusters.is_empty() {
        let help = "name the folder that its first Kustomization applies with `--root`";
        return Some(refusal("there is no cluster in this repository", help));
    }
    let name = name.filter(|name| !names().any(|known| known == *name))?;
    let known = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Some(refusal(format!("there is no cluster `{name}`"), format!("the clusters are {known}")))
}

/// The units of these names, each of which must mean exactly one.
fn chosen<'s>(units: &[(&'s Cluster, &'s Unit)], names: &[&String]) -> Result<Vec<(&'s Cluster, &'s Unit)>, Answer> {
    let mut chosen = Vec::new();
    for name in names {
        let found: Vec<_> = units.iter().filter(|(_, unit)| unit.name.to_string() == **name).copied().collect();
        match found.as_slice() {
            [one] => chosen.push(*one),
            [] => {
                let known: Vec<String> = units.iter().map(|(_, unit)| unit.name.to_string()).collect();
                let help = match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "units are Flux Kustomizations, named as `namespace/name`".to_owned(),
                };
                return Err(refusal(format!("there is no unit `{name}`"), help));
            }
            several => {
                let clusters: Vec<String> = several.iter().map(|(cluster, _)| format!("`{}`", cluster.name)).collect();
                return Err(refusal(
                    format!("several clusters have a unit `{name}`: {}", clusters.join(", ")),
                    "say which with `--cluster`",
                ));
            }
        }
    }
    Ok(chosen)
}

/// The objects of a unit as YAML, or why there are none.
fn text(survey: &Survey, unit: &Unit) -> Result<String, String> {
    let place = |place| {
        let position = survey.repository.sources.position(place);
        format!("{}:{position}", survey.repository.path(place))
    };
    match &unit.outcome {
        Outcome::Objects(objects) => {
            let texts = objects.iter().map(|object| yaml::write(&object.node.to_json()));
            Ok(texts.flat_map(|text| ["---\n".to_owned(), text]).collect())
        }
        Outcome::Stopped(Stop::Refused(refusal)) => {
            Err(format!("{} is not built here ({})", refusal.what, place(refusal.place)))
        }
        Outcome::Stopped(Stop::Fails(wrong)) => Err(match wrong.labels.first() {
            Some(label) => format!("{} ({})", wrong.message, place(label.place)),
            None => wrong.message.clone(),
        }),
        Outcome::Elsewhere => Err("its source is not this repository".to_owned()),
        Outcome::NoPath => {
            let path = unit.spec.path.as_ref().map_or("", |path| path.text.as_str());
            Err(format!("there is no folder `{path}`"))
        }
    }
}

/// The files of one service, with what it waits for and why.
fn service(arguments: &Arguments, name: &str, world: &dyn World, around: &Surroundings<'_>) -> Result<Answer, Error> {
    let compiled = compiled(arguments, world, "out")?;
    let Some(model) = &compiled.model else { return Ok(report(arguments, around, &compiled, &compiled.diagnostics)) };
    let units: Vec<UnitId> = match model.plan.services.get(name) {
        Some(&first) => (first..first + model.plan.family(name).len()).collect(),
        None => model.plan.unit_called(name).into_iter().collect(),
    };
    if units.is_empty() {
        let known = model.plan.units.iter().map(crate::plan::Unit::label).collect::<Vec<_>>();
        return Ok(match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => refusal(format!("there is no service `{name}`"), format!("did you mean `{near}`?")),
            None => refusal(
                format!("there is no service `{name}`"),
                "services are the tables `[services.…]` of the inventory",
            ),
        });
    }
    let mut answer = report(arguments, around, &compiled, &compiled.diagnostics);
    let Some(tree) = &compiled.tree else { return Ok(answer) };
    let namespace = &model.plan.units[units[0]].namespace;
    let mut paths = vec![format!("namespaces/{namespace}.yaml")];
    for &id in &units {
        let unit = &model.plan.units[id];
        paths.push(format!("flux/{}.yaml", unit.name));
        let folder = format!("{}/", unit.path());
        paths.extend(tree.files().map(|(path, _)| path.clone()).filter(|path| path.starts_with(&folder)));
    }
    for path in paths {
        let Some(file) = tree.get(&path) else { continue };
        answer.stdout.push_str(&format!("--- # out/{path}\n{}", String::from_utf8_lossy(&file.bytes)));
    }
    for &id in &units {
        answer.stderr.push_str(&waits(model, id));
    }
    Ok(answer)
}

/// What a unit waits for, each with its reasons.
fn waits(model: &Model, id: UnitId) -> String {
    let name = &model.plan.units[id].name;
    let edges = &model.order.edges[id];
    if edges.is_empty() {
        return format!("{name} waits for nothing\n");
    }
    let mut text = format!("{name} waits for\n");
    for edge in edges {
        let to = edge.to.map_or(NAMESPACES, |to| model.plan.units[to].name.as_str());
        let reasons: Vec<&str> = edge.reasons.iter().map(|(reason, _)| reason.as_str()).collect();
        text.push_str(&format!("  {to}: {}\n", reasons.join("; ")));
    }
    text
}
