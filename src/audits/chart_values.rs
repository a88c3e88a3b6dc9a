//! Values have the form that their chart asks for.

use std::collections::BTreeMap;

use crate::{
    charts::{Install, Misfit, Wrong, misfits},
    claims::{Tool, shown},
    code,
    diagnostic::{Diagnostic, nearest},
    source::Place,
    survey::Survey,
};

/// Holds the values of each release whose chart lies in the repository against the chart's schema, as Helm does before it installs.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    // A default of the chart itself is wrong once, however many releases there are.
    let mut seen: BTreeMap<(Place, String), Diagnostic> = BTreeMap::new();
    for install in &survey.installs {
        for misfit in misfits(&survey.repository, &survey.chart_schemas, install) {
            let message = message(&misfit);
            let known = seen
                .entry((misfit.place, message.clone()))
                .or_insert_with(|| finding(survey, install, &misfit, message));
            if misfit.place.source != install.place.source
                && known.labels.iter().all(|label| label.place != install.place)
            {
                known.labels.push(crate::diagnostic::Label { place: install.place, text: "installed here".to_owned() });
            }
        }
    }
    found.extend(seen.into_values());
}

fn finding(survey: &Survey, install: &Install, misfit: &Misfit, message: String) -> Diagnostic {
    let consequence = match install.tool {
        Tool::ArgoCd => "Helm refuses to render the chart, so Argo CD changes nothing of it",
        Tool::Terraform => "Helm refuses it, and `terraform apply` fails",
        _ => "Helm refuses to install or upgrade the release, which stays as it is",
    };
    Diagnostic::new(code!("chart-values-invalid"), message)
        .at(misfit.place, "")
        .note(format!("`{}` says so: {consequence}", misfit.schema))
        .help(help(misfit, survey.repository.sources.text(misfit.place)))
        .about(shown(&install.release))
}

fn message(misfit: &Misfit) -> String {
    let Misfit { chart, name, .. } = misfit;
    let subject = if name.is_empty() {
        format!("the values of the chart `{chart}`")
    } else {
        format!("`{name}` of the chart `{chart}`")
    };
    match &misfit.wrong {
        Wrong::Type(expected) => format!("{subject} has to be {}, not {}", types(expected), misfit.is_now),
        Wrong::Missing(_) => format!("the chart `{chart}` needs a value `{name}`"),
        Wrong::Unknown(..) => format!("the chart `{chart}` has no value `{name}`"),
        Wrong::Choice(options) if options.is_empty() => format!("{subject} cannot have a value"),
        Wrong::Choice(options) => format!("{subject} has to be {}", listed(options)),
        Wrong::Form(form) => format!("{subject} {form}"),
    }
}

fn help(misfit: &Misfit, written: &str) -> String {
    match &misfit.wrong {
        Wrong::Type(expected)
            if expected.iter().any(|kind| kind == "string")
                && misfit.is_now != "a map"
                && misfit.is_now != "a list" =>
        {
            "put it in quotes".to_owned()
        }
        Wrong::Type(_) if is_quoted(written) => "write it without quotes".to_owned(),
        Wrong::Missing(_) => format!("set `{}`", misfit.name),
        Wrong::Unknown(key, known) => match nearest(key, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove it, or add it to the schema".to_owned(),
        },
        _ => "correct the value, or the schema".to_owned(),
    }
}

/// Whether a text is a number or a boolean in quotes.
fn is_quoted(written: &str) -> bool {
    let inside = written.trim_matches(['"', '\'']);
    inside.len() + 2 == written.len() && (inside.parse::<f64>().is_ok() || matches!(inside, "true" | "false"))
}

/// Types as people call them.
fn types(expected: &[String]) -> String {
    let words: Vec<&str> = expected
        .iter()
        .map(|kind| match kind.as_str() {
            "null" => "nothing",
            "boolean" => "`true` or `false`",
            "integer" => "an integer",
            "number" => "a number",
            "string" => "a text",
            "array" => "a list",
            _ => "a map",
        })
        .collect();
    words.join(" or ")
}

fn listed(options: &[String]) -> String {
    const SHOWN: usize = 8;
    let quoted: Vec<String> = options.iter().take(SHOWN).map(|option| format!("`{option}`")).collect();
    match (quoted.as_slice(), options.len().saturating_sub(SHOWN)) {
        ([only], 0) => only.clone(),
        (several, 0) => format!("one of {}", several.join(", ")),
        (several, more) => format!("one of {} and {more} more", several.join(", ")),
    }
}
