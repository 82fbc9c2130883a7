//! The program's arguments and environment.

use alloc::vec::Vec;

use crate::sys;

/// The arguments, the program's name first.
pub fn args() -> Vec<Vec<u8>> {
    sys::args()
}

/// The name by which the program was called, without directories.
pub fn program_name() -> Vec<u8> {
    args()
        .first()
        .map_or_else(Vec::new, |name| crate::basename(name).to_vec())
}

/// The path of the program's file, if it is known.
pub fn program_path() -> Option<Vec<u8>> {
    sys::program_path()
}

/// A variable of the environment.
pub fn var(name: &[u8]) -> Option<Vec<u8>> {
    vars().into_iter().find_map(|entry| {
        let value = entry.strip_prefix(name)?.strip_prefix(b"=")?;
        Some(value.to_vec())
    })
}

/// The environment: entries `NAME=value`.
pub fn vars() -> Vec<Vec<u8>> {
    sys::environment()
}
