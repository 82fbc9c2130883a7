//! The part of the C preprocessor that the kernel's interface headers need: conditionals,
//! object-like macros, includes, and integer expressions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Macro definitions and the text that remains after conditionals are resolved.
#[derive(Default)]
pub struct Preprocessor {
    /// Object-like macros: name to replacement text.
    pub macros: BTreeMap<String, String>,
    /// Names of macros in the order in which they were defined.
    pub order: Vec<String>,
    /// Enumerators seen so far, which constant expressions may name.
    pub constants: BTreeMap<String, i128>,
    include_dirs: Vec<PathBuf>,
    included: BTreeSet<PathBuf>,
    files: Vec<PathBuf>,
}

impl Preprocessor {
    /// A preprocessor that looks for included files in `include_dirs`.
    pub fn new(include_dirs: Vec<PathBuf>) -> Self {
        Self {
            include_dirs,
            ..Self::default()
        }
    }

    /// Every file that was read.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Defines an object-like macro.
    pub fn define(&mut self, name: &str, value: &str) {
        if !self.macros.contains_key(name) {
            self.order.push(name.to_string());
        }
        self.macros.insert(name.to_string(), value.to_string());
    }

    /// Whether a macro is defined.
    pub fn defined(&self, name: &str) -> bool {
        self.macros.contains_key(name)
    }

    /// Reads a file and returns the lines that survive. A file is read once.
    pub fn run(&mut self, path: &Path) -> String {
        let mut text = String::new();
        self.file(path, &mut text);
        text
    }

    fn file(&mut self, path: &Path, out: &mut String) {
        let path = path.to_path_buf();
        if !self.included.insert(path.clone()) {
            return;
        }
        let source = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        self.files.push(path.clone());
        let source = strip_comments(&source.replace("\\\n", " "));
        // One entry a nesting level: (this branch is live, some branch was live, parent is live).
        let mut stack: Vec<(bool, bool, bool)> = Vec::new();
        for line in source.lines() {
            let live = stack.last().is_none_or(|level| level.0);
            let trimmed = line.trim();
            let Some(directive) = trimmed.strip_prefix('#') else {
                if live {
                    out.push_str(line);
                    out.push('\n');
                }
                continue;
            };
            let directive = directive.trim_start();
            let (word, rest) = directive
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .map_or((directive, ""), |at| directive.split_at(at));
            let rest = rest.trim();
            match word {
                "if" | "ifdef" | "ifndef" => {
                    let truth = live
                        && match word {
                            "ifdef" => self.defined(rest),
                            "ifndef" => !self.defined(rest),
                            _ => self.condition(rest),
                        };
                    stack.push((truth, truth, live));
                }
                "elif" | "else" => {
                    let (_, taken, parent) = stack
                        .pop()
                        .unwrap_or_else(|| panic!("{}: stray #{word}", path.display()));
                    let truth = parent && !taken && (word == "else" || self.condition(rest));
                    stack.push((truth, taken || truth, parent));
                }
                "endif" => {
                    stack
                        .pop()
                        .unwrap_or_else(|| panic!("{}: stray #endif", path.display()));
                }
                "include" if live => {
                    let name = rest.trim_matches(|c| c == '<' || c == '>' || c == '"');
                    // Headers that only exist in a build tree add nothing here.
                    let found = self
                        .include_dirs
                        .iter()
                        .map(|dir| dir.join(name))
                        .find(|p| p.is_file());
                    if let Some(found) = found {
                        self.file(&found, out);
                    }
                }
                "define" if live => {
                    let end = rest
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .unwrap_or(rest.len());
                    let (name, value) = rest.split_at(end);
                    if !value.starts_with('(') {
                        self.define(name, value.trim());
                    }
                }
                "undef" if live => {
                    self.macros.remove(rest);
                }
                "error" if live => panic!("{}: {rest}", path.display()),
                _ => {}
            }
        }
        assert!(
            stack.is_empty(),
            "{}: unterminated conditional",
            path.display()
        );
    }

    /// Evaluates the condition of an `#if`, where unknown names count as zero.
    pub fn condition(&self, text: &str) -> bool {
        let mut parser = Expression {
            owner: self,
            tokens: tokenize(text),
            at: 0,
            strict: false,
        };
        let value = parser
            .ternary()
            .unwrap_or_else(|| panic!("condition `{text}` is beyond this preprocessor"));
        assert!(
            parser.at == parser.tokens.len(),
            "condition `{text}` has trailing text"
        );
        value != 0
    }

    /// Evaluates an integer constant expression; `None` where `text` is not one.
    pub fn constant(&self, text: &str) -> Option<i128> {
        let mut parser = Expression {
            owner: self,
            tokens: tokenize(text),
            at: 0,
            strict: true,
        };
        let value = parser.ternary()?;
        (parser.at == parser.tokens.len()).then_some(value)
    }
}

/// Replaces C comments by blanks; line breaks inside them stay.
fn strip_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            out.extend(rest[..end].chars().filter(|&c| c == '\n'));
            out.push(' ');
            rest = &rest[end..];
        } else if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else {
            out.push('/');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

/// Splits C text into identifiers, numbers and punctuation.
pub fn tokenize(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
        } else if c.is_ascii_alphanumeric() || c == '_' {
            let start = at;
            while at < chars.len() && (chars[at].is_ascii_alphanumeric() || chars[at] == '_') {
                at += 1;
            }
            tokens.push(chars[start..at].iter().collect());
        } else {
            let pair: String = chars[at..chars.len().min(at + 2)].iter().collect();
            let known = ["<<", ">>", "==", "!=", "<=", ">=", "&&", "||", "->"];
            let length = if known.contains(&pair.as_str()) { 2 } else { 1 };
            tokens.push(chars[at..at + length].iter().collect());
            at += length;
        }
    }
    tokens
}

struct Expression<'a> {
    owner: &'a Preprocessor,
    tokens: Vec<String>,
    at: usize,
    strict: bool,
}

/// Binary operators, loosest first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", ">", "<=", ">="],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Expression<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn accept(&mut self, token: &str) -> bool {
        let hit = self.peek() == Some(token);
        self.at += usize::from(hit);
        hit
    }

    fn ternary(&mut self) -> Option<i128> {
        let condition = self.binary(0)?;
        if !self.accept("?") {
            return Some(condition);
        }
        let yes = self.ternary()?;
        if !self.accept(":") {
            return None;
        }
        let no = self.ternary()?;
        Some(if condition != 0 { yes } else { no })
    }

    fn binary(&mut self, level: usize) -> Option<i128> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.peek().filter(|token| operators.contains(token)) {
            let operator = operator.to_string();
            self.at += 1;
            let right = self.binary(level + 1)?;
            left = match operator.as_str() {
                "||" => i128::from(left != 0 || right != 0),
                "&&" => i128::from(left != 0 && right != 0),
                "|" => left | right,
                "^" => left ^ right,
                "&" => left & right,
                "==" => i128::from(left == right),
                "!=" => i128::from(left != right),
                "<" => i128::from(left < right),
                ">" => i128::from(left > right),
                "<=" => i128::from(left <= right),
                ">=" => i128::from(left >= right),
                "<<" => left.checked_shl(u32::try_from(right).ok()?)?,
                ">>" => left.checked_shr(u32::try_from(right).ok()?)?,
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                "/" => left.checked_div(right)?,
                _ => left.checked_rem(right)?,
            };
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<i128> {
        if self.accept("-") {
            return Some(-self.unary()?);
        }
        if self.accept("~") {
            return Some(!self.unary()?);
        }
        if self.accept("!") {
            return Some(i128::from(self.unary()? == 0));
        }
        if self.accept("(") {
            let value = self.ternary()?;
            return self.accept(")").then_some(value);
        }
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        if token == "defined" {
            let parenthesis = self.accept("(");
            let name = self.tokens.get(self.at)?.clone();
            self.at += 1;
            if parenthesis && !self.accept(")") {
                return None;
            }
            return Some(i128::from(self.owner.defined(&name)));
        }
        if token.starts_with(|c: char| c.is_ascii_digit()) {
            return number(&token);
        }
        if token == "LIBSEL4_BIT" {
            let bit = self.unary()?;
            return 1i128.checked_shl(u32::try_from(bit).ok()?);
        }
        if !token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        if let Some(&value) = self.owner.constants.get(&token) {
            return Some(value);
        }
        match self.owner.macros.get(&token) {
            // A name that only refers to itself would loop.
            Some(text) if text != &token => {
                if self.strict {
                    self.owner.constant(text)
                } else {
                    Some(self.owner.constant(text).unwrap_or(0))
                }
            }
            _ if self.strict => None,
            _ => Some(0),
        }
    }
}

fn number(token: &str) -> Option<i128> {
    let digits = token.trim_end_matches(['u', 'U', 'l', 'L']);
    match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None if digits.len() > 1 && digits.starts_with('0') => i128::from_str_radix(digits, 8).ok(),
        None => digits.parse().ok(),
    }
}
