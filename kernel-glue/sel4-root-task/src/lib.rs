//! What a root task needs before its own code: an entry point with a stack, a heap, a panic
//! handler, and the boot info.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! sel4_root_task::entry!(main, stack = 0x2_0000, heap = 0x40_0000);
//!
//! fn main(boot: &'static sel4::BootInfo) -> ! { .. }
//! ```
//!
//! The root task's `build.rs` passes on the linker script (which goes with a static program, so
//! also with `--no-pie` where the target would make another):
//!
//! ```ignore
//! let script = std::env::var("DEP_SEL4_ROOT_TASK_LINKER_SCRIPT").unwrap();
//! println!("cargo:rustc-link-arg-bins=-T{script}");
//! println!("cargo:rustc-link-arg-bins=--no-pie");
//! println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
//! ```
//!
//! The same program runs as the initial thread of the kernel and as that of a parent who sets up
//! the same things: a boot info whose address is the first argument, an IPC buffer, and the
//! capabilities of [`sel4::init_thread`].
#![no_std]

#[cfg(target_os = "none")]
mod entry;
mod heap;
mod image;
mod log;
mod panic;

#[cfg(target_os = "none")]
#[doc(hidden)]
pub use entry::{__private, Stack};
pub use heap::{add_heap, set_refill};
#[cfg(target_os = "none")]
pub use image::appended;
pub use image::{device_tree, image};
pub use log::{log, set_log_sink};
pub use panic::{halt, set_halt};
#[cfg(target_os = "none")]
#[doc(hidden)]
pub use sel4::sys::seL4_BootInfo as __BootInfo;
