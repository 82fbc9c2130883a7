//! What drivers share: the command line that the first program starts them with ([`Arguments`]),
//! memory for DMA ([`Dma`]), and registers ([`Bus`]), behind which a test may put a model of the
//! device.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod arguments;
mod dma;

use machuser::mach::Registers;

pub use arguments::{Arguments, descriptor, option};
pub use dma::Dma;

/// A device's registers, of 32 bits each.
pub trait Bus {
    /// Reads the register at this offset.
    fn read(&self, offset: usize) -> u32;
    /// Writes the register at this offset.
    fn write(&self, offset: usize, value: u32);
}

impl Bus for Registers {
    fn read(&self, offset: usize) -> u32 {
        self.read32(offset)
    }

    fn write(&self, offset: usize, value: u32) {
        self.write32(offset, value);
    }
}
