//! Where the file system's own metadata lies.
//!
//! A group is a run of blocks with, in this order where present: a copy of the super block and of
//! the group descriptors with blocks reserved for more of them; and anywhere in the group its block
//! bitmap, inode bitmap and inode table.

use crate::wire::features::{CompatibleFeatures, ReadOnlyFeatures};
use crate::wire::group::{self, GroupDescriptor};
use crate::wire::inode::{DIRECT, FileKind, Inode};
use crate::wire::superblock::Superblock;
use crate::{Error, Ino, Problem, ROOT_INO};

/// Which groups begin with a copy of the super block.
#[derive(Clone, Copy, Debug)]
enum Copies {
    All,
    /// Groups 0 and 1, and powers of 3, 5 and 7.
    Sparse,
    /// Group 0 and these.
    Two([u32; 2]),
}

/// The geometry of a file system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) block_shift: u32,
    pub(crate) blocks: u32,
    pub(crate) groups: u32,
    pub(crate) inodes: u32,
    pub(crate) inode_size: usize,
    first_block: u32,
    blocks_per_group: u32,
    inodes_per_group: u32,
    inode_table_blocks: u32,
    first_inode: u32,
    /// Blocks of a super block copy, the descriptors, and what is reserved after them.
    copy_blocks: u32,
    copies: Copies,
}

impl Layout {
    /// The geometry that a super block, whose fields agree with each other, describes.
    pub(crate) fn new(superblock: &Superblock) -> Result<Layout, Error> {
        let block_size = superblock.block_size() as u64;
        let groups = superblock.groups();
        let table_bytes = u64::from(superblock.inodes_per_group) * u64::from(superblock.inode_size);
        let inode_table_blocks = table_bytes.div_ceil(block_size);
        let descriptor_blocks = (u64::from(groups) * group::SIZE as u64).div_ceil(block_size);
        let copy_blocks = 1 + descriptor_blocks + u64::from(superblock.reserved_descriptor_blocks);

        // The first group holds all of it, two bitmaps, and at least one block for the root.
        let first_group = u64::from(superblock.blocks_per_group)
            .min(u64::from(superblock.blocks - superblock.first_data_block));
        if copy_blocks + 2 + inode_table_blocks >= first_group {
            return Err(Error::Superblock {
                field: "s_blocks_per_group",
                value: first_group,
            });
        }

        let compatible = superblock.compatible;
        let sparse = superblock
            .read_only
            .contains(ReadOnlyFeatures::SPARSE_SUPER);
        let copies = if compatible.contains(CompatibleFeatures::SPARSE_SUPER2) {
            Copies::Two(superblock.backup_groups)
        } else if sparse {
            Copies::Sparse
        } else {
            Copies::All
        };
        Ok(Layout {
            block_shift: superblock.block_shift,
            blocks: superblock.blocks,
            groups,
            inodes: superblock.inodes,
            inode_size: usize::from(superblock.inode_size),
            first_block: superblock.first_data_block,
            blocks_per_group: superblock.blocks_per_group,
            inodes_per_group: superblock.inodes_per_group,
            inode_table_blocks: inode_table_blocks as u32,
            first_inode: superblock.first_inode,
            copy_blocks: copy_blocks as u32,
            copies,
        })
    }

    pub(crate) fn block_size(&self) -> usize {
        1 << self.block_shift
    }

    /// Whether a directory may contain `ino`: the root, or an inode that is not reserved.
    pub(crate) fn is_file(&self, ino: Ino) -> bool {
        ino == ROOT_INO || (self.first_inode..=self.inodes).contains(&ino)
    }

    /// The group of an inode, and its position in the group's table. `ino` is not 0.
    pub(crate) fn inode_position(&self, ino: Ino) -> (u32, u32) {
        (
            (ino - 1) / self.inodes_per_group,
            (ino - 1) % self.inodes_per_group,
        )
    }

    /// The first block of a group.
    fn group_start(&self, group: u32) -> u32 {
        self.first_block + group * self.blocks_per_group
    }

    /// The block after the last one of a group.
    fn group_end(&self, group: u32) -> u32 {
        let length = self
            .blocks_per_group
            .min(self.blocks - self.group_start(group));
        self.group_start(group) + length
    }

    /// The group of a block that is in the file system and not before the first group.
    fn group_of(&self, block: u32) -> u32 {
        (block - self.first_block) / self.blocks_per_group
    }

    fn has_copy(&self, group: u32) -> bool {
        let power_of = |base: u32| {
            let mut power = u64::from(base);
            while power < u64::from(group) {
                power *= u64::from(base);
            }
            power == u64::from(group)
        };
        match self.copies {
            _ if group == 0 => true,
            Copies::All => true,
            Copies::Sparse => group == 1 || power_of(3) || power_of(5) || power_of(7),
            Copies::Two(groups) => groups.contains(&group),
        }
    }

    /// Blocks at the start of a group that belong to the copy of the super block.
    fn copy_end(&self, group: u32) -> u32 {
        let start = self.group_start(group);
        if self.has_copy(group) {
            start.saturating_add(self.copy_blocks)
        } else {
            start
        }
    }

    /// Checks that a group's metadata lies where it can: in the group, behind the copy of the super
    /// block, and not on itself.
    pub(crate) fn check_descriptor(
        &self,
        group: u32,
        descriptor: &GroupDescriptor,
    ) -> Result<(), Problem> {
        let (start, end) = (self.copy_end(group), self.group_end(group));
        let table = u64::from(descriptor.inode_table);
        let table_end = table + u64::from(self.inode_table_blocks);
        if table < u64::from(start) || table_end > u64::from(end) {
            return Err(Problem::OutOfRange);
        }
        for bitmap in [descriptor.block_bitmap, descriptor.inode_bitmap] {
            if !(start..end).contains(&bitmap) {
                return Err(Problem::OutOfRange);
            }
            if (table..table_end).contains(&u64::from(bitmap)) {
                return Err(Problem::InMetadata);
            }
        }
        if descriptor.block_bitmap == descriptor.inode_bitmap {
            return Err(Problem::InMetadata);
        }
        Ok(())
    }

    /// The part of a range of blocks, not empty, that lies in one group: the group and its end.
    ///
    /// Fails where the first block is no block of the file system.
    pub(crate) fn group_part(&self, start: u32, end: u32) -> Result<(u32, u32), Problem> {
        if start < self.first_block || start >= self.blocks {
            return Err(Problem::OutOfRange);
        }
        let group = self.group_of(start);
        Ok((group, end.min(self.group_end(group))))
    }

    /// The first block in `start..end`, all of it in `group`, that is the group's metadata.
    pub(crate) fn first_metadata(
        &self,
        group: u32,
        descriptor: &GroupDescriptor,
        start: u32,
        end: u32,
    ) -> Option<u32> {
        let table = descriptor.inode_table;
        let areas = [
            (self.group_start(group), self.copy_end(group)),
            (descriptor.block_bitmap, descriptor.block_bitmap + 1),
            (descriptor.inode_bitmap, descriptor.inode_bitmap + 1),
            (table, table + self.inode_table_blocks),
        ];
        let overlaps = areas
            .into_iter()
            .filter(|&(first, after)| first < end && start < after);
        overlaps.map(|(first, _)| first.max(start)).min()
    }

    /// Whether a file of this kind can have this size.
    pub(crate) fn size_is_possible(&self, inode: &Inode) -> bool {
        let block_size = self.block_size() as u64;
        match inode.kind {
            // Whole blocks without holes: no more of them than the file system has.
            FileKind::Directory => {
                inode.size > 0
                    && inode.size.is_multiple_of(block_size)
                    && inode.size >> self.block_shift < u64::from(self.blocks)
            }
            FileKind::Regular => inode.size <= self.mappable_blocks() << self.block_shift,
            FileKind::Symlink => inode.size > 0 && inode.size < block_size,
            _ => true,
        }
    }

    /// The most blocks that the block map of a file can describe.
    fn mappable_blocks(&self) -> u64 {
        let fan_out = 1u64 << (self.block_shift - 2);
        let all = DIRECT as u64 + fan_out + fan_out.pow(2) + fan_out.pow(3);
        all.min(u64::from(u32::MAX))
    }

    /// Blocks that hold metadata, and those before the first group.
    pub(crate) fn overhead(&self) -> u32 {
        let copies = match self.copies {
            Copies::All => u64::from(self.groups),
            // Few enough to count: their numbers grow by powers.
            Copies::Sparse => {
                let mut candidates = alloc::vec![0, 1];
                for base in [3u64, 5, 7] {
                    let powers = core::iter::successors(Some(base), |power| Some(power * base));
                    candidates.extend(powers.take_while(|&power| power < u64::from(self.groups)));
                }
                candidates
                    .iter()
                    .filter(|&&group| group < u64::from(self.groups))
                    .count() as u64
            }
            Copies::Two([first, second]) => {
                let present = |group: u32| u64::from(group != 0 && group < self.groups);
                1 + present(first) + if first == second { 0 } else { present(second) }
            }
        };
        let per_group = u64::from(self.groups) * (2 + u64::from(self.inode_table_blocks));
        let all = u64::from(self.first_block) + copies * u64::from(self.copy_blocks) + per_group;
        all.min(u64::from(self.blocks)) as u32
    }
}
