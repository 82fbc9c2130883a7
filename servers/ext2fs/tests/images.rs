//! Images that mke2fs makes, served and read through the interface.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use diskfs::{FileServer, NoStarter, Program, Starter};
use ext2fs::Volume;
use interface::fs::{self, O_CREAT, O_NOLINK, O_NOTRANS, O_READ, O_WRITE};
use interface::{fsys, io};
use machuser::sys::Task;
use machuser::{Call, Error, Result, SendRight};
use store::{Io, Memory, Store};

/// A folder of this test alone.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("ext2fs-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tool(program: &str) -> Command {
    let paths = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let found = paths
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|p| p.exists());
    let mut command = Command::new(found.expect("e2fsprogs is installed"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The image of a tree: a large file, a deep path, links, 3000 entries, and a translator.
fn image(name: &str, options: &[&str]) -> Vec<u8> {
    let scratch = Scratch::new(name);
    let tree = scratch.0.join("tree");
    std::fs::create_dir_all(tree.join("a/b/c")).unwrap();
    std::fs::create_dir_all(tree.join("many")).unwrap();
    std::fs::write(tree.join("large"), large()).unwrap();
    std::fs::write(tree.join("a/b/c/file"), b"deep\n").unwrap();
    for i in 0..3000 {
        std::fs::write(tree.join(format!("many/entry-{i}")), b"").unwrap();
    }
    std::os::unix::fs::symlink("b/c", tree.join("a/short")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", tree.join("absolute")).unwrap();
    std::fs::write(tree.join("translated"), b"").unwrap();
    let path = scratch.0.join("image");
    let status = tool("mke2fs")
        .args(["-q", "-F", "-t", "ext2", "-E", "root_owner=0:0"])
        .args(options)
        .arg("-d")
        .arg(&tree)
        .arg(&path)
        .arg("16M")
        .status()
        .unwrap();
    assert!(status.success());
    let record = scratch.0.join("record");
    std::fs::write(&record, b"/hurd/tmpfs\x001M\0").unwrap();
    let request = format!("ea_set -f {} /translated gnu.translator", record.display());
    assert!(
        tool("debugfs")
            .args(["-w", "-R", &request])
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    std::fs::read(&path).unwrap()
}

fn large() -> Vec<u8> {
    (0..3_000_000u32)
        .flat_map(|i| i.to_le_bytes())
        .take(5_000_000)
        .collect()
}

/// Notes what is to be started, and starts nothing.
struct Noting(Arc<Mutex<Vec<Vec<u8>>>>);

impl Starter for Noting {
    fn start(&self, _call: &Call<'_>, program: Program<'_>) -> Result<SendRight> {
        self.0.lock().unwrap().push(program.argv.to_vec());
        Err(Error::EDIED)
    }
}

fn serve(store: Box<dyn Store>, starter: Box<dyn Starter>) -> (Task, FileServer<Volume>) {
    let task = Task::new();
    let server = task.run(|| {
        let volume = Volume::new(store, b"test").expect("a file system");
        let server = FileServer::with_starter(volume, starter).unwrap();
        server.start().unwrap();
        server
    });
    (task, server)
}

fn root(task: &Task, server: &FileServer<Volume>) -> SendRight {
    task.run(|| {
        let root = server.root(vec![0], vec![0], O_READ).unwrap();
        Task::first().give_send((&root).into()).unwrap()
    })
}

fn open(dir: &SendRight, path: &str, flags: i32) -> Result<SendRight> {
    let (retry, name, port) = fs::dir_lookup(dir, path, flags, 0)?;
    assert_eq!(
        (retry, name.as_slice()),
        (fs::FS_RETRY_NORMAL, &b""[..]),
        "{path}"
    );
    Ok(port.unwrap())
}

fn read_all(file: &SendRight) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 300_000];
    loop {
        let count = io::io_read(file, -1, buffer.len(), &mut buffer)?;
        if count == 0 {
            return Ok(all);
        }
        all.extend_from_slice(&buffer[..count]);
    }
}

fn count_entries(dir: &SendRight) -> Result<i32> {
    let mut seen = 0;
    let mut buffer = vec![0; 10_000];
    loop {
        let (_, amount) = fs::dir_readdir(dir, seen, -1, buffer.len(), &mut buffer)?;
        if amount == 0 {
            return Ok(seen);
        }
        seen += amount;
    }
}

fn check_tree(root: &SendRight) {
    assert!(read_all(&open(root, "large", O_READ).unwrap()).unwrap() == large());
    for path in ["a/b/c/file", "a/short/file", "a/./b/../short/../c/file"] {
        assert_eq!(
            read_all(&open(root, path, O_READ).unwrap()).unwrap(),
            b"deep\n",
            "{path}"
        );
    }
    assert_eq!(
        count_entries(&open(root, "many", O_READ).unwrap()),
        Ok(3002)
    );
    assert!(open(root, "many/entry-2999", O_READ).is_ok());
    assert_eq!(
        open(root, "many/entry-3000", O_READ).err(),
        Some(Error::ENOENT)
    );
    let (retry, name, _) = fs::dir_lookup(root, "absolute", O_READ, 0).unwrap();
    assert_eq!(
        (retry, name),
        (fs::FS_RETRY_MAGICAL, b"/etc/passwd".to_vec())
    );
    let link = open(root, "a/short", O_READ | O_NOLINK).unwrap();
    assert_eq!(read_all(&link).unwrap(), b"b/c");
}

#[test]
fn trees_of_every_block_size_are_read() {
    for size in ["1024", "2048", "4096"] {
        let image = image(&format!("size{size}"), &["-b", size]);
        let (task, server) = serve(Box::new(Memory::new(image)), Box::new(NoStarter));
        check_tree(&root(&task, &server));
    }
}

#[test]
fn a_file_system_on_another_servers_file_is_read() {
    // The store is a file of the same kind of server: an image within an image.
    let inner = image("inner", &["-b", "1024"]);
    let scratch = Scratch::new("outer");
    std::fs::create_dir_all(scratch.0.join("tree")).unwrap();
    std::fs::write(scratch.0.join("tree/disk"), &inner).unwrap();
    let path = scratch.0.join("image");
    let made = tool("mke2fs")
        .args(["-q", "-F", "-t", "ext2", "-d"])
        .arg(scratch.0.join("tree"))
        .arg(&path)
        .arg("32M")
        .status();
    assert!(made.unwrap().success());
    let bytes = std::fs::read(&path).unwrap();
    let (task, server) = serve(Box::new(Memory::new(bytes)), Box::new(NoStarter));
    let disk = open(&root(&task, &server), "disk", O_READ).unwrap();
    let other = Task::new();
    let store = {
        let given = other.give_send((&disk).into()).unwrap();
        other.run(|| Io::new(given, None)).unwrap()
    };
    assert_eq!(store.size(), inner.len() as u64);
    assert!(store.read_only());
    let server = other.run(|| {
        let server = FileServer::with_starter(
            Volume::new(Box::new(store), b"file:disk").unwrap(),
            Box::new(NoStarter),
        )
        .unwrap();
        server.start().unwrap();
        server
    });
    check_tree(&root(&other, &server));
}

#[test]
fn nothing_is_written() {
    let image = image("readonly", &[]);
    let (task, server) = serve(Box::new(Memory::new(image)), Box::new(NoStarter));
    let root = root(&task, &server);
    assert_eq!(open(&root, "large", O_WRITE).err(), Some(Error::EROFS));
    assert_eq!(
        open(&root, "new", O_READ | O_CREAT).err(),
        Some(Error::EROFS)
    );
    let file = open(&root, "large", O_READ).unwrap();
    assert_eq!(fs::file_chmod(&file, 0o777), Err(Error::EROFS));
    assert_eq!(fs::file_chown(&file, 1, 1), Err(Error::EROFS));
    assert_eq!(fs::dir_mkdir(&root, "new", 0o755), Err(Error::EROFS));
    assert_eq!(fs::dir_unlink(&root, "large"), Err(Error::EROFS));
    assert_eq!(fs::dir_rmdir(&root, "many"), Err(Error::EROFS));
    assert_eq!(fs::dir_link(&root, &file, "new", 1), Err(Error::EROFS));
    assert_eq!(
        fs::dir_rename(&root, "large", &root, "new", 0),
        Err(Error::EROFS)
    );
    assert_eq!(
        fs::dir_mkfile(&root, O_WRITE, 0o600).err(),
        Some(Error::EROFS)
    );
    let set = fs::FS_TRANS_SET;
    let passive = fs::file_set_translator(&file, set, 0, 0, b"/x\0", None::<SendRight>);
    assert_eq!(passive, Err(Error::EROFS));
    let control = fs::file_getcontrol(&root).unwrap().unwrap();
    assert_eq!(
        fsys::fsys_set_options(&control, b"--writable\0", 0),
        Err(Error::EROFS)
    );
    assert_eq!(
        fsys::fsys_get_options(&control).unwrap(),
        b"--readonly\0test\0"
    );
    let status = fs::file_statfs(&root).unwrap();
    assert!(status.blocks * status.bsize > 14 << 20 && status.bfree < status.blocks);
}

#[test]
fn recorded_translators_are_started() {
    let image = image("translator", &[]);
    let started = Arc::new(Mutex::new(Vec::new()));
    let starter = Box::new(Noting(started.clone()));
    let (task, server) = serve(Box::new(Memory::new(image)), starter);
    let root = root(&task, &server);
    let node = open(&root, "translated", O_NOTRANS).unwrap();
    assert_eq!(io::io_stat(&node).unwrap().mode >> 21, 1);
    assert_eq!(
        fs::file_get_translator(&node).unwrap(),
        b"/hurd/tmpfs\x001M\0"
    );
    assert_eq!(open(&root, "translated", O_READ).err(), Some(Error::EDIED));
    assert_eq!(*started.lock().unwrap(), [b"/hurd/tmpfs\x001M\0".to_vec()]);
    let plain = open(&root, "large", 0).unwrap();
    assert_eq!(fs::file_get_translator(&plain), Err(Error::EINVAL));
}

#[test]
fn a_damaged_image_leads_to_errors_only() {
    let good = image("damaged", &["-b", "1024"]);
    assert!(Volume::new(Box::new(Memory::new(vec![0; 1 << 20])), b"").is_err());
    assert!(Volume::new(Box::new(Memory::new(good[..1 << 20].to_vec())), b"").is_err());
    let mut seed = 1u64;
    for _ in 0..40 {
        let mut bad = good.clone();
        for _ in 0..2000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // The metadata is at the front of the image.
            let at = 2048 + (seed >> 33) as usize % (1 << 20);
            bad[at] ^= (seed >> 20) as u8;
        }
        let Ok(volume) = Volume::new(Box::new(Memory::new(bad)), b"") else {
            continue;
        };
        let task = Task::new();
        let server = task.run(|| {
            let server = FileServer::with_starter(volume, Box::new(NoStarter)).unwrap();
            server.start().unwrap();
            server
        });
        let root = root(&task, &server);
        for path in [
            "large",
            "a/b/c/file",
            "a/short/file",
            "many/entry-17",
            "many",
        ] {
            if let Ok(file) = open(&root, path, O_READ) {
                let _ = io::io_stat(&file);
                let _ = read_all(&file);
                let _ = count_entries(&file);
            }
        }
        task.kill();
    }
}

#[test]
fn many_readers_at_once_get_what_is_there() {
    let image = image("readers", &[]);
    let (task, server) = serve(Box::new(Memory::new(image)), Box::new(NoStarter));
    let root = root(&task, &server);
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let root = root.clone();
            std::thread::spawn(move || check_tree(&root))
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}
