//! The disks as a directory.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use diskfs::{Access, Attached, Entry, FileSystem, Limits, Position, S_IFBLK, S_IFDIR, S_IFREG};
use interface::fs::StatFs;
use interface::io::StatBuf;
use machuser::{Error, Result};

use store::Range;

use crate::Disk;
use crate::disk::Whole;

/// What users of the disks do well to read and write at a time, in bytes.
const TRANSFER: u32 = 128 * 1024;
/// The permissions of a disk's file.
const DISK_MODE: u32 = 0o640;
/// The permissions of the directory.
const DIRECTORY_MODE: u32 = 0o755;

/// A disk, or a part of one.
struct File {
    name: String,
    disk: Arc<dyn Disk>,
    /// The bytes of the disk that it is.
    range: Range,
}

/// The directory, or a file in it.
pub struct Node {
    attached: Attached,
    number: u64,
    file: Option<File>,
}

/// A directory of disks and their partitions: `vd0`, `vd0s1` and so on.
pub struct Volume {
    server: &'static str,
    root: Arc<Node>,
    files: Vec<Arc<Node>>,
}

impl Volume {
    /// A directory of these disks, in this order. Their partitions are those that they have now.
    pub fn new(server: &'static str, prefix: &str, disks: Vec<Arc<dyn Disk>>) -> Volume {
        let node = |number, file| {
            Arc::new(Node {
                attached: Attached::new(),
                number,
                file,
            })
        };
        let mut files = Vec::new();
        for (index, disk) in disks.into_iter().enumerate() {
            let mut add = |name, range| {
                let disk = disk.clone();
                let number = files.len() as u64 + 2;
                files.push(node(number, Some(File { name, disk, range })));
            };
            let whole = Range {
                start: 0,
                length: disk.size(),
            };
            add(format!("{prefix}{index}"), whole);
            for (number, range) in store::partitions(&Whole(&*disk)) {
                add(format!("{prefix}{index}s{number}"), range);
            }
        }
        Volume {
            server,
            root: node(1, None),
            files,
        }
    }
}

impl Node {
    fn file(&self) -> Result<&File> {
        self.file.as_ref().ok_or(Error::EISDIR)
    }
}

impl File {
    /// How many of `amount` bytes from `offset` on it has.
    fn within(&self, offset: u64, amount: usize) -> usize {
        let left = self.range.length.saturating_sub(offset);
        left.min(amount as u64) as usize
    }
}

impl FileSystem for Volume {
    type Node = Node;

    fn root(&self) -> Arc<Node> {
        self.root.clone()
    }

    fn read_only(&self) -> bool {
        false
    }

    fn status(&self) -> Result<StatFs> {
        Ok(StatFs {
            files: self.files.len() as u64 + 1,
            ..StatFs::default()
        })
    }

    fn sync(&self, _wait: bool) -> Result<()> {
        let mut files = self.files.iter();
        files.try_for_each(|node| node.file()?.disk.flush())
    }

    fn options(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn source(&self) -> Vec<u8> {
        self.server.as_bytes().to_vec()
    }

    fn name(&self) -> &'static str {
        self.server
    }

    fn limits(&self) -> Limits {
        Limits {
            name: 255,
            links: 2,
            symlink: 0,
            size_bits: 64,
        }
    }

    fn attached<'n>(&self, node: &'n Node) -> &'n Attached {
        &node.attached
    }

    fn number(&self, node: &Node) -> u64 {
        node.number
    }

    fn access(&self, node: &Node) -> Access {
        // To the library a disk is a file that can be read and written; only who looks at its
        // status sees a device.
        let mode = match node.file {
            None => S_IFDIR | DIRECTORY_MODE,
            Some(_) => S_IFREG | DISK_MODE,
        };
        Access {
            mode,
            uid: 0,
            gid: 0,
        }
    }

    fn stat(&self, node: &Node) -> Result<StatBuf> {
        let common = StatBuf {
            ino: node.number,
            blksize: TRANSFER,
            ..StatBuf::default()
        };
        Ok(match &node.file {
            None => StatBuf {
                mode: S_IFDIR | DIRECTORY_MODE,
                nlink: 2,
                ..common
            },
            Some(file) => StatBuf {
                mode: S_IFBLK | DISK_MODE,
                nlink: 1,
                rdev: node.number as u32,
                size: file.range.length as i64,
                blocks: file.range.length / 512,
                ..common
            },
        })
    }

    fn size(&self, node: &Node) -> Result<u64> {
        node.file().map(|file| file.range.length)
    }

    fn read(
        &self,
        node: &Node,
        offset: u64,
        amount: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<usize> {
        let file = node.file()?;
        match file.within(offset, amount) {
            0 => Ok(0),
            amount => file.disk.read(file.range.start + offset, amount, sink),
        }
    }

    fn write(
        &self,
        node: &Node,
        position: Position,
        length: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(usize, u64)> {
        let file = node.file()?;
        let offset = match position {
            Position::At(offset) => offset,
            Position::End => file.range.length,
        };
        let within = file.within(offset, length);
        if within == 0 && length > 0 {
            return Err(if file.disk.read_only() {
                Error::EROFS
            } else {
                Error::ENOSPC
            });
        }
        let count = file.disk.write(file.range.start + offset, within, fill)?;
        Ok((count, offset + count as u64))
    }

    fn set_size(&self, node: &Node, size: u64) -> Result<()> {
        // Who opens a disk to write may ask for it to be empty, as a file would be.
        node.file()?;
        if size == 0 { Ok(()) } else { Err(Error::EINVAL) }
    }

    fn sync_node(&self, node: &Node, _wait: bool, _omit_metadata: bool) -> Result<()> {
        node.file.as_ref().map_or(Ok(()), |file| file.disk.flush())
    }

    fn read_link(&self, _node: &Node) -> Result<Vec<u8>> {
        Err(Error::EINVAL)
    }

    fn lookup(&self, dir: &Arc<Node>, name: &[u8]) -> Result<Arc<Node>> {
        if dir.file.is_some() {
            return Err(Error::ENOTDIR);
        }
        let named = |node: &&Arc<Node>| {
            let file = node.file.as_ref();
            file.is_some_and(|file| file.name.as_bytes() == name)
        };
        self.files.iter().find(named).cloned().ok_or(Error::ENOENT)
    }

    fn parent(&self, _dir: &Arc<Node>) -> Result<Arc<Node>> {
        Ok(self.root.clone())
    }

    fn read_dir(
        &self,
        _dir: &Arc<Node>,
        cursor: u64,
        sink: &mut dyn FnMut(Entry<'_>) -> bool,
    ) -> Result<u64> {
        let own = [(&b"."[..], 1, S_IFDIR), (&b".."[..], 1, S_IFDIR)].into_iter();
        let files = self.files.iter().filter_map(|node| {
            let file = node.file.as_ref()?;
            Some((file.name.as_bytes(), node.number, S_IFBLK))
        });
        let mut at = cursor;
        for (name, number, kind) in own.chain(files).skip(cursor as usize) {
            if !sink(Entry {
                name,
                number,
                kind,
                next: at + 1,
            }) {
                break;
            }
            at += 1;
        }
        Ok(at)
    }

    fn translator(&self, _node: &Node) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SECTOR, Sectors, Whole};

    struct Memory(Vec<u8>);

    impl Sectors for Memory {
        fn count(&self) -> u64 {
            (self.0.len() / SECTOR) as u64
        }

        fn read_only(&self) -> bool {
            false
        }

        fn read(&mut self, first: u64, buffer: &mut [u8]) -> Result<()> {
            buffer.copy_from_slice(&self.0[first as usize * SECTOR..][..buffer.len()]);
            Ok(())
        }

        fn write(&mut self, first: u64, data: &[u8]) -> Result<()> {
            self.0[first as usize * SECTOR..][..data.len()].copy_from_slice(data);
            Ok(())
        }
    }

    /// Two disks; the second partition of the first one is its sectors 10 to 12.
    fn volume() -> Volume {
        let mut bytes = alloc::vec![0; 20 * SECTOR];
        let entry = 446 + 16;
        bytes[entry + 4] = 0x83;
        bytes[entry + 8] = 10;
        bytes[entry + 12] = 3;
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        let disks: Vec<Arc<dyn Disk>> = alloc::vec![
            Arc::new(Whole::new(Memory(bytes))),
            Arc::new(Whole::new(Memory(alloc::vec![1; SECTOR]))),
        ];
        Volume::new("driver", "mmc", disks)
    }

    #[test]
    fn disks_and_partitions_have_names() {
        let mut names = Vec::new();
        let volume = volume();
        let add = &mut |entry: Entry<'_>| {
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            true
        };
        assert_eq!(volume.read_dir(&volume.root(), 0, add), Ok(5));
        assert_eq!(names, [".", "..", "mmc0", "mmc0s2", "mmc1"]);
    }

    #[test]
    fn a_partition_is_its_part_of_the_disk_and_no_more() {
        let volume = volume();
        let part = volume.lookup(&volume.root(), b"mmc0s2").ok().unwrap();
        let whole = volume.lookup(&volume.root(), b"mmc0").ok().unwrap();
        assert_eq!(volume.size(&part), Ok(3 * SECTOR as u64));
        let end = Position::At(3 * SECTOR as u64 - 2);
        let written = volume.write(&part, end, 9, &mut |bytes| bytes.fill(7));
        assert_eq!(written, Ok((2, 3 * SECTOR as u64)));
        let written = volume.write(&part, Position::End, 1, &mut |_| {});
        assert_eq!(written, Err(Error::ENOSPC));
        let mut read: Vec<u8> = Vec::new();
        let start = 13 * SECTOR as u64 - 3;
        let count = volume.read(&whole, start, 4, &mut |bytes| read.extend(bytes));
        assert_eq!((count, &read[..]), (Ok(4), &[0, 7, 7, 0][..]));
        let count = volume.read(&part, 3 * SECTOR as u64 - 1, 4, &mut |_| {});
        assert_eq!(count, Ok(1));
        assert_eq!(volume.read(&part, u64::MAX, 4, &mut |_| {}), Ok(0));
    }
}
