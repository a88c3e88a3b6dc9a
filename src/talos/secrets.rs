//! Secrets of a cluster: the official bundle, the markers that stand for its values in `out/`, and filling them in.
//!
//! A marker is `<gitopsc:bundle.PATH>`, where the path is the bundle's YAML path, or `<gitopsc:node.KEY>` for what each
//! node has of its own. Markers may stand inside longer text.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Kind, Node},
};

const OPENING: &str = "<gitopsc:";

/// Where the secrets of a configuration come from.
#[derive(Clone, Copy, Debug)]
pub enum Secrets<'a> {
    /// Nowhere: every secret is its marker.
    Markers,
    /// From here.
    Values {
        /// The cluster's bundle.
        bundle: &'a Bundle,
        /// What this node has of its own.
        node: &'a NodeSecrets,
    },
}

/// The official secrets bundle (`talosctl gen secrets`), its values by path.
#[derive(Clone)]
pub struct Bundle {
    values: BTreeMap<String, Zeroizing<String>>,
}

/// What one node has of its own, by key.
#[derive(Clone, Default)]
pub struct NodeSecrets {
    values: BTreeMap<String, Zeroizing<String>>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Bundle").finish_non_exhaustive()
    }
}

impl fmt::Debug for NodeSecrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NodeSecrets").finish_non_exhaustive()
    }
}

/// What every bundle holds; one of the two encryption secrets comes on top.
const REQUIRED: &[&str] = &[
    "cluster.id",
    "cluster.secret",
    "secrets.bootstraptoken",
    "trustdinfo.token",
    "certs.etcd.crt",
    "certs.etcd.key",
    "certs.k8s.crt",
    "certs.k8s.key",
    "certs.k8saggregator.crt",
    "certs.k8saggregator.key",
    "certs.k8sserviceaccount.key",
    "certs.os.crt",
    "certs.os.key",
];

const ENCRYPTION: &[&str] = &["secrets.secretboxencryptionsecret", "secrets.aescbcencryptionsecret"];

impl Bundle {
    /// Reads the bundle's document: every value it must have, text only.
    pub fn from_node(root: &Node) -> Result<Bundle, Vec<Diagnostic>> {
        let mut values = BTreeMap::new();
        collect(root, "", &mut values);
        let mut found: Vec<Diagnostic> = REQUIRED
            .iter()
            .filter(|path| values.get(**path).is_none_or(|value| value.is_empty()))
            .map(|path| {
                Diagnostic::new(code!("talos-bundle"), format!("the secrets bundle has no `{path}`"))
                    .at(root.place, "")
                    .help("use the file `talosctl gen secrets` wrote, whole and decrypted")
            })
            .collect();
        let keys = ENCRYPTION.iter().filter(|path| values.get(**path).is_some_and(|value| !value.is_empty())).count();
        if keys != 1 {
            let message = format!(
                "the secrets bundle needs exactly one of `{}` and `{}`, and has {keys}",
                ENCRYPTION[0], ENCRYPTION[1]
            );
            found.push(
                Diagnostic::new(code!("talos-bundle"), message)
                    .at(root.place, "")
                    .help("clusters made with Talos 1.3 or later have the first, older ones the second"),
            );
        }
        if found.is_empty() { Ok(Bundle { values }) } else { Err(found) }
    }
}

impl NodeSecrets {
    /// Reads the map of nodes' secrets: what `all` has, and over it what the node has.
    pub fn from_node(root: &Node, node: &str) -> NodeSecrets {
        let mut values = BTreeMap::new();
        for part in ["all", node] {
            if let Some(map) = root.get(part) {
                collect(map, "", &mut values);
            }
        }
        NodeSecrets { values }
    }
}

/// Every scalar below a node, by its path.
fn collect(node: &Node, path: &str, values: &mut BTreeMap<String, Zeroizing<String>>) {
    let text = match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                collect(&entry.value, &super::fields::join(path, &entry.key), values);
            }
            return;
        }
        Kind::String(text) => text.clone(),
        Kind::Number(number) => number.to_string(),
        Kind::Bool(flag) => flag.to_string(),
        Kind::Null | Kind::List(_) => return,
    };
    values.insert(path.to_owned(), Zeroizing::new(text));
}

/// The marker of a value of the bundle.
pub(super) fn marker(path: &str) -> Value {
    Value::from(format!("{OPENING}bundle.{path}>"))
}

/// Is there a marker in this text?
pub(super) fn has_marker(text: &str) -> bool {
    text.contains(OPENING)
}

/// The names of all markers in the documents, in order, each once.
pub fn markers(documents: &[Value]) -> Vec<String> {
    let mut names = std::collections::BTreeSet::new();
    for document in documents {
        each_text(document, &mut |text| {
            for (_, name) in (Markers { text, from: 0 }) {
                names.insert(name.to_owned());
            }
        });
    }
    names.into_iter().collect()
}

/// Replaces every marker by its value. A marker nothing is known for is named in a finding; values never are.
pub fn fill(mut documents: Vec<Value>, bundle: &Bundle, node: &NodeSecrets) -> Result<Vec<Value>, Vec<Diagnostic>> {
    let value_of = |name: &str| match name.split_once('.') {
        Some(("bundle", path)) => bundle.values.get(path),
        Some(("node", key)) => node.values.get(key),
        _ => None,
    };
    let mut missing = std::collections::BTreeSet::new();
    for document in &mut documents {
        replace_texts(document, &mut |text| {
            let mut filled = String::with_capacity(text.len());
            let mut end = 0;
            for (range, name) in (Markers { text, from: 0 }) {
                filled.push_str(&text[end..range.start]);
                match value_of(name) {
                    Some(value) => filled.push_str(value),
                    None => {
                        missing.insert(name.to_owned());
                    }
                }
                end = range.end;
            }
            filled.push_str(&text[end..]);
            filled
        });
    }
    if missing.is_empty() { Ok(documents) } else { Err(missing.iter().map(|name| unresolved(name)).collect()) }
}

fn unresolved(name: &str) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(code!("talos-secret-missing"), format!("nothing is known for the marker `{OPENING}{name}>`"));
    match name.split_once('.') {
        Some(("node", key)) => {
            diagnostic.help(format!("give `{key}` for this node, or under `all`, in the file of `--node-secrets`"))
        }
        Some(("bundle", path)) if ENCRYPTION.contains(&path) => diagnostic
            .help("the bundle has the other of the two encryption secrets: say so with the cluster's etcd encryption"),
        Some(("bundle", _)) => {
            diagnostic.help("the path is that of a value in the bundle, such as `bundle.certs.os.crt`")
        }
        _ => diagnostic.help("a marker starts with `bundle.` or `node.`"),
    }
}

/// The markers in a text, with where they are.
struct Markers<'t> {
    text: &'t str,
    from: usize,
}

impl<'t> Iterator for Markers<'t> {
    type Item = (std::ops::Range<usize>, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.from + self.text[self.from..].find(OPENING)?;
        let name_start = start + OPENING.len();
        let rest = &self.text[name_start..];
        let length =
            rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || "._-".contains(letter))).unwrap_or(rest.len());
        let name = &rest[..length];
        let closed = rest[length..].starts_with('>');
        self.from = name_start + length + usize::from(closed);
        Some((start..self.from, name))
    }
}

fn each_text(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, visit)),
        Value::Object(map) => map.values().for_each(|item| each_text(item, visit)),
        _ => {}
    }
}

fn replace_texts(value: &mut Value, replace: &mut impl FnMut(&str) -> String) {
    match value {
        Value::String(text) if has_marker(text) => *text = replace(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_texts(item, replace)),
        Value::Object(map) => map.values_mut().for_each(|item| replace_texts(item, replace)),
        _ => {}
    }
}

/// Decrypts a file that age encrypted, armored or not, with the identities of this text.
pub fn decrypt_age(bytes: &[u8], identities: &str) -> Result<Zeroizing<Vec<u8>>, Diagnostic> {
    use std::io::Read as _;
    let failed = |message: &str, help: &str| Diagnostic::new(code!("talos-bundle"), message).help(help);
    let file = age::IdentityFile::from_buffer(identities.as_bytes())
        .map_err(|_| failed("the age identity file holds something else", "give the file `age-keygen` wrote"))?;
    let identities = file.into_identities().map_err(|_| {
        failed("the age identity file holds an identity of an unknown kind", "give the file `age-keygen` wrote")
    })?;
    let decryptor = age::Decryptor::new_buffered(age::armor::ArmoredReader::new(bytes)).map_err(|_| {
        failed("the secrets bundle is not a file age encrypted", "check the path, and that the file is whole")
    })?;
    let mut reader =
        decryptor.decrypt(identities.iter().map(|identity| &**identity as &dyn age::Identity)).map_err(|error| {
            match error {
                age::DecryptError::NoMatchingKeys => failed(
                    "none of the identities opens the secrets bundle",
                    "give the identity of one of the file's recipients",
                ),
                _ => failed("the secrets bundle cannot be decrypted", "check that the file is whole"),
            }
        })?;
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    reader.read_to_end(&mut plain).map_err(|_| {
        failed("the secrets bundle is damaged: age found that it was changed or cut", "restore the file")
    })?;
    Ok(plain)
}
