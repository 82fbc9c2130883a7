//! `rmdir [-p] dir...`: removes empty directories.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs;
use posix::getopt::Options;
use posix::io::{usage, warn};

const SYNOPSIS: &str = "[-p] dir...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "p");
    let mut parents = false;
    for option in &mut options {
        match option {
            Ok(_) => parents = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    let mut status = 0;
    for operand in options.operands() {
        let mut path = operand.as_slice();
        loop {
            if let Err(error) = fs::rmdir(path) {
                warn(path, error);
                status = 1;
                break;
            }
            path = posix::dirname(path);
            if !parents || path == b"." || path == b"/" {
                break;
            }
        }
    }
    status
}
