//! From words to fields: the expansions of POSIX, section 2.6.

use alloc::rc::Rc;
use alloc::vec::Vec;

use posix::fs::{self, Kind};
use utils::pattern::Pattern;

use crate::arithmetic;
use crate::ast::{Conditional, List, Operation, Parameter, Part, Word};

/// Why a word has no expansion: an error to tell, or that the script ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// What is wrong; a script ends with it.
    Fault(Vec<u8>),
    /// A command substitution ended the shell or was interrupted.
    Unwound,
}

/// The result of an expansion.
pub type Result<T> = core::result::Result<T, Error>;

/// What expansions need of the shell.
pub trait Context {
    /// The value of a variable, or of a special parameter other than `@` and `*`.
    fn parameter(&mut self, name: &[u8]) -> Option<Vec<u8>>;
    /// The positional parameters from 1 on.
    fn positional(&self) -> Vec<Vec<u8>>;
    /// Sets a variable; what is wrong if it cannot be set.
    fn assign(&mut self, name: &[u8], value: Vec<u8>) -> core::result::Result<(), Vec<u8>>;
    /// The output of commands.
    fn substitute(&mut self, commands: &Rc<List>) -> Result<Vec<u8>>;
    /// Whether an unset parameter is an error (`set -u`).
    fn unset_is_error(&self) -> bool;
    /// Whether fields with pattern characters stand for file names (`set -f` turns it off).
    fn globs(&self) -> bool;
    /// The home directory of a user.
    fn home_of(&mut self, user: &[u8]) -> Option<Vec<u8>>;
}

/// How a byte of a word that is being expanded came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// It stands in the word without quotes.
    Literal,
    /// It is quoted: never splits, never a pattern.
    Quoted,
    /// It came out of an unquoted expansion: may split.
    Expanded,
}

/// What the expansions make of a word before it is split.
#[derive(Default, Debug)]
struct Expansion {
    bytes: Vec<u8>,
    origins: Vec<Origin>,
    /// Positions at which a field ends, whatever stands there (`"$@"`).
    breaks: Vec<usize>,
    /// Positions of quotes: a field that holds one exists even if it is empty.
    quotes: Vec<usize>,
}

/// A field before file names are put in its place.
#[derive(Default, Debug)]
struct Field {
    bytes: Vec<u8>,
    quoted: Vec<bool>,
}

impl Expansion {
    fn push(&mut self, text: &[u8], origin: Origin) {
        self.bytes.extend_from_slice(text);
        self.origins.resize(self.bytes.len(), origin);
    }

    fn mark_quote(&mut self) {
        self.quotes.push(self.bytes.len());
    }

    /// All of it as one text that is not split.
    fn join(self) -> Field {
        let mut field = Field::default();
        let mut breaks = self.breaks.iter().copied().peekable();
        for (at, (&byte, &origin)) in self.bytes.iter().zip(&self.origins).enumerate() {
            while breaks.next_if(|&b| b <= at).is_some() {
                field.bytes.push(b' ');
                field.quoted.push(true);
            }
            field.bytes.push(byte);
            field.quoted.push(origin == Origin::Quoted);
        }
        for _ in breaks {
            field.bytes.push(b' ');
            field.quoted.push(true);
        }
        field
    }

    /// Whether there is anything at which it could be split, so that the separators matter.
    fn may_split(&self) -> bool {
        self.origins.contains(&Origin::Expanded)
    }

    /// Fields, split at the bytes of `ifs` that came out of expansions.
    fn split(self, ifs: &[u8]) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut field = Field::default();
        let mut started = false;
        // Whether the last field was ended by white space, which one other separator may follow.
        let mut after_space = false;
        let mut breaks = self.breaks.iter().copied().peekable();
        let mut quotes = self.quotes.iter().copied().peekable();
        for at in 0..=self.bytes.len() {
            while quotes
                .next_if(|&q| q <= at && breaks.peek().is_none_or(|&b| q <= b))
                .is_some()
            {
                started = true;
            }
            while breaks.next_if(|&b| b <= at).is_some() {
                if started {
                    fields.push(core::mem::take(&mut field));
                }
                started = false;
                after_space = false;
                while quotes
                    .next_if(|&q| q <= at && breaks.peek().is_none_or(|&b| q <= b))
                    .is_some()
                {
                    started = true;
                }
            }
            let (Some(&byte), Some(&origin)) = (self.bytes.get(at), self.origins.get(at)) else {
                break;
            };
            if origin != Origin::Expanded || !ifs.contains(&byte) {
                field.bytes.push(byte);
                field.quoted.push(origin == Origin::Quoted);
                started = true;
                after_space = false;
            } else if matches!(byte, b' ' | b'\t' | b'\n') {
                if started {
                    fields.push(core::mem::take(&mut field));
                    started = false;
                    after_space = true;
                }
            } else if started || !after_space {
                fields.push(core::mem::take(&mut field));
                started = false;
                after_space = false;
            } else {
                after_space = false;
            }
        }
        if started {
            fields.push(field);
        }
        fields
    }
}

/// The separators of fields: `$IFS`.
pub fn separators(context: &mut dyn Context) -> Vec<u8> {
    context
        .parameter(b"IFS")
        .unwrap_or_else(|| b" \t\n".to_vec())
}

/// The fields of words: expanded, split, with file names for patterns.
pub fn words(words: &[Word], context: &mut dyn Context) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for word in words {
        // Most words are one literal without anything special.
        if let Some(text) = word.bare()
            && !text.iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'~'))
        {
            all.push(text.to_vec());
            continue;
        }
        let expansion = expand(word, context, Tilde::Word)?;
        let ifs = if expansion.may_split() {
            separators(context)
        } else {
            Vec::new()
        };
        for field in expansion.split(&ifs) {
            if may_glob(&field) && context.globs() {
                let names = glob(&field);
                if !names.is_empty() {
                    all.extend(names);
                    continue;
                }
            }
            all.push(field.bytes);
        }
    }
    Ok(all)
}

/// A word's text: expanded, neither split nor a pattern for file names.
pub fn text(word: &Word, context: &mut dyn Context) -> Result<Vec<u8>> {
    Ok(expand(word, context, Tilde::Word)?.join().bytes)
}

/// The value of an assignment: as [`text`], with tildes behind colons.
pub fn assigned(word: &Word, context: &mut dyn Context) -> Result<Vec<u8>> {
    Ok(expand(word, context, Tilde::Assignment)?.join().bytes)
}

/// A word as a pattern: expanded, with what was quoted standing for itself.
pub fn pattern(word: &Word, context: &mut dyn Context) -> Result<Pattern> {
    let field = expand(word, context, Tilde::Word)?.join();
    Ok(Pattern::with_quotes(&field.bytes, &field.quoted))
}

/// The text of a here document.
pub fn here_document(word: &Word, context: &mut dyn Context) -> Result<Vec<u8>> {
    let mut expansion = Expansion::default();
    Expander {
        context,
        out: &mut expansion,
    }
    .parts(&word.parts, true)?;
    Ok(expansion.join().bytes)
}

/// A prompt's text: with the parameters that it names. `None` if it cannot be expanded.
pub fn prompt(text: &[u8], context: &mut dyn Context) -> Option<Vec<u8>> {
    let word = crate::parser::here_text(text).ok()?;
    here_document(&word, context).ok()
}

/// Splits a text into at most `count` fields, as `read` does: the last takes the rest.
pub fn split_line(text: &[u8], escaped: &[bool], ifs: &[u8], count: usize) -> Vec<Vec<u8>> {
    let is_separator = |at: usize| ifs.contains(&text[at]) && !escaped[at];
    let is_space = |at: usize| is_separator(at) && matches!(text[at], b' ' | b'\t' | b'\n');
    let skip_space = |mut at: usize| {
        while at < text.len() && is_space(at) {
            at += 1;
        }
        at
    };
    let mut fields = Vec::new();
    let mut at = skip_space(0);
    while fields.len() + 1 < count && at < text.len() {
        let start = at;
        while at < text.len() && !is_separator(at) {
            at += 1;
        }
        fields.push(text[start..at].to_vec());
        at = skip_space(at);
        if at < text.len() && is_separator(at) && (at == start || !is_space(at)) {
            // White space, one other separator and white space are one end.
            at = skip_space(at + 1);
        }
    }
    if at < text.len() {
        let mut end = text.len();
        while end > at && is_space(end - 1) {
            end -= 1;
        }
        // One separator at the very end is the end of the last field, not a part of it.
        if end > at
            && is_separator(end - 1)
            && !(at..end - 1).any(|i| is_separator(i) && !is_space(i))
        {
            end -= 1;
            while end > at && is_space(end - 1) {
                end -= 1;
            }
        }
        fields.push(text[at..end].to_vec());
    }
    fields
}

/// Where a tilde stands for a home directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tilde {
    /// At the start of the word.
    Word,
    /// There, and behind each colon.
    Assignment,
}

fn expand(word: &Word, context: &mut dyn Context, tilde: Tilde) -> Result<Expansion> {
    let mut expansion = Expansion::default();
    let mut expander = Expander {
        context,
        out: &mut expansion,
    };
    let mut parts = word.parts.as_slice();
    if let Some((Part::Literal(first), rest)) = parts.split_first()
        && first.contains(&b'~')
    {
        // A name that goes on in another part was not all written plainly.
        expander.tildes(first, rest.is_empty(), tilde);
        parts = rest;
    }
    expander.parts(parts, false)?;
    Ok(expansion)
}

struct Expander<'a> {
    context: &'a mut dyn Context,
    out: &'a mut Expansion,
}

impl Expander<'_> {
    fn tildes(&mut self, text: &[u8], whole: bool, tilde: Tilde) {
        let pieces: Vec<&[u8]> = match tilde {
            Tilde::Word => alloc::vec![text],
            Tilde::Assignment => text.split(|&b| b == b':').collect(),
        };
        let last = pieces.len() - 1;
        for (index, piece) in pieces.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b":", Origin::Literal);
            }
            let end = piece.iter().position(|&b| b == b'/');
            let name = piece
                .strip_prefix(b"~")
                .map(|rest| &rest[..end.map_or(rest.len(), |e| e - 1)]);
            let complete = whole || end.is_some() || index < last;
            let home = name.filter(|_| complete).and_then(|user| match user {
                b"" => self.context.parameter(b"HOME"),
                user => self.context.home_of(user),
            });
            match home {
                Some(home) => {
                    self.out.push(&home, Origin::Quoted);
                    self.out
                        .push(&piece[end.unwrap_or(piece.len())..], Origin::Literal);
                }
                None => self.out.push(piece, Origin::Literal),
            }
        }
    }

    fn parts(&mut self, parts: &[Part], quoted: bool) -> Result<()> {
        let origin = |unquoted| if quoted { Origin::Quoted } else { unquoted };
        for part in parts {
            match part {
                Part::Literal(text) => self.out.push(text, origin(Origin::Literal)),
                Part::Quoted(text) => {
                    self.out.mark_quote();
                    self.out.push(text, Origin::Quoted);
                }
                Part::Double(inner) => {
                    // `"$@"` without positional parameters is no field at all.
                    let vanishes = self.context.positional().is_empty()
                        && matches!(inner.as_slice(), [Part::Parameter(p)]
                            if p.name == b"@" && p.operation == Operation::Value);
                    if !vanishes {
                        self.out.mark_quote();
                    }
                    self.parts(inner, true)?;
                }
                Part::Parameter(parameter) => self.parameter(parameter, quoted)?,
                Part::Command(commands) => {
                    let mut output = self.context.substitute(commands)?;
                    while output.last() == Some(&b'\n') {
                        output.pop();
                    }
                    output.retain(|&b| b != 0);
                    self.out.push(&output, origin(Origin::Expanded));
                }
                Part::Arithmetic(parts) => {
                    let mut inner = Expansion::default();
                    Expander {
                        context: self.context,
                        out: &mut inner,
                    }
                    .parts(parts, true)?;
                    let text = inner.join().bytes;
                    let value = arithmetic::evaluate(&text, &mut Numbers(self.context))
                        .map_err(Error::Fault)?;
                    self.out
                        .push(&signed_decimal(value), origin(Origin::Expanded));
                }
            }
        }
        Ok(())
    }

    /// The positional parameters, as `$@` and `$*` put them.
    fn all_positional(&mut self, name: &[u8], quoted: bool) {
        let origin = if quoted {
            Origin::Quoted
        } else {
            Origin::Expanded
        };
        let ifs = separators(self.context);
        for (index, value) in self.context.positional().iter().enumerate() {
            if index > 0 {
                if quoted && name == b"*" {
                    self.out.push(&ifs[..ifs.len().min(1)], Origin::Quoted);
                } else {
                    self.out.breaks.push(self.out.bytes.len());
                }
            }
            if quoted {
                self.out.mark_quote();
            }
            self.out.push(value, origin);
        }
    }

    fn value(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        match name {
            b"@" | b"*" => {
                let positional = self.context.positional();
                (!positional.is_empty()).then(|| positional.join(&b' '))
            }
            name => self.context.parameter(name),
        }
    }

    fn parameter(&mut self, parameter: &Parameter, quoted: bool) -> Result<()> {
        let origin = if quoted {
            Origin::Quoted
        } else {
            Origin::Expanded
        };
        let name = parameter.name.as_slice();
        let every = matches!(name, b"@" | b"*");
        match &parameter.operation {
            Operation::Value if every => self.all_positional(name, quoted),
            Operation::Value => {
                let value = self.value(name);
                self.refuse_unset(name, value.is_none())?;
                self.out.push(&value.unwrap_or_default(), origin);
            }
            Operation::Length => {
                let length = if every {
                    self.context.positional().len()
                } else {
                    let value = self.value(name);
                    self.refuse_unset(name, value.is_none())?;
                    value.map_or(0, |v| v.len())
                };
                self.out.push(&signed_decimal(length as i64), origin);
            }
            Operation::Conditional {
                kind,
                or_empty,
                word,
            } => {
                let value = self.value(name).filter(|v| !(*or_empty && v.is_empty()));
                match (kind, value) {
                    (Conditional::Alternative, Some(_)) | (Conditional::Default, None) => {
                        self.inner_word(word, quoted)?;
                    }
                    (Conditional::Alternative, None) => {}
                    (_, Some(_)) if every => self.all_positional(name, quoted),
                    (_, Some(value)) => self.out.push(&value, origin),
                    (Conditional::Assign, None) => {
                        if !crate::parser::is_name(name) {
                            return fault(&[name, b": cannot be assigned"]);
                        }
                        let value = text(word, self.context)?;
                        self.context
                            .assign(name, value.clone())
                            .map_err(Error::Fault)?;
                        self.out.push(&value, origin);
                    }
                    (Conditional::Error, None) => {
                        let mut message = text(word, self.context)?;
                        if message.is_empty() {
                            message = b"parameter not set".to_vec();
                        }
                        return fault(&[name, b": ", &message]);
                    }
                }
            }
            Operation::Trim {
                suffix,
                longest,
                pattern: word,
            } => {
                let value = self.value(name);
                self.refuse_unset(name, value.is_none() && !every)?;
                let value = value.unwrap_or_default();
                let pattern = pattern(word, self.context)?;
                let rest = if *suffix {
                    &value[..pattern
                        .match_suffix(&value, *longest)
                        .unwrap_or(value.len())]
                } else {
                    &value[pattern.match_prefix(&value, *longest).unwrap_or(0)..]
                };
                self.out.push(rest, origin);
            }
        }
        Ok(())
    }

    /// The word of `${name-word}`, which keeps its own quotes.
    fn inner_word(&mut self, word: &Word, quoted: bool) -> Result<()> {
        let mut parts = word.parts.as_slice();
        if !quoted
            && let Some((Part::Literal(first), rest)) = parts.split_first()
            && first.first() == Some(&b'~')
        {
            self.tildes(first, rest.is_empty(), Tilde::Word);
            parts = rest;
        }
        let start = self.out.bytes.len();
        self.parts(parts, quoted)?;
        // Blanks of the word split fields, as those of a value do.
        for origin in &mut self.out.origins[start..] {
            if *origin == Origin::Literal {
                *origin = Origin::Expanded;
            }
        }
        Ok(())
    }

    fn refuse_unset(&self, name: &[u8], unset: bool) -> Result<()> {
        if unset && self.context.unset_is_error() {
            return fault(&[name, b": parameter not set"]);
        }
        Ok(())
    }
}

fn fault<T>(parts: &[&[u8]]) -> Result<T> {
    Err(Error::Fault(parts.concat()))
}

/// A number's decimal digits.
pub fn signed_decimal(value: i64) -> Vec<u8> {
    let mut digits = [0; 20];
    let digits = posix::io::decimal(value.unsigned_abs(), &mut digits);
    if value < 0 {
        [b"-", digits].concat()
    } else {
        digits.to_vec()
    }
}

/// The shell's variables in an expression.
struct Numbers<'a>(&'a mut dyn Context);

impl arithmetic::Variables for Numbers<'_> {
    fn value(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        self.0.parameter(name)
    }

    fn set(&mut self, name: &[u8], value: i64) -> core::result::Result<(), Vec<u8>> {
        self.0.assign(name, signed_decimal(value))
    }
}

/// Whether a field stands for file names: whether it has more in it than a lone `[`.
fn may_glob(field: &Field) -> bool {
    let special = |(b, q): (&u8, &bool)| !q && matches!(b, b'*' | b'?' | b'[');
    field.bytes.iter().zip(&field.quoted).any(special)
        && !Pattern::with_quotes(&field.bytes, &field.quoted).is_literal()
}

/// The names of files that match, sorted.
fn glob(field: &Field) -> Vec<Vec<u8>> {
    // Paths so far, each with everything up to the component that comes next.
    let mut paths: Vec<Vec<u8>> = alloc::vec![Vec::new()];
    let mut at = 0;
    while at < field.bytes.len() && !paths.is_empty() {
        let end = field.bytes[at..]
            .iter()
            .position(|&b| b == b'/')
            .map_or(field.bytes.len(), |e| at + e);
        let slashes = field.bytes[end..]
            .iter()
            .take_while(|&&b| b == b'/')
            .count();
        let component = &field.bytes[at..end];
        let tail = &field.bytes[end..end + slashes];
        let pattern = Pattern::with_quotes(component, &field.quoted[at..end]);
        let last = end + slashes == field.bytes.len();
        let mut longer = Vec::new();
        for path in paths {
            if pattern.is_literal() {
                let path = [&path[..], component, tail].concat();
                // What is named plainly behind a pattern must exist, too.
                if !last || fs::lstat(&path).is_ok() {
                    longer.push(path);
                }
                continue;
            }
            let directory: &[u8] = if path.is_empty() { b"." } else { &path };
            let Ok(entries) = fs::read_dir(directory) else {
                continue;
            };
            for entry in entries.flatten() {
                let hidden = entry.name.first() == Some(&b'.') && !pattern.starts_with_period();
                if hidden || !pattern.matches(&entry.name) {
                    continue;
                }
                let found = [&path[..], &entry.name, tail].concat();
                let may_contain =
                    matches!(entry.kind, Kind::Directory | Kind::Symlink | Kind::Unknown);
                if tail.is_empty()
                    || (may_contain && fs::stat(&found).is_ok_and(|s| s.is_directory()))
                {
                    longer.push(found);
                }
            }
        }
        paths = longer;
        at = end + slashes;
    }
    paths.sort();
    paths
}
