//! The virtio disks' driver: `driver::Arguments` or [`Functions`] says with what it is
//! started.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use driver::{Arguments, descriptor};
use machuser::mach::{self, Interrupt, Registers};
use machuser::{Error, Result, env};
use virtio_blk::{Disk, Functions};

machuser::program!(main);

/// Bytes of one device's registers, as the board lays them out.
const DEVICE: usize = 0x200;

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("virtio-blk: {error}"));
    }
}

fn serve() -> Result<()> {
    let words = env::args();
    let disks = match Functions::parse(words.get(1..).unwrap_or(&[])) {
        Some(functions) => behind_pci(&functions)?,
        None => in_a_row(&Arguments::of_program()?)?,
    };
    disks::serve("virtio-blk", "vd", disks)
}

/// The disks among devices whose registers follow one another.
fn in_a_row(arguments: &Arguments) -> Result<Vec<Arc<dyn disks::Disk>>> {
    let (_, _, bytes) = arguments.memory;
    let (_, interrupts) = arguments.interrupts;
    virtio_blk::set_right(arguments.dma()?);
    let registers = arguments.registers()?;
    let mut disks = Vec::new();
    // The machine gives its first disk the device with the highest address.
    for index in (0..interrupts.min(bytes / DEVICE)).rev() {
        let disk = Disk::new(&registers, index * DEVICE, DEVICE);
        add(&mut disks, disk, index, || arguments.interrupt(index))?;
    }
    Ok(disks)
}

/// The disks behind PCI.
fn behind_pci(functions: &Functions) -> Result<Vec<Arc<dyn disks::Disk>>> {
    virtio_blk::set_right(descriptor(functions.dma)?.try_clone()?);
    let mut disks = Vec::new();
    for (index, function) in functions.disks.iter().enumerate() {
        let (memory, offset, bytes) = function.memory;
        let registers = Registers::new(&*descriptor(memory)?, offset, bytes)?;
        let disk = Disk::on_pci(registers, function.layout);
        let interrupt = || Interrupt::attach(&*descriptor(function.interrupt)?);
        add(&mut disks, disk, index, interrupt)?;
    }
    Ok(disks)
}

/// Adds a disk, if there is one, and serves its interrupts.
fn add(
    disks: &mut Vec<Arc<dyn disks::Disk>>,
    disk: Result<Disk>,
    index: usize,
    interrupt: impl FnOnce() -> Result<Interrupt>,
) -> Result<()> {
    match disk {
        Ok(disk) => {
            let disk = Arc::new(disk);
            disk.start(interrupt()?)?;
            disks.push(disk);
        }
        Err(Error::ENXIO) => {}
        Err(error) => mach::log(&format!("virtio-blk: device {index}: {error}")),
    }
    Ok(())
}
