//! Operations on files and directories.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use interface::fs::{
    Flock, Fs, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, O_EXEC, O_READ, O_WRITE, StatFs,
};
use interface::io::{SEEK_CUR, SEEK_END, SEEK_SET};
use interface::types::{TimeSpec, TimeValue, UTIME_NOW, UTIME_OMIT};
use machuser::{Call, DataOut, Error, Result, Right, SendRight};

use crate::access::{self, WRITE};
use crate::entries::{self, LONGEST};
use crate::locks::{Kind, Lock};
use crate::lookup::{Answer, check_name, new_node};
use crate::peropen::{Origin, Peropen, Protid};
use crate::volume::{Access, Change, FileSystem, S_IFDIR, S_IFREG, S_IPTRANS, S_ISGID, S_ISUID};

/// The bits of a mode that `file_chmod` sets: permissions, and those of unknown users.
const CHANGEABLE: u32 = 0o7777 | access::S_IUSEUNK | access::S_IUNKNOWN;
/// Record locks that one open file may hold.
const LOCKS_MOST: usize = 1024;

/// `file_record_lock`: who holds a lock against this one?
const F_GETLK: i32 = 10;
/// `file_record_lock`: lock, or fail with `EAGAIN`.
const F_SETLK: i32 = 11;
/// `file_record_lock`: lock, and wait for it.
const F_SETLKW: i32 = 12;
/// Kinds of [`Flock`].
const F_RDLCK: i32 = 1;
const F_WRLCK: i32 = 2;
const F_UNLCK: i32 = 3;

impl<F: FileSystem> Protid<F> {
    fn writable(&self) -> Result<()> {
        if self.volume().read_only() {
            Err(Error::EROFS)
        } else {
            Ok(())
        }
    }

    /// Checks that the user owns the node and it can be changed, and makes the change that `what`
    /// says.
    fn change(&self, what: impl FnOnce(Access) -> Result<Option<Change>>) -> Result<()> {
        self.writable()?;
        let _names = self.shared.names.lock();
        match what(self.volume().access(self.node()))? {
            Some(change) => self.volume().change(self.node(), change),
            None => Ok(()),
        }
    }

    /// What this port's node is, if it is a directory.
    fn directory(&self) -> Result<Access> {
        let access = self.volume().access(self.node());
        if access.is_directory() {
            Ok(access)
        } else {
            Err(Error::ENOTDIR)
        }
    }

    /// The open file behind a right that a client gave; `EXDEV` if it is not one of ours.
    fn own(&self, right: Option<SendRight>) -> Result<Arc<Protid<F>>> {
        self.shared
            .own(&right.ok_or(Error::EXDEV)?)
            .ok_or(Error::EXDEV)
    }

    fn unlink_entry(&self, name: &[u8], directory: bool) -> Result<()> {
        self.writable()?;
        let volume = self.volume();
        check_name(volume, name)?;
        let _names = self.shared.names.lock();
        let dir = self.directory()?;
        access::check_search(dir, self.user())?;
        let victim = volume.lookup(self.node(), name)?;
        let victim_access = volume.access(&victim);
        access::check_remove(dir, victim_access, self.user())?;
        match (directory, victim_access.is_directory()) {
            (true, false) => return Err(Error::ENOTDIR),
            (false, true) => return Err(Error::EISDIR),
            _ => {}
        }
        if directory && volume.attached(&victim).is_translated() {
            // Something is mounted there.
            return Err(Error::EBUSY);
        }
        volume.unlink(self.node(), name)
    }

    /// Fails with `EINVAL` if `dir` lies in `node` or is it.
    fn check_not_within(&self, node: &Arc<F::Node>, dir: &Arc<F::Node>) -> Result<()> {
        let mut at = dir.clone();
        loop {
            if Arc::ptr_eq(&at, node) {
                return Err(Error::EINVAL);
            }
            if self.shared.is_root(&at) {
                return Ok(());
            }
            at = self.volume().parent(&at)?;
        }
    }

    /// Takes a lock; waits for it if it may.
    fn lock(&self, call: &Call<'_>, lock: Lock, wait: bool) -> Result<()> {
        // Whoever waits for the lock is to have it as soon as this open file is closed.
        if !self.watched.load(Ordering::Relaxed) {
            self.shared.server.watch(call)?;
            self.watched.store(true, Ordering::Relaxed);
        }
        let rare = self.volume().attached(self.node()).rare();
        let mut locks = rare.locks.lock();
        if locks.count(lock.owner) >= LOCKS_MOST {
            return Err(Error::ENOLCK);
        }
        while !locks.take(lock) {
            if !wait {
                return Err(Error::EAGAIN);
            }
            locks = rare.unlocked.wait_cancellable(locks, *call)?;
        }
        drop(locks);
        // What the owner held before may have become weaker.
        rare.unlocked.notify_all();
        Ok(())
    }

    fn unlock(&self, start: u64, end: u64) {
        if let Some(rare) = self.volume().attached(self.node()).used()
            && rare
                .locks
                .lock()
                .release(self.peropen.lock_owner(), start, end)
        {
            rare.unlocked.notify_all();
        }
    }

    fn set_times(
        &self,
        accessed: Option<Option<TimeSpec>>,
        modified: Option<Option<TimeSpec>>,
    ) -> Result<()> {
        self.change(|node| {
            let now = || TimeSpec::from_duration(machuser::clock::realtime());
            let explicit = matches!(accessed, Some(Some(_))) || matches!(modified, Some(Some(_)));
            let owner = access::check_owner(node, self.user());
            // Whoever may write a file may set its times to the present.
            if explicit || access::check(node, self.user(), WRITE).is_err() {
                owner?;
            }
            let accessed = accessed.map(|time| time.unwrap_or_else(now));
            let modified = modified.map(|time| time.unwrap_or_else(now));
            Ok(Some(Change::Times(accessed, modified)))
        })
    }
}

/// The time that a client asks for: `None` stays, `Some(None)` is the present.
fn wanted(time: TimeSpec) -> Result<Option<Option<TimeSpec>>> {
    match time.nanoseconds {
        UTIME_OMIT => Ok(None),
        UTIME_NOW => Ok(Some(None)),
        0..1_000_000_000 => Ok(Some(Some(time))),
        _ => Err(Error::EINVAL),
    }
}

impl<F: FileSystem> Fs for Protid<F> {
    fn file_exec(
        &self,
        call: &Call<'_>,
        exec_task: Option<SendRight>,
        flags: i32,
        argv: Vec<u8>,
        envp: Vec<u8>,
        fdarray: Vec<Option<SendRight>>,
        portarray: Vec<Option<SendRight>>,
        intarray: Vec<i32>,
        deallocnames: Vec<u32>,
        destroynames: Vec<u32>,
    ) -> Result<()> {
        self.file_exec_paths(
            call,
            exec_task,
            flags,
            b"",
            b"",
            argv,
            envp,
            fdarray,
            portarray,
            intarray,
            deallocnames,
            destroynames,
        )
    }

    fn file_exec_paths(
        &self,
        _call: &Call<'_>,
        exec_task: Option<SendRight>,
        flags: i32,
        path: &[u8],
        abspath: &[u8],
        argv: Vec<u8>,
        envp: Vec<u8>,
        fdarray: Vec<Option<SendRight>>,
        portarray: Vec<Option<SendRight>>,
        intarray: Vec<i32>,
        deallocnames: Vec<u32>,
        destroynames: Vec<u32>,
    ) -> Result<()> {
        self.execute(crate::exec::Image {
            task: exec_task,
            flags,
            path,
            abspath,
            argv,
            envp,
            fds: fdarray,
            ports: portarray,
            ints: intarray,
            deallocnames,
            destroynames,
        })
    }

    fn file_chown(&self, _call: &Call<'_>, new_owner: u32, new_group: u32) -> Result<()> {
        let keep = |id: u32| (id != u32::MAX).then_some(id);
        let (owner, group) = (keep(new_owner), keep(new_group));
        let user = self.user();
        let mut before = None;
        self.change(|node| {
            access::check_owner(node, user)?;
            // Only root gives files away, and a group must be one's own.
            let gives_away = owner.is_some_and(|owner| owner != node.uid);
            let other_group = group.is_some_and(|group| group != node.gid && !user.has_gid(group));
            if (gives_away || other_group) && !user.has_uid(0) {
                return Err(Error::EPERM);
            }
            before = Some(node);
            Ok(Some(Change::Owner(owner, group)))
        })?;
        let Some(before) = before else { return Ok(()) };
        if before.mode & (S_ISUID | S_ISGID) != 0 && !before.is_directory() && !user.has_uid(0) {
            self.volume().change(
                self.node(),
                Change::Mode(before.mode & CHANGEABLE & !(S_ISUID | S_ISGID)),
            )?;
        }
        // A recorded translator runs as the owner; the new one has not agreed to that.
        if before.mode & S_IPTRANS != 0 && owner.is_some_and(|owner| owner != before.uid) {
            self.volume().set_translator(self.node(), None)?;
        }
        Ok(())
    }

    fn file_chauthor(&self, _call: &Call<'_>, new_author: u32) -> Result<()> {
        self.change(|node| {
            access::check_owner(node, self.user())?;
            Ok(Some(Change::Author(new_author)))
        })
    }

    fn file_chmod(&self, _call: &Call<'_>, new_mode: u32) -> Result<()> {
        let user = self.user();
        self.change(|node| {
            access::check_owner(node, user)?;
            let mut mode = new_mode & CHANGEABLE;
            if !user.has_uid(0) {
                if !user.has_uid(node.uid) {
                    mode &= !S_ISUID;
                }
                if !user.has_gid(node.gid) {
                    mode &= !S_ISGID;
                }
            }
            Ok(Some(Change::Mode(mode)))
        })
    }

    fn file_chflags(&self, _call: &Call<'_>, new_flags: i32) -> Result<()> {
        self.change(|node| {
            access::check_owner(node, self.user())?;
            Ok(Some(Change::Flags(new_flags as u32)))
        })
    }

    fn file_utimes(
        &self,
        _call: &Call<'_>,
        new_atime: TimeValue,
        new_mtime: TimeValue,
    ) -> Result<()> {
        let wanted = |time: TimeValue| match time.microseconds {
            -1 => Ok(Some(None)),
            0..1_000_000 => Ok(Some(Some(TimeSpec::from(time)))),
            _ => Err(Error::EINVAL),
        };
        self.set_times(wanted(new_atime)?, wanted(new_mtime)?)
    }

    fn file_utimens(
        &self,
        _call: &Call<'_>,
        new_atime: TimeSpec,
        new_mtime: TimeSpec,
    ) -> Result<()> {
        self.set_times(wanted(new_atime)?, wanted(new_mtime)?)
    }

    fn file_set_size(&self, _call: &Call<'_>, new_size: i64) -> Result<()> {
        self.peropen.require(O_WRITE)?;
        let size = u64::try_from(new_size).map_err(|_| Error::EINVAL)?;
        self.writable()?;
        self.require_regular()?;
        self.volume().set_size(self.node(), size)
    }

    fn file_lock(&self, call: &Call<'_>, flags: i32) -> Result<()> {
        self.peropen.require(O_READ | O_WRITE | O_EXEC)?;
        let kind = match flags & (LOCK_SH | LOCK_EX | LOCK_UN) {
            LOCK_SH => Kind::Shared,
            LOCK_EX => Kind::Exclusive,
            LOCK_UN => {
                self.unlock(0, u64::MAX);
                return Ok(());
            }
            _ => return Err(Error::EINVAL),
        };
        let lock = Lock {
            owner: self.peropen.lock_owner(),
            kind,
            start: 0,
            end: u64::MAX,
        };
        self.lock(call, lock, flags & LOCK_NB == 0)
    }

    fn file_lock_stat(&self, _call: &Call<'_>) -> Result<(i32, i32)> {
        let Some(rare) = self.volume().attached(self.node()).used() else {
            return Ok((LOCK_UN, LOCK_UN));
        };
        let flag = |kind| match kind {
            Some(Kind::Shared) => LOCK_SH,
            Some(Kind::Exclusive) => LOCK_EX,
            None => LOCK_UN,
        };
        let locks = rare.locks.lock();
        let owner = self.peropen.lock_owner();
        Ok((flag(locks.own(owner)), flag(locks.others(owner))))
    }

    fn file_record_lock(
        &self,
        call: &Call<'_>,
        cmd: i32,
        flock: Flock,
        rendezvous: Option<SendRight>,
    ) -> Result<Flock> {
        if rendezvous.is_some() {
            return Err(Error::EOPNOTSUPP);
        }
        let base = match flock.whence {
            SEEK_SET => 0,
            SEEK_CUR => *self.peropen.pointer.lock() as i64,
            SEEK_END => self.volume().size(self.node())? as i64,
            _ => return Err(Error::EINVAL),
        };
        let first = base.checked_add(flock.start).ok_or(Error::EOVERFLOW)?;
        // A negative length means the bytes before.
        let last = first.checked_add(flock.len).ok_or(Error::EOVERFLOW)?;
        let start = u64::try_from(first.min(last)).map_err(|_| Error::EINVAL)?;
        let end = if flock.len == 0 {
            u64::MAX
        } else {
            first.max(last) as u64
        };
        let owner = self.peropen.lock_owner();
        let kind = match flock.kind {
            F_RDLCK => Kind::Shared,
            F_WRLCK => Kind::Exclusive,
            F_UNLCK if cmd != F_GETLK => {
                self.unlock(start, end);
                return Ok(flock);
            }
            _ => return Err(Error::EINVAL),
        };
        let lock = Lock {
            owner,
            kind,
            start,
            end,
        };
        match cmd {
            F_GETLK => {
                let rare = self.volume().attached(self.node()).rare();
                Ok(match rare.locks.lock().conflict(&lock) {
                    None => Flock {
                        kind: F_UNLCK,
                        ..flock
                    },
                    Some(held) => Flock {
                        kind: if held.kind == Kind::Shared {
                            F_RDLCK
                        } else {
                            F_WRLCK
                        },
                        whence: SEEK_SET,
                        start: held.start as i64,
                        len: if held.end == u64::MAX {
                            0
                        } else {
                            (held.end - held.start) as i64
                        },
                        pid: -1,
                    },
                })
            }
            F_SETLK | F_SETLKW => {
                let mode = if kind == Kind::Shared {
                    O_READ
                } else {
                    O_WRITE
                };
                self.peropen.require(mode)?;
                self.lock(call, lock, cmd == F_SETLKW).map(|()| flock)
            }
            _ => Err(Error::EINVAL),
        }
    }

    fn file_check_access(&self, _call: &Call<'_>) -> Result<i32> {
        let granted = access::granted(self.volume().access(self.node()), self.user());
        Ok(access::open_modes(granted))
    }

    fn file_notice_changes(&self, _call: &Call<'_>, _port: Option<SendRight>) -> Result<()> {
        Err(Error::EOPNOTSUPP)
    }

    fn dir_notice_changes(&self, _call: &Call<'_>, _port: Option<SendRight>) -> Result<()> {
        Err(Error::EOPNOTSUPP)
    }

    fn file_getcontrol(&self, _call: &Call<'_>) -> Result<Right<'static>> {
        if !self.user().has_uid(0) && !self.shared.is_owner(self.user()) {
            return Err(Error::EPERM);
        }
        self.shared.control_right()
    }

    fn file_statfs(&self, _call: &Call<'_>) -> Result<StatFs> {
        self.volume().status()
    }

    fn file_sync(&self, _call: &Call<'_>, wait: i32, omit_metadata: i32) -> Result<()> {
        self.volume()
            .sync_node(self.node(), wait != 0, omit_metadata != 0)
    }

    fn file_syncfs(&self, _call: &Call<'_>, wait: i32, do_children: i32) -> Result<()> {
        self.shared.sync(wait != 0, do_children != 0)
    }

    fn file_getlinknode(&self, call: &Call<'_>) -> Result<Right<'static>> {
        self.reopened(call, 0)
    }

    fn dir_lookup(
        &self,
        call: &Call<'_>,
        file_name: &[u8],
        flags: i32,
        mode: u32,
    ) -> Result<Answer> {
        self.shared.dir_lookup(call, self, file_name, flags, mode)
    }

    fn dir_readdir(
        &self,
        _call: &Call<'_>,
        entry: i32,
        nentries: i32,
        bufsiz: usize,
        data: &mut DataOut<'_>,
    ) -> Result<i32> {
        self.peropen.require(O_READ)?;
        self.directory()?;
        let first = u64::try_from(entry).map_err(|_| Error::EINVAL)?;
        let most = if nentries < 0 {
            u64::MAX
        } else {
            nentries as u64
        };
        let room = if bufsiz == 0 {
            data.remaining()
        } else {
            bufsiz.min(data.remaining())
        };
        let mut places = self.peropen.places.lock();
        if first == 0 {
            places.restart();
        }
        let (mut count, cursor) = places.before(first);
        let mut given = 0;
        let mut bytes = 0;
        let mut full = false;
        let mut record = [0; LONGEST];
        let cursor = self.volume().read_dir(self.node(), cursor, &mut |entry| {
            if count < first {
                count += 1;
                return true;
            }
            if given == most {
                return false;
            }
            let Some(length) = entries::put(&mut record, entry.number, entry.kind, entry.name)
            else {
                // Longer than any name may be: it cannot be looked up either.
                count += 1;
                return true;
            };
            if length > room - bytes {
                full = true;
                return false;
            }
            data.write(&record[..length]);
            bytes += length;
            given += 1;
            count += 1;
            true
        });
        let cursor = cursor.inspect_err(|_| data.truncate(0))?;
        if given == 0 && full {
            return Err(Error::EINVAL);
        }
        places.note(count, cursor);
        i32::try_from(given).map_err(|_| Error::EOVERFLOW)
    }

    fn dir_mkdir(&self, _call: &Call<'_>, name: &[u8], mode: u32) -> Result<()> {
        self.writable()?;
        let volume = self.volume();
        let name = name.strip_suffix(b"/").unwrap_or(name);
        check_name(volume, name)?;
        if name == b"." || name == b".." {
            return Err(Error::EEXIST);
        }
        let _names = self.shared.names.lock();
        let dir = self.directory()?;
        access::check_search(dir, self.user())?;
        match volume.lookup(self.node(), name) {
            Err(Error::ENOENT) => {}
            Ok(_) => return Err(Error::EEXIST),
            Err(error) => return Err(error),
        }
        access::check_add(dir, self.user())?;
        let sticky = mode & crate::volume::S_ISVTX;
        let mut new = new_node(dir, self.user(), S_IFDIR, mode);
        new.mode |= sticky;
        volume.create(self.node(), Some(name), new).map(drop)
    }

    fn dir_rmdir(&self, _call: &Call<'_>, name: &[u8]) -> Result<()> {
        match name {
            b"." => return Err(Error::EINVAL),
            b".." => return Err(Error::ENOTEMPTY),
            _ => {}
        }
        self.unlink_entry(name.strip_suffix(b"/").unwrap_or(name), true)
    }

    fn dir_unlink(&self, _call: &Call<'_>, name: &[u8]) -> Result<()> {
        if name == b"." || name == b".." {
            return Err(Error::EISDIR);
        }
        self.unlink_entry(name, false)
    }

    fn dir_link(
        &self,
        _call: &Call<'_>,
        file: Option<SendRight>,
        name: &[u8],
        excl: i32,
    ) -> Result<()> {
        self.writable()?;
        let volume = self.volume();
        let file = self.own(file)?;
        check_name(volume, name)?;
        if name == b"." || name == b".." {
            return Err(Error::EEXIST);
        }
        let _names = self.shared.names.lock();
        let dir = self.directory()?;
        if volume.access(file.node()).is_directory() {
            return Err(Error::EISDIR);
        }
        match volume.lookup(self.node(), name) {
            Ok(_) if excl != 0 => return Err(Error::EEXIST),
            Ok(there) => {
                let victim = volume.access(&there);
                access::check_remove(dir, victim, self.user())?;
                if victim.is_directory() {
                    return Err(Error::EISDIR);
                }
            }
            Err(Error::ENOENT) => access::check_add(dir, self.user())?,
            Err(error) => return Err(error),
        }
        volume.link(self.node(), name, file.node())
    }

    fn dir_rename(
        &self,
        _call: &Call<'_>,
        oldname: &[u8],
        newdirectory: Option<SendRight>,
        newname: &[u8],
        excl: i32,
    ) -> Result<()> {
        self.writable()?;
        let volume = self.volume();
        let target = self.own(newdirectory)?;
        let dots = |name: &[u8]| name == b"." || name == b"..";
        if dots(oldname) || dots(newname) {
            return Err(Error::EINVAL);
        }
        let slash = oldname.ends_with(b"/") || newname.ends_with(b"/");
        let oldname = oldname.strip_suffix(b"/").unwrap_or(oldname);
        let newname = newname.strip_suffix(b"/").unwrap_or(newname);
        check_name(volume, oldname)?;
        check_name(volume, newname)?;
        let _names = self.shared.names.lock();
        let from = self.directory()?;
        let to = target.directory()?;
        access::check_search(from, self.user())?;
        let node = volume.lookup(self.node(), oldname)?;
        let moved = volume.access(&node);
        access::check_remove(from, moved, self.user())?;
        // The new directory's port speaks for its own user.
        access::check_search(to, target.user())?;
        if slash && !moved.is_directory() {
            return Err(Error::ENOTDIR);
        }
        match volume.lookup(target.node(), newname) {
            Ok(there) => {
                if excl != 0 {
                    return Err(Error::EEXIST);
                }
                if Arc::ptr_eq(&there, &node) {
                    return Ok(());
                }
                let victim = volume.access(&there);
                access::check_remove(to, victim, target.user())?;
                match (moved.is_directory(), victim.is_directory()) {
                    (true, false) => return Err(Error::ENOTDIR),
                    (false, true) => return Err(Error::EISDIR),
                    (true, true) if volume.attached(&there).is_translated() => {
                        return Err(Error::EBUSY);
                    }
                    _ => {}
                }
            }
            Err(Error::ENOENT) => access::check_add(to, target.user())?,
            Err(error) => return Err(error),
        }
        if moved.is_directory() {
            self.check_not_within(&node, target.node())?;
            if self.shared.is_root(&node) {
                return Err(Error::EBUSY);
            }
        }
        volume.rename(self.node(), oldname, target.node(), newname)
    }

    fn dir_mkfile(&self, call: &Call<'_>, flags: i32, mode: u32) -> Result<Right<'static>> {
        self.writable()?;
        let volume = self.volume();
        let node = {
            let _names = self.shared.names.lock();
            let dir = self.directory()?;
            access::check_add(dir, self.user())?;
            volume.create(self.node(), None, new_node(dir, self.user(), S_IFREG, mode))?
        };
        let origin = &self.peropen.origin;
        let peropen = Arc::new(Peropen::new(&self.shared, node, origin.clone(), flags));
        self.shared.reply_port(
            call,
            Protid::new(&self.shared, peropen, self.user().clone()),
        )
    }

    fn file_set_translator(
        &self,
        _call: &Call<'_>,
        passive_flags: i32,
        active_flags: i32,
        oldtrans_flags: i32,
        passive: Vec<u8>,
        active: Option<SendRight>,
    ) -> Result<()> {
        self.set_translator(
            passive_flags,
            active_flags,
            oldtrans_flags,
            &passive,
            active,
        )
    }

    fn file_get_translator(&self, _call: &Call<'_>) -> Result<Vec<u8>> {
        self.shared.translator_record(self.node())
    }

    fn file_get_translator_cntl(&self, _call: &Call<'_>) -> Result<Right<'static>> {
        access::check_owner(self.volume().access(self.node()), self.user())?;
        // Whoever gets it may want the translator to go away, which then must not be in use here.
        self.shared.forget_roots(self.node());
        self.shared.active_control(self.node()).map(Right::from)
    }

    fn file_get_fs_options(&self, _call: &Call<'_>) -> Result<Vec<u8>> {
        Ok(self.shared.options())
    }

    fn file_reparent(&self, call: &Call<'_>, parent: Option<SendRight>) -> Result<Right<'static>> {
        self.directory()?;
        let origin = Arc::new(Origin {
            dotdot: self.peropen.origin.dotdot.clone(),
            shadow: Some((self.node().clone(), parent)),
        });
        let node = self.node().clone();
        let peropen = Arc::new(Peropen::new(
            &self.shared,
            node,
            origin,
            self.peropen.modes(),
        ));
        self.shared.reply_port(
            call,
            Protid::new(&self.shared, peropen, self.user().clone()),
        )
    }
}

impl<F: FileSystem> Protid<F> {
    /// Another open file of the same node, by the same user.
    fn reopened(&self, call: &Call<'_>, flags: i32) -> Result<Right<'static>> {
        let origin = self.peropen.origin.clone();
        let node = self.node().clone();
        let peropen = Arc::new(Peropen::new(&self.shared, node, origin, flags));
        self.shared.reply_port(
            call,
            Protid::new(&self.shared, peropen, self.user().clone()),
        )
    }
}
