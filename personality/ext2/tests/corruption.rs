//! Damaged images: every one gives errors, in bounded work, and nothing worse.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{Image, MemoryDevice, contents, resolve, source_tree, workspace};
use ext2::testing::{Random, mutate, walk};
use ext2::{Corruption, Error, Fs, MountOptions, Problem, Structure};

/// Things that a walk of a damaged image may do before it is given up.
const BUDGET: u64 = 3000;

/// Requests to the device that such a walk may make: the cache holds the whole image.
const MAX_REQUESTS: u64 = 64;

/// The same, where the cache is as small as it can be.
const MAX_REQUESTS_WITHOUT_CACHE: u64 = 1000;

/// A small image with a bit of everything.
fn small_image(test: &str, arguments: &[&str]) -> Image {
    let workspace = workspace(test);
    let source = workspace.join("source");
    source_tree(&source, 1024);
    for name in ["deep/er/large", "300000", "49153", "49152"] {
        fs::remove_file(source.join("files").join(name)).unwrap();
    }
    let mut all = vec!["-t", "ext2", "-b", "1024", "-N", "256"];
    all.extend(arguments);
    let image = Image::make(workspace.join("image"), &all, Some(&source), "1M");
    image.debugfs(
        "mknod null c 1 3\n\
         ea_set files/1 user.name value\n\
         ea_set files/4096 gnu.translator /hurd/hello\n\
         ea_set names user.name value\n",
    );
    image.e2fsck(&["-fyD"]);
    image
}

/// Mutates an image many times, each time from the intact one, and reads everything.
fn survive(image: &Image, seeds: std::ops::Range<u64>) {
    let intact = image.bytes();
    let options = MountOptions {
        cache_bytes: 1 << 20,
        ..MountOptions::default()
    };
    let mut fs = Fs::mount(intact.as_slice(), &options).unwrap();
    let expected = walk(&mut fs, BUDGET);
    assert!(
        expected.finished && expected.errors.is_empty(),
        "{expected:?}"
    );

    let mut outcomes = BTreeMap::<&str, usize>::new();
    let mut requests = 0;
    for seed in seeds {
        let mut bytes = intact.clone();
        // Every third image is damaged in several places.
        let damage = if seed % 3 == 0 { 1 + seed % 7 } else { 1 };
        let mut mutations = Vec::new();
        for step in 0..damage {
            mutations.push(mutate(&mut bytes, seed * 16 + step));
            if bytes.is_empty() {
                break;
            }
        }
        let device = MemoryDevice::new(&bytes);
        let outcome = match Fs::mount(&device, &options) {
            Err(_) => "not mounted",
            Ok(mut fs) => {
                let walk = walk(&mut fs, BUDGET);
                assert!(walk.operations < BUDGET + 1000, "{mutations:?}");
                match (
                    walk.errors.is_empty(),
                    walk.finished,
                    walk.digest == expected.digest,
                ) {
                    (false, ..) => "errors",
                    (_, false, _) => "out of budget",
                    (.., true) => "same",
                    (.., false) => "different",
                }
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
        requests = requests.max(device.requests.get());
        assert!(requests <= MAX_REQUESTS, "{requests}: {mutations:?}");
    }
    println!("{outcomes:?}, at most {requests} requests");
    assert!(
        outcomes.get("errors").is_some_and(|&count| count > 50),
        "{outcomes:?}"
    );
    assert!(
        outcomes.get("not mounted").is_some_and(|&count| count > 20),
        "{outcomes:?}"
    );
}

#[test]
fn random_damage_to_a_linux_image_gives_errors_in_bounded_work() {
    survive(&small_image("mutate_linux", &["-I", "256"]), 0..1000);
}

#[test]
fn random_damage_to_a_hurd_image_gives_errors_in_bounded_work() {
    survive(
        &small_image("mutate_hurd", &["-o", "hurd", "-I", "128"]),
        1000..1700,
    );
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_damaged_images_give_errors_in_bounded_work() {
    survive(
        &small_image("mutate_many_linux", &["-I", "256"]),
        2000..52_000,
    );
    survive(
        &small_image("mutate_many_hurd", &["-o", "hurd"]),
        52_000..102_000,
    );
}

#[test]
fn random_damage_with_the_least_memory_gives_errors_in_bounded_work() {
    let image = small_image("mutate_memory", &["-I", "128", "-g", "256"]);
    let intact = image.bytes();
    let options = MountOptions {
        cache_bytes: 0,
        read_ahead_bytes: 0,
        inodes: 2,
        ..Default::default()
    };
    let mut requests = 0;
    for seed in 0..300 {
        let mut bytes = intact.clone();
        let mutation = mutate(&mut bytes, seed);
        let device = MemoryDevice::new(&bytes);
        if let Ok(mut fs) = Fs::mount(&device, &options) {
            walk(&mut fs, BUDGET);
        }
        requests = requests.max(device.requests.get());
        assert!(
            requests <= MAX_REQUESTS_WITHOUT_CACHE,
            "{requests}: {mutation:?}"
        );
    }
    println!("at most {requests} requests");
}

#[test]
fn the_same_seed_does_the_same_damage() {
    let image = small_image("seed", &[]).bytes();
    for seed in 0..100 {
        let (mut once, mut again) = (image.clone(), image.clone());
        let mutation = mutate(&mut once, seed);
        assert_eq!(mutate(&mut again, seed), mutation);
        assert!(once == again, "{mutation}");
    }
}

#[test]
fn every_length_of_random_bytes_is_refused() {
    let mut random = Random::new(9);
    for _ in 0..200 {
        let length = random.below(10_000);
        let mut bytes: Vec<u8> = (0..length).map(|_| random.next_u64() as u8).collect();
        if let Some(magic) = bytes.get_mut(1080..1082) {
            magic.copy_from_slice(&[0x53, 0xEF]);
        }
        assert!(Fs::mount(bytes.as_slice(), &MountOptions::default()).is_err());
    }
}

/// An image with `file`, of 20 blocks, and directories `a/b/c`.
fn plain_image(test: &str) -> Image {
    let workspace = workspace(test);
    let source = workspace.join("source");
    fs::create_dir_all(source.join("a/b/c")).unwrap();
    fs::write(source.join("file"), common::noise(1, 20 * 1024)).unwrap();
    fs::write(source.join("large"), common::noise(2, 400 * 1024)).unwrap();
    let arguments = ["-t", "ext2", "-b", "1024", "-I", "128"];
    Image::make(workspace.join("image"), &arguments, Some(&source), "9M")
}

fn number(text: &str) -> u64 {
    text.lines().last().unwrap().trim().parse().unwrap()
}

fn corruption(result: Result<impl Sized, Error>) -> Corruption {
    match result.map(|_| ()) {
        Err(Error::Corrupt(corruption)) => corruption,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_cannot_reach_the_metadata() {
    let image = plain_image("metadata");
    let group = image.debugfs("stats\n");
    let place = |name: &str| -> u64 {
        let from = group
            .find(name)
            .unwrap_or_else(|| panic!("{name}: {group}"))
            + name.len();
        let digits = group[from..].trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap();
        digits[..end].parse().unwrap()
    };
    let table = place("inode table at");
    let metadata = [
        ("super block", 1),
        ("descriptors", 2),
        ("reserved descriptors", 3),
        ("block bitmap", place("block bitmap at")),
        ("inode bitmap", place("inode bitmap at")),
        ("inode table", table),
        ("end of the inode table", table + 3),
        ("copy of the super block", 8193),
    ];
    for (name, block) in metadata {
        image.debugfs(&format!("sif file block[3] {block}\n"));
        let mut fs = image.mount();
        let ino = resolve(&mut fs, "file").unwrap();
        let found = corruption(contents(&mut fs, ino));
        let expected = Corruption {
            structure: Structure::DataBlock,
            problem: Problem::InMetadata,
            inode: Some(ino),
            block: Some(block as u32),
        };
        assert_eq!(found, expected, "{name}");
        // What comes before is whole.
        assert_eq!(fs.read_into(ino, 0, &mut [0; 3072]), Ok(3072));
        assert_eq!(fs.read_into(ino, 4096, &mut [0; 3072]), Ok(3072));
    }
    for block in [9216, 9217, 1 << 24, u32::MAX] {
        image.debugfs(&format!("sif file block[3] {block}\n"));
        let mut fs = image.mount();
        let ino = resolve(&mut fs, "file").unwrap();
        let found = corruption(contents(&mut fs, ino));
        assert_eq!(
            (found.problem, found.block),
            (Problem::OutOfRange, Some(block))
        );
    }
}

#[test]
fn an_indirect_block_cannot_lead_to_itself() {
    let image = plain_image("indirect");
    let indirect = image.debugfs("stat large\n");
    let double = indirect.split("(DIND):").nth(1).unwrap();
    let double: u64 = double[..double.find(',').unwrap()].parse().unwrap();
    let word = image.peek32(double * 1024);
    image.poke(double * 1024, &(double as u32).to_le_bytes());
    let mut fs = image.mount();
    let ino = resolve(&mut fs, "large").unwrap();
    let found = corruption(contents(&mut fs, ino));
    assert_eq!(
        (found.structure, found.problem),
        (Structure::IndirectBlock(1), Problem::Cycle)
    );

    // The block of block numbers as data.
    image.poke(double * 1024, &word.to_le_bytes());
    image.poke(u64::from(word) * 1024 + 8, &word.to_le_bytes());
    let mut fs = image.mount();
    let found = corruption(contents(&mut fs, ino));
    assert_eq!(
        (found.structure, found.problem),
        (Structure::DataBlock, Problem::Cycle)
    );
    assert_eq!(found.block, Some(word));

    image.debugfs("sif large block[DIND] 1\n");
    let mut fs = image.mount();
    let found = corruption(contents(&mut fs, ino));
    let expected = (Structure::IndirectBlock(2), Problem::InMetadata);
    assert_eq!((found.structure, found.problem), expected);
}

#[test]
fn a_directory_cannot_be_entered_from_below() {
    let image = plain_image("cycle");
    let mut fs = image.mount();
    let (root, a) = (fs.root(), resolve(&mut fs, "a").unwrap());
    let c = resolve(&mut fs, "a/b/c").unwrap();
    image.debugfs(&format!(
        "ln <{root}> a/b/c/root\nln <{a}> a/b/c/again\nln <{c}> a/b/c/itself\n"
    ));
    let mut fs = image.mount();
    let c = resolve(&mut fs, "a/b/c").unwrap();
    for name in ["root", "again", "itself"] {
        let found = corruption(fs.lookup(c, name.as_bytes()));
        assert_eq!(
            (found.structure, found.problem),
            (Structure::Directory, Problem::Parent)
        );
    }
    let walk = walk(&mut fs, BUDGET);
    assert!(walk.finished);
    assert_eq!((walk.directories, walk.errors.len()), (5, 3));
}

#[test]
fn an_entry_cannot_name_a_reserved_inode_or_one_that_is_free() {
    let image = plain_image("entries");
    let block = number(&image.debugfs("bmap a 0\n"));
    // The third entry, after "." and "..", is "b".
    let third = block * 1024 + 24;
    for (ino, structure, problem) in [
        (1, Structure::Directory, Problem::InodeNumber),
        (7, Structure::Directory, Problem::InodeNumber),
        (u32::MAX, Structure::Directory, Problem::InodeNumber),
        (2000, Structure::Inode, Problem::Deleted),
    ] {
        image.poke(third, &ino.to_le_bytes());
        let mut fs = image.mount();
        let a = resolve(&mut fs, "a").unwrap();
        let found = corruption(fs.lookup(a, b"b"));
        assert_eq!(
            (found.structure, found.problem),
            (structure, problem),
            "{ino}"
        );
    }
    assert_eq!(image.mount().inode(0), Err(Error::BadInode(0)));
    assert_eq!(image.mount().inode(7), Err(Error::BadInode(7)));
    assert_eq!(
        image.mount().inode(u32::MAX),
        Err(Error::BadInode(u32::MAX))
    );
}

#[test]
fn a_damaged_entry_comes_after_those_before_it() {
    let image = plain_image("listing");
    let block = number(&image.debugfs("bmap a 0\n"));
    image.poke(block * 1024 + 24 + 4, &[3, 0]);
    let mut fs = image.mount();
    let a = resolve(&mut fs, "a").unwrap();
    let mut names = Vec::new();
    let cursor = fs.read_dir(a, 0, |entry| {
        names.push(entry.name.to_vec());
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(names, [b".".to_vec(), b"..".to_vec()]);
    let found = corruption(fs.read_dir(a, cursor.unwrap(), |_| panic!("a damaged entry")));
    assert_eq!(
        (found.problem, found.block),
        (Problem::Length, Some(block as u32))
    );
    assert_eq!(corruption(fs.lookup(a, b"b")).problem, Problem::Length);
}

#[test]
fn sizes_that_no_file_can_have_are_refused() {
    let image = plain_image("sizes");
    for (command, path) in [
        ("sif a size 0", "a"),
        ("sif a size 1023", "a"),
        ("sif a size 0x40000000", "a"),
        ("sif file size_hi 0x10", "file"),
        ("sif file size 0\nsif file mode 0120777", "file"),
        ("sif file mode 0120777\nsif file size 1024", "file"),
    ] {
        image.debugfs(&format!("{command}\n"));
        let mut fs = image.mount();
        let found = corruption(resolve(&mut fs, path));
        assert_eq!(
            (found.structure, found.problem),
            (Structure::Inode, Problem::Size),
            "{command}"
        );
    }
    image.debugfs("sif a size 2048\n");
    let mut fs = image.mount();
    let found = corruption(resolve(&mut fs, "a/x"));
    assert_eq!(
        (found.structure, found.problem),
        (Structure::Directory, Problem::Hole)
    );
}

#[test]
fn group_descriptors_must_lead_to_their_own_group() {
    let image = plain_image("groups");
    // The second group's descriptor: block bitmap, inode bitmap, inode table.
    let descriptor = 2 * 1024 + 32;
    let intact = [0, 4, 8].map(|field| image.peek32(descriptor + field));
    let [bitmap, inode_bitmap, table] = intact;
    for (field, value) in [
        (0, 0),
        (0, 8193),
        (0, inode_bitmap),
        (4, table),
        (4, 9217),
        (8, 9210),
        (8, u32::MAX),
    ] {
        image.poke(descriptor + field, &value.to_le_bytes());
        let mut fs = image.mount();
        // An inode of the second group.
        let ino = fs.superblock().inodes;
        let found = corruption(fs.inode(ino));
        assert_eq!(
            found.structure,
            Structure::GroupDescriptor(1),
            "{field}: {value}"
        );
        // The first group does not suffer.
        assert!(resolve(&mut fs, "a/b/c").is_ok());
        image.poke(
            descriptor + field,
            &intact[field as usize / 4].to_le_bytes(),
        );
    }
    assert_ne!(bitmap, 0);
}
