//! A mounted file system.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::attribute::{self, Attribute};
use crate::cache::PageCache;
use crate::content;
use crate::directory::{self, DirEntry};
use crate::error::{Corruption, Structure};
use crate::layout::Layout;
use crate::map;
use crate::node::NodeCache;
use crate::volume::Volume;
use crate::wire::inode::{FAST_LINK_SIZE, FileKind, Inode};
use crate::wire::superblock::{self, Superblock};
use crate::{BlockDevice, DeviceError, Error, Ino, NAME_MAX, Problem, ROOT_INO};

/// How to mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountOptions {
    /// The most memory for cached pages of the device, in bytes. There are at least eight pages.
    pub cache_bytes: usize,
    /// The most that one request to the device brings, in bytes: at most 16 pages (256 KiB), at
    /// least one.
    pub read_ahead_bytes: usize,
    /// The most inodes in memory; each takes up to 1.5 KiB, with the parts of its block map
    /// that are remembered.
    pub inodes: usize,
    /// Where the super block is, in bytes. A copy works too: group descriptors are then taken from
    /// the block after it.
    pub superblock_offset: u64,
}

impl Default for MountOptions {
    fn default() -> Self {
        MountOptions {
            cache_bytes: 4 << 20,
            read_ahead_bytes: 128 << 10,
            inodes: 1024,
            superblock_offset: superblock::OFFSET,
        }
    }
}

/// How full a file system is. Blocks are of `block_size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statfs {
    /// The size of a block in bytes.
    pub block_size: u32,
    /// All blocks.
    pub blocks: u32,
    /// Blocks that hold metadata: Linux subtracts them from `blocks`, the Hurd does not.
    pub overhead: u32,
    /// Free blocks.
    pub free: u32,
    /// Free blocks that are not reserved.
    pub available: u32,
    /// All inodes.
    pub files: u32,
    /// Free inodes.
    pub free_files: u32,
    /// The longest name, in bytes.
    pub name_max: u32,
    /// An identifier, made of the UUID.
    pub fsid: u64,
}

/// A part of a file that lies together on the device, or is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// How long it is, in bytes; not zero.
    pub length: u64,
    /// Where it starts on the device, in bytes; none for a hole.
    pub device_offset: Option<u64>,
}

/// A mounted file system. Threads share it under a lock.
pub struct Fs<D> {
    volume: Volume<D>,
    nodes: NodeCache,
}

impl<D: BlockDevice> Fs<D> {
    /// Mounts the file system on `device`, to be read only.
    ///
    /// # Errors
    ///
    /// What is wrong with the super block, the geometry, the size of the device or the root
    /// directory's inode; [`Error::Incompatible`] names the features that stand in the way.
    pub fn mount(device: D, options: &MountOptions) -> Result<Fs<D>, Error> {
        let offset = options.superblock_offset;
        let size = device.size();
        if offset
            .checked_add(superblock::SIZE as u64)
            .is_none_or(|end| end > size)
        {
            return Err(Error::Device {
                error: DeviceError::OutOfRange,
                offset,
            });
        }
        let mut bytes = [0; superblock::SIZE];
        device
            .read(offset, &mut bytes)
            .map_err(|error| Error::Device { error, offset })?;
        let superblock = Superblock::parse(&bytes)?;
        let layout = Layout::new(&superblock)?;
        let needed = u64::from(layout.blocks) << layout.block_shift;
        if needed > size {
            return Err(Error::Truncated { needed, size });
        }

        let block_size = layout.block_size();
        let descriptors = (offset >> layout.block_shift) as u32 + 1;
        let cache = PageCache::new(
            device,
            block_size,
            options.cache_bytes,
            options.read_ahead_bytes,
        );
        let volume = Volume::new(superblock, layout, cache, descriptors);
        let mut fs = Fs {
            volume,
            nodes: NodeCache::new(options.inodes),
        };
        let root = fs.nodes.load_directory(&mut fs.volume, ROOT_INO)?;
        if directory::parent(&mut fs.volume, root)? != ROOT_INO {
            return Err(Corruption::new(Structure::Directory, Problem::Parent)
                .inode(2)
                .into());
        }
        Ok(fs)
    }

    /// The device, which nothing uses any more.
    pub fn into_device(self) -> D {
        self.volume.cache.into_device()
    }

    /// The device.
    pub fn device(&self) -> &D {
        self.volume.cache.device()
    }

    /// The root directory.
    pub fn root(&self) -> Ino {
        ROOT_INO
    }

    /// What the super block said when it was mounted.
    pub fn superblock(&self) -> &Superblock {
        &self.volume.superblock
    }

    /// How full the file system is.
    pub fn statfs(&self) -> Statfs {
        let superblock = &self.volume.superblock;
        let free = superblock.free_blocks.min(superblock.blocks);
        let half = |start: usize| {
            superblock.uuid[start..start + 8]
                .iter()
                .rev()
                .fold(0u64, |number, &byte| number << 8 | u64::from(byte))
        };
        Statfs {
            block_size: 1 << superblock.block_shift,
            blocks: superblock.blocks,
            overhead: self.volume.layout.overhead(),
            free,
            available: free.saturating_sub(superblock.reserved_blocks),
            files: superblock.inodes,
            free_files: superblock.free_inodes.min(superblock.inodes),
            name_max: NAME_MAX as u32,
            fsid: half(0) ^ half(8),
        }
    }

    /// What is known of a file.
    pub fn inode(&mut self, ino: Ino) -> Result<Inode, Error> {
        Ok(self.nodes.load(&mut self.volume, ino)?.inode)
    }

    /// The file that `name` names in a directory; `.` and `..` too, and the root is its own parent.
    ///
    /// A directory is found only where its own `..` leads back to `directory`.
    pub fn lookup(&mut self, directory: Ino, name: &[u8]) -> Result<Ino, Error> {
        let node = self.nodes.load_directory(&mut self.volume, directory)?;
        match name {
            b"." => return Ok(directory),
            b".." => return directory::parent(&mut self.volume, node),
            b"" => return Err(Error::NotFound),
            _ if name.len() > NAME_MAX => return Err(Error::NameTooLong),
            _ => {}
        }
        let ino = directory::find(&mut self.volume, node, name)?;
        let found = self.nodes.load(&mut self.volume, ino)?;
        if found.inode.kind == FileKind::Directory
            && (ino == ROOT_INO || directory::parent(&mut self.volume, found)? != directory)
        {
            return Err(Corruption::new(Structure::Directory, Problem::Parent)
                .inode(ino)
                .into());
        }
        Ok(ino)
    }

    /// Hands the entries of a directory, `.` and `..` included, to `sink`, from `cursor` on (0 is
    /// the start), until it breaks or the directory ends. Returns the cursor to go on from: that of
    /// the entry at which `sink` broke, which it will get again, or the end, from which nothing is
    /// delivered any more.
    ///
    /// Cursors stay valid as long as the directory exists. Where an entry is damaged, those before
    /// it are delivered, and the error comes when nothing else is left to deliver.
    pub fn read_dir(
        &mut self,
        directory: Ino,
        cursor: u64,
        sink: impl FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<u64, Error> {
        let node = self.nodes.load_directory(&mut self.volume, directory)?;
        directory::list(&mut self.volume, node, cursor, sink)
    }

    /// Hands `length` bytes of a regular file from `offset` on to `sink`, in order, as slices of
    /// the cache (or of zeros, for a hole). Returns how many: fewer only at the end of the file.
    ///
    /// # Errors
    ///
    /// Where any part cannot be read, the whole fails; what `sink` got by then is to be dropped.
    pub fn read(
        &mut self,
        ino: Ino,
        offset: u64,
        length: usize,
        sink: impl FnMut(&[u8]),
    ) -> Result<usize, Error> {
        let node = self.nodes.load(&mut self.volume, ino)?;
        match node.inode.kind {
            FileKind::Regular => {}
            FileKind::Directory => return Err(Error::IsDirectory),
            _ => return Err(Error::NotRegular),
        }
        let end = offset.saturating_add(length as u64).min(node.inode.size);
        if offset >= end {
            return Ok(0);
        }
        content::read(&mut self.volume, node, offset, end, sink)?;
        Ok((end - offset) as usize)
    }

    /// Fills `buffer` with a regular file's bytes from `offset` on; see [`read`](Self::read).
    pub fn read_into(&mut self, ino: Ino, offset: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut at = 0;
        let length = buffer.len();
        self.read(ino, offset, length, |bytes| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        })
    }

    /// The part of a regular file from `offset` on that lies together, or is missing; none at the
    /// end of the file. Two neighbouring parts may still turn out to be of the same kind.
    pub fn extent(&mut self, ino: Ino, offset: u64) -> Result<Option<Extent>, Error> {
        let node = self.nodes.load(&mut self.volume, ino)?;
        match node.inode.kind {
            FileKind::Regular => {}
            FileKind::Directory => return Err(Error::IsDirectory),
            _ => return Err(Error::NotRegular),
        }
        let size = node.inode.size;
        if offset >= size {
            return Ok(None);
        }
        let block_shift = self.volume.layout.block_shift;
        let run = map::find(&mut self.volume, node, (offset >> block_shift) as u32, 1)?;
        let end = (u64::from(run.end()) << block_shift).min(size);
        let into_run = offset - (u64::from(run.start) << block_shift);
        Ok(Some(Extent {
            offset,
            length: end - offset,
            device_offset: run
                .device
                .map(|block| (u64::from(block) << block_shift) + into_run),
        }))
    }

    /// The target of a symbolic link: not empty, without NUL, shorter than a block.
    pub fn read_link(&mut self, ino: Ino) -> Result<Vec<u8>, Error> {
        let node = self.nodes.load(&mut self.volume, ino)?;
        if node.inode.kind != FileKind::Symlink {
            return Err(Error::NotSymlink);
        }
        let size = node.inode.size;
        let mut target = Vec::with_capacity(size as usize);
        if size < FAST_LINK_SIZE {
            target.extend(node.pointers.iter().flat_map(|word| word.to_le_bytes()));
            target.truncate(size as usize);
        } else {
            let sink = |bytes: &[u8]| target.extend_from_slice(bytes);
            content::read(&mut self.volume, node, 0, size, sink)?;
        }
        if target.contains(&0) {
            let corruption = Corruption::new(Structure::Symlink, Problem::Name);
            return Err(corruption.inode(ino).into());
        }
        Ok(target)
    }

    /// The value of the extended attribute `name` (with its prefix, as in `user.mime_type`).
    pub fn attribute(&mut self, ino: Ino, name: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let node = self.nodes.load(&mut self.volume, ino)?;
        attribute::get(&mut self.volume, node, name)
    }

    /// Hands each extended attribute of a file to `sink`. Attributes whose prefix is unknown are
    /// left out.
    pub fn for_each_attribute(
        &mut self,
        ino: Ino,
        mut sink: impl FnMut(Attribute<'_>),
    ) -> Result<(), Error> {
        let node = self.nodes.load(&mut self.volume, ino)?;
        attribute::for_each(&mut self.volume, node, |attribute| {
            sink(attribute);
            ControlFlow::Continue(())
        })
    }

    /// The passive translator record of a file, as it is stored: the program and its arguments,
    /// each ended by NUL (records that other tools wrote may lack the last one).
    ///
    /// It is the attribute `gnu.translator`, or the inode's translator block where an older Hurd
    /// made the file system.
    pub fn translator(&mut self, ino: Ino) -> Result<Option<Vec<u8>>, Error> {
        let node = self.nodes.load(&mut self.volume, ino)?;
        let record = attribute::translator(&mut self.volume, node)?;
        node.translated = Some(record.is_some());
        Ok(record)
    }

    /// Whether a file has a passive translator record: remembered with the inode.
    pub fn has_translator(&mut self, ino: Ino) -> Result<bool, Error> {
        match self.nodes.load(&mut self.volume, ino)?.translated {
            Some(translated) => Ok(translated),
            None => Ok(self.translator(ino)?.is_some()),
        }
    }
}
