//! x86-64: where a thread of [`crate::child`] begins.

use crate::child::thread_main;
use core::arch::global_asm;

global_asm!(
    ".global guest_tests_thread_start",
    "guest_tests_thread_start:",
    "xor ebp, ebp",
    "call {main}",
    main = sym thread_main,
);
