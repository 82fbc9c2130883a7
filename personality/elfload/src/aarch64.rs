//! AArch64 as seL4 maps it.

use crate::image::Target;
use crate::layout;
use elf::abi;

impl Target {
    /// The machine that this code runs on.
    pub const NATIVE: Self = Self {
        machine: abi::EM_AARCH64,
        lowest: layout::LOWEST,
        highest: 0x7fff_ffff_f000,
        base: layout::IMAGE_BASE,
    };
}
