//! Reading YAML as kustomize does, with the place of every value; the one file that knows the parser.

use std::collections::{BTreeSet, HashMap};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::{
    Ambiguous, Document, Reading,
    scalar::{self, Scalar},
};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Entry, Kind, Node},
    source::{Place, SourceId, Span},
};

/// Levels of nesting, aliases followed; what JSON parsers commonly allow, several times what any manifest needs.
const DEEPEST: usize = 128;
/// Bytes that aliases may add to any text; ten times its size more to a large one.
const LEAST_BUDGET: usize = 16 << 20;
/// What the tags of YAML itself start with; `!!str` is short for it.
const STANDARD: &str = "tag:yaml.org,2002:";
pub(super) const NOT_A_TEXT: &str = "a text for kubectl, no key at all for kustomize in most places";
/// What a value costs besides its text.
const VALUE_COST: usize = 32;

/// Reads all documents of a text. Never panics, and ends soon whatever the text is.
///
/// A document with a broken syntax is left out, the documents around it are read. A map's keys come in the order written,
/// those that `<<` merges into it after its own.
pub fn read(source: SourceId, text: &str) -> Reading {
    read_as(source, text, Dialect::Kustomize)
}

/// Reads all documents of a text as kubectl does, and Flux what it has substituted variables in: `yes` is a boolean, a date is a text,
/// the last of equal keys counts.
pub fn read_for_kubectl(source: SourceId, text: &str) -> Reading {
    read_as(source, text, Dialect::Kubectl)
}

/// Whose reading is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Kustomize,
    Kubectl,
}

fn read_as(source: SourceId, text: &str, dialect: Dialect) -> Reading {
    let reading = read_text(source, text, dialect);
    // For go-yaml an alias ends before a colon, so that `*app: x` has a key. Only then is it worth reading with a space between.
    let ends_with_colon = |finding: &Diagnostic| {
        let place = finding.labels.first()?.place;
        let alias = text.get(place.span.range())?.strip_prefix('*')?;
        (finding.code == code!("yaml-syntax") && alias.ends_with(':')).then_some(place.span.end as usize - 1)
    };
    let mut colons: Vec<usize> = reading.diagnostics.iter().filter_map(ends_with_colon).collect();
    if colons.is_empty() {
        return reading;
    }
    // Wherever the same alias is a key.
    let aliases: BTreeSet<String> = colons.iter().map(|colon| alias_before(text, *colon)).collect();
    for alias in aliases {
        let keys = text.match_indices(alias.as_str()).map(|(at, _)| at + alias.len());
        let keys = keys.filter(|colon| text[*colon..].starts_with(':'));
        colons.extend(keys.filter(|colon| {
            text[colon + 1..].starts_with([' ', '\n', '\r', '\t']) && is_alone(text, colon - alias.len())
        }));
    }
    colons.sort_unstable();
    colons.dedup();
    let mut spaced = String::with_capacity(text.len() + colons.len());
    let mut from = 0;
    for colon in &colons {
        spaced.push_str(&text[from..*colon]);
        spaced.push(' ');
        from = *colon;
    }
    spaced.push_str(&text[from..]);
    let mut reading = read_text(source, &spaced, dialect);
    let moved = |offset: u32| {
        let offset = offset as usize;
        offset - colons.iter().enumerate().filter(|(before, colon)| **colon + before < offset).count()
    };
    let moved = |place: &mut Place| {
        place.span = Span::new(moved(place.span.start), moved(place.span.end));
    };
    for document in &mut reading.documents {
        move_places(&mut document.root, &moved);
        document.ambiguous.iter_mut().for_each(|ambiguous| moved(&mut ambiguous.place));
    }
    reading.diagnostics.iter_mut().flat_map(|finding| &mut finding.labels).for_each(|label| moved(&mut label.place));
    reading
}

/// The alias that ends before a colon, with its star.
fn alias_before(text: &str, colon: usize) -> String {
    let start = text[..colon].rfind('*').expect("the finding is about an alias");
    text[start..colon].to_owned()
}

/// Whether nothing but indentation and the dash of a list stands before it on its line.
fn is_alone(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[line..at].chars().all(|symbol| symbol == ' ' || symbol == '-' || symbol == '?')
}

fn move_places(node: &mut Node, moved: &dyn Fn(&mut Place)) {
    moved(&mut node.place);
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| move_places(item, moved)),
        Kind::Map(entries) => {
            for (key_place, value) in entries.places_mut() {
                moved(key_place);
                move_places(value, moved);
            }
        }
        _ => {}
    }
}

fn read_text(source: SourceId, text: &str, dialect: Dialect) -> Reading {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let budget = LEAST_BUDGET.saturating_add(text.len().saturating_mul(10));
    let mut reader = Reader { source, text, dialect, budget, diagnostics: Vec::new() };
    let mut documents = Vec::new();
    loop {
        match reader.document(&mut parser) {
            Ok(Next::Document(document)) => documents.push(document),
            Ok(Next::Empty) => {}
            Ok(Next::End) => break,
            Err(diagnostic) => {
                reader.diagnostics.push(*diagnostic);
                if !matches!(parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    Reading { documents, diagnostics: reader.diagnostics }
}

enum Next {
    Document(Document),
    Empty,
    End,
}

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// What one run over a text carries from document to document.
struct Reader<'t> {
    source: SourceId,
    text: &'t str,
    dialect: Dialect,
    /// Bytes that aliases may still add.
    budget: usize,
    diagnostics: Vec<Diagnostic>,
}

/// What a scalar stands as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    Value,
    /// It has an anchor, and may be both.
    Either,
}

/// A finished value, with what its use elsewhere would cost.
#[derive(Clone)]
struct Item {
    node: Node,
    /// The text it gives as a key; none where it cannot be one, or will not.
    key: Option<String>,
    /// A plain `<<`.
    merges: bool,
    /// Levels of nesting in it.
    height: usize,
    cost: usize,
}

/// A list or map whose end has not come yet.
struct Open {
    span: Span,
    /// Flow style: its brackets are its borders; a block ends with its last value.
    flow: bool,
    anchor: usize,
    height: usize,
    cost: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    /// Where in `entries` each key is, once there are many; looking along a few is faster.
    index: Option<HashMap<String, usize>>,
    /// The key whose value comes next.
    pending: Option<(String, Place, bool)>,
    /// The value of `<<`, where its key is, and how many entries stand before it.
    merge: Option<(Node, Place, usize)>,
}

impl OpenMap {
    /// Up to here a map has no index.
    const FEW: usize = 48;

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|entry| entry.key == key),
        }
    }

    /// Adds an entry, whose key is new.
    fn push(&mut self, entry: Entry) {
        if let Some(index) = &mut self.index {
            index.insert(entry.key.clone(), self.entries.len());
        }
        self.entries.push(entry);
        if self.index.is_none() && self.entries.len() > Self::FEW {
            let keys = self.entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at));
            self.index = Some(keys.collect());
        }
    }
}

/// What has been read of one document.
#[derive(Default)]
struct Draft {
    open: Vec<Open>,
    root: Option<Item>,
    anchors: HashMap<usize, Item>,
    ambiguous: Vec<Ambiguous>,
    empty: bool,
}

impl Draft {
    fn note(&mut self, place: Place, text: impl Into<String>, readings: &'static str) {
        self.ambiguous.push(Ambiguous { place, text: text.into(), readings });
    }

    /// Whether a key comes next.
    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { kind: OpenKind::Map(OpenMap { pending: None, .. }), .. }))
    }
}

/// A scalar as the parser hands it over.
#[derive(Clone, Copy)]
struct Written<'e> {
    span: Span,
    value: &'e str,
    style: ScalarStyle,
    tag: Option<&'e Tag>,
}

impl Written<'_> {
    fn is_plain(self) -> bool {
        self.style == ScalarStyle::Plain
    }
}

impl<'t> Reader<'t> {
    fn document(&mut self, parser: &mut Parser<'t, StrInput<'t>>) -> Result<Next> {
        let mut draft = Draft::default();
        loop {
            let (event, span) = match parser.next_event() {
                None => return Ok(Next::End),
                Some(Ok(event)) => event,
                Some(Err(error)) => return Err(self.syntax_error(&error, &draft)),
            };
            let range = span.byte_range().unwrap_or_default();
            let span = Span::new(range.start, range.end);
            match event {
                Event::StreamEnd => return Ok(Next::End),
                Event::DocumentEnd => {
                    let Some(item) = draft.root.filter(|_| !draft.empty) else { return Ok(Next::Empty) };
                    return Ok(Next::Document(Document { root: item.node, ambiguous: draft.ambiguous }));
                }
                Event::Scalar(value, style, anchor, tag) => {
                    // The parser writes `~` where nothing is written.
                    let nothing = style == ScalarStyle::Plain && span.start == span.end;
                    let value = if nothing { "" } else { &*value };
                    let scalar = Written { span, value, style, tag: tag.as_deref() };
                    self.check_anchor(anchor, span)?;
                    let role = match (anchor > 0, draft.wants_key()) {
                        (true, _) => Role::Either,
                        (false, true) => Role::Key,
                        (false, false) => Role::Value,
                    };
                    let item = self.scalar_item(&mut draft, scalar, role)?;
                    self.finish(&mut draft, item, anchor)?;
                }
                Event::SequenceStart(style, anchor, _) => {
                    self.check_anchor(anchor, span)?;
                    let flow = style == granit_parser::StructureStyle::Flow;
                    self.open(&mut draft, span, flow, anchor, OpenKind::List(Vec::new()))?;
                }
                Event::MappingStart(style, anchor, _) => {
                    self.check_anchor(anchor, span)?;
                    let flow = style == granit_parser::StructureStyle::Flow;
                    self.open(&mut draft, span, flow, anchor, OpenKind::Map(OpenMap::default()))?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(&mut draft, span)?,
                Event::Alias(id) => {
                    let item = self.alias(&draft, id, span)?;
                    self.finish(&mut draft, item, 0)?;
                }
                Event::UnresolvedAlias(name) => return Err(self.unknown_alias(span, &name)),
                _ => {}
            }
        }
    }

    fn place(&self, span: Span) -> Place {
        Place { source: self.source, span }
    }

    /// The span without white space at its end, such as the line break of a block scalar.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.text.get(span.range()).unwrap_or("");
        Span::new(span.start as usize, span.start as usize + text.trim_end().len())
    }

    fn open(&self, draft: &mut Draft, span: Span, flow: bool, anchor: usize, kind: OpenKind) -> Result<()> {
        if draft.open.len() == DEEPEST {
            return Err(self.too_deep(span));
        }
        draft.open.push(Open { span, flow, anchor, height: 0, cost: VALUE_COST, kind });
        Ok(())
    }

    /// Ends the innermost list or map.
    fn close(&mut self, draft: &mut Draft, end: Span) -> Result<()> {
        let open = draft.open.pop().expect("the parser ends only what it started");
        let (first, last) = match &open.kind {
            OpenKind::List(items) => (None, items.last().map(|item| item.place.span.end)),
            OpenKind::Map(map) => (
                map.entries.iter().map(|entry| entry.key_place.span.start).min(),
                map.entries.iter().map(|entry| entry.value.place.span.end.max(entry.key_place.span.end)).max(),
            ),
        };
        let merge = match &open.kind {
            OpenKind::Map(map) => map.merge.as_ref().map(|(node, key, _)| (key.span.start, node.place.span.end)),
            OpenKind::List(_) => None,
        };
        let span = if open.flow {
            Span { start: open.span.start, end: end.end }
        } else {
            let start = [first, merge.map(|(start, _)| start)].into_iter().flatten().min();
            let last = [last, merge.map(|(_, end)| end)].into_iter().flatten().max();
            let start = start.unwrap_or(open.span.start);
            Span { start, end: last.unwrap_or(open.span.end).max(start) }
        };
        let kind = match open.kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map(map) => Kind::Map(self.merged(map, &mut draft.ambiguous)?.into()),
        };
        let node = Node::new(self.source, self.trimmed(span), kind);
        let item = Item { node, key: None, merges: false, height: open.height + 1, cost: open.cost };
        self.finish(draft, item, open.anchor)
    }

    /// Puts a finished value where it belongs: a key, a value, an item, or the document itself.
    fn finish(&mut self, draft: &mut Draft, item: Item, anchor: usize) -> Result<()> {
        if anchor > 0 {
            self.spend(item.cost, item.node.place.span)?;
            draft.anchors.insert(anchor, item.clone());
        }
        let Some(open) = draft.open.last_mut() else {
            draft.root = Some(item);
            return Ok(());
        };
        open.height = open.height.max(item.height);
        open.cost = open.cost.saturating_add(item.cost);
        match &mut open.kind {
            OpenKind::List(items) => items.push(item.node),
            OpenKind::Map(map) => match map.pending.take() {
                None => {
                    let place = item.node.place;
                    let Some(key) = item.key else { return Err(Self::no_key(place, &item.node.kind)) };
                    map.pending = Some((key, place, item.merges));
                }
                Some((key, place, merges)) => self.entry(map, key, place, merges, item.node),
            },
        }
        Ok(())
    }

    fn entry(&mut self, map: &mut OpenMap, key: String, key_place: Place, merges: bool, value: Node) {
        if merges {
            match &map.merge {
                None => map.merge = Some((value, key_place, map.entries.len())),
                Some((_, first, _)) => self.diagnostics.push(key_twice("<<", key_place, *first)),
            }
            return;
        }
        if let Some(first) = map.position(&key) {
            let first = &mut map.entries[first];
            if self.dialect == Dialect::Kustomize {
                self.diagnostics.push(key_twice(&key, key_place, first.key_place));
            }
            // The last counts: for kubectl, and for kustomize in its own files.
            first.value = value;
            return;
        }
        map.push(Entry { key, key_place, value });
    }

    /// A map's own entries, then those that `<<` brings and nothing before them has.
    fn merged(&self, mut map: OpenMap, ambiguous: &mut Vec<Ambiguous>) -> Result<Vec<Entry>> {
        let Some((node, _, before)) = map.merge.take() else { return Ok(map.entries) };
        let maps = match node.kind {
            Kind::Map(brought) => vec![brought],
            Kind::List(items) => items
                .into_iter()
                .map(|item| match item.kind {
                    Kind::Map(brought) => Ok(brought),
                    _ => Err(Self::no_merge(item.place)),
                })
                .collect::<Result<_>>()?,
            _ => return Err(Self::no_merge(node.place)),
        };
        for brought in maps.into_iter().flatten() {
            match map.position(&brought.key) {
                None => map.push(brought),
                Some(own) if own < before && map.entries[own].value.to_json() != brought.value.to_json() => {
                    let place = map.entries[own].key_place;
                    if !ambiguous.iter().any(|earlier| earlier.place == place) {
                        let text = self.text.get(place.span.range()).unwrap_or_default().to_owned();
                        let readings = "overridden by the `<<` below it for kubectl, kept for kustomize";
                        ambiguous.push(Ambiguous { place, text, readings });
                    }
                }
                Some(_) => {}
            }
        }
        Ok(map.entries)
    }

    fn alias(&mut self, draft: &Draft, id: usize, span: Span) -> Result<Item> {
        let Some(anchored) = draft.anchors.get(&id) else {
            let diagnostic =
                Diagnostic::new(code!("yaml-syntax"), format!("`{}` stands inside what it refers to", self.at(span)))
                    .at(self.place(span), "a value cannot contain itself")
                    .help("write the value out here, or give the anchor to another value");
            return Err(Box::new(diagnostic));
        };
        if draft.open.len() + anchored.height > DEEPEST {
            return Err(self.too_deep(span));
        }
        self.spend(anchored.cost, span)?;
        let mut item = anchored.clone();
        item.node.place = self.place(span);
        Ok(item)
    }

    /// kubectl takes letters, digits, `_` and `-` for the name of an anchor, and nothing else.
    fn check_anchor(&self, anchor: usize, value: Span) -> Result<()> {
        // Looked for last: it goes back through the text.
        if anchor == 0 || self.dialect != Dialect::Kubectl {
            return Ok(());
        }
        let before = self.text.get(..value.start as usize).unwrap_or("");
        let Some(start) = before.rfind('&') else { return Ok(()) };
        let name = self.text[start + 1..].split(char::is_whitespace).next().unwrap_or("");
        let name = name.trim_end_matches([',', ']', '}']);
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            return Ok(());
        }
        let diagnostic = Diagnostic::new(code!("yaml-syntax"), "no anchor has such a name")
            .at(self.place(Span::new(start, start + 1 + name.len())), "")
            .help("quote the value if the `&` belongs to it");
        Err(Box::new(diagnostic))
    }

    fn spend(&mut self, cost: usize, span: Span) -> Result<()> {
        match self.budget.checked_sub(cost) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => Err(Box::new(
                Diagnostic::new(
                    code!("yaml-too-large"),
                    "the aliases of this file repeat more than a cluster could take",
                )
                .at(self.place(span), "the limit is reached here")
                .help("repeat less through aliases, or split the file"),
            )),
        }
    }

    /// A scalar's value, and a note where readers differ about it.
    fn scalar_item(&self, draft: &mut Draft, scalar: Written<'_>, role: Role) -> Result<Item> {
        let empty = scalar.value.is_empty() && scalar.is_plain();
        let span = if empty { scalar.span } else { self.trimmed(scalar.span) };
        draft.empty = empty && draft.open.is_empty() && scalar.tag.is_none();
        if scalar.style == ScalarStyle::DoubleQuoted {
            self.escapes(span)?;
        }
        if let Some(readings) = ambiguity(draft, scalar) {
            let text = if scalar.is_plain() { scalar.value } else { self.first_line(span) };
            draft.note(self.place(span), text, readings);
        }
        let mut value = scalar.value;
        if self.ends_without_line_break(scalar) {
            let readings = "ends in a line break for kubectl, without one for kustomize";
            draft.note(self.place(span), self.first_line(span), readings);
            value = &value[..value.len() - 1];
        }
        if empty && scalar.tag.is_none() && self.is_bare_key(draft, span) {
            return Ok(self.text_item(span, String::new()));
        }
        self.resolved(Written { span, value, ..scalar }, role)
    }

    fn text_item(&self, span: Span, text: String) -> Item {
        let cost = VALUE_COST + text.len();
        let node = Node::new(self.source, span, Kind::String(text.clone()));
        Item { node, key: Some(text), merges: false, height: 0, cost }
    }

    fn resolved(&self, scalar: Written<'_>, role: Role) -> Result<Item> {
        let Written { span, value, style, tag } = scalar;
        let name = tag.and_then(|tag| tag.suffix_in_namespace(STANDARD));
        let custom = tag.is_some_and(|tag| name.is_none() && tag.original() != "!");
        let plain = style == ScalarStyle::Plain;
        let resolved = match name.as_deref() {
            None if plain && !custom => self.plain(value, tag),
            None | Some("str") => Scalar::String,
            Some("binary") => return self.binary(span, value),
            Some(name) => self.tagged(span, name, value)?,
        };
        let key = match &resolved {
            _ if role == Role::Value => None,
            Scalar::Null | Scalar::NotFinite => None,
            Scalar::Bool(flag) => Some(flag.to_string()),
            Scalar::Int(number) => Some(number.to_string()),
            Scalar::Float(float) => Some(scalar::float_key(*float)),
            Scalar::Time(_) | Scalar::String => Some(value.to_owned()),
        };
        let kind = match resolved {
            Scalar::Null => Kind::Null,
            Scalar::Bool(flag) => Kind::Bool(flag),
            Scalar::Int(number) => Kind::Number(number),
            Scalar::Float(float) => Scalar::number(float).map_or(Kind::Null, Kind::Number),
            Scalar::NotFinite => return Err(self.not_finite(span)),
            Scalar::Time(time) => Kind::String(time),
            // Of a key, only the key is kept.
            Scalar::String if role == Role::Key => Kind::Null,
            Scalar::String => Kind::String(value.to_owned()),
        };
        let cost = VALUE_COST + value.len();
        let merges = plain && value == "<<" && (tag.is_none() || name.as_deref() == Some("merge"));
        Ok(Item { node: Node::new(self.source, span, kind), key, merges, height: 0, cost })
    }

    /// A scalar without quotes.
    fn plain(&self, value: &str, tag: Option<&Tag>) -> Scalar {
        match self.dialect {
            Dialect::Kustomize => scalar::resolve(value),
            // A lone `!` makes it a text.
            Dialect::Kubectl if tag.is_some() => Scalar::String,
            Dialect::Kubectl => scalar::resolve_for_kubectl(value),
        }
    }

    /// A scalar with a standard tag; one that does not fit it is an error, as for Go.
    fn tagged(&self, span: Span, tag: &str, value: &str) -> Result<Scalar> {
        let resolved = scalar::resolve(value);
        let fits = match (tag, &resolved) {
            ("null", Scalar::Null)
            | ("bool", Scalar::Bool(_))
            | ("int", Scalar::Int(_))
            | ("float", Scalar::Float(_) | Scalar::Int(_) | Scalar::NotFinite)
            | ("timestamp", Scalar::Time(_)) => true,
            ("null" | "bool" | "int" | "float" | "timestamp", _) => false,
            // Tags Kubernetes has no use for leave a string, as in Go.
            _ => return Ok(Scalar::String),
        };
        if fits {
            return Ok(resolved);
        }
        Err(Box::new(
            Diagnostic::new(code!("yaml-value"), format!("this value is no `!!{tag}`"))
                .at(self.place(span), "")
                .help("drop the tag, or write a value of its type"),
        ))
    }

    /// `!!binary` is the text its base64 stands for.
    fn binary(&self, span: Span, value: &str) -> Result<Item> {
        use base64::Engine as _;
        let packed: String = value.chars().filter(|c| !c.is_whitespace()).collect();
        let text = base64::engine::general_purpose::STANDARD
            .decode(packed)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| {
                Diagnostic::new(code!("yaml-value"), "this `!!binary` is not the base64 of a text")
                    .at(self.place(span), "")
                    .help("write the text itself, or keep the base64 as a string without the tag")
            })?;
        Ok(self.text_item(span, text))
    }

    /// A block scalar at the very end of a text whose last line is not ended: the parser ends it as kubectl does.
    fn ends_without_line_break(&self, scalar: Written<'_>) -> bool {
        matches!(scalar.style, ScalarStyle::Literal | ScalarStyle::Folded)
            && scalar.value.ends_with('\n')
            && !self.text.ends_with(['\n', '\r'])
            && scalar.span.end as usize >= self.text.trim_end().len()
    }

    /// A key in braces with neither `:` nor value, such as `{a, b}`, whose value kustomize takes for an empty string.
    fn is_bare_key(&self, draft: &mut Draft, span: Span) -> bool {
        let Some(Open { flow: true, kind: OpenKind::Map(map), .. }) = draft.open.last() else { return false };
        let Some((_, key, _)) = map.pending else { return false };
        let between = self.text.get(key.span.end as usize..span.start as usize).unwrap_or(":");
        if between.contains(':') || self.text[span.start as usize..].starts_with(':') {
            return false;
        }
        draft.note(key, self.at(key.span), "a key with no value for kubectl, with an empty string for kustomize");
        true
    }

    /// Two escapes of JSON that Go's YAML does not know: `\ud83d\ude00`, one character in two halves, and `\/`.
    fn escapes(&self, span: Span) -> Result<()> {
        let mut escapes = self.at(span).split('\\').skip(1);
        while let Some(escape) = escapes.next() {
            let mut letters = escape.bytes();
            match letters.next() {
                // An escaped backslash: what follows it is text.
                None => drop(escapes.next()),
                Some(b'/') => {
                    let message = "kustomize and kubectl know no escape `\\/`";
                    return Err(self.unknown_escape(span, message, "write the slash alone"));
                }
                Some(b'u') if matches!(letters.next(), Some(b'd' | b'D')) => {
                    if letters.next().is_some_and(|digit| digit.is_ascii_hexdigit() && digit >= b'8') {
                        let message = "kustomize and kubectl know no `\\u` escape for half a character";
                        let help = "write the character itself, or its `\\U` escape of eight digits";
                        return Err(self.unknown_escape(span, message, help));
                    }
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn unknown_escape(&self, span: Span, message: &str, help: &str) -> Box<Diagnostic> {
        Box::new(Diagnostic::new(code!("yaml-syntax"), message).at(self.place(span), "").help(help))
    }

    fn first_line(&self, span: Span) -> &str {
        self.at(span).lines().next().unwrap_or("")
    }

    fn at(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    fn too_deep(&self, span: Span) -> Box<Diagnostic> {
        Box::new(
            Diagnostic::new(code!("yaml-too-deep"), format!("values are nested deeper than {DEEPEST} levels"))
                .at(self.place(Span::new(span.start as usize, span.start as usize)), "here")
                .help(
                    "nest less; the deepest objects of Kubernetes, definitions of custom resources, need half of this",
                ),
        )
    }

    fn not_finite(&self, span: Span) -> Box<Diagnostic> {
        Box::new(
            Diagnostic::new(code!("yaml-value"), format!("`{}` is a number Kubernetes cannot hold", self.at(span)))
                .at(self.place(span), "")
                .help(format!("quote it if it is a text: `\"{}\"`", self.at(span))),
        )
    }

    fn no_key(place: Place, kind: &Kind) -> Box<Diagnostic> {
        let what = match kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            _ => "nothing",
        };
        Box::new(
            Diagnostic::new(code!("yaml-value"), format!("{what} is no key"))
                .at(place, "")
                .help("write a text; quote it if it looks like something else"),
        )
    }

    fn no_merge(place: Place) -> Box<Diagnostic> {
        Box::new(
            Diagnostic::new(code!("yaml-value"), "`<<` merges a map or a list of maps, and this is neither")
                .at(place, "")
                .help("refer to a map: `<<: *name`; a key that is really called `<<` is written in quotes"),
        )
    }

    fn unknown_alias(&self, span: Span, name: &str) -> Box<Diagnostic> {
        Box::new(
            Diagnostic::new(code!("yaml-syntax"), format!("no anchor `&{}` stands before this alias", shortened(name)))
                .at(self.place(span), "")
                .help("define the anchor earlier in the same document, or quote the value if the `*` belongs to it"),
        )
    }

    fn syntax_error(&self, error: &ScanError, draft: &Draft) -> Box<Diagnostic> {
        let offset = error.marker().byte_offset().unwrap_or(self.text.len());
        let span = self.word_at(offset);
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            return self.too_deep(span);
        }
        let (message, help) = explanation(error);
        let mut finding = Diagnostic::new(code!("yaml-syntax"), message).at(self.place(span), "").help(help);
        // Whoever forgets a bracket hears of it only where the next line makes no sense inside.
        if let Some(open) = draft.open.iter().rev().find(|open| open.flow) {
            let start = open.span.start as usize;
            let between = self.text.get(start..span.start as usize).unwrap_or_default();
            if between.contains('\n') {
                finding = finding.at(self.place(Span::new(start, start + 1)), "still open from here");
            }
        }
        Box::new(finding)
    }

    /// The word at an offset, or the last character where the text ends.
    fn word_at(&self, offset: usize) -> Span {
        let mut start = offset.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let word = self.text[start..].split(char::is_whitespace).next().unwrap_or("");
        if !word.is_empty() {
            let length = word.char_indices().nth(40).map_or(word.len(), |(index, _)| index);
            return Span::new(start, start + length);
        }
        let before = self.text[..start].trim_end();
        let last = before.chars().next_back().map_or(0, char::len_utf8);
        if before.is_empty() { Span::new(start, start) } else { Span::new(before.len() - last, before.len()) }
    }
}

/// How readers differ about a scalar, key or value, where they do.
fn ambiguity(draft: &Draft, scalar: Written<'_>) -> Option<&'static str> {
    let value = scalar.value;
    let Some(tag) = scalar.tag else {
        return match (draft.wants_key(), scalar.is_plain()) {
            (true, true) if value == "<<" => None,
            (true, false) if value == "<<" => Some("a key for kubectl, lost by kustomize"),
            (true, true) => key_ambiguity(value),
            (false, true) => scalar::ambiguity(value),
            (_, false) => (scalar.style == ScalarStyle::Folded && value.contains("\n "))
                .then_some("as written for kubectl, with further empty lines for kustomize"),
        };
    };
    let is_number = || !matches!(scalar::resolve(value), Scalar::String | Scalar::Null);
    match tag.suffix_in_namespace(STANDARD).as_deref() {
        None if tag.original() == "!" && scalar.is_plain() && is_number() => {
            Some("a string for kubectl, as if without the `!` for kustomize")
        }
        Some("timestamp") => Some("a string for kubectl, a time that kustomize writes out in full"),
        Some("int" | "float" | "bool") if draft.wants_key() => Some(NOT_A_TEXT),
        _ => None,
    }
}

/// How readers differ about a plain scalar that is a key: kustomize takes texts only.
fn key_ambiguity(value: &str) -> Option<&'static str> {
    match scalar::resolve(value) {
        Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) | Scalar::Time(_) => Some(NOT_A_TEXT),
        _ => scalar::ambiguity(value),
    }
}

fn key_twice(key: &str, second: Place, first: Place) -> Diagnostic {
    Diagnostic::new(code!("key-twice"), format!("key `{}` stands twice in one map", shortened(key)))
        .at(second, "again here")
        .at(first, "first here")
        .help("keep one of the two")
}

/// A value short enough for a message.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What is wrong in words of the file, and the usual way out.
fn explanation(error: &ScanError) -> (String, &'static str) {
    let (message, help) = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => ("a tab stands where YAML wants spaces", "indent with spaces"),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            ("a `[` or `{` is never closed", "close it, or quote the value if the bracket belongs to it")
        }
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            ("this bracket closes nothing that is open", "remove it, or quote the value if it belongs to it")
        }
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::ExpectedFlowMappingSeparator => {
            ("a `,` or a closing bracket is missing before this", "separate the values with `,`, or close the bracket")
        }
        ErrorKind::UnclosedQuotedScalar => ("a quote is never closed", "close the quote"),
        ErrorKind::UnknownQuotedScalarEscape => {
            ("YAML does not know this escape", "write the backslash twice, or use single quotes")
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "a key and its `:` were expected here",
            "check the indentation of this line, and the `:` and quotes before it",
        ),
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed => (
            "this line is indented neither like its neighbours nor like their values",
            "indent it like the lines it belongs to",
        ),
        ErrorKind::UnexpectedCharacter { character: '@' | '`' } => {
            ("no value starts with this character", "quote the value")
        }
        _ => {
            let message = format!("not YAML: {}", error.info());
            return (message, "check the indentation and quotes here and on the line before");
        }
    };
    (message.to_owned(), help)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::{Value, json};

    use super::*;
    use crate::source::Sources;

    fn reading(text: &str) -> (Sources, Reading) {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", text);
        let reading = read(source, text);
        (sources, reading)
    }

    fn values(text: &str) -> Vec<Value> {
        let (_, reading) = reading(text);
        assert_eq!(reading.diagnostics, [], "{text}");
        reading.documents.iter().map(|document| document.root.to_json()).collect()
    }

    /// The codes found, each with the texts it points at.
    fn findings(text: &str) -> Vec<(String, Vec<String>)> {
        let (sources, reading) = reading(text);
        let labels = |diagnostic: &Diagnostic| {
            diagnostic.labels.iter().map(|label| sources.text(label.place).to_owned()).collect()
        };
        reading.diagnostics.iter().map(|diagnostic| (diagnostic.code.to_string(), labels(diagnostic))).collect()
    }

    fn found(code: &str, places: &[&str]) -> (String, Vec<String>) {
        (code.to_owned(), places.iter().map(|&place| place.to_owned()).collect())
    }

    #[test]
    fn every_value_knows_its_text() {
        let text = "# c\na: \"x\" # c\nb:\n  - 1\n  - {c: [d]}\n\ne: |\n  f\n  g\n\n# c\nh: plain  text \n";
        let (sources, reading) = reading(text);
        let root = &reading.documents[0].root;
        let at = |pointer: &str| sources.text(root.pointer(pointer).expect("it is there").place);
        assert_eq!(at("/a"), "\"x\"");
        assert_eq!(at("/b"), "- 1\n  - {c: [d]}");
        assert_eq!(at("/b/1"), "{c: [d]}");
        assert_eq!(at("/b/1/c"), "[d]");
        assert!(at("/e").ends_with("f\n  g"), "{}", at("/e"));
        assert_eq!(at("/h"), "plain  text");
        assert_eq!(sources.text(root.place), text[4..].trim_end());
        assert_eq!(sources.text(root.entry("e").expect("it is there").key_place), "e");
    }

    #[test]
    fn places_count_a_byte_order_mark_and_wide_characters() {
        let (sources, reading) = reading("\u{feff}ä: ö\nb: ü\n");
        let root = &reading.documents[0].root;
        assert_eq!(root.to_json(), json!({"ä": "ö", "b": "ü"}));
        assert_eq!(sources.text(root.entry("ä").expect("it is there").key_place), "ä");
        assert_eq!(sources.text(root.get("b").expect("it is there").place), "ü");
    }

    #[test]
    fn documents_of_comments_alone_are_skipped() {
        assert_eq!(values(""), Vec::<Value>::new());
        assert_eq!(values("# nothing\n"), Vec::<Value>::new());
        assert_eq!(values("---\n# nothing\n---\na: 1\n---\n---\n- 2\n...\n"), [json!({"a": 1}), json!([2])]);
        assert_eq!(values("--- ''\n"), [json!("")]);
    }

    #[test]
    fn an_alias_repeats_the_last_definition_before_it() {
        assert_eq!(
            values("a: &h one\nb: *h\nc: &h two\nd: *h\n"),
            [json!({"a": "one", "b": "one", "c": "two", "d": "two"})]
        );
        let (sources, reading) = reading("a: &h [x]\nb: *h\n");
        assert_eq!(sources.text(reading.documents[0].root.get("b").expect("it is there").place), "*h");
    }

    #[test]
    fn merged_keys_come_after_own_ones_and_yield_to_them() {
        let keys = |text: &str| {
            let (_, reading) = reading(text);
            serde_json::to_string(&reading.documents[1].root.to_json()).expect("a value can be printed")
        };
        let text = "---\nx: 1\n---\nv: {<<: [{p: 1, q: 2}, {q: 3, r: 4}], z: 0, p: 9}\n";
        assert_eq!(keys(text), r#"{"v":{"z":0,"p":9,"q":2,"r":4}}"#);
    }

    #[test]
    fn a_key_before_the_merge_that_overrides_it_is_ambiguous() {
        let (sources, reading) = reading("{q: 9, <<: {q: 2}}\n");
        assert_eq!(reading.documents[0].root.to_json(), json!({"q": 9}));
        let found: Vec<&str> = reading.documents[0].ambiguous.iter().map(|one| sources.text(one.place)).collect();
        assert_eq!(found, ["q"]);
    }

    #[test]
    fn a_key_without_value_in_braces_is_an_empty_string() {
        let (sources, reading) = reading("{a, b: , c: ~}\n");
        assert_eq!(reading.documents[0].root.to_json(), json!({"a": "", "b": null, "c": null}));
        let found: Vec<&str> = reading.documents[0].ambiguous.iter().map(|one| sources.text(one.place)).collect();
        assert_eq!(found, ["a"]);
    }

    #[test]
    fn a_key_that_stands_twice_is_found_with_both_places() {
        assert_eq!(findings("a: 1\nb: 2\na: 3\n"), [found("key-twice", &["a", "a"])]);
        assert_eq!(findings("{1: a, \"1\": b}"), [found("key-twice", &["\"1\"", "1"])]);
        assert_eq!(findings("{<<: {a: 1}, <<: {b: 1}}"), [found("key-twice", &["<<", "<<"])]);
        let (_, reading) = reading("a: 1\na: 2\n");
        assert_eq!(reading.documents[0].root.to_json(), json!({"a": 2}));
    }

    #[test]
    fn a_broken_document_leaves_the_others() {
        let (_, reading) = reading("a: 1\n---\nb: [1\n---\nc: 'x\n---\n*d\n---\ne: 2\n");
        let values: Vec<Value> = reading.documents.iter().map(|document| document.root.to_json()).collect();
        assert_eq!(values.first(), Some(&json!({"a": 1})));
        assert_eq!(values.last(), Some(&json!({"e": 2})));
        assert!(reading.diagnostics.iter().all(|diagnostic| diagnostic.code == code!("yaml-syntax")));
    }

    #[test]
    fn what_kubernetes_cannot_hold_is_an_error_at_its_place() {
        for (text, place) in [
            ("a: .inf", ".inf"),
            ("a: {[x]: 1}", "[x]"),
            ("a: {~: 1}", "~"),
            ("a: !!int x", "x"),
            ("<<: 3", "3"),
            ("<<: [{a: 1}, 3]", "3"),
            ("a: !!binary '*'", "'*'"),
        ] {
            assert_eq!(findings(text), [found("yaml-value", &[place])], "{text}");
        }
    }

    #[test]
    fn syntax_errors_point_at_their_place() {
        assert_eq!(findings("a: *b\n"), [found("yaml-syntax", &["*b"])]);
        assert_eq!(findings("a: &b [*b]\n"), [found("yaml-syntax", &["*b"])]);
        assert_eq!(findings(r#"a: "\ud83d\ude00""#), [found("yaml-syntax", &[r#""\ud83d\ude00""#])]);
        assert_eq!(findings(r#"a: "\/""#), [found("yaml-syntax", &[r#""\/""#])]);
        assert_eq!(values(r#"a: "\\ud83d""#), [json!({"a": "\\ud83d"})]);
        assert_eq!(findings("a:\n\t- b\n").len(), 1);
    }

    #[test]
    fn a_bracket_that_is_not_closed_is_shown_too() {
        assert_eq!(findings("a: [1, 2\nb: 3\n"), [found("yaml-syntax", &[":", "["])]);
        assert_eq!(findings("a: {c: 2\nb: 3\n"), [found("yaml-syntax", &[":", "{"])]);
        assert_eq!(findings("a: [1, 2 ]]\nb: 3\n")[0].1.len(), 1);
    }

    #[test]
    fn hostile_texts_end_soon() {
        let laughs: String = (1..64).fold("a0: &a0 [lol, lol]\n".to_owned(), |text, level| {
            let before = level - 1;
            text + &format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}]\n")
        });
        let ladder: String = (1..100_000)
            .fold("- &a0 [x]\n".to_owned(), |text, level| text + &format!("- &a{level} [*a{}]\n", level - 1));
        let wide = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(10_000));
        for (text, code) in [
            ("[".repeat(100_000), "yaml-too-deep"),
            ("{a: ".repeat(100_000), "yaml-too-deep"),
            ("- ".repeat(100_000), "yaml-too-deep"),
            ("? ".repeat(100_000), "yaml-too-deep"),
            (laughs, "yaml-too-large"),
            (ladder, "yaml-too-deep"),
            (wide, "yaml-too-large"),
            (format!("a: {}", "[".repeat(200) + &"]".repeat(200)), "yaml-too-deep"),
        ] {
            let start = Instant::now();
            let (_, reading) = reading(&text);
            let codes: Vec<&str> = reading.diagnostics.iter().map(|diagnostic| diagnostic.code.name()).collect();
            assert!(codes.contains(&code), "{code}: {codes:?}");
            // Milliseconds on a quiet machine; a hang or an explosion would take minutes on any.
            assert!(start.elapsed() < Duration::from_secs(10), "{code} took {:?}", start.elapsed());
        }
    }

    #[test]
    fn the_deepest_text_that_is_read_can_be_dropped_and_printed() {
        let text = "[".repeat(DEEPEST) + &"]".repeat(DEEPEST);
        assert_eq!(values(&text).len(), 1);
    }
}
