//! x86_64 PCs: system calls seen from outside, I/O ports, the timer.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use sel4::fault::UserException;
use sel4::{AbsoluteCPtr, BootInfo, CapData, CapRights, UserContext, cap, init_thread};

/// Bytes of `sysenter`.
pub const SYSTEM_CALL_BYTES: u64 = 2;
/// `CPU_TYPE_X86_64`.
pub const PROCESSOR: (u32, u32) = (0x0100_0007, 3);

/// Pins of the I/O APIC.
const PINS: u32 = 24;
/// Interrupts that are messages of PCI devices: all others that the kernel lets users have.
pub const MESSAGES: Range<u32> = PINS..108;
/// The processor's number of the first interrupt that users can have.
const FIRST_VECTOR: u32 = 0x30;
/// Where messages to the first processor go (Intel's manual, volume 3, 11.11).
const MESSAGE_ADDRESS: u64 = 0xfee0_0000;

/// Millions of ticks of the time stamp counter in a second.
static TICKS_PER_MICROSECOND: AtomicU64 = AtomicU64::new(1);

/// Whether there are I/O ports.
pub const HAS_PORTS: bool = true;

/// Whether the mapping of a capability ends when that is deleted: the kernel of 5.0.0 does so only with
/// the last of a frame.
pub const DELETING_UNMAPS: bool = false;

/// Before anything else.
pub fn start(boot: &BootInfo) {
    TICKS_PER_MICROSECOND.store(boot.arch_info().max(1), Ordering::Relaxed);
}

/// Bytes of the device tree with the longest command line that the host tool gives.
const TREE_BYTES: usize = 192 << 10;

/// The board's own device tree with what is only known now: the command line and the framebuffer.
/// Called once.
pub fn complete_tree(tree: &[u8]) -> Option<&'static [u8]> {
    /// Whole pages, so that they can be given away.
    #[repr(C, align(4096))]
    struct Pages(UnsafeCell<[u8; TREE_BYTES]>);
    // SAFETY: only the statement below touches it, before there is a second thread.
    unsafe impl Sync for Pages {}
    static TREE: Pages = Pages(UnsafeCell::new([0; TREE_BYTES]));

    // SAFETY: as above; called once.
    let out = unsafe { &mut *TREE.0.get() };
    let bytes = match platform::command_line() {
        Some(length) => {
            platform::tree::with_command_line(tree, length, platform::command_line_read, out)?
        }
        None => {
            out.get_mut(..tree.len())?.copy_from_slice(tree);
            tree.len()
        }
    };
    let out = out.get_mut(..bytes)?;
    if let Some(framebuffer) = platform::framebuffer() {
        set_framebuffer(out, &framebuffer)?;
    }
    Some(out)
}

/// Fills in the tree's node for a framebuffer.
fn set_framebuffer(tree: &mut [u8], framebuffer: &platform::Framebuffer) -> Option<()> {
    let platform::Framebuffer { address, width, height, stride, format } = *framebuffer;
    let bytes = u64::from(stride) * u64::from(height);
    let place = u128::from(address) << 64 | u128::from(bytes);
    let mut set = |name, value: &[u8]| {
        platform::tree::overwrite(tree, &["chosen", "framebuffer"], name, value)
    };
    set("reg", &place.to_be_bytes())?;
    set("width", &width.to_be_bytes())?;
    set("height", &height.to_be_bytes())?;
    set("stride", &stride.to_be_bytes())?;
    set("format", format.as_bytes())?;
    set("status", b"okay")
}

/// Whether an instruction, which is at the program counter, is a system call.
pub fn is_system_call(instruction: u32) -> bool {
    // `sysenter`
    instruction & 0xffff == 0x340f
}

/// What the kernel does not tell of a thread that is at a system call: it takes the stack pointer
/// from `rcx` and the program counter from `rdx`, and gives neither back.
pub fn complete_context(context: &mut UserContext) {
    let registers = context.inner_mut();
    registers.rcx = registers.rsp;
    registers.rdx = registers.rip;
}

/// Whether the thread's system call is a call.
pub fn is_call(context: &UserContext) -> bool {
    context.inner().rax as i64 == sel4::sys::seL4_SysCall as i64
}

/// Whether the system call that the program counter points to was carried out already.
///
/// The kernel of 5.0.0 restarts a stopped thread at the instruction that brought it into the
/// kernel, also if what that asked for was done.
pub fn is_completed(context: &UserContext) -> bool {
    // The register that names the slot holds the badge of what arrived afterwards: 0 with an
    // answer, a receive right's name with a request.
    match context.inner().rax as i64 {
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

/// Words of a thread's state: the general registers in the kernel's order, the base of fs.
const STATE_WORDS: usize = UserContext::WORDS;

/// A thread's state.
pub fn state_of(context: &UserContext, _: u64) -> [u64; STATE_WORDS] {
    *context.inner().as_words()
}

/// Registers from a state; `None` if it is of another size.
pub fn context_of(state: &[u64], _: u64) -> Option<UserContext> {
    let state: &[u64; STATE_WORDS] = state.try_into().ok()?;
    let mut context = UserContext::default();
    *context.inner_mut().as_words_mut() = *state;
    Some(context)
}

/// Numbers of exceptions (Intel's manual, volume 3, 6.15).
const DIVIDE: u64 = 0;
const DEBUG: u64 = 1;
const BREAK: u64 = 3;
const UNDEFINED: u64 = 6;
const FLOAT: u64 = 16;
const FLOAT_VECTOR: u64 = 19;

/// What an exception is that the processor raised at an instruction: exception, code, address.
pub fn user_exception(fault: &UserException, instruction: u32) -> (u64, u64, u64) {
    use mach::abi::exception::{
        ARITHMETIC, BAD_INSTRUCTION, BREAKPOINT, STEP, arithmetic, bad_instruction,
    };
    let pc = fault.pc();
    match fault.number() {
        DIVIDE => (ARITHMETIC, arithmetic::DIVIDE, pc),
        FLOAT | FLOAT_VECTOR => (ARITHMETIC, arithmetic::FLOAT, pc),
        DEBUG => (BREAKPOINT, STEP, pc),
        // `int3`, which is one byte and is told of behind it.
        BREAK => (BREAKPOINT, 0, pc.wrapping_sub(1)),
        // `syscall`, which the kernel leaves switched off.
        UNDEFINED if instruction & 0xffff == 0x050f => {
            (BAD_INSTRUCTION, bad_instruction::SYSTEM_CALL, pc)
        }
        _ => (BAD_INSTRUCTION, bad_instruction::UNDEFINED, pc),
    }
}

/// Puts the handler of an interrupt into a slot: a pin of the I/O APIC, as ISA devices use it, or a
/// message that a PCI device sends.
pub fn interrupt_get(line: u32, slot: &AbsoluteCPtr) -> sel4::Result<()> {
    let vector = line.into();
    if line < PINS {
        // The timer's line stays up when its time is over; the others do until the device is served.
        let level = line != platform::TIMER_INTERRUPT;
        init_thread::IRQ_CONTROL.get_ioapic(slot, 0, vector, level, false, vector)
    } else {
        // The kernel remembers the function, and does not use it.
        init_thread::IRQ_CONTROL.get_msi(slot, (0, 0, 0), 0, vector)
    }
}

/// The write that raises an interrupt that is a message: address and data.
pub fn message(line: u32) -> (u64, u32) {
    (MESSAGE_ADDRESS, FIRST_VECTOR + line)
}

/// Puts a right to I/O ports into a slot. `own` says where the mach server's own slots are.
pub fn ports_get(
    ports: Range<u32>,
    own: impl Fn(u32) -> AbsoluteCPtr,
    slot: &AbsoluteCPtr,
) -> Option<sel4::Result<()>> {
    let last = ports.end.checked_sub(1)?;
    let (first, last) = (u16::try_from(ports.start).ok()?, u16::try_from(last).ok()?);
    let all = own(init_thread::IO_PORT.bits() as u32);
    Some(slot.mint(&all, CapRights::ALL, CapData::ports(first, last)))
}

/// The counter.
pub fn ticks() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: reads the counter, which the kernel lets user programs do.
    unsafe { asm!("rdtsc", out("rax") low, out("rdx") high, options(nomem, nostack, preserves_flags)) };
    high << 32 | low
}

/// How often the counter ticks in a second.
pub fn frequency() -> u64 {
    TICKS_PER_MICROSECOND.load(Ordering::Relaxed) * 1_000_000
}

/// Nanoseconds since the counter started.
pub fn nanoseconds() -> u64 {
    let (ticks, rate) = (ticks(), TICKS_PER_MICROSECOND.load(Ordering::Relaxed));
    ticks / rate * 1000 + ticks % rate * 1000 / rate
}

/// Something that differs from boot to boot as far as the machine allows.
pub fn seed() -> u64 {
    ticks().wrapping_mul(0xd134_2543_de82_ef95) ^ 0x2545_f491_4f6c_dd1d
}

/// The interval timer (8254 data sheet): its frequency in Hz, and the ports of its first counter and
/// of its control word.
const TIMER_HZ: u64 = 1_193_182;
const TIMER_COUNTER: u16 = 0x40;
const TIMER_CONTROL: u16 = 0x43;
/// Counter 0, both bytes of the count, one interrupt at its end.
const TIMER_ONCE: u8 = 0x30;

/// Lets the timer interrupt at a time or, if that is far away, before it. One that was set before
/// still interrupts.
pub fn timer_set(deadline: Option<u64>) {
    let Some(deadline) = deadline else { return };
    let wait = deadline.saturating_sub(nanoseconds());
    let count = (wait as u128 * TIMER_HZ as u128).div_ceil(1_000_000_000).clamp(1, 0xffff);
    let [low, high, ..] = (count as u32).to_le_bytes();
    let ports = init_thread::IO_PORT;
    // The ports are the mach server's: this cannot fail.
    let _ = ports.out8(TIMER_CONTROL, TIMER_ONCE);
    let _ = ports.out8(TIMER_COUNTER, low);
    let _ = ports.out8(TIMER_COUNTER, high);
}

/// Instruction fetches see what was written.
pub fn make_executable(_: cap::Page, _: usize) {}

/// Fills a page of so many bytes with zeroes.
///
/// # Safety
/// The page is mapped writable as ordinary memory, and nobody else uses it.
pub unsafe fn page_zero(page: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "rep stosq",
            inout("rcx") bytes / 8 => _, inout("rdi") page => _, in("rax") 0u64,
            options(nostack, preserves_flags),
        );
    }
}
