//! SATA disks behind AHCI controllers, apart from any server: what the driver is started with
//! ([`Controllers`]), the controller ([`Controller`]), and a disk at one of its ports ([`Disk`]).
//!
//! Sources: Serial ATA AHCI 1.3.1, and for commands and their answers ATA/ATAPI Command Set - 3
//! (ACS-3).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod arguments;
mod command;
mod controller;
mod disk;
mod hardware;
mod identity;
mod port;
#[cfg(test)]
mod testing;

pub use arguments::{Controllers, Function};
pub use controller::{Controller, interrupted};
pub use disk::Disk;
pub use hardware::{Failure, Hardware, Memory};
pub use port::{PAGES, Port};
