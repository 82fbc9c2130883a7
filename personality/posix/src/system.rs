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

/// How much of the machine is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Bytes of memory in all.
    pub memory: u64,
    /// Bytes that nothing uses.
    pub free: u64,
    /// Tasks.
    pub tasks: u64,
    /// Threads.
    pub threads: u64,
    /// Ports.
    pub ports: u64,
    /// Memory objects.
    pub objects: u64,
    /// What the caller's account may have and has, each of memory, kernel objects and rights.
    pub account: [(u64, u64); 3],
}

/// How much of the machine is in use.
pub fn usage() -> Result<Usage> {
    sys::system_usage()
}

/// Sets the time of day, in nanoseconds since 1970.
///
/// Errors: `EPERM` for whoever is not root.
pub fn set_time(nanoseconds: u64) -> Result<()> {
    sys::set_time(nanoseconds)
}

/// Ends the system, and starts it again if `restart`. Returns only if that fails.
///
/// Errors: `EPERM` for whoever is not root.
pub fn reboot(restart: bool) -> Result<()> {
    sys::reboot(restart)
}
