//! `stat [-L] file...`: what is known of files.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::fs::{self, Kind, S_IATRANS, S_IPTRANS, S_IROOT, Stat};
use posix::getopt::Options;
use posix::io::{Output, decimal, usage, warn};
use posix::time::{DateTime, Timespec};
use utils::mode;

const SYNOPSIS: &str = "[-L] [-c format] file...";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "Lc:");
    let (mut follow, mut format) = (false, None);
    for option in &mut options {
        match option {
            Ok(option) => match option.value {
                Some(text) => format = Some(text.to_vec()),
                None => follow = true,
            },
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    if options.operands().is_empty() {
        return usage(SYNOPSIS);
    }
    let mut out = Output::stdout();
    let mut status = 0;
    for path in options.operands() {
        match if follow {
            fs::stat(path)
        } else {
            fs::lstat(path)
        } {
            Ok(stat) => match &format {
                Some(format) => formatted(&mut out, path, &stat, format),
                None => full(&mut out, path, &stat),
            },
            Err(error) => {
                warn(path, error);
                status = 1;
            }
        }
    }
    out.finish(status)
}

fn kind(stat: &Stat) -> &'static [u8] {
    match stat.kind() {
        Kind::Fifo => b"fifo",
        Kind::CharDevice => b"character special file",
        Kind::Directory => b"directory",
        Kind::BlockDevice => b"block special file",
        Kind::Regular if stat.size == 0 => b"regular empty file",
        Kind::Regular => b"regular file",
        Kind::Symlink => b"symbolic link",
        Kind::Socket => b"socket",
        Kind::Unknown => b"unknown",
    }
}

fn octal(mode: u32) -> Vec<u8> {
    let digits: Vec<u8> = (0..4)
        .rev()
        .map(|place| b'0' + (mode >> (3 * place) & 7) as u8)
        .collect();
    let start = digits.iter().position(|&d| d != b'0').unwrap_or(3);
    digits[start..].to_vec()
}

fn padded(value: u64, width: usize) -> Vec<u8> {
    let mut digits = [0; 20];
    let digits = decimal(value, &mut digits);
    let mut text = alloc::vec![b'0'; width.saturating_sub(digits.len())];
    text.extend_from_slice(digits);
    text
}

fn time(out: &mut Output, time: Timespec) {
    let date = DateTime::from_seconds(time.sec);
    let fields: [(u64, usize, &[u8]); 7] = [
        (date.year.unsigned_abs(), 4, b"-"),
        (date.month.into(), 2, b"-"),
        (date.day.into(), 2, b" "),
        (date.hour.into(), 2, b":"),
        (date.minute.into(), 2, b":"),
        (date.second.into(), 2, b"."),
        (time.nsec.into(), 9, b" +0000\n"),
    ];
    for (value, width, separator) in fields {
        out.put(&padded(value, width));
        out.put(separator);
    }
}

fn full(out: &mut Output, path: &[u8], stat: &Stat) {
    out.put(b"  File: ");
    out.put(path);
    if let Some(target) = (stat.kind() == Kind::Symlink)
        .then(|| fs::readlink(path).ok())
        .flatten()
    {
        out.put(b" -> ");
        out.put(&target);
    }
    out.put(b"\n  Size: ");
    out.number(stat.size);
    out.put(b"  Blocks: ");
    out.number(stat.blocks);
    out.put(b"  IO Block: ");
    out.number(stat.blksize.into());
    out.put(b"  ");
    out.put(kind(stat));
    out.put(b"\nDevice: ");
    out.number(stat.fsid);
    out.put(b"  Inode: ");
    out.number(stat.ino);
    out.put(b"  Links: ");
    out.number(stat.nlink);
    out.put(b"\nAccess: (");
    let mode_digits = octal(stat.mode);
    for _ in mode_digits.len()..4 {
        out.byte(b'0');
    }
    out.put(&mode_digits);
    out.byte(b'/');
    out.put(&mode::show(stat.mode));
    out.put(b")  Uid: ");
    out.number(stat.uid.into());
    out.put(b"  Gid: ");
    out.number(stat.gid.into());
    out.put(b"  Author: ");
    out.number(stat.author.into());
    for (bit, text) in [
        (S_IPTRANS, &b"passive"[..]),
        (S_IATRANS, b"active"),
        (S_IROOT, b"root"),
    ] {
        if stat.mode & bit != 0 {
            out.put(b"  Translator: ");
            out.put(text);
        }
    }
    for (name, value) in [
        (&b"\nAccess: "[..], stat.atime),
        (b"Modify: ", stat.mtime),
        (b"Change: ", stat.ctime),
    ] {
        out.put(name);
        time(out, value);
    }
}

fn formatted(out: &mut Output, path: &[u8], stat: &Stat, format: &[u8]) {
    let mut bytes = format.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.byte(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.put(path),
            Some(b's') => out.number(stat.size),
            Some(b'b') => out.number(stat.blocks),
            Some(b'a') => out.put(&octal(stat.mode)),
            Some(b'A') => out.put(&mode::show(stat.mode)),
            Some(b'f') => {
                let digits = alloc::format!("{:x}", stat.mode & 0xffff);
                out.put(digits.as_bytes());
            }
            Some(b'F') => out.put(kind(stat)),
            Some(b'u') => out.number(stat.uid.into()),
            Some(b'g') => out.number(stat.gid.into()),
            Some(b'i') => out.number(stat.ino),
            Some(b'h') => out.number(stat.nlink),
            Some(b'd') => out.number(stat.fsid),
            Some(b't') => out.number(stat.major().into()),
            Some(b'T') => out.number(stat.minor().into()),
            Some(b'X') => out.number(stat.atime.sec as u64),
            Some(b'Y') => out.number(stat.mtime.sec as u64),
            Some(b'Z') => out.number(stat.ctime.sec as u64),
            Some(b'o') => out.number(stat.blksize.into()),
            Some(b'%') | None => out.byte(b'%'),
            Some(other) => out.put(&[b'%', other]),
        }
    }
    out.byte(b'\n');
}
