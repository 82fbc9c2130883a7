//! `tail [-f] [-n [+]lines | -c [+]bytes] [file...]`: the end of files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use core::time::Duration;

use posix::getopt::Options;
use posix::io::{Input, Output, complain};
use utils::inputs;

const SYNOPSIS: &str = "[-f] [-n [+]lines | -c [+]bytes] [file...]";
/// How often a file that is followed is looked at.
const FOLLOW: Duration = Duration::from_millis(500);

posix::main!(program);

#[derive(Clone, Copy)]
struct Part {
    count: usize,
    bytes: bool,
    from_start: bool,
}

fn program() -> i32 {
    let mut args = posix::env::args();
    // The old form `-5` is what people type.
    for arg in args.iter_mut().skip(1) {
        if arg.len() > 1 && arg[0] == b'-' && arg[1..].iter().all(u8::is_ascii_digit) {
            *arg = [b"-n", &arg[1..]].concat();
        }
    }
    let mut options = Options::new(&args, "fn:c:");
    let mut part = Part {
        count: 10,
        bytes: false,
        from_start: false,
    };
    let mut follow = false;
    for option in &mut options {
        match option {
            Err(fault) => return fault.report(SYNOPSIS),
            Ok(option) if option.letter == b'f' => follow = true,
            Ok(option) => {
                let text = option.value.unwrap_or_default();
                let digits = text
                    .strip_prefix(b"+")
                    .or(text.strip_prefix(b"-"))
                    .unwrap_or(text);
                let number = posix::parse_number(digits).and_then(|n| usize::try_from(n).ok());
                let Some(count) = number else {
                    complain(&[text, b": bad number"]);
                    return 1;
                };
                let from_start = text.first() == Some(&b'+');
                part = Part {
                    count,
                    bytes: option.letter == b'c',
                    from_start,
                };
            }
        }
    }
    let many = options.operands().len() > 1;
    let mut first = true;
    let mut out = Output::stdout();
    let status = inputs::each(options.operands(), |input, name| {
        if many {
            out.put(if core::mem::take(&mut first) {
                b"==> "
            } else {
                b"\n==> "
            });
            out.put(name);
            out.put(b" <==\n");
        }
        if part.from_start {
            skip(input, part)?;
            copy(input, &mut out)?;
        } else {
            last(input, part, &mut out)?;
        }
        while follow && !many && out.flush().is_ok() {
            // A signal only makes the next look come early.
            let _ = posix::time::sleep(FOLLOW);
            copy(input, &mut out)?;
        }
        Ok(())
    });
    out.finish(status)
}

/// Skips what stands before the given line or byte, counted from 1.
fn skip(input: &mut Input, part: Part) -> posix::Result<()> {
    let mut left = part.count.saturating_sub(1);
    while left > 0 {
        let piece = input.fill()?;
        if piece.is_empty() {
            break;
        }
        let taken = if part.bytes {
            let taken = piece.len().min(left);
            left -= taken;
            taken
        } else {
            match piece.iter().position(|&b| b == b'\n') {
                Some(at) => {
                    left -= 1;
                    at + 1
                }
                None => piece.len(),
            }
        };
        input.consume(taken);
    }
    Ok(())
}

fn copy(input: &mut Input, out: &mut Output) -> posix::Result<()> {
    loop {
        let piece = input.fill()?;
        let count = piece.len();
        if count == 0 || out.failed() {
            return Ok(());
        }
        out.put(piece);
        input.consume(count);
    }
}

/// Prints the last lines or bytes. What comes before them is forgotten on the way.
fn last(input: &mut Input, part: Part, out: &mut Output) -> posix::Result<()> {
    let mut kept: Vec<u8> = Vec::new();
    loop {
        let piece = input.fill()?;
        let count = piece.len();
        if count == 0 {
            break;
        }
        kept.extend_from_slice(piece);
        input.consume(count);
        // Cut now and then, so that this costs little for each byte.
        let start = start_of_last(&kept, part);
        if start > kept.len() / 2 {
            kept.drain(..start);
        }
    }
    out.put(&kept[start_of_last(&kept, part)..]);
    Ok(())
}

fn start_of_last(text: &[u8], part: Part) -> usize {
    if part.bytes {
        return text.len().saturating_sub(part.count);
    }
    if part.count == 0 {
        return text.len();
    }
    let end = text.len() - usize::from(text.last() == Some(&b'\n'));
    let mut newlines = (0..end).rev().filter(|&at| text[at] == b'\n');
    newlines.nth(part.count - 1).map_or(0, |at| at + 1)
}
