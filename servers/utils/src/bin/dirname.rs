//! `dirname string`: a path without its last component.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, usage};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let [_, path] = args.as_slice() else {
        return usage("string");
    };
    let mut out = Output::stdout();
    out.put(posix::dirname(path));
    out.byte(b'\n');
    out.finish(0)
}
