//! Terminals: modes, size, and the foreground process group.

use crate::{Fd, Pid, Result, sys};

/// A terminal's modes: the Hurd's `modes_t`, `ccs_t` and `speeds_t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Termios {
    /// Input modes.
    pub iflag: u32,
    /// Output modes.
    pub oflag: u32,
    /// Control modes.
    pub cflag: u32,
    /// Local modes.
    pub lflag: u32,
    /// Control characters.
    pub cc: [u8; 20],
    /// Speeds of input and output, in bits per second.
    pub speed: [u32; 2],
}

/// Map CR to NL on input.
pub const ICRNL: u32 = 0x100;
/// Process output.
pub const OPOST: u32 = 0x1;
/// Erase a character visibly.
pub const ECHOE: u32 = 0x2;
/// Echo what is typed.
pub const ECHO: u32 = 0x8;
/// Characters send signals.
pub const ISIG: u32 = 0x80;
/// Input comes in lines that can be edited.
pub const ICANON: u32 = 0x100;
/// Background processes that write are stopped.
pub const TOSTOP: u32 = 0x40_0000;
/// Index of the least number of bytes that a read waits for without [`ICANON`].
pub const VMIN: usize = 16;
/// Index of the time that a read waits without [`ICANON`], in tenths of a second.
pub const VTIME: usize = 17;

/// When new modes take effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// At once.
    Now,
    /// After what was written has been sent.
    Drain,
    /// After that; what was typed and not read is thrown away.
    Flush,
}

/// A terminal's size in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WindowSize {
    /// Lines; 0 if not known.
    pub rows: u16,
    /// Characters in a line; 0 if not known.
    pub columns: u16,
}

/// The modes of a terminal.
pub fn get(fd: Fd) -> Result<Termios> {
    sys::term_get(fd)
}

/// Sets the modes of a terminal.
pub fn set(fd: Fd, when: When, modes: &Termios) -> Result<()> {
    sys::term_set(fd, when, modes)
}

/// The size of a terminal.
pub fn window_size(fd: Fd) -> Result<WindowSize> {
    sys::term_window_size(fd)
}

/// The process group that a terminal's signals go to.
pub fn foreground(fd: Fd) -> Result<Pid> {
    sys::term_foreground(fd)
}

/// Sets the process group that a terminal's signals go to.
pub fn set_foreground(fd: Fd, group: Pid) -> Result<()> {
    sys::term_set_foreground(fd, group)
}

/// Makes a terminal the controlling one of this session, whose leader the caller is.
pub fn make_controlling(fd: Fd) -> Result<()> {
    sys::term_make_controlling(fd)
}
