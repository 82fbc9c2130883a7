//! x86-64: where a thread of [`crate::child`] begins, threads' states, and exceptions.

use crate::child::thread_main;
use core::arch::{asm, global_asm};
use mach::abi::exception;

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

/// Instructions whose exceptions are neither of memory nor of a breakpoint that is one, with what is
/// told of them. (QEMU's vector unit raises none.)
pub const RAISED: &[(fn(), u64, u64)] = &[
    (divide, exception::ARITHMETIC, exception::arithmetic::DIVIDE),
    (divide_float, exception::ARITHMETIC, exception::arithmetic::FLOAT),
    (step, exception::BREAKPOINT, exception::STEP),
];

fn divide() {
    // SAFETY: raises an exception.
    unsafe { asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _) };
}

/// Divides 1 by 0 in the x87 unit, which has been told to raise an exception then.
fn divide_float() {
    let control = 0x37f_u16 & !(1 << 2);
    // SAFETY: raises an exception; nobody else uses the unit.
    unsafe {
        asm!("fldcw [{}]", "fld1", "fldz", "fdivp", "fwait", in(reg) &control, clobber_abi("C"));
    }
}

/// Sets the trap flag.
fn step() {
    // SAFETY: raises an exception behind the next instruction.
    unsafe { asm!("pushfq", "or qword ptr [rsp], {}", "popfq", "nop", const TRAP) };
}

/// A system call as another system's program makes it, number 64 with 5 and 6; its result.
pub fn foreign() -> u64 {
    let mut rax = 64u64;
    // SAFETY: an instruction that the kernel has not switched on; who handles it changes rax at most.
    unsafe { asm!("syscall", inout("rax") rax, in("rdi") 5, in("rsi") 6, out("rcx") _, out("r11") _) };
    rax
}

/// Lets others have their turn, with these flags of the processor.
fn yield_with<const FLAGS: i32>() {
    // SAFETY: the system call changes nothing of this thread, whose flags are as before afterwards.
    unsafe {
        asm!(
            "pushfq",
            "pushfq",
            "or qword ptr [rsp], {flags}",
            "lea rcx, [rsp + 8]",
            "lea rdx, [rip + 2f]",
            "popfq",
            "2:",
            "sysenter",
            "popfq",
            "cld",
            flags = const FLAGS,
            in("rax") YIELD,
            clobber_abi("C"),
        );
    }
}

/// The same, with this stack pointer, going on behind this address.
fn yield_to(rsp: u64, address: u64) {
    // SAFETY: the thread faults instead of going on.
    unsafe {
        asm!("sysenter", in("rax") YIELD, in("rcx") rsp, in("rdx") address, clobber_abi("C"));
    }
}

/// The same, after it has taken the base of gs, where threads' pages are found, away.
fn yield_without_page() {
    // SAFETY: as above; who calls this needs its page no more.
    unsafe {
        asm!(
            "mov gs, {0:e}",
            "mov fs, {0:e}",
            "mov rcx, rsp",
            "lea rdx, [rip + 2f]",
            "2:",
            "sysenter",
            in(reg) 0,
            in("rax") YIELD,
            clobber_abi("C"),
        );
    }
}

/// `seL4_SysYield`.
const YIELD: i64 = -7;
const TRAP: i32 = 1 << 8;
const DIRECTION: i32 = 1 << 10;
const NESTED: i32 = 1 << 14;
const ALIGNMENT: i32 = 1 << 18;
/// The least address that is none, and the greatest.
const NO_ADDRESS: u64 = 1 << 47;
const LAST_NO_ADDRESS: u64 = !NO_ADDRESS;

/// System calls as no compiler makes them, and whether a thread goes on behind them.
pub const WILD_CALLS: &[(fn(), bool)] = &[
    (yield_with::<TRAP>, true),
    (yield_with::<DIRECTION>, true),
    (yield_with::<NESTED>, true),
    (yield_with::<ALIGNMENT>, true),
    (yield_with::<{ TRAP | DIRECTION | NESTED | ALIGNMENT }>, true),
    (yield_without_page, true),
    (|| yield_to(NO_ADDRESS, 0), false),
    (|| yield_to(LAST_NO_ADDRESS, 0x20_0000), false),
    (|| yield_to(0, NO_ADDRESS), false),
    (|| yield_to(0, NO_ADDRESS - 2), false),
    (|| yield_to(0, LAST_NO_ADDRESS), false),
    (|| yield_to(u64::MAX, u64::MAX), false),
];

/// What a state tells of that call: its number and arguments.
pub fn foreign_call(state: &[u64]) -> [u64; 3] {
    [state[3], state[8], state[7]]
}

/// What is told of an address at which an access failed: the kernel of 5.0.0 keeps 32 bits of it.
pub fn reported(address: u64) -> u64 {
    address & 0xffff_ffff
}
