//! Which lines of a kustomization lead out of the repository.

/// What a path starts with that kustomize fetches over HTTP before it looks for anything else.
pub(super) fn is_url(path: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| path.starts_with(scheme))
}

/// Whether kustomize takes a path for a git repository, which it does before it looks for a folder.
pub(super) fn is_repository(path: &str) -> bool {
    if path.starts_with('/') {
        return false;
    }
    if path.contains("?ref=") {
        return true;
    }
    let path = path.split('?').next().unwrap_or_default();
    let path = without(path, "git::").unwrap_or(path);
    if let Some(rest) = without(path, "file://") {
        return !rest.is_empty();
    }
    let schemed = ["ssh://", "https://", "http://"].iter().find_map(|scheme| without(path, scheme));
    let rest = schemed.unwrap_or(path);
    let user = rest.split_once('@').filter(|(user, _)| is_user(user));
    let rest = user.map_or(rest, |(_, rest)| rest);
    let on_github = ["github.com/", "github.com:", "www.github.com/", "www.github.com:"]
        .iter()
        .any(|host| without(rest, host).is_some());
    if schemed.is_none() && user.is_none() && !on_github {
        return false;
    }
    // A host, and at least an owner and a repository, or something that marks the end of the repository.
    let separator = rest.find(['/', ':']);
    let Some((host, path)) = separator.map(|at| (&rest[..at], &rest[at + 1..])) else { return false };
    let marked = ["_git/", "//", ".git"].iter().any(|mark| path.contains(mark));
    !host.is_empty() && (marked || path.contains('/'))
}

fn is_user(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
}

fn without<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let start = path.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &path[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_told_from_folders() {
        for path in [
            "github.com/example/app/deploy?ref=v1",
            "git@git.example.org:apps/one.git//base",
            "ssh://git@git.example.org/apps/one",
            "git::https://git.example.org/apps/one//base?ref=main",
            "https://git.example.org/apps/one",
            "file:///srv/apps",
        ] {
            assert!(is_repository(path), "{path}");
        }
        for path in [
            "../base",
            "base",
            "./github.com/example/app",
            "/srv/app",
            "a.git/b",
            "example.org/apps/one",
            "github.com/x",
        ] {
            assert!(!is_repository(path), "{path}");
        }
    }
}
