//! AArch64: where a thread of [`crate::child`] begins.

use crate::child::thread_main;
use core::arch::global_asm;

global_asm!(
    ".global guest_tests_thread_start",
    "guest_tests_thread_start:",
    "msr tpidr_el0, x0",
    "mov x29, xzr",
    "mov x30, xzr",
    "b {main}",
    main = sym thread_main,
);
