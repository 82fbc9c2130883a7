//! The table of descriptors.

use alloc::sync::Arc;
use alloc::vec::Vec;

use interface::{process, term};
use machuser::env::{self, init_port};
use machuser::sync::Mutex;
use machuser::{SendRight, env as startup};

use super::{errno, initial, sent};
use crate::{Errno, Fd, Result};

/// An open file, shared by the descriptors that were made from one another.
pub(super) struct Open {
    pub(super) port: Arc<SendRight>,
    terminal: Mutex<Terminal>,
}

/// Whether a file is the controlling terminal, and then its port that knows this process.
enum Terminal {
    Unknown,
    Other,
    Controlling(Arc<SendRight>),
}

impl Open {
    pub(super) fn new(port: SendRight) -> Arc<Self> {
        Self::shared(Arc::new(port))
    }

    fn shared(port: Arc<SendRight>) -> Arc<Self> {
        Arc::new(Self {
            port,
            terminal: Mutex::new(Terminal::Unknown),
        })
    }

    /// The port to read from: the controlling terminal must know who reads, because a background
    /// process must not.
    pub(super) fn reader(&self) -> Arc<SendRight> {
        let mut terminal = self.terminal.lock();
        if let Terminal::Unknown = *terminal {
            *terminal = self
                .controlling()
                .map_or(Terminal::Other, Terminal::Controlling);
        }
        match &*terminal {
            Terminal::Controlling(port) => port.clone(),
            _ => self.port.clone(),
        }
    }

    fn controlling(&self) -> Option<Arc<SendRight>> {
        let identity = env::port(init_port::CTTYID)?;
        let own = term::term_getctty(&*self.port).ok()??;
        if own.as_raw() != identity.as_raw() {
            return None;
        }
        let proc = initial(init_port::PROC).ok()?;
        let (pid, ..) = process::proc_getpids(&*proc).ok()?;
        let group = process::proc_getpgrp(&*proc, pid).ok()?;
        let port = term::term_open_ctty(&*self.port, pid, group)
            .map_err(errno)
            .and_then(sent)
            .ok()?;
        // Who waits for the user's input may be stopped meanwhile, and must take the request back
        // then, or the terminal would give the next line to a process that does not listen. A
        // process without message port is stopped as it is.
        let _ = super::messages::start();
        Some(Arc::new(port))
    }
}

#[derive(Clone)]
struct Slot {
    open: Arc<Open>,
    close_on_exec: bool,
}

static TABLE: Mutex<Option<Vec<Option<Slot>>>> = Mutex::new(None);

fn with<T>(f: impl FnOnce(&mut Vec<Option<Slot>>) -> T) -> T {
    let mut guard = TABLE.lock();
    let table = guard.get_or_insert_with(|| {
        let slot = |port| Slot {
            open: Open::shared(port),
            close_on_exec: false,
        };
        (0..startup::fd_count())
            .map(|fd| startup::fd(fd).map(slot))
            .collect()
    });
    f(table)
}

/// Keeps everybody out.
pub(super) fn hold() -> impl Sized {
    TABLE.lock()
}

fn index(fd: Fd) -> Result<usize> {
    usize::try_from(fd).map_err(|_| Errno::EBADF)
}

fn slot(table: &mut [Option<Slot>], fd: Fd) -> Result<&mut Slot> {
    table
        .get_mut(index(fd)?)
        .and_then(Option::as_mut)
        .ok_or(Errno::EBADF)
}

/// The open file of a descriptor.
pub(super) fn get(fd: Fd) -> Result<Arc<Open>> {
    with(|table| slot(table, fd).map(|slot| slot.open.clone()))
}

/// A new descriptor: the lowest free one that is at least `lowest`.
pub(super) fn insert(open: Arc<Open>, lowest: Fd, close_on_exec: bool) -> Result<Fd> {
    let lowest = usize::try_from(lowest).map_err(|_| Errno::EINVAL)?;
    with(|table| {
        let free = (lowest..table.len()).find(|&fd| table[fd].is_none());
        let fd = free.unwrap_or(table.len().max(lowest));
        let number = Fd::try_from(fd).map_err(|_| Errno::EMFILE)?;
        if fd >= table.len() {
            table.resize(fd + 1, None);
        }
        table[fd] = Some(Slot {
            open,
            close_on_exec,
        });
        Ok(number)
    })
}

/// Makes a descriptor this open file, or closes it; answers what it was.
pub(super) fn replace(fd: Fd, open: Option<Arc<Open>>) -> Result<Option<Arc<Open>>> {
    let fd = index(fd)?;
    with(|table| {
        if fd >= table.len() {
            if open.is_none() {
                return Err(Errno::EBADF);
            }
            table.resize(fd + 1, None);
        }
        let new = open.map(|open| Slot {
            open,
            close_on_exec: false,
        });
        Ok(core::mem::replace(&mut table[fd], new).map(|slot| slot.open))
    })
}

pub(super) fn close_on_exec(fd: Fd) -> Result<bool> {
    with(|table| slot(table, fd).map(|slot| slot.close_on_exec))
}

pub(super) fn set_close_on_exec(fd: Fd, close: bool) -> Result<()> {
    with(|table| slot(table, fd).map(|slot| slot.close_on_exec = close))
}

/// The open files that a new program inherits, by descriptor.
pub(super) fn inherited() -> Vec<Option<Arc<Open>>> {
    with(|table| {
        let open = |slot: &Slot| (!slot.close_on_exec).then(|| slot.open.clone());
        table
            .iter()
            .map(|slot| slot.as_ref().and_then(open))
            .collect()
    })
}

/// All open files, by descriptor.
pub(super) fn all() -> Vec<Option<Arc<Open>>> {
    with(|table| {
        table
            .iter()
            .map(|slot| slot.as_ref().map(|slot| slot.open.clone()))
            .collect()
    })
}

/// Puts other ports in the place of all open files, as `new` says.
pub(super) fn exchange(new: impl Fn(&SendRight) -> Result<SendRight>) -> Result<()> {
    // One open file may have several descriptors.
    let mut done: Vec<(Arc<Open>, Arc<Open>)> = Vec::new();
    for (fd, open) in all().into_iter().enumerate() {
        let Some(open) = open else { continue };
        let known = done
            .iter()
            .find(|(old, _)| Arc::ptr_eq(old, &open))
            .map(|(_, new)| new.clone());
        let exchanged = match known {
            Some(exchanged) => exchanged,
            None => Open::new(new(&open.port)?),
        };
        done.push((open, exchanged.clone()));
        with(|table| {
            if let Some(Some(slot)) = table.get_mut(fd) {
                slot.open = exchanged;
            }
        });
    }
    Ok(())
}

/// Forgets which files are the controlling terminal: the process's group or session is another.
pub(super) fn forget_terminals() {
    for open in all().into_iter().flatten() {
        *open.terminal.lock() = Terminal::Unknown;
    }
}
