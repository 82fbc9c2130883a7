//! The hash index of large directories (`dir_index`).
//!
//! The index is a tree of at most two levels in the directory's own blocks, which hides from those
//! who do not know it behind unused entries. It is only a shortcut: whoever finds it damaged, or of
//! a kind not known here, scans the directory.

use alloc::vec::Vec;

use crate::content;
use crate::error::Problem;
use crate::node::Node;
use crate::volume::Volume;
use crate::wire::features::ReadOnlyFeatures;
use crate::wire::{le16, le32};
use crate::{BlockDevice, Error};

/// Where the root's own header lies: behind the entries `.` and `..`.
const ROOT_HEADER: usize = 24;
/// Where the root's table lies.
const ROOT_TABLE: usize = 32;
/// Where another node's table lies: behind one unused entry.
const NODE_TABLE: usize = 8;
/// The size of a table entry: a hash, and the block for names with this hash or a higher one.
const ENTRY: usize = 8;
/// Levels between the root and the leaves. More need `large_dir`.
const MAX_LEVELS: u8 = 1;
/// Blocks that can hold names with one hash, before scanning the directory is the better way.
const MAX_CANDIDATES: usize = 16;

/// How names are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Legacy,
    HalfMd4,
    Tea,
}

/// A way to hash names, as a directory declares it.
#[derive(Clone, Copy, Debug)]
struct Hasher {
    method: Method,
    unsigned: bool,
    seed: [u32; 4],
}

/// The blocks in which a name can be, in order.
pub(crate) enum Candidates {
    /// In these blocks of the directory, or nowhere.
    Blocks(Vec<u32>),
    /// The index is of no use.
    Unknown,
}

/// One table of the index, as it lies in its block.
struct Table<'a> {
    entries: &'a [u8],
}

impl<'a> Table<'a> {
    /// The table at `offset` of `block`.
    fn new(block: &'a [u8], offset: usize, checksums: bool) -> Result<Self, Problem> {
        let entries = block.get(offset..).ok_or(Problem::Length)?;
        // A checksum takes the place of the last entry.
        let room = entries.len() / ENTRY - usize::from(checksums);
        let (limit, count) = (usize::from(le16(entries, 0)), usize::from(le16(entries, 2)));
        if limit != room || count == 0 || count > limit {
            return Err(Problem::Length);
        }
        Ok(Table {
            entries: &entries[..count * ENTRY],
        })
    }

    fn count(&self) -> usize {
        self.entries.len() / ENTRY
    }

    /// The lowest hash in the part of an entry; the first one's is not recorded.
    fn hash(&self, index: usize) -> u32 {
        if index == 0 {
            0
        } else {
            le32(self.entries, index * ENTRY)
        }
    }

    fn block(&self, index: usize) -> u32 {
        // The upper bits were once meant for something else.
        le32(self.entries, index * ENTRY + 4) & 0x0FFF_FFFF
    }

    /// The last entry whose part begins at `hash` or before.
    fn find(&self, hash: u32) -> usize {
        let (mut low, mut high) = (0, self.count());
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.hash(middle) <= hash {
                low = middle
            } else {
                high = middle
            }
        }
        low
    }

    /// The blocks that can hold names with `hash`: that of the last part that begins at `hash` or
    /// before, and the parts after it that say (with the lowest bit) that they continue it.
    fn blocks(&self, hash: u32) -> (Vec<u32>, bool) {
        let first = self.find(hash);
        let continues = |index: usize| self.hash(index) == hash | 1;
        let mut blocks = alloc::vec![self.block(first)];
        let mut next = first + 1;
        while next < self.count() && continues(next) && blocks.len() <= MAX_CANDIDATES {
            blocks.push(self.block(next));
            next += 1;
        }
        (blocks, next == self.count())
    }
}

/// The blocks of directory `node` in which `name` can be.
///
/// Errors of the device come through; damage to the index does not, as the directory can be read
/// without it.
pub(crate) fn candidates<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &mut Node,
    name: &[u8],
) -> Result<Candidates, Error> {
    let directory_blocks = (node.inode.size >> volume.layout.block_shift) as u32;
    let checksums = volume
        .superblock
        .read_only
        .contains(ReadOnlyFeatures::METADATA_CSUM);
    let seed = volume.superblock.hash_seed;
    let unsigned = volume.superblock.unsigned_hash;

    let root = match content::directory_block(volume, node, 0) {
        Ok((root, _)) => root,
        Err(error) => return unless_device_failed(error),
    };
    let Some(hasher) = Hasher::declared(root, seed, unsigned) else {
        return Ok(Candidates::Unknown);
    };
    let levels = root[ROOT_HEADER + 6];
    let Ok(table) = Table::new(root, ROOT_TABLE, checksums) else {
        return Ok(Candidates::Unknown);
    };
    let hash = hasher.hash(name);
    let (mut blocks, _) = table.blocks(hash);

    if levels == MAX_LEVELS {
        // Names with one hash can go on in the first part of the next node.
        let mut leaves = Vec::new();
        for node_block in blocks {
            if node_block >= directory_blocks {
                return Ok(Candidates::Unknown);
            }
            let block = match content::directory_block(volume, node, node_block) {
                Ok((block, _)) => block,
                Err(error) => return unless_device_failed(error),
            };
            let Ok(table) = Table::new(block, NODE_TABLE, checksums) else {
                return Ok(Candidates::Unknown);
            };
            let (found, to_the_end) = table.blocks(hash);
            leaves.extend(found);
            if !to_the_end || leaves.len() > MAX_CANDIDATES {
                break;
            }
        }
        blocks = leaves;
    }
    if blocks.len() > MAX_CANDIDATES {
        return Ok(Candidates::Unknown);
    }
    // Block 0 is the root of the index, which holds no names.
    let usable = |&block: &u32| block != 0 && block < directory_blocks;
    match blocks.iter().all(usable) {
        true => Ok(Candidates::Blocks(blocks)),
        false => Ok(Candidates::Unknown),
    }
}

fn unless_device_failed(error: Error) -> Result<Candidates, Error> {
    match error {
        Error::Device { .. } => Err(error),
        _ => Ok(Candidates::Unknown),
    }
}

impl Hasher {
    /// The way that the root of an index declares, if it is one known here.
    fn declared(root: &[u8], seed: [u32; 4], unsigned: bool) -> Option<Hasher> {
        let header = root.get(ROOT_HEADER..ROOT_TABLE)?;
        let (reserved, version, length) = (le32(header, 0), header[4], header[5]);
        let (levels, flags) = (header[6], header[7]);
        if reserved != 0 || usize::from(length) != ROOT_TABLE - ROOT_HEADER {
            return None;
        }
        if levels > MAX_LEVELS || flags & 1 != 0 {
            return None;
        }
        let (method, unsigned) = match version {
            0 => (Method::Legacy, unsigned),
            1 => (Method::HalfMd4, unsigned),
            2 => (Method::Tea, unsigned),
            3 => (Method::Legacy, true),
            4 => (Method::HalfMd4, true),
            5 => (Method::Tea, true),
            _ => return None,
        };
        Some(Hasher {
            method,
            unsigned,
            seed,
        })
    }

    /// A character as the C compiler of the one who wrote the hash saw it, in 32 bits.
    fn character(&self, byte: u8) -> u32 {
        if self.unsigned {
            u32::from(byte)
        } else {
            i32::from(byte as i8) as u32
        }
    }

    /// The hash of a name; its lowest bit is zero.
    fn hash(&self, name: &[u8]) -> u32 {
        let hash = match self.method {
            Method::Legacy => self.legacy(name),
            Method::HalfMd4 => self.chained(name, half_md4)[1],
            Method::Tea => self.chained(name, tea)[0],
        };
        // The highest value is the end of a directory.
        match hash & !1 {
            0xFFFF_FFFE => 0xFFFF_FFFC,
            hash => hash,
        }
    }

    fn legacy(&self, name: &[u8]) -> u32 {
        let (mut current, mut before) = (0x12A3_FE2D_u32, 0x37AB_E8F9_u32);
        for &byte in name {
            let product = self.character(byte).wrapping_mul(7_152_373);
            let mut next = before.wrapping_add(current ^ product);
            if next & 0x8000_0000 != 0 {
                next = next.wrapping_sub(0x7FFF_FFFF);
            }
            before = current;
            current = next;
        }
        current << 1
    }

    /// Feeds the name, `N` words at a time, through a step of a block cipher or hash.
    fn chained<const N: usize>(
        &self,
        name: &[u8],
        step: fn([u32; 4], &[u32; N]) -> [u32; 4],
    ) -> [u32; 4] {
        const MD4_START: [u32; 4] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476];
        let mut state = if self.seed == [0; 4] {
            MD4_START
        } else {
            self.seed
        };
        let mut rest = name;
        while !rest.is_empty() {
            state = step(state, &self.words(rest));
            rest = &rest[rest.len().min(4 * N)..];
        }
        state
    }

    /// The first `4 * N` characters as words, filled up with the length of what is left.
    fn words<const N: usize>(&self, rest: &[u8]) -> [u32; N] {
        let length = rest.len() as u32;
        let padding = length | length << 8;
        let padding = padding | padding << 16;
        let mut words = [padding; N];
        for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
            for &byte in bytes {
                *word = self.character(byte).wrapping_add(*word << 8);
            }
        }
        words
    }
}

/// Three of MD4's rounds, cut down to eight words of input.
fn half_md4(state: [u32; 4], words: &[u32; 8]) -> [u32; 4] {
    /// A round: its function, its constant, its four rotations, and the order of the words.
    type Round = (fn(u32, u32, u32) -> u32, u32, [u32; 4], [usize; 8]);
    const ROUNDS: [Round; 3] = [
        (
            |x, y, z| z ^ (x & (y ^ z)),
            0,
            [3, 7, 11, 19],
            [0, 1, 2, 3, 4, 5, 6, 7],
        ),
        (
            |x, y, z| (x & y).wrapping_add((x ^ y) & z),
            0x5A82_7999,
            [3, 5, 9, 13],
            [1, 3, 5, 7, 0, 2, 4, 6],
        ),
        (
            |x, y, z| x ^ y ^ z,
            0x6ED9_EBA1,
            [3, 9, 11, 15],
            [3, 7, 2, 6, 1, 5, 0, 4],
        ),
    ];
    let [mut a, mut b, mut c, mut d] = state;
    for (function, constant, rotations, order) in ROUNDS {
        for (position, index) in order.into_iter().enumerate() {
            let sum = a
                .wrapping_add(function(b, c, d))
                .wrapping_add(words[index])
                .wrapping_add(constant);
            // The registers change places: what was computed is the next `b`.
            (a, b, c, d) = (d, sum.rotate_left(rotations[position % 4]), b, c);
        }
    }
    [
        state[0].wrapping_add(a),
        state[1].wrapping_add(b),
        state[2].wrapping_add(c),
        state[3].wrapping_add(d),
    ]
}

/// Sixteen rounds of the Tiny Encryption Algorithm; the name is the key.
fn tea(state: [u32; 4], key: &[u32; 4]) -> [u32; 4] {
    let [mut left, mut right, ..] = state;
    let mut sum = 0u32;
    for _ in 0..16 {
        sum = sum.wrapping_add(0x9E37_79B9);
        let mix = |half: u32, key_a: u32, key_b: u32| {
            (half << 4).wrapping_add(key_a)
                ^ half.wrapping_add(sum)
                ^ (half >> 5).wrapping_add(key_b)
        };
        left = left.wrapping_add(mix(right, key[0], key[1]));
        right = right.wrapping_add(mix(left, key[2], key[3]));
    }
    [
        state[0].wrapping_add(left),
        state[1].wrapping_add(right),
        state[2],
        state[3],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u32; 4] = [0x89CD_40E4, 0x873F_0A3A, 0x57B9_FDD8, 0xA5F3_9EBF];
    const NAMES: [&[u8]; 5] = [
        b"a",
        b"hello",
        b"lost+found",
        b"\xC3\xA9t\xC3\xA9",
        b"a-name-that-is-longer-than-one-block-of-input-\xC3\xA9",
    ];

    #[test]
    fn hashes_are_those_that_debugfs_computes() {
        // `dx_hash -h METHOD [-s e440cd89-3a0a-3f87-d8fd-b957bf9ef3a5] NAME`
        let expected: [(Method, bool, [u32; 5]); 5] = [
            (
                Method::Legacy,
                false,
                [
                    0xE74B_53E2,
                    0x3225_2546,
                    0x5E2A_BA24,
                    0x70D7_B7FC,
                    0x6A77_E39E,
                ],
            ),
            (
                Method::HalfMd4,
                false,
                [
                    0xD5FA_7D7A,
                    0x1746_DA32,
                    0x591D_E422,
                    0xA69A_4D3A,
                    0x717E_5490,
                ],
            ),
            (
                Method::HalfMd4,
                true,
                [
                    0xC28D_F288,
                    0x804E_26AE,
                    0xA922_891E,
                    0xBC0D_8080,
                    0xB442_94EA,
                ],
            ),
            (
                Method::Tea,
                false,
                [
                    0x6D0E_A4C0,
                    0x6F5B_B1A8,
                    0x2DBF_9E80,
                    0x04D3_37A6,
                    0xECD3_F952,
                ],
            ),
            (
                Method::Tea,
                true,
                [
                    0x016E_6F04,
                    0xE22C_DC88,
                    0xACC9_0A46,
                    0x8C4A_20A2,
                    0x1861_F964,
                ],
            ),
        ];
        for (method, seeded, hashes) in expected {
            let seed = if seeded { SEED } else { [0; 4] };
            let hasher = Hasher {
                method,
                unsigned: false,
                seed,
            };
            assert_eq!(NAMES.map(|name| hasher.hash(name)), hashes, "{hasher:?}");
        }
    }

    fn table(entries: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::new();
        for (hash, block) in entries {
            bytes.extend(hash.to_le_bytes());
            bytes.extend(block.to_le_bytes());
        }
        let limit = (entries.len() + 2) as u16;
        bytes[..2].copy_from_slice(&limit.to_le_bytes());
        bytes[2..4].copy_from_slice(&(entries.len() as u16).to_le_bytes());
        bytes.resize(usize::from(limit) * ENTRY, 0);
        bytes
    }

    #[test]
    fn a_hash_is_in_the_last_part_that_begins_before_it_and_in_those_that_continue_it() {
        let bytes = table(&[
            (0, 7),
            (0x10, 8),
            (0x20, 9),
            (0x21, 10),
            (0x21, 11),
            (0x30, 12),
        ]);
        let table = Table::new(&bytes, 0, false).unwrap();
        assert_eq!(table.blocks(0), (alloc::vec![7], false));
        assert_eq!(table.blocks(0x0E), (alloc::vec![7], false));
        assert_eq!(table.blocks(0x10), (alloc::vec![8], false));
        assert_eq!(table.blocks(0x1E), (alloc::vec![8], false));
        assert_eq!(table.blocks(0x20), (alloc::vec![9, 10, 11], false));
        assert_eq!(table.blocks(0x22), (alloc::vec![11], false));
        assert_eq!(table.blocks(0x4000), (alloc::vec![12], true));
    }
}
