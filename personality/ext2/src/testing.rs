//! For tests: images damaged in a way that can be repeated, and a walk that reads everything.
//!
//! Both are used by the tests of this crate, by its examples, and by tests of the booted system.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::ControlFlow;

use crate::layout::Layout;
use crate::wire::group::{self, GroupDescriptor};
use crate::wire::inode::POINTERS_OFFSET;
use crate::wire::superblock::{self, Superblock};
use crate::wire::{le16, le32};
use crate::{BlockDevice, Error, FileKind, Fs, Ino};

/// A small generator of numbers that look random (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator whose numbers depend on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next_u64() % limit as u64) as usize
    }

    /// One of `choices`, which are not none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// What [`mutate`] did to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Flipped bit `bit` of the byte at `offset`.
    BitFlip {
        /// In bytes.
        offset: usize,
        /// From the lowest one.
        bit: u32,
    },
    /// Overwrote `length` bytes at `offset` with random ones.
    RandomBytes {
        /// In bytes.
        offset: usize,
        /// In bytes.
        length: usize,
    },
    /// Set the 16-bit or 32-bit number at `offset` to `value`.
    Number {
        /// In bytes.
        offset: usize,
        /// The new number.
        value: u32,
    },
    /// Overwrote the block at `to` with the one at `from`, as a misdirected write does.
    Copy {
        /// In bytes.
        from: usize,
        /// In bytes.
        to: usize,
    },
    /// Overwrote the block at `offset` with zeros.
    Zero {
        /// In bytes.
        offset: usize,
    },
    /// Cut the image off after `length` bytes.
    Truncate {
        /// In bytes.
        length: usize,
    },
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mutation::BitFlip { offset, bit } => write!(f, "bit {bit} of byte {offset} flipped"),
            Mutation::RandomBytes { offset, length } => {
                write!(f, "{length} random bytes at {offset}")
            }
            Mutation::Number { offset, value } => write!(f, "number at {offset} set to {value:#x}"),
            Mutation::Copy { from, to } => write!(f, "block at {from} copied to {to}"),
            Mutation::Zero { offset } => write!(f, "block at {offset} zeroed"),
            Mutation::Truncate { length } => write!(f, "truncated to {length} bytes"),
        }
    }
}

/// Damages an image once, where it hurts: mostly in super block, group descriptors, inodes in use,
/// directories, indirect blocks and attributes. The same seed does the same to the same image.
///
/// An image that is already beyond recognition gets random bytes anywhere. `image` is not empty.
pub fn mutate(image: &mut Vec<u8>, seed: u64) -> Mutation {
    let mut random = Random::new(seed);
    let mutation = choose(image, &mut random);
    apply(image, mutation, &mut random);
    mutation
}

fn apply(image: &mut Vec<u8>, mutation: Mutation, random: &mut Random) {
    match mutation {
        Mutation::BitFlip { offset, bit } => image[offset] ^= 1 << bit,
        Mutation::RandomBytes { offset, length } => {
            for byte in &mut image[offset..offset + length] {
                *byte = random.next_u64() as u8;
            }
        }
        Mutation::Number { offset, value } => {
            // Odd multiples of two are always 16-bit fields; elsewhere the upper half is luck.
            let length = if offset % 4 == 0 { 4 } else { 2 };
            image[offset..offset + length].copy_from_slice(&value.to_le_bytes()[..length]);
        }
        Mutation::Copy { from, to } => {
            let length = block_size(image).min(image.len() - from.max(to));
            image.copy_within(from..from + length, to);
        }
        Mutation::Zero { offset } => {
            let length = block_size(image).min(image.len() - offset);
            image[offset..offset + length].fill(0);
        }
        Mutation::Truncate { length } => image.truncate(length),
    }
}

fn block_size(image: &[u8]) -> usize {
    parse(image).map_or(1024, |(superblock, _)| superblock.block_size())
}

fn parse(image: &[u8]) -> Option<(Superblock, Layout)> {
    let start = superblock::OFFSET as usize;
    let bytes = image.get(start..start + superblock::SIZE)?;
    let superblock = Superblock::parse(bytes).ok()?;
    let layout = Layout::new(&superblock).ok()?;
    let size = (layout.blocks as usize).checked_shl(layout.block_shift)?;
    (size <= image.len()).then_some((superblock, layout))
}

fn choose(image: &[u8], random: &mut Random) -> Mutation {
    let Some((superblock, layout)) = parse(image) else {
        let offset = random.below(image.len());
        return Mutation::RandomBytes {
            offset,
            length: 64.min(image.len() - offset),
        };
    };
    let target = Target {
        image,
        superblock: &superblock,
        layout: &layout,
    };
    let block_size = layout.block_size();
    match random.below(16) {
        0 => Mutation::Truncate {
            length: random.below(image.len()),
        },
        1 => target.number(superblock::OFFSET as usize, 256, random),
        2 => target.number(
            target.descriptors(),
            group::SIZE * layout.groups as usize,
            random,
        ),
        3 | 4 => target.number(target.inode(random), layout.inode_size.min(160), random),
        5 => {
            // A block number of an inode.
            let offset = target.inode(random) + POINTERS_OFFSET + 4 * random.below(15);
            Mutation::Number {
                offset,
                value: target.value(random),
            }
        }
        6 | 7 => target.number(target.tree_block(random), block_size, random),
        8 => target.number(target.tree_block(random), 64, random),
        9 => {
            let offset = target.metadata(random);
            let length = 1 + random.below(block_size - offset % block_size);
            Mutation::RandomBytes { offset, length }
        }
        10 => {
            let offset = target.tree_block(random) + random.below(block_size);
            let length = (1 + random.below(32)).min(block_size - offset % block_size);
            Mutation::RandomBytes { offset, length }
        }
        11 => Mutation::Copy {
            from: target.tree_block(random),
            to: target.tree_block(random),
        },
        12 => Mutation::Zero {
            offset: target.tree_block(random),
        },
        _ => {
            let offset = match random.below(4) {
                0 => target.metadata(random),
                1 => target.inode(random) + random.below(layout.inode_size),
                _ => target.tree_block(random) + random.below(block_size),
            };
            Mutation::BitFlip {
                offset,
                bit: random.below(8) as u32,
            }
        }
    }
}

/// An intact image to find worthwhile places in.
struct Target<'a> {
    image: &'a [u8],
    superblock: &'a Superblock,
    layout: &'a Layout,
}

impl Target<'_> {
    fn descriptors(&self) -> usize {
        (self.superblock.first_data_block as usize + 1) << self.layout.block_shift
    }

    /// Where a group's inode table starts, if the image has it.
    fn inode_table(&self, group: u32) -> usize {
        let offset = self.descriptors() + group as usize * group::SIZE;
        let descriptor = GroupDescriptor::parse(&self.image[offset..offset + group::SIZE]);
        match self.layout.check_descriptor(group, &descriptor) {
            Ok(()) => (descriptor.inode_table as usize) << self.layout.block_shift,
            Err(_) => superblock::OFFSET as usize,
        }
    }

    /// A byte of the metadata at the start of a group.
    fn metadata(&self, random: &mut Random) -> usize {
        let group = random.below(self.layout.groups as usize) as u32;
        let table = self.inode_table(group);
        let start = match group {
            0 => superblock::OFFSET as usize,
            _ => table,
        };
        let used = 16 * self.layout.inode_size;
        start + random.below((table + used - start).min(self.image.len() - start))
    }

    /// An inode, one in use if a few tries find one.
    fn inode(&self, random: &mut Random) -> usize {
        let mut offset = 0;
        for _ in 0..64 {
            // Low numbers are used first.
            let limit = 1 + random.below(self.superblock.inodes as usize);
            let ino = 1 + random.below(limit) as Ino;
            let (group, position) = self.layout.inode_position(ino);
            offset = self.inode_table(group) + position as usize * self.layout.inode_size;
            if le16(self.image, offset + 26) != 0 {
                break;
            }
        }
        offset
    }

    /// A block that an inode in use points to, if a few tries find one: of entries, of block
    /// numbers, of attributes, or of data.
    fn tree_block(&self, random: &mut Random) -> usize {
        for _ in 0..64 {
            let inode = self.inode(random);
            let pointer = match random.below(4) {
                0 => inode + 104,
                1 => inode + POINTERS_OFFSET + 4 * (12 + random.below(3)),
                _ => inode + POINTERS_OFFSET + 4 * random.below(12),
            };
            let block = le32(self.image, pointer);
            if block != 0 && block < self.layout.blocks {
                return (block as usize) << self.layout.block_shift;
            }
        }
        self.inode_table(0)
    }

    /// A value that is likely to matter as a number of a block or an inode, a length or a flag.
    fn value(&self, random: &mut Random) -> u32 {
        let blocks = self.layout.blocks;
        match random.below(4) {
            0 => random.next_u64() as u32,
            1 => random.below(blocks as usize + 2) as u32,
            2 => 1 << random.below(32),
            _ => random.pick(&[
                0,
                1,
                2,
                7,
                12,
                blocks - 1,
                blocks,
                self.superblock.inodes,
                self.superblock.inodes + 1,
                0x7FFF_FFFF,
                0x8000_0000,
                0xFFFF,
                0x1_0000,
                u32::MAX,
                u32::MAX - 1,
            ]),
        }
    }

    /// Another number somewhere in the `length` bytes at `start`.
    fn number(&self, start: usize, length: usize, random: &mut Random) -> Mutation {
        let length = length.min(self.image.len() - start);
        let offset = start + 2 * random.below(length / 2);
        let value = self.value(random);
        // Small changes find off-by-one mistakes.
        let value = match random.below(3) {
            0 => u32::from(le16(self.image, offset)).wrapping_add(random.pick(&[1, 4, !0, !3])),
            _ => value,
        };
        Mutation::Number { offset, value }
    }
}

/// What a walk found.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Directories that were listed.
    pub directories: u64,
    /// Other files.
    pub files: u64,
    /// Bytes read, holes not counted.
    pub bytes: u64,
    /// Things done: entries, extents, requests of 64 KiB.
    pub operations: u64,
    /// Whether everything was seen before the budget was used up.
    pub finished: bool,
    /// A checksum of all names, attributes of files, and contents.
    pub digest: u64,
    /// Names that the list of a directory has, and that a look-up finds elsewhere or not at all.
    pub mismatches: u64,
    /// What went wrong, up to [`Walk::MAX_ERRORS`].
    pub errors: Vec<Error>,
}

impl Walk {
    /// Errors that are kept.
    pub const MAX_ERRORS: usize = 64;

    fn error(&mut self, error: Error) {
        if self.errors.len() < Walk::MAX_ERRORS {
            self.errors.push(error);
        }
    }

    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.error(error)).ok()
    }

    fn digest(&mut self, bytes: &[u8]) {
        // FNV-1a, a word at a time.
        for word in bytes.chunks(8) {
            let word = word
                .iter()
                .fold(0, |word, &byte| word << 8 | u64::from(byte));
            self.digest = (self.digest ^ word).wrapping_mul(0x100_0000_01B3);
        }
        self.digest = (self.digest ^ bytes.len() as u64).wrapping_mul(0x100_0000_01B3);
    }
}

/// Reads everything that can be reached from the root: lists directories in pieces, looks every
/// name up, and reads contents (holes as such), links, attributes and translator records. Stops
/// when about `budget` operations are done.
pub fn walk<D: BlockDevice>(fs: &mut Fs<D>, budget: u64) -> Walk {
    let mut walk = Walk::default();
    let mut seen = BTreeSet::from([fs.root()]);
    let mut waiting = vec![fs.root()];
    while let Some(directory) = waiting.pop() {
        walk.directories += 1;
        let mut cursor = 0;
        loop {
            if walk.operations > budget {
                return walk;
            }
            let (entries, next) = match piece(fs, directory, cursor) {
                Ok(piece) => piece,
                Err(error) => {
                    walk.error(error);
                    break;
                }
            };
            walk.operations += 1;
            for (ino, name) in entries {
                walk.operations += 1;
                walk.digest(&name);
                let found = fs.lookup(directory, &name);
                let Some(found) = walk.note(found) else {
                    continue;
                };
                walk.mismatches += u64::from(found != ino);
                if name == b"." || name == b".." || !seen.insert(found) {
                    continue;
                }
                visit(fs, found, budget, &mut walk);
                if matches!(fs.inode(found), Ok(inode) if inode.kind == FileKind::Directory) {
                    waiting.push(found);
                } else {
                    walk.files += 1;
                }
            }
            if next == cursor {
                break;
            }
            cursor = next;
        }
    }
    walk.finished = walk.operations <= budget;
    walk
}

type Piece = (Vec<(Ino, Vec<u8>)>, u64);

/// A few entries of a directory from `cursor` on, and the cursor behind them.
fn piece<D: BlockDevice>(fs: &mut Fs<D>, directory: Ino, cursor: u64) -> Result<Piece, Error> {
    let mut entries = Vec::new();
    let next = fs.read_dir(directory, cursor, |entry| {
        if entries.len() == 13 {
            return ControlFlow::Break(());
        }
        entries.push((entry.ino, entry.name.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok((entries, next))
}

/// Reads all there is of one file.
fn visit<D: BlockDevice>(fs: &mut Fs<D>, ino: Ino, budget: u64, walk: &mut Walk) {
    let inode = fs.inode(ino);
    let Some(inode) = walk.note(inode) else {
        return;
    };
    for number in [
        inode.mode,
        inode.uid,
        inode.gid,
        inode.size as u32,
        inode.flags,
    ] {
        walk.digest(&number.to_le_bytes());
    }

    let mut attributes = Vec::new();
    let result = fs.for_each_attribute(ino, |attribute| {
        attributes.extend_from_slice(attribute.prefix.as_bytes());
        attributes.extend_from_slice(attribute.name);
        attributes.extend_from_slice(attribute.value);
    });
    walk.note(result);
    walk.digest(&attributes);
    let record = fs.translator(ino);
    if let Some(Some(record)) = walk.note(record) {
        walk.digest(&record);
    }

    match inode.kind {
        FileKind::Symlink => {
            let target = fs.read_link(ino);
            if let Some(target) = walk.note(target) {
                walk.digest(&target);
            }
        }
        FileKind::Regular => visit_contents(fs, ino, budget, walk),
        _ => {}
    }
}

fn visit_contents<D: BlockDevice>(fs: &mut Fs<D>, ino: Ino, budget: u64, walk: &mut Walk) {
    let mut offset = 0;
    while walk.operations <= budget {
        walk.operations += 1;
        let extent = match fs.extent(ino, offset) {
            Ok(Some(extent)) => extent,
            Ok(None) => return,
            Err(error) => return walk.error(error),
        };
        let end = offset + extent.length;
        if extent.device_offset.is_none() {
            offset = end;
            continue;
        }
        walk.digest(&offset.to_le_bytes());
        while offset < end && walk.operations <= budget {
            walk.operations += 1;
            let length = (end - offset).min(64 << 10) as usize;
            let result = fs.read(ino, offset, length, |bytes| {
                walk.bytes += bytes.len() as u64;
                walk.digest(bytes);
            });
            if let Err(error) = result {
                return walk.error(error);
            }
            offset += length as u64;
        }
    }
}
