//! `mkdir [-p] [-m mode] dir...`: makes directories.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{complain, usage, warn};
use posix::{Errno, Result, fs};
use utils::mode::{self, ModeChange};

const SYNOPSIS: &str = "[-p] [-m mode] dir...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "pm:");
    let (mut parents, mut change) = (false, None);
    for option in &mut options {
        match option {
            Err(fault) => return fault.report(SYNOPSIS),
            Ok(option) => match option.value {
                None => parents = true,
                Some(text) => match mode::parse(text) {
                    Some(parsed) => change = Some(parsed),
                    None => {
                        complain(&[text, b": bad mode"]);
                        return 1;
                    }
                },
            },
        }
    }
    if options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    let mut status = 0;
    for path in options.operands() {
        if let Err(error) = make(path, parents, change.as_ref()) {
            warn(path, error);
            status = 1;
        }
    }
    status
}

fn make(path: &[u8], parents: bool, change: Option<&ModeChange>) -> Result<()> {
    if parents {
        let mut end = 0;
        while let Some(slash) = path[end..].iter().position(|&b| b == b'/') {
            let ancestor = &path[..end + slash];
            end += slash + 1;
            // The last component comes below.
            let more = path[end..].iter().any(|&b| b != b'/');
            if !more || ancestor.is_empty() {
                continue;
            }
            match fs::mkdir(ancestor, 0o777) {
                Ok(()) => {
                    let mode = fs::stat(ancestor)?.mode & 0o7777;
                    if mode & 0o300 != 0o300 {
                        fs::chmod(ancestor, mode | 0o300)?;
                    }
                }
                Err(error) => match fs::stat(ancestor) {
                    Ok(stat) if stat.is_directory() => {}
                    Ok(_) => return Err(Errno::ENOTDIR),
                    Err(_) => return Err(error),
                },
            }
        }
    }
    match fs::mkdir(path, 0o777) {
        Err(Errno::EEXIST) if parents && fs::stat(path)?.is_directory() => return Ok(()),
        result => result?,
    }
    match change {
        Some(change) => fs::chmod(path, change.apply(0o777, true, mode::umask())),
        None => Ok(()),
    }
}
