//! What the system is.

use alloc::vec::Vec;

use crate::{Result, sys};

/// What `uname` tells.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Uname {
    /// The name of the system.
    pub sysname: Vec<u8>,
    /// The name of the machine on its network.
    pub nodename: Vec<u8>,
    /// The release.
    pub release: Vec<u8>,
    /// The version.
    pub version: Vec<u8>,
    /// The kind of machine.
    pub machine: Vec<u8>,
}

/// The system's names.
pub fn uname() -> Result<Uname> {
    sys::uname()
}
