//! `vmstat`: how much of the machine is in use.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::io::{Output, usage, warn};
use posix::system;

posix::main!(program);

fn program() -> i32 {
    if posix::env::args().len() > 1 {
        return usage("");
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
