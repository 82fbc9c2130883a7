//! `test expression`, also `[ expression ]`: whether a condition holds.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::complain;

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut expression = args.get(1..).unwrap_or(&[]);
    if posix::env::program_name() == b"[" {
        match expression {
            [inner @ .., last] if last == b"]" => expression = inner,
            _ => {
                complain(&[b"missing ]"]);
                return 2;
            }
        }
    }
    match utils::test::evaluate(expression, &posix::fs::isatty) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(message) => {
            complain(&[&message]);
            2
        }
    }
}
