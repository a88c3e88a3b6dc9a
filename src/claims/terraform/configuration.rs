//! The modules of a repository, their instances, and what expressions come to in each.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use serde_json::Number;

use super::{
    functions,
    hcl::{self, Block, Body, Expression, For, Kind as Syntax, Part, Step},
    values::{Kind, Pair, Value, placeholder},
};
use crate::{
    repository::{Repository, join, parent, resolve},
    source::Place,
};

/// So many steps the evaluation of a root may take; more is a text made to take forever.
const FUEL: usize = 400_000;
/// And so many all roots of a repository.
const ALL_FUEL: usize = 8_000_000;
/// So deep may values lean on others.
const DEEPEST: usize = 150;
/// So many instances may a `count` or `for_each` make.
const MOST_INSTANCES: usize = 1000;
/// A longer text is not built.
const LONGEST: usize = 1 << 20;

/// A folder of Terraform sources.
#[derive(Debug, Default)]
pub struct Module {
    /// Its folder.
    pub folder: String,
    /// Every top-level block.
    pub blocks: Vec<Block>,
    /// What `terraform.tfvars` and `*.auto.tfvars` set, the last one winning.
    pub given: Vec<hcl::Attribute>,
    variables: HashMap<String, usize>,
    locals: HashMap<String, (usize, usize)>,
    resources: HashMap<(String, String), usize>,
    data: HashMap<(String, String), usize>,
    outputs: HashMap<String, usize>,
    calls: HashMap<String, usize>,
}

impl Module {
    /// A module of these blocks.
    pub fn new(folder: &str, blocks: Vec<Block>, given: Vec<hcl::Attribute>) -> Module {
        let mut module = Module { folder: folder.to_owned(), given, ..Module::default() };
        for (at, block) in blocks.iter().enumerate() {
            let pair = || (block.label(0).to_owned(), block.label(1).to_owned());
            match block.kind.as_str() {
                "variable" => drop(module.variables.insert(block.label(0).to_owned(), at)),
                "output" => drop(module.outputs.insert(block.label(0).to_owned(), at)),
                "module" => drop(module.calls.insert(block.label(0).to_owned(), at)),
                "resource" => drop(module.resources.insert(pair(), at)),
                "data" => drop(module.data.insert(pair(), at)),
                "locals" => {
                    for (index, attribute) in block.body.attributes.iter().enumerate() {
                        module.locals.insert(attribute.key.clone(), (at, index));
                    }
                }
                _ => {}
            }
        }
        module.blocks = blocks;
        module
    }

    /// The blocks of a kind.
    pub fn blocks_of<'m>(&'m self, kind: &'m str) -> impl Iterator<Item = &'m Block> {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }

    /// The folder a call means, where it lies in the repository.
    pub fn source(&self, call: &Block) -> Option<String> {
        let Syntax::Text(source) = &call.body.get("source")?.kind else { return None };
        let local = source.starts_with("./") || source.starts_with("../") || source == "." || source == "..";
        local.then(|| resolve(&self.folder, source)).flatten()
    }
}

/// An instance of a module: a root, or one call of one.
#[derive(Debug)]
pub struct Scope<'r> {
    /// The module.
    pub module: &'r Module,
    /// The folder of the root it belongs to.
    pub root: &'r str,
    /// `module.x.` for each call above it.
    pub prefix: String,
    /// Whether it is certain that it exists.
    pub certain: bool,
    parent: Option<(Frame, &'r Block)>,
    depth: usize,
    memo: RefCell<HashMap<String, Option<(Value, bool)>>>,
    children: RefCell<HashMap<String, Vec<(Value, usize)>>>,
}

/// Where an expression is evaluated: a scope, and the names that loops and instances add.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The scope.
    pub scope: usize,
    each: Option<(Value, Value)>,
    index: Option<usize>,
    names: Rc<Vec<(String, Value)>>,
    /// Whether only `names` are known, as in a template file.
    isolated: bool,
}

impl Frame {
    /// A scope's, without further names.
    pub fn of(scope: usize) -> Frame {
        Frame { scope, ..Frame::default() }
    }
}

/// One of the objects that a block with `count` or `for_each` stands for.
#[derive(Clone, Debug)]
pub struct Instance {
    /// `[0]`, `["key"]`, or nothing.
    pub suffix: String,
    /// Where its expressions are evaluated.
    pub frame: Frame,
    /// Whether it is certain that it exists.
    pub certain: bool,
    key: Option<Value>,
}

/// All modules, and the instances that were asked for.
pub struct Configuration<'r> {
    /// The repository.
    pub repository: &'r Repository,
    /// Folders with Terraform sources.
    pub modules: &'r BTreeMap<String, Module>,
    /// What Terraform objects in the repository set, by the folder they run.
    pub handed: &'r BTreeMap<String, Vec<(String, Value)>>,
    /// Files that sources name: `file("x")`, `templatefile("x", …)`.
    pub files: RefCell<BTreeSet<String>>,
    scopes: RefCell<Vec<Rc<Scope<'r>>>>,
    roots: RefCell<BTreeMap<String, usize>>,
    templates: RefCell<HashMap<String, Option<Rc<Vec<Part>>>>>,
    fuel: Cell<usize>,
    left: Cell<usize>,
    depth: Cell<usize>,
    /// Set while an expression leans on the default of a root's variable, which whoever runs it may override.
    assumed: Cell<bool>,
}

impl<'r> Configuration<'r> {
    /// These modules, without an instance yet.
    pub fn new(
        repository: &'r Repository,
        modules: &'r BTreeMap<String, Module>,
        handed: &'r BTreeMap<String, Vec<(String, Value)>>,
    ) -> Self {
        Configuration {
            repository,
            modules,
            handed,
            files: RefCell::default(),
            scopes: RefCell::default(),
            roots: RefCell::default(),
            templates: RefCell::default(),
            fuel: Cell::new(0),
            left: Cell::new(ALL_FUEL),
            depth: Cell::new(0),
            assumed: Cell::new(false),
        }
    }

    /// A scope.
    pub fn scope(&self, scope: usize) -> Rc<Scope<'r>> {
        Rc::clone(&self.scopes.borrow()[scope])
    }

    /// The scope of a folder that Terraform is run in.
    pub fn root(&self, folder: &str, certain: bool) -> Option<usize> {
        if let Some(scope) = self.roots.borrow().get(folder) {
            return Some(*scope);
        }
        let (folder, module) = self.modules.get_key_value(folder)?;
        let scope = self.add(Scope {
            module,
            root: folder,
            prefix: String::new(),
            certain,
            parent: None,
            depth: 0,
            memo: RefCell::default(),
            children: RefCell::default(),
        });
        self.roots.borrow_mut().insert(folder.clone(), scope);
        Some(scope)
    }

    /// Gives the next root what it may use up.
    pub fn refuel(&self) {
        let left = self.left.get() + self.fuel.get();
        let fresh = FUEL.min(left);
        self.left.set(left - fresh);
        self.fuel.set(fresh);
    }

    fn add(&self, scope: Scope<'r>) -> usize {
        let mut scopes = self.scopes.borrow_mut();
        scopes.push(Rc::new(scope));
        scopes.len() - 1
    }

    /// The instances of a module call, with their scopes.
    pub fn children(&self, scope: usize, call: &str) -> Vec<(Value, usize)> {
        let here = self.scope(scope);
        if let Some(children) = here.children.borrow().get(call) {
            return children.clone();
        }
        // Whatever the count leans on must not ask for the same children again.
        here.children.borrow_mut().insert(call.to_owned(), Vec::new());
        let module = here.module;
        let Some(block) = module.calls.get(call).map(|at| &module.blocks[*at]) else { return Vec::new() };
        let Some(module) = module.source(block).and_then(|folder| self.modules.get(&folder)) else {
            return Vec::new();
        };
        if here.depth > 12 || self.scopes.borrow().len() > 20_000 {
            return Vec::new();
        }
        let mut children = Vec::new();
        for instance in self.instances(&Frame::of(scope), block) {
            let key = instance.key.clone().unwrap_or_else(|| Value::new(block.place, Kind::Null));
            let child = self.add(Scope {
                module,
                root: here.root,
                prefix: format!("{}module.{call}{}.", here.prefix, instance.suffix),
                certain: here.certain && instance.certain,
                parent: Some((instance.frame, block)),
                depth: here.depth + 1,
                memo: RefCell::default(),
                children: RefCell::default(),
            });
            children.push((key, child));
        }
        here.children.borrow_mut().insert(call.to_owned(), children.clone());
        children
    }

    /// What a block's `count` or `for_each` make of it; one instance that is not certain where that cannot be told.
    pub fn instances(&self, frame: &Frame, block: &Block) -> Vec<Instance> {
        let one = |certain: bool| Instance { suffix: String::new(), frame: frame.clone(), certain, key: None };
        if let Some(count) = block.body.get("count") {
            let (value, assumed) = self.assuming(|| self.evaluate(frame, count));
            return match value.as_index() {
                Some(0) if !assumed => Vec::new(),
                Some(0) | None => vec![one(false)],
                Some(count) => (0..count.min(MOST_INSTANCES))
                    .map(|index| Instance {
                        suffix: format!("[{index}]"),
                        frame: Frame { index: Some(index), ..frame.clone() },
                        certain: !assumed,
                        key: Some(Value::new(block.place, Kind::Number(Number::from(index)))),
                    })
                    .collect(),
            };
        }
        let Some(each) = block.body.get("for_each") else { return vec![one(true)] };
        let (value, assumed) = self.assuming(|| self.evaluate(frame, each));
        let pairs: Vec<(Value, Value)> = match &value.kind {
            Kind::Map(pairs) => {
                pairs.iter().map(|pair| (Value::text(pair.key_place, pair.key.clone()), pair.value.clone())).collect()
            }
            Kind::List(items) => items.iter().map(|item| (item.clone(), item.clone())).collect(),
            _ => return vec![one(false)],
        };
        if pairs.is_empty() && assumed {
            return vec![one(false)];
        }
        let instance = |(key, value): (Value, Value)| Instance {
            suffix: key.to_text().map_or_else(|| "[…]".to_owned(), |key| format!("[\"{key}\"]")),
            certain: !assumed && key.as_str().is_some(),
            key: Some(key.clone()),
            frame: Frame { each: Some((key, value)), ..frame.clone() },
        };
        pairs.into_iter().take(MOST_INSTANCES).map(instance).collect()
    }

    /// What something comes to, and whether it leans on a default that may be overridden.
    pub fn assuming<T>(&self, what: impl FnOnce() -> T) -> (T, bool) {
        let before = self.assumed.replace(false);
        let given = what();
        let assumed = self.assumed.get();
        self.assumed.set(before || assumed);
        (given, assumed)
    }

    /// Pays for so many parts; false once nothing is left.
    fn pay(&self, parts: usize) -> bool {
        let left = self.fuel.get().checked_sub(parts);
        self.fuel.set(left.unwrap_or(0));
        left.is_some()
    }

    fn copy(&self, value: &Value) -> Value {
        if self.pay(value.size()) { value.clone() } else { Value::unknown(value.place) }
    }

    /// What an expression comes to.
    pub fn evaluate(&self, frame: &Frame, expression: &Expression) -> Value {
        let depth = self.depth.get();
        if depth >= DEEPEST || !self.pay(1) {
            return Value::unknown(expression.place);
        }
        self.depth.set(depth + 1);
        let value = self.value(frame, expression);
        self.depth.set(depth);
        value
    }

    fn value(&self, frame: &Frame, expression: &Expression) -> Value {
        let place = expression.place;
        let all = |expressions: &[Expression]| expressions.iter().map(|item| self.evaluate(frame, item)).collect();
        let kind = match &expression.kind {
            Syntax::Null => Kind::Null,
            Syntax::Bool(flag) => Kind::Bool(*flag),
            Syntax::Number(number) => Kind::Number(number.clone()),
            Syntax::Text(text) => Kind::Text(text.clone()),
            Syntax::List(items) => Kind::List(all(items)),
            Syntax::Object(entries) => return self.object(frame, place, entries),
            Syntax::Template(parts) => return self.template(frame, place, parts),
            Syntax::Variable(name) => return self.traverse(frame, place, name, &[]),
            Syntax::Traversal(of, steps) => match &of.kind {
                Syntax::Variable(name) => return self.traverse(frame, place, name, steps),
                _ => return self.walk(frame, self.evaluate(frame, of), steps),
            },
            Syntax::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                return match self.evaluate(frame, condition).as_bool() {
                    Some(true) => self.evaluate(frame, yes),
                    Some(false) => self.evaluate(frame, no),
                    None => self.either(frame, place, yes, no),
                };
            }
            Syntax::Call { name, arguments, spread } => return self.call(frame, place, name, arguments, *spread),
            Syntax::Unary(operator, of) => functions::unary(operator, &self.evaluate(frame, of)),
            Syntax::Binary(operator, sides) => {
                functions::binary(operator, &self.evaluate(frame, &sides.0), &self.evaluate(frame, &sides.1))
            }
            Syntax::For(each) => return self.for_each(frame, place, each),
        };
        Value { place, kind }
    }

    /// Both ways of a condition that cannot be told may come to the same.
    fn either(&self, frame: &Frame, place: Place, yes: &Expression, no: &Expression) -> Value {
        let (yes, no) = (self.evaluate(frame, yes), self.evaluate(frame, no));
        if yes.is_whole() && yes.kind == no.kind { yes } else { Value::unknown(place) }
    }

    fn object(&self, frame: &Frame, place: Place, entries: &[(Expression, Expression)]) -> Value {
        let mut pairs: Vec<Pair> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key_place = key.place;
            let Some(key) = self.evaluate(frame, key).to_text() else { continue };
            pairs.retain(|pair| pair.key != key);
            pairs.push(Pair { key, key_place, value: self.evaluate(frame, value) });
        }
        Value { place, kind: Kind::Map(pairs) }
    }

    fn template(&self, frame: &Frame, place: Place, parts: &[Part]) -> Value {
        // `"${x}"` is x itself, whatever its type.
        if let [Part::Value(only)] = parts {
            let value = self.evaluate(frame, only);
            return Value { place: if value.as_str().is_some() { value.place } else { place }, ..value };
        }
        let (mut text, mut whole) = (String::new(), true);
        self.render(frame, parts, &mut text, &mut whole);
        if text.len() > LONGEST || !self.pay(text.len() / 64) {
            return Value::unknown(place);
        }
        let kind = if whole {
            Kind::Text(text)
        } else if parts.iter().any(|part| matches!(part, Part::Text(_))) {
            Kind::Partial(text)
        } else {
            Kind::Unknown
        };
        Value { place, kind }
    }

    fn render(&self, frame: &Frame, parts: &[Part], text: &mut String, whole: &mut bool) {
        for part in parts {
            if text.len() > LONGEST || !self.pay(1) {
                *whole = false;
                return;
            }
            match part {
                Part::Text(more) => text.push_str(more),
                Part::Value(expression) => {
                    let value = self.evaluate(frame, expression);
                    match &value.kind {
                        Kind::Encoded(inner) if inner.is_whole() => {
                            text.push_str(inner.to_node().to_json().to_string().as_str());
                        }
                        Kind::Partial(more) => {
                            text.push_str(more);
                            *whole = false;
                        }
                        _ => match value.to_text() {
                            Some(more) => text.push_str(&more),
                            None => {
                                text.push_str(&placeholder(name_of(expression)));
                                *whole = false;
                            }
                        },
                    }
                }
                Part::If(condition, yes, no) => match self.evaluate(frame, condition).as_bool() {
                    Some(true) => self.render(frame, yes, text, whole),
                    Some(false) => self.render(frame, no, text, whole),
                    None => *whole = false,
                },
                Part::For { key_name, value_name, collection, parts } => {
                    let collection = self.evaluate(frame, collection);
                    let Some(entries) = entries(&collection) else {
                        *whole = false;
                        continue;
                    };
                    for (key, value) in entries {
                        let inner = with_names(frame, key_name.as_deref(), value_name, &key, value);
                        self.render(&inner, parts, text, whole);
                    }
                }
            }
        }
    }

    fn for_each(&self, frame: &Frame, place: Place, each: &For) -> Value {
        let collection = self.evaluate(frame, &each.collection);
        let Some(entries) = entries(&collection) else { return Value::unknown(place) };
        let (mut items, mut pairs): (Vec<Value>, Vec<Pair>) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            if !self.pay(value.size()) {
                return Value::unknown(place);
            }
            let inner = with_names(frame, each.key_name.as_deref(), &each.value_name, &key, value);
            if let Some(condition) = &each.condition {
                match self.evaluate(&inner, condition).as_bool() {
                    Some(true) => {}
                    Some(false) => continue,
                    None => return Value::unknown(place),
                }
            }
            let value = self.evaluate(&inner, &each.value);
            let Some(key) = &each.key else {
                items.push(value);
                continue;
            };
            let key = self.evaluate(&inner, key);
            let Some(name) = key.to_text() else { return Value::unknown(place) };
            match pairs.iter_mut().find(|pair| pair.key == name) {
                Some(pair) if each.groups => {
                    if let Kind::List(values) = &mut pair.value.kind {
                        values.push(value);
                    }
                }
                Some(pair) => pair.value = value,
                None => {
                    let value = if each.groups { Value::new(value.place, Kind::List(vec![value])) } else { value };
                    pairs.push(Pair { key: name, key_place: key.place, value });
                }
            }
        }
        Value { place, kind: if each.key.is_some() { Kind::Map(pairs) } else { Kind::List(items) } }
    }

    fn call(&self, frame: &Frame, place: Place, name: &str, arguments: &[Expression], spread: bool) -> Value {
        match name {
            "try" | "can" => {
                for argument in arguments {
                    let value = self.evaluate(frame, argument);
                    if name == "can" {
                        return match value.kind {
                            Kind::Unknown => value,
                            Kind::Missing => Value::new(place, Kind::Bool(false)),
                            _ => Value::new(place, Kind::Bool(true)),
                        };
                    }
                    if !matches!(value.kind, Kind::Missing) {
                        return value;
                    }
                }
                return Value::unknown(place);
            }
            _ => {}
        }
        let mut values: Vec<Value> = arguments.iter().map(|argument| self.evaluate(frame, argument)).collect();
        if spread && let Some(last) = values.pop() {
            match last.kind {
                Kind::List(items) => values.extend(items),
                _ => return Value::unknown(place),
            }
        }
        match name {
            "file" => self.file(frame, place, &values).unwrap_or_else(|| Value::unknown(place)),
            "fileexists" => match self.path(frame, &values) {
                Some(path) => Value::new(place, Kind::Bool(self.repository.file(&path).is_some())),
                None => Value::unknown(place),
            },
            "templatefile" => self.template_file(frame, &values).unwrap_or_else(|| Value::unknown(place)),
            "fileset" => self.file_set(frame, place, &values).unwrap_or_else(|| Value::unknown(place)),
            "yamldecode" | "jsondecode" => self.decode(place, &values),
            _ => {
                let value = functions::call(name, place, values);
                if self.pay(value.size()) { value } else { Value::unknown(place) }
            }
        }
    }

    /// The path below the repository's root that a function's first argument means: Terraform runs in the root's folder.
    fn path(&self, frame: &Frame, values: &[Value]) -> Option<String> {
        resolve(self.scope(frame.scope).root, values.first()?.as_str()?)
    }

    fn file(&self, frame: &Frame, place: Place, values: &[Value]) -> Option<Value> {
        let path = self.path(frame, values)?;
        self.files.borrow_mut().insert(path.clone());
        let source = self.repository.file(&path)?.source?;
        let text = self.repository.text(&path)?;
        if text.len() > LONGEST || !self.pay(text.len() / 64) {
            return Some(Value::unknown(place));
        }
        let span = crate::source::Span::new(0, text.len());
        Some(Value::text(Place { source, span }, text))
    }

    fn template_file(&self, frame: &Frame, values: &[Value]) -> Option<Value> {
        let path = self.path(frame, values)?;
        let text = self.file(frame, values[0].place, values)?;
        let parts = match self.templates.borrow().get(&path) {
            Some(parts) => parts.clone(),
            None => None,
        };
        let parts = match parts {
            Some(parts) => parts,
            None => {
                let parts = Rc::new(hcl::read_template(text.place.source, text.as_str()?).ok()?);
                self.templates.borrow_mut().insert(path, Some(Rc::clone(&parts)));
                parts
            }
        };
        let names = values.get(1)?.pairs().iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect();
        let inner = Frame { scope: frame.scope, names: Rc::new(names), isolated: true, ..Frame::default() };
        Some(self.template(&inner, text.place, &parts))
    }

    /// `fileset(folder, pattern)`, with `*` and `**` as whole or partial names.
    fn file_set(&self, frame: &Frame, place: Place, values: &[Value]) -> Option<Value> {
        let folder = self.path(frame, values)?;
        let pattern = values.get(1)?.as_str()?;
        let names = self.matching(&folder, pattern)?;
        Some(Value::new(place, Kind::List(names.into_iter().map(|name| Value::text(place, name)).collect())))
    }

    /// The files below a folder that a pattern names, below that folder. None for a pattern that only Go understands.
    fn matching(&self, folder: &str, pattern: &str) -> Option<Vec<String>> {
        if pattern.contains(['[', '\\', '?']) {
            return None;
        }
        let patterns = braces(pattern)?;
        let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let names = self.repository.below(folder).map(|(path, _)| &path[skip..]);
        let names = names.filter(|name| patterns.iter().any(|pattern| matches_path(pattern, name)));
        Some(names.take(MOST_INSTANCES).map(str::to_owned).collect())
    }

    fn decode(&self, place: Place, values: &[Value]) -> Value {
        let Some(value) = values.first() else { return Value::unknown(place) };
        if let Kind::Encoded(inner) = &value.kind {
            return (**inner).clone();
        }
        let documents = value.documents(&self.repository.sources);
        match documents.as_deref() {
            Some([document]) => {
                let value = Value::from_node(document);
                if self.pay(value.size()) { value } else { Value::unknown(place) }
            }
            _ => Value::unknown(place),
        }
    }

    fn traverse(&self, frame: &Frame, place: Place, name: &str, steps: &[Step]) -> Value {
        if let Some((_, value)) = frame.names.iter().rev().find(|(known, _)| known == name) {
            return self.walk(frame, self.copy(value), steps);
        }
        if frame.isolated {
            return Value::unknown(place);
        }
        let word = |at: usize| match steps.get(at) {
            Some(Step::Attribute(word)) => Some(word.as_str()),
            _ => None,
        };
        let found = match (name, word(0)) {
            ("var", Some(variable)) => self.variable(frame.scope, variable).map(|value| (value, 1)),
            ("local", Some(local)) => self.local(frame.scope, local).map(|value| (value, 1)),
            ("each", Some("key")) => frame.each.as_ref().map(|(key, _)| (self.copy(key), 1)),
            ("each", Some("value")) => frame.each.as_ref().map(|(_, value)| (self.copy(value), 1)),
            ("count", Some("index")) => {
                frame.index.map(|index| (Value::new(place, Kind::Number(Number::from(index))), 1))
            }
            ("path", Some(which)) => Some((Value::text(place, self.path_of(frame.scope, which)), 1)),
            ("module", Some(call)) => return self.output(frame, place, call, &steps[1..]),
            ("data", Some(kind)) => {
                let Some(name) = word(1) else { return Value::unknown(place) };
                return self.data(frame, place, (kind, name), &steps[2..]);
            }
            ("each" | "count" | "self" | "terraform", _) => None,
            (kind, Some(name)) => return self.resource(frame, place, (kind, name), &steps[1..]),
            _ => None,
        };
        match found {
            Some((value, used)) => self.walk(frame, value, &steps[used..]),
            None => Value::unknown(place),
        }
    }

    /// Steps into a value.
    fn walk(&self, frame: &Frame, mut value: Value, steps: &[Step]) -> Value {
        for (at, step) in steps.iter().enumerate() {
            let place = value.place;
            let key = match step {
                Step::Attribute(name) => Value::text(place, name.clone()),
                Step::Index(index) => self.evaluate(frame, index),
                Step::Splat => {
                    let items = match value.kind {
                        Kind::List(items) => items,
                        Kind::Null => Vec::new(),
                        Kind::Unknown | Kind::Missing => return Value::unknown(place),
                        _ => vec![value],
                    };
                    let items = items.into_iter().map(|item| self.walk(frame, item, &steps[at + 1..]));
                    return Value::new(place, Kind::List(items.collect()));
                }
            };
            let next = match &mut value.kind {
                Kind::Map(pairs) => match key.to_text() {
                    Some(key) => pairs.iter().position(|pair| pair.key == key).map(|at| pairs.swap_remove(at).value),
                    None => return Value::unknown(place),
                },
                Kind::List(items) => match key.as_index() {
                    Some(index) if index < items.len() => Some(items.swap_remove(index)),
                    Some(_) => None,
                    None => return Value::unknown(place),
                },
                Kind::Null | Kind::Missing => None,
                _ => return Value::unknown(place),
            };
            match next {
                Some(next) => value = next,
                None => return Value::new(place, Kind::Missing),
            }
        }
        value
    }

    /// A value that is found once for a scope; asked for while it is being found, it is unknown.
    fn remembered(&self, scope: usize, key: String, find: impl FnOnce(&Scope<'r>) -> Option<Value>) -> Option<Value> {
        let here = self.scope(scope);
        if let Some(known) = here.memo.borrow().get(&key) {
            let (value, assumed) = known.as_ref()?;
            self.assumed.set(self.assumed.get() || *assumed);
            return Some(self.copy(value));
        }
        here.memo.borrow_mut().insert(key.clone(), None);
        let (value, assumed) = self.assuming(|| find(&here));
        let value = value?;
        here.memo.borrow_mut().insert(key, Some((self.copy(&value), assumed)));
        Some(value)
    }

    /// A variable of a scope: what the caller passes, or what is set beside a root, or the default.
    fn variable(&self, scope: usize, name: &str) -> Option<Value> {
        self.remembered(scope, format!("var.{name}"), |here| {
            let block = &here.module.blocks[*here.module.variables.get(name)?];
            let default = || block.body.get("default").map(|default| self.evaluate(&Frame::of(scope), default));
            if let Some((frame, call)) = &here.parent {
                let passed = call.body.get(name).map(|passed| self.evaluate(frame, passed));
                return match passed {
                    Some(value) if !matches!(value.kind, Kind::Null) => Some(value),
                    passed => default().or(passed),
                };
            }
            let handed = self.handed.get(&here.module.folder).into_iter().flatten();
            if let Some((_, value)) = handed.rev().find(|(known, _)| known == name) {
                return Some(value.clone());
            }
            if let Some(given) = here.module.given.iter().rev().find(|given| given.key == name) {
                return Some(self.evaluate(&Frame::of(scope), &given.value));
            }
            self.assumed.set(true);
            default()
        })
    }

    fn local(&self, scope: usize, name: &str) -> Option<Value> {
        self.remembered(scope, format!("local.{name}"), |here| {
            let (block, attribute) = here.module.locals.get(name)?;
            let expression = &here.module.blocks[*block].body.attributes[*attribute].value;
            Some(self.evaluate(&Frame::of(scope), expression))
        })
    }

    /// `path.module` and its like, seen from the root's folder.
    fn path_of(&self, scope: usize, which: &str) -> String {
        let here = self.scope(scope);
        if which == "module" { relative(here.root, &here.module.folder) } else { ".".to_owned() }
    }

    fn output(&self, frame: &Frame, place: Place, call: &str, steps: &[Step]) -> Value {
        let children = self.children(frame.scope, call);
        let (child, steps) = match (children.as_slice(), steps) {
            ([(key, child)], [Step::Attribute(_), ..]) if matches!(key.kind, Kind::Null) => (*child, steps),
            (_, [Step::Index(index), rest @ ..]) => {
                let index = self.evaluate(frame, index).to_text();
                let chosen = children.iter().find(|(key, _)| index.is_some() && key.to_text() == index);
                match chosen {
                    Some((_, child)) => (*child, rest),
                    None => return Value::unknown(place),
                }
            }
            _ => return Value::unknown(place),
        };
        let [Step::Attribute(name), rest @ ..] = steps else { return Value::unknown(place) };
        self.output_of(child, name).map_or_else(|| Value::unknown(place), |value| self.walk(frame, value, rest))
    }

    fn output_of(&self, scope: usize, name: &str) -> Option<Value> {
        self.remembered(scope, format!("output.{name}"), |here| {
            let output = &here.module.blocks[*here.module.outputs.get(name)?];
            Some(self.evaluate(&Frame::of(scope), output.body.get("value")?))
        })
    }

    fn resource(&self, frame: &Frame, place: Place, (kind, name): (&str, &str), steps: &[Step]) -> Value {
        let module = self.scope(frame.scope).module;
        let Some(at) = module.resources.get(&(kind.to_owned(), name.to_owned())) else {
            return Value::unknown(place);
        };
        self.inside(frame, place, &module.blocks[*at], steps)
    }

    /// What the source of a resource says about one of its attributes.
    fn inside(&self, frame: &Frame, place: Place, block: &Block, steps: &[Step]) -> Value {
        let here = Frame::of(frame.scope);
        let is_many = block.body.get("count").is_some() || block.body.get("for_each").is_some();
        let (inner, steps) = match (is_many, steps) {
            (true, [Step::Index(index), rest @ ..]) => {
                let index = self.evaluate(frame, index).to_text();
                let known = self
                    .instances(&here, block)
                    .into_iter()
                    .find(|instance| index.is_some() && instance.key.as_ref().and_then(Value::to_text) == index);
                match known {
                    Some(instance) => (instance.frame, rest),
                    None => return Value::unknown(place),
                }
            }
            (true, _) => return Value::unknown(place),
            (false, _) => (here, steps),
        };
        self.within(&inner, frame, place, &block.body, steps)
    }

    fn within(&self, frame: &Frame, asking: &Frame, place: Place, body: &Body, steps: &[Step]) -> Value {
        let [Step::Attribute(name), rest @ ..] = steps else { return Value::unknown(place) };
        if let Some(expression) = body.get(name) {
            return self.walk(asking, self.evaluate(frame, expression), rest);
        }
        let (Some(index), Some(rest)) = (
            match rest.first() {
                Some(Step::Index(index)) => self.evaluate(asking, index).as_index(),
                _ => None,
            },
            rest.get(1..),
        ) else {
            return Value::unknown(place);
        };
        match body.blocks_of(name).nth(index) {
            Some(block) => self.within(frame, asking, place, &block.body, rest),
            None => Value::unknown(place),
        }
    }

    fn data(&self, frame: &Frame, place: Place, (kind, name): (&str, &str), steps: &[Step]) -> Value {
        let module = self.scope(frame.scope).module;
        let Some(at) = module.data.get(&(kind.to_owned(), name.to_owned())) else { return Value::unknown(place) };
        let block = &module.blocks[*at];
        let here = Frame::of(frame.scope);
        let given = match (kind, steps) {
            ("local_file" | "local_sensitive_file", [Step::Attribute(what), rest @ ..]) if what == "content" => {
                let path = block.body.get("filename").map(|path| self.evaluate(&here, path));
                path.and_then(|path| self.file(&here, place, &[path])).map(|text| (text, rest))
            }
            ("kubectl_file_documents" | "kubectl_path_documents", [Step::Attribute(what), rest @ ..]) => {
                self.kubectl_documents(&here, kind, block, what).map(|value| (value, rest))
            }
            ("terraform_remote_state", [Step::Attribute(outputs), Step::Attribute(name), rest @ ..])
                if outputs == "outputs" =>
            {
                self.remote_output(&here, block, name).map(|value| (value, rest))
            }
            _ => return self.inside(frame, place, block, steps),
        };
        given.map_or_else(|| Value::unknown(place), |(value, rest)| self.walk(frame, value, rest))
    }

    /// The documents that the kubectl provider splits a text or files into.
    fn kubectl_documents(&self, frame: &Frame, kind: &str, block: &Block, what: &str) -> Option<Value> {
        let texts = if kind == "kubectl_file_documents" {
            vec![self.evaluate(frame, block.body.get("content")?)]
        } else {
            let pattern = self.evaluate(frame, block.body.get("pattern")?);
            let pattern = resolve(self.scope(frame.scope).root, pattern.as_str()?)?;
            let folder = parent(pattern.split(['*', '{']).next().unwrap_or("")).to_owned();
            let below = if folder.is_empty() { pattern.as_str() } else { pattern.get(folder.len() + 1..)? };
            let mut texts = Vec::new();
            for name in self.matching(&folder, below)? {
                let path = join(&folder, &name);
                self.files.borrow_mut().insert(path.clone());
                let (source, text) = (self.repository.file(&path)?.source?, self.repository.text(&path)?);
                texts.push(Value::text(Place { source, span: crate::source::Span::new(0, text.len()) }, text));
            }
            texts
        };
        let mut documents = Vec::new();
        for text in texts {
            for document in text.documents(&self.repository.sources)? {
                let value = Value::from_node(&document);
                documents.push(Value::new(value.place, Kind::Encoded(Box::new(value))));
            }
        }
        let kind = match what {
            "documents" => Kind::List(documents),
            "manifests" => Kind::Map(
                documents
                    .into_iter()
                    .enumerate()
                    .map(|(at, value)| Pair { key: at.to_string(), key_place: value.place, value })
                    .collect(),
            ),
            _ => return None,
        };
        Some(Value::new(block.place, kind))
    }

    /// An output of another root of the repository whose state file lies beside its sources.
    fn remote_output(&self, frame: &Frame, block: &Block, name: &str) -> Option<Value> {
        let backend = self.evaluate(frame, block.body.get("backend")?);
        let config = self.evaluate(frame, block.body.get("config")?);
        let path = (backend.as_str()? == "local").then(|| config.get("path"))??;
        let folder = parent(&resolve(self.scope(frame.scope).root, path.as_str()?)?).to_owned();
        self.output_of(self.root(&folder, true)?, name)
    }
}

/// The last name of a reference, for a placeholder.
fn name_of(expression: &Expression) -> &str {
    match &expression.kind {
        Syntax::Variable(name) => name,
        Syntax::Traversal(of, steps) => {
            let last = steps.iter().rev().find_map(|step| match step {
                Step::Attribute(name) => Some(name.as_str()),
                _ => None,
            });
            last.unwrap_or_else(|| name_of(of))
        }
        _ => "unknown",
    }
}

/// Keys and values of what can be looped over.
fn entries(collection: &Value) -> Option<Vec<(Value, &Value)>> {
    match &collection.kind {
        Kind::List(items) => {
            let key = |at: usize, item: &Value| Value::new(item.place, Kind::Number(Number::from(at)));
            Some(items.iter().enumerate().map(|(at, item)| (key(at, item), item)).collect())
        }
        Kind::Map(pairs) => {
            Some(pairs.iter().map(|pair| (Value::text(pair.key_place, pair.key.clone()), &pair.value)).collect())
        }
        _ => None,
    }
}

fn with_names(frame: &Frame, key_name: Option<&str>, value_name: &str, key: &Value, value: &Value) -> Frame {
    let mut names = (*frame.names).clone();
    names.extend(key_name.map(|name| (name.to_owned(), key.clone())));
    names.push((value_name.to_owned(), value.clone()));
    Frame { names: Rc::new(names), ..frame.clone() }
}

/// The way from one folder to another.
fn relative(from: &str, to: &str) -> String {
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (parts(from), parts(to));
    let shared = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    let way = up.chain(to[shared..].iter().map(String::as_str)).collect::<Vec<_>>().join("/");
    if way.is_empty() { ".".to_owned() } else { way }
}

/// `{a,b}` written out, one level of it.
fn braces(pattern: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = pattern.split_once('{') else { return Some(vec![pattern.to_owned()]) };
    let (choices, after) = rest.split_once('}')?;
    if choices.contains('{') || after.contains('{') {
        return None;
    }
    Some(choices.split(',').map(|choice| format!("{before}{choice}{after}")).collect())
}

/// Whether a path matches a pattern of names with `*`, and `**` for any folders.
fn matches_path(pattern: &str, path: &str) -> bool {
    match pattern.split_once('/') {
        Some(("**", rest)) => {
            matches_path(rest, path) || path.split_once('/').is_some_and(|(_, below)| matches_path(pattern, below))
        }
        Some((first, rest)) => {
            path.split_once('/').is_some_and(|(name, below)| matches_name(first, name) && matches_path(rest, below))
        }
        None if pattern == "**" => true,
        None => !path.contains('/') && matches_name(pattern, path),
    }
}

fn matches_name(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
