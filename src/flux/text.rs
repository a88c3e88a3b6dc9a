//! The YAML text in which Flux substitutes variables: an object as kustomize-controller serialises it.
//!
//! What a `${…}` stands in (quotes, a block, a line that was broken after 80 columns) decides what its value becomes, so every byte
//! counts. The writer is go-yaml 2 behind sigs.k8s.io/yaml: keys in its natural order, lists not indented, blocks for texts of several lines.

use std::cmp::Ordering;

use serde_json::Number;

use crate::{
    node::{Entry, Kind, Node},
    yaml,
};

/// Where a line with spaces is broken.
const WIDTH: usize = 80;
/// A longer key is announced by `?`.
const LONGEST_KEY: usize = 128;

/// The text of an object.
pub fn text(object: &Node) -> String {
    let mut writer = Writer { out: String::new(), column: 0, whitespace: true, at_indent: true };
    writer.node(object, Indent(None), Context::Root);
    writer.line(0);
    writer.out
}

/// The column of a collection; None outside of all.
#[derive(Clone, Copy)]
struct Indent(Option<usize>);

impl Indent {
    fn column(self) -> usize {
        self.0.unwrap_or(0)
    }

    fn deeper(self) -> Indent {
        Indent(Some(self.0.map_or(0, |column| column + 2)))
    }

    /// Where the further lines of a scalar stand.
    fn of_scalar(self) -> usize {
        self.0.unwrap_or(0) + 2
    }
}

/// What a value is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Root,
    Item,
    Value,
}

struct Writer {
    out: String,
    column: usize,
    /// Whether the last thing written was white space, or nothing.
    whitespace: bool,
    /// Whether only indentation stands on this line.
    at_indent: bool,
}

impl Writer {
    fn node(&mut self, node: &Node, indent: Indent, context: Context) {
        match &node.kind {
            Kind::Null => self.plain("null", indent.of_scalar()),
            Kind::Bool(flag) => self.plain(if *flag { "true" } else { "false" }, indent.of_scalar()),
            Kind::Number(number) => self.plain(&self::number(number), indent.of_scalar()),
            Kind::String(text) => self.string(text, indent.of_scalar(), false),
            Kind::List(items) if items.is_empty() => self.empty("[]"),
            Kind::Map(entries) if entries.is_empty() => self.empty("{}"),
            Kind::List(items) => self.list(items, indent, context),
            Kind::Map(entries) => self.map(entries, indent.deeper()),
        }
    }

    fn list(&mut self, items: &[Node], indent: Indent, context: Context) {
        // Behind `key:` a list is not indented; behind `-`, or a key announced by `?`, it is.
        let indent = if context == Context::Value && !self.at_indent { indent } else { indent.deeper() };
        for item in items {
            self.line(indent.column());
            self.mark("-", true, true);
            self.node(item, indent, Context::Item);
        }
    }

    fn map(&mut self, entries: &[Entry], indent: Indent) {
        for entry in sorted(entries) {
            self.line(indent.column());
            if entry.key.len() <= LONGEST_KEY && !entry.key.contains(is_break) {
                self.string(&entry.key, indent.of_scalar(), true);
                self.mark(":", false, false);
            } else {
                self.mark("?", true, true);
                self.string(&entry.key, indent.of_scalar(), false);
                self.line(indent.column());
                self.mark(":", true, true);
            }
            self.node(&entry.value, indent, Context::Value);
        }
    }

    fn empty(&mut self, brackets: &str) {
        self.mark(brackets, true, false);
        self.whitespace = false;
    }

    fn string(&mut self, text: &str, indent: usize, key: bool) {
        let shape = Shape::of(text);
        let several_lines = text.contains('\n');
        if several_lines && shape.block && !key {
            return self.block(text, indent);
        }
        if several_lines || !yaml::is_text_for_kubectl(text) || is_base_60(text) {
            return self.double_quoted(text, indent, !key);
        }
        if shape.plain && !(key && text.is_empty()) {
            self.wrapped(text, indent, !key);
        } else if shape.single_quoted {
            self.single_quoted(text, indent, !key);
        } else {
            self.double_quoted(text, indent, !key);
        }
    }

    fn put(&mut self, character: char) {
        self.out.push(character);
        self.column = if is_break(character) { 0 } else { self.column + 1 };
    }

    /// Goes to a column of a line that holds nothing else yet.
    fn line(&mut self, indent: usize) {
        if !self.at_indent || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.at_indent = true;
    }

    /// Writes `-`, `:`, `?`, a quote or a bracket.
    fn mark(&mut self, mark: &str, apart: bool, indents: bool) {
        if apart && !self.whitespace {
            self.put(' ');
        }
        mark.chars().for_each(|character| self.put(character));
        self.whitespace = false;
        self.at_indent &= indents;
    }

    fn plain(&mut self, text: &str, indent: usize) {
        self.wrapped(text, indent, false);
    }

    /// A text without quotes.
    fn wrapped(&mut self, text: &str, indent: usize, breaks: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        let mut after_space = false;
        for (at, character) in text.char_indices() {
            let is_space = character == ' ';
            if is_space && breaks && !after_space && self.column > WIDTH && !text[at + 1..].starts_with(' ') {
                self.line(indent);
            } else {
                self.put(character);
            }
            after_space = is_space;
            self.at_indent &= is_space;
        }
        self.whitespace = false;
        self.at_indent = false;
    }

    fn single_quoted(&mut self, text: &str, indent: usize, breaks: bool) {
        self.mark("'", true, false);
        let mut after_space = false;
        let mut after_break = false;
        for (at, character) in text.char_indices() {
            let inside = at > 0 && at + 1 < text.len();
            if character == ' ' {
                let next = text[at + 1..].starts_with(' ');
                if breaks && !after_space && self.column > WIDTH && inside && !next {
                    self.line(indent);
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else if is_break(character) {
                self.put(character);
                self.at_indent = true;
                after_break = true;
            } else {
                if after_break {
                    self.line(indent);
                }
                if character == '\'' {
                    self.put('\'');
                }
                self.put(character);
                self.at_indent = false;
                after_space = false;
                after_break = false;
            }
        }
        self.mark("'", false, false);
        self.at_indent = false;
    }

    fn double_quoted(&mut self, text: &str, indent: usize, breaks: bool) {
        self.mark("\"", true, false);
        // go-yaml takes every character of a text for a byte order mark once the first one is.
        let escapes_all = text.starts_with('\u{feff}');
        let mut after_space = false;
        for (at, character) in text.char_indices() {
            if escapes_all || !is_printable(character) || is_break(character) || matches!(character, '"' | '\\') {
                escaped(character).chars().for_each(|part| self.put(part));
                after_space = false;
            } else if character == ' ' {
                let inside = at > 0 && at + 1 < text.len();
                if breaks && !after_space && self.column > WIDTH && inside {
                    self.line(indent);
                    if text[at + 1..].starts_with(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                self.put(character);
                after_space = false;
            }
        }
        self.mark("\"", false, false);
        self.at_indent = false;
    }

    fn block(&mut self, text: &str, indent: usize) {
        self.mark("|", true, false);
        if text.starts_with(|first| first == ' ' || is_break(first)) {
            self.mark("2", false, false);
        }
        let mut last = text.chars().rev();
        match (last.next().is_some_and(is_break), last.next()) {
            (false, _) => self.mark("-", false, false),
            (true, None) => self.mark("+", false, false),
            (true, Some(before)) if is_break(before) => self.mark("+", false, false),
            (true, Some(_)) => {}
        }
        self.put('\n');
        self.at_indent = true;
        self.whitespace = true;
        let mut after_break = true;
        for character in text.chars() {
            let ends = is_break(character);
            if !ends && after_break {
                self.line(indent);
            }
            self.put(character);
            self.at_indent = ends;
            after_break = ends;
        }
    }
}

/// How a text may be written.
struct Shape {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Shape {
    fn of(text: &str) -> Shape {
        let mut shape = Shape { plain: true, single_quoted: true, block: !text.is_empty() };
        if text.starts_with("---") || text.starts_with("...") {
            shape.plain = false;
        }
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            let ends_word = next.is_none_or(is_blank);
            let after_blank = before.is_none_or(is_blank_or_break);
            let indicates = match character {
                ':' => ends_word,
                '#' => after_blank,
                '?' | '-' => before.is_none() && ends_word,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    before.is_none()
                }
                _ => false,
            };
            let at_border = before.is_none() || next.is_none();
            if indicates || is_break(character) || character == ' ' && at_border {
                shape.plain = false;
            }
            if character == ' ' && next.is_none() {
                shape.block = false;
            }
            if character == ' ' && before.is_some_and(is_break) {
                shape.plain = false;
                shape.single_quoted = false;
            }
            if is_break(character) && before == Some(' ') || !is_printable(character) {
                return Shape { plain: false, single_quoted: false, block: false };
            }
            before = Some(character);
        }
        shape
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn is_blank_or_break(character: char) -> bool {
    is_blank(character) || is_break(character) || character == '\0'
}

/// What go-yaml writes as it is: nothing above the first 65,536 characters.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{ffff}')
        && !matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn escaped(character: char) -> String {
    let letter = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            let code = u32::from(character);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{letter}")
}

/// A number as Go writes it: whole ones that fit 64 bits as they are, others in `%g`.
fn number(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    // JSON writes a whole number below 1e21 without an exponent, and 64 bits of it are read back as an integer.
    if float.fract() == 0.0 && float.abs() < 1e21 {
        let whole = format!("{float:.0}");
        if whole == "-0" {
            return "0".to_owned();
        }
        if whole.parse::<i64>().is_ok() || whole.parse::<u64>().is_ok() {
            return whole;
        }
    }
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Hours, minutes and seconds to a YAML 1.1 reader.
fn is_base_60(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or_default();
    let is_first = first.starts_with(|first: char| first.is_ascii_digit())
        && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let rest: Vec<&str> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return false };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    let below_60 = |part: &str| match part.as_bytes() {
        [one] => one.is_ascii_digit(),
        [ten, one] => (b'0'..=b'5').contains(ten) && one.is_ascii_digit(),
        _ => false,
    };
    is_first
        && middle.iter().all(|part| below_60(part))
        && below_60(last)
        && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// The entries of a map in the order of their keys. That order can be a circle (`a2`, `a10`, `a1b`), which the sort of the standard
/// library may answer with a panic, and go-yaml with any order.
fn sorted(entries: &[Entry]) -> Vec<&Entry> {
    let mut sorted: Vec<&Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let at = sorted.partition_point(|before| natural(&before.key, &entry.key).is_le());
        sorted.insert(at, entry);
    }
    sorted
}

/// The order of keys: as text, but numbers in them by value, and letters behind everything else.
fn natural(left: &str, right: &str) -> Ordering {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let Some(at) = (0..left.len().min(right.len())).find(|at| left[*at] != right[*at]) else {
        return left.len().cmp(&right.len());
    };
    let (one, other) = (left[at], right[at]);
    match (one.is_alphabetic(), other.is_alphabetic()) {
        (true, true) => return one.cmp(&other),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let digit = |character: char| character.is_ascii_digit();
    // A zero behind other digits belongs to their number.
    let in_number = (one == '0' || other == '0')
        && left[..at].iter().rev().take_while(|before| digit(**before)).any(|before| *before != '0');
    let value = |text: &[char]| {
        let digits = text[at..].iter().take_while(|character| digit(**character));
        let start = (i64::from(in_number), 0_usize);
        digits.fold(start, |(value, length), character| {
            let next = i64::from(character.to_digit(10).unwrap_or(0));
            (value.wrapping_mul(10).wrapping_add(next), length + 1)
        })
    };
    value(&left).cmp(&value(&right)).then_with(|| one.cmp(&other))
}
