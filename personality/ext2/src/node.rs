//! Inodes in use: what the disk says, and what has been found out about it.

use crate::lru::LruMap;
use crate::map::RunCache;
use crate::volume::Volume;
use crate::wire::inode::{FileKind, Inode, POINTERS};
use crate::{BlockDevice, Error, Ino};

/// A cached inode.
pub(crate) struct Node {
    pub(crate) inode: Inode,
    pub(crate) pointers: [u32; POINTERS],
    pub(crate) attribute_block: u32,
    pub(crate) translator_block: u32,
    /// Parts of the block map that were used.
    pub(crate) runs: RunCache,
    /// Where a sequential reader will go on.
    pub(crate) next_offset: u64,
    /// For a directory: what `..` says, once read and checked.
    pub(crate) parent: Option<Ino>,
    /// Whether there is a translator record, once looked for.
    pub(crate) translated: Option<bool>,
}

/// The inodes in use, up to a limit.
pub(crate) struct NodeCache {
    nodes: LruMap<Node>,
}

impl NodeCache {
    pub(crate) fn new(capacity: usize) -> Self {
        NodeCache {
            nodes: LruMap::new(capacity),
        }
    }

    /// The inode `ino`, read and checked unless it is cached.
    pub(crate) fn load<D: BlockDevice>(
        &mut self,
        volume: &mut Volume<D>,
        ino: Ino,
    ) -> Result<&mut Node, Error> {
        let slot = match self.nodes.find(u64::from(ino)) {
            Some(slot) => slot,
            None => {
                let node = Node::read(volume, ino)?;
                self.nodes.insert(u64::from(ino), node).0
            }
        };
        Ok(self.nodes.value_mut(slot))
    }

    /// The inode `ino`, which must be a directory.
    pub(crate) fn load_directory<D: BlockDevice>(
        &mut self,
        volume: &mut Volume<D>,
        ino: Ino,
    ) -> Result<&mut Node, Error> {
        let node = self.load(volume, ino)?;
        match node.inode.kind {
            FileKind::Directory => Ok(node),
            _ => Err(Error::NotDirectory),
        }
    }
}

impl Node {
    fn read<D: BlockDevice>(volume: &mut Volume<D>, ino: Ino) -> Result<Node, Error> {
        if !volume.layout.is_file(ino) {
            return Err(Error::BadInode(ino));
        }
        let disk = volume.inode(ino)?;
        Ok(Node {
            inode: disk.inode,
            pointers: disk.pointers,
            attribute_block: disk.attribute_block,
            translator_block: disk.translator_block,
            runs: RunCache::default(),
            next_offset: 0,
            parent: None,
            translated: None,
        })
    }
}
