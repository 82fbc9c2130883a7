//! Images made by e2fsprogs, and devices that count or fail.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use ext2::testing::Random;
use ext2::{BlockDevice, DeviceError, Error, Fs, Ino, MountOptions};

/// A directory of one test, empty at its start.
pub fn workspace(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Runs a program of e2fsprogs, which Debian keeps where only root looks.
pub fn run(program: &str, arguments: &[&str], input: &str) -> (i32, String) {
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let mut child = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .env("E2FSPROGS_FAKE_TIME", "1700000000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error} (package e2fsprogs)"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let status = output.status.code().unwrap_or(-1);
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if status != 0 {
        text += &String::from_utf8_lossy(&output.stderr);
    }
    (status, text)
}

/// An ext2 image in a file.
pub struct Image {
    pub path: PathBuf,
}

impl Image {
    /// `mke2fs ARGUMENTS [-d SOURCE] PATH SIZE`, the same bytes each time.
    pub fn make(path: PathBuf, arguments: &[&str], source: Option<&Path>, size: &str) -> Image {
        const UUID: &str = "e440cd89-3a0a-3f87-d8fd-b957bf9ef3a5";
        let seed = format!("hash_seed={UUID}");
        let file = path.to_str().unwrap();
        let _ = fs::remove_file(&path);
        let mut all = vec!["-q", "-F", "-U", UUID, "-E", &seed];
        all.extend(arguments);
        if let Some(source) = source {
            all.extend(["-d", source.to_str().unwrap()]);
        }
        all.extend([file, size]);
        let (status, text) = run("mke2fs", &all, "");
        assert_eq!(status, 0, "mke2fs {all:?}: {text}");
        Image { path }
    }

    /// Runs commands of `debugfs -w`, and returns what they print.
    pub fn debugfs(&self, commands: &str) -> String {
        let (status, text) = run("debugfs", &["-w", "-f", "-", self.file()], commands);
        assert_eq!(status, 0, "debugfs: {text}");
        text
    }

    /// Repairs, or with `-D` indexes directories.
    pub fn e2fsck(&self, arguments: &[&str]) {
        let mut all = arguments.to_vec();
        all.push(self.file());
        let (status, text) = run("e2fsck", &all, "");
        assert!(status <= 1, "e2fsck {all:?}: {text}");
    }

    fn file(&self) -> &str {
        self.path.to_str().unwrap()
    }

    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    pub fn device(&self) -> FileDevice {
        FileDevice::open(&self.path)
    }

    pub fn mount(&self) -> Fs<FileDevice> {
        self.try_mount()
            .unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }

    pub fn try_mount(&self) -> Result<Fs<FileDevice>, Error> {
        Fs::mount(self.device(), &MountOptions::default())
    }

    /// Overwrites bytes of the image.
    pub fn poke(&self, offset: u64, bytes: &[u8]) {
        let file = File::options().write(true).open(&self.path).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    }

    pub fn peek16(&self, offset: u64) -> u16 {
        let mut bytes = [0; 2];
        File::open(&self.path)
            .unwrap()
            .read_exact_at(&mut bytes, offset)
            .unwrap();
        u16::from_le_bytes(bytes)
    }

    pub fn peek32(&self, offset: u64) -> u32 {
        u32::from(self.peek16(offset)) | u32::from(self.peek16(offset + 2)) << 16
    }
}

/// An image file as a device that remembers its requests.
pub struct FileDevice {
    file: File,
    size: u64,
    /// Offset and length of each request.
    pub requests: RefCell<Vec<(u64, usize)>>,
}

impl FileDevice {
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let size = file.metadata().unwrap().len();
        FileDevice {
            file,
            size,
            requests: RefCell::default(),
        }
    }
}

impl BlockDevice for FileDevice {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        self.requests.borrow_mut().push((offset, buffer.len()));
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|_| DeviceError::OutOfRange)
    }

    fn read_vectored(&self, offset: u64, buffers: &mut [&mut [u8]]) -> Result<(), DeviceError> {
        let length = buffers.iter().map(|buffer| buffer.len()).sum();
        self.requests.borrow_mut().push((offset, length));
        let mut at = offset;
        for buffer in buffers {
            self.file
                .read_exact_at(buffer, at)
                .map_err(|_| DeviceError::OutOfRange)?;
            at += buffer.len() as u64;
        }
        Ok(())
    }
}

/// Bytes in memory as a device that counts requests, and fails some of them.
pub struct MemoryDevice<'a> {
    pub bytes: &'a [u8],
    pub requests: Cell<u64>,
    /// One request of this many fails; 0 means none.
    pub fail_one_of: Cell<usize>,
    random: RefCell<Random>,
}

impl<'a> MemoryDevice<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        MemoryDevice {
            bytes,
            requests: Cell::new(0),
            fail_one_of: Cell::new(0),
            random: RefCell::new(Random::new(1)),
        }
    }
}

impl BlockDevice for MemoryDevice<'_> {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        self.requests.set(self.requests.get() + 1);
        if self.fail_one_of.get() != 0
            && self.random.borrow_mut().below(self.fail_one_of.get()) == 0
        {
            return Err(DeviceError::Io);
        }
        self.bytes.read(offset, buffer)
    }
}

/// Bytes that are different everywhere.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let words = (0..length.div_ceil(8)).flat_map(|_| random.next_u64().to_le_bytes());
    words.take(length).collect()
}

/// Where the sparse file has data, such that every kind of block number is used at both its ends.
pub fn sparse_offsets(block_size: u64) -> Vec<u64> {
    let fan_out = block_size / 4;
    let double = 12 + fan_out;
    let triple = double + fan_out * fan_out;
    let blocks = [
        0,
        11,
        12,
        double - 1,
        double,
        double + fan_out,
        triple - 1,
        triple,
        triple + 70_000,
    ];
    let offsets = blocks.iter().map(|block| block * block_size + 300);
    // The host's own file system may end at 16 TiB.
    offsets.filter(|&offset| offset < 8 << 40).collect()
}

/// Makes a tree with every kind of file that an unprivileged program can make, and fixed times.
pub fn source_tree(root: &Path, block_size: u64) {
    fs::create_dir_all(root.join("files/deep/er")).unwrap();
    for length in [
        0, 1, 59, 1023, 1024, 1025, 4095, 4096, 4097, 12_288, 49_152, 49_153, 300_000,
    ] {
        fs::write(
            root.join(format!("files/{length}")),
            noise(length as u64, length),
        )
        .unwrap();
    }
    fs::write(root.join("files/deep/er/large"), noise(7, 1_500_001)).unwrap();
    fs::hard_link(root.join("files/4096"), root.join("files/deep/same")).unwrap();

    let sparse = File::create(root.join("sparse")).unwrap();
    for offset in sparse_offsets(block_size) {
        sparse.write_all_at(&noise(offset, 100), offset).unwrap();
    }
    let end = *sparse_offsets(block_size).last().unwrap() + 5 * block_size;
    sparse.set_len(end).unwrap();
    let hole = File::create(root.join("hole")).unwrap();
    hole.set_len(1 << 20).unwrap();

    for length in [1, 2, 58, 59, 60, 61, 500, 1000] {
        let target = "x".repeat(length);
        symlink(&target, root.join(format!("link-{length}"))).unwrap();
    }
    symlink("files/deep/er/large", root.join("link")).unwrap();

    fs::create_dir(root.join("names")).unwrap();
    for index in 0..150 {
        let name = format!("{index:03}-{}", "long".repeat(index % 60));
        fs::write(root.join("names").join(name), index.to_string()).unwrap();
    }
    fs::write(root.join("names").join("é".repeat(127)), "utf-8").unwrap();
    fs::create_dir(root.join("empty")).unwrap();

    let mode = |path: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("files/1", 0o4755);
    mode("files/59", 0o000);
    mode("empty", 0o1777);
    mode("files/1023", 0o6600);
    // Only the privileged can; the comparison takes what there is.
    let _ = std::os::unix::fs::chown(root.join("files/1024"), Some(70_000), Some(80_001));
    let time = UNIX_EPOCH + Duration::from_secs(1_234_567_890);
    File::open(root.join("files/4096"))
        .unwrap()
        .set_modified(time)
        .unwrap();
}

/// Follows a path from the root.
pub fn resolve<D: BlockDevice>(fs: &mut Fs<D>, path: &str) -> Result<Ino, Error> {
    let mut ino = fs.root();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        ino = fs.lookup(ino, name.as_bytes())?;
    }
    Ok(ino)
}

/// All of a file.
pub fn contents<D: BlockDevice>(fs: &mut Fs<D>, ino: Ino) -> Result<Vec<u8>, Error> {
    let size = fs.inode(ino)?.size as usize;
    let mut bytes = Vec::new();
    let length = fs.read(ino, 0, size, |slice| bytes.extend_from_slice(slice))?;
    assert_eq!(length, bytes.len());
    Ok(bytes)
}
