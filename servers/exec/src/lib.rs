//! Loading programs, apart from any server: reading files ([`program`]), remembering what was
//! read ([`cache`]), and filling a task ([`start`]). Files, memory and tasks are behind
//! traits, so that the host can run all of it.

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod cache;
pub mod program;
pub mod start;
#[cfg(test)]
mod testing;
