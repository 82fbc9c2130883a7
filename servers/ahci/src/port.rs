//! A port (AHCI 3.3): the line to a device, and one command at a time.

use alloc::sync::Arc;
use core::time::Duration;

use disks::MOST;
use driver::Bus;

use crate::command::{self, Command, HEADER_BYTES, REGIONS};
use crate::hardware::{Failure, Hardware, Memory};

/// Where the first port's registers are, and how many bytes each has.
pub const FIRST: usize = 0x100;
pub const BYTES: usize = 0x80;

const LIST: usize = 0x00;
const RECEIVED: usize = 0x08;
pub const STATUS: usize = 0x10;
const ENABLED: usize = 0x14;
const CONTROL: usize = 0x18;
const TASK: usize = 0x20;
const SIGNATURE: usize = 0x24;
const LINE: usize = 0x28;
const LINE_CONTROL: usize = 0x2c;
pub const ERRORS: usize = 0x30;
const ISSUED: usize = 0x38;

/// What a port interrupts for: answers, with and without data, and that the line or the device
/// changed.
const STATUS_ANSWERS: u32 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 5;
pub const STATUS_CHANGES: u32 = 1 << 6 | 1 << 22;
/// What it also interrupts for: overflow, errors of the line and of the machine's bus, and an error
/// that the device tells of.
const STATUS_FAILURES: u32 = 1 << 24 | 1 << 27 | 1 << 28 | 1 << 29 | STATUS_TASK;
const STATUS_TASK: u32 = 1 << 30;
/// Errors that say that the line or the device changed.
pub const ERRORS_CHANGES: u32 = 1 << 16 | 1 << 26;

const CONTROL_START: u32 = 1 << 0;
const CONTROL_SPIN_UP: u32 = 1 << 1;
const CONTROL_POWER: u32 = 1 << 2;
const CONTROL_RECEIVE: u32 = 1 << 4;
const CONTROL_RECEIVES: u32 = 1 << 14;
const CONTROL_RUNS: u32 = 1 << 15;
const CONTROL_ACTIVE: u32 = 1 << 28;
const CONTROL_STATE: u32 = 15 << 28;

/// Of the device's status: it failed, it wants data, it could not, it is busy.
const TASK_ERROR: u32 = 1 << 0;
const TASK_DATA: u32 = 1 << 3;
const TASK_FAULT: u32 = 1 << 5;
const TASK_BUSY: u32 = 1 << 7;

const LINE_STATE: u32 = 15;
const LINE_SIGN: u32 = 1;
const LINE_UP: u32 = 3;
const LINE_RESET: u32 = 1;

/// The signature of a disk.
const DISK: u32 = 0x0000_0101;

/// How long a port may take to stop (10.1.2).
const STOP: Duration = Duration::from_millis(500);
/// How long the line is held to reset the device (10.4.2), and may take to come up.
const HOLD: Duration = Duration::from_millis(2);
const COME_UP: Duration = Duration::from_secs(1);
/// How long a disk may take until it turns, and to carry out a command.
const SPIN_UP: Duration = Duration::from_secs(30);
const COMMAND: Duration = Duration::from_secs(30);
/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(1);

/// Where the parts of a port's memory are: the list of commands, what the device sends beside data,
/// the command, and data.
const RECEIVED_AT: usize = 0x400;
const TABLE_AT: usize = 0x500;
pub const DATA_AT: usize = 0x1000;
/// Pages of a port's memory.
pub const PAGES: usize = 1 + MOST / 4096;
const _: () = assert!(MOST <= command::REGION_MOST);

/// Where a register of a port is.
pub fn register(port: usize, register: usize) -> usize {
    FIRST + port * BYTES + register
}

fn line(registers: &impl Bus, port: usize) -> u32 {
    registers.read(register(port, LINE)) & LINE_STATE
}

/// Whether the line to a device is up.
pub fn is_up(registers: &impl Bus, port: usize) -> bool {
    line(registers, port) == LINE_UP
}

/// Whether a device has given a sign, though its line may not be up yet.
pub fn has_sign(registers: &impl Bus, port: usize) -> bool {
    matches!(line(registers, port), LINE_SIGN | LINE_UP)
}

/// Gives the device power, and starts its line.
pub fn power(registers: &impl Bus, port: usize) {
    let control = register(port, CONTROL);
    let others = registers.read(control) & !CONTROL_STATE;
    registers.write(
        control,
        others | CONTROL_SPIN_UP | CONTROL_POWER | CONTROL_ACTIVE,
    );
}

/// A port with a device.
#[derive(Debug)]
pub struct Port<H, M> {
    hardware: Arc<H>,
    number: usize,
    memory: M,
}

impl<H: Hardware, M: Memory> Port<H, M> {
    /// The port with this number, and its memory, [`PAGES`] of zeroes.
    pub fn new(hardware: Arc<H>, number: usize, memory: M) -> Port<H, M> {
        Port {
            hardware,
            number,
            memory,
        }
    }

    /// Its number.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Its memory: data lies from [`DATA_AT`] on.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    fn read(&self, at: usize) -> u32 {
        self.hardware.read(register(self.number, at))
    }

    fn write(&self, at: usize, value: u32) {
        self.hardware.write(register(self.number, at), value);
    }

    fn write64(&self, at: usize, value: u64) {
        self.write(at, value as u32);
        self.write(at + 4, (value >> 32) as u32);
    }

    fn control(&self, clear: u32, set: u32) {
        self.write(CONTROL, self.read(CONTROL) & !clear | set);
    }

    /// Whether the line is up.
    pub fn is_up(&self) -> bool {
        is_up(&*self.hardware, self.number)
    }

    fn until(&self, most: Duration, is_so: impl Fn() -> bool) -> Result<(), Failure> {
        let end = self.hardware.now() + most;
        while !is_so() {
            if self.hardware.now() >= end {
                return Err(Failure::Timeout);
            }
            self.hardware.events(self.number, INTERVAL);
        }
        Ok(())
    }

    /// Makes it ask nothing of the device and take nothing from it (10.1.2).
    fn stop(&self) -> Result<(), Failure> {
        self.control(CONTROL_START, 0);
        self.until(STOP, || self.read(CONTROL) & CONTROL_RUNS == 0)?;
        self.control(CONTROL_RECEIVE, 0);
        self.until(STOP, || self.read(CONTROL) & CONTROL_RECEIVES == 0)
    }

    /// Makes it ready for commands, and waits until the disk is.
    ///
    /// # Errors
    /// [`Failure::Absent`] if there is no device, [`Failure::Kind`] if it is no disk,
    /// [`Failure::Timeout`].
    pub fn start(&self) -> Result<(), Failure> {
        self.stop()?;
        self.write64(LIST, self.memory.physical());
        self.write64(RECEIVED, self.memory.physical() + RECEIVED_AT as u64);
        power(&*self.hardware, self.number);
        self.until(COME_UP, || self.is_up())
            .map_err(|_| Failure::Absent)?;
        self.write(ERRORS, u32::MAX);
        self.write(STATUS, u32::MAX);
        self.control(0, CONTROL_RECEIVE);
        let is_ready = || self.read(TASK) & (TASK_BUSY | TASK_DATA) == 0;
        self.until(SPIN_UP, || is_ready() || !self.is_up())?;
        if !self.is_up() {
            return Err(Failure::Absent);
        }
        let signature = self.read(SIGNATURE);
        if signature != DISK {
            return Err(Failure::Kind(signature));
        }
        self.write(ENABLED, STATUS_ANSWERS | STATUS_CHANGES | STATUS_FAILURES);
        self.control(0, CONTROL_START);
        Ok(())
    }

    /// Resets the device and the line to it (10.4.2). What it was asked is forgotten;
    /// [`Port::start`] comes next.
    pub fn reset(&self) {
        // A port that does not stop is reset all the same.
        let _ = self.stop();
        let others = self.read(LINE_CONTROL) & !LINE_STATE;
        self.write(LINE_CONTROL, others | LINE_RESET);
        let _ = self.until(HOLD, || false);
        self.write(LINE_CONTROL, others);
    }

    /// Carries out a command with so many bytes of data, up to [`MOST`].
    ///
    /// # Errors
    /// Those of [`Failure`] that tell of a transfer. The port needs a reset then.
    pub fn run(&self, command: Command, bytes: usize) -> Result<(), Failure> {
        let base = self.memory.physical();
        self.memory.write(TABLE_AT, &command.fis());
        if bytes > 0 {
            let region = command::region(base + DATA_AT as u64, bytes);
            self.memory.write(TABLE_AT + REGIONS, &region);
        }
        let header = command.header(base + TABLE_AT as u64, u16::from(bytes > 0));
        self.memory.write(0, &header);
        // What came before has nothing to do with it.
        self.hardware.events(self.number, Duration::ZERO);
        self.write(ISSUED, 1);
        let end = self.hardware.now() + COMMAND;
        while self.read(ISSUED) & 1 != 0 {
            let left = end.saturating_sub(self.hardware.now());
            if left.is_zero() {
                return Err(Failure::Timeout);
            }
            let events = self.hardware.events(self.number, left);
            if events & STATUS_TASK != 0 {
                return Err(Failure::Refused(self.read(TASK) & 0xffff));
            }
            if events & STATUS_FAILURES != 0 {
                return Err(Failure::Transfer(events & STATUS_FAILURES));
            }
            if !self.is_up() {
                return Err(Failure::Absent);
            }
        }
        let task = self.read(TASK);
        if task & (TASK_ERROR | TASK_FAULT) != 0 {
            return Err(Failure::Refused(task & 0xffff));
        }
        let mut header = [0; HEADER_BYTES];
        self.memory.read(0, &mut header);
        if command::transferred(&header) != bytes {
            return Err(Failure::Short);
        }
        Ok(())
    }
}
