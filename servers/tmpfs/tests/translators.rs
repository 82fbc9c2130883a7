//! Translators on nodes: recorded, started, dying, replaced.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use common::*;
use diskfs::{FileServer, Program, Starter};
use interface::fs::{
    self, FS_RETRY_NORMAL, FS_TRANS_EXCL, FS_TRANS_FORCE, FS_TRANS_SET, O_CREAT, O_NOTRANS, O_READ,
    O_WRITE,
};
use interface::{fsys, io};
use machuser::sys::Task;
use machuser::{Call, Error, Result, SendRight};
use tmpfs::Volume;

const ALICE: u32 = 1000;

/// What has been started.
#[derive(Default)]
struct Log {
    /// Arguments, uid, gid.
    started: Mutex<Vec<(String, u32, u32)>>,
    children: Mutex<Vec<Task>>,
    /// The number of the underlying node, as the translator saw it.
    underlying: AtomicUsize,
    parent: OnceLock<Arc<Task>>,
}

impl Log {
    /// Serves a file system in a task of its own; a right of its control port for the parent.
    fn child(&self) -> SendRight {
        let child = Task::new();
        let control = child.run(|| {
            let volume = Volume::new(1 << 20, 0o777, 0, 0).unwrap();
            let server = FileServer::with_starter(volume, Box::new(diskfs::NoStarter)).unwrap();
            server.start().unwrap();
            let control = server.control().unwrap();
            self.parent
                .get()
                .unwrap()
                .give_send((&control).into())
                .unwrap()
        });
        self.children.lock().unwrap().push(child);
        control
    }

    fn kill_all(&self) {
        for child in self.children.lock().unwrap().drain(..) {
            child.kill();
        }
    }

    fn count(&self) -> usize {
        self.started.lock().unwrap().len()
    }
}

struct Fake(Arc<Log>);

impl Starter for Fake {
    fn start(&self, _call: &Call<'_>, program: Program<'_>) -> Result<SendRight> {
        let argv = String::from_utf8(program.argv.to_vec())
            .unwrap()
            .replace('\0', " ");
        self.0
            .started
            .lock()
            .unwrap()
            .push((argv.clone(), program.uid, program.gid));
        if argv.starts_with("/hurd/missing") {
            return Err(Error::ENOENT);
        }
        // What the program would do with its answer to fsys_startup.
        let task = Task::new();
        let right = (program.underlying)(O_READ)?;
        let number = task
            .give_send(right)
            .map(|node| task.run(|| io::io_stat(&node).map(|status| status.ino).unwrap_or(0)))?;
        self.0.underlying.store(number as usize, Ordering::SeqCst);
        Ok(self.0.child())
    }
}

fn served() -> (Served, Arc<Log>) {
    let log = Arc::new(Log::default());
    let served = serve_with(16 << 20, Box::new(Fake(log.clone())));
    // The same task again, for whoever gives it rights.
    assert!(log.parent.set(served.task()).is_ok());
    (served, log)
}

fn set_passive(node: &SendRight, flags: i32, record: &[u8]) -> Result<()> {
    fs::file_set_translator(node, FS_TRANS_SET | flags, 0, 0, record, None::<SendRight>)
}

/// Follows retries as a client does.
fn walk(dir: &SendRight, path: &str, flags: i32) -> Result<SendRight> {
    let mut from = dir.clone();
    let mut name = path.as_bytes().to_vec();
    loop {
        let (retry, next, port) = fs::dir_lookup(&from, &name, flags, 0o644)?;
        assert_eq!(retry, FS_RETRY_NORMAL);
        from = port.unwrap();
        if next.is_empty() {
            return Ok(from);
        }
        name = next;
    }
}

#[test]
fn a_recorded_translator_starts_at_the_first_look_up_as_the_owner() {
    let (served, log) = served();
    let root = served.root();
    fs::dir_mkdir(&root, "mnt", 0o755).unwrap();
    let node = open(&root, "mnt", O_NOTRANS, 0).unwrap();
    fs::file_chown(&node, ALICE, 7).unwrap();
    set_passive(&node, 0, b"/hurd/tmpfs\x001M\0").unwrap();
    assert_eq!(log.count(), 0);
    assert_eq!(
        io::io_stat(&node).unwrap().mode >> 21,
        1,
        "recorded, not active"
    );
    assert_eq!(
        fs::file_get_translator(&node).unwrap(),
        b"/hurd/tmpfs\x001M\0"
    );
    // The answer is the translator's root and what is left of the name.
    let (retry, rest, port) = fs::dir_lookup(&root, "mnt/a/b/", O_READ, 0).unwrap();
    assert_eq!((retry, rest), (FS_RETRY_NORMAL, b"a/b/".to_vec()));
    assert_eq!(io::io_stat(port.unwrap()).unwrap().ino, 1);
    assert_eq!(
        *log.started.lock().unwrap(),
        [("/hurd/tmpfs 1M ".to_string(), ALICE, 7)]
    );
    let number = io::io_stat(&node).unwrap().ino;
    assert_eq!(log.underlying.load(Ordering::SeqCst) as u64, number);
    assert_eq!(
        io::io_stat(&node).unwrap().mode >> 21,
        3,
        "recorded and active"
    );
    // It runs once, and keeps what is put into it.
    write(
        &walk(&root, "mnt/file", O_WRITE | O_CREAT).unwrap(),
        b"inside",
    );
    assert_eq!(
        read_all(&walk(&root, "mnt/file", O_READ).unwrap()),
        b"inside"
    );
    assert_eq!(log.count(), 1);
    // The node under it is still there.
    assert_eq!(
        names(&open(&root, "mnt", O_READ | O_NOTRANS, 0).unwrap()),
        [".", ".."]
    );
}

#[test]
fn a_translator_that_died_is_started_again() {
    let (served, log) = served();
    let root = served.root();
    fs::dir_mkdir(&root, "mnt", 0o755).unwrap();
    let node = open(&root, "mnt", O_NOTRANS, 0).unwrap();
    set_passive(&node, 0, b"/hurd/tmpfs\0").unwrap();
    let inside = walk(&root, "mnt", O_READ).unwrap();
    log.kill_all();
    assert!(io::io_stat(&inside).unwrap_err().is_server_died());
    assert!(walk(&root, "mnt", O_READ).is_ok());
    assert_eq!(log.count(), 2);
    log.kill_all();
    // Without a record it is gone for good.
    set_passive(&node, 0, b"").unwrap();
    assert_eq!(names(&walk(&root, "mnt", O_READ).unwrap()), [".", ".."]);
    assert_eq!(log.count(), 2);
    assert_eq!(fs::file_get_translator(&node), Err(Error::EINVAL));
}

#[test]
fn dotdot_of_a_translator_leads_back() {
    let (served, _log) = served();
    let root = served.root();
    fs::dir_mkdir(&root, "dir", 0o755).unwrap();
    let dir = open(&root, "dir", O_READ, 0).unwrap();
    fs::dir_mkdir(&dir, "mnt", 0o755).unwrap();
    set_passive(
        &open(&dir, "mnt", O_NOTRANS, 0).unwrap(),
        0,
        b"/hurd/tmpfs\0",
    )
    .unwrap();
    let inside = walk(&root, "dir/mnt", O_READ).unwrap();
    let (retry, rest, port) = fs::dir_lookup(&inside, "../x/y", 0, 0).unwrap();
    assert_eq!((retry, rest), (fs::FS_RETRY_REAUTH, b"x/y".to_vec()));
    let number = |port: &SendRight| io::io_stat(port).unwrap().ino;
    let back = port.unwrap();
    assert_eq!(number(&back), number(&dir));
    // It has no ids: what is not for everybody is closed to it until it is authenticated.
    fs::file_chmod(open(&root, "dir", O_NOTRANS, 0).unwrap(), 0o700).unwrap();
    assert_eq!(open(&back, "mnt", 0, 0).err(), Some(Error::EACCES));
    let (retry, rest, _) = fs::dir_lookup(&inside, "../", 0, 0).unwrap();
    assert_eq!((retry, rest), (fs::FS_RETRY_REAUTH, b"/".to_vec()));
}

#[test]
fn only_the_owner_sets_translators() {
    let (served, _log) = served();
    let root = served.root();
    drop(create(&root, "file"));
    let alice = served.root_for(&[ALICE], &[ALICE]);
    let hers = open(&alice, "file", 0, 0).unwrap();
    assert_eq!(set_passive(&hers, 0, b"/hurd/x\0"), Err(Error::EPERM));
    let active = fs::file_set_translator(&hers, 0, FS_TRANS_SET, 0, &[], Some(served.control()));
    assert_eq!(active, Err(Error::EPERM));
    assert_eq!(
        fs::file_get_translator_cntl(&hers).err(),
        Some(Error::EPERM)
    );
    fs::file_chown(open(&root, "file", 0, 0).unwrap(), ALICE, ALICE).unwrap();
    assert_eq!(set_passive(&hers, 0, b"/hurd/x"), Err(Error::EINVAL));
    assert_eq!(set_passive(&hers, 0, b"/hurd/x\0"), Ok(()));
    assert_eq!(
        set_passive(&hers, FS_TRANS_EXCL, b"/hurd/y\0"),
        Err(Error::EBUSY)
    );
    assert_eq!(set_passive(&hers, 0, b"/hurd/y\0"), Ok(()));
    // A new owner has not agreed to run it.
    fs::file_chown(open(&root, "file", O_NOTRANS, 0).unwrap(), 0, 0).unwrap();
    assert_eq!(fs::file_get_translator(&hers), Err(Error::EINVAL));
}

#[test]
fn active_translators_are_set_replaced_and_listed() {
    let (served, log) = served();
    let root = served.root();
    fs::dir_mkdir(&root, "a", 0o755).unwrap();
    fs::dir_mkdir(open(&root, "a", O_READ, 0).unwrap(), "mnt", 0o755).unwrap();
    let node = open(&root, "a/mnt", O_NOTRANS, 0).unwrap();
    let control = || served.task_give(log.child());
    assert_eq!(
        fs::file_get_translator_cntl(&node).err(),
        Some(Error::ENXIO)
    );
    fs::file_set_translator(&node, 0, FS_TRANS_SET, 0, &[], Some(control())).unwrap();
    assert!(fs::file_get_translator_cntl(&node).unwrap().is_some());
    let exclusive = FS_TRANS_SET | FS_TRANS_EXCL;
    let second = fs::file_set_translator(&node, 0, exclusive, 0, &[], Some(control()));
    assert_eq!(second, Err(Error::EBUSY));
    let (names, controls) = fsys::fsys_get_children(served.control()).unwrap();
    assert_eq!((names.as_slice(), controls.len()), (&b"a/mnt\0"[..], 1));
    // A mounted directory is not removed.
    let a = open(&root, "a", O_READ, 0).unwrap();
    assert_eq!(fs::dir_rmdir(&a, "mnt"), Err(Error::EBUSY));
    // The old one is asked to go, and refuses while it is used.
    let inside = walk(&root, "a/mnt", O_READ).unwrap();
    let replaced = fs::file_set_translator(&node, 0, FS_TRANS_SET, 0, &[], None::<SendRight>);
    assert_eq!(replaced, Err(Error::EBUSY));
    let force = fsys::FSYS_GOAWAY_FORCE;
    fs::file_set_translator(&node, 0, FS_TRANS_SET, force, &[], None::<SendRight>).unwrap();
    assert_eq!(
        fs::file_get_translator_cntl(&node).err(),
        Some(Error::ENXIO)
    );
    drop(inside);
    assert!(
        fsys::fsys_get_children(served.control())
            .unwrap()
            .1
            .is_empty()
    );
    fs::dir_rmdir(&a, "mnt").unwrap();
}

#[test]
fn records_that_are_kinds_of_nodes_become_kinds_of_nodes() {
    let (served, log) = served();
    let root = served.root();
    let kind = |name: &str| io::io_stat(open(&root, name, O_NOTRANS, 0).unwrap()).unwrap();
    for (record, mode) in [
        (&b"/hurd/chrdev\x004\x00300\0"[..], 0o020_000),
        (b"/hurd/blkdev\x003\x007\0", 0o060_000),
        (b"/hurd/fifo\0", 0o010_000),
        (b"/hurd/ifsock\0", 0o140_000),
        (b"/hurd/symlink\0target\0", 0o120_000),
    ] {
        let name = format!("node{mode:o}");
        let node = create(&root, &name);
        set_passive(&node, 0, record).unwrap();
        assert_eq!(kind(&name).mode & 0o170_000, mode);
        assert_eq!(fs::file_get_translator(&node).unwrap(), record);
        set_passive(&node, 0, b"").unwrap();
        assert_eq!(kind(&name).mode & 0o170_000, 0o100_000);
    }
    let node = create(&root, "device");
    set_passive(&node, 0, b"/hurd/chrdev\x004\x00300\0").unwrap();
    assert_eq!(kind("device").rdev, 44 | 4 << 8 | 1 << 20);
    // Looking such a node up starts the program that its kind stands for.
    walk(&root, "device", 0).unwrap();
    assert_eq!(log.started.lock().unwrap()[0].0, "/hurd/chrdev 4 300 ");
    let file = create(&root, "plain");
    assert_eq!(
        set_passive(&file, 0, b"/hurd/chrdev\0x\x00y\0"),
        Err(Error::EINVAL)
    );
    assert_eq!(
        set_passive(&file, 0, b"/hurd/symlink\0"),
        Err(Error::EINVAL)
    );
    set_passive(&file, FS_TRANS_FORCE, b"/hurd/fifo\0").unwrap();
    assert_eq!(kind("plain").mode & 0o170_000, 0o100_000);
    fs::dir_mkdir(&root, "dir", 0o755).unwrap();
    let dir = open(&root, "dir", O_NOTRANS, 0).unwrap();
    assert_eq!(set_passive(&dir, 0, b"/hurd/fifo\0"), Err(Error::EISDIR));
}

#[test]
fn a_program_that_does_not_start_is_an_error_for_the_look_up() {
    let (served, log) = served();
    let root = served.root();
    let node = create(&root, "file");
    set_passive(&node, 0, b"/hurd/missing\0").unwrap();
    assert_eq!(walk(&root, "file", O_READ).err(), Some(Error::ENOENT));
    assert_eq!(walk(&root, "file", O_READ).err(), Some(Error::ENOENT));
    assert_eq!(log.count(), 2);
    assert!(open(&root, "file", O_READ | O_NOTRANS, 0).is_ok());
}

#[test]
fn many_look_ups_at_once_start_one_program() {
    let (served, log) = served();
    let root = served.root();
    fs::dir_mkdir(&root, "mnt", 0o755).unwrap();
    set_passive(
        &open(&root, "mnt", O_NOTRANS, 0).unwrap(),
        0,
        b"/hurd/tmpfs\0",
    )
    .unwrap();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let root = root.clone();
            std::thread::spawn(move || walk(&root, "mnt", O_READ).map(drop))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Ok(()));
    }
    assert_eq!(log.count(), 1);
}

#[test]
fn the_control_port_answers_for_the_whole() {
    let (served, _log) = served();
    let control = served.control();
    assert_eq!(fsys::fsys_get_options(&control).unwrap(), b"16M\0");
    fsys::fsys_set_options(&control, b"2M\0", 0).unwrap();
    assert_eq!(fsys::fsys_get_options(&control).unwrap(), b"2M\0");
    assert_eq!(
        fsys::fsys_set_options(&control, b"-x\0", 0),
        Err(Error::EINVAL)
    );
    assert_eq!(
        fsys::fsys_set_options(&control, b"2M", 0),
        Err(Error::EINVAL)
    );
    assert_eq!(fsys::fsys_get_source(&control).unwrap(), b"none");
    fsys::fsys_syncfs(&control, 1, 1).unwrap();
    assert_eq!(
        fsys::fsys_getfile(&control, &[0], &[0], b"1").err(),
        Some(Error::EOPNOTSUPP)
    );
    // Ids given with the control port are believed; dotdot of a root without parent is itself.
    let (retry, rest, port) =
        fsys::fsys_getroot(&control, None::<SendRight>, &[ALICE], &[], O_READ).unwrap();
    assert_eq!((retry, rest), (FS_RETRY_NORMAL, Vec::new()));
    let port = port.unwrap();
    assert_eq!(open(&port, "x", O_CREAT, 0o600).err(), Some(Error::EACCES));
    let status = io::io_stat(open(&port, "..", 0, 0).unwrap()).unwrap();
    assert_eq!(
        (status.ino, status.mode >> 21),
        (1, 4),
        "the root of a file system"
    );
    assert_eq!(fsys::fsys_goaway(&control, 0), Err(Error::EBUSY));
    assert!(names(&port).len() == 2);
}

#[test]
fn a_reparented_directory_is_a_root() {
    let (served, _log) = served();
    let root = served.root();
    fs::dir_mkdir(&root, "jail", 0o755).unwrap();
    let jail = open(&root, "jail", O_READ, 0).unwrap();
    fs::dir_mkdir(&jail, "sub", 0o755).unwrap();
    let shut = fs::file_reparent(&jail, None::<SendRight>)
        .unwrap()
        .unwrap();
    let number =
        |dir: &SendRight, path: &str| io::io_stat(open(dir, path, 0, 0).unwrap()).unwrap().ino;
    assert_eq!(number(&shut, "../.."), number(&root, "jail"));
    assert_eq!(number(&shut, "sub/../../sub"), number(&root, "jail/sub"));
    let led = fs::file_reparent(&jail, &root).unwrap().unwrap();
    let (retry, rest, _) = fs::dir_lookup(&led, "sub/../../x", 0, 0).unwrap();
    assert_eq!((retry, rest), (fs::FS_RETRY_REAUTH, b"x".to_vec()));
}

#[test]
fn a_translator_that_was_only_passed_through_can_go_away() {
    let (served, log) = served();
    let root = served.root();
    fs::dir_mkdir(&root, "mnt", 0o755).unwrap();
    let node = open(&root, "mnt", O_NOTRANS, 0).unwrap();
    set_passive(&node, 0, b"/hurd/tmpfs\0").unwrap();
    for _ in 0..3 {
        assert_eq!(walk(&root, "mnt/none", 0).err(), Some(Error::ENOENT));
    }
    assert_eq!(log.count(), 1);
    let control = fs::file_get_translator_cntl(&node).unwrap().unwrap();
    fsys::fsys_goaway(control, 0).unwrap();
    // Another user does not get what was answered to the first.
    let nobody = served.root_for(&[], &[]);
    fs::file_chmod(walk(&root, "mnt", 0).unwrap(), 0o700).unwrap();
    assert_eq!(walk(&root, "mnt/none", 0).err(), Some(Error::ENOENT));
    assert_eq!(walk(&nobody, "mnt/none", 0).err(), Some(Error::EACCES));
}
