//! x86-64: where a thread of [`crate::child`] begins, threads' states, and exceptions.

use crate::child::thread_main;
use core::arch::{asm, global_asm};

global_asm!(
    ".global guest_tests_thread_start",
    "guest_tests_thread_start:",
    "mov [rdi + {own_address}], rdi",
    "xor ebp, ebp",
    "call {main}",
    own_address = const mach::abi::page::OWN_ADDRESS,
    main = sym thread_main,
);

/// How many words a thread's state has.
pub const STATE_WORDS: usize = 19;
/// The first argument of a function.
pub const ARGUMENT: usize = 8;
/// The stack pointer.
pub const STACK: usize = 1;
/// The program counter.
pub const PC: usize = 0;
/// The address of the thread's page, where it is part of the state.
pub const PAGE: Option<usize> = None;
/// Where a foreign system call has its result.
pub const RESULT: usize = 3;

/// Bytes of the instruction of [`store`].
pub const STORE_BYTES: u64 = 3;
/// The number that a breakpoint tells, how far behind the breakpoint its thread is when it is told,
/// and how far it has to go then.
pub const BREAKPOINT: (u64, u64, u64) = (0, 1, 0);
/// Bytes of a foreign system call.
pub const FOREIGN_BYTES: u64 = 2;

/// Writes a word with one instruction.
///
/// # Safety
/// The word may be written, or whoever handles the fault sees to it.
pub unsafe fn store(address: u64, word: u64) {
    // SAFETY: the caller's promise.
    unsafe { asm!("mov [rdi], rsi", in("rdi") address, in("rsi") word) };
}

/// A breakpoint.
pub fn breakpoint() {
    // SAFETY: raises an exception and does nothing else.
    unsafe { asm!("int3") };
}

/// An instruction that is none.
pub fn undefined() {
    // SAFETY: raises an exception and does nothing else.
    unsafe { asm!("ud2") };
}

/// A system call as another system's program makes it, number 64 with 5 and 6; its result.
pub fn foreign() -> u64 {
    let mut rax = 64u64;
    // SAFETY: an instruction that the kernel has not switched on; who handles it changes rax at most.
    unsafe { asm!("syscall", inout("rax") rax, in("rdi") 5, in("rsi") 6, out("rcx") _, out("r11") _) };
    rax
}

/// What a state tells of that call: its number and arguments.
pub fn foreign_call(state: &[u64]) -> [u64; 3] {
    [state[3], state[8], state[7]]
}

/// What is told of an address at which an access failed: the kernel of 5.0.0 keeps 32 bits of it.
pub fn reported(address: u64) -> u64 {
    address & 0xffff_ffff
}
