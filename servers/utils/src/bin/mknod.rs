//! `mknod file {p | c major minor | b major minor}`: makes a device node or a fifo.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::fs::{self, Kind};
use posix::io::{usage, warn};

const SYNOPSIS: &str = "file {p | {c | b} major minor}";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let number = |text: &[u8]| posix::parse_number(text).filter(|&n| n <= 0xfff);
    let (path, kind, device) = match args.get(1..).unwrap_or(&[]) {
        [path, kind] if kind == b"p" => (path, Kind::Fifo, 0),
        [path, kind, major, minor] if kind == b"c" || kind == b"b" => {
            let (Some(major), Some(minor)) = (number(major), number(minor)) else {
                return usage(SYNOPSIS);
            };
            let kind = if kind == b"c" {
                Kind::CharDevice
            } else {
                Kind::BlockDevice
            };
            (
                path,
                kind,
                major << 8 | minor & 0xff | (minor & !0xff) << 12,
            )
        }
        _ => return usage(SYNOPSIS),
    };
    match fs::mknod(path, kind, 0o666, device) {
        Ok(()) => 0,
        Err(error) => {
            warn(path, error);
            1
        }
    }
}
