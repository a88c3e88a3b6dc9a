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
