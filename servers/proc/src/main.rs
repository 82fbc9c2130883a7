//! The proc server.
//!
//! Started by startup, whose task is its descriptor 3: it shows its starter the process
//! port of the first process, and learns its auth handle and the privileged host port.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;

use interface::startup;
use machuser::{Error, Result, SendRight, env, mach};
use proc_server::{INIT, Proc};

machuser::program!(main);

/// The descriptor that holds the first program's task.
const STARTER_TASK: usize = 3;

fn main() {
    let error = match serve() {
        Ok(never) => never,
        Err(error) => error,
    };
    mach::log(&format!("proc: {error}"));
}

fn serve() -> Result<Error> {
    let server = ports::Server::new()?;
    server.set_thread_limit(proc_server::THREADS);
    let bootstrap = env::bootstrap().ok_or(Error::EINVAL)?;
    let starter = env::fd(STARTER_TASK).ok_or(Error::EINVAL)?;
    // The task's own port has this name for as long as the task lives.
    let own = Arc::new(SendRight::from_raw(machuser::sys::task_self()));
    let processes = Proc::new(server.clone(), starter, own)?;
    server.start()?;
    let first = processes.process_port(INIT)?;
    let (_, auth, host, _) = startup::startup_procinit(&*bootstrap, first)?;
    processes.initialise(auth.ok_or(Error::EINVAL)?, host.ok_or(Error::EINVAL)?)?;
    Ok(server.run())
}
