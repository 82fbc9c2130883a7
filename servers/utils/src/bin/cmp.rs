//! `cmp [-l | -s] file1 file2`: whether two files are the same.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs::O_READ;
use posix::getopt::Options;
use posix::io::{File, Input, Output, STDIN, complain, usage, warn};

const SYNOPSIS: &str = "[-l | -s] file1 file2";

posix::main!(program);

fn octal(out: &mut Output, byte: u8) {
    let digits = [
        b'0' + (byte >> 6),
        b'0' + (byte >> 3 & 7),
        b'0' + (byte & 7),
    ];
    let start = digits.iter().position(|&d| d != b'0').unwrap_or(2);
    out.spaces(start);
    out.put(&digits[start..]);
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "ls");
    let (mut list, mut silent) = (false, false);
    for option in &mut options {
        match option {
            Ok(option) if option.letter == b'l' => list = true,
            Ok(_) => silent = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let [a_name, b_name] = options.operands() else {
        return usage(SYNOPSIS);
    };
    let open = |name: &[u8]| match name {
        b"-" => Ok(File::from_fd(STDIN)),
        name => File::open(name, O_READ, 0),
    };
    let (a_file, b_file) = match (open(a_name), open(b_name)) {
        (Ok(a), Ok(b)) => (a, b),
        (a, b) => {
            for (name, result) in [(a_name, a), (b_name, b)] {
                if let Err(error) = result {
                    warn(name, error);
                }
            }
            return 2;
        }
    };
    let (mut a, mut b) = (Input::new(a_file.fd()), Input::new(b_file.fd()));
    let mut out = Output::stdout();
    let (mut position, mut line, mut status) = (1u64, 1u64, 0);
    loop {
        let (left, right) = match (a.fill(), b.fill()) {
            (Ok(left), Ok(right)) => (left, right),
            (Err(error), _) => {
                warn(a_name, error);
                return 2;
            }
            (_, Err(error)) => {
                warn(b_name, error);
                return 2;
            }
        };
        let count = left.len().min(right.len());
        if count == 0 {
            if left.len() != right.len() {
                if !silent {
                    let shorter = if left.is_empty() { a_name } else { b_name };
                    complain(&[b"EOF on ", shorter]);
                }
                status = 1;
            }
            return out.finish(status);
        }
        for (&x, &y) in left.iter().zip(right) {
            if x != y {
                status = 1;
                if silent {
                    return 1;
                }
                if !list {
                    for part in [a_name, &b" "[..], b_name, b" differ: char "] {
                        out.put(part);
                    }
                    out.number(position);
                    out.put(b", line ");
                    out.number(line);
                    out.byte(b'\n');
                    return out.finish(1);
                }
                out.number(position);
                out.byte(b' ');
                octal(&mut out, x);
                out.byte(b' ');
                octal(&mut out, y);
                out.byte(b'\n');
            }
            position += 1;
            line += u64::from(x == b'\n');
        }
        a.consume(count);
        b.consume(count);
    }
}
