//! The devices, as their users see them.

use interface::fs::{self, O_READ, O_WRITE};
use interface::io::{self, mode};
use machuser::{Error, MAX_BULK, SendRight};
use streams::{Full, Null, Random, Zero};
use trivfs::testing::{self, Started};

const BOTH: i32 = O_READ | O_WRITE;

fn read(file: &SendRight, amount: usize) -> Vec<u8> {
    let mut bytes = vec![0xaa; amount];
    let count = io::io_read(file, -1, amount, &mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

fn all() -> [(&'static str, Started); 4] {
    [
        ("null", testing::start(Null)),
        ("zero", testing::start(Zero)),
        ("full", testing::start(Full)),
        ("random", testing::start(Random::default())),
    ]
}

#[test]
fn they_are_character_devices_that_are_always_ready() {
    for (name, device) in all() {
        let file = device.open(BOTH).unwrap();
        let stat = io::io_stat(&file).unwrap();
        assert_eq!(
            (stat.mode & mode::S_IFMT, stat.size),
            (mode::S_IFCHR, 0),
            "{name}"
        );
        assert_eq!(stat.mode & 0o777, 0o666, "{name}");
        let both = io::SELECT_READ | io::SELECT_WRITE;
        assert_eq!(io::io_select(&file, both), Ok(both), "{name}");
        // What the shell's > does.
        assert_eq!(fs::file_set_size(&file, 0), Ok(()), "{name}");
        assert_eq!(fs::file_set_size(&file, 1), Err(Error::EINVAL), "{name}");
        let reader = device.open(O_READ).unwrap();
        assert_eq!(io::io_write(&reader, b"x", -1), Err(Error::EBADF), "{name}");
    }
}

#[test]
fn null_swallows_everything_and_gives_nothing() {
    let device = testing::start(Null);
    let file = device.open(BOTH).unwrap();
    for size in [0, 1, 5000, MAX_BULK] {
        assert_eq!(io::io_write(&file, &vec![1; size], -1), Ok(size));
        assert_eq!(read(&file, size), b"");
    }
    assert_eq!(io::io_readable(&file), Ok(0));
}

#[test]
fn zero_gives_zeroes_without_end_and_swallows_everything() {
    let device = testing::start(Zero);
    let file = device.open(BOTH).unwrap();
    for size in [0, 1, 513, 100_000, MAX_BULK] {
        assert!(read(&file, size) == vec![0; size], "{size}");
        assert_eq!(io::io_write(&file, &vec![1; size], -1), Ok(size));
    }
}

#[test]
fn full_has_room_for_nothing() {
    let device = testing::start(Full);
    let file = device.open(BOTH).unwrap();
    assert_eq!(io::io_write(&file, b"x", -1), Err(Error::ENOSPC));
    assert_eq!(
        io::io_write(&file, &vec![0; 100_000], 7),
        Err(Error::ENOSPC)
    );
    assert_eq!(read(&file, 600), [0; 600]);
}

#[test]
fn random_gives_as_many_bytes_as_are_asked_for_and_never_the_same() {
    let device = testing::start(Random::default());
    let (one, other) = (device.open(O_READ).unwrap(), device.open(O_READ).unwrap());
    for size in [0, 1, 7, 1023, 1024, 1025, 100_000, MAX_BULK] {
        assert_eq!(read(&one, size).len(), size);
    }
    let samples = [read(&one, 32), read(&one, 32), read(&other, 32)];
    assert!(samples[0] != samples[1] && samples[1] != samples[2] && samples[0] != samples[2]);
    let much = read(&one, MAX_BULK);
    let mut counts = [0u32; 256];
    much.iter().for_each(|&byte| counts[byte as usize] += 1);
    let expected = (MAX_BULK / 256) as f64;
    let square: f64 = counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2))
        .sum();
    // Chi square with 255 degrees of freedom: beyond these once in a million times.
    let chi = square / expected;
    assert!((160.0..380.0).contains(&chi), "{chi}");
}

#[test]
fn random_takes_whatever_is_written() {
    let device = testing::start(Random::default());
    let file = device.open(BOTH).unwrap();
    for size in [0, 1, 33, 5000, MAX_BULK] {
        assert_eq!(io::io_write(&file, &vec![3; size], -1), Ok(size));
    }
    assert_eq!(read(&file, 100).len(), 100);
}
