//! The tree of nodes.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use diskfs::{
    Access, Attached, Change, Entry, FileSystem, Limits, NewNode, Position, S_IFBLK, S_IFCHR,
    S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, S_IPTRANS, Special,
};
use interface::fs::StatFs;
use interface::io::{StatBuf, fstype};
use interface::types::TimeSpec;
use machuser::sync::Mutex;
use machuser::{Error, Result};

use crate::content::{Content, PAGE};
use crate::directory::Directory;
use crate::space::{ENTRY_BYTES, Space};

/// The longest name, in bytes: as everywhere on the Hurd.
const NAME_MAX: usize = 255;
/// The most names of one node.
const LINK_MAX: u32 = 1 << 30;
/// The longest target of a symbolic link, in bytes.
const SYMLINK_MAX: usize = 4095;
/// The longest record of a passive translator, in bytes.
const RECORD_MAX: usize = 1 << 16;
/// Cursors 0 and 1 of a directory are `.` and `..`.
const FIRST_ENTRY: u64 = 2;

/// A file, directory, link or special node.
pub struct Node {
    number: u64,
    attached: Attached,
    space: Arc<Space>,
    /// The kind bits of the mode again, for those who must not take the lock. Changed only under
    /// it.
    kind: AtomicU32,
    inner: Mutex<Inner>,
}

struct Inner {
    mode: u32,
    uid: u32,
    gid: u32,
    author: u32,
    flags: u32,
    links: u32,
    device: u64,
    accessed: TimeSpec,
    modified: TimeSpec,
    changed: TimeSpec,
    record: Option<Box<[u8]>>,
    body: Body,
}

enum Body {
    Regular(Content),
    Directory {
        parent: Weak<Node>,
        entries: Directory<Arc<Node>>,
    },
    Symlink(Box<[u8]>),
    Special,
}

impl Drop for Node {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        if let Some(record) = inner.record.take() {
            self.space.give(record.len() as u64);
        }
        inner.clear_body(&self.space);
        self.space.give_node();
    }
}

impl Inner {
    fn touch(&mut self) {
        self.changed = now();
    }

    fn modify(&mut self) {
        let now = now();
        self.modified = now;
        self.changed = now;
    }

    /// Notes that the node was read, but only if that says something new since it was changed.
    fn read_now(&mut self) {
        if earlier(self.accessed, self.modified) || earlier(self.accessed, self.changed) {
            self.accessed = now();
        }
    }

    fn clear_body(&mut self, space: &Space) {
        match &mut self.body {
            Body::Regular(content) => content.clear(space),
            Body::Symlink(target) => space.give(target.len() as u64),
            Body::Directory { entries, .. } => {
                let bytes: u64 = entries.from(0).map(|(_, name, _)| entry_cost(name)).sum();
                space.give(bytes);
            }
            Body::Special => {}
        }
        self.body = Body::Special;
    }

    fn entries(&mut self) -> Result<&mut Directory<Arc<Node>>> {
        match &mut self.body {
            Body::Directory { entries, .. } => Ok(entries),
            _ => Err(Error::ENOTDIR),
        }
    }
}

fn entry_cost(name: &[u8]) -> u64 {
    ENTRY_BYTES + name.len() as u64
}

fn now() -> TimeSpec {
    let now = machuser::clock::realtime();
    TimeSpec {
        seconds: now.as_secs() as i64,
        nanoseconds: i64::from(now.subsec_nanos()),
    }
}

fn earlier(one: TimeSpec, other: TimeSpec) -> bool {
    (one.seconds, one.nanoseconds) <= (other.seconds, other.nanoseconds)
}

/// A file system in memory.
pub struct Volume {
    space: Arc<Space>,
    root: Arc<Node>,
    next: AtomicU64,
    id: u64,
}

impl Volume {
    /// An empty file system of at most `limit` bytes, its root with these permissions (bits of
    /// 0o7777) and owner.
    ///
    /// # Errors
    /// `ENOSPC` if the limit has no room for the root.
    pub fn new(limit: u64, mode: u32, uid: u32, gid: u32) -> Result<Volume> {
        let space = Arc::new(Space::new(limit));
        let new = NewNode {
            mode: S_IFDIR | mode & 0o7777,
            uid,
            gid,
        };
        let root = Arc::new_cyclic(|this| Node::new(1, &space, new, this.clone()));
        // The node exists, so that giving it up gives its place back.
        space.take_node()?;
        Ok(Volume {
            space,
            root,
            next: AtomicU64::new(2),
            id: machuser::sys::random(),
        })
    }

    fn lock_two<'a>(
        &self,
        from: &'a Arc<Node>,
        to: &'a Arc<Node>,
    ) -> (
        machuser::sync::MutexGuard<'a, Inner>,
        Option<machuser::sync::MutexGuard<'a, Inner>>,
    ) {
        // Only operations that change names hold two locks, and they come one at a time: the order
        // does not matter.
        let first = from.inner.lock();
        let second = (!Arc::ptr_eq(from, to)).then(|| to.inner.lock());
        (first, second)
    }
}

impl Node {
    fn new(number: u64, space: &Arc<Space>, new: NewNode, parent: Weak<Node>) -> Node {
        let now = now();
        let body = if new.mode & S_IFMT == S_IFDIR {
            Body::Directory {
                parent,
                entries: Directory::default(),
            }
        } else {
            Body::Regular(Content::default())
        };
        let directory = matches!(body, Body::Directory { .. });
        Node {
            number,
            attached: Attached::new(),
            space: space.clone(),
            kind: AtomicU32::new(new.mode & S_IFMT),
            inner: Mutex::new(Inner {
                mode: new.mode,
                uid: new.uid,
                gid: new.gid,
                author: new.uid,
                flags: 0,
                links: if directory { 2 } else { 0 },
                device: 0,
                accessed: now,
                modified: now,
                changed: now,
                record: None,
                body,
            }),
        }
    }

    fn kind(&self) -> u32 {
        self.kind.load(Ordering::Relaxed)
    }

    fn is_directory(&self) -> bool {
        self.kind() == S_IFDIR
    }

    /// One of the node's names goes; a directory must be empty. The caller holds the lock of the
    /// directory that the name is in.
    fn unlinked(&self) -> Result<()> {
        let mut inner = self.inner.lock();
        match &inner.body {
            Body::Directory { entries, .. } if !entries.is_empty() => return Err(Error::ENOTEMPTY),
            Body::Directory { .. } => inner.links = 0,
            _ => inner.links -= 1,
        }
        inner.touch();
        Ok(())
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
        let block = PAGE as u64;
        let blocks = self.space.limit() / block;
        let free = blocks.saturating_sub(self.space.used().div_ceil(block));
        let nodes = self.space.nodes();
        let more = self.space.limit().saturating_sub(self.space.used()) / crate::space::NODE_BYTES;
        Ok(StatFs {
            kind: fstype::MEMFS,
            bsize: block,
            blocks,
            bfree: free,
            bavail: free,
            files: nodes + more,
            ffree: more,
            fsid: self.id,
            namelen: NAME_MAX as u64,
            favail: more,
            frsize: block,
            ..StatFs::default()
        })
    }

    fn sync(&self, _wait: bool) -> Result<()> {
        Ok(())
    }

    fn options(&self) -> Vec<Vec<u8>> {
        vec![store::format_size(self.space.limit())]
    }

    fn set_options(&self, options: &[&[u8]]) -> Result<()> {
        let mut limit = None;
        for option in options {
            limit = Some(store::parse_size(option).ok_or(Error::EINVAL)?);
        }
        if let Some(limit) = limit {
            self.space.set_limit(limit);
        }
        Ok(())
    }

    fn source(&self) -> Vec<u8> {
        b"none".to_vec()
    }

    fn name(&self) -> &'static str {
        "tmpfs"
    }

    fn limits(&self) -> Limits {
        Limits {
            name: NAME_MAX,
            links: LINK_MAX,
            symlink: SYMLINK_MAX,
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
        let inner = node.inner.lock();
        Access {
            mode: inner.mode,
            uid: inner.uid,
            gid: inner.gid,
        }
    }

    fn stat(&self, node: &Node) -> Result<StatBuf> {
        let inner = node.inner.lock();
        let (size, allocated) = match &inner.body {
            Body::Regular(content) => (content.size(), content.allocated()),
            Body::Symlink(target) => (target.len() as u64, 0),
            Body::Directory { .. } | Body::Special => (0, 0),
        };
        Ok(StatBuf {
            fstype: fstype::MEMFS,
            fsid: self.id,
            ino: node.number,
            rdev: inner.device as u32,
            mode: inner.mode,
            nlink: inner.links,
            uid: inner.uid,
            gid: inner.gid,
            size: size as i64,
            atim: inner.accessed,
            mtim: inner.modified,
            ctim: inner.changed,
            blksize: PAGE as u32,
            blocks: allocated.div_ceil(512),
            author: inner.author,
            flags: inner.flags,
            ..StatBuf::default()
        })
    }

    fn size(&self, node: &Node) -> Result<u64> {
        match &node.inner.lock().body {
            Body::Regular(content) => Ok(content.size()),
            Body::Symlink(target) => Ok(target.len() as u64),
            Body::Directory { .. } | Body::Special => Ok(0),
        }
    }

    fn read(
        &self,
        node: &Node,
        offset: u64,
        amount: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<usize> {
        let inner = &mut *node.inner.lock();
        let Body::Regular(content) = &inner.body else {
            return Err(Error::EINVAL);
        };
        let count = content.read(offset, amount, sink);
        inner.read_now();
        Ok(count)
    }

    fn write(
        &self,
        node: &Node,
        position: Position,
        length: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(usize, u64)> {
        let inner = &mut *node.inner.lock();
        let Body::Regular(content) = &mut inner.body else {
            return Err(Error::EINVAL);
        };
        let offset = match position {
            Position::At(offset) => offset,
            Position::End => content.size(),
        };
        let count = content.write(&self.space, offset, length, fill)?;
        inner.modify();
        Ok((count, offset + count as u64))
    }

    fn set_size(&self, node: &Node, size: u64) -> Result<()> {
        let inner = &mut *node.inner.lock();
        let Body::Regular(content) = &mut inner.body else {
            return Err(Error::EINVAL);
        };
        content.set_size(&self.space, size)?;
        inner.modify();
        Ok(())
    }

    fn read_link(&self, node: &Node) -> Result<Vec<u8>> {
        let inner = &mut *node.inner.lock();
        let Body::Symlink(target) = &inner.body else {
            return Err(Error::EINVAL);
        };
        let target = target.to_vec();
        inner.read_now();
        Ok(target)
    }

    fn lookup(&self, dir: &Arc<Node>, name: &[u8]) -> Result<Arc<Node>> {
        dir.inner
            .lock()
            .entries()?
            .get(name)
            .cloned()
            .ok_or(Error::ENOENT)
    }

    fn parent(&self, dir: &Arc<Node>) -> Result<Arc<Node>> {
        match &dir.inner.lock().body {
            Body::Directory { parent, .. } => parent.upgrade().ok_or(Error::ENOENT),
            _ => Err(Error::ENOTDIR),
        }
    }

    fn read_dir(
        &self,
        dir: &Arc<Node>,
        cursor: u64,
        sink: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<u64> {
        // Its lock may be needed for the parent's number, so not within the directory's.
        let parent = if cursor < FIRST_ENTRY {
            Some(self.parent(dir))
        } else {
            None
        };
        let inner = &mut *dir.inner.lock();
        let mut cursor = cursor;
        if inner.links == 0 {
            // A removed directory has no entries at all.
            return Ok(cursor);
        }
        if let Some(parent) = parent {
            let Ok(parent) = parent else {
                return Ok(cursor);
            };
            let own = [(&b"."[..], dir.number), (&b".."[..], parent.number)];
            for (name, number) in own.into_iter().skip(cursor as usize) {
                if !sink(Entry {
                    name,
                    number,
                    kind: S_IFDIR,
                    next: cursor + 1,
                }) {
                    return Ok(cursor);
                }
                cursor += 1;
            }
        }
        for (number, name, node) in inner.entries()?.from(cursor - FIRST_ENTRY) {
            let next = number + FIRST_ENTRY + 1;
            if !sink(Entry {
                name,
                number: node.number,
                kind: node.kind(),
                next,
            }) {
                return Ok(cursor);
            }
            cursor = next;
        }
        inner.read_now();
        Ok(cursor)
    }

    fn create(&self, dir: &Arc<Node>, name: Option<&[u8]>, new: NewNode) -> Result<Arc<Node>> {
        let inner = &mut *dir.inner.lock();
        if inner.links == 0 {
            return Err(Error::ENOENT);
        }
        let directory = new.mode & S_IFMT == S_IFDIR;
        if directory && inner.links >= LINK_MAX {
            return Err(Error::EMLINK);
        }
        let entries = inner.entries()?;
        let cost = name.map_or(0, entry_cost);
        self.space.take(cost)?;
        if let Err(error) = self.space.take_node() {
            self.space.give(cost);
            return Err(error);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut node = Node::new(number, &self.space, new, Arc::downgrade(dir));
        if !directory && name.is_some() {
            node.inner.get_mut().links = 1;
        }
        let node = Arc::new(node);
        if let Some(name) = name {
            entries.insert(name, node.clone());
            if directory {
                inner.links += 1;
            }
            inner.modify();
        }
        Ok(node)
    }

    fn link(&self, dir: &Arc<Node>, name: &[u8], node: &Arc<Node>) -> Result<()> {
        let replaced;
        {
            let inner = &mut *dir.inner.lock();
            if inner.links == 0 {
                return Err(Error::ENOENT);
            }
            let entries = inner.entries()?;
            if entries
                .get(name)
                .is_some_and(|there| Arc::ptr_eq(there, node))
            {
                return Ok(());
            }
            {
                let mut target = node.inner.lock();
                if target.links >= LINK_MAX {
                    return Err(Error::EMLINK);
                }
                if entries.get(name).is_none() {
                    self.space.take(entry_cost(name))?;
                }
                target.links += 1;
                target.touch();
            }
            replaced = entries.insert(name, node.clone());
            inner.modify();
        }
        if let Some(replaced) = replaced {
            let mut inner = replaced.inner.lock();
            inner.links -= 1;
            inner.touch();
        }
        Ok(())
    }

    fn unlink(&self, dir: &Arc<Node>, name: &[u8]) -> Result<()> {
        let mut inner = dir.inner.lock();
        let node = inner.entries()?.get(name).cloned().ok_or(Error::ENOENT)?;
        node.unlinked()?;
        inner.entries()?.remove(name);
        self.space.give(entry_cost(name));
        if node.is_directory() {
            inner.links -= 1;
        }
        inner.modify();
        drop(inner);
        drop(node);
        Ok(())
    }

    fn rename(&self, from: &Arc<Node>, old: &[u8], to: &Arc<Node>, new: &[u8]) -> Result<()> {
        let (mut source, mut target) = self.lock_two(from, to);
        let node = source.entries()?.get(old).cloned().ok_or(Error::ENOENT)?;
        let directory = node.is_directory();
        let into = target.as_deref_mut().unwrap_or(&mut source);
        if into.links == 0 {
            return Err(Error::ENOENT);
        }
        if directory && into.links >= LINK_MAX {
            return Err(Error::EMLINK);
        }
        let replaced = into.entries()?.get(new).cloned();
        match &replaced {
            Some(replaced) if Arc::ptr_eq(replaced, &node) => return Ok(()),
            // It holds the entry that moves; its lock is held here.
            Some(replaced) if Arc::ptr_eq(replaced, from) => return Err(Error::ENOTEMPTY),
            Some(replaced) => {
                replaced.unlinked()?;
                if replaced.is_directory() {
                    into.links -= 1;
                }
            }
            None => self.space.take(entry_cost(new))?,
        }
        into.entries()?.insert(new, node.clone());
        if directory {
            into.links += 1;
        }
        into.modify();
        source.entries()?.remove(old);
        self.space.give(entry_cost(old));
        if directory {
            source.links -= 1;
        }
        source.modify();
        drop(target);
        drop(source);
        let mut inner = node.inner.lock();
        inner.touch();
        if let Body::Directory { parent, .. } = &mut inner.body {
            *parent = Arc::downgrade(to);
        }
        drop(inner);
        drop(replaced);
        Ok(())
    }

    fn change(&self, node: &Node, change: Change) -> Result<()> {
        let mut inner = node.inner.lock();
        match change {
            Change::Mode(mode) => inner.mode = inner.mode & (S_IFMT | S_IPTRANS) | mode,
            Change::Owner(uid, gid) => {
                inner.uid = uid.unwrap_or(inner.uid);
                inner.gid = gid.unwrap_or(inner.gid);
            }
            Change::Author(author) => inner.author = author,
            Change::Flags(flags) => inner.flags = flags,
            Change::Times(accessed, modified) => {
                inner.accessed = accessed.unwrap_or(inner.accessed);
                inner.modified = modified.unwrap_or(inner.modified);
            }
        }
        inner.touch();
        Ok(())
    }

    fn set_special(&self, node: &Node, special: Special<'_>) -> Result<()> {
        let inner = &mut *node.inner.lock();
        if matches!(inner.body, Body::Directory { .. }) {
            return Err(Error::EISDIR);
        }
        let (kind, device, body) = match special {
            Special::None => (S_IFREG, 0, Body::Regular(Content::default())),
            Special::Symlink(target) if target.len() > SYMLINK_MAX => {
                return Err(Error::ENAMETOOLONG);
            }
            Special::Symlink(target) => {
                self.space.take(target.len() as u64)?;
                (S_IFLNK, 0, Body::Symlink(target.into()))
            }
            Special::Character(device) => (S_IFCHR, device, Body::Special),
            Special::Block(device) => (S_IFBLK, device, Body::Special),
            Special::Fifo => (S_IFIFO, 0, Body::Special),
            Special::Socket => (S_IFSOCK, 0, Body::Special),
        };
        inner.clear_body(&self.space);
        inner.body = body;
        inner.device = device;
        inner.mode = inner.mode & !S_IFMT | kind;
        node.kind.store(kind, Ordering::Relaxed);
        inner.modify();
        Ok(())
    }

    fn translator(&self, node: &Node) -> Result<Option<Vec<u8>>> {
        Ok(node.inner.lock().record.as_deref().map(<[u8]>::to_vec))
    }

    fn set_translator(&self, node: &Node, record: Option<&[u8]>) -> Result<()> {
        let inner = &mut *node.inner.lock();
        let length = record.map_or(0, <[u8]>::len);
        if length > RECORD_MAX {
            return Err(Error::E2BIG);
        }
        self.space.take(length as u64)?;
        if let Some(old) = inner.record.take() {
            self.space.give(old.len() as u64);
        }
        inner.record = record.map(Into::into);
        inner.mode &= !S_IPTRANS;
        if inner.record.is_some() {
            inner.mode |= S_IPTRANS;
        }
        inner.touch();
        Ok(())
    }
}
