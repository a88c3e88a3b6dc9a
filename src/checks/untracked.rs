//! Inputs are in git: what is only on this machine, CI and Flux never see.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    source::{Place, Sources, Span},
};

/// Files that were read, but that git does not track.
pub fn check(model: &Model, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let Some(tracked) = &model.inputs.tracked else { return };
    // In a repository without a single tracked input nothing has been added yet: that is a beginning, not an oversight.
    if tracked.is_empty() {
        return;
    }
    for (path, source) in &model.inputs.files {
        if tracked.contains(path) || !model.inputs.used.contains(path) {
            continue;
        }
        let end = sources.get(*source).text.lines().next().map_or(0, str::len);
        found.push(
            Diagnostic::new(code!("input-untracked"), format!("git does not track `{path}`"))
                .at(Place { source: *source, span: Span::new(0, end) }, "")
                .note("a build elsewhere, in CI for example, would not have it")
                .help(format!("git add {path}"))
                .about(path),
        );
    }
}
