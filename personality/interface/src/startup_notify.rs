//! The system goes down (`startup_notify.defs`).

use crate::interface;

/// Operations on a port registered with `startup_request_notification`.
#[interface(base = 29500, name = "startup_notify")]
pub trait StartupNotify {
    /// Writes everything to its store.
    #[routine(0)]
    fn startup_dosync();
}
