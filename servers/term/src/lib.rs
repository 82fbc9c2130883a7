//! Terminals: the line discipline and the modes as pure state machines, and the node ([`serve`]).

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod discipline;
pub mod modes;
pub mod serve;
