//! `test`: conditions on files, texts and numbers.

use alloc::vec::Vec;

use posix::fs::{self, Kind, O_EXEC, O_READ, O_WRITE, Stat};

/// Parentheses and negations that may stand inside one another.
const MAX_NESTING: usize = 100;

struct Evaluator<'a> {
    args: &'a [Vec<u8>],
    is_terminal: &'a dyn Fn(i32) -> bool,
    depth: usize,
}

type Result = core::result::Result<bool, Vec<u8>>;

/// Whether the condition holds; an explanation if it is none.
///
/// `args` are the arguments without the program's name and the closing `]`;
/// `is_terminal` answers `-t`.
pub fn evaluate(args: &[Vec<u8>], is_terminal: &dyn Fn(i32) -> bool) -> Result {
    // By their number, as POSIX has it: a text that looks like an operator is then one only where
    // it can be.
    let word = |i: usize| args[i].as_slice();
    let e = Evaluator {
        args,
        is_terminal,
        depth: 0,
    };
    match args.len() {
        0 => Ok(false),
        1 => Ok(!args[0].is_empty()),
        2 if word(0) == b"!" => Ok(args[1].is_empty()),
        2 => e
            .unary(word(0), word(1))
            .unwrap_or_else(|| fault(&[word(0), b": unknown operator"])),
        3 if let Some(result) = e.binary(word(0), word(1), word(2)) => result,
        3 if word(0) == b"!" => evaluate(&args[1..], is_terminal).map(|value| !value),
        3 if word(0) == b"(" && word(2) == b")" => Ok(!args[1].is_empty()),
        4 if word(0) == b"!" => evaluate(&args[1..], is_terminal).map(|value| !value),
        4 if word(0) == b"(" && word(3) == b")" => evaluate(&args[1..3], is_terminal),
        _ => {
            let mut e = e;
            let value = e.or()?;
            match e.args.first() {
                None => Ok(value),
                Some(extra) => fault(&[extra, b": unexpected argument"]),
            }
        }
    }
}

fn fault(parts: &[&[u8]]) -> Result {
    Err(parts.concat())
}

fn integer(text: &[u8]) -> core::result::Result<i128, Vec<u8>> {
    let trimmed = text.trim_ascii();
    let (negative, digits) = match trimmed {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    match posix::parse_number(digits) {
        Some(value) => Ok(if negative {
            -i128::from(value)
        } else {
            i128::from(value)
        }),
        None => Err([text, b": bad number"].concat()),
    }
}

fn has(path: &[u8], condition: impl Fn(&Stat) -> bool) -> bool {
    fs::stat(path).is_ok_and(|stat| condition(&stat))
}

impl Evaluator<'_> {
    fn next(&mut self) -> Option<&[u8]> {
        let (first, rest) = self.args.split_first()?;
        self.args = rest;
        Some(first)
    }

    fn accept(&mut self, text: &[u8]) -> bool {
        let found = self.args.first().is_some_and(|a| a == text);
        if found {
            self.args = &self.args[1..];
        }
        found
    }

    fn or(&mut self) -> Result {
        let mut value = self.and()?;
        while self.accept(b"-o") {
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Result {
        let mut value = self.primary()?;
        while self.accept(b"-a") {
            value &= self.primary()?;
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return fault(&[b"nested too deeply"]);
        }
        let value = self.primary_inner();
        self.depth -= 1;
        value
    }

    fn primary_inner(&mut self) -> Result {
        if let [a, op, b, ..] = self.args
            && let Some(result) = self.binary(a, op, b)
        {
            self.args = &self.args[3..];
            return result;
        }
        if self.args.len() > 1 && self.accept(b"!") {
            return Ok(!self.primary()?);
        }
        if self.args.len() > 1 && self.accept(b"(") {
            let value = self.or()?;
            return if self.accept(b")") {
                Ok(value)
            } else {
                fault(&[b"missing )"])
            };
        }
        if let [op, operand, ..] = self.args
            && let Some(result) = self.unary(op, operand)
        {
            self.args = &self.args[2..];
            return result;
        }
        match self.next() {
            Some(text) => Ok(!text.is_empty()),
            None => fault(&[b"argument expected"]),
        }
    }

    /// `None` if `operator` is no operator for one operand.
    fn unary(&self, operator: &[u8], operand: &[u8]) -> Option<Result> {
        let [b'-', letter] = operator else {
            return None;
        };
        let kind = |kind| has(operand, |stat| stat.kind() == kind);
        let mode = |bit| has(operand, |stat| stat.mode & bit != 0);
        Some(Ok(match letter {
            b'n' => !operand.is_empty(),
            b'z' => operand.is_empty(),
            b'b' => kind(Kind::BlockDevice),
            b'c' => kind(Kind::CharDevice),
            b'd' => kind(Kind::Directory),
            b'f' => kind(Kind::Regular),
            b'p' => kind(Kind::Fifo),
            b'S' => kind(Kind::Socket),
            b'e' => has(operand, |_| true),
            b's' => has(operand, |stat| stat.size > 0),
            b'g' => mode(0o2000),
            b'u' => mode(0o4000),
            b'k' => mode(0o1000),
            b'h' | b'L' => fs::lstat(operand).is_ok_and(|stat| stat.kind() == Kind::Symlink),
            b'r' => fs::access(operand, O_READ).is_ok(),
            b'w' => fs::access(operand, O_WRITE).is_ok(),
            b'x' => fs::access(operand, O_EXEC).is_ok(),
            b't' => match integer(operand) {
                Ok(number) => i32::try_from(number).is_ok_and(self.is_terminal),
                Err(message) => return Some(Err(message)),
            },
            _ => return None,
        }))
    }

    /// `None` if `operator` is no operator for two operands.
    fn binary(&self, a: &[u8], operator: &[u8], b: &[u8]) -> Option<Result> {
        let compare = |holds: fn(&i128, &i128) -> bool| match (integer(a), integer(b)) {
            (Ok(a), Ok(b)) => Ok(holds(&a, &b)),
            (Err(message), _) | (_, Err(message)) => Err(message),
        };
        let newer = |a, b| match (fs::stat(a), fs::stat(b)) {
            (Ok(a), Ok(b)) => a.mtime > b.mtime,
            (a, b) => a.is_ok() && b.is_err(),
        };
        Some(match operator {
            b"=" => Ok(a == b),
            b"!=" => Ok(a != b),
            b"<" => Ok(a < b),
            b">" => Ok(a > b),
            b"-eq" => compare(i128::eq),
            b"-ne" => compare(i128::ne),
            b"-gt" => compare(i128::gt),
            b"-ge" => compare(i128::ge),
            b"-lt" => compare(i128::lt),
            b"-le" => compare(i128::le),
            b"-nt" => Ok(newer(a, b)),
            b"-ot" => Ok(newer(b, a)),
            b"-ef" => Ok(match (fs::stat(a), fs::stat(b)) {
                (Ok(a), Ok(b)) => a.is_same_file(&b),
                _ => false,
            }),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(expression: &str) -> Result {
        let args: Vec<_> = expression
            .split_whitespace()
            .map(|w| w.as_bytes().to_vec())
            .collect();
        evaluate(&args, &|_| false)
    }

    #[test]
    fn conditions_are_read_by_their_number_of_arguments() {
        for (expression, expected) in [
            ("", false),
            ("x", true),
            ("!", true),
            ("! x", false),
            ("-n x", true),
            ("-z x", false),
            ("-n", true),
            ("a = a", true),
            ("a != a", false),
            ("! = !", true),
            ("( = (", true),
            ("( x )", true),
            ("1 -lt 2", true),
            ("-1 -gt 2", false),
            ("! a = a", false),
            ("a = a -a b = c", false),
            ("a = a -o b = c", true),
            ("( a = b -o c = c ) -a x", true),
            ("-d /", true),
            ("-f /", false),
            ("-e /nonexistent", false),
        ] {
            assert_eq!(run(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_no_condition_is_explained() {
        for expression in ["1 -eq x", "-q x", "a b c d e", "( a = a -o"] {
            assert!(run(expression).is_err(), "{expression}");
        }
    }
}
