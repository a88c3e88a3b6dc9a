//! A kustomization file: its fields, checked as strictly as kustomize does, and put in order.

use std::borrow::Cow;

use super::{Stop, kubectl, refused};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    node::{Entry, Kind, Node, Part},
    repository::{KUSTOMIZATIONS, Repository, join},
    source::Place,
    yaml::Ambiguous,
};

/// What a value must look like. Null is allowed everywhere, and means that the field is not there.
enum Shape {
    Text,
    Flag,
    Whole,
    List(&'static Shape),
    Map(&'static Shape),
    Fields(&'static [(&'static str, &'static Shape)]),
}

use Shape::{Fields, Flag, List, Map, Text, Whole};

static TEXTS: Shape = List(&Text);
static TEXT_MAP: Shape = Map(&Text);
static METADATA: Shape =
    Fields(&[("name", &Text), ("namespace", &Text), ("labels", &TEXT_MAP), ("annotations", &TEXT_MAP)]);
static FIELD_SPEC: Shape =
    Fields(&[("group", &Text), ("version", &Text), ("kind", &Text), ("path", &Text), ("create", &Flag)]);
static FIELD_SPECS: Shape = List(&FIELD_SPEC);
static LABEL: Shape =
    Fields(&[("pairs", &TEXT_MAP), ("includeSelectors", &Flag), ("includeTemplates", &Flag), ("fields", &FIELD_SPECS)]);
static SELECTOR: Shape = Fields(&[
    ("group", &Text),
    ("version", &Text),
    ("kind", &Text),
    ("name", &Text),
    ("namespace", &Text),
    ("annotationSelector", &Text),
    ("labelSelector", &Text),
]);
static PATCH_OPTIONS: Shape = Fields(&[("allowNameChange", &Flag), ("allowKindChange", &Flag)]);
static PATCH: Shape = Fields(&[("path", &Text), ("patch", &Text), ("target", &SELECTOR), ("options", &PATCH_OPTIONS)]);
static PATCHES: Shape = List(&PATCH);
static IMAGE: Shape =
    Fields(&[("name", &Text), ("newName", &Text), ("tagSuffix", &Text), ("newTag", &Text), ("digest", &Text)]);
static IMAGES: Shape = List(&IMAGE);
static FIELD_OPTIONS: Shape =
    Fields(&[("delimiter", &Text), ("index", &Whole), ("encoding", &Text), ("create", &Flag)]);
static REPLACEMENT_SOURCE: Shape = Fields(&[
    ("group", &Text),
    ("version", &Text),
    ("kind", &Text),
    ("name", &Text),
    ("namespace", &Text),
    ("fieldPath", &Text),
    ("options", &FIELD_OPTIONS),
]);
static SELECTORS: Shape = List(&SELECTOR);
static REPLACEMENT_TARGET: Shape =
    Fields(&[("select", &SELECTOR), ("reject", &SELECTORS), ("fieldPaths", &TEXTS), ("options", &FIELD_OPTIONS)]);
static REPLACEMENT_TARGETS: Shape = List(&REPLACEMENT_TARGET);
static REPLACEMENT: Shape = Fields(&[
    ("source", &REPLACEMENT_SOURCE),
    ("targets", &REPLACEMENT_TARGETS),
    ("sourceValue", &Text),
    ("path", &Text),
]);
static REPLICA: Shape = Fields(&[("name", &Text), ("count", &Whole)]);
static VAR_OBJECT: Shape = Fields(&[
    ("apiVersion", &Text),
    ("group", &Text),
    ("version", &Text),
    ("kind", &Text),
    ("name", &Text),
    ("namespace", &Text),
]);
static VAR: Shape = Fields(&[("name", &Text), ("objref", &VAR_OBJECT), ("fieldref", &Fields(&[("fieldPath", &Text)]))]);
static SORT_OPTIONS: Shape =
    Fields(&[("order", &Text), ("legacySortOptions", &Fields(&[("orderFirst", &TEXTS), ("orderLast", &TEXTS)]))]);
static GENERATOR_OPTIONS: Shape = Fields(&[
    ("labels", &TEXT_MAP),
    ("annotations", &TEXT_MAP),
    ("disableNameSuffixHash", &Flag),
    ("immutable", &Flag),
]);
static CONFIG_MAP: Shape = Fields(&[
    ("namespace", &Text),
    ("name", &Text),
    ("behavior", &Text),
    ("literals", &TEXTS),
    ("files", &TEXTS),
    ("envs", &TEXTS),
    ("env", &Text),
    ("options", &GENERATOR_OPTIONS),
]);
static SECRET: Shape = Fields(&[
    ("namespace", &Text),
    ("name", &Text),
    ("behavior", &Text),
    ("literals", &TEXTS),
    ("files", &TEXTS),
    ("envs", &TEXTS),
    ("env", &Text),
    ("options", &GENERATOR_OPTIONS),
    ("type", &Text),
]);
/// Fields that are refused where they say anything, so their insides do not matter.
const REFUSED: [&str; 3] = ["helmGlobals", "helmCharts", "helmChartInflationGenerator"];
/// Every other field.
static FIELDS: &[(&str, &Shape)] = &[
    ("apiVersion", &Text),
    ("kind", &Text),
    ("metadata", &METADATA),
    ("openapi", &TEXT_MAP),
    ("namePrefix", &Text),
    ("nameSuffix", &Text),
    ("namespace", &Text),
    ("commonLabels", &TEXT_MAP),
    ("labels", &List(&LABEL)),
    ("commonAnnotations", &TEXT_MAP),
    ("patchesStrategicMerge", &TEXTS),
    ("patchesJson6902", &PATCHES),
    ("patches", &PATCHES),
    ("images", &IMAGES),
    ("imageTags", &IMAGES),
    ("replacements", &List(&REPLACEMENT)),
    ("replicas", &List(&REPLICA)),
    ("vars", &List(&VAR)),
    ("sortOptions", &SORT_OPTIONS),
    ("resources", &TEXTS),
    ("components", &TEXTS),
    ("crds", &TEXTS),
    ("bases", &TEXTS),
    ("configMapGenerator", &List(&CONFIG_MAP)),
    ("secretGenerator", &List(&SECRET)),
    ("generatorOptions", &GENERATOR_OPTIONS),
    ("configurations", &TEXTS),
    ("generators", &TEXTS),
    ("transformers", &TEXTS),
    ("validators", &TEXTS),
    ("buildMetadata", &TEXTS),
];
/// A file of `configurations`.
static CONFIGURATION: &[(&str, &Shape)] = &[
    ("namePrefix", &FIELD_SPECS),
    ("nameSuffix", &FIELD_SPECS),
    ("namespace", &FIELD_SPECS),
    ("commonLabels", &FIELD_SPECS),
    ("labels", &FIELD_SPECS),
    ("templateLabels", &FIELD_SPECS),
    ("commonAnnotations", &FIELD_SPECS),
    (
        "nameReference",
        &List(&Fields(&[("group", &Text), ("version", &Text), ("kind", &Text), ("fieldSpecs", &FIELD_SPECS)])),
    ),
    ("varReference", &FIELD_SPECS),
    ("images", &FIELD_SPECS),
    ("replicas", &FIELD_SPECS),
];
/// What a file without a `kind` is.
const KUSTOMIZATION: &str = "Kustomization";

/// A kustomization file that kustomize accepts.
pub(super) struct Kustomization<'n> {
    root: Cow<'n, Node>,
    /// The path of its file.
    pub path: String,
}

impl<'n> Kustomization<'n> {
    /// The kustomization file of a folder.
    pub fn of_folder(repository: &'n Repository, folder: &str) -> Result<Self, Stop> {
        let paths = KUSTOMIZATIONS.iter().map(|name| join(folder, name));
        let mut found = paths.filter(|path| repository.file(path).is_some());
        let Some(path) = found.next() else {
            return Err(malformed(format!("`{}` has no kustomization file", shown(folder)), None));
        };
        let file = repository.file(&path).expect("it was just found");
        if let Some(second) = found.next() {
            let message = format!("`{path}` and `{second}` are two kustomization files of one folder");
            return Err(malformed(message, file.documents().next().map(|root| root.place)));
        }
        // A key that stands twice is a fault in objects only; here the last one counts.
        if let Some(fault) = file.faults().find(|fault| fault.code != code!("key-twice")) {
            return Err(Stop::Fails(Box::new(fault.clone())));
        }
        match file.yaml.iter().flat_map(|reading| &reading.documents).next() {
            Some(document) => Kustomization::new(&document.root, &document.ambiguous, path),
            None => Err(malformed(format!("`{path}` is empty"), None)),
        }
    }

    /// The kustomization that this map is. `ambiguous` are the scalars of its document that readers differ about.
    pub fn new(root: &'n Node, ambiguous: &[Ambiguous], path: String) -> Result<Self, Stop> {
        let root = kubectl::reading(root, ambiguous);
        if !matches!(root.kind, Kind::Map(_)) {
            return Err(malformed(format!("`{path}` is not a map"), Some(root.place)));
        }
        for entry in root.entries() {
            if REFUSED.iter().any(|name| name.eq_ignore_ascii_case(&entry.key)) && says_something(&entry.value) {
                return Err(refused(format!("`{}`", entry.key), entry.key_place));
            }
        }
        let mut exact = true;
        for entry in root.entries() {
            if !REFUSED.iter().any(|name| name.eq_ignore_ascii_case(&entry.key)) {
                exact &= check_field(&root, entry, FIELDS)?;
            }
        }
        let root = if exact { root } else { Cow::Owned(canonical_fields(&root, FIELDS)) };
        let kustomization = Kustomization { root, path };
        kustomization.check_kind()?;
        Ok(kustomization)
    }

    /// Where it is written.
    pub fn place(&self) -> Place {
        self.root.place
    }

    /// A field that says something.
    pub fn get(&self, field: &str) -> Option<&Node> {
        self.root.get(field).filter(|value| says_something(value))
    }

    /// A field that is not null, even if it is empty.
    pub fn field(&self, field: &str) -> Option<&Node> {
        self.root.get(field).filter(|value| !matches!(value.kind, Kind::Null))
    }

    /// The text of a field; empty where there is none.
    pub fn text(&self, field: &str) -> &str {
        self.root.get(field).and_then(Node::as_str).unwrap_or_default()
    }

    /// The items of a list field.
    pub fn list(&self, field: &str) -> &[Node] {
        self.root.get(field).map_or(&[], Node::items)
    }

    /// Whether it is a Component.
    pub fn is_component(&self) -> bool {
        self.text("kind") == "Component"
    }

    fn check_kind(&self) -> Result<(), Stop> {
        let has_more = |entry: &Entry| {
            !matches!(entry.key.as_str(), "apiVersion" | "kind") && !matches!(entry.value.kind, Kind::Null)
        };
        if !self.root.entries().iter().any(has_more) {
            return Err(malformed(format!("`{}` is empty", self.path), Some(self.root.place)));
        }
        let kind = match self.text("kind") {
            "" => KUSTOMIZATION,
            kind => kind,
        };
        let wanted = match kind {
            KUSTOMIZATION => "kustomize.config.k8s.io/v1beta1",
            "Component" => "kustomize.config.k8s.io/v1alpha1",
            _ => {
                let message = format!("`{}` says `kind: {kind}`, not `Kustomization` or `Component`", self.path);
                return Err(malformed(message, Some(self.root.place_of("/kind", Part::Value))));
            }
        };
        match self.text("apiVersion") {
            version if version.is_empty() || version == wanted => Ok(()),
            version => {
                let message = format!("a {kind} has `apiVersion: {wanted}`, not `{version}`");
                Err(malformed(message, Some(self.root.place_of("/apiVersion", Part::Value))))
            }
        }
    }
}

/// A file of `configurations`, as strictly checked as a kustomization.
pub(super) fn checked_configuration(root: &Node) -> Result<Cow<'_, Node>, Stop> {
    if !matches!(root.kind, Kind::Map(_)) {
        return Err(malformed("a file of `configurations` is a map".to_owned(), Some(root.place)));
    }
    let mut exact = true;
    for entry in root.entries() {
        exact &= check_field(root, entry, CONFIGURATION)?;
    }
    Ok(if exact { Cow::Borrowed(root) } else { Cow::Owned(canonical_fields(root, CONFIGURATION)) })
}

/// A folder as people see it.
pub(super) fn shown(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}

fn says_something(value: &Node) -> bool {
    match &value.kind {
        Kind::Null => false,
        Kind::List(items) => !items.is_empty(),
        Kind::Map(entries) => !entries.is_empty(),
        _ => true,
    }
}

pub(super) fn malformed(message: String, place: Option<Place>) -> Stop {
    let diagnostic = Diagnostic::new(code!("kustomization-malformed"), message);
    Stop::Fails(Box::new(match place {
        Some(place) => diagnostic.at(place, ""),
        None => diagnostic,
    }))
}

/// Whether a value has its shape; `Ok(false)` where some key is written in other letters, which kustomize takes nevertheless.
fn check(value: &Node, shape: &Shape) -> Result<bool, Stop> {
    let wanted = match (shape, &value.kind) {
        (_, Kind::Null) | (Text, Kind::String(_)) | (Flag, Kind::Bool(_)) => return Ok(true),
        (Whole, Kind::Number(number)) if number.is_i64() => return Ok(true),
        (List(shape), Kind::List(items)) => {
            return items.iter().try_fold(true, |exact, item| Ok(exact & check(item, shape)?));
        }
        (Map(shape), Kind::Map(entries)) => {
            return entries.iter().try_fold(true, |exact, entry| Ok(exact & check(&entry.value, shape)?));
        }
        (Fields(fields), Kind::Map(entries)) => {
            return entries.iter().try_fold(true, |exact, entry| Ok(exact & check_field(value, entry, fields)?));
        }
        (Text, _) => "a text",
        (Flag, _) => "`true` or `false`",
        (Whole, _) => "a whole number",
        (List(_), _) => "a list",
        (Map(_) | Fields(_), _) => "a map",
    };
    Err(malformed(format!("kustomize wants {wanted} here"), Some(value.place)))
}

fn check_field(map: &Node, entry: &Entry, fields: &[(&str, &Shape)]) -> Result<bool, Stop> {
    if let Some((_, shape)) = fields.iter().find(|(name, _)| *name == entry.key) {
        return check(&entry.value, shape);
    }
    let Some((name, shape)) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(&entry.key)) else {
        let message = format!("kustomize has no field `{}` here", entry.key);
        let mut diagnostic = Diagnostic::new(code!("kustomization-malformed"), message).at(entry.key_place, "");
        if let Some(name) = nearest(&entry.key, fields.iter().map(|(name, _)| *name)) {
            diagnostic = diagnostic.help(format!("did you mean `{name}`?"));
        }
        return Err(Stop::Fails(Box::new(diagnostic)));
    };
    if map.get(name).is_some() {
        return Err(refused(format!("both `{name}` and `{}`", entry.key), entry.key_place));
    }
    check(&entry.value, shape)?;
    Ok(false)
}

/// The same with every key in the letters that kustomize writes it in.
fn canonical_fields(map: &Node, fields: &'static [(&'static str, &'static Shape)]) -> Node {
    let entries =
        map.entries().iter().map(|entry| match fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(&entry.key)) {
            Some((name, shape)) => {
                Entry { key: (*name).to_owned(), key_place: entry.key_place, value: canonical(&entry.value, shape) }
            }
            None => entry.clone(),
        });
    Node { place: map.place, kind: Kind::Map(entries.collect()) }
}

fn canonical(value: &Node, shape: &'static Shape) -> Node {
    match (shape, &value.kind) {
        (Fields(fields), Kind::Map(_)) => canonical_fields(value, fields),
        (List(shape), Kind::List(items)) => {
            Node { place: value.place, kind: Kind::List(items.iter().map(|item| canonical(item, shape)).collect()) }
        }
        _ => value.clone(),
    }
}
