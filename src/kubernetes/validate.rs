//! Walks a manifest beside its schema and reports everything the API server would refuse.

use std::fmt::Write as _;

use serde_json::{Number, Value};

use super::{
    Schemas,
    schema::{Fields, List, Others, Range, Schema, Shape, Text, Width},
};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    node::{Entry, Kind, Node},
    source::Place,
};

/// Groups Kubernetes served once and serves no more, not even at another version.
const GONE_GROUPS: [&str; 1] = ["extensions"];

/// Groups of files that look like objects and never reach a cluster.
const LOCAL_GROUPS: [&str; 2] = ["kustomize.config.k8s.io", "config.kubernetes.io"];

/// Native kinds whose names follow rules of their own: RBAC takes any path segment, the others addresses and colons.
const OWN_NAMES: [&str; 8] = [
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "IPAddress",
    "ClusterTrustBundle",
    "FlowSchema",
    "PriorityLevelConfiguration",
];

/// Everything wrong with one object, or with the objects of a `List`.
pub(super) fn object(schemas: &Schemas, document: &Node) -> Vec<Diagnostic> {
    if !matches!(document.kind, Kind::Map(_)) {
        let finding = Diagnostic::new(code!("manifest-incomplete"), "this document is not a Kubernetes object")
            .at(document.place, format!("{} where a map is wanted", kind_of(document)))
            .help("an object has at least `apiVersion`, `kind` and `metadata`");
        return vec![finding];
    }
    let api_version = text_field(document, "apiVersion");
    let kind = text_field(document, "kind");
    if let Some(items) = items_of(document, kind) {
        return items.iter().flat_map(|item| object(schemas, item)).collect();
    }
    if document.get("$patch").is_some() {
        // A strategic merge patch names fields of an object and is none.
        return Vec::new();
    }
    let group = api_version.map_or("", group_of);
    if LOCAL_GROUPS.contains(&group) {
        return Vec::new();
    }
    let mut walk = Walk {
        schemas,
        native: false,
        secret: kind == Some("Secret"),
        kind: kind.unwrap_or("object"),
        encrypted: document.at(["sops", "mac"]).is_some(),
        path: Vec::new(),
        found: Vec::new(),
    };
    walk.top(document, api_version, kind);
    let subject = subject(document, group, kind);
    walk.found.into_iter().map(|finding| finding.about(subject.clone())).collect()
}

/// The objects of a `List`, a `RoleList` and the like.
fn items_of<'n>(document: &'n Node, kind: Option<&str>) -> Option<&'n [Node]> {
    let items = document.get("items").filter(|items| matches!(items.kind, Kind::List(_)));
    kind.filter(|kind| kind.ends_with("List")).and(items).map(Node::items)
}

/// One field of one map in one text: a misspelt field is missing under its right name as well, which is not a second fault.
fn field_of(node: &Node, name: &str) -> String {
    format!("field {name} of {:?}", node.place)
}

/// `Kind.group:namespace/name`, as findings name objects.
fn subject(document: &Node, group: &str, kind: Option<&str>) -> String {
    let mut subject = kind.unwrap_or("object").to_owned();
    if !group.is_empty() {
        let _ = write!(subject, ".{group}");
    }
    subject.push(':');
    let metadata = |field| document.at(["metadata", field]).and_then(Node::as_str);
    if let Some(namespace) = metadata("namespace") {
        let _ = write!(subject, "{namespace}/");
    }
    subject.push_str(metadata("name").unwrap_or(""));
    subject
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn text_field<'n>(document: &'n Node, field: &str) -> Option<&'n str> {
    document.get(field).and_then(Node::as_str).filter(|text| !text.is_empty())
}

/// One step on the way to a value.
#[derive(Clone, Copy)]
enum Step<'n> {
    Field(&'n str),
    Item(usize),
}

struct Walk<'n> {
    schemas: &'n Schemas,
    /// The object is Kubernetes' own kind, where null is the same as absent and "" the same as unset.
    native: bool,
    /// The object is a Secret: its values are never shown.
    secret: bool,
    kind: &'n str,
    /// The file is encrypted by SOPS: what its ciphertexts hold is not known here.
    encrypted: bool,
    path: Vec<Step<'n>>,
    found: Vec<Diagnostic>,
}

impl<'n> Walk<'n> {
    fn top(&mut self, document: &'n Node, api_version: Option<&'n str>, kind: Option<&'n str>) {
        self.identity(document);
        let known = match (api_version, kind) {
            (Some(api_version), Some(kind)) => {
                let known = self.schemas.kind(api_version, kind);
                if known.is_none() {
                    self.unknown_kind(document, api_version, kind);
                }
                known
            }
            _ => None,
        };
        let Some(known) = known else {
            self.metadata_of(document);
            return;
        };
        self.native = known.native;
        if known.native {
            self.value(&known.schema, document, document.place);
        } else {
            self.custom(&known.schema, document);
        }
        self.name(document);
    }

    /// A custom resource: what every object has is described by Kubernetes, the rest by its definition.
    fn custom(&mut self, schema: &Schema, document: &'n Node) {
        if let Shape::Map(fields) = &schema.shape {
            self.fields(fields, document, document.place, true);
        }
        self.metadata_of(document);
    }

    fn metadata_of(&mut self, document: &'n Node) {
        let native = std::mem::replace(&mut self.native, true);
        if let Some(metadata) = document.entry("metadata") {
            self.path.push(Step::Field("metadata"));
            self.entry(&self.schemas.table.metadata(), metadata);
            self.path.pop();
        }
        self.native = native;
    }

    /// What makes a document an object: apiVersion, kind and a name.
    fn identity(&mut self, document: &Node) {
        for field in ["apiVersion", "kind"] {
            if text_field(document, field).is_none() {
                let place = document.entry(field).map_or(document.place, |entry| entry.value.place);
                let finding = Diagnostic::new(code!("manifest-incomplete"), format!("this object has no `{field}`"))
                    .at(place, "")
                    .help(format!("say what it is with `{field}`"));
                self.found.push(finding);
            }
        }
        let metadata = document.get("metadata");
        let named = ["name", "generateName"].iter().any(|field| {
            metadata.and_then(|metadata| metadata.get(field)).is_some_and(|name| match &name.kind {
                Kind::Null => false,
                Kind::String(text) => !text.is_empty(),
                // Somebody else says that a name is a string.
                _ => true,
            })
        });
        if !named {
            let place = document.entry("metadata").map_or(document.place, |entry| entry.key_place);
            let finding =
                Diagnostic::new(code!("manifest-incomplete"), format!("this {} has no `metadata.name`", self.kind))
                    .at(place, "")
                    .help("give it a name: nothing can be applied, waited for or pruned without one");
            self.found.push(finding);
        }
    }

    fn unknown_kind(&mut self, document: &Node, api_version: &str, kind: &str) {
        let schemas = self.schemas;
        let place_of = |field| document.get(field).map_or(document.place, |node: &Node| node.place);
        if let Some((custom, version)) = schemas.custom(api_version, kind) {
            let group = group_of(api_version);
            let served = custom.versions.iter().filter(|(_, version)| version.served);
            let served: Vec<String> = served.map(|(name, _)| format!("{group}/{name}")).collect();
            let message = format!("the definition of `{kind}` in this repository does not serve `{version}`");
            let finding = Diagnostic::new(code!("manifest-kind-unknown"), message).at(place_of("apiVersion"), "");
            self.found.push(offered(finding, place_of("apiVersion"), "apiVersion", &served));
            return;
        }
        if !api_version.contains('/') && !api_version.starts_with('v') {
            // Kustomize's own plugins write `builtin` here.
            return;
        }
        let group = group_of(api_version);
        let native_group = |candidate: &str| {
            schemas.table.kinds().any(|(version, _, kind)| kind.is_native() && group_of(version) == candidate)
        };
        if !GONE_GROUPS.contains(&group) && !native_group(group) {
            return;
        }
        let message = format!("Kubernetes 1.{} has no `{kind}` at `{api_version}`", schemas.minor);
        let finding = Diagnostic::new(code!("manifest-kind-unknown"), message);
        let served = |kind: &super::table::Kind| kind.is_native() && kind.mask() & schemas.release != 0;
        let elsewhere: Vec<&str> = schemas
            .table
            .kinds()
            .filter(|(version, name, found)| *name == kind && *version != api_version && served(found))
            .map(|(version, _, _)| version)
            .collect();
        // `Event` and a few others exist in two groups: the same group says it better.
        let same: Vec<&str> = elsewhere.iter().copied().filter(|version| group_of(version) == group).collect();
        let versions: Vec<String> =
            if same.is_empty() { elsewhere } else { same }.into_iter().map(str::to_owned).collect();
        if !versions.is_empty() {
            let place = place_of("apiVersion");
            self.found.push(offered(finding.at(place, ""), place, "apiVersion", &versions));
            return;
        }
        if let Some(other) = schemas.table.kind(api_version, kind) {
            let bits = other.mask();
            let minors: Vec<u32> = schemas
                .table
                .minors()
                .filter(|minor| schemas.table.release(*minor).is_some_and(|bit| bit & bits != 0))
                .collect();
            if let (Some(first), Some(last)) = (minors.first(), minors.last()) {
                let range = if first == last { format!("1.{first}") } else { format!("1.{first} to 1.{last}") };
                let finding = finding.at(place_of("apiVersion"), "");
                self.found.push(finding.help(format!("only Kubernetes {range} has it, among the versions known here")));
                return;
            }
        }
        let here = schemas.table.kinds().filter(|(version, _, found)| *version == api_version && served(found));
        let meant = nearest(kind, here.map(|(_, name, _)| name));
        let place = place_of("kind");
        let finding = finding.at(place, "");
        self.found.push(match meant {
            Some(meant) => finding.edit(place, meant, format!("did you mean `{meant}`?")),
            None => finding.help("look up the right `apiVersion` and `kind` with `kubectl api-resources`"),
        });
    }

    /// One value; `key` is the nearest thing to point at when something is missing from it.
    fn value(&mut self, schema: &Schema, node: &'n Node, key: Place) {
        if let Shape::Reference(name) = &schema.shape {
            if let Some(definition) = self.schemas.table.definition(name, self.schemas.release) {
                self.value(&definition, node, key);
            }
            if name.ends_with(":meta.v1.ObjectMeta") {
                self.labels(node);
            }
            return;
        }
        if node.as_str().is_some_and(|text| self.is_deferred(text)) {
            return;
        }
        match (&schema.shape, &node.kind) {
            (Shape::Anything | Shape::Reference(_), _)
            | (Shape::Flag, Kind::Bool(_))
            | (Shape::WholeOrText, Kind::String(_))
            | (Shape::Quantity, Kind::Number(_)) => {}
            (_, Kind::Null) if schema.nullable => {}
            (Shape::Whole { width, range }, Kind::Number(number)) => self.whole(*width, range, number, node),
            (Shape::Number(range), Kind::Number(number)) => self.range(range, number, node),
            (Shape::Text(text), Kind::String(written)) => self.text(text, written, node),
            (Shape::WholeOrText, Kind::Number(number)) if is_whole(number) => {}
            (Shape::Quantity, Kind::String(written)) => self.quantity(written, node),
            (Shape::List(list), Kind::List(items)) => self.list(list, items, node),
            (Shape::Map(fields), Kind::Map(_)) => self.fields(fields, node, key, false),
            (shape, _) => self.wrong_type(shape, node),
        }
        if !schema.choices.is_empty() {
            self.choice(schema, node);
        }
    }

    /// Whether what will be there is not known yet: a ciphertext of SOPS, or a variable Flux replaces (`postBuild`).
    fn is_deferred(&self, text: &str) -> bool {
        self.encrypted && text.starts_with("ENC[") || text.contains("${")
    }

    fn wrong_type(&mut self, wanted: &Shape, node: &Node) {
        let message = format!("`{}` is {} where {} is wanted", self.path_text(), kind_of(node), wanted_text(wanted));
        let mut finding = Diagnostic::new(code!("manifest-type"), message).at(node.place, "");
        match (wanted, &node.kind) {
            (Shape::Text(_), Kind::Bool(_) | Kind::Number(_)) => {
                finding = finding.help("put it in quotes to make it a string");
            }
            (Shape::Whole { .. } | Shape::Number(_), Kind::String(text)) if text.parse::<f64>().is_ok() => {
                finding = finding.help("write the number without quotes");
            }
            (Shape::Flag, Kind::String(text)) if matches!(text.as_str(), "true" | "false") => {
                let text = text.clone();
                finding = finding.edit(node.place, &text, format!("write `{text}` without quotes"));
            }
            (Shape::List(_), Kind::Map(_) | Kind::String(_)) => {
                finding = finding.help("begin each item of the list with `- `");
            }
            _ => {}
        }
        self.found.push(finding);
    }

    fn whole(&mut self, width: Width, range: &Range, number: &Number, node: &Node) {
        if !is_whole(number) {
            let message = format!("`{}` is {number} where a whole number is wanted", self.path_text());
            self.found.push(Diagnostic::new(code!("manifest-type"), message).at(node.place, ""));
            return;
        }
        let fits = match (width, number.as_i64()) {
            (Width::Bits32, Some(number)) => i32::try_from(number).is_ok(),
            (Width::Bits64, Some(_)) => true,
            (_, None) => number.as_f64().is_some_and(|number| number.abs() < 2_147_483_648.0),
        };
        if !fits {
            let bits = if width == Width::Bits32 { 32 } else { 64 };
            let message = format!("`{}` is {number}, which does not fit into {bits} bits", self.path_text());
            self.found.push(Diagnostic::new(code!("manifest-value"), message).at(node.place, ""));
            return;
        }
        self.range(range, number, node);
    }

    fn range(&mut self, range: &Range, number: &Number, node: &Node) {
        let Some(value) = number.as_f64() else { return };
        let below = range.minimum.is_some_and(|minimum| value < minimum || range.exclusive_minimum && value <= minimum);
        let above = range.maximum.is_some_and(|maximum| value > maximum || range.exclusive_maximum && value >= maximum);
        if below || above {
            let limits = match (range.minimum, range.maximum) {
                (Some(minimum), Some(maximum)) => format!("from {minimum} to {maximum}"),
                (Some(minimum), None) if range.exclusive_minimum => format!("more than {minimum}"),
                (Some(minimum), None) => format!("{minimum} or more"),
                (None, Some(maximum)) if range.exclusive_maximum => format!("less than {maximum}"),
                (None, Some(maximum)) => format!("{maximum} or less"),
                (None, None) => return,
            };
            let message = format!("`{}` is {number}, but must be {limits}", self.path_text());
            self.found.push(Diagnostic::new(code!("manifest-value"), message).at(node.place, ""));
        }
    }

    fn text(&mut self, text: &Text, written: &str, node: &Node) {
        if text.encoded && !is_base64(written) {
            let message = format!("`{}` is not base64", self.path_text());
            let help = "encode it (`base64 -w0`), or put the plain text under `stringData` of a Secret";
            self.found.push(Diagnostic::new(code!("manifest-value"), message).at(node.place, "").help(help));
            return;
        }
        if text.min_length.is_some() || text.max_length.is_some() {
            let length = written.chars().count() as u64;
            if text.min_length.is_some_and(|minimum| length < minimum) {
                let message = match length {
                    0 => format!("`{}` is empty", self.path_text()),
                    _ => format!("`{}` is shorter than {} characters", self.path_text(), text.min_length.unwrap_or(0)),
                };
                self.found.push(Diagnostic::new(code!("manifest-value"), message).at(node.place, ""));
                return;
            }
            if let Some(maximum) = text.max_length.filter(|maximum| length > *maximum) {
                let message = format!("`{}` has {length} characters, and {maximum} are allowed", self.path_text());
                self.found.push(Diagnostic::new(code!("manifest-value"), message).at(node.place, ""));
                return;
            }
        }
        if let Some(pattern) = &text.pattern
            && !self.schemas.matches(pattern, written)
        {
            let message = format!("`{}` does not have the form it must have", self.path_with(written));
            let finding = Diagnostic::new(code!("manifest-value"), message).at(node.place, "");
            self.found.push(finding.help(format!("it must match `{pattern}`")));
        }
    }

    fn quantity(&mut self, written: &str, node: &Node) {
        if !is_quantity(written) {
            let message = format!("`{}` is not a quantity", self.path_with(written));
            let finding = Diagnostic::new(code!("manifest-value"), message).at(node.place, "");
            self.found.push(finding.help(
                "a quantity is a number with a suffix such as `m`, `k`, `M`, `Ki`, `Mi` or `Gi`, without a space",
            ));
        }
    }

    fn choice(&mut self, schema: &Schema, node: &Node) {
        let fine = match &node.kind {
            // To a native kind an empty string is an unset field.
            Kind::String(text) => {
                self.native && text.is_empty() || schema.choices.iter().any(|choice| choice.as_str() == Some(text))
            }
            Kind::Number(number) => schema.choices.iter().any(|choice| choice.as_f64() == number.as_f64()),
            Kind::Bool(flag) => schema.choices.contains(&Value::Bool(*flag)),
            Kind::Null | Kind::List(_) | Kind::Map(_) => true,
        };
        // A value of another type has been reported as that.
        let same_type = schema.choices.iter().any(|choice| {
            matches!(
                (choice, &node.kind),
                (Value::String(_), Kind::String(_))
                    | (Value::Number(_), Kind::Number(_))
                    | (Value::Bool(_), Kind::Bool(_))
            )
        });
        if fine || !same_type {
            return;
        }
        let choices: Vec<String> = schema.choices.iter().map(choice_text).collect();
        let written = node.as_str().unwrap_or_default();
        let message = format!("`{}` is not one of its values", self.path_with(written));
        let finding = Diagnostic::new(code!("manifest-value"), message).at(node.place, "");
        let same_letters = choices.iter().find(|choice| choice.eq_ignore_ascii_case(written)).map(String::as_str);
        let meant = same_letters.or_else(|| nearest(written, choices.iter().map(String::as_str)));
        let all = format!(
            "its values are {}",
            choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ")
        );
        self.found.push(match meant {
            Some(meant) => finding.help(all).edit(node.place, meant, format!("did you mean `{meant}`?")),
            None => finding.help(all),
        });
    }

    fn list(&mut self, list: &List, items: &'n [Node], node: &'n Node) {
        let length = items.len() as u64;
        if let Some(minimum) = list.min_items.filter(|minimum| length < *minimum) {
            let message = format!("`{}` has {length} items, and {minimum} are needed", self.path_text());
            self.found.push(Diagnostic::new(code!("manifest-value"), message).at(node.place, ""));
        }
        if let Some(maximum) = list.max_items.filter(|maximum| length > *maximum) {
            let message = format!("`{}` has {length} items, and {maximum} are allowed", self.path_text());
            self.found.push(Diagnostic::new(code!("manifest-value"), message).at(node.place, ""));
        }
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Item(index));
            match item.kind {
                // A native kind reads a null item as an empty one.
                Kind::Null if self.native => {}
                _ => self.value(&list.items, item, item.place),
            }
            self.path.pop();
        }
    }

    /// The fields of a map. `whole` is set for a custom resource itself, whose metadata is looked at elsewhere.
    fn fields(&mut self, fields: &Fields, node: &'n Node, key: Place, whole: bool) {
        for entry in node.entries() {
            if self.encrypted && self.path.is_empty() && entry.key == "sops" {
                continue;
            }
            if (whole || fields.embedded) && matches!(entry.key.as_str(), "apiVersion" | "kind" | "metadata") {
                continue;
            }
            self.path.push(Step::Field(&entry.key));
            match (fields.known.get(&entry.key), &fields.others) {
                (Some(field), _) => self.entry(field, entry),
                (None, Others::Each(each)) => self.entry(each, entry),
                (None, Others::Anything) => {}
                (None, Others::Nothing) => self.unknown_field(fields, entry, node),
            }
            self.path.pop();
        }
        // The API server drops the status of what is applied: nothing is missing there.
        if matches!(self.path.first(), Some(Step::Field("status"))) {
            return;
        }
        for name in &fields.required {
            let absent = match node.entry(name) {
                None => true,
                Some(entry) => {
                    entry.value.kind == Kind::Null && !fields.known.get(name).is_some_and(|field| field.nullable)
                }
            };
            let known_elsewhere = whole && matches!(name.as_str(), "apiVersion" | "kind" | "metadata");
            if absent && !known_elsewhere {
                self.missing(name, node, key);
            }
        }
    }

    /// A null field is an absent one, unless its schema gives null a meaning.
    fn entry(&mut self, schema: &Schema, entry: &'n Entry) {
        if entry.value.kind != Kind::Null {
            self.value(schema, &entry.value, entry.key_place);
        }
    }

    fn missing(&mut self, name: &str, node: &Node, key: Place) {
        let place = match node.entry(name) {
            Some(entry) => entry.value.place,
            None => key,
        };
        let field = self.path_to(name);
        let message = format!("`{field}` is missing");
        let finding = Diagnostic::new(code!("manifest-field-missing"), message).at(place, "");
        let finding = finding.help(format!("add `{name}`: a {} cannot be without it", self.kind));
        self.found.push(finding.follows(field_of(node, name)));
    }

    fn unknown_field(&mut self, fields: &Fields, entry: &Entry, node: &Node) {
        let message = format!("`{}` is not a field of {}", self.path_text(), self.kind);
        let finding = Diagnostic::new(code!("manifest-field-unknown"), message).at(entry.key_place, "");
        let known = fields.known.names();
        let same_letters = fields.known.names().find(|name| name.eq_ignore_ascii_case(&entry.key));
        self.found.push(match same_letters.or_else(|| nearest(&entry.key, known)) {
            Some(meant) => {
                finding.edit(entry.key_place, meant, format!("did you mean `{meant}`?")).breaks(field_of(node, meant))
            }
            None if fields.known.len() == 0 => finding.help("nothing can be written here"),
            None if fields.known.len() <= 12 => {
                let known: Vec<String> = fields.known.names().map(|name| format!("`{name}`")).collect();
                finding.help(format!("what can be written here is {}", known.join(", ")))
            }
            None => finding.help("look where it belongs; an indentation too many or too few is the usual cause"),
        });
    }

    /// Labels and annotations of an object or of the objects it makes.
    fn labels(&mut self, metadata: &'n Node) {
        for (field, values_too) in [("labels", true), ("annotations", false)] {
            self.path.push(Step::Field(field));
            for entry in metadata.get(field).map(Node::entries).unwrap_or_default() {
                if !self.is_deferred(&entry.key) && !is_qualified_name(&entry.key) {
                    let message = format!("`{}` cannot be a key of `{}`", entry.key, self.path_text());
                    let help =
                        "a key is up to 63 letters, digits, `-`, `_` and `.`, with an optional `domain/` before it";
                    self.found
                        .push(Diagnostic::new(code!("manifest-value"), message).at(entry.key_place, "").help(help));
                }
                if let Some(value) = entry.value.as_str()
                    && values_too
                    && !self.is_deferred(value)
                    && !is_label_value(value)
                {
                    let message = format!("`{}` has a value no label can have", self.path_to(&entry.key));
                    let help = "a label's value is up to 63 letters, digits, `-`, `_` and `.`, and begins and ends with a letter or digit";
                    self.found
                        .push(Diagnostic::new(code!("manifest-value"), message).at(entry.value.place, "").help(help));
                }
            }
            self.path.pop();
        }
    }

    /// The object's own name and namespace.
    fn name(&mut self, document: &Node) {
        let Some(metadata) = document.get("metadata") else { return };
        if let Some(node) = metadata.get("name")
            && let Some(name) = node.as_str().filter(|name| !name.is_empty() && !self.is_deferred(name))
            && !(self.native && OWN_NAMES.contains(&self.kind))
        {
            let label = self.native && matches!(self.kind, "Namespace" | "Service");
            if label && !is_dns_label(name) {
                self.bad_name("metadata.name", name, node, "up to 63 lower-case letters, digits and `-`");
            } else if !is_dns_name(name) {
                self.bad_name("metadata.name", name, node, "up to 253 lower-case letters, digits, `-` and `.`");
            }
        }
        if let Some(node) = metadata.get("namespace")
            && let Some(namespace) =
                node.as_str().filter(|namespace| !namespace.is_empty() && !self.is_deferred(namespace))
            && !is_dns_label(namespace)
        {
            self.bad_name("metadata.namespace", namespace, node, "up to 63 lower-case letters, digits and `-`");
        }
    }

    fn bad_name(&mut self, field: &str, name: &str, node: &Node, form: &str) {
        let message = format!("`{name}` cannot be the `{field}` of a {}", self.kind);
        let help = format!("a name is {form}, and begins and ends with a letter or digit");
        self.found.push(Diagnostic::new(code!("manifest-value"), message).at(node.place, "").help(help));
    }

    fn path_text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) if name.contains(['.', '/']) => {
                    let _ = write!(text, "[{name}]");
                }
                Step::Field(name) => {
                    let _ = write!(text, ".{name}");
                }
                Step::Item(index) => {
                    let _ = write!(text, "[{index}]");
                }
            }
        }
        text
    }

    fn path_to(&self, field: &str) -> String {
        match self.path_text() {
            path if path.is_empty() => field.to_owned(),
            path if field.contains(['.', '/']) => format!("{path}[{field}]"),
            path => format!("{path}.{field}"),
        }
    }

    /// The path with what is written there, unless that is long or may be secret.
    fn path_with(&self, written: &str) -> String {
        let path = self.path_text();
        if self.secret || written.is_empty() || written.chars().count() > 40 || written.contains(['\n', '`']) {
            return path;
        }
        format!("{path}: {written}")
    }
}

fn offered(finding: Diagnostic, place: Place, field: &str, versions: &[String]) -> Diagnostic {
    match versions {
        [only] => finding.edit(place, only, format!("write `{field}: {only}`")),
        [] => finding,
        several => finding.help(format!(
            "it is served at {}",
            several.iter().map(|version| format!("`{version}`")).collect::<Vec<_>>().join(", ")
        )),
    }
}

fn choice_text(choice: &Value) -> String {
    choice.as_str().map_or_else(|| choice.to_string(), str::to_owned)
}

fn kind_of(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Null => "null",
        Kind::Bool(_) => "a boolean",
        Kind::Number(_) => "a number",
        Kind::String(_) => "a string",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a map",
    }
}

fn wanted_text(shape: &Shape) -> &'static str {
    match shape {
        Shape::Anything | Shape::Reference(_) => "anything",
        Shape::Flag => "`true` or `false`",
        Shape::Whole { .. } => "a whole number",
        Shape::Number(_) => "a number",
        Shape::Text(_) => "a string",
        Shape::WholeOrText => "a whole number or a string",
        Shape::Quantity => "a quantity",
        Shape::List(_) => "a list",
        Shape::Map(_) => "a map",
    }
}

fn is_whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// The decoder of the API server skips line breaks and insists on padding.
fn is_base64(text: &str) -> bool {
    let mut length = 0_usize;
    let mut padding = 0_usize;
    for byte in text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        length += 1;
    }
    length.is_multiple_of(4) && padding <= 2
}

/// `1`, `1.5Gi`, `100m`, `1e3`.
fn is_quantity(text: &str) -> bool {
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = number.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(number.len());
    let (digits, suffix) = number.split_at(end);
    let has_digit = digits.contains(|letter: char| letter.is_ascii_digit());
    has_digit && digits.matches('.').count() <= 1 && is_quantity_suffix(suffix)
}

fn is_quantity_suffix(suffix: &str) -> bool {
    let known = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let exponent = suffix.strip_prefix(['e', 'E']).map(|power| power.strip_prefix(['+', '-']).unwrap_or(power));
    let is_exponent =
        exponent.is_some_and(|power| !power.is_empty() && power.bytes().all(|byte| byte.is_ascii_digit()));
    known.contains(&suffix) || is_exponent
}

fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().next().is_some_and(inner)
        && text.bytes().next_back().is_some_and(inner)
        && text.bytes().all(|byte| inner(byte) || byte == b'-')
}

fn is_dns_name(text: &str) -> bool {
    // The parts of a subdomain have no limit of their own here, only the whole has.
    let part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        part.bytes().next().is_some_and(inner)
            && part.bytes().next_back().is_some_and(inner)
            && part.bytes().all(|byte| inner(byte) || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

fn is_qualified_name(text: &str) -> bool {
    let name = match text.split_once('/') {
        // The API server lowers annotations before it looks; labels it does not, and nobody writes capitals there.
        Some((domain, name)) if is_dns_name(&domain.to_ascii_lowercase()) => name,
        Some(_) => return false,
        None => text,
    };
    !name.is_empty() && is_label_value(name)
}

fn is_label_value(text: &str) -> bool {
    let outer = |byte: u8| byte.is_ascii_alphanumeric();
    text.is_empty()
        || text.len() <= 63
            && text.bytes().next().is_some_and(outer)
            && text.bytes().next_back().is_some_and(outer)
            && text.bytes().all(|byte| outer(byte) || matches!(byte, b'-' | b'_' | b'.'))
}
