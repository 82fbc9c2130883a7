//! Tells of the end of the mach server itself. What it does wrong is nobody's to mend, and without
//! it nothing goes on: a machine that stood still without a word would not say why.

use alloc::boxed::Box;
use alloc::string::String;
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use sel4::{UserContext, cap};

const STACK: usize = 8 << 10;

/// The stack of the thread that watches.
#[repr(C, align(16))]
struct Stack(UnsafeCell<[u8; STACK]>);

// SAFETY: only that thread's stack pointer leads into it.
unsafe impl Sync for Stack {}

static WATCHER: Stack = Stack(UnsafeCell::new([0; STACK]));
/// Where faults of the mach server arrive.
static FAULTS: AtomicU64 = AtomicU64::new(0);
/// What marks begin with that the host tool believes.
static MARK: AtomicPtr<String> = AtomicPtr::new(ptr::null_mut());

/// Names what marks begin with.
pub fn set_mark(mark: String) {
    // There is one in the system's life, and it is read until its end.
    MARK.store(Box::leak(Box::new(mark)), Ordering::Release);
}

/// What marks begin with that the host tool believes; empty until it is known.
pub fn mark() -> &'static str {
    // SAFETY: only `set_mark` stores here, what stays for ever.
    unsafe { MARK.load(Ordering::Acquire).as_ref() }.map_or("", String::as_str)
}

/// What the watching thread does, which waits at `faults`: its registers.
pub fn prepare(faults: cap::Endpoint) -> UserContext {
    FAULTS.store(faults.bits(), Ordering::Release);
    let mut context = UserContext::default();
    context.set_pc(watch as extern "C" fn() -> ! as usize as u64);
    context.set_sp(WATCHER.0.get() as u64 + STACK as u64);
    context
}

extern "C" fn watch() -> ! {
    let faults = cap::Endpoint::from_bits(FAULTS.load(Ordering::Acquire));
    loop {
        let fault = faults.recv();
        let [place, address, ..] = fault.mrs;
        sel4_root_task::log(format_args!(
            "\n<<hird:{}dead>> mach: fault {} of its own at {place:#x}, address {address:#x}\n",
            mark(),
            fault.info.label()
        ));
    }
}
