//! `cut {-b list | -c list | -f list [-d char] [-s]} [file...]`: parts of lines.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::getopt::Options;
use posix::io::{Output, complain, usage};
use utils::inputs;

const SYNOPSIS: &str = "{-b list | -c list | -f list [-d char] [-s]} [file...]";

posix::main!(program);

/// Ranges of numbers from 1, such as `1,3-5,7-`.
fn parse_list(text: &[u8]) -> Option<Vec<(usize, usize)>> {
    let number = |text: &[u8]| {
        usize::try_from(posix::parse_number(text)?)
            .ok()
            .filter(|&n| n > 0)
    };
    text.split(|&b| b == b',')
        .map(|part| match part.iter().position(|&b| b == b'-') {
            None => number(part).map(|n| (n, n)),
            Some(at) => {
                let (low, high) = (&part[..at], &part[at + 1..]);
                if low.is_empty() && high.is_empty() {
                    return None;
                }
                let low = if low.is_empty() { 1 } else { number(low)? };
                let high = if high.is_empty() {
                    usize::MAX
                } else {
                    number(high)?
                };
                (low <= high).then_some((low, high))
            }
        })
        .collect()
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "b:c:d:f:ns");
    let (mut list, mut fields, mut delimiter, mut only) = (None, false, b'\t', false);
    for option in &mut options {
        let option = match option {
            Ok(option) => option,
            Err(fault) => return fault.report(SYNOPSIS),
        };
        match (option.letter, option.value) {
            (b'd', Some([byte])) => delimiter = *byte,
            (b'd', _) => {
                complain(&[b"delimiter must be one character"]);
                return 1;
            }
            (letter, Some(text)) => {
                fields = letter == b'f';
                list = parse_list(text);
                if list.is_none() {
                    complain(&[text, b": bad list"]);
                    return 1;
                }
            }
            (letter, None) => only |= letter == b's',
        }
    }
    let Some(list) = list else {
        return usage(SYNOPSIS);
    };
    let wanted = |n: usize| list.iter().any(|&(low, high)| (low..=high).contains(&n));
    let mut out = Output::stdout();
    let status = inputs::each(options.operands(), |input, _| {
        let mut line = Vec::new();
        while input.read_line(&mut line)? {
            if !fields {
                for (_, &byte) in line.iter().enumerate().filter(|(at, _)| wanted(at + 1)) {
                    out.byte(byte);
                }
            } else if !line.contains(&delimiter) {
                if only {
                    continue;
                }
                out.put(&line);
            } else {
                let parts = line.split(|&b| b == delimiter).enumerate();
                let parts: Vec<&[u8]> = parts
                    .filter(|(at, _)| wanted(at + 1))
                    .map(|(_, part)| part)
                    .collect();
                out.put(&parts.join(&delimiter));
            }
            out.byte(b'\n');
        }
        Ok(())
    });
    out.finish(status)
}
