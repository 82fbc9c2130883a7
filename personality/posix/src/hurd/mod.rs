//! The back end over the Hurd's servers.

mod crossed;
mod descriptors;
mod files;
mod fork;
mod graph;
mod identity;
mod messages;
mod names;
mod processes;
mod signals;
mod terminals;
#[cfg(test)]
mod tests;
mod translators;

pub(crate) use files::*;
pub(crate) use fork::fork;
pub(crate) use graph::*;
pub(crate) use identity::*;
pub(crate) use processes::*;
pub(crate) use signals::*;
pub(crate) use terminals::*;
pub(crate) use translators::*;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use interface::{process, startup};
use machuser::env::{self, init_port};
use machuser::sync::Mutex;
use machuser::{Error, SendRight, clock, mach};
use ports::Server;

use crate::system::{Uname, Usage};
use crate::time::Timespec;
use crate::{Errno, Result};

/// Runs a program's `main` and ends the process with its status.
#[doc(hidden)]
pub fn start(main: fn() -> i32) -> ! {
    exit(main())
}

/// The number that a program sees for an error of a call.
fn errno(error: Error) -> Errno {
    match error {
        Error::MACH_SEND_INTERRUPTED | Error::MACH_RCV_INTERRUPTED => Errno::EINTR,
        Error::MIG_BAD_ID => Errno::EOPNOTSUPP,
        Error::MIG_BAD_ARGUMENTS | Error::KERN_INVALID_ARGUMENT => Errno::EINVAL,
        Error::KERN_RESOURCE_SHORTAGE | Error::KERN_NO_SPACE => Errno::ENOMEM,
        Error::MACH_SEND_TOO_LARGE => Errno::E2BIG,
        error if error.is_server_died() => Errno::EIEIO,
        error => Errno::from_wire(error.0),
    }
}

/// One of the ports that the program was started with.
fn initial(index: usize) -> Result<Arc<SendRight>> {
    env::port(index).ok_or(match index {
        init_port::CTTYID => Errno::ENXIO,
        init_port::PROC => Errno::ESRCH,
        init_port::AUTH => Errno::EACCES,
        _ => Errno::ENOENT,
    })
}

static SERVER: Mutex<Option<Arc<Server>>> = Mutex::new(None);

/// Keeps everybody out.
fn server_hold() -> impl Sized {
    SERVER.lock()
}

/// Forgets the server of the process that this one is a copy of: its names denote nothing here, and
/// its threads are not there.
fn server_forget() {
    core::mem::forget(SERVER.lock().take());
}

/// What serves the program's own ports, of which a program has one. Runs from the first use on.
fn server() -> Result<Arc<Server>> {
    let mut guard = SERVER.lock();
    if let Some(server) = &*guard {
        return Ok(server.clone());
    }
    let server = Server::new().map_err(errno)?;
    server.start().map_err(errno)?;
    *guard = Some(server.clone());
    Ok(server)
}

/// A right that a server must have sent.
fn sent(right: Option<SendRight>) -> Result<SendRight> {
    right.ok_or(Errno::EIEIO)
}

/// Strings, each ended by a zero byte, as one.
fn join_strings(strings: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(strings.iter().map(|s| s.len() + 1).sum());
    for string in strings {
        joined.extend_from_slice(string);
        joined.push(0);
    }
    joined
}

/// The strings of [`join_strings`].
fn split_strings(joined: &[u8]) -> Vec<Vec<u8>> {
    let mut strings: Vec<Vec<u8>> = joined.split(|&b| b == 0).map(<[u8]>::to_vec).collect();
    if strings.last().is_some_and(Vec::is_empty) {
        strings.pop();
    }
    strings
}

pub(crate) fn args() -> Vec<Vec<u8>> {
    env::args().to_vec()
}

pub(crate) fn environment() -> Vec<Vec<u8>> {
    env::vars()
}

pub(crate) fn program_path() -> Option<Vec<u8>> {
    let proc = initial(init_port::PROC).ok()?;
    let path = process::proc_get_exe(&*proc, getpid()).ok()?;
    (path.first() == Some(&b'/')).then_some(path)
}

pub(crate) fn now() -> Timespec {
    let time = clock::realtime();
    Timespec {
        sec: time.as_secs() as i64,
        nsec: time.subsec_nanos(),
    }
}

pub(crate) fn monotonic() -> Duration {
    clock::now()
}

pub(crate) fn uname() -> Result<Uname> {
    let proc = initial(init_port::PROC)?;
    let bytes = process::proc_uname(&*proc).map_err(errno)?;
    let mut fields = split_strings(&bytes).into_iter();
    let mut next = || fields.next().unwrap_or_default();
    Ok(Uname {
        sysname: next(),
        nodename: next(),
        release: next(),
        version: next(),
        machine: next(),
    })
}

pub(crate) fn system_usage() -> Result<Usage> {
    let counts = mach::vm_statistics().map_err(errno)?;
    let [limits @ .., _, _, _] = counts.account;
    let [_, _, _, used @ ..] = counts.account;
    let pair = |index: usize| (limits[index], used[index]);
    Ok(Usage {
        memory: counts.memory,
        free: counts.free,
        tasks: counts.tasks,
        threads: counts.threads,
        ports: counts.ports,
        objects: counts.objects,
        account: [pair(0), pair(1), pair(2)],
    })
}

/// Where the server that starts and ends the system is.
const STARTUP_SERVER: &[u8] = b"/servers/startup";
/// `startup_reboot`: end the system.
const RB_HALT: i32 = 8;
/// `startup_reboot`: start it again.
const RB_AUTOBOOT: i32 = 0;

pub(crate) fn set_time(nanoseconds: u64) -> Result<()> {
    let proc = initial(init_port::PROC)?;
    let (host, _) = process::proc_getprivports(&*proc).map_err(errno)?;
    let host = host.ok_or(Errno::EPERM)?;
    mach::host_set_time(&host, nanoseconds).map_err(errno)
}

pub(crate) fn reboot(restart: bool) -> Result<()> {
    let proc = initial(init_port::PROC)?;
    let (host, _) = process::proc_getprivports(&*proc).map_err(errno)?;
    let server = names::lookup(STARTUP_SERVER, 0, 0)?;
    let code = if restart { RB_AUTOBOOT } else { RB_HALT };
    startup::startup_reboot(&server, host, code).map_err(errno)
}
