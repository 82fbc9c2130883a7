//! `echo [-n] [string...]`: prints its arguments.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{STDOUT, warn};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let text = utils::echo::text(args.get(1..).unwrap_or(&[]));
    match posix::fs::write_all(STDOUT, &text) {
        Ok(()) => 0,
        Err(error) => {
            warn(b"write error", error);
            1
        }
    }
}
