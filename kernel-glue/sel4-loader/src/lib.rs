//! AArch64 boot loader: page tables, EL2 to EL1, hand-over to the kernel.
//!
//! The firmware, or QEMU, loads one file in the format that arm64 Linux kernels have:
//!
//! | part | made by |
//! |---|---|
//! | the loader, all of its memory | this crate's program, once a board |
//! | [`payload::Header`], the kernel, the root task | [`image::make_image`], feature `image` |
//!
//! The kernel and the root task are stored as they lie in memory, without their ELF headers. The
//! loader copies the kernel to its place; the root task stays where it is. Behind the root task's
//! zeroed data the loader puts the device tree, without the slack that firmware leaves in it, and
//! at the very end of the user image, right below the IPC buffer, a [`Trailer`] that says where.
//!
//! This library holds what can be tested on the host; the program is in `main.rs`.

#![cfg_attr(not(any(test, feature = "image")), no_std)]
#![forbid(unsafe_code)]

pub mod fdt;
#[cfg(feature = "image")]
pub mod image;
pub mod payload;
pub mod tables;
mod trailer;

pub use trailer::Trailer;

/// Bytes of the smallest page.
pub const PAGE_SIZE: u64 = 4096;

/// `value` rounded up to a multiple of `PAGE_SIZE`; `None` if that is too large for a number.
pub const fn page_up(value: u64) -> Option<u64> {
    match value.checked_add(PAGE_SIZE - 1) {
        Some(sum) => Some(sum & !(PAGE_SIZE - 1)),
        None => None,
    }
}
