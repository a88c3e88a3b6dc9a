//! A repository in memory, for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Access, Chart, Content, Entry, Error, Kind, Lock, Standing, Versions, World};

/// Files by path, and perhaps what git knows of them.
#[derive(Debug, Default)]
pub struct MemWorld {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    git: Option<MemGit>,
    charts: BTreeMap<String, Result<String, String>>,
}

/// What git knows: paths below the root, and their bytes.
#[derive(Clone, Debug, Default)]
pub struct MemGit {
    /// What is staged.
    pub index: BTreeMap<String, Vec<u8>>,
    /// What was committed last.
    pub head: BTreeMap<String, Vec<u8>>,
    /// What waits to be resolved in a merge.
    pub unmerged: BTreeSet<String>,
}

impl MemWorld {
    /// A repository of these files, outside git.
    pub fn new<P: Into<String>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) -> Self {
        let files = files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect();
        MemWorld { files: Mutex::new(files), git: None, charts: BTreeMap::new() }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same in a work tree, of which git knows this.
    #[must_use]
    pub fn with_git(mut self, git: MemGit) -> Self {
        self.git = Some(git);
        self
    }

    /// The same where `helm template` answers this for the chart in a folder.
    #[must_use]
    pub fn with_chart(mut self, folder: &str, answer: Result<String, String>) -> Self {
        self.charts.insert(folder.to_owned(), answer);
        self
    }

    /// All files, as they are now.
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        self.held().clone()
    }

    /// Writes a file, as a user would.
    pub fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.held().insert(path.to_owned(), bytes.into());
    }

    /// Deletes a file, as a user would.
    pub fn delete(&self, path: &str) {
        self.held().remove(path);
    }

    fn below(&self, folder: &str) -> Vec<String> {
        let folder = folder.trim_end_matches('/');
        let everything = folder.is_empty() || folder == ".";
        let inside = |path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.held().keys().filter(|path| everything || inside(path)).cloned().collect()
    }
}

impl World for MemWorld {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.held().get(path).cloned())
    }

    fn files(&self, folder: &str) -> Result<Vec<String>, Error> {
        let hidden = |path: &String| path.split('/').any(|part| part == ".git");
        Ok(self.below(folder).into_iter().filter(|path| !hidden(path)).collect())
    }

    fn visible(&self) -> Result<Vec<Entry>, Error> {
        let files = self.held();
        let mut ignores = Vec::new();
        for (path, bytes) in files.iter() {
            if let Some(folder) =
                path.strip_suffix(".gitignore").filter(|folder| folder.is_empty() || folder.ends_with('/'))
            {
                let mut rules = ignore::gitignore::GitignoreBuilder::new(format!("/{folder}"));
                for line in String::from_utf8_lossy(bytes).lines() {
                    // A line that is no pattern is one that git ignores as well.
                    let _ = rules.add_line(None, line);
                }
                ignores.extend(rules.build().map(|rules| (folder.to_owned(), rules)));
            }
        }
        let is_ignored = |path: &str| {
            let deciding = ignores.iter().rev().filter(|(folder, _)| path.starts_with(folder.as_str()));
            deciding
                .map(|(_, rules)| rules.matched_path_or_any_parents(format!("/{path}"), false))
                .find(|verdict| !verdict.is_none())
                .is_some_and(|verdict| verdict.is_ignore())
        };
        let is_git = |path: &str| path.split('/').any(|part| part == ".git");
        let visible = files.keys().filter(|path| !is_git(path) && !is_ignored(path));
        Ok(visible.map(|path| Entry { path: path.clone(), kind: Kind::File }).collect())
    }

    fn entries(&self, folder: &str) -> Result<Vec<Entry>, Error> {
        let entry = |path: String| Entry { path: path[folder.len() + 1..].to_owned(), kind: Kind::File };
        Ok(self.below(folder).into_iter().map(entry).collect())
    }

    fn kind(&self, path: &str) -> Result<Option<Kind>, Error> {
        if self.held().contains_key(path) {
            return Ok(Some(Kind::File));
        }
        Ok((!self.below(path).is_empty()).then_some(Kind::Folder))
    }

    fn standing(&self, folder: &str) -> Result<Standing, Error> {
        let mut depth = 0;
        for part in folder.split('/') {
            match part {
                "" | "." => {}
                ".." => depth -= 1,
                _ => depth += 1,
            }
        }
        Ok(match depth {
            _ if folder.starts_with('/') => Standing::Outside,
            ..=0 => Standing::Above,
            _ => Standing::Inside,
        })
    }

    fn save(&self, path: &str, bytes: &[u8], _access: Access) -> Result<(), Error> {
        self.put(path, bytes);
        Ok(())
    }

    fn lock(&self, _folder: &str) -> Result<Lock, Error> {
        Ok(Lock(None))
    }

    fn replace(&self, folder: &str, files: &BTreeMap<&str, Content<'_>>) -> Result<(), Error> {
        let mut old = BTreeMap::new();
        for path in self.below(folder) {
            let bytes = self.held().remove(&path).expect("just listed");
            old.insert(path, bytes);
        }
        for (path, content) in files {
            let path = format!("{folder}/{path}");
            let bytes = match content {
                Content::Bytes(bytes) => bytes.to_vec(),
                Content::Kept => old.remove(&path).ok_or_else(|| Error::new("keep", &path, "entity not found"))?,
            };
            self.put(&path, bytes);
        }
        Ok(())
    }

    fn memory(&self, folder: &str) -> Result<Option<String>, Error> {
        Ok(self.git.as_ref().map(|_| format!(".git/gitopsc/{}", folder.replace('/', "%2F"))))
    }

    fn versions(&self, folder: &str, paths: &[&str]) -> Result<Option<Vec<Versions>>, Error> {
        let Some(git) = &self.git else { return Ok(None) };
        let versions = paths.iter().map(|path| {
            let path = format!("{folder}/{path}");
            Versions {
                index: git.index.get(&path).cloned(),
                head: git.head.get(&path).cloned(),
                unmerged: git.unmerged.contains(&path),
            }
        });
        Ok(Some(versions.collect()))
    }

    fn chart(&self, chart: &Chart<'_>) -> Result<Result<String, String>, Error> {
        let answer = self.charts.get(chart.folder);
        answer.cloned().ok_or_else(|| Error::new("run", "helm", "there is none here"))
    }

    fn tracked(&self, paths: &[&str]) -> Result<Option<BTreeSet<String>>, Error> {
        let Some(git) = &self.git else { return Ok(None) };
        let inside = |file: &str, path: &str| {
            path == "." || file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let tracked = git.index.keys().filter(|file| paths.iter().any(|path| inside(file, path)));
        Ok(Some(tracked.cloned().collect()))
    }
}
