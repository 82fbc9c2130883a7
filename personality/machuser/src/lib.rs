//! A program's view of the system: calls, rights, windows, threads, locks, time.
//!
//! Interfaces are defined with the `interface` attribute, whose generated code uses [`client`],
//! [`server`] and [`wire`]. What is not in a typed layer is in [`sys`], of which there are two: the
//! machine's, and one within a single process for tests on the host.
#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;

pub mod arch;
pub mod client;
pub mod clock;
pub mod env;
pub mod error;
pub mod fork;
pub mod mach;
pub mod objects;
pub mod right;
#[cfg(target_os = "none")]
pub mod rt;
pub mod server;
pub mod sync;
pub mod sys;
pub mod table;
pub mod thread;
pub mod window;
pub mod wire;

pub use alloc::vec::Vec;
pub use client::MAX_BULK;
pub use error::{Error, Result};
pub use right::{
    AnyRight, AsName, Carried, CarriedList, DEAD, FromCarried, NULL, Name, PortRight, ReceiveRight,
    Right, SendOnce, SendRight,
};
pub use server::{Call, Data, DataOut, Outcome, Request};
pub use wire::{Disposition, RightArg, Sink, Source, Wire, Writer};

/// Defines a program's entry: `machuser::program!(main);` with `fn main()`.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        fn __hird_main() {
            $main()
        }
    };
}
