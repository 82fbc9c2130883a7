//! `storeio [--readonly] [--rdev=NUMBER] STORE`: a store as the file on which this translator sits;
//! `store` says how stores are named. Owner and permissions are those of the node under it.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::string::String;

use diskfs::{Change, FileServer, FileSystem};
use interface::fs::{O_READ, O_WRITE};
use interface::io;
use machuser::{Error, Result, SendRight, env, mach};
use store::Resolver;
use storeio::Volume;

machuser::program!(main);

fn main() {
    if let Err(reason) = serve() {
        mach::log(&format!("storeio: {reason}"));
    }
}

/// Finds stores by this program's own paths and descriptors.
struct Own;

impl Resolver for Own {
    fn open(&self, path: &[u8], write: bool) -> Result<SendRight> {
        let write = if write { O_WRITE } else { 0 };
        diskfs::open(path, O_READ | write, 0)
    }

    fn descriptor(&self, number: usize) -> Result<SendRight> {
        env::fd(number).ok_or(Error::EBADF)?.try_clone()
    }
}

fn serve() -> core::result::Result<(), String> {
    let mut name = None;
    let mut write = true;
    let mut device = 0;
    for word in env::args().iter().skip(1) {
        let shown = String::from_utf8_lossy(word);
        match word.as_slice() {
            b"--readonly" | b"-r" => write = false,
            b"--writable" | b"-w" => write = true,
            option if option.starts_with(b"--rdev=") => {
                let number = store::parse_size(&option[7..]);
                device = number
                    .and_then(|number| u32::try_from(number).ok())
                    .ok_or_else(|| format!("{shown}: no device number"))?;
            }
            option if option.starts_with(b"-") => return Err(format!("{shown}: unknown option")),
            _ if name.is_some() => return Err(format!("{shown}: one store is enough")),
            store => name = Some(store.to_vec()),
        }
    }
    let name = name.ok_or("no store is named")?;
    let shown = String::from_utf8_lossy(&name);
    let failed = |error: Error| format!("{shown}: {error}");
    let store = match store::open(&name, write, &Own) {
        // What cannot be written is served as it is.
        Err(Error::EROFS | Error::EACCES) if write => store::open(&name, false, &Own),
        result => result,
    }
    .map_err(failed)?;
    let server = FileServer::new(Volume::new(store, &name, device)).map_err(failed)?;
    // Nobody sees the node before it is as it should be: the requests that come wait.
    if let Some(node) = server.startup(0).map_err(failed)? {
        let status = io::io_stat(&node).map_err(failed)?;
        let volume = server.volume();
        let root = volume.root();
        let owner = Change::Owner(Some(status.uid), Some(status.gid));
        volume.change(&root, owner).map_err(failed)?;
        volume
            .change(&root, Change::Mode(status.mode & 0o7777))
            .map_err(failed)?;
    }
    server.start().map_err(failed)?;
    server.wait();
    Ok(())
}
