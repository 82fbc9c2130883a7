//! x86-64.

/// The processor's name, as `uname -m` says it.
pub const NAME: &str = "x86_64";

/// Copies bytes of which one side may change meanwhile.
///
/// # Safety
/// Both ranges are valid for `count` bytes and do not overlap.
#[cfg(not(miri))]
pub unsafe fn copy_shared(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the caller's promise; the assembler copies exactly `count` bytes upwards.
    unsafe {
        core::arch::asm!(
            "rep movsq",
            "mov ecx, {rest:e}",
            "rep movsb",
            rest = in(reg) count & 7,
            inout("rcx") count / 8 => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
}
