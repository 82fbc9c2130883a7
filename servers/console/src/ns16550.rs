//! Source: National Semiconductor PC16550D data sheet, chapter 8.

use embedded_hal_nb::nb;
use embedded_hal_nb::serial::{ErrorType, Read, Write};

use driver::Bus;

use crate::uart::{LineError, Uart};

mod register {
    /// Data; with the divisor's access bit, the low byte of the divisor.
    pub const DATA: usize = 0;
    /// Interrupts that are wanted; with the access bit, the high byte of the divisor.
    pub const INTERRUPTS: usize = 1;
    /// What the interrupt is for; written, the control of the queues.
    pub const INTERRUPT: usize = 2;
    pub const LINE_CONTROL: usize = 3;
    pub const MODEM_CONTROL: usize = 4;
    pub const LINE_STATUS: usize = 5;
}

const INTERRUPT_RECEIVE: u32 = 1 << 0;
const INTERRUPT_TRANSMIT: u32 = 1 << 1;
const FIFO_ENABLE: u32 = 1 << 0;
const FIFO_CLEAR: u32 = 3 << 1;
const LINE_EIGHT_BITS: u32 = 3;
const LINE_DIVISOR: u32 = 1 << 7;
/// Ready, and the output that lets the interrupt through on PCs.
const MODEM_READY: u32 = 3;
const MODEM_INTERRUPT: u32 = 1 << 3;
const STATUS_RECEIVED: u32 = 1 << 0;
const STATUS_TRANSMIT_EMPTY: u32 = 1 << 5;
const STATUS_ALL_SENT: u32 = 1 << 6;
/// Of the clock that PCs have: 115200 bits in a second.
const DIVISOR: u32 = 1;
/// Bytes that an empty transmit queue takes.
const QUEUE: usize = 16;

/// The device.
#[derive(Debug)]
pub struct Ns16550<B> {
    bus: B,
    /// Bytes that the transmit queue takes without being asked.
    room: usize,
}

impl<B: Bus> Ns16550<B> {
    /// Takes the device over: eight bits, no parity, 115200 bits in a second, with interrupts for
    /// what is received.
    pub fn new(bus: B) -> Self {
        let mut uart = Self { bus, room: 0 };
        uart.bus.write(register::LINE_CONTROL, LINE_DIVISOR);
        uart.bus.write(register::DATA, DIVISOR);
        uart.bus.write(register::INTERRUPTS, DIVISOR >> 8);
        uart.bus.write(register::LINE_CONTROL, LINE_EIGHT_BITS);
        uart.bus
            .write(register::INTERRUPT, FIFO_ENABLE | FIFO_CLEAR);
        uart.bus
            .write(register::MODEM_CONTROL, MODEM_READY | MODEM_INTERRUPT);
        uart.want_room(false);
        uart
    }

    fn status(&self) -> u32 {
        self.bus.read(register::LINE_STATUS)
    }
}

impl<B: Bus> Uart for Ns16550<B> {
    fn want_room(&mut self, wanted: bool) {
        let transmit = if wanted { INTERRUPT_TRANSMIT } else { 0 };
        self.bus
            .write(register::INTERRUPTS, INTERRUPT_RECEIVE | transmit);
    }

    fn acknowledge(&mut self) {
        // Reading what it is for ends an interrupt that says that there is room.
        let _ = self.bus.read(register::INTERRUPT);
    }
}

impl<B> ErrorType for Ns16550<B> {
    type Error = LineError;
}

impl<B: Bus> Read for Ns16550<B> {
    fn read(&mut self) -> nb::Result<u8, LineError> {
        let status = self.status();
        if status & STATUS_RECEIVED == 0 {
            return Err(nb::Error::WouldBlock);
        }
        let data = self.bus.read(register::DATA);
        let errors = [
            (1 << 1, LineError::Overrun),
            (1 << 4, LineError::Break),
            (1 << 2, LineError::Parity),
            (1 << 3, LineError::Framing),
        ];
        match errors.iter().find(|(bit, _)| status & bit != 0) {
            Some((_, error)) => Err(nb::Error::Other(*error)),
            None => Ok(data as u8),
        }
    }
}

impl<B: Bus> Write for Ns16550<B> {
    fn write(&mut self, byte: u8) -> nb::Result<(), LineError> {
        if self.room == 0 {
            if self.status() & STATUS_TRANSMIT_EMPTY == 0 {
                return Err(nb::Error::WouldBlock);
            }
            self.room = QUEUE;
        }
        self.bus.write(register::DATA, byte.into());
        self.room -= 1;
        Ok(())
    }

    fn flush(&mut self) -> nb::Result<(), LineError> {
        if self.status() & STATUS_ALL_SENT == 0 {
            return Err(nb::Error::WouldBlock);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Registers, what was sent, and bytes that are received.
    #[derive(Default)]
    struct Device {
        registers: RefCell<[u32; 8]>,
        sent: RefCell<Vec<u8>>,
        received: RefCell<Vec<u32>>,
    }

    impl Bus for &Device {
        fn read(&self, offset: usize) -> u32 {
            match offset {
                register::DATA => self.received.borrow_mut().remove(0) & 0xff,
                register::LINE_STATUS => {
                    let room = u32::from(self.sent.borrow().is_empty()) << 5;
                    let errors = self.received.borrow().first().map_or(0, |byte| 1 | byte >> 8);
                    room | errors
                }
                _ => 0,
            }
        }

        fn write(&self, offset: usize, value: u32) {
            let divisor = self.registers.borrow()[register::LINE_CONTROL] & LINE_DIVISOR != 0;
            if offset == register::DATA && !divisor {
                self.sent.borrow_mut().push(value as u8);
            } else {
                self.registers.borrow_mut()[offset] = value;
            }
        }
    }

    #[test]
    fn an_empty_queue_takes_sixteen_bytes() {
        let device = Device::default();
        let mut uart = Ns16550::new(&device);
        let taken = (0..99).take_while(|byte| uart.write(*byte).is_ok()).count();
        assert_eq!((taken, device.sent.borrow().len()), (QUEUE, QUEUE));
        device.sent.borrow_mut().clear();
        assert!(uart.write(1).is_ok());
    }

    #[test]
    fn damaged_characters_are_told_apart() {
        let device = Device::default();
        let mut uart = Ns16550::new(&device);
        device.received.borrow_mut().extend([65, 66 | 1 << 11, 67]);
        assert_eq!(uart.read(), Ok(65));
        assert_eq!(uart.read(), Err(nb::Error::Other(LineError::Framing)));
        assert_eq!(uart.read(), Ok(67));
        assert_eq!(uart.read(), Err(nb::Error::WouldBlock));
    }

    #[test]
    fn room_is_told_only_while_it_is_wanted() {
        let device = Device::default();
        let mut uart = Ns16550::new(&device);
        let wanted = || device.registers.borrow()[register::INTERRUPTS];
        assert_eq!(wanted(), INTERRUPT_RECEIVE);
        uart.want_room(true);
        assert_eq!(wanted(), INTERRUPT_RECEIVE | INTERRUPT_TRANSMIT);
    }
}
