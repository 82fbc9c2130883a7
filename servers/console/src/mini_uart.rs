//! Source: BCM2835 ARM Peripherals, chapter 2.2, with its errata.

use driver::Bus;
use embedded_hal_nb::nb;
use embedded_hal_nb::serial::{ErrorType, Read, Write};

use crate::uart::{LineError, Uart};

/// Registers, counted from the device's first.
mod register {
    pub const DATA: usize = 0x00;
    pub const INTERRUPT_ENABLE: usize = 0x04;
    pub const INTERRUPT: usize = 0x08;
    pub const LINE_CONTROL: usize = 0x0c;
    pub const LINE_STATUS: usize = 0x14;
    pub const CONTROL: usize = 0x20;
}

const INTERRUPT_RECEIVE: u32 = 1;
const INTERRUPT_TRANSMIT: u32 = 1 << 1;
/// Without these two, says the errata, there are no interrupts of received characters.
const INTERRUPT_ENABLED: u32 = 3 << 2;
const CLEAR_QUEUES: u32 = 3 << 1;
/// Eight bits: both bits of the field, says the errata.
const LINE_EIGHT_BITS: u32 = 3;
const STATUS_RECEIVED: u32 = 1;
const STATUS_OVERRUN: u32 = 1 << 1;
const STATUS_ROOM: u32 = 1 << 5;
const STATUS_IDLE: u32 = 1 << 6;
const CONTROL_RECEIVE: u32 = 1;
const CONTROL_TRANSMIT: u32 = 1 << 1;

/// The device: the smaller UART of the BCM2835 and its successors.
#[derive(Debug)]
pub struct MiniUart<B> {
    bus: B,
    /// Characters were lost, which has not been told yet.
    overrun: bool,
}

impl<B: Bus> MiniUart<B> {
    /// Takes the device over, at the speed that the firmware has set.
    pub fn new(bus: B) -> Self {
        let mut uart = Self {
            bus,
            overrun: false,
        };
        while uart.bus.read(register::LINE_STATUS) & STATUS_IDLE == 0 {
            core::hint::spin_loop();
        }
        uart.bus.write(register::CONTROL, 0);
        uart.bus.write(register::LINE_CONTROL, LINE_EIGHT_BITS);
        uart.bus.write(register::INTERRUPT, CLEAR_QUEUES);
        uart.want_room(false);
        let on = CONTROL_RECEIVE | CONTROL_TRANSMIT;
        uart.bus.write(register::CONTROL, on);
        uart
    }
}

impl<B: Bus> Uart for MiniUart<B> {
    fn want_room(&mut self, wanted: bool) {
        let transmit = if wanted { INTERRUPT_TRANSMIT } else { 0 };
        let enabled = INTERRUPT_ENABLED | INTERRUPT_RECEIVE | transmit;
        self.bus.write(register::INTERRUPT_ENABLE, enabled);
    }

    fn acknowledge(&mut self) {
        // Reading and writing characters does it; the register clears queues.
    }
}

impl<B> ErrorType for MiniUart<B> {
    type Error = LineError;
}

impl<B: Bus> Read for MiniUart<B> {
    fn read(&mut self) -> nb::Result<u8, LineError> {
        if core::mem::take(&mut self.overrun) {
            return Err(nb::Error::Other(LineError::Overrun));
        }
        // Reading the status forgets the overrun, which is told behind this character.
        let status = self.bus.read(register::LINE_STATUS);
        self.overrun = status & STATUS_OVERRUN != 0;
        if status & STATUS_RECEIVED == 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(self.bus.read(register::DATA) as u8)
    }
}

impl<B: Bus> Write for MiniUart<B> {
    fn write(&mut self, byte: u8) -> nb::Result<(), LineError> {
        if self.bus.read(register::LINE_STATUS) & STATUS_ROOM == 0 {
            return Err(nb::Error::WouldBlock);
        }
        self.bus.write(register::DATA, byte.into());
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), LineError> {
        if self.bus.read(register::LINE_STATUS) & STATUS_IDLE == 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Line;
    use std::cell::RefCell;
    use std::collections::VecDeque;

    #[derive(Default)]
    struct Device {
        input: RefCell<VecDeque<u8>>,
        output: RefCell<Vec<u8>>,
        room: usize,
        overrun: RefCell<bool>,
        enabled: RefCell<u32>,
    }

    impl Bus for &Device {
        fn read(&self, offset: usize) -> u32 {
            match offset {
                register::DATA => self.input.borrow_mut().pop_front().unwrap().into(),
                register::LINE_STATUS => {
                    let mut status = STATUS_IDLE;
                    if !self.input.borrow().is_empty() {
                        status |= STATUS_RECEIVED;
                    }
                    if self.output.borrow().len() < self.room {
                        status |= STATUS_ROOM;
                    }
                    if self.overrun.replace(false) {
                        status |= STATUS_OVERRUN;
                    }
                    status
                }
                _ => 0,
            }
        }

        fn write(&self, offset: usize, value: u32) {
            match offset {
                register::DATA => self.output.borrow_mut().push(value as u8),
                register::INTERRUPT_ENABLE => *self.enabled.borrow_mut() = value,
                _ => {}
            }
        }
    }

    #[test]
    fn characters_come_in_order_and_lost_ones_are_counted() {
        let device = Device::default();
        let mut line = Line::new(MiniUart::new(&device));
        device.input.borrow_mut().extend(*b"ab");
        *device.overrun.borrow_mut() = true;
        assert!(line.interrupt());
        let mut out = [0; 8];
        assert_eq!(line.take(&mut out), 2);
        assert_eq!((&out[..2], line.lost()), (&b"ab"[..], 1));
        assert!(!line.interrupt());
    }

    #[test]
    fn output_that_does_not_fit_asks_for_an_interrupt() {
        let mut device = Device {
            room: 2,
            ..Device::default()
        };
        assert_eq!(Line::new(MiniUart::new(&device)).send(b"abc"), 2);
        assert_ne!(*device.enabled.borrow() & INTERRUPT_TRANSMIT, 0);
        device.room = 9;
        assert_eq!(Line::new(MiniUart::new(&device)).send(b"c"), 1);
        assert_eq!(*device.enabled.borrow() & INTERRUPT_TRANSMIT, 0);
        assert_eq!(*device.output.borrow(), b"abc");
    }
}
