//! `grep [-EFcilnoqsvwx] [-e pattern] pattern [file...]`: finds lines.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::fs::O_READ;
use posix::getopt::Options;
use posix::io::{self, File, Input, Output, STDIN, complain, usage, warn};
use utils::regex::{Regex, Syntax};
use utils::tree::{Phase, Walk};

const SYNOPSIS: &str = "[-E | -F] [-chilnoqrsvwxH] [-e pattern | -f file | pattern] [file...]";

posix::main!(program);

#[derive(Default)]
struct Flags {
    count: bool,
    ignore_case: bool,
    names_only: bool,
    numbers: bool,
    only_match: bool,
    quiet: bool,
    recursive: bool,
    silent: bool,
    inverted: bool,
    words: bool,
    whole: bool,
    with_name: Option<bool>,
}

struct Search {
    flags: Flags,
    expressions: Vec<Regex>,
    out: Output,
    found: bool,
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "EFce:f:hHilnoqrRsvwx");
    let mut flags = Flags::default();
    let mut syntax = Syntax::Basic;
    let mut patterns: Vec<Vec<u8>> = Vec::new();
    let mut given = false;
    for option in &mut options {
        let option = match option {
            Ok(option) => option,
            Err(fault) => return fault.report(SYNOPSIS),
        };
        match (option.letter, option.value) {
            (b'E', _) => syntax = Syntax::Extended,
            (b'F', _) => syntax = Syntax::Fixed,
            (b'c', _) => flags.count = true,
            (b'h', _) => flags.with_name = Some(false),
            (b'H', _) => flags.with_name = Some(true),
            (b'i', _) => flags.ignore_case = true,
            (b'l', _) => flags.names_only = true,
            (b'n', _) => flags.numbers = true,
            (b'o', _) => flags.only_match = true,
            (b'q', _) => flags.quiet = true,
            (b'r' | b'R', _) => flags.recursive = true,
            (b's', _) => flags.silent = true,
            (b'v', _) => flags.inverted = true,
            (b'w', _) => flags.words = true,
            (b'x', _) => flags.whole = true,
            (b'e', Some(text)) => {
                patterns.extend(text.split(|&b| b == b'\n').map(<[u8]>::to_vec));
                given = true;
            }
            (_, Some(path)) => match io::read_file(path) {
                Ok(mut text) => {
                    if text.last() == Some(&b'\n') {
                        text.pop();
                    }
                    patterns.extend(text.split(|&b| b == b'\n').map(<[u8]>::to_vec));
                    given = true;
                }
                Err(error) => {
                    warn(path, error);
                    return 2;
                }
            },
            _ => {}
        }
    }
    let mut operands = options.operands();
    if !given {
        let [text, rest @ ..] = operands else {
            return usage(SYNOPSIS);
        };
        patterns.extend(text.split(|&b| b == b'\n').map(<[u8]>::to_vec));
        operands = rest;
    }
    let mut expressions = Vec::new();
    for pattern in &patterns {
        match Regex::new(pattern, syntax, flags.ignore_case) {
            Ok(expression) => expressions.push(expression),
            Err(problem) => {
                complain(&[pattern, b": ", problem.as_bytes()]);
                return 2;
            }
        }
    }
    let many = flags
        .with_name
        .unwrap_or(operands.len() > 1 || flags.recursive);
    let mut search = Search {
        flags,
        expressions,
        out: Output::stdout(),
        found: false,
    };
    let stdin = [if search.flags.recursive {
        b".".to_vec()
    } else {
        b"-".to_vec()
    }];
    let mut status = 0;
    for name in if operands.is_empty() {
        &stdin
    } else {
        operands
    } {
        let files = if search.flags.recursive {
            files_below(name)
        } else {
            Vec::from([name.clone()])
        };
        for name in files {
            if let Err(error) = search.file(&name, many) {
                if !search.flags.silent {
                    warn(&name, error);
                }
                status = 2;
            }
            if search.flags.quiet && search.found {
                return 0;
            }
        }
    }
    let status = if status != 0 {
        status
    } else {
        i32::from(!search.found)
    };
    search.out.finish(status)
}

fn files_below(path: &[u8]) -> Vec<Vec<u8>> {
    let regular = Walk::new(path, true).filter_map(|item| match item {
        Ok(entry) if entry.phase == Phase::Enter => {
            (entry.stat.kind() == posix::fs::Kind::Regular).then_some(entry.path)
        }
        Ok(_) => None,
        // Opening it will tell why it cannot be read.
        Err((path, _)) => Some(path),
    });
    regular.collect()
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

impl Search {
    /// The first match from `from` on that fits the options.
    fn find(&self, line: &[u8], from: usize) -> Option<(usize, usize)> {
        let fits = |&(start, end): &(usize, usize)| {
            if self.flags.whole {
                return start == 0 && end == line.len();
            }
            let inside = start > 0 && is_word(line.get(start - 1)) || is_word(line.get(end));
            !(self.flags.words && inside)
        };
        let first = |expression: &Regex| {
            let mut at = from;
            loop {
                let found = expression.find(line, at)?;
                if fits(&found) {
                    return Some(found);
                }
                at = found.0 + 1;
                if at > line.len() {
                    return None;
                }
            }
        };
        // The first one in the line, and of those the longest.
        self.expressions
            .iter()
            .filter_map(first)
            .min_by_key(|&(start, end)| (start, usize::MAX - end))
    }

    fn matches(&self, line: &[u8]) -> bool {
        if self.flags.whole || self.flags.words {
            self.find(line, 0).is_some()
        } else {
            self.expressions
                .iter()
                .any(|expression| expression.is_match(line))
        }
    }

    fn file(&mut self, name: &[u8], many: bool) -> posix::Result<()> {
        let (file, mut input);
        if name == b"-" {
            input = Input::new(STDIN);
        } else {
            file = File::open(name, O_READ, 0)?;
            input = Input::new(file.fd());
        }
        let shown: &[u8] = if name == b"-" {
            b"(standard input)"
        } else {
            name
        };
        let mut line = Vec::new();
        let (mut number, mut count) = (0u64, 0u64);
        while input.read_line(&mut line)? {
            number += 1;
            if self.matches(&line) == self.flags.inverted {
                continue;
            }
            count += 1;
            self.found = true;
            if self.flags.quiet || self.flags.names_only {
                break;
            }
            if !self.flags.count {
                self.show(&line, many.then_some(shown), number);
            }
            if self.out.failed() {
                break;
            }
        }
        if self.flags.names_only && count > 0 && !self.flags.quiet {
            self.out.put(shown);
            self.out.byte(b'\n');
        } else if self.flags.count && !self.flags.quiet {
            if many {
                self.out.put(shown);
                self.out.byte(b':');
            }
            self.out.number(count);
            self.out.byte(b'\n');
        }
        Ok(())
    }

    fn show(&mut self, line: &[u8], name: Option<&[u8]>, number: u64) {
        let mut pieces: Vec<(usize, usize)> = Vec::new();
        if self.flags.only_match && !self.flags.inverted {
            let mut at = 0;
            while let Some((start, end)) = self.find(line, at) {
                if end > start {
                    pieces.push((start, end));
                }
                at = end.max(start + 1);
                if at > line.len() {
                    break;
                }
            }
        } else {
            pieces.push((0, line.len()));
        }
        for (start, end) in pieces {
            if let Some(name) = name {
                self.out.put(name);
                self.out.byte(b':');
            }
            if self.flags.numbers {
                self.out.number(number);
                self.out.byte(b':');
            }
            self.out.put(&line[start..end]);
            self.out.byte(b'\n');
        }
    }
}
