//! Expressions of `$((…))`: 64-bit integers with the operators of C.

use alloc::vec::Vec;

use crate::parser::{MAX_NESTING, is_name};

/// The variables of an expression.
pub trait Variables {
    /// A variable's value; `None` if it has none.
    fn value(&mut self, name: &[u8]) -> Option<Vec<u8>>;
    /// Sets a variable; what is wrong if it cannot be set.
    fn set(&mut self, name: &[u8], value: i64) -> Result<(), Vec<u8>>;
}

/// The value of an expression, or what is wrong with it.
pub fn evaluate(text: &[u8], variables: &mut dyn Variables) -> Result<i64, Vec<u8>> {
    let mut evaluator = Evaluator {
        text,
        at: 0,
        variables,
        skip: 0,
        depth: 0,
    };
    if evaluator.at_end() {
        return Ok(0);
    }
    let value = evaluator.assignment()?;
    if evaluator.at_end() {
        Ok(value)
    } else {
        evaluator.fault(b"syntax error")
    }
}

/// A number as C writes it: decimal, octal behind `0`, hexadecimal behind `0x`.
pub fn parse_constant(text: &[u8]) -> Option<i64> {
    let (radix, digits) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', digits @ ..] if !digits.is_empty() => (8, digits),
        digits => (10, digits),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0i64, |value, &byte| {
        let digit = (byte as char).to_digit(radix)?;
        Some(
            value
                .wrapping_mul(i64::from(radix))
                .wrapping_add(i64::from(digit)),
        )
    })
}

/// A variable's value as a number: a constant with an optional sign; nothing counts as 0.
fn parse_value(text: &[u8]) -> Option<i64> {
    match text.trim_ascii() {
        [] => Some(0),
        [b'-', rest @ ..] => parse_constant(rest).map(i64::wrapping_neg),
        [b'+', rest @ ..] => parse_constant(rest),
        rest => parse_constant(rest),
    }
}

struct Evaluator<'a> {
    text: &'a [u8],
    at: usize,
    variables: &'a mut dyn Variables,
    /// More than 0 where a value is not used: nothing is assigned then.
    skip: usize,
    depth: usize,
}

type Value = Result<i64, Vec<u8>>;

/// Operators with two operands, weakest binding first.
const LEVELS: &[&[&[u8]]] = &[
    &[b"||"],
    &[b"&&"],
    &[b"|"],
    &[b"^"],
    &[b"&"],
    &[b"==", b"!="],
    &[b"<=", b">=", b"<", b">"],
    &[b"<<", b">>"],
    &[b"+", b"-"],
    &[b"*", b"/", b"%"],
];

const ASSIGNMENTS: &[&[u8]] = &[
    b"<<=", b">>=", b"*=", b"/=", b"%=", b"+=", b"-=", b"&=", b"^=", b"|=", b"=",
];

impl Evaluator<'_> {
    fn fault<T>(&self, what: &[u8]) -> Result<T, Vec<u8>> {
        Err([b"arithmetic: ", what, b": \"", self.text, b"\""].concat())
    }

    fn skip_blanks(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.at == self.text.len()
    }

    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    /// Takes the operator unless it is the start of a longer one.
    fn accept(&mut self, operator: &[u8]) -> bool {
        self.skip_blanks();
        let rest = self.rest();
        if !rest.starts_with(operator) {
            return false;
        }
        let after = rest.get(operator.len()).copied();
        let longer = match operator {
            b"|" | b"&" => after == operator.first().copied() || after == Some(b'='),
            b"<" | b">" => after == operator.first().copied() || after == Some(b'='),
            b"^" | b"+" | b"-" | b"*" | b"/" | b"%" | b"<<" | b">>" => after == Some(b'='),
            b"=" => after == Some(b'='),
            b"!" => after == Some(b'='),
            _ => false,
        };
        if !longer {
            self.at += operator.len();
        }
        !longer
    }

    fn assignment(&mut self) -> Value {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return self.fault(b"nested too deeply");
        }
        let value = self.assignment_inner();
        self.depth -= 1;
        value
    }

    fn assignment_inner(&mut self) -> Value {
        self.skip_blanks();
        let start = self.at;
        if let Some(name) = self.name() {
            for operator in ASSIGNMENTS {
                if self.accept(operator) {
                    let right = self.assignment()?;
                    let value = match operator.split_last() {
                        Some((_, binary)) if !binary.is_empty() => {
                            let left = self.variable(&name)?;
                            self.apply(binary, left, right)?
                        }
                        _ => right,
                    };
                    if self.skip == 0 {
                        self.variables.set(&name, value)?;
                    }
                    return Ok(value);
                }
            }
            self.at = start;
        }
        let condition = self.binary(0)?;
        if !self.accept(b"?") {
            return Ok(condition);
        }
        let yes = self.unused_if(condition == 0, Self::assignment)?;
        if !self.accept(b":") {
            return self.fault(b"missing :");
        }
        let no = self.unused_if(condition != 0, Self::assignment)?;
        Ok(if condition != 0 { yes } else { no })
    }

    /// Evaluates a part whose value and effects do not count where `unused`.
    fn unused_if(&mut self, unused: bool, part: impl FnOnce(&mut Self) -> Value) -> Value {
        self.skip += usize::from(unused);
        let value = part(self);
        self.skip -= usize::from(unused);
        value
    }

    fn binary(&mut self, level: usize) -> Value {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        'operands: loop {
            for &operator in *operators {
                if !self.accept(operator) {
                    continue;
                }
                let unused = match operator {
                    b"||" => left != 0,
                    b"&&" => left == 0,
                    _ => false,
                };
                let right = self.unused_if(unused, |e| e.binary(level + 1))?;
                left = self.apply(operator, left, right)?;
                continue 'operands;
            }
            return Ok(left);
        }
    }

    fn apply(&self, operator: &[u8], a: i64, b: i64) -> Value {
        let shift = (b & 63) as u32;
        Ok(match operator {
            b"||" => i64::from(a != 0 || b != 0),
            b"&&" => i64::from(a != 0 && b != 0),
            b"|" => a | b,
            b"^" => a ^ b,
            b"&" => a & b,
            b"==" => i64::from(a == b),
            b"!=" => i64::from(a != b),
            b"<=" => i64::from(a <= b),
            b">=" => i64::from(a >= b),
            b"<" => i64::from(a < b),
            b">" => i64::from(a > b),
            b"<<" => a.wrapping_shl(shift),
            b">>" => a.wrapping_shr(shift),
            b"+" => a.wrapping_add(b),
            b"-" => a.wrapping_sub(b),
            b"*" => a.wrapping_mul(b),
            // In a part that does not count, the operands are not what they will be.
            _ if b == 0 && self.skip > 0 => 0,
            _ if b == 0 => return self.fault(b"division by zero"),
            b"/" => a.wrapping_div(b),
            _ => a.wrapping_rem(b),
        })
    }

    fn unary(&mut self) -> Value {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return self.fault(b"nested too deeply");
        }
        let value = if self.accept(b"!") {
            self.unary().map(|value| i64::from(value == 0))
        } else if self.accept(b"~") {
            self.unary().map(|value| !value)
        } else if self.accept(b"-") {
            self.unary().map(i64::wrapping_neg)
        } else if self.accept(b"+") {
            self.unary()
        } else {
            self.primary()
        };
        self.depth -= 1;
        value
    }

    fn name(&mut self) -> Option<Vec<u8>> {
        let rest = self.rest();
        let length = rest
            .iter()
            .take_while(|&&b| b.is_ascii_alphanumeric() || b == b'_')
            .count();
        let name = rest[..length].to_vec();
        if !is_name(&name) {
            return None;
        }
        self.at += length;
        Some(name)
    }

    fn variable(&mut self, name: &[u8]) -> Value {
        let value = self.variables.value(name).unwrap_or_default();
        match parse_value(&value) {
            Some(value) => Ok(value),
            None => Err([b"arithmetic: bad number: \"", &value[..], b"\""].concat()),
        }
    }

    fn primary(&mut self) -> Value {
        if self.accept(b"(") {
            let value = self.assignment()?;
            return if self.accept(b")") {
                Ok(value)
            } else {
                self.fault(b"missing )")
            };
        }
        self.skip_blanks();
        if let Some(name) = self.name() {
            return self.variable(&name);
        }
        let length = self
            .rest()
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        match parse_constant(&self.rest()[..length]) {
            Some(value) => {
                self.at += length;
                Ok(value)
            }
            None => self.fault(b"syntax error"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[derive(Default)]
    struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Variables for Map {
        fn value(&mut self, name: &[u8]) -> Option<Vec<u8>> {
            self.0.get(name).cloned()
        }

        fn set(&mut self, name: &[u8], value: i64) -> Result<(), Vec<u8>> {
            self.0
                .insert(name.to_vec(), alloc::format!("{value}").into_bytes());
            Ok(())
        }
    }

    #[test]
    fn expressions_have_the_values_of_c() {
        let mut map = Map::default();
        map.0.insert(b"x".to_vec(), b"7".to_vec());
        for (text, expected) in [
            ("", 0),
            ("1+2*3", 7),
            ("(1+2)*3", 9),
            ("7/2", 3),
            ("-7%3", -1),
            ("1<<4|1", 17),
            ("0x1f + 010", 39),
            ("x", 7),
            ("unset_one", 0),
            ("y = x + 1", 8),
            ("y += 2", 10),
            ("y", 10),
            ("1 ? 2 : 3", 2),
            ("0 ? z=1 : 3", 3),
            ("z", 0),
            ("0 && 1/0", 0),
            ("1 || 1/0", 1),
            ("!5", 0),
            ("~0", -1),
            ("3 > 2 == 1", 1),
            ("1 - -1", 2),
            ("9223372036854775807 + 1", i64::MIN),
            ("1 == 1 && 2 != 3", 1),
        ] {
            assert_eq!(evaluate(text.as_bytes(), &mut map), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        let mut map = Map::default();
        map.0.insert(b"bad".to_vec(), b"1 2".to_vec());
        for text in ["1/0", "1 +", "(1", "1 2", "08", "bad", "1 ? 2", "=1", "&"] {
            assert!(evaluate(text.as_bytes(), &mut map).is_err(), "{text}");
        }
        let deep = alloc::vec![b'('; 10_000];
        assert!(evaluate(&deep, &mut map).is_err());
        let deep = alloc::vec![b'-'; 10_000];
        assert!(evaluate(&deep, &mut map).is_err());
    }
}
