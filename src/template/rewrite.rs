//! What is put into a template before it is compiled: limits that MiniJinja lacks, and marks that survive rendering.
//!
//! MiniJinja counts instructions, not bytes, and forty doublings of a string take a hundred instructions. So operators that grow
//! values, literals that nest them and long pieces of text are wrapped in calls that measure. Nothing inserted contains a line
//! break or changes what is trimmed, so lines stay, and offsets are found again by the list of insertions.

use std::ops::Range;

use minijinja::machinery::{
    Token, ast,
    ast::{BinOpKind, CallArg, Expr, Stmt},
    parse, tokenize,
};

use super::{
    filters::{CHECK, SPEND, TEXT},
    syntax,
};

/// Pieces of plain text from this length on are counted.
const LONG: usize = 128;

/// A template's text with insertions.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// In the order of their offsets.
    insertions: Vec<Insertion>,
    /// Where the template nests deeper than it may. The text then ends there, so that compiling it fails.
    pub(super) too_deep: Option<Range<usize>>,
}

/// Something put into a template.
#[derive(Debug)]
struct Insertion {
    /// Where, in the original text.
    at: usize,
    length: usize,
    /// Where in the original text begins what this closes; `at` if it closes nothing.
    from: usize,
}

/// A text to insert: where, what, and where begins what it closes.
type Piece = (usize, String, usize);

impl Rewritten {
    fn new(text: &str, mut pieces: Vec<Piece>) -> Self {
        pieces.sort_by_key(|(at, _, _)| *at);
        let mut rewritten = Rewritten::default();
        let mut done = 0;
        for (at, piece, from) in pieces {
            rewritten.text.push_str(&text[done..at]);
            rewritten.text.push_str(&piece);
            rewritten.insertions.push(Insertion { at, length: piece.len(), from });
            done = at;
        }
        rewritten.text.push_str(&text[done..]);
        rewritten
    }

    /// The same range in the template as it was written; for a range inside of an insertion, what the insertion is about.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let (start, about) = self.offset(range.start);
        let (end, _) = self.offset(range.end);
        about.unwrap_or(start)..end
    }

    /// An original offset, and where begins what is closed there if the offset is inside of an insertion.
    fn offset(&self, offset: usize) -> (usize, Option<usize>) {
        let mut inserted = 0;
        for insertion in &self.insertions {
            let start = insertion.at + inserted;
            if offset <= start {
                break;
            }
            if offset < start + insertion.length {
                return (insertion.at, Some(insertion.from));
            }
            inserted += insertion.length;
        }
        (offset - inserted, None)
    }
}

/// The text with limits in it. A text that does not parse stays as it is: compiling it gives the finding.
pub(super) fn guard(text: &str) -> Rewritten {
    insert(text, Vec::new())
}

/// The text with limits and marks in it.
pub(super) fn mark(text: &str, template: usize, marks: &[(usize, Mark)]) -> Rewritten {
    let pieces = marks.iter().enumerate().map(|(index, (offset, _))| (*offset, spell(template, index), *offset));
    insert(text, pieces.collect())
}

fn insert(text: &str, mut pieces: Vec<Piece>) -> Rewritten {
    if let Some(range) = too_deep(text) {
        return Rewritten { text: text[..range.start].to_owned(), too_deep: Some(range), ..Rewritten::default() };
    }
    let Ok(Stmt::Template(template)) = parse(text, "", syntax()) else {
        return Rewritten::new(text, Vec::new());
    };
    // Marks come first where both are at one offset, so that a mark is never inside a tag.
    let mut guards = Guards { tokens: Tokens::of(text), pieces: Vec::new() };
    guards.statements(&template.children);
    guards.long_texts(text);
    pieces.append(&mut guards.pieces);
    let rewritten = Rewritten::new(text, pieces);
    match parse(&rewritten.text, "", syntax()) {
        Ok(_) => rewritten,
        Err(_) => Rewritten::new(text, Vec::new()),
    }
}

/// Operators in one expression, and `elif`s in one template. MiniJinja's parser and compiler recurse into each, and check it for
/// brackets and blocks only, so that a long chain of them would exhaust the stack.
const MOST: usize = 500;

/// The first operator or `elif` that is one too many.
fn too_deep(text: &str) -> Option<Range<usize>> {
    // Nothing shorter can have so many.
    if text.len() < MOST {
        return None;
    }
    let (mut operators, mut branches, mut first) = (0, 0, false);
    for (token, span) in tokenize(text, false, syntax()).map_while(Result::ok) {
        let count = match token {
            Token::VariableStart | Token::BlockStart => {
                (operators, first) = (0, true);
                continue;
            }
            Token::Ident("elif") if first => &mut branches,
            Token::Ident("not" | "and" | "or" | "is" | "in" | "if" | "else") => &mut operators,
            Token::Ident(_) | Token::Str(_) | Token::String(_) | Token::Int(_) | Token::Int128(_) | Token::Float(_) => {
                first = false;
                continue;
            }
            Token::Comma | Token::Colon | Token::TemplateData(_) => continue,
            _ => &mut operators,
        };
        first = false;
        *count += 1;
        if *count > MOST {
            return Some(span.start_offset as usize..span.end_offset as usize);
        }
    }
    None
}

/// The tokens of a template, with what is needed to find operators and brackets.
struct Tokens<'a> {
    list: Vec<(Token<'a>, usize, usize)>,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        let list = tokenize(text, false, syntax())
            .map_while(Result::ok)
            .map(|(token, span)| (token, span.start_offset as usize, span.end_offset as usize))
            .collect();
        Tokens { list }
    }

    /// The pieces of plain text, as trimmed: offset and text.
    fn plain(&self, whole: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        let base = whole.as_ptr() as usize;
        self.list.iter().filter_map(move |(token, _, _)| match token {
            Token::TemplateData(text) => Some((text.as_ptr() as usize - base, *text)),
            _ => None,
        })
    }

    fn within(&self, start: usize, end: usize) -> &[(Token<'a>, usize, usize)] {
        let first = self.list.partition_point(|(_, from, _)| *from < start);
        let last = self.list.partition_point(|(_, from, _)| *from < end);
        &self.list[first..last.max(first)]
    }

    /// Whether every bracket between these offsets is closed between them.
    fn is_balanced(&self, start: usize, end: usize) -> bool {
        let mut depth = 0_i32;
        let tokens = self.within(start, end);
        let never_below = tokens.iter().all(|(token, _, _)| {
            depth += nesting(token);
            depth >= 0
        });
        never_below && depth == 0 && tokens.first().is_some_and(|(_, from, _)| *from == start)
    }

    /// Whether the first token opens a bracket that the last one closes.
    fn is_bracketed(&self, start: usize, end: usize) -> bool {
        let tokens = self.within(start, end);
        let mut depth = 0;
        let closes = tokens.iter().position(|(token, _, _)| {
            depth += nesting(token);
            depth == 0
        });
        tokens.first().is_some_and(|(token, from, _)| nesting(token) == 1 && *from == start)
            && closes == Some(tokens.len() - 1)
    }

    /// The last `~` between these offsets that is in no bracket: start and end.
    fn last_tilde(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let mut depth = 0;
        let mut found = None;
        for (token, from, to) in self.within(start, end) {
            depth += nesting(token);
            if depth == 0 && matches!(token, Token::Tilde) {
                found = Some((*from, *to));
            }
        }
        found
    }
}

fn nesting(token: &Token) -> i32 {
    match token {
        Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => 1,
        Token::ParenClose | Token::BracketClose | Token::BraceClose => -1,
        _ => 0,
    }
}

/// Collects the insertions that measure.
struct Guards<'a> {
    tokens: Tokens<'a>,
    pieces: Vec<Piece>,
}

impl Guards<'_> {
    fn open(&mut self, at: usize) {
        self.pieces.push((at, "(".to_owned(), at));
    }

    /// Closes what was opened at `from` and passes it through a filter.
    fn close(&mut self, at: usize, filter: &str, from: usize) {
        self.pieces.push((at, format!(")|{filter}"), from));
    }

    fn long_texts(&mut self, whole: &str) {
        let long: Vec<(usize, usize)> = self
            .tokens
            .plain(whole)
            .filter(|(offset, text)| text.len() >= LONG && !is_raw(whole, *offset))
            .map(|(offset, text)| (offset, text.len()))
            .collect();
        for (offset, length) in long {
            self.pieces.push((offset, format!("{{{{{SPEND}({length})}}}}"), offset));
        }
    }

    fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Template(node) => self.statements(&node.children),
            Stmt::EmitExpr(node) => self.expression(&node.expr),
            Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => {}
            Stmt::ForLoop(node) => {
                self.expression(&node.iter);
                self.expressions(&node.filter_expr);
                self.statements(&node.body);
                self.statements(&node.else_body);
            }
            Stmt::IfCond(node) => {
                self.expression(&node.expr);
                self.statements(&node.true_body);
                self.statements(&node.false_body);
            }
            Stmt::WithBlock(node) => {
                self.expressions(node.assignments.iter().map(|(_, value)| value));
                self.statements(&node.body);
            }
            Stmt::Set(node) => self.expression(&node.expr),
            Stmt::SetBlock(node) => {
                self.expressions(&node.filter);
                self.statements(&node.body);
            }
            Stmt::AutoEscape(node) => self.statements(&node.body),
            Stmt::FilterBlock(node) => {
                self.expression(&node.filter);
                self.statements(&node.body);
            }
            Stmt::Block(node) => self.statements(&node.body),
            Stmt::Import(node) => self.expression(&node.expr),
            Stmt::FromImport(node) => self.expression(&node.expr),
            Stmt::Extends(node) => self.expression(&node.name),
            Stmt::Include(node) => self.expression(&node.name),
            Stmt::Macro(node) => {
                self.expressions(&node.defaults);
                self.statements(&node.body);
            }
            Stmt::CallBlock(node) => {
                self.call(&node.call);
                self.statements(&node.macro_decl.body);
            }
            Stmt::Do(node) => self.call(&node.call),
        }
    }

    fn expressions<'e, 's: 'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr<'s>>) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn call(&mut self, call: &ast::Call) {
        self.expression(&call.expr);
        self.arguments(&call.args);
    }

    fn arguments(&mut self, arguments: &[CallArg]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => {
                    self.expression(value);
                }
            }
        }
    }

    fn expression(&mut self, expression: &Expr) {
        let span = expression.span();
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        match expression {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(node) => {
                self.expression(&node.expr);
                self.expressions(&node.start);
                self.expressions(&node.stop);
                self.expressions(&node.step);
            }
            Expr::UnaryOp(node) => self.expression(&node.expr),
            Expr::BinOp(node) => self.operator(node, start, end),
            Expr::Compare(node) => {
                self.expression(&node.expr);
                self.expressions(node.ops.iter().map(|operand| &operand.expr));
            }
            Expr::IfExpr(node) => {
                self.expression(&node.test_expr);
                self.expression(&node.true_expr);
                self.expressions(&node.false_expr);
            }
            Expr::Filter(node) => {
                self.expressions(&node.expr);
                self.arguments(&node.args);
            }
            Expr::Test(node) => {
                self.expression(&node.expr);
                self.arguments(&node.args);
            }
            Expr::GetAttr(node) => self.expression(&node.expr),
            Expr::GetItem(node) => {
                self.expression(&node.expr);
                self.expression(&node.subscript_expr);
            }
            Expr::Call(node) => self.call(node),
            Expr::List(node) => self.literal(&node.items, start, end),
            Expr::Tuple(node) => self.literal(&node.items, start, end),
            Expr::Map(node) => {
                self.expressions(&node.keys);
                self.literal(&node.values, start, end);
            }
        }
    }

    fn literal(&mut self, items: &[Expr], start: usize, end: usize) {
        let constant = items.iter().all(|item| matches!(item, Expr::Const(_)));
        let measured = !constant && self.tokens.is_bracketed(start, end);
        if measured {
            self.open(start);
        }
        self.expressions(items);
        if measured {
            self.close(end, CHECK, start);
        }
    }

    /// Wraps operators that can grow a value. Both sides of `~` become text as `{{ … }}` would print them.
    fn operator(&mut self, node: &ast::BinOp, start: usize, end: usize) {
        let grows = matches!(node.op, BinOpKind::Add | BinOpKind::Mul | BinOpKind::Concat);
        if !grows || !self.tokens.is_balanced(start, end) {
            self.expression(&node.left);
            self.expression(&node.right);
            return;
        }
        let concat = matches!(node.op, BinOpKind::Concat);
        let tilde = if concat { self.tokens.last_tilde(start, end) } else { None };
        self.open(start);
        if let Some((before, after)) = tilde {
            self.open(start);
            self.expression(&node.left);
            self.close(before, TEXT, start);
            self.open(after);
            self.expression(&node.right);
            self.close(end, TEXT, after);
        } else {
            self.expression(&node.left);
            self.expression(&node.right);
        }
        self.close(end, CHECK, start);
    }
}

/// Whether plain text at this offset is the inside of `{% raw %}`, where a tag would be text.
fn is_raw(whole: &str, offset: usize) -> bool {
    let before = whole[..offset].trim_end();
    let Some(inside) = before.strip_suffix("%}") else { return false };
    let tag = inside.rfind("{%").map_or("", |open| &inside[open + 2..]);
    tag.trim_matches(['-', '+']).trim() == "raw"
}

/// What a mark in a rendered text stands for; offsets are the template's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Plain text begins that is at this offset of the template.
    Text(usize),
    /// An expression begins, from `{{` to `}}`.
    Open(usize, usize),
    /// That expression ends.
    Close,
    /// The line break at this offset of the template.
    Newline(usize),
}

/// First and last character of a mark. Templates and values that contain them are not mapped.
pub(super) const MARK: [char; 2] = ['\u{F0000}', '\u{F0001}'];

fn spell(template: usize, index: usize) -> String {
    format!("{}{template}:{index}{}", MARK[0], MARK[1])
}

/// Where marks may be put without changing what is trimmed: before a text's visible characters and line breaks, and around
/// `{{ … }}` that trims nothing.
pub(super) fn marks(whole: &str) -> Vec<(usize, Mark)> {
    let tokens = Tokens::of(whole);
    let mut marks = Vec::new();
    for (offset, text) in tokens.plain(whole) {
        let mut at = offset;
        for line in text.split_inclusive('\n') {
            let content = line.trim_end_matches(['\n', '\r']);
            let blank = content.len() - content.trim_start().len();
            if blank < content.len() {
                marks.push((at + blank, Mark::Text(at + blank)));
            }
            if line.len() > content.len() {
                marks.push((at + content.len(), Mark::Newline(at + content.len())));
            }
            at += line.len();
        }
    }
    let mut open = None;
    for (token, start, end) in &tokens.list {
        match token {
            Token::VariableStart => open = Some((*start, whole[*start..*end].ends_with('{'))),
            Token::VariableEnd => {
                if let Some((start, true)) = open.take()
                    && whole[..*end].ends_with("}}")
                    && !whole[..*end].ends_with("-}}")
                {
                    marks.push((start, Mark::Open(start, *end)));
                    marks.push((*end, Mark::Close));
                }
            }
            _ => {}
        }
    }
    marks.sort_by_key(|(offset, mark)| (*offset, !matches!(mark, Mark::Close)));
    marks
}
