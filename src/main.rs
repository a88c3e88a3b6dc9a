//! The command line: gives [`gitopsc::cli`] the machine, prints what it answers.

use std::{
    env,
    io::{IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser as _;
use gitopsc::{
    cli::{self, Arguments, Color, Surroundings},
    world::OsWorld,
};

fn main() -> ExitCode {
    report_bugs();
    let arguments = Arguments::parse();
    let root = match root(&arguments) {
        Ok(root) => root,
        Err(message) => {
            say(&mut std::io::stderr(), &format!("error: {message}\n"));
            return ExitCode::from(2);
        }
    };
    let around = Surroundings {
        color: match arguments.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never,
        },
        stdin: &|| {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        },
        stdin_is_terminal: std::io::stdin().is_terminal(),
        now: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)),
        variable: &|name| env::var(name).ok(),
    };
    let answer = cli::run(&arguments, &OsWorld::new(root), &around);
    say(&mut std::io::stdout(), &answer.stdout);
    say(&mut std::io::stderr(), &answer.stderr);
    ExitCode::from(answer.exit)
}

/// The folder that paths are seen from: `-C`, or the nearest one from here upwards that holds the inventory, or else the
/// top of the git work tree, or else the folder itself.
fn root(arguments: &Arguments) -> Result<PathBuf, String> {
    if let Some(directory) = &arguments.directory {
        let path = PathBuf::from(directory);
        return if path.is_dir() { Ok(path) } else { Err(format!("`{directory}` is not a folder")) };
    }
    let here = env::current_dir().map_err(|error| format!("cannot find the current folder: {error}"))?;
    let holds = |folder: &&Path| folder.join(&arguments.inventory).is_file();
    let is_top = |folder: &&Path| folder.join(".git").exists();
    let found = here.ancestors().find(holds).or_else(|| here.ancestors().find(is_top));
    Ok(found.unwrap_or(&here).to_path_buf())
}

/// Writes a text whole. A reader that has gone away has seen what it wanted.
fn say(stream: &mut dyn std::io::Write, text: &str) {
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// A panic is our bug: says so, and exits with 101 also where panics abort.
fn report_bugs() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = format!(
            "gitopsc {}: this is a bug of ours, at {place}; nothing was written\nhelp: please report it with the inventory that shows it\n",
            env!("CARGO_PKG_VERSION")
        );
        let _ = std::io::stderr().write_all(text.as_bytes());
        std::process::exit(101);
    }));
}
