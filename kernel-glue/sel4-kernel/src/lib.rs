//! Configures, builds and verifies the pinned seL4 kernel for a platform.
//!
//! The kernel's C source is the folder `seL4/` of the registry package that the workspace's
//! `Cargo.lock` pins ([`source::find`]). No file of it is changed: [`source::verify`] compares
//! every file with a recorded manifest, and [`KernelBuild::build`] refuses a source that differs.
//! A platform only adds files, which its `platform.toml` names ([`Platform`]).
//!
//! What a build leaves in its output folder, for the crates that need the kernel's facts:
//!
//! | path | what |
//! |---|---|
//! | `kernel.elf` | the kernel, with its symbol table |
//! | `kernel-boot.elf` | what the firmware's loader takes, where it does not take `kernel.elf` |
//! | `include/autoconf.h` | the configuration that it was built with |
//! | `include/` | the headers that were generated on the way, by the names they are included by |
//! | `kernel.toml` | platform, architecture, kernel version, debug or release |
//! | `source` | the folder of the kernel source, one line |
//! | `stamp` | what went in: while it stays the same, nothing is built again |
//! | `work/` | intermediate files |
//!
//! The same inputs give the same `kernel.elf`, byte for byte, wherever the folders lie.

#![forbid(unsafe_code)]

mod aarch64;
mod append;
mod arch;
mod autoconf;
mod build;
mod error;
mod loader;
mod platform;
pub mod source;
mod tool;
mod x86_64;

pub use append::append;
pub use arch::Arch;
pub use autoconf::{Configuration, Value};
pub use build::{BuiltKernel, KernelBuild, KernelInfo};
pub use error::{Error, Result};
pub use loader::{LoaderBuild, checksum, make_image};
pub use platform::{
    CardDescription, CommandLine, DiskDescription, LoaderDescription, Platform, QemuDescription,
    VariantDescription,
};
