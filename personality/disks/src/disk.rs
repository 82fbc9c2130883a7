use machuser::{Error, Result};
use store::Store;

use crate::SECTOR;

/// A disk, or whatever else is a row of bytes that a driver keeps.
pub trait Disk: Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Bytes of the sectors that a partition table on it counts.
    fn sector(&self) -> u64 {
        SECTOR as u64
    }

    /// Whether it refuses writes.
    fn read_only(&self) -> bool;

    /// Hands out up to `amount` bytes from `offset` on, in order; answers how many. At the end of
    /// the disk they are fewer.
    fn read(&self, offset: u64, amount: usize, sink: &mut dyn FnMut(&[u8])) -> Result<usize>;

    /// Writes up to `amount` bytes at `offset`, which `fill` supplies in order; answers how many.
    /// At the end of the disk they are fewer; `ENOSPC` behind it, `EROFS` if it refuses writes.
    fn write(&self, offset: u64, amount: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<usize>;

    /// Makes the device keep what was written.
    fn flush(&self) -> Result<()>;
}

/// A disk as a store, to look for partitions on.
pub(crate) struct Whole<'d>(pub &'d dyn Disk);

impl Store for Whole<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn sector(&self) -> u64 {
        self.0.sector()
    }

    fn read_only(&self) -> bool {
        self.0.read_only()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let mut at = 0;
        let count = self.0.read(offset, buffer.len(), &mut |bytes| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        })?;
        if count == buffer.len() {
            Ok(())
        } else {
            Err(Error::EINVAL)
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut at = 0;
        let count = self.0.write(offset, data.len(), &mut |bytes| {
            bytes.copy_from_slice(&data[at..at + bytes.len()]);
            at += bytes.len();
        })?;
        if count == data.len() {
            Ok(())
        } else {
            Err(Error::ENOSPC)
        }
    }

    fn flush(&self) -> Result<()> {
        self.0.flush()
    }
}
