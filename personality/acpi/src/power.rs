//! What switches the machine off and restarts it (4.8.3).

use core::time::Duration;

use crate::aml;
use crate::tables::{Failure, Memory, Tables, body, number32, number64};

const FIXED: [u8; 4] = *b"FACP";
const DEFINITIONS: [u8; 4] = *b"DSDT";
const MORE_DEFINITIONS: [u8; 4] = *b"SSDT";

/// Where the fixed table's fields are (5.2.9).
mod field {
    pub const DEFINITIONS: usize = 40;
    pub const COMMAND: usize = 48;
    pub const ENABLE: usize = 52;
    pub const EVENTS: usize = 56;
    pub const CONTROL: usize = 64;
    pub const FLAGS: usize = 112;
    pub const RESET: usize = 116;
    pub const RESET_VALUE: usize = 128;
    pub const DEFINITIONS_LONG: usize = 140;
    pub const EVENTS_LONG: usize = 148;
    pub const CONTROL_LONG: usize = 172;
}
const FLAG_RESET: u32 = 1 << 10;
const FLAG_REDUCED: u32 = 1 << 20;

/// Spaces of addresses, and the bytes of an address with its space.
const SPACE_MEMORY: u8 = 0;
const SPACE_PORTS: u8 = 1;
const LONG: usize = 12;

/// Of an event register: that it woke up.
const EVENT_WAKE: u16 = 1 << 15;
/// Of a control register: that ACPI is on, the state to go to, and to go there.
const CONTROL_ON: u16 = 1 << 0;
const CONTROL_STATE: u16 = 7 << 10;
const CONTROL_STATE_SHIFT: u32 = 10;
const CONTROL_GO: u16 = 1 << 13;

/// How long the firmware may take to switch ACPI on, and how often is looked.
const SWITCH_ON: Duration = Duration::from_secs(3);
const INTERVAL: Duration = Duration::from_millis(1);

/// Ports and whatever else is written to.
pub trait Hardware {
    /// Reads a port of 16 bits.
    fn read16(&self, port: u16) -> u16;
    /// Writes a port of 16 bits.
    fn write16(&self, port: u16, value: u16);
    /// Writes a port of 8 bits.
    fn write8(&self, port: u16, value: u8);
    /// Writes a byte of physical memory.
    fn write_memory(&self, address: u64, value: u8);
    /// Waits so long.
    fn wait(&self, time: Duration);
}

/// A byte that restarts the machine when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// To a port.
    Port(u16, u8),
    /// To memory.
    Memory(u64, u8),
}

/// How the machine is switched off and restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Power {
    /// Event registers, as ports.
    events: [Option<u16>; 2],
    /// Control registers, as ports, with the value of the state "off" for each.
    control: [Option<(u16, u8)>; 2],
    /// The write that makes the firmware switch ACPI on.
    enable: Option<(u16, u8)>,
    reset: Option<Reset>,
}

/// An address of 64 bits with its space (5.2.3.2).
fn long(table: &[u8], at: usize) -> Option<(u8, u64)> {
    let bytes = table.get(at..at + LONG)?;
    Some((bytes[0], number64(bytes, 4)?))
}

/// The ports of two registers, of which the second may be missing: as the long addresses say, or the
/// short ones. `None` for what is no port.
fn ports(table: &[u8], short: usize, long_at: usize) -> [Option<u16>; 2] {
    [0, 1].map(|index| {
        let address = match long(table, long_at + LONG * index) {
            Some((SPACE_PORTS, address)) if address != 0 => address,
            Some((_, address)) if address != 0 => return None,
            _ => number32(table, short + 4 * index)?.into(),
        };
        u16::try_from(address)
            .ok()
            .filter(|port| *port != 0 && *port < u16::MAX)
    })
}

fn reset(table: &[u8]) -> Option<Reset> {
    let flags = number32(table, field::FLAGS)?;
    let (space, address) = long(table, field::RESET).filter(|_| flags & FLAG_RESET != 0)?;
    let value = *table.get(field::RESET_VALUE)?;
    match space {
        SPACE_PORTS => u16::try_from(address)
            .ok()
            .map(|port| Reset::Port(port, value)),
        SPACE_MEMORY => (address != 0).then_some(Reset::Memory(address, value)),
        _ => None,
    }
}

impl Power {
    /// What the tables say to which a root pointer leads, somewhere in `bytes` bytes from `start`
    /// on.
    ///
    /// # Errors
    /// Why they do not say how to switch the machine off.
    pub fn find(memory: &impl Memory, start: u64, bytes: usize) -> Result<Power, Failure> {
        let tables = Tables::find(memory, start, bytes)?;
        let fixed = tables.named(FIXED).next().ok_or(Failure::Table(FIXED))??;
        if fixed.len() < field::FLAGS + 4 {
            return Err(Failure::Damaged(FIXED));
        }
        let number = |at| number32(&fixed, at).unwrap_or(0);
        let control = ports(&fixed, field::CONTROL, field::CONTROL_LONG);
        if number(field::FLAGS) & FLAG_REDUCED != 0 || control[0].is_none() {
            return Err(Failure::OtherRegisters);
        }
        let definitions = match number64(&fixed, field::DEFINITIONS_LONG) {
            Some(address) if address != 0 => address,
            _ => number(field::DEFINITIONS).into(),
        };
        let first = tables.at(definitions, DEFINITIONS);
        let first = [first].into_iter();
        let all = first.chain(tables.named(MORE_DEFINITIONS));
        let mut damaged = None;
        let mut state = None;
        for table in all {
            match table {
                Ok(table) => state = state.or_else(|| aml::off(body(&table))),
                Err(failure) => damaged = damaged.or(Some(failure)),
            }
        }
        let (first, second) = state.ok_or(damaged.unwrap_or(Failure::NoState))?;
        let command = u16::try_from(number(field::COMMAND))
            .ok()
            .filter(|port| *port != 0);
        let enable = fixed[field::ENABLE];
        Ok(Power {
            events: ports(&fixed, field::EVENTS, field::EVENTS_LONG),
            control: [
                control[0].map(|port| (port, first)),
                control[1].map(|port| (port, second)),
            ],
            enable: command.filter(|_| enable != 0).map(|port| (port, enable)),
            reset: reset(&fixed),
        })
    }

    /// Ports that it reads and writes: the first of each row, and how many they are.
    pub fn ports(&self) -> impl Iterator<Item = (u16, u16)> {
        let enable = self.enable.map(|(port, _)| (port, 1));
        let control = self
            .control
            .into_iter()
            .flatten()
            .map(|(port, _)| (port, 2));
        let events = self.events.into_iter().flatten().map(|port| (port, 2));
        let reset = match self.reset {
            Some(Reset::Port(port, _)) => Some((port, 1)),
            _ => None,
        };
        control.chain(events).chain(enable).chain(reset)
    }

    /// What restarts the machine, if the tables say it and it is a port or memory.
    pub fn reset(&self) -> Option<Reset> {
        self.reset
    }

    /// Switches the machine off. It returns if that cannot be, or takes a moment.
    pub fn off(&self, hardware: &impl Hardware) {
        let control = || self.control.into_iter().flatten();
        let is_on = || control().any(|(port, _)| hardware.read16(port) & CONTROL_ON != 0);
        if let Some((port, value)) = self.enable
            && !is_on()
        {
            hardware.write8(port, value);
            let mut waited = Duration::ZERO;
            while !is_on() && waited < SWITCH_ON {
                hardware.wait(INTERVAL);
                waited += INTERVAL;
            }
        }
        for port in self.events.into_iter().flatten() {
            // What is written to it clears it.
            hardware.write16(port, EVENT_WAKE);
        }
        for go in [0, CONTROL_GO] {
            for (port, state) in control() {
                let others = hardware.read16(port) & !(CONTROL_STATE | CONTROL_GO);
                let state = u16::from(state) << CONTROL_STATE_SHIFT;
                hardware.write16(port, others | state | go);
            }
        }
    }

    /// Restarts the machine. It returns if that cannot be, or takes a moment; answers whether the
    /// tables say how.
    pub fn restart(&self, hardware: &impl Hardware) -> bool {
        match self.reset {
            Some(Reset::Port(port, value)) => hardware.write8(port, value),
            Some(Reset::Memory(address, value)) => hardware.write_memory(address, value),
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{AREA, AREA_BYTES, Machine, Ports, Written};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn find(machine: &Machine) -> Result<Power, Failure> {
        Power::find(&machine.memory(), AREA, AREA_BYTES)
    }

    #[test]
    fn machines_old_and_new_are_switched_off() {
        for is_new in [false, true] {
            let machine = Machine {
                is_new,
                ..Machine::default()
            };
            let power = find(&machine).unwrap();
            let ports = Ports::new();
            ports.set(0x604, 0x0001);
            ports.set(0xb04, 0x0200 | CONTROL_STATE);
            power.off(&ports);
            assert_eq!(
                ports.written(),
                [
                    Written::Word(0x600, EVENT_WAKE),
                    Written::Word(0x604, 0x1401),
                    Written::Word(0xb04, 0x1a00),
                    Written::Word(0x604, 0x3401),
                    Written::Word(0xb04, 0x3a00),
                ]
            );
            let all: Vec<_> = power.ports().collect();
            let expected = [(0x604, 2), (0xb04, 2), (0x600, 2), (0xb2, 1), (0xcf9, 1)];
            assert_eq!(all, expected[..if is_new { 5 } else { 4 }]);
        }
    }

    #[test]
    fn acpi_is_switched_on_first_and_waited_for() {
        for (waits, expected) in [(0, 0), (50, 50), (u64::MAX, 3000)] {
            let power = find(&Machine::default()).unwrap();
            let ports = Ports::new();
            ports.on_after(Duration::from_millis(waits));
            power.off(&ports);
            assert_eq!(ports.written()[0], Written::Byte(0xb2, 0xf1));
            assert_eq!(ports.now(), Duration::from_millis(expected));
            assert!(
                ports
                    .written()
                    .contains(&Written::Word(0x604, 0x3400 | u16::from(expected < 3000)))
            );
        }
        // Where there is nothing to switch it on with, it is not waited for.
        let machine = Machine {
            command: 0,
            ..Machine::default()
        };
        let ports = Ports::new();
        find(&machine).unwrap().off(&ports);
        assert_eq!(ports.now(), Duration::ZERO);
        assert_eq!(ports.written()[0], Written::Word(0x600, EVENT_WAKE));
    }

    #[test]
    fn a_machine_is_restarted_as_its_tables_say() {
        for (space, address, expected) in [
            (SPACE_PORTS, 0xcf9, Some(Reset::Port(0xcf9, 6))),
            (
                SPACE_MEMORY,
                0xfed0_0000,
                Some(Reset::Memory(0xfed0_0000, 6)),
            ),
            (SPACE_PORTS, 0x1_0000, None),
            (SPACE_MEMORY, 0, None),
            (2, 0x001f_0003_00ac, None),
        ] {
            let machine = Machine {
                is_new: true,
                reset: (space, address),
                ..Machine::default()
            };
            let power = find(&machine).unwrap();
            assert_eq!(power.reset(), expected, "{space} {address:#x}");
            let ports = Ports::new();
            assert_eq!(power.restart(&ports), expected.is_some());
            assert_eq!(ports.written().len(), usize::from(expected.is_some()));
        }
        let machine = Machine {
            is_new: true,
            flags: 0,
            ..Machine::default()
        };
        assert_eq!(find(&machine).unwrap().reset(), None);
        assert_eq!(find(&Machine::default()).unwrap().reset(), None);
    }

    #[test]
    fn what_the_tables_do_not_say_is_told() {
        let failure = |machine| find(&machine).err();
        let usual = Machine::default;
        assert_eq!(
            failure(Machine {
                fixed: *b"FACX",
                ..usual()
            }),
            Some(Failure::Table(FIXED))
        );
        assert_eq!(
            failure(Machine {
                control: 0,
                ..usual()
            }),
            Some(Failure::OtherRegisters)
        );
        assert_eq!(
            failure(Machine {
                control: 0x1_0000,
                ..usual()
            }),
            Some(Failure::OtherRegisters)
        );
        let reduced = Machine {
            is_new: true,
            flags: FLAG_REDUCED,
            ..usual()
        };
        assert_eq!(failure(reduced), Some(Failure::OtherRegisters));
        let state = Machine {
            state: b"\x08_S4_\x12\x04\x02\0\0",
            ..usual()
        };
        assert_eq!(failure(state), Some(Failure::NoState));
        let mut memory = usual().memory();
        memory.0[0].1[0x40] = 0;
        assert_eq!(
            Power::find(&memory, AREA, AREA_BYTES),
            Err(Failure::NoPointer)
        );
        assert_eq!(Power::find(&memory, 0, 16), Err(Failure::NoPointer));
    }

    #[test]
    fn the_state_may_lie_in_a_later_table() {
        let machine = Machine {
            more: b"\x08_S5_\x12\x04\x02\x01\x00",
            state: b"",
            ..Machine::default()
        };
        let ports = Ports::new();
        find(&machine).unwrap().off(&ports);
        assert!(ports.written().contains(&Written::Word(0x604, 0x2401)));
    }

    #[test]
    fn tables_that_end_early_are_refused() {
        for is_new in [false, true] {
            let whole = Machine {
                is_new,
                ..Machine::default()
            }
            .memory();
            let good = Power::find(&whole, AREA, AREA_BYTES);
            // A machine with the longer list does not need the shorter one; nobody needs the last
            // table.
            let needed = if is_new { [0, 2, 3, 5] } else { [0, 1, 2, 3] };
            for piece in 0..whole.0.len() {
                for length in 0..whole.0[piece].1.len() {
                    let mut memory = whole.clone();
                    memory.0[piece].1.truncate(length);
                    let result = Power::find(&memory, AREA, AREA_BYTES);
                    assert!(result.is_err() || result == good, "{piece} {length}");
                    assert_eq!(result.is_err(), needed.contains(&piece), "{piece} {length}");
                }
            }
            for length in 0..AREA_BYTES {
                let result = Power::find(&whole, AREA, length);
                assert!(
                    result == Err(Failure::NoPointer) || result == good,
                    "{length}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn a_damaged_byte_is_found_or_changes_nothing(
            is_new: bool, piece in 0..6usize, at: proptest::sample::Index, bit in 0..8u32,
        ) {
            let machine = Machine { is_new, ..Machine::default() };
            let good = find(&machine).unwrap();
            let mut memory = machine.memory();
            let piece = piece % memory.0.len();
            let bytes = &mut memory.0[piece].1;
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(power) = Power::find(&memory, AREA, AREA_BYTES) {
                // The other table of tables leads there, too; or the table was not needed.
                prop_assert_eq!(power, good);
            }
        }

        #[test]
        fn tables_of_any_content_are_read(
            is_new: bool,
            changes in proptest::collection::vec(
                (0..6usize, any::<proptest::sample::Index>(), any::<u8>()), 0..40,
            ),
        ) {
            let mut memory = Machine { is_new, ..Machine::default() }.memory();
            for (piece, at, value) in changes {
                let piece = piece % memory.0.len();
                let bytes = &mut memory.0[piece].1;
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            memory.seal();
            if let Ok(power) = Power::find(&memory, AREA, AREA_BYTES) {
                power.off(&Ports::new());
                power.restart(&Ports::new());
                let ports: Vec<_> = power.ports().collect();
                prop_assert!(ports.iter().all(|(first, count)| first.checked_add(count - 1).is_some()));
            }
        }
    }
}
