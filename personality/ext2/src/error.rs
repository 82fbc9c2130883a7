//! Everything that can go wrong.

use core::fmt;

use crate::wire::features::IncompatibleFeatures;
use crate::{DeviceError, Ino};

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device failed. `offset` is the byte at which the request started.
    Device {
        /// What the device said.
        error: DeviceError,
        /// Byte offset on the device.
        offset: u64,
    },
    /// There is no ext2 magic number where the super block should be.
    NotExt2,
    /// The file system's revision is newer than this library.
    Revision(u32),
    /// The file system uses these features, and nobody who does not know them may even read it.
    Incompatible(IncompatibleFeatures),
    /// A field of the super block makes no sense, alone or with the others.
    Superblock {
        /// The field, as the disk format names it.
        field: &'static str,
        /// What it contains.
        value: u64,
    },
    /// The file system is larger than the device: the image is truncated.
    Truncated {
        /// Bytes that the super block claims.
        needed: u64,
        /// Bytes that the device has.
        size: u64,
    },
    /// A structure on the disk is damaged.
    Corrupt(Corruption),
    /// The directory has no such name.
    NotFound,
    /// Not a directory.
    NotDirectory,
    /// A directory has no contents to read but its entries.
    IsDirectory,
    /// Only regular files have contents.
    NotRegular,
    /// Not a symbolic link.
    NotSymlink,
    /// Longer than [`NAME_MAX`](crate::NAME_MAX).
    NameTooLong,
    /// No file can have this inode number.
    BadInode(Ino),
}

/// A damaged structure: what it is, where it is, and what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The damaged structure.
    pub structure: Structure,
    /// What is wrong with it.
    pub problem: Problem,
    /// The inode that it belongs to, if any.
    pub inode: Option<Ino>,
    /// The block that contains it, or the bad block number found in it.
    pub block: Option<u32>,
}

/// A kind of structure on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// The descriptor of this block group.
    GroupDescriptor(u32),
    /// An inode.
    Inode,
    /// A block of block numbers, at this level (1 points to data).
    IndirectBlock(u8),
    /// A block of a file's contents, or its number.
    DataBlock,
    /// A block of directory entries.
    Directory,
    /// The target of a symbolic link.
    Symlink,
    /// Extended attributes, in the inode or in their block.
    Attributes,
    /// The block that holds a translator record (Hurd, old style).
    Translator,
}

/// What is wrong with a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A block number beyond the file system.
    OutOfRange,
    /// A block number inside the file system's own metadata.
    InMetadata,
    /// A block that leads to itself.
    Cycle,
    /// A magic number or a version is wrong.
    Magic,
    /// A length or an offset leads out of its container.
    Length,
    /// A size that the structure cannot have.
    Size,
    /// The type bits are no known type.
    Kind,
    /// The inode is free or deleted, but something refers to it.
    Deleted,
    /// The inode's flags say that it has a format which the file system does not have.
    Flags,
    /// A name is empty or contains `/` or NUL.
    Name,
    /// An inode number that no directory may contain.
    InodeNumber,
    /// A block is missing where holes are not allowed.
    Hole,
    /// `.` or `..` is missing, or leads elsewhere.
    Parent,
}

impl Corruption {
    pub(crate) fn new(structure: Structure, problem: Problem) -> Self {
        Corruption {
            structure,
            problem,
            inode: None,
            block: None,
        }
    }

    pub(crate) fn inode(self, inode: Ino) -> Self {
        Corruption {
            inode: Some(inode),
            ..self
        }
    }

    pub(crate) fn block(self, block: u32) -> Self {
        Corruption {
            block: Some(block),
            ..self
        }
    }
}

impl From<Corruption> for Error {
    fn from(corruption: Corruption) -> Self {
        Error::Corrupt(corruption)
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Structure::GroupDescriptor(group) => write!(f, "descriptor of group {group}"),
            Structure::Inode => f.write_str("inode"),
            Structure::IndirectBlock(level) => write!(f, "level {level} indirect block"),
            Structure::DataBlock => f.write_str("data block"),
            Structure::Directory => f.write_str("directory"),
            Structure::Symlink => f.write_str("symbolic link"),
            Structure::Attributes => f.write_str("extended attributes"),
            Structure::Translator => f.write_str("translator record"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Problem::OutOfRange => "block number beyond the file system",
            Problem::InMetadata => "block number inside the metadata",
            Problem::Cycle => "block leads to itself",
            Problem::Magic => "wrong magic number",
            Problem::Length => "length leads out of the structure",
            Problem::Size => "impossible size",
            Problem::Kind => "unknown type",
            Problem::Deleted => "deleted, but referred to",
            Problem::Flags => "flags of a format that the file system does not have",
            Problem::Name => "invalid name",
            Problem::InodeNumber => "invalid inode number",
            Problem::Hole => "missing block",
            Problem::Parent => "wrong link to itself or to the parent",
        })
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.structure, self.problem)?;
        if let Some(inode) = self.inode {
            write!(f, ", inode {inode}")?;
        }
        if let Some(block) = self.block {
            write!(f, ", block {block}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Device { error, offset } => write!(f, "device at byte {offset}: {error}"),
            Error::NotExt2 => f.write_str("not an ext2 file system"),
            Error::Revision(revision) => write!(f, "unknown ext2 revision {revision}"),
            Error::Incompatible(features) => write!(f, "unsupported features: {features}"),
            Error::Superblock { field, value } => {
                write!(f, "super block: {field} cannot be {value}")
            }
            Error::Truncated { needed, size } => {
                write!(
                    f,
                    "file system of {needed} bytes on a device of {size} bytes"
                )
            }
            Error::Corrupt(corruption) => write!(f, "corrupt {corruption}"),
            Error::NotFound => f.write_str("no such name"),
            Error::NotDirectory => f.write_str("not a directory"),
            Error::IsDirectory => f.write_str("is a directory"),
            Error::NotRegular => f.write_str("not a regular file"),
            Error::NotSymlink => f.write_str("not a symbolic link"),
            Error::NameTooLong => f.write_str("name too long"),
            Error::BadInode(ino) => write!(f, "inode number {ino} is not a file's"),
        }
    }
}

impl core::error::Error for Error {}
