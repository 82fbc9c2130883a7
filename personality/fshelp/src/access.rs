//! Who may do what with a node: the Hurd's rules, which are POSIX's and a few more.

use interface::io::StatBuf;
use interface::io::mode::{S_IFDIR, S_IFMT, S_ISVTX, S_IUSEUNK};
use iohelp::User;
use machuser::{Error, Result};

/// Permission to read.
pub const READ: u32 = 4;
/// Permission to write.
pub const WRITE: u32 = 2;
/// Permission to execute, or to search a directory.
pub const EXECUTE: u32 = 1;

/// Place of the permissions of users without any id.
const UNKNOWN_SHIFT: u32 = 18;

/// The permissions ([`READ`] and so on) that the user has on a node of this mode and owner.
pub fn granted_by(mode: u32, uid: u32, gid: u32, user: &User) -> u32 {
    if user.is_root() {
        // Root executes only what somebody may execute.
        let execute = mode & S_IFMT == S_IFDIR || mode & 0o111 != 0;
        return READ | WRITE | if execute { EXECUTE } else { 0 };
    }
    let bits = if user.uids().is_empty() && mode & S_IUSEUNK != 0 {
        mode >> UNKNOWN_SHIFT
    } else if user.has_uid(uid) {
        mode >> 6
    } else if user.has_gid(gid) {
        mode >> 3
    } else {
        mode
    };
    bits & 7
}

/// As [`granted_by`], of a node's status.
pub fn granted(stat: &StatBuf, user: &User) -> u32 {
    granted_by(stat.mode, stat.uid, stat.gid, user)
}

/// Fails with `EACCES` unless the user has all of `wanted`.
pub fn check(stat: &StatBuf, user: &User, wanted: u32) -> Result<()> {
    if granted(stat, user) & wanted == wanted {
        Ok(())
    } else {
        Err(Error::EACCES)
    }
}

/// Fails with `EPERM` unless the user is the node's owner: has its uid, or uid 0, or the number of
/// its group both as uid and as gid.
pub fn check_owner(stat: &StatBuf, user: &User) -> Result<()> {
    let owner = user.is_root()
        || user.has_uid(stat.uid)
        || user.has_gid(stat.gid) && user.has_uid(stat.gid);
    if owner { Ok(()) } else { Err(Error::EPERM) }
}

/// Fails unless the user may remove or replace `victim` in the directory: `EACCES` without write
/// permission, `EPERM` in a sticky directory where the user owns neither.
pub fn check_remove(directory: &StatBuf, victim: &StatBuf, user: &User) -> Result<()> {
    check(directory, user, WRITE | EXECUTE)?;
    let sticky = directory.mode & S_ISVTX != 0;
    let owner = user.is_root() || user.has_uid(directory.uid) || user.has_uid(victim.uid);
    if sticky && !owner {
        Err(Error::EPERM)
    } else {
        Ok(())
    }
}

/// The ways to open ([`interface::fs::O_READ`] and so on) that permissions allow.
pub fn open_modes(granted: u32) -> i32 {
    use interface::fs::{O_EXEC, O_READ, O_WRITE};
    let mut modes = 0;
    for (permission, mode) in [(READ, O_READ), (WRITE, O_WRITE), (EXECUTE, O_EXEC)] {
        if granted & permission != 0 {
            modes |= mode;
        }
    }
    modes
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec;

    fn node(mode: u32) -> StatBuf {
        StatBuf {
            mode,
            uid: 10,
            gid: 20,
            ..Default::default()
        }
    }

    #[test]
    fn the_class_of_the_user_decides_even_when_another_grants_more() {
        let stat = node(0o077);
        assert_eq!(granted(&stat, &User::new(vec![10], vec![20])), 0);
        assert_eq!(granted(&stat, &User::new(vec![11], vec![20])), 7);
    }

    #[test]
    fn root_executes_only_what_somebody_may_execute() {
        let root = User::new(vec![0], vec![]);
        assert_eq!(granted(&node(0o600), &root), READ | WRITE);
        assert_eq!(granted(&node(0o601), &root), 7);
        assert_eq!(granted(&node(S_IFDIR), &root), 7);
    }

    #[test]
    fn users_without_ids_have_their_own_bits_if_these_are_in_use() {
        let stat = node(0o007);
        assert_eq!(granted(&stat, &User::nobody()), 7);
        assert_eq!(
            granted(&node(0o007 | S_IUSEUNK | 4 << 18), &User::nobody()),
            READ
        );
    }

    #[test]
    fn a_sticky_directory_protects_the_files_of_others() {
        let directory = StatBuf {
            mode: S_IFDIR | S_ISVTX | 0o777,
            uid: 1,
            ..Default::default()
        };
        let stranger = User::new(vec![11], vec![]);
        assert_eq!(
            check_remove(&directory, &node(0), &stranger),
            Err(Error::EPERM)
        );
        assert_eq!(
            check_remove(&directory, &node(0), &User::new(vec![10], vec![])),
            Ok(())
        );
    }
}
