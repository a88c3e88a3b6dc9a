//! `check` of an inventory goes on with the repository as it will be: what was compiled, laid over `out/`, among the rest.
//!
//! What is found in a compiled file is shown where a person wrote it: in the inventory or a template.

use std::collections::BTreeSet;

use super::check::judged;
use crate::{
    checks, code,
    compile::{Compiled, Model},
    diagnostic::Diagnostic,
    node::{Node, Part},
    report,
    repository::{Repository, is_below},
    settings,
    source::Place,
    survey::{self, Options, Survey},
    world::{Error, World},
};

/// The folder of compiled files, where they can be judged as part of the repository.
pub fn folder(compiled: &Compiled) -> Option<String> {
    let model = compiled.model.as_ref().filter(|_| compiled.tree.is_some())?;
    // Seen from elsewhere in the repository, no path of a unit leads anywhere from here.
    matches!(model.inventory.repo.path.as_str(), "" | "." | "./").then(|| model.out.clone())
}

/// Adds what a survey of the repository finds besides.
pub fn check(compiled: &mut Compiled, out: &str, world: &dyn World, asked: &Options) -> Result<(), Error> {
    let (Some(model), Some(tree)) = (&compiled.model, &compiled.tree) else { return Ok(()) };
    let over = tree.files().map(|(path, file)| (format!("{out}/{path}"), file.bytes.clone())).collect();
    let repository = Repository::read_over(world, &over, &|path| is_below(path, out) || is_below(path, "templates"))?;
    let options = Options { start: Some(format!("{out}/flux")), ..asked.clone() };
    // Places of the inventory are not among the texts of the survey.
    let settings = settings::Reading { root: None, ..settings::Reading::of_inventory(&model.inventory, &model.root) };
    let mut survey = survey::with(world, repository, settings, &options, Vec::new())?;
    let found = judged(&mut survey);
    let origins = Origins { model, survey: &survey, out };
    let found: Vec<Finding> = found.into_iter().map(|finding| origins.of(finding)).collect();

    let sources = std::mem::take(&mut survey.repository.sources);
    let moved = compiled.sources.append(sources);
    let mut added: Vec<Diagnostic> = found.into_iter().map(|finding| finding.placed(&moved)).collect();
    let known: BTreeSet<_> = compiled.diagnostics.iter().map(|finding| (finding.code, first_place(finding))).collect();
    added.retain(|finding| !known.contains(&(finding.code, first_place(finding))));
    let mut all = std::mem::take(&mut compiled.diagnostics);
    // An allowance may be for either half.
    let mut allowed = checks::allow(model, added);
    let is_unused = |finding: &Diagnostic| finding.code == code!("allow-unused");
    let unused: Vec<Diagnostic> = allowed.iter().filter(|finding| is_unused(finding)).cloned().collect();
    all.retain(|finding| !is_unused(finding) || unused.iter().any(|other| first_place(other) == first_place(finding)));
    allowed.retain(|finding| {
        !all.iter().any(|known| known.code == finding.code && first_place(known) == first_place(finding))
            && !is_unused(finding)
    });
    all.extend(allowed);
    compiled.diagnostics = report::settle(all, &compiled.sources);
    Ok(())
}

fn first_place(finding: &Diagnostic) -> Option<Place> {
    finding.labels.first().map(|label| label.place)
}

/// A finding of the survey, and for each of its places the one in the inventory or a template that stands for it.
struct Finding {
    finding: Diagnostic,
    origins: Vec<Option<Place>>,
}

impl Finding {
    /// The finding among all texts; `moved` says where those of the survey are.
    fn placed(mut self, moved: &dyn Fn(Place) -> Place) -> Diagnostic {
        let is_moved = self.origins.iter().any(Option::is_some);
        for (label, origin) in self.finding.labels.iter_mut().zip(self.origins) {
            label.place = origin.unwrap_or_else(|| moved(label.place));
        }
        // What would be changed in a compiled file is changed elsewhere.
        self.finding.edit = self.finding.edit.filter(|_| !is_moved).map(|mut edit| {
            edit.place = moved(edit.place);
            edit
        });
        self.finding
    }
}

/// Where what lies in compiled files was written.
struct Origins<'m> {
    model: &'m Model,
    survey: &'m Survey,
    out: &'m str,
}

impl Origins<'_> {
    fn of(&self, finding: Diagnostic) -> Finding {
        let origins = finding.labels.iter().map(|label| self.origin(label.place)).collect();
        Finding { finding, origins }
    }

    fn origin(&self, place: Place) -> Option<Place> {
        let path = self.survey.repository.path(place);
        let path = path.strip_prefix(self.out).filter(|_| is_below(path, self.out))?.trim_start_matches('/');
        Some(self.of_object(path, place).or_else(|| self.of_unit(path)).unwrap_or(self.model.root.place))
    }

    /// The place of the object whose document holds the place.
    fn of_object(&self, path: &str, place: Place) -> Option<Place> {
        let mut claims = self.model.claims.iter().filter(|claim| claim.file == path).peekable();
        let first = claims.peek()?.place;
        let file = self.survey.repository.file(&format!("{}/{path}", self.out))?;
        let holds = |document: &&Node| {
            let span = document.place.span;
            span.start <= place.span.start && place.span.end <= span.end
        };
        let document = file.documents().find(holds);
        let text =
            |path: &[&str]| document.and_then(|document| document.at(path.iter().copied())).and_then(Node::as_str);
        let is_it = |claim: &&crate::claim::Claim| {
            text(&["kind"]) == Some(&claim.object.kind) && text(&["metadata", "name"]) == Some(&claim.object.name)
        };
        Some(claims.find(is_it).map_or(first, |claim| claim.place))
    }

    /// The place of the unit whose files these are.
    fn of_unit(&self, path: &str) -> Option<Place> {
        let units = &self.model.plan.units;
        let is_its =
            |unit: &&crate::plan::Unit| path == format!("flux/{}.yaml", unit.name) || is_below(path, &unit.path());
        units.iter().find(is_its).map(|unit| self.model.place(&unit.pointer, Part::Key))
    }
}
