//! System calls on x86_64, for a kernel with `CONFIG_SYSENTER`.
//!
//! `sysenter` with the number in `rax`, the stack pointer in `rcx`, the address of the `sysenter`
//! instruction in `rdx`, the capability or badge in `rdi`, the message info in `rsi`, and the
//! first four message registers in `r10`, `r8`, `r9`, `r15`. The kernel restores all registers but
//! `rcx` and `rdx`.

use core::arch::asm;
use core::mem::offset_of;

use super::{config, seL4_IPCBuffer, seL4_Word};

const _: () = assert!(
    config::SYSENTER == 1,
    "the stubs are for a kernel with CONFIG_SYSENTER"
);

#[inline(always)]
pub fn ipc_buffer() -> *mut seL4_IPCBuffer {
    let buffer: *mut seL4_IPCBuffer;
    // SAFETY: reads the word in which the buffer's own address is kept.
    unsafe {
        asm!(
            "mov {}, gs:[{}]",
            out(reg) buffer,
            const offset_of!(seL4_IPCBuffer, userData),
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    buffer
}

// The message registers are marked as changed even where no message comes back: some invocations
// write them without having been called.

#[inline(always)]
pub fn send<const NUMBER: i64>(dest: seL4_Word, info: seL4_Word, mrs: [seL4_Word; 4]) {
    // SAFETY: the system call changes the named registers and memory, and nothing else of this
    // thread.
    unsafe {
        asm!(
            "mov rcx, rsp",
            "lea rdx, [rip + 2f]",
            "2:",
            "sysenter",
            inlateout("rax") NUMBER => _,
            inlateout("rdi") dest => _,
            inlateout("rsi") info => _,
            inlateout("r10") mrs[0] => _,
            inlateout("r8") mrs[1] => _,
            inlateout("r9") mrs[2] => _,
            inlateout("r15") mrs[3] => _,
            out("rcx") _,
            out("rdx") _,
            options(nostack),
        );
    }
}

#[inline(always)]
pub fn send_null<const NUMBER: i64>(dest: seL4_Word, info: seL4_Word) {
    send::<NUMBER>(dest, info, [0; 4]);
}

#[inline(always)]
pub fn reply<const NUMBER: i64>(info: seL4_Word, mrs: [seL4_Word; 4]) {
    send::<NUMBER>(0, info, mrs);
}

#[inline(always)]
pub fn recv<const NUMBER: i64>(src: seL4_Word) -> (seL4_Word, seL4_Word, [seL4_Word; 4]) {
    let (badge, info, mr0, mr1, mr2, mr3);
    // SAFETY: as in `send`.
    unsafe {
        asm!(
            "mov rcx, rsp",
            "lea rdx, [rip + 2f]",
            "2:",
            "sysenter",
            inlateout("rax") NUMBER => _,
            inlateout("rdi") src => badge,
            out("rsi") info,
            out("r10") mr0,
            out("r8") mr1,
            out("r9") mr2,
            out("r15") mr3,
            out("rcx") _,
            out("rdx") _,
            options(nostack),
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
            "mov rcx, rsp",
            "lea rdx, [rip + 2f]",
            "2:",
            "sysenter",
            inlateout("rax") NUMBER => _,
            inlateout("rdi") dest => badge,
            inlateout("rsi") info => info_out,
            inlateout("r10") mrs[0] => mr0,
            inlateout("r8") mrs[1] => mr1,
            inlateout("r9") mrs[2] => mr2,
            inlateout("r15") mrs[3] => mr3,
            out("rcx") _,
            out("rdx") _,
            options(nostack),
        );
    }
    (badge, info_out, [mr0, mr1, mr2, mr3])
}

#[inline(always)]
pub fn null<const NUMBER: i64>() {
    // SAFETY: as in `send`; nothing comes back.
    unsafe {
        asm!(
            "mov rcx, rsp",
            "lea rdx, [rip + 2f]",
            "2:",
            "sysenter",
            inlateout("rax") NUMBER => _,
            out("rcx") _,
            out("rdx") _,
            lateout("rsi") _,
            lateout("rdi") _,
            options(nostack),
        );
    }
}
