//! Processes that go on twice.

use interface::process;
use machuser::env::{self, init_port};
use machuser::fork::{self, Fork};
use machuser::{Right, SendRight, mach};

use super::{crossed, descriptors, errno, initial, messages, processes, sent, signals};
use crate::{Pid, Result};

pub(crate) fn fork() -> Result<Option<Pid>> {
    let proc = initial(init_port::PROC)?;
    let forked = {
        // The threads that hold these locks are not in the new process.
        let _locks = (
            messages::hold(),
            super::server_hold(),
            signals::hold(),
            descriptors::hold(),
            crossed::hold(),
            processes::hold(),
        );
        fork::fork()
    };
    let child = match forked.map_err(errno)? {
        Fork::Parent(child) => child,
        Fork::Child(name) => {
            begin(name as u32);
            return Ok(None);
        }
    };
    let mut known = None;
    let started = (|| {
        let (own, pid) = process::proc_new_child(&*proc, &child.task).map_err(errno)?;
        known = Some(pid);
        let name = mach::port_insert_right(&child.task, Right::from(sent(own)?)).map_err(errno)?;
        child.start(name.into()).map_err(errno)?;
        Ok(pid)
    })();
    if started.is_err() {
        // What was begun of the child goes, and nobody waits for it.
        let _ = mach::task_terminate(&child.task);
        if let Some(pid) = known {
            let _ = crate::process::wait_for(pid);
        }
    }
    started.map(Some)
}

/// The new process becomes one of its own; `proc` is the name of its process port.
fn begin(proc: u32) {
    // The index exists.
    let _ = env::set_port(init_port::PROC, Some(SendRight::from_raw(proc)));
    super::server_forget();
    signals::forget();
    descriptors::forget_terminals();
    if messages::forget() {
        // Without it, signals do by default what they would be handled for.
        let _ = messages::start();
    }
}
