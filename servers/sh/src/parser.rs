//! From text to commands.
//!
//! The grammar is that of POSIX, chapter "Shell Command Language". Lexer and
//! parser are one, because what a character means depends on where in a
//! command it stands.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::OnceCell;

use posix::Fd;

use crate::ast::{
    AndOr, Assignment, CaseArm, Command, Compound, Conditional, Connector, FileMode, Function,
    HereDocument, Item, List, Operation, Parameter, Part, Pipeline, Redirect, Simple, Target, Word,
};

/// How deep commands and expansions may stand inside one another. The parser,
/// and whatever walks what it made, need stack in proportion.
pub const MAX_NESTING: usize = 60;

/// Why there is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text ends inside a command; more of it may make it whole.
    Incomplete,
    /// The text is no command.
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: Vec<u8>,
    },
}

/// The result of parsing.
pub type Result<T> = core::result::Result<T, Error>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    Semicolon,
    DoubleSemicolon,
    FallThrough,
    Ampersand,
    Pipe,
    Open,
    Close,
    Less,
    Great,
    Here,
    HereStripped,
    Append,
    DuplicateIn,
    DuplicateOut,
    ReadWrite,
    Clobber,
}

/// Longest first, so that each is found whole.
const OPERATORS: &[(&[u8], Operator)] = &[
    (b"<<-", Operator::HereStripped),
    (b"&&", Operator::And),
    (b"||", Operator::Or),
    (b";;", Operator::DoubleSemicolon),
    (b";&", Operator::FallThrough),
    (b"<<", Operator::Here),
    (b">>", Operator::Append),
    (b"<&", Operator::DuplicateIn),
    (b">&", Operator::DuplicateOut),
    (b"<>", Operator::ReadWrite),
    (b">|", Operator::Clobber),
    (b";", Operator::Semicolon),
    (b"&", Operator::Ampersand),
    (b"|", Operator::Pipe),
    (b"(", Operator::Open),
    (b")", Operator::Close),
    (b"<", Operator::Less),
    (b">", Operator::Great),
];

/// Words that cannot start a simple command.
const RESERVED: &[&[u8]] = &[
    b"if", b"then", b"else", b"elif", b"fi", b"do", b"done", b"case", b"esac", b"while", b"until",
    b"for", b"{", b"}", b"!", b"in",
];

/// Whether `text` is a reserved word where a command starts.
pub fn is_reserved(text: &[u8]) -> bool {
    RESERVED.contains(&text)
}

/// Reserved words that end a list.
const LIST_ENDS: &[&[u8]] = &[
    b"then", b"else", b"elif", b"fi", b"do", b"done", b"esac", b"}",
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(Word),
    Number(Fd),
    Operator(Operator),
    Newline,
    End,
}

/// What ends a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// A blank or an operator.
    Blank,
    /// The brace that ends `${…}`.
    Brace,
    /// The same, where the `${…}` stands in double quotes.
    QuotedBrace,
}

/// A here document whose text has not been reached.
struct Pending {
    delimiter: Vec<u8>,
    quoted: bool,
    strip_tabs: bool,
    document: Rc<HereDocument>,
}

/// A parser in the middle of a text.
pub struct Parser<'a> {
    text: &'a [u8],
    position: usize,
    line: usize,
    depth: usize,
    more: bool,
    token: Option<Token>,
    pending: Vec<Pending>,
}

/// Whether `text` can be a variable's name.
pub fn is_name(text: &[u8]) -> bool {
    text.first().is_some_and(|&b| is_name_start(b)) && text.iter().all(|&b| is_name_byte(b))
}

const fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')
}

const fn is_meta(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')'
    )
}

/// Appends text to the last part if that is of the same kind, else as a new one.
fn push_literal(parts: &mut Vec<Part>, text: &[u8]) {
    if let Some(Part::Literal(last)) = parts.last_mut() {
        last.extend_from_slice(text);
    } else if !text.is_empty() {
        parts.push(Part::Literal(text.to_vec()));
    }
}

fn push_quoted(parts: &mut Vec<Part>, text: &[u8]) {
    if let Some(Part::Quoted(last)) = parts.last_mut() {
        last.extend_from_slice(text);
    } else {
        parts.push(Part::Quoted(text.to_vec()));
    }
}

impl<'a> Parser<'a> {
    /// A parser at the start of `text`. If there may be `more` text than this,
    /// a command that is cut off is [`Error::Incomplete`].
    pub fn new(text: &'a [u8], more: bool) -> Self {
        Self {
            text,
            position: 0,
            line: 1,
            depth: 0,
            more,
            token: None,
            pending: Vec::new(),
        }
    }

    /// How much of the text the commands so far have taken.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The next line's commands, with the further lines that they need; `None` at the end.
    pub fn next_line(&mut self) -> Result<Option<List>> {
        self.skip_newlines()?;
        if *self.peek()? == Token::End {
            return Ok(None);
        }
        let mut list = List::default();
        loop {
            let and_or = self.and_or()?;
            let mut background = false;
            let more = match self.peek()? {
                Token::Operator(Operator::Semicolon) => {
                    self.bump()?;
                    true
                }
                Token::Operator(Operator::Ampersand) => {
                    self.bump()?;
                    background = true;
                    true
                }
                _ => false,
            };
            list.items.push(Item { and_or, background });
            match self.peek()? {
                Token::Newline => {
                    self.bump()?;
                    break;
                }
                Token::End => break,
                _ if more => {}
                _ => return Err(self.unexpected()),
            }
        }
        if !self.pending.is_empty() {
            self.read_here_documents()?;
        }
        Ok(Some(list))
    }

    fn syntax<T>(&self, parts: &[&[u8]]) -> Result<T> {
        Err(Error::Syntax {
            line: self.line,
            message: parts.concat(),
        })
    }

    fn cut_off<T>(&self) -> Result<T> {
        if self.more {
            Err(Error::Incomplete)
        } else {
            self.syntax(&[b"unexpected end of file"])
        }
    }

    /// The error for the token that comes next.
    fn unexpected(&mut self) -> Error {
        let shown: Vec<u8> = match self.peek() {
            Err(error) => return error,
            Ok(Token::End) => {
                return match self.cut_off::<()>() {
                    Err(error) => error,
                    Ok(()) => Error::Incomplete,
                };
            }
            Ok(Token::Newline) => b"newline".to_vec(),
            Ok(Token::Number(number)) => {
                let mut digits = [0; 20];
                posix::io::decimal(u64::from(number.unsigned_abs()), &mut digits).to_vec()
            }
            Ok(Token::Operator(operator)) => OPERATORS
                .iter()
                .find(|(_, o)| o == operator)
                .map_or_else(Vec::new, |(text, _)| text.to_vec()),
            Ok(Token::Word(word)) => word.bare().unwrap_or(b"word").to_vec(),
        };
        Error::Syntax {
            line: self.line,
            message: [b"\"", &shown[..], b"\" unexpected"].concat(),
        }
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            self.syntax(&[b"nested too deeply"])
        } else {
            Ok(())
        }
    }

    // Tokens

    fn byte(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    fn byte_after(&self, distance: usize) -> Option<u8> {
        self.text.get(self.position + distance).copied()
    }

    /// Takes one byte, counting lines.
    fn advance(&mut self) {
        if self.byte() == Some(b'\n') {
            self.line += 1;
        }
        self.position += 1;
    }

    fn starts_with(&self, text: &[u8]) -> bool {
        self.text[self.position..].starts_with(text)
    }

    fn skip_continuations(&mut self) {
        while self.starts_with(b"\\\n") {
            self.position += 2;
            self.line += 1;
        }
    }

    fn peek(&mut self) -> Result<&Token> {
        let token = match self.token.take() {
            Some(token) => token,
            None => self.scan()?,
        };
        Ok(self.token.insert(token))
    }

    fn bump(&mut self) -> Result<Token> {
        self.peek()?;
        Ok(self.token.take().unwrap_or(Token::End))
    }

    fn scan(&mut self) -> Result<Token> {
        loop {
            self.skip_continuations();
            match self.byte() {
                Some(b' ' | b'\t') => self.position += 1,
                Some(b'#') => {
                    while self.byte().is_some_and(|b| b != b'\n') {
                        self.position += 1;
                    }
                }
                _ => break,
            }
        }
        let Some(byte) = self.byte() else {
            return Ok(Token::End);
        };
        if byte == b'\n' {
            self.advance();
            self.read_here_documents()?;
            return Ok(Token::Newline);
        }
        for &(text, operator) in OPERATORS {
            if self.starts_with(text) {
                self.position += text.len();
                return Ok(Token::Operator(operator));
            }
        }
        let word = self.word(Stop::Blank)?;
        if let (Some(text), Some(b'<' | b'>')) = (word.bare(), self.byte())
            && let Some(number) = posix::parse_number(text)
        {
            return match Fd::try_from(number) {
                Ok(fd) => Ok(Token::Number(fd)),
                Err(_) => self.syntax(&[text, b": bad descriptor"]),
            };
        }
        Ok(Token::Word(word))
    }

    fn skip_newlines(&mut self) -> Result<()> {
        while *self.peek()? == Token::Newline {
            self.bump()?;
        }
        Ok(())
    }

    /// Takes the reserved word if it comes next; whether it did.
    fn accept_word(&mut self, text: &[u8]) -> Result<bool> {
        let found = matches!(self.peek()?, Token::Word(word) if word.bare() == Some(text));
        if found {
            self.bump()?;
        }
        Ok(found)
    }

    fn expect_word(&mut self, text: &[u8]) -> Result<()> {
        if self.accept_word(text)? {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn accept(&mut self, operator: Operator) -> Result<bool> {
        let found = *self.peek()? == Token::Operator(operator);
        if found {
            self.bump()?;
        }
        Ok(found)
    }

    fn expect(&mut self, operator: Operator) -> Result<()> {
        if self.accept(operator)? {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    // Grammar

    /// Whether what comes next cannot start a command of a list.
    fn at_list_end(&mut self) -> Result<bool> {
        Ok(match self.peek()? {
            Token::End => true,
            Token::Operator(
                Operator::Close | Operator::DoubleSemicolon | Operator::FallThrough,
            ) => true,
            Token::Word(word) => word.bare().is_some_and(|text| LIST_ENDS.contains(&text)),
            _ => false,
        })
    }

    /// The commands up to what ends a list; possibly none.
    fn list_or_nothing(&mut self) -> Result<List> {
        let mut list = List::default();
        loop {
            self.skip_newlines()?;
            if self.at_list_end()? {
                return Ok(list);
            }
            let and_or = self.and_or()?;
            let mut background = false;
            let more = match self.peek()? {
                Token::Newline | Token::Operator(Operator::Semicolon) => true,
                Token::Operator(Operator::Ampersand) => {
                    background = true;
                    true
                }
                _ => false,
            };
            list.items.push(Item { and_or, background });
            if !more {
                return Ok(list);
            }
            self.bump()?;
        }
    }

    fn list(&mut self) -> Result<List> {
        let list = self.list_or_nothing()?;
        if list.items.is_empty() {
            Err(self.unexpected())
        } else {
            Ok(list)
        }
    }

    fn and_or(&mut self) -> Result<AndOr> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            let connector = match self.peek()? {
                Token::Operator(Operator::And) => Connector::And,
                Token::Operator(Operator::Or) => Connector::Or,
                _ => return Ok(AndOr { first, rest }),
            };
            self.bump()?;
            self.skip_newlines()?;
            rest.push((connector, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline> {
        let mut negated = false;
        while self.accept_word(b"!")? {
            negated = !negated;
        }
        let mut commands = Vec::new();
        loop {
            commands.push(self.command()?);
            if !self.accept(Operator::Pipe)? {
                return Ok(Pipeline { negated, commands });
            }
            self.skip_newlines()?;
        }
    }

    fn command(&mut self) -> Result<Command> {
        self.enter()?;
        let command = match self.compound()? {
            Some(compound) => {
                let mut redirects = Vec::new();
                while let Some(redirect) = self.redirect()? {
                    redirects.push(redirect);
                }
                Command::Compound(Rc::new(compound), redirects)
            }
            None => self.simple()?,
        };
        self.depth -= 1;
        Ok(command)
    }

    /// A compound command without its redirections, if one comes next.
    fn compound(&mut self) -> Result<Option<Compound>> {
        if self.accept(Operator::Open)? {
            let list = self.list()?;
            self.expect(Operator::Close)?;
            return Ok(Some(Compound::Subshell(list)));
        }
        let Token::Word(word) = self.peek()? else {
            return Ok(None);
        };
        let compound = match word.bare() {
            Some(b"{") => {
                self.bump()?;
                let list = self.list()?;
                self.expect_word(b"}")?;
                Compound::Brace(list)
            }
            Some(b"if") => self.conditional()?,
            Some(b"while") => self.repetition(false)?,
            Some(b"until") => self.repetition(true)?,
            Some(b"for") => self.iteration()?,
            Some(b"case") => self.selection()?,
            _ => return Ok(None),
        };
        Ok(Some(compound))
    }

    fn conditional(&mut self) -> Result<Compound> {
        let mut arms = Vec::new();
        let mut otherwise = None;
        self.bump()?;
        loop {
            let condition = self.list()?;
            self.expect_word(b"then")?;
            arms.push((condition, self.list()?));
            if self.accept_word(b"elif")? {
                continue;
            }
            if self.accept_word(b"else")? {
                otherwise = Some(self.list()?);
            }
            self.expect_word(b"fi")?;
            return Ok(Compound::If { arms, otherwise });
        }
    }

    fn repetition(&mut self, until: bool) -> Result<Compound> {
        self.bump()?;
        let condition = self.list()?;
        let body = self.do_group()?;
        Ok(Compound::Loop {
            until,
            condition,
            body,
        })
    }

    fn do_group(&mut self) -> Result<List> {
        self.expect_word(b"do")?;
        let body = self.list()?;
        self.expect_word(b"done")?;
        Ok(body)
    }

    fn iteration(&mut self) -> Result<Compound> {
        self.bump()?;
        let name = match self.bump()? {
            Token::Word(word) => match word.bare() {
                Some(text) if is_name(text) => text.to_vec(),
                _ => return self.syntax(&[b"bad for loop variable"]),
            },
            token => {
                self.token = Some(token);
                return Err(self.unexpected());
            }
        };
        let mut words = None;
        let separated = self.accept(Operator::Semicolon)?;
        self.skip_newlines()?;
        if !separated && self.accept_word(b"in")? {
            let mut list = Vec::new();
            while let Token::Word(_) = self.peek()? {
                if let Token::Word(word) = self.bump()? {
                    list.push(word);
                }
            }
            words = Some(list);
            match self.peek()? {
                Token::Newline | Token::Operator(Operator::Semicolon) => self.bump()?,
                _ => return Err(self.unexpected()),
            };
            self.skip_newlines()?;
        }
        let body = self.do_group()?;
        Ok(Compound::For { name, words, body })
    }

    fn selection(&mut self) -> Result<Compound> {
        self.bump()?;
        let word = self.expect_any_word()?;
        self.skip_newlines()?;
        self.expect_word(b"in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.accept_word(b"esac")? {
                return Ok(Compound::Case { word, arms });
            }
            self.accept(Operator::Open)?;
            let mut patterns = Vec::new();
            loop {
                patterns.push(self.expect_any_word()?);
                if !self.accept(Operator::Pipe)? {
                    break;
                }
            }
            self.expect(Operator::Close)?;
            let body = self.list_or_nothing()?;
            let falls_through = self.accept(Operator::FallThrough)?;
            arms.push(CaseArm {
                patterns,
                body,
                falls_through,
            });
            if !falls_through && !self.accept(Operator::DoubleSemicolon)? {
                self.expect_word(b"esac")?;
                return Ok(Compound::Case { word, arms });
            }
        }
    }

    fn expect_any_word(&mut self) -> Result<Word> {
        match self.bump()? {
            Token::Word(word) => Ok(word),
            token => {
                self.token = Some(token);
                Err(self.unexpected())
            }
        }
    }

    fn simple(&mut self) -> Result<Command> {
        if let Token::Word(word) = self.peek()?
            && word
                .bare()
                .is_some_and(|text| RESERVED.contains(&text) && text != b"in")
        {
            return Err(self.unexpected());
        }
        let mut simple = Simple::default();
        loop {
            if let Some(redirect) = self.redirect()? {
                simple.redirects.push(redirect);
                continue;
            }
            let Token::Word(_) = self.peek()? else { break };
            let Token::Word(word) = self.bump()? else {
                break;
            };
            if simple.words.is_empty() {
                match split_assignment(word) {
                    Ok(assignment) => {
                        simple.assignments.push(assignment);
                        continue;
                    }
                    Err(word) => simple.words.push(word),
                }
                if simple.assignments.is_empty()
                    && simple.redirects.is_empty()
                    && *self.peek()? == Token::Operator(Operator::Open)
                {
                    return self.function(&simple.words[0]);
                }
            } else {
                simple.words.push(word);
            }
        }
        if simple == Simple::default() {
            Err(self.unexpected())
        } else {
            Ok(Command::Simple(simple))
        }
    }

    fn function(&mut self, word: &Word) -> Result<Command> {
        let name = match word.bare() {
            Some(text) if is_name(text) => text.to_vec(),
            _ => return self.syntax(&[b"bad function name"]),
        };
        self.expect(Operator::Open)?;
        self.expect(Operator::Close)?;
        self.skip_newlines()?;
        self.enter()?;
        let Some(body) = self.compound()? else {
            return Err(self.unexpected());
        };
        self.depth -= 1;
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command::Function(Rc::new(Function {
            name,
            body: Rc::new(body),
            redirects,
        })))
    }

    fn redirect(&mut self) -> Result<Option<Redirect>> {
        let fd = match self.peek()? {
            Token::Number(fd) => Some(*fd),
            _ => None,
        };
        if fd.is_some() {
            self.bump()?;
        }
        let Token::Operator(operator) = *self.peek()? else {
            return if fd.is_some() {
                Err(self.unexpected())
            } else {
                Ok(None)
            };
        };
        let mode = match operator {
            Operator::Less => Some(FileMode::Read),
            Operator::Great => Some(FileMode::Write),
            Operator::Append => Some(FileMode::Append),
            Operator::ReadWrite => Some(FileMode::ReadWrite),
            Operator::Clobber => Some(FileMode::Clobber),
            Operator::DuplicateIn
            | Operator::DuplicateOut
            | Operator::Here
            | Operator::HereStripped => None,
            _ => return Ok(None),
        };
        self.bump()?;
        let word = self.expect_any_word()?;
        let target = match (mode, operator) {
            (Some(mode), _) => Target::File(mode, word),
            (None, Operator::Here | Operator::HereStripped) => {
                let (delimiter, quoted) = delimiter(&word);
                let document = Rc::new(HereDocument {
                    body: OnceCell::new(),
                });
                self.pending.push(Pending {
                    delimiter,
                    quoted,
                    strip_tabs: operator == Operator::HereStripped,
                    document: document.clone(),
                });
                Target::Here(document)
            }
            _ => Target::Duplicate {
                output: operator == Operator::DuplicateOut,
                word,
            },
        };
        Ok(Some(Redirect { fd, target }))
    }

    /// Reads the here documents whose texts start here.
    fn read_here_documents(&mut self) -> Result<()> {
        for pending in core::mem::take(&mut self.pending) {
            let mut body = Vec::new();
            // Whether the line before ended in a backslash that joins the next one to it.
            let mut joined = false;
            loop {
                if self.position >= self.text.len() {
                    if self.more {
                        return Err(Error::Incomplete);
                    }
                    // Where the text's end cuts the document off, its last line ends, too.
                    if joined {
                        body.push(b'\n');
                    }
                    break;
                }
                let rest = &self.text[self.position..];
                let end = rest.iter().position(|&b| b == b'\n');
                let mut line = &rest[..end.unwrap_or(rest.len())];
                self.position += end.map_or(rest.len(), |end| end + 1);
                self.line += 1;
                if pending.strip_tabs && !joined {
                    while let [b'\t', tail @ ..] = line {
                        line = tail;
                    }
                }
                if line == pending.delimiter && !joined {
                    break;
                }
                let backslashes = line.iter().rev().take_while(|&&b| b == b'\\').count();
                joined = !pending.quoted && backslashes % 2 == 1;
                body.extend_from_slice(line);
                body.push(b'\n');
            }
            let word = if pending.quoted {
                Word::quoted(&body)
            } else {
                let mut inner = Parser {
                    depth: self.depth,
                    line: self.line,
                    ..Parser::new(&body, false)
                };
                Word {
                    parts: inner.here_parts()?,
                }
            };
            // The cell is new, and filled only here.
            let _ = pending.document.body.set(word);
        }
        Ok(())
    }

    // Words

    fn word(&mut self, stop: Stop) -> Result<Word> {
        let quoted = stop == Stop::QuotedBrace;
        let mut parts = Vec::new();
        loop {
            let start = self.position;
            while let Some(byte) = self.byte() {
                let special = match byte {
                    b'\\' | b'"' | b'$' | b'`' => true,
                    b'\'' => !quoted,
                    b'}' => stop != Stop::Blank,
                    _ => stop == Stop::Blank && is_meta(byte),
                };
                if special {
                    break;
                }
                self.advance();
            }
            push_literal(&mut parts, &self.text[start..self.position]);
            let Some(byte) = self.byte() else {
                return if stop == Stop::Blank {
                    Ok(Word { parts })
                } else {
                    self.cut_off()
                };
            };
            match byte {
                b'\\' => self.backslash(&mut parts, quoted.then_some(b"$`\"\\}"))?,
                b'"' => {
                    self.position += 1;
                    parts.push(Part::Double(self.double()?));
                }
                b'$' => self.dollar(&mut parts, quoted)?,
                b'`' => self.backquote(&mut parts, quoted)?,
                b'\'' => {
                    self.position += 1;
                    let start = self.position;
                    while self.byte().is_some_and(|b| b != b'\'') {
                        self.advance();
                    }
                    if self.byte().is_none() {
                        return self.cut_off();
                    }
                    push_quoted(&mut parts, &self.text[start..self.position]);
                    self.position += 1;
                }
                _ => return Ok(Word { parts }),
            }
        }
    }

    /// A backslash. `escapable` are the characters that it quotes; `None`: all.
    fn backslash(&mut self, parts: &mut Vec<Part>, escapable: Option<&[u8]>) -> Result<()> {
        match self.byte_after(1) {
            Some(b'\n') => {
                self.position += 1;
                self.advance();
            }
            Some(byte) if escapable.is_none_or(|set| set.contains(&byte)) => {
                push_quoted(parts, &[byte]);
                self.position += 2;
            }
            Some(_) => {
                push_literal(parts, b"\\");
                self.position += 1;
            }
            None if self.more => return Err(Error::Incomplete),
            None => {
                push_quoted(parts, b"\\");
                self.position += 1;
            }
        }
        Ok(())
    }

    /// What stands in double quotes, up to and with the closing one.
    fn double(&mut self) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        loop {
            let start = self.position;
            while self
                .byte()
                .is_some_and(|b| !matches!(b, b'\\' | b'"' | b'$' | b'`'))
            {
                self.advance();
            }
            push_literal(&mut parts, &self.text[start..self.position]);
            match self.byte() {
                None => return self.cut_off(),
                Some(b'\\') => self.backslash(&mut parts, Some(b"$`\"\\"))?,
                Some(b'$') => self.dollar(&mut parts, true)?,
                Some(b'`') => self.backquote(&mut parts, true)?,
                Some(_) => {
                    self.position += 1;
                    return Ok(parts);
                }
            }
        }
    }

    /// The text of a here document, to its end.
    fn here_parts(&mut self) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        loop {
            let start = self.position;
            while self
                .byte()
                .is_some_and(|b| !matches!(b, b'\\' | b'$' | b'`'))
            {
                self.advance();
            }
            push_literal(&mut parts, &self.text[start..self.position]);
            match self.byte() {
                None => return Ok(parts),
                Some(b'\\') => self.backslash(&mut parts, Some(b"$`\\"))?,
                Some(b'$') => self.dollar(&mut parts, true)?,
                Some(_) => self.backquote(&mut parts, true)?,
            }
        }
    }

    fn dollar(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Result<()> {
        let simple = |name: &[u8]| {
            Part::Parameter(Box::new(Parameter {
                name: name.to_vec(),
                operation: Operation::Value,
            }))
        };
        // Lines are joined before anything else is looked at.
        while self.text[self.position + 1..].starts_with(b"\\\n") {
            self.position += 2;
            self.line += 1;
        }
        match self.byte_after(1) {
            Some(b'(') => {
                self.enter()?;
                if self.byte_after(2) == Some(b'(') && self.is_arithmetic()? {
                    self.position += 3;
                    parts.push(Part::Arithmetic(self.arithmetic()?));
                } else {
                    self.position += 2;
                    parts.push(Part::Command(Rc::new(self.substitution()?)));
                }
                self.depth -= 1;
            }
            Some(b'{') => {
                self.enter()?;
                self.position += 2;
                parts.push(Part::Parameter(Box::new(self.braced(quoted)?)));
                self.depth -= 1;
            }
            Some(byte) if is_name_start(byte) => {
                self.position += 1;
                let mut name = self.take_while(is_name_byte).to_vec();
                while self.starts_with(b"\\\n") {
                    self.skip_continuations();
                    name.extend_from_slice(self.take_while(is_name_byte));
                }
                parts.push(simple(&name));
            }
            Some(byte) if byte.is_ascii_digit() || is_special(byte) => {
                parts.push(simple(&[byte]));
                self.position += 2;
            }
            _ => {
                push_literal(parts, b"$");
                self.position += 1;
            }
        }
        Ok(())
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.position;
        while self.byte().is_some_and(&accept) {
            self.position += 1;
        }
        &self.text[start..self.position]
    }

    /// A parameter's name inside `${`.
    fn parameter_name(&mut self) -> Option<&'a [u8]> {
        match self.byte()? {
            byte if is_name_start(byte) => Some(self.take_while(is_name_byte)),
            byte if byte.is_ascii_digit() => Some(self.take_while(|b| b.is_ascii_digit())),
            byte if is_special(byte) => {
                self.position += 1;
                Some(&self.text[self.position - 1..self.position])
            }
            _ => None,
        }
    }

    /// What follows `${`, up to and with the closing brace.
    fn braced(&mut self, quoted: bool) -> Result<Parameter> {
        if self.byte() == Some(b'#') {
            let start = self.position;
            self.position += 1;
            if let Some(name) = self.parameter_name()
                && self.byte() == Some(b'}')
            {
                self.position += 1;
                return Ok(Parameter {
                    name: name.to_vec(),
                    operation: Operation::Length,
                });
            }
            self.position = start;
        }
        let Some(name) = self.parameter_name() else {
            return if self.byte().is_none() {
                self.cut_off()
            } else {
                self.syntax(&[b"bad substitution"])
            };
        };
        let name = name.to_vec();
        let or_empty = self.byte() == Some(b':');
        if or_empty {
            self.position += 1;
        }
        let Some(byte) = self.byte() else {
            return self.cut_off();
        };
        let kind = match byte {
            b'-' => Some(Conditional::Default),
            b'=' => Some(Conditional::Assign),
            b'?' => Some(Conditional::Error),
            b'+' => Some(Conditional::Alternative),
            _ => None,
        };
        let operation = match (kind, byte) {
            (Some(kind), _) => {
                self.position += 1;
                let word = self.word(if quoted {
                    Stop::QuotedBrace
                } else {
                    Stop::Brace
                })?;
                Operation::Conditional {
                    kind,
                    or_empty,
                    word,
                }
            }
            (None, b'#' | b'%') if !or_empty => {
                self.position += 1;
                let longest = self.byte() == Some(byte);
                if longest {
                    self.position += 1;
                }
                let pattern = self.word(Stop::Brace)?;
                Operation::Trim {
                    suffix: byte == b'%',
                    longest,
                    pattern,
                }
            }
            (None, b'}') if !or_empty => Operation::Value,
            _ => return self.syntax(&[b"bad substitution"]),
        };
        // Each word above ends before a brace.
        self.position += 1;
        Ok(Parameter { name, operation })
    }

    /// The commands of `$(`, up to and with the closing parenthesis.
    fn substitution(&mut self) -> Result<List> {
        let pending = core::mem::take(&mut self.pending);
        let list = self.list_or_nothing()?;
        match self.peek()? {
            Token::Operator(Operator::Close) => self.token = None,
            Token::End => return self.cut_off(),
            _ => return Err(self.unexpected()),
        }
        // A here document that starts on the last line has no text.
        let more = core::mem::replace(&mut self.more, false);
        let text = core::mem::replace(&mut self.text, b"");
        let position = self.position;
        let result = self.read_here_documents();
        (self.more, self.text, self.position) = (more, text, position);
        result?;
        self.pending = pending;
        Ok(list)
    }

    /// The commands between backquotes.
    fn backquote(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Result<()> {
        self.position += 1;
        let line = self.line;
        let mut text = Vec::new();
        loop {
            match self.byte() {
                None => return self.cut_off(),
                Some(b'`') => break,
                Some(b'\\') => {
                    let next = self.byte_after(1);
                    match next {
                        Some(byte @ (b'\\' | b'`' | b'$')) => text.push(byte),
                        Some(b'"') if quoted => text.push(b'"'),
                        Some(byte) => text.extend_from_slice(&[b'\\', byte]),
                        None => return self.cut_off(),
                    }
                    self.position += 1;
                }
                Some(byte) => text.push(byte),
            }
            self.advance();
        }
        self.position += 1;
        self.enter()?;
        let mut inner = Parser {
            line,
            depth: self.depth,
            ..Parser::new(&text, false)
        };
        let list = inner.list_or_nothing()?;
        if *inner.peek()? != Token::End {
            return Err(inner.unexpected());
        }
        inner.read_here_documents()?;
        self.depth -= 1;
        parts.push(Part::Command(Rc::new(list)));
        Ok(())
    }

    /// Whether the `$((` here starts an expression, and not a command in a subshell:
    /// whether the two parentheses are closed by two.
    fn is_arithmetic(&self) -> Result<bool> {
        let mut depth = 0usize;
        let mut bytes = self.text[self.position + 3..].iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => {
                    bytes.next();
                }
                b'\'' => {
                    bytes.by_ref().find(|&b| b == b'\'');
                }
                b'(' => depth += 1,
                b')' if depth == 0 => return Ok(bytes.peek() == Some(&b')')),
                b')' => depth -= 1,
                _ => {}
            }
        }
        self.cut_off()
    }

    /// The expression of `$((`, up to and with the closing parentheses.
    fn arithmetic(&mut self) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let mut depth = 0usize;
        loop {
            let start = self.position;
            while self
                .byte()
                .is_some_and(|b| !matches!(b, b'\\' | b'"' | b'$' | b'`' | b'(' | b')'))
            {
                self.advance();
            }
            push_literal(&mut parts, &self.text[start..self.position]);
            match self.byte() {
                None => return self.cut_off(),
                Some(b'\\') => self.backslash(&mut parts, Some(b"$`\"\\"))?,
                Some(b'$') => self.dollar(&mut parts, true)?,
                Some(b'`') => self.backquote(&mut parts, true)?,
                Some(b'"') => self.position += 1,
                Some(b'(') => {
                    depth += 1;
                    push_literal(&mut parts, b"(");
                    self.position += 1;
                }
                Some(_) if depth > 0 => {
                    depth -= 1;
                    push_literal(&mut parts, b")");
                    self.position += 1;
                }
                Some(_) => {
                    self.position += 1;
                    if self.byte() != Some(b')') {
                        return self.syntax(&[b"missing '))'"]);
                    }
                    self.position += 1;
                    return Ok(parts);
                }
            }
        }
    }
}

/// Splits `name=value`; the word itself if it is not of that form.
pub fn split_assignment(mut word: Word) -> core::result::Result<Assignment, Word> {
    let Some(Part::Literal(text)) = word.parts.first_mut() else {
        return Err(word);
    };
    let Some(equals) = text.iter().position(|&b| b == b'=') else {
        return Err(word);
    };
    if !is_name(&text[..equals]) {
        return Err(word);
    }
    let mut name = core::mem::take(text);
    let value = name.split_off(equals + 1);
    name.pop();
    if value.is_empty() {
        word.parts.remove(0);
    } else {
        word.parts[0] = Part::Literal(value);
    }
    Ok(Assignment { name, value: word })
}

/// A here document's delimiter, and whether any of it was quoted. Expansions in it are not done.
fn delimiter(word: &Word) -> (Vec<u8>, bool) {
    fn collect(parts: &[Part], text: &mut Vec<u8>) -> bool {
        let mut quoted = false;
        for part in parts {
            match part {
                Part::Literal(literal) => text.extend_from_slice(literal),
                Part::Quoted(literal) => {
                    text.extend_from_slice(literal);
                    quoted = true;
                }
                Part::Double(parts) => {
                    collect(parts, text);
                    quoted = true;
                }
                other => {
                    let word = Word {
                        parts: alloc::vec![other.clone()],
                    };
                    text.extend_from_slice(&crate::unparse::word(&word));
                }
            }
        }
        quoted
    }
    let mut text = Vec::new();
    let quoted = collect(&word.parts, &mut text);
    (text, quoted)
}

/// A text with expansions, as a here document has it.
pub fn here_text(text: &[u8]) -> Result<Word> {
    Ok(Word {
        parts: Parser::new(text, false).here_parts()?,
    })
}

/// All commands of a text that is whole.
pub fn parse(text: &[u8]) -> Result<List> {
    let mut parser = Parser::new(text, false);
    let mut list = List::default();
    while let Some(mut line) = parser.next_line()? {
        list.items.append(&mut line.items);
    }
    Ok(list)
}
