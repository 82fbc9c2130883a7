//! From commands back to text that parses to the same commands.
//!
//! The shell hands a function or a part of a script to another shell process
//! in this form, and shows jobs and functions in it.

use alloc::rc::Rc;
use alloc::vec::Vec;

use crate::ast::{
    AndOr, Command, Compound, Conditional, Connector, FileMode, Function, HereDocument, Item, List,
    Operation, Parameter, Part, Pipeline, Redirect, Target, Word,
};
use crate::parser::is_reserved;

/// The text of a list: a line for each command.
pub fn list(list: &List) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.list(list);
    writer.text
}

/// The text of one command.
pub fn command(command: &Command) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.command(command);
    writer.end_line();
    writer.text
}

/// The text of one element of a list, without what ends it.
pub fn and_or(and_or: &AndOr) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.and_or(and_or);
    writer.end_line();
    writer.text
}

/// The text of a function's definition.
pub fn function(function: &Rc<Function>) -> Vec<u8> {
    command(&Command::Function(function.clone()))
}

/// The text of a word.
pub fn word(word: &Word) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.word(word);
    writer.text
}

/// Text in quotes, so that it stands for itself.
pub fn quote(text: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.quoted(text);
    writer.text
}

/// Where parts of a word stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Outside quotes.
    Bare,
    /// Where a backslash quotes single characters and quotes do not: in double
    /// quotes, here documents and expressions.
    Quoted,
}

#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    here: Vec<Rc<HereDocument>>,
}

impl Writer {
    fn put(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Ends the line and puts the here documents that it started.
    fn end_line(&mut self) {
        if self.text.last() != Some(&b'\n') {
            self.put(b"\n");
        }
        for (index, document) in core::mem::take(&mut self.here).iter().enumerate() {
            let Some(body) = document.body.get() else {
                continue;
            };
            let text = here_text(body);
            self.put(&text);
            let delimiter = here_delimiter(&text, index);
            self.put(&delimiter);
            self.put(b"\n");
        }
    }

    fn list(&mut self, list: &List) {
        for Item { and_or, background } in &list.items {
            self.and_or(and_or);
            if *background {
                self.put(b" &");
            }
            self.end_line();
        }
    }

    fn and_or(&mut self, and_or: &AndOr) {
        self.pipeline(&and_or.first);
        for (connector, pipeline) in &and_or.rest {
            self.put(match connector {
                Connector::And => b" && ",
                Connector::Or => b" || ",
            });
            self.pipeline(pipeline);
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        if pipeline.negated {
            self.put(b"! ");
        }
        for (index, command) in pipeline.commands.iter().enumerate() {
            if index > 0 {
                self.put(b" | ");
            }
            self.command(command);
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Simple(simple) => {
                let start = self.text.len();
                // Behind a redirection a reserved word is a word like any other.
                let reserved = simple
                    .words
                    .first()
                    .and_then(Word::bare)
                    .is_some_and(is_reserved);
                let redirects_first = simple.assignments.is_empty() && reserved;
                if redirects_first {
                    self.simple_redirects(&simple.redirects, start);
                }
                for assignment in &simple.assignments {
                    self.separate(start);
                    self.put(&assignment.name);
                    self.put(b"=");
                    self.word(&assignment.value);
                }
                for word in &simple.words {
                    self.separate(start);
                    self.word(word);
                }
                if !redirects_first {
                    self.simple_redirects(&simple.redirects, start);
                }
            }
            Command::Compound(compound, redirects) => {
                self.compound(compound);
                self.redirects(redirects);
            }
            Command::Function(function) => {
                self.put(&function.name);
                self.put(b"() ");
                self.compound(&function.body);
                self.redirects(&function.redirects);
            }
        }
    }

    fn separate(&mut self, start: usize) {
        if self.text.len() > start {
            self.put(b" ");
        }
    }

    fn simple_redirects(&mut self, redirects: &[Redirect], start: usize) {
        for redirect in redirects {
            self.separate(start);
            self.redirect(redirect);
        }
    }

    fn redirects(&mut self, redirects: &[Redirect]) {
        for redirect in redirects {
            self.put(b" ");
            self.redirect(redirect);
        }
    }

    /// A list between two words, each on lines of its own.
    fn enclosed(&mut self, open: &[u8], list: &List, close: &[u8]) {
        self.put(open);
        self.end_line();
        self.list(list);
        self.put(close);
    }

    fn compound(&mut self, compound: &Compound) {
        match compound {
            Compound::Brace(list) => self.enclosed(b"{", list, b"}"),
            Compound::Subshell(list) => self.enclosed(b"(", list, b")"),
            Compound::If { arms, otherwise } => {
                for (index, (condition, body)) in arms.iter().enumerate() {
                    let word: &[u8] = if index == 0 { b"if" } else { b"elif" };
                    self.enclosed(word, condition, b"then");
                    self.enclosed(b"", body, b"");
                }
                if let Some(body) = otherwise {
                    self.enclosed(b"else", body, b"");
                }
                self.put(b"fi");
            }
            Compound::Loop {
                until,
                condition,
                body,
            } => {
                self.enclosed(if *until { b"until" } else { b"while" }, condition, b"do");
                self.enclosed(b"", body, b"done");
            }
            Compound::For { name, words, body } => {
                self.put(b"for ");
                self.put(name);
                if let Some(words) = words {
                    self.put(b" in");
                    for word in words {
                        self.put(b" ");
                        self.word(word);
                    }
                }
                self.end_line();
                self.enclosed(b"do", body, b"done");
            }
            Compound::Case { word, arms } => {
                self.put(b"case ");
                self.word(word);
                self.put(b" in");
                self.end_line();
                for arm in arms {
                    self.put(b"(");
                    for (index, pattern) in arm.patterns.iter().enumerate() {
                        if index > 0 {
                            self.put(b" | ");
                        }
                        self.word(pattern);
                    }
                    self.enclosed(
                        b")",
                        &arm.body,
                        if arm.falls_through { b";&" } else { b";;" },
                    );
                    self.end_line();
                }
                self.put(b"esac");
            }
        }
    }

    fn redirect(&mut self, redirect: &Redirect) {
        if let Some(fd) = redirect.fd {
            let mut digits = [0; 20];
            self.put(posix::io::decimal(
                u64::from(fd.unsigned_abs()),
                &mut digits,
            ));
        }
        match &redirect.target {
            Target::File(mode, word) => {
                self.put(match mode {
                    FileMode::Read => b"<",
                    FileMode::Write => b">",
                    FileMode::Clobber => b">|",
                    FileMode::Append => b">>",
                    FileMode::ReadWrite => b"<>",
                });
                self.word(word);
            }
            Target::Duplicate { output, word } => {
                self.put(if *output { b">&" } else { b"<&" });
                self.word(word);
            }
            Target::Here(document) => {
                let Some(body) = document.body.get() else {
                    return;
                };
                let delimiter = here_delimiter(&here_text(body), self.here.len());
                self.put(b"<<");
                // The text of a quoted delimiter's document has no expansions.
                if matches!(body.parts.as_slice(), [Part::Quoted(_)]) {
                    self.quoted(&delimiter);
                } else {
                    self.put(&delimiter);
                }
                self.here.push(document.clone());
            }
        }
    }

    fn word(&mut self, word: &Word) {
        self.parts(&word.parts, Place::Bare);
    }

    fn quoted(&mut self, text: &[u8]) {
        self.put(b"'");
        for &byte in text {
            if byte == b'\'' {
                self.put(b"'\\''");
            } else {
                self.text.push(byte);
            }
        }
        self.put(b"'");
    }

    fn parts(&mut self, parts: &[Part], place: Place) {
        let mut behind_dollar = false;
        for part in parts {
            let follows = core::mem::replace(
                &mut behind_dollar,
                matches!(part, Part::Literal(text) if text.ends_with(b"$")),
            );
            if follows && matches!(part, Part::Parameter(_) | Part::Arithmetic(_)) {
                // Quotes stood there, which mean nothing in an expression.
                self.put(b"\"\"");
            }
            match part {
                Part::Literal(text) => self.put(text),
                Part::Quoted(text) if place == Place::Bare => self.quoted(text),
                Part::Quoted(text) => {
                    for &byte in text {
                        self.put(&[b'\\', byte]);
                    }
                }
                Part::Double(parts) => {
                    self.put(b"\"");
                    self.parts(parts, Place::Quoted);
                    self.put(b"\"");
                }
                Part::Parameter(parameter) => self.parameter(parameter, place),
                // `$$` would be a parameter.
                Part::Command(commands) if follows => {
                    self.put(b"`\n");
                    for byte in list(commands) {
                        if matches!(byte, b'\\' | b'`' | b'$')
                            || byte == b'"' && place == Place::Quoted
                        {
                            self.put(b"\\");
                        }
                        self.put(&[byte]);
                    }
                    self.put(b"`");
                }
                Part::Command(commands) => {
                    self.put(b"$(\n");
                    let inner = list(commands);
                    self.put(&inner);
                    self.put(b")");
                }
                Part::Arithmetic(parts) => {
                    self.put(b"$((");
                    self.parts(parts, Place::Quoted);
                    self.put(b"))");
                }
            }
        }
    }

    fn parameter(&mut self, parameter: &Parameter, place: Place) {
        self.put(b"${");
        if parameter.operation == Operation::Length {
            self.put(b"#");
        }
        self.put(&parameter.name);
        match &parameter.operation {
            Operation::Value | Operation::Length => {}
            Operation::Conditional {
                kind,
                or_empty,
                word,
            } => {
                if *or_empty {
                    self.put(b":");
                }
                self.put(match kind {
                    Conditional::Default => b"-",
                    Conditional::Assign => b"=",
                    Conditional::Error => b"?",
                    Conditional::Alternative => b"+",
                });
                self.parts(&word.parts, place);
            }
            Operation::Trim {
                suffix,
                longest,
                pattern,
            } => {
                let operator: &[u8] = if *suffix { b"%" } else { b"#" };
                self.put(operator);
                if *longest {
                    self.put(operator);
                }
                self.parts(&pattern.parts, Place::Bare);
            }
        }
        self.put(b"}");
    }
}

/// The text of a here document as it stands in a script.
fn here_text(body: &Word) -> Vec<u8> {
    match body.parts.as_slice() {
        [Part::Quoted(text)] => text.clone(),
        parts => {
            let mut writer = Writer::default();
            writer.parts(parts, Place::Quoted);
            writer.text
        }
    }
}

/// A delimiter that no line of the text equals.
fn here_delimiter(text: &[u8], index: usize) -> Vec<u8> {
    let mut delimiter = b"EOF".to_vec();
    delimiter.resize(delimiter.len() + index, b'F');
    while text.split(|&b| b == b'\n').any(|line| line == delimiter) {
        delimiter.push(b'_');
    }
    delimiter
}
