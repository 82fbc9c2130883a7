//! Processes: starting them, waiting for them, who they are.

use alloc::vec::Vec;

use crate::graph::Right;
use crate::signal::Signal;
use crate::{Errno, Fd, Pid, Result, sys};

/// How a process ended, or that it stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It ended with this exit status.
    Exited(u8),
    /// A signal ended it.
    Signaled(Signal),
    /// A signal stopped it.
    Stopped(Signal),
    /// It goes on.
    Continued,
}

impl Status {
    /// From the status word of the proc server.
    pub const fn from_wire(status: u32) -> Self {
        let low = (status & 0x7f) as u8;
        let high = ((status >> 8) & 0xff) as u8;
        match low {
            0 => Self::Exited(high),
            0x7f if status == 0xffff => Self::Continued,
            0x7f => Self::Stopped(Signal(high)),
            _ => Self::Signaled(Signal(low)),
        }
    }

    /// The word that the proc server keeps for this.
    pub const fn to_wire(self) -> u32 {
        match self {
            Self::Exited(status) => (status as u32) << 8,
            Self::Signaled(signal) => signal.0 as u32,
            Self::Stopped(signal) => (signal.0 as u32) << 8 | 0x7f,
            Self::Continued => 0xffff,
        }
    }

    /// What a shell calls the exit status: 128 and the signal's number for a signal.
    pub const fn code(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Signaled(signal) | Self::Stopped(signal) => 128u8.wrapping_add(signal.0),
            Self::Continued => 0,
        }
    }
}

/// Whose end [`wait`] waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Any child.
    Any,
    /// This child.
    Child(Pid),
    /// Any child in this process group.
    Group(Pid),
}

/// What [`wait`] answers for besides ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WaitOptions {
    /// Answer `None` rather than block.
    pub no_hang: bool,
    /// Answer for children that stop, too.
    pub stopped: bool,
}

/// The process group of a new process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Group {
    /// Its parent's.
    #[default]
    Inherit,
    /// Its own, new one.
    New,
    /// This one, of the parent's session.
    Join(Pid),
    /// Its own, in a session of its own.
    NewSession,
}

/// A program to start: in a process of its own, or in place of the caller.
///
/// Unless told otherwise, it gets the caller's environment, working
/// directory, process group, and every descriptor that is not closed on exec.
/// Signals that the caller notes or handles have their default action in it.
#[derive(Clone, Debug)]
pub struct Command {
    pub(crate) path: Vec<u8>,
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) env: Option<Vec<Vec<u8>>>,
    pub(crate) fds: Vec<(Fd, Option<Fd>)>,
    pub(crate) inherit_fds: bool,
    pub(crate) group: Group,
    pub(crate) foreground: Option<Fd>,
    pub(crate) default_signals: Vec<Signal>,
    pub(crate) ignored_signals: Vec<Signal>,
}

impl Command {
    /// The program at `path`, with `argv`, whose first element is the name that it sees.
    pub fn new(path: &[u8], argv: Vec<Vec<u8>>) -> Self {
        Self {
            path: path.to_vec(),
            argv,
            env: None,
            fds: Vec::new(),
            inherit_fds: true,
            group: Group::Inherit,
            foreground: None,
            default_signals: Vec::new(),
            ignored_signals: Vec::new(),
        }
    }

    /// Sets the environment: entries `NAME=value`.
    pub fn env(&mut self, env: Vec<Vec<u8>>) -> &mut Self {
        self.env = Some(env);
        self
    }

    /// The program gets only the descriptors that [`fd`](Self::fd) names.
    pub fn no_fds(&mut self) -> &mut Self {
        self.inherit_fds = false;
        self
    }

    /// The program's descriptor `child` is the caller's `parent`, or is closed for `None`.
    ///
    /// All `parent`s mean the caller's descriptors as they are: two can be exchanged.
    pub fn fd(&mut self, child: Fd, parent: Option<Fd>) -> &mut Self {
        self.fds.retain(|&(fd, _)| fd != child);
        self.fds.push((child, parent));
        self
    }

    /// Sets the process group.
    pub fn group(&mut self, group: Group) -> &mut Self {
        self.group = group;
        self
    }

    /// Makes the process's group the foreground one of this terminal before the program runs.
    pub fn foreground(&mut self, terminal: Fd) -> &mut Self {
        self.foreground = Some(terminal);
        self
    }

    /// The signal has its default action in the program, even where the caller ignores it.
    pub fn default_signal(&mut self, signal: Signal) -> &mut Self {
        self.ignored_signals.retain(|&s| s != signal);
        self.default_signals.push(signal);
        self
    }

    /// The program ignores the signal from its start.
    pub fn ignore_signal(&mut self, signal: Signal) -> &mut Self {
        self.default_signals.retain(|&s| s != signal);
        self.ignored_signals.push(signal);
        self
    }

    /// Starts the program as a child of the caller.
    ///
    /// Errors are those of looking up and loading it: `ENOENT`, `EACCES`,
    /// `ENOEXEC`, `ENOMEM` and the like. There is no child then.
    pub fn spawn(&self) -> Result<Pid> {
        sys::spawn(self)
    }

    /// Runs the program in place of the caller; returns only if that fails.
    pub fn exec(&self) -> Errno {
        sys::exec(self)
    }
}

/// Waits for a child; `None` only with [`WaitOptions::no_hang`].
///
/// Errors: `ECHILD` if there is none to wait for, `EINTR`.
pub fn wait(which: Which, options: WaitOptions) -> Result<Option<(Pid, Status)>> {
    sys::wait(which, options)
}

/// Waits until this child ends, whatever interrupts it.
pub fn wait_for(pid: Pid) -> Result<Status> {
    loop {
        match wait(Which::Child(pid), WaitOptions::default()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes a copy of this process, which has the calling thread alone and goes on from here: answers
/// the child's number in the parent, and `None` in the child.
///
/// Memory is shared until somebody writes. Descriptors are those of the parent, with their positions;
/// handled and ignored signals stay so, none is pending. Locks that other threads hold stay held for
/// ever in the child: a program with several threads does there only what needs none of them, such as
/// [`Command::exec`].
pub fn fork() -> Result<Option<Pid>> {
    sys::fork()
}

/// Ends the process.
pub fn exit(status: i32) -> ! {
    sys::exit(status)
}

/// Ends the process as `signal` does by default.
pub fn die_by(signal: Signal) -> ! {
    sys::die_by(signal)
}

/// This process.
pub fn id() -> Pid {
    sys::getpid()
}

/// The parent of this process.
pub fn parent_id() -> Pid {
    sys::getppid()
}

/// The process group of a process; 0 is the caller.
pub fn group_of(pid: Pid) -> Result<Pid> {
    sys::getpgid(pid)
}

/// Puts a process (0: the caller) into a process group (0: its own).
pub fn set_group(pid: Pid, group: Pid) -> Result<()> {
    sys::setpgid(pid, group)
}

/// Puts the caller into a new session and process group, whose leader it is.
pub fn new_session() -> Result<Pid> {
    sys::setsid()
}

/// Who the process acts for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ids {
    /// Effective user ids; the first is the process's own.
    pub euids: Vec<u32>,
    /// Available user ids; the first is the real one.
    pub auids: Vec<u32>,
    /// Effective group ids; the first is the process's own.
    pub egids: Vec<u32>,
    /// Available group ids; the first is the real one.
    pub agids: Vec<u32>,
}

/// Who the process acts for. On the Hurd a process may have any number of ids, also none.
pub fn ids() -> Result<Ids> {
    sys::ids()
}

/// The effective user id; `u32::MAX` for a process without one.
pub fn effective_uid() -> u32 {
    ids()
        .ok()
        .and_then(|ids| ids.euids.first().copied())
        .unwrap_or(u32::MAX)
}

/// Gives the process's identity up for that of `uid`, with groups `gids`, if the
/// password server grants it: for the right password, or to root.
pub fn become_user(uid: u32, gids: &[u32], password: &[u8]) -> Result<()> {
    sys::become_user(uid, gids, password)
}

/// Whether the password server takes this password for that of `uid`.
///
/// Errors: `EACCES` if it does not.
pub fn check_password(uid: u32, password: &[u8]) -> Result<()> {
    sys::check_password(uid, password)
}

/// One process of [`list`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProcessInfo {
    /// Its id.
    pub pid: Pid,
    /// Its parent's id.
    pub ppid: Pid,
    /// Its process group.
    pub group: Pid,
    /// Its session.
    pub session: Pid,
    /// The user that it belongs to, if one.
    pub owner: Option<u32>,
    /// One letter as `ps` prints it: `R`unning, `S`leeping, s`T`opped, `Z`ombie.
    pub state: u8,
    /// The time that it ran, in microseconds.
    pub cpu_time: u64,
    /// The memory that it has mapped, in bytes.
    pub virtual_size: u64,
    /// Its threads.
    pub threads: u32,
    /// The path of its program's file; empty if nobody told it.
    pub file: Vec<u8>,
    /// Its arguments, the program's name first.
    pub args: Vec<Vec<u8>>,
}

/// All processes that the caller can see.
pub fn list() -> Result<Vec<ProcessInfo>> {
    sys::process_list()
}

/// Charges this process, and all that it starts from now on, to a new account below the one that it
/// was charged to until now. Its limits are bytes of memory, bytes of kernel objects, and rights.
///
/// Errors: `ENOMEM` if the limits do not suffice for the process itself.
pub fn enter_account(memory: u64, objects: u64, rights: u64) -> Result<()> {
    sys::enter_account(memory, objects, rights)
}

/// What the port names of a process denote.
///
/// Errors: `ESRCH`, and `EPERM` for another user's process.
pub fn ports(pid: Pid) -> Result<Vec<Right>> {
    sys::process_rights(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_survive_the_wire() {
        for status in [
            Status::Exited(0),
            Status::Exited(255),
            Status::Signaled(Signal::KILL),
            Status::Stopped(Signal::TSTP),
            Status::Continued,
        ] {
            assert_eq!(Status::from_wire(status.to_wire()), status);
        }
        assert_eq!(Status::Signaled(Signal::INT).code(), 130);
    }
}
