//! `check`: every problem of an inventory, or of any GitOps repository.

use super::{
    Answer, Arguments, Surroundings, answer,
    arguments::{self, Check, DEFAULT_INVENTORY},
    options, report,
};
use crate::{
    audits::AUDITS,
    compile::{Options, compile},
    report as reports,
    survey::{self, Survey, survey},
    world::{Error, World},
};

/// Runs `check`.
pub fn check(
    arguments: &Arguments,
    wanted: &Check,
    world: &dyn World,
    around: &Surroundings<'_>,
) -> Result<Answer, Error> {
    // An inventory that somebody names is meant to be there.
    let is_named = arguments.inventory != DEFAULT_INVENTORY;
    if !is_named && world.kind(&arguments.inventory)?.is_none() {
        return repository(arguments, wanted, world, around);
    }
    let compiled = compile(world, &Options { as_of: wanted.as_of, ..options(arguments, "out") })?;
    let mut answer = report(arguments, around, &compiled, &compiled.diagnostics);
    if compiled.diagnostics.is_empty() && !arguments.quiet && !arguments.format.stdout {
        answer.stderr.push_str("no problems\n");
    }
    Ok(answer)
}

/// Judges a repository that was written by hand.
fn repository(
    arguments: &Arguments,
    wanted: &Check,
    world: &dyn World,
    around: &Surroundings<'_>,
) -> Result<Answer, Error> {
    let mut survey = survey(world, &asked(&wanted.survey))?;
    let found = judged(&mut survey);
    let mut answer = answer(arguments, around, &survey.repository.sources, &found);
    if !arguments.quiet && !arguments.format.stdout {
        if found.is_empty() {
            answer.stderr.push_str("no problems\n");
        }
        answer.stderr.push_str(&format!("{}\n", survey.summary()));
    }
    Ok(answer)
}

/// Every finding about a repository, in order.
fn judged(survey: &mut Survey) -> Vec<crate::diagnostic::Diagnostic> {
    let mut found = std::mem::take(&mut survey.found);
    for audit in AUDITS {
        audit(survey, &mut found);
    }
    reports::settle(found, &survey.repository.sources)
}

/// What the flags ask of a survey.
pub(super) fn asked(flags: &arguments::Survey) -> survey::Options {
    survey::Options {
        roots: flags.roots.clone(),
        terraform_plans: flags.terraform_plans.clone(),
        helm: flags.helm,
        fallback: false,
    }
}
