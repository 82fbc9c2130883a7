//! `readlink file...`: prints where symbolic links lead.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, usage, warn};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let Some(paths) = args.get(1..).filter(|paths| !paths.is_empty()) else {
        return usage("file...");
    };
    let mut out = Output::stdout();
    let mut status = 0;
    for path in paths {
        match posix::fs::readlink(path) {
            Ok(target) => {
                out.put(&target);
                out.byte(b'\n');
            }
            Err(error) => {
                warn(path, error);
                status = 1;
            }
        }
    }
    out.finish(status)
}
