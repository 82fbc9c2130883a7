//! `chown [-hR] owner[:group] file...`: changes owners.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs;
use posix::getopt::Options;
use posix::io::{complain, usage, warn};
use posix::users;
use utils::tree::{Phase, Walk};

const SYNOPSIS: &str = "[-hR] owner[:group] file...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "hR");
    let (mut recursive, mut links) = (false, false);
    for option in &mut options {
        match option {
            Ok(option) if option.letter == b'R' => recursive = true,
            Ok(_) => links = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let [who, files @ ..] = options.operands() else {
        return usage(SYNOPSIS);
    };
    if files.is_empty() {
        return usage(SYNOPSIS);
    }
    let (owner, group) = match who.iter().position(|&b| b == b':') {
        Some(at) => (&who[..at], &who[at + 1..]),
        None => (who.as_slice(), &[][..]),
    };
    let uid = if owner.is_empty() {
        None
    } else {
        users::uid(owner)
    };
    let gid = if group.is_empty() {
        None
    } else {
        users::gid(group)
    };
    for (name, id) in [(owner, uid), (group, gid)] {
        if !name.is_empty() && id.is_none() {
            complain(&[name, b": no such user or group"]);
            return 1;
        }
    }
    let mut status = 0;
    for file in files {
        let walk = Walk::new(file, !links && !recursive);
        for item in walk {
            let result = match item {
                Err((path, error)) => Err((path, error)),
                Ok(entry) if entry.phase == Phase::Leave => continue,
                Ok(entry) => {
                    let change = if links || recursive {
                        fs::lchown
                    } else {
                        fs::chown
                    };
                    change(&entry.path, uid, gid).map_err(|error| (entry.path, error))
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
