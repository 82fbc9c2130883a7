//! Program images, as pure data: what a loader must map ([`image`]), which
//! interpreter a script wants ([`script`]), where stack and start-up data go
//! ([`layout`]), and the block of memory from which a new program learns its
//! arguments, environment and ports ([`block`]).
//!
//! Nothing here makes a system call, and no input can make it panic: images come
//! from whoever can write a file.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod arch;
pub mod block;
pub mod image;
pub mod layout;
pub mod script;

/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// `address` rounded down to a page.
pub const fn page_down(address: u64) -> u64 {
    address & !(PAGE - 1)
}

/// `address` rounded up to a page; `None` past the end of the address space.
pub const fn page_up(address: u64) -> Option<u64> {
    match address.checked_add(PAGE - 1) {
        Some(end) => Some(page_down(end)),
        None => None,
    }
}
