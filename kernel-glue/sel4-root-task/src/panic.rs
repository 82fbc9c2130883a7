//! The end of the program.

use core::sync::atomic::{AtomicPtr, Ordering};

type Halt = fn() -> !;

static HALT: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Names the function that [`halt`] calls, for example to switch the machine off.
pub fn set_halt(halt: Halt) {
    HALT.store(halt as *mut (), Ordering::Release);
}

/// Ends the program, as a panic does after its message: through the function of [`set_halt`], or
/// by suspending the initial thread.
pub fn halt() -> ! {
    let halt = HALT.load(Ordering::Acquire);
    if !halt.is_null() {
        // SAFETY: only `set_halt` stores here, and it stores a function of this type.
        unsafe { core::mem::transmute::<*mut (), Halt>(halt)() }
    }
    loop {
        // Nothing is left to do about an error; a thread that cannot suspend itself goes round.
        let _ = sel4::init_thread::TCB.suspend();
    }
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    crate::log(format_args!("{info}\n"));
    halt()
}
