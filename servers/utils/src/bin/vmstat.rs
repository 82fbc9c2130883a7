//! `vmstat [-a]`: how much of the machine is in use; with `-a`, by each account.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{Output, usage, warn};
use posix::{Result, graph, system};

const SYNOPSIS: &str = "[-a]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "a");
    let mut all = false;
    for option in &mut options {
        match option {
            Ok(_) => all = true,
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if !options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    if all {
        let mut out = Output::stdout();
        return match accounts(&mut out) {
            Ok(()) => out.finish(0),
            Err(error) => {
                warn(b"accounts", error);
                1
            }
        };
    }
    let counts = match system::usage() {
        Ok(counts) => counts,
        Err(error) => {
            warn(b"statistics", error);
            return 1;
        }
    };
    let mut out = Output::stdout();
    let mut line = |name: &[u8], value: u64, unit: &[u8]| {
        out.put(name);
        out.byte(b':');
        out.padded(value, 24 - name.len());
        out.put(unit);
        out.byte(b'\n');
    };
    line(b"memory", counts.memory / 1024, b" K");
    line(b"free", counts.free / 1024, b" K");
    line(
        b"used",
        (counts.memory - counts.free.min(counts.memory)) / 1024,
        b" K",
    );
    line(b"tasks", counts.tasks, b"");
    line(b"threads", counts.threads, b"");
    line(b"ports", counts.ports, b"");
    line(b"memory objects", counts.objects, b"");
    let names: [(&[u8], &[u8]); 3] = [
        (b"account memory", b"memory limit"),
        (b"account objects", b"objects limit"),
        (b"account rights", b"rights limit"),
    ];
    for (index, ((used_name, limit_name), (limit, used))) in
        names.into_iter().zip(counts.account).enumerate()
    {
        // Rights are counted, the others are bytes.
        let (unit, suffix): (u64, &[u8]) = if index < 2 { (1024, b" K") } else { (1, b"") };
        line(used_name, used / unit, suffix);
        if limit != 0 && limit != u64::MAX {
            line(limit_name, limit / unit, suffix);
        }
    }
    out.finish(0)
}

/// A line for each account: what it uses, with those below it, and its limits.
fn accounts(out: &mut Output) -> Result<()> {
    let all = graph::accounts()?;
    out.put(b"ACCOUNT ABOVE   MEMORY K    LIMIT K  OBJECTS K    LIMIT K     RIGHTS      LIMIT\n");
    for account in all {
        out.padded(account.account.into(), 7);
        match account.parent {
            Some(parent) => out.padded(parent.into(), 6),
            None => out.put(b"     -"),
        }
        for ((limit, used), unit) in account.amounts.into_iter().zip([1024, 1024, 1]) {
            out.padded(used / unit, 11);
            match limit {
                u64::MAX => out.put(b"          -"),
                _ => out.padded(limit / unit, 11),
            }
        }
        out.byte(b'\n');
    }
    Ok(())
}
