//! `cat [-u] [file...]`: prints files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{Output, warn};
use utils::inputs;

const SYNOPSIS: &str = "[-u] [file...]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "u");
    for option in &mut options {
        // Nothing is kept back anyway.
        if let Err(fault) = option {
            return fault.report(SYNOPSIS);
        }
    }
    let mut write_error = None;
    let status = inputs::each(options.operands(), |input, _| {
        loop {
            let piece = input.fill()?;
            let count = piece.len();
            if count == 0 || write_error.is_some() {
                return Ok(());
            }
            write_error = posix::fs::write_all(posix::io::STDOUT, piece).err();
            input.consume(count);
        }
    });
    if let Some(error) = write_error {
        warn(b"write error", error);
        return 1;
    }
    Output::stdout().finish(status)
}
