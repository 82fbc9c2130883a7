//! What a start of a thread, and the time, are on AArch64.

use core::arch::{asm, global_asm};

// The mach server starts threads with page, argument and number in x0 to x2.
global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "msr tpidr_el0, x0",
    "mov x29, xzr",
    "mov x30, xzr",
    "b {program}",
    ".global __hird_thread_start",
    "__hird_thread_start:",
    "msr tpidr_el0, x0",
    "mov x29, xzr",
    "mov x30, xzr",
    "b {thread}",
    program = sym crate::rt::program_start,
    thread = sym crate::rt::thread_main,
);

// Saves what a function preserves and calls `f(context, pc, sp)`. A thread that starts at that `pc`
// and `sp`, with memory like this thread's then, returns from here once more.
global_asm!(
    ".global __hird_split",
    "__hird_split:",
    "sub sp, sp, #96",
    "stp x19, x20, [sp]",
    "stp x21, x22, [sp, #16]",
    "stp x23, x24, [sp, #32]",
    "stp x25, x26, [sp, #48]",
    "stp x27, x28, [sp, #64]",
    "stp x29, x30, [sp, #80]",
    "mov x3, x0",
    "mov x0, x1",
    "adr x1, 2f",
    "mov x2, sp",
    "blr x3",
    "mov x1, xzr",
    "1:",
    "ldp x19, x20, [sp]",
    "ldp x21, x22, [sp, #16]",
    "ldp x23, x24, [sp, #32]",
    "ldp x25, x26, [sp, #48]",
    "ldp x27, x28, [sp, #64]",
    "ldp x29, x30, [sp, #80]",
    "add sp, sp, #96",
    "ret",
    "2:",
    "msr tpidr_el0, x0",
    "str w2, [x0, {number}]",
    "mov x0, x1",
    "mov x1, #1",
    "b 1b",
    number = const mach::abi::page::THREAD,
);

unsafe extern "C" {
    fn __hird_thread_start();
    /// Calls `f` with `context` and where another thread goes on; answers what `f` does.
    pub(crate) fn __hird_split(
        f: extern "C" fn(context: usize, pc: u64, sp: u64) -> u64,
        context: usize,
    ) -> crate::rt::Side;
}

/// Where threads start.
#[allow(non_snake_case)]
pub(crate) fn THREAD_ENTRY() -> u64 {
    __hird_thread_start as *const () as u64
}

/// Address of this thread's page.
#[inline(always)]
pub fn thread_page() -> usize {
    let page;
    // SAFETY: reads a register that the thread's start has set.
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) page, options(nomem, nostack, preserves_flags, pure))
    };
    page
}

/// Nanoseconds since the counter started.
pub fn nanoseconds() -> u64 {
    let (count, frequency): (u64, u64);
    // SAFETY: the boot loader lets programs read both registers.
    unsafe {
        asm!("isb", "mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack, preserves_flags));
        asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack, preserves_flags, pure));
    }
    (count as u128 * 1_000_000_000 / frequency as u128) as u64
}
