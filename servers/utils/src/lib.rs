//! What several utilities, or the shell and a utility, have in common.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod copy;
pub mod echo;
pub mod inputs;
pub mod json;
pub mod kill;
pub mod mode;
pub mod pattern;
pub mod printf;
pub mod regex;
pub mod test;
pub mod tree;
