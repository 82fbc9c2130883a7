//! `kill`: sends signals.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, complain, usage, warn};
use posix::signal;
use utils::kill::{self, Request, SYNOPSIS};

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    match kill::parse(args.get(1..).unwrap_or(&[])) {
        Ok(Request::List(numbers)) => match kill::list(&numbers) {
            Ok(text) => {
                let mut out = Output::stdout();
                out.put(&text);
                out.finish(0)
            }
            Err(message) => {
                complain(&[&message]);
                1
            }
        },
        Ok(Request::Send(signal, targets)) => {
            let mut status = 0;
            for target in targets {
                let Some(pid) = kill::target(&target) else {
                    complain(&[&target, b": no process id"]);
                    status = 1;
                    continue;
                };
                if let Err(error) = signal::kill(pid, signal) {
                    warn(&target, error);
                    status = 1;
                }
            }
            status
        }
        Err(message) => {
            if !message.is_empty() {
                complain(&[&message]);
            }
            usage(SYNOPSIS)
        }
    }
}
