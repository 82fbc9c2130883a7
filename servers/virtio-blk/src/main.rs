//! The virtio disks' driver: `driver::Arguments` says with what it is started.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use driver::Arguments;
use machuser::mach;
use machuser::{Error, Result};
use virtio_blk::Disk;

machuser::program!(main);

/// Bytes of one device's registers, as the board lays them out.
const DEVICE: usize = 0x200;

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("virtio-blk: {error}"));
    }
}

fn serve() -> Result<()> {
    let arguments = Arguments::of_program()?;
    let (_, _, bytes) = arguments.memory;
    let (_, interrupts) = arguments.interrupts;
    virtio_blk::set_right(arguments.dma()?);
    let registers = arguments.registers()?;
    let mut disks: Vec<Arc<dyn disks::Disk>> = Vec::new();
    // The machine gives its first disk the device with the highest address.
    for index in (0..interrupts.min(bytes / DEVICE)).rev() {
        let disk = match Disk::new(&registers, index * DEVICE, DEVICE) {
            Ok(disk) => Arc::new(disk),
            Err(Error::ENXIO) => continue,
            Err(error) => {
                mach::log(&format!("virtio-blk: device {index}: {error}"));
                continue;
            }
        };
        disk.start(arguments.interrupt(index)?)?;
        disks.push(disk);
    }
    disks::serve("virtio-blk", "vd", disks)
}
