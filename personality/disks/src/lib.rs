//! What the servers of disks share: a driver brings a [`Disk`] for each, and [`serve`] exports them
//! and their partitions as files of a directory.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod disk;
mod sectors;
mod volume;

use alloc::sync::Arc;
use alloc::vec::Vec;

use diskfs::FileServer;
use machuser::Result;

pub use disk::Disk;
pub use sectors::{MOST, SECTOR, Sectors, Whole};
pub use volume::Volume;

/// Serves these disks as `prefix` with their numbers, from 0, for ever. `server` is the server's
/// name.
pub fn serve(server: &'static str, prefix: &str, disks: Vec<Arc<dyn Disk>>) -> Result<()> {
    let server = FileServer::new(Volume::new(server, prefix, disks))?;
    server.start()?;
    server.startup(0)?;
    server.wait();
    Ok(())
}
