//! `head [-n lines | -c bytes] [file...]`: the start of files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{Output, complain};
use utils::inputs;

const SYNOPSIS: &str = "[-n lines | -c bytes] [file...]";

posix::main!(program);

fn program() -> i32 {
    let mut args = posix::env::args();
    // The old form `-5` is what people type.
    for arg in args.iter_mut().skip(1) {
        if arg.len() > 1 && arg[0] == b'-' && arg[1..].iter().all(u8::is_ascii_digit) {
            *arg = [b"-n", &arg[1..]].concat();
        }
    }
    let mut options = Options::new(&args, "n:c:");
    let (mut count, mut bytes) = (10, false);
    for option in &mut options {
        match option {
            Err(fault) => return fault.report(SYNOPSIS),
            Ok(option) => {
                let text = option.value.unwrap_or_default();
                bytes = option.letter == b'c';
                match posix::parse_number(text) {
                    Some(number) => count = number,
                    None => {
                        complain(&[text, b": bad number"]);
                        return 1;
                    }
                }
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
        let mut left = count;
        while left > 0 && !out.failed() {
            let piece = input.fill()?;
            if piece.is_empty() {
                break;
            }
            let mut end = piece.len();
            if bytes {
                end = end.min(usize::try_from(left).unwrap_or(usize::MAX));
                left -= end as u64;
            } else {
                for (at, _) in piece.iter().enumerate().filter(|(_, b)| **b == b'\n') {
                    left -= 1;
                    if left == 0 {
                        end = at + 1;
                        break;
                    }
                }
            }
            out.put(&piece[..end]);
            input.consume(end);
        }
        Ok(())
    });
    out.finish(status)
}
