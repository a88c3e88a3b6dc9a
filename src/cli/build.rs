//! `build`: compares the tree with the folder, and writes it if every check passed.

use super::{Answer, Arguments, Surroundings, arguments::Build, compiled, refusal, report};
use crate::{
    checks::is_allowed,
    danger,
    diagnostic::{Diagnostic, Severity},
    emit::{self, Change, ChangeKind},
    report::settle,
    world::{Error, World},
};

/// Runs `build`.
pub fn build(
    arguments: &Arguments,
    wanted: &Build,
    world: &dyn World,
    around: &Surroundings<'_>,
) -> Result<Answer, Error> {
    if arguments.profile.is_some() && wanted.out.is_none() {
        return Ok(refusal(
            "a profile of the command line is for a look, not for the tree that is committed",
            "add `--out DIR`; or write `profile = \"…\"` into the inventory to commit that tree",
        ));
    }
    let out = wanted.out.as_deref().unwrap_or("out");
    let mut compiled = compiled(arguments, world, out)?;
    let Some(tree) = compiled.tree.take() else {
        return Ok(report(arguments, around, &compiled, &compiled.diagnostics));
    };
    let reads_only = wanted.check || wanted.diff;
    let _lock = if reads_only { None } else { emit::lock(world, out)? };
    let (changes, refused) = emit::plan(world, &mut compiled.sources, out, &tree, wanted.force)?;
    let mut findings = std::mem::take(&mut compiled.diagnostics);
    findings.extend(refused);
    let dangers = danger::pruned(world, &mut compiled.sources, out, &tree, &changes)?;
    let allowed = |finding: &Diagnostic| compiled.model.as_ref().is_some_and(|model| is_allowed(model, finding));
    findings.extend(dangers.into_iter().filter(|finding| !allowed(finding)));
    let findings = settle(findings, &compiled.sources);
    let mut answer = report(arguments, around, &compiled, &findings);
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Ok(answer);
    }
    if wanted.diff {
        answer.stdout.push_str(&emit::diff(world, out, &tree, &changes)?);
    } else if !reads_only {
        emit::write(world, out, &tree, &changes)?;
    }
    let differs = !changes.is_empty() && (reads_only || wanted.hook);
    answer.exit = answer.exit.max(u8::from(differs));
    if !wanted.diff && (!arguments.quiet || differs) && !arguments.format.stdout {
        answer.stderr.push_str(&summary(wanted, out, &changes));
    }
    Ok(answer)
}

/// How many changes are named one by one.
const NAMED: usize = 20;

fn summary(wanted: &Build, out: &str, changes: &[Change]) -> String {
    let out = out.trim_end_matches('/');
    if changes.is_empty() {
        return format!("{out}/ is up to date\n");
    }
    let mut text = String::new();
    for change in changes.iter().take(NAMED) {
        text.push_str(&format!("{:8} {out}/{}\n", change.kind.name(), change.path));
    }
    if changes.len() > NAMED {
        text.push_str(&format!("… and {} more\n", changes.len() - NAMED));
    }
    let count = |kind: ChangeKind| changes.iter().filter(|change| change.kind == kind).count();
    let kinds = [ChangeKind::Created, ChangeKind::Changed, ChangeKind::Removed];
    let some = kinds.into_iter().map(|kind| (count(kind), kind.name())).filter(|(count, _)| *count > 0);
    // The first says what is counted: `8 files created, 1 changed`.
    let part = |(index, (count, verb))| match (index, count) {
        (0, 1) => format!("1 file {verb}"),
        (0, _) => format!("{count} files {verb}"),
        _ => format!("{count} {verb}"),
    };
    let parts: Vec<String> = some.enumerate().map(part).collect();
    let parts = parts.join(", ");
    if wanted.check {
        text.push_str(&format!(
            "{out}/ differs from what a build writes: {parts}\nhelp: run `gitopsc build` and commit {out}/\n"
        ));
    } else if wanted.hook {
        text.push_str(&format!("{out}/ was not up to date and has been written: {parts}\nhelp: git add {out}\n"));
    } else {
        text.push_str(&format!("{out}/ written: {parts}\n"));
    }
    text
}
