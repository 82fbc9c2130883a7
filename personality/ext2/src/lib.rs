//! The second extended file system, as pure logic.
//!
//! A server gives a [`BlockDevice`] and gets a [`Fs`]: inodes by number, names to inodes,
//! directories, file contents, symbolic links, extended attributes and the translator records that
//! the Hurd keeps in them. Nothing here knows a kernel, a message or a permission check; the
//! library runs the same on the host and in the server.
//!
//! ```no_run
//! # fn main() -> Result<(), ext2::Error> {
//! # let image: Vec<u8> = Vec::new();
//! let mut fs = ext2::Fs::mount(image.as_slice(), &ext2::MountOptions::default())?;
//! let directory = fs.lookup(fs.root(), b"etc")?;
//! let file = fs.lookup(directory, b"motd")?;
//! let mut bytes = Vec::new();
//! fs.read(file, 0, 4096, |slice| bytes.extend_from_slice(slice))?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is read
//!
//! Everything that `mke2fs` writes as ext2, with blocks of 1 KiB to 64 KiB and inodes of any size:
//! files through the triple-indirect block, holes, directories with and without a hash index, both
//! kinds of symbolic link, device nodes, attributes in the inode and in their own block, sparse
//! super blocks, and the fields that exist only where the creator is the Hurd. A cleanly unmounted
//! ext3 file system is an ext2 file system with a journal nobody needs, and mounts as well. A
//! feature that changes the format in a way not known here is refused by its name
//! ([`Error::Incompatible`]).
//!
//! # What a damaged image can do
//!
//! Nothing but produce an [`Error`]. Every number that comes from the device is checked before it
//! is used:
//!
//! * A block number must lie in the file system and outside super blocks, group descriptors,
//!   bitmaps and inode tables.
//! * An indirect block is followed at most three levels deep, and no block can be its own ancestor.
//! * A directory has at most as many blocks as the file system, so every scan ends.
//! * A directory is entered by [`Fs::lookup`] only from the parent that its `..` names, so the tree
//!   has no cycle.
//! * Memory is bounded by [`MountOptions`]; a value that is returned in a `Vec` is at most a block.
//!
//! # Layers
//!
//! `wire` parses what lies on the disk and decides nothing. `cache` keeps pages of the device,
//! `layout` knows where metadata lies, `volume` joins them; on it stand `map` (file block to device
//! block), `content`, `directory`, `hash_index` and `attribute`. Only `fs` is public. Writing goes
//! through the same layers: dirty pages in `cache`, emitters in `wire`, allocation on `layout`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod attribute;
mod cache;
mod content;
mod device;
mod directory;
mod error;
mod fs;
mod hash_index;
mod layout;
mod lru;
mod map;
mod node;
#[cfg(feature = "testing")]
pub mod testing;
mod volume;
mod wire;

pub use attribute::Attribute;
pub use device::{BlockDevice, DeviceError};
pub use directory::DirEntry;
pub use error::{Corruption, Error, Problem, Structure};
pub use fs::{Extent, Fs, MountOptions, Statfs};
pub use wire::features::{CompatibleFeatures, IncompatibleFeatures, ReadOnlyFeatures};
pub use wire::inode::{DeviceNumber, FileKind, Inode, Timestamp, flags};
pub use wire::superblock::{CreatorOs, Superblock};

/// The number of an inode, from 1.
pub type Ino = u32;

/// The root directory's inode.
pub const ROOT_INO: Ino = 2;

/// The longest name in a directory, in bytes.
pub const NAME_MAX: usize = 255;
