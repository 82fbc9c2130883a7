//! Input and output on open files.

use alloc::sync::Arc;
use alloc::vec::Vec;

use interface::fs::{O_APPEND, O_FSYNC, O_READ, O_WRITE};
use interface::io::{
    Io, SEEK_CUR, SEEK_END, SEEK_SET, SELECT_READ, SELECT_WRITE, StatBuf, pathconf,
};
use interface::types::TimeSpec;
use machuser::wire::STRING_MAX;
use machuser::{Call, Data, DataOut, Error, Result, Right, SendRight};

use crate::peropen::Protid;
use crate::volume::{FileSystem, Position, S_IATRANS, S_IFREG, S_IROOT};

/// The number of the version that `io_server_version` tells.
const VERSION: (i32, i32, i32) = (0, 1, 0);

impl<F: FileSystem> Protid<F> {
    /// Reads at a place for a client, straight into where its reply lies.
    fn read_at(&self, offset: u64, amount: usize, data: &mut DataOut<'_>) -> Result<usize> {
        let volume = self.volume();
        let node = self.node();
        let access = volume.access(node);
        if access.is_directory() {
            return Err(Error::EISDIR);
        }
        if access.is_symlink() {
            let target = volume.read_link(node)?;
            let from = usize::try_from(offset)
                .unwrap_or(usize::MAX)
                .min(target.len());
            let to = from.saturating_add(amount).min(target.len());
            return Ok(data.write(&target[from..to]));
        }
        let start = data.len();
        let amount = amount.min(data.remaining());
        let result = volume.read(node, offset, amount, &mut |bytes| {
            data.write(bytes);
        });
        if result.is_err() {
            data.truncate(start);
        }
        result
    }

    fn write_at(&self, position: Position, data: &Data<'_>) -> Result<(usize, u64)> {
        let volume = self.volume();
        if volume.read_only() {
            return Err(Error::EROFS);
        }
        let mut at = 0;
        let written = volume.write(self.node(), position, data.len(), &mut |bytes| {
            at += data.copy_to(at, bytes);
        })?;
        if self.peropen.modes() & O_FSYNC != 0 {
            volume.sync_node(self.node(), true, false)?;
        }
        Ok(written)
    }

    /// The status as a client sees it.
    pub(crate) fn status(&self) -> Result<StatBuf> {
        let volume = self.volume();
        let node = self.node();
        let mut status = volume.stat(node)?;
        if volume.attached(node).is_translated() {
            status.mode |= S_IATRANS;
        }
        if self.shared.is_root(node) {
            status.mode |= S_IROOT;
        }
        Ok(status)
    }
}

/// An offset in a file, or `EINVAL`.
fn offset(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| Error::EINVAL)
}

impl<F: FileSystem> Io for Protid<F> {
    fn io_write(&self, _call: &Call<'_>, data: Data<'_>, at: i64) -> Result<usize> {
        let peropen = &self.peropen;
        peropen.require(O_WRITE)?;
        if at != -1 {
            let (count, _) = self.write_at(Position::At(offset(at)?), &data)?;
            return Ok(count);
        }
        // The pointer moves with the write, as one step for those who share it.
        let mut pointer = peropen.pointer.lock();
        let append = peropen.modes() & O_APPEND != 0;
        let position = if append {
            Position::End
        } else {
            Position::At(*pointer)
        };
        let (count, end) = self.write_at(position, &data)?;
        *pointer = end;
        Ok(count)
    }

    fn io_read(
        &self,
        _call: &Call<'_>,
        at: i64,
        amount: usize,
        data: &mut DataOut<'_>,
    ) -> Result<()> {
        self.peropen.require(O_READ)?;
        if at != -1 {
            return self.read_at(offset(at)?, amount, data).map(drop);
        }
        let mut pointer = self.peropen.pointer.lock();
        let count = self.read_at(*pointer, amount, data)?;
        *pointer += count as u64;
        Ok(())
    }

    fn io_seek(&self, _call: &Call<'_>, by: i64, whence: i32) -> Result<i64> {
        let mut pointer = self.peropen.pointer.lock();
        let base = match whence {
            SEEK_SET => 0,
            SEEK_CUR => *pointer as i64,
            SEEK_END => self.volume().size(self.node())? as i64,
            _ => return Err(Error::EINVAL),
        };
        let to = base.checked_add(by).ok_or(Error::EOVERFLOW)?;
        *pointer = offset(to)?;
        Ok(to)
    }

    fn io_readable(&self, _call: &Call<'_>) -> Result<usize> {
        self.peropen.require(O_READ)?;
        let size = self.volume().size(self.node())?;
        let rest = size.saturating_sub(*self.peropen.pointer.lock());
        Ok(usize::try_from(rest).unwrap_or(usize::MAX))
    }

    fn io_set_all_openmodes(&self, _call: &Call<'_>, bits: i32) -> Result<()> {
        self.peropen.change_modes(bits, !0);
        Ok(())
    }

    fn io_get_openmodes(&self, _call: &Call<'_>) -> Result<i32> {
        Ok(self.peropen.modes())
    }

    fn io_set_some_openmodes(&self, _call: &Call<'_>, bits: i32) -> Result<()> {
        self.peropen.change_modes(bits, 0);
        Ok(())
    }

    fn io_clear_some_openmodes(&self, _call: &Call<'_>, bits: i32) -> Result<()> {
        self.peropen.change_modes(0, bits);
        Ok(())
    }

    fn io_select(&self, _call: &Call<'_>, select_type: i32) -> Result<i32> {
        // A file is always ready, and never has urgent data.
        Ok(select_type & (SELECT_READ | SELECT_WRITE))
    }

    fn io_select_timeout(&self, call: &Call<'_>, _end: TimeSpec, select_type: i32) -> Result<i32> {
        self.io_select(call, select_type)
    }

    fn io_stat(&self, _call: &Call<'_>) -> Result<StatBuf> {
        self.status()
    }

    fn io_reauthenticate(&self, _call: &Call<'_>, rendezvous: Option<SendRight>) -> Result<()> {
        let rendezvous = rendezvous.ok_or(Error::EINVAL)?;
        self.shared.reauthenticate(&self.peropen, rendezvous)
    }

    fn io_restrict_auth(
        &self,
        call: &Call<'_>,
        uids: Vec<u32>,
        gids: Vec<u32>,
    ) -> Result<Right<'static>> {
        let user = Arc::new(self.user().restricted(&uids, &gids));
        self.shared
            .reply_port(call, Protid::new(&self.shared, self.peropen.clone(), user))
    }

    fn io_duplicate(&self, call: &Call<'_>) -> Result<Right<'static>> {
        let user = self.user().clone();
        self.shared
            .reply_port(call, Protid::new(&self.shared, self.peropen.clone(), user))
    }

    fn io_server_version(&self, _call: &Call<'_>) -> Result<(Vec<u8>, i32, i32, i32)> {
        let (major, minor, edit) = VERSION;
        Ok((self.volume().name().as_bytes().to_vec(), major, minor, edit))
    }

    fn io_pathconf(&self, _call: &Call<'_>, name: i32) -> Result<i32> {
        let limits = self.volume().limits();
        match name {
            pathconf::LINK_MAX => Ok(i32::try_from(limits.links).unwrap_or(i32::MAX)),
            pathconf::NAME_MAX => Ok(limits.name as i32),
            pathconf::PATH_MAX => Ok(STRING_MAX as i32),
            // For terminals and pipes.
            pathconf::MAX_CANON | pathconf::MAX_INPUT | pathconf::PIPE_BUF | pathconf::VDISABLE => {
                Ok(-1)
            }
            pathconf::CHOWN_RESTRICTED | pathconf::NO_TRUNC => Ok(1),
            FILE_SIZE_BITS => Ok(limits.size_bits as i32),
            SYMLINK_MAX => Ok(limits.symlink as i32),
            _ => Err(Error::EINVAL),
        }
    }

    fn io_identity(&self, _call: &Call<'_>) -> Result<(Right<'static>, Right<'static>, u64)> {
        let (node, file_system) = self.shared.identity(self.node())?;
        Ok((node, file_system, self.volume().number(self.node())))
    }

    fn io_revoke(&self, _call: &Call<'_>) -> Result<()> {
        Err(Error::EOPNOTSUPP)
    }
}

/// `_PC_FILESIZEBITS`.
const FILE_SIZE_BITS: i32 = 12;
/// `_PC_SYMLINK_MAX`.
const SYMLINK_MAX: i32 = 18;

impl<F: FileSystem> Protid<F> {
    /// Fails with `EINVAL` unless the node is a regular file.
    pub(crate) fn require_regular(&self) -> Result<()> {
        let kind = self.volume().access(self.node()).kind();
        if kind == S_IFREG {
            Ok(())
        } else {
            Err(Error::EINVAL)
        }
    }
}
