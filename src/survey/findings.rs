//! What surveying a repository brings to light by itself: files that cannot be read, units that cannot be built.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    charts, code,
    diagnostic::{Diagnostic, Severity},
    flux::{Cluster, Outcome, Unit},
    kustomize::{Refusal, Stop},
    repository::{File, Repository, is_below, join, parent},
};

/// Everything that was wrong while reading and building.
///
/// `loaded` is what some tool reads, `rendered` what `helm template` printed.
pub fn found(
    repository: &Repository,
    clusters: &[Cluster],
    loaded: &BTreeSet<String>,
    rendered: &BTreeSet<&str>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let built = clusters.iter().flat_map(|cluster| &cluster.units);
    let built = built.filter(|unit| matches!(unit.outcome, Outcome::Objects(_)));
    misprinted(repository, rendered, &mut found);
    let mut judged: BTreeSet<&str> = built.flat_map(|unit| &unit.reads).map(String::as_str).collect();
    judged.extend(rendered);
    unreadable(repository, loaded, &judged, &mut found);
    let units = || clusters.iter().flat_map(|cluster| &cluster.units);
    failures(units(), &mut found);
    refusals(units(), &mut found);
    for unit in units() {
        missing_path(repository, unit, &mut found);
        undefined(unit, &mut found);
    }
    found
}

/// Files that `helm template` printed. What looks like a template in them is none any more.
fn misprinted(repository: &Repository, rendered: &BTreeSet<&str>, found: &mut Vec<Diagnostic>) {
    for fault in rendered.iter().filter_map(|path| repository.file(path)).flat_map(File::faults) {
        let is_twice = fault.code == code!("key-twice");
        found.push(if is_twice { fault.clone().note(charts::TWICE) } else { fault.clone() });
    }
}

/// Files that cannot be read. A file that nothing loads may be no YAML on purpose, so that is only worth knowing.
///
/// Where something is loaded, that is said only of what lies in the same folders at the top. What a unit was built with is data to it,
/// such as a file of a generator, if it is no YAML.
fn unreadable(
    repository: &Repository,
    loaded: &BTreeSet<String>,
    judged: &BTreeSet<&str>,
    found: &mut Vec<Diagnostic>,
) {
    let top = |path: &str| path.split_once('/').map_or(String::new(), |(top, _)| top.to_owned());
    let tops: BTreeSet<String> = loaded.iter().map(|path| top(path)).collect();
    for (path, file) in repository.files() {
        if judged.contains(path) {
            continue;
        }
        // A template is no YAML before it is rendered; a unit that takes it for a manifest says so itself.
        if file.faults().next().is_none() || is_template(repository, path) {
            continue;
        }
        if loaded.contains(path) {
            found.extend(file.faults().cloned());
        } else if tops.is_empty() || tops.contains(&top(path)) {
            found.extend(file.faults().next().map(|fault| fault.clone().severity(Severity::Note)));
        }
    }
}

/// Whether a file is the input of some other tool that makes YAML of it.
fn is_template(repository: &Repository, path: &str) -> bool {
    let text = repository.text(path).unwrap_or_default();
    if ["{{", "{%", "<%", "#@"].iter().any(|mark| text.contains(mark)) {
        return true;
    }
    let mut folder = parent(path);
    loop {
        let is_chart = repository.file(&join(folder, "Chart.yaml")).is_some();
        if is_chart && is_below(path, &join(folder, "templates")) {
            return true;
        }
        if folder.is_empty() {
            return false;
        }
        folder = parent(folder);
    }
}

/// Units that Flux cannot build either. One cause that stops several units is one finding.
fn failures<'u>(units: impl Iterator<Item = &'u Unit>, found: &mut Vec<Diagnostic>) {
    let mut causes: Vec<(&Diagnostic, BTreeSet<String>)> = Vec::new();
    for unit in units {
        let Outcome::Stopped(Stop::Fails(cause)) = &unit.outcome else { continue };
        let name = unit.name.to_string();
        match causes.iter_mut().find(|(known, _)| *known == cause.as_ref()) {
            Some((_, names)) => {
                names.insert(name);
            }
            None => causes.push((cause, BTreeSet::from([name]))),
        }
    }
    for (cause, names) in causes {
        // The same finding is there already where the file itself is at fault.
        found.retain(|known| known != cause);
        found.push(cause.clone().note(format!("Flux applies nothing of {}", listed(&names))));
    }
}

/// Units that we do not build.
fn refusals<'u>(units: impl Iterator<Item = &'u Unit>, found: &mut Vec<Diagnostic>) {
    let mut causes: BTreeMap<(crate::source::Place, &str), (&Refusal, BTreeSet<String>)> = BTreeMap::new();
    for unit in units {
        if let Outcome::Stopped(Stop::Refused(refusal)) = &unit.outcome {
            let cause = causes.entry((refusal.place, refusal.what.as_str())).or_insert((refusal, BTreeSet::new()));
            cause.1.insert(unit.name.to_string());
        }
    }
    for (refusal, names) in causes.into_values() {
        let message = format!("{} is not built here", refusal.what);
        found.push(
            Diagnostic::new(code!("build-refused"), message)
                .at(refusal.place, "")
                .note(format!("{} could not be judged", listed(&names))),
        );
    }
}

fn missing_path(repository: &Repository, unit: &Unit, found: &mut Vec<Diagnostic>) {
    let (Outcome::NoPath, Some(path)) = (&unit.outcome, &unit.spec.path) else { return };
    let mut wrong = Diagnostic::new(code!("path-missing"), format!("there is no folder `{}`", path.text))
        .at(path.place, "")
        .about(format!("Kustomization.kustomize.toolkit.fluxcd.io:{}", unit.name))
        .note(format!("`{}` never becomes ready, nor does whatever depends on it", unit.name));
    let folder = crate::flux::roots::join_securely(&path.text);
    let beside = repository.children(parent(&folder));
    let name = folder.rsplit('/').next().unwrap_or_default();
    let near = crate::diagnostic::nearest(
        name,
        beside.iter().copied().filter(|name| repository.is_folder(&join(parent(&folder), name))),
    );
    if let Some(near) = near {
        wrong = wrong.help(format!("did you mean `./{}`?", join(parent(&folder), near)));
    } else {
        wrong = wrong.help("name a folder as seen from the root of the source, or delete the Kustomization");
    }
    found.push(wrong);
}

fn undefined(unit: &Unit, found: &mut Vec<Diagnostic>) {
    for variable in &unit.undefined {
        found.push(
            Diagnostic::new(code!("variable-undefined"), format!("`{}` gets no value for the variable `{}`", unit.name, variable.name))
                .at(variable.place, "")
                .about(format!("Kustomization.kustomize.toolkit.fluxcd.io:{}", unit.name))
                .note("Flux 2.9 refuses the whole Kustomization; earlier versions put nothing in its place")
                .help(format!(
                    "define it under `postBuild`, give it a default as in `${{{}:=value}}`, or write `$${{` where a `${{` is meant",
                    variable.name
                )),
        );
    }
}

/// Names in one line: the first few, and how many more there are.
fn listed(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
