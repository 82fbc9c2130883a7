//! Disks on a PCI bus: made ready, and handed to their drivers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use machuser::mach::{self, Registers};
use machuser::{Error, Result, SendRight};
use pci::{Configuration, Function, Layout, Mechanism, Memory, Message, Table};
use startup_plan::Device;

/// What a driver of disks gets: rights, and how they are told by its command line.
#[derive(Default)]
pub struct Disks {
    /// For its descriptors, in order.
    pub rights: Vec<SendRight>,
    /// A word for each disk.
    pub words: Vec<String>,
}

/// The virtio disks of a bus, whose ports these are. The first descriptor of the driver for them is
/// `first`. What cannot be driven is told of and left out.
pub fn virtio_disks(host: &SendRight, bus: Device, first: usize) -> Result<Disks> {
    let ports = mach::device_ports(host, bus.address as u16, bus.bytes as u16)?;
    let ports = Registers::new(&ports, 0, bus.bytes as usize)?;
    let configuration = Mechanism {
        read: |offset| ports.read32(offset),
        write: |offset, word| ports.write32(offset, word),
    };
    let mut disks = Disks::default();
    for function in pci::functions(&configuration) {
        if !function.is_virtio_disk() {
            continue;
        }
        let number = first + disks.rights.len();
        match virtio_disk(host, &function, number) {
            Ok((rights, word)) => {
                disks.rights.extend(rights);
                disks.words.push(word);
            }
            Err(error) => {
                mach::log(&format!("startup: disk at {:?}: {error}", function.place));
            }
        }
    }
    Ok(disks)
}

/// The rights to a disk's registers and to its interrupt, and the word for them.
fn virtio_disk<C: Configuration>(
    host: &SendRight,
    function: &Function<'_, C>,
    number: usize,
) -> Result<([SendRight; 2], String)> {
    let layout = function.virtio_layout().ok_or(Error::ENODEV)?;
    let memory = function.memory(layout.bar).ok_or(Error::ENODEV)?;
    function.enable();
    let interrupt = interrupt(host, function)?;
    let (registers, offset) = pages(host, memory)?;
    let Layout { common, notify, multiplier, interrupts, device, .. } = layout;
    let word = format!(
        "--function={number}:{offset:#x}:{:#x}:{}:{common:#x}:{notify:#x}:{multiplier}:{interrupts:#x}:{device:#x}",
        memory.bytes,
        number + 1,
    );
    Ok(([registers, interrupt], word))
}

/// The pages of a function's memory, and where in them it begins.
fn pages(host: &SendRight, memory: Memory) -> Result<(SendRight, u64)> {
    let offset = memory.address % 4096;
    let bytes = (offset + memory.bytes).next_multiple_of(4096);
    let right = mach::device_memory(host, memory.address - offset, bytes)?;
    Ok((right, offset))
}

/// A right to the one interrupt of a function, which is the first message of its table.
fn interrupt<C: Configuration>(host: &SendRight, function: &Function<'_, C>) -> Result<SendRight> {
    let table = function.message_table().ok_or(Error::ENODEV)?;
    let memory = function.memory(table.bar).ok_or(Error::ENODEV)?;
    let (interrupt, address, data) = mach::device_message(host)?;
    let (right, offset) = pages(host, memory)?;
    let entry = Table::entry(Message { address, data });
    let start = offset as usize + table.offset as usize;
    let registers = Registers::new(&right, start, size_of_val(&entry))?;
    for (at, word) in entry.into_iter().enumerate() {
        registers.write32(4 * at, word);
    }
    function.message_table_enable();
    Ok(interrupt)
}
