//! What Flux leaves out of a repository when it fetches it: its own list, `.sourceignore` files, the source's `spec.ignore`.
//!
//! The patterns mean what they mean to source-controller 1.9, which is nearly what they mean to git.

use crate::repository::{Repository, is_below, parent};

/// Version control, pictures and archives, continuous integration, tools.
const DEFAULTS: &[&str] = &[
    ".git/",
    ".gitignore",
    ".gitmodules",
    ".gitattributes",
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// Which files a source leaves out.
#[derive(Clone, Debug)]
pub struct Ignored {
    /// The last one that says something about a file decides.
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    /// The folder it speaks of.
    folder: String,
    steps: Vec<String>,
    brings_back: bool,
    only_folders: bool,
    /// Written with a `/`: starts at its folder instead of at any depth.
    anchored: bool,
}

impl Ignored {
    /// What the defaults, the repository's `.sourceignore` files and a source's own `spec.ignore` leave out.
    pub fn of(repository: &Repository, own: Option<&str>) -> Ignored {
        let mut patterns: Vec<Pattern> = DEFAULTS.iter().map(|line| Pattern::read(line, "")).collect();
        let files =
            repository.files().map(|(path, _)| path).filter(|path| path.rsplit('/').next() == Some(".sourceignore"));
        for path in files {
            let text = repository.text(path).unwrap_or_default();
            patterns.extend(read(text, parent(path)));
        }
        patterns.extend(read(own.unwrap_or_default(), ""));
        Ignored { patterns }
    }

    /// Whether a file is left out.
    pub fn holds(&self, path: &str) -> bool {
        let deciding = self.patterns.iter().rev().find(|pattern| pattern.matches(path));
        deciding.is_some_and(|pattern| !pattern.brings_back)
    }
}

fn read<'t>(text: &'t str, folder: &'t str) -> impl Iterator<Item = Pattern> + 't {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(move |line| Pattern::read(line, folder))
}

impl Pattern {
    fn read(line: &str, folder: &str) -> Pattern {
        let (brings_back, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let line = if line.ends_with("\\ ") { line } else { line.trim_end_matches(' ') };
        let (only_folders, line) = match line.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        Pattern {
            folder: folder.to_owned(),
            steps: line.split('/').map(str::to_owned).collect(),
            brings_back,
            only_folders,
            anchored: line.contains('/'),
        }
    }

    fn matches(&self, path: &str) -> bool {
        if !is_below(path, &self.folder) {
            return false;
        }
        let rest = path[self.folder.len()..].trim_start_matches('/');
        let path: Vec<&str> = rest.split('/').collect();
        if self.anchored { self.matches_from_here(&path) } else { self.matches_anywhere(&path) }
    }

    fn matches_anywhere(&self, path: &[&str]) -> bool {
        let found = path.iter().position(|name| fits(&self.steps[0], name));
        found.is_some_and(|at| !self.only_folders || at + 1 < path.len())
    }

    fn matches_from_here(&self, mut path: &[&str]) -> bool {
        let mut matched = false;
        let mut may_skip = false;
        for (index, step) in self.steps.iter().enumerate() {
            let is_last = index + 1 == self.steps.len();
            match step.as_str() {
                "" => may_skip = false,
                "**" if is_last => break,
                "**" => may_skip = true,
                step if step.contains("**") => return false,
                _ if path.is_empty() => return false,
                step if may_skip => {
                    may_skip = false;
                    let found = path.iter().position(|name| fits(step, name));
                    matched = found.is_some();
                    path = found.map_or(&[], |at| &path[at + 1..]);
                }
                step => {
                    if !fits(step, path[0]) {
                        return false;
                    }
                    path = &path[1..];
                    // A file is not what lies in a folder of its name.
                    matched = is_last || !path.is_empty();
                }
            }
        }
        matched && !(self.only_folders && path.is_empty())
    }
}

/// Whether a name fits a pattern of `*`, `?`, `[a-z]` and `\`.
fn fits(pattern: &str, name: &str) -> bool {
    fits_from(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

fn fits_from(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|skip| fits_from(rest, &name[skip..])),
        ['?', rest @ ..] => !name.is_empty() && fits_from(rest, &name[1..]),
        ['[', rest @ ..] => {
            let Some(end) = rest.iter().skip(1).position(|symbol| *symbol == ']').map(|at| at + 1) else {
                return false;
            };
            let Some((first, others)) = name.split_first() else { return false };
            is_among(&rest[..end], *first) && fits_from(&rest[end + 1..], others)
        }
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            name.first() == Some(literal) && fits_from(rest, &name[1..])
        }
    }
}

fn is_among(class: &[char], symbol: char) -> bool {
    let (negated, class) = match class {
        ['^', rest @ ..] => (true, rest),
        class => (false, class),
    };
    let mut at = 0;
    let mut found = false;
    while at < class.len() {
        if class.get(at + 1) == Some(&'-') && at + 2 < class.len() {
            found |= (class[at]..=class[at + 2]).contains(&symbol);
            at += 3;
        } else {
            found |= class[at] == symbol;
            at += 1;
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::MemWorld;

    fn left_out(lines: &str, path: &str) -> bool {
        let world = MemWorld::new([(".sourceignore", lines), (path, "")]);
        Ignored::of(&Repository::read(&world).unwrap(), None).holds(path)
    }

    #[test]
    fn patterns_leave_out_what_they_leave_out_for_flux() {
        let cases = [
            ("*.txt", "a/b.txt", true),
            ("/*.txt", "a/b.txt", false),
            ("/*.txt", "b.txt", true),
            ("docs/", "a/docs/b.yaml", true),
            ("docs/", "a/docs", false),
            ("/*\n!/deploy", "deploy/a.yaml", false),
            ("/*\n!/deploy", "other/a.yaml", true),
            ("a/**/c.yaml", "a/b/b/c.yaml", true),
            ("**/c.yaml", "a/b/c.yaml", true),
            ("a/**", "a/b/c.yaml", true),
            ("# a.yaml", "a.yaml", false),
            ("[a-c]?.yaml", "b1.yaml", true),
            ("[^a-c]?.yaml", "b1.yaml", false),
            ("", "a/.sops.yaml", true),
            ("!.sops.yaml", "a/.sops.yaml", false),
        ];
        for (lines, path, expected) in cases {
            assert_eq!(left_out(lines, path), expected, "{lines:?} on {path}");
        }
    }

    #[test]
    fn a_file_speaks_of_its_own_folder_and_a_source_of_all() {
        let world = MemWorld::new([("a/.sourceignore", "/x.yaml"), ("a/x.yaml", ""), ("x.yaml", ""), ("y.yaml", "")]);
        let ignored = Ignored::of(&Repository::read(&world).unwrap(), Some("y.yaml\n"));
        assert!(ignored.holds("a/x.yaml") && ignored.holds("y.yaml") && !ignored.holds("x.yaml"));
    }
}
