//! Every file in `templates/` is used by something.

use std::collections::HashSet;

use crate::{
    code,
    compile::Model,
    diagnostic::{Diagnostic, nearest},
    node::escape,
    source::{Place, Sources, Span},
};

/// Files that no service, node, issuer or other template asked for.
pub fn check(model: &Model, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let mut quoted = None;
    for (path, source) in &model.inputs.files {
        let is_prose = path.rsplit_once('.').is_some_and(|(_, ending)| ending == "md");
        if model.inputs.used.contains(path) || is_prose {
            continue;
        }
        let quoted = quoted.get_or_insert_with(|| quoted_words(model, sources));
        if quoted.contains(path.strip_prefix("templates/").unwrap_or(path)) {
            continue;
        }
        let text = &sources.get(*source).text;
        let place = Place { source: *source, span: Span::new(0, text.lines().next().map_or(0, str::len)) };
        let finding =
            Diagnostic::new(code!("template-unused"), format!("nothing uses `{path}`")).at(place, "").about(path);
        found.push(follow(finding, path).help(way_out(model, path)));
    }
}

/// Whatever stands between two quotes in a template: the names of those it includes are among them.
fn quoted_words<'s>(model: &Model, sources: &'s Sources) -> HashSet<&'s str> {
    let texts = model.inputs.files.values().map(|source| sources.get(*source).text.as_str());
    texts.flat_map(|text| ['"', '\''].into_iter().flat_map(|quote| text.split(quote).skip(1))).collect()
}

/// A service or node that could not be read uses nothing.
fn follow(finding: Diagnostic, path: &str) -> Diagnostic {
    let steps: Vec<&str> = path.split('/').collect();
    match steps.as_slice() {
        ["templates", "services", service, _] => finding.follows(format!("/services/{}", escape(service))),
        ["templates", "services", service, phase, ..] => {
            finding.follows(format!("/services/{}/phases/{}", escape(service), escape(phase)))
        }
        ["templates", "talos", name, ..] => {
            let node = name.split_once(".yaml").map_or(*name, |(node, _)| node);
            finding.follows(format!("/nodes/{}", escape(node)))
        }
        _ => finding,
    }
}

fn way_out(model: &Model, path: &str) -> String {
    let steps: Vec<&str> = path.split('/').collect();
    match steps.as_slice() {
        ["templates", "services", service, ..] if !model.plan.services.contains_key(*service) => {
            match nearest(service, model.plan.services.keys().map(String::as_str)) {
                Some(near) => format!("there is no service `{service}`: did you mean `{near}`?"),
                None => format!("add `[services.{service}]`, or remove the file"),
            }
        }
        ["templates", "services", service, phase, _] => {
            format!("`{service}` has no phase `{phase}`: add `phases.{phase} = {{ … }}` to [services.{service}], or move the file")
        }
        ["templates", "services", _, _] => "a manifest ends in `.yaml` or `.yaml.j2`".into(),
        ["templates", "talos", ..] => {
            "Talos patches are `all`, `controlplane`, `worker` or the name of a node, as a file `….yaml` or a folder of them".into()
        }
        _ => "templates lie in `services/<name>/`, `services/<name>/<phase>/`, `talos/` or `solvers/`; others are used through `include`".into(),
    }
}
