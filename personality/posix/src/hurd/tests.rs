//! The back end against servers over the loopback system.

use std::sync::{Mutex, MutexGuard, PoisonError};

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use diskfs::{FileServer, NoStarter};
use interface::fs::{FS_RETRY_MAGICAL, FS_RETRY_NORMAL, FS_RETRY_REAUTH};
use interface::{auth, fs, io};
use machuser::env::{self, Startup, init_port};
use machuser::sys::Task;
use machuser::{Call, Error, Outcome, Request, Right, SendRight};
use ports::{Object, Server};
use tmpfs::Volume;

use super::*;
use crate::fs::{
    Kind, O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_READ, O_TRUNC, O_WRITE, SetTime,
    Whence,
};
use crate::time::Timespec;

/// What a program was started with is the whole process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn start_with(root: SendRight, auth: Option<SendRight>) {
    let mut startup = Startup {
        fds: vec![None, None, None],
        ..Startup::default()
    };
    startup.ports[init_port::CWDIR] = Some(root.clone());
    startup.ports[init_port::CRDIR] = Some(root);
    startup.ports[init_port::AUTH] = auth;
    env::set(startup);
}

/// A process whose root is a new file system in memory.
struct Rooted {
    _task: Task,
    _server: FileServer<Volume>,
    _alone: MutexGuard<'static, ()>,
}

fn rooted() -> Rooted {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let task = Task::new();
    let (server, root) = task.run(|| {
        let volume = Volume::new(64 << 20, 0o755, 0, 0).expect("room for the root");
        let server = FileServer::with_starter(volume, alloc::boxed::Box::new(NoStarter));
        let server = server.expect("a server");
        server.start().expect("threads");
        let root = server.root(vec![0], vec![0], fs::O_READ).expect("a root");
        let root = Task::first().give_send((&root).into()).expect("a right");
        (server, root)
    });
    start_with(root, None);
    Rooted {
        _task: task,
        _server: server,
        _alone: alone,
    }
}

fn put(path: &[u8], content: &[u8]) {
    let fd = open(path, O_WRITE | O_CREAT | O_TRUNC, 0o644).expect("a file");
    assert_eq!(write(fd, content), Ok(content.len()));
    close(fd).expect("closed");
}

fn get(path: &[u8]) -> Vec<u8> {
    let fd = open(path, O_READ, 0).expect("a file");
    let mut content = vec![0; 1 << 20];
    let count = read(fd, &mut content).expect("its content");
    close(fd).expect("closed");
    content.truncate(count);
    content
}

fn names_in(path: &[u8]) -> Vec<Vec<u8>> {
    let mut directory = ReadDir::open(path).expect("a directory");
    let mut names = Vec::new();
    while let Some(entry) = directory.next() {
        names.push(entry.expect("an entry").name);
    }
    names.sort();
    names
}

#[test]
fn files_are_written_read_and_positioned() {
    let _rooted = rooted();
    put(b"/file", b"hello");
    assert_eq!(get(b"file"), b"hello");
    let fd = open(b"/file", O_READ | O_WRITE, 0).unwrap();
    assert_eq!(lseek(fd, -2, Whence::End), Ok(3));
    let mut two = [0; 2];
    assert_eq!(read(fd, &mut two), Ok(2));
    assert_eq!(&two, b"lo");
    assert_eq!(read(fd, &mut two), Ok(0));
    assert_eq!(pwrite(fd, b"J", 0), Ok(1));
    assert_eq!(pread(fd, &mut two, 0), Ok(2));
    assert_eq!(&two, b"Je");
    ftruncate(fd, 1).unwrap();
    assert_eq!(fstat(fd).unwrap().size, 1);
    close(fd).unwrap();
    let fd = open(b"/file", O_WRITE | O_APPEND, 0).unwrap();
    assert_eq!(write(fd, b"!!"), Ok(2));
    assert_eq!(get(b"/file"), b"J!!");
    assert_eq!(
        open(b"/file", O_WRITE | O_CREAT | O_EXCL, 0o600),
        Err(Errno::EEXIST)
    );
    assert_eq!(open(b"/nope", O_READ, 0), Err(Errno::ENOENT));
    assert_eq!(open(b"/file/x", O_READ, 0), Err(Errno::ENOTDIR));
    assert_eq!(open(b"", O_READ, 0), Err(Errno::ENOENT));
    assert_eq!(open(b"/fi\0le", O_READ, 0), Err(Errno::EINVAL));
    assert_eq!(open(b"/file", O_READ | O_DIRECTORY, 0), Err(Errno::ENOTDIR));
}

#[test]
fn large_transfers_go_through() {
    let _rooted = rooted();
    let content: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let fd = open(b"/large", O_READ | O_WRITE | O_CREAT, 0o644).unwrap();
    let mut written = 0;
    while written < content.len() {
        written += write(fd, &content[written..]).unwrap();
    }
    lseek(fd, 0, Whence::Start).unwrap();
    let mut back = vec![0; content.len()];
    let mut done = 0;
    while done < back.len() {
        done += read(fd, &mut back[done..]).unwrap();
    }
    assert!(back == content);
    close(fd).unwrap();
}

#[test]
fn descriptors_are_the_lowest_free_ones_and_share_a_position() {
    let _rooted = rooted();
    put(b"/f", b"abcdef");
    let a = open(b"/f", O_READ, 0).unwrap();
    let b = dup(a, 10, true).unwrap();
    assert!(b >= 10);
    assert_eq!(close_on_exec(b), Ok(true));
    assert_eq!(close_on_exec(a), Ok(false));
    let mut two = [0; 2];
    assert_eq!(read(a, &mut two), Ok(2));
    assert_eq!(read(b, &mut two), Ok(2));
    assert_eq!(&two, b"cd");
    close(a).unwrap();
    assert_eq!(open(b"/f", O_READ, 0), Ok(a));
    dup2(b, a).unwrap();
    assert_eq!(read(a, &mut two), Ok(2));
    assert_eq!(&two, b"ef");
    assert_eq!(close(99), Err(Errno::EBADF));
    assert_eq!(close(-1), Err(Errno::EBADF));
    close(a).unwrap();
    assert_eq!(close(a), Err(Errno::EBADF));
    close(b).unwrap();
}

#[test]
fn directories_of_any_size_are_read() {
    let _rooted = rooted();
    mkdir(b"/many", 0o755).unwrap();
    let count = 5000;
    for i in 0..count {
        put(
            alloc::format!("/many/a-rather-long-file-name-{i}").as_bytes(),
            b"",
        );
    }
    assert_eq!(names_in(b"/many").len(), count + 2);
    assert!(matches!(
        ReadDir::open(b"/many/a-rather-long-file-name-0"),
        Err(Errno::ENOTDIR)
    ));
}

#[test]
fn names_are_made_moved_and_removed() {
    let _rooted = rooted();
    mkdir(b"/d", 0o777).unwrap();
    mkdir(b"/d/e/", 0o755).unwrap();
    assert_eq!(mkdir(b"/d", 0o755), Err(Errno::EEXIST));
    put(b"/d/f", b"x");
    link(b"/d/f", b"/d/g").unwrap();
    assert_eq!(stat(b"/d/g").unwrap().nlink, 2);
    rename(b"/d/g", b"/moved").unwrap();
    assert_eq!(names_in(b"/d"), [&b"."[..], b"..", b"e", b"f"]);
    assert_eq!(rmdir(b"/d"), Err(Errno::ENOTEMPTY));
    unlink(b"/d/f").unwrap();
    rmdir(b"/d/e").unwrap();
    rmdir(b"/d").unwrap();
    assert_eq!(stat(b"/d").map(|s| s.ino), Err(Errno::ENOENT));
    assert_eq!(get(b"/moved"), b"x");
}

#[test]
fn symbolic_links_are_followed_or_not() {
    let _rooted = rooted();
    mkdir(b"/d", 0o755).unwrap();
    put(b"/d/f", b"content");
    symlink(b"/d/f", b"/absolute").unwrap();
    symlink(b"d/f", b"/relative").unwrap();
    symlink(b"/loop", b"/loop").unwrap();
    assert_eq!(get(b"/absolute"), b"content");
    assert_eq!(get(b"/relative"), b"content");
    assert_eq!(readlink(b"/absolute"), Ok(b"/d/f".to_vec()));
    assert_eq!(readlink(b"/d/f"), Err(Errno::EINVAL));
    assert_eq!(lstat(b"/absolute").unwrap().kind(), Kind::Symlink);
    assert_eq!(stat(b"/absolute").unwrap().kind(), Kind::Regular);
    assert_eq!(
        open(b"/absolute", O_READ | O_NOFOLLOW, 0),
        Err(Errno::ELOOP)
    );
    assert_eq!(open(b"/loop", O_READ, 0), Err(Errno::ELOOP));
}

#[test]
fn permissions_times_and_the_umask_count() {
    let _rooted = rooted();
    let old = umask(0o027);
    put(b"/f", b"");
    assert_eq!(stat(b"/f").unwrap().mode & 0o7777, 0o640);
    umask(old);
    chmod(b"/f", 0o4711).unwrap();
    assert_eq!(stat(b"/f").unwrap().mode & 0o7777, 0o4711);
    chown(b"/f", Some(7), None, true).unwrap();
    let stat_after = stat(b"/f").unwrap();
    assert_eq!((stat_after.uid, stat_after.gid), (7, 0));
    let time = Timespec {
        sec: 1_000_000_000,
        nsec: 5,
    };
    utimens(b"/f", SetTime::To(time), SetTime::Omit).unwrap();
    assert_eq!(stat(b"/f").unwrap().atime, time);
    assert_ne!(stat(b"/f").unwrap().mtime, time);
    access(b"/f", O_READ | O_WRITE).unwrap();
}

#[test]
fn the_working_directory_has_a_name() {
    let _rooted = rooted();
    mkdir(b"/a", 0o755).unwrap();
    mkdir(b"/a/b", 0o755).unwrap();
    assert_eq!(getcwd(), Ok(b"/".to_vec()));
    chdir(b"a/b").unwrap();
    assert_eq!(getcwd(), Ok(b"/a/b".to_vec()));
    put(b"here", b"1");
    assert_eq!(get(b"/a/b/here"), b"1");
    chdir(b"..").unwrap();
    assert_eq!(getcwd(), Ok(b"/a".to_vec()));
    let fd = open(b"/a/b", O_READ, 0).unwrap();
    fchdir(fd).unwrap();
    assert_eq!(getcwd(), Ok(b"/a/b".to_vec()));
    assert_eq!(chdir(b"here"), Err(Errno::ENOTDIR));
    assert_eq!(chdir(b"/nope"), Err(Errno::ENOENT));
}

#[test]
fn paths_longer_than_a_request_are_looked_up_in_pieces() {
    let _rooted = rooted();
    let name = [b'n'; 200];
    let mut path = Vec::new();
    for _ in 0..20 {
        path.push(b'/');
        path.extend_from_slice(&name);
        mkdir(&path, 0o755).unwrap();
    }
    path.extend_from_slice(b"/file");
    put(&path, b"deep");
    assert_eq!(get(&path), b"deep");
    assert_eq!(open(&[b'x'; 2000], O_READ, 0), Err(Errno::ENAMETOOLONG));
}

/// A server that answers look-ups as a test says.
struct Scripted {
    answer: fn(&[u8], &Call<'_>, &Scripted) -> machuser::Result<Answer>,
    server: Arc<Server>,
    log: Mutex<Vec<Vec<u8>>>,
}

type Answer = (u32, Vec<u8>, Right<'static>);

impl Scripted {
    fn note(&self, text: &[u8]) {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(text.to_vec());
    }

    fn own(&self, call: &Call<'_>) -> Right<'static> {
        let port = self.server.port_of(call.port());
        port.map_or(Right::null(), |port| port.right())
    }
}

impl Object for Scripted {
    fn dispatch(&self, request: &mut Request<'_>) -> Outcome {
        fs::dispatch(self, request)
            .or_else(|| io::dispatch(self, request))
            .or_else(|| auth::dispatch(self, request))
    }
}

impl fs::Fs for Scripted {
    fn dir_lookup(
        &self,
        call: &Call<'_>,
        name: &[u8],
        _flags: i32,
        _mode: u32,
    ) -> machuser::Result<Answer> {
        self.note(&[b"lookup ", name].concat());
        (self.answer)(name, call, self)
    }
}

impl io::Io for Scripted {
    fn io_reauthenticate(
        &self,
        _: &Call<'_>,
        rendezvous: Option<SendRight>,
    ) -> machuser::Result<()> {
        assert!(rendezvous.is_some());
        self.note(b"reauthenticate");
        Ok(())
    }
}

impl auth::Auth for Scripted {
    fn auth_user_authenticate(
        &self,
        call: &Call<'_>,
        rendezvous: Option<SendRight>,
    ) -> machuser::Result<Right<'static>> {
        assert!(rendezvous.is_some());
        self.note(b"authenticate");
        Ok(self.own(call))
    }
}

/// Looks a path up at a scripted server, which is also the auth server; the result and what the
/// server was asked.
fn scripted(
    answer: fn(&[u8], &Call<'_>, &Scripted) -> machuser::Result<Answer>,
    path: &[u8],
) -> (Result<SendRight>, Vec<Vec<u8>>) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let task = Task::new();
    let (object, root, handle) = task.run(|| {
        let server = Server::new().expect("a server");
        let object = Arc::new(Scripted {
            answer,
            server: server.clone(),
            log: Mutex::default(),
        });
        let port = server.port(object.clone()).expect("a port");
        server.start().expect("threads");
        let give = || Task::first().give_send(port.right()).expect("a right");
        (object.clone(), give(), give())
    });
    start_with(root, Some(handle));
    let result = names::lookup(path, 0, 0);
    let logged = || {
        let log = object.log.lock();
        log.unwrap_or_else(PoisonError::into_inner).clone()
    };
    let count = |log: &[Vec<u8>], what: &[u8]| log.iter().filter(|line| *line == what).count();
    // One-way messages and calls come by different ways: their order is not told, and the former may
    // still be under way.
    let mut log = logged();
    for _ in 0..1000 {
        if count(&log, b"reauthenticate") >= count(&log, b"authenticate") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        log = logged();
    }
    log.sort();
    (result, log)
}

#[test]
fn reauthentication_is_followed_by_a_look_up_even_of_nothing() {
    let (result, log) = scripted(
        |name, call, server| match name {
            b"" => Ok((FS_RETRY_NORMAL, Vec::new(), server.own(call))),
            _ => Ok((FS_RETRY_REAUTH, Vec::new(), server.own(call))),
        },
        b"/x",
    );
    assert!(result.is_ok());
    assert_eq!(
        log,
        [
            &b"authenticate"[..],
            b"lookup ",
            b"lookup x",
            b"reauthenticate"
        ]
    );
}

#[test]
fn a_rest_is_looked_up_at_the_port_that_came_with_it() {
    let (result, log) = scripted(
        |name, call, server| match name {
            b"a/b/c" => Ok((FS_RETRY_NORMAL, b"b/c".to_vec(), server.own(call))),
            _ => Ok((FS_RETRY_NORMAL, Vec::new(), server.own(call))),
        },
        b"/a/b/c",
    );
    assert!(result.is_ok());
    assert_eq!(log, [&b"lookup a/b/c"[..], b"lookup b/c"]);
}

#[test]
fn magical_names_mean_what_the_process_says() {
    let magic: fn(&[u8], &Call<'_>, &Scripted) -> machuser::Result<Answer> =
        |name, call, server| match name {
            b"end" => Ok((FS_RETRY_NORMAL, Vec::new(), server.own(call))),
            b"absolute" => Ok((FS_RETRY_MAGICAL, b"/end".to_vec(), Right::null())),
            b"machine" => Ok((FS_RETRY_MAGICAL, b"machtype".to_vec(), Right::null())),
            b"descriptor" => Ok((FS_RETRY_MAGICAL, b"fd/77".to_vec(), Right::null())),
            b"malformed" => Ok((FS_RETRY_MAGICAL, b"fd/x".to_vec(), Right::null())),
            b"terminal" => Ok((FS_RETRY_MAGICAL, b"tty".to_vec(), Right::null())),
            b"unknown" => Ok((FS_RETRY_MAGICAL, b"moon".to_vec(), Right::null())),
            _ => Err(Error::ENOENT),
        };
    let (result, log) = scripted(magic, b"/absolute");
    assert!(result.is_ok());
    assert_eq!(log, [&b"lookup absolute"[..], b"lookup end"]);
    let (result, log) = scripted(magic, b"/machine");
    assert_eq!(result, Err(Errno::ENOENT));
    assert!(log.iter().any(|line| line.ends_with(b"/generic")));
    assert_eq!(scripted(magic, b"/descriptor").0, Err(Errno::EBADF));
    assert_eq!(scripted(magic, b"/malformed").0, Err(Errno::ENOENT));
    assert_eq!(scripted(magic, b"/terminal").0, Err(Errno::ENXIO));
    assert_eq!(scripted(magic, b"/unknown").0, Err(Errno::EGRATUITOUS));
}

#[test]
fn a_server_that_never_ends_is_given_up() {
    let (result, log) = scripted(
        |_, call, server| Ok((FS_RETRY_NORMAL, b"again".to_vec(), server.own(call))),
        b"/x",
    );
    assert_eq!(result, Err(Errno::ELOOP));
    assert_eq!(log.len(), 32);
}

#[test]
fn a_file_is_no_directory() {
    let (result, _) = scripted(|_, _, _| Err(Error::EOPNOTSUPP), b"/x/y");
    assert_eq!(result, Err(Errno::ENOTDIR));
    let (result, _) = scripted(|_, _, _| Err(Error::MIG_BAD_ID), b"/x/y");
    assert_eq!(result, Err(Errno::ENOTDIR));
}

#[test]
fn a_server_that_has_just_died_is_asked_again() {
    let _rooted = rooted();
    put(b"/x", b"");
    let dies = |times: u32| {
        let mut asked = 0;
        let answer = names::ask(b"/x", |_| {
            asked += 1;
            if asked > times { Ok(()) } else { Err(Errno::EIEIO) }
        });
        (answer, asked)
    };
    assert_eq!(dies(3), (Ok(()), 4));
    assert_eq!(dies(u32::MAX), (Err(Errno::EIEIO), 11));
    let mut asked = 0;
    let refused: Result<()> = names::ask(b"/x", |_| {
        asked += 1;
        Err(Errno::EACCES)
    });
    assert_eq!((refused, asked), (Err(Errno::EACCES), 1));
    assert_eq!(names::ask(b"/y", |_| Ok(())), Err(Errno::ENOENT));
}
