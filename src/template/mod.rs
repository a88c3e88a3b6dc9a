//! Renders templates (MiniJinja) and says which line of which template is at fault.
//!
//! A template sees its context and the other templates, nothing else: no file, no network, no environment. What it may cost is
//! limited, so a hostile template of a pull request ends in an error and not in a full disk or memory.
//! This folder alone names MiniJinja.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io,
    sync::{Arc, OnceLock},
};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, syntax::SyntaxConfig};
use serde_json::Value;

use crate::{diagnostic::Diagnostic, source::SourceId};

mod fault;
mod filters;
mod map;
mod rewrite;

pub(crate) use fault::line;
pub use map::{LineMap, Renders};
use rewrite::Rewritten;

/// Where templates live; `include` and `import` name them from here.
pub const FOLDER: &str = "templates/";

/// The most a template may print.
pub const OUTPUT_BYTES: usize = 8 * 1024 * 1024;

/// Instructions a rendering may take; the largest of healthy templates need a few thousand.
const FUEL: u64 = 1_000_000;

/// How deep includes, macros and loops may nest: an include counts ten, a macro four.
const DEPTH: usize = 200;

/// How templates write YAML.
#[derive(Clone, Copy, Debug)]
pub struct Writer {
    /// A value in block style, with a line break at its end.
    pub write: fn(&Value) -> String,
    /// A string as a quoted scalar.
    pub quoted: fn(&str) -> String,
}

/// What a template may name.
#[derive(Clone, Debug)]
pub struct Context(minijinja::Value);

impl Context {
    /// The members of this object become names.
    pub fn new(names: &Value) -> Self {
        Context(minijinja::Value::from(minijinja::value::Serde(names)))
    }

    /// The same with further names; what is there already is shared, not copied.
    #[must_use]
    pub fn with(&self, names: &Value) -> Self {
        let mut merged: Vec<(String, minijinja::Value)> = Vec::new();
        for value in [&self.0, &Context::new(names).0] {
            for key in value.try_iter().into_iter().flatten() {
                let name = key.as_str().unwrap_or_default().to_owned();
                let member = value.get_item(&key).unwrap_or_default();
                merged.retain(|(earlier, _)| *earlier != name);
                merged.push((name, member));
            }
        }
        Context(minijinja::Value::from_pairs(merged))
    }
}

/// A template's text as it was read, and as it is compiled.
#[derive(Debug)]
struct Text {
    source: SourceId,
    content: Box<str>,
    guarded: OnceLock<Rewritten>,
}

/// All templates of a run, by their path below the repository.
#[derive(Debug)]
pub struct Templates {
    writer: Writer,
    texts: BTreeMap<String, Arc<Text>>,
    environment: OnceLock<Environment<'static>>,
}

impl Templates {
    /// No templates yet.
    pub fn new(writer: Writer) -> Self {
        Templates { writer, texts: BTreeMap::new(), environment: OnceLock::new() }
    }

    /// Adds a template, for example `templates/services/gitea/values.yaml.j2`.
    pub fn add(&mut self, path: &str, source: SourceId, text: &str) {
        let text = Text { source, content: text.into(), guarded: OnceLock::new() };
        self.texts.insert(path.to_owned(), Arc::new(text));
        self.environment = OnceLock::new();
    }

    /// Renders a template. The finding of a failure points into the template at fault, which may be an included one.
    pub fn render(&self, path: &str, context: &Context) -> Result<String, Vec<Diagnostic>> {
        let environment = self.environment.get_or_init(|| {
            let texts = self.texts.clone();
            environment(self.writer, move |path| texts.get(path).map(|text| text.guarded().text.clone()))
        });
        render(environment, path, context, OUTPUT_BYTES).map_err(|error| vec![self.diagnose(path, context, &error)])
    }

    /// Says which template line each line of a rendered text comes from. Renders a second time, so ask only for findings.
    pub fn locate(&self, path: &str, context: &Context, rendered: &str) -> LineMap {
        LineMap::new(self, path, context, rendered)
    }
}

impl Text {
    fn guarded(&self) -> &Rewritten {
        self.guarded.get_or_init(|| rewrite::guard(&self.content))
    }
}

/// How our templates are read: `{% … %}` lines leave no trace, the last line break stays.
fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the default delimiters are valid")
}

fn environment(writer: Writer, load: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_syntax(syntax());
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_debug(false);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.set_path_join_callback(|name, _| below_folder(name));
    environment.set_loader(move |path| Ok(load(path)));
    environment.set_formatter(filters::print);
    filters::add(&mut environment, writer);
    environment
}

/// The path of an included template. A name that climbs out of the folder stays as it is, and is found nowhere.
fn below_folder(name: &str) -> Cow<'_, str> {
    let climbs = name.split('/').any(|step| step.is_empty() || step == "." || step == "..");
    if climbs { Cow::Borrowed("..") } else { Cow::Owned(format!("{FOLDER}{name}")) }
}

fn render(environment: &Environment, path: &str, context: &Context, limit: usize) -> Result<String, minijinja::Error> {
    let mut output = Capped { bytes: Vec::new(), limit };
    environment.get_template(path)?.render_captured_to(context.0.clone(), &mut output)?;
    Ok(String::from_utf8(output.bytes).expect("templates and values are UTF-8"))
}

/// Collects output up to a limit.
struct Capped {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
