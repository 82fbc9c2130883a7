//! `cp [-Rpf] source... target`: copies files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs;
use posix::getopt::Options;
use posix::io::{complain, usage};
use utils::copy::{self, target_name};

const SYNOPSIS: &str = "[-R | -r] [-pfPHL] source... target";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut letters = Options::new(&args, "RrpfaPHL");
    let mut options = copy::Options::default();
    let mut links = None;
    for option in &mut letters {
        match option.map(|option| option.letter) {
            Ok(b'p') => options.preserve = true,
            Ok(b'f') => options.force = true,
            Ok(b'a') => {
                options.recursive = true;
                options.preserve = true;
            }
            Ok(b'P') => links = Some(true),
            Ok(b'H' | b'L') => links = Some(false),
            Ok(_) => options.recursive = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    options.keep_links = links.unwrap_or(options.recursive);
    let Some((target, sources)) = letters
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
        good &= copy::copy(source, &target_name(source, target, into), options);
    }
    i32::from(!good)
}
