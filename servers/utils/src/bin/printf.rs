//! `printf format [argument...]`: prints its arguments in a format.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, complain, usage};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut operands = args.get(1..).unwrap_or(&[]);
    if let [first, rest @ ..] = operands
        && first == b"--"
    {
        operands = rest;
    }
    let Some((format, args)) = operands.split_first() else {
        return usage("format [argument...]");
    };
    let printed = utils::printf::format(format, args);
    let mut out = Output::stdout();
    out.put(&printed.text);
    let mut status = 0;
    if let Some(fault) = printed.fault {
        complain(&[&fault]);
        status = 1;
    }
    out.finish(status)
}
