//! Making a bootable image of a loader, a kernel and a root task. On the host only.

use std::vec::Vec;

use object::elf::{EM_AARCH64, FileHeader64, PT_LOAD};
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};

use crate::payload::{self, HEADER_SIZE, Header};
use crate::{PAGE_SIZE, page_up};

/// Where the arm64 image header has the size of the image's memory, and our own word behind it
/// the size of the file.
const IMAGE_SIZE_OFFSET: usize = 16;
const FILE_SIZE_OFFSET: usize = 64;

/// Largest root task, in bytes of memory: what the kernel's root CNode has slots for.
pub const ROOT_LIMIT: u64 = 64 << 20;

/// Why there is no image.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not an AArch64 program.
    #[error("the {file} is not an AArch64 ELF program: {reason}")]
    NotAProgram {
        /// Which file.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A file lacks a symbol.
    #[error("the {file} has no symbol `{symbol}`")]
    NoSymbol {
        /// Which file.
        file: &'static str,
        /// The symbol.
        symbol: &'static str,
    },
    /// The kernel lies where the loader is, or not at the start of a large page.
    #[error("the kernel, the loader and the root task do not fit each other: {0}")]
    Layout(payload::Error),
    /// The root task takes more memory than the kernel has slots for.
    #[error("the root task takes {0} bytes of memory; at most {ROOT_LIMIT} work")]
    RootTooLarge(u64),
}

/// A program as it lies in memory.
struct Flat {
    /// Address of its first byte, the lowest of any segment.
    start: u64,
    /// Its bytes up to the end of the last that is not zeroed memory.
    bytes: Vec<u8>,
    /// Bytes of memory it takes, with the zeroed ones.
    memory_size: u64,
    /// Difference of virtual addresses to those that `start` counts in.
    virtual_offset: u64,
    entry: u64,
    symbols: Vec<(String, u64)>,
}

/// Which of a segment's addresses counts.
#[derive(Clone, Copy, PartialEq)]
enum Address {
    Physical,
    Virtual,
}

/// Makes an image of three ELF programs: this crate's, built for the board, the kernel, and the
/// root task.
///
/// # Errors
///
/// See [`Error`].
pub fn make_image(loader: &[u8], kernel: &[u8], root: &[u8]) -> Result<Vec<u8>, Error> {
    let loader = flatten("loader", loader, Address::Virtual, 1)?;
    let kernel = flatten("kernel", kernel, Address::Physical, 1)?;
    let root = flatten("root task", root, Address::Virtual, PAGE_SIZE)?;

    let loader_end = symbol("loader", &loader, "__loader_end")?;
    let mut image = loader.bytes;
    let payload_offset = loader_end.wrapping_sub(loader.start);
    if payload_offset > ROOT_LIMIT || (payload_offset as usize) < image.len() {
        return Err(Error::Layout(payload::Error::BadAddress));
    }
    let payload_offset = payload_offset as usize;
    image.resize(payload_offset, 0);
    image.resize(payload_offset + HEADER_SIZE, 0);

    // Eight bytes for the kernel, so that it is copied by words.
    image.resize(image.len().next_multiple_of(8), 0);
    let kernel_offset = (image.len() - payload_offset) as u64;
    image.extend(&kernel.bytes);
    image.resize(image.len().next_multiple_of(PAGE_SIZE as usize), 0);
    let root_offset = (image.len() - payload_offset) as u64;
    image.extend(&root.bytes);

    let root_memory_size =
        page_up(root.memory_size).ok_or(Error::RootTooLarge(root.memory_size))?;
    if root_memory_size > ROOT_LIMIT {
        return Err(Error::RootTooLarge(root_memory_size));
    }
    // The end is the second word of the region that the symbol names.
    let region = symbol("kernel", &kernel, "avail_p_regs")?;
    let header = Header {
        kernel_offset,
        kernel_file_size: kernel.bytes.len() as u64,
        kernel_memory_size: kernel.memory_size,
        kernel_physical: kernel.start,
        kernel_virtual: kernel.start.wrapping_add(kernel.virtual_offset),
        kernel_entry: kernel.entry,
        kernel_memory_end: region.wrapping_sub(kernel.virtual_offset).wrapping_add(8),
        root_offset,
        root_file_size: root.bytes.len() as u64,
        root_memory_size,
        root_virtual: root.start,
        root_entry: root.entry,
    };
    let payload_length = (image.len() - payload_offset) as u64;
    header
        .check(payload_length, loader_end, loader.start)
        .map_err(Error::Layout)?;
    image[payload_offset..payload_offset + HEADER_SIZE].copy_from_slice(&header.to_bytes());

    let sum = payload::checksum(&image[payload_offset..]);
    image.extend(sum.to_le_bytes());
    let file_size = image.len() as u64;
    let memory_size = payload_offset as u64 + root_offset + root_memory_size;
    let memory_size = memory_size.max(file_size).next_multiple_of(PAGE_SIZE);
    for (offset, word) in [
        (IMAGE_SIZE_OFFSET, memory_size),
        (FILE_SIZE_OFFSET, file_size),
    ] {
        image[offset..offset + 8].copy_from_slice(&word.to_le_bytes());
    }
    Ok(image)
}

/// Lays a program out as it is in memory, from a multiple of `alignment` on.
fn flatten(
    file: &'static str,
    bytes: &[u8],
    address: Address,
    alignment: u64,
) -> Result<Flat, Error> {
    let bad = |reason: &str| Error::NotAProgram {
        file,
        reason: reason.into(),
    };
    let elf: ElfFile<'_, FileHeader64<Endianness>> =
        ElfFile::parse(bytes).map_err(|error| bad(&error.to_string()))?;
    let endian = elf.endian();
    if elf.elf_header().e_machine(endian) != EM_AARCH64 || !elf.is_little_endian() {
        return Err(bad("it is for another machine"));
    }
    let mut segments = Vec::new();
    for segment in elf.elf_program_headers() {
        if segment.p_type(endian) != PT_LOAD || segment.p_memsz(endian) == 0 {
            continue;
        }
        let data = segment
            .data(endian, bytes)
            .map_err(|()| bad("a segment is cut off"))?;
        let place = match address {
            Address::Physical => segment.p_paddr(endian),
            Address::Virtual => segment.p_vaddr(endian),
        };
        let size = segment.p_memsz(endian);
        let end = place
            .checked_add(size)
            .ok_or_else(|| bad("a segment is too large"))?;
        if data.len() as u64 > size {
            return Err(bad("a segment is larger in the file than in memory"));
        }
        segments.push((
            place,
            end,
            data,
            segment.p_vaddr(endian).wrapping_sub(place),
        ));
    }
    segments.sort_by_key(|segment| segment.0);
    let Some(&(first, _, _, virtual_offset)) = segments.first() else {
        return Err(bad("it has nothing to load"));
    };
    let start = first - first % alignment;
    let end = segments
        .iter()
        .map(|segment| segment.1)
        .max()
        .unwrap_or(start);
    if end - start > 2 * ROOT_LIMIT {
        return Err(bad("its segments lie too far apart"));
    }
    if segments.iter().any(|segment| segment.3 != virtual_offset) {
        return Err(bad("its segments lie in another order in memory"));
    }
    let mut flat = Vec::new();
    for (place, _, data, _) in segments {
        if data.is_empty() {
            continue;
        }
        let offset = (place - start) as usize;
        if offset < flat.len() {
            return Err(bad("its segments overlap"));
        }
        flat.resize(offset, 0);
        flat.extend(data);
    }
    let symbols = elf
        .symbols()
        .filter_map(|symbol| Some((symbol.name().ok()?.to_owned(), symbol.address())))
        .collect();
    Ok(Flat {
        start,
        bytes: flat,
        memory_size: end - start,
        virtual_offset,
        entry: elf.entry(),
        symbols,
    })
}

/// Address of a symbol.
fn symbol(file: &'static str, flat: &Flat, symbol: &'static str) -> Result<u64, Error> {
    let found = flat.symbols.iter().find(|(name, _)| name == symbol);
    found
        .map(|(_, address)| *address)
        .ok_or(Error::NoSymbol { file, symbol })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of a program: file contents, size in memory, virtual and physical address.
    type Segment<'a> = (&'a [u8], u64, u64, u64);

    /// An ELF program with these segments and symbols.
    fn elf(machine: u16, entry: u64, segments: &[Segment], symbols: &[(&str, u64)]) -> Vec<u8> {
        let half = |value: u16| value.to_le_bytes().to_vec();
        let word = |value: u32| value.to_le_bytes().to_vec();
        let long = |value: u64| value.to_le_bytes().to_vec();
        let program_headers = 64;
        let mut place = program_headers + 56 * segments.len();
        let (mut headers, mut contents) = (Vec::new(), Vec::new());
        for (data, size, virtual_address, physical_address) in segments {
            let length = data.len() as u64;
            headers.extend([word(1), word(7), long(place as u64)].concat());
            headers.extend([long(*virtual_address), long(*physical_address)].concat());
            headers.extend([long(length), long(*size), long(1)].concat());
            contents.extend(*data);
            place += data.len();
        }
        let (mut names, mut table) = (vec![0], vec![0; 24]);
        for (name, value) in symbols {
            // A global object, at an absolute address.
            let name_offset = names.len() as u32;
            table.extend([word(name_offset), vec![0x11, 0], half(0xfff1)].concat());
            table.extend([long(*value), long(0)].concat());
            names.extend(name.as_bytes());
            names.push(0);
        }
        let (table_place, names_place) = (place, place + table.len());
        let section_headers = names_place + names.len();
        let section = |kind: u32, place: usize, size: usize, link: u32, entry: u64| {
            let start = [word(0), word(kind), long(0), long(0), long(place as u64)].concat();
            let end = [long(size as u64), word(link), word(1), long(1), long(entry)].concat();
            [start, end].concat()
        };
        [
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(),
            [half(2), half(machine), word(1), long(entry)].concat(),
            [
                long(program_headers as u64),
                long(section_headers as u64),
                word(0),
            ]
            .concat(),
            [half(64), half(56), half(segments.len() as u16)].concat(),
            [half(64), half(3), half(2)].concat(),
            headers,
            contents,
            table.clone(),
            names.clone(),
            vec![0; 64],
            section(2, table_place, table.len(), 2, 24),
            section(3, names_place, names.len(), 0, 0),
        ]
        .concat()
    }

    const LOADER: u64 = 0x4040_0000;
    const KERNEL: u64 = 0xffff_ff80_0000_0000;

    fn loader() -> Vec<u8> {
        let code = [0x55; 100];
        elf(
            EM_AARCH64,
            LOADER,
            &[(&code, 100, LOADER, LOADER)],
            &[("__loader_end", LOADER + 4096)],
        )
    }

    fn kernel() -> Vec<u8> {
        let code = [0x66; 50];
        let symbols = [("avail_p_regs", KERNEL + 16)];
        elf(
            EM_AARCH64,
            KERNEL + 4,
            &[(&code, 5000, KERNEL, 0x4000_0000)],
            &symbols,
        )
    }

    fn root(size: u64) -> Vec<u8> {
        let segments: [Segment; 2] = [
            (&[1, 2, 3], 3, 0x40_0100, 0x40_0100),
            (&[4, 5], size, 0x40_2000, 0x40_2000),
        ];
        elf(EM_AARCH64, 0x40_0100, &segments, &[])
    }

    #[test]
    fn the_loader_accepts_the_image_and_finds_everything_in_it() {
        let image = make_image(&loader(), &kernel(), &root(0x1001)).unwrap();
        let payload = &image[4096..image.len() - 8];
        let header = Header::read(payload, LOADER + 4096, LOADER).unwrap();
        assert_eq!(image[72..100], [0x55; 28]);
        let kernel = header.kernel_offset as usize;
        assert_eq!(payload[kernel..kernel + 50], [0x66; 50]);
        assert_eq!(header.kernel_memory_size, 5000);
        assert_eq!(
            (header.kernel_physical, header.kernel_entry),
            (0x4000_0000, KERNEL + 4)
        );
        assert_eq!(header.kernel_memory_end, 0x4000_0000 + 16 + 8);
        let root = header.root_offset as usize;
        assert_eq!(payload[root + 0x100..root + 0x103], [1, 2, 3]);
        assert_eq!(payload[root + 0x2000..], [4, 5]);
        assert_eq!(
            (header.root_virtual, header.root_entry),
            (0x40_0000, 0x40_0100)
        );
        assert_eq!(header.root_memory_size, 0x4000);
        let sum = payload::checksum(payload);
        assert_eq!(image[image.len() - 8..], sum.to_le_bytes());
    }

    #[test]
    fn the_image_header_tells_file_and_memory_size() {
        let image = make_image(&loader(), &kernel(), &root(0x10_0000)).unwrap();
        let word =
            |offset: usize| u64::from_le_bytes(image[offset..offset + 8].try_into().unwrap());
        assert_eq!(word(FILE_SIZE_OFFSET), image.len() as u64);
        let root_offset = Header::read(&image[4096..], LOADER + 4096, LOADER)
            .unwrap()
            .root_offset;
        assert_eq!(word(IMAGE_SIZE_OFFSET), 4096 + root_offset + 0x10_2000);
    }

    #[test]
    fn what_cannot_be_booted_is_refused() {
        let refused = |loader: &[u8], kernel: &[u8], root: &[u8]| {
            make_image(loader, kernel, root).unwrap_err()
        };
        assert!(matches!(
            refused(&loader(), &kernel(), b"#!/bin/sh"),
            Error::NotAProgram {
                file: "root task",
                ..
            }
        ));
        let foreign = elf(62, 0x40_0000, &[(&[0], 1, 0x40_0000, 0x40_0000)], &[]);
        assert!(matches!(
            refused(&loader(), &kernel(), &foreign),
            Error::NotAProgram { .. }
        ));
        assert_eq!(
            refused(&loader(), &root(2), &root(2)),
            Error::NoSymbol {
                file: "kernel",
                symbol: "avail_p_regs"
            }
        );
        assert_eq!(
            refused(&loader(), &kernel(), &root(ROOT_LIMIT)),
            Error::RootTooLarge(ROOT_LIMIT + 0x2000)
        );
        let overlapping: [Segment; 2] = [(&[1, 2, 3], 3, 0x40_0000, 0), (&[4, 5], 2, 0x40_0002, 2)];
        let overlapping = elf(EM_AARCH64, 0x40_0000, &overlapping, &[]);
        assert!(matches!(
            refused(&loader(), &kernel(), &overlapping),
            Error::NotAProgram { .. }
        ));
        let symbols = [("avail_p_regs", KERNEL + 16)];
        let high = [(&[0][..], 1, KERNEL, LOADER)];
        let high = elf(EM_AARCH64, KERNEL, &high, &symbols);
        assert_eq!(
            refused(&loader(), &high, &root(2)),
            Error::Layout(payload::Error::BadAddress)
        );
    }
}
