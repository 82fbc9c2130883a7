//! What becomes of a task that crashes (`crash.defs`).

use crate::interface;

/// Operations on the crash server.
#[interface(base = 32000, name = "crash")]
pub trait Crash {
    /// Writes the task's state to `file`, suspends or kills it.
    #[routine(0, split)]
    fn crash_dump_task(
        task: SendRight,
        file: SendRight,
        signo: i32,
        sigcode: i32,
        sigerror: i32,
        exc: u32,
        code: u32,
        subcode: u64,
        cttyid_port: SendRight,
    );
}
