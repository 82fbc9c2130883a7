//! Source: ARM PrimeCell UART (PL011) Technical Reference Manual, DDI 0183.

use driver::Bus;
use embedded_hal_nb::nb;
use embedded_hal_nb::serial::{ErrorType, Read, Write};

use crate::uart::{LineError, Uart};

mod register {
    pub const DATA: usize = 0x00;
    pub const FLAGS: usize = 0x18;
    pub const LINE_CONTROL: usize = 0x2c;
    pub const CONTROL: usize = 0x30;
    pub const FIFO_LEVELS: usize = 0x34;
    pub const INTERRUPT_MASK: usize = 0x38;
    pub const INTERRUPT_CLEAR: usize = 0x44;
}

const FLAG_BUSY: u32 = 1 << 3;
const FLAG_RECEIVE_EMPTY: u32 = 1 << 4;
const FLAG_TRANSMIT_FULL: u32 = 1 << 5;
const LINE_EIGHT_BITS: u32 = 3 << 5;
const LINE_FIFOS: u32 = 1 << 4;
const CONTROL_ENABLE: u32 = 1;
const CONTROL_TRANSMIT: u32 = 1 << 8;
const CONTROL_RECEIVE: u32 = 1 << 9;
const INTERRUPT_RECEIVE: u32 = 1 << 4;
const INTERRUPT_TRANSMIT: u32 = 1 << 5;
const INTERRUPT_RECEIVE_TIMEOUT: u32 = 1 << 6;
const INTERRUPTS: u32 = 0x7ff;
/// Interrupt when the receive queue is an eighth full, and the transmit queue an eighth full or less.
const LEVELS: u32 = 0;

/// The device.
#[derive(Debug)]
pub struct Pl011<B> {
    bus: B,
}

impl<B: Bus> Pl011<B> {
    /// Takes the device over: eight bits, no parity, at the speed that the firmware has set, with
    /// interrupts for what is received.
    pub fn new(bus: B) -> Self {
        let mut uart = Self { bus };
        while uart.bus.read(register::FLAGS) & FLAG_BUSY != 0 {
            core::hint::spin_loop();
        }
        uart.bus.write(register::CONTROL, 0);
        uart.bus.write(register::INTERRUPT_CLEAR, INTERRUPTS);
        uart.bus.write(register::FIFO_LEVELS, LEVELS);
        uart.bus
            .write(register::LINE_CONTROL, LINE_EIGHT_BITS | LINE_FIFOS);
        uart.want_room(false);
        let on = CONTROL_ENABLE | CONTROL_TRANSMIT | CONTROL_RECEIVE;
        uart.bus.write(register::CONTROL, on);
        uart
    }
}

impl<B: Bus> Uart for Pl011<B> {
    fn want_room(&mut self, wanted: bool) {
        let receive = INTERRUPT_RECEIVE | INTERRUPT_RECEIVE_TIMEOUT;
        let transmit = if wanted { INTERRUPT_TRANSMIT } else { 0 };
        self.bus.write(register::INTERRUPT_MASK, receive | transmit);
    }

    fn acknowledge(&mut self) {
        self.bus.write(register::INTERRUPT_CLEAR, INTERRUPTS);
    }
}

impl<B> ErrorType for Pl011<B> {
    type Error = LineError;
}

impl<B: Bus> Read for Pl011<B> {
    fn read(&mut self) -> nb::Result<u8, LineError> {
        if self.bus.read(register::FLAGS) & FLAG_RECEIVE_EMPTY != 0 {
            return Err(nb::Error::WouldBlock);
        }
        let data = self.bus.read(register::DATA);
        let errors = [
            (1 << 11, LineError::Overrun),
            (1 << 10, LineError::Break),
            (1 << 9, LineError::Parity),
            (1 << 8, LineError::Framing),
        ];
        match errors.iter().find(|(bit, _)| data & bit != 0) {
            Some((_, error)) => Err(nb::Error::Other(*error)),
            None => Ok(data as u8),
        }
    }
}

impl<B: Bus> Write for Pl011<B> {
    fn write(&mut self, byte: u8) -> nb::Result<(), LineError> {
        if self.bus.read(register::FLAGS) & FLAG_TRANSMIT_FULL != 0 {
            return Err(nb::Error::WouldBlock);
        }
        self.bus.write(register::DATA, byte.into());
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), LineError> {
        if self.bus.read(register::FLAGS) & FLAG_BUSY != 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(())
    }
}
