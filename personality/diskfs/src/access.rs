//! Who may do what with a node: the Hurd's rules, which are POSIX's and a few more.

pub use fshelp::access::{EXECUTE, READ, WRITE, open_modes};
use iohelp::User;
use machuser::{Error, Result};

use crate::volume::{Access, S_ISVTX};

/// The permissions of users without any id are in use (`S_IUSEUNK`).
pub const S_IUSEUNK: u32 = 0o400_000;
/// The permissions of users without any id (`S_IUNKNOWN`).
pub const S_IUNKNOWN: u32 = 0o7_000_000;

/// The permissions ([`READ`] and so on) that the user has.
#[inline]
pub fn granted(node: Access, user: &User) -> u32 {
    fshelp::access::granted_by(node.mode, node.uid, node.gid, user)
}

/// Fails with `EACCES` unless the user has all of `wanted`.
#[inline]
pub fn check(node: Access, user: &User, wanted: u32) -> Result<()> {
    if granted(node, user) & wanted == wanted {
        Ok(())
    } else {
        Err(Error::EACCES)
    }
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
    if sticky && !owner {
        Err(Error::EPERM)
    } else {
        Ok(())
    }
}
