//! A repository as it lies there: every file git would take, read once, YAML and JSON parsed.
//!
//! After [`Repository::read`] nothing asks the machine again, so whatever follows is a function of this value.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    code,
    diagnostic::Diagnostic,
    node::Node,
    parallel,
    source::{Place, SourceId, Sources, Span},
    world::{Error, Kind, World},
    yaml,
};

/// A larger file is no manifest and no document.
const LARGEST: usize = 8 << 20;
/// What is read besides what YAML refers to, by the end of its name.
const TEXTS: &[&str] = &[
    ".yaml",
    ".yml",
    ".tf",
    ".tofu",
    ".tf.json",
    ".tfvars",
    ".tftpl",
    ".tpl",
    ".md",
    ".sh",
    ".toml",
    ".hcl",
    ".gotmpl",
    "justfile",
    "Justfile",
    ".just",
    "Makefile",
    ".sourceignore",
    ".j2",
    ".template",
    ".tmpl",
    ".tpl",
    ".env",
];
/// The names under which kustomize looks for its file, in its order.
pub const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What gives the bytes of a file.
type Bytes<'b> = dyn Fn(&str) -> Result<Option<Vec<u8>>, Error> + Sync + 'b;

/// The files of a repository.
#[derive(Debug)]
pub struct Repository {
    /// Every text that was read.
    pub sources: Sources,
    files: BTreeMap<String, File>,
    folders: BTreeSet<String>,
    /// Links, which Flux leaves out of what it fetches.
    links: BTreeSet<String>,
}

/// A file.
#[derive(Debug, Default)]
pub struct File {
    /// Its text, where it was read and is UTF-8.
    pub source: Option<SourceId>,
    /// Its bytes, where it was read and is not UTF-8.
    pub bytes: Option<Vec<u8>>,
    /// Its YAML or JSON; None for a file that is neither.
    pub yaml: Option<yaml::Reading>,
    /// Why it could not be read.
    pub fault: Option<Box<Diagnostic>>,
}

impl File {
    /// Its documents, without the empty ones; none where it is not YAML.
    pub fn documents(&self) -> impl Iterator<Item = &Node> {
        self.yaml.iter().flat_map(|reading| &reading.documents).map(|document| &document.root)
    }

    /// What keeps kustomize from reading it as YAML.
    pub fn faults(&self) -> impl Iterator<Item = &Diagnostic> {
        self.fault.as_deref().into_iter().chain(self.yaml.iter().flat_map(|reading| &reading.diagnostics))
    }
}

impl Repository {
    /// Reads the repository.
    pub fn read(world: &dyn World) -> Result<Repository, Error> {
        Repository::read_over(world, &BTreeMap::new(), &|_| false)
    }

    /// The same, with some files taken from memory instead (or besides), and some of what lies there left out.
    pub fn read_over(
        world: &dyn World,
        over: &BTreeMap<String, Vec<u8>>,
        is_left_out: &dyn Fn(&str) -> bool,
    ) -> Result<Repository, Error> {
        let mut files = BTreeMap::new();
        let mut links = BTreeSet::new();
        for entry in world.visible()? {
            if is_left_out(&entry.path) {
                continue;
            }
            match entry.kind {
                Kind::File => {
                    files.insert(entry.path, File::default());
                }
                Kind::Link => {
                    links.insert(entry.path);
                }
                Kind::Folder | Kind::Odd => {}
            }
        }
        files.extend(over.keys().map(|path| (path.clone(), File::default())));
        let mut folders = BTreeSet::from([String::new()]);
        for path in files.keys() {
            let mut folder = parent(path);
            while folders.insert(folder.to_owned()) {
                folder = parent(folder);
            }
        }
        let mut repository = Repository { sources: Sources::default(), files, folders, links };
        let bytes = |path: &str| match over.get(path) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => world.read(path),
        };
        let texts = repository.files.keys().filter(|path| is_text(path)).cloned().collect::<Vec<_>>();
        repository.load(&texts, &bytes);
        let parsed = texts.into_iter().filter(|path| is_yaml(path)).collect::<Vec<_>>();
        repository.parse(&parsed);
        let named = repository.named();
        let more = named.into_iter().filter(|path| repository.is_unread(path)).collect::<Vec<_>>();
        repository.load(&more, &bytes);
        // Both are sorted.
        let is_new = |path: &String| more.binary_search(path).is_ok();
        let parsed = repository.resources().into_iter().filter(is_new).collect::<Vec<_>>();
        repository.parse(&parsed);
        Ok(repository)
    }

    /// A file.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// Every file, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// Whether there is such a folder. The root is the empty path.
    pub fn is_folder(&self, path: &str) -> bool {
        self.folders.contains(path)
    }

    /// Every folder, by path.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.folders.iter().map(String::as_str)
    }

    /// Whether a symbolic link lies there.
    pub fn is_link(&self, path: &str) -> bool {
        self.links.contains(path)
    }

    /// Every symbolic link, by path.
    pub fn links(&self) -> impl Iterator<Item = &str> {
        self.links.iter().map(String::as_str)
    }

    /// The files at any depth below a folder, by path.
    pub fn below<'r>(&'r self, folder: &'r str) -> impl Iterator<Item = (&'r str, &'r File)> {
        let from = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let found = self.files.range(from.clone()..).take_while(move |(path, _)| path.starts_with(&from));
        found.map(|(path, file)| (path.as_str(), file))
    }

    /// The names of files and folders right in a folder, in the order of their bytes.
    pub fn children<'r>(&'r self, folder: &'r str) -> BTreeSet<&'r str> {
        let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
        self.below(folder).map(|(path, _)| path[skip..].split('/').next().expect("a split has a first part")).collect()
    }

    /// The bytes of a file that was read.
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        let file = self.files.get(path)?;
        match file.source {
            Some(source) => Some(self.sources.get(source).text.as_bytes()),
            None => file.bytes.as_deref(),
        }
    }

    /// The text of a file that was read and is UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        Some(&self.sources.get(self.files.get(path)?.source?).text)
    }

    /// The kustomization file of a folder.
    pub fn kustomization(&self, folder: &str) -> Option<String> {
        KUSTOMIZATIONS.iter().map(|name| join(folder, name)).find(|path| self.files.contains_key(path))
    }

    /// The path of the file a place is in.
    pub fn path(&self, place: Place) -> &str {
        &self.sources.get(place.source).path
    }

    fn is_unread(&self, path: &str) -> bool {
        self.files.get(path).is_some_and(|file| file.source.is_none() && file.bytes.is_none() && file.fault.is_none())
    }

    fn load(&mut self, paths: &[String], bytes: &Bytes<'_>) {
        for (path, bytes) in paths.iter().zip(parallel::each(paths, |path| bytes(path))) {
            let file = self.files.get_mut(path).expect("only files that were listed are loaded");
            let bytes = match bytes {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                // One file that the system does not hand out leaves the others to be judged.
                Err(error) => {
                    let source = self.sources.add(path.as_str(), "");
                    file.fault = Some(unreadable(source, path, &error.reason));
                    continue;
                }
            };
            if bytes.len() > LARGEST {
                let source = self.sources.add(path.as_str(), "");
                file.fault = Some(unreadable(source, path, "it is larger than 8 MiB"));
                continue;
            }
            match String::from_utf8(bytes) {
                Ok(text) => {
                    let source = self.sources.add(path.as_str(), text);
                    if self.sources.get(source).text.starts_with("version https://git-lfs.github.com/spec/") {
                        file.fault = Some(unreadable(source, path, "git-lfs has not fetched it: this is its pointer"));
                    }
                    file.source = Some(source);
                }
                Err(error) => {
                    if is_yaml(path) {
                        let source = self.sources.add(path.as_str(), "");
                        file.fault = Some(unreadable(source, path, "it is not UTF-8"));
                    }
                    file.bytes = Some(error.into_bytes());
                }
            }
        }
    }

    /// Parses these files, on as many threads as the machine has cores.
    fn parse(&mut self, paths: &[String]) {
        let sources = &self.sources;
        let source = |path: &String| self.files.get(path).filter(|file| file.fault.is_none())?.source;
        let mut work: Vec<(&String, SourceId)> = paths.iter().filter_map(|path| Some((path, source(path)?))).collect();
        // Largest first: no thread waits long for another.
        work.sort_by_key(|(_, source)| std::cmp::Reverse(sources.get(*source).text.len()));
        let readings =
            parallel::each(&work, |(path, source)| ((*path).clone(), yaml::read(*source, &sources.get(*source).text)));
        for (path, reading) in readings {
            self.files.get_mut(&path).expect("it was just read").yaml = Some(reading);
        }
    }

    /// What the kustomization files name.
    fn named(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for (folder, document) in self.kustomization_documents() {
            for entry in document.entries() {
                name_files(&entry.value, &mut |text| {
                    // `files` of a generator may say `key=path`.
                    for path in [Some(text), text.split_once('=').map(|(_, path)| path)].into_iter().flatten() {
                        named.extend(resolve(&folder, path));
                    }
                });
            }
        }
        named
    }

    /// The files that kustomization files name as resources or patches, whatever their ending.
    fn resources(&self) -> BTreeSet<String> {
        let keys =
            ["resources", "bases", "crds", "patches", "patchesStrategicMerge", "patchesJson6902", "configurations"];
        let mut named = BTreeSet::new();
        for (folder, document) in self.kustomization_documents() {
            for key in keys.into_iter().chain(["transformers", "generators", "validators", "replacements"]) {
                if let Some(value) = document.get(key) {
                    name_files(value, &mut |text| named.extend(resolve(&folder, text)));
                }
            }
        }
        named
    }

    fn kustomization_documents(&self) -> impl Iterator<Item = (String, &Node)> {
        let is_one = |path: &str| KUSTOMIZATIONS.contains(&path.rsplit('/').next().unwrap_or(path));
        self.files().filter(move |(path, _)| is_one(path)).flat_map(|(path, file)| {
            let folder = parent(path).to_owned();
            file.documents().map(move |document| (folder.clone(), document))
        })
    }
}

fn name_files(node: &Node, found: &mut dyn FnMut(&str)) {
    match node.as_str() {
        Some(text) if text.len() < 1024 && !text.contains('\n') => found(text),
        _ => {
            node.items().iter().for_each(|item| name_files(item, found));
            node.entries().iter().for_each(|entry| name_files(&entry.value, found));
        }
    }
}

fn unreadable(source: SourceId, path: &str, reason: &str) -> Box<Diagnostic> {
    let finding = Diagnostic::new(code!("file-unreadable"), format!("`{path}` cannot be read: {reason}"))
        .at(Place { source, span: Span::default() }, "")
        .about(path);
    Box::new(finding)
}

fn is_text(path: &str) -> bool {
    TEXTS.iter().any(|ending| path.ends_with(ending)) || KUSTOMIZATIONS.iter().any(|name| path.ends_with(name))
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml") || path.ends_with("Kustomization")
}

/// The folder a path lies in; the root is the empty path.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A name in a folder.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether a path is a folder or lies below it.
pub fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The path that `path`, seen from `folder`, means below the root; None for one that leads out of it.
pub fn resolve(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
