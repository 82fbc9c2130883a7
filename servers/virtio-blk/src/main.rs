//! The virtio disks' driver: `disks::Arguments` says with what it is started.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use disks::Arguments;
use machuser::mach::{self, Interrupt, Registers};
use machuser::{Error, Result, SendRight, env};
use virtio_blk::Disk;

machuser::program!(main);

/// Bytes of one device's registers, as the board lays them out.
const DEVICE: usize = 0x200;

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("virtio-blk: {error}"));
    }
}

fn descriptor(number: usize) -> Result<Arc<SendRight>> {
    env::fd(number).ok_or(Error::EBADF)
}

fn serve() -> Result<()> {
    let words = env::args();
    let arguments = Arguments::parse(words.get(1..).unwrap_or(&[])).ok_or(Error::EINVAL)?;
    let (memory, offset, bytes) = arguments.memory;
    let (first, interrupts) = arguments.interrupts;
    virtio_blk::set_right(descriptor(arguments.dma.ok_or(Error::EINVAL)?)?.try_clone()?);
    let registers = Registers::new(&*descriptor(memory)?, offset, bytes)?;
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
        disk.start(Interrupt::attach(&*descriptor(first + index)?)?)?;
        disks.push(disk);
    }
    disks::serve("virtio-blk", "vd", disks)
}
