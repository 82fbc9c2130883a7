//! `test expression`: whether a condition holds.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::complain;

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    match utils::test::evaluate(args.get(1..).unwrap_or(&[]), &posix::fs::isatty) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(message) => {
            complain(&[&message]);
            2
        }
    }
}
