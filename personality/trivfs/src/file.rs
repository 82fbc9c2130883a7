//! Open files.

use crate::{CHANGEABLE, CLASS_FILE, File, Node, found};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;
use interface::fs::{self, O_APPEND, O_READ, O_WRITE, StatFs};
use interface::io::{self, SEEK_CUR, SEEK_END, SEEK_SET, StatBuf};
use interface::types::{TimeSpec, TimeValue};
use iohelp::User;
use machuser::env::{self, init_port};
use machuser::sync::OnceLock;
use machuser::{Call, Data, DataOut, Error, Outcome, Request, Result, Right, SendRight};
use ports::{Object, Port, client_of};

impl<N: Node> Object for File<N> {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        io::dispatch(self, request)
            .or_else(|| fs::dispatch(self, request))
            .or_else(|| {
                let call = request.plain_call();
                self.node().dispatch(&self.open(&call), request)
            })
    }

    fn class(&self) -> u32 {
        CLASS_FILE
    }

    fn client(&self) -> u64 {
        client_of(self.user.get().map_or(&[], User::uids))
    }

    fn no_senders(&self) {
        // The control port may be gone already; then this was the last use of the program.
        let translator = self.translator();
        let control_gone = translator.control.get().is_some_and(|port| {
            machuser::sys::port_receive_status(port.name()).is_ok_and(|status| !status.srights)
        });
        if control_gone && translator.server.count(CLASS_FILE) == 0 {
            (translator.exit)();
        }
    }
}

impl<N: Node> File<N> {
    /// Where a transfer begins, given what the caller says.
    fn start(&self, offset: i64) -> Result<u64> {
        match offset {
            0.. => Ok(offset as u64),
            -1 if N::SEEKABLE => Ok(*self.peropen.position.lock() as u64),
            -1 => Ok(0),
            _ => Err(Error::EINVAL),
        }
    }

    fn advance(&self, offset: i64, start: u64, amount: usize) {
        if offset == -1 && N::SEEKABLE {
            let end = start.saturating_add(amount as u64).min(i64::MAX as u64);
            *self.peropen.position.lock() = end as i64;
        }
    }

    /// Asks the file below, as the user.
    fn below<T>(&self, ask: impl FnOnce(&SendRight) -> Result<T>) -> Result<T> {
        ask(self.real().ok_or(Error::EOPNOTSUPP)?)
    }

    fn select(&self, call: &Call<'_>, select_type: i32, until: Option<Duration>) -> Result<i32> {
        let wanted = select_type & (io::SELECT_READ | io::SELECT_WRITE);
        self.node().select(&self.open(call), wanted, until)
    }
}

impl<N: Node> io::Io for File<N> {
    fn io_write(&self, call: &Call<'_>, data: Data<'_>, offset: i64) -> Result<usize> {
        self.need(O_WRITE)?;
        let start = if offset == -1 && self.modes() & O_APPEND != 0 && N::SEEKABLE {
            self.translator().stat(self.real())?.size.max(0) as u64
        } else {
            self.start(offset)?
        };
        let amount = self.node().write(&self.open(call), start, data)?;
        self.advance(offset, start, amount);
        Ok(amount)
    }

    fn io_read(
        &self,
        call: &Call<'_>,
        offset: i64,
        amount: usize,
        data: &mut DataOut<'_>,
    ) -> Result<()> {
        self.need(O_READ)?;
        let start = self.start(offset)?;
        self.node()
            .read(&self.open(call), start, amount.min(data.capacity()), data)?;
        self.advance(offset, start, data.len());
        Ok(())
    }

    fn io_seek(&self, _call: &Call<'_>, offset: i64, whence: i32) -> Result<i64> {
        if !N::SEEKABLE {
            return Err(Error::ESPIPE);
        }
        let size = match whence {
            SEEK_END => self.translator().stat(self.real())?.size,
            _ => 0,
        };
        let mut position = self.peropen.position.lock();
        let from = match whence {
            SEEK_SET => 0,
            SEEK_CUR => *position,
            SEEK_END => size,
            _ => return Err(Error::EINVAL),
        };
        let new = from.checked_add(offset).ok_or(Error::EOVERFLOW)?;
        if new < 0 {
            return Err(Error::EINVAL);
        }
        *position = new;
        Ok(new)
    }

    fn io_readable(&self, call: &Call<'_>) -> Result<usize> {
        self.need(O_READ)?;
        let start = self.start(-1)?;
        self.node().readable(&self.open(call), start)
    }

    fn io_set_all_openmodes(&self, _call: &Call<'_>, newbits: i32) -> Result<()> {
        let new = |modes: i32| Some(modes & !CHANGEABLE | newbits & CHANGEABLE);
        let _ = self
            .peropen
            .modes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, new);
        Ok(())
    }

    fn io_get_openmodes(&self, _call: &Call<'_>) -> Result<i32> {
        Ok(self.modes())
    }

    fn io_set_some_openmodes(&self, _call: &Call<'_>, bits_to_set: i32) -> Result<()> {
        self.peropen
            .modes
            .fetch_or(bits_to_set & CHANGEABLE, Ordering::Relaxed);
        Ok(())
    }

    fn io_clear_some_openmodes(&self, _call: &Call<'_>, bits_to_clear: i32) -> Result<()> {
        self.peropen
            .modes
            .fetch_and(!(bits_to_clear & CHANGEABLE), Ordering::Relaxed);
        Ok(())
    }

    fn io_select(&self, call: &Call<'_>, select_type: i32) -> Result<i32> {
        self.select(call, select_type, None)
    }

    fn io_select_timeout(&self, call: &Call<'_>, end: TimeSpec, select_type: i32) -> Result<i32> {
        let nanoseconds = u32::try_from(end.nanoseconds).map_err(|_| Error::EINVAL)?;
        if nanoseconds >= 1_000_000_000 {
            return Err(Error::EINVAL);
        }
        let end = Duration::new(end.seconds.max(0) as u64, nanoseconds);
        self.select(call, select_type, Some(end))
    }

    fn io_stat(&self, _call: &Call<'_>) -> Result<StatBuf> {
        self.translator().stat(self.real())
    }

    fn io_reauthenticate(&self, _call: &Call<'_>, rendezvous2: Option<SendRight>) -> Result<()> {
        let rendezvous = rendezvous2.ok_or(Error::EINVAL)?;
        // The port is given away before it is known to whom; requests to it wait until then.
        let file = Arc::new(File {
            peropen: self.peropen.clone(),
            user: OnceLock::new(),
            real: OnceLock::new(),
        });
        let port: Port = self.translator().server.port(file.clone())?;
        let auth = env::port(init_port::AUTH).ok_or(Error::EOPNOTSUPP)?;
        let user = iohelp::server_authenticate(&*auth, &rendezvous, &|| port.right());
        let real = self.translator().real_node(&user).unwrap_or(None);
        // Nobody else sets them.
        let _ = file.real.set(real);
        let _ = file.user.set(user);
        Ok(())
    }

    fn io_restrict_auth(
        &self,
        call: &Call<'_>,
        uids: Vec<u32>,
        gids: Vec<u32>,
    ) -> Result<Right<'static>> {
        let file = self.sibling(self.user().restricted(&uids, &gids))?;
        self.translator().server.reply_port(call, Arc::new(file))
    }

    fn io_duplicate(&self, call: &Call<'_>) -> Result<Right<'static>> {
        let file = self.sibling(self.user().clone())?;
        self.translator().server.reply_port(call, Arc::new(file))
    }

    fn io_server_version(&self, _call: &Call<'_>) -> Result<(Vec<u8>, i32, i32, i32)> {
        let args = env::args();
        let path = args.first().map_or(&b"trivfs"[..], Vec::as_slice);
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        Ok((name.to_vec(), 0, 1, 0))
    }

    fn io_pathconf(&self, _call: &Call<'_>, name: i32) -> Result<i32> {
        use io::pathconf::*;
        match name {
            LINK_MAX => Ok(1),
            MAX_CANON | MAX_INPUT | PIPE_BUF | PATH_MAX => Ok(-1),
            NAME_MAX => Ok(255),
            CHOWN_RESTRICTED | NO_TRUNC => Ok(1),
            VDISABLE => Ok(0),
            _ => Err(Error::EINVAL),
        }
    }

    fn io_identity(&self, _call: &Call<'_>) -> Result<(Right<'static>, Right<'static>, u64)> {
        let translator = self.translator();
        if translator.identity.get().is_none() {
            let server = &translator.server;
            let new = || -> Result<SendRight> { server.port(Arc::new(Identity))?.make_send() };
            // Another thread may have been faster.
            let _ = translator.identity.set((new()?, new()?));
        }
        let (node, fs) = translator.identity.get().ok_or(Error::KERN_FAILURE)?;
        let copy = |right: &SendRight| right.try_clone().map(Right::from);
        Ok((
            copy(node)?,
            copy(fs)?,
            self.translator().stat(self.real())?.ino,
        ))
    }

    fn io_revoke(&self, _call: &Call<'_>) -> Result<()> {
        let stat = self.translator().stat(self.real())?;
        if !self.user().is_root() && !self.user().has_uid(stat.uid) {
            return Err(Error::EPERM);
        }
        let server = &self.translator().server;
        for port in server.ports(CLASS_FILE) {
            server.destroy(&port);
        }
        Ok(())
    }
}

/// A port that is only compared with others.
struct Identity;

impl Object for Identity {
    fn dispatch(&self, _request: &mut Request<'_>) -> Outcome {
        Outcome::Unknown
    }
}

/// The routines of directories: this is none.
macro_rules! not_a_directory {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $name(&self, _call: &Call<'_>, $($argument: $type),*) -> Result<$result> {
            let _ = ($(&$argument,)*);
            Err(Error::ENOTDIR)
        }
    )*};
}

impl<N: Node> fs::Fs for File<N> {
    fn file_chown(&self, _call: &Call<'_>, new_owner: u32, new_group: u32) -> Result<()> {
        self.below(|real| fs::file_chown(real, new_owner, new_group))
    }

    fn file_chauthor(&self, _call: &Call<'_>, new_author: u32) -> Result<()> {
        self.below(|real| fs::file_chauthor(real, new_author))
    }

    fn file_chmod(&self, _call: &Call<'_>, new_mode: u32) -> Result<()> {
        self.below(|real| fs::file_chmod(real, new_mode))
    }

    fn file_chflags(&self, _call: &Call<'_>, new_flags: i32) -> Result<()> {
        self.below(|real| fs::file_chflags(real, new_flags))
    }

    fn file_utimes(
        &self,
        _call: &Call<'_>,
        new_atime: TimeValue,
        new_mtime: TimeValue,
    ) -> Result<()> {
        self.below(|real| fs::file_utimes(real, new_atime, new_mtime))
    }

    fn file_utimens(
        &self,
        _call: &Call<'_>,
        new_atime: TimeSpec,
        new_mtime: TimeSpec,
    ) -> Result<()> {
        self.below(|real| fs::file_utimens(real, new_atime, new_mtime))
    }

    fn file_set_size(&self, call: &Call<'_>, new_size: i64) -> Result<()> {
        self.need(O_WRITE)?;
        let size = u64::try_from(new_size).map_err(|_| Error::EINVAL)?;
        self.node().set_size(&self.open(call), size)
    }

    fn file_check_access(&self, _call: &Call<'_>) -> Result<i32> {
        let allowed = match self.real() {
            Some(real) => fs::file_check_access(real)?,
            None => fs::O_ACCMODE,
        };
        Ok(allowed & N::ALLOW_OPEN)
    }

    fn file_getcontrol(&self, _call: &Call<'_>) -> Result<Right<'static>> {
        let stat = self.translator().stat(self.real())?;
        if !self.user().is_root() && !self.user().has_uid(stat.uid) {
            return Err(Error::EPERM);
        }
        Ok(self.translator().control()?.right())
    }

    fn file_statfs(&self, _call: &Call<'_>) -> Result<StatFs> {
        let stat = self.translator().stat(self.real())?;
        Ok(StatFs {
            kind: N::FSTYPE,
            bsize: 4096,
            frsize: 4096,
            fsid: stat.fsid,
            namelen: 255,
            ..Default::default()
        })
    }

    fn file_sync(&self, _call: &Call<'_>, wait: i32, _omit_metadata: i32) -> Result<()> {
        self.node().sync(wait != 0)
    }

    fn file_syncfs(&self, _call: &Call<'_>, wait: i32, _do_children: i32) -> Result<()> {
        self.node().sync(wait != 0)
    }

    fn file_get_fs_options(&self, _call: &Call<'_>) -> Result<Vec<u8>> {
        Ok(self.node().options())
    }

    fn dir_lookup(
        &self,
        call: &Call<'_>,
        file_name: &[u8],
        flags: i32,
        _mode: u32,
    ) -> Result<(u32, Vec<u8>, Right<'static>)> {
        if !file_name.is_empty() {
            return Err(Error::ENOTDIR);
        }
        let file = self.translator().open(self.user().clone(), flags)?;
        Ok(found(
            self.translator().server.reply_port(call, Arc::new(file))?,
        ))
    }

    not_a_directory! {
        dir_readdir(entry: i32, nentries: i32, bufsiz: usize, data: &mut DataOut<'_>) -> i32;
        dir_mkdir(name: &[u8], mode: u32) -> ();
        dir_rmdir(name: &[u8]) -> ();
        dir_unlink(name: &[u8]) -> ();
        dir_link(file: Option<SendRight>, name: &[u8], excl: i32) -> ();
        dir_rename(oldname: &[u8], newdirectory: Option<SendRight>, newname: &[u8], excl: i32) -> ();
        dir_mkfile(flags: i32, mode: u32) -> Right<'static>;
        dir_notice_changes(notify_port: Option<SendRight>) -> ();
        file_reparent(parent: Option<SendRight>) -> Right<'static>;
    }

    fn file_set_translator(
        &self,
        _call: &Call<'_>,
        _passive_flags: i32,
        _active_flags: i32,
        _oldtrans_flags: i32,
        _passive: Vec<u8>,
        _active: Option<SendRight>,
    ) -> Result<()> {
        Err(Error::EINVAL)
    }

    fn file_get_translator(&self, _call: &Call<'_>) -> Result<Vec<u8>> {
        Err(Error::EINVAL)
    }

    fn file_get_translator_cntl(&self, _call: &Call<'_>) -> Result<Right<'static>> {
        Err(Error::EINVAL)
    }
}
