//! Running a program of the file system, and waiting for it.

use alloc::vec::Vec;
use machuser::SendRight;

/// What to run.
pub struct Program<'a> {
    /// Its path from the root directory.
    pub path: &'a str,
    /// Its arguments.
    pub argv: &'a [Vec<u8>],
    /// Its root and working directory.
    pub root: &'a SendRight,
    /// Descriptors 0 to 2.
    pub descriptors: [&'a SendRight; 3],
    /// The terminal that it controls, if it does.
    pub terminal: Option<&'a SendRight>,
    /// What kind of terminal that is, as `TERM` says.
    pub kind: &'a str,
}

/// How a program ended: the wait status of the Hurd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status(pub i32);

impl Status {
    /// What a shell calls the status: the exit code, or 128 and the signal.
    pub fn exit_code(self) -> i32 {
        match self.0 & 0x7f {
            0 => self.0 >> 8 & 0xff,
            signal => 128 + signal,
        }
    }
}
