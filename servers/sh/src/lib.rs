//! The shell.
//!
//! The language is that of POSIX, chapter "Shell Command Language". There is no
//! fork: a subshell runs inside the shell's process on a copy of its [`state`],
//! or, where it must run beside others, in another shell process that gets the
//! commands and the state as a script.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod arithmetic;
pub mod ast;
pub mod builtins;
pub mod expand;
pub mod jobs;
pub mod parser;
pub mod shell;
pub mod state;
pub mod streams;
pub mod unparse;
