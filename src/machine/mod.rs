//! The emulated machine: its command line, its serial line, and its life.

pub mod bootargs;
pub mod frame;
pub mod monitor;
pub mod qemu;
pub mod screen;
pub mod session;
