//! What a program was started with.
//!
//! The runtime fills it from `exec_startup_get_info` before `main` runs; a test may fill it
//! itself. Ports that are taken or replaced are seen by everybody in the program.

use crate::sync::Mutex;
use crate::{Error, Result, SendRight};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Indices into the initial ports, the Hurd's.
pub mod init_port {
    /// The current working directory.
    pub const CWDIR: usize = 0;
    /// The root directory.
    pub const CRDIR: usize = 1;
    /// The auth handle.
    pub const AUTH: usize = 2;
    /// The process port.
    pub const PROC: usize = 3;
    /// The identity of the controlling terminal.
    pub const CTTYID: usize = 4;
    /// The port of who started the program.
    pub const BOOTSTRAP: usize = 5;
    /// How many there are.
    pub const MAX: usize = 6;
}

/// Indices into the initial integers, the Hurd's.
pub mod init_int {
    /// File mode creation mask.
    pub const UMASK: usize = 0;
    /// Blocked signals.
    pub const SIGMASK: usize = 1;
    /// Ignored signals.
    pub const SIGIGN: usize = 2;
    /// Pending signals.
    pub const SIGPENDING: usize = 3;
    /// Traced signals.
    pub const TRACEMASK: usize = 4;
    /// How many there are.
    pub const MAX: usize = 5;
}

/// A program's beginnings.
#[derive(Debug, Default)]
pub struct Startup {
    /// The argument vector; the first is the program's name.
    pub args: Vec<Vec<u8>>,
    /// The environment, `NAME=value` each.
    pub env: Vec<Vec<u8>>,
    /// Descriptors by number.
    pub fds: Vec<Option<SendRight>>,
    /// Initial ports, see [`init_port`].
    pub ports: [Option<SendRight>; init_port::MAX],
    /// Initial integers, see [`init_int`].
    pub ints: [i32; init_int::MAX],
}

struct State {
    args: Arc<Vec<Vec<u8>>>,
    env: Vec<Vec<u8>>,
    fds: Vec<Option<Arc<SendRight>>>,
    ports: [Option<Arc<SendRight>>; init_port::MAX],
    ints: [i32; init_int::MAX],
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

/// Keeps everybody out.
#[cfg(target_os = "none")]
pub(crate) fn hold() -> impl Sized {
    STATE.lock()
}

/// Sets what the other functions answer.
pub fn set(startup: Startup) {
    let state = State {
        args: Arc::new(startup.args),
        env: startup.env,
        fds: startup.fds.into_iter().map(|fd| fd.map(Arc::new)).collect(),
        ports: startup.ports.map(|port| port.map(Arc::new)),
        ints: startup.ints,
    };
    let old = STATE.lock().replace(state);
    drop(old);
}

/// The argument vector; empty before [`set`].
pub fn args() -> Arc<Vec<Vec<u8>>> {
    STATE
        .lock()
        .as_ref()
        .map_or_else(Arc::default, |state| state.args.clone())
}

/// The environment as it was at the start.
pub fn vars() -> Vec<Vec<u8>> {
    STATE
        .lock()
        .as_ref()
        .map_or_else(Vec::new, |state| state.env.clone())
}

/// The value of an environment variable at the start.
pub fn var(name: &[u8]) -> Option<Vec<u8>> {
    let guard = STATE.lock();
    guard.as_ref()?.env.iter().find_map(|entry| {
        let value = entry.strip_prefix(name)?.strip_prefix(b"=")?;
        Some(value.to_vec())
    })
}

/// One of the initial ports, see [`init_port`].
pub fn port(index: usize) -> Option<Arc<SendRight>> {
    STATE.lock().as_ref()?.ports.get(index)?.clone()
}

/// Replaces one of the initial ports. `EINVAL` for an index that does not exist.
pub fn set_port(index: usize, right: Option<SendRight>) -> Result<()> {
    let mut guard = STATE.lock();
    let state = guard.get_or_insert_with(|| State {
        args: Arc::default(),
        env: Vec::new(),
        fds: Vec::new(),
        ports: Default::default(),
        ints: [0; init_int::MAX],
    });
    let slot = state.ports.get_mut(index).ok_or(Error::EINVAL)?;
    let old = core::mem::replace(slot, right.map(Arc::new));
    drop(guard);
    drop(old);
    Ok(())
}

/// The port of who started the program.
pub fn bootstrap() -> Option<Arc<SendRight>> {
    port(init_port::BOOTSTRAP)
}

/// A descriptor that the program was started with.
pub fn fd(number: usize) -> Option<Arc<SendRight>> {
    STATE.lock().as_ref()?.fds.get(number)?.clone()
}

/// How many descriptor slots there are.
pub fn fd_count() -> usize {
    STATE.lock().as_ref().map_or(0, |state| state.fds.len())
}

/// One of the initial integers, see [`init_int`]; 0 if there is none.
pub fn int(index: usize) -> i32 {
    STATE
        .lock()
        .as_ref()
        .and_then(|state| state.ints.get(index).copied())
        .unwrap_or(0)
}
