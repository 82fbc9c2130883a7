//! Exceptions of the loader itself: all are errors of it or of the firmware.

use core::arch::global_asm;

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{VBAR_EL1, Writeable};

use super::console::fail;

global_asm!(
    ".section .text.vectors, \"ax\"",
    ".balign 2048",
    ".global __vectors",
    "__vectors:",
    ".rept 16",
    "mrs x0, esr_el1",
    "mrs x1, elr_el1",
    "mrs x2, far_el1",
    "b {exception}",
    ".balign 128",
    ".endr",
    exception = sym exception,
);

/// Makes exceptions print a message.
pub fn install() {
    unsafe extern "C" {
        static __vectors: u8;
    }
    VBAR_EL1.set((&raw const __vectors) as u64);
    barrier::isb(barrier::SY);
}

extern "C" fn exception(syndrome: u64, address: u64, fault_address: u64) -> ! {
    fail(format_args!(
        "exception {syndrome:#x} at {address:#x}, fault address {fault_address:#x}"
    ))
}
