//! `true`: succeeds.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

posix::main!(program);

fn program() -> i32 {
    0
}
