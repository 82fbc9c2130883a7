//! What the system is told when it starts: the words of its command line ([`Arguments`]), and
//! the devices of the machine ([`Machine`]).

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod arguments;
mod machine;
pub mod mc146818;

pub use arguments::Arguments;
pub use machine::{Device, Driven, Machine, Mode, Pin, Screen};
