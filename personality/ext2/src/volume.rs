//! A device with the geometry of the file system on it: blocks, group descriptors, inodes.

use crate::cache::PageCache;
use crate::error::{Corruption, Structure};
use crate::layout::Layout;
use crate::wire::group::{self, GroupDescriptor};
use crate::wire::inode::DiskInode;
use crate::wire::superblock::Superblock;
use crate::{BlockDevice, Error, Ino, Problem};

/// Group descriptors that are kept checked and ready.
const RECENT_GROUPS: usize = 16;

/// Everything that is mounted but the inodes in use.
pub(crate) struct Volume<D> {
    pub(crate) superblock: Superblock,
    pub(crate) layout: Layout,
    pub(crate) cache: PageCache<D>,
    /// The block in which the group descriptors start.
    descriptors: u32,
    /// Checked descriptors, each at its number modulo the size.
    recent: [Option<(u32, GroupDescriptor)>; RECENT_GROUPS],
}

impl<D: BlockDevice> Volume<D> {
    /// `descriptors` is the block in which the group descriptors start.
    pub(crate) fn new(
        superblock: Superblock,
        layout: Layout,
        cache: PageCache<D>,
        descriptors: u32,
    ) -> Self {
        Volume {
            superblock,
            layout,
            cache,
            descriptors,
            recent: [None; RECENT_GROUPS],
        }
    }

    /// A block's contents.
    pub(crate) fn block(&mut self, block: u32) -> Result<&[u8], Error> {
        let offset = u64::from(block) << self.layout.block_shift;
        self.cache.bytes(offset, self.layout.block_size())
    }

    /// A group's descriptor, checked.
    pub(crate) fn group(&mut self, group: u32) -> Result<GroupDescriptor, Error> {
        let recent = group as usize % RECENT_GROUPS;
        if let Some((number, descriptor)) = self.recent[recent]
            && number == group
        {
            return Ok(descriptor);
        }
        let offset = (u64::from(self.descriptors) << self.layout.block_shift)
            + u64::from(group) * group::SIZE as u64;
        let descriptor = GroupDescriptor::parse(self.cache.bytes(offset, group::SIZE)?);
        self.layout
            .check_descriptor(group, &descriptor)
            .map_err(|problem| {
                let block = (offset >> self.layout.block_shift) as u32;
                Corruption::new(Structure::GroupDescriptor(group), problem).block(block)
            })?;
        self.recent[recent] = Some((group, descriptor));
        Ok(descriptor)
    }

    /// How many of the `count` blocks from `start` on (at least one, none of them beyond 32 bits)
    /// can be a file's: in the file system, and no metadata. At least one; a bad first block is an
    /// error, which says that it belongs to a `structure` of `inode`.
    pub(crate) fn usable_blocks(
        &mut self,
        start: u32,
        count: u32,
        structure: Structure,
        inode: Ino,
    ) -> Result<u32, Error> {
        let corrupt = |problem| {
            Corruption::new(structure, problem)
                .inode(inode)
                .block(start)
        };
        if start >= self.layout.blocks {
            return Err(corrupt(Problem::OutOfRange).into());
        }
        let end = start.saturating_add(count);
        let mut at = start;
        while at < end {
            let (group, part_end) = match self.layout.group_part(at, end) {
                Ok(part) => part,
                Err(problem) if at == start => return Err(corrupt(problem).into()),
                Err(_) => break,
            };
            let descriptor = match self.group(group) {
                Ok(descriptor) => descriptor,
                Err(error) if at == start => return Err(error),
                Err(_) => break,
            };
            match self.layout.first_metadata(group, &descriptor, at, part_end) {
                None => at = part_end,
                Some(block) if block == start => return Err(corrupt(Problem::InMetadata).into()),
                Some(block) => return Ok(block - start),
            }
        }
        Ok(at - start)
    }

    /// Checks that `block` can be a file's.
    pub(crate) fn check_block(
        &mut self,
        block: u32,
        structure: Structure,
        inode: Ino,
    ) -> Result<(), Error> {
        self.usable_blocks(block, 1, structure, inode).map(|_| ())
    }

    /// Where an inode lies, in bytes. `ino` is not 0 and not too large.
    fn inode_offset(&mut self, ino: Ino) -> Result<u64, Error> {
        let (group, position) = self.layout.inode_position(ino);
        let table = self.group(group)?.inode_table;
        Ok((u64::from(table) << self.layout.block_shift)
            + u64::from(position) * self.layout.inode_size as u64)
    }

    /// The bytes of an inode. `ino` is not 0 and not too large.
    pub(crate) fn inode_bytes(&mut self, ino: Ino) -> Result<&[u8], Error> {
        let offset = self.inode_offset(ino)?;
        self.cache.bytes(offset, self.layout.inode_size)
    }

    /// An inode that is in use, with a size that it can have. `ino` is not 0 and not too large.
    pub(crate) fn inode(&mut self, ino: Ino) -> Result<DiskInode, Error> {
        let offset = self.inode_offset(ino)?;
        let bytes = self.cache.bytes(offset, self.layout.inode_size)?;
        let parsed = DiskInode::parse(ino, bytes, &self.superblock);
        let checked = parsed.and_then(|disk| match self.layout.size_is_possible(&disk.inode) {
            true => Ok(disk),
            false => Err(Problem::Size),
        });
        checked.map_err(|problem| {
            let block = (offset >> self.layout.block_shift) as u32;
            Corruption::new(Structure::Inode, problem)
                .inode(ino)
                .block(block)
                .into()
        })
    }
}
