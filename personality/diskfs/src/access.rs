//! Who may do what with a node: the Hurd's rules, which are POSIX's and a few more.

use crate::user::User;
use machuser::{Error, Result};

use crate::volume::{Access, S_ISVTX};

/// Permission to read.
pub const READ: u32 = 4;
/// Permission to write.
pub const WRITE: u32 = 2;
/// Permission to execute, or to search a directory.
pub const EXECUTE: u32 = 1;

/// The permissions of users without any id are in use (`S_IUSEUNK`).
pub const S_IUSEUNK: u32 = 0o400_000;
/// Place of the permissions of users without any id (`S_IUNKSHIFT` from the owner's).
const UNKNOWN_SHIFT: u32 = 18;
/// The permissions of users without any id (`S_IUNKNOWN`).
pub const S_IUNKNOWN: u32 = 7 << UNKNOWN_SHIFT;

/// The permissions ([`READ`] and so on) that the user has.
pub fn granted(node: Access, user: &User) -> u32 {
    let mode = node.mode;
    if user.has_uid(0) {
        // Root executes only what somebody may execute.
        let execute = node.is_directory() || mode & 0o111 != 0;
        return READ | WRITE | if execute { EXECUTE } else { 0 };
    }
    let bits = if user.uids().is_empty() && mode & S_IUSEUNK != 0 {
        mode >> UNKNOWN_SHIFT
    } else if user.has_uid(node.uid) {
        mode >> 6
    } else if user.has_gid(node.gid) {
        mode >> 3
    } else {
        mode
    };
    bits & 7
}

/// Fails with `EACCES` unless the user has all of `wanted`.
#[inline]
pub fn check(node: Access, user: &User, wanted: u32) -> Result<()> {
    if granted(node, user) & wanted == wanted { Ok(()) } else { Err(Error::EACCES) }
}

/// Fails with `EPERM` unless the user is the node's owner: has its uid, or uid 0, or the number of
/// its group both as uid and as gid.
pub fn check_owner(node: Access, user: &User) -> Result<()> {
    let owner = user.has_uid(0)
        || user.has_uid(node.uid)
        || user.has_gid(node.gid) && user.has_uid(node.gid);
    if owner { Ok(()) } else { Err(Error::EPERM) }
}

/// Fails with `EACCES` unless the user may search the directory.
pub fn check_search(dir: Access, user: &User) -> Result<()> {
    check(dir, user, EXECUTE)
}

/// Fails with `EACCES` unless the user may add entries to the directory.
pub fn check_add(dir: Access, user: &User) -> Result<()> {
    check(dir, user, WRITE | EXECUTE)
}

/// Fails unless the user may remove or replace `victim`, an entry of the directory: `EACCES`
/// without write permission, `EPERM` in a sticky directory where the user owns neither.
pub fn check_remove(dir: Access, victim: Access, user: &User) -> Result<()> {
    check_add(dir, user)?;
    let sticky = dir.mode & S_ISVTX != 0;
    let owner = user.has_uid(0) || user.has_uid(dir.uid) || user.has_uid(victim.uid);
    if sticky && !owner { Err(Error::EPERM) } else { Ok(()) }
}
