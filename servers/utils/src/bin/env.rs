//! `env [-i] [-u name] [name=value...] [program [argument...]]`: the environment of a program.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::Errno;
use posix::getopt::Options;
use posix::io::{Output, warn};
use posix::process::Command;

const SYNOPSIS: &str = "[-i] [-u name] [name=value...] [program [argument...]]";

posix::main!(program);

fn is_named(entry: &[u8], name: &[u8]) -> bool {
    entry
        .strip_prefix(name)
        .is_some_and(|rest| rest.first() == Some(&b'='))
}

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "iu:");
    let mut environment = posix::env::vars();
    for option in &mut options {
        match option {
            Err(fault) => return fault.report(SYNOPSIS),
            Ok(option) => match option.value {
                None => environment.clear(),
                Some(name) => environment.retain(|entry| !is_named(entry, name)),
            },
        }
    }
    let mut rest = options.operands();
    while let [entry, tail @ ..] = rest {
        let Some(equals) = entry.iter().position(|&b| b == b'=') else {
            break;
        };
        environment.retain(|old| !is_named(old, &entry[..equals]));
        environment.push(entry.clone());
        rest = tail;
    }
    let Some(name) = rest.first() else {
        let mut out = Output::stdout();
        for entry in environment {
            out.put(&entry);
            out.byte(b'\n');
        }
        return out.finish(0);
    };
    let path = environment
        .iter()
        .find_map(|entry| entry.strip_prefix(b"PATH="));
    let path = path.unwrap_or(b"/bin").to_vec();
    let files: Vec<Vec<u8>> = if name.contains(&b'/') {
        Vec::from([name.clone()])
    } else {
        path.split(|&b| b == b':')
            .map(|directory| posix::join(directory, name))
            .collect()
    };
    let mut problem = Errno::ENOENT;
    for file in files {
        let mut command = Command::new(&file, rest.to_vec());
        command.env(environment.clone());
        match command.exec() {
            Errno::ENOENT | Errno::ENOTDIR => {}
            error => problem = error,
        }
    }
    warn(name, problem);
    if problem == Errno::ENOENT { 127 } else { 126 }
}
