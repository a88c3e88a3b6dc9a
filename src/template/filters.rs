//! How values are printed, and the filters: `to_yaml`, `q`, and careful forms of those that could fill the memory.
//!
//! MiniJinja prints `True`, `None` and lists as Python does, which in YAML are other values or no YAML at all.

use minijinja::{
    Environment, Error, ErrorKind, Output, State, Value,
    value::{Rest, ValueKind, ValueOrKwargs},
};

use super::{OUTPUT_BYTES, Writer};

/// What a rendering may handle in total: bytes of strings, and 32 for every member of a list or map.
const SPENDING: usize = 256 * 1024 * 1024;

/// How deep lists and maps made in a template may nest.
const NESTING: usize = 64;

/// Members a list or map made in a template may have, with all they contain.
const MEMBERS: usize = 200_000;

/// Checks the size of what an operator or literal made; put into templates by [`super::rewrite`].
pub(super) const CHECK: &str = "__size";

/// Gives an operand of `~` as text; put into templates by [`super::rewrite`].
pub(super) const TEXT: &str = "__text";

/// Counts a piece of plain text; put into templates by [`super::rewrite`].
pub(super) const SPEND: &str = "__spend";

#[derive(Default)]
struct Spent(usize);

/// Adds our filters and takes away what could look outside or print internals.
pub(super) fn add(environment: &mut Environment<'static>, writer: Writer) {
    environment.remove_global("debug");
    environment.remove_filter("pprint");
    environment.remove_filter("safe");
    environment.remove_filter("escape");
    environment.remove_filter("e");
    environment.add_filter("to_yaml", move |state: &mut State, value: &Value| to_yaml(state, value, writer));
    environment.add_filter("q", move |value: &Value| text(value).map(|text| (writer.quoted)(&text)));
    environment.add_filter("join", join);
    environment.add_filter(CHECK, |state: &mut State, value: Value| check(state, value));
    environment.add_filter(
        TEXT,
        |value: Value| if value.as_str().is_some() { Ok(value) } else { text(&value).map(Value::from) },
    );
    // A secret of one node is a name here; `talos config` puts the value in.
    environment.add_function("node_secret", |name: String| format!("<gitopsc:node.{name}>"));
    environment.add_function(SPEND, |state: &mut State, bytes: usize| spend(state, bytes).map(|()| ""));
    careful(environment, "replace", minijinja::filters::replace, |arguments| match arguments {
        [value, from, to] => {
            let length = |value: &Value| value.as_str().map_or(0, str::len);
            let found = match (value.as_str(), from.as_str()) {
                (Some(value), Some(from)) => value.matches(from).count(),
                _ => 0,
            };
            found.saturating_mul(length(to))
        }
        _ => 0,
    });
    careful(environment, "format", minijinja::filters::format, |arguments| {
        arguments.first().and_then(Value::as_str).map_or(0, widest)
    });
    careful(environment, "indent", minijinja::filters::indent, indented);
    careful(environment, "tojson", minijinja::filters::tojson, deep_first);
    careful(environment, "string", minijinja::filters::string, deep_first);
    careful(environment, "batch", minijinja::filters::batch, columns);
    careful(environment, "slice", minijinja::filters::slice, columns);
}

/// Replaces a filter by one that first asks how much it might make.
fn careful<F, Rv, Args>(
    environment: &mut Environment<'static>,
    name: &'static str,
    filter: F,
    size: fn(&[Value]) -> usize,
) where
    F: minijinja::functions::Function<Rv, Args>,
    Rv: minijinja::value::FunctionResult,
    Args: for<'a> minijinja::value::FunctionArgs<'a>,
{
    let plain = format!("__{name}");
    environment.add_filter(plain.clone(), filter);
    environment.add_filter(name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = arguments.into_values();
        if size(&arguments) > OUTPUT_BYTES {
            return Err(too_large());
        }
        let made = state.apply_filter(&plain, &arguments)?;
        check(state, made)
    });
}

/// The widest field of a printf format, or too much for a width that the arguments give.
fn widest(format: &str) -> usize {
    if format.contains("%*") || format.contains(".*") {
        return usize::MAX;
    }
    let numbers = format.split(|symbol: char| !symbol.is_ascii_digit()).filter(|digits| !digits.is_empty());
    numbers.map(|digits| digits.parse().unwrap_or(usize::MAX)).fold(0, usize::saturating_add)
}

fn indented(arguments: &[Value]) -> usize {
    let lines = arguments.first().and_then(Value::as_str).map_or(0, |text| text.lines().count());
    let width = |value: &Value| value.as_usize().or_else(|| value.get_attr("width").ok()?.as_usize());
    let width = arguments.iter().skip(1).filter_map(width).max().unwrap_or(4);
    lines.saturating_mul(width)
}

fn deep_first(arguments: &[Value]) -> usize {
    arguments.first().map_or(0, |value| {
        let mut measure = Measure::default();
        match measure.add(value, 0) {
            Ok(()) => measure.bytes,
            Err(_) => usize::MAX,
        }
    })
}

fn columns(arguments: &[Value]) -> usize {
    arguments.get(1).and_then(Value::as_usize).map_or(0, |count| count.saturating_mul(1024))
}

fn too_large() -> Error {
    Error::new(ErrorKind::OutOfFuel, format!("a value grows beyond {} MiB", OUTPUT_BYTES / 1024 / 1024))
}

fn spend(state: &mut State, bytes: usize) -> Result<(), Error> {
    let spent = state.get_or_insert_extension(Spent::default());
    spent.0 = spent.0.saturating_add(bytes);
    if spent.0 > SPENDING {
        return Err(Error::new(ErrorKind::OutOfFuel, "rendering handles too much text"));
    }
    Ok(())
}

/// Passes a value on if it is not too large.
fn check(state: &mut State, value: Value) -> Result<Value, Error> {
    let mut measure = Measure::default();
    match value.kind() {
        ValueKind::String | ValueKind::Seq | ValueKind::Map => measure.add(&value, 0)?,
        ValueKind::Iterable => measure.members = value.len().unwrap_or(0),
        _ => {}
    }
    if measure.bytes > OUTPUT_BYTES || measure.members > MEMBERS {
        return Err(too_large());
    }
    spend(state, measure.bytes + 32 * measure.members)?;
    Ok(value)
}

/// How much a value would print, and how many members it has, at any depth.
#[derive(Default)]
struct Measure {
    bytes: usize,
    members: usize,
}

impl Measure {
    fn add(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > NESTING {
            return Err(Error::new(ErrorKind::OutOfFuel, format!("a value nests deeper than {NESTING}")));
        }
        self.members += 1;
        self.bytes = self.bytes.saturating_add(value.as_str().map_or(8, str::len));
        if self.members > MEMBERS {
            return Err(too_large());
        }
        match value.kind() {
            ValueKind::Seq => {
                for item in value.try_iter()? {
                    self.add(&item, depth + 1)?;
                }
            }
            ValueKind::Map => {
                for key in value.try_iter()? {
                    self.add(&key, depth + 1)?;
                    self.add(&value.get_item(&key)?, depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Writes a value into the output: `{{ … }}`.
pub(super) fn print(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Ok(());
    }
    if let Some(text) = value.as_str() {
        spend(state, text.len())?;
        return Ok(out.write_str(text)?);
    }
    let text = text(value)?;
    Ok(out.write_str(&text)?)
}

/// A scalar as YAML reads it back.
fn text(value: &Value) -> Result<String, Error> {
    let wrong = |what: &str, help: &str| Err(Error::new(ErrorKind::InvalidOperation, format!("{what}\n{help}")));
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number => number(value),
        ValueKind::None => wrong(
            "this is none, which has no text",
            "print it with `| to_yaml`, or give it a value with `| default(…, true)`",
        ),
        ValueKind::Seq | ValueKind::Iterable => wrong(
            "this is a list, which has no text of its own",
            "print it with `| to_yaml`, or as one string with `| join(\",\")`",
        ),
        ValueKind::Map => wrong(
            "this is a map, which has no text of its own",
            "print it with `| to_yaml`, or name one of its members",
        ),
        _ => wrong("this has no text", "call it, or name one of its members"),
    }
}

/// A number in a form that every YAML reader takes for the same number.
fn number(value: &Value) -> Result<String, Error> {
    if value.is_integer() {
        return Ok(value.to_string());
    }
    let float = f64::try_from(value.clone())?;
    if !float.is_finite() {
        return Err(Error::new(ErrorKind::InvalidOperation, "this is not a finite number"));
    }
    let text = format!("{float:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return Ok(text) };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    Ok(format!("{digits}{point}e{sign}{exponent}"))
}

/// A value as YAML. Lists and maps are in block style from column one, so `| indent(n)` puts them anywhere.
fn to_yaml(state: &mut State, value: &Value, writer: Writer) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    check(state, value.clone())?;
    let json = serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, format!("this is not data: {error}")))?;
    let written = (writer.write)(&json);
    Ok(written.trim_end_matches('\n').to_owned())
}

/// The items as one string.
fn join(state: &mut State, items: &Value, separator: Option<String>) -> Result<String, Error> {
    let separator = separator.unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in items.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(&text(&item)?);
        if joined.len() > OUTPUT_BYTES {
            return Err(too_large());
        }
    }
    spend(state, joined.len())?;
    Ok(joined)
}
