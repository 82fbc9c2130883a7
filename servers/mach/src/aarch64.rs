//! AArch64: system calls seen from outside, the timer, the caches.

use core::arch::asm;
use core::ops::Range;
use sel4::fault::UserException;
use sel4::{AbsoluteCPtr, BootInfo, UserContext, cap, init_thread};

/// Whether there are I/O ports.
pub const HAS_PORTS: bool = false;

/// Whether the mapping of a capability ends when that is deleted.
pub const DELETING_UNMAPS: bool = true;

/// Before anything else.
pub fn start(_: &BootInfo) {}

/// The board's own device tree with what is only known now, if there is such.
pub fn complete_tree(_: &[u8]) -> Option<&'static [u8]> {
    None
}

/// Whether an instruction, which is at the program counter, is a system call.
pub fn is_system_call(instruction: u32) -> bool {
    // `svc #0`
    instruction == 0xd400_0001
}

/// What the kernel does not tell of a thread that is at a system call.
pub fn complete_context(_: &mut UserContext) {}

/// Puts the handler of an interrupt into a slot.
pub fn interrupt_get(line: u32, slot: &AbsoluteCPtr) -> sel4::Result<()> {
    init_thread::IRQ_CONTROL.get(line, slot)
}

/// Interrupts that are messages: the kernel has none here.
pub const MESSAGES: Range<u32> = 0..0;

/// The write that raises such an interrupt: address and data.
pub fn message(_: u32) -> (u64, u32) {
    (0, 0)
}

/// Puts a right to I/O ports into a slot: this machine has none.
pub fn ports_get(
    _: Range<u32>,
    _: impl Fn(u32) -> AbsoluteCPtr,
    _: &AbsoluteCPtr,
) -> Option<sel4::Result<()>> {
    None
}

/// Its length.
pub const SYSTEM_CALL_BYTES: u64 = 4;
/// `CPU_TYPE_ARM`, of which Mach tells no kinds with 64 bits.
pub const PROCESSOR: (u32, u32) = (12, 0);

/// The register that holds the number of the system call.
const NUMBER: usize = 7;

/// Whether the thread's system call is a call.
pub fn is_call(context: &UserContext) -> bool {
    context.x(NUMBER) as i64 == sel4::sys::seL4_SysCall as i64
}

/// Whether the system call that the program counter points to was carried out already.
///
/// The kernel of 5.0.0 restarts a stopped thread at the instruction that brought it into the
/// kernel, also if what that asked for was done.
pub fn is_completed(context: &UserContext) -> bool {
    // The register that names the slot holds the badge of what arrived afterwards: 0 with an
    // answer, a receive right's name with a request.
    match context.x(NUMBER) as i64 {
        number if number == sel4::sys::seL4_SysCall as i64 => context.badge() == 0,
        number
            if number == sel4::sys::seL4_SysReplyRecv as i64
                || number == sel4::sys::seL4_SysRecv as i64 =>
        {
            context.badge() != mach::abi::RECEIVE_SLOT as u64
        }
        _ => false,
    }
}

/// Words of a thread's state: x0 to x30, sp, pc, `TPIDR_EL0`, the processor's status.
const STATE_WORDS: usize = 35;
const STATE_TPIDR: usize = 33;

macro_rules! general_registers {
    ($do:ident) => {
        $do!(x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15 x16 x17 x18 x19 x20 x21 x22 x23
             x24 x25 x26 x27 x28 x29 x30 sp pc)
    };
}

/// A thread's state. The kernel does not tell `TPIDR_EL0`: it is what the thread began with.
pub fn state_of(context: &UserContext, page_address: u64) -> [u64; STATE_WORDS] {
    let registers = context.inner();
    let mut state = [0; STATE_WORDS];
    let mut at = 0;
    macro_rules! read {
        ($($register:ident)*) => { $(state[at] = registers.$register; at += 1;)* };
    }
    general_registers!(read);
    state[at] = page_address;
    state[at + 1] = registers.spsr;
    state
}

/// Registers from a state; `None` if it is of another size or changes `TPIDR_EL0`, which the kernel
/// cannot.
pub fn context_of(state: &[u64], page_address: u64) -> Option<UserContext> {
    if state.len() != STATE_WORDS || state[STATE_TPIDR] != page_address {
        return None;
    }
    let mut context = UserContext::default();
    let registers = context.inner_mut();
    let mut words = state.iter();
    macro_rules! write {
        ($($register:ident)*) => { $(registers.$register = *words.next()?;)* };
    }
    general_registers!(write);
    registers.spsr = state[STATE_WORDS - 1];
    Some(context)
}

/// What an exception is that the processor raised at an instruction: exception, code, address.
pub fn user_exception(fault: &UserException, instruction: u32) -> (u64, u64, u64) {
    use mach::abi::exception::{BAD_INSTRUCTION, BREAKPOINT, bad_instruction};
    // `brk #n`
    if instruction & 0xffe0_001f == 0xd420_0000 {
        (BREAKPOINT, (instruction >> 5 & 0xffff) as u64, fault.pc())
    } else {
        (BAD_INSTRUCTION, bad_instruction::UNDEFINED, fault.pc())
    }
}

/// The counter.
pub fn ticks() -> u64 {
    let ticks;
    // SAFETY: reads the counter, which the boot loader lets user programs do.
    unsafe { asm!("isb", "mrs {}, cntpct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
    ticks
}

/// How often the counter ticks in a second.
pub fn frequency() -> u64 {
    let frequency;
    // SAFETY: reads a constant register.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack, preserves_flags, pure)) };
    frequency
}

/// Nanoseconds since the counter started.
pub fn nanoseconds() -> u64 {
    (ticks() as u128 * 1_000_000_000 / frequency() as u128) as u64
}

/// Something that differs from boot to boot as far as the machine allows.
pub fn seed() -> u64 {
    ticks().wrapping_mul(0xd134_2543_de82_ef95) ^ 0x2545_f491_4f6c_dd1d
}

/// Lets the timer interrupt at a time, or not at all.
pub fn timer_set(deadline: Option<u64>) {
    match deadline {
        Some(deadline) => {
            let at = (deadline as u128 * frequency() as u128).div_ceil(1_000_000_000) as u64;
            // SAFETY: the physical timer is the mach server's; the boot loader lets it be set here.
            unsafe {
                asm!("msr cntp_cval_el0, {}", in(reg) at, options(nomem, nostack, preserves_flags));
                asm!("msr cntp_ctl_el0, {}", in(reg) 1u64, options(nomem, nostack, preserves_flags));
            }
        }
        None => {
            // SAFETY: as above.
            unsafe {
                asm!("msr cntp_ctl_el0, {}", in(reg) 0u64, options(nomem, nostack, preserves_flags));
            }
        }
    }
}

/// Makes what was written to a page of so many bytes visible to instruction fetches.
pub fn make_executable(page: cap::Page, bytes: usize) {
    let _ = page.unify_instruction(0, bytes);
}

/// Fills a page of so many bytes with zeroes.
///
/// # Safety
/// The page is mapped writable as ordinary memory, and nobody else uses it.
pub unsafe fn page_zero(page: *mut u8, bytes: usize) {
    let size: u64;
    // SAFETY: reads a constant register.
    unsafe { asm!("mrs {}, dczid_el0", out(reg) size, options(nomem, nostack, preserves_flags, pure)) };
    let block = 4usize << (size & 0xf);
    if size & 1 << 4 != 0 || block > sel4::vspace::PAGE_SIZE {
        // SAFETY: the caller's promise.
        unsafe { page.write_bytes(0, bytes) };
        return;
    }
    let mut at = 0;
    while at < bytes {
        // SAFETY: zeroes one block within the page; the boot loader lets user programs do it.
        unsafe { asm!("dc zva, {}", in(reg) page.add(at), options(nostack, preserves_flags)) };
        at += block;
    }
}
