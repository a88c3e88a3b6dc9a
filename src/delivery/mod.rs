//! How a plan becomes files that a GitOps engine reads: one file an engine.

pub mod flux;
pub mod readme;
pub mod talos;

/// A path of this repository as seen from the Git repository's root.
pub fn below_repository(repo_path: &str, path: &str) -> String {
    let inside = repo_path.trim_start_matches("./").trim_matches('/');
    let path = path.trim_start_matches("./").trim_matches('/');
    if inside.is_empty() || inside == "." { path.to_owned() } else { format!("{inside}/{path}") }
}

/// A YAML file's text, beginning with the document marker that yamllint asks for; what a template wrote stays as it is.
pub fn marked(text: &str) -> std::borrow::Cow<'_, str> {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    if first.is_some_and(|line| line.starts_with("---") || line.starts_with('%')) {
        text.into()
    } else {
        format!("---\n{text}").into()
    }
}
