//! What a script consists of, after parsing.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::OnceCell;

use posix::Fd;

/// Commands, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct List {
    /// The commands with how each is ended.
    pub items: Vec<Item>,
}

/// An element of a [`List`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is run.
    pub and_or: AndOr,
    /// Whether the shell goes on without waiting for it (`&`).
    pub background: bool,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AndOr {
    /// The first pipeline.
    pub first: Pipeline,
    /// The others, each with what joins it to those before.
    pub rest: Vec<(Connector, Pipeline)>,
}

/// What joins two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// `&&`: the next runs if those before succeeded.
    And,
    /// `||`: the next runs if those before failed.
    Or,
}

/// Commands joined by `|`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Whether `!` stands before it.
    pub negated: bool,
    /// The commands; at least one.
    pub commands: Vec<Command>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Assignments, a name and arguments, redirections: any of them may be missing.
    Simple(Simple),
    /// A compound command with redirections for all of it.
    Compound(Rc<Compound>, Vec<Redirect>),
    /// The definition of a function.
    Function(Rc<Function>),
}

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Simple {
    /// Assignments before the name.
    pub assignments: Vec<Assignment>,
    /// Name and arguments.
    pub words: Vec<Word>,
    /// Redirections, in the order in which they stand.
    pub redirects: Vec<Redirect>,
}

/// `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Word,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: Vec<u8>,
    /// What it runs.
    pub body: Rc<Compound>,
    /// Redirections at every call.
    pub redirects: Vec<Redirect>,
}

/// A compound command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compound {
    /// `{ …; }`
    Brace(List),
    /// `( … )`
    Subshell(List),
    /// `if`
    If {
        /// Conditions, each with what runs if it is the first to hold.
        arms: Vec<(List, List)>,
        /// What runs if none holds.
        otherwise: Option<List>,
    },
    /// `while` and `until`
    Loop {
        /// Whether it runs until the condition holds, rather than while.
        until: bool,
        /// The condition.
        condition: List,
        /// What is repeated.
        body: List,
    },
    /// `for`
    For {
        /// The variable.
        name: Vec<u8>,
        /// Its values; `None` for the positional parameters.
        words: Option<Vec<Word>>,
        /// What is repeated.
        body: List,
    },
    /// `case`
    Case {
        /// What is compared.
        word: Word,
        /// The alternatives.
        arms: Vec<CaseArm>,
    },
}

/// An alternative of `case`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseArm {
    /// The patterns.
    pub patterns: Vec<Word>,
    /// What runs if one matches.
    pub body: List,
    /// Whether the next alternative's commands run too (`;&`).
    pub falls_through: bool,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The descriptor, where it is not the operator's usual one.
    pub fd: Option<Fd>,
    /// What it becomes.
    pub target: Target,
}

/// What a redirection makes of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file: `<`, `>`, `>>`, `>|`, `<>`.
    File(FileMode, Word),
    /// A copy of the descriptor that the word names, or closed for `-`: `<&`, `>&`.
    Duplicate {
        /// Whether it was written `>&`, which makes 1 the usual descriptor.
        output: bool,
        /// The descriptor.
        word: Word,
    },
    /// A text to read: `<<`. The parser fills the cell when it meets the text.
    Here(Rc<HereDocument>),
}

/// How a redirection opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// `<`
    Read,
    /// `>`
    Write,
    /// `>|`
    Clobber,
    /// `>>`
    Append,
    /// `<>`
    ReadWrite,
}

/// The text of a here document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HereDocument {
    /// The text. Where the delimiter was quoted, it has no expansions.
    pub body: OnceCell<Word>,
}

/// A word: parts that are written without a blank between them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Word {
    /// The parts.
    pub parts: Vec<Part>,
}

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text without quotes; it may hold characters of patterns, or a tilde.
    Literal(Vec<u8>),
    /// Text in single quotes or behind backslashes.
    Quoted(Vec<u8>),
    /// Parts in double quotes.
    Double(Vec<Part>),
    /// A parameter.
    Parameter(Box<Parameter>),
    /// A command whose output it stands for.
    Command(Rc<List>),
    /// An expression.
    Arithmetic(Vec<Part>),
}

/// `$name` or `${…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// A variable's name, a positional parameter's number, or a special parameter's character.
    pub name: Vec<u8>,
    /// What is made of its value.
    pub operation: Operation,
}

/// What `${…}` makes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The value.
    Value,
    /// `${#name}`
    Length,
    /// `${name-word}` and the like.
    Conditional {
        /// Which.
        kind: Conditional,
        /// Whether an empty value counts as unset (`:`).
        or_empty: bool,
        /// The word.
        word: Word,
    },
    /// `${name#pattern}` and the like.
    Trim {
        /// Whether the end, rather than the start, is removed (`%`).
        suffix: bool,
        /// Whether the longest match is removed.
        longest: bool,
        /// The pattern.
        pattern: Word,
    },
}

/// What a conditional `${…}` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditional {
    /// `-`: the word where there is no value.
    Default,
    /// `=`: the same, and assigns it.
    Assign,
    /// `?`: ends the script where there is no value.
    Error,
    /// `+`: the word where there is a value.
    Alternative,
}

impl Word {
    /// The word's text, if it is one piece of text without quotes.
    pub fn bare(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// A word that stands for `text`, whatever that holds.
    pub fn quoted(text: &[u8]) -> Self {
        Self {
            parts: alloc::vec![Part::Quoted(text.to_vec())],
        }
    }
}
