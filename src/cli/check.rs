//! `check`: every problem of an inventory, or of any GitOps repository.

use super::{
    Answer, Arguments, Surroundings, answer,
    arguments::{self, Check, DEFAULT_INVENTORY},
    composed, options,
};
use crate::{
    accept, audits, checks,
    compile::{Options, compile},
    diagnostic::Diagnostic,
    node::Part,
    report as reports,
    source::Sources,
    survey::{self, NOTHING, Survey, survey},
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
    let summary = match composed::folder(&compiled) {
        Some(folder) => composed::check(&mut compiled, &folder, arguments, world, &asked(&wanted.survey))?,
        None => None,
    };
    let found = std::mem::take(&mut compiled.diagnostics);
    finish(arguments, wanted, world, around, &compiled.sources, found, summary.as_deref())
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
    if let (Some(date), Some(root)) = (wanted.as_of, &survey.settings.root) {
        let place_of = |pointer: &str| root.place_of(pointer, Part::Value);
        checks::expired_allowances(&survey.settings.settings.allow, &place_of, date, &mut found);
        found = reports::settle(found, &survey.repository.sources);
    }
    let summary = survey.summary();
    let answer = finish(arguments, wanted, world, around, &survey.repository.sources, found, Some(&summary));
    // The run is over: taking a survey apart takes longer than several audits.
    std::mem::forget(survey);
    answer
}

/// Leaves out what a baseline holds, and reports the rest.
fn finish(
    arguments: &Arguments,
    wanted: &Check,
    world: &dyn World,
    around: &Surroundings<'_>,
    sources: &Sources,
    mut found: Vec<Diagnostic>,
    summary: Option<&str>,
) -> Result<Answer, Error> {
    if let Some(path) = &wanted.write_baseline {
        let text = accept::write_baseline(&reports::Report { sources, diagnostics: &found });
        world.save(path, text.as_bytes(), Access::Shared)?;
        let stderr = format!("{} written to {path}\n", counted(found.len()));
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
        summarise(world, &path, sources, &found, summary)?;
    }
    let mut answer = answer(arguments, around, sources, &found);
    if !arguments.quiet && !arguments.format.stdout {
        let is_nothing = summary.is_some_and(|summary| summary.starts_with(NOTHING));
        if found.is_empty() && !is_nothing {
            answer.stderr.push_str("no problems\n");
        }
        answer.stderr.extend(summary.map(|summary| format!("{summary}\n")));
        if gone > 0 {
            answer.stderr.push_str(&format!(
                "{} of the baseline {} gone: write it anew\n",
                counted(gone),
                if gone == 1 { "is" } else { "are" }
            ));
        }
    }
    Ok(answer)
}

fn counted(findings: usize) -> String {
    format!("{findings} finding{}", if findings == 1 { "" } else { "s" })
}

/// Adds the findings to the summary of a GitHub job, after what is there.
fn summarise(
    world: &dyn World,
    path: &str,
    sources: &Sources,
    found: &[Diagnostic],
    summary: Option<&str>,
) -> Result<(), Error> {
    let markdown = reports::FORMATS.iter().find(|format| format.name == "markdown").expect("there is such a format");
    let report = reports::Report { sources, diagnostics: found };
    let mut text = world.read(path)?.unwrap_or_default();
    text.extend(reports::render(*markdown, &report, false).into_bytes());
    text.extend(summary.map(|summary| format!("\n{summary}\n")).unwrap_or_default().into_bytes());
    world.save(path, &text, Access::Shared)
}

/// Every finding about a repository, in order.
pub(super) fn judged(survey: &mut Survey) -> Vec<Diagnostic> {
    let mut found = std::mem::take(&mut survey.found);
    found.extend(audits::run(survey));
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
