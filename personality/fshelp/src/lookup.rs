//! Looking names up as this program.

use alloc::sync::Arc;
use alloc::vec::Vec;
use interface::fs::{self, FS_RETRY_MAGICAL, FS_RETRY_NORMAL, FS_RETRY_REAUTH};
use machuser::env::{self, init_port};
use machuser::{Error, Result, SendRight};

/// How many servers one look-up goes through.
const RETRIES: usize = 32;

/// Opens the file at `path`, looked up from this program's own root or working directory.
///
/// # Errors
/// What the servers on the way answer; `ELOOP` if there are too many; `ENOENT` for names that mean
/// something to processes only; `EOPNOTSUPP` if the program has no such directory.
pub fn open(path: &[u8], flags: i32, mode: u32) -> Result<SendRight> {
    let start = if path.starts_with(b"/") {
        init_port::CRDIR
    } else {
        init_port::CWDIR
    };
    open_at(
        env::port(start).ok_or(Error::EOPNOTSUPP)?,
        path,
        flags,
        mode,
    )
}

/// Opens the file at `path`, looked up from the directory `from`.
pub fn open_at(mut from: Arc<SendRight>, path: &[u8], flags: i32, mode: u32) -> Result<SendRight> {
    let mut name: Vec<u8> = path.to_vec();
    for _ in 0..RETRIES {
        let (retry, next, port) = fs::dir_lookup(&*from, &name, flags, mode)?;
        match (retry, port) {
            (FS_RETRY_NORMAL, Some(port)) if next.is_empty() => return Ok(port),
            (FS_RETRY_NORMAL, Some(port)) => from = Arc::new(port),
            (FS_RETRY_REAUTH, Some(port)) => {
                let handle = env::port(init_port::AUTH).ok_or(Error::EOPNOTSUPP)?;
                from = Arc::new(iohelp::reauthenticate(&port, &*handle)?);
            }
            (FS_RETRY_MAGICAL, _) if next.starts_with(b"/") => {
                from = env::port(init_port::CRDIR).ok_or(Error::EOPNOTSUPP)?;
            }
            (FS_RETRY_MAGICAL, _) => return Err(Error::ENOENT),
            _ => return Err(Error::EIO),
        }
        name = next;
    }
    Err(Error::ELOOP)
}
