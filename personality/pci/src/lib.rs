//! PCI configuration space (PCI Local Bus Specification 3.0, chapter 6): which functions there are,
//! where their registers lie, and how they interrupt. Pure logic over [`Configuration`].

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod mechanism;
mod message;
#[cfg(test)]
mod tests;
mod virtio;

use alloc::vec::Vec;

pub use mechanism::Mechanism;
pub use message::{Message, Table};
pub use virtio::Layout;

/// Where a function of a device is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The bus.
    pub bus: u8,
    /// The device on it, below 32.
    pub device: u8,
    /// The function of that, below 8.
    pub function: u8,
}

/// Access to configuration space.
pub trait Configuration {
    /// Reads the four bytes at a multiple of four: all ones where there is nothing.
    fn read(&self, place: Place, register: u8) -> u32;
    /// Writes them.
    fn write(&self, place: Place, register: u8, value: u32);
}

/// Registers of every function, in bytes.
const COMMAND: u8 = 0x04;
const CLASS: u8 = 0x08;
const HEADER: u8 = 0x0c;
const BARS: u8 = 0x10;
const BUSES: u8 = 0x18;
const CAPABILITIES: u8 = 0x34;

const COMMAND_PORTS: u32 = 1 << 0;
const COMMAND_MEMORY: u32 = 1 << 1;
const COMMAND_MASTER: u32 = 1 << 2;
const COMMAND_NO_LINE: u32 = 1 << 10;
const STATUS_CAPABILITIES: u32 = 1 << 20;
const HEADER_MANY: u32 = 1 << 23;
const HEADER_BRIDGE: u32 = 1;
/// Base address registers of a function that is no bridge.
const BAR_COUNT: u8 = 6;

/// Memory of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    /// Its physical address.
    pub address: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// A capability of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capability {
    /// What it is.
    pub id: u8,
    /// Where it lies in configuration space.
    pub register: u8,
}

/// A function of a device.
pub struct Function<'c, C> {
    configuration: &'c C,
    /// Where it is.
    pub place: Place,
    /// Who made it.
    pub vendor: u16,
    /// What its maker calls it.
    pub device: u16,
    /// Base class, subclass and interface, from the highest of three bytes down.
    pub class: u32,
}

/// All functions that are no bridges, on the first bus and behind its bridges.
pub fn functions<C: Configuration>(configuration: &C) -> Vec<Function<'_, C>> {
    let mut found = Vec::new();
    let (mut buses, mut next) = (alloc::vec![0u8], 0);
    while let Some(&bus) = buses.get(next) {
        next += 1;
        for device in 0..32 {
            let many = header(
                configuration,
                Place {
                    bus,
                    device,
                    function: 0,
                },
            );
            let count = match many {
                Some(header) if header & HEADER_MANY != 0 => 8,
                Some(_) => 1,
                None => 0,
            };
            for function in 0..count {
                let place = Place {
                    bus,
                    device,
                    function,
                };
                let Some(header) = header(configuration, place) else {
                    continue;
                };
                if header >> 16 & 0x7f == HEADER_BRIDGE {
                    let behind = (configuration.read(place, BUSES) >> 8) as u8;
                    if !buses.contains(&behind) {
                        buses.push(behind);
                    }
                    continue;
                }
                let identity = configuration.read(place, 0);
                found.push(Function {
                    configuration,
                    place,
                    vendor: identity as u16,
                    device: (identity >> 16) as u16,
                    class: configuration.read(place, CLASS) >> 8,
                });
            }
        }
    }
    found
}

/// The word with the kind of header, if there is a function.
fn header(configuration: &impl Configuration, place: Place) -> Option<u32> {
    (configuration.read(place, 0) as u16 != 0xffff).then(|| configuration.read(place, HEADER))
}

impl<C: Configuration> Function<'_, C> {
    fn read(&self, register: u8) -> u32 {
        self.configuration.read(self.place, register)
    }

    fn write(&self, register: u8, value: u32) {
        self.configuration.write(self.place, register, value);
    }

    /// Lets it answer at its addresses and access memory, and not use its interrupt line.
    pub fn enable(&self) {
        // What is written to the status in the upper half clears it.
        let command = self.read(COMMAND) & 0xffff;
        let wanted = COMMAND_PORTS | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_LINE;
        self.write(COMMAND, command | wanted);
    }

    /// The memory behind a base address register, if the firmware has placed it.
    pub fn memory(&self, bar: u8) -> Option<Memory> {
        if bar >= BAR_COUNT {
            return None;
        }
        let low = BARS + 4 * bar;
        let old = self.read(low);
        let is_wide = old & 7 == 4;
        if old & 1 != 0 || is_wide && bar + 1 == BAR_COUNT {
            return None;
        }
        let old_high = if is_wide { self.read(low + 4) } else { 0 };
        // It must not answer at the address that is written to learn the size.
        let command = self.read(COMMAND) & 0xffff;
        self.write(COMMAND, command & !(COMMAND_PORTS | COMMAND_MEMORY));
        self.write(low, !0);
        let mut mask = u64::from(self.read(low) & !0xf) | 0xffff_ffff_0000_0000;
        self.write(low, old);
        if is_wide {
            self.write(low + 4, !0);
            mask = mask & 0xffff_ffff | u64::from(self.read(low + 4)) << 32;
            self.write(low + 4, old_high);
        }
        self.write(COMMAND, command);
        let address = u64::from(old & !0xf) | u64::from(old_high) << 32;
        (address != 0 && mask as u32 != 0).then(|| Memory {
            address,
            bytes: (!mask).wrapping_add(1),
        })
    }

    /// What the function can do beyond the common.
    pub fn capabilities(&self) -> Vec<Capability> {
        let mut found = Vec::new();
        if self.read(COMMAND) & STATUS_CAPABILITIES == 0 {
            return found;
        }
        let mut register = self.read(CAPABILITIES) as u8 & !3;
        // There is no room for more; a list that goes round ends there.
        while register >= 0x40 && found.len() < 48 {
            let head = self.read(register);
            found.push(Capability {
                id: head as u8,
                register,
            });
            register = (head >> 8) as u8 & !3;
        }
        found
    }
}
