//! The shell's own table of descriptors.
//!
//! A redirection changes this table and not the process's descriptors, so that
//! a subshell that runs inside the shell's process is a copy of a table. A
//! program that the shell starts gets the table as its descriptors.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use posix::io::File;
use posix::{Errno, Fd, Result, fs};

/// Descriptors that the shell looks for when it starts.
const INHERITED: Fd = 64;

/// What a descriptor of the table is.
#[derive(Debug)]
pub enum Stream {
    /// A descriptor that the shell itself was started with.
    Inherited(Fd),
    /// A file that the shell opened.
    File(File),
    /// The text of a command substitution, as far as it is known.
    Capture(RefCell<Vec<u8>>),
}

impl Stream {
    /// The process's descriptor; none for a capture, which programs write through a pipe.
    pub fn fd(&self) -> Option<Fd> {
        match self {
            Self::Inherited(fd) => Some(*fd),
            Self::File(file) => Some(file.fd()),
            Self::Capture(_) => None,
        }
    }

    /// Writes all of a text.
    pub fn write(&self, text: &[u8]) -> Result<()> {
        match self {
            Self::Inherited(fd) => fs::write_all(*fd, text),
            Self::File(file) => fs::write_all(file.fd(), text),
            Self::Capture(buffer) => {
                buffer.borrow_mut().extend_from_slice(text);
                Ok(())
            }
        }
    }
}

/// A table of descriptors. A copy shares the open files, and costs nothing until it is changed.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    table: Rc<BTreeMap<Fd, Rc<Stream>>>,
}

impl Streams {
    /// The descriptors that the process has from its parent.
    pub fn inherited() -> Self {
        let open = (0..INHERITED).filter(|&fd| fs::close_on_exec(fd) == Ok(false));
        let table = open
            .map(|fd| (fd, Rc::new(Stream::Inherited(fd))))
            .collect();
        Self {
            table: Rc::new(table),
        }
    }

    /// What the descriptor is.
    pub fn get(&self, fd: Fd) -> Result<&Rc<Stream>> {
        self.table.get(&fd).ok_or(Errno::EBADF)
    }

    /// Makes the descriptor another stream.
    pub fn set(&mut self, fd: Fd, stream: Rc<Stream>) {
        Rc::make_mut(&mut self.table).insert(fd, stream);
    }

    /// Removes the descriptor.
    pub fn close(&mut self, fd: Fd) {
        Rc::make_mut(&mut self.table).remove(&fd);
    }

    /// All descriptors.
    pub fn iter(&self) -> impl Iterator<Item = (Fd, &Rc<Stream>)> {
        self.table.iter().map(|(&fd, stream)| (fd, stream))
    }

    /// The process's descriptor behind one of the table.
    pub fn fd(&self, fd: Fd) -> Result<Fd> {
        self.get(fd)?.fd().ok_or(Errno::EBADF)
    }

    /// Writes all of a text to a descriptor.
    pub fn write(&self, fd: Fd, text: &[u8]) -> Result<()> {
        self.get(fd)?.write(text)
    }
}

/// A line that ends with `delimiter`, or is the file's last; `None` at its end.
///
/// Takes nothing of the file beyond the line, so that a program that reads the
/// same file goes on where the line ends.
pub fn read_line(fd: Fd, delimiter: u8) -> Result<Option<Vec<u8>>> {
    let kind = fs::fstat(fd).map(|stat| stat.kind())?;
    let mut line = Vec::new();
    let mut chunk = [0; 512];
    // A terminal gives one line at a time, and a file's position can be set back.
    let seekable = kind == fs::Kind::Regular;
    let limit = if seekable || kind == fs::Kind::CharDevice {
        chunk.len()
    } else {
        1
    };
    loop {
        let count = fs::read(fd, &mut chunk[..limit])?;
        if count == 0 {
            return Ok((!line.is_empty()).then_some(line));
        }
        let read = &chunk[..count];
        match read.iter().position(|&b| b == delimiter) {
            Some(at) => {
                line.extend_from_slice(&read[..=at]);
                if seekable && at + 1 < count {
                    let back = (count - at - 1) as i64;
                    fs::lseek(fd, -back, fs::Whence::Current)?;
                }
                return Ok(Some(line));
            }
            None => line.extend_from_slice(read),
        }
    }
}
