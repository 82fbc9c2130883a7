//! What a driver asks of whoever started it, and starts it again when it ends.

use crate::interface;

/// Operations on a driver's bootstrap port.
#[interface(base = 41000, name = "driver")]
pub trait Driver {
    /// The device reads or writes this memory object: it is kept when the driver ends, until the next
    /// one has reset the device and said so by `fsys_startup`.
    #[routine(0)]
    fn driver_keep_memory(memory: SendRight);
}
