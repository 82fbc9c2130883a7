//! Breaking off what a port's server does (`interrupt.defs`).

use crate::interface;

/// Operations on any port of a server with worker threads.
#[interface(base = 33000, name = "interrupt")]
pub trait Interrupt {
    /// Requests that came to the port and still wait end with `EINTR`.
    #[routine(0, split)]
    fn interrupt_operation();
}
