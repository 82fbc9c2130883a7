//! `tr [-cds] string1 [string2]`: replaces characters.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::getopt::Options;
use posix::io::{Input, Output, STDIN, complain, usage, warn};

const SYNOPSIS: &str = "[-c] [-d] [-s] string1 [string2]";

posix::main!(program);

/// The bytes that a string stands for: escapes, ranges and classes.
fn expand(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(b"[:")
            && let Some(end) = rest.windows(2).position(|w| w == b":]")
        {
            for &(low, high) in utils::pattern::class(&rest[2..end])? {
                bytes.extend(low..=high);
            }
            at += end + 2;
            continue;
        }
        let (byte, taken) = single(rest);
        at += taken;
        match text.get(at..) {
            Some([b'-', tail @ ..]) if !tail.is_empty() => {
                let (high, taken) = single(tail);
                if high < byte {
                    return None;
                }
                bytes.extend(byte..=high);
                at += 1 + taken;
            }
            _ => bytes.push(byte),
        }
    }
    Some(bytes)
}

/// The first character, which may be an escape, and how long it is.
fn single(text: &[u8]) -> (u8, usize) {
    let [b'\\', rest @ ..] = text else {
        return (text[0], 1);
    };
    let mut byte = Vec::new();
    match utils::echo::escape(rest, false, &mut byte) {
        Some(taken) if taken > 0 => (byte[0], taken + 1),
        _ => rest.first().map_or((b'\\', 1), |&byte| (byte, 2)),
    }
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "cCds");
    let (mut complement, mut delete, mut squeeze) = (false, false, false);
    for option in &mut options {
        match option.map(|option| option.letter) {
            Ok(b'd') => delete = true,
            Ok(b's') => squeeze = true,
            Ok(_) => complement = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let mut sets = Vec::new();
    for operand in options.operands() {
        match expand(operand) {
            Some(bytes) => sets.push(bytes),
            None => {
                complain(&[operand, b": bad string"]);
                return 1;
            }
        }
    }
    let needed = match (delete, squeeze) {
        (true, false) => 1..=1,
        (true, true) => 2..=2,
        (false, true) => 1..=2,
        (false, false) => 2..=2,
    };
    if !needed.contains(&sets.len()) {
        return usage(SYNOPSIS);
    }
    let mut first = sets.remove(0);
    if complement {
        first = (0..=u8::MAX).filter(|byte| !first.contains(byte)).collect();
    }
    let second = sets.pop();
    let mut map: [Option<u8>; 256] = core::array::from_fn(|byte| Some(byte as u8));
    if delete {
        for &byte in &first {
            map[usize::from(byte)] = None;
        }
    } else if let Some(second) = &second {
        let Some(&last) = second.last() else {
            return usage(SYNOPSIS);
        };
        for (index, &byte) in first.iter().enumerate() {
            map[usize::from(byte)] = Some(second.get(index).copied().unwrap_or(last));
        }
    }
    let squeezed = if squeeze {
        second.unwrap_or(first)
    } else {
        Vec::new()
    };
    let mut input = Input::new(STDIN);
    let mut out = Output::stdout();
    let mut previous = None;
    loop {
        let piece = match input.fill() {
            Ok(piece) => piece,
            Err(error) => {
                warn(b"standard input", error);
                return 1;
            }
        };
        let count = piece.len();
        if count == 0 || out.failed() {
            return out.finish(0);
        }
        for byte in piece.iter().filter_map(|&byte| map[usize::from(byte)]) {
            if previous == Some(byte) && squeezed.contains(&byte) {
                continue;
            }
            previous = Some(byte);
            out.byte(byte);
        }
        input.consume(count);
    }
}
