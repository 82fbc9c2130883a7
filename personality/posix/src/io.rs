//! Buffered input and output, and what utilities say on standard error.

use alloc::vec::Vec;

use crate::{Errno, Fd, Result, fs};

/// Standard input.
pub const STDIN: Fd = 0;
/// Standard output.
pub const STDOUT: Fd = 1;
/// Standard error.
pub const STDERR: Fd = 2;

/// Bytes that [`Output`] keeps before it writes, and that [`Input`] reads at once.
const BUFFER: usize = 64 * 1024;

/// An open file that is closed when this is dropped.
#[derive(Debug)]
pub struct File(Fd);

impl File {
    /// Opens a file; see [`fs::open`].
    pub fn open(path: &[u8], flags: u32, mode: u32) -> Result<Self> {
        fs::open(path, flags, mode).map(Self)
    }

    /// Takes over a descriptor.
    pub const fn from_fd(fd: Fd) -> Self {
        Self(fd)
    }

    /// The descriptor.
    pub const fn fd(&self) -> Fd {
        self.0
    }

    /// Gives the descriptor up without closing it.
    pub fn into_fd(self) -> Fd {
        let fd = self.0;
        core::mem::forget(self);
        fd
    }

    /// Closes the file and tells what went wrong.
    pub fn close(self) -> Result<()> {
        fs::close(self.into_fd())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // An error here has no one to go to; `close` is for who wants it.
        let _ = fs::close(self.0);
    }
}

/// Reads the rest of a file.
pub fn read_to_end(fd: Fd, content: &mut Vec<u8>) -> Result<()> {
    loop {
        let filled = content.len();
        content.resize(filled + BUFFER, 0);
        match fs::read(fd, &mut content[filled..]) {
            Ok(0) => {
                content.truncate(filled);
                return Ok(());
            }
            Ok(count) => content.truncate(filled + count),
            Err(Errno::EINTR) => content.truncate(filled),
            Err(error) => {
                content.truncate(filled);
                return Err(error);
            }
        }
    }
}

/// The content of a file.
pub fn read_file(path: &[u8]) -> Result<Vec<u8>> {
    let file = File::open(path, fs::O_READ, 0)?;
    let mut content = Vec::new();
    read_to_end(file.fd(), &mut content)?;
    Ok(content)
}

/// A buffer in front of a descriptor that is written to.
///
/// The first error is kept and told by [`flush`](Self::flush); what is put
/// after it is thrown away.
#[derive(Debug)]
pub struct Output {
    fd: Fd,
    buffer: Vec<u8>,
    error: Option<Errno>,
}

impl Output {
    /// A buffer in front of `fd`.
    pub const fn new(fd: Fd) -> Self {
        Self {
            fd,
            buffer: Vec::new(),
            error: None,
        }
    }

    /// A buffer in front of standard output.
    pub const fn stdout() -> Self {
        Self::new(STDOUT)
    }

    /// Puts bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER {
            self.write_out();
        }
    }

    /// Puts one byte.
    pub fn byte(&mut self, byte: u8) {
        self.put(&[byte]);
    }

    /// Puts a decimal number.
    pub fn number(&mut self, number: u64) {
        self.padded(number, 0);
    }

    /// Puts a decimal number, right-aligned in `width` characters.
    pub fn padded(&mut self, number: u64, width: usize) {
        let mut digits = [0; 20];
        let digits = decimal(number, &mut digits);
        self.spaces(width.saturating_sub(digits.len()));
        self.put(digits);
    }

    /// Puts spaces.
    pub fn spaces(&mut self, count: usize) {
        for _ in 0..count {
            self.byte(b' ');
        }
    }

    /// Whether a write has failed.
    pub const fn failed(&self) -> bool {
        self.error.is_some()
    }

    fn write_out(&mut self) {
        if self.error.is_none() {
            self.error = fs::write_all(self.fd, &self.buffer).err();
        }
        self.buffer.clear();
    }

    /// Writes what was put. Errors: the first that any write met.
    pub fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.write_out();
        }
        self.error.map_or(Ok(()), Err)
    }

    /// Flushes and gives the program's exit status: 1 with a message if a write
    /// failed, else `status`.
    pub fn finish(&mut self, status: i32) -> i32 {
        match self.flush() {
            Ok(()) => status,
            Err(error) => {
                warn(b"write error", error);
                1
            }
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Whoever cares about the error has called `flush` before.
        let _ = self.flush();
    }
}

impl core::fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// The decimal digits of a number, without the cost of `core::fmt`.
pub fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

/// A buffer behind a descriptor that is read.
#[derive(Debug)]
pub struct Input {
    fd: Fd,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// A buffer behind `fd`.
    pub const fn new(fd: Fd) -> Self {
        Self {
            fd,
            buffer: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// What has been read and not been consumed, after reading more if that is
    /// nothing; empty at the end of the file.
    pub fn fill(&mut self) -> Result<&[u8]> {
        if self.start == self.end {
            self.buffer.resize(BUFFER, 0);
            self.start = 0;
            self.end = 0;
            self.end = loop {
                match fs::read(self.fd, &mut self.buffer) {
                    Err(Errno::EINTR) => {}
                    result => break result?,
                }
            };
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Marks bytes of [`fill`](Self::fill) as consumed.
    pub fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Appends to `line` up to and with the next `delimiter`, or the file's end;
    /// whether there was anything.
    pub fn read_until(&mut self, delimiter: u8, line: &mut Vec<u8>) -> Result<bool> {
        let before = line.len();
        loop {
            let available = self.fill()?;
            if available.is_empty() {
                return Ok(line.len() > before);
            }
            if let Some(at) = available.iter().position(|&b| b == delimiter) {
                line.extend_from_slice(&available[..=at]);
                self.consume(at + 1);
                return Ok(true);
            }
            let count = available.len();
            line.extend_from_slice(available);
            self.consume(count);
        }
    }

    /// Replaces `line` by the next line without its newline; whether there was one.
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        let any = self.read_until(b'\n', line)?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        Ok(any)
    }
}

/// Writes `PROGRAM: parts\n` to standard error, in one piece.
pub fn complain(parts: &[&[u8]]) {
    let mut line = crate::env::program_name();
    line.extend_from_slice(b": ");
    for part in parts {
        line.extend_from_slice(part);
    }
    line.push(b'\n');
    // There is nowhere to tell that standard error cannot be written.
    let _ = fs::write_all(STDERR, &line);
}

/// Writes `PROGRAM: what: error's text\n` to standard error.
pub fn warn(what: &[u8], error: Errno) {
    complain(&[what, b": ", error.message().as_bytes()]);
}

/// Writes `usage: PROGRAM synopsis\n` to standard error; the exit status for it.
pub fn usage(synopsis: &str) -> i32 {
    let mut line = b"usage: ".to_vec();
    line.extend_from_slice(&crate::env::program_name());
    line.push(b' ');
    line.extend_from_slice(synopsis.as_bytes());
    line.push(b'\n');
    // As in `complain`.
    let _ = fs::write_all(STDERR, &line);
    2
}
