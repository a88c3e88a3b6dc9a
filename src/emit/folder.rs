//! Whether a folder may be written at all.

use crate::{
    code,
    diagnostic::Diagnostic,
    source::{Place, Sources, Span},
    tree::{FORMAT, SENTINEL_PATH},
    world::{Error, Kind, Standing, World},
};

/// The folders of the repository that are read, never written.
const INPUTS: [&str; 2] = ["templates", "secrets"];

/// The path as we show and join it: no `./` in front, no `/` behind.
pub(super) fn plain(out: &str) -> String {
    let mut plain = out.trim_end_matches('/');
    while let Some(rest) = plain.strip_prefix("./") {
        plain = rest.trim_start_matches('/');
    }
    if plain.is_empty() && out.starts_with('/') { "/".to_owned() } else { plain.to_owned() }
}

/// The finding that forbids writing this folder, whatever the tree.
pub(super) fn refusal(world: &dyn World, sources: &mut Sources, out: &str) -> Result<Option<Diagnostic>, Error> {
    if let Some(reason) = is_unsafe(world, out)? {
        let finding = Diagnostic::new(code!("output-unsafe"), format!("`{out}` cannot be the output folder: {reason}"))
            .note("a build replaces the whole folder")
            .help("build into a folder of its own: `gitopsc build --out DIR`");
        return Ok(Some(finding));
    }
    newer(world, sources, out)
}

/// Why replacing this folder would destroy something, if it would.
pub(super) fn is_unsafe(world: &dyn World, out: &str) -> Result<Option<String>, Error> {
    let parts: Vec<&str> = out.split('/').collect();
    if parts.iter().any(|part| part.eq_ignore_ascii_case(".git")) {
        return Ok(Some("it belongs to git".to_owned()));
    }
    if out.contains(|c: char| c.is_control() || c == '\\') {
        return Ok(Some("its name holds a backslash or a control character".to_owned()));
    }
    match world.kind(out)? {
        None | Some(Kind::Folder) => {}
        Some(Kind::Link) => return Ok(Some("it is a symbolic link".to_owned())),
        Some(Kind::File | Kind::Odd) => return Ok(Some("it is not a folder".to_owned())),
    }
    let is_below = !out.starts_with('/') && !parts.contains(&"..");
    match world.standing(out)? {
        Standing::Above => return Ok(Some("the repository lies in it".to_owned())),
        Standing::Outside if is_below => {
            return Ok(Some("a symbolic link leads it out of the repository".to_owned()));
        }
        Standing::Inside | Standing::Outside => {}
    }
    if let Some(input) = INPUTS.iter().find(|&&input| is_below && parts[0] == input) {
        return Ok(Some(format!("`{input}/` is what a build reads")));
    }
    for (name, reason) in
        [("inventory.toml", "an inventory lies in it"), (".git", "it is a repository or submodule of its own")]
    {
        if world.kind(&format!("{out}/{name}"))?.is_some() {
            return Ok(Some(reason.to_owned()));
        }
    }
    Ok(None)
}

/// The finding for a folder that a newer gitopsc wrote in a form we do not know.
fn newer(world: &dyn World, sources: &mut Sources, out: &str) -> Result<Option<Diagnostic>, Error> {
    let path = format!("{out}/{SENTINEL_PATH}");
    if world.kind(&path)? != Some(Kind::File) {
        return Ok(None);
    }
    let Some(bytes) = world.read(&path)? else { return Ok(None) };
    let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
    let Some((start, format)) = format_of(&text).filter(|(_, format)| is_newer(format)) else { return Ok(None) };
    let span = Span::new(start, start + format.len());
    let message = format!("`{out}` was written by a newer gitopsc: its format is {format}, this one knows {FORMAT}");
    let source = sources.add(path, text.clone());
    let finding = Diagnostic::new(code!("output-newer"), message)
        .at(Place { source, span }, "")
        .note("writing the older form over it would undo what the newer one made")
        .help("install the version of gitopsc that the others use");
    Ok(Some(finding))
}

/// The digits after `format =` in a sentinel, and where they start.
fn format_of(text: &str) -> Option<(usize, &str)> {
    if !text.starts_with("# gitopsc:") {
        return None;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(value) = line.strip_prefix("format").and_then(|rest| rest.trim_start().strip_prefix('=')) {
            let digits = value.trim();
            let offset = start + line.find(digits)?;
            return (!digits.is_empty()).then_some((offset, digits));
        }
        start += line.len();
    }
    None
}

/// A number too long for us is newer as well.
fn is_newer(format: &str) -> bool {
    format.bytes().all(|byte| byte.is_ascii_digit()) && format.parse::<u32>().map_or(true, |format| format > FORMAT)
}
