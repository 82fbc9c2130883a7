//! `yes [string...]`: prints a line for ever.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, warn};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let text = match args.get(1..) {
        Some(words) if !words.is_empty() => words.join(&b' '),
        _ => b"y".to_vec(),
    };
    let mut out = Output::stdout();
    while !out.failed() {
        out.put(&text);
        out.byte(b'\n');
    }
    if let Err(error) = out.flush() {
        warn(b"write error", error);
    }
    1
}
