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
    program = sym super::program_start,
    thread = sym super::thread_main,
);

unsafe extern "C" {
    fn __hird_thread_start();
}

/// Where threads start.
#[allow(non_snake_case)]
pub(super) fn THREAD_ENTRY() -> u64 {
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
