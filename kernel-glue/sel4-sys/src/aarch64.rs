//! System calls on AArch64.
//!
//! `svc #0` with the number in `x7`, the capability or badge in `x0`, the message info in `x1`,
//! and the first four message registers in `x2` to `x5`. The kernel restores all other registers,
//! the flags and the vector registers.

use core::arch::asm;

use super::{seL4_IPCBuffer, seL4_Word};

#[inline(always)]
pub fn ipc_buffer() -> *mut seL4_IPCBuffer {
    let thread_page: *mut seL4_IPCBuffer;
    // SAFETY: reads a register that user mode may read. The thread's start sets it once, before
    // any code that could ask for it.
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) thread_page, options(pure, nomem, nostack, preserves_flags));
    }
    thread_page
}

// The message registers are marked as changed even where no message comes back: some invocations
// write them without having been called.

#[inline(always)]
pub fn send<const NUMBER: i64>(dest: seL4_Word, info: seL4_Word, mrs: [seL4_Word; 4]) {
    // SAFETY: the system call changes the named registers and memory, and nothing else of this
    // thread.
    unsafe {
        asm!(
            "svc #0",
            in("x7") NUMBER,
            inlateout("x0") dest => _,
            inlateout("x1") info => _,
            inlateout("x2") mrs[0] => _,
            inlateout("x3") mrs[1] => _,
            inlateout("x4") mrs[2] => _,
            inlateout("x5") mrs[3] => _,
            options(nostack, preserves_flags),
        );
    }
}

#[inline(always)]
pub fn send_null<const NUMBER: i64>(dest: seL4_Word, info: seL4_Word) {
    // SAFETY: as in `send`.
    unsafe {
        asm!(
            "svc #0",
            in("x7") NUMBER,
            inlateout("x0") dest => _,
            inlateout("x1") info => _,
            lateout("x2") _,
            lateout("x3") _,
            lateout("x4") _,
            lateout("x5") _,
            options(nostack, preserves_flags),
        );
    }
}

#[inline(always)]
pub fn reply<const NUMBER: i64>(info: seL4_Word, mrs: [seL4_Word; 4]) {
    // SAFETY: as in `send`.
    unsafe {
        asm!(
            "svc #0",
            in("x7") NUMBER,
            lateout("x0") _,
            inlateout("x1") info => _,
            inlateout("x2") mrs[0] => _,
            inlateout("x3") mrs[1] => _,
            inlateout("x4") mrs[2] => _,
            inlateout("x5") mrs[3] => _,
            options(nostack, preserves_flags),
        );
    }
}

#[inline(always)]
pub fn recv<const NUMBER: i64>(src: seL4_Word) -> (seL4_Word, seL4_Word, [seL4_Word; 4]) {
    let (badge, info, mr0, mr1, mr2, mr3);
    // SAFETY: as in `send`.
    unsafe {
        asm!(
            "svc #0",
            in("x7") NUMBER,
            inlateout("x0") src => badge,
            lateout("x1") info,
            lateout("x2") mr0,
            lateout("x3") mr1,
            lateout("x4") mr2,
            lateout("x5") mr3,
            options(nostack, preserves_flags),
        );
    }
    (badge, info, [mr0, mr1, mr2, mr3])
}

#[inline(always)]
pub fn send_recv<const NUMBER: i64>(
    dest: seL4_Word,
    info: seL4_Word,
    mrs: [seL4_Word; 4],
) -> (seL4_Word, seL4_Word, [seL4_Word; 4]) {
    let (badge, info_out, mr0, mr1, mr2, mr3);
    // SAFETY: as in `send`.
    unsafe {
        asm!(
            "svc #0",
            in("x7") NUMBER,
            inlateout("x0") dest => badge,
            inlateout("x1") info => info_out,
            inlateout("x2") mrs[0] => mr0,
            inlateout("x3") mrs[1] => mr1,
            inlateout("x4") mrs[2] => mr2,
            inlateout("x5") mrs[3] => mr3,
            options(nostack, preserves_flags),
        );
    }
    (badge, info_out, [mr0, mr1, mr2, mr3])
}

#[inline(always)]
pub fn null<const NUMBER: i64>() {
    // SAFETY: the system call changes no register.
    unsafe {
        asm!("svc #0", in("x7") NUMBER, options(nostack, preserves_flags));
    }
}
