//! `ext2fs [--readonly] STORE`: the ext2 file system on a store; `store` says how stores are named.
//!
//! It is served read-only. `--writable` (`-w`) and `--sync` (`-s`) are refused.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::string::String;

use diskfs::FileServer;
use ext2fs::Volume;
use interface::fs::O_READ;
use machuser::{Error, Result, SendRight, env, mach};
use store::Resolver;

machuser::program!(main);

fn main() {
    if let Err(reason) = serve() {
        mach::log(&format!("ext2fs: {reason}"));
    }
}

/// Finds stores by this program's own paths and descriptors.
struct Own;

impl Resolver for Own {
    fn open(&self, path: &[u8], _write: bool) -> Result<SendRight> {
        diskfs::open(path, O_READ, 0)
    }

    fn descriptor(&self, number: usize) -> Result<SendRight> {
        env::fd(number).ok_or(Error::EBADF)?.try_clone()
    }
}

fn serve() -> core::result::Result<(), String> {
    let mut name = None;
    for word in env::args().iter().skip(1) {
        let shown = String::from_utf8_lossy(word);
        match word.as_slice() {
            b"--readonly" | b"-r" => {}
            b"--writable" | b"-w" => return Err("writing is not supported".into()),
            option if option == b"-s" || option.starts_with(b"--sync") => {
                return Err("there is nothing to write back: writing is not supported".into());
            }
            option if option.starts_with(b"-") => return Err(format!("{shown}: unknown option")),
            _ if name.is_some() => return Err(format!("{shown}: one store is enough")),
            store => name = Some(store.to_vec()),
        }
    }
    let name = name.ok_or("no store is named")?;
    let shown = String::from_utf8_lossy(&name);
    let failed = |error: Error| format!("{shown}: {error}");
    let store = store::open(&name, false, &Own).map_err(failed)?;
    let volume = Volume::new(store, &name).map_err(|error| format!("{shown}: {error}"))?;
    let server = FileServer::new(volume).map_err(failed)?;
    server.start().map_err(failed)?;
    server.startup(0).map_err(failed)?;
    server.wait();
    Ok(())
}
