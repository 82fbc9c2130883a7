//! `uniq [-cdu] [input [output]]`: leaves out repeated lines.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs::{O_CREAT, O_READ, O_TRUNC, O_WRITE};
use posix::getopt::Options;
use posix::io::{File, Input, Output, STDIN, usage, warn};

const SYNOPSIS: &str = "[-c | -d | -u] [input [output]]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "cdu");
    let (mut counts, mut repeated, mut single) = (false, false, false);
    for option in &mut options {
        match option.map(|option| option.letter) {
            Ok(b'c') => counts = true,
            Ok(b'd') => repeated = true,
            Ok(_) => single = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let (input, output) = match options.operands() {
        [] => (None, None),
        [input] => (Some(input), None),
        [input, output] => (Some(input), Some(output)),
        _ => return usage(SYNOPSIS),
    };
    let open = |path: Option<&alloc::vec::Vec<u8>>, flags| match path {
        Some(path) if path != b"-" => match File::open(path, flags, 0o666) {
            Ok(file) => Ok(Some(file)),
            Err(error) => {
                warn(path, error);
                Err(())
            }
        },
        _ => Ok(None),
    };
    let (Ok(source), Ok(target)) = (
        open(input, O_READ),
        open(output, O_WRITE | O_CREAT | O_TRUNC),
    ) else {
        return 1;
    };
    let mut input = Input::new(source.as_ref().map_or(STDIN, File::fd));
    let mut out = target
        .as_ref()
        .map_or_else(Output::stdout, |file| Output::new(file.fd()));
    let mut show = |line: &[u8], count: u64| {
        let wanted = if repeated {
            count > 1
        } else {
            !single || count == 1
        };
        if count > 0 && wanted {
            if counts {
                out.padded(count, 7);
                out.byte(b' ');
            }
            out.put(line);
            out.byte(b'\n');
        }
    };
    let mut previous = alloc::vec::Vec::new();
    let mut line = alloc::vec::Vec::new();
    let mut count = 0;
    loop {
        match input.read_line(&mut line) {
            Ok(true) if count > 0 && line == previous => count += 1,
            Ok(true) => {
                show(&previous, count);
                core::mem::swap(&mut previous, &mut line);
                count = 1;
            }
            Ok(false) => break,
            Err(error) => {
                warn(b"input", error);
                return 1;
            }
        }
    }
    show(&previous, count);
    out.finish(0)
}
