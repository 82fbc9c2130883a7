use embedded_hal_nb::nb;
use heapless::Deque;

use crate::uart::{LineError, Uart};

/// Bytes that are kept until somebody reads them; what comes beyond that is lost.
pub const RECEIVED_LIMIT: usize = 4096;

/// A serial line: the device, and what it received.
pub struct Line<U> {
    uart: U,
    received: Deque<u8, RECEIVED_LIMIT>,
    lost: u64,
}

impl<U: Uart> Line<U> {
    /// The line of a device.
    pub fn new(uart: U) -> Self {
        Self {
            uart,
            received: Deque::new(),
            lost: 0,
        }
    }

    /// Serves an interrupt: takes what was received. Returns whether there is something new.
    pub fn interrupt(&mut self) -> bool {
        self.uart.acknowledge();
        self.receive()
    }

    /// Takes what was received. Returns whether there is something new.
    fn receive(&mut self) -> bool {
        let before = self.received.len();
        loop {
            match self.uart.read() {
                Ok(byte) => {
                    if self.received.push_back(byte).is_err() {
                        self.lost += 1;
                    }
                }
                // The characters before this one are gone; it is good itself, but not told of.
                Err(nb::Error::Other(LineError::Overrun)) => self.lost += 1,
                Err(nb::Error::Other(_)) => {}
                Err(nb::Error::WouldBlock) => break,
            }
        }
        self.received.len() > before
    }

    /// Takes up to `into.len()` received bytes.
    pub fn take(&mut self, into: &mut [u8]) -> usize {
        let mut count = 0;
        while count < into.len()
            && let Some(byte) = self.received.pop_front()
        {
            into[count] = byte;
            count += 1;
        }
        count
    }

    /// Bytes that wait to be taken.
    pub fn received(&self) -> usize {
        self.received.len()
    }

    /// Bytes that were lost because nobody took them in time.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Sends what there is room for; returns how many bytes. If that is not all, an interrupt
    /// will tell when there is room again.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        let count = bytes
            .iter()
            .take_while(|byte| self.uart.write(**byte).is_ok())
            .count();
        self.uart.want_room(count < bytes.len());
        if self.uart.finish() {
            self.receive();
        }
        count
    }

    /// Rows and columns, of what is a screen.
    pub fn size(&self) -> Option<(u16, u16)> {
        self.uart.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pl011;
    use driver::Bus;
    use std::cell::RefCell;
    use std::collections::VecDeque;

    #[derive(Default)]
    struct Device {
        input: RefCell<VecDeque<u32>>,
        output: RefCell<Vec<u8>>,
        room: usize,
        mask: RefCell<u32>,
    }

    impl Bus for &Device {
        fn read(&self, offset: usize) -> u32 {
            match offset {
                0 => self.input.borrow_mut().pop_front().unwrap(),
                0x18 => {
                    let empty = u32::from(self.input.borrow().is_empty()) << 4;
                    empty | u32::from(self.output.borrow().len() >= self.room) << 5
                }
                _ => 0,
            }
        }

        fn write(&self, offset: usize, value: u32) {
            match offset {
                0 => self.output.borrow_mut().push(value as u8),
                0x38 => *self.mask.borrow_mut() = value,
                _ => {}
            }
        }
    }

    #[test]
    fn what_is_received_is_kept_in_order_and_damaged_characters_are_dropped() {
        let device = Device::default();
        let mut line = Line::new(Pl011::new(&device));
        assert!(!line.interrupt());
        device.input.borrow_mut().extend([97, 98 | 1 << 8, 99]);
        assert!(line.interrupt());
        let mut out = [0; 8];
        assert_eq!(line.take(&mut out), 2);
        assert_eq!(&out[..2], b"ac");
    }

    #[test]
    fn what_nobody_takes_in_time_is_counted() {
        let device = Device::default();
        let mut line = Line::new(Pl011::new(&device));
        device
            .input
            .borrow_mut()
            .extend(std::iter::repeat_n(1, RECEIVED_LIMIT + 3));
        line.interrupt();
        assert_eq!((line.received(), line.lost()), (RECEIVED_LIMIT, 3));
    }

    #[test]
    fn output_that_does_not_fit_asks_for_an_interrupt() {
        let mut device = Device {
            room: 2,
            ..Device::default()
        };
        assert_eq!(Line::new(Pl011::new(&device)).send(b"abc"), 2);
        assert_ne!(*device.mask.borrow() & 1 << 5, 0);
        device.room = 9;
        assert_eq!(Line::new(Pl011::new(&device)).send(b"c"), 1);
        assert_eq!(*device.mask.borrow() & 1 << 5, 0);
        assert_eq!(*device.output.borrow(), b"abc");
    }
}
