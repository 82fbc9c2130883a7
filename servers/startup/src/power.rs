//! Switching the machine off and restarting it as ACPI's tables say.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::time::Duration;

use acpi::{Power, Reset};
use machuser::mach::{self, Mapping, Registers};
use machuser::{Result, SendRight, thread};
use startup_plan::Device;

/// How long the machine may take to do it.
const PATIENCE: Duration = Duration::from_secs(2);
const PAGE: u64 = 4096;

/// Memory that is no RAM of the system.
struct Memory<'h>(&'h SendRight);

impl Memory<'_> {
    fn map(&self, address: u64, bytes: usize) -> Result<(Mapping, usize)> {
        let offset = address % PAGE;
        let bytes = (offset + bytes as u64).next_multiple_of(PAGE);
        let pages = mach::device_memory(self.0, address - offset, bytes)?;
        Ok((Mapping::new(&pages, 0, bytes, false)?, offset as usize))
    }
}

impl acpi::Memory for Memory<'_> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        self.map(address, buffer.len())
            .is_ok_and(|(mapping, offset)| {
                buffer.copy_from_slice(&mapping.as_slice()[offset..][..buffer.len()]);
                true
            })
    }
}

/// Registers by the first of their ports, and a byte in memory.
struct Hardware {
    ports: BTreeMap<u16, Registers>,
    memory: Option<Registers>,
}

impl Hardware {
    fn new(host: &SendRight, power: &Power) -> Result<Hardware> {
        let mut ports = BTreeMap::new();
        for (first, count) in power.ports() {
            let right = mach::device_ports(host, first, count)?;
            ports.insert(first, Registers::new(&right, 0, count.into())?);
        }
        let memory = match power.reset() {
            Some(Reset::Memory(address, _)) => {
                let offset = address % PAGE;
                let page = mach::device_memory(host, address - offset, PAGE)?;
                Some(Registers::new(&page, offset as usize, 1)?)
            }
            _ => None,
        };
        Ok(Hardware { ports, memory })
    }
}

impl acpi::Hardware for Hardware {
    fn read16(&self, port: u16) -> u16 {
        self.ports
            .get(&port)
            .map_or(0, |registers| registers.read16(0))
    }

    fn write16(&self, port: u16, value: u16) {
        if let Some(registers) = self.ports.get(&port) {
            registers.write16(0, value);
        }
    }

    fn write8(&self, port: u16, value: u8) {
        if let Some(registers) = self.ports.get(&port) {
            registers.write8(0, value);
        }
    }

    fn write_memory(&self, _: u64, value: u8) {
        if let Some(registers) = &self.memory {
            registers.write8(0, value);
        }
    }

    fn wait(&self, time: Duration) {
        thread::sleep(time);
    }
}

/// Switches the machine off or restarts it, as the tables say that `pointer`, a range of memory,
/// leads to. It returns if they do not say how to restart it.
///
/// # Errors
/// What went wrong, for a person.
pub fn end(host: &SendRight, pointer: Device, restart: bool) -> core::result::Result<(), String> {
    let power = Power::find(&Memory(host), pointer.address, pointer.bytes as usize);
    let power = power.map_err(|failure| failure.to_string())?;
    let hardware = Hardware::new(host, &power).map_err(|error| error.to_string())?;
    if !restart {
        power.off(&hardware);
    } else if !power.restart(&hardware) {
        return Ok(());
    }
    thread::sleep(PATIENCE);
    Err("the machine does not do it".to_string())
}
