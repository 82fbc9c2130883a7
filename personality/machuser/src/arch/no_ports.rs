//! Machines without I/O ports.

/// I/O ports, which this machine has not: the mach server gives no right to them.
#[derive(Debug)]
pub enum Ports {}

macro_rules! access {
    ($type:ty, $read:ident, $write:ident) => {
        /// There is nothing to read.
        pub fn $read(&self, _: u16) -> $type {
            match *self {}
        }

        /// There is nothing to write.
        pub fn $write(&self, _: u16, _: $type) {
            match *self {}
        }
    };
}

impl Ports {
    /// There are none.
    pub fn new(_: u64, _: u16) -> Option<Ports> {
        None
    }

    access!(u8, read8, write8);
    access!(u16, read16, write16);
    access!(u32, read32, write32);
}
