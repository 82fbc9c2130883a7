//! Which file system is the root: the first on a disk that is labelled as one, else the one in the
//! boot image, else the first on any disk.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use interface::fs::{self, DirRecord, O_READ};
use interface::io;
use machuser::{MAX_BULK, Result, SendRight, mach};

use crate::launch::Modules;
use crate::{Disks, open};

/// Name of the boot module that holds a file system.
const MODULE: &str = "root";
/// Where the superblock of an ext2 file system lies, and the parts of it that tell what it is
/// (ext2 on-disk format, `s_magic` and `s_volume_name`).
const SUPERBLOCK: i64 = 1024;
const MAGIC: Range<usize> = 56..58;
const LABEL: Range<usize> = 120..136;
/// The label of a root file system.
const ROOT: &[u8] = b"hird-root";

/// A root file system that was found.
pub struct Root {
    /// Its store, as ext2fs calls it when `right` is its descriptor `number`.
    pub store: String,
    /// The directory of disks, or the memory that it lies in.
    pub right: SendRight,
}

/// Looks on the disks of each driver, in the order of their names, and in the boot image. `number`
/// is the descriptor that ext2fs will have.
pub fn find(all: &[Disks], modules: &Modules, number: usize) -> Result<Option<Root>> {
    let mut first = None;
    for Disks { driver, .. } in all {
        let disks = driver.root()?;
        for name in names(&disks)? {
            let Ok(disk) = open(&disks, &name, O_READ) else {
                continue;
            };
            let mut head = [0; LABEL.end];
            match io::io_read(&disk, SUPERBLOCK, head.len(), &mut head) {
                Ok(count) if count < head.len() => continue,
                Ok(_) => {}
                Err(error) => {
                    mach::log(&format!("startup: {name} cannot be read: {error}"));
                    continue;
                }
            }
            if head[MAGIC] != 0xef53u16.to_le_bytes() {
                continue;
            }
            let store = format!("dir:{number}:{name}");
            let right = driver.directory()?;
            let label = &head[LABEL];
            if label.starts_with(ROOT) && label[ROOT.len()] == 0 {
                return Ok(Some(Root { store, right }));
            }
            first.get_or_insert(Root { store, right });
        }
    }
    let inside = modules.get(MODULE).map(|module| Root {
        store: format!("memory:{number}:{}", module.bytes),
        right: module.object.clone(),
    });
    Ok(inside.or(first))
}

/// The names in a directory of disks, sorted.
fn names(directory: &SendRight) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut records = Vec::new();
    let mut seen = 0;
    loop {
        records.resize(MAX_BULK, 0);
        let (length, count) = fs::dir_readdir(directory, seen, -1, records.len(), &mut records)?;
        if count <= 0 {
            break;
        }
        seen += count;
        names.extend(
            DirRecord::all(&records[..length])
                .filter(|record| !record.name.starts_with(b"."))
                .map(|record| String::from_utf8_lossy(record.name).into_owned()),
        );
    }
    // `vd2` comes before `vd10`.
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    Ok(names)
}
