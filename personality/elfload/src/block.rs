//! The start-up block: how a new program learns its arguments, environment,
//! descriptors and init ports, without asking anybody.
//!
//! The loader writes it into the new program's memory, directly above the first
//! stack frame; the first thread starts with its address in the second argument
//! register. Port names in it are send rights that the loader has put into the
//! program's port space, one user reference for each entry.
//!
//! All numbers are little endian, all offsets count from the start of the block:
//!
//! | offset | what |
//! |---|---|
//! | 0x00 | u64 [`MAGIC`] |
//! | 0x08 | u64 bytes of the block |
//! | 0x10 | u32 flags of the exec call, u32 number of areas (5) |
//! | 0x18 | five areas {u64 offset, u64 count}: bytes of arguments, bytes of environment, descriptors, ports, ints |
//! | 0x68 | u64 lowest address of the stack, u64 its bytes |
//! | 0x78 | u64 lowest address of the image, u64 its end, u64 its entry point |
//! | 0x90 | u64 address of the program headers or 0, u64 their number |
//! | 0xa0 | the areas |
//!
//! Arguments and environment are strings that each end in a NUL; descriptors and
//! ports are u32 names (0: none), ints are u32.

use alloc::vec::Vec;

/// The first word of a block.
pub const MAGIC: u64 = 0x3130_6b6c_6264_7268;
/// Bytes of the part before the areas.
pub const HEADER: usize = 0xa0;
const AREAS: usize = 5;

/// Indices into a program's init ports (`INIT_PORT_*`).
pub mod port {
    /// The working directory.
    pub const CWDIR: usize = 0;
    /// The root directory.
    pub const CRDIR: usize = 1;
    /// The auth handle.
    pub const AUTH: usize = 2;
    /// The process.
    pub const PROC: usize = 3;
    /// The controlling terminal.
    pub const CTTYID: usize = 4;
    /// Who started the program: a translator's parent, the starter of a server.
    pub const BOOTSTRAP: usize = 5;
    /// How many of them every program has.
    pub const COUNT: usize = 6;
}

/// Indices into a program's init ints (`INIT_*`).
pub mod int {
    /// The file mode creation mask.
    pub const UMASK: usize = 0;
    /// Blocked signals.
    pub const SIGMASK: usize = 1;
    /// Ignored signals.
    pub const SIGIGN: usize = 2;
    /// Pending signals.
    pub const SIGPENDING: usize = 3;
    /// Traced signals.
    pub const TRACEMASK: usize = 4;
    /// How many of them every program has.
    pub const COUNT: usize = 5;
}

/// What a loader knows about the place of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Lowest address of the stack.
    pub stack: u64,
    /// Bytes of the stack.
    pub stack_size: u64,
    /// Lowest address of the image.
    pub low: u64,
    /// End of the image, page aligned: the heap may begin here.
    pub high: u64,
    /// Where the program starts.
    pub entry: u64,
    /// Address of the program headers; 0 if they are not in memory.
    pub headers: u64,
    /// Number of program headers.
    pub headers_count: u64,
}

/// The content of a block, to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Contents<'a> {
    /// Flags of the exec call (`EXEC_*`).
    pub flags: u32,
    /// Arguments, each with its NUL.
    pub argv: &'a [u8],
    /// Environment, each entry with its NUL.
    pub envp: &'a [u8],
    /// Names of the descriptors' ports, 0 for a closed one.
    pub descriptors: &'a [u32],
    /// Names of the init ports.
    pub ports: &'a [u32],
    /// Init ints.
    pub ints: &'a [u32],
    /// Where the program lies.
    pub place: Place,
}

const fn align(offset: usize) -> usize {
    (offset + 7) & !7
}

impl Contents<'_> {
    fn sizes(&self) -> [(usize, usize); AREAS] {
        [
            (self.argv.len(), self.argv.len()),
            (self.envp.len(), self.envp.len()),
            (self.descriptors.len(), self.descriptors.len() * 4),
            (self.ports.len(), self.ports.len() * 4),
            (self.ints.len(), self.ints.len() * 4),
        ]
    }

    /// Bytes of the block.
    pub fn size(&self) -> usize {
        self.sizes()
            .iter()
            .fold(HEADER, |end, (_, bytes)| align(end + bytes))
    }

    /// The block.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&(self.size() as u64).to_le_bytes());
        out.extend_from_slice(&self.flags.to_le_bytes());
        out.extend_from_slice(&(AREAS as u32).to_le_bytes());
        let mut offset = HEADER;
        for (count, bytes) in self.sizes() {
            out.extend_from_slice(&(offset as u64).to_le_bytes());
            out.extend_from_slice(&(count as u64).to_le_bytes());
            offset = align(offset + bytes);
        }
        let p = &self.place;
        for word in [
            p.stack,
            p.stack_size,
            p.low,
            p.high,
            p.entry,
            p.headers,
            p.headers_count,
        ] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for bytes in [self.argv, self.envp] {
            out.extend_from_slice(bytes);
            out.resize(align(out.len()), 0);
        }
        for words in [self.descriptors, self.ports, self.ints] {
            for word in words {
                out.extend_from_slice(&word.to_le_bytes());
            }
            out.resize(align(out.len()), 0);
        }
        out
    }
}

/// A block that lies in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block<'a> {
    /// Flags of the exec call.
    pub flags: u32,
    /// Arguments, each with its NUL.
    pub argv: &'a [u8],
    /// Environment, each entry with its NUL.
    pub envp: &'a [u8],
    descriptors: &'a [u8],
    ports: &'a [u8],
    ints: &'a [u8],
    /// Where the program lies.
    pub place: Place,
}

fn word(block: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*block.get(at..)?.first_chunk()?))
}

fn half(block: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*block.get(at..)?.first_chunk()?))
}

fn halves(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|chunk| u32::from_le_bytes(*chunk))
}

impl<'a> Block<'a> {
    /// How many bytes the block has whose first [`HEADER`] bytes are `start`; `None` if it is none.
    pub fn size_of(start: &[u8]) -> Option<usize> {
        let size = usize::try_from(word(start, 8)?).ok()?;
        (word(start, 0)? == MAGIC && size >= HEADER).then_some(size)
    }

    /// Where a part of the block is: offset and bytes of the arguments (0) or the environment (1).
    /// For a reader in another task, who has only the first [`HEADER`] bytes.
    pub fn strings_at(start: &[u8], which: usize) -> Option<(usize, usize)> {
        let size = Self::size_of(start)?;
        let offset = usize::try_from(word(start, 0x18 + which * 16)?).ok()?;
        let bytes = usize::try_from(word(start, 0x20 + which * 16)?).ok()?;
        (which < 2 && offset.checked_add(bytes)? <= size).then_some((offset, bytes))
    }

    /// Reads a block; `None` if it is malformed.
    pub fn parse(memory: &'a [u8]) -> Option<Self> {
        let block = memory.get(..Self::size_of(memory)?)?;
        if half(block, 0x14)? as usize != AREAS {
            return None;
        }
        let area = |index: usize, unit: usize| -> Option<&'a [u8]> {
            let offset = usize::try_from(word(block, 0x18 + index * 16)?).ok()?;
            let count = usize::try_from(word(block, 0x20 + index * 16)?).ok()?;
            block.get(offset..)?.get(..count.checked_mul(unit)?)
        };
        let place = |index: usize| word(block, 0x68 + index * 8);
        Some(Self {
            flags: half(block, 0x10)?,
            argv: area(0, 1)?,
            envp: area(1, 1)?,
            descriptors: area(2, 4)?,
            ports: area(3, 4)?,
            ints: area(4, 4)?,
            place: Place {
                stack: place(0)?,
                stack_size: place(1)?,
                low: place(2)?,
                high: place(3)?,
                entry: place(4)?,
                headers: place(5)?,
                headers_count: place(6)?,
            },
        })
    }

    /// The arguments, without their NULs.
    pub fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        strings(self.argv)
    }

    /// The environment's entries, without their NULs.
    pub fn environment(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        strings(self.envp)
    }

    /// Names of the descriptors' ports; 0 for a closed one.
    pub fn descriptors(&self) -> impl Iterator<Item = u32> + use<'a> {
        halves(self.descriptors)
    }

    /// Names of the init ports.
    pub fn ports(&self) -> impl Iterator<Item = u32> + use<'a> {
        halves(self.ports)
    }

    /// The name of one init port ([`port`]); 0 if there is none.
    pub fn port(&self, index: usize) -> u32 {
        self.ports().nth(index).unwrap_or(0)
    }

    /// The init ints.
    pub fn ints(&self) -> impl Iterator<Item = u32> + use<'a> {
        halves(self.ints)
    }

    /// One init int ([`int`]); 0 if it is not there.
    pub fn int(&self, index: usize) -> u32 {
        self.ints().nth(index).unwrap_or(0)
    }
}

/// The strings in bytes in which each ends in a NUL; the last may lack it.
pub fn strings(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let empty = bytes.is_empty();
    whole.split(|&b| b == 0).filter(move |_| !empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    #[test]
    fn a_block_is_read_as_it_was_written() {
        let contents = Contents {
            flags: 6,
            argv: b"ls\0-l\0\0",
            envp: b"A=1\0",
            descriptors: &[17, 0, 19],
            ports: &[1, 2, 3, 4, 5, 6, 7],
            ints: &[0o22],
            place: Place {
                stack: 0x1000,
                stack_size: 0x2000,
                low: 3,
                high: 4,
                entry: 5,
                headers: 6,
                headers_count: 7,
            },
        };
        let bytes = contents.to_bytes();
        assert_eq!(bytes.len(), contents.size());
        assert_eq!(Block::size_of(&bytes[..HEADER]), Some(bytes.len()));
        let block = Block::parse(&bytes).unwrap();
        assert_eq!(
            block.arguments().collect::<Vec<_>>(),
            [&b"ls"[..], b"-l", b""]
        );
        assert_eq!(block.environment().collect::<Vec<_>>(), [b"A=1"]);
        assert_eq!(block.descriptors().collect::<Vec<_>>(), [17, 0, 19]);
        assert_eq!(
            (
                block.port(port::BOOTSTRAP),
                block.port(99),
                block.int(int::UMASK)
            ),
            (6, 0, 0o22)
        );
        assert_eq!(block.place, contents.place);
        let (offset, len) = Block::strings_at(&bytes, 1).unwrap();
        assert_eq!(&bytes[offset..offset + len], b"A=1\0");
    }

    #[test]
    fn no_strings_are_no_string() {
        assert_eq!(strings(b"").count(), 0);
        assert_eq!(strings(b"\0").collect::<Vec<_>>(), [b""]);
        assert_eq!(strings(b"a").collect::<Vec<_>>(), [b"a"]);
    }

    proptest! {
        #[test]
        fn a_damaged_block_is_refused_or_read_without_harm(
            flips in proptest::collection::vec((0usize..HEADER, any::<u8>()), 1..12),
        ) {
            let mut bytes = Contents { argv: b"a\0", ports: &[1; 9], ..Contents::default() }.to_bytes();
            for (at, value) in flips {
                bytes[at] = value;
            }
            if let Some(block) = Block::parse(&bytes) {
                let _ = (block.arguments().count(), block.ports().count(), block.int(3));
            }
            let _ = vec![Block::strings_at(&bytes, 0), Block::strings_at(&bytes, 1), Block::strings_at(&bytes, 2)];
        }
    }
}
