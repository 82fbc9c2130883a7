//! The file server: what every file system has in common.
//!
//! A program implements [`FileSystem`] for what it keeps, and this library serves it: open files
//! with modes, file pointers and users; look-ups with the retry protocol, symbolic links and
//! translators; permissions; locks; the control port. It serves file systems on disks and in
//! memory, with directories or of a single file.
//!
//! # What is not supported
//!
//! * Mapped files (`io_map` and the shared page), notices of changes, asynchronous input and
//!   output, file handles: refused with `EOPNOTSUPP`.
//! * Record locks in the name of a process (with a rendezvous port): `EOPNOTSUPP`. Locks belong to
//!   open files.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod access;
mod attached;
mod control;
mod entries;
mod exec;
mod fs;
mod io;
mod locks;
mod lookup;
mod peropen;
mod program;
mod server;
mod translators;
mod volume;

pub use attached::Attached;
pub use fshelp::{HurdStarter, NoStarter, Program, Starter, lookup::open};
pub use iohelp::User;
pub use lookup::SYMLINK_LIMIT;
pub use program::FileServer;
pub use volume::{
    Access, Change, Entry, FileSystem, Limits, NewNode, Position, S_IATRANS, S_IFBLK, S_IFCHR,
    S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK, S_IPTRANS, S_IROOT, S_ISGID, S_ISUID,
    S_ISVTX, Special,
};
