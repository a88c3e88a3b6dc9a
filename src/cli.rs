//! The command line: what can be asked, and what is answered. Prints nothing itself.

mod arguments;
mod bootstrap;
mod build;
mod cert;
mod check;
mod composed;
mod conflicts;
mod graph;
mod render;
mod seal;
mod surveyed;
mod talos;
mod why;

use clap::CommandFactory as _;

pub use arguments::{Arguments, Color, Command};

use crate::{
    code,
    codes::PAGES,
    compile::{Compiled, Options, compile},
    diagnostic::{Diagnostic, Severity, nearest},
    inventory,
    report::{self, Report},
    settings,
    source::Sources,
    world::{Error, World},
};

/// What a command answers.
#[derive(Debug, Default)]
pub struct Answer {
    /// Data.
    pub stdout: String,
    /// Messages.
    pub stderr: String,
    /// 0 clean, 1 findings or differences, 2 could not run.
    pub exit: u8,
}

/// What a run is told about the machine besides its files.
pub struct Surroundings<'s> {
    /// Whether messages may be coloured.
    pub color: bool,
    /// Standard input, read at most once and only by commands that want it.
    pub stdin: &'s dyn Fn() -> std::io::Result<Vec<u8>>,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Seconds since 1970, for the one command that may know the time: `seal` refuses expired certificates.
    pub now: i64,
    /// A variable of the environment.
    pub variable: &'s dyn Fn(&str) -> Option<String>,
}

/// Answers a command.
pub fn run(arguments: &Arguments, world: &dyn World, around: &Surroundings<'_>) -> Answer {
    if arguments.format.is_picture() && !matches!(arguments.command, Command::Graph(_)) {
        let message = format!("`--format {}` is for `gitopsc graph`", arguments.format.name);
        return refusal(message, "`gitopsc --help` lists how findings are printed");
    }
    let answer = match &arguments.command {
        Command::Build(wanted) => build::build(arguments, wanted, world, around),
        Command::Check(wanted) => check::check(arguments, wanted, world, around),
        Command::Conflicts { survey } => conflicts::conflicts(arguments, survey, world),
        Command::Why { what, survey } => why::why(arguments, what, survey, world),
        Command::Graph(wanted) => graph::graph(arguments, wanted, world),
        Command::Bootstrap { survey } => bootstrap::bootstrap(arguments, survey, world),
        Command::Render(wanted) => render::render(arguments, wanted, world, around),
        Command::Seal(wanted) => seal::seal(arguments, wanted, world, around),
        Command::Cert { what } => cert::cert(arguments, what, world, around),
        Command::Talos { what } => talos::talos(arguments, what, world, around),
        Command::Explain { code } => Ok(explain(code.as_deref())),
        Command::Schema { settings, markdown } => Ok(schema(*settings, *markdown)),
        Command::Completions { shell } => Ok(completions(*shell)),
    };
    answer.unwrap_or_else(|error| Answer { stderr: format!("error: {error}\n"), exit: 2, ..Answer::default() })
}

/// Compiles with the options of the command line.
fn compiled(arguments: &Arguments, world: &dyn World, out: &str) -> Result<Compiled, Error> {
    compile(world, &options(arguments, out))
}

fn options(arguments: &Arguments, out: &str) -> Options {
    // Flux sees `out/` below the repository; a tree written elsewhere for a look keeps those paths.
    let elsewhere = out.starts_with('/') || out.starts_with("..");
    let out = if elsewhere { "out" } else { out.trim_start_matches("./").trim_end_matches('/') };
    Options {
        inventory: arguments.inventory.clone(),
        profile: arguments.profile.clone(),
        out: out.to_owned(),
        as_of: None,
    }
}

/// Findings in the format asked for.
fn report(arguments: &Arguments, around: &Surroundings<'_>, compiled: &Compiled, findings: &[Diagnostic]) -> Answer {
    answer(arguments, around, &compiled.sources, findings)
}

/// The same for findings that point into any texts.
fn answer(arguments: &Arguments, around: &Surroundings<'_>, sources: &Sources, findings: &[Diagnostic]) -> Answer {
    let report = Report { sources, diagnostics: findings };
    let text = report::render(arguments.format, &report, around.color);
    // Without an inventory there was nothing to judge.
    let could_not_run = findings.iter().any(|finding| finding.code == code!("inventory-missing"));
    let found = findings.iter().any(|finding| finding.severity == Severity::Error);
    let exit = if could_not_run { 2 } else { u8::from(found) };
    if arguments.format.stdout {
        Answer { stdout: text, stderr: String::new(), exit }
    } else {
        Answer { stdout: String::new(), stderr: text, exit }
    }
}

fn explain(code: Option<&str>) -> Answer {
    let Some(code) = code else {
        let width = PAGES.iter().map(|page| page.name.len()).max().unwrap_or_default();
        let line =
            |page: &crate::codes::Page| format!("{:width$}  {:7}  {}\n", page.name, page.severity.name(), page.summary);
        return Answer { stdout: PAGES.iter().map(line).collect(), ..Answer::default() };
    };
    if let Some(page) = PAGES.iter().find(|page| page.name == code) {
        return Answer { stdout: page.text.to_owned(), ..Answer::default() };
    }
    let help = match nearest(code, PAGES.iter().map(|page| page.name)) {
        Some(near) => format!("help: did you mean `{near}`?\n"),
        None => "help: `gitopsc explain` lists all codes\n".to_owned(),
    };
    Answer { stderr: format!("error: there is no code `{code}`\n{help}"), exit: 2, ..Answer::default() }
}

fn schema(of_settings: bool, markdown: bool) -> Answer {
    let stdout = match (of_settings, markdown) {
        (false, true) => inventory::reference(),
        (true, true) => settings::reference(),
        (_, false) => {
            let schema = if of_settings { settings::schema() } else { inventory::schema() };
            let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
            text.push('\n');
            text
        }
    };
    Answer { stdout, ..Answer::default() }
}

fn completions(shell: clap_complete::Shell) -> Answer {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "gitopsc", &mut text);
    Answer { stdout: String::from_utf8_lossy(&text).into_owned(), ..Answer::default() }
}

/// A refusal of the command itself, before anything was compiled.
fn refusal(message: impl std::fmt::Display, help: impl std::fmt::Display) -> Answer {
    Answer { stderr: format!("error: {message}\nhelp: {help}\n"), exit: 2, ..Answer::default() }
}
