//! What `conflicts`, `why`, `graph` and `bootstrap` look at: a repository as it lies there, or as its inventory will make it.

use super::{
    Answer, Arguments, arguments,
    arguments::DEFAULT_INVENTORY,
    check::asked,
    composed::{self, Origins},
    options, refusal,
};
use crate::{
    compile::{Compiled, compile},
    source::Place,
    survey::{Survey, survey},
    world::{Error, World},
};

/// A repository, and where what is compiled in it was written.
pub struct Surveyed {
    /// The repository.
    pub survey: Survey,
    compiled: Option<(Compiled, String)>,
}

/// Surveys; a refusal where there is an inventory that gives nothing to look at.
pub fn surveyed(
    arguments: &Arguments,
    flags: &arguments::Survey,
    world: &dyn World,
) -> Result<Result<Surveyed, Answer>, Error> {
    let asked = asked(flags);
    if arguments.inventory == DEFAULT_INVENTORY && world.kind(&arguments.inventory)?.is_none() {
        return Ok(Ok(Surveyed { survey: survey(world, &asked)?, compiled: None }));
    }
    let compiled = compile(world, &options(arguments, "out"))?;
    if compiled.tree.is_none() {
        let message = format!("`{}` does not compile", arguments.inventory);
        return Ok(Err(refusal(message, "`gitopsc check` says why")));
    }
    let Some(out) = composed::folder(&compiled) else {
        let message = format!("`{}` lies below the top of its repository", arguments.inventory);
        return Ok(Err(refusal(message, "look at the whole repository from its top, with `-C DIR`")));
    };
    let survey = composed::survey_of(&compiled, &out, arguments, world, &asked)?.expect("there is a tree");
    Ok(Ok(Surveyed { survey, compiled: Some((compiled, out)) }))
}

impl Surveyed {
    /// The file and line of a place; for what is compiled, those of the inventory or template it comes from.
    pub fn line(&self, place: Place) -> (&str, usize) {
        if let Some((compiled, out)) = &self.compiled
            && let Some(model) = &compiled.model
            && let Some(origin) = (Origins { model, survey: &self.survey, out }).origin(place)
        {
            return (&compiled.sources.get(origin.source).path, compiled.sources.position(origin).line);
        }
        let sources = &self.survey.repository.sources;
        (self.survey.repository.path(place), sources.position(place).line)
    }

    /// `path:line` of a place; of what is compiled, the file as well.
    pub fn at(&self, place: Place) -> String {
        let (path, line) = self.line(place);
        let own = self.survey.repository.path(place);
        if own == path { format!("{path}:{line}") } else { format!("{path}:{line} (compiled to {own})") }
    }
}
