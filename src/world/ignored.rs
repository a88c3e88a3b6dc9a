//! Patterns as in `.gitignore`, matched against paths.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Paths that are left out.
#[derive(Clone, Debug)]
pub struct Ignored(Gitignore);

impl Ignored {
    /// The paths that these patterns mean. Also gives the indices of patterns that mean none.
    pub fn of(patterns: &[String]) -> (Ignored, Vec<usize>) {
        let mut rules = GitignoreBuilder::new("/");
        let wrong = (0..patterns.len()).filter(|at| rules.add_line(None, &patterns[*at]).is_err()).collect();
        (Ignored(rules.build().unwrap_or_else(|_| Gitignore::empty())), wrong)
    }

    /// Whether a file is left out.
    pub fn holds(&self, path: &str) -> bool {
        !self.0.is_empty() && self.0.matched_path_or_any_parents(format!("/{path}"), false).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_git() {
        let patterns = ["archive/", "/drafts", "*.tmp.yaml", "!keep.tmp.yaml", "[z-a]"].map(str::to_owned);
        let (ignored, wrong) = Ignored::of(&patterns);
        assert_eq!(wrong, [4]);
        for (path, is_left_out) in [
            ("archive/a.yaml", true),
            ("apps/archive/deep/a.yaml", true),
            ("drafts/a.yaml", true),
            ("apps/drafts/a.yaml", false),
            ("apps/a.tmp.yaml", true),
            ("apps/keep.tmp.yaml", false),
            ("apps/a.yaml", false),
        ] {
            assert_eq!(ignored.holds(path), is_left_out, "{path}");
        }
    }
}
