//! Translators: what the Hurd adds to a file's node.
//!
//! On a system other than the Hurd everything here fails with `EOPNOTSUPP`.

use alloc::vec::Vec;

use crate::{Result, sys};

/// Set it even if something is lost by that (`FS_TRANS_FORCE`).
pub const FORCE: u32 = 1;
/// Fail with `EBUSY` if there is one (`FS_TRANS_EXCL`).
pub const EXCLUSIVE: u32 = 2;
/// Set it (`FS_TRANS_SET`).
pub const SET: u32 = 4;
/// Leave a running translator alone (`FS_TRANS_ORPHAN`).
pub const ORPHAN: u32 = 8;

/// Do not write back what is kept (`FSYS_GOAWAY_NOSYNC`).
pub const GOAWAY_NOSYNC: u32 = 2;
/// Go away even if there are users (`FSYS_GOAWAY_FORCE`).
pub const GOAWAY_FORCE: u32 = 4;
/// Shut down the translators under this one, too (`FSYS_GOAWAY_RECURSE`).
pub const GOAWAY_RECURSE: u32 = 0x10;

/// How [`set`] changes the translators of a node.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// [`SET`], [`EXCLUSIVE`], [`FORCE`] for the passive translator; 0 leaves it.
    pub passive_flags: u32,
    /// [`SET`], [`EXCLUSIVE`], [`ORPHAN`] for the active translator; 0 leaves it.
    pub active_flags: u32,
    /// `GOAWAY_*`, for the translator that runs there.
    pub goaway_flags: u32,
    /// Whether the translator is started now and becomes the active one. Otherwise
    /// [`active_flags`](Self::active_flags) only say what becomes of one that runs.
    pub start: bool,
    /// The translator's program and arguments; empty for none.
    pub argv: Vec<Vec<u8>>,
    /// How long an active translator may take to start, in milliseconds; 0 for any time.
    pub timeout_ms: u32,
}

/// Sets the translators of the node at `path`.
pub fn set(path: &[u8], settings: &Settings) -> Result<()> {
    sys::translator_set(path, settings)
}

/// The passive translator of a node: program and arguments. `EINVAL` if it has none.
pub fn passive(path: &[u8]) -> Result<Vec<Vec<u8>>> {
    sys::translator_passive(path)
}

/// Asks the translator on a node to go away (`GOAWAY_*`).
pub fn go_away(path: &[u8], flags: u32) -> Result<()> {
    sys::translator_go_away(path, flags)
}

/// The options of the file system that has the file at `path`.
pub fn options(path: &[u8]) -> Result<Vec<Vec<u8>>> {
    sys::translator_options(path)
}

/// Changes the options of the file system that has the file at `path`.
pub fn set_options(path: &[u8], options: &[Vec<u8>], recurse: bool) -> Result<()> {
    sys::translator_set_options(path, options, recurse)
}

/// Writes back what the file system of the file at `path` keeps.
pub fn sync(path: &[u8], wait: bool, recurse: bool) -> Result<()> {
    sys::translator_sync(path, wait, recurse)
}

/// Starts a translator over the node at `path` for this process alone, and
/// makes its root the process's root directory.
pub fn chroot(path: &[u8], argv: &[Vec<u8>]) -> Result<()> {
    sys::translator_chroot(path, argv)
}
