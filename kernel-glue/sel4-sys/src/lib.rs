//! Raw ABI of the seL4 kernel.
//!
//! Constants, structures, bit fields, system call numbers and invocations are generated from the
//! files of the kernel's own `libsel4` and from the configuration of the kernel build:
//!
//! - `HIRD_KERNEL_DIR`: the folder of the kernel build, with `include/autoconf.h` and `source`;
//! - `SEL4_SOURCE`: the kernel's source tree, where it is not the one that `source` names.
//!
//! Without them the package that the workspace pins and a usual configuration stand in.
//!
//! Names are those of the C library, so that the seL4 manual and its sources can be searched for
//! them. The `sel4` crate gives them types.
//!
//! Functions here are safe to call in the sense that none of them breaks the state of the calling
//! thread: the kernel gives back every register but those that the stubs name. What an invocation
//! does to memory that is mapped into this address space is the matter of whoever holds the
//! capabilities for it.
//!
//! On a host with another operating system everything compiles, for documentation and for tests
//! of what needs no kernel; a system call then panics.
#![no_std]
#![allow(non_upper_case_globals, non_camel_case_types, non_snake_case)]

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
#[path = "aarch64.rs"]
mod arch;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
#[path = "x86_64.rs"]
mod arch;
#[cfg(not(target_os = "none"))]
#[path = "host.rs"]
mod arch;

/// A machine word.
pub type seL4_Word = u64;
/// The address of a capability in a capability space.
pub type seL4_CPtr = seL4_Word;

/// Message registers that travel in processor registers.
pub const FAST_MESSAGE_REGISTERS: usize = 4;

// Generated text is as regular as the interface files are, not as a hand would write it.
#[allow(
    unused_parens,
    clippy::identity_op,
    clippy::needless_range_loop,
    clippy::new_without_default,
    clippy::precedence,
    clippy::useless_conversion
)]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}
pub use generated::*;

/// The calling thread's IPC buffer.
///
/// On AArch64 `TPIDR_EL0` holds the address of the thread's page, and the IPC buffer lies at its
/// start. On x86_64 the kernel makes the IPC buffer the base of `gs`, and the buffer's user data
/// word holds its own address; whoever starts a thread writes it there.
#[inline(always)]
#[must_use]
pub fn ipc_buffer() -> *mut seL4_IPCBuffer {
    arch::ipc_buffer()
}

/// Writes a message register of the IPC buffer.
///
/// # Panics
/// Where `index` is no message register.
#[inline(always)]
pub fn seL4_SetMR(index: usize, value: seL4_Word) {
    assert!(index < seL4_MsgMaxLength as usize);
    // SAFETY: every thread has an IPC buffer of its own, and the index lies in it.
    unsafe {
        (&raw mut (*ipc_buffer()).msg)
            .cast::<seL4_Word>()
            .add(index)
            .write(value)
    }
}

/// Reads a message register of the IPC buffer.
///
/// # Panics
/// Where `index` is no message register.
#[inline(always)]
#[must_use]
pub fn seL4_GetMR(index: usize) -> seL4_Word {
    assert!(index < seL4_MsgMaxLength as usize);
    // SAFETY: every thread has an IPC buffer of its own, and the index lies in it.
    unsafe {
        (&raw const (*ipc_buffer()).msg)
            .cast::<seL4_Word>()
            .add(index)
            .read()
    }
}

/// Names a capability that the next message carries.
///
/// # Panics
/// Where `index` is not below `seL4_MsgMaxExtraCaps`.
#[inline(always)]
pub fn seL4_SetCap(index: usize, cap: seL4_CPtr) {
    assert!(index < seL4_MsgMaxExtraCaps as usize);
    // SAFETY: every thread has an IPC buffer of its own, and the index lies in it.
    unsafe {
        (&raw mut (*ipc_buffer()).caps_or_badges)
            .cast::<seL4_Word>()
            .add(index)
            .write(cap)
    }
}

/// Sends to an endpoint, or invokes an object without an answer; waits for a receiver.
#[inline(always)]
pub fn seL4_SendWithMRs(dest: seL4_CPtr, info: seL4_MessageInfo, mrs: [seL4_Word; 4]) {
    arch::send::<seL4_SysSend>(dest, info.0, mrs);
}

/// Sends to an endpoint if somebody waits there.
#[inline(always)]
pub fn seL4_NBSendWithMRs(dest: seL4_CPtr, info: seL4_MessageInfo, mrs: [seL4_Word; 4]) {
    arch::send::<seL4_SysNBSend>(dest, info.0, mrs);
}

/// Sends and waits for the answer.
#[inline(always)]
pub fn seL4_CallWithMRs(
    dest: seL4_CPtr,
    info: seL4_MessageInfo,
    mrs: [seL4_Word; 4],
) -> (seL4_MessageInfo, [seL4_Word; 4]) {
    let (_, info, mrs) = arch::send_recv::<seL4_SysCall>(dest, info.0, mrs);
    (seL4_MessageInfo(info), mrs)
}

/// Answers the last caller.
#[inline(always)]
pub fn seL4_ReplyWithMRs(info: seL4_MessageInfo, mrs: [seL4_Word; 4]) {
    arch::reply::<seL4_SysReply>(info.0, mrs);
}

/// Answers the last caller and waits for the next message; gives its badge too.
#[inline(always)]
pub fn seL4_ReplyRecvWithMRs(
    src: seL4_CPtr,
    info: seL4_MessageInfo,
    mrs: [seL4_Word; 4],
) -> (seL4_Word, seL4_MessageInfo, [seL4_Word; 4]) {
    let (badge, info, mrs) = arch::send_recv::<seL4_SysReplyRecv>(src, info.0, mrs);
    (badge, seL4_MessageInfo(info), mrs)
}

/// Waits for a message.
#[inline(always)]
pub fn seL4_RecvWithMRs(src: seL4_CPtr) -> (seL4_Word, seL4_MessageInfo, [seL4_Word; 4]) {
    let (badge, info, mrs) = arch::recv::<seL4_SysRecv>(src);
    (badge, seL4_MessageInfo(info), mrs)
}

/// Takes a message if there is one; else the badge is 0.
#[inline(always)]
pub fn seL4_NBRecvWithMRs(src: seL4_CPtr) -> (seL4_Word, seL4_MessageInfo, [seL4_Word; 4]) {
    let (badge, info, mrs) = arch::recv::<seL4_SysNBRecv>(src);
    (badge, seL4_MessageInfo(info), mrs)
}

/// Signals a notification.
#[inline(always)]
pub fn seL4_Signal(dest: seL4_CPtr) {
    arch::send_null::<seL4_SysSend>(dest, seL4_MessageInfo::new(0, 0, 0, 0).0);
}

/// Gives the rest of the time slice to threads of the same priority.
#[inline(always)]
pub fn seL4_Yield() {
    arch::null::<seL4_SysYield>();
}

/// Leaves what the kernel said about a failed invocation in the IPC buffer, where the accessors
/// for error details look for it; gives the error number.
#[cold]
#[inline(never)]
fn failed(info: seL4_MessageInfo, mrs: [seL4_Word; 4]) -> seL4_Word {
    for (at, word) in mrs.into_iter().enumerate() {
        seL4_SetMR(at, word);
    }
    info.label()
}
