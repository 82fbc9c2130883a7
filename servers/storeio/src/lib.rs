//! A store as a file.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use diskfs::{Access, Attached, Change, Entry, FileSystem, Limits, Position, S_IFBLK, S_IFREG};
use interface::fs::StatFs;
use interface::io::{StatBuf, fstype};
use machuser::sync::Mutex;
use machuser::{Error, Result};
use store::Store;

/// The most bytes that are moved at once.
const TRANSFER: usize = 64 * 1024;

/// The one node that there is.
pub struct Node {
    attached: Attached,
}

struct Owner {
    mode: u32,
    uid: u32,
    gid: u32,
}

/// A file system of one file: the store.
pub struct Volume {
    node: Arc<Node>,
    store: Box<dyn Store>,
    source: Vec<u8>,
    device: u32,
    owner: Mutex<Owner>,
    /// Where what is read arrives, and where what is written is collected: one transfer at a time.
    buffer: Mutex<Vec<u8>>,
}

impl Volume {
    /// The store as a file that belongs to root. `source` is the store's name, `device` the number
    /// that the file's status tells.
    pub fn new(store: Box<dyn Store>, source: &[u8], device: u32) -> Volume {
        Volume {
            node: Arc::new(Node {
                attached: Attached::new(),
            }),
            store,
            source: source.to_vec(),
            device,
            owner: Mutex::new(Owner {
                mode: 0o600,
                uid: 0,
                gid: 0,
            }),
            buffer: Mutex::new(vec![0; TRANSFER]),
        }
    }
}

impl FileSystem for Volume {
    type Node = Node;

    fn root(&self) -> Arc<Node> {
        self.node.clone()
    }

    fn read_only(&self) -> bool {
        self.store.read_only()
    }

    fn status(&self) -> Result<StatFs> {
        let size = self.store.size();
        Ok(StatFs {
            kind: fstype::DEV,
            bsize: 512,
            blocks: size / 512,
            files: 1,
            ..StatFs::default()
        })
    }

    fn sync(&self, _wait: bool) -> Result<()> {
        self.store.flush()
    }

    fn options(&self) -> Vec<Vec<u8>> {
        let mut options = Vec::new();
        if self.store.read_only() {
            options.push(b"--readonly".to_vec());
        }
        options.push(self.source.clone());
        options
    }

    fn source(&self) -> Vec<u8> {
        self.source.clone()
    }

    fn name(&self) -> &'static str {
        "storeio"
    }

    fn limits(&self) -> Limits {
        Limits {
            name: 255,
            links: 1,
            symlink: 0,
            size_bits: 64,
        }
    }

    fn attached<'n>(&self, node: &'n Node) -> &'n Attached {
        &node.attached
    }

    fn number(&self, _node: &Node) -> u64 {
        1
    }

    fn access(&self, _node: &Node) -> Access {
        // To the library it is a file like any other; only its status says that it is a device.
        let owner = self.owner.lock();
        Access {
            mode: S_IFREG | owner.mode,
            uid: owner.uid,
            gid: owner.gid,
        }
    }

    fn stat(&self, _node: &Node) -> Result<StatBuf> {
        let owner = self.owner.lock();
        let size = self.store.size();
        Ok(StatBuf {
            fstype: fstype::DEV,
            ino: 1,
            rdev: self.device,
            mode: S_IFBLK | owner.mode,
            nlink: 1,
            uid: owner.uid,
            gid: owner.gid,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            blksize: TRANSFER as u32,
            blocks: size / 512,
            author: owner.uid,
            ..StatBuf::default()
        })
    }

    fn size(&self, _node: &Node) -> Result<u64> {
        Ok(self.store.size())
    }

    fn read(
        &self,
        _node: &Node,
        offset: u64,
        amount: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<usize> {
        let end = offset.saturating_add(amount as u64).min(self.store.size());
        let mut buffer = self.buffer.lock();
        let mut at = offset;
        while at < end {
            let length = (end - at).min(TRANSFER as u64) as usize;
            self.store.read(at, &mut buffer[..length])?;
            sink(&buffer[..length]);
            at += length as u64;
        }
        Ok(end.saturating_sub(offset) as usize)
    }

    fn write(
        &self,
        _node: &Node,
        position: Position,
        length: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(usize, u64)> {
        let size = self.store.size();
        let offset = match position {
            Position::At(offset) => offset,
            Position::End => size,
        };
        let end = offset.saturating_add(length as u64).min(size);
        if length > 0 && end <= offset {
            return Err(Error::ENOSPC);
        }
        let mut buffer = self.buffer.lock();
        let mut at = offset;
        while at < end {
            let length = (end - at).min(TRANSFER as u64) as usize;
            fill(&mut buffer[..length]);
            self.store.write(at, &buffer[..length])?;
            at += length as u64;
        }
        Ok(((end - offset) as usize, end))
    }

    fn set_size(&self, _node: &Node, _size: u64) -> Result<()> {
        // The length is the store's; opening a device with truncation is no error.
        Ok(())
    }

    fn sync_node(&self, _node: &Node, _wait: bool, _omit_metadata: bool) -> Result<()> {
        self.store.flush()
    }

    fn change(&self, _node: &Node, change: Change) -> Result<()> {
        let mut owner = self.owner.lock();
        match change {
            Change::Mode(mode) => owner.mode = mode & 0o7777,
            Change::Owner(uid, gid) => {
                owner.uid = uid.unwrap_or(owner.uid);
                owner.gid = gid.unwrap_or(owner.gid);
            }
            Change::Author(_) | Change::Flags(_) => return Err(Error::EOPNOTSUPP),
            // Devices keep no times.
            Change::Times(..) => {}
        }
        Ok(())
    }

    fn read_link(&self, _node: &Node) -> Result<Vec<u8>> {
        Err(Error::EINVAL)
    }

    fn lookup(&self, _dir: &Arc<Node>, _name: &[u8]) -> Result<Arc<Node>> {
        Err(Error::ENOTDIR)
    }

    fn parent(&self, _dir: &Arc<Node>) -> Result<Arc<Node>> {
        Err(Error::ENOTDIR)
    }

    fn read_dir(
        &self,
        _dir: &Arc<Node>,
        _cursor: u64,
        _sink: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<u64> {
        Err(Error::ENOTDIR)
    }

    fn translator(&self, _node: &Node) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
