//! Selectors of objects, as patches and replacements name their targets.

use std::borrow::Cow;

use regex::Regex;

use super::{Id, Resource, Stop, edit, fails};
use crate::{node::Node, source::Place};

/// What objects are picked by; whatever is left out picks every object.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

/// A regular expression that a whole text must match. The common ones need no machine for it.
#[derive(Clone, Debug)]
enum Pattern {
    /// None is given.
    Any,
    /// `.*`
    Every,
    /// Texts in which a dot stands for any letter, as in the name of an API group.
    OneOf(Vec<String>),
    Regex(Box<Regex>),
}

/// A part of a label selector.
#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Exists,
    DoesNotExist,
    In,
    NotIn,
    GreaterThan,
    LessThan,
}

impl Selector {
    /// Reads a selector, which is a map of texts.
    pub(super) fn read(node: &Node) -> Result<Selector, Stop> {
        Ok(Selector {
            group: Pattern::read(node, "group")?,
            version: Pattern::read(node, "version")?,
            kind: Pattern::read(node, "kind")?,
            name: Pattern::read(node, "name")?,
            namespace: Pattern::read(node, "namespace")?,
            labels: requirements(node, "labelSelector")?,
            annotations: requirements(node, "annotationSelector")?,
        })
    }

    /// Whether a patch for this target changes the object: its name and namespace may be the first it had.
    pub(super) fn picks(&self, resource: &Resource) -> Result<bool, Stop> {
        let object = &resource.object;
        let text = |path: &[&str]| object.at(path.iter().copied()).and_then(Node::as_str).unwrap_or_default();
        let api_version = text(&["apiVersion"]);
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        if !(self.kind.matches(text(&["kind"])) && self.group.matches(group) && self.version.matches(version)) {
            return Ok(false);
        }
        let first = resource.past.first();
        let name = text(&["metadata", "name"]);
        if !(self.name.matches(name) || first.is_some_and(|id| self.name.matches(&id.name))) {
            return Ok(false);
        }
        if !matches!(self.namespace, Pattern::Any) {
            let now = resource.identity();
            let first = first.map(|_| resource.original());
            let first = first.as_ref().map(Id::effective_namespace);
            if !(self.namespace.matches(now.effective_namespace())
                || first.is_some_and(|first| self.namespace.matches(first)))
            {
                return Ok(false);
            }
        }
        self.picks_metadata(object)
    }

    /// Whether labels and annotations are as asked for.
    pub(super) fn picks_metadata(&self, object: &Node) -> Result<bool, Stop> {
        let metadata = object.get("metadata");
        let of = |field: &str| metadata.and_then(|metadata| metadata.get(field));
        let holds = |requirements: &[Requirement], map| requirements.iter().all(|requirement| requirement.holds(map));
        let labels = of("labels");
        if let Some(labels) = labels {
            edit::pairs(labels)?;
        }
        Ok(holds(&self.labels, labels) && (self.annotations.is_empty() || holds(&self.annotations, of("annotations"))))
    }

    /// Whether it asks for labels or annotations.
    pub(super) fn asks_for_metadata(&self) -> bool {
        !self.labels.is_empty() || !self.annotations.is_empty()
    }

    /// Whether it asks for nothing but labels and annotations.
    pub(super) fn asks_for_no_id(&self) -> bool {
        [&self.group, &self.version, &self.kind, &self.name, &self.namespace]
            .iter()
            .all(|pattern| matches!(pattern, Pattern::Any))
    }

    /// Whether an object of this name is meant, the namespace taken as it is written.
    pub(super) fn picks_id(&self, id: &Id) -> bool {
        self.kind.matches(&id.kind)
            && self.group.matches(&id.group)
            && self.version.matches(&id.version)
            && self.name.matches(&id.name)
            && self.namespace.matches(&id.namespace)
    }
}

impl Pattern {
    fn read(node: &Node, key: &str) -> Result<Pattern, Stop> {
        let Some(value) = node.get(key).filter(|value| !edit::is_null(value)) else { return Ok(Pattern::Any) };
        let Some(text) = value.as_str() else {
            return Err(fails(format!("`{key}` of a target is not a text"), value.place));
        };
        Pattern::new(text, value.place)
    }

    fn new(text: &str, place: Place) -> Result<Pattern, Stop> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.');
        let plain = |text: &str| text.bytes().all(is_plain);
        match text {
            "" => return Ok(Pattern::Any),
            ".*" => return Ok(Pattern::Every),
            _ => {}
        }
        let text = text.strip_prefix('^').unwrap_or(text);
        let inner = text.strip_suffix('$').unwrap_or(text);
        if plain(inner) {
            return Ok(Pattern::OneOf(vec![inner.to_owned()]));
        }
        if text.split('|').all(plain) {
            return Ok(Pattern::OneOf(text.split('|').map(str::to_owned).collect()));
        }
        match Regex::new(&format!("^(?:{})$", as_go_reads(text))) {
            Ok(regex) => Ok(Pattern::Regex(Box::new(regex))),
            Err(_) => Err(fails(format!("`{text}` is no regular expression"), place)),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Any | Pattern::Every => true,
            Pattern::OneOf(texts) => texts.iter().any(|one| is_alike(one, text)),
            Pattern::Regex(regex) => regex.is_match(text),
        }
    }
}

/// Whether a text is this one; a dot in the pattern stands for any letter.
fn is_alike(pattern: &str, text: &str) -> bool {
    pattern == text
        || pattern.contains('.')
            && pattern.len() <= text.len()
            && pattern.chars().count() == text.chars().count()
            && pattern.chars().zip(text.chars()).all(|(one, other)| one == other || one == '.' && other != '\n')
}

impl Requirement {
    fn holds(&self, map: Option<&Node>) -> bool {
        let value = map.and_then(|map| map.get(&self.key)).map(text_of);
        let within = |value: &str| self.values.iter().any(|one| one == value);
        let number = |text: &str| text.parse::<i64>().ok();
        match (self.operator, value) {
            (Operator::Exists, value) => value.is_some(),
            (Operator::DoesNotExist, value) => value.is_none(),
            (Operator::In, value) => value.is_some_and(|value| within(&value)),
            (Operator::NotIn, value) => value.is_none_or(|value| !within(&value)),
            (Operator::GreaterThan, Some(value)) => {
                number(&value).zip(number(&self.values[0])).is_some_and(|(own, limit)| own > limit)
            }
            (Operator::LessThan, Some(value)) => {
                number(&value).zip(number(&self.values[0])).is_some_and(|(own, limit)| own < limit)
            }
            (Operator::GreaterThan | Operator::LessThan, None) => false,
        }
    }
}

fn text_of(node: &Node) -> Cow<'_, str> {
    match node.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(edit::scalar_text(node).unwrap_or_default()),
    }
}

/// Reads a label selector: `app=x, tier in (a, b), !old`.
fn requirements(node: &Node, key: &str) -> Result<Vec<Requirement>, Stop> {
    let Some(value) = node.get(key).filter(|value| !edit::is_null(value)) else { return Ok(Vec::new()) };
    let Some(text) = value.as_str() else {
        return Err(fails(format!("`{key}` of a target is not a text"), value.place));
    };
    let mut words = Words { words: words(text), at: 0 };
    words.requirements().map_err(|what| fails(format!("`{text}` is no label selector: {what}"), value.place))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Sign(&'static str),
}

fn words(text: &str) -> Vec<Word> {
    const SIGNS: [&str; 10] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<", "in"];
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', '\r', '\n']);
    while !rest.is_empty() {
        if let Some(sign) = SIGNS[..9].iter().find(|sign| rest.starts_with(**sign)) {
            words.push(Word::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let end = rest.find(['=', '!', '(', ')', ',', '>', '<', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
            words.push(Word::Text(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }
    words
}

struct Words {
    words: Vec<Word>,
    at: usize,
}

impl Words {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word
    }

    fn is_next(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Word::Sign(next)) if *next == sign)
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut list = Vec::new();
        if self.peek().is_none() {
            return Ok(list);
        }
        loop {
            list.push(self.requirement()?);
            match self.next() {
                None => return Ok(list),
                Some(Word::Sign(",")) if self.peek().is_some() => {}
                Some(_) => return Err("parts are parted by commas".into()),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let not = self.is_next("!");
        if not {
            self.next();
        }
        let Some(Word::Text(key)) = self.next() else { return Err("a key is missing".into()) };
        if !is_label_key(&key) {
            return Err(format!("`{key}` is no key of a label"));
        }
        if not || self.peek().is_none() || self.is_next(",") {
            let operator = if not { Operator::DoesNotExist } else { Operator::Exists };
            return Ok(Requirement { key, operator, values: Vec::new() });
        }
        let operator = match self.next() {
            Some(Word::Sign("=" | "==")) => Operator::In,
            Some(Word::Sign("!=")) => Operator::NotIn,
            Some(Word::Sign(">")) => Operator::GreaterThan,
            Some(Word::Sign("<")) => Operator::LessThan,
            Some(Word::Text(word)) if word == "in" || word == "notin" => {
                let values = self.values()?;
                let operator = if word == "in" { Operator::In } else { Operator::NotIn };
                return checked(Requirement { key, operator, values });
            }
            _ => return Err(format!("`{key}` is compared with nothing it could be")),
        };
        let value = match self.peek() {
            None | Some(Word::Sign(",")) => String::new(),
            Some(Word::Text(text)) => {
                let text = text.clone();
                self.next();
                text
            }
            Some(Word::Sign(_)) => return Err(format!("`{key}` is compared with no value")),
        };
        checked(Requirement { key, operator, values: vec![value] })
    }

    /// `(a, b)`; an empty place between commas is the empty value.
    fn values(&mut self) -> Result<Vec<String>, String> {
        if self.next() != Some(Word::Sign("(")) {
            return Err("`in` and `notin` take a list in parentheses".into());
        }
        let mut values = Vec::new();
        let mut wants = true;
        loop {
            match self.next() {
                Some(Word::Text(text)) if wants => {
                    values.push(text);
                    wants = false;
                }
                Some(Word::Sign(",")) => {
                    if wants {
                        values.push(String::new());
                    }
                    wants = true;
                }
                Some(Word::Sign(")")) => {
                    if wants {
                        values.push(String::new());
                    }
                    return Ok(values);
                }
                _ => return Err("the list of values does not end".into()),
            }
        }
    }
}

fn checked(requirement: Requirement) -> Result<Requirement, String> {
    for value in &requirement.values {
        if !is_label_value(value) {
            return Err(format!("`{value}` cannot be the value of a label"));
        }
        let compares = matches!(requirement.operator, Operator::GreaterThan | Operator::LessThan);
        if compares && value.parse::<i64>().is_err() {
            return Err(format!("`{value}` is not a whole number"));
        }
    }
    Ok(requirement)
}

fn is_label_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let part = |part: &str| {
        let within = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.bytes().all(within) && !part.starts_with('-') && !part.ends_with('-')
    };
    let is_domain = |prefix: &str| prefix.len() <= 253 && prefix.split('.').all(part);
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_domain)
}

fn is_label_value(value: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && edge(bytes.first())
        && edge(bytes.last())
}

/// A regular expression of Go, in which a brace that counts nothing is a brace.
pub(super) fn as_go_reads(pattern: &str) -> String {
    let mut read = String::with_capacity(pattern.len());
    let mut escaped = false;
    for (at, symbol) in pattern.char_indices() {
        let rest = &pattern[at + 1..];
        let counts = |rest: &str| {
            let inner = rest.split('}').next().filter(|inner| inner.len() < rest.len());
            inner.is_some_and(|inner| {
                let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
                !least.is_empty() && (least.to_owned() + most).bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let is_name =
            pattern[..at].ends_with("\\p") || pattern[..at].ends_with("\\P") || pattern[..at].ends_with("\\x");
        if symbol == '{' && !escaped && !is_name && !counts(rest) {
            read.push('\\');
        }
        escaped = symbol == '\\' && !escaped;
        read.push(symbol);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_dots_matches_what_its_regular_expression_does() {
        for pattern in ["helm.toolkit.fluxcd.io", "v1", "a.c", "...", "."] {
            let regex = Regex::new(&format!("^(?:{pattern})$")).expect("it is one");
            for text in
                ["helm.toolkit.fluxcd.io", "helm-toolkit.fluxcd.io", "v1", "v11", "abc", "a.c", "a\nc", "äöü", "", "ac"]
            {
                assert_eq!(is_alike(pattern, text), regex.is_match(text), "{pattern} {text:?}");
            }
        }
    }
}
