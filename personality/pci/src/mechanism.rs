//! Configuration space behind two I/O ports.

use crate::{Configuration, Place};

/// Configuration mechanism #1 (3.2.2.3.2): an address port, and a data port behind it.
pub struct Mechanism<R, W> {
    /// Reads the port at an offset.
    pub read: R,
    /// Writes the port at an offset.
    pub write: W,
}

const ADDRESS: usize = 0;
const DATA: usize = 4;
const ENABLE: u32 = 1 << 31;

impl<R: Fn(usize) -> u32, W: Fn(usize, u32)> Mechanism<R, W> {
    fn select(&self, place: Place, register: u8) {
        let function = (u32::from(place.device) & 31) << 3 | u32::from(place.function) & 7;
        let place = u32::from(place.bus) << 16 | function << 8;
        (self.write)(ADDRESS, ENABLE | place | u32::from(register & !3));
    }
}

impl<R: Fn(usize) -> u32, W: Fn(usize, u32)> Configuration for Mechanism<R, W> {
    fn read(&self, place: Place, register: u8) -> u32 {
        self.select(place, register);
        (self.read)(DATA)
    }

    fn write(&self, place: Place, register: u8, value: u32) {
        self.select(place, register);
        (self.write)(DATA, value);
    }
}
