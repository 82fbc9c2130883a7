//! What a file system tells those who asked about changes (`fs_notify.defs`).

use crate::interface;

/// `dir_changed`: nothing yet; sent first.
pub const DIR_CHANGED_NULL: i32 = 0;
/// A name was added.
pub const DIR_CHANGED_NEW: i32 = 1;
/// A name was removed.
pub const DIR_CHANGED_UNLINK: i32 = 2;
/// A name stands for another file.
pub const DIR_CHANGED_RENUMBER: i32 = 3;
/// `file_changed`: nothing yet; sent first.
pub const FILE_CHANGED_NULL: i32 = 0;
/// Contents were overwritten.
pub const FILE_CHANGED_WRITE: i32 = 1;
/// The file grew.
pub const FILE_CHANGED_EXTEND: i32 = 2;
/// The file shrank.
pub const FILE_CHANGED_TRUNCATE: i32 = 3;
/// The status changed.
pub const FILE_CHANGED_META: i32 = 4;

/// Notices of changes.
#[interface(base = 20500, name = "fs_notify")]
pub trait FsNotify {
    /// A directory changed.
    #[simpleroutine(0)]
    fn dir_changed(tickno: u32, change: i32, name: Str);
    /// A file changed.
    #[simpleroutine(1)]
    fn file_changed(tickno: u32, change: i32, start: i64, end: i64);
}
