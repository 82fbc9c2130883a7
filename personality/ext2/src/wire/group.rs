//! The descriptor of a block group.

use super::le32;

/// The size of a descriptor on the disk, in bytes.
pub(crate) const SIZE: usize = 32;

/// Where a group's own metadata lies, as block numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupDescriptor {
    pub(crate) block_bitmap: u32,
    pub(crate) inode_bitmap: u32,
    pub(crate) inode_table: u32,
}

impl GroupDescriptor {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        GroupDescriptor {
            block_bitmap: le32(bytes, 0),
            inode_bitmap: le32(bytes, 4),
            inode_table: le32(bytes, 8),
        }
    }
}
