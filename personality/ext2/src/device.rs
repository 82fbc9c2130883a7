//! What the file system lies on.

use alloc::boxed::Box;
use core::fmt;

/// A device that can be read at any byte offset.
///
/// The file system reads whole cache pages (16 KiB, or one block where blocks are larger), aligned
/// to their size; only the last page of a device may be shorter. It never reads past
/// [`size`](Self::size).
pub trait BlockDevice {
    /// The size in bytes, constant while the file system is mounted.
    fn size(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset` on, or fails as a whole.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError>;

    /// Fills `buffers`, one after the other, with the bytes from `offset` on.
    ///
    /// This is how a read-ahead arrives: one run of the device, scattered over cache pages. A
    /// device for which one large request is cheaper than several small ones implements it; the
    /// default makes a request for each buffer.
    fn read_vectored(&self, offset: u64, buffers: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        let mut at = offset;
        for buffer in buffers {
            self.read(at, buffer)?;
            at += buffer.len() as u64;
        }
        Ok(())
    }
}

/// Why a device did not deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The medium or the transfer failed.
    Io,
    /// The range is not on the device.
    OutOfRange,
    /// The device, or the server behind it, is gone.
    Gone,
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceError::Io => "input/output error",
            DeviceError::OutOfRange => "beyond the end of the device",
            DeviceError::Gone => "the device is gone",
        })
    }
}

impl core::error::Error for DeviceError {}

impl<D: BlockDevice + ?Sized> BlockDevice for &D {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        (**self).read(offset, buffer)
    }

    fn read_vectored(&self, offset: u64, buffers: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        (**self).read_vectored(offset, buffers)
    }
}

impl<D: BlockDevice + ?Sized> BlockDevice for Box<D> {
    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        (**self).read(offset, buffer)
    }

    fn read_vectored(&self, offset: u64, buffers: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        (**self).read_vectored(offset, buffers)
    }
}

/// A device in memory.
impl BlockDevice for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let start = usize::try_from(offset).map_err(|_| DeviceError::OutOfRange)?;
        let end = start
            .checked_add(buffer.len())
            .ok_or(DeviceError::OutOfRange)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(DeviceError::OutOfRange)?);
        Ok(())
    }
}
