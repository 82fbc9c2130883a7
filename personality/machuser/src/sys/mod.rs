//! The system below: one implementation for the machine, one in-process for tests on the host.
//!
//! Both offer the same functions. A program does not call these but the typed layers above.

use crate::Name;
use smallvec::SmallVec;

#[cfg(not(target_os = "none"))]
pub mod loopback;
#[cfg(not(target_os = "none"))]
pub use loopback::*;

#[cfg(target_os = "none")]
mod sel4;
#[cfg(target_os = "none")]
pub use sel4::*;

/// A message as it arrives at a server's endpoint. Words from 4 on are in the IPC buffer.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    /// Name of the receive right that the message came to.
    pub badge: Name,
    /// The label, see [`crate::wire`].
    pub label: u32,
    /// Number of words.
    pub len: usize,
    /// The first four words.
    pub mrs: [u64; 4],
}

/// A one-way message as it is received.
#[derive(Debug)]
pub struct Message {
    /// Name of the receive right that the message came to; 0 for [`crate::wire::WINDOW_GONE`], and
    /// where there is a payload instead.
    pub port: Name,
    /// The port's protected payload.
    pub payload: Option<u64>,
    /// The label, see [`crate::wire`].
    pub label: u32,
    /// The body: a few words are in place.
    pub words: SmallVec<[u64; 4]>,
    /// The rights, in order.
    pub rights: crate::CarriedList,
    /// The port's sequence number of the message.
    pub seqno: u32,
}

/// A window, as the mach server gives it.
#[derive(Clone, Copy, Debug)]
pub struct RawWindow {
    /// Unguessable; names the window in messages to the one server that it was made for.
    pub token: u64,
    /// Where it is mapped in this task.
    pub address: usize,
    /// Its size.
    pub bytes: usize,
    /// Number of the task at its other end.
    pub peer: u32,
}

/// What one can be told about a port, by the number of the message that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Notification {
    /// A name with a dead-name request was freed.
    PortDeleted = 65,
    /// A message that was forced into a full queue has been queued.
    MsgAccepted = 66,
    /// The receive right would have been destroyed: here it is.
    PortDestroyed = 69,
    /// No send right is left.
    NoSenders = 70,
    /// A send-once right died unused.
    SendOnce = 71,
    /// The port died: the name is now a dead name, with one user reference more.
    DeadName = 72,
}

/// What `mach_port_get_receive_status` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveStatus {
    /// How many send rights have been made from the receive right.
    pub mscount: u32,
    /// The sequence number of the next message.
    pub seqno: u32,
    /// How many messages may be queued.
    pub qlimit: u32,
    /// How many messages are queued.
    pub msgcount: u32,
    /// Number of send-once rights.
    pub sorights: u32,
    /// Whether send rights exist.
    pub srights: bool,
}

/// Answer of the waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Somebody woke the waiter, or the value was another one already.
    Woken,
    /// The time is up.
    TimedOut,
}
