//! `chmod [-R] mode file...`: changes permissions.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs::{self, Kind};
use posix::io::{complain, usage, warn};
use utils::mode;
use utils::tree::{Phase, Walk};

const SYNOPSIS: &str = "[-R] mode file...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    // A mode such as `-w` looks like an option.
    let mut rest = args.get(1..).unwrap_or(&[]);
    let mut recursive = false;
    while let [first, tail @ ..] = rest {
        match first.as_slice() {
            b"-R" => recursive = true,
            b"--" => {
                rest = tail;
                break;
            }
            _ => break,
        }
        rest = tail;
    }
    let [text, files @ ..] = rest else {
        return usage(SYNOPSIS);
    };
    if files.is_empty() {
        return usage(SYNOPSIS);
    }
    let Some(change) = mode::parse(text) else {
        complain(&[text, b": bad mode"]);
        return usage(SYNOPSIS);
    };
    let umask = mode::umask();
    let mut status = 0;
    for file in files {
        let walk = Walk::new(file, true);
        for item in walk {
            let result = match item {
                Err((path, error)) => Err((path, error)),
                Ok(entry) if entry.phase == Phase::Leave => continue,
                // A link found on the way is not the file that it leads to.
                Ok(entry) if entry.depth > 0 && entry.stat.kind() == Kind::Symlink => continue,
                Ok(entry) => {
                    let directory = entry.stat.is_directory();
                    let new = change.apply(entry.stat.mode, directory, umask);
                    fs::chmod(&entry.path, new).map_err(|error| (entry.path, error))
                }
            };
            if let Err((path, error)) = result {
                warn(&path, error);
                status = 1;
            }
            if !recursive {
                break;
            }
        }
    }
    status
}
