//! `uname [-amnrsv]`: the names of the system.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{Output, usage, warn};

const SYNOPSIS: &str = "[-amnrsv]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "amnrsv");
    let mut wanted = [false; 5];
    for option in &mut options {
        match option.map(|option| option.letter) {
            Ok(b'a') => wanted = [true; 5],
            Ok(b's') => wanted[0] = true,
            Ok(b'n') => wanted[1] = true,
            Ok(b'r') => wanted[2] = true,
            Ok(b'v') => wanted[3] = true,
            Ok(_) => wanted[4] = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if !options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    if wanted == [false; 5] {
        wanted[0] = true;
    }
    let names = match posix::system::uname() {
        Ok(names) => names,
        Err(error) => {
            warn(b"system", error);
            return 1;
        }
    };
    let fields = [
        &names.sysname,
        &names.nodename,
        &names.release,
        &names.version,
        &names.machine,
    ];
    let mut out = Output::stdout();
    let mut first = true;
    for (field, _) in fields.into_iter().zip(wanted).filter(|(_, wanted)| *wanted) {
        if !core::mem::take(&mut first) {
            out.byte(b' ');
        }
        out.put(field);
    }
    out.byte(b'\n');
    out.finish(0)
}
