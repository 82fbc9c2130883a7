//! A file system in a task of its own, and a client beside it.
#![allow(dead_code)]

use std::sync::Arc;

use diskfs::{FileServer, Program, Starter};
use interface::{fs, io};
use machuser::sys::Task;
use machuser::{Call, Error, Result, SendRight};
use tmpfs::Volume;

/// A file system that serves.
pub struct Served {
    pub task: Arc<Task>,
    pub server: FileServer<Volume>,
}

/// Refuses to start anything.
struct Refusing;

impl Starter for Refusing {
    fn start(&self, _call: &Call<'_>, _program: Program<'_>) -> Result<SendRight> {
        Err(Error::ENOENT)
    }
}

pub fn serve(limit: u64) -> Served {
    serve_with(limit, Box::new(Refusing))
}

pub fn serve_with(limit: u64, starter: Box<dyn Starter>) -> Served {
    let task = Arc::new(Task::new());
    let server = task.run(|| {
        let volume = Volume::new(limit, 0o755, 0, 0).expect("room for the root");
        let server = FileServer::with_starter(volume, starter).expect("a server");
        server.start().expect("threads");
        server
    });
    Served { task, server }
}

impl Served {
    /// The root directory, for a user of this uid and gid.
    pub fn root_for(&self, uids: &[u32], gids: &[u32]) -> SendRight {
        let right = self
            .task
            .run(|| self.server.root(uids.to_vec(), gids.to_vec(), fs::O_READ));
        let right = right.expect("a root");
        self.task
            .run(|| Task::first().give_send((&right).into()))
            .expect("a right")
    }

    /// The task that serves.
    pub fn task(&self) -> Arc<Task> {
        self.task.clone()
    }

    /// A right that the serving task holds, for this one.
    pub fn task_give(&self, right: SendRight) -> SendRight {
        self.task
            .run(|| Task::first().give_send(right.into()))
            .expect("a right")
    }

    pub fn root(&self) -> SendRight {
        self.root_for(&[0], &[0])
    }

    pub fn control(&self) -> SendRight {
        let right = self
            .task
            .run(|| self.server.control())
            .expect("a control port");
        self.task
            .run(|| Task::first().give_send((&right).into()))
            .expect("a right")
    }
}

/// Opens a file; the look-up must end in the file system itself.
pub fn open(dir: &SendRight, path: &str, flags: i32, mode: u32) -> Result<SendRight> {
    let (retry, name, port) = fs::dir_lookup(dir, path, flags, mode)?;
    assert_eq!(
        (retry, name.as_slice()),
        (fs::FS_RETRY_NORMAL, &b""[..]),
        "{path}"
    );
    Ok(port.expect("a port"))
}

pub fn create(dir: &SendRight, path: &str) -> SendRight {
    let flags = fs::O_READ | fs::O_WRITE | fs::O_CREAT | fs::O_EXCL;
    open(dir, path, flags, 0o644).expect(path)
}

pub fn write(file: &SendRight, data: &[u8]) {
    let mut rest = data;
    while !rest.is_empty() {
        let amount = rest.len().min(256 * 1024);
        let count = io::io_write(file, &rest[..amount], -1).expect("a write");
        rest = &rest[count..];
    }
}

pub fn read_all(file: &SendRight) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 200_000];
    loop {
        let count = io::io_read(file, all.len() as i64, buffer.len(), &mut buffer).expect("a read");
        if count == 0 {
            return all;
        }
        all.extend_from_slice(&buffer[..count]);
    }
}

/// The names in a directory, in the order in which they come.
pub fn names(dir: &SendRight) -> Vec<String> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 4096];
    loop {
        let (length, amount) =
            fs::dir_readdir(dir, all.len() as i32, -1, buffer.len(), &mut buffer).expect("readdir");
        if amount == 0 {
            return all;
        }
        all.extend(
            entries(&buffer[..length])
                .into_iter()
                .map(|(_, _, name)| name),
        );
    }
}

/// The records: number, kind, name.
pub fn entries(mut records: &[u8]) -> Vec<(u64, u8, String)> {
    let mut all = Vec::new();
    while !records.is_empty() {
        let number = u64::from_le_bytes(records[..8].try_into().unwrap());
        let length = u16::from_le_bytes(records[8..10].try_into().unwrap());
        let name = &records[12..12 + records[11] as usize];
        all.push((
            number,
            records[10],
            String::from_utf8(name.to_vec()).unwrap(),
        ));
        records = &records[length as usize..];
    }
    all
}
