//! The controller called SDHOST, of which there is no manual: its registers are known from the
//! drivers that its makers wrote for Linux, and from QEMU's model of it.

use core::time::Duration;

use driver::Bus;
use sdio_host::common_cmd::ResponseLen;

use crate::controller::{Controller, Data, Failure, Time};

mod register {
    pub const COMMAND: usize = 0x00;
    pub const ARGUMENT: usize = 0x04;
    pub const TIMEOUT: usize = 0x08;
    pub const DIVISOR: usize = 0x0c;
    pub const RESPONSE: usize = 0x10;
    pub const STATUS: usize = 0x20;
    pub const POWER: usize = 0x30;
    pub const STATE: usize = 0x34;
    pub const CONFIGURATION: usize = 0x38;
    pub const BLOCK_BYTES: usize = 0x3c;
    pub const DATA: usize = 0x40;
    pub const BLOCK_COUNT: usize = 0x50;
}

/// The command register: the controller clears the first when the command is done.
const COMMAND_NEW: u32 = 1 << 15;
const COMMAND_FAILED: u32 = 1 << 14;
const COMMAND_BUSY: u32 = 1 << 11;
const COMMAND_NO_RESPONSE: u32 = 1 << 10;
const COMMAND_LONG_RESPONSE: u32 = 1 << 9;
const COMMAND_WRITE: u32 = 1 << 7;
const COMMAND_READ: u32 = 1 << 6;

/// The status register: ones clear what is written.
const STATUS_TRANSFER_TIMEOUT: u32 = 1 << 7;
const STATUS_COMMAND_TIMEOUT: u32 = 1 << 6;
const STATUS_DATA_CHECKSUM: u32 = 1 << 5;
const STATUS_COMMAND_CHECKSUM: u32 = 1 << 4;
const STATUS_QUEUE_ERROR: u32 = 1 << 3;
/// What it has interrupted for.
const STATUS_INTERRUPTS: u32 = 7 << 8;
const STATUS_ALL: u32 = 0x7f8;

/// The configuration register.
const CONFIGURE_BUSY_INTERRUPT: u32 = 1 << 10;
const CONFIGURE_DATA_INTERRUPT: u32 = 1 << 4;
const CONFIGURE_SLOW_CARD: u32 = 1 << 3;
const CONFIGURE_WIDE_CARD: u32 = 1 << 2;
const CONFIGURE_WIDE_INSIDE: u32 = 1 << 1;

/// The state register: the state of the machine inside, how many words are in its queue, and how
/// many there must be before it asks for more.
const STATE: u32 = 0xf;
const STATE_IDENTIFICATION: u32 = 0;
const STATE_DATA: u32 = 1;
const STATE_READ_WAIT: u32 = 4;
const STATE_WRITE_START: u32 = 10;
const STATE_FORCE_DATA: u32 = 1 << 19;
const STATE_LEVEL_SHIFT: u32 = 4;
const STATE_LEVEL: u32 = 0x1f;
const STATE_WRITE_THRESHOLD: u32 = 9;
const STATE_READ_THRESHOLD: u32 = 14;
const THRESHOLD: u32 = 4;
/// Words in the queue.
const QUEUE: u32 = 16;

/// Bytes of a block.
const BLOCK: usize = 512;
/// The clock that the controller divides, at most: the firmware may choose less, and then all is
/// slower than it could be.
const CLOCK: u32 = 400_000_000;
/// What every card follows while it is identified, and afterwards.
const SLOW: u32 = 400_000;
const FAST: u32 = 25_000_000;
/// Cycles of the card's clock within which an answer or data must begin.
const TIMEOUT_CYCLES: u32 = 0xf0_0000;
/// How long power needs to rise or fall.
const POWER_TIME: Duration = Duration::from_millis(20);
/// How long a command may take, with the card's being busy, and how long data may fail to come.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the controller is asked before the driver waits for an interrupt, and how long that
/// is waited for.
const EAGER: Duration = Duration::from_micros(50);
const PAUSE: Duration = Duration::from_millis(1);
/// The answer to this application command has no checksum.
const OPERATING_CONDITIONS: u8 = 41;

/// The controller.
#[derive(Debug)]
pub struct SdHost<B, T> {
    bus: B,
    time: T,
    /// What the configuration register holds, apart from interrupts: it cannot be read.
    configuration: u32,
}

impl<B: Bus, T: Time> SdHost<B, T> {
    /// Takes the controller over. Pins and interrupts lead to it already.
    pub fn new(bus: B, time: T) -> Self {
        Self {
            bus,
            time,
            configuration: CONFIGURE_WIDE_INSIDE | CONFIGURE_SLOW_CARD,
        }
    }

    fn configure(&self, interrupts: u32) {
        let value = self.configuration | interrupts;
        self.bus.write(register::CONFIGURATION, value);
    }

    fn set_clock(&self, hertz: u32) {
        // The clock is divided by two more than the register says.
        let divisor = CLOCK.div_ceil(hertz) - 2;
        self.bus.write(register::DIVISOR, divisor);
        self.bus.write(register::TIMEOUT, TIMEOUT_CYCLES);
    }

    /// Waits until `done` says so, with the interrupts of `interrupts` on where that takes longer.
    fn until(&self, interrupts: u32, done: impl Fn() -> bool) -> Result<(), Failure> {
        let start = self.time.now();
        while !done() {
            let passed = self.time.now() - start;
            if passed > PATIENCE {
                return Err(Failure::Timeout);
            }
            if passed > EAGER {
                self.bus.write(register::STATUS, STATUS_INTERRUPTS);
                self.configure(interrupts);
                if !done() {
                    self.time.pause(PAUSE);
                }
                self.configure(0);
            }
        }
        Ok(())
    }

    fn state(&self) -> u32 {
        self.bus.read(register::STATE)
    }

    /// Words in the queue.
    fn level(&self) -> u32 {
        self.state() >> STATE_LEVEL_SHIFT & STATE_LEVEL
    }

    /// What went wrong, if anything did.
    fn check(&self) -> Result<(), Failure> {
        let status = self.bus.read(register::STATUS);
        if status & (STATUS_COMMAND_TIMEOUT | STATUS_TRANSFER_TIMEOUT) != 0 {
            Err(Failure::Timeout)
        } else if status & (STATUS_COMMAND_CHECKSUM | STATUS_DATA_CHECKSUM) != 0 {
            Err(Failure::Checksum)
        } else if status & STATUS_QUEUE_ERROR != 0 {
            Err(Failure::Controller)
        } else {
            Ok(())
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<(), Failure> {
        let mut words = buffer.chunks_mut(4);
        while words.len() > 0 {
            self.until(CONFIGURE_DATA_INTERRUPT, || {
                self.level() > 0 || self.check().is_err()
            })?;
            self.check()?;
            for word in words.by_ref().take(self.level() as usize) {
                let bytes = self.bus.read(register::DATA).to_le_bytes();
                word.copy_from_slice(&bytes[..word.len()]);
            }
        }
        self.finish(STATE_READ_WAIT)
    }

    fn transmit(&self, data: &[u8]) -> Result<(), Failure> {
        let mut words = data.chunks(4);
        while words.len() > 0 {
            self.until(CONFIGURE_DATA_INTERRUPT, || {
                self.level() < QUEUE || self.check().is_err()
            })?;
            self.check()?;
            let room = QUEUE.saturating_sub(self.level());
            for word in words.by_ref().take(room as usize) {
                let mut bytes = [0; 4];
                bytes[..word.len()].copy_from_slice(word);
                self.bus.write(register::DATA, u32::from_le_bytes(bytes));
            }
        }
        self.finish(STATE_WRITE_START)
    }

    /// Waits until the machine inside is done with the data; `waiting` is the state in which it
    /// stays if it expects more of them.
    fn finish(&self, waiting: u32) -> Result<(), Failure> {
        let at_rest = |state: u32| {
            let state = state & STATE;
            state == STATE_DATA || state == STATE_IDENTIFICATION || state == waiting
        };
        self.until(0, || at_rest(self.state()) || self.check().is_err())?;
        self.check()?;
        let state = self.state();
        if state & STATE == waiting {
            self.bus.write(register::STATE, state | STATE_FORCE_DATA);
        }
        Ok(())
    }
}

impl<B: Bus, T: Time> Controller for SdHost<B, T> {
    fn reset(&mut self) -> Result<(), Failure> {
        self.configuration = CONFIGURE_WIDE_INSIDE | CONFIGURE_SLOW_CARD;
        self.bus.write(register::POWER, 0);
        for register in [
            register::COMMAND,
            register::ARGUMENT,
            register::CONFIGURATION,
            register::BLOCK_BYTES,
            register::BLOCK_COUNT,
        ] {
            self.bus.write(register, 0);
        }
        self.bus.write(register::STATUS, STATUS_ALL);
        let thresholds =
            (STATE_LEVEL << STATE_WRITE_THRESHOLD) | (STATE_LEVEL << STATE_READ_THRESHOLD);
        let state = self.state() & !thresholds
            | THRESHOLD << STATE_WRITE_THRESHOLD
            | THRESHOLD << STATE_READ_THRESHOLD;
        self.bus.write(register::STATE, state);
        self.wait(POWER_TIME);
        self.bus.write(register::POWER, 1);
        self.wait(POWER_TIME);
        self.configure(0);
        self.set_clock(SLOW);
        // What an interrupted transfer left in the queue.
        for _ in 0..self.level() {
            self.bus.read(register::DATA);
        }
        Ok(())
    }

    fn set_bus(&mut self, wide: bool) {
        if wide {
            self.configuration |= CONFIGURE_WIDE_CARD;
        }
        self.configure(0);
        self.set_clock(FAST);
    }

    fn command(
        &mut self,
        number: u8,
        argument: u32,
        length: ResponseLen,
        busy: bool,
        data: Data<'_>,
    ) -> Result<[u32; 4], Failure> {
        let done = || self.bus.read(register::COMMAND) & COMMAND_NEW == 0;
        self.until(0, done)?;
        self.bus.write(register::STATUS, STATUS_ALL);
        let mut command = u32::from(number) | COMMAND_NEW;
        match length {
            ResponseLen::Zero => command |= COMMAND_NO_RESPONSE,
            ResponseLen::R48 => {}
            ResponseLen::R136 => command |= COMMAND_LONG_RESPONSE,
        }
        if busy {
            command |= COMMAND_BUSY;
        }
        let bytes = match &data {
            Data::None => 0,
            Data::Read(buffer) => {
                command |= COMMAND_READ;
                buffer.len()
            }
            Data::Write(data) => {
                command |= COMMAND_WRITE;
                data.len()
            }
        };
        if bytes > 0 {
            let block = bytes.min(BLOCK);
            self.bus.write(register::BLOCK_BYTES, block as u32);
            let count = (bytes / block) as u32;
            self.bus.write(register::BLOCK_COUNT, count);
        }
        self.bus.write(register::ARGUMENT, argument);
        self.bus.write(register::COMMAND, command);
        self.until(CONFIGURE_BUSY_INTERRUPT, done)?;
        if self.bus.read(register::COMMAND) & COMMAND_FAILED != 0 {
            let checked = self.check();
            self.bus.write(register::STATUS, STATUS_ALL);
            match checked {
                Err(Failure::Checksum) if number == OPERATING_CONDITIONS => {}
                Err(failure) => return Err(failure),
                Ok(()) => return Err(Failure::Controller),
            }
        }
        let word = |index: usize| self.bus.read(register::RESPONSE + 4 * index);
        let response = match length {
            ResponseLen::Zero => [0; 4],
            ResponseLen::R48 => [word(0), 0, 0, 0],
            ResponseLen::R136 => [word(0), word(1), word(2), word(3)],
        };
        match data {
            Data::None => {}
            Data::Read(buffer) => self.receive(buffer)?,
            Data::Write(data) => self.transmit(data)?,
        }
        Ok(response)
    }

    fn wait(&self, time: Duration) {
        let end = self.time.now() + time;
        while self.time.now() < end {
            self.time.pause(end.saturating_sub(self.time.now()));
        }
    }

    fn now(&self) -> Duration {
        self.time.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;

    /// The registers, as far as the driver uses them: a command is done at once, and data flows
    /// through a queue of 16 words a few words at a time.
    #[derive(Default)]
    struct Registers {
        status: Cell<u32>,
        command: Cell<u32>,
        state: Cell<u32>,
        /// What the card still sends, and how many words it still takes.
        sends: RefCell<VecDeque<u32>>,
        queue: RefCell<VecDeque<u32>>,
        takes: Cell<usize>,
        taken: RefCell<Vec<u32>>,
        /// What the next command fails with.
        failing: Cell<u32>,
        now: Cell<u64>,
    }

    impl Registers {
        fn flow(&self) {
            let mut queue = self.queue.borrow_mut();
            if self.command.get() & COMMAND_READ != 0 {
                for _ in 0..3 {
                    if queue.len() < QUEUE as usize {
                        queue.extend(self.sends.borrow_mut().pop_front());
                    }
                }
            } else {
                for word in queue.drain(..) {
                    self.taken.borrow_mut().push(word);
                    self.takes.set(self.takes.get() - 1);
                }
            }
            if self.sends.borrow().is_empty() && queue.is_empty() && self.takes.get() == 0 {
                self.state.set(STATE_DATA);
            }
        }
    }

    impl Bus for &Registers {
        fn read(&self, offset: usize) -> u32 {
            match offset {
                register::COMMAND => self.command.get(),
                register::STATUS => self.status.get(),
                register::STATE => {
                    self.flow();
                    self.state.get() | (self.queue.borrow().len() as u32) << STATE_LEVEL_SHIFT
                }
                register::DATA => self
                    .queue
                    .borrow_mut()
                    .pop_front()
                    .expect("a word is there"),
                offset => offset as u32,
            }
        }

        fn write(&self, offset: usize, value: u32) {
            match offset {
                register::COMMAND => {
                    let failing = self.failing.take();
                    self.status.set(self.status.get() | failing);
                    let failed = if failing != 0 { COMMAND_FAILED } else { 0 };
                    self.command.set(value & !COMMAND_NEW | failed);
                    self.state.set(3);
                }
                register::STATUS => self.status.set(self.status.get() & !value),
                register::DATA => {
                    assert!(self.queue.borrow().len() < QUEUE as usize, "there is room");
                    self.queue.borrow_mut().push_back(value);
                }
                _ => {}
            }
        }
    }

    impl Time for &Registers {
        fn now(&self) -> Duration {
            self.now.set(self.now.get() + 1);
            Duration::from_micros(self.now.get())
        }

        fn pause(&self, most: Duration) {
            self.now.set(self.now.get() + most.as_micros() as u64);
        }
    }

    #[test]
    fn blocks_pass_through_the_queue_in_order() {
        let registers = Registers::default();
        registers.sends.borrow_mut().extend(0..256);
        let mut host = SdHost::new(&registers, &registers);
        let mut buffer = [0; 1024];
        let read = Data::Read(&mut buffer);
        let answer = host.command(18, 0, ResponseLen::R48, false, read);
        assert_eq!(answer, Ok([register::RESPONSE as u32, 0, 0, 0]));
        let expected: Vec<u8> = (0..256u32).flat_map(u32::to_le_bytes).collect();
        assert!(buffer[..] == expected);

        registers.takes.set(256);
        let write = Data::Write(&expected);
        host.command(25, 0, ResponseLen::R48, false, write).unwrap();
        assert!(*registers.taken.borrow() == (0..256).collect::<Vec<u32>>());
    }

    #[test]
    fn data_that_stops_coming_is_a_timeout() {
        let registers = Registers::default();
        registers.sends.borrow_mut().extend(0..100);
        let mut host = SdHost::new(&registers, &registers);
        let mut buffer = [0; 512];
        let read = Data::Read(&mut buffer);
        let answer = host.command(17, 0, ResponseLen::R48, false, read);
        assert_eq!(answer, Err(Failure::Timeout));
    }

    #[test]
    fn what_the_controller_tells_of_is_what_failed() {
        let registers = Registers::default();
        let mut host = SdHost::new(&registers, &registers);
        for (number, status, failure) in [
            (8, STATUS_COMMAND_TIMEOUT, Some(Failure::Timeout)),
            (13, STATUS_COMMAND_CHECKSUM, Some(Failure::Checksum)),
            (41, STATUS_COMMAND_CHECKSUM, None),
            (13, STATUS_QUEUE_ERROR, Some(Failure::Controller)),
        ] {
            registers.failing.set(status);
            let answer = host.command(number, 0, ResponseLen::R48, false, Data::None);
            assert_eq!(answer.err(), failure);
            assert_eq!(registers.status.get(), 0);
        }
    }
}
