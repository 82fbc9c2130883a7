//! The built kernel's configuration, as constants and macros.
//!
//! Every option of the kernel in `HIRD_KERNEL_DIR` is a constant with the option's name, without
//! its prefix `CONFIG_`: a `bool` if it is a switch, else a `usize`. Switches that are off have a
//! constant if the kernel's own source knows them.
//!
//! What must not even be compiled unless an option is on stands in [`sel4_cfg_if!`], which takes
//! expressions, statements and items; [`sel4_cfg!`] is a condition.
//!
//! ```
//! use sel4_config::{sel4_cfg, sel4_cfg_if};
//!
//! assert!(sel4_cfg!(all(FASTPATH, not(ARM_HYPERVISOR_SUPPORT))));
//! sel4_cfg_if! {
//!     if DEBUG_BUILD {
//!         fn put_char(_: u8) {}
//!     } else {
//!         fn other() {}
//!     }
//! }
//! # other();
//! ```
//!
//! Without `HIRD_KERNEL_DIR`, as for tests on the host, the configuration is that of a release
//! kernel for `qemu-virt`.

#![no_std]
#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/configuration.rs"));

/// Whether options are on: the name of a switch, or `not(...)`, `all(...)` and `any(...)` of
/// such conditions. A constant expression. A name that is no switch does not compile.
#[macro_export]
macro_rules! sel4_cfg {
    (not($($condition:tt)+)) => { !$crate::sel4_cfg!($($condition)+) };
    (all($($name:ident $(($($inner:tt)*))?),+ $(,)?)) => {
        $($crate::sel4_cfg!($name $(($($inner)*))?))&&+
    };
    (any($($name:ident $(($($inner:tt)*))?),+ $(,)?)) => {
        ($($crate::sel4_cfg!($name $(($($inner)*))?))||+)
    };
    ($switch:ident) => {{
        const SWITCH: bool = $crate::$switch;
        SWITCH
    }};
}
