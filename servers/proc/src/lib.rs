//! The proc server: the process table as a pure state machine, and the requests ([`Proc`]).
//!
//! [`Table`] knows who is whose parent, in which group and session, alive, stopped or
//! dead. It is told of every request and every death, and says in [`Effect`]s what is to be done
//! outside: signals to post, tasks to end or stop, waiters to wake. Rights are opaque to it.

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod serve;
mod signal;
mod table;

pub use serve::{Proc, THREADS};
pub use signal::{DefaultAction, default_action, number as signal_number};
pub use table::{
    Delivery, Effect, Identity, Process, State, Status, Table, Wait, WaitResult, option,
};

/// A process id.
pub type Pid = i32;

/// The process that starts the system and inherits orphans.
pub const INIT: Pid = 1;
/// The proc server itself.
pub const PROC: Pid = 4;
