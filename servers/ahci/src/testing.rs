//! A controller with devices, for tests: it does what the specification says, and fails where it is
//! told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver::Bus;

use crate::hardware::{Hardware, Memory};
use crate::identity::tests::description;
use crate::port::{BYTES, FIRST, PAGES};

/// How a command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The device says so.
    Device,
    /// The line breaks down for a moment.
    Line,
    /// No answer.
    Silence,
    /// Fewer bytes than were asked for.
    Short,
    /// The device is pulled out.
    Pulled,
}

/// What is at a port.
#[derive(Clone, Debug, Default)]
pub struct Device {
    pub signature: u32,
    pub content: Vec<u8>,
    pub sector: usize,
    pub serial: u8,
    /// The next commands with these numbers fail.
    pub faults: Vec<(u8, Fault)>,
    pub flushed: usize,
    /// Whether it does not come out of a reset.
    pub is_stuck: bool,
}

#[derive(Default)]
struct Port {
    device: Option<Device>,
    pulled: Option<Device>,
    registers: [u32; BYTES / 4],
    resets: usize,
}

struct State {
    global: [u32; FIRST / 4],
    ports: Vec<Port>,
    memory: Vec<u8>,
    now: Duration,
    /// What the firmware does when it is asked for the controller: it keeps it, or is slow.
    hand_off: Option<Duration>,
    asked: Option<Duration>,
    resets: usize,
    commands: Vec<u8>,
}

/// The controller.
#[derive(Clone)]
pub struct Model(Arc<Mutex<State>>);

/// A part of the memory.
#[derive(Clone)]
pub struct Part(Model, usize);

/// Where the memory begins for the controller.
pub const BASE: u64 = 0x1_2345_0000;

const STATUS: usize = 0x10 / 4;
const ENABLED: usize = 0x14 / 4;
const CONTROL: usize = 0x18 / 4;
const TASK: usize = 0x20 / 4;
const SIGNATURE: usize = 0x24 / 4;
const LINE: usize = 0x28 / 4;
const LINE_CONTROL: usize = 0x2c / 4;
const ERRORS: usize = 0x30 / 4;
const ISSUED: usize = 0x38 / 4;

impl Device {
    pub fn disk(sectors: usize, sector: usize) -> Device {
        Device {
            signature: 0x101,
            content: (0..sectors * sector)
                .map(|at| (at / 512 + at) as u8)
                .collect(),
            sector,
            ..Device::default()
        }
    }
}

impl Model {
    /// With these devices at its ports.
    pub fn new(devices: Vec<Option<Device>>) -> Model {
        let mut global = [0; FIRST / 4];
        global[0] = 1 << 31;
        global[3] = (1 << devices.len()) - 1;
        let memory = vec![0; devices.len() * PAGES * 4096];
        let ports = devices.into_iter().map(|device| Port {
            device,
            ..Port::default()
        });
        let model = Model(Arc::new(Mutex::new(State {
            global,
            ports: ports.collect(),
            memory,
            now: Duration::ZERO,
            hand_off: None,
            asked: None,
            resets: 0,
            commands: Vec::new(),
        })));
        // The firmware has left its traces.
        model.with(|state| {
            for port in &mut state.ports {
                port.registers[CONTROL] = 0xc011;
            }
        });
        model
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    /// Changes a register behind the driver's back.
    pub fn set(&self, offset: usize, value: u32) {
        self.with(|state| state.global[offset / 4] = value);
    }

    /// The firmware has the controller, and needs so long to give it up.
    pub fn owned(&self, time: Duration) {
        self.with(|state| {
            state.global[0x24 / 4] = 1;
            state.global[0x28 / 4] = 1;
            state.hand_off = Some(time);
        });
    }

    pub fn memory(&self, port: usize) -> Part {
        Part(self.clone(), port * PAGES * 4096)
    }

    /// The device at a port, which may be changed.
    pub fn device<T>(&self, port: usize, f: impl FnOnce(&mut Device) -> T) -> T {
        self.with(|state| f(state.ports[port].device.as_mut().expect("a device")))
    }

    /// Puts a device into a port whose device was pulled out: the same, or another.
    pub fn plug(&self, port: usize, other: Option<Device>) {
        self.with(|state| {
            let port = &mut state.ports[port];
            port.device = other.or(port.pulled.take());
        });
    }

    /// How often the controller was reset, and a port.
    pub fn resets(&self, port: usize) -> (usize, usize) {
        self.with(|state| (state.resets, state.ports[port].resets))
    }

    /// The numbers of the commands that were carried out or failed.
    pub fn commands(&self) -> Vec<u8> {
        self.with(|state| state.commands.clone())
    }
}

impl State {
    fn bytes(&mut self, address: u64, length: usize) -> &mut [u8] {
        let at = address.checked_sub(BASE).expect("the driver's memory") as usize;
        &mut self.memory[at..at + length]
    }

    fn word(&mut self, address: u64) -> u64 {
        u64::from_le_bytes(self.bytes(address, 8).try_into().unwrap())
    }

    /// Sends what a device sends when it comes up and is listened to.
    fn greet(&mut self, number: usize) {
        let port = &mut self.ports[number];
        let Some(device) = &port.device else { return };
        if port.registers[CONTROL] & 0x10 != 0 && !device.is_stuck {
            port.registers[TASK] = 0x50;
            port.registers[SIGNATURE] = device.signature;
        }
    }

    fn reset_port(&mut self, number: usize) {
        let port = &mut self.ports[number];
        port.registers[TASK] = 0x7f;
        port.registers[SIGNATURE] = u32::MAX;
        port.registers[ISSUED] = 0;
        port.resets += 1;
        self.greet(number);
    }

    /// Carries out the command in the first place of a port's list.
    fn run(&mut self, number: usize) {
        let control = self.ports[number].registers[CONTROL];
        assert_eq!(control & 0xc011, 0xc011, "the port runs");
        assert_ne!(self.ports[number].registers[ENABLED], 0, "it interrupts");
        let list = self.ports[number].registers[0];
        let list = u64::from(list) | u64::from(self.ports[number].registers[1]) << 32;
        let head = self.word(list) as u32;
        let table = self.word(list + 8);
        assert_eq!(table % 128, 0);
        assert_eq!(list % 1024, 0);
        let fis: [u8; 20] = self.bytes(table, 20).try_into().unwrap();
        assert_eq!((head & 31, &fis[..2]), (5, &[0x27, 0x80][..]));
        let regions = head >> 16;
        let region = self.word(table + 0x80);
        let bytes = match regions {
            0 => 0,
            _ => (self.word(table + 0x88) >> 32) as usize + 1,
        };
        let lba = [fis[4], fis[5], fis[6], fis[8], fis[9], fis[10], 0, 0];
        let first = u64::from_le_bytes(lba) as usize;
        let count = usize::from(u16::from_le_bytes([fis[12], fis[13]]));
        self.commands.push(fis[2]);
        let port = &mut self.ports[number];
        let Some(device) = &mut port.device else {
            return;
        };
        let fault = device
            .faults
            .iter()
            .position(|(command, _)| *command == fis[2]);
        let fault = fault.map(|at| device.faults.remove(at).1);
        let sector = device.sector;
        let range = first * sector..(first + count) * sector;
        match fault {
            Some(Fault::Device) => return self.fail(number, 1 << 30, 0x4051),
            Some(Fault::Line) => return self.fail(number, 1 << 27, 0x50),
            Some(Fault::Silence) => return,
            Some(Fault::Pulled) => {
                port.pulled = port.device.take();
                port.registers[STATUS] |= 1 << 22;
                return;
            }
            Some(Fault::Short) | None => {}
        }
        let mut done = bytes;
        match fis[2] {
            0xec => {
                let words = description(
                    (device.content.len() / sector) as u64,
                    sector,
                    device.serial,
                );
                self.bytes(region, bytes).copy_from_slice(&words);
            }
            0x25 | 0x35 if range.end > device.content.len() => {
                return self.fail(number, 1 << 30, 0x1051);
            }
            0x25 => {
                assert_eq!((range.len(), head & 0x40), (bytes, 0));
                let data = device.content[range].to_vec();
                self.bytes(region, bytes).copy_from_slice(&data);
            }
            0x35 => {
                assert_eq!((range.len(), head & 0x40), (bytes, 0x40));
                let data = self.bytes(region, bytes).to_vec();
                let device = self.ports[number].device.as_mut().unwrap();
                device.content[range].copy_from_slice(&data);
            }
            0xea => device.flushed += 1,
            other => panic!("command {other:#x}"),
        }
        if fault == Some(Fault::Short) {
            done -= 2;
        }
        self.bytes(list + 4, 4)
            .copy_from_slice(&(done as u32).to_le_bytes());
        let port = &mut self.ports[number];
        port.registers[TASK] = 0x50;
        port.registers[ISSUED] = 0;
        port.registers[STATUS] |= 1;
    }

    /// Ends what the port does with an error: the command stays issued.
    fn fail(&mut self, number: usize, status: u32, task: u32) {
        let port = &mut self.ports[number];
        port.registers[TASK] = task;
        port.registers[STATUS] |= status;
    }
}

impl Bus for Model {
    fn read(&self, offset: usize) -> u32 {
        self.with(|state| {
            if offset < FIRST {
                if offset == 0x28
                    && let (Some(asked), Some(time)) = (state.asked, state.hand_off)
                {
                    let is_free = state.now >= asked + time;
                    let busy = if is_free { 0 } else { 1 << 4 };
                    return state.global[0x28 / 4] & !1 | u32::from(!is_free) | busy;
                }
                return state.global[offset / 4];
            }
            let port = &state.ports[(offset - FIRST) / BYTES];
            let at = (offset - FIRST) % BYTES / 4;
            match (at, &port.device) {
                (LINE, None) => 0,
                (LINE, Some(_)) if port.registers[LINE_CONTROL] & 15 == 1 => 1,
                // Its line needs power.
                (LINE, Some(_)) if port.registers[CONTROL] & 6 != 6 => 1,
                (LINE, Some(_)) => 0x123,
                _ => port.registers[at],
            }
        })
    }

    fn write(&self, offset: usize, value: u32) {
        self.with(|state| {
            if offset < FIRST {
                match offset {
                    0x04 if value & 1 != 0 => {
                        assert_eq!(value >> 31, 1);
                        state.resets += 1;
                        state.global[1] = 0;
                        for port in 0..state.ports.len() {
                            let [a, b, c, d, ..] = state.ports[port].registers;
                            state.ports[port].registers = [0; BYTES / 4];
                            state.ports[port].registers[..4].copy_from_slice(&[a, b, c, d]);
                            state.reset_port(port);
                            state.ports[port].resets -= 1;
                        }
                    }
                    0x08 => state.global[2] &= !value,
                    0x28 => {
                        state.global[0x28 / 4] |= value & 2;
                        state.asked.get_or_insert(state.now);
                    }
                    _ => state.global[offset / 4] = value,
                }
                return;
            }
            let number = (offset - FIRST) / BYTES;
            let at = (offset - FIRST) % BYTES / 4;
            let port = &mut state.ports[number];
            match at {
                STATUS | ERRORS => port.registers[at] &= !value,
                CONTROL => {
                    let receives = (value >> 4 & 1) << 14;
                    let runs = (value & 1) << 15;
                    port.registers[at] = value & 0x3fff | receives | runs;
                    if runs == 0 {
                        port.registers[ISSUED] = 0;
                    }
                    if port.registers[TASK] == 0x7f {
                        state.greet(number);
                    }
                }
                LINE_CONTROL => {
                    let was = port.registers[at] & 15;
                    port.registers[at] = value;
                    if was == 1 && value & 15 == 0 {
                        state.reset_port(number);
                    }
                }
                ISSUED => {
                    assert_eq!((port.registers[ISSUED], value), (0, 1));
                    port.registers[ISSUED] = value;
                    state.run(number);
                }
                TASK | SIGNATURE | LINE => panic!("the register can only be read"),
                _ => port.registers[at] = value,
            }
        });
    }
}

impl Hardware for Model {
    fn now(&self) -> Duration {
        self.with(|state| state.now)
    }

    fn events(&self, port: usize, most: Duration) -> u32 {
        self.with(|state| {
            let events = state.ports[port].registers[STATUS];
            if events == 0 {
                state.now += most;
            }
            state.ports[port].registers[STATUS] = 0;
            events
        })
    }
}

impl Memory for Part {
    fn physical(&self) -> u64 {
        BASE + self.1 as u64
    }

    fn read(&self, offset: usize, buffer: &mut [u8]) {
        let at = self.1 + offset;
        let length = buffer.len();
        self.0
            .with(|state| buffer.copy_from_slice(&state.memory[at..at + length]));
    }

    fn write(&self, offset: usize, data: &[u8]) {
        let at = self.1 + offset;
        self.0
            .with(|state| state.memory[at..at + data.len()].copy_from_slice(data));
    }
}
