//! AArch64.

/// The processor's name, as `uname -m` says it.
pub const NAME: &str = "aarch64";

/// Copies bytes of which one side may change meanwhile.
///
/// # Safety
/// Both ranges are valid for `count` bytes and do not overlap.
#[cfg(not(miri))]
pub unsafe fn copy_shared(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the caller's promise; the assembler copies exactly `count` bytes.
    unsafe {
        core::arch::asm!(
            "2:",
            "subs {n}, {n}, #64",
            "b.lo 3f",
            "ldp {a}, {b}, [{from}]",
            "ldp {c}, {d}, [{from}, #16]",
            "ldp {e}, {f}, [{from}, #32]",
            "ldp {g}, {h}, [{from}, #48]",
            "add {from}, {from}, #64",
            "stp {a}, {b}, [{to}]",
            "stp {c}, {d}, [{to}, #16]",
            "stp {e}, {f}, [{to}, #32]",
            "stp {g}, {h}, [{to}, #48]",
            "add {to}, {to}, #64",
            "b 2b",
            "3:",
            "add {n}, {n}, #64",
            "6:",
            "cmp {n}, #8",
            "b.lo 4f",
            "ldr {a}, [{from}], #8",
            "sub {n}, {n}, #8",
            "str {a}, [{to}], #8",
            "b 6b",
            "4:",
            "cbz {n}, 5f",
            "ldrb {a:w}, [{from}], #1",
            "sub {n}, {n}, #1",
            "strb {a:w}, [{to}], #1",
            "b 4b",
            "5:",
            a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
            e = out(reg) _, f = out(reg) _, g = out(reg) _, h = out(reg) _,
            n = inout(reg) count => _, from = inout(reg) from => _, to = inout(reg) to => _,
            options(nostack),
        );
    }
}
