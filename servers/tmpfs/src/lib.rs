//! A file system in memory.
//!
//! Content, names and nodes are charged to a limit; what does not fit fails with `ENOSPC`.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod content;
mod directory;
mod space;
mod volume;

pub use content::{PAGE, SIZE_MAX};
pub use volume::{Node, Volume};
