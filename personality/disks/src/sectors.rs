use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use machuser::sync::Mutex;
use machuser::{Error, Result};

use crate::Disk;

/// Bytes of most devices' sectors.
pub const SECTOR: usize = 512;
/// The most bytes that are asked for at a time.
pub const MOST: usize = 64 * 1024;

/// A device that reads and writes whole sectors, one request at a time.
pub trait Sectors: Send {
    /// Bytes of a sector: a power of two, up to [`MOST`].
    fn sector(&self) -> usize {
        SECTOR
    }

    /// How many sectors it has.
    fn count(&self) -> u64;

    /// Whether it refuses writes.
    fn read_only(&self) -> bool;

    /// Fills `buffer`, whole sectors of up to [`MOST`] bytes, with those from `first` on.
    fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<()>;

    /// Writes `data`, whole sectors of up to [`MOST`] bytes, from `first` on.
    fn write(&mut self, first: u64, data: &[u8]) -> Result<()>;

    /// Makes the device keep what was written; nothing to do for one that keeps it when `write`
    /// answers.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Such a device as a disk.
pub struct Whole<S> {
    device: Mutex<(S, Vec<u8>)>,
    sector: usize,
    bytes: u64,
    read_only: bool,
}

impl<S: Sectors> Whole<S> {
    /// The disk that the device is.
    pub fn new(device: S) -> Whole<S> {
        Whole {
            sector: device.sector(),
            bytes: device.count().saturating_mul(device.sector() as u64),
            read_only: device.read_only(),
            device: Mutex::new((device, vec![0; MOST])),
        }
    }

    /// The next piece of a range of bytes, in sectors: the first one, the bytes of all, and those of
    /// the piece within them.
    fn piece(&self, at: u64, end: u64) -> (u64, usize, Range<usize>) {
        let first = at / self.sector as u64;
        let from = (at % self.sector as u64) as usize;
        let to = (end - at).min((MOST - from) as u64) as usize + from;
        (first, to.next_multiple_of(self.sector), from..to)
    }
}

impl<S: Sectors> Disk for Whole<S> {
    fn size(&self) -> u64 {
        self.bytes
    }

    fn sector(&self) -> u64 {
        self.sector as u64
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read(&self, offset: u64, amount: usize, sink: &mut dyn FnMut(&[u8])) -> Result<usize> {
        let end = offset + self.bytes.saturating_sub(offset).min(amount as u64);
        let mut at = offset;
        while at < end {
            let (first, whole, bytes) = self.piece(at, end);
            let (device, buffer) = &mut *self.device.lock();
            device.read(first, &mut buffer[..whole])?;
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
            let (first, whole, bytes) = self.piece(at, end);
            let (device, buffer) = &mut *self.device.lock();
            let buffer = &mut buffer[..whole];
            // What is written in part is read first.
            let last = whole - self.sector;
            if bytes.start != 0 || bytes.end < self.sector {
                device.read(first, &mut buffer[..self.sector])?;
            }
            if bytes.end != whole && last > 0 {
                device.read(first + (last / self.sector) as u64, &mut buffer[last..])?;
            }
            at += bytes.len() as u64;
            fill(&mut buffer[bytes]);
            device.write(first, buffer)?;
        }
        Ok((end - offset) as usize)
    }

    fn flush(&self) -> Result<()> {
        self.device.lock().0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Memory {
        sector: usize,
        content: Vec<u8>,
    }

    impl Sectors for Memory {
        fn sector(&self) -> usize {
            self.sector
        }

        fn count(&self) -> u64 {
            (self.content.len() / self.sector) as u64
        }

        fn read_only(&self) -> bool {
            false
        }

        fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<()> {
            assert!(buffer.len().is_multiple_of(self.sector) && buffer.len() <= MOST);
            buffer.copy_from_slice(&self.content[first as usize * self.sector..][..buffer.len()]);
            Ok(())
        }

        fn write(&mut self, first: u64, data: &[u8]) -> Result<()> {
            assert!(data.len().is_multiple_of(self.sector) && data.len() <= MOST);
            self.content[first as usize * self.sector..][..data.len()].copy_from_slice(data);
            Ok(())
        }
    }

    #[test]
    fn any_range_of_bytes_is_read_and_written_and_no_other() {
        for sector in [512, 4096] {
            let bytes = 3 * MOST;
            let mut model: Vec<u8> = (0..bytes).map(|at| (at * 7 + at / 300) as u8).collect();
            let content = model.clone();
            let disk = Whole::new(Memory { sector, content });
            assert_eq!((disk.size(), disk.sector()), (bytes as u64, sector as u64));
            let ranges = [
                (0, 1),
                (511, 2),
                (512, 512),
                (3, 509),
                (100, 3000),
                (4000, 200),
                (1, 2 * MOST),
                (sector * 5, MOST),
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
                assert!(disk.device.lock().0.content == model, "{offset} {amount}");
            }
        }
    }

    #[test]
    fn the_end_of_the_disk_is_kept() {
        let content = vec![0; SECTOR];
        let disk = Whole::new(Memory { sector: SECTOR, content });
        assert_eq!(disk.read(500, 100, &mut |_| {}), Ok(12));
        assert_eq!(disk.read(600, 100, &mut |_| {}), Ok(0));
        assert_eq!(disk.write(500, 100, &mut |_| {}), Ok(12));
        assert_eq!(disk.write(512, 1, &mut |_| {}), Err(Error::ENOSPC));
    }
}
