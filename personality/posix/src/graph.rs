//! Who holds which right to what: the tasks, ports and accounts of the system, for programs that
//! show them.

use alloc::vec::Vec;

use crate::{Pid, Result, sys};

/// What there is. Root sees the whole system; others see their own tasks, and no ports and accounts
/// beside the numbers in those.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    /// Tasks.
    pub tasks: Vec<Task>,
    /// Ports.
    pub ports: Vec<Port>,
    /// Accounts.
    pub accounts: Vec<Account>,
}

/// A task.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Task {
    /// Its number.
    pub task: u32,
    /// The process that it is, if it is one.
    pub pid: Option<Pid>,
    /// The arguments of that.
    pub args: Vec<Vec<u8>>,
    /// The name that it was given; empty if none.
    pub name: Vec<u8>,
    /// The number of its account.
    pub account: u32,
    /// Its threads.
    pub threads: Vec<Thread>,
    /// What its names denote.
    pub rights: Vec<Right>,
}

/// A thread.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Thread {
    /// Its number.
    pub thread: u32,
    /// The name that it was given, or its task's; empty if none.
    pub name: Vec<u8>,
    /// The port that it calls, if it waits for an answer.
    pub calls: Option<u32>,
}

/// A name of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Right {
    /// The name.
    pub name: u32,
    /// The port that it denotes, if it does.
    pub port: Option<u32>,
    /// Its kinds.
    pub kinds: Kinds,
    /// User references.
    pub references: u32,
}

/// Kinds of rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kinds {
    /// A receive right.
    pub receive: bool,
    /// A send right.
    pub send: bool,
    /// A send-once right.
    pub send_once: bool,
    /// A port set.
    pub port_set: bool,
    /// A dead name.
    pub dead: bool,
}

impl Kinds {
    /// The names of those that it is.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.receive, "receive"),
            (self.send, "send"),
            (self.send_once, "send-once"),
            (self.port_set, "port-set"),
            (self.dead, "dead-name"),
        ]
        .into_iter()
        .filter_map(|(is, name)| is.then_some(name))
    }
}

/// A port.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Port {
    /// Its number.
    pub port: u32,
    /// What receives from it or what it stands for, such as `task`, and the number of that.
    pub receiver: (&'static str, u32),
    /// Its receiver's name for it, or 0.
    pub name: u32,
    /// The port set that it is in, or 0.
    pub set: u32,
    /// Messages in its queue, and how many it takes.
    pub queued: (u32, u32),
    /// Send rights that exist.
    pub send: u32,
    /// Send-once rights that exist.
    pub send_once: u32,
    /// Rights in the messages of its queue.
    pub rights: Vec<(Kinds, u32)>,
}

/// An account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Its number.
    pub account: u32,
    /// That of the account above.
    pub parent: Option<u32>,
    /// Bytes of memory and of kernel objects, and rights: the limit (`u64::MAX`: none), and what is
    /// used.
    pub amounts: [(u64, u64); 3],
}

/// The accounts of the system.
///
/// Errors: `EPERM` for whoever is not root.
pub fn accounts() -> Result<Vec<Account>> {
    sys::accounts()
}

/// What there is at the moment. What changes meanwhile may be missing.
pub fn graph() -> Result<Graph> {
    sys::graph()
}
