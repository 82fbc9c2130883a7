//! Driver for virtio disks behind memory-mapped registers, or behind PCI.
//!
//! One process drives all disks, since their registers may share pages. It has these registers, their
//! interrupts, and a right to memory for DMA, and no other privilege. The disks appear as files in
//! a directory.
//!
//! `unsafe` is in `dma` (memory shared with the device) and `disk` (requests that the device holds).
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

mod bus;
mod disk;
mod dma;
mod functions;
mod pci;

pub use disk::Disk;
pub use dma::set_right;
pub use functions::Functions;
