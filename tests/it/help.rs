//! What `--help` prints for every command, as recorded in `tests/golden/help.txt`.
//!
//! `GITOPSC_DOCS=write cargo test --test it help` records it anew, to be read word by word before it is committed.

use std::{env, fs, path::PathBuf};

use clap::CommandFactory as _;
use gitopsc::cli::Arguments;

/// The help of a command and of those below it, each under the line that asks for it.
fn help(command: &mut clap::Command, called: &str, text: &mut String) {
    let printed = command.render_long_help().to_string();
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    text.push_str(&format!("$ {called} --help\n{}\n\n", lines.join("\n")));
    let mut names: Vec<String> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    names.retain(|name| name != "help");
    for name in names {
        let below = command.find_subcommand_mut(&name).expect("just listed");
        help(below, &format!("{called} {name}"), text);
    }
}

#[test]
fn help_is_as_recorded() {
    let mut command = Arguments::command().term_width(100).mut_args(|argument| argument.hide_env_values(true));
    command.build();
    let mut text = String::new();
    help(&mut command, "gitopsc", &mut text);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help.txt");
    if env::var_os("GITOPSC_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let recorded = fs::read_to_string(&path).unwrap();
    assert!(
        text == recorded,
        "help differs from tests/golden/help.txt; look at it with\n  GITOPSC_DOCS=write cargo test --test it help && git diff tests/golden/help.txt"
    );
}

#[test]
fn every_flag_and_command_is_explained() {
    fn explained(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{} has no help", command.get_name());
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} of {} has no help", argument.get_id(), command.get_name());
        }
        command.get_subcommands().for_each(explained);
    }
    explained(&Arguments::command());
}
