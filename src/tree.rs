//! The whole of `out/`: every file with its bytes.
//!
//! What is not in the tree does not get into `out/`, and nothing in `out/` that carries our header stays unless it is in the tree.

use std::{
    collections::{BTreeMap, btree_map},
    fmt,
    ops::Bound,
};

/// The form of `out/` this version writes. Counts up when an older version would misread it.
pub const FORMAT: u32 = 1;

/// Where the sentinel lies.
pub const SENTINEL_PATH: &str = ".gitopsc";

/// The sentinel: what it says never changes within a format, so that it never conflicts in a merge.
pub const SENTINEL: &str =
    "# gitopsc: this folder is written by gitopsc; change inventory.toml and templates/ instead\nformat = 1\n";

/// Where a file comes from; becomes its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What it belongs to, as the inventory names it: `services.gitea`, `nodes.worker0`, `cluster`.
    pub owner: String,
    /// The files and folders a user changes to change it: `inventory.toml`, `templates/services/gitea/`.
    pub change: Vec<String>,
}

impl Origin {
    /// What belongs to `owner` and is changed in these places.
    pub fn new(owner: impl Into<String>, change: &[&str]) -> Self {
        Origin { owner: owner.into(), change: change.iter().map(|&place| place.to_owned()).collect() }
    }

    /// The first line of a file at this path.
    ///
    /// It says nothing that changes without the file: no version, date or line number.
    pub fn header(&self, path: &str) -> String {
        let text = format!("{MARK} {} - do not edit; change {}", self.owner, self.change.join(" or "));
        if is_markdown(path) { format!("<!-- {text} -->\n\n") } else { format!("# {text}\n") }
    }
}

/// Files by path below `out/`, always with the sentinel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, File>,
}

/// A file of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it comes from.
    pub origin: Origin,
    /// What it holds, header included.
    pub bytes: Vec<u8>,
}

/// Why a file cannot be in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another file has this path, or is a folder on the way to it.
    Taken {
        /// That file's path.
        path: String,
        /// Its owner.
        by: String,
    },
    /// The path leads elsewhere, or no file can have it everywhere.
    BadPath,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Taken { path, by } => write!(out, "`{by}` already writes `{path}`"),
            Refused::BadPath => {
                out.write_str("the path is empty, leads elsewhere or holds characters no file name should")
            }
        }
    }
}

impl Default for Tree {
    fn default() -> Self {
        let sentinel = File { origin: Origin::new("gitopsc", &["inventory.toml"]), bytes: SENTINEL.into() };
        Tree { files: BTreeMap::from([(SENTINEL_PATH.to_owned(), sentinel)]) }
    }
}

impl Tree {
    /// Adds a text under its header. Line ends become `\n` and the last line gets one.
    pub fn add(&mut self, path: &str, origin: Origin, text: &str) -> Result<(), Refused> {
        if !is_sound(path) {
            return Err(Refused::BadPath);
        }
        if let Some((path, file)) = self.in_the_way(path) {
            return Err(Refused::Taken { path: path.to_owned(), by: file.origin.owner.clone() });
        }
        let mut bytes = origin.header(path).into_bytes();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        bytes.extend(unix_lines(text.as_bytes()).iter());
        if bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
        self.files.insert(path.to_owned(), File { origin, bytes });
        Ok(())
    }

    /// The file at a path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// All files, sorted by path.
    pub fn files(&self) -> btree_map::Iter<'_, String, File> {
        self.files.iter()
    }

    /// The files of a folder and of those in it, sorted by path.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&String, &File)> {
        let prefix = format!("{folder}/");
        let from = self.files.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        from.take_while(move |(path, _)| path.starts_with(&prefix))
    }

    /// How many files there are, the sentinel included.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// A file of the tree that cannot lie beside one at this path: the same path, one that would have to be a folder, or one that would lie in it.
    pub fn in_the_way(&self, path: &str) -> Option<(&str, &File)> {
        let around = path.match_indices('/').map(|(slash, _)| &path[..slash]);
        let above = around.chain([path]).find_map(|path| self.files.get_key_value(path));
        above.or_else(|| self.below(path).next()).map(|(path, file)| (path.as_str(), file))
    }
}

const MARK: &str = "gitopsc:";

/// Whether a file carries our header.
pub fn is_ours(bytes: &[u8]) -> bool {
    header(bytes).is_some()
}

/// Where a file that carries our header says it is to be changed.
pub fn where_to_change(bytes: &[u8]) -> Option<&str> {
    let (_, places) = header(bytes)?.split_once("; change ")?;
    Some(places)
}

/// What our header says, without its comment signs.
fn header(bytes: &[u8]) -> Option<&str> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let yaml = line.strip_prefix("# ");
    let markdown = || line.strip_prefix("<!-- ").map(|rest| rest.strip_suffix(" -->").unwrap_or(rest));
    yaml.or_else(markdown)?.strip_prefix(MARK)
}

/// The bytes with `\n` at every line's end: how a checkout with `\r\n` compares equal.
pub fn unix_lines(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if !bytes.contains(&b'\r') {
        return bytes.into();
    }
    let mut unix = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().peekable();
    while let Some(&byte) = rest.next() {
        if byte != b'\r' || rest.peek() != Some(&&b'\n') {
            unix.push(byte);
        }
    }
    unix.into()
}

fn is_markdown(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("md"))
}

/// Whether a path stays in its folder and is a file name on every system we know of.
fn is_sound(path: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git");
    path.split('/').all(part) && !path.contains(|c: char| c.is_control() || c == '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::new("services.gitea", &["inventory.toml", "templates/services/gitea/"])
    }

    fn text<'t>(tree: &'t Tree, path: &str) -> &'t str {
        std::str::from_utf8(&tree.get(path).unwrap().bytes).unwrap()
    }

    #[test]
    fn every_file_starts_with_its_header() {
        let mut tree = Tree::default();
        tree.add("apps/gitea/values.yaml", origin(), "a: 1\r\nb: 2").unwrap();
        tree.add("README.md", origin(), "# Cluster\n").unwrap();
        assert_eq!(
            text(&tree, "apps/gitea/values.yaml"),
            "# gitopsc: services.gitea - do not edit; change inventory.toml or templates/services/gitea/\na: 1\nb: 2\n"
        );
        assert_eq!(
            text(&tree, "README.md"),
            "<!-- gitopsc: services.gitea - do not edit; change inventory.toml or templates/services/gitea/ -->\n\n# Cluster\n"
        );
        assert_eq!(text(&tree, ".gitopsc"), SENTINEL);
        assert!(SENTINEL.ends_with(&format!("\nformat = {FORMAT}\n")));
        for (path, file) in tree.files() {
            assert!(is_ours(&file.bytes), "{path}");
        }
        let readme = &tree.get("README.md").unwrap().bytes;
        assert_eq!(where_to_change(readme), Some("inventory.toml or templates/services/gitea/"));
    }

    #[test]
    fn a_header_is_known_after_windows_had_the_file() {
        assert!(is_ours(b"\xef\xbb\xbf# gitopsc: x\r\na: 1\r\n"));
        assert!(!is_ours(b"# made by hand\n# gitopsc: x\n"));
        assert!(!is_ours(b""));
        assert!(!is_ours(b"\xff\xfe"));
    }

    #[test]
    fn two_files_never_share_a_place() {
        let mut tree = Tree::default();
        tree.add("apps/a", origin(), "").unwrap();
        let taken = |path: &str| Err(Refused::Taken { path: path.to_owned(), by: "services.gitea".to_owned() });
        assert_eq!(tree.add("apps/a", origin(), ""), taken("apps/a"));
        assert_eq!(tree.add("apps/a/b.yaml", origin(), ""), taken("apps/a"));
        assert_eq!(tree.add("apps", origin(), ""), taken("apps/a"));
        assert_eq!(tree.add("apps/a-b", origin(), ""), Ok(()));
        assert!(tree.add(".gitopsc", origin(), "").is_err());
    }

    #[test]
    fn no_path_leads_elsewhere() {
        for path in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a/.git/config", ".GIT", "a\\b", "a\nb"]
        {
            assert_eq!(Tree::default().add(path, origin(), ""), Err(Refused::BadPath), "{path:?}");
        }
    }

    #[test]
    fn only_line_ends_are_normalised() {
        assert_eq!(*unix_lines(b"a\r\nb\rc\r\r\n"), *b"a\nb\rc\r\n");
    }
}
