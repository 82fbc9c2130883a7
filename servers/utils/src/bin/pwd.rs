//! `pwd [-L | -P]`: prints the working directory.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs;
use posix::getopt::Options;
use posix::io::{Output, warn};

const SYNOPSIS: &str = "[-L | -P]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut logical = true;
    for option in Options::new(&args, "LP") {
        match option {
            Ok(option) => logical = option.letter == b'L',
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let known = posix::env::var(b"PWD").filter(|path| logical && is_here(path));
    match known.map_or_else(fs::getcwd, Ok) {
        Ok(path) => {
            let mut out = Output::stdout();
            out.put(&path);
            out.byte(b'\n');
            out.finish(0)
        }
        Err(error) => {
            warn(b"working directory", error);
            1
        }
    }
}

/// Whether a path names the working directory without detours.
fn is_here(path: &[u8]) -> bool {
    let plain = path.first() == Some(&b'/')
        && !path
            .split(|&b| b == b'/')
            .any(|part| part == b"." || part == b"..");
    let same = || Ok::<_, posix::Errno>(fs::stat(path)?.is_same_file(&fs::stat(b".")?));
    plain && same() == Ok(true)
}
