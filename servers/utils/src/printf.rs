//! `printf`: texts and numbers in a format.

use alloc::vec::Vec;

use crate::echo::escape;

/// What `printf` prints, as far as it gets, and what was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Printed {
    /// The text.
    pub text: Vec<u8>,
    /// What was wrong, if anything: the exit status is 1 then.
    pub fault: Option<Vec<u8>>,
}

#[derive(Default)]
struct Conversion {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// Width and precision beyond this are an error: they are no text that someone wants to see.
const MAX_WIDTH: usize = 1 << 20;

struct Printer<'a> {
    args: &'a [Vec<u8>],
    used: bool,
    out: Printed,
}

/// Formats `args`. The format is used again as long as arguments are left.
pub fn format(format: &[u8], args: &[Vec<u8>]) -> Printed {
    let mut printer = Printer {
        args,
        used: false,
        out: Printed::default(),
    };
    loop {
        printer.used = false;
        if !printer.once(format) || printer.args.is_empty() || !printer.used {
            return printer.out;
        }
    }
}

impl Printer<'_> {
    fn fault(&mut self, parts: &[&[u8]]) {
        self.out.fault.get_or_insert_with(|| parts.concat());
    }

    fn arg(&mut self) -> Option<Vec<u8>> {
        self.used = true;
        let (first, rest) = self.args.split_first()?;
        self.args = rest;
        Some(first.clone())
    }

    /// Prints the format once; whether to go on.
    fn once(&mut self, format: &[u8]) -> bool {
        let mut rest = format;
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            match byte {
                b'\\' => match escape(rest, false, &mut self.out.text) {
                    Some(taken) => rest = &rest[taken..],
                    None => return false,
                },
                b'%' if rest.first() == Some(&b'%') => {
                    self.out.text.push(b'%');
                    rest = &rest[1..];
                }
                b'%' => match self.conversion(rest) {
                    Some(tail) => rest = tail,
                    None => return false,
                },
                byte => self.out.text.push(byte),
            }
        }
        true
    }

    /// One conversion, from behind its `%`; what follows it.
    fn conversion<'f>(&mut self, mut rest: &'f [u8]) -> Option<&'f [u8]> {
        let mut c = Conversion::default();
        loop {
            match rest.first() {
                Some(b'-') => c.left = true,
                Some(b'+') => c.plus = true,
                Some(b' ') => c.space = true,
                Some(b'#') => c.alternate = true,
                Some(b'0') => c.zero = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        let (width, tail) = self.size(rest);
        rest = tail;
        c.left |= width < 0;
        c.width = width.unsigned_abs();
        if rest.first() == Some(&b'.') {
            let (precision, tail) = self.size(&rest[1..]);
            rest = tail;
            c.precision = usize::try_from(precision).ok();
        }
        if c.width > MAX_WIDTH || c.precision.is_some_and(|p| p > MAX_WIDTH) {
            self.fault(&[b"width out of range"]);
            return None;
        }
        let Some((&letter, tail)) = rest.split_first() else {
            self.fault(&[b"missing format character"]);
            return None;
        };
        match letter {
            b's' => {
                let text = self.arg().unwrap_or_default();
                self.pad(
                    &c,
                    &text[..text.len().min(c.precision.unwrap_or(usize::MAX))],
                );
            }
            b'b' => {
                let arg = self.arg().unwrap_or_default();
                let mut text = Vec::new();
                let mut left = arg.as_slice();
                let mut stopped = false;
                while let Some((&byte, after)) = left.split_first() {
                    left = after;
                    if byte != b'\\' {
                        text.push(byte);
                        continue;
                    }
                    // Both `\0ooo` and `\ooo` are octal here.
                    let zero = left.first() == Some(&b'0');
                    match escape(left, zero, &mut text) {
                        Some(taken) => left = &left[taken..],
                        None => {
                            stopped = true;
                            break;
                        }
                    }
                }
                self.pad(
                    &c,
                    &text[..text.len().min(c.precision.unwrap_or(usize::MAX))],
                );
                if stopped {
                    return None;
                }
            }
            b'c' => {
                let text = self.arg().unwrap_or_default();
                self.pad(&c, &text[..text.len().min(1)]);
            }
            b'd' | b'i' => {
                let value = self.integer();
                let sign: &[u8] = match (value < 0, c.plus, c.space) {
                    (true, ..) => b"-",
                    (_, true, _) => b"+",
                    (.., true) => b" ",
                    _ => b"",
                };
                self.number(&c, sign, value.unsigned_abs(), 10, false);
            }
            b'u' | b'o' | b'x' | b'X' => {
                // A negative number prints as the machine's word for it.
                let value = self.integer() as u64;
                let (radix, prefix): (u64, &[u8]) = match letter {
                    b'o' => (8, b"0"),
                    b'x' => (16, b"0x"),
                    b'X' => (16, b"0X"),
                    _ => (10, b""),
                };
                let prefix = if c.alternate && value != 0 {
                    prefix
                } else {
                    b""
                };
                self.number(&c, prefix, u128::from(value), radix, letter == b'X');
            }
            other => {
                self.fault(&[b"%", &[other], b": invalid conversion"]);
                return None;
            }
        }
        Some(tail)
    }

    /// A width or precision: digits, or `*` for the next argument.
    fn size<'f>(&mut self, rest: &'f [u8]) -> (isize, &'f [u8]) {
        if rest.first() == Some(&b'*') {
            let value = self.integer();
            let out_of_range = MAX_WIDTH as isize + 1;
            return (isize::try_from(value).unwrap_or(out_of_range), &rest[1..]);
        }
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let value = rest[..digits].iter().fold(0isize, |value, digit| {
            value
                .saturating_mul(10)
                .saturating_add(isize::from(digit - b'0'))
        });
        (value, &rest[digits..])
    }

    /// The next argument as a number: decimal, octal, hexadecimal, or a character behind a quote.
    fn integer(&mut self) -> i128 {
        let Some(arg) = self.arg() else { return 0 };
        let text = arg.trim_ascii_start();
        if let [b'\'' | b'"', rest @ ..] = text {
            return rest.first().map_or(0, |&b| i128::from(b));
        }
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            all => (false, all),
        };
        let (radix, digits) = match digits {
            [b'0', b'x' | b'X', rest @ ..] => (16, rest),
            [b'0', _, ..] => (8, &digits[1..]),
            all => (10, all),
        };
        let count = digits
            .iter()
            .take_while(|&&b| (b as char).is_digit(radix))
            .count();
        if count == 0 || count < digits.len() {
            let problem: &[u8] = if count == 0 {
                b": expected a number"
            } else {
                b": not completely converted"
            };
            self.fault(&[&arg, problem]);
        }
        let value = digits[..count].iter().try_fold(0u64, |value, &digit| {
            let digit = (digit as char).to_digit(radix)?;
            value
                .checked_mul(u64::from(radix))?
                .checked_add(u64::from(digit))
        });
        let Some(value) = value else {
            self.fault(&[&arg, b": out of range"]);
            return i128::from(i64::MAX);
        };
        if negative {
            -i128::from(value)
        } else {
            i128::from(value)
        }
    }

    fn number(&mut self, c: &Conversion, prefix: &[u8], value: u128, radix: u64, upper: bool) {
        let mut digits = Vec::new();
        let mut left = value;
        while left > 0 || (digits.is_empty() && c.precision != Some(0)) {
            let digit = char::from_digit((left % u128::from(radix)) as u32, radix as u32);
            let digit = digit.unwrap_or('0') as u8;
            digits.push(if upper {
                digit.to_ascii_uppercase()
            } else {
                digit
            });
            left /= u128::from(radix);
        }
        let mut length = c.precision.unwrap_or(1);
        if c.zero && !c.left && c.precision.is_none() {
            length = c.width.saturating_sub(prefix.len());
        }
        while digits.len() < length {
            digits.push(b'0');
        }
        let mut text = prefix.to_vec();
        text.extend(digits.iter().rev());
        self.pad(c, &text);
    }

    fn pad(&mut self, c: &Conversion, text: &[u8]) {
        let fill = c.width.saturating_sub(text.len());
        let out = &mut self.out.text;
        if !c.left {
            out.resize(out.len() + fill, b' ');
        }
        out.extend_from_slice(text);
        if c.left {
            out.resize(out.len() + fill, b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn run(words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(|a| a.as_bytes().to_vec()).collect();
        let printed = format(&words[0], &words[1..]);
        String::from_utf8_lossy(&printed.text).into_owned()
    }

    #[test]
    fn conversions_print_as_in_c() {
        assert_eq!(
            run(&["%d|%5d|%-5d|%05d|%+d", "1", "2", "3", "4", "5"]),
            "1|    2|3    |00004|+5"
        );
        assert_eq!(
            run(&["%x %X %o %#x %#o", "255", "255", "8", "16", "8"]),
            "ff FF 10 0x10 010"
        );
        assert_eq!(
            run(&["%s|%5s|%-5s|%.2s", "a", "b", "c", "defg"]),
            "a|    b|c    |de"
        );
        assert_eq!(run(&["%c%c", "xyz", ""]), "x");
        assert_eq!(run(&["%b", "a\\tb\\0101"]), "a\tbA");
        assert_eq!(run(&["%*d", "4", "7"]), "   7");
        assert_eq!(run(&["%u", "-1"]), "18446744073709551615");
        assert_eq!(run(&["%d", "-9223372036854775808"]), "-9223372036854775808");
        assert_eq!(run(&["%d %d", "0x10", "010"]), "16 8");
        assert_eq!(run(&["%d", "'A"]), "65");
        assert_eq!(run(&["%%\\n\\101"]), "%\nA");
    }

    #[test]
    fn the_format_is_used_until_the_arguments_are() {
        assert_eq!(run(&["%s-%s\n", "a", "b", "c"]), "a-b\nc-\n");
        assert_eq!(run(&["x", "a", "b"]), "x");
        assert_eq!(run(&["%s\\c", "a", "b"]), "a");
    }

    #[test]
    fn faults_are_told() {
        assert!(format(b"%d", &[b"x".to_vec()]).fault.is_some());
        assert!(format(b"%q", &[]).fault.is_some());
        assert!(format(b"%", &[]).fault.is_some());
        assert!(format(b"%99999999999d", &[]).fault.is_some());
    }
}
