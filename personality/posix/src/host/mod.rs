//! The back end over the C library of the system that develops Hird.
//!
//! Numbers that differ (errors, signals, open flags, terminal modes) are
//! translated, so that programs see the Hurd's everywhere.

mod files;
mod processes;
mod signals;
mod terminals;
mod translators;

pub(crate) use files::*;
pub(crate) use processes::*;
pub(crate) use signals::*;
pub(crate) use terminals::*;
pub(crate) use translators::*;

use alloc::ffi::CString;
use alloc::vec::Vec;
use core::time::Duration;
use std::os::unix::ffi::OsStringExt;

use crate::system::{Uname, Usage};
use crate::time::Timespec;
use crate::{Errno, Result};

/// Runs a program's `main` and ends the process with its status.
#[doc(hidden)]
pub fn start(main: fn() -> i32) -> ! {
    // SAFETY: no memory is passed. The standard library ignores the signal before `main`; the
    // programs of this crate have it as their parent left it, which is nearly always so.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    exit(main())
}

macro_rules! errno_table {
    ($($name:ident)*) => {
        /// The Hurd's number for an error of the C library.
        fn errno_from_host(code: i32) -> Errno {
            match code {
                $(libc::$name => Errno::$name,)*
                other => Errno(0x1_0000 + other.unsigned_abs()),
            }
        }
    };
}

errno_table! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EDEADLK ENOMEM EACCES EFAULT
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EAGAIN ENOTEMPTY ELOOP ENAMETOOLONG ENOSYS
    EOPNOTSUPP EOVERFLOW ETIMEDOUT ECONNREFUSED ECONNRESET ENOTSOCK ESTALE EDQUOT ENOLCK
}

/// The error of the C library's last call.
fn last_errno() -> Errno {
    errno_from_host(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// The result of a call of the C library that answers −1 for an error.
fn check<T: PartialOrd + Default>(value: T) -> Result<T> {
    if value < T::default() {
        Err(last_errno())
    } else {
        Ok(value)
    }
}

/// A string for the C library; a NUL inside is no valid name of anything.
fn c_string(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

pub(crate) fn args() -> Vec<Vec<u8>> {
    std::env::args_os().map(OsStringExt::into_vec).collect()
}

pub(crate) fn program_path() -> Option<Vec<u8>> {
    std::env::current_exe()
        .ok()
        .map(|path| path.into_os_string().into_vec())
}

pub(crate) fn environment() -> Vec<Vec<u8>> {
    std::env::vars_os()
        .map(|(name, value)| {
            let mut entry = name.into_vec();
            entry.push(b'=');
            entry.append(&mut value.into_vec());
            entry
        })
        .collect()
}

fn clock(id: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    time
}

pub(crate) fn now() -> Timespec {
    let time = clock(libc::CLOCK_REALTIME);
    Timespec {
        sec: time.tv_sec,
        nsec: time.tv_nsec as u32,
    }
}

pub(crate) fn monotonic() -> Duration {
    let time = clock(libc::CLOCK_MONOTONIC);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub(crate) fn sleep(duration: Duration) -> Result<()> {
    let time = libc::timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    };
    // SAFETY: `time` is a valid time; no remainder is asked for.
    check(unsafe { libc::nanosleep(&raw const time, core::ptr::null_mut()) }).map(|_| ())
}

pub(crate) fn uname() -> Result<Uname> {
    // SAFETY: `utsname` is plain data for which zeros are valid.
    let mut name: libc::utsname = unsafe { core::mem::zeroed() };
    // SAFETY: `name` is a valid place for the result.
    check(unsafe { libc::uname(&raw mut name) })?;
    let text = |field: &[libc::c_char]| {
        field
            .iter()
            .take_while(|&&c| c != 0)
            .map(|&c| c as u8)
            .collect::<Vec<u8>>()
    };
    Ok(Uname {
        sysname: text(&name.sysname),
        nodename: text(&name.nodename),
        release: text(&name.release),
        version: text(&name.version),
        machine: text(&name.machine),
    })
}

pub(crate) fn system_usage() -> Result<Usage> {
    // SAFETY: `sysinfo` is plain data for which zeros are valid.
    let mut info: libc::sysinfo = unsafe { core::mem::zeroed() };
    // SAFETY: `info` is a valid place for the result.
    check(unsafe { libc::sysinfo(&raw mut info) })?;
    let unit = u64::from(info.mem_unit);
    Ok(Usage {
        memory: info.totalram * unit,
        free: info.freeram * unit,
        tasks: info.procs.into(),
        ..Usage::default()
    })
}

pub(crate) fn set_time(_nanoseconds: u64) -> Result<()> {
    // Nobody develops in order to live at another time.
    Err(Errno::EOPNOTSUPP)
}

pub(crate) fn reboot(_restart: bool) -> Result<()> {
    // Nobody develops in order to lose her machine.
    Err(Errno::EOPNOTSUPP)
}
