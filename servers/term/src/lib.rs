//! Terminals: the line discipline and the modes, apart from any server.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod discipline;
pub mod modes;
