//! The disks as a directory.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use diskfs::{Access, Attached, Entry, FileSystem, Limits, Position, S_IFBLK, S_IFDIR, S_IFREG};
use interface::fs::StatFs;
use interface::io::StatBuf;
use machuser::{Error, Result};

use crate::disk::{Disk, TRANSFER};

/// The permissions of a disk's file.
const DISK_MODE: u32 = 0o640;
/// The permissions of the directory.
const DIRECTORY_MODE: u32 = 0o755;

/// The directory, or a disk.
pub struct Node {
    attached: Attached,
    number: u64,
    disk: Option<(String, Arc<Disk>)>,
}

/// A directory of disks: `vd0`, `vd1` and so on.
pub struct Volume {
    root: Arc<Node>,
    disks: Vec<Arc<Node>>,
}

impl Volume {
    /// A directory of these disks, in this order.
    pub fn new(disks: Vec<Arc<Disk>>) -> Volume {
        let node = |number, disk| {
            Arc::new(Node {
                attached: Attached::new(),
                number,
                disk,
            })
        };
        Volume {
            root: node(1, None),
            disks: disks
                .into_iter()
                .enumerate()
                .map(|(index, disk)| node(index as u64 + 2, Some((format!("vd{index}"), disk))))
                .collect(),
        }
    }
}

impl Node {
    fn disk(&self) -> Result<&Disk> {
        self.disk
            .as_ref()
            .map(|(_, disk)| &**disk)
            .ok_or(Error::EISDIR)
    }
}

impl FileSystem for Volume {
    type Node = Node;

    fn root(&self) -> Arc<Node> {
        self.root.clone()
    }

    fn read_only(&self) -> bool {
        false
    }

    fn status(&self) -> Result<StatFs> {
        Ok(StatFs {
            files: self.disks.len() as u64 + 1,
            ..StatFs::default()
        })
    }

    fn sync(&self, _wait: bool) -> Result<()> {
        self.disks.iter().try_for_each(|node| node.disk()?.flush())
    }

    fn options(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn source(&self) -> Vec<u8> {
        b"virtio-mmio".to_vec()
    }

    fn name(&self) -> &'static str {
        "virtio-blk"
    }

    fn limits(&self) -> Limits {
        Limits {
            name: 255,
            links: 2,
            symlink: 0,
            size_bits: 64,
        }
    }

    fn attached<'n>(&self, node: &'n Node) -> &'n Attached {
        &node.attached
    }

    fn number(&self, node: &Node) -> u64 {
        node.number
    }

    fn access(&self, node: &Node) -> Access {
        // To the library a disk is a file that can be read and written; only who looks at its
        // status sees a device.
        let mode = match node.disk {
            None => S_IFDIR | DIRECTORY_MODE,
            Some(_) => S_IFREG | DISK_MODE,
        };
        Access {
            mode,
            uid: 0,
            gid: 0,
        }
    }

    fn stat(&self, node: &Node) -> Result<StatBuf> {
        let common = StatBuf {
            ino: node.number,
            blksize: TRANSFER as u32,
            ..StatBuf::default()
        };
        Ok(match &node.disk {
            None => StatBuf {
                mode: S_IFDIR | DIRECTORY_MODE,
                nlink: 2,
                ..common
            },
            Some((_, disk)) => StatBuf {
                mode: S_IFBLK | DISK_MODE,
                nlink: 1,
                rdev: node.number as u32,
                size: disk.size() as i64,
                blocks: disk.size() / 512,
                ..common
            },
        })
    }

    fn size(&self, node: &Node) -> Result<u64> {
        node.disk().map(Disk::size)
    }

    fn read(
        &self,
        node: &Node,
        offset: u64,
        amount: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<usize> {
        node.disk()?.read(offset, amount, sink)
    }

    fn write(
        &self,
        node: &Node,
        position: Position,
        length: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(usize, u64)> {
        let disk = node.disk()?;
        let offset = match position {
            Position::At(offset) => offset,
            Position::End => disk.size(),
        };
        let count = disk.write(offset, length, fill)?;
        Ok((count, offset + count as u64))
    }

    fn sync_node(&self, node: &Node, _wait: bool, _omit_metadata: bool) -> Result<()> {
        node.disk.as_ref().map_or(Ok(()), |(_, disk)| disk.flush())
    }

    fn read_link(&self, _node: &Node) -> Result<Vec<u8>> {
        Err(Error::EINVAL)
    }

    fn lookup(&self, dir: &Arc<Node>, name: &[u8]) -> Result<Arc<Node>> {
        if dir.disk.is_some() {
            return Err(Error::ENOTDIR);
        }
        let named = |node: &&Arc<Node>| {
            node.disk
                .as_ref()
                .is_some_and(|(own, _)| own.as_bytes() == name)
        };
        self.disks.iter().find(named).cloned().ok_or(Error::ENOENT)
    }

    fn parent(&self, _dir: &Arc<Node>) -> Result<Arc<Node>> {
        Ok(self.root.clone())
    }

    fn read_dir(
        &self,
        _dir: &Arc<Node>,
        cursor: u64,
        sink: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<u64> {
        let own = [(&b"."[..], 1, S_IFDIR), (&b".."[..], 1, S_IFDIR)].into_iter();
        let disks = self.disks.iter().filter_map(|node| {
            node.disk
                .as_ref()
                .map(|(name, _)| (name.as_bytes(), node.number, S_IFBLK))
        });
        let mut at = cursor;
        for (name, number, kind) in own.chain(disks).skip(cursor as usize) {
            if !sink(Entry {
                name,
                number,
                kind,
                next: at + 1,
            }) {
                break;
            }
            at += 1;
        }
        Ok(at)
    }

    fn translator(&self, _node: &Node) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
