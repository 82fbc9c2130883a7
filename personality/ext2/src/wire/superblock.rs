//! The super block.

use super::features::{CompatibleFeatures, IncompatibleFeatures, ReadOnlyFeatures};
use super::{le16, le32};
use crate::Error;

/// The size of a super block on the disk, in bytes.
pub(crate) const SIZE: usize = 1024;

/// Where the primary super block lies on the device, in bytes.
pub(crate) const OFFSET: u64 = 1024;

/// Identifies ext2, ext3 and ext4.
const MAGIC: u16 = 0xEF53;

/// The first revision, with fixed sizes and without features.
const GOOD_OLD_REVISION: u32 = 0;
/// The revision with inode sizes and features.
const DYNAMIC_REVISION: u32 = 1;

/// The size of an inode in the first revision, and the smallest there is, in bytes.
pub(crate) const GOOD_OLD_INODE_SIZE: u16 = 128;
/// The first inode for ordinary files in the first revision.
const GOOD_OLD_FIRST_INODE: u32 = 11;

/// Bit of `s_state`: unmounted cleanly.
const STATE_CLEAN: u16 = 0x1;
/// Bit of `s_state`: errors were found.
const STATE_ERRORS: u16 = 0x2;
/// Bit of `s_flags`: directory hashes take names as unsigned characters.
const FLAG_UNSIGNED_HASH: u32 = 0x2;

/// The operating system that made a file system; it decides what some inode fields mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreatorOs {
    /// Linux.
    Linux,
    /// The Hurd: inodes have an author, more mode bits, and a translator block.
    Hurd,
    /// Masix.
    Masix,
    /// FreeBSD.
    FreeBsd,
    /// Lites.
    Lites,
    /// Another one.
    Other(u32),
}

/// What the super block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Inodes in all groups together.
    pub inodes: u32,
    /// Blocks, from block 0.
    pub blocks: u32,
    /// Blocks kept for the privileged user.
    pub reserved_blocks: u32,
    /// Free blocks when it was last written.
    pub free_blocks: u32,
    /// Free inodes when it was last written.
    pub free_inodes: u32,
    /// The block that holds the super block: 1 with blocks of 1 KiB, otherwise 0.
    pub first_data_block: u32,
    /// Binary logarithm of the block size.
    pub block_shift: u32,
    /// Blocks in a group, but for the last.
    pub blocks_per_group: u32,
    /// Inodes in a group.
    pub inodes_per_group: u32,
    /// Time of the last mount, in seconds since 1970.
    pub mount_time: u32,
    /// Time of the last change, in seconds since 1970.
    pub write_time: u32,
    /// Whether it was unmounted cleanly.
    pub clean: bool,
    /// Whether errors were found since the last check.
    pub errors: bool,
    /// The operating system that made it.
    pub creator: CreatorOs,
    /// Revision of the format: 0 or 1.
    pub revision: u32,
    /// User who may use reserved blocks.
    pub reserved_uid: u16,
    /// Group who may use reserved blocks.
    pub reserved_gid: u16,
    /// The first inode that is not reserved.
    pub first_inode: u32,
    /// Size of an inode in bytes.
    pub inode_size: u16,
    /// Features that need not be known.
    pub compatible: CompatibleFeatures,
    /// Features that must be known to read.
    pub incompatible: IncompatibleFeatures,
    /// Features that must be known to write.
    pub read_only: ReadOnlyFeatures,
    /// The identifier.
    pub uuid: [u8; 16],
    /// The name that a user gave it, padded with NUL.
    pub label: [u8; 16],
    /// Blocks kept free after the group descriptors.
    pub reserved_descriptor_blocks: u16,
    /// Seed of directory hashes; all zero means the default one.
    pub hash_seed: [u32; 4],
    /// Whether directory hashes take characters as unsigned.
    pub unsigned_hash: bool,
    /// Groups with a copy of the super block, where `sparse_super2` is on.
    pub backup_groups: [u32; 2],
}

impl Superblock {
    /// The block size in bytes.
    pub fn block_size(&self) -> usize {
        1 << self.block_shift
    }

    /// The volume's name, without padding.
    pub fn label(&self) -> &[u8] {
        let length = self
            .label
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(self.label.len());
        &self.label[..length]
    }

    /// The features that are not ext2's and that are ignored because nothing is written.
    pub fn ignored_features(&self) -> ReadOnlyFeatures {
        self.read_only.without(ReadOnlyFeatures::EXT2)
    }

    /// Parses the super block in `bytes` ([`SIZE`] of them) and checks each field against the
    /// others; whether it fits the device is not its business.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Superblock, Error> {
        if le16(bytes, 56) != MAGIC {
            return Err(Error::NotExt2);
        }
        let revision = le32(bytes, 76);
        if revision > DYNAMIC_REVISION {
            return Err(Error::Revision(revision));
        }
        let dynamic = revision != GOOD_OLD_REVISION;
        let feature_word = |offset| if dynamic { le32(bytes, offset) } else { 0 };
        let incompatible = IncompatibleFeatures(feature_word(96));
        let unsupported = incompatible.without(IncompatibleFeatures::SUPPORTED);
        if !unsupported.is_empty() {
            return Err(Error::Incompatible(unsupported));
        }

        let log_block_size = le32(bytes, 24);
        check(log_block_size <= 6, "s_log_block_size", log_block_size)?;
        let superblock = Superblock {
            inodes: le32(bytes, 0),
            blocks: le32(bytes, 4),
            reserved_blocks: le32(bytes, 8),
            free_blocks: le32(bytes, 12),
            free_inodes: le32(bytes, 16),
            first_data_block: le32(bytes, 20),
            block_shift: 10 + log_block_size,
            blocks_per_group: le32(bytes, 32),
            inodes_per_group: le32(bytes, 40),
            mount_time: le32(bytes, 44),
            write_time: le32(bytes, 48),
            clean: le16(bytes, 58) & STATE_CLEAN != 0,
            errors: le16(bytes, 58) & STATE_ERRORS != 0,
            creator: match le32(bytes, 72) {
                0 => CreatorOs::Linux,
                1 => CreatorOs::Hurd,
                2 => CreatorOs::Masix,
                3 => CreatorOs::FreeBsd,
                4 => CreatorOs::Lites,
                other => CreatorOs::Other(other),
            },
            revision,
            reserved_uid: le16(bytes, 80),
            reserved_gid: le16(bytes, 82),
            first_inode: if dynamic {
                le32(bytes, 84)
            } else {
                GOOD_OLD_FIRST_INODE
            },
            inode_size: if dynamic {
                le16(bytes, 88)
            } else {
                GOOD_OLD_INODE_SIZE
            },
            compatible: CompatibleFeatures(feature_word(92)),
            incompatible,
            read_only: ReadOnlyFeatures(feature_word(100)),
            uuid: array(bytes, 104),
            label: array(bytes, 120),
            reserved_descriptor_blocks: if dynamic { le16(bytes, 206) } else { 0 },
            hash_seed: core::array::from_fn(|word| le32(bytes, 236 + 4 * word)),
            unsigned_hash: le32(bytes, 352) & FLAG_UNSIGNED_HASH != 0,
            backup_groups: [le32(bytes, 588), le32(bytes, 592)],
        };
        let clusters = superblock.read_only.contains(ReadOnlyFeatures::BIGALLOC);
        let log_fragment_size = le32(bytes, 28);
        check(
            clusters || log_fragment_size == log_block_size,
            "s_log_frag_size",
            log_fragment_size,
        )?;
        superblock.check()?;
        Ok(superblock)
    }

    fn check(&self) -> Result<(), Error> {
        let block_size = self.block_size() as u32;
        let inode_size = u32::from(self.inode_size);
        check(
            self.inode_size.is_power_of_two()
                && self.inode_size >= GOOD_OLD_INODE_SIZE
                && inode_size <= block_size,
            "s_inode_size",
            inode_size,
        )?;
        let first = u32::from(block_size == 1024);
        check(
            self.first_data_block == first,
            "s_first_data_block",
            self.first_data_block,
        )?;
        check(
            self.blocks > self.first_data_block + 1,
            "s_blocks_count",
            self.blocks,
        )?;
        // One block of bitmap describes a group.
        let clusters = self.read_only.contains(ReadOnlyFeatures::BIGALLOC);
        let most_blocks = if clusters { u32::MAX } else { 8 * block_size };
        check(
            (8..=most_blocks).contains(&self.blocks_per_group),
            "s_blocks_per_group",
            self.blocks_per_group,
        )?;
        check(
            (1..=8 * block_size).contains(&self.inodes_per_group),
            "s_inodes_per_group",
            self.inodes_per_group,
        )?;
        check(
            u64::from(self.inodes) == u64::from(self.groups()) * u64::from(self.inodes_per_group),
            "s_inodes_count",
            self.inodes,
        )?;
        check(
            self.first_inode >= GOOD_OLD_FIRST_INODE && self.first_inode <= self.inodes,
            "s_first_ino",
            self.first_inode,
        )
    }

    /// How many block groups there are.
    pub(crate) fn groups(&self) -> u32 {
        (self.blocks - self.first_data_block).div_ceil(self.blocks_per_group)
    }
}

fn check(holds: bool, field: &'static str, value: u32) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::Superblock {
            field,
            value: u64::from(value),
        })
    }
}

fn array(bytes: &[u8], offset: usize) -> [u8; 16] {
    core::array::from_fn(|index| bytes[offset + index])
}
