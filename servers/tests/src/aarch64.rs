//! AArch64: where a thread of [`crate::child`] begins, threads' states, and exceptions.

use crate::child::thread_main;
use core::arch::{asm, global_asm};

global_asm!(
    ".global guest_tests_thread_start",
    "guest_tests_thread_start:",
    "msr tpidr_el0, x0",
    "mov x29, xzr",
    "mov x30, xzr",
    "b {main}",
    main = sym thread_main,
);

/// How many words a thread's state has.
pub const STATE_WORDS: usize = 35;
/// The first argument of a function.
pub const ARGUMENT: usize = 0;
/// The stack pointer.
pub const STACK: usize = 31;
/// The program counter.
pub const PC: usize = 32;
/// The address of the thread's page, where it is part of the state.
pub const PAGE: Option<usize> = Some(33);
/// Where a foreign system call has its result.
pub const RESULT: usize = 0;

/// Bytes of the instruction of [`store`].
pub const STORE_BYTES: u64 = 4;
/// The number that a breakpoint tells, how far behind the breakpoint its thread is when it is told,
/// and how far it has to go then.
pub const BREAKPOINT: (u64, u64, u64) = (77, 0, 4);
/// Bytes of a foreign system call.
pub const FOREIGN_BYTES: u64 = 4;

/// Writes a word with one instruction.
///
/// # Safety
/// The word may be written, or whoever handles the fault sees to it.
pub unsafe fn store(address: u64, word: u64) {
    // SAFETY: the caller's promise.
    unsafe { asm!("str {}, [{}]", in(reg) word, in(reg) address) };
}

/// A breakpoint.
pub fn breakpoint() {
    // SAFETY: raises an exception and does nothing else.
    unsafe { asm!("brk #77") };
}

/// An instruction that is none.
pub fn undefined() {
    // SAFETY: raises an exception and does nothing else.
    unsafe { asm!("udf #1") };
}

/// Instructions whose exceptions are neither of memory nor of a breakpoint that is one, with what is
/// told of them: these processors have none.
pub const RAISED: &[(fn(), u64, u64)] = &[];

/// A system call as another system's program makes it, number 64 with 5 and 6; its result.
pub fn foreign() -> u64 {
    let mut x0 = 5u64;
    // SAFETY: a system call that the kernel does not know; who handles it changes x0 at most.
    unsafe { asm!("svc #0", inout("x0") x0, in("x1") 6, in("x7") 0, in("x8") 64) };
    x0
}

/// Lets others have their turn, with these flags and this stack pointer.
fn yield_with(flags: u64, stack: u64) {
    // SAFETY: the system call changes nothing of this thread, whose stack pointer is as before
    // afterwards.
    unsafe {
        asm!(
            "msr nzcv, {flags}",
            "mov {kept}, sp",
            "mov sp, {stack}",
            "svc #0",
            "mov sp, {kept}",
            flags = in(reg) flags,
            stack = in(reg) stack,
            kept = out(reg) _,
            in("x7") YIELD,
        );
    }
}

/// The same, after it has changed the register by which threads find their pages.
fn yield_without_page() {
    // SAFETY: as above; who calls this needs its page no more.
    unsafe { asm!("msr tpidr_el0, xzr", "svc #0", in("x7") YIELD) };
}

/// `seL4_SysYield`.
const YIELD: i64 = -7;

/// System calls as no compiler makes them, and whether a thread goes on behind them.
pub const WILD_CALLS: &[(fn(), bool)] = &[
    (|| yield_with(0xf000_0000, 0), true),
    (|| yield_with(0, 1), true),
    (|| yield_with(0, 1 << 63), true),
    (|| yield_with(u64::MAX, u64::MAX), true),
    (yield_without_page, true),
];

/// What a state tells of that call: its number and arguments.
pub fn foreign_call(state: &[u64]) -> [u64; 3] {
    [state[8], state[0], state[1]]
}

/// What is told of an address at which an access failed.
pub fn reported(address: u64) -> u64 {
    address
}
