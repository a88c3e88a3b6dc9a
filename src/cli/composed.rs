//! `check` of an inventory goes on with the repository as it will be: what was compiled, laid over `out/`, among the rest.
//!
//! What is found in a compiled file is shown where a person wrote it: in the inventory or a template.

use std::collections::BTreeSet;

use super::{Arguments, check::judged};
use crate::{
    checks, code,
    codes::Code,
    compile::{Compiled, Model},
    diagnostic::Diagnostic,
    inventory,
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

/// What lies beside an inventory and is no part of its cluster: what it is compiled from, and what tests and examples are.
const BESIDE: &[&str] = &["templates", "tests", "test", "testdata", "fixtures", "examples", "benches"];
/// What compiling finds in its own objects, with their lines. The survey would find it once more.
const COMPILED: &[Code] = &[
    code!("address-malformed"),
    code!("address-twice"),
    code!("crd-same-unit"),
    code!("cycle"),
    code!("depends-unknown"),
    code!("host-twice"),
    code!("key-twice"),
    code!("manifest-field-missing"),
    code!("manifest-field-unknown"),
    code!("manifest-kind-unknown"),
    code!("manifest-type"),
    code!("manifest-value"),
    code!("name-unknown"),
    code!("namespace-unset"),
    code!("object-twice"),
    code!("owned-twice"),
    code!("release-twice"),
    code!("secret-plaintext"),
    code!("secret-unmade"),
    code!("tofu-missing"),
    code!("value-unknown"),
];

/// The repository as it will be.
pub fn survey_of(
    compiled: &Compiled,
    out: &str,
    arguments: &Arguments,
    world: &dyn World,
    asked: &Options,
) -> Result<Option<Survey>, Error> {
    let (Some(model), Some(tree)) = (&compiled.model, &compiled.tree) else { return Ok(None) };
    let over = tree.files().map(|(path, file)| (format!("{out}/{path}"), file.bytes.clone())).collect();
    let is_left_out = |path: &str| is_below(path, out) || BESIDE.iter().any(|folder| is_below(path, folder));
    let repository = Repository::read_over(world, &over, &is_left_out)?;
    let plans = plans(model, world)?;
    let options = Options {
        start: Some(format!("{out}/flux")),
        terraform_plans: asked.terraform_plans.iter().cloned().chain(plans).collect(),
        ..asked.clone()
    };
    // The same places, but in the text that the survey has.
    let source = repository.file(&arguments.inventory).and_then(|file| file.source);
    let root = source
        .map(|source| inventory::read(source, &repository.sources.get(source).text, arguments.profile.as_deref()).root);
    let settings = settings::Reading { root, ..settings::Reading::of_inventory(&model.inventory, &model.root) };
    survey::with(world, repository, settings, &options, Vec::new()).map(Some)
}

/// The plans that the inventory names and that are there: they hold secrets, so most are only made where they are used.
fn plans(model: &Model, world: &dyn World) -> Result<Vec<String>, Error> {
    let mut plans = Vec::new();
    for pattern in model.inventory.owners.values().flat_map(|owner| &owner.plans) {
        let before = pattern.split('*').next().unwrap_or_default();
        let folder = before.rsplit_once('/').map_or("", |(folder, _)| folder);
        plans.extend(world.files(folder)?.into_iter().filter(|path| settings::fits(pattern, path)));
    }
    Ok(plans)
}

/// Adds what a survey of the repository finds besides.
pub fn check(
    compiled: &mut Compiled,
    out: &str,
    arguments: &Arguments,
    world: &dyn World,
    asked: &Options,
) -> Result<Option<String>, Error> {
    let Some(mut survey) = survey_of(compiled, out, arguments, world, asked)? else { return Ok(None) };
    let Some(model) = &compiled.model else { return Ok(None) };
    let found = judged(&mut survey);
    let origins = Origins { model, survey: &survey, out };
    let found = found.into_iter().filter(|finding| !origins.is_known(finding));
    let found: Vec<Finding> = found.map(|finding| origins.of(finding)).collect();

    let summary = survey.summary();
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
    Ok(Some(summary))
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
pub struct Origins<'m> {
    pub model: &'m Model,
    pub survey: &'m Survey,
    pub out: &'m str,
}

impl Origins<'_> {
    /// Whether compiling says so already: it is about compiled files alone, or about what `[owners]` says of them.
    fn is_known(&self, finding: &Diagnostic) -> bool {
        let path = |label: &crate::diagnostic::Label| self.survey.repository.path(label.place);
        let is_made = |label: &crate::diagnostic::Label| is_below(path(label), self.out);
        let owners = self.survey.settings.root.as_ref().and_then(|root| root.get("owners"));
        let is_said = |label: &crate::diagnostic::Label| {
            owners.is_some_and(|owners| {
                owners.entries().iter().any(|owner| {
                    let owns = owner.value.get("owns").map(|owns| owns.place);
                    owns.is_some_and(|owns| {
                        owns.source == label.place.source
                            && owns.span.start <= label.place.span.start
                            && label.place.span.end <= owns.span.end
                    })
                })
            })
        };
        COMPILED.contains(&finding.code)
            && finding.labels.iter().all(|label| is_made(label) || is_said(label))
            && finding.labels.iter().any(is_made)
    }

    fn of(&self, finding: Diagnostic) -> Finding {
        let origins = finding.labels.iter().map(|label| self.origin(label.place)).collect();
        Finding { finding, origins }
    }

    /// The place in the inventory or a template that stands for one in a compiled file.
    pub fn origin(&self, place: Place) -> Option<Place> {
        let path = self.survey.repository.path(place);
        let inventory = self.model.root.place.source;
        if self.survey.settings.root.as_ref().is_some_and(|root| root.place.source == place.source) {
            return Some(Place { source: inventory, ..place });
        }
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
