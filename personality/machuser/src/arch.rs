//! What differs between processors.

#[cfg(target_arch = "aarch64")]
#[path = "arch/aarch64.rs"]
mod imp;
#[cfg(target_arch = "x86_64")]
#[path = "arch/x86_64.rs"]
mod imp;

#[cfg(not(all(target_os = "none", target_arch = "x86_64")))]
#[path = "arch/no_ports.rs"]
mod ports;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
#[path = "arch/x86_64_ports.rs"]
mod ports;

pub use imp::*;
pub use ports::Ports;

/// Copies bytes of which one side may change meanwhile.
///
/// # Safety
/// Both ranges are valid for `count` bytes and do not overlap.
#[cfg(miri)]
pub unsafe fn copy_shared(to: *mut u8, from: *const u8, count: usize) {
    for i in 0..count {
        // SAFETY: the caller's promise; i < count.
        unsafe { to.add(i).write_volatile(from.add(i).read_volatile()) };
    }
}
