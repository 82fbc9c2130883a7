//! `basename string [suffix]`: the last component of a path.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, usage};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let (path, suffix): (&[u8], &[u8]) = match args.get(1..).unwrap_or(&[]) {
        [path] => (path, b""),
        [path, suffix] => (path, suffix),
        _ => return usage("string [suffix]"),
    };
    let name = posix::basename(path);
    let bare = name
        .strip_suffix(suffix)
        .filter(|bare| !bare.is_empty())
        .unwrap_or(name);
    let mut out = Output::stdout();
    out.put(bare);
    out.byte(b'\n');
    out.finish(0)
}
