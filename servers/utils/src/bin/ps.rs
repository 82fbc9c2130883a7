//! `ps [-Aaef] [-p pid...]`: lists processes.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use posix::getopt::Options;
use posix::io::{Output, complain, warn};
use posix::process::{self, ProcessInfo};
use posix::users;

const SYNOPSIS: &str = "[-Aaef] [-p pid]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "Aaefp:");
    let (mut all, mut full, mut single) = (false, false, None);
    for option in &mut options {
        match option {
            Err(fault) => return fault.report(SYNOPSIS),
            Ok(option) => match (option.letter, option.value) {
                (b'f', _) => full = true,
                (_, Some(text)) => match posix::parse_number(text) {
                    Some(number) => single = Some(number),
                    None => {
                        complain(&[text, b": bad process id"]);
                        return 1;
                    }
                },
                _ => all = true,
            },
        }
    }
    let list = match process::list() {
        Ok(list) => list,
        Err(error) => {
            warn(b"processes", error);
            return 1;
        }
    };
    let own = process::id();
    let session = list.iter().find(|p| p.pid == own).map(|p| p.session);
    let mut out = Output::stdout();
    out.put(if full {
        b"USER       PID  PPID  PGRP   SID S  THR     SIZE     TIME COMMAND\n"
    } else {
        b"  PID  PPID S     TIME COMMAND\n"
    });
    let names = if full {
        users::users()
    } else {
        alloc::vec::Vec::new()
    };
    let mut found = false;
    for process in &list {
        let wanted = match single {
            Some(pid) => process.pid as u64 == pid,
            None => all || Some(process.session) == session,
        };
        if wanted {
            found = true;
            show(&mut out, process, full.then_some(names.as_slice()));
        }
    }
    out.finish(i32::from(!found))
}

fn show(out: &mut Output, process: &ProcessInfo, names: Option<&[users::User]>) {
    let id = |out: &mut Output, pid: posix::Pid, width| {
        out.padded(u64::from(pid.unsigned_abs()), width);
    };
    match names {
        Some(names) => {
            let known = names.iter().find(|user| Some(user.uid) == process.owner);
            let mut digits = [0; 20];
            let name: &[u8] = match (known, process.owner) {
                (Some(user), _) => &user.name,
                (None, Some(uid)) => posix::io::decimal(uid.into(), &mut digits),
                // Nobody's process: it has no user id at all.
                (None, None) => b"-",
            };
            out.put(name);
            out.spaces(8usize.saturating_sub(name.len()));
            for pid in [process.pid, process.ppid, process.group, process.session] {
                id(out, pid, 6);
            }
            out.put(&[b' ', process.state, b' ']);
            out.padded(process.threads.into(), 4);
            out.padded(process.virtual_size / 1024, 8);
            out.byte(b'K');
        }
        None => {
            id(out, process.pid, 5);
            id(out, process.ppid, 6);
            out.put(&[b' ', process.state]);
        }
    }
    let hundredths = process.cpu_time / 10_000;
    out.padded(hundredths / 6000, 3);
    out.byte(b':');
    for (value, separator) in [(hundredths / 100 % 60, b'.'), (hundredths % 100, b' ')] {
        out.put(&[
            b'0' + (value / 10) as u8,
            b'0' + (value % 10) as u8,
            separator,
        ]);
    }
    if !process.args.is_empty() {
        out.put(&process.args.join(&b' '));
    } else if !process.file.is_empty() {
        // Another user's, or one that came before there was anybody to note its arguments.
        out.put(&[b"[", &process.file[..], b"]"].concat());
    } else {
        out.byte(b'-');
    }
    out.byte(b'\n');
}
