//! Large directories, with and without a hash index.

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::ControlFlow;

use common::{FileDevice, Image, resolve, workspace};
use ext2::{BlockDevice, Error, Fs, Ino};

/// Where the super block's flags lie in an image, in bytes.
const FLAGS: u64 = 1024 + 352;
const SIGNED_HASH: u16 = 1;
const UNSIGNED_HASH: u16 = 2;

fn name(index: usize) -> String {
    match index % 7 {
        0 => format!("n{index}"),
        1 => format!("schöner-name-{index}-{}", "ü".repeat(index % 40)),
        _ => format!("entry-with-a-longer-name-{index:05}"),
    }
}

/// An image with a directory `large` of `count` empty files.
fn image_with_directory(test: &str, arguments: &[&str], count: usize) -> Image {
    let workspace = workspace(test);
    let source = workspace.join("source");
    fs::create_dir_all(source.join("large")).unwrap();
    for index in 0..count {
        File::create(source.join("large").join(name(index))).unwrap();
    }
    let inodes = (count + 100).to_string();
    let mut all = vec!["-t", "ext2", "-N", &inodes];
    all.extend(arguments);
    let image = Image::make(workspace.join("image"), &all, Some(&source), "16M");
    fs::remove_dir_all(source).unwrap();
    image
}

/// Lists a directory in pieces of `piece` entries.
fn list<D: BlockDevice>(fs: &mut Fs<D>, directory: Ino, piece: usize) -> BTreeMap<Vec<u8>, Ino> {
    let mut entries = BTreeMap::new();
    let mut cursor = 0;
    loop {
        let mut left = piece;
        let next = fs.read_dir(directory, cursor, |entry| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            assert_eq!(entries.insert(entry.name.to_vec(), entry.ino), None);
            ControlFlow::Continue(())
        });
        let next = next.unwrap();
        if next == cursor {
            return entries;
        }
        cursor = next;
    }
}

/// Requests that looking `name` up makes on a freshly mounted file system, beyond finding the
/// directory.
fn requests_of_lookup(image: &Image, name: &str) -> usize {
    let mut fs = image.mount();
    let large = resolve(&mut fs, "large").unwrap();
    let before = fs.device().requests.borrow().len();
    assert_eq!(fs.lookup(large, name.as_bytes()), Err(Error::NotFound));
    let after = fs.device().requests.borrow().len();
    after - before
}

fn check(image: &Image, count: usize) {
    let mut fs: Fs<FileDevice> = image.mount();
    let large = resolve(&mut fs, "large").unwrap();
    let entries = list(&mut fs, large, 100);
    assert_eq!(entries.len(), count + 2);
    for index in 0..count {
        let name = name(index);
        let ino = entries[name.as_bytes()];
        assert_eq!(fs.lookup(large, name.as_bytes()), Ok(ino), "{name}");
    }
    for index in (0..count).step_by(97) {
        let name = name(index) + "?";
        assert_eq!(fs.lookup(large, name.as_bytes()), Err(Error::NotFound));
    }
}

#[test]
fn a_directory_of_20000_entries_is_listed_and_every_name_is_found() {
    const COUNT: usize = 20_000;
    let image = image_with_directory("large", &["-b", "4096"], COUNT);
    let mut fs = image.mount();
    let large = resolve(&mut fs, "large").unwrap();
    let entries = list(&mut fs, large, 1000);
    assert_eq!(entries.len(), COUNT + 2);
    for index in (0..COUNT).step_by(191) {
        let name = name(index);
        assert_eq!(
            fs.lookup(large, name.as_bytes()),
            Ok(entries[name.as_bytes()])
        );
    }
    // A name that is not there takes a scan, in large requests.
    let bytes = fs.inode(large).unwrap().size as usize;
    let scan = requests_of_lookup(&image, "not there");
    assert!(
        scan <= bytes.div_ceil(128 << 10) + 4,
        "{scan} requests for {bytes} bytes"
    );

    // e2fsck builds the index; then a look-up reads little, and finds the same.
    image.e2fsck(&["-fyD"]);
    check(&image, COUNT);
    let indexed = requests_of_lookup(&image, "not there");
    assert!(indexed <= 4, "{indexed} requests");
}

#[test]
fn an_index_of_two_levels_finds_every_name_with_every_hash() {
    const COUNT: usize = 4000;
    let image = image_with_directory("hashes", &["-b", "1024"], COUNT);
    for method in ["legacy", "half_md4", "tea"] {
        for flags in [SIGNED_HASH, UNSIGNED_HASH] {
            image.debugfs(&format!("ssv def_hash_version {method}\n"));
            image.poke(FLAGS, &flags.to_le_bytes());
            image.e2fsck(&["-fyD"]);
            assert_eq!(image.peek16(FLAGS) & 3, flags);
            assert!(
                image
                    .debugfs("htree_dump large\n")
                    .contains("Indirect levels: 1")
            );
            check(&image, COUNT);
            let indexed = requests_of_lookup(&image, "not there");
            assert!(indexed <= 6, "{method}: {indexed} requests");
        }
    }
}

#[test]
fn a_damaged_index_does_not_hide_names() {
    const COUNT: usize = 1500;
    let image = image_with_directory("damaged_index", &["-b", "1024"], COUNT);
    image.e2fsck(&["-fyD"]);
    let root = image.debugfs("bmap large 0\n");
    let root: u64 = root.lines().last().unwrap().trim().parse().unwrap();
    let at = |offset: u64| root * 1024 + offset;
    // Hash version, length of the header, levels, and the table's limit and count.
    for (offset, value) in [(28, 9), (29, 7), (30, 5), (32, 1), (34, 0xFF), (34, 0)] {
        let byte = image.peek16(at(offset)) as u8;
        image.poke(at(offset), &[value]);
        check(&image, COUNT);
        image.poke(at(offset), &[byte]);
    }
    check(&image, COUNT);
}

#[test]
fn a_listing_goes_on_from_any_cursor_it_gave() {
    let image = image_with_directory("cursors", &["-b", "1024"], 300);
    let mut fs = image.mount();
    let large = resolve(&mut fs, "large").unwrap();
    let mut all = Vec::new();
    let end = fs.read_dir(large, 0, |entry| {
        all.push((entry.name.to_vec(), entry.next));
        ControlFlow::Continue(())
    });
    let end = end.unwrap();
    for (index, (_, next)) in all.iter().enumerate() {
        let mut following = None;
        fs.read_dir(large, *next, |entry| {
            following = Some(entry.name.to_vec());
            ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!(following.as_ref(), all.get(index + 1).map(|(name, _)| name));
    }
    for cursor in [end, end + 1, u64::MAX] {
        let next = fs.read_dir(large, cursor, |_| panic!("an entry behind the end"));
        assert_eq!(next, Ok(cursor));
    }
}

#[test]
fn names_that_no_directory_can_have_are_not_found() {
    let image = image_with_directory("names", &["-b", "1024"], 10);
    let mut fs = image.mount();
    let root = fs.root();
    for name in ["", "/", "large/n0", "large\0"] {
        assert_eq!(fs.lookup(root, name.as_bytes()), Err(Error::NotFound));
    }
    assert_eq!(fs.lookup(root, &[b'x'; 255]), Err(Error::NotFound));
    assert_eq!(fs.lookup(root, &[b'x'; 256]), Err(Error::NameTooLong));
    assert_eq!(fs.lookup(root, b".."), Ok(root));
    assert_eq!(fs.lookup(root, b"."), Ok(root));
}
