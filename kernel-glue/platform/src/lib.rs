//! What the root task must know of the board before any driver runs: `platforms/NAME/board.rs` of
//! the board that the kernel was built for.
#![no_std]

include!(concat!(env!("OUT_DIR"), "/board.rs"));

pub mod tree;

pub use board::*;
