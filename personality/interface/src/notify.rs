//! What the mach server tells about ports (`notify.defs`).
//!
//! Anybody who holds a send right can forge these: they are hints, to be checked.

use crate::interface;

/// Messages to a port that was named in a request for a notification.
#[interface(base = 64, name = "notify")]
pub trait Notify {
    /// A name with a dead-name request was freed.
    #[simpleroutine(1)]
    fn mach_notify_port_deleted(name: u32);
    /// The message that was forced into a full queue has been queued.
    #[simpleroutine(2)]
    fn mach_notify_msg_accepted(name: u32);
    /// A receive right that would have been destroyed.
    #[simpleroutine(5)]
    fn mach_notify_port_destroyed(receive: ReceiveRight);
    /// No send right is left; so many were made.
    #[simpleroutine(6)]
    fn mach_notify_no_senders(mscount: u32);
    /// A send-once right died unused.
    #[simpleroutine(7)]
    fn mach_notify_send_once();
    /// The name is dead now, and has one user reference more.
    #[simpleroutine(8)]
    fn mach_notify_dead_name(name: u32);
}
