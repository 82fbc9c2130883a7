//! `mkfifo [-m mode] file...`: makes pipes with names.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs::{self, Kind};
use posix::getopt::Options;
use posix::io::{complain, usage, warn};
use utils::mode;

const SYNOPSIS: &str = "[-m mode] file...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "m:");
    let mut change = None;
    for option in &mut options {
        match option {
            Err(fault) => return fault.report(SYNOPSIS),
            Ok(option) => {
                let text = option.value.unwrap_or_default();
                change = mode::parse(text);
                if change.is_none() {
                    complain(&[text, b": bad mode"]);
                    return 1;
                }
            }
        }
    }
    if options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    let mut status = 0;
    for path in options.operands() {
        let made = fs::mknod(path, Kind::Fifo, 0o666, 0);
        let result = made.and_then(|()| match &change {
            Some(change) => fs::chmod(path, change.apply(0o666, false, mode::umask())),
            None => Ok(()),
        });
        if let Err(error) = result {
            warn(path, error);
            status = 1;
        }
    }
    status
}
