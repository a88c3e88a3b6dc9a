//! Flux's `${variable}` expansions: the bash-like dialect of kustomize-controller, operator by operator.
//!
//! What the controller does differs from bash and from its own documentation: lengths and offsets count bytes, `:+` and `:?` give
//! a default like `:-`, `-` without a colon is an error, and `$$` stands for `$` only outside of expansions and in the
//! arguments of `/`. The controller's code is the authority (fluxcd/pkg/envsubst 1.8).

use super::glob;

/// Expansions within expansions; the controller has no limit, but nobody needs this many.
const DEEPEST: usize = 200;

/// Why a text cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In words of the user.
    pub message: String,
    /// The byte of the text where its expansion starts.
    pub offset: usize,
    /// Which of the controller's errors it is.
    pub kind: FaultKind,
}

/// The controller's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// No name follows `${`.
    Name,
    /// What follows the name is neither `}` nor an operator.
    Brace,
    /// An operator lacks its argument.
    Argument,
    /// An operator is not one, or its expansion does not end.
    Substitution,
    /// A default is not one.
    Default,
    /// Too deep for us.
    Depth,
    /// The result cuts a character in two, which no YAML reader takes.
    Character,
}

/// Expands a text. `lookup` gives the value of a variable; names it does not know go to `undefined`, in the order they are
/// met, where their use is one that fails a strict build, and count as empty.
pub fn expand(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    undefined: &mut Vec<String>,
) -> Result<String, Fault> {
    let mut out = Vec::with_capacity(text.len());
    for part in parse(text)? {
        evaluate(&part, lookup, undefined, &mut out);
    }
    String::from_utf8(out).map_err(|error| Fault {
        message: "an offset or length cuts a character of more than one byte in two".to_owned(),
        offset: error.utf8_error().valid_up_to().min(text.len()),
        kind: FaultKind::Character,
    })
}

/// Every name a text uses, in the order they are written, with repetitions.
pub(super) fn names(text: &str) -> Result<Vec<String>, Fault> {
    fn collect(part: &Part, names: &mut Vec<String>) {
        if let Part::Expansion { name, arguments, .. } = part {
            names.push(name.clone());
            for argument in arguments {
                collect(argument, names);
            }
        }
    }
    let mut names = Vec::new();
    for part in parse(text)? {
        collect(&part, &mut names);
    }
    Ok(names)
}

/// A piece of a text.
enum Part {
    Text(Vec<u8>),
    Expansion { name: String, operator: String, arguments: Vec<Part> },
}

fn parse(text: &str) -> Result<Vec<Part>, Fault> {
    let mut parser =
        Parser { scanner: Scanner { text: text.as_bytes(), at: 0, width: 0, token: Vec::new() }, open: vec![] };
    let mut parts = Vec::new();
    let outside = Mode { words: true, open: true, escapes: Escapes::Dollar, ..Mode::default() };
    loop {
        match parser.scanner.scan(outside, &|_, _| true) {
            Token::Word => parts.push(Part::Text(parser.scanner.token.clone())),
            Token::Open => parts.push(parser.expansion()?),
            Token::End => return Ok(parts),
            Token::Close | Token::Other => return Err(parser.fault(FaultKind::Substitution)),
        }
    }
}

/// What a scan looks for.
#[derive(Clone, Copy, Default)]
struct Mode {
    /// A run of accepted characters.
    words: bool,
    /// `${`.
    open: bool,
    /// `}`.
    close: bool,
    escapes: Escapes,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Escapes {
    #[default]
    None,
    /// `$$`.
    Dollar,
    /// `$$`, `\/` and `\\`.
    All,
}

const WORD: Mode = Mode { words: true, open: false, close: false, escapes: Escapes::None };
const CLOSE: Mode = Mode { words: false, open: false, close: true, escapes: Escapes::None };

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    End,
    Open,
    Close,
    Word,
    Other,
}

/// Whether a character belongs to a word; the number is how many bytes the word has with it.
type Accept<'a> = &'a dyn Fn(char, usize) -> bool;

/// Reads characters as the controller does, which takes a NUL for the end.
struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    /// Bytes of the character read last.
    width: usize,
    /// The word read last.
    token: Vec<u8>,
}

impl Scanner<'_> {
    fn read(&mut self) -> char {
        if self.at >= self.text.len() {
            self.width = 0;
            return '\0';
        }
        let (character, width) = glob::decode(&self.text[self.at..]);
        self.width = width;
        self.at += width;
        character
    }

    fn unread(&mut self) {
        self.at = self.at.saturating_sub(self.width);
    }

    fn peek(&mut self) -> char {
        let character = self.read();
        self.unread();
        character
    }

    fn scan(&mut self, mode: Mode, accept: Accept<'_>) -> Token {
        self.token.clear();
        let first = self.read();
        if first == '\0' {
            Token::End
        } else if self.opens(mode, first) {
            Token::Open
        } else if mode.close && first == '}' {
            Token::Close
        } else if mode.words && self.word(mode, first, accept) {
            Token::Word
        } else {
            Token::Other
        }
    }

    fn word(&mut self, mode: Mode, first: char, accept: Accept<'_>) -> bool {
        if self.is_escape(mode, first) {
            self.escaped();
        } else if !self.take(first, accept) {
            return false;
        }
        loop {
            let character = self.read();
            if character == '\0' {
                self.unread();
                return true;
            }
            if self.opens(mode, character) {
                self.at -= 2;
                return true;
            }
            if self.is_escape(mode, character) {
                self.escaped();
            } else if !self.take(character, accept) {
                self.unread();
                return true;
            }
        }
    }

    /// Adds a character to the word if it belongs there.
    fn take(&mut self, character: char, accept: Accept<'_>) -> bool {
        let width = character.len_utf8();
        let accepted = accept(character, self.token.len() + width);
        if accepted {
            self.token.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        accepted
    }

    /// Takes the character behind an escape.
    fn escaped(&mut self) {
        self.token.push(self.text[self.at]);
        self.at += 1;
    }

    fn opens(&mut self, mode: Mode, character: char) -> bool {
        if !mode.open || character != '$' {
            return false;
        }
        if self.read() == '{' {
            return true;
        }
        self.unread();
        false
    }

    fn is_escape(&mut self, mode: Mode, character: char) -> bool {
        match character {
            '$' if mode.escapes != Escapes::None => self.peek() == '$',
            '\\' if mode.escapes == Escapes::All => matches!(self.peek(), '/' | '\\'),
            _ => false,
        }
    }
}

struct Parser<'t> {
    scanner: Scanner<'t>,
    /// The expansions that are not closed yet: where each starts, and its variable once it is known.
    open: Vec<(usize, String)>,
}

impl Parser<'_> {
    /// What follows `${`.
    fn expansion(&mut self) -> Result<Part, Fault> {
        self.open.push((self.scanner.at - 2, String::new()));
        if self.open.len() > DEEPEST {
            return Err(self.fault(FaultKind::Depth));
        }
        let part = self.operation()?;
        self.open.pop();
        Ok(part)
    }

    fn operation(&mut self) -> Result<Part, Fault> {
        if self.scanner.peek() == '#' {
            return self.length();
        }
        let name = self.word(&|character, _| is_of_name(character), FaultKind::Name)?;
        if let Some((_, open)) = self.open.last_mut() {
            open.clone_from(&name);
        }
        match self.scanner.peek() {
            ':' => self.default_or_part(name),
            '=' => self.default(name),
            ',' | '^' => self.case(name),
            '/' => self.replacement(name),
            mark @ ('#' | '%') => self.trim(name, mark),
            _ => match self.scanner.scan(CLOSE, &|_, _| false) {
                Token::Close => Ok(Part::Expansion { name, operator: String::new(), arguments: Vec::new() }),
                _ => Err(self.fault(FaultKind::Brace)),
            },
        }
    }

    /// `${#name}`.
    fn length(&mut self) -> Result<Part, Fault> {
        let operator = self.word(&|character, length| character == '#' && length == 1, FaultKind::Substitution)?;
        let name = self.word(&|character, _| is_of_name(character), FaultKind::Substitution)?;
        self.closed(name, operator, Vec::new())
    }

    fn default_or_part(&mut self, name: String) -> Result<Part, Fault> {
        self.scanner.read();
        let next = self.scanner.peek();
        // The controller steps back by the width of what follows the colon: a longer character there is an error.
        self.scanner.unread();
        match next {
            '=' | '-' | '?' | '+' => self.default(name),
            _ => self.part(name),
        }
    }

    /// `${name:offset}` and `${name:offset:length}`.
    fn part(&mut self, name: String) -> Result<Part, Fault> {
        let operator = self.word(&|character, length| character == ':' && length == 1, FaultKind::Substitution)?;
        let offset = self.argument(&|character, _| character != ':' && character != '}', Escapes::None)?;
        let either = Mode { words: true, close: true, ..Mode::default() };
        match self.scanner.scan(either, &|character, _| character == ':') {
            Token::Close => return Ok(Part::Expansion { name, operator, arguments: vec![offset] }),
            Token::Word => {}
            _ => return Err(self.fault(FaultKind::Substitution)),
        }
        let length = self.argument(&|character, _| character != '}', Escapes::None)?;
        self.closed(name, operator, vec![offset, length])
    }

    /// `${name#pattern}`, `##`, `%`, `%%`.
    fn trim(&mut self, name: String, mark: char) -> Result<Part, Fault> {
        let operator = self.word(&|character, length| character == mark && length < 3, FaultKind::Substitution)?;
        let pattern = self.argument(&|character, _| character != '}', Escapes::None)?;
        self.closed(name, operator, vec![pattern])
    }

    /// `${name/text/other}`, `//`, `/#`, `/%`.
    fn replacement(&mut self, name: String) -> Result<Part, Fault> {
        let is_mark = |character: char, length: usize| match length {
            1 => character == '/',
            2 => matches!(character, '/' | '#' | '%'),
            _ => false,
        };
        let operator = self.word(&is_mark, FaultKind::Substitution)?;
        let mut arguments = vec![self.argument(&|character, _| character != '/', Escapes::All)?];
        self.word(&|character, _| character == '/', FaultKind::Substitution)?;
        if self.scanner.peek() != '}' {
            arguments.push(self.argument(&|character, _| character != '}', Escapes::All)?);
        }
        self.closed(name, operator, arguments)
    }

    /// `${name=default}`, `:=`, `:-`, `:?`, `:+`.
    fn default(&mut self, name: String) -> Result<Part, Fault> {
        let short = self.scanner.peek() == '=';
        let is_mark = |character: char, length: usize| match length {
            1 => character == if short { '=' } else { ':' },
            2 => !short && matches!(character, '=' | '-' | '?' | '+'),
            _ => false,
        };
        let operator = self.word(&is_mark, FaultKind::Default)?;
        let mut arguments = Vec::new();
        while self.scanner.peek() != '}' {
            arguments.push(self.argument(&|character, _| character != '}', Escapes::None)?);
        }
        self.closed(name, operator, arguments)
    }

    /// `${name^}`, `^^`, `,`, `,,`.
    fn case(&mut self, name: String) -> Result<Part, Fault> {
        let is_mark = |character: char, length: usize| matches!(character, ',' | '^') && length < 3;
        let operator = self.word(&is_mark, FaultKind::Substitution)?;
        self.closed(name, operator, Vec::new())
    }

    fn word(&mut self, accept: Accept<'_>, otherwise: FaultKind) -> Result<String, Fault> {
        match self.scanner.scan(WORD, accept) {
            Token::Word => Ok(String::from_utf8_lossy(&self.scanner.token).into_owned()),
            _ => Err(self.fault(otherwise)),
        }
    }

    fn argument(&mut self, accept: Accept<'_>, escapes: Escapes) -> Result<Part, Fault> {
        match self.scanner.scan(Mode { words: true, open: true, close: false, escapes }, accept) {
            Token::Open => self.expansion(),
            Token::Word => Ok(Part::Text(self.scanner.token.clone())),
            _ => Err(self.fault(FaultKind::Argument)),
        }
    }

    fn closed(&mut self, name: String, operator: String, arguments: Vec<Part>) -> Result<Part, Fault> {
        match self.scanner.scan(CLOSE, &|_, _| false) {
            Token::Close => Ok(Part::Expansion { name, operator, arguments }),
            _ => Err(self.fault(FaultKind::Substitution)),
        }
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        let (offset, name) = self.open.last().cloned().unwrap_or_default();
        let message = match kind {
            FaultKind::Name => "no name of a variable follows this `${`".to_owned(),
            FaultKind::Brace => {
                format!("what follows `${{{name}` is neither `}}` nor an operator that Flux knows")
            }
            FaultKind::Argument => format!("the operator behind `${{{name}` lacks its argument, or its `}}`"),
            FaultKind::Depth => format!("expansions stand in each other more than {DEEPEST} deep"),
            _ if name.is_empty() => "this expansion has no `}`, or no name".to_owned(),
            _ => format!("the expansion of `{name}` is no complete one"),
        };
        Fault { message, offset, kind }
    }
}

/// Whether a name may hold this: a letter, a digit, `_`.
fn is_of_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn evaluate(part: &Part, lookup: &dyn Fn(&str) -> Option<String>, undefined: &mut Vec<String>, out: &mut Vec<u8>) {
    let (name, operator, parts) = match part {
        Part::Text(text) => return out.extend_from_slice(text),
        Part::Expansion { name, operator, arguments } => (name, operator.as_str(), arguments),
    };
    let mut arguments = Vec::with_capacity(parts.len());
    for part in parts {
        let mut argument = Vec::new();
        evaluate(part, lookup, undefined, &mut argument);
        arguments.push(argument);
    }
    let value = lookup(name);
    if value.is_none() && !gives_default(operator) {
        undefined.push(name.clone());
    }
    out.extend(applied(operator, &value.unwrap_or_default(), &arguments));
}

/// Whether an operator says what an undefined variable stands for, also in a strict build.
fn gives_default(operator: &str) -> bool {
    matches!(operator, "=" | ":=" | ":-" | ":?" | ":+")
}

fn applied(operator: &str, value: &str, arguments: &[Vec<u8>]) -> Vec<u8> {
    let bytes = value.as_bytes();
    match (operator, arguments) {
        (",", _) => first(value, lower),
        (",,", _) => value.chars().map(lower).collect::<String>().into_bytes(),
        ("^", _) => first(value, upper),
        ("^^", _) => value.chars().map(upper).collect::<String>().into_bytes(),
        // `${name,^}` is no operator of its own: the controller falls back to a default, of which there is none.
        ("#", []) => bytes.len().to_string().into_bytes(),
        ("#", [pattern, ..]) => glob::without_shortest(bytes, pattern),
        ("##", [pattern, ..]) => glob::without_longest(bytes, pattern),
        ("%", [pattern, ..]) => {
            glob::reversed(&glob::without_shortest(&glob::reversed(bytes), &glob::reversed(pattern)))
        }
        ("%%", [pattern, ..]) => {
            glob::reversed(&glob::without_longest(&glob::reversed(bytes), &glob::reversed(pattern)))
        }
        (":", _) => part(bytes, arguments),
        ("/", [old, new @ ..]) => replaced(bytes, old, new.first().map_or(&[], Vec::as_slice), 1),
        ("//", [old, new @ ..]) => replaced(bytes, old, new.first().map_or(&[], Vec::as_slice), usize::MAX),
        ("/#", [old, new]) if bytes.starts_with(old) => replaced(bytes, old, new, 1),
        ("/%", [old, new]) if bytes.ends_with(old) => [&bytes[..bytes.len() - old.len()], new].concat(),
        ("/#" | "/%", _) => bytes.to_vec(),
        _ if value.is_empty() => arguments.concat(),
        _ => bytes.to_vec(),
    }
}

/// A text with its first character changed.
fn first(value: &str, change: fn(char) -> char) -> Vec<u8> {
    let mut rest = value.chars();
    rest.next().map(change).into_iter().chain(rest).collect::<String>().into_bytes()
}

/// One character for one, as Go does it: what would become several stays.
fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

fn lower(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// `${name:offset}` and `${name:offset:length}`, in bytes; what is no number leaves the value as it is.
fn part(value: &[u8], arguments: &[Vec<u8>]) -> Vec<u8> {
    let number = |argument: &Vec<u8>| std::str::from_utf8(argument).ok().and_then(|text| text.parse::<i64>().ok());
    let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let slice = |from: i64, to: i64| {
        let inside = |at: i64| usize::try_from(at.clamp(0, size)).unwrap_or(0);
        value[inside(from)..inside(to).max(inside(from))].to_vec()
    };
    let Some(from) = arguments.first().and_then(number) else { return value.to_vec() };
    let from = if from < 0 { from.saturating_add(size).max(0) } else { from };
    match arguments.get(1) {
        None => slice(from, size),
        Some(length) => match number(length) {
            None => value.to_vec(),
            Some(length) if length < 0 => slice(from, size.saturating_add(length)),
            Some(length) => slice(from, from.saturating_add(length)),
        },
    }
}

/// The value with up to `most` occurrences of `old` replaced; an empty `old` stands before, between and after characters.
fn replaced(value: &[u8], old: &[u8], new: &[u8], most: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    let mut left = most;
    if old.is_empty() {
        out.extend_from_slice(new);
        left -= 1;
    }
    while !rest.is_empty() {
        if left > 0 && !old.is_empty() && rest.starts_with(old) {
            out.extend_from_slice(new);
            rest = &rest[old.len()..];
            left -= 1;
            continue;
        }
        let (_, width) = glob::decode(rest);
        // What is looked for may start within a character that an offset has cut.
        let width = if old.is_empty() { width } else { 1 };
        out.extend_from_slice(&rest[..width]);
        rest = &rest[width..];
        if old.is_empty() && left > 0 {
            out.extend_from_slice(new);
            left -= 1;
        }
    }
    out
}
