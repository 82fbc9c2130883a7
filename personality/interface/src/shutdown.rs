//! Power (`shutdown.defs`).

use crate::interface;

/// Operations on the server behind `/servers/shutdown`.
#[interface(base = 40000, name = "shutdown")]
pub trait Shutdown {
    /// Turns the machine off.
    #[routine(0)]
    fn shutdown_shutdown();
}
