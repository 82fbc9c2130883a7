//! x86-64; seL4 5.0.0 reports only 32 bits of a faulting address.

use crate::image::Target;
use crate::layout;
use elf::abi;

impl Target {
    /// The machine that this code runs on.
    pub const NATIVE: Self = Self {
        machine: abi::EM_X86_64,
        lowest: layout::LOWEST,
        highest: 0xf000_0000,
        base: layout::IMAGE_BASE,
    };
}
