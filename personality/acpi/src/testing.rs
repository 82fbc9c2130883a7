//! Machines for tests: tables in memory, and ports.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use crate::power::Hardware;
use crate::tables::Memory;

/// Where the root pointer is looked for.
pub const AREA: u64 = 0xe_0000;
pub const AREA_BYTES: usize = 0x200;

/// Pieces of memory by their addresses: the root pointer's first.
#[derive(Clone)]
pub struct Pieces(pub Vec<(u64, Vec<u8>)>);

/// What the tables say.
pub struct Machine {
    /// Whether the tables have what version 2 has.
    pub is_new: bool,
    pub fixed: [u8; 4],
    pub command: u32,
    pub control: u32,
    pub flags: u32,
    /// Space and address of the reset register.
    pub reset: (u8, u64),
    pub state: &'static [u8],
    pub more: &'static [u8],
}

impl Default for Machine {
    fn default() -> Machine {
        Machine {
            is_new: false,
            fixed: *b"FACP",
            command: 0xb2,
            control: 0x604,
            flags: 1 << 10,
            reset: (1, 0xcf9),
            state: b"\x10\x08_S5_\x12\x06\x02\x0a\x05\x0a\x06",
            more: b"\xa3",
        }
    }
}

const ROOT: u64 = 0x1000;
const LONG_ROOT: u64 = 0x2000;
const FIXED: u64 = 0x3000;
const DEFINITIONS: u64 = 0x4000;
const MORE: u64 = 0x5000;

/// Makes the sum of some bytes right by the one at `at`.
fn seal(bytes: &mut [u8], at: usize) {
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[at] = bytes[at].wrapping_sub(sum);
}

fn table(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut table = vec![0; 36];
    table[..4].copy_from_slice(&name);
    table.extend(body);
    let length = table.len() as u32;
    table[4..8].copy_from_slice(&length.to_le_bytes());
    seal(&mut table, 9);
    table
}

impl Machine {
    pub fn memory(&self) -> Pieces {
        let mut area = vec![0; AREA_BYTES];
        let pointer = &mut area[0x40..][..36];
        pointer[..8].copy_from_slice(b"RSD PTR ");
        pointer[15] = if self.is_new { 2 } else { 0 };
        pointer[16..20].copy_from_slice(&(ROOT as u32).to_le_bytes());
        seal(&mut pointer[..20], 8);
        if self.is_new {
            pointer[20] = 36;
            pointer[24..32].copy_from_slice(&LONG_ROOT.to_le_bytes());
            seal(pointer, 32);
        }
        let mut fixed = vec![0; if self.is_new { 244 - 36 } else { 116 - 36 }];
        let mut put =
            |at: usize, bytes: &[u8]| fixed[at - 36..][..bytes.len()].copy_from_slice(bytes);
        put(40, &(DEFINITIONS as u32).to_le_bytes());
        put(48, &self.command.to_le_bytes());
        put(52, &[0xf1]);
        put(56, &0x600u32.to_le_bytes());
        put(64, &self.control.to_le_bytes());
        put(68, &0xb04u32.to_le_bytes());
        put(112, &self.flags.to_le_bytes());
        if self.is_new {
            put(116, &[self.reset.0, 8, 0, 1]);
            put(120, &self.reset.1.to_le_bytes());
            put(128, &[6]);
            put(140, &DEFINITIONS.to_le_bytes());
            put(172, &[1, 16, 0, 2]);
            put(176, &u64::from(self.control).to_le_bytes());
        }
        let short: Vec<u8> = [FIXED, MORE]
            .iter()
            .flat_map(|at| (*at as u32).to_le_bytes())
            .collect();
        let mut pieces = vec![
            (AREA, area),
            (ROOT, table(*b"RSDT", &short)),
            (FIXED, table(self.fixed, &fixed)),
            (DEFINITIONS, table(*b"DSDT", self.state)),
            (MORE, table(*b"SSDT", self.more)),
        ];
        if self.is_new {
            let long: Vec<u8> = [FIXED, MORE]
                .iter()
                .flat_map(|at| at.to_le_bytes())
                .collect();
            pieces.push((LONG_ROOT, table(*b"XSDT", &long)));
        }
        Pieces(pieces)
    }
}

impl Pieces {
    /// Makes all sums right.
    pub fn seal(&mut self) {
        let [area, tables @ ..] = &mut self.0[..] else {
            return;
        };
        seal(&mut area.1[0x40..0x54], 8);
        seal(&mut area.1[0x40..0x64], 32);
        for (_, table) in tables {
            seal(table, 9);
        }
    }
}

impl Memory for Pieces {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        self.0.iter().any(|(start, bytes)| {
            let part = address
                .checked_sub(*start)
                .and_then(|at| bytes.get(at as usize..));
            let part = part.and_then(|part| part.get(..buffer.len()));
            part.is_some_and(|part| {
                buffer.copy_from_slice(part);
                true
            })
        })
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Word(u16, u16),
    Byte(u16, u8),
    Memory(u64, u8),
}

/// Ports, and a clock.
pub struct Ports(RefCell<State>);

struct State {
    values: Vec<(u16, u16)>,
    written: Vec<Written>,
    now: Duration,
    /// When ACPI is on.
    on: Option<Duration>,
}

impl Ports {
    pub fn new() -> Ports {
        Ports(RefCell::new(State {
            values: vec![(0x604, 1)],
            written: Vec::new(),
            now: Duration::ZERO,
            on: None,
        }))
    }

    pub fn set(&self, port: u16, value: u16) {
        self.0.borrow_mut().values.insert(0, (port, value));
    }

    /// ACPI is off, and on so long after it was switched on.
    pub fn on_after(&self, time: Duration) {
        self.set(0x604, 0);
        self.0.borrow_mut().on = Some(time);
    }

    pub fn written(&self) -> Vec<Written> {
        self.0.borrow().written.clone()
    }

    pub fn now(&self) -> Duration {
        self.0.borrow().now
    }
}

impl Hardware for Ports {
    fn read16(&self, port: u16) -> u16 {
        let state = self.0.borrow();
        let is_on = state.on.is_some_and(|on| state.now >= on) && port == 0x604;
        let asked = state.written.contains(&Written::Byte(0xb2, 0xf1));
        let value = state.values.iter().find(|(known, _)| *known == port);
        value.map_or(0, |(_, value)| *value) | u16::from(is_on && asked)
    }

    fn write16(&self, port: u16, value: u16) {
        self.set(port, value);
        self.0.borrow_mut().written.push(Written::Word(port, value));
    }

    fn write8(&self, port: u16, value: u8) {
        self.0.borrow_mut().written.push(Written::Byte(port, value));
    }

    fn write_memory(&self, address: u64, value: u8) {
        self.0
            .borrow_mut()
            .written
            .push(Written::Memory(address, value));
    }

    fn wait(&self, time: Duration) {
        self.0.borrow_mut().now += time;
    }
}
