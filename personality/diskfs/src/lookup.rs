//! From a path to an open file: the server's half of the retry protocol.

use alloc::sync::Arc;
use alloc::vec::Vec;

use interface::fs::{
    FS_RETRY_MAGICAL, FS_RETRY_NORMAL, FS_RETRY_REAUTH, O_CREAT, O_EXCL, O_EXEC, O_NOATIME,
    O_NOLINK, O_NOTRANS, O_READ, O_WRITE,
};
use iohelp::User;
use machuser::wire::STRING_MAX;
use machuser::{Call, Error, Result, Right};

use crate::access::{self, EXECUTE, READ, WRITE};
use crate::peropen::{Origin, Peropen, Protid};
use crate::server::Shared;
use crate::volume::{
    Access, FileSystem, NewNode, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG,
    S_IFSOCK, S_IPTRANS, S_ISGID, S_ISUID, S_ISVTX,
};

/// How many symbolic links one look-up follows within a file system.
pub const SYMLINK_LIMIT: usize = 32;

/// An answer of `dir_lookup`: how to go on, with which name, from which port.
pub(crate) type Answer = (u32, Vec<u8>, Right<'static>);

/// Where a walk ended.
enum Walked<F: FileSystem> {
    /// At a node, which was made just now or not.
    At(Arc<F::Node>, bool),
    /// Somebody else goes on.
    Elsewhere(Answer),
}

/// Fails with `ENAMETOOLONG`, or `EINVAL` for what cannot be the name of an entry.
pub(crate) fn check_name<F: FileSystem>(volume: &F, name: &[u8]) -> Result<()> {
    if name.len() > volume.limits().name {
        return Err(Error::ENAMETOOLONG);
    }
    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
        return Err(Error::EINVAL);
    }
    Ok(())
}

/// Whether looking the node up leads to another program.
pub(crate) fn translated<F: FileSystem>(volume: &F, node: &F::Node, access: Access) -> bool {
    access.mode & S_IPTRANS != 0
        || matches!(access.kind(), S_IFIFO | S_IFCHR | S_IFBLK)
        || volume.attached(node).is_translated()
}

/// Fails unless the user may open the node, which exists already, with these flags.
pub(crate) fn check_open<F: FileSystem>(
    volume: &F,
    access: Access,
    flags: i32,
    user: &User,
) -> Result<()> {
    let modes = flags & (O_READ | O_WRITE | O_EXEC);
    if modes == 0 {
        return Ok(());
    }
    match access.kind() {
        S_IFSOCK | S_IFIFO | S_IFCHR | S_IFBLK => return Err(Error::EACCES),
        S_IFLNK if modes & (O_WRITE | O_EXEC) != 0 => return Err(Error::ELOOP),
        S_IFDIR if modes & O_WRITE != 0 => return Err(Error::EISDIR),
        _ => {}
    }
    let mut wanted = 0;
    for (mode, permission) in [(O_READ, READ), (O_WRITE, WRITE), (O_EXEC, EXECUTE)] {
        if modes & mode != 0 {
            wanted |= permission;
        }
    }
    access::check(access, user, wanted)?;
    if modes & O_WRITE != 0 && volume.read_only() {
        return Err(Error::EROFS);
    }
    Ok(())
}

/// What a node made by this user in this directory is like. A directory's group is inherited, as
/// the Hurd does by default.
pub(crate) fn new_node(dir: Access, user: &User, kind: u32, mode: u32) -> NewNode {
    let mut mode = mode & 0o7777 & !S_ISVTX;
    let uid = user.uids().first().copied().unwrap_or_else(|| {
        mode &= !S_ISUID;
        dir.uid
    });
    if kind == S_IFDIR {
        mode |= dir.mode & S_ISGID;
    } else if !user.has_gid(dir.gid) && !user.has_uid(0) {
        mode &= !S_ISGID;
    }
    NewNode {
        mode: mode & !S_IFMT | kind,
        uid,
        gid: dir.gid,
    }
}

impl<F: FileSystem> Shared<F> {
    /// Serves `dir_lookup`.
    pub(crate) fn dir_lookup(
        self: &Arc<Self>,
        call: &Call<'_>,
        from: &Protid<F>,
        path: &[u8],
        flags: i32,
        mode: u32,
    ) -> Result<Answer> {
        match self.walk(call, from, path, flags, mode)? {
            Walked::At(node, created) => {
                let peropen = &from.peropen;
                self.open(call, node, created, &peropen.origin, flags, from.user())
            }
            Walked::Elsewhere(answer) => Ok(answer),
        }
    }

    /// Checks that the user may open the node, and makes the port.
    pub(crate) fn open(
        self: &Arc<Self>,
        call: &Call<'_>,
        node: Arc<F::Node>,
        created: bool,
        origin: &Arc<Origin<F>>,
        flags: i32,
        user: &Arc<User>,
    ) -> Result<Answer> {
        let mut flags = flags;
        if !created {
            let access = self.volume.access(&node);
            check_open(&self.volume, access, flags, user)?;
            if flags & O_NOATIME != 0 && access::check_owner(access, user).is_err() {
                flags &= !O_NOATIME;
            }
        }
        let peropen = Arc::new(Peropen::new(self, node, origin.clone(), flags));
        let protid = Protid::new(self, peropen, user.clone());
        let port = self.server.reply_port_passing(call, Arc::new(protid))?;
        Ok((FS_RETRY_NORMAL, Vec::new(), port))
    }

    fn walk(
        self: &Arc<Self>,
        call: &Call<'_>,
        from: &Protid<F>,
        path: &[u8],
        flags: i32,
        mode: u32,
    ) -> Result<Walked<F>> {
        let volume = &self.volume;
        let origin = &from.peropen.origin;
        let user = from.user();
        let mut flags = flags;
        let mut node = from.peropen.node.clone();
        let mut expanded: Vec<u8>;
        let mut rest = path;
        let mut links = 0;
        let mut must_be_directory = rest.ends_with(b"/");
        if must_be_directory {
            flags &= !O_CREAT;
        }
        let mut created = false;

        loop {
            let start = rest
                .iter()
                .position(|&byte| byte != b'/')
                .unwrap_or(rest.len());
            rest = &rest[start..];
            if rest.is_empty() {
                break;
            }
            let end = rest
                .iter()
                .position(|&byte| byte == b'/')
                .unwrap_or(rest.len());
            let name = &rest[..end];
            // Slashes at the end belong to the last component.
            let last = rest[end..].iter().all(|&byte| byte == b'/');
            rest = if last { &[] } else { &rest[end + 1..] };

            let dir = volume.access(&node);
            if !dir.is_directory() {
                return Err(Error::ENOTDIR);
            }
            access::check(dir, user, EXECUTE)?;
            if name == b"." {
                continue;
            }
            if name == b".." {
                match self.above(&node, origin, rest, must_be_directory)? {
                    Walked::At(parent, _) => node = parent,
                    elsewhere => return Ok(elsewhere),
                }
                continue;
            }

            let found = if name.len() > volume.limits().name {
                Err(Error::ENAMETOOLONG)
            } else {
                volume.lookup(&node, name)
            };
            let child = match found {
                Ok(_) if last && flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL => {
                    return Err(Error::EEXIST);
                }
                Ok(child) => child,
                Err(Error::ENOENT) if last && flags & O_CREAT != 0 => {
                    let (child, new) = self.create_in(&node, name, flags, mode, user)?;
                    created = new;
                    child
                }
                Err(error) => return Err(error),
            };
            if created {
                node = child;
                break;
            }

            let access = volume.access(&child);
            let stop = last && !must_be_directory;
            if !(stop && flags & O_NOTRANS != 0) && translated(volume, &child, access) {
                let flags = if stop { flags } else { 0 };
                let through = self.through_translator(
                    call,
                    Some((&node, name)),
                    &child,
                    origin,
                    user,
                    flags,
                )?;
                if let Some((retry, name, port)) = through {
                    let name = join(name, rest, must_be_directory)?;
                    return Ok(Walked::Elsewhere((retry, name, port)));
                }
            }
            if access.is_symlink() && !(stop && flags & (O_NOLINK | O_NOTRANS) != 0) {
                links += 1;
                if links > SYMLINK_LIMIT {
                    return Err(Error::ELOOP);
                }
                let target = volume.read_link(&child)?;
                if target.is_empty() {
                    return Err(Error::ENOENT);
                }
                let absolute = target[0] == b'/';
                if rest.is_empty() && target.ends_with(b"/") {
                    must_be_directory = true;
                    flags &= !O_CREAT;
                }
                let next = join(target, rest, must_be_directory)?;
                if absolute {
                    return Ok(Walked::Elsewhere((FS_RETRY_MAGICAL, next, Right::null())));
                }
                // Slashes at its end are in `must_be_directory` already.
                expanded = next;
                rest = &expanded;
                continue;
            }
            node = child;
        }
        if must_be_directory && !volume.access(&node).is_directory() {
            return Err(Error::ENOTDIR);
        }
        Ok(Walked::At(node, created))
    }

    /// What `..` of the node is.
    fn above(
        &self,
        node: &Arc<F::Node>,
        origin: &Origin<F>,
        rest: &[u8],
        must_be_directory: bool,
    ) -> Result<Walked<F>> {
        let top = match &origin.shadow {
            Some((root, above)) if Arc::ptr_eq(root, node) => Some(above),
            _ if self.is_root(node) => Some(&origin.dotdot),
            _ => None,
        };
        match top {
            None => self
                .volume
                .parent(node)
                .map(|parent| Walked::At(parent, false)),
            Some(None) => Ok(Walked::At(node.clone(), false)),
            Some(Some(above)) => {
                let name = join(Vec::new(), rest, must_be_directory)?;
                let port = Right::from(above.clone());
                Ok(Walked::Elsewhere((FS_RETRY_REAUTH, name, port)))
            }
        }
    }

    /// Makes a regular file for `O_CREAT`, unless somebody else was faster.
    fn create_in(
        &self,
        dir: &Arc<F::Node>,
        name: &[u8],
        flags: i32,
        mode: u32,
        user: &User,
    ) -> Result<(Arc<F::Node>, bool)> {
        if self.volume.read_only() {
            return Err(Error::EROFS);
        }
        let _names = self.names.lock();
        let access = self.volume.access(dir);
        match self.volume.lookup(dir, name) {
            Ok(_) if flags & O_EXCL != 0 => Err(Error::EEXIST),
            Ok(node) => Ok((node, false)),
            Err(Error::ENOENT) => {
                access::check_add(access, user)?;
                let new = new_node(access, user, S_IFREG, mode);
                self.volume
                    .create(dir, Some(name), new)
                    .map(|node| (node, true))
            }
            Err(error) => Err(error),
        }
    }
}

/// `name`, then `rest` behind a slash; a slash at the end if it must be a directory.
fn join(mut name: Vec<u8>, rest: &[u8], must_be_directory: bool) -> Result<Vec<u8>> {
    if !rest.is_empty() {
        if !name.is_empty() && !name.ends_with(b"/") {
            name.push(b'/');
        }
        name.extend_from_slice(rest);
    }
    if must_be_directory && !name.ends_with(b"/") {
        name.push(b'/');
    }
    if name.len() > STRING_MAX {
        return Err(Error::ENAMETOOLONG);
    }
    Ok(name)
}
