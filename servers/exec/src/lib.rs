//! The exec server: reading files ([`program`]), remembering what was read ([`cache`]), filling a
//! task ([`start`]), and the requests ([`serve`]). Files, memory and tasks are behind traits, so
//! that the host can run all but the last.

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cache;
pub mod lookup;
pub mod program;
pub mod serve;
pub mod start;
#[cfg(test)]
mod testing;
