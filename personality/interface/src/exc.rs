//! Exceptions (`exc.defs`).

use crate::interface;

/// `exception_raise`: a bad access to memory; `code` is the Mach error, `subcode` the address.
pub const EXC_BAD_ACCESS: i32 = 1;
/// An illegal instruction.
pub const EXC_BAD_INSTRUCTION: i32 = 2;
/// Arithmetic.
pub const EXC_ARITHMETIC: i32 = 3;
/// An emulated instruction.
pub const EXC_EMULATION: i32 = 4;
/// Raised by software.
pub const EXC_SOFTWARE: i32 = 5;
/// A breakpoint.
pub const EXC_BREAKPOINT: i32 = 6;

/// Messages to an exception port.
#[interface(base = 2400, name = "exc")]
pub trait Exc {
    /// A thread of a task did something exceptional; it goes on when this is answered with
    /// success.
    #[routine(0, split)]
    fn exception_raise(thread: SendRight, task: SendRight, exception: i32, code: i32, subcode: i64);
}
