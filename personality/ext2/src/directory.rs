//! Directories: names to inodes, and lists of names.

use core::ops::ControlFlow;

use crate::content;
use crate::error::{Corruption, Structure};
use crate::hash_index::{self, Candidates};
use crate::layout::Layout;
use crate::node::Node;
use crate::volume::Volume;
use crate::wire::dirent::{Entries, RawEntry};
use crate::wire::features::{CompatibleFeatures, IncompatibleFeatures};
use crate::wire::inode::{FileKind, flags};
use crate::{BlockDevice, Error, Ino, Problem};

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The inode that it names.
    pub ino: Ino,
    /// What that is; [`FileKind::Unknown`] where the file system does not record it. Only a hint:
    /// the inode decides.
    pub kind: FileKind,
    /// The name: not empty, without `/` and NUL.
    pub name: &'a [u8],
    /// The cursor behind this entry.
    pub next: u64,
}

/// What is wrong with a directory's block.
fn corrupt(problem: Problem, directory: Ino, block: u32) -> Error {
    Corruption::new(Structure::Directory, problem)
        .inode(directory)
        .block(block)
        .into()
}

/// Checks the name and the number of an entry that is in use.
fn check_entry(layout: &Layout, entry: &RawEntry<'_>) -> Result<(), Problem> {
    if !entry.has_valid_name() {
        return Err(Problem::Name);
    }
    if !layout.is_file(entry.ino) {
        return Err(Problem::InodeNumber);
    }
    Ok(())
}

fn has_kinds<D>(volume: &Volume<D>) -> bool {
    volume
        .superblock
        .incompatible
        .contains(IncompatibleFeatures::FILETYPE)
}

/// The inode that `name` has in a directory; neither `.` nor `..`, whose meaning is [`parent`]'s.
pub(crate) fn find<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &mut Node,
    name: &[u8],
) -> Result<Ino, Error> {
    let blocks = (node.inode.size >> volume.layout.block_shift) as u32;
    let indexed = volume
        .superblock
        .compatible
        .contains(CompatibleFeatures::DIR_INDEX)
        && node.inode.flags & flags::INDEX != 0
        && blocks > 1;
    if indexed && let Candidates::Blocks(candidates) = hash_index::candidates(volume, node, name)? {
        return find_in(volume, node, name, candidates.into_iter());
    }
    find_in(volume, node, name, 0..blocks)
}

fn find_in<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &mut Node,
    name: &[u8],
    blocks: impl Iterator<Item = u32>,
) -> Result<Ino, Error> {
    let kinds = has_kinds(volume);
    let layout = volume.layout;
    let directory = node.inode.ino;
    for index in blocks {
        let (bytes, block) = content::directory_block(volume, node, index)?;
        for entry in Entries::new(bytes, kinds) {
            let entry = entry.map_err(|problem| corrupt(problem, directory, block))?;
            if entry.ino != 0 && entry.name == name {
                check_entry(&layout, &entry)
                    .map_err(|problem| corrupt(problem, directory, block))?;
                return Ok(entry.ino);
            }
        }
    }
    Err(Error::NotFound)
}

/// The directory that `..` names, once it is certain that `.` names the directory itself.
pub(crate) fn parent<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &mut Node,
) -> Result<Ino, Error> {
    if let Some(parent) = node.parent {
        return Ok(parent);
    }
    let kinds = has_kinds(volume);
    let layout = volume.layout;
    let directory = node.inode.ino;
    let (bytes, block) = content::directory_block(volume, node, 0)?;
    let mut entries = Entries::new(bytes, kinds);
    let mut named = |name: &[u8]| match entries.next() {
        Some(Ok(entry)) if entry.name == name && layout.is_file(entry.ino) => Ok(entry.ino),
        Some(Err(problem)) => Err(corrupt(problem, directory, block)),
        _ => Err(corrupt(Problem::Parent, directory, block)),
    };
    let (itself, parent) = (named(b".")?, named(b"..")?);
    if itself != directory {
        return Err(corrupt(Problem::Parent, directory, block));
    }
    node.parent = Some(parent);
    Ok(parent)
}

/// Hands the entries from `cursor` on to `sink`, until it breaks; returns the cursor of the entry
/// that it did not take, or of the end.
///
/// A damaged entry ends the list: those before it are delivered, and whoever goes on from there
/// gets the error.
pub(crate) fn list<D: BlockDevice>(
    volume: &mut Volume<D>,
    node: &mut Node,
    cursor: u64,
    mut sink: impl FnMut(DirEntry<'_>) -> ControlFlow<()>,
) -> Result<u64, Error> {
    let kinds = has_kinds(volume);
    let layout = volume.layout;
    let directory = node.inode.ino;
    let mut at = cursor;
    let mut delivered = false;
    while at < node.inode.size {
        let index = (at >> layout.block_shift) as u32;
        let start = u64::from(index) << layout.block_shift;
        let (bytes, block) = match content::directory_block(volume, node, index) {
            Ok(found) => found,
            Err(_) if delivered => return Ok(at),
            Err(error) => return Err(error),
        };
        // A cursor can lie inside an entry that grew over it; then the one after it is next.
        let first = (at - start) as usize;
        for entry in Entries::new(bytes, kinds) {
            let entry = entry.and_then(|entry| match entry.ino != 0 && entry.offset >= first {
                true => check_entry(&layout, &entry).map(|()| entry),
                false => Ok(entry),
            });
            let entry = match entry {
                Ok(entry) => entry,
                Err(_) if delivered => return Ok(at),
                Err(problem) => return Err(corrupt(problem, directory, block)),
            };
            if entry.ino == 0 || entry.offset < first {
                continue;
            }
            at = start + entry.offset as u64;
            let next = start + entry.next as u64;
            let kind = FileKind::from_entry(entry.kind);
            if sink(DirEntry {
                ino: entry.ino,
                kind,
                name: entry.name,
                next,
            })
            .is_break()
            {
                return Ok(at);
            }
            delivered = true;
            at = next;
        }
        at = start + bytes.len() as u64;
    }
    Ok(at)
}
