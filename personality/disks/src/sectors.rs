use alloc::vec;
use alloc::vec::Vec;

use machuser::sync::Mutex;
use machuser::{Error, Result};

use crate::Disk;

/// Bytes of a sector.
pub const SECTOR: usize = 512;
/// The most sectors that are asked for at a time.
const MOST: usize = 128;

/// A device that reads and writes whole sectors, one request at a time.
pub trait Sectors: Send {
    /// How many sectors it has.
    fn count(&self) -> u64;

    /// Whether it refuses writes.
    fn read_only(&self) -> bool;

    /// Fills `buffer`, some whole sectors, with those from `first` on.
    fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<()>;

    /// Writes `data`, some whole sectors, from `first` on. They are kept when it answers.
    fn write(&mut self, first: u64, data: &[u8]) -> Result<()>;
}

/// Such a device as a disk.
pub struct Whole<S> {
    device: Mutex<(S, Vec<u8>)>,
    bytes: u64,
    read_only: bool,
}

impl<S: Sectors> Whole<S> {
    /// The disk that the device is.
    pub fn new(device: S) -> Whole<S> {
        Whole {
            bytes: device.count().saturating_mul(SECTOR as u64),
            read_only: device.read_only(),
            device: Mutex::new((device, vec![0; MOST * SECTOR])),
        }
    }
}

/// The next piece of a range of bytes, in sectors: the first one, how many, and the bytes of the
/// piece within them.
fn piece(at: u64, end: u64) -> (u64, usize, core::ops::Range<usize>) {
    let first = at / SECTOR as u64;
    let from = (at % SECTOR as u64) as usize;
    let to = (end - at).min((MOST * SECTOR - from) as u64) as usize + from;
    (first, to.div_ceil(SECTOR), from..to)
}

impl<S: Sectors> Disk for Whole<S> {
    fn size(&self) -> u64 {
        self.bytes
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read(&self, offset: u64, amount: usize, sink: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let end = offset + self.bytes.saturating_sub(offset).min(amount as u64);
        let mut at = offset;
        while at < end {
            let (first, count, bytes) = piece(at, end);
            let (device, buffer) = &mut *self.device.lock();
            device.read(first, &mut buffer[..count * SECTOR])?;
            at += bytes.len() as u64;
            sink(&buffer[bytes]);
        }
        Ok((end - offset) as usize)
    }

    fn write(&self, offset: u64, amount: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<usize> {
        if self.read_only {
            return Err(Error::EROFS);
        }
        let end = offset + self.bytes.saturating_sub(offset).min(amount as u64);
        if end == offset && amount > 0 {
            return Err(Error::ENOSPC);
        }
        let mut at = offset;
        while at < end {
            let (first, count, bytes) = piece(at, end);
            let (device, buffer) = &mut *self.device.lock();
            let buffer = &mut buffer[..count * SECTOR];
            // What is written in part is read first.
            let last = (count - 1) * SECTOR;
            if bytes.start != 0 || bytes.end < SECTOR {
                device.read(first, &mut buffer[..SECTOR])?;
            }
            if bytes.end != buffer.len() && last > 0 {
                device.read(first + count as u64 - 1, &mut buffer[last..])?;
            }
            at += bytes.len() as u64;
            fill(&mut buffer[bytes]);
            device.write(first, buffer)?;
        }
        Ok((end - offset) as usize)
    }

    fn flush(&self) -> Result<()> {
        // What was written is kept; a lock that is free says that all is written.
        drop(self.device.lock());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Memory(Vec<u8>);

    impl Sectors for Memory {
        fn count(&self) -> u64 {
            (self.0.len() / SECTOR) as u64
        }

        fn read_only(&self) -> bool {
            false
        }

        fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<()> {
            assert_eq!(buffer.len() % SECTOR, 0);
            buffer.copy_from_slice(&self.0[first as usize * SECTOR..][..buffer.len()]);
            Ok(())
        }

        fn write(&mut self, first: u64, data: &[u8]) -> Result<()> {
            assert_eq!(data.len() % SECTOR, 0);
            self.0[first as usize * SECTOR..][..data.len()].copy_from_slice(data);
            Ok(())
        }
    }

    #[test]
    fn any_range_of_bytes_is_read_and_written_and_no_other() {
        let bytes = 3 * MOST * SECTOR;
        let mut model: Vec<u8> = (0..bytes).map(|at| (at * 7 + at / 300) as u8).collect();
        let disk = Whole::new(Memory(model.clone()));
        let ranges = [
            (0, 1),
            (511, 2),
            (512, 512),
            (3, 509),
            (100, 3000),
            (1, 2 * MOST * SECTOR),
            (SECTOR * 5, MOST * SECTOR),
            (bytes - 1, 1),
            (bytes - 700, 700),
        ];
        for (number, (offset, amount)) in ranges.into_iter().enumerate() {
            let mut read: Vec<u8> = Vec::new();
            let count = disk.read(offset as u64, amount, &mut |part| read.extend(part));
            assert_eq!((count, read.len()), (Ok(amount), amount));
            assert!(read == model[offset..offset + amount], "{offset} {amount}");
            let fill = &mut |part: &mut [u8]| part.fill(number as u8);
            assert_eq!(disk.write(offset as u64, amount, fill), Ok(amount));
            model[offset..offset + amount].fill(number as u8);
            assert!(disk.device.lock().0.0 == model, "{offset} {amount}");
        }
    }

    #[test]
    fn the_end_of_the_disk_is_kept() {
        let disk = Whole::new(Memory(vec![0; SECTOR]));
        assert_eq!(disk.read(500, 100, &mut |_| {}), Ok(12));
        assert_eq!(disk.read(600, 100, &mut |_| {}), Ok(0));
        assert_eq!(disk.write(500, 100, &mut |_| {}), Ok(12));
        assert_eq!(disk.write(512, 1, &mut |_| {}), Err(Error::ENOSPC));
    }
}
