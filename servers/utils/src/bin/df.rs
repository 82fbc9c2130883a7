//! `df [file...]`: the space of file systems, in units of 1024 bytes.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs;
use posix::io::{Output, warn};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let root = [b"/".to_vec()];
    let paths = args
        .get(1..)
        .filter(|paths| !paths.is_empty())
        .unwrap_or(&root);
    let mut out = Output::stdout();
    out.put(b"     1K-blocks       Used  Available Use% File\n");
    let mut status = 0;
    for path in paths {
        match fs::statfs(path) {
            Ok(info) => {
                let kibibytes = |blocks: u64| blocks.saturating_mul(info.bsize) / 1024;
                let used = info.blocks.saturating_sub(info.bfree);
                out.padded(kibibytes(info.blocks), 14);
                out.padded(kibibytes(used), 11);
                out.padded(kibibytes(info.bavail), 11);
                let usable = used.saturating_add(info.bavail).max(1);
                out.padded(used.saturating_mul(100).div_ceil(usable), 4);
                out.put(b"% ");
                out.put(path);
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
