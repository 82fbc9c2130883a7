//! `tee [-ai] [file...]`: copies its input to files and its output.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use posix::fs::{O_APPEND, O_CREAT, O_TRUNC, O_WRITE};
use posix::getopt::Options;
use posix::io::{File, Input, STDIN, STDOUT, warn};
use posix::signal::{self, Disposition, Signal};

const SYNOPSIS: &str = "[-ai] [file...]";

posix::main!(program);

fn program() -> i32 {
    let args = posix::env::args();
    let mut options = Options::new(&args, "ai");
    let mut flags = O_WRITE | O_CREAT | O_TRUNC;
    for option in &mut options {
        match option.map(|option| option.letter) {
            Ok(b'a') => flags = O_WRITE | O_CREAT | O_APPEND,
            Ok(_) => {
                if let Err(error) = signal::set(Signal::INT, Disposition::Ignore) {
                    warn(b"interrupt", error);
                }
            }
            Err(fault) => return fault.report(SYNOPSIS),
        }
    }
    let mut status = 0;
    let stdout = File::from_fd(STDOUT);
    let mut outputs: Vec<(&[u8], File)> = Vec::from([(&b"standard output"[..], stdout)]);
    for path in options.operands() {
        match File::open(path, flags, 0o666) {
            Ok(file) => outputs.push((path, file)),
            Err(error) => {
                warn(path, error);
                status = 1;
            }
        }
    }
    let mut input = Input::new(STDIN);
    loop {
        let piece = match input.fill() {
            Ok(piece) => piece,
            Err(error) => {
                warn(b"standard input", error);
                return 1;
            }
        };
        let count = piece.len();
        if count == 0 {
            return status;
        }
        outputs.retain(
            |(name, file)| match posix::fs::write_all(file.fd(), piece) {
                Ok(()) => true,
                Err(error) => {
                    warn(name, error);
                    status = 1;
                    false
                }
            },
        );
        input.consume(count);
    }
}
