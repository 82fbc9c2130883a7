//! `tmpfs [--mode=MODE] [SIZE]`: a file system in memory, of at most SIZE bytes (with a suffix K, M,
//! G or T), by default half of the memory that is free when it starts. Owner and permissions of
//! its root are those of the node that it sits on.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;

use diskfs::{Change, FileServer, FileSystem};
use interface::io;
use machuser::{Error, Result, env, mach};
use tmpfs::Volume;

machuser::program!(main);

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("tmpfs: {error}"));
    }
}

fn serve() -> Result<()> {
    let mut mode = None;
    let mut limit = None;
    for word in env::args().iter().skip(1) {
        if let Some(text) = word.strip_prefix(b"--mode=") {
            let text = core::str::from_utf8(text).map_err(|_| Error::EINVAL)?;
            mode = Some(u32::from_str_radix(text, 8).map_err(|_| Error::EINVAL)? & 0o7777);
        } else {
            limit = Some(store::parse_size(word).ok_or(Error::EINVAL)?);
        }
    }
    let limit = match limit {
        Some(limit) => limit,
        None => mach::vm_statistics()?.free / 2,
    };
    let server = FileServer::new(Volume::new(limit, 0o755, 0, 0)?)?;
    // Nobody sees the root before it is as it should be: the requests that come wait.
    if let Some(node) = server.startup(0)? {
        let status = io::io_stat(&node)?;
        let volume = server.volume();
        let root = volume.root();
        volume.change(&root, Change::Owner(Some(status.uid), Some(status.gid)))?;
        volume.change(&root, Change::Mode(mode.unwrap_or(status.mode & 0o7777)))?;
    }
    server.start()?;
    server.wait();
    Ok(())
}
