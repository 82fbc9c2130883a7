//! `showtrans [-psP] node...`: prints the passive translators of nodes.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{Output, usage, warn};
use posix::{Errno, translator};

const SYNOPSIS: &str = "[-pPs] node...";

const LONG: &[(&str, u8)] = &[("prefix", b'p'), ("no-prefix", b'P'), ("silent", b's')];

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "pPs").long(LONG);
    let (mut prefix, mut silent) = (None, false);
    for option in &mut options {
        match option.map(|option| option.letter) {
            Ok(b'p') => prefix = Some(true),
            Ok(b'P') => prefix = Some(false),
            Ok(_) => silent = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    let prefix = prefix.unwrap_or(options.operands().len() > 1);
    let mut out = Output::stdout();
    let mut status = 0;
    for node in options.operands() {
        match translator::passive(node) {
            Ok(argv) => {
                if prefix {
                    out.put(node);
                    out.put(b": ");
                }
                out.put(&argv.join(&b' '));
                out.byte(b'\n');
            }
            // A node without one is not worth a word.
            Err(Errno::EINVAL) => status = 1,
            Err(error) => {
                if !silent {
                    warn(node, error);
                }
                status = 1;
            }
        }
    }
    out.finish(status)
}
