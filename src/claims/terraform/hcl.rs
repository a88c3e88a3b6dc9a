//! Terraform's language, read into a small tree that remembers where everything was written.

use std::ops::Range;

use hcl_edit::{
    Span as _, expr as their,
    structure::{Body as TheirBody, Structure},
    template::{Directive, Element, Strip, Template},
};
use serde_json::Number;

use crate::source::{Place, SourceId, Span};

/// What a block holds.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// `key = value`, in the order written.
    pub attributes: Vec<Attribute>,
    /// Nested blocks, in the order written.
    pub blocks: Vec<Block>,
}

/// `key = value`.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The key.
    pub key: String,
    /// The key as written.
    pub key_place: Place,
    /// The value.
    pub value: Expression,
}

/// `resource "helm_release" "cilium" { … }`.
#[derive(Clone, Debug)]
pub struct Block {
    /// `resource`, `module`, `locals`, ….
    pub kind: String,
    /// The labels after it.
    pub labels: Vec<String>,
    /// What it holds.
    pub body: Body,
    /// Its kind and labels as written.
    pub place: Place,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expression {
    /// As written.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What an expression is.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Expression>),
    Object(Vec<(Expression, Expression)>),
    Template(Vec<Part>),
    Variable(String),
    /// Condition, then, else.
    Conditional(Box<[Expression; 3]>),
    Call {
        name: String,
        arguments: Vec<Expression>,
        /// Whether the last argument is spread (`...`).
        spread: bool,
    },
    Traversal(Box<Expression>, Vec<Step>),
    /// `-` or `!`.
    Unary(&'static str, Box<Expression>),
    Binary(&'static str, Box<(Expression, Expression)>),
    For(Box<For>),
}

/// One step into a value.
#[derive(Clone, Debug)]
pub enum Step {
    /// `.name`
    Attribute(String),
    /// `[0]` or `["key"]`
    Index(Expression),
    /// `[*]` or `.*`
    Splat,
}

/// `[for key, value in collection : result if condition]`, or the same in braces.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct For {
    pub key_name: Option<String>,
    pub value_name: String,
    pub collection: Expression,
    pub key: Option<Expression>,
    pub value: Expression,
    pub condition: Option<Expression>,
    /// Whether values of one key are gathered into a list.
    pub groups: bool,
}

/// A part of a template.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Part {
    Text(String),
    Value(Expression),
    If(Expression, Vec<Part>, Vec<Part>),
    For { key_name: Option<String>, value_name: String, collection: Expression, parts: Vec<Part> },
}

/// Where a text stops being Terraform's language, and what was expected there.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The character that cannot stand there.
    pub place: Place,
    /// What is wrong, in the parser's words.
    pub message: String,
}

impl Body {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Expression> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
    }

    /// The blocks of a kind.
    pub fn blocks_of<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = &'b Block> {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }
}

impl Block {
    /// A label.
    pub fn label(&self, index: usize) -> &str {
        self.labels.get(index).map_or("", String::as_str)
    }
}

/// Reads a `.tf` or `.tfvars` text.
pub fn read(source: SourceId, text: &str) -> Result<Body, Fault> {
    // Terraform takes a byte order mark; blanks of the same length keep every place.
    let marked = text.strip_prefix('\u{feff}').map(|rest| format!("   {rest}"));
    let text = marked.as_deref().unwrap_or(text);
    let reader = Reader { source };
    hcl_edit::parser::parse_body(text).map(|body| reader.body(&body)).map_err(|error| reader.fault(text, &error))
}

/// Reads a text with `${…}` and `%{…}`, as `templatefile` does.
pub fn read_template(source: SourceId, text: &str) -> Result<Vec<Part>, Fault> {
    let reader = Reader { source };
    hcl_edit::parser::parse_template(text)
        .map(|template| reader.parts(&template))
        .map_err(|error| reader.fault(text, &error))
}

struct Reader {
    source: SourceId,
}

impl Reader {
    fn place(&self, span: Option<Range<usize>>) -> Place {
        let span = span.map_or(Span::default(), |span| Span::new(span.start, span.end));
        Place { source: self.source, span }
    }

    fn fault(&self, text: &str, error: &hcl_edit::parser::Error) -> Fault {
        let start = error.location().offset().min(text.len());
        let width = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        Fault { place: self.place(Some(start..start + width)), message: error.message().to_owned() }
    }

    fn body(&self, body: &TheirBody) -> Body {
        let mut read = Body::default();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => read.attributes.push(Attribute {
                    key: attribute.key.as_str().to_owned(),
                    key_place: self.place(attribute.key.span()),
                    value: self.expression(&attribute.value),
                }),
                Structure::Block(block) => {
                    let start = block.ident.span().map_or(0, |span| span.start);
                    let last = block.labels.last().map_or_else(|| block.ident.span(), hcl_edit::Span::span);
                    read.blocks.push(Block {
                        kind: block.ident.as_str().to_owned(),
                        labels: block.labels.iter().map(|label| label.as_str().to_owned()).collect(),
                        body: self.body(&block.body),
                        place: self.place(last.map(|span| start..span.end)),
                    });
                }
            }
        }
        read
    }

    fn all<'e>(&self, expressions: impl Iterator<Item = &'e their::Expression>) -> Vec<Expression> {
        expressions.map(|expression| self.expression(expression)).collect()
    }

    fn boxed(&self, expression: &their::Expression) -> Box<Expression> {
        Box::new(self.expression(expression))
    }

    fn expression(&self, expression: &their::Expression) -> Expression {
        use their::Expression as E;
        let kind = match expression {
            E::Null(_) => Kind::Null,
            E::Bool(flag) => Kind::Bool(*flag.value()),
            E::Number(number) => Kind::Number(number_of(number.value())),
            E::String(text) => Kind::Text(text.value().clone()),
            E::Array(array) => Kind::List(self.all(array.iter())),
            E::Object(object) => Kind::Object(
                object.iter().map(|(key, value)| (self.object_key(key), self.expression(value.expr()))).collect(),
            ),
            E::StringTemplate(template) => Kind::Template(self.elements(template.iter())),
            E::HeredocTemplate(heredoc) => self.heredoc(&heredoc.template),
            E::Parenthesis(inner) => return self.expression(inner.inner()),
            E::Variable(name) => Kind::Variable(name.as_str().to_owned()),
            E::Conditional(parts) => Kind::Conditional(Box::new([
                self.expression(&parts.cond_expr),
                self.expression(&parts.true_expr),
                self.expression(&parts.false_expr),
            ])),
            E::FuncCall(call) => Kind::Call {
                name: call.name.name.as_str().to_owned(),
                arguments: self.all(call.args.iter()),
                spread: call.args.expand_final(),
            },
            E::Traversal(traversal) => {
                let steps = traversal.operators.iter().map(|operator| self.step(operator.value())).collect();
                Kind::Traversal(self.boxed(&traversal.expr), steps)
            }
            E::UnaryOp(operation) => Kind::Unary(operation.operator.value().as_str(), self.boxed(&operation.expr)),
            E::BinaryOp(operation) => Kind::Binary(
                operation.operator.value().as_str(),
                Box::new((self.expression(&operation.lhs_expr), self.expression(&operation.rhs_expr))),
            ),
            E::ForExpr(each) => Kind::For(Box::new(For {
                key_name: each.intro.key_var.as_ref().map(|name| name.as_str().to_owned()),
                value_name: each.intro.value_var.as_str().to_owned(),
                collection: self.expression(&each.intro.collection_expr),
                key: each.key_expr.as_ref().map(|key| self.expression(key)),
                value: self.expression(&each.value_expr),
                condition: each.cond.as_ref().map(|condition| self.expression(&condition.expr)),
                groups: each.grouping,
            })),
        };
        Expression { place: self.place(expression.span()), kind }
    }

    fn object_key(&self, key: &their::ObjectKey) -> Expression {
        match key {
            their::ObjectKey::Ident(name) => {
                Expression { place: self.place(name.span()), kind: Kind::Text(name.as_str().to_owned()) }
            }
            their::ObjectKey::Expression(expression) => self.expression(expression),
        }
    }

    fn step(&self, operator: &their::TraversalOperator) -> Step {
        use their::TraversalOperator as T;
        match operator {
            T::AttrSplat(_) | T::FullSplat(_) => Step::Splat,
            T::GetAttr(name) => Step::Attribute(name.as_str().to_owned()),
            T::Index(expression) => Step::Index(self.expression(expression)),
            T::LegacyIndex(index) => Step::Index(Expression {
                place: self.place(index.span()),
                kind: Kind::Number(Number::from(*index.value())),
            }),
        }
    }

    fn heredoc(&self, template: &Template) -> Kind {
        let mut parts = self.parts(template);
        match parts.as_mut_slice() {
            [] => Kind::Text(String::new()),
            [Part::Text(text)] => Kind::Text(std::mem::take(text)),
            _ => Kind::Template(parts),
        }
    }

    fn parts(&self, template: &Template) -> Vec<Part> {
        self.elements(template.iter())
    }

    /// The parts of a template, with the blanks gone that `~` takes away.
    fn elements<'e>(&self, elements: impl Iterator<Item = &'e Element>) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut trims_next = false;
        for element in elements {
            let trims_this = std::mem::take(&mut trims_next);
            match element {
                Element::Literal(text) => {
                    let text = if trims_this { text.trim_start() } else { text.as_str() };
                    parts.push(Part::Text(text.to_owned()));
                }
                Element::Interpolation(interpolation) => {
                    let (before, after) = trims(interpolation.strip);
                    trim_end(&mut parts, before);
                    trims_next = after;
                    parts.push(Part::Value(self.expression(&interpolation.expr)));
                }
                Element::Directive(directive) => {
                    trims_next = self.directive(directive, &mut parts);
                }
            }
        }
        parts
    }

    /// Adds a directive to the parts; gives whether the blanks after it go.
    fn directive(&self, directive: &Directive, parts: &mut Vec<Part>) -> bool {
        match directive {
            Directive::If(choice) => {
                let (before, first) = trims(choice.if_expr.strip);
                let mut yes = self.parts(&choice.if_expr.template);
                trim_start(&mut yes, first);
                let mut no = Vec::new();
                if let Some(other) = &choice.else_expr {
                    let (last, first) = trims(other.strip);
                    trim_end(&mut yes, last);
                    no = self.parts(&other.template);
                    trim_start(&mut no, first);
                }
                let (last, after) = trims(choice.endif_expr.strip);
                trim_end(if choice.else_expr.is_some() { &mut no } else { &mut yes }, last);
                trim_end(parts, before);
                parts.push(Part::If(self.expression(&choice.if_expr.cond_expr), yes, no));
                after
            }
            Directive::For(each) => {
                let (before, first) = trims(each.for_expr.strip);
                let (last, after) = trims(each.endfor_expr.strip);
                let mut inner = self.parts(&each.for_expr.template);
                trim_start(&mut inner, first);
                trim_end(&mut inner, last);
                trim_end(parts, before);
                parts.push(Part::For {
                    key_name: each.for_expr.key_var.as_ref().map(|name| name.as_str().to_owned()),
                    value_name: each.for_expr.value_var.as_str().to_owned(),
                    collection: self.expression(&each.for_expr.collection_expr),
                    parts: inner,
                });
                after
            }
        }
    }
}

/// Whether blanks before and after go.
fn trims(strip: Strip) -> (bool, bool) {
    (matches!(strip, Strip::Start | Strip::Both), matches!(strip, Strip::End | Strip::Both))
}

fn trim_end(parts: &mut [Part], trims: bool) {
    if let (true, Some(Part::Text(text))) = (trims, parts.last_mut()) {
        text.truncate(text.trim_end().len());
    }
}

fn trim_start(parts: &mut [Part], trims: bool) {
    if let (true, Some(Part::Text(text))) = (trims, parts.first_mut()) {
        *text = text.trim_start().to_owned();
    }
}

fn number_of(number: &hcl_edit::Number) -> Number {
    let whole = number.as_i64().map(Number::from).or_else(|| number.as_u64().map(Number::from));
    whole.or_else(|| number.as_f64().and_then(Number::from_f64)).unwrap_or_else(|| Number::from(0))
}
