//! What a start of a thread, and the time, are on x86_64.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicU64, Ordering};
use mach::abi::page::OWN_ADDRESS;

// The word of the kernel's message buffer that is for this.
const _: () = assert!(OWN_ADDRESS == core::mem::offset_of!(sel4::sys::seL4_IPCBuffer, userData));

// The mach server starts threads with page, argument and number in rdi, rsi and rdx. The kernel
// keeps the base of gs at the page.
global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "mov [rdi + {own_address}], rdi",
    "xor ebp, ebp",
    "call {program}",
    ".global __hird_thread_start",
    "__hird_thread_start:",
    "mov [rdi + {own_address}], rdi",
    "xor ebp, ebp",
    "call {thread}",
    own_address = const OWN_ADDRESS,
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
    "mov [rdi + {own_address}], rdi",
    "mov [rdi + {number}], edx",
    "mov rax, rsi",
    "mov edx, 1",
    "jmp 3b",
    own_address = const OWN_ADDRESS,
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
    // SAFETY: the kernel keeps the base of gs at the page, and the thread's start wrote this word.
    unsafe {
        asm!(
            "mov {}, gs:[{}]", out(reg) page, const OWN_ADDRESS,
            options(nostack, preserves_flags, readonly, pure)
        )
    };
    page
}

/// Ticks of the counter in a microsecond; 0 before the mach server was asked.
static RATE: AtomicU64 = AtomicU64::new(0);

#[cold]
fn rate() -> u64 {
    let answer = crate::sys::mach_call(mach::abi::routine::HOST_GET_UPTIME64, 0, [0; 4]);
    // An answer without it would be the mach server's mistake.
    let rate = answer.map_or(1, |(_, mrs)| (mrs[1] / 1_000_000).max(1));
    RATE.store(rate, Ordering::Relaxed);
    rate
}

/// Nanoseconds since the counter started.
pub fn nanoseconds() -> u64 {
    let rate = match RATE.load(Ordering::Relaxed) {
        0 => rate(),
        rate => rate,
    };
    let (low, high): (u64, u64);
    // SAFETY: reads the counter, which the kernel lets programs do.
    unsafe {
        asm!("rdtsc", out("rax") low, out("rdx") high, options(nomem, nostack, preserves_flags))
    };
    let ticks = high << 32 | low;
    ticks / rate * 1000 + ticks % rate * 1000 / rate
}
