//! A store as a file, through the interface.

use diskfs::{FileServer, NoStarter};
use interface::fs::{self, O_READ, O_WRITE};
use interface::io;
use machuser::sys::Task;
use machuser::{Error, SendRight};
use store::{Memory, Store};
use storeio::Volume;

/// A store that cannot be written.
struct ReadOnly(Memory);

impl Store for ReadOnly {
    fn size(&self) -> u64 {
        self.0.size()
    }
    fn read_only(&self) -> bool {
        true
    }
    fn read(&self, offset: u64, buffer: &mut [u8]) -> machuser::Result<()> {
        self.0.read(offset, buffer)
    }
    fn write(&self, _offset: u64, _data: &[u8]) -> machuser::Result<()> {
        Err(Error::EROFS)
    }
    fn flush(&self) -> machuser::Result<()> {
        Ok(())
    }
}

fn serve(store: Box<dyn Store>) -> SendRight {
    let task = Task::new();
    task.run(|| {
        let volume = Volume::new(store, b"test", 0x301);
        let server = FileServer::with_starter(volume, Box::new(NoStarter)).unwrap();
        server.start().unwrap();
        let file = server.root(vec![0], vec![0], 0).unwrap();
        Task::first().give_send((&file).into()).unwrap()
    })
}

fn open(file: &SendRight, flags: i32) -> machuser::Result<SendRight> {
    let (_, _, port) = fs::dir_lookup(file, "", flags, 0)?;
    Ok(port.unwrap())
}

#[test]
fn a_store_is_a_device_file_of_fixed_length() {
    let file = serve(Box::new(Memory::new(vec![5; 200_000])));
    let status = io::io_stat(&file).unwrap();
    assert_eq!(
        (status.mode, status.size, status.rdev),
        (0o060_600 | 0o40_000_000, 200_000, 0x301)
    );
    let file = open(&file, O_READ | O_WRITE).unwrap();
    let mut buffer = vec![0; 300_000];
    assert_eq!(
        io::io_read(&file, 0, buffer.len(), &mut buffer),
        Ok(200_000)
    );
    assert!(buffer[..200_000].iter().all(|byte| *byte == 5));
    assert_eq!(io::io_write(&file, &[7; 100_000], 150_000), Ok(50_000));
    assert_eq!(io::io_write(&file, b"x", 200_000), Err(Error::ENOSPC));
    assert_eq!(io::io_read(&file, 149_999, 2, &mut buffer), Ok(2));
    assert_eq!(buffer[..2], [5, 7]);
    assert_eq!(io::io_read(&file, 200_000, 2, &mut buffer), Ok(0));
    fs::file_set_size(&file, 0).unwrap();
    assert_eq!(io::io_stat(&file).unwrap().size, 200_000);
    assert_eq!(io::io_seek(&file, 0, io::SEEK_END), Ok(200_000));
    fs::file_sync(&file, 1, 0).unwrap();
    assert_eq!(fs::dir_lookup(&file, "x", 0, 0).err(), Some(Error::ENOTDIR));
}

#[test]
fn what_cannot_be_written_is_not_opened_for_writing() {
    let file = serve(Box::new(ReadOnly(Memory::new(vec![1; 1000]))));
    assert_eq!(open(&file, O_WRITE).err(), Some(Error::EROFS));
    assert!(open(&file, O_READ).is_ok());
}
