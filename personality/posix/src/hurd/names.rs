//! Paths: the client's side of the retry protocol of `dir_lookup`.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use interface::fs::{self, FS_RETRY_MAGICAL, FS_RETRY_NORMAL, FS_RETRY_REAUTH};
use interface::{io, term};
use machuser::SendRight;
use machuser::env::init_port;

use super::crossed::Crossed;
use super::signals::interruptible;
use super::{descriptors, errno, identity, initial, sent};
use crate::fs::{Kind, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_NOLINK, O_TRUNC};
use crate::{Errno, Fd, Result};

/// How many retries one look-up takes.
const RETRIES: usize = 32;
/// How often a look-up begins again that was led to a server which has just died.
const DEATHS: u32 = 10;
/// How long it waits before.
const DEATH: Duration = Duration::from_millis(5);
/// The longest name that one request carries.
const LONGEST: usize = 1023;

/// Opens the file at `path`. `flags` are those of [`crate::fs::open`]; `mode` is what a new file
/// gets, the umask already taken off.
pub(super) fn lookup(path: &[u8], flags: u32, mode: u32) -> Result<SendRight> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let start = if path[0] == b'/' {
        init_port::CRDIR
    } else {
        init_port::CWDIR
    };
    lookup_at(initial(start)?, path, flags, mode)
}

/// As [`lookup`], from a directory.
pub(super) fn lookup_at(
    directory: Arc<SendRight>,
    path: &[u8],
    flags: u32,
    mode: u32,
) -> Result<SendRight> {
    if path.contains(&0) {
        return Err(Errno::EINVAL);
    }
    let name = if flags & O_DIRECTORY != 0 && !path.is_empty() {
        Cow::Owned([path, b"/"].concat())
    } else {
        Cow::Borrowed(path)
    };
    let mut server_flags = flags & !(O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
    if flags & O_NOFOLLOW != 0 {
        server_flags |= O_NOLINK;
    }
    let mut tries = 0;
    let file = loop {
        let mut walk = Walk { retries: 0, crossed: false };
        let start = Start::Shared(directory.clone());
        match walk.resolve(start, name.clone(), server_flags as i32, mode) {
            // Who led there knows a moment later that it is gone.
            Err(Errno::EDIED | Errno::EIEIO) if walk.crossed && tries < DEATHS => {
                tries += 1;
                machuser::thread::sleep(DEATH);
            }
            file => break file?,
        }
    };
    if flags & O_NOFOLLOW != 0 {
        let stat = io::io_stat(&file).map_err(errno)?;
        if Kind::from_mode(stat.mode) == Kind::Symlink {
            return Err(Errno::ELOOP);
        }
    }
    if flags & O_TRUNC != 0 {
        fs::file_set_size(&file, 0).map_err(errno)?;
    }
    Ok(file)
}

/// Asks the server that a path names. One that has died is looked up again, which starts it anew.
pub(super) fn ask<T>(path: &[u8], mut ask: impl FnMut(SendRight) -> Result<T>) -> Result<T> {
    let mut tries = 0;
    loop {
        match ask(lookup(path, 0, 0)?) {
            // Who led there knows a moment later that it is gone.
            Err(Errno::EIEIO) if tries < DEATHS => {
                tries += 1;
                machuser::thread::sleep(DEATH);
            }
            result => return result,
        }
    }
}

/// The directory that a path's last component is in, and that component.
///
/// The component is `.` for a path that names the root. Errors: `ENOENT` for an empty path.
pub(super) fn parent(path: &[u8]) -> Result<(Arc<SendRight>, Vec<u8>)> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let name = crate::basename(path);
    if name == b"/" {
        return Ok((initial(init_port::CRDIR)?, b".".to_vec()));
    }
    if name.len() > LONGEST {
        return Err(Errno::ENAMETOOLONG);
    }
    let directory = match crate::dirname(path) {
        b"." if !path.contains(&b'/') => initial(init_port::CWDIR)?,
        b"/" => initial(init_port::CRDIR)?,
        directory => Arc::new(lookup(directory, O_DIRECTORY, 0)?),
    };
    Ok((directory, name.to_vec()))
}

struct Walk {
    retries: usize,
    /// Whether it has left the file system where it began.
    crossed: bool,
}

/// Where the next name is looked up.
enum Start {
    /// A directory of the process.
    Shared(Arc<SendRight>),
    /// A right that this walk alone has.
    Own(SendRight),
    /// A file system's root, or another right that a server answered with.
    Crossed(Crossed),
}

impl Start {
    fn port(&self) -> &SendRight {
        match self {
            Start::Shared(port) => port,
            Start::Own(port) => port,
            Start::Crossed(port) => port.port(),
        }
    }
}

impl Walk {
    fn resolve(
        &mut self,
        mut directory: Start,
        mut name: Cow<'_, [u8]>,
        flags: i32,
        mode: u32,
    ) -> Result<SendRight> {
        loop {
            let slashes = name.iter().take_while(|&&b| b == b'/').count();
            let relative = &name[slashes..];
            if relative.len() > LONGEST {
                // The front of a path that no request can carry is looked up by itself.
                let slash = relative[..LONGEST].iter().rposition(|&b| b == b'/');
                let (front, rest) = relative.split_at(slash.ok_or(Errno::ENAMETOOLONG)? + 1);
                directory = Start::Own(self.resolve(directory, Cow::Borrowed(front), 0, 0)?);
                name = Cow::Owned(rest.to_vec());
                continue;
            }
            self.retries += 1;
            if self.retries > RETRIES {
                return Err(Errno::ELOOP);
            }
            let port = directory.port();
            let answer = interruptible(port, || fs::dir_lookup(port, relative, flags, mode));
            let (retry, next, port) = match answer {
                Err(Errno::EOPNOTSUPP) => return Err(Errno::ENOTDIR),
                answer => answer?,
            };
            if let Start::Crossed(crossed) = &mut directory {
                crossed.leads_on();
            }
            match retry {
                FS_RETRY_NORMAL => {
                    let port = sent(port)?;
                    if next.is_empty() {
                        return Ok(port);
                    }
                    directory = Start::Crossed(Crossed::new(port));
                    self.crossed = true;
                    name = Cow::Owned(next);
                }
                FS_RETRY_REAUTH => {
                    directory = Start::Own(identity::reauthenticate(&sent(port)?)?);
                    // Even nothing is looked up: the port has no open modes yet.
                    name = Cow::Owned(next);
                }
                FS_RETRY_MAGICAL => match self.magical(&next, flags)? {
                    Magical::File(file) => return Ok(file),
                    Magical::From(start, rest) => {
                        directory = Start::Shared(start);
                        name = Cow::Owned(rest);
                    }
                    Magical::Name(text) => name = Cow::Owned(text),
                },
                _ => return Err(Errno::EGRATUITOUS),
            }
        }
    }

    /// A name that means something to this process alone.
    fn magical(&self, name: &[u8], flags: i32) -> Result<Magical> {
        if name.first() == Some(&b'/') {
            return Ok(Magical::From(initial(init_port::CRDIR)?, name.to_vec()));
        }
        let mut parts = name.splitn(2, |&b| b == b'/');
        let first = parts.next().unwrap_or_default();
        let rest = parts.next();
        let with_rest = |text: &[u8]| match rest {
            Some(rest) => [text, b"/", rest].concat(),
            None => text.to_vec(),
        };
        match first {
            b"fd" => {
                let rest = rest.ok_or(Errno::ENOENT)?;
                let mut parts = rest.splitn(2, |&b| b == b'/');
                let number = parts
                    .next()
                    .and_then(crate::parse_number)
                    .ok_or(Errno::ENOENT)?;
                let fd = Fd::try_from(number).map_err(|_| Errno::EBADF)?;
                let open = descriptors::get(fd)?;
                match parts.next() {
                    None => Ok(Magical::File((*open.port).clone())),
                    Some(rest) => Ok(Magical::From(open.port.clone(), rest.to_vec())),
                }
            }
            b"tty" => {
                let identity_port = initial(init_port::CTTYID)?;
                let terminal = term::termctty_open_terminal(&*identity_port, flags);
                let terminal = sent(terminal.map_err(errno)?)?;
                let terminal = identity::reauthenticate(&terminal)?;
                match rest {
                    None => Ok(Magical::File(terminal)),
                    Some(rest) => Ok(Magical::From(Arc::new(terminal), rest.to_vec())),
                }
            }
            // Kind and variant of the processor.
            b"machtype" => {
                let machine = [machuser::arch::NAME.as_bytes(), b"/generic"].concat();
                Ok(Magical::Name(with_rest(&machine)))
            }
            b"pid" => {
                let pid = u64::from(super::getpid().unsigned_abs());
                let mut digits = [0; 20];
                Ok(Magical::Name(with_rest(crate::io::decimal(
                    pid,
                    &mut digits,
                ))))
            }
            _ => Err(Errno::EGRATUITOUS),
        }
    }
}

enum Magical {
    /// It is this file.
    File(SendRight),
    /// Look this up from there.
    From(Arc<SendRight>, Vec<u8>),
    /// Look this up in the last directory.
    Name(Vec<u8>),
}
