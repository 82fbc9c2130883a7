//! The auth server.
//!
//! Started by startup before there are processes: it shows its first handle, of the superuser,
//! to its starter, who answers with a process port.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;
use core::time::Duration;

use auth_server::{Auth, Ids};
use interface::{process, startup};
use machuser::{Error, Result, env, mach};

machuser::program!(main);

/// How long one side of a rendezvous waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let error = match serve() {
        Ok(never) => never,
        Err(error) => error,
    };
    mach::log(&format!("auth: {error}"));
}

fn serve() -> Result<Error> {
    let server = ports::Server::new()?;
    let auth = Auth::new(server.clone(), PATIENCE);
    let root = auth.handle(Ids::root())?;
    server.start()?;
    let bootstrap = env::bootstrap().ok_or(Error::EINVAL)?;
    let process = startup::startup_authinit(&*bootstrap, root.right())?;
    if let Some(process) = process {
        process::proc_mark_important(&process)?;
        env::set_port(env::init_port::PROC, Some(process))?;
    }
    drop(root);
    drop::<Arc<Auth>>(auth);
    Ok(server.run())
}
