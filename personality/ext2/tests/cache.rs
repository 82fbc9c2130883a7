//! How the device is used: large requests for sequential readers, none for what is cached.

mod common;

use std::fs;

use common::{FileDevice, Image, MemoryDevice, contents, noise, resolve, workspace};
use ext2::testing::{self, Random};
use ext2::{Error, Fs, MountOptions};

const MIB: usize = 1 << 20;

/// An image with a contiguous file of 3 MiB.
fn image(test: &str, block_size: &str) -> Image {
    let workspace = workspace(test);
    let source = workspace.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), noise(1, 3 * MIB)).unwrap();
    Image::make(
        workspace.join("image"),
        &["-t", "ext2", "-b", block_size],
        Some(&source),
        "8M",
    )
}

fn take_requests(fs: &Fs<FileDevice>) -> Vec<(u64, usize)> {
    fs.device().requests.take()
}

#[test]
fn a_sequential_reader_gets_large_requests_and_a_second_one_gets_none() {
    for block_size in ["1024", "2048", "4096"] {
        let image = image("sequential", block_size);
        let mut fs = image.mount();
        let ino = resolve(&mut fs, "file").unwrap();
        take_requests(&fs);
        let mut buffer = [0; 4096];
        for offset in (0..3 * MIB).step_by(buffer.len()) {
            assert_eq!(fs.read_into(ino, offset as u64, &mut buffer), Ok(4096));
        }
        let requests = take_requests(&fs);
        let bytes: usize = requests.iter().map(|(_, length)| length).sum();
        assert!(bytes <= 3 * MIB + 8 * (16 << 10), "{bytes} bytes");
        // 24 would be perfect; indirect blocks and borders of runs take some.
        assert!(requests.len() <= 36, "{block_size}: {requests:?}");
        assert!(requests.iter().all(|&(_, length)| length <= 128 << 10));

        assert_eq!(contents(&mut fs, ino).unwrap(), noise(1, 3 * MIB));
        assert_eq!(take_requests(&fs), []);
    }
}

#[test]
fn one_read_of_everything_is_a_few_requests() {
    let image = image("one_read", "4096");
    let mut fs = image.mount();
    let ino = resolve(&mut fs, "file").unwrap();
    take_requests(&fs);
    contents(&mut fs, ino).unwrap();
    let requests = take_requests(&fs);
    assert!(requests.len() <= 30, "{requests:?}");
}

#[test]
fn a_random_reader_reads_little_more_than_it_asks_for() {
    let image = image("random", "4096");
    let mut fs = image.mount();
    let ino = resolve(&mut fs, "file").unwrap();
    contents(&mut fs, ino).unwrap();
    let mut fs = image.mount();
    assert_eq!(resolve(&mut fs, "file"), Ok(ino));
    fs.inode(ino).unwrap();
    let mut random = Random::new(2);
    take_requests(&fs);
    let mut buffer = [0; 4096];
    for _ in 0..50 {
        let offset = 4096 * (1 + random.below(3 * MIB / 4096 - 1));
        fs.read_into(ino, offset as u64, &mut buffer).unwrap();
    }
    let requests = take_requests(&fs);
    // A page each, and one for the indirect block.
    assert!(requests.len() <= 51, "{}", requests.len());
    assert!(
        requests.iter().all(|&(_, length)| length == 16 << 10),
        "{requests:?}"
    );
}

#[test]
fn slices_are_those_of_whole_pages() {
    let image = image("slices", "1024");
    let mut fs = image.mount();
    let ino = resolve(&mut fs, "file").unwrap();
    let mut slices = 0;
    fs.read(ino, 0, 3 * MIB, |_| slices += 1).unwrap();
    // One for each page of 16 KiB, and where an indirect block interrupts the file.
    assert!(slices <= 3 * MIB / (16 << 10) + 16, "{slices}");
}

#[test]
fn a_device_that_fails_now_and_then_gives_errors_and_then_the_right_bytes() {
    let image = image("failing", "1024");
    let bytes = image.bytes();
    let device = MemoryDevice::new(&bytes);
    let options = MountOptions {
        cache_bytes: 0,
        inodes: 4,
        ..MountOptions::default()
    };
    let mut fs = Fs::mount(&device, &options).unwrap();
    let expected = testing::walk(&mut fs, 100_000);
    assert!(expected.finished && expected.errors.is_empty());

    let mut failures = 0;
    for one_of in [2, 3, 10, 30] {
        device.fail_one_of.set(one_of);
        for _ in 0..20 {
            let walk = testing::walk(&mut fs, 100_000);
            failures += walk.errors.len();
            assert!(
                walk.errors
                    .iter()
                    .all(|error| matches!(error, Error::Device { .. }))
            );
        }
    }
    assert!(failures > 20);
    device.fail_one_of.set(0);
    let again = testing::walk(&mut fs, 100_000);
    assert_eq!((again.digest, again.errors.len()), (expected.digest, 0));
}
