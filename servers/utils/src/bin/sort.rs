//! `sort [-bcfnru] [-k key] [-o file] [-t char] [file...]`: sorts lines.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::cmp::Ordering;

use posix::fs::{O_CREAT, O_TRUNC, O_WRITE};
use posix::getopt::Options;
use posix::io::{File, Output, complain, warn};
use utils::inputs;

const SYNOPSIS: &str = "[-bcfnru] [-k key] [-o file] [-t char] [file...]";

posix::main!(program);

#[derive(Clone, Copy, Default)]
struct Order {
    blanks: bool,
    fold: bool,
    numeric: bool,
    reverse: bool,
}

impl Order {
    fn set(&mut self, letter: u8) -> bool {
        match letter {
            b'b' => self.blanks = true,
            b'f' => self.fold = true,
            b'n' => self.numeric = true,
            b'r' => self.reverse = true,
            _ => return false,
        }
        true
    }

    const fn is_default(self) -> bool {
        !(self.blanks || self.fold || self.numeric || self.reverse)
    }

    fn compare(self, mut a: &[u8], mut b: &[u8]) -> Ordering {
        if self.blanks {
            a = a.trim_ascii_start();
            b = b.trim_ascii_start();
        }
        let order = if self.numeric {
            compare_numbers(a, b)
        } else if self.fold {
            let upper = |text: &'_ [u8]| text.to_ascii_uppercase();
            upper(a).cmp(&upper(b))
        } else {
            a.cmp(b)
        };
        if self.reverse { order.reverse() } else { order }
    }
}

/// A number at the start of a text: its sign, the digits before and those behind the point.
fn number(text: &[u8]) -> (bool, &[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (whole, rest) = text.split_at(digits(text));
    let whole = &whole[whole.iter().take_while(|b| **b == b'0').count()..];
    let fraction = match rest {
        [b'.', rest @ ..] => &rest[..digits(rest)],
        _ => &[],
    };
    let end = fraction
        .iter()
        .rposition(|&b| b != b'0')
        .map_or(0, |at| at + 1);
    let fraction = &fraction[..end];
    (
        negative && !(whole.is_empty() && fraction.is_empty()),
        whole,
        fraction,
    )
}

fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a_negative, a_whole, a_fraction) = number(a);
    let (b_negative, b_whole, b_fraction) = number(b);
    let size = a_whole
        .len()
        .cmp(&b_whole.len())
        .then_with(|| a_whole.cmp(b_whole))
        .then_with(|| a_fraction.cmp(b_fraction));
    match (a_negative, b_negative) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// A place in a line: field and character, both from 1; character 0 is the field's end.
#[derive(Clone, Copy)]
struct Place {
    field: usize,
    character: usize,
}

struct Key {
    start: Place,
    end: Option<Place>,
    order: Order,
}

fn parse_place(text: &[u8], default: usize) -> Option<(Place, &[u8])> {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let count = digits(text);
    let field = usize::try_from(posix::parse_number(&text[..count])?)
        .ok()
        .filter(|&f| f > 0)?;
    let mut rest = &text[count..];
    let mut character = default;
    if let [b'.', tail @ ..] = rest {
        let count = digits(tail);
        character = usize::try_from(posix::parse_number(&tail[..count])?).ok()?;
        rest = &tail[count..];
    }
    Some((Place { field, character }, rest))
}

fn parse_key(text: &[u8], order: Order) -> Option<Key> {
    let mut own = Order::default();
    let (start, mut rest) = parse_place(text, 1)?;
    let mut end = None;
    while let [letter, tail @ ..] = rest {
        if *letter == b',' && end.is_none() {
            let (place, tail) = parse_place(tail, 0)?;
            end = Some(place);
            rest = tail;
        } else if own.set(*letter) {
            rest = tail;
        } else {
            return None;
        }
    }
    // A key without an order of its own has that of the command.
    Some(Key {
        start,
        end,
        order: if own.is_default() { order } else { own },
    })
}

struct Sorter {
    keys: Vec<Key>,
    order: Order,
    separator: Option<u8>,
    unique: bool,
}

impl Sorter {
    /// Where a field starts and ends.
    fn field(&self, line: &[u8], number: usize) -> (usize, usize) {
        let mut at = 0;
        for index in 1.. {
            let end = match self.separator {
                Some(separator) => {
                    let rest = line[at..].iter().position(|&b| b == separator);
                    rest.map_or(line.len(), |n| at + n)
                }
                None => {
                    // Blanks in front belong to a field.
                    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
                    let blanks = line[at..].iter().take_while(|b| is_blank(b)).count();
                    let rest = line[at + blanks..].iter().position(is_blank);
                    rest.map_or(line.len(), |n| at + blanks + n)
                }
            };
            if index == number || end == line.len() {
                return if index == number {
                    (at, end)
                } else {
                    (line.len(), line.len())
                };
            }
            at = end + usize::from(self.separator.is_some());
        }
        (line.len(), line.len())
    }

    fn key<'a>(&self, line: &'a [u8], key: &Key) -> &'a [u8] {
        let skip = |at: usize, end: usize| {
            let blanks = line[at..end]
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t'))
                .count();
            if key.order.blanks { at + blanks } else { at }
        };
        let (field_start, field_end) = self.field(line, key.start.field);
        let start = skip(field_start, field_end) + key.start.character.max(1) - 1;
        let end = match key.end {
            None => line.len(),
            Some(place) => {
                let (field_start, field_end) = self.field(line, place.field);
                match place.character {
                    0 => field_end,
                    count => (skip(field_start, field_end) + count).min(line.len()),
                }
            }
        };
        line.get(start..end.max(start)).unwrap_or(&[])
    }

    fn compare_keys(&self, a: &[u8], b: &[u8]) -> Ordering {
        if self.keys.is_empty() {
            return self.order.compare(a, b);
        }
        self.keys
            .iter()
            .map(|key| key.order.compare(self.key(a, key), self.key(b, key)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        let last = || {
            let order = a.cmp(b);
            if self.unique {
                Ordering::Equal
            } else if self.order.reverse {
                order.reverse()
            } else {
                order
            }
        };
        self.compare_keys(a, b).then_with(last)
    }
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "bcfnruk:o:t:");
    let mut order = Order::default();
    let (mut check, mut unique) = (false, false);
    let (mut keys, mut target, mut separator) = (Vec::new(), None, None);
    for option in &mut options {
        let option = match option {
            Ok(option) => option,
            Err(fault) => return fault.report(SYNOPSIS),
        };
        match (option.letter, option.value) {
            (b'k', Some(text)) => keys.push(text),
            (b'o', Some(path)) => target = Some(path.to_vec()),
            (_, Some(text)) => match text {
                [byte] => separator = Some(*byte),
                _ => {
                    complain(&[b"separator must be one character"]);
                    return 2;
                }
            },
            (b'c', _) => check = true,
            (b'u', _) => unique = true,
            (letter, _) => {
                order.set(letter);
            }
        }
    }
    let mut parsed = Vec::new();
    for key in keys {
        match parse_key(key, order) {
            Some(key) => parsed.push(key),
            None => {
                complain(&[key, b": bad key"]);
                return 2;
            }
        }
    }
    let sorter = Sorter {
        keys: parsed,
        order,
        separator,
        unique,
    };
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let status = inputs::each(options.operands(), |input, _| {
        let mut line = Vec::new();
        while input.read_line(&mut line)? {
            lines.push(line.clone());
        }
        Ok(())
    });
    if status != 0 {
        return 2;
    }
    if check {
        let disorder = lines.windows(2).find(|pair| {
            let order = sorter.compare(&pair[0], &pair[1]);
            order.is_gt() || unique && order.is_eq()
        });
        return match disorder {
            None => 0,
            Some(pair) => {
                complain(&[b"disorder: ", &pair[1]]);
                1
            }
        };
    }
    lines.sort_by(|a, b| sorter.compare(a, b));
    if unique {
        lines.dedup_by(|b, a| sorter.compare_keys(a, b).is_eq());
    }
    // The target may be one of the sources: it is opened when these have been read.
    let file = match target {
        None => None,
        Some(path) => match File::open(&path, O_WRITE | O_CREAT | O_TRUNC, 0o666) {
            Ok(file) => Some(file),
            Err(error) => {
                warn(&path, error);
                return 2;
            }
        },
    };
    let mut out = file
        .as_ref()
        .map_or_else(Output::stdout, |file| Output::new(file.fd()));
    for line in lines {
        out.put(&line);
        out.byte(b'\n');
    }
    if out.finish(0) == 0 { 0 } else { 2 }
}
