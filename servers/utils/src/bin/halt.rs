//! `halt`: ends the system.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{usage, warn};
use posix::{fs, system};

posix::main!(program);

fn program() -> i32 {
    if posix::env::args().len() > 1 {
        return usage("");
    }
    if let Err(error) = fs::sync() {
        warn(b"file systems", error);
    }
    match system::reboot(false) {
        Ok(()) => 0,
        Err(error) => {
            warn(b"system", error);
            1
        }
    }
}
