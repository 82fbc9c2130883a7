//! Files.

use alloc::vec::Vec;
use core::time::Duration;
use std::fs as std_fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirEntryExt, FileTypeExt};
use std::path::Path;

use super::{c_string, check};
use crate::fs::{
    DirEntry, Kind, O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_EXEC, O_NOFOLLOW,
    O_NONBLOCK, O_READ, O_TRUNC, O_WRITE, Poll, SetTime, Stat, StatFs, Whence,
};
use crate::time::Timespec;
use crate::{Errno, Fd, Result};

fn open_flags(flags: u32) -> i32 {
    let mut host = match (flags & O_READ != 0, flags & O_WRITE != 0) {
        (true, true) => libc::O_RDWR,
        (false, true) => libc::O_WRONLY,
        _ => libc::O_RDONLY,
    };
    for (bit, host_bit) in [
        (O_CREAT, libc::O_CREAT),
        (O_EXCL, libc::O_EXCL),
        (O_TRUNC, libc::O_TRUNC),
        (O_APPEND, libc::O_APPEND),
        (O_NONBLOCK, libc::O_NONBLOCK),
        (O_NOFOLLOW, libc::O_NOFOLLOW),
        (O_DIRECTORY, libc::O_DIRECTORY),
        (O_CLOEXEC, libc::O_CLOEXEC),
    ] {
        if flags & bit != 0 {
            host |= host_bit;
        }
    }
    host
}

pub(crate) fn open(path: &[u8], flags: u32, mode: u32) -> Result<Fd> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string; the mode is passed as the variadic argument that open expects.
    check(unsafe { libc::open(path.as_ptr(), open_flags(flags), mode) })
}

pub(crate) fn close(fd: Fd) -> Result<()> {
    // SAFETY: closing a number that is no descriptor fails with EBADF.
    check(unsafe { libc::close(fd) }).map(|_| ())
}

pub(crate) fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the buffer is valid for its length.
    check(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) }).map(|n| n as usize)
}

pub(crate) fn pread(fd: Fd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the buffer is valid for its length.
    check(unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), offset) })
        .map(|n| n as usize)
}

pub(crate) fn write(fd: Fd, data: &[u8]) -> Result<usize> {
    // SAFETY: the data is valid for its length.
    check(unsafe { libc::write(fd, data.as_ptr().cast(), data.len()) }).map(|n| n as usize)
}

pub(crate) fn pwrite(fd: Fd, data: &[u8], offset: u64) -> Result<usize> {
    let offset = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the data is valid for its length.
    check(unsafe { libc::pwrite(fd, data.as_ptr().cast(), data.len(), offset) }).map(|n| n as usize)
}

pub(crate) fn lseek(fd: Fd, offset: i64, whence: Whence) -> Result<u64> {
    let whence = match whence {
        Whence::Start => libc::SEEK_SET,
        Whence::Current => libc::SEEK_CUR,
        Whence::End => libc::SEEK_END,
    };
    // SAFETY: no memory is passed.
    check(unsafe { libc::lseek(fd, offset, whence) }).map(|n| n as u64)
}

pub(crate) fn dup(fd: Fd, lowest: Fd, close_on_exec: bool) -> Result<Fd> {
    let command = if close_on_exec {
        libc::F_DUPFD_CLOEXEC
    } else {
        libc::F_DUPFD
    };
    // SAFETY: both commands take an int.
    check(unsafe { libc::fcntl(fd, command, lowest) })
}

pub(crate) fn dup2(from: Fd, to: Fd) -> Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::dup2(from, to) }).map(|_| ())
}

pub(crate) fn close_on_exec(fd: Fd) -> Result<bool> {
    // SAFETY: the command takes no argument.
    check(unsafe { libc::fcntl(fd, libc::F_GETFD) }).map(|flags| flags & libc::FD_CLOEXEC != 0)
}

pub(crate) fn set_close_on_exec(fd: Fd, close: bool) -> Result<()> {
    // SAFETY: the command takes an int.
    check(unsafe { libc::fcntl(fd, libc::F_SETFD, if close { libc::FD_CLOEXEC } else { 0 }) })
        .map(|_| ())
}

fn status_flags(fd: Fd) -> Result<i32> {
    // SAFETY: the command takes no argument.
    check(unsafe { libc::fcntl(fd, libc::F_GETFL) })
}

pub(crate) fn open_modes(fd: Fd) -> Result<u32> {
    let flags = status_flags(fd)?;
    let mut modes = match flags & libc::O_ACCMODE {
        libc::O_RDWR => O_READ | O_WRITE,
        libc::O_WRONLY => O_WRITE,
        _ => O_READ,
    };
    if flags & libc::O_APPEND != 0 {
        modes |= O_APPEND;
    }
    if flags & libc::O_NONBLOCK != 0 {
        modes |= O_NONBLOCK;
    }
    Ok(modes)
}

pub(crate) fn set_nonblocking(fd: Fd, nonblocking: bool) -> Result<()> {
    let flags = status_flags(fd)?;
    let flags = if nonblocking {
        flags | libc::O_NONBLOCK
    } else {
        flags & !libc::O_NONBLOCK
    };
    // SAFETY: the command takes an int.
    check(unsafe { libc::fcntl(fd, libc::F_SETFL, flags) }).map(|_| ())
}

pub(crate) fn pipe() -> Result<(Fd, Fd)> {
    let mut fds = [0; 2];
    // SAFETY: `fds` has place for two descriptors.
    check(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((fds[0], fds[1]))
}

pub(crate) fn poll(fds: &mut [Poll], timeout: Option<Duration>) -> Result<usize> {
    let mut host: Vec<libc::pollfd> = fds
        .iter()
        .map(|p| libc::pollfd {
            fd: p.fd,
            events: if p.read { libc::POLLIN } else { 0 } | if p.write { libc::POLLOUT } else { 0 },
            revents: 0,
        })
        .collect();
    let timeout = timeout.map_or(-1, |t| i32::try_from(t.as_millis()).unwrap_or(i32::MAX));
    // SAFETY: the array is valid for its length.
    let ready =
        check(unsafe { libc::poll(host.as_mut_ptr(), host.len() as libc::nfds_t, timeout) })?;
    for (poll, host) in fds.iter_mut().zip(&host) {
        let broken = host.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0;
        poll.readable = poll.read && (host.revents & libc::POLLIN != 0 || broken);
        poll.writable = poll.write && (host.revents & libc::POLLOUT != 0 || broken);
    }
    Ok(ready as usize)
}

fn timespec(sec: i64, nsec: i64) -> Timespec {
    Timespec {
        sec,
        nsec: nsec as u32,
    }
}

fn stat_with(call: impl FnOnce(*mut libc::stat) -> i32) -> Result<Stat> {
    // SAFETY: `stat` is plain data for which zeros are valid.
    let mut host: libc::stat = unsafe { core::mem::zeroed() };
    check(call(&raw mut host))?;
    Ok(Stat {
        fstype: 0,
        fsid: host.st_dev,
        ino: host.st_ino,
        generation: 0,
        rdev: host.st_rdev,
        mode: host.st_mode,
        nlink: host.st_nlink as u64,
        uid: host.st_uid,
        gid: host.st_gid,
        size: host.st_size as u64,
        atime: timespec(host.st_atime, host.st_atime_nsec),
        mtime: timespec(host.st_mtime, host.st_mtime_nsec),
        ctime: timespec(host.st_ctime, host.st_ctime_nsec),
        blksize: host.st_blksize as u32,
        blocks: host.st_blocks as u64,
        author: host.st_uid,
        flags: 0,
    })
}

pub(crate) fn fstat(fd: Fd) -> Result<Stat> {
    // SAFETY: the closure is given a valid place for the result.
    stat_with(|place| unsafe { libc::fstat(fd, place) })
}

pub(crate) fn stat(path: &[u8]) -> Result<Stat> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string; the closure is given a valid place for the result.
    stat_with(|place| unsafe { libc::stat(path.as_ptr(), place) })
}

pub(crate) fn lstat(path: &[u8]) -> Result<Stat> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string; the closure is given a valid place for the result.
    stat_with(|place| unsafe { libc::lstat(path.as_ptr(), place) })
}

pub(crate) fn statfs(path: &[u8]) -> Result<StatFs> {
    let path = c_string(path)?;
    // SAFETY: `statvfs` is plain data for which zeros are valid.
    let mut host: libc::statvfs = unsafe { core::mem::zeroed() };
    // SAFETY: `path` is a C string and `host` a valid place for the result.
    check(unsafe { libc::statvfs(path.as_ptr(), &raw mut host) })?;
    Ok(StatFs {
        fstype: 0,
        bsize: host.f_frsize,
        blocks: host.f_blocks,
        bfree: host.f_bfree,
        bavail: host.f_bavail,
        files: host.f_files,
        ffree: host.f_ffree,
        fsid: host.f_fsid,
        namelen: host.f_namemax,
    })
}

pub(crate) fn ftruncate(fd: Fd, size: u64) -> Result<()> {
    let size = i64::try_from(size).map_err(|_| Errno::EFBIG)?;
    // SAFETY: no memory is passed.
    check(unsafe { libc::ftruncate(fd, size) }).map(|_| ())
}

pub(crate) fn fsync(fd: Fd) -> Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::fsync(fd) }).map(|_| ())
}

pub(crate) fn sync() -> Result<()> {
    // SAFETY: no memory is passed.
    unsafe { libc::sync() };
    Ok(())
}

/// The error of a call of the standard library.
fn std_errno(error: &std::io::Error) -> Errno {
    error
        .raw_os_error()
        .map_or(Errno::EIO, super::errno_from_host)
}

pub(crate) struct ReadDir {
    entries: std_fs::ReadDir,
    /// `..` and `.`, which the standard library leaves out.
    special: Vec<DirEntry>,
}

impl ReadDir {
    pub(crate) fn open(path: &[u8]) -> Result<Self> {
        let host_path = Path::new(std::ffi::OsStr::from_bytes(path));
        let entries = std_fs::read_dir(host_path).map_err(|e| std_errno(&e))?;
        let special = [&b".."[..], b"."]
            .into_iter()
            .filter_map(|name| {
                let ino = stat(&crate::join(path, name)).ok()?.ino;
                Some(DirEntry {
                    name: name.to_vec(),
                    ino,
                    kind: Kind::Directory,
                })
            })
            .collect();
        Ok(Self { entries, special })
    }

    pub(crate) fn next(&mut self) -> Option<Result<DirEntry>> {
        if let Some(entry) = self.special.pop() {
            return Some(Ok(entry));
        }
        Some(
            self.entries
                .next()?
                .map_err(|e| std_errno(&e))
                .map(|entry| {
                    let kind = entry.file_type().map_or(Kind::Unknown, |kind| {
                        if kind.is_dir() {
                            Kind::Directory
                        } else if kind.is_file() {
                            Kind::Regular
                        } else if kind.is_symlink() {
                            Kind::Symlink
                        } else if kind.is_fifo() {
                            Kind::Fifo
                        } else if kind.is_socket() {
                            Kind::Socket
                        } else if kind.is_block_device() {
                            Kind::BlockDevice
                        } else if kind.is_char_device() {
                            Kind::CharDevice
                        } else {
                            Kind::Unknown
                        }
                    });
                    DirEntry {
                        ino: entry.ino(),
                        kind,
                        name: entry.file_name().into_vec(),
                    }
                }),
        )
    }
}

pub(crate) fn mkdir(path: &[u8], mode: u32) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string.
    check(unsafe { libc::mkdir(path.as_ptr(), mode) }).map(|_| ())
}

pub(crate) fn rmdir(path: &[u8]) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string.
    check(unsafe { libc::rmdir(path.as_ptr()) }).map(|_| ())
}

pub(crate) fn unlink(path: &[u8]) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string.
    check(unsafe { libc::unlink(path.as_ptr()) }).map(|_| ())
}

pub(crate) fn rename(from: &[u8], to: &[u8]) -> Result<()> {
    let (from, to) = (c_string(from)?, c_string(to)?);
    // SAFETY: both are C strings.
    check(unsafe { libc::rename(from.as_ptr(), to.as_ptr()) }).map(|_| ())
}

pub(crate) fn link(from: &[u8], to: &[u8]) -> Result<()> {
    let (from, to) = (c_string(from)?, c_string(to)?);
    // SAFETY: both are C strings.
    check(unsafe { libc::link(from.as_ptr(), to.as_ptr()) }).map(|_| ())
}

pub(crate) fn symlink(target: &[u8], path: &[u8]) -> Result<()> {
    let (target, path) = (c_string(target)?, c_string(path)?);
    // SAFETY: both are C strings.
    check(unsafe { libc::symlink(target.as_ptr(), path.as_ptr()) }).map(|_| ())
}

pub(crate) fn readlink(path: &[u8]) -> Result<Vec<u8>> {
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    std_fs::read_link(path)
        .map(|t| t.into_os_string().into_vec())
        .map_err(|e| std_errno(&e))
}

pub(crate) fn mknod(path: &[u8], kind: Kind, mode: u32, device: u64) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string.
    check(unsafe { libc::mknod(path.as_ptr(), kind.mode() | mode & 0o7777, device) }).map(|_| ())
}

pub(crate) fn chmod(path: &[u8], mode: u32) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string.
    check(unsafe { libc::chmod(path.as_ptr(), mode) }).map(|_| ())
}

pub(crate) fn chown(path: &[u8], uid: Option<u32>, gid: Option<u32>, follow: bool) -> Result<()> {
    let path = c_string(path)?;
    let (uid, gid) = (uid.unwrap_or(u32::MAX), gid.unwrap_or(u32::MAX));
    // SAFETY: `path` is a C string.
    check(unsafe {
        if follow {
            libc::chown(path.as_ptr(), uid, gid)
        } else {
            libc::lchown(path.as_ptr(), uid, gid)
        }
    })
    .map(|_| ())
}

pub(crate) fn utimens(path: &[u8], atime: SetTime, mtime: SetTime) -> Result<()> {
    let path = c_string(path)?;
    let host = |time| match time {
        SetTime::Now => libc::timespec {
            tv_sec: 0,
            tv_nsec: libc::UTIME_NOW,
        },
        SetTime::Omit => libc::timespec {
            tv_sec: 0,
            tv_nsec: libc::UTIME_OMIT,
        },
        SetTime::To(time) => libc::timespec {
            tv_sec: time.sec,
            tv_nsec: i64::from(time.nsec),
        },
    };
    let times = [host(atime), host(mtime)];
    // SAFETY: `path` is a C string and `times` has the two times that the call reads.
    check(unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), 0) }).map(|_| ())
}

pub(crate) fn access(path: &[u8], modes: u32) -> Result<()> {
    let path = c_string(path)?;
    let mut host = libc::F_OK;
    for (bit, host_bit) in [
        (O_READ, libc::R_OK),
        (O_WRITE, libc::W_OK),
        (O_EXEC, libc::X_OK),
    ] {
        if modes & bit != 0 {
            host |= host_bit;
        }
    }
    // SAFETY: `path` is a C string.
    check(unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), host, libc::AT_EACCESS) })
        .map(|_| ())
}

pub(crate) fn chdir(path: &[u8]) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: `path` is a C string.
    check(unsafe { libc::chdir(path.as_ptr()) }).map(|_| ())
}

pub(crate) fn fchdir(fd: Fd) -> Result<()> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::fchdir(fd) }).map(|_| ())
}

pub(crate) fn getcwd() -> Result<Vec<u8>> {
    std::env::current_dir()
        .map(|p| p.into_os_string().into_vec())
        .map_err(|e| std_errno(&e))
}

pub(crate) fn umask(mask: u32) -> u32 {
    // SAFETY: no memory is passed; the call cannot fail.
    unsafe { libc::umask(mask) }
}

pub(crate) fn isatty(fd: Fd) -> bool {
    // SAFETY: no memory is passed.
    unsafe { libc::isatty(fd) == 1 }
}
