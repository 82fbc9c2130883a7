//! Source: Zynq UltraScale+ Device Technical Reference Manual (UG1085), chapter 21.

use driver::Bus;
use embedded_hal_nb::nb;
use embedded_hal_nb::serial::{ErrorType, Read, Write};

use crate::uart::{LineError, Uart};

mod register {
    pub const CONTROL: usize = 0x00;
    pub const MODE: usize = 0x04;
    pub const INTERRUPT_ENABLE: usize = 0x08;
    pub const INTERRUPT_DISABLE: usize = 0x0c;
    pub const INTERRUPT_STATUS: usize = 0x14;
    pub const RECEIVE_TIMEOUT: usize = 0x1c;
    pub const RECEIVE_LEVEL: usize = 0x20;
    pub const STATUS: usize = 0x2c;
    pub const DATA: usize = 0x30;
}

const CONTROL_RESET: u32 = 3;
const CONTROL_ON: u32 = 1 << 2 | 1 << 4;
const CONTROL_OFF: u32 = 1 << 3 | 1 << 5;
const CONTROL_RESTART_TIMEOUT: u32 = 1 << 6;
/// Eight bits, no parity, one stop bit.
const MODE_PLAIN: u32 = 4 << 3;
const INTERRUPT_RECEIVED: u32 = 1;
const INTERRUPT_TRANSMIT_EMPTY: u32 = 1 << 3;
const INTERRUPT_OVERRUN: u32 = 1 << 5;
const INTERRUPT_FRAMING: u32 = 1 << 6;
const INTERRUPT_PARITY: u32 = 1 << 7;
const INTERRUPT_TIMEOUT: u32 = 1 << 8;
const INTERRUPTS: u32 = 0x1fff;
const STATUS_RECEIVE_EMPTY: u32 = 1 << 1;
const STATUS_TRANSMIT_EMPTY: u32 = 1 << 3;
const STATUS_TRANSMIT_FULL: u32 = 1 << 4;

/// The device: Cadence's UART, as in the Zynq UltraScale+.
#[derive(Debug)]
pub struct Cadence<B> {
    bus: B,
    /// What was wrong with characters, and has not been told yet: bits of the interrupt status.
    errors: u32,
}

impl<B: Bus> Cadence<B> {
    /// Takes the device over, at the speed that the firmware has set.
    pub fn new(bus: B) -> Self {
        let mut uart = Self { bus, errors: 0 };
        while uart.bus.read(register::STATUS) & STATUS_TRANSMIT_EMPTY == 0 {
            core::hint::spin_loop();
        }
        uart.bus.write(register::CONTROL, CONTROL_OFF);
        uart.bus.write(register::CONTROL, CONTROL_OFF | CONTROL_RESET);
        uart.bus.write(register::MODE, MODE_PLAIN);
        uart.bus.write(register::INTERRUPT_DISABLE, INTERRUPTS);
        uart.bus.write(register::INTERRUPT_STATUS, INTERRUPTS);
        // Each character interrupts, at the latest after 40 bits of silence.
        uart.bus.write(register::RECEIVE_LEVEL, 1);
        uart.bus.write(register::RECEIVE_TIMEOUT, 10);
        uart.want_room(false);
        let on = CONTROL_ON | CONTROL_RESTART_TIMEOUT;
        uart.bus.write(register::CONTROL, on);
        uart
    }
}

impl<B: Bus> Uart for Cadence<B> {
    fn want_room(&mut self, wanted: bool) {
        let receive = INTERRUPT_RECEIVED | INTERRUPT_TIMEOUT;
        self.bus.write(register::INTERRUPT_ENABLE, receive);
        let room = match wanted {
            true => register::INTERRUPT_ENABLE,
            false => register::INTERRUPT_DISABLE,
        };
        self.bus.write(room, INTERRUPT_TRANSMIT_EMPTY);
    }

    fn acknowledge(&mut self) {
        let status = self.bus.read(register::INTERRUPT_STATUS);
        self.errors |= status & (INTERRUPT_OVERRUN | INTERRUPT_FRAMING | INTERRUPT_PARITY);
        self.bus.write(register::INTERRUPT_STATUS, status);
    }
}

impl<B> ErrorType for Cadence<B> {
    type Error = LineError;
}

impl<B: Bus> Read for Cadence<B> {
    fn read(&mut self) -> nb::Result<u8, LineError> {
        for (bit, error) in [
            (INTERRUPT_OVERRUN, LineError::Overrun),
            (INTERRUPT_PARITY, LineError::Parity),
            (INTERRUPT_FRAMING, LineError::Framing),
        ] {
            if self.errors & bit != 0 {
                self.errors &= !bit;
                return Err(nb::Error::Other(error));
            }
        }
        if self.bus.read(register::STATUS) & STATUS_RECEIVE_EMPTY != 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(self.bus.read(register::DATA) as u8)
    }
}

impl<B: Bus> Write for Cadence<B> {
    fn write(&mut self, byte: u8) -> nb::Result<(), LineError> {
        if self.bus.read(register::STATUS) & STATUS_TRANSMIT_FULL != 0 {
            return Err(nb::Error::WouldBlock);
        }
        self.bus.write(register::DATA, byte.into());
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), LineError> {
        if self.bus.read(register::STATUS) & STATUS_TRANSMIT_EMPTY == 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Line;
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;

    #[derive(Default)]
    struct Device {
        input: RefCell<VecDeque<u8>>,
        output: RefCell<Vec<u8>>,
        room: usize,
        interrupts: Cell<u32>,
        enabled: Cell<u32>,
    }

    impl Bus for &Device {
        fn read(&self, offset: usize) -> u32 {
            match offset {
                register::DATA => self.input.borrow_mut().pop_front().unwrap().into(),
                register::STATUS => {
                    let full = self.output.borrow().len() >= self.room;
                    let empty = self.input.borrow().is_empty();
                    STATUS_TRANSMIT_EMPTY
                        | if full { STATUS_TRANSMIT_FULL } else { 0 }
                        | if empty { STATUS_RECEIVE_EMPTY } else { 0 }
                }
                register::INTERRUPT_STATUS => self.interrupts.get(),
                _ => 0,
            }
        }

        fn write(&self, offset: usize, value: u32) {
            match offset {
                register::DATA => self.output.borrow_mut().push(value as u8),
                register::INTERRUPT_STATUS => self.interrupts.set(self.interrupts.get() & !value),
                register::INTERRUPT_ENABLE => self.enabled.set(self.enabled.get() | value),
                register::INTERRUPT_DISABLE => self.enabled.set(self.enabled.get() & !value),
                _ => {}
            }
        }
    }

    #[test]
    fn characters_come_in_order_and_lost_ones_are_counted() {
        let device = Device::default();
        let mut line = Line::new(Cadence::new(&device));
        device.input.borrow_mut().extend(*b"ab");
        device.interrupts.set(INTERRUPT_RECEIVED | INTERRUPT_OVERRUN);
        assert!(line.interrupt());
        let mut out = [0; 8];
        assert_eq!(line.take(&mut out), 2);
        assert_eq!((&out[..2], line.lost()), (&b"ab"[..], 1));
        assert_eq!(device.interrupts.get(), 0);
        assert!(!line.interrupt());
    }

    #[test]
    fn output_that_does_not_fit_asks_for_an_interrupt() {
        let mut device = Device { room: 2, ..Device::default() };
        assert_eq!(Line::new(Cadence::new(&device)).send(b"abc"), 2);
        assert_ne!(device.enabled.get() & INTERRUPT_TRANSMIT_EMPTY, 0);
        device.room = 9;
        assert_eq!(Line::new(Cadence::new(&device)).send(b"c"), 1);
        assert_eq!(device.enabled.get() & INTERRUPT_TRANSMIT_EMPTY, 0);
        assert_eq!(*device.output.borrow(), b"abc");
    }
}
