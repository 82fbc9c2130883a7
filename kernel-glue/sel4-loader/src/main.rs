//! The boot loader's program. See the library for what the image looks like.
//!
//! This is one of the few places of the system that cannot do without `unsafe`: it runs before
//! there is any memory management, and makes it.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
mod aarch64;

/// The loader only exists for bare machines; this is what a build of the whole workspace gets.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("sel4-loader runs on a bare AArch64 machine, not here");
    std::process::exit(1);
}

#[cfg(all(target_os = "none", not(target_arch = "aarch64")))]
compile_error!("the loader is for AArch64; other kernels are booted by their board's firmware");
