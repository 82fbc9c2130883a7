//! The files that a utility reads: its operands, or standard input.

use alloc::vec::Vec;

use posix::Result;
use posix::fs::O_READ;
use posix::io::{self, File, Input, STDIN};

/// Calls `f` for each operand with the opened file and its name; once with standard input if there
/// are none. `-` is standard input. Errors are told, and make the exit status 1.
pub fn each(operands: &[Vec<u8>], mut f: impl FnMut(&mut Input, &[u8]) -> Result<()>) -> i32 {
    let stdin = [b"-".to_vec()];
    let mut status = 0;
    for name in if operands.is_empty() {
        &stdin
    } else {
        operands
    } {
        let result = if name == b"-" {
            f(&mut Input::new(STDIN), name)
        } else {
            File::open(name, O_READ, 0).and_then(|file| f(&mut Input::new(file.fd()), name))
        };
        if let Err(error) = result {
            io::warn(name, error);
            status = 1;
        }
    }
    status
}
