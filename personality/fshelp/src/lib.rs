//! What file servers have in common: permissions, translators of a node, starting them, looking
//! names up.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod access;
pub mod exec;
pub mod lookup;
pub mod start;
mod steady;
pub mod transbox;

pub use iohelp::User;
pub use start::{HurdStarter, NoStarter, Program, Starter};
pub use steady::{Opener, Steady};
pub use transbox::{Entered, Starting, TransBox};
