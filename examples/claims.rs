//! Prints what helm brings into the clusters of a repository, one object a line, and what the table says of charts, for the
//! differential tests: `claims DIR` prints `Kind[.group]:[namespace/]name`, `claims --table CHART…` prints capabilities.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use gitopsc::{
    claims::{self, Certainty, Tool},
    knowledge,
    survey::{self, Options},
    world::{Error, OsWorld},
};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|word| word == "--table").is_some() {
        for chart in arguments {
            for capability in knowledge::of_chart(&chart) {
                println!("{chart} {capability}");
            }
        }
        return Ok(());
    }
    for folder in arguments {
        let options = Options { helm: true, ..Options::default() };
        let survey = survey::survey(&OsWorld::new(folder), &options)?;
        for finding in &survey.found {
            println!("found {}", finding.message);
        }
        let exact =
            survey.claims.iter().filter(|claim| claim.tool == Tool::Helm && claim.certainty == Certainty::Exact);
        for claim in exact.filter(|claim| !claims::is_release(&claim.object)) {
            println!("{} {}", claim.unit, claims::shown(&claim.object));
        }
    }
    Ok(())
}
