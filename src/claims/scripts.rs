//! What scripts put into a cluster: `helm install`, `kubectl apply` and the like in shell, `just`, Make and Task files.
//!
//! Read line by line, so a name that a variable holds is not known and nothing is said about it.

use std::collections::BTreeSet;

use super::{Certainty, Claim, Role, Tool, cluster_of, content, release};
use crate::{
    claim::ObjectId,
    flux::Cluster,
    kubernetes::Schemas,
    kustomize,
    node::Node,
    repository::{File, Repository, join, parent, resolve},
    source::{Place, Span},
};

/// A chart that a script renders into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Render {
    /// The release's name.
    pub release: String,
    /// The chart's name, without its repository.
    pub chart: String,
    /// The namespace it is rendered for.
    pub namespace: String,
    /// The command.
    pub place: Place,
}

/// A command of a script: its words, and where it is.
#[derive(Clone, Debug)]
struct Command {
    words: Vec<String>,
    place: Place,
}

/// Every `helm template` of the repository.
pub fn renders(repository: &Repository) -> Vec<Render> {
    let commands = commands(repository);
    let renders = commands.iter().filter_map(|command| {
        let chart = Chart::of(command, &["template"])?;
        Some(Render { release: chart.release, chart: chart.name, namespace: chart.namespace, place: command.place })
    });
    renders.collect()
}

/// The files of the repository that scripts copy, wherever to.
pub fn copies(repository: &Repository) -> BTreeSet<String> {
    let mut copies = BTreeSet::new();
    for (path, file) in repository.files().filter(|(path, _)| is_script(path)) {
        let Some(source) = file.source else { continue };
        for line in repository.sources.get(source).text.lines().map(str::trim) {
            let words = if line.starts_with("cp ") { words(line) } else { continue };
            // What stands in front of the path in a variable is taken for the root, or for the script's folder.
            for word in &words[1..words.len().saturating_sub(1)] {
                let end = word.rsplit_once('}').map_or(word.as_str(), |(_, end)| end).trim_start_matches('/');
                let candidates = [resolve("", end), resolve(parent(path), end)];
                copies.extend(candidates.into_iter().flatten().filter(|path| repository.file(path).is_some()));
            }
        }
    }
    copies
}

/// What scripts install, apply and create. It is there before anybody else, for somebody else to take over.
pub fn claims(repository: &Repository, clusters: &[Cluster], schemas: &Schemas) -> Vec<Claim> {
    let mut claims = Vec::new();
    for command in commands(repository) {
        let claim = |object: ObjectId, certainty: Certainty| Claim {
            object,
            cluster: cluster_of(repository.path(command.place), clusters).0,
            tool: Tool::Script,
            unit: repository.path(command.place).to_owned(),
            flux_unit: None,
            role: Role::Bootstrap,
            prunes: false,
            certainty,
            place: command.place,
            content: None,
        };
        if let Some(chart) = Chart::of(&command, &["install", "upgrade"]) {
            claims.push(claim(release(&chart.namespace, &chart.release), Certainty::Literal));
        }
        if let Some(object) = created(&command) {
            claims.push(claim(object, Certainty::Literal));
        }
        let namespace = option(&words_of(&command), &["--namespace", "-n"]).map(str::to_owned);
        for manifest in applied(repository, &command) {
            let object = content::object(&manifest, schemas, namespace.as_deref());
            claims.extend(object.map(|object| Claim {
                content: Some(content::digest(&manifest)),
                ..claim(object, Certainty::Literal)
            }));
        }
    }
    claims
}

/// A command of a script that brings about a GitOps engine: `flux bootstrap`, `flux install`.
pub fn engines(repository: &Repository) -> Vec<Place> {
    let starts = |words: &[&str]| matches!(words, ["flux", "bootstrap" | "install", ..]);
    commands(repository).iter().filter(|command| starts(&words_of(command))).map(|command| command.place).collect()
}

/// Addresses that scripts apply; what they hold is not known here.
pub fn addresses(repository: &Repository) -> Vec<(String, Place)> {
    let mut found = Vec::new();
    for command in commands(repository) {
        for file in files(&command).into_iter().filter(|file| file.contains("://")) {
            found.push((file.to_owned(), command.place));
        }
    }
    found
}

fn words_of(command: &Command) -> Vec<&str> {
    command.words.iter().map(String::as_str).collect()
}

/// What `kubectl create namespace` or `kubectl create secret` creates.
fn created(command: &Command) -> Option<ObjectId> {
    let words = words_of(command);
    let ["kubectl", rest @ ..] = words.as_slice() else { return None };
    let arguments = arguments(rest);
    let (kind, name) = match arguments.as_slice() {
        ["create", "namespace" | "ns", name, ..] => ("Namespace", *name),
        ["create", "secret", "generic" | "tls" | "docker-registry", name, ..] => ("Secret", *name),
        ["create", "configmap" | "cm", name, ..] => ("ConfigMap", *name),
        _ => return None,
    };
    let namespace = (kind != "Namespace").then(|| option(rest, &["--namespace", "-n"]).unwrap_or("default"));
    let is_computed = !is_plain(name) || namespace.is_some_and(|namespace| !is_plain(namespace));
    (!is_computed).then(|| ObjectId {
        group: String::new(),
        kind: kind.into(),
        namespace: namespace.map(Into::into),
        name: name.into(),
    })
}

/// The manifests of the repository that `kubectl apply` applies: files, folders, with `-k` what kustomize builds.
fn applied(repository: &Repository, command: &Command) -> Vec<Node> {
    let from = parent(repository.path(command.place)).to_owned();
    let mut manifests = Vec::new();
    for file in files(command).into_iter().filter(|file| !file.contains("://") && *file != "-") {
        // What stands in front of the path in a variable is taken for the root, or for the script's folder.
        let path = file.rsplit_once('}').map_or(file, |(_, rest)| rest).trim_start_matches('/');
        if path.is_empty() || !is_plain(path) {
            continue;
        }
        let places = [resolve(&from, path), resolve("", path)];
        let found =
            places.into_iter().flatten().find(|path| repository.file(path).is_some() || repository.is_folder(path));
        let Some(path) = found else { continue };
        let is_kustomized = command.words.iter().any(|word| matches!(word.as_str(), "-k" | "--kustomize"));
        if is_kustomized {
            let built = kustomize::build(repository, &path, None).result.unwrap_or_default();
            manifests.extend(built.into_iter().map(|resource| resource.object));
        } else if let Some(file) = repository.file(&path) {
            manifests.extend(file.documents().cloned());
        } else {
            let below = repository.children(&path).into_iter().filter_map(|name| repository.file(&join(&path, name)));
            manifests.extend(below.flat_map(File::documents).cloned());
        }
    }
    manifests
}

/// What `-f` and `-k` of `kubectl apply` name.
fn files(command: &Command) -> Vec<&str> {
    let words = words_of(command);
    let ["kubectl", rest @ ..] = words.as_slice() else { return Vec::new() };
    let Some(verb) = rest.iter().position(|word| matches!(*word, "apply" | "create" | "replace")) else {
        return Vec::new();
    };
    if rest.iter().any(|word| word.starts_with("--dry-run")) || arguments(rest).first() != Some(&rest[verb]) {
        return Vec::new();
    }
    let names = ["-f", "--filename", "-k", "--kustomize"];
    let behind = rest.iter().zip(&rest[1..]).filter(|(word, _)| names.contains(word)).map(|(_, file)| *file);
    let joined = rest.iter().filter_map(|word| word.split_once('=')).filter(|(word, _)| names.contains(word));
    behind.chain(joined.map(|(_, file)| file)).collect()
}

/// Whether nothing in a word is computed.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && !word.contains(['$', '{', '}', '`', '(', '<', '>', '*'])
}

/// What `helm install`, `upgrade` or `template` is about.
struct Chart {
    release: String,
    name: String,
    namespace: String,
}

impl Chart {
    fn of(command: &Command, verbs: &[&str]) -> Option<Chart> {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        let (first, rest) = words.split_first()?;
        if *first != "helm" {
            return None;
        }
        let verb = rest.iter().position(|word| verbs.contains(word))?;
        let arguments = arguments(&rest[verb + 1..]);
        let [release, chart, ..] = arguments.as_slice() else { return None };
        let namespace = option(rest, &["--namespace", "-n"]).unwrap_or("default");
        let name = chart.trim_end_matches('/').rsplit('/').next()?;
        ([*release, namespace, name].iter().all(|word| is_plain(word))).then(|| Chart {
            release: (*release).to_owned(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        })
    }
}

/// The words of a command that are no options and no options' values.
fn arguments<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let flags = [
        "--install",
        "--wait",
        "--create-namespace",
        "--atomic",
        "--include-crds",
        "--no-hooks",
        "--devel",
        "--debug",
        "--force",
        "-i",
        "--reuse-values",
        "--server-side",
        "--skip-crds",
        "--dependency-update",
        "--reset-values",
    ];
    let mut found = Vec::new();
    let mut skips = false;
    for word in words {
        if matches!(*word, ">" | ">>" | "|" | "&&" | "||" | ";" | "2>") {
            break;
        }
        match word.strip_prefix('-') {
            Some(_) => skips = !word.contains('=') && !flags.contains(word),
            None if skips => skips = false,
            None => found.push(*word),
        }
    }
    found
}

/// The value of an option.
fn option<'w>(words: &[&'w str], names: &[&str]) -> Option<&'w str> {
    words.iter().enumerate().find_map(|(at, word)| {
        if names.contains(word) {
            return words.get(at + 1).copied();
        }
        let (name, value) = word.split_once('=')?;
        names.contains(&name).then_some(value)
    })
}

/// The commands of all scripts that call one of the tools we know.
fn commands(repository: &Repository) -> Vec<Command> {
    let mut commands = Vec::new();
    for (path, file) in repository.files() {
        let Some(source) = file.source.filter(|_| is_script(path)) else { continue };
        let text = &repository.sources.get(source).text;
        let mut offset = 0;
        let mut lines = text.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            let start = offset;
            offset += line.len();
            let mut whole = line.trim_end().to_owned();
            while whole.ends_with('\\')
                && let Some(next) = lines.next()
            {
                whole.truncate(whole.len() - 1);
                whole.push_str(next.trim_end());
                offset += next.len();
            }
            if let Some(at) = tool(&whole) {
                let words = words(&whole[at..]);
                let end = start + line.trim_end().trim_end_matches('\\').trim_end().len();
                commands.push(Command { words, place: Place { source, span: Span::new((start + at).min(end), end) } });
            }
        }
    }
    commands
}

fn is_script(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.ends_with(".sh")
        || path.ends_with(".just")
        || name.to_lowercase().trim_start_matches('.') == "justfile"
        || name == "Makefile"
        || name.starts_with("Taskfile") && path.ends_with("ml")
}

/// Where a command of a line starts: the line's own, or one behind `&&`, `|`, `- ` or `@`. Not what `echo` prints, nor a comment.
fn tool(line: &str) -> Option<usize> {
    let trimmed = line.trim_start();
    if trimmed.starts_with('#') || trimmed.contains("echo ") || trimmed.contains("log_") || trimmed.contains("printf ")
    {
        return None;
    }
    let tools = ["helm ", "kubectl ", "flux ", "helmfile "];
    tools
        .iter()
        .filter_map(|tool| {
            let at = line.find(tool)?;
            let before = line[..at].trim_end();
            let starts = before.is_empty()
                || line[..at].ends_with(|letter: char| letter.is_whitespace() || "@(\"'-".contains(letter));
            starts.then_some(at)
        })
        .min()
}

/// The words of a command, as a shell splits them, quotes taken off.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for letter in text.chars() {
        match quote {
            Some(end) if letter == end => quote = None,
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(letter),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}
