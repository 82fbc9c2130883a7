//! `portinfo [-v] pid...`: the port names of processes. `portinfo --json`: who holds which right to
//! what, in the whole system for root, in her own processes for others.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::graph::{self, Right};
use posix::io::{Output, complain, usage, warn};
use posix::process;
use utils::json;

const SYNOPSIS: &str = "[-v] pid... | --json";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "vj").long(&[("verbose", b'v'), ("json", b'j')]);
    let (mut verbose, mut whole) = (false, false);
    for option in &mut options {
        match option {
            Ok(option) if option.letter == b'j' => whole = true,
            Ok(_) => verbose = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if options.operands().is_empty() != whole {
        return usage(SYNOPSIS);
    }
    let mut out = Output::stdout();
    if whole {
        match graph::graph() {
            Ok(graph) => json::graph(&graph, |text| out.put(text.as_bytes())),
            Err(error) => {
                warn(b"rights", error);
                return 1;
            }
        }
        out.byte(b'\n');
        return out.finish(0);
    }
    let mut status = 0;
    for text in options.operands() {
        let pid = posix::parse_number(text).and_then(|n| posix::Pid::try_from(n).ok());
        let Some(pid) = pid else {
            complain(&[text, b": no process id"]);
            status = 1;
            continue;
        };
        match process::ports(pid) {
            Ok(names) => {
                if verbose || options.operands().len() > 1 {
                    out.put(text);
                    out.put(b": ");
                    out.number(names.len() as u64);
                    out.put(b" names\n");
                }
                for name in &names {
                    show(&mut out, name, verbose);
                }
            }
            Err(error) => {
                warn(text, error);
                status = 1;
            }
        }
    }
    out.finish(status)
}

/// With the number of the port, if `verbose`: it is the same for all who hold a right to it.
fn show(out: &mut Output, right: &Right, verbose: bool) {
    out.padded(right.name.into(), 10);
    out.put(b":");
    for kind in right.kinds.names() {
        out.byte(b' ');
        out.put(kind.as_bytes());
    }
    if right.references > 1 {
        out.put(b" (refs: ");
        out.number(right.references.into());
        out.byte(b')');
    }
    if let Some(port) = right.port.filter(|_| verbose) {
        out.put(b" -> ");
        out.number(port.into());
    }
    out.byte(b'\n');
}
