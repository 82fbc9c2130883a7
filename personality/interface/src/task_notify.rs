//! What the mach server tells about tasks (`task_notify.defs`).

use crate::interface;

/// Messages to the port of `register_new_task_notification`.
#[interface(base = 4400, name = "task_notify")]
pub trait TaskNotify {
    /// `parent` has made `task`.
    #[simpleroutine(0)]
    fn mach_notify_new_task(task: SendRight, parent: SendRight);
}
