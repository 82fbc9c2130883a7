//! I/O ports on x86_64.

/// I/O ports, which the kernel accesses for who has its capability.
#[derive(Debug)]
pub struct Ports {
    ports: sel4::cap::IoPort,
    first: u16,
}

macro_rules! access {
    ($type:ty, $read:ident, $in:ident, $write:ident, $out:ident) => {
        /// Reads a port; all ones if the capability is gone.
        pub fn $read(&self, offset: u16) -> $type {
            self.ports.$in(self.first + offset).unwrap_or(<$type>::MAX)
        }

        /// Writes a port.
        pub fn $write(&self, offset: u16, value: $type) {
            // Fails only if the capability is gone, with the mach server.
            let _ = self.ports.$out(self.first + offset, value);
        }
    };
}

impl Ports {
    /// Those from `first` on, of the capability in a slot.
    pub fn new(slot: u64, first: u16) -> Option<Ports> {
        Some(Ports { ports: sel4::cap::IoPort::from_bits(slot), first })
    }

    access!(u8, read8, in8, write8, out8);
    access!(u16, read16, in16, write16, out16);
    access!(u32, read32, in32, write32, out32);
}
