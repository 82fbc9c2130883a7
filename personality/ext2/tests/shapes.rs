//! File systems of every shape that mke2fs makes, compared with the tree that they were made from.

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;

use common::{FileDevice, Image, resolve, source_tree, sparse_offsets, workspace};
use ext2::{CreatorOs, Error, FileKind, Fs, Ino, MountOptions, testing};

/// Makes an image with these arguments and compares everything in it.
fn check_shape(
    name: &str,
    block_size: u64,
    arguments: &[&str],
    check: impl Fn(&mut Fs<FileDevice>),
) {
    let workspace = workspace(name);
    let source = workspace.join("source");
    source_tree(&source, block_size);
    let block_option = block_size.to_string();
    let mut all = vec!["-t", "ext2", "-b", &block_option];
    all.extend(arguments);
    let image = Image::make(workspace.join("image"), &all, Some(&source), "24M");
    let mut fs = image.mount();
    let root = fs.root();
    compare_directory(&mut fs, root, &source, true);
    check_sparse(&mut fs, block_size);
    check(&mut fs);

    let walk = testing::walk(&mut fs, 1_000_000);
    assert!(
        walk.finished && walk.errors.is_empty() && walk.mismatches == 0,
        "{walk:?}"
    );
    // The least memory gives the same answers.
    let options = MountOptions {
        cache_bytes: 0,
        read_ahead_bytes: 0,
        inodes: 1,
        ..MountOptions::default()
    };
    let mut fs = Fs::mount(fs.into_device(), &options).unwrap();
    let again = testing::walk(&mut fs, 1_000_000);
    assert_eq!((walk.digest, walk.bytes), (again.digest, again.bytes));
    fs::remove_dir_all(workspace).unwrap();
}

fn compare_directory(fs: &mut Fs<FileDevice>, ino: Ino, source: &Path, is_root: bool) {
    let mut entries = BTreeMap::new();
    let mut cursor = 0;
    loop {
        let mut taken = 0;
        let next = fs.read_dir(ino, cursor, |entry| {
            // Pieces of every size, down to one entry.
            if taken > entries.len() % 5 {
                return ControlFlow::Break(());
            }
            taken += 1;
            let before = entries.insert(entry.name.to_vec(), (entry.ino, entry.kind));
            assert_eq!(before, None);
            ControlFlow::Continue(())
        });
        let next = next.unwrap();
        if next == cursor {
            break;
        }
        cursor = next;
    }
    assert_eq!(entries.remove(b".".as_slice()).unwrap().0, ino);
    assert!(entries.remove(b"..".as_slice()).is_some());
    if is_root {
        assert!(entries.remove(b"lost+found".as_slice()).is_some());
    }

    let mut expected: Vec<Vec<u8>> = fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_vec())
        .collect();
    expected.sort();
    assert_eq!(entries.keys().cloned().collect::<Vec<_>>(), expected);
    for (name, (entry_ino, kind)) in entries {
        let found = fs.lookup(ino, &name).unwrap();
        assert_eq!(found, entry_ino);
        let inode = fs.inode(found).unwrap();
        assert!(kind == inode.kind || kind == FileKind::Unknown);
        compare_file(fs, found, &source.join(OsStr::from_bytes(&name)));
        if inode.kind == FileKind::Directory {
            assert_eq!(fs.lookup(found, b".."), Ok(ino));
        }
    }
    assert_eq!(fs.lookup(ino, b"no such name"), Err(Error::NotFound));
}

fn compare_file(fs: &mut Fs<FileDevice>, ino: Ino, source: &Path) {
    let expected = fs::symlink_metadata(source).unwrap();
    let inode = fs.inode(ino).unwrap();
    assert_eq!(inode.mode, expected.mode(), "{}", source.display());
    assert_eq!((inode.uid, inode.gid), (expected.uid(), expected.gid()));
    assert_eq!(inode.modify.seconds, expected.mtime());
    let kind = expected.file_type();
    match inode.kind {
        FileKind::Directory => {
            assert!(kind.is_dir());
            assert_eq!(u64::from(inode.links), expected.nlink());
            assert_eq!(fs.read(ino, 0, 1, |_| ()), Err(Error::IsDirectory));
            compare_directory(fs, ino, source, false);
        }
        FileKind::Symlink => {
            let target = fs::read_link(source).unwrap();
            assert_eq!(fs.read_link(ino).unwrap(), target.as_os_str().as_bytes());
            assert_eq!(inode.size, target.as_os_str().len() as u64);
        }
        FileKind::Regular => {
            assert!(kind.is_file());
            assert_eq!(inode.size, expected.len());
            assert_eq!(u64::from(inode.links), expected.nlink());
            compare_contents(fs, ino, &File::open(source).unwrap(), inode.size);
        }
        FileKind::Fifo => assert!(kind.is_fifo()),
        other => panic!("{}: {other:?}", source.display()),
    }
}

/// Compares data byte by byte, and the borders of holes.
fn compare_contents(fs: &mut Fs<FileDevice>, ino: Ino, source: &File, size: u64) {
    let mut at = 0;
    while let Some(extent) = fs.extent(ino, at).unwrap() {
        assert_eq!(extent.offset, at);
        let end = at + extent.length;
        let limit = if extent.device_offset.is_some() {
            u64::MAX
        } else {
            10_000
        };
        for (start, end) in [
            (at, end.min(at.saturating_add(limit))),
            (end - extent.length.min(limit), end),
        ] {
            let mut at = start;
            while at < end {
                // Neither a power of two nor a divisor of one.
                let length = (end - at).min(30_011) as usize;
                let (mut expected, mut found) = (vec![0; length], vec![1; length]);
                source.read_exact_at(&mut expected, at).unwrap();
                assert_eq!(fs.read_into(ino, at, &mut found), Ok(length));
                assert!(expected == found, "inode {ino} at {at}");
                at += length as u64;
            }
            if extent.device_offset.is_some() {
                break;
            }
        }
        at = end;
    }
    assert_eq!(at, size);
    assert_eq!(fs.read(ino, size, 1, |_| panic!("beyond the end")), Ok(0));
    assert_eq!(
        fs.read(ino, u64::MAX, usize::MAX, |_| panic!("beyond the end")),
        Ok(0)
    );
}

/// The sparse file has its data where it was written, and holes for the rest.
fn check_sparse(fs: &mut Fs<FileDevice>, block_size: u64) {
    let ino = resolve(fs, "sparse").unwrap();
    for offset in sparse_offsets(block_size) {
        let mut found = [0; 100];
        assert_eq!(fs.read_into(ino, offset, &mut found), Ok(100));
        assert_eq!(found.as_slice(), common::noise(offset, 100), "at {offset}");
        let extent = fs.extent(ino, offset).unwrap().unwrap();
        assert!(extent.device_offset.is_some());
    }
    let mut at = 0;
    let mut data = 0;
    while let Some(extent) = fs.extent(ino, at).unwrap() {
        at += extent.length;
        data += if extent.device_offset.is_some() {
            extent.length
        } else {
            0
        };
    }
    // What the host's file system rounds up to its own blocks is data as well.
    let most = sparse_offsets(block_size).len() as u64 * block_size.max(4096);
    assert!(data <= most, "{data} bytes of data");

    let hole = resolve(fs, "hole").unwrap();
    assert_eq!(fs.extent(hole, 0).unwrap().unwrap().device_offset, None);
    let mut zeros = 0;
    assert_eq!(
        fs.read(hole, 5, 1 << 21, |slice| {
            assert!(slice.iter().all(|&byte| byte == 0));
            zeros += slice.len();
        }),
        Ok((1 << 20) - 5)
    );
    assert_eq!(zeros, (1 << 20) - 5);
}

macro_rules! shapes {
    ($($name:ident: $block_size:literal, $arguments:expr, $check:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check_shape(stringify!($name), $block_size, &$arguments, $check);
            }
        )*
    };
}

fn any(_: &mut Fs<FileDevice>) {}

fn hurd(fs: &mut Fs<FileDevice>) {
    assert_eq!(fs.superblock().creator, CreatorOs::Hurd);
}

shapes! {
    blocks_of_1_kib_and_inodes_of_128_bytes_equal_their_source: 1024, ["-I", "128"], any;
    blocks_of_1_kib_and_inodes_of_256_bytes_equal_their_source: 1024, ["-I", "256"], any;
    blocks_of_2_kib_and_inodes_of_128_bytes_equal_their_source: 2048, ["-I", "128"], any;
    blocks_of_2_kib_and_inodes_of_256_bytes_equal_their_source: 2048, ["-I", "256"], any;
    blocks_of_4_kib_and_inodes_of_128_bytes_equal_their_source: 4096, ["-I", "128"], any;
    blocks_of_4_kib_and_inodes_of_256_bytes_equal_their_source: 4096, ["-I", "256"], any;
    blocks_of_64_kib_equal_their_source: 65536, ["-N", "400"], |fs| {
        assert_eq!(fs.superblock().block_size(), 65536);
    };
    inodes_as_large_as_a_block_equal_their_source: 1024, ["-I", "1024", "-N", "400"], |fs| {
        assert_eq!(fs.superblock().inode_size, 1024);
    };
    hurd_with_blocks_of_1_kib_equals_its_source: 1024, ["-o", "hurd"], hurd;
    hurd_with_blocks_of_2_kib_equals_its_source: 2048, ["-o", "hurd"], hurd;
    hurd_with_blocks_of_4_kib_equals_its_source: 4096, ["-o", "hurd", "-I", "256"], hurd;
    a_super_block_in_every_group_equals_its_source: 1024, ["-O", "^sparse_super,^resize_inode"], any;
    super_blocks_in_two_groups_equal_their_source: 1024, ["-O", "sparse_super2"], |fs| {
        assert_ne!(fs.superblock().backup_groups, [0, 0]);
    };
    entries_without_types_equal_their_source: 1024, ["-O", "^filetype,^dir_index"], |fs| {
        let root = fs.root();
        let _ = fs.read_dir(root, 0, |entry| {
            assert_eq!(entry.kind, FileKind::Unknown);
            ControlFlow::Continue(())
        });
    };
    small_groups_equal_their_source: 1024, ["-g", "512", "-N", "1500"], any;
    ext3_that_was_unmounted_cleanly_equals_its_source: 1024, ["-O", "has_journal"], any;
}

#[test]
fn the_first_revision_has_fixed_inodes_and_no_features() {
    let workspace = workspace("revision_0");
    let source = workspace.join("source");
    source_tree(&source, 1024);
    // The sparse file needs large_file, which this revision does not have.
    fs::remove_file(source.join("sparse")).unwrap();
    // Releases of mke2fs differ in whether and how they make this revision: its images differ from
    // those of the next one without features in the number alone.
    let arguments = ["-t", "ext2", "-b", "1024", "-O", "none", "-I", "128"];
    let image = Image::make(workspace.join("image"), &arguments, Some(&source), "24M");
    const REVISION: usize = 1024 + 76;
    let mut bytes = image.bytes();
    assert_eq!(bytes[REVISION..][..4], [1, 0, 0, 0]);
    bytes[REVISION] = 0;
    fs::write(&image.path, bytes).unwrap();
    let mut fs = image.mount();
    assert_eq!(fs.superblock().revision, 0);
    assert_eq!(fs.superblock().inode_size, 128);
    let root = fs.root();
    compare_directory(&mut fs, root, &source, true);
}

#[test]
fn statfs_tells_what_dumpe2fs_tells() {
    let workspace = workspace("statfs");
    let arguments = ["-t", "ext2", "-b", "1024", "-L", "a label"];
    let image = Image::make(workspace.join("image"), &arguments, None, "40M");
    let fs = image.mount();
    let stats = image.debugfs("stats -h\n");
    let number = |name: &str| -> u32 {
        let line = stats.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    let statfs = fs.statfs();
    assert_eq!(statfs.block_size, 1024);
    assert_eq!(statfs.blocks, number("Block count:"));
    assert_eq!(statfs.free, number("Free blocks:"));
    assert_eq!(
        statfs.available,
        number("Free blocks:") - number("Reserved block count:")
    );
    assert_eq!(statfs.files, number("Inode count:"));
    assert_eq!(statfs.free_files, number("Free inodes:"));
    // All that an empty file system uses but does not count as overhead: the root, lost+found, and
    // the double-indirect block of the inode that keeps blocks for more descriptors.
    assert_eq!(statfs.blocks - statfs.overhead - statfs.free, 1 + 12 + 1);
    assert_eq!(fs.superblock().label(), b"a label");
    assert!(fs.superblock().clean && !fs.superblock().errors);
}

#[test]
fn a_copy_of_the_super_block_mounts_as_well() {
    let workspace = workspace("copy");
    let source = workspace.join("source");
    source_tree(&source, 1024);
    let arguments = ["-t", "ext2", "-b", "1024"];
    let image = Image::make(workspace.join("image"), &arguments, Some(&source), "24M");
    let digest = testing::walk(&mut image.mount(), 1_000_000).digest;
    // The primary one and its descriptors are gone.
    image.poke(1024, &[0; 2048]);
    assert_eq!(image.try_mount().map(|_| ()), Err(Error::NotExt2));
    let options = MountOptions {
        superblock_offset: 8193 * 1024,
        ..MountOptions::default()
    };
    let mut fs = Fs::mount(image.device(), &options).unwrap();
    assert_eq!(testing::walk(&mut fs, 1_000_000).digest, digest);
}
