//! The structures on the disk, parsed and nothing more.
//!
//! Numbers are little-endian. Offsets are those of the ext2 disk format; a parser gets a slice that
//! is long enough and checks what can be checked without looking at another structure.

pub(crate) mod attribute;
pub(crate) mod dirent;
pub(crate) mod features;
pub(crate) mod group;
pub(crate) mod inode;
pub(crate) mod superblock;

/// The 16-bit number at `offset`, which lies in `bytes`.
pub(crate) fn le16(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([bytes[offset], bytes[offset + 1]])
}

/// The 32-bit number at `offset`, which lies in `bytes`.
pub(crate) fn le32(bytes: &[u8], offset: usize) -> u32 {
    let bytes = &bytes[offset..offset + 4];
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
