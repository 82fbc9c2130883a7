//! What a file system is to this library: nodes, and what can be done to them.

use alloc::sync::Arc;
use alloc::vec::Vec;

use interface::fs::StatFs;
use interface::io::StatBuf;
use interface::types::TimeSpec;
use machuser::{Error, Result};

use crate::attached::Attached;

/// The bits of a mode that tell the kind of node.
pub const S_IFMT: u32 = 0o170_000;
/// A pipe with a name.
pub const S_IFIFO: u32 = 0o010_000;
/// A character device.
pub const S_IFCHR: u32 = 0o020_000;
/// A directory.
pub const S_IFDIR: u32 = 0o040_000;
/// A block device.
pub const S_IFBLK: u32 = 0o060_000;
/// A regular file.
pub const S_IFREG: u32 = 0o100_000;
/// A symbolic link.
pub const S_IFLNK: u32 = 0o120_000;
/// A socket.
pub const S_IFSOCK: u32 = 0o140_000;
/// The set-user-id bit.
pub const S_ISUID: u32 = 0o4000;
/// The set-group-id bit.
pub const S_ISGID: u32 = 0o2000;
/// In a directory: only owners remove entries.
pub const S_ISVTX: u32 = 0o1000;
/// A passive translator is recorded (`S_IPTRANS`).
pub const S_IPTRANS: u32 = 0o10_000_000;
/// A translator is active (`S_IATRANS`). Never stored.
pub const S_IATRANS: u32 = 0o20_000_000;
/// The node is its file system's root (`S_IROOT`). Never stored.
pub const S_IROOT: u32 = 0o40_000_000;

/// What permission checks and look-ups need to know of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Kind, permissions and [`S_IPTRANS`].
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Access {
    /// The kind: one of the `S_IF*` values.
    #[inline]
    pub const fn kind(self) -> u32 {
        self.mode & S_IFMT
    }

    /// Whether it is a directory.
    #[inline]
    pub const fn is_directory(self) -> bool {
        self.kind() == S_IFDIR
    }

    /// Whether it is a symbolic link.
    #[inline]
    pub const fn is_symlink(self) -> bool {
        self.kind() == S_IFLNK
    }
}

/// A change of a node's attributes. The library has checked that the user may make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The permissions (bits of 0o7777).
    Mode(u32),
    /// Owner and group; `None` stays.
    Owner(Option<u32>, Option<u32>),
    /// The author.
    Author(u32),
    /// The flags of `chflags`.
    Flags(u32),
    /// Times of last access and of last change of the content; `None` stays.
    Times(Option<TimeSpec>, Option<TimeSpec>),
}

/// What a new node is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// Permissions, and [`S_IFREG`] or [`S_IFDIR`].
    pub mode: u32,
    /// The owner and author.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// What a node becomes when a translator is recorded for which the file system has a kind of its
/// own (`/hurd/symlink` and so on).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special<'a> {
    /// A regular file again.
    None,
    /// A symbolic link to this target.
    Symlink(&'a [u8]),
    /// A character device of this number.
    Character(u64),
    /// A block device of this number.
    Block(u64),
    /// A pipe with a name.
    Fifo,
    /// A socket.
    Socket,
}

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The node's number.
    pub number: u64,
    /// The node's kind as an `S_IF*` value, 0 if the directory does not record it.
    pub kind: u32,
    /// The cursor with which a reader goes on behind this entry.
    pub next: u64,
}

/// Where a write goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// To this offset, in bytes.
    At(u64),
    /// To the end, wherever that is when the write happens.
    End,
}

/// Limits that `io_pathconf` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest name, in bytes.
    pub name: usize,
    /// The most names of one node.
    pub links: u32,
    /// The longest target of a symbolic link, in bytes.
    pub symlink: usize,
    /// Bits of a file's length, sign included.
    pub size_bits: u32,
}

/// A file system.
///
/// The library checks permissions, modes, names (never empty, no `/`, at most [`Limits::name`]
/// long) and that a file system is not read-only; it follows links and translators, keeps open
/// modes, file pointers and locks. Here is only what differs between file systems.
///
/// Operations that change directories ([`create`](Self::create), [`link`](Self::link),
/// [`unlink`](Self::unlink), [`rename`](Self::rename)) and those that change what they depend on
/// ([`change`](Self::change), [`set_special`](Self::set_special)) come one at a time; everything
/// else comes from any number of threads at once. None may wait for another program, except for
/// the store below.
///
/// What writes answers `EROFS` unless it is implemented.
pub trait FileSystem: Send + Sync + Sized + 'static {
    /// A node in memory. Two of them are never the same node of the file system.
    type Node: Send + Sync + 'static;

    /// The root directory (or the one node that there is).
    fn root(&self) -> Arc<Self::Node>;

    /// Whether nothing may be written.
    fn read_only(&self) -> bool;

    /// Sizes and free space.
    fn status(&self) -> Result<StatFs>;

    /// Writes everything back; with `wait` does not return before that is done.
    fn sync(&self, wait: bool) -> Result<()>;

    /// The options that would start this file system again, without the program's name.
    fn options(&self) -> Vec<Vec<u8>>;

    /// Changes options. `EINVAL` for one that is not known or cannot change now; then none has.
    fn set_options(&self, options: &[&[u8]]) -> Result<()> {
        if options.is_empty() {
            Ok(())
        } else {
            Err(Error::EINVAL)
        }
    }

    /// Where the content comes from: a path or a word, for `fsys_get_source`.
    fn source(&self) -> Vec<u8>;

    /// Its name, for `io_server_version`.
    fn name(&self) -> &'static str;

    /// The limits.
    fn limits(&self) -> Limits;

    /// The library's part of a node.
    fn attached<'n>(&self, node: &'n Self::Node) -> &'n Attached;

    /// The node's number.
    fn number(&self, node: &Self::Node) -> u64;

    /// Mode and owner.
    fn access(&self, node: &Self::Node) -> Access;

    /// Everything about the node, [`S_IATRANS`] and [`S_IROOT`] apart.
    fn stat(&self, node: &Self::Node) -> Result<StatBuf>;

    /// The length of the content, in bytes.
    fn size(&self, node: &Self::Node) -> Result<u64>;

    /// Hands out up to `amount` bytes from `offset` on, in order, in as few pieces as it likes.
    /// Answers how many: fewer only at the end. After an error what was handed out is void. Never
    /// called for a directory or a symbolic link.
    fn read(
        &self,
        node: &Self::Node,
        offset: u64,
        amount: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<usize>;

    /// Writes `length` bytes, which `fill` supplies in order, slice by slice. Answers how many
    /// were written, and the offset behind them. Only for regular files.
    fn write(
        &self,
        node: &Self::Node,
        position: Position,
        length: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(usize, u64)> {
        let _ = (node, position, length, fill);
        Err(Error::EROFS)
    }

    /// Sets the length of a regular file.
    fn set_size(&self, node: &Self::Node, size: u64) -> Result<()> {
        let _ = (node, size);
        Err(Error::EROFS)
    }

    /// Writes one node back: the content, and unless `omit_metadata` its attributes.
    fn sync_node(&self, node: &Self::Node, wait: bool, omit_metadata: bool) -> Result<()> {
        let _ = (node, wait, omit_metadata);
        Ok(())
    }

    /// The target of a symbolic link.
    fn read_link(&self, node: &Self::Node) -> Result<Vec<u8>>;

    /// The node that `name` stands for in `dir`, never for `.` and `..`. `ENOENT`.
    fn lookup(&self, dir: &Arc<Self::Node>, name: &[u8]) -> Result<Arc<Self::Node>>;

    /// The directory that `dir` is in; the root's is the root. `ENOENT` if `dir` was removed.
    fn parent(&self, dir: &Arc<Self::Node>) -> Result<Arc<Self::Node>>;

    /// Hands out entries from `cursor` on (0 is the start), `.` and `..` among them, until `sink`
    /// answers `false`: then that entry was not taken. Answers the cursor behind the last one that
    /// was taken. A cursor stays valid whatever happens to the directory: entries that are there
    /// all the time come exactly once.
    fn read_dir(
        &self,
        dir: &Arc<Self::Node>,
        cursor: u64,
        sink: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<u64>;

    /// Makes a node, and enters it in `dir` unless `name` is `None`. The name is not there yet.
    fn create(
        &self,
        dir: &Arc<Self::Node>,
        name: Option<&[u8]>,
        new: NewNode,
    ) -> Result<Arc<Self::Node>> {
        let _ = (dir, name, new);
        Err(Error::EROFS)
    }

    /// Enters `node`, which is no directory, in `dir`; what has the name, no directory either, is
    /// replaced. `EMLINK`.
    fn link(&self, dir: &Arc<Self::Node>, name: &[u8], node: &Arc<Self::Node>) -> Result<()> {
        let _ = (dir, name, node);
        Err(Error::EROFS)
    }

    /// Removes an entry; a directory must be empty (`ENOTEMPTY`). The node goes with its last
    /// name and its last user.
    fn unlink(&self, dir: &Arc<Self::Node>, name: &[u8]) -> Result<()> {
        let _ = (dir, name);
        Err(Error::EROFS)
    }

    /// Moves an entry. What has the new name is of the same kind (directory or not) and is
    /// replaced; a directory must be empty (`ENOTEMPTY`).
    fn rename(
        &self,
        from: &Arc<Self::Node>,
        old: &[u8],
        to: &Arc<Self::Node>,
        new: &[u8],
    ) -> Result<()> {
        let _ = (from, old, to, new);
        Err(Error::EROFS)
    }

    /// Changes attributes, and the time of the last status change.
    fn change(&self, node: &Self::Node, change: Change) -> Result<()> {
        let _ = (node, change);
        Err(Error::EROFS)
    }

    /// Makes a regular file or special node into what `special` says; its content goes.
    fn set_special(&self, node: &Self::Node, special: Special<'_>) -> Result<()> {
        let _ = (node, special);
        Err(Error::EROFS)
    }

    /// The passive translator: arguments, each ended by a zero byte.
    fn translator(&self, node: &Self::Node) -> Result<Option<Vec<u8>>>;

    /// Records a passive translator, or none.
    fn set_translator(&self, node: &Self::Node, record: Option<&[u8]>) -> Result<()> {
        let _ = (node, record);
        Err(Error::EROFS)
    }
}
