//! Files.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use interface::fs::{FS_TRANS_EXCL, FS_TRANS_SET};
use interface::types::{TimeSpec, UTIME_NOW, UTIME_OMIT};
use interface::{fs, io, process, socket};
use machuser::env::{self, init_int, init_port};
use machuser::sync::Mutex;
use machuser::{MAX_BULK, Right, SendRight};

use super::descriptors::{self, Open};
use super::names::{self, lookup};
use super::signals::{broken_pipe, deliveries, interruptible, wait_for_delivery};
use super::{errno, initial, join_strings, messages, sent};
use crate::fs::{
    DirEntry, Kind, O_APPEND, O_CLOEXEC, O_DIRECTORY, O_EXEC, O_NOLINK, O_NONBLOCK, O_NOTRANS,
    O_READ, O_WRITE, Poll, SetTime, Stat, StatFs, Whence,
};
use crate::signal::Signal;
use crate::time::Timespec;
use crate::{Errno, Fd, Result};

/// The offset that stands for the open file's own position.
const POSITION: i64 = -1;
/// Where the server of local sockets, which are also the pipes, is.
const LOCAL_SOCKETS: &[u8] = b"/servers/socket/1";
/// A socket that is a stream of bytes.
const SOCK_STREAM: i32 = 1;
/// Bytes of directory entries that are asked for at once.
const ENTRIES: usize = 16 << 10;
/// `UMASK` before it is looked up.
const UNKNOWN: u32 = u32::MAX;

static UMASK: AtomicU32 = AtomicU32::new(UNKNOWN);

pub(super) fn current_umask() -> u32 {
    match UMASK.load(Ordering::Relaxed) {
        UNKNOWN => env::int(init_int::UMASK) as u32 & 0o777,
        mask => mask,
    }
}

pub(crate) fn umask(mask: u32) -> u32 {
    let old = current_umask();
    UMASK.store(mask & 0o777, Ordering::Relaxed);
    old
}

/// The permissions that a new file gets.
fn new_mode(mode: u32) -> u32 {
    mode & 0o7777 & !current_umask()
}

fn offset_of(offset: u64) -> Result<i64> {
    i64::try_from(offset).map_err(|_| Errno::EINVAL)
}

pub(crate) fn open(path: &[u8], flags: u32, mode: u32) -> Result<Fd> {
    let port = lookup(path, flags, new_mode(mode))?;
    descriptors::insert(Open::new(port), 0, flags & O_CLOEXEC != 0)
}

pub(crate) fn close(fd: Fd) -> Result<()> {
    descriptors::replace(fd, None)?
        .map(drop)
        .ok_or(Errno::EBADF)
}

/// Has the process's group stopped for reading its terminal from the background; returns when it
/// goes on. Errors: `EIO` where nobody could let it go on, or it ignores the signal.
fn background_read() -> Result<()> {
    let proc = initial(init_port::PROC)?;
    let (.., orphaned) = process::proc_getpids(&*proc).map_err(errno)?;
    if orphaned != 0 || super::signal_is_ignored(Signal::TTIN) {
        return Err(Errno::EIO);
    }
    let before = deliveries();
    match process::proc_signal(&*proc, 0, i32::from(Signal::TTIN.0)).map_err(errno) {
        // The stop itself breaks the call off.
        Ok(()) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error),
    }
    if messages::started() {
        wait_for_delivery(before);
    }
    Ok(())
}

/// Reads, or has the process stopped for reading its terminal from the background.
fn read_at(fd: Fd, buffer: &mut [u8], offset: i64) -> Result<usize> {
    let open = descriptors::get(fd)?;
    let amount = buffer.len().min(MAX_BULK);
    loop {
        let port = open.reader();
        match interruptible(&port, || io::io_read(&*port, offset, amount, buffer)) {
            Err(Errno::EBACKGROUND) => background_read()?,
            result => return result,
        }
    }
}

pub(crate) fn read(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    read_at(fd, buffer, POSITION)
}

pub(crate) fn pread(fd: Fd, buffer: &mut [u8], offset: u64) -> Result<usize> {
    read_at(fd, buffer, offset_of(offset)?)
}

fn write_at(fd: Fd, data: &[u8], offset: i64) -> Result<usize> {
    let open = descriptors::get(fd)?;
    let data = &data[..data.len().min(MAX_BULK)];
    let port = &open.port;
    let result = interruptible(port, || io::io_write(&**port, data, offset));
    if result == Err(Errno::EPIPE) {
        broken_pipe();
    }
    result
}

pub(crate) fn write(fd: Fd, data: &[u8]) -> Result<usize> {
    write_at(fd, data, POSITION)
}

pub(crate) fn pwrite(fd: Fd, data: &[u8], offset: u64) -> Result<usize> {
    write_at(fd, data, offset_of(offset)?)
}

pub(crate) fn lseek(fd: Fd, offset: i64, whence: Whence) -> Result<u64> {
    let open = descriptors::get(fd)?;
    let whence = match whence {
        Whence::Start => io::SEEK_SET,
        Whence::Current => io::SEEK_CUR,
        Whence::End => io::SEEK_END,
    };
    match io::io_seek(&*open.port, offset, whence).map_err(errno) {
        Ok(position) => Ok(position as u64),
        Err(Errno::EOPNOTSUPP) => Err(Errno::ESPIPE),
        Err(error) => Err(error),
    }
}

pub(crate) fn dup(fd: Fd, lowest: Fd, close_on_exec: bool) -> Result<Fd> {
    descriptors::insert(descriptors::get(fd)?, lowest, close_on_exec)
}

pub(crate) fn dup2(from: Fd, to: Fd) -> Result<()> {
    let open = descriptors::get(from)?;
    if from != to {
        drop(descriptors::replace(to, Some(open))?);
    }
    Ok(())
}

pub(crate) fn close_on_exec(fd: Fd) -> Result<bool> {
    descriptors::close_on_exec(fd)
}

pub(crate) fn set_close_on_exec(fd: Fd, close: bool) -> Result<()> {
    descriptors::set_close_on_exec(fd, close)
}

pub(crate) fn open_modes(fd: Fd) -> Result<u32> {
    let open = descriptors::get(fd)?;
    let modes = io::io_get_openmodes(&*open.port).map_err(errno)? as u32;
    Ok(modes & (O_READ | O_WRITE | O_APPEND | O_NONBLOCK))
}

pub(crate) fn set_nonblocking(fd: Fd, nonblocking: bool) -> Result<()> {
    let open = descriptors::get(fd)?;
    let bits = O_NONBLOCK as i32;
    let result = if nonblocking {
        io::io_set_some_openmodes(&*open.port, bits)
    } else {
        io::io_clear_some_openmodes(&*open.port, bits)
    };
    result.map_err(errno)
}

pub(crate) fn pipe() -> Result<(Fd, Fd)> {
    static SERVER: Mutex<Option<Arc<SendRight>>> = Mutex::new(None);
    let connect = |server: &SendRight| -> Result<(SendRight, SendRight)> {
        let end = || sent(socket::socket_create(server, SOCK_STREAM, 0).map_err(errno)?);
        let (reader, writer) = (end()?, end()?);
        socket::socket_connect2(&writer, &reader).map_err(errno)?;
        socket::socket_shutdown(&reader, 1).map_err(errno)?;
        socket::socket_shutdown(&writer, 0).map_err(errno)?;
        Ok((reader, writer))
    };
    let known = SERVER.lock().clone();
    let ends = match known.map(|server| connect(&server)) {
        None | Some(Err(Errno::EIEIO)) => names::ask(LOCAL_SOCKETS, |server| {
            let ends = connect(&server)?;
            *SERVER.lock() = Some(Arc::new(server));
            Ok(ends)
        }),
        Some(result) => result,
    }?;
    let reader = descriptors::insert(Open::new(ends.0), 0, true)?;
    let writer = descriptors::insert(Open::new(ends.1), 0, true)?;
    Ok((reader, writer))
}

pub(crate) fn poll(fds: &mut [Poll], timeout: Option<Duration>) -> Result<usize> {
    for poll in fds.iter_mut() {
        (poll.readable, poll.writable) = (false, false);
    }
    match fds {
        [] => {
            match timeout {
                Some(timeout) => super::sleep(timeout)?,
                None => super::signal_wait(),
            }
            Ok(0)
        }
        [single] => poll_one(single, timeout).map(usize::from),
        many => poll_many(many, timeout),
    }
}

fn wanted(poll: &Poll) -> i32 {
    let read = if poll.read { io::SELECT_READ } else { 0 };
    read | if poll.write { io::SELECT_WRITE } else { 0 }
}

fn poll_one(poll: &mut Poll, timeout: Option<Duration>) -> Result<bool> {
    let port = descriptors::get(poll.fd)?.port.clone();
    let kinds = wanted(poll);
    let ready = match timeout {
        None => interruptible(&port, || io::io_select(&*port, kinds))?,
        Some(timeout) => {
            let now = machuser::clock::realtime();
            let end = TimeSpec::from_duration(now.saturating_add(timeout));
            interruptible(&port, || io::io_select_timeout(&*port, end, kinds))?
        }
    };
    poll.readable = ready & io::SELECT_READ != 0;
    poll.writable = ready & io::SELECT_WRITE != 0;
    Ok(poll.readable || poll.writable)
}

/// The longest time between two looks at several descriptors.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks at several descriptors, one after the other, until one is ready.
fn poll_many(fds: &mut [Poll], timeout: Option<Duration>) -> Result<usize> {
    let end = timeout.map(|timeout| super::monotonic().saturating_add(timeout));
    let mut pause = Duration::from_millis(1);
    loop {
        let mut ready = 0;
        for poll in fds.iter_mut() {
            ready += usize::from(poll_one(poll, Some(Duration::ZERO))?);
        }
        let left = end.map(|end| end.saturating_sub(super::monotonic()));
        if ready > 0 || left == Some(Duration::ZERO) {
            return Ok(ready);
        }
        super::sleep(left.map_or(pause, |left| left.min(pause)))?;
        pause = (pause * 2).min(LOOK_AGAIN);
    }
}

fn time(time: TimeSpec) -> Timespec {
    Timespec {
        sec: time.seconds,
        nsec: time.nanoseconds as u32,
    }
}

fn status(port: &SendRight) -> Result<Stat> {
    let stat = io::io_stat(port).map_err(errno)?;
    Ok(Stat {
        fstype: stat.fstype as u32,
        fsid: stat.fsid,
        ino: stat.ino,
        generation: stat.generation.into(),
        rdev: stat.rdev.into(),
        mode: stat.mode,
        nlink: stat.nlink.into(),
        uid: stat.uid,
        gid: stat.gid,
        size: stat.size.max(0) as u64,
        atime: time(stat.atim),
        mtime: time(stat.mtim),
        ctime: time(stat.ctim),
        blksize: stat.blksize,
        blocks: stat.blocks,
        author: stat.author,
        flags: stat.flags,
    })
}

pub(crate) fn fstat(fd: Fd) -> Result<Stat> {
    status(&descriptors::get(fd)?.port)
}

pub(crate) fn stat(path: &[u8]) -> Result<Stat> {
    status(&lookup(path, 0, 0)?)
}

pub(crate) fn lstat(path: &[u8]) -> Result<Stat> {
    match lookup(path, O_NOLINK, 0) {
        Ok(file) => status(&file),
        // A translator that does not start, or has nothing for this process, hides no name.
        Err(error) => match lookup(path, O_NOLINK | O_NOTRANS, 0) {
            Ok(node) => status(&node),
            Err(_) => Err(error),
        },
    }
}

pub(crate) fn statfs(path: &[u8]) -> Result<StatFs> {
    let info = fs::file_statfs(&lookup(path, 0, 0)?).map_err(errno)?;
    Ok(StatFs {
        fstype: info.kind as u32,
        bsize: info.bsize,
        blocks: info.blocks,
        bfree: info.bfree,
        bavail: info.bavail,
        files: info.files,
        ffree: info.ffree,
        fsid: info.fsid,
        namelen: info.namelen,
    })
}

pub(crate) fn ftruncate(fd: Fd, size: u64) -> Result<()> {
    let size = i64::try_from(size).map_err(|_| Errno::EFBIG)?;
    fs::file_set_size(&*descriptors::get(fd)?.port, size).map_err(errno)
}

pub(crate) fn fsync(fd: Fd) -> Result<()> {
    fs::file_sync(&*descriptors::get(fd)?.port, 1, 0).map_err(errno)
}

pub(crate) fn sync() -> Result<()> {
    fs::file_syncfs(&*initial(init_port::CRDIR)?, 1, 1).map_err(errno)
}

pub(crate) struct ReadDir {
    directory: Arc<SendRight>,
    /// The number of the entry that is asked for next.
    entry: i32,
    records: Vec<u8>,
    at: usize,
    ended: bool,
}

impl ReadDir {
    pub(crate) fn open(path: &[u8]) -> Result<Self> {
        Ok(Self::of(Arc::new(lookup(path, O_READ | O_DIRECTORY, 0)?)))
    }

    fn of(directory: Arc<SendRight>) -> Self {
        Self {
            directory,
            entry: 0,
            records: Vec::new(),
            at: 0,
            ended: false,
        }
    }

    pub(crate) fn next(&mut self) -> Option<Result<DirEntry>> {
        if self.at >= self.records.len() {
            if self.ended {
                return None;
            }
            if let Err(error) = self.fill() {
                self.ended = true;
                return Some(Err(error));
            }
            if self.ended {
                return None;
            }
        }
        match fs::DirRecord::first(&self.records[self.at..]) {
            Some(record) => {
                self.at += record.length;
                Some(Ok(DirEntry {
                    name: record.name.to_vec(),
                    ino: record.number,
                    kind: Kind::from_mode(record.kind),
                }))
            }
            None => {
                self.ended = true;
                Some(Err(Errno::EGRATUITOUS))
            }
        }
    }

    fn fill(&mut self) -> Result<()> {
        let mut size = ENTRIES;
        loop {
            self.records.resize(size, 0);
            let (directory, records) = (&self.directory, &mut self.records);
            let answer = interruptible(directory, || {
                fs::dir_readdir(&**directory, self.entry, -1, size, records)
            });
            match answer {
                Ok((length, amount)) => {
                    self.records.truncate(length);
                    self.at = 0;
                    self.ended = amount <= 0;
                    self.entry = self.entry.checked_add(amount).ok_or(Errno::EOVERFLOW)?;
                    return Ok(());
                }
                // A record may be larger than what was asked for.
                Err(Errno::EINVAL) if size < MAX_BULK / 4 => size *= 4,
                Err(Errno::EOPNOTSUPP) => return Err(Errno::ENOTDIR),
                Err(error) => return Err(error),
            }
        }
    }
}

pub(crate) fn mkdir(path: &[u8], mode: u32) -> Result<()> {
    let (directory, name) = names::parent(path)?;
    fs::dir_mkdir(&*directory, &name, new_mode(mode)).map_err(errno)
}

pub(crate) fn rmdir(path: &[u8]) -> Result<()> {
    let (directory, name) = names::parent(path)?;
    fs::dir_rmdir(&*directory, &name).map_err(errno)
}

pub(crate) fn unlink(path: &[u8]) -> Result<()> {
    let (directory, name) = names::parent(path)?;
    if path.ends_with(b"/") {
        return Err(Errno::ENOTDIR);
    }
    fs::dir_unlink(&*directory, &name).map_err(errno)
}

pub(crate) fn rename(from: &[u8], to: &[u8]) -> Result<()> {
    let (old_directory, old_name) = names::parent(from)?;
    let (new_directory, new_name) = names::parent(to)?;
    fs::dir_rename(&*old_directory, &old_name, &*new_directory, &new_name, 0).map_err(errno)
}

pub(crate) fn link(from: &[u8], to: &[u8]) -> Result<()> {
    let file = lookup(from, O_NOLINK, 0)?;
    let node = sent(fs::file_getlinknode(&file).map_err(errno)?)?;
    let (directory, name) = names::parent(to)?;
    fs::dir_link(&*directory, &node, &name, 1).map_err(errno)
}

/// Makes a node that is what the short-circuited translator `argv` says.
fn make_special(path: &[u8], mode: u32, argv: &[Vec<u8>]) -> Result<()> {
    let (directory, name) = names::parent(path)?;
    let node = fs::dir_mkfile(&*directory, O_WRITE as i32, new_mode(mode)).map_err(errno)?;
    let node = sent(node)?;
    let flags = FS_TRANS_EXCL | FS_TRANS_SET;
    fs::file_set_translator(&node, flags, flags, 0, &join_strings(argv), Right::null())
        .map_err(errno)?;
    fs::dir_link(&*directory, &node, &name, 1).map_err(errno)
}

pub(crate) fn symlink(target: &[u8], path: &[u8]) -> Result<()> {
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    make_special(path, 0o777, &[b"/hurd/symlink".to_vec(), target.to_vec()])
}

pub(crate) fn mknod(path: &[u8], kind: Kind, mode: u32, device: u64) -> Result<()> {
    let program: &[u8] = match kind {
        Kind::Fifo => b"/hurd/fifo",
        Kind::CharDevice => b"/hurd/chrdev",
        Kind::BlockDevice => b"/hurd/blkdev",
        _ => return Err(Errno::EINVAL),
    };
    let mut argv = alloc::vec![program.to_vec()];
    if kind != Kind::Fifo {
        let stat = Stat {
            rdev: device,
            ..Stat::default()
        };
        for number in [stat.major(), stat.minor()] {
            let mut digits = [0; 20];
            argv.push(crate::io::decimal(number.into(), &mut digits).to_vec());
        }
    }
    make_special(path, mode, &argv)
}

pub(crate) fn readlink(path: &[u8]) -> Result<Vec<u8>> {
    let link = lookup(path, O_NOLINK | O_READ, 0)?;
    let stat = status(&link)?;
    if stat.kind() != Kind::Symlink {
        return Err(Errno::EINVAL);
    }
    let mut target = alloc::vec![0; (stat.size as usize).clamp(1, MAX_BULK)];
    let length = io::io_read(&link, 0, target.len(), &mut target).map_err(errno)?;
    target.truncate(length);
    Ok(target)
}

pub(crate) fn chmod(path: &[u8], mode: u32) -> Result<()> {
    fs::file_chmod(&lookup(path, 0, 0)?, mode & 0o7777).map_err(errno)
}

pub(crate) fn chown(path: &[u8], uid: Option<u32>, gid: Option<u32>, follow: bool) -> Result<()> {
    let file = lookup(path, if follow { 0 } else { O_NOLINK }, 0)?;
    fs::file_chown(&file, uid.unwrap_or(u32::MAX), gid.unwrap_or(u32::MAX)).map_err(errno)
}

pub(crate) fn utimens(path: &[u8], atime: SetTime, mtime: SetTime) -> Result<()> {
    let time = |time| match time {
        SetTime::Now => TimeSpec {
            seconds: 0,
            nanoseconds: UTIME_NOW,
        },
        SetTime::Omit => TimeSpec {
            seconds: 0,
            nanoseconds: UTIME_OMIT,
        },
        SetTime::To(time) => TimeSpec {
            seconds: time.sec,
            nanoseconds: time.nsec.into(),
        },
    };
    fs::file_utimens(&lookup(path, 0, 0)?, time(atime), time(mtime)).map_err(errno)
}

pub(crate) fn access(path: &[u8], modes: u32) -> Result<()> {
    let file = lookup(path, 0, 0)?;
    let wanted = modes & (O_READ | O_WRITE | O_EXEC);
    if wanted == 0 {
        return Ok(());
    }
    let allowed = fs::file_check_access(&file).map_err(errno)? as u32;
    if allowed & wanted == wanted {
        Ok(())
    } else {
        Err(Errno::EACCES)
    }
}

fn set_directory(port: SendRight) -> Result<()> {
    env::set_port(init_port::CWDIR, Some(port)).map_err(errno)
}

pub(crate) fn chdir(path: &[u8]) -> Result<()> {
    set_directory(lookup(path, O_EXEC | O_DIRECTORY, 0)?)
}

pub(crate) fn fchdir(fd: Fd) -> Result<()> {
    let open = descriptors::get(fd)?;
    set_directory(names::lookup_at(open.port.clone(), b"", O_EXEC, 0)?)
}

pub(crate) fn getcwd() -> Result<Vec<u8>> {
    let root = status(&*initial(init_port::CRDIR)?)?;
    let mut directory = initial(init_port::CWDIR)?;
    let mut path: Vec<u8> = Vec::new();
    loop {
        let own = status(&directory)?;
        if own.is_same_file(&root) {
            return Ok(if path.is_empty() { b"/".to_vec() } else { path });
        }
        let parent = Arc::new(names::lookup_at(directory, b"..", O_READ | O_DIRECTORY, 0)?);
        let above = status(&parent)?;
        if above.is_same_file(&own) {
            // A root that is not the process's own.
            return Err(Errno::ENOENT);
        }
        let name = name_of(&parent, &above, &own)?;
        path = [b"/", &name[..], &path].concat();
        directory = parent;
    }
}

/// The name of a directory in the one above it.
fn name_of(parent: &Arc<SendRight>, above: &Stat, own: &Stat) -> Result<Vec<u8>> {
    // Where a file system is set on a node, the entry has the number of the node.
    let same_system = above.fsid == own.fsid;
    for entry in (Names {
        directory: ReadDir::of(parent.clone()),
    }) {
        let entry = entry?;
        if matches!(entry.name.as_slice(), b"." | b"..") || (same_system && entry.ino != own.ino) {
            continue;
        }
        let found = names::lookup_at(parent.clone(), &entry.name, O_NOLINK, 0);
        if found
            .and_then(|port| status(&port))
            .is_ok_and(|stat| stat.is_same_file(own))
        {
            return Ok(entry.name);
        }
    }
    Err(Errno::ENOENT)
}

struct Names {
    directory: ReadDir,
}

impl Iterator for Names {
    type Item = Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.directory.next()
    }
}
