//! `touch [-acm] [-r file | -d time] file...`: sets the times of files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs::{self, O_CREAT, O_WRITE, SetTime};
use posix::getopt::Options;
use posix::io::{File, complain, usage, warn};
use posix::time::{DateTime, Timespec};
use posix::{Errno, Result};

const SYNOPSIS: &str = "[-acm] [-r file | -d YYYY-MM-DDThh:mm:ss] file...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "acmr:d:");
    let (mut access, mut modify, mut create) = (false, false, true);
    let (mut atime, mut mtime) = (SetTime::Now, SetTime::Now);
    for option in &mut options {
        let option = match option {
            Ok(option) => option,
            Err(fault) => return fault.report(SYNOPSIS),
        };
        match (option.letter, option.value) {
            (b'a', _) => access = true,
            (b'm', _) => modify = true,
            (b'c', _) => create = false,
            (b'r', Some(path)) => match fs::stat(path) {
                Ok(stat) => (atime, mtime) = (SetTime::To(stat.atime), SetTime::To(stat.mtime)),
                Err(error) => {
                    warn(path, error);
                    return 1;
                }
            },
            (_, Some(text)) => match DateTime::parse(text) {
                Some(time) => {
                    let sec = time.to_seconds();
                    let time = Timespec { sec, nsec: 0 };
                    (atime, mtime) = (SetTime::To(time), SetTime::To(time));
                }
                None => {
                    complain(&[text, b": bad time"]);
                    return 1;
                }
            },
            _ => {}
        }
    }
    if access && !modify {
        mtime = SetTime::Omit;
    }
    if modify && !access {
        atime = SetTime::Omit;
    }
    if options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    let mut status = 0;
    for path in options.operands() {
        if let Err(error) = touch(path, atime, mtime, create) {
            warn(path, error);
            status = 1;
        }
    }
    status
}

fn touch(path: &[u8], atime: SetTime, mtime: SetTime, create: bool) -> Result<()> {
    match fs::utimens(path, atime, mtime) {
        Err(Errno::ENOENT) if create => {
            File::open(path, O_WRITE | O_CREAT, 0o666)?.close()?;
            if (atime, mtime) == (SetTime::Now, SetTime::Now) {
                return Ok(());
            }
            fs::utimens(path, atime, mtime)
        }
        Err(Errno::ENOENT) => Ok(()),
        result => result,
    }
}
