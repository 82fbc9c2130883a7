//! The file system as the file server sees it.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use diskfs::{
    Access, Attached, Entry, FileSystem, Limits, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK,
    S_IFREG, S_IFSOCK, S_IPTRANS,
};
use ext2::{FileKind, Fs, Ino, Inode, MountOptions, Timestamp};
use interface::fs::StatFs;
use interface::io::{StatBuf, fstype};
use interface::types::TimeSpec;
use machuser::sync::Mutex;
use machuser::{Error, Result};
use store::Store;

use crate::device::Device;

/// How many nodes stay in memory without a user.
const RECENT: usize = 256;
/// How many names are remembered.
const NAMES: usize = 512;
/// Names up to this length are remembered, in bytes.
const NAME_KEPT: usize = 64;
/// The best number of bytes for one transfer.
const TRANSFER: u32 = 64 * 1024;

/// A file, as the inode says: the file system is read-only, so it stays what it is.
pub struct Node {
    attached: Attached,
    inode: Inode,
    mode: u32,
    nodes: Arc<Nodes>,
}

/// The nodes in memory, so that there is one for each inode.
struct Nodes {
    known: Mutex<BTreeMap<Ino, Weak<Node>>>,
    /// Some that were used lately, by inode number.
    recent: Mutex<Vec<Option<Arc<Node>>>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut known = self.nodes.known.lock();
        // Another node of the same inode may have been made since the last reference went.
        if known
            .get(&self.inode.ino)
            .is_some_and(|weak| weak.strong_count() == 0)
        {
            known.remove(&self.inode.ino);
        }
    }
}

impl Nodes {
    fn get(&self, ino: Ino) -> Option<Arc<Node>> {
        self.known.lock().get(&ino)?.upgrade()
    }

    /// The node for the inode, and remembers that it was used.
    fn put(self: &Arc<Nodes>, inode: Inode, translated: bool) -> Arc<Node> {
        let ino = inode.ino;
        let mut mode = inode.mode & !S_IPTRANS;
        if translated {
            mode |= S_IPTRANS;
        }
        let node = {
            let mut known = self.known.lock();
            match known.get(&ino).and_then(Weak::upgrade) {
                Some(node) => node,
                None => {
                    let attached = Attached::new();
                    let node = Arc::new(Node {
                        attached,
                        inode,
                        mode,
                        nodes: self.clone(),
                    });
                    known.insert(ino, Arc::downgrade(&node));
                    node
                }
            }
        };
        let older = self.recent.lock()[ino as usize % RECENT].replace(node.clone());
        // Its end takes the locks.
        drop(older);
        node
    }
}

/// A name that was looked up.
struct Known {
    directory: Ino,
    name: Box<[u8]>,
    node: Arc<Node>,
}

/// Where a name of a directory is remembered.
fn place(directory: Ino, name: &[u8]) -> usize {
    // Who makes names collide only makes his own look-ups slower.
    let start = u64::from(directory) ^ 0xcbf2_9ce4_8422_2325;
    let hash = name.iter().fold(start, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash >> 32) as usize % NAMES
}

/// A mounted ext2 file system.
pub struct Volume {
    fs: Mutex<Fs<Device>>,
    nodes: Arc<Nodes>,
    names: Mutex<Vec<Option<Known>>>,
    root: Arc<Node>,
    source: Vec<u8>,
}

impl Volume {
    /// Mounts what lies on the store, to be read only. `source` is the store's name.
    pub fn new(store: Box<dyn Store>, source: &[u8]) -> core::result::Result<Volume, ext2::Error> {
        let mut fs = Fs::mount(Device::new(store), &MountOptions::default())?;
        let nodes = Arc::new(Nodes {
            known: Mutex::new(BTreeMap::new()),
            recent: Mutex::new(vec![None; RECENT]),
        });
        let ino = fs.root();
        let root = nodes.put(fs.inode(ino)?, fs.has_translator(ino)?);
        Ok(Volume {
            fs: Mutex::new(fs),
            nodes,
            names: Mutex::new((0..NAMES).map(|_| None).collect()),
            root,
            source: source.to_vec(),
        })
    }

    fn node(&self, fs: &mut Fs<Device>, ino: Ino) -> Result<Arc<Node>> {
        if let Some(node) = self.nodes.get(ino) {
            return Ok(node);
        }
        let inode = fs.inode(ino).map_err(failure)?;
        let translated = fs.has_translator(ino).map_err(failure)?;
        Ok(self.nodes.put(inode, translated))
    }
}

impl Node {
    fn device(&self) -> u32 {
        let (major, minor) = (self.inode.device.major, self.inode.device.minor);
        (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12
    }
}

fn time(stamp: Timestamp) -> TimeSpec {
    TimeSpec {
        seconds: stamp.seconds,
        nanoseconds: i64::from(stamp.nanoseconds),
    }
}

fn kind_bits(kind: FileKind) -> u32 {
    match kind {
        FileKind::Regular => S_IFREG,
        FileKind::Directory => S_IFDIR,
        FileKind::CharacterDevice => S_IFCHR,
        FileKind::BlockDevice => S_IFBLK,
        FileKind::Fifo => S_IFIFO,
        FileKind::Socket => S_IFSOCK,
        FileKind::Symlink => S_IFLNK,
        FileKind::Unknown => 0,
    }
}

/// What a client is told.
fn failure(error: ext2::Error) -> Error {
    match error {
        ext2::Error::NotFound => Error::ENOENT,
        ext2::Error::NotDirectory => Error::ENOTDIR,
        ext2::Error::IsDirectory => Error::EISDIR,
        ext2::Error::NotRegular | ext2::Error::NotSymlink => Error::EINVAL,
        ext2::Error::NameTooLong => Error::ENAMETOOLONG,
        // The medium, or what it says, is bad.
        _ => Error::EIO,
    }
}

impl FileSystem for Volume {
    type Node = Node;

    fn root(&self) -> Arc<Node> {
        self.root.clone()
    }

    fn read_only(&self) -> bool {
        true
    }

    fn status(&self) -> Result<StatFs> {
        let status = self.fs.lock().statfs();
        Ok(StatFs {
            kind: fstype::EXT2FS,
            bsize: u64::from(status.block_size),
            blocks: u64::from(status.blocks).saturating_sub(u64::from(status.overhead)),
            bfree: u64::from(status.free),
            bavail: u64::from(status.available),
            files: u64::from(status.files),
            ffree: u64::from(status.free_files),
            fsid: status.fsid,
            namelen: u64::from(status.name_max),
            favail: u64::from(status.free_files),
            frsize: u64::from(status.block_size),
            ..StatFs::default()
        })
    }

    fn sync(&self, _wait: bool) -> Result<()> {
        Ok(())
    }

    fn options(&self) -> Vec<Vec<u8>> {
        vec![b"--readonly".to_vec(), self.source.clone()]
    }

    fn set_options(&self, options: &[&[u8]]) -> Result<()> {
        for option in options {
            match *option {
                b"--readonly" | b"-r" => {}
                b"--writable" | b"-w" => return Err(Error::EROFS),
                _ => return Err(Error::EINVAL),
            }
        }
        Ok(())
    }

    fn source(&self) -> Vec<u8> {
        self.source.clone()
    }

    fn name(&self) -> &'static str {
        "ext2fs"
    }

    fn limits(&self) -> Limits {
        Limits {
            name: ext2::NAME_MAX,
            links: 65000,
            symlink: 4095,
            size_bits: 42,
        }
    }

    fn attached<'n>(&self, node: &'n Node) -> &'n Attached {
        &node.attached
    }

    fn number(&self, node: &Node) -> u64 {
        u64::from(node.inode.ino)
    }

    fn access(&self, node: &Node) -> Access {
        Access {
            mode: node.mode,
            uid: node.inode.uid,
            gid: node.inode.gid,
        }
    }

    fn stat(&self, node: &Node) -> Result<StatBuf> {
        let inode = &node.inode;
        Ok(StatBuf {
            fstype: fstype::EXT2FS,
            fsid: self.fs.lock().statfs().fsid,
            ino: u64::from(inode.ino),
            generation: inode.generation,
            rdev: node.device(),
            mode: node.mode,
            nlink: u32::from(inode.links),
            uid: inode.uid,
            gid: inode.gid,
            size: inode.size as i64,
            atim: time(inode.access),
            mtim: time(inode.modify),
            ctim: time(inode.change),
            blksize: TRANSFER,
            blocks: inode.blocks,
            author: inode.author,
            flags: inode.flags,
        })
    }

    fn size(&self, node: &Node) -> Result<u64> {
        Ok(node.inode.size)
    }

    fn read(
        &self,
        node: &Node,
        offset: u64,
        amount: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<usize> {
        self.fs
            .lock()
            .read(node.inode.ino, offset, amount, sink)
            .map_err(failure)
    }

    fn read_link(&self, node: &Node) -> Result<Vec<u8>> {
        self.fs.lock().read_link(node.inode.ino).map_err(failure)
    }

    fn lookup(&self, dir: &Arc<Node>, name: &[u8]) -> Result<Arc<Node>> {
        let directory = dir.inode.ino;
        let place = place(directory, name);
        if let Some(known) = &self.names.lock()[place]
            && known.directory == directory
            && *known.name == *name
        {
            return Ok(known.node.clone());
        }
        let node = {
            let mut fs = self.fs.lock();
            let ino = fs.lookup(directory, name).map_err(failure)?;
            self.node(&mut fs, ino)?
        };
        if name.len() <= NAME_KEPT {
            let known = Known {
                directory,
                name: name.into(),
                node: node.clone(),
            };
            let older = self.names.lock()[place].replace(known);
            // Its node's end takes other locks.
            drop(older);
        }
        Ok(node)
    }

    fn parent(&self, dir: &Arc<Node>) -> Result<Arc<Node>> {
        self.lookup(dir, b"..")
    }

    fn read_dir(
        &self,
        dir: &Arc<Node>,
        cursor: u64,
        sink: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<u64> {
        let give = |entry: ext2::DirEntry<'_>| {
            let kind = kind_bits(entry.kind);
            let number = u64::from(entry.ino);
            if sink(Entry {
                name: entry.name,
                number,
                kind,
                next: entry.next,
            }) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        self.fs
            .lock()
            .read_dir(dir.inode.ino, cursor, give)
            .map_err(failure)
    }

    fn translator(&self, node: &Node) -> Result<Option<Vec<u8>>> {
        let record = self.fs.lock().translator(node.inode.ino).map_err(failure)?;
        Ok(record.map(|mut record| {
            if record.last() != Some(&0) {
                record.push(0);
            }
            record
        }))
    }
}
