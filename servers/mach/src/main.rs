//! The mach server: root task of the system.
//!
//! It takes all that it has from its boot info, starts the first program of the
//! boot image, and answers requests and faults for ever.
#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod kernel;
mod memory;
mod modules;
mod slots;
mod start;
mod watch;

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::Sel4;
use mach::abi::exception::{BAD_INSTRUCTION, bad_instruction};
use mach::{Error, Kernel as _, Mach, Outcome, Protection, abi};
use memory::Memory;
use sel4::{BootInfo, Fault, MessageInfo, cap};
use slots::Slots;

sel4_root_task::entry!(main, stack = 0x8000, heap = 0x8_0000);

/// Where the heap grows to.
const HEAP_BASE: usize = 0x8_0000_0000;
/// Bytes that are mapped ahead of the heap, beside what its largest parts may grow by.
const HEAP_AHEAD: usize = 768 << 10;
/// Bytes ahead below which nothing is made any more.
const HEAP_CRITICAL: usize = 256 << 10;
/// Bytes that are mapped at a time.
const HEAP_STEP: usize = 4 << 20;
/// The least that the allocator gets at a time.
const HEAP_GIVE: usize = 64 << 10;
/// Badge of the timer's interrupt: no task or thread has it.
const TIMER_BADGE: u64 = 1 << 26;

/// End of the heap's memory that is mapped, and of what is given to the allocator.
static HEAP_MAPPED: AtomicUsize = AtomicUsize::new(HEAP_BASE);
static HEAP_GIVEN: AtomicUsize = AtomicUsize::new(HEAP_BASE);
/// The largest piece that the allocator has asked for. Tables double when they grow.
static HEAP_LARGEST: AtomicUsize = AtomicUsize::new(0);

/// Gives the allocator some of what is mapped in advance.
fn refill(layout: Layout) -> Option<NonNull<[u8]>> {
    HEAP_LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
    let start = HEAP_GIVEN.load(Ordering::Relaxed);
    let size = layout.size().max(HEAP_GIVE).next_multiple_of(1 << memory::PAGE_BITS);
    let end = (start + size).min(HEAP_MAPPED.load(Ordering::Relaxed));
    if end - start < layout.size() {
        return None;
    }
    HEAP_GIVEN.store(end, Ordering::Relaxed);
    NonNull::new(start as *mut u8).map(|start_at| NonNull::slice_from_raw_parts(start_at, end - start))
}

/// Maps memory ahead of the heap, so that no operation runs out of it half done: enough for a few
/// of the largest tables to double at once.
fn heap_reserve(kernel: &mut Sel4) {
    let wanted = HEAP_AHEAD + 3 * HEAP_LARGEST.load(Ordering::Relaxed);
    loop {
        let mapped = HEAP_MAPPED.load(Ordering::Relaxed);
        let ahead = mapped - HEAP_GIVEN.load(Ordering::Relaxed);
        if ahead >= wanted {
            kernel.set_short(false, false);
            return;
        }
        let more = if kernel.memory_free() < 2 * HEAP_STEP as u64 {
            0
        } else {
            kernel.own_memory(mapped, HEAP_STEP)
        };
        HEAP_MAPPED.store(mapped + more, Ordering::Relaxed);
        if more == 0 {
            kernel.set_short(true, ahead < HEAP_CRITICAL);
            return;
        }
    }
}

fn log(text: &str) {
    platform::console_write(text);
}

fn log_line(text: &str) {
    platform::console_write(text);
    platform::console_write("\n");
}

fn main(boot: &'static BootInfo) -> ! {
    arch::start(boot);
    let mut memory = Memory::new();
    let mut devices = alloc::vec::Vec::new();
    // The first CNode comes from the smallest block that is large enough for it.
    let large = boot
        .untyped_list()
        .filter(|untyped| !untyped.is_device && untyped.size_bits >= 18)
        .min_by_key(|untyped| untyped.size_bits)
        .map(|untyped| untyped.cap.bits());
    let first = large.expect("there is memory");
    let slots = Slots::new(boot, cap::Untyped::from_bits(first));
    let mut free = alloc::vec::Vec::new();
    for untyped in boot.untyped_list() {
        let slot = untyped.cap.bits() as u32;
        if untyped.is_device {
            devices.push((untyped.paddr as u64, untyped.size_bits, slot));
        } else if untyped.cap.bits() != first {
            free.push((slot, untyped.paddr as u64, untyped.size_bits));
        }
    }
    for (slot, physical, order) in free {
        memory.add(slot, physical, order);
    }
    let kernel = Sel4::new(slots, memory, devices.into_iter(), log_line, platform::power)
        .expect("memory for the mach server's own objects");
    let mut mach = Mach::new(kernel);
    {
        let kernel = mach.kernel();
        let mut mapped = true;
        for (physical, address) in platform::DEVICES {
            match kernel.frame_device(physical) {
                Some(frame) => kernel.own_device(frame, address),
                None => mapped = false,
            }
        }
        if mapped {
            sel4_root_task::set_log_sink(log);
        }
        heap_reserve(kernel);
        // SAFETY: the function neither allocates nor frees, and gives mapped memory away once.
        unsafe { sel4_root_task::set_refill(refill) };
        match kernel.own_interrupt(platform::TIMER_INTERRUPT, TIMER_BADGE) {
            Ok(handler) => TIMER.store(handler.bits() as usize, Ordering::Relaxed),
            Err(_) => log_line("mach: no timer: time limits do not end"),
        }
    }
    start::start(&mut mach, boot);
    serve(mach)
}

static TIMER: AtomicUsize = AtomicUsize::new(0);

fn serve(mut mach: Mach<Sel4>) -> ! {
    let endpoint = mach.kernel().endpoint();
    let mut output = mach::rpc::Output::default();
    let mut words = [0u64; mach::abi::MESSAGE_WORDS];
    let mut received = endpoint.recv();
    loop {
        let badge = received.badge as u32;
        let length = received.info.length() as usize;
        let mut answer = None;
        if received.badge & TIMER_BADGE != 0 && badge & 1 << 27 == 0 {
            // It interrupts again only when it is set again, and then it is heard.
            arch::timer_set(None);
            // Fails only if there was no timer, and then there is no interrupt.
            let _ = cap::IrqHandler::from_bits(TIMER.load(Ordering::Relaxed) as u64).ack();
            mach.timer();
        } else if badge & 1 << 27 != 0 {
            answer = fault(&mut mach, badge, &received);
        } else {
            let label = received.info.label() as u32;
            let taken = if label & abi::IN_PAGE == 0 {
                let length = length.min(words.len());
                words[..4].copy_from_slice(&received.mrs);
                if length > 4 {
                    sel4::ipc_buffer().read_msgs(4, &mut words[4..length]);
                }
                Ok((length, None))
            } else {
                take_from_page(&mut mach, badge, &received.mrs, &mut words)
            };
            answer = match taken {
                Ok((length, page)) => {
                    let label = label & !abi::IN_PAGE;
                    let outcome = mach.request(badge, label, &words[..length], &mut output);
                    answer_of(&mut mach, outcome, output.words(), page)
                }
                Err(error) => {
                    let info = MessageInfo::new(abi::REPLY_ERROR as u64, 0, 0, 1);
                    Some((info, [error.0 as u64, 0, 0, 0]))
                }
            };
        }
        heap_reserve(mach.kernel());
        if !mach.has_work() {
            received = match answer {
                Some((info, mrs)) => endpoint.reply_recv(info, mrs),
                None => endpoint.recv(),
            };
            continue;
        }
        // Something large has ended: a piece of it with each request, the rest between them.
        if let Some((info, mrs)) = answer {
            sel4::reply(info, mrs);
        }
        loop {
            mach.work();
            heap_reserve(mach.kernel());
            if !mach.has_work() {
                received = endpoint.recv();
                break;
            }
            received = endpoint.nb_recv();
            if received.badge != 0 {
                break;
            }
        }
    }
}

/// The words of a request that lie in the page of the thread whose number is in the low half of the
/// first register, as many as its high half says; the first three are in the other registers.
/// Answers how many there are, and the thread.
fn take_from_page(
    mach: &mut Mach<Sel4>,
    badge: u32,
    mrs: &sel4::Mrs,
    words: &mut [u64],
) -> Result<(usize, Option<u32>), Error> {
    let [head, first @ ..] = mrs;
    let thread = mach.thread_of_task(badge, *head as u32).ok_or(Error::KERN_INVALID_ARGUMENT)?;
    let length = (head >> 32) as usize;
    words[..first.len()].copy_from_slice(first);
    if length > first.len() {
        let rest = words.get_mut(first.len()..length).ok_or(Error::KERN_INVALID_ARGUMENT)?;
        mach.kernel().message_read(thread, first.len(), rest)?;
    }
    Ok((length, Some(thread)))
}

/// An answer as it goes out: what does not fit into the registers goes with it, or into the page of a
/// thread.
fn answer_of(
    mach: &mut Mach<Sel4>,
    outcome: Outcome,
    words: &[u64],
    page: Option<u32>,
) -> Option<(MessageInfo, sel4::Mrs)> {
    let Outcome::Reply(label) = outcome else { return None };
    let mut length = words.len();
    let mrs = match words {
        [a, b, c, d, rest @ ..] => {
            let mrs = [*a, *b, *c, *d];
            if !rest.is_empty() {
                match page.map(|thread| mach.kernel().message_write(thread, mrs.len(), rest)) {
                    Some(Ok(())) => length = mrs.len(),
                    _ => sel4::ipc_buffer().write_msgs(mrs.len(), rest),
                }
            }
            mrs
        }
        few => core::array::from_fn(|at| few.get(at).copied().unwrap_or(0)),
    };
    Some((MessageInfo::new(label as u64, 0, 0, length as u64), mrs))
}

/// A thread's fault. Answers what makes it go on, if it may.
fn fault(
    mach: &mut Mach<Sel4>,
    badge: u32,
    received: &sel4::Received,
) -> Option<(MessageInfo, sel4::Mrs)> {
    let go_on = Some((MessageInfo::new(0, 0, 0, 0), [0; 4]));
    let thread = mach.thread_of_badge(badge)?;
    match Fault::decode(received.info, received.mrs, sel4::ipc_buffer())? {
        Fault::Vm(fault) => {
            let access = if fault.is_fetch() {
                Protection::EXECUTE
            } else if fault.is_write() {
                Protection::WRITE
            } else {
                Protection::READ
            };
            if mach.fault(thread, fault.address(), access) { go_on } else { None }
        }
        Fault::Cap(fault) => {
            // A task that receives for the first time has no endpoint yet.
            if mach.endpoint_fault(thread, fault.address()) {
                return go_on;
            }
            if mach.call_fault(thread) {
                return None;
            }
            mach.exception(thread, BAD_INSTRUCTION, bad_instruction::NO_RIGHT, fault.pc());
            None
        }
        Fault::UnknownSyscall(fault) => {
            mach.exception(thread, BAD_INSTRUCTION, bad_instruction::SYSTEM_CALL, fault.pc());
            None
        }
        Fault::UserException(fault) => {
            let instruction = mach.instruction(thread, fault.pc());
            let (kind, code, address) = arch::user_exception(&fault, instruction);
            mach.exception(thread, kind, code, address);
            None
        }
        Fault::Null => go_on,
    }
}
