//! `mv [-f] source... target`: moves files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{complain, usage, warn};
use posix::{Errno, fs};
use utils::copy::{self, target_name};

const SYNOPSIS: &str = "[-f] source... target";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "f");
    for option in &mut options {
        // Nobody is asked anyway.
        if let Err(fault) = option {
            return fault.report(SYNOPSIS);
        }
    }
    let Some((target, sources)) = options
        .operands()
        .split_last()
        .filter(|(_, s)| !s.is_empty())
    else {
        return usage(SYNOPSIS);
    };
    let into = fs::stat(target).is_ok_and(|stat| stat.is_directory());
    if sources.len() > 1 && !into {
        complain(&[target, b" is not a directory"]);
        return 1;
    }
    let mut good = true;
    for source in sources {
        good &= move_file(source, &target_name(source, target, into));
    }
    i32::from(!good)
}

fn move_file(from: &[u8], to: &[u8]) -> bool {
    match fs::rename(from, to) {
        Ok(()) => true,
        Err(Errno::EXDEV) => {
            if fs::lstat(to).is_ok_and(|stat| !stat.is_directory())
                && let Err(error) = fs::unlink(to)
            {
                warn(to, error);
                return false;
            }
            let options = copy::Options {
                recursive: true,
                preserve: true,
                force: true,
                keep_links: true,
            };
            copy::copy(from, to, options) && copy::remove(from, false)
        }
        Err(error) => {
            complain(&[from, b" to ", to, b": ", error.message().as_bytes()]);
            false
        }
    }
}
