//! ELF images of static programs.
//!
//! Reading is done in two steps, because the program headers may lie anywhere:
//! [`Header::parse`] looks at the first bytes and says where they are,
//! [`Header::image`] reads them. Everything that a loader computes with is checked
//! here: no sum overflows, segments lie in the address range, in the file, and
//! apart from each other, and nothing is both writable and executable.
//!
//! Source: System V ABI, Object Files (ELF-64), and its processor supplements.

use alloc::vec::Vec;
use core::fmt;

use elf::abi;
use elf::endian::{EndianParse, LittleEndian};
use elf::file::{Class, FileHeader, parse_ident};
use elf::segment::{ProgramHeader, SegmentTable};

use crate::{PAGE, page_down, page_up};

/// The machine that images must be for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// `e_machine`.
    pub machine: u16,
    /// Lowest address that may be mapped.
    pub lowest: u64,
    /// First address that may not be mapped any more.
    pub highest: u64,
    /// Where a position-independent program goes.
    pub base: u64,
}

/// Why a file is no program for this machine. Every one is `ENOEXEC` to a caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// No ELF file, or one whose header is cut off.
    NotElf,
    /// Another word size, byte order, version or machine.
    OtherMachine,
    /// No executable: an object file, a core dump.
    NotExecutable,
    /// The program wants a dynamic linker.
    Dynamic,
    /// The program headers have another size, are too many, or lie outside the file.
    BadProgramHeaders,
    /// There is nothing to load.
    NoSegments,
    /// A segment's sizes, alignment or place in the file are not valid.
    BadSegment,
    /// A segment lies outside the address range.
    OutOfRange,
    /// Two segments share a page, or are not in order.
    Overlap,
    /// A segment is writable and executable.
    WritableCode,
    /// The entry point is not in an executable segment.
    BadEntry,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotElf => "no ELF file",
            Self::OtherMachine => "made for another machine",
            Self::NotExecutable => "no executable",
            Self::Dynamic => "needs a dynamic linker",
            Self::BadProgramHeaders => "malformed program headers",
            Self::NoSegments => "nothing to load",
            Self::BadSegment => "malformed segment",
            Self::OutOfRange => "segment outside the address range",
            Self::Overlap => "segments overlap",
            Self::WritableCode => "writable code",
            Self::BadEntry => "entry point outside the code",
        })
    }
}

impl core::error::Error for Error {}

/// Most bytes that program headers may occupy.
pub const MAX_PROGRAM_HEADERS: u64 = 64 << 10;
/// Bytes that [`Header::parse`] needs, if the file has as many.
pub const HEADER_SIZE: usize = 64;
const PROGRAM_HEADER_SIZE: u64 = 56;

/// A checked ELF header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    target: Target,
    entry: u64,
    bias: u64,
    headers_offset: u64,
    headers_count: u64,
    file_size: u64,
}

/// What may be done with a segment's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protection {
    /// It can be read. Set for every segment: no machine here maps write-only memory.
    pub read: bool,
    /// It can be written.
    pub write: bool,
    /// It can be executed.
    pub execute: bool,
}

/// A piece of the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Where it begins; page aligned.
    pub start: u64,
    /// End of the pages that hold bytes of the file; page aligned.
    pub file_end: u64,
    /// End of the memory; page aligned, not below `file_end`. Pages from
    /// `file_end` on, and what the file does not fill before it, are zero.
    pub end: u64,
    /// Offset of the file's bytes from `start`, less than a page.
    pub skip: u64,
    /// Where in the file the bytes are.
    pub offset: u64,
    /// How many bytes the file has.
    pub size: u64,
    /// What may be done with the memory.
    pub protection: Protection,
}

impl Segment {
    /// Bytes of the pages that hold the file's bytes.
    pub const fn file_pages(&self) -> u64 {
        self.file_end - self.start
    }

    /// Whether all processes can share the pages.
    pub const fn shared(&self) -> bool {
        !self.protection.write
    }
}

/// A program that can be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// Where it starts.
    pub entry: u64,
    /// What to map, in ascending order of address, never empty.
    pub segments: Vec<Segment>,
    /// Where the program headers are in the program's memory, if they are.
    pub headers: Option<u64>,
    /// How many program headers there are.
    pub headers_count: u64,
}

impl Header {
    /// Checks the first bytes of a file of `file_size` bytes.
    pub fn parse(start: &[u8], file_size: u64, target: Target) -> Result<Self, Error> {
        if start.len() < HEADER_SIZE
            || file_size < HEADER_SIZE as u64
            || !start.starts_with(&abi::ELFMAGIC)
        {
            return Err(Error::NotElf);
        }
        let ident = parse_ident::<LittleEndian>(&start[..abi::EI_NIDENT])
            .map_err(|_| Error::OtherMachine)?;
        if ident.1 != Class::ELF64 || !ident.0.is_little() {
            return Err(Error::OtherMachine);
        }
        let header = FileHeader::parse_tail(ident, &start[abi::EI_NIDENT..HEADER_SIZE])
            .map_err(|_| Error::NotElf)?;
        if header.version != u32::from(abi::EV_CURRENT) || header.e_machine != target.machine {
            return Err(Error::OtherMachine);
        }
        let bias = match header.e_type {
            abi::ET_EXEC => 0,
            abi::ET_DYN => target.base,
            _ => return Err(Error::NotExecutable),
        };
        let parsed = Self {
            target,
            entry: header.e_entry.checked_add(bias).ok_or(Error::BadEntry)?,
            bias,
            headers_offset: header.e_phoff,
            headers_count: u64::from(header.e_phnum),
            file_size,
        };
        let bytes = parsed.headers_count * PROGRAM_HEADER_SIZE;
        let inside = header
            .e_phoff
            .checked_add(bytes)
            .is_some_and(|end| end <= file_size);
        if bytes == 0 {
            return Err(Error::NoSegments);
        }
        if u64::from(header.e_phentsize) != PROGRAM_HEADER_SIZE
            || bytes > MAX_PROGRAM_HEADERS
            || !inside
        {
            return Err(Error::BadProgramHeaders);
        }
        Ok(parsed)
    }

    /// Where in the file the program headers are: offset and bytes.
    pub const fn program_headers(&self) -> (u64, usize) {
        (
            self.headers_offset,
            (self.headers_count * PROGRAM_HEADER_SIZE) as usize,
        )
    }

    /// Reads the program headers, the bytes at [`program_headers`](Self::program_headers).
    pub fn image(&self, headers: &[u8]) -> Result<Image, Error> {
        if headers.len() as u64 != self.headers_count * PROGRAM_HEADER_SIZE {
            return Err(Error::BadProgramHeaders);
        }
        let mut segments: Vec<Segment> = Vec::new();
        let mut in_memory = None;
        for header in SegmentTable::new(LittleEndian, Class::ELF64, headers).iter() {
            match header.p_type {
                abi::PT_INTERP => return Err(Error::Dynamic),
                abi::PT_LOAD if header.p_memsz != 0 => {
                    let segment = self.segment(&header)?;
                    if segments.last().is_some_and(|last| last.end > segment.start) {
                        return Err(Error::Overlap);
                    }
                    if let Some(skip) = self.headers_offset.checked_sub(header.p_offset)
                        && skip
                            .checked_add(headers.len() as u64)
                            .is_some_and(|end| end <= header.p_filesz)
                    {
                        in_memory = Some(header.p_vaddr + self.bias + skip);
                    }
                    segments.push(segment);
                }
                abi::PT_LOAD if header.p_filesz != 0 => return Err(Error::BadSegment),
                _ => {}
            }
        }
        if segments.is_empty() {
            return Err(Error::NoSegments);
        }
        let in_code = |s: &Segment| s.protection.execute && (s.start..s.end).contains(&self.entry);
        if !segments.iter().any(in_code) {
            return Err(Error::BadEntry);
        }
        Ok(Image {
            entry: self.entry,
            segments,
            headers: in_memory,
            headers_count: self.headers_count,
        })
    }

    fn segment(&self, header: &ProgramHeader) -> Result<Segment, Error> {
        let congruent = header.p_vaddr % PAGE == header.p_offset % PAGE;
        let in_file = header
            .p_offset
            .checked_add(header.p_filesz)
            .is_some_and(|end| end <= self.file_size);
        if header.p_filesz > header.p_memsz || !in_file || (header.p_filesz != 0 && !congruent) {
            return Err(Error::BadSegment);
        }
        let address = header
            .p_vaddr
            .checked_add(self.bias)
            .ok_or(Error::OutOfRange)?;
        let end = address
            .checked_add(header.p_memsz)
            .and_then(page_up)
            .ok_or(Error::OutOfRange)?;
        let start = page_down(address);
        if start < self.target.lowest || end > self.target.highest {
            return Err(Error::OutOfRange);
        }
        let file_end = match header.p_filesz {
            0 => start,
            size => page_up(address + size).ok_or(Error::OutOfRange)?,
        };
        let protection = Protection {
            read: true,
            write: header.p_flags & abi::PF_W != 0,
            execute: header.p_flags & abi::PF_X != 0,
        };
        if protection.write && protection.execute {
            return Err(Error::WritableCode);
        }
        Ok(Segment {
            start,
            file_end,
            end,
            skip: address - start,
            offset: header.p_offset,
            size: header.p_filesz,
            protection,
        })
    }
}

impl Image {
    /// Parses a file that lies in memory as a whole.
    pub fn parse(file: &[u8], target: Target) -> Result<Self, Error> {
        let header = Header::parse(file, file.len() as u64, target)?;
        let (offset, size) = header.program_headers();
        let start = usize::try_from(offset).map_err(|_| Error::BadProgramHeaders)?;
        let headers = file
            .get(start..)
            .and_then(|rest| rest.get(..size))
            .ok_or(Error::BadProgramHeaders)?;
        header.image(headers)
    }

    /// The lowest address of the image.
    pub fn low(&self) -> u64 {
        self.segments.first().map_or(0, |s| s.start)
    }

    /// The end of the image, page aligned.
    pub fn high(&self) -> u64 {
        self.segments.last().map_or(0, |s| s.end)
    }

    /// The pages of `segment` that hold bytes of `file`, complete with the zeros around them.
    pub fn pages(segment: &Segment, file: &[u8]) -> Option<Vec<u8>> {
        let offset = usize::try_from(segment.offset).ok()?;
        let size = usize::try_from(segment.size).ok()?;
        let skip = usize::try_from(segment.skip).ok()?;
        let bytes = file.get(offset..)?.get(..size)?;
        let mut pages = Vec::with_capacity(usize::try_from(segment.file_pages()).ok()?);
        pages.resize(skip, 0);
        pages.extend_from_slice(bytes);
        pages.resize(usize::try_from(segment.file_pages()).ok()?, 0);
        Some(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    #[derive(Clone, Copy)]
    struct Load {
        flags: u32,
        offset: u64,
        address: u64,
        file: u64,
        memory: u64,
    }

    fn elf(entry: u64, loads: &[Load], len: usize) -> Vec<u8> {
        let mut file = vec![0u8; len.max(64 + loads.len() * 56)];
        file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
        file[16..18].copy_from_slice(&abi::ET_EXEC.to_le_bytes());
        file[18..20].copy_from_slice(&Target::NATIVE.machine.to_le_bytes());
        file[20..24].copy_from_slice(&1u32.to_le_bytes());
        file[24..32].copy_from_slice(&entry.to_le_bytes());
        file[32..40].copy_from_slice(&64u64.to_le_bytes());
        file[52..54].copy_from_slice(&64u16.to_le_bytes());
        file[54..56].copy_from_slice(&56u16.to_le_bytes());
        file[56..58].copy_from_slice(&(loads.len() as u16).to_le_bytes());
        for (i, load) in loads.iter().enumerate() {
            let at = 64 + i * 56;
            file[at..at + 4].copy_from_slice(&abi::PT_LOAD.to_le_bytes());
            file[at + 4..at + 8].copy_from_slice(&load.flags.to_le_bytes());
            for (n, word) in [
                load.offset,
                load.address,
                load.address,
                load.file,
                load.memory,
                PAGE,
            ]
            .into_iter()
            .enumerate()
            {
                file[at + 8 + n * 8..at + 16 + n * 8].copy_from_slice(&word.to_le_bytes());
            }
        }
        file
    }

    const RX: u32 = 5;
    const RW: u32 = 6;
    const TEXT: Load = Load {
        flags: RX,
        offset: 0,
        address: 0x101_0000,
        file: 0x1200,
        memory: 0x1200,
    };
    const DATA: Load = Load {
        flags: RW,
        offset: 0x1200,
        address: 0x101_3200,
        file: 0x100,
        memory: 0x5000,
    };

    fn parse(file: &[u8]) -> Result<Image, Error> {
        Image::parse(file, Target::NATIVE)
    }

    #[test]
    fn a_program_of_code_and_data_is_laid_out_in_pages() {
        let file = elf(0x101_0800, &[TEXT, DATA], 0x1300);
        let image = parse(&file).unwrap();
        assert_eq!((image.low(), image.high()), (0x101_0000, 0x101_9000));
        assert_eq!(image.headers, Some(0x101_0040));
        let data = image.segments[1];
        assert_eq!(
            (data.start, data.file_end, data.end, data.skip),
            (0x101_3000, 0x101_4000, 0x101_9000, 0x200)
        );
        let pages = Image::pages(&data, &file).unwrap();
        assert_eq!(pages.len(), 0x1000);
        assert_eq!(pages[0x200..0x300], file[0x1200..0x1300]);
        assert!(
            pages[..0x200]
                .iter()
                .chain(&pages[0x300..])
                .all(|&b| b == 0)
        );
    }

    #[test]
    fn what_is_wrong_with_an_image_is_told() {
        let with = |change: &dyn Fn(&mut Load)| {
            let mut data = DATA;
            change(&mut data);
            parse(&elf(0x101_0800, &[TEXT, data], 0x1300))
        };
        assert_eq!(
            with(&|d| d.address = 0x101_1200).err(),
            Some(Error::Overlap)
        );
        assert_eq!(with(&|d| d.flags = 7).err(), Some(Error::WritableCode));
        assert_eq!(with(&|d| d.file = 0x101).err(), Some(Error::BadSegment));
        assert_eq!(with(&|d| d.memory = 0x50).err(), Some(Error::BadSegment));
        assert_eq!(with(&|d| d.address += 1).err(), Some(Error::BadSegment));
        assert_eq!(
            with(&|d| d.memory = u64::MAX).err(),
            Some(Error::OutOfRange)
        );
        assert_eq!(
            with(&|d| d.address = 0x8000_0000_0200).err(),
            Some(Error::OutOfRange)
        );
        assert_eq!(
            parse(&elf(0x101_3800, &[TEXT, DATA], 0x1300)).err(),
            Some(Error::BadEntry)
        );
        assert_eq!(parse(&elf(0, &[], 0x1300)).err(), Some(Error::NoSegments));
        assert_eq!(parse(b"#!/bin/sh\n").err(), Some(Error::NotElf));
        let mut file = elf(0x101_0800, &[TEXT], 0x1300);
        file[18] ^= 1;
        assert_eq!(parse(&file).err(), Some(Error::OtherMachine));
        let mut file = elf(0x101_0800, &[TEXT], 0x1300);
        file[64] = abi::PT_INTERP as u8;
        assert_eq!(parse(&file).err(), Some(Error::Dynamic));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_fail_otherwise_than_by_an_error(
            flips in proptest::collection::vec((0usize..200, any::<u8>()), 0..24),
            cut in 0usize..0x1400,
        ) {
            let mut file = elf(0x101_0800, &[TEXT, DATA], 0x1300);
            for (at, value) in flips {
                file[at] = value;
            }
            file.truncate(cut.max(1));
            if let Ok(image) = parse(&file) {
                let mut last = Target::NATIVE.lowest;
                for segment in &image.segments {
                    prop_assert!(last <= segment.start && segment.start <= segment.file_end);
                    prop_assert!(segment.file_end <= segment.end && segment.end <= Target::NATIVE.highest);
                    prop_assert!(segment.skip < PAGE && segment.skip + segment.size <= segment.file_pages());
                    prop_assert!(segment.file_pages() > file.len() as u64 + 2 * PAGE
                        || Image::pages(segment, &file).is_some());
                    last = segment.end;
                }
            }
        }
    }
}
