//! Files: descriptors, paths, directories.
//!
//! A call that blocks ends with [`EINTR`](crate::Errno::EINTR) when a signal
//! arrives that the process handles or notes ([`crate::signal`]); [`write_all`]
//! and the types of [`crate::io`] go on instead, unless they say otherwise.

use core::time::Duration;

use alloc::vec::Vec;

use crate::time::Timespec;
use crate::{Errno, Fd, Result, sys};

/// Open for reading.
pub const O_READ: u32 = 0x1;
/// Open for writing.
pub const O_WRITE: u32 = 0x2;
/// Open for execution.
pub const O_EXEC: u32 = 0x4;
/// Fail with `EAGAIN` rather than block.
pub const O_NONBLOCK: u32 = 0x8;
/// Make the file if there is none.
pub const O_CREAT: u32 = 0x10;
/// With [`O_CREAT`]: fail with `EEXIST` if there is one.
pub const O_EXCL: u32 = 0x20;
/// Do not follow a symbolic link at the end of the path: open the link's node.
pub const O_NOLINK: u32 = 0x40;
/// Do not follow a translator at the end of the path: open the node under it.
pub const O_NOTRANS: u32 = 0x80;
/// Every write goes to the end of the file.
pub const O_APPEND: u32 = 0x100;
/// Cut the file to length 0.
pub const O_TRUNC: u32 = 0x1_0000;
/// Fail with `ELOOP` if the path ends in a symbolic link.
pub const O_NOFOLLOW: u32 = 0x10_0000;
/// Fail with `ENOTDIR` unless the file is a directory.
pub const O_DIRECTORY: u32 = 0x20_0000;
/// A program that this one starts does not get the descriptor.
pub const O_CLOEXEC: u32 = 0x40_0000;

/// The bits of [`Stat::mode`] that tell the kind of file.
pub const S_IFMT: u32 = 0o170_000;
/// A passive translator is recorded at the node.
pub const S_IPTRANS: u32 = 0o10_000_000;
/// A translator is running on the node.
pub const S_IATRANS: u32 = 0o20_000_000;
/// The node is the root of a file system.
pub const S_IROOT: u32 = 0o40_000_000;

/// The kind of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A pipe with a name.
    Fifo,
    /// A character device.
    CharDevice,
    /// A directory.
    Directory,
    /// A block device.
    BlockDevice,
    /// A regular file.
    Regular,
    /// A symbolic link.
    Symlink,
    /// A socket.
    Socket,
    /// None of these.
    Unknown,
}

impl Kind {
    /// From the bits of [`Stat::mode`].
    pub const fn from_mode(mode: u32) -> Self {
        match mode & S_IFMT {
            0o010_000 => Self::Fifo,
            0o020_000 => Self::CharDevice,
            0o040_000 => Self::Directory,
            0o060_000 => Self::BlockDevice,
            0o100_000 => Self::Regular,
            0o120_000 => Self::Symlink,
            0o140_000 => Self::Socket,
            _ => Self::Unknown,
        }
    }

    /// The bits of [`Stat::mode`]; 0 for [`Kind::Unknown`].
    pub const fn mode(self) -> u32 {
        match self {
            Self::Fifo => 0o010_000,
            Self::CharDevice => 0o020_000,
            Self::Directory => 0o040_000,
            Self::BlockDevice => 0o060_000,
            Self::Regular => 0o100_000,
            Self::Symlink => 0o120_000,
            Self::Socket => 0o140_000,
            Self::Unknown => 0,
        }
    }
}

/// What is known of a file: the Hurd's `io_statbuf_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stat {
    /// The kind of file system.
    pub fstype: u32,
    /// The file system's own number.
    pub fsid: u64,
    /// The file's number within its file system.
    pub ino: u64,
    /// How often that number has been used again.
    pub generation: u64,
    /// The device that a device node stands for.
    pub rdev: u64,
    /// Kind, permissions, translators.
    pub mode: u32,
    /// The number of names.
    pub nlink: u64,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The length in bytes.
    pub size: u64,
    /// When it was last read.
    pub atime: Timespec,
    /// When its content last changed.
    pub mtime: Timespec,
    /// When anything of it last changed.
    pub ctime: Timespec,
    /// The best number of bytes for one transfer.
    pub blksize: u32,
    /// The space that it takes, in units of 512 bytes.
    pub blocks: u64,
    /// The author, which the Hurd keeps apart from the owner.
    pub author: u32,
    /// The file's flags (`chflags`).
    pub flags: u32,
}

impl Stat {
    /// The kind of file.
    pub const fn kind(&self) -> Kind {
        Kind::from_mode(self.mode)
    }

    /// Whether this is a directory.
    pub const fn is_directory(&self) -> bool {
        matches!(self.kind(), Kind::Directory)
    }

    /// Whether this and another are the same file.
    pub const fn is_same_file(&self, other: &Self) -> bool {
        self.fsid == other.fsid && self.ino == other.ino
    }

    /// The major number of the device that the node stands for.
    pub const fn major(&self) -> u32 {
        ((self.rdev >> 8) & 0xff) as u32
    }

    /// The minor number of the device that the node stands for.
    pub const fn minor(&self) -> u32 {
        ((self.rdev & 0xff) | ((self.rdev >> 12) & 0xfff00)) as u32
    }
}

/// What is known of a file system: the Hurd's `fsys_statfsbuf_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StatFs {
    /// The kind of file system.
    pub fstype: u32,
    /// Bytes in a block.
    pub bsize: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub bfree: u64,
    /// Blocks free for users other than root.
    pub bavail: u64,
    /// Files that can exist.
    pub files: u64,
    /// Files that can still be made.
    pub ffree: u64,
    /// The file system's own number.
    pub fsid: u64,
    /// The longest name, in bytes.
    pub namelen: u64,
}

/// What a time of a file is set to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetTime {
    /// To the current time.
    Now,
    /// It stays.
    Omit,
    /// To this time.
    To(Timespec),
}

/// From where [`lseek`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whence {
    /// The start of the file.
    Start,
    /// The current position.
    Current,
    /// The end of the file.
    End,
}

/// One entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// The name.
    pub name: Vec<u8>,
    /// The file's number.
    pub ino: u64,
    /// The kind, as far as the directory records it.
    pub kind: Kind,
}

/// A descriptor that [`poll`] watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Poll {
    /// The descriptor.
    pub fd: Fd,
    /// Wait until it can be read.
    pub read: bool,
    /// Wait until it can be written.
    pub write: bool,
    /// Whether a read would not block (also at the end of the file, and for an error).
    pub readable: bool,
    /// Whether a write would not block.
    pub writable: bool,
}

/// Opens a file. `mode` is the new file's, before the umask, where `flags` has [`O_CREAT`].
pub fn open(path: &[u8], flags: u32, mode: u32) -> Result<Fd> {
    sys::open(path, flags, mode)
}

/// Closes a descriptor.
pub fn close(fd: Fd) -> Result<()> {
    sys::close(fd)
}

/// Reads at the current position; 0 at the end.
pub fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    sys::read(fd, buffer)
}

/// Reads at `offset`.
pub fn pread(fd: Fd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    sys::pread(fd, buffer, offset)
}

/// Writes at the current position; how much was written.
pub fn write(fd: Fd, data: &[u8]) -> Result<usize> {
    sys::write(fd, data)
}

/// Writes at `offset`.
pub fn pwrite(fd: Fd, data: &[u8], offset: u64) -> Result<usize> {
    sys::pwrite(fd, data, offset)
}

/// Writes all of `data`, whatever interrupts it.
pub fn write_all(fd: Fd, mut data: &[u8]) -> Result<()> {
    while !data.is_empty() {
        match write(fd, data) {
            Ok(0) => return Err(Errno::EIO),
            Ok(count) => data = &data[count..],
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Moves the current position; the new one.
pub fn lseek(fd: Fd, offset: i64, whence: Whence) -> Result<u64> {
    sys::lseek(fd, offset, whence)
}

/// A new descriptor for the same open file: the lowest free one that is at least `lowest`.
pub fn dup(fd: Fd, lowest: Fd, close_on_exec: bool) -> Result<Fd> {
    sys::dup(fd, lowest, close_on_exec)
}

/// Makes `to` another descriptor for the open file `from`, closing what it was.
pub fn dup2(from: Fd, to: Fd) -> Result<()> {
    sys::dup2(from, to)
}

/// Whether a program that this one starts does not get the descriptor.
pub fn close_on_exec(fd: Fd) -> Result<bool> {
    sys::close_on_exec(fd)
}

/// Sets what [`close_on_exec`] answers.
pub fn set_close_on_exec(fd: Fd, close: bool) -> Result<()> {
    sys::set_close_on_exec(fd, close)
}

/// The open modes ([`O_READ`], [`O_WRITE`], [`O_APPEND`], [`O_NONBLOCK`]) of an open file.
pub fn open_modes(fd: Fd) -> Result<u32> {
    sys::open_modes(fd)
}

/// Whether reads and writes fail with `EAGAIN` rather than block.
pub fn set_nonblocking(fd: Fd, nonblocking: bool) -> Result<()> {
    sys::set_nonblocking(fd, nonblocking)
}

/// A pipe: the descriptors to read from and to write to, both closed on exec.
pub fn pipe() -> Result<(Fd, Fd)> {
    sys::pipe()
}

/// Waits until one of the descriptors is ready; how many are. `None` waits for ever.
pub fn poll(fds: &mut [Poll], timeout: Option<Duration>) -> Result<usize> {
    sys::poll(fds, timeout)
}

/// What is known of an open file.
pub fn fstat(fd: Fd) -> Result<Stat> {
    sys::fstat(fd)
}

/// What is known of a file.
pub fn stat(path: &[u8]) -> Result<Stat> {
    sys::stat(path)
}

/// As [`stat`], of the link where the path ends in a symbolic link.
pub fn lstat(path: &[u8]) -> Result<Stat> {
    sys::lstat(path)
}

/// What is known of the file system of a file.
pub fn statfs(path: &[u8]) -> Result<StatFs> {
    sys::statfs(path)
}

/// Sets the length of an open file.
pub fn ftruncate(fd: Fd, size: u64) -> Result<()> {
    sys::ftruncate(fd, size)
}

/// Writes what is kept of an open file to its store.
pub fn fsync(fd: Fd) -> Result<()> {
    sys::fsync(fd)
}

/// Writes what is kept of the root file system and those under it to their stores.
pub fn sync() -> Result<()> {
    sys::sync()
}

/// The names in a directory, `.` and `..` among them, as many as there are.
pub fn read_dir(path: &[u8]) -> Result<ReadDir> {
    sys::ReadDir::open(path).map(ReadDir)
}

/// The entries of a directory; see [`read_dir`].
pub struct ReadDir(sys::ReadDir);

impl Iterator for ReadDir {
    type Item = Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// Makes a directory.
pub fn mkdir(path: &[u8], mode: u32) -> Result<()> {
    sys::mkdir(path, mode)
}

/// Removes an empty directory.
pub fn rmdir(path: &[u8]) -> Result<()> {
    sys::rmdir(path)
}

/// Removes a name that is no directory's.
pub fn unlink(path: &[u8]) -> Result<()> {
    sys::unlink(path)
}

/// Moves a name; what had the new name is replaced.
pub fn rename(from: &[u8], to: &[u8]) -> Result<()> {
    sys::rename(from, to)
}

/// Gives a file another name.
pub fn link(from: &[u8], to: &[u8]) -> Result<()> {
    sys::link(from, to)
}

/// Makes a symbolic link at `path`.
pub fn symlink(target: &[u8], path: &[u8]) -> Result<()> {
    sys::symlink(target, path)
}

/// The target of a symbolic link.
pub fn readlink(path: &[u8]) -> Result<Vec<u8>> {
    sys::readlink(path)
}

/// Makes a fifo or a device node; `device` is the device's number.
pub fn mknod(path: &[u8], kind: Kind, mode: u32, device: u64) -> Result<()> {
    sys::mknod(path, kind, mode, device)
}

/// Sets the permissions of a file.
pub fn chmod(path: &[u8], mode: u32) -> Result<()> {
    sys::chmod(path, mode)
}

/// Sets owner and group of a file; `None` keeps what is.
pub fn chown(path: &[u8], uid: Option<u32>, gid: Option<u32>) -> Result<()> {
    sys::chown(path, uid, gid, true)
}

/// As [`chown`], of the link where the path ends in a symbolic link.
pub fn lchown(path: &[u8], uid: Option<u32>, gid: Option<u32>) -> Result<()> {
    sys::chown(path, uid, gid, false)
}

/// Sets the times of last access and change of a file.
pub fn utimens(path: &[u8], atime: SetTime, mtime: SetTime) -> Result<()> {
    sys::utimens(path, atime, mtime)
}

/// Whether the process may read, write and execute the file (any of [`O_READ`],
/// [`O_WRITE`], [`O_EXEC`]; 0 asks whether it exists).
pub fn access(path: &[u8], modes: u32) -> Result<()> {
    sys::access(path, modes)
}

/// Sets the working directory.
pub fn chdir(path: &[u8]) -> Result<()> {
    sys::chdir(path)
}

/// Sets the working directory to an open one.
pub fn fchdir(fd: Fd) -> Result<()> {
    sys::fchdir(fd)
}

/// The path of the working directory.
pub fn getcwd() -> Result<Vec<u8>> {
    sys::getcwd()
}

/// Sets the permissions that new files do not get; what they were.
pub fn umask(mask: u32) -> u32 {
    sys::umask(mask)
}

/// Whether the descriptor is a terminal.
pub fn isatty(fd: Fd) -> bool {
    sys::isatty(fd)
}
