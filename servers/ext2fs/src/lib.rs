//! The ext2 file system, read only, over a store.
//!
//! A damaged image leads to errors (`EIO`), never to anything else.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod device;
mod volume;

pub use device::Device;
pub use volume::{Node, Volume};
