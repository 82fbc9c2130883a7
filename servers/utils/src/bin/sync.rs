//! `sync [file...]`: writes what is kept in memory to the stores.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::warn;
use posix::{fs, translator};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut status = 0;
    let mut check = |name: &[u8], result: posix::Result<()>| {
        if let Err(error) = result {
            warn(name, error);
            status = 1;
        }
    };
    match args.get(1..) {
        None | Some([]) => check(b"file systems", fs::sync()),
        Some(paths) => {
            for path in paths {
                check(path, translator::sync(path, true, true));
            }
        }
    }
    status
}
