//! What the driver needs of the machine.

use core::time::Duration;

use driver::Bus;
use machuser::mach::Contiguous;

/// A controller's registers, its interrupt, and a clock.
pub trait Hardware: Bus + Send + Sync {
    /// The time since some moment.
    fn now(&self) -> Duration;

    /// Waits for an interrupt of this port, or so long. Answers the bits of the port's interrupt
    /// status that came since it was asked before.
    fn events(&self, port: usize, most: Duration) -> u32;
}

/// Memory that the controller reads and writes: [`PAGES`](crate::PAGES) for each port.
pub trait Memory: Send {
    /// Where it begins for the controller, a multiple of 4096.
    fn physical(&self) -> u64;

    /// Copies what lies from `offset` on.
    fn read(&self, offset: usize, buffer: &mut [u8]);

    /// Writes bytes from `offset` on.
    fn write(&self, offset: usize, data: &[u8]);
}

impl Memory for Contiguous {
    fn physical(&self) -> u64 {
        Contiguous::physical(self)
    }

    fn read(&self, offset: usize, buffer: &mut [u8]) {
        Contiguous::read(self, offset, buffer);
    }

    fn write(&self, offset: usize, data: &[u8]) {
        Contiguous::write(self, offset, data);
    }
}

/// Why something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is connected to the port.
    Absent,
    /// No answer in time.
    Timeout,
    /// The device refused or could not do it: its status, and its error register above that.
    Refused(u32),
    /// The transfer failed on the way: bits of the port's interrupt status.
    Transfer(u32),
    /// Fewer bytes were transferred than the command was for.
    Short,
    /// A device of another kind than a disk: its signature.
    Kind(u32),
    /// It cannot be driven: why.
    Unusable(&'static str),
    /// It is another disk than it was.
    Exchanged,
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Failure::Absent => f.write_str("nothing is connected"),
            Failure::Timeout => f.write_str("it does not answer"),
            Failure::Refused(status) => write!(f, "the device failed with status {status:#x}"),
            Failure::Transfer(status) => write!(f, "the transfer failed with status {status:#x}"),
            Failure::Short => f.write_str("the transfer ended early"),
            Failure::Kind(0xeb14_0101) => f.write_str("a drive for CDs or the like is not driven"),
            Failure::Kind(signature) => {
                write!(f, "a device with signature {signature:#x} is not driven")
            }
            Failure::Unusable(why) => f.write_str(why),
            Failure::Exchanged => f.write_str("it is another disk than before"),
        }
    }
}
