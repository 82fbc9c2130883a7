//! Files, memory and tasks for tests.

use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use elfload::PAGE;
use elfload::image::{Image, Protection, Segment};
use machuser::{Error, Result};

use crate::program::{File, Memory, Program};
use crate::start::Task;

/// A file that reads at most 100 bytes at a time.
pub struct Short<'a>(pub &'a [u8]);

impl File for Short<'_> {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let rest = self.0.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(into.len()).min(100);
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// Objects that are plain bytes.
pub struct Heap;

impl Memory for Heap {
    type Object = Vec<u8>;

    fn object(&self, bytes: u64, fill: &mut dyn FnMut(&mut [u8]) -> Result<()>) -> Result<Vec<u8>> {
        let mut pages = vec![0; bytes as usize];
        fill(&mut pages).map(|()| pages)
    }
}

/// A program with text at 0x1010000 and data at 0x1020100, of which 0x200 bytes are in the file.
pub fn elf() -> Vec<u8> {
    let mut file = vec![0x5au8; 0x1100];
    file.resize(0x1300, 0xda);
    file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    let put = |file: &mut Vec<u8>, at: usize, bytes: &[u8]| {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let machine = elfload::image::Target::NATIVE.machine.to_le_bytes();
    put(&mut file, 16, &[2, 0, machine[0], machine[1], 1, 0, 0, 0]);
    put(&mut file, 24, &0x101_0100u64.to_le_bytes());
    put(&mut file, 32, &64u64.to_le_bytes());
    put(&mut file, 52, &[64, 0, 56, 0, 2, 0]);
    let segments: [[u64; 7]; 2] = [
        [1 | 5 << 32, 0, 0x101_0000, 0, 0x1000, 0x1000, PAGE],
        [1 | 6 << 32, 0x1100, 0x102_0100, 0, 0x200, 0x4000, PAGE],
    ];
    for (i, words) in segments.iter().enumerate() {
        for (n, word) in words.iter().enumerate() {
            put(&mut file, 64 + i * 56 + n * 8, &word.to_le_bytes());
        }
    }
    file
}

/// A program whose file pages are so many.
pub fn program_of_pages(pages: u64) -> Program<u32> {
    let protection = Protection {
        read: true,
        write: false,
        execute: true,
    };
    let segment = Segment {
        start: PAGE * 16,
        file_end: PAGE * (16 + pages),
        end: PAGE * (16 + pages),
        skip: 0,
        offset: 0,
        size: pages * PAGE,
        protection,
    };
    let image = Image {
        entry: PAGE * 16,
        segments: vec![segment],
        headers: None,
        headers_count: 1,
    };
    Program::for_test(image, vec![Some(1)])
}

struct Area {
    start: u64,
    bytes: Vec<u8>,
    protection: Protection,
}

/// A task that is a list of areas.
pub struct FakeTask {
    areas: RefCell<Vec<Area>>,
    left: Cell<Option<usize>>,
}

const WRITABLE: Protection = Protection {
    read: true,
    write: true,
    execute: false,
};

impl FakeTask {
    /// With `left` operations to succeed, if it is some.
    pub fn new(left: Option<usize>) -> Self {
        Self {
            areas: RefCell::default(),
            left: Cell::new(left),
        }
    }

    fn step(&self) -> Result<()> {
        match self.left.get() {
            Some(0) => Err(Error::KERN_RESOURCE_SHORTAGE),
            left => {
                self.left.set(left.map(|n| n - 1));
                Ok(())
            }
        }
    }

    fn add(&self, start: u64, bytes: Vec<u8>, protection: Protection) -> Result<()> {
        let mut areas = self.areas.borrow_mut();
        let end = start + bytes.len() as u64;
        assert!(start % PAGE == 0 && !bytes.is_empty() && end % PAGE == 0);
        if areas
            .iter()
            .any(|a| a.start < end && start < a.start + a.bytes.len() as u64)
        {
            return Err(Error::KERN_NO_SPACE);
        }
        areas.push(Area {
            start,
            bytes,
            protection,
        });
        Ok(())
    }

    fn with<T>(&self, address: u64, f: impl FnOnce(&mut Area, usize) -> T) -> Option<T> {
        let mut areas = self.areas.borrow_mut();
        let area = areas
            .iter_mut()
            .find(|a| a.start <= address && address < a.start + a.bytes.len() as u64)?;
        let at = (address - area.start) as usize;
        Some(f(area, at))
    }

    /// Bytes of the task's memory.
    pub fn bytes(&self, address: u64, count: usize) -> Vec<u8> {
        self.with(address, |area, at| area.bytes[at..at + count].to_vec())
            .unwrap()
    }

    /// What may be done at an address.
    pub fn protection(&self, address: u64) -> Protection {
        self.with(address, |area, _| area.protection).unwrap()
    }
}

impl Task for FakeTask {
    type Object = Vec<u8>;
    type Right = u32;
    type Thread = u64;

    fn map(
        &self,
        address: u64,
        bytes: u64,
        object: &Vec<u8>,
        copy: bool,
        protection: Protection,
    ) -> Result<()> {
        self.step()?;
        assert!(copy == protection.write && object.len() as u64 == bytes);
        self.add(address, object.clone(), protection)
    }

    fn allocate(&self, address: u64, bytes: u64) -> Result<()> {
        self.step()?;
        self.add(address, vec![0; bytes as usize], WRITABLE)
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<()> {
        self.step()?;
        let written = self.with(address, |area, at| {
            assert!(area.protection.write);
            area.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        });
        written.ok_or(Error::KERN_INVALID_ADDRESS)
    }

    fn protect(&self, address: u64, _bytes: u64, protection: Protection) -> Result<()> {
        self.step()?;
        self.with(address, |area, _| area.protection = protection)
            .ok_or(Error::KERN_INVALID_ADDRESS)
    }

    fn give(&self, right: u32) -> Result<u32> {
        self.step().map(|()| right + 1000)
    }

    fn thread(&self, page: u64) -> Result<u64> {
        self.step().map(|()| page)
    }
}
