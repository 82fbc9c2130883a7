//! The password server: identities for passwords.
//!
//! [`Password`] is the node; [`accounts`] reads who there is, [`crypt`] compares passwords, and
//! [`Limiter`] makes guessing slow.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod accounts;
pub mod crypt;
mod limiter;
mod serve;

pub use limiter::{Limiter, Turn};
pub use serve::{Password, RootFiles};
