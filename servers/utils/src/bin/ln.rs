//! `ln [-fs] source... target`: makes links.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{complain, usage};
use posix::{Errno, fs};
use utils::copy::target_name;

const SYNOPSIS: &str = "[-fs] source... target";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "fsn");
    let (mut force, mut symbolic, mut no_dereference) = (false, false, false);
    for option in &mut options {
        match option.map(|option| option.letter) {
            Ok(b'f') => force = true,
            Ok(b's') => symbolic = true,
            Ok(_) => no_dereference = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let here = b".".to_vec();
    let (target, sources) = match options.operands() {
        [] => return usage(SYNOPSIS),
        [single] => (&here, core::slice::from_ref(single)),
        [sources @ .., target] => (target, sources),
    };
    let stat = if no_dereference {
        fs::lstat(target)
    } else {
        fs::stat(target)
    };
    let into = stat.is_ok_and(|stat| stat.is_directory());
    if sources.len() > 1 && !into {
        complain(&[target, b" is not a directory"]);
        return 1;
    }
    let mut status = 0;
    for source in sources {
        let path = target_name(source, target, into);
        let make = || {
            if symbolic {
                fs::symlink(source, &path)
            } else {
                fs::link(source, &path)
            }
        };
        let result = match make() {
            Err(Errno::EEXIST) if force => fs::unlink(&path).and_then(|()| make()),
            result => result,
        };
        if let Err(error) = result {
            complain(&[&path, b" to ", source, b": ", error.message().as_bytes()]);
            status = 1;
        }
    }
    status
}
