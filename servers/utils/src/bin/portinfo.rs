//! `portinfo [-v] pid...`: the port names of processes.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{Output, complain, usage, warn};
use posix::process::{self, PortName};

const SYNOPSIS: &str = "[-v] pid...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "v").long(&[("verbose", b'v')]);
    let mut verbose = false;
    for option in &mut options {
        match option {
            Ok(_) => verbose = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    let mut out = Output::stdout();
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
                    show(&mut out, name);
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

fn show(out: &mut Output, name: &PortName) {
    out.padded(name.name.into(), 10);
    out.put(b":");
    if name.receive {
        out.put(b" receive");
    }
    if name.port_set {
        out.put(b" port-set");
    }
    for (count, text) in [
        (name.send, &b" send"[..]),
        (name.send_once, b" send-once"),
        (name.dead, b" dead-name"),
    ] {
        if count > 0 {
            out.put(text);
            if count > 1 {
                out.put(b" (refs: ");
                out.number(count.into());
                out.byte(b')');
            }
        }
    }
    out.byte(b'\n');
}
