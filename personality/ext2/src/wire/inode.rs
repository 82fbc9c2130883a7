//! Inodes.

use super::features::ReadOnlyFeatures;
use super::superblock::{CreatorOs, GOOD_OLD_INODE_SIZE, Superblock};
use super::{le16, le32};
use crate::{Ino, Problem};

/// Block numbers in an inode that lead to data directly.
pub(crate) const DIRECT: usize = 12;
/// Block numbers in an inode: direct ones and one each of the three indirect levels.
pub(crate) const POINTERS: usize = 15;
/// Where the block numbers lie, or the target of a short symbolic link.
pub(crate) const POINTERS_OFFSET: usize = 40;
/// Bytes that the block numbers take: shorter symbolic links lie in the inode.
pub(crate) const FAST_LINK_SIZE: u64 = 4 * POINTERS as u64;

/// Bits of an inode's flags.
pub mod flags {
    /// The file may not be changed.
    pub const IMMUTABLE: u32 = 0x10;
    /// The file may only grow.
    pub const APPEND: u32 = 0x20;
    /// `dump` leaves the file out.
    pub const NO_DUMP: u32 = 0x40;
    /// Reading does not change the access time.
    pub const NO_ATIME: u32 = 0x80;
    /// The directory has a hash index.
    pub const INDEX: u32 = 0x1000;
    /// The block count is in file system blocks (only with `huge_file`).
    pub const HUGE_FILE: u32 = 0x4_0000;
    /// The file is mapped by extents (only with `extent`).
    pub const EXTENTS: u32 = 0x8_0000;
    /// The contents lie in the inode (only with `inline_data`).
    pub const INLINE_DATA: u32 = 0x1000_0000;
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Not recorded: in directory entries without `filetype`.
    Unknown,
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A symbolic link.
    Symlink,
}

impl FileKind {
    /// The kind that the type bits (`S_IFMT`) of a mode name.
    pub fn from_mode(mode: u32) -> Option<FileKind> {
        Some(match mode & 0o170_000 {
            0o010_000 => FileKind::Fifo,
            0o020_000 => FileKind::CharacterDevice,
            0o040_000 => FileKind::Directory,
            0o060_000 => FileKind::BlockDevice,
            0o100_000 => FileKind::Regular,
            0o120_000 => FileKind::Symlink,
            0o140_000 => FileKind::Socket,
            _ => return None,
        })
    }

    /// The kind that the type byte of a directory entry names.
    pub(crate) fn from_entry(byte: u8) -> FileKind {
        match byte {
            1 => FileKind::Regular,
            2 => FileKind::Directory,
            3 => FileKind::CharacterDevice,
            4 => FileKind::BlockDevice,
            5 => FileKind::Fifo,
            6 => FileKind::Socket,
            7 => FileKind::Symlink,
            _ => FileKind::Unknown,
        }
    }
}

/// A point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds, below a thousand million; zero where the inode has no room for them.
    pub nanoseconds: u32,
}

/// The number of a device node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceNumber {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// What a `stat` tells about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inode {
    /// Its number.
    pub ino: Ino,
    /// What it is.
    pub kind: FileKind,
    /// Type and permission bits (`S_IF*` and `0o7777`), and the Hurd's bits above 16.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Author: the owner, unless the creator is the Hurd and recorded another one.
    pub author: u32,
    /// Size in bytes.
    pub size: u64,
    /// Directory entries that name it.
    pub links: u16,
    /// Space that it takes, in units of 512 bytes, metadata included.
    pub blocks: u64,
    /// Bits of [`flags`].
    pub flags: u32,
    /// Changes each time the number is used for a new file.
    pub generation: u32,
    /// The device, for device nodes.
    pub device: DeviceNumber,
    /// Last access.
    pub access: Timestamp,
    /// Last change of the contents.
    pub modify: Timestamp,
    /// Last change of the inode.
    pub change: Timestamp,
    /// When it was made, where the inode has room for it.
    pub birth: Option<Timestamp>,
}

/// An inode with the parts that only the file system itself uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskInode {
    /// What everybody may know.
    pub(crate) inode: Inode,
    /// The block numbers.
    pub(crate) pointers: [u32; POINTERS],
    /// The block of extended attributes, or 0.
    pub(crate) attribute_block: u32,
    /// The block of the translator record (Hurd), or 0.
    pub(crate) translator_block: u32,
}

impl DiskInode {
    /// Parses inode `ino` in `bytes`, which are as many as the super block says.
    pub(crate) fn parse(
        ino: Ino,
        bytes: &[u8],
        superblock: &Superblock,
    ) -> Result<DiskInode, Problem> {
        let hurd = superblock.creator == CreatorOs::Hurd;
        let mode_high = if hurd { u32::from(le16(bytes, 118)) } else { 0 };
        let mode = u32::from(le16(bytes, 0)) | mode_high << 16;
        let links = le16(bytes, 26);
        if links == 0 || mode == 0 {
            return Err(Problem::Deleted);
        }
        let kind = FileKind::from_mode(mode).ok_or(Problem::Kind)?;
        let flags = le32(bytes, 32);
        if flags & (flags::EXTENTS | flags::INLINE_DATA) != 0 {
            return Err(Problem::Flags);
        }

        let uid = u32::from(le16(bytes, 2)) | u32::from(le16(bytes, 120)) << 16;
        let author = match le32(bytes, 124) {
            author if hurd && author != u32::MAX => author,
            _ => uid,
        };
        // For other kinds the upper half means something else, or nothing.
        let size_high = if kind == FileKind::Regular {
            le32(bytes, 108)
        } else {
            0
        };

        let huge = !hurd && superblock.read_only.contains(ReadOnlyFeatures::HUGE_FILE);
        let blocks_high = if huge { u64::from(le16(bytes, 116)) } else { 0 };
        let blocks = u64::from(le32(bytes, 28)) | blocks_high << 32;
        let in_blocks = huge && flags & flags::HUGE_FILE != 0;

        let pointers: [u32; POINTERS] =
            core::array::from_fn(|index| le32(bytes, POINTERS_OFFSET + 4 * index));
        let is_device = matches!(kind, FileKind::CharacterDevice | FileKind::BlockDevice);
        let device = match pointers {
            [0, new, ..] if is_device => device_number(new),
            [old, ..] if is_device => device_number(old),
            _ => DeviceNumber::default(),
        };

        let extra = Extra {
            bytes,
            size: extra_size(bytes),
        };
        let inode = Inode {
            ino,
            kind,
            mode,
            uid,
            gid: u32::from(le16(bytes, 24)) | u32::from(le16(bytes, 122)) << 16,
            author,
            size: u64::from(le32(bytes, 4)) | u64::from(size_high) << 32,
            links,
            blocks: if in_blocks {
                blocks << (superblock.block_shift - 9)
            } else {
                blocks
            },
            flags,
            generation: le32(bytes, 100),
            device,
            access: extra.timestamp(8, 140),
            modify: extra.timestamp(16, 136),
            change: extra.timestamp(12, 132),
            birth: extra.word(144).map(|_| extra.timestamp(144, 148)),
        };
        Ok(DiskInode {
            inode,
            pointers,
            attribute_block: le32(bytes, 104),
            translator_block: if hurd { le32(bytes, 36) } else { 0 },
        })
    }
}

/// Both encodings of a device number that are in use: the old one, of 16 bits, is the new one with
/// the upper bits zero.
fn device_number(word: u32) -> DeviceNumber {
    DeviceNumber {
        major: word >> 8 & 0xFFF,
        minor: word & 0xFF | word >> 12 & 0xF_FF00,
    }
}

/// Bytes in use after the first 128: fields that only larger inodes have.
pub(crate) fn extra_size(bytes: &[u8]) -> usize {
    let base = usize::from(GOOD_OLD_INODE_SIZE);
    if bytes.len() <= base {
        return 0;
    }
    let size = usize::from(le16(bytes, base));
    // A size that leads out of the inode, or is odd, says nothing about what is there.
    if size < 4 || size % 4 != 0 || base + size > bytes.len() {
        0
    } else {
        size
    }
}

/// The fields that an inode may have after the first 128 bytes.
struct Extra<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Extra<'_> {
    /// The extra word at `offset` of the inode, if this inode has it.
    fn word(&self, offset: usize) -> Option<u32> {
        let end = usize::from(GOOD_OLD_INODE_SIZE) + self.size;
        (offset + 4 <= end).then(|| le32(self.bytes, offset))
    }

    /// The time whose seconds are at `seconds`, and whose extension at `extension`, if there:
    /// two bits that continue the seconds, the rest nanoseconds.
    fn timestamp(&self, seconds: usize, extension: usize) -> Timestamp {
        let seconds = i64::from(le32(self.bytes, seconds) as i32);
        let extension = self.word(extension).unwrap_or(0);
        Timestamp {
            seconds: seconds + (i64::from(extension & 3) << 32),
            nanoseconds: Some(extension >> 2)
                .filter(|&n| n < 1_000_000_000)
                .unwrap_or(0),
        }
    }
}
