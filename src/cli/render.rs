//! `render`: what one service becomes, and what it waits for.

use super::{Answer, Arguments, Surroundings, compiled, refusal, report};
use crate::{
    compile::Model,
    diagnostic::nearest,
    plan::{NAMESPACES, UnitId},
    world::{Error, World},
};

/// Runs `render`.
pub fn render(
    arguments: &Arguments,
    name: &str,
    world: &dyn World,
    around: &Surroundings<'_>,
) -> Result<Answer, Error> {
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
