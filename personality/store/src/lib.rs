//! Stores: what a file system or a device file lies on.
//!
//! A store is a row of bytes of fixed length that somebody else keeps. It is named by words:
//!
//! | name | what it is |
//! |---|---|
//! | `PATH`, `file:PATH`, `device:PATH` | whatever serves `io` at that path: a disk driver, a file |
//! | `fd:N` | what the program was started with as descriptor N |
//! | `dir:N:NAME` | the file NAME in the directory that is descriptor N |
//! | `memory:N:SIZE` | so much of the memory object that is descriptor N, read only |
//! | `zero:SIZE` | zeroes; what is written is forgotten |
//! | `slice:START:LENGTH:STORE` | a part of another store, in bytes |
//! | `part:N:STORE` | a partition of another store |
//!
//! When the server behind a path or a directory ends, the store is opened again as it was before.
//!
//! SIZE, START and LENGTH are numbers of bytes with an optional suffix K, M, G or T.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod partition;

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use fshelp::{Opener, Steady, lookup};
use interface::{fs, io};
use machuser::mach::Mapping;
use machuser::sync::Mutex;
use machuser::{Error, MAX_BULK, Result, SendRight};

pub use partition::{Range, all as partitions};

/// How deep names of stores may be nested.
const DEPTH: usize = 8;

/// A row of bytes.
pub trait Store: Send + Sync {
    /// Its length in bytes.
    fn size(&self) -> u64;

    /// Bytes of the sectors that a partition table in it counts.
    fn sector(&self) -> u64 {
        512
    }

    /// Whether it cannot be written.
    fn read_only(&self) -> bool;

    /// Fills `buffer` with the bytes from `offset` on, or fails as a whole. `EINVAL` beyond the
    /// end.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;

    /// Writes all of `data` at `offset`. `EROFS`, `ENOSPC` beyond the end.
    fn write(&self, offset: u64, data: &[u8]) -> Result<()>;

    /// Writes back what is cached below.
    fn flush(&self) -> Result<()>;
}

/// Checks that a range lies in a store.
fn check(store: &dyn Store, offset: u64, length: usize, beyond: Error) -> Result<()> {
    let fits = offset
        .checked_add(length as u64)
        .is_some_and(|end| end <= store.size());
    if fits { Ok(()) } else { Err(beyond) }
}

/// What serves `io`: a disk's driver, a file. When its server ends, it is opened again if it can be:
/// a request reads or writes the same bytes at the same place however often it is made.
pub struct Io {
    port: Steady,
    size: u64,
    writable: bool,
}

impl Io {
    /// The store behind a port that is open for reading, and for writing if it is to be written.
    /// Its length is asked for once. `opener` opens it again.
    pub fn new(port: SendRight, opener: Option<Opener>) -> Result<Io> {
        let modes = io::io_get_openmodes(&port)?;
        let length = size(&port)?;
        let opener = opener.map(|open| -> Opener {
            Box::new(move || match open()? {
                port if size(&port)? == length => Ok(port),
                _ => Err(Error::EIO),
            })
        });
        Ok(Io {
            port: Steady::new(port, opener),
            size: length,
            writable: modes & fs::O_WRITE != 0,
        })
    }

    fn opened(opener: Opener) -> Result<Io> {
        Io::new(opener()?, Some(opener))
    }
}

fn size(port: &SendRight) -> Result<u64> {
    u64::try_from(io::io_stat(port)?.size).map_err(|_| Error::EINVAL)
}

impl Store for Io {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_only(&self) -> bool {
        !self.writable
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check(self, offset, buffer.len(), Error::EINVAL)?;
        let mut at = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let amount = rest.len().min(MAX_BULK);
            let offset = i64::try_from(at).map_err(|_| Error::EINVAL)?;
            let part = &mut rest[..amount];
            let count = self.port.ask(|port| io::io_read(port, offset, amount, part))?;
            if count == 0 {
                return Err(Error::EIO);
            }
            at += count as u64;
            rest = &mut rest[count..];
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        if !self.writable {
            return Err(Error::EROFS);
        }
        check(self, offset, data.len(), Error::ENOSPC)?;
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let amount = rest.len().min(MAX_BULK);
            let offset = i64::try_from(at).map_err(|_| Error::EINVAL)?;
            let count = self.port.ask(|port| io::io_write(port, &rest[..amount], offset))?;
            if count == 0 || count > amount {
                return Err(Error::EIO);
            }
            at += count as u64;
            rest = &rest[count..];
        }
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        match self.port.ask(|port| fs::file_sync(port, 1, 0)) {
            // What has no file interface caches nothing.
            Err(error) if error.is_unsupported() => Ok(()),
            result => result,
        }
    }
}

/// Zeroes.
pub struct Zero {
    size: u64,
}

impl Store for Zero {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_only(&self) -> bool {
        false
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check(self, offset, buffer.len(), Error::EINVAL)?;
        buffer.fill(0);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        check(self, offset, data.len(), Error::ENOSPC)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// A store in memory.
pub struct Memory(Mutex<Vec<u8>>);

impl Memory {
    /// A store with this content.
    pub fn new(bytes: Vec<u8>) -> Memory {
        Memory(Mutex::new(bytes))
    }
}

impl Store for Memory {
    fn size(&self) -> u64 {
        self.0.lock().len() as u64
    }

    fn read_only(&self) -> bool {
        false
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check(self, offset, buffer.len(), Error::EINVAL)?;
        buffer.copy_from_slice(&self.0.lock()[offset as usize..][..buffer.len()]);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        check(self, offset, data.len(), Error::ENOSPC)?;
        self.0.lock()[offset as usize..][..data.len()].copy_from_slice(data);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// A memory object that can be read.
struct Object {
    mapping: Mapping,
    size: u64,
}

impl Store for Object {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_only(&self) -> bool {
        true
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check(self, offset, buffer.len(), Error::EINVAL)?;
        self.mapping.read(offset as usize, buffer);
        Ok(())
    }

    fn write(&self, _offset: u64, _data: &[u8]) -> Result<()> {
        Err(Error::EROFS)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// A part of another store.
pub struct Slice {
    inner: Box<dyn Store>,
    range: Range,
}

impl Slice {
    /// The part of `inner` that `range` says; `EINVAL` if it has no such part.
    pub fn new(inner: Box<dyn Store>, range: Range) -> Result<Slice> {
        let fits = range
            .start
            .checked_add(range.length)
            .is_some_and(|end| end <= inner.size());
        if fits {
            Ok(Slice { inner, range })
        } else {
            Err(Error::EINVAL)
        }
    }

    /// The partition of `inner` with this number, from 1.
    pub fn partition(inner: Box<dyn Store>, number: u32) -> Result<Slice> {
        let range = partition::find(&*inner, number)?;
        Slice::new(inner, range)
    }
}

impl Store for Slice {
    fn size(&self) -> u64 {
        self.range.length
    }

    fn read_only(&self) -> bool {
        self.inner.read_only()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        check(self, offset, buffer.len(), Error::EINVAL)?;
        self.inner.read(self.range.start + offset, buffer)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        check(self, offset, data.len(), Error::ENOSPC)?;
        self.inner.write(self.range.start + offset, data)
    }

    fn flush(&self) -> Result<()> {
        self.inner.flush()
    }
}

/// How the ports behind paths and descriptors are found.
pub trait Resolver: Send + Sync {
    /// Opens the file at `path` for reading, and for writing if `write`.
    fn open(&self, path: &[u8], write: bool) -> Result<SendRight>;
    /// The descriptor that the program was started with; `EBADF` if there is none.
    fn descriptor(&self, number: usize) -> Result<SendRight>;
}

/// Opens the store that `name` says (see the crate's page), for writing if `write`.
///
/// # Errors
/// `EINVAL` if the name is malformed, and what opening fails with.
pub fn open(name: &[u8], write: bool, resolver: &'static dyn Resolver) -> Result<Box<dyn Store>> {
    nested(name, write, resolver, DEPTH)
}

fn nested(
    name: &[u8],
    write: bool,
    resolver: &'static dyn Resolver,
    depth: usize,
) -> Result<Box<dyn Store>> {
    let depth = depth.checked_sub(1).ok_or(Error::EINVAL)?;
    let split = |text: &[u8]| -> Option<(Vec<u8>, Vec<u8>)> {
        let colon = text.iter().position(|&byte| byte == b':')?;
        Some((text[..colon].to_vec(), text[colon + 1..].to_vec()))
    };
    let kind = split(name).filter(|(kind, _)| !kind.contains(&b'/'));
    let by_path = |path: Vec<u8>| -> Result<Box<dyn Store>> {
        let opener = Box::new(move || resolver.open(&path, write));
        Ok(Box::new(Io::opened(opener)?))
    };
    let Some((kind, rest)) = kind else {
        return by_path(name.to_vec());
    };
    match &*kind {
        b"file" | b"device" => by_path(rest),
        b"fd" => {
            let number = parse_size(&rest).ok_or(Error::EINVAL)? as usize;
            Ok(Box::new(Io::new(resolver.descriptor(number)?, None)?))
        }
        b"dir" => {
            let (number, name) = split(&rest).ok_or(Error::EINVAL)?;
            let number = parse_size(&number).ok_or(Error::EINVAL)? as usize;
            let directory = Arc::new(resolver.descriptor(number)?);
            let flags = fs::O_READ | if write { fs::O_WRITE } else { 0 };
            let opener = Box::new(move || lookup::open_at(directory.clone(), &name, flags, 0));
            Ok(Box::new(Io::opened(opener)?))
        }
        b"memory" => {
            let (number, size) = split(&rest).ok_or(Error::EINVAL)?;
            let number = parse_size(&number).ok_or(Error::EINVAL)? as usize;
            let size = parse_size(&size).ok_or(Error::EINVAL)?;
            let object = resolver.descriptor(number)?;
            let mapping = Mapping::new(&object, 0, size, false)?;
            Ok(Box::new(Object { mapping, size }))
        }
        b"zero" => Ok(Box::new(Zero {
            size: parse_size(&rest).ok_or(Error::EINVAL)?,
        })),
        b"slice" => {
            let (start, rest) = split(&rest).ok_or(Error::EINVAL)?;
            let (length, inner) = split(&rest).ok_or(Error::EINVAL)?;
            let range = Range {
                start: parse_size(&start).ok_or(Error::EINVAL)?,
                length: parse_size(&length).ok_or(Error::EINVAL)?,
            };
            Ok(Box::new(Slice::new(
                nested(&inner, write, resolver, depth)?,
                range,
            )?))
        }
        b"part" => {
            let (number, inner) = split(&rest).ok_or(Error::EINVAL)?;
            let number = parse_size(&number).and_then(|number| u32::try_from(number).ok());
            let inner = nested(&inner, write, resolver, depth)?;
            Ok(Box::new(Slice::partition(
                inner,
                number.ok_or(Error::EINVAL)?,
            )?))
        }
        _ => Err(Error::EINVAL),
    }
}

/// A number of bytes, with an optional suffix `K`, `M`, `G` or `T` (of either case) for powers of
/// 1024. `None` if it is no such number.
pub fn parse_size(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text.split_last()? {
        (b'k' | b'K', digits) => (digits, 10),
        (b'm' | b'M', digits) => (digits, 20),
        (b'g' | b'G', digits) => (digits, 30),
        (b't' | b'T', digits) => (digits, 40),
        _ => (text, 0),
    };
    let number: u64 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    number.checked_mul(1 << shift)
}

/// The shortest text that [`parse_size`] reads as this number.
pub fn format_size(bytes: u64) -> Vec<u8> {
    let unit = [(40, "T"), (30, "G"), (20, "M"), (10, "K")]
        .into_iter()
        .find(|(shift, _)| bytes != 0 && bytes.trailing_zeros() >= *shift);
    let (shift, suffix) = unit.unwrap_or((0, ""));
    format!("{}{suffix}", bytes >> shift).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    struct Nothing;
    impl Resolver for Nothing {
        fn open(&self, _path: &[u8], _write: bool) -> Result<SendRight> {
            Err(Error::ENOENT)
        }
        fn descriptor(&self, _number: usize) -> Result<SendRight> {
            Err(Error::EBADF)
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes) in [
            ("0", 0),
            ("7", 7),
            ("64M", 64 << 20),
            ("3K", 3072),
            ("1T", 1 << 40),
        ] {
            assert_eq!(parse_size(text.as_bytes()), Some(bytes));
            assert_eq!(format_size(bytes), text.as_bytes());
        }
        for text in ["", "M", "-1", "1X", "99999999999T", "1 "] {
            assert_eq!(parse_size(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_slice_of_zeroes_reads_zeroes_and_ends_where_it_should() {
        let store = open(b"slice:1K:2K:zero:4K", true, &Nothing).ok().unwrap();
        assert_eq!(store.size(), 2048);
        let mut buffer = vec![1; 2048];
        store.read(0, &mut buffer).unwrap();
        assert!(buffer.iter().all(|&byte| byte == 0));
        assert_eq!(store.read(1, &mut buffer), Err(Error::EINVAL));
        assert_eq!(store.write(2048, b"x"), Err(Error::ENOSPC));
    }

    #[test]
    fn malformed_names_are_refused() {
        for name in [
            "zero:x",
            "memory:3",
            "dir:3",
            "dir:x:vd0",
            "memory:x:4K",
            "slice:1:zero:4K",
            "slice:3K:2K:zero:4K",
            "part:1:zero:4K",
            "odd:1",
        ] {
            assert_eq!(
                open(name.as_bytes(), false, &Nothing).err(),
                Some(Error::EINVAL),
                "{name}"
            );
        }
        assert_eq!(
            open(b"/dev/none", false, &Nothing).err(),
            Some(Error::ENOENT)
        );
        assert_eq!(open(b"fd:3", false, &Nothing).err(), Some(Error::EBADF));
        let deep = [b"slice:0:1:".repeat(100).as_slice(), b"zero:1"].concat();
        assert_eq!(open(&deep, false, &Nothing).err(), Some(Error::EINVAL));
    }

    #[test]
    fn a_slice_writes_only_its_part() {
        let memory = Box::new(Memory::new(vec![9; 16]));
        let slice = Slice::new(
            memory,
            Range {
                start: 4,
                length: 4,
            },
        )
        .ok()
        .unwrap();
        slice.write(0, &[1, 2, 3, 4]).unwrap();
        let mut all = [0; 16];
        slice.inner.read(0, &mut all).unwrap();
        assert_eq!(all, [9, 9, 9, 9, 1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9]);
    }
}
