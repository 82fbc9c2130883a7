//! `fsysopts [-R] file [option...]`: prints or changes the options of a file system.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, usage, warn};
use posix::translator;

const SYNOPSIS: &str = "[-R] file [option...]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    // What follows the file are the file system's options, not this program's.
    let mut rest = args.get(1..).unwrap_or(&[]);
    let mut recurse = false;
    while let [first, tail @ ..] = rest {
        match first.as_slice() {
            b"-R" | b"--recursive" => recurse = true,
            b"--" => {
                rest = tail;
                break;
            }
            [b'-', _, ..] => return usage(SYNOPSIS),
            _ => break,
        }
        rest = tail;
    }
    let [file, options @ ..] = rest else {
        return usage(SYNOPSIS);
    };
    let result = if options.is_empty() {
        translator::options(file).map(|options| {
            let mut out = Output::stdout();
            out.put(&options.join(&b' '));
            out.byte(b'\n');
            out.finish(0)
        })
    } else {
        translator::set_options(file, options, recurse).map(|()| 0)
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            warn(file, error);
            1
        }
    }
}
