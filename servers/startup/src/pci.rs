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
    /// A word for each function.
    pub words: Vec<String>,
}

/// A kind of functions that a driver of disks drives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Virtio disks.
    Virtio,
    /// Controllers with disks behind them.
    Ahci,
}

impl Kind {
    /// All there are.
    pub const ALL: [Kind; 2] = [Kind::Virtio, Kind::Ahci];

    /// The driver's program.
    pub fn program(self) -> &'static str {
        match self {
            Kind::Virtio => "virtio-blk",
            Kind::Ahci => "ahci",
        }
    }

    /// The node that shows the driver's disks.
    pub fn node(self) -> &'static str {
        match self {
            Kind::Virtio => "dev/disk",
            Kind::Ahci => "dev/sata",
        }
    }

    fn is_of<C: Configuration>(self, function: &Function<'_, C>) -> bool {
        match self {
            Kind::Virtio => function.is_virtio_disk(),
            Kind::Ahci => function.class == AHCI,
        }
    }

    /// The base address register of a function's registers, and what the word for it says beside
    /// their place.
    fn registers<C: Configuration>(self, function: &Function<'_, C>) -> Option<(u8, String)> {
        match self {
            Kind::Virtio => {
                let Layout { bar, common, notify, multiplier, interrupts, device } =
                    function.virtio_layout()?;
                Some((bar, format!(":{common:#x}:{notify:#x}:{multiplier}:{interrupts:#x}:{device:#x}")))
            }
            Kind::Ahci => Some((AHCI_BAR, String::new())),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Virtio => "--function",
            Kind::Ahci => "--controller",
        }
    }
}

/// Class of AHCI controllers, and where their registers are (Serial ATA AHCI 1.3.1, 2.1).
const AHCI: u32 = 0x01_0601;
const AHCI_BAR: u8 = 5;

/// The functions of a kind on a bus, whose ports these are. The first descriptor of the driver for
/// them is `first`. What cannot be driven is told of and left out.
pub fn disks(host: &SendRight, bus: Device, kind: Kind, first: usize) -> Result<Disks> {
    let ports = mach::device_ports(host, bus.address as u16, bus.bytes as u16)?;
    let ports = Registers::new(&ports, 0, bus.bytes as usize)?;
    let configuration = Mechanism {
        read: |offset| ports.read32(offset),
        write: |offset, word| ports.write32(offset, word),
    };
    let mut disks = Disks::default();
    for function in pci::functions(&configuration) {
        if !kind.is_of(&function) {
            continue;
        }
        let number = first + disks.rights.len();
        match rights(host, &function, kind, number) {
            Ok((rights, word)) => {
                disks.rights.extend(rights);
                disks.words.push(word);
            }
            Err(error) => {
                let program = kind.program();
                mach::log(&format!("startup: {program} at {:?}: {error}", function.place));
            }
        }
    }
    Ok(disks)
}

/// The rights to a function's registers and to its interrupt, and the word for them.
fn rights<C: Configuration>(
    host: &SendRight,
    function: &Function<'_, C>,
    kind: Kind,
    number: usize,
) -> Result<([SendRight; 2], String)> {
    let (bar, more) = kind.registers(function).ok_or(Error::ENODEV)?;
    let memory = function.memory(bar).ok_or(Error::ENODEV)?;
    function.enable();
    let interrupt = interrupt(host, function)?;
    let (registers, offset) = pages(host, memory)?;
    let place = format!("{number}:{offset:#x}:{:#x}:{}", memory.bytes, number + 1);
    Ok(([registers, interrupt], format!("{}={place}{more}", kind.word())))
}

/// The pages of a function's memory, and where in them it begins.
fn pages(host: &SendRight, memory: Memory) -> Result<(SendRight, u64)> {
    let offset = memory.address % 4096;
    let bytes = (offset + memory.bytes).next_multiple_of(4096);
    let right = mach::device_memory(host, memory.address - offset, bytes)?;
    Ok((right, offset))
}

/// A right to the one interrupt of a function: the first message of its table, or the message that it
/// sends for everything.
fn interrupt<C: Configuration>(host: &SendRight, function: &Function<'_, C>) -> Result<SendRight> {
    let (interrupt, address, data) = mach::device_message(host)?;
    let message = Message { address, data };
    let Some(table) = function.message_table() else {
        return function.message_enable(message).then_some(interrupt).ok_or(Error::ENODEV);
    };
    let memory = function.memory(table.bar).ok_or(Error::ENODEV)?;
    let (right, offset) = pages(host, memory)?;
    let entry = Table::entry(message);
    let start = offset as usize + table.offset as usize;
    let registers = Registers::new(&right, start, size_of_val(&entry))?;
    for (at, word) in entry.into_iter().enumerate() {
        registers.write32(4 * at, word);
    }
    function.message_table_enable();
    Ok(interrupt)
}
