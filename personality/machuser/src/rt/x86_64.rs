//! What a start of a thread, and the time, are on x86_64.

use core::arch::{asm, global_asm};

// The mach server starts threads with page, argument and number in rdi, rsi and rdx.
global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "xor ebp, ebp",
    "call {program}",
    ".global __hird_thread_start",
    "__hird_thread_start:",
    "xor ebp, ebp",
    "call {thread}",
    program = sym crate::rt::program_start,
    thread = sym crate::rt::thread_main,
);

// Saves what a function preserves and calls `f(context, pc, sp)`. A thread that starts at that `pc`
// and `sp`, with memory like this thread's then, returns from here once more.
global_asm!(
    ".global __hird_split",
    "__hird_split:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "mov rax, rdi",
    "mov rdi, rsi",
    "lea rsi, [rip + 2f]",
    "mov rdx, rsp",
    "call rax",
    "xor edx, edx",
    "3:",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    "2:",
    "mov [rdi + {number}], edx",
    "mov rax, rsi",
    "mov edx, 1",
    "jmp 3b",
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

/// Address of this thread's page, which begins with the IPC buffer.
#[inline(always)]
pub fn thread_page() -> usize {
    let page;
    // SAFETY: the kernel keeps the gs base at the IPC buffer, whose word 121 holds its own address.
    unsafe { asm!("mov {}, gs:[968]", out(reg) page, options(nostack, preserves_flags, readonly)) };
    page
}

/// Nanoseconds since the counter started, at the frequency that the mach server tells.
pub fn nanoseconds() -> u64 {
    crate::sys::mach_call(mach::abi::routine::HOST_GET_UPTIME64, 0, [0; 4])
        .map_or(0, |(_, mrs)| mrs[0])
}
