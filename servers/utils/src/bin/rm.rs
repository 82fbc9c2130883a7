//! `rm [-f] [-R] file...`: removes files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{complain, usage, warn};
use posix::{Errno, fs};
use utils::copy;

const SYNOPSIS: &str = "[-f] [-R | -r] file...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "frR");
    let (mut force, mut recursive) = (false, false);
    for option in &mut options {
        match option {
            Ok(option) if option.letter == b'f' => force = true,
            Ok(_) => recursive = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if options.operands().is_empty() {
        return if force { 0 } else { usage(SYNOPSIS) };
    }
    let mut good = true;
    for path in options.operands() {
        let name = posix::basename(path);
        if name == b"." || name == b".." || name == b"/" {
            complain(&[b"refusing to remove ", path]);
            good = false;
        } else if recursive {
            good &= copy::remove(path, force);
        } else {
            match fs::unlink(path) {
                Ok(()) => {}
                Err(Errno::ENOENT) if force => {}
                Err(error) => {
                    let is_directory = fs::lstat(path).is_ok_and(|stat| stat.is_directory());
                    warn(path, if is_directory { Errno::EISDIR } else { error });
                    good = false;
                }
            }
        }
    }
    i32::from(!good)
}
