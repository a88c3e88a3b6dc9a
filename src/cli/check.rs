//! `check`: every problem of an inventory, or of any GitOps repository.

use super::{
    Answer, Arguments, Surroundings, answer,
    arguments::{self, Check, DEFAULT_INVENTORY},
    composed, options, report,
};
use crate::{
    accept,
    audits::AUDITS,
    compile::{Options, compile},
    diagnostic::Diagnostic,
    report as reports,
    survey::{self, Survey, survey},
    world::{Access, Error, World},
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
    let mut compiled = compile(world, &Options { as_of: wanted.as_of, ..options(arguments, "out") })?;
    if let Some(folder) = composed::folder(&compiled) {
        composed::check(&mut compiled, &folder, world, &asked(&wanted.survey))?;
    }
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
    let mut found = judged(&mut survey);
    let sources = &survey.repository.sources;
    if let Some(path) = &wanted.write_baseline {
        let text = accept::write_baseline(&reports::Report { sources, diagnostics: &found });
        world.save(path, text.as_bytes(), Access::Shared)?;
        let stderr = format!("{} findings written to {path}\n", found.len());
        return Ok(Answer { stderr, ..Answer::default() });
    }
    let mut gone = 0;
    if let Some(path) = &wanted.baseline {
        let bytes = world.read(path)?.ok_or_else(|| Error::new("read", path, "there is no such file"))?;
        let text = String::from_utf8_lossy(&bytes);
        let left = accept::leave_out(&text, sources, found);
        (found, gone) = left.map_err(|reason| Error::new("use the baseline", path, reason))?;
    }
    if arguments.format.name == "github"
        && let Some(path) = (around.variable)("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())
    {
        summarise(world, &path, &survey, &found)?;
    }
    let mut answer = answer(arguments, around, &survey.repository.sources, &found);
    if !arguments.quiet && !arguments.format.stdout {
        if found.is_empty() {
            answer.stderr.push_str("no problems\n");
        }
        answer.stderr.push_str(&format!("{}\n", survey.summary()));
        if gone > 0 {
            answer.stderr.push_str(&format!("{gone} findings of the baseline are gone: write it anew\n"));
        }
    }
    // The run is over: taking a survey apart takes longer than several audits.
    std::mem::forget(survey);
    Ok(answer)
}

/// Adds the findings to the summary of a GitHub job, after what is there.
fn summarise(world: &dyn World, path: &str, survey: &Survey, found: &[Diagnostic]) -> Result<(), Error> {
    let markdown = reports::FORMATS.iter().find(|format| format.name == "markdown").expect("there is such a format");
    let report = reports::Report { sources: &survey.repository.sources, diagnostics: found };
    let mut text = world.read(path)?.unwrap_or_default();
    text.extend(reports::render(*markdown, &report, false).into_bytes());
    text.extend(format!("\n{}\n", survey.summary()).into_bytes());
    world.save(path, &text, Access::Shared)
}

/// Every finding about a repository, in order.
pub(super) fn judged(survey: &mut Survey) -> Vec<Diagnostic> {
    let mut found = std::mem::take(&mut survey.found);
    for audit in AUDITS {
        audit(survey, &mut found);
    }
    let found = accept::accept(&survey.repository, &survey.settings, found);
    reports::settle(found, &survey.repository.sources)
}

/// What the flags ask of a survey.
pub(super) fn asked(flags: &arguments::Survey) -> survey::Options {
    survey::Options {
        roots: flags.roots.clone(),
        terraform_plans: flags.terraform_plans.clone(),
        helm: flags.helm,
        fallback: flags.fallback,
        start: None,
    }
}
