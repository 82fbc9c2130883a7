//! What lies between the two ends of a pipe or socket, apart from any server.

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod queue;
