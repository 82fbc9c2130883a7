//! What differs between architectures when the kernel is built.

use serde::Deserialize;

use crate::autoconf::Configuration;
use crate::{aarch64, x86_64};

/// An architecture of the kernel.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// 64-bit ARMv8-A.
    Aarch64,
    /// 64-bit PCs.
    #[serde(rename = "x86_64")]
    X86_64,
}

/// How the kernel of an architecture is built. Paths are relative to the kernel source.
pub(crate) struct Recipe {
    /// Folder of the architecture's family, as in `src/arch/`.
    pub family: &'static str,
    /// Name in `libsel4/sel4_arch_include/`.
    pub sel4_arch: &'static str,
    /// What Debian calls the architecture.
    pub debian: &'static str,
    /// Target triple of what is built in Rust. It has no floating-point registers, which the kernel
    /// would have to switch at every message between programs that use them.
    pub target: &'static str,
    /// What comes before the processor's name as an option of the C compiler.
    pub cpu_option: &'static str,
    /// What comes before the processor's name as a name that the preprocessor defines, if it does.
    pub cpu_define: Option<&'static str>,
    /// Folders to search for headers, after the generated ones and the board's.
    pub include_dirs: &'static [&'static str],
    /// Preprocessor names to define.
    pub defines: &'static [&'static str],
    /// Options of the C compiler.
    pub cflags: &'static [&'static str],
    /// Options of the linker.
    pub ldflags: &'static [&'static str],
    /// C files that every board of the architecture has.
    pub c_sources: &'static [&'static str],
    /// C files of a debug kernel.
    pub debug_c_sources: &'static [&'static str],
    /// Assembly files.
    pub asm_sources: &'static [&'static str],
    /// Bit-field files, with the name that the generated header is included by. The first path
    /// that starts with `@/` is the board's.
    pub bitfields: &'static [(&'static str, &'static str)],
    /// What the firmware's loader takes instead of the kernel's own 64-bit ELF file, as `objcopy`
    /// calls it.
    pub boot_format: Option<&'static str>,
    /// Options of the configuration.
    pub config: &'static [(&'static str, u64)],
    /// Options of the configuration that are switched on.
    pub config_on: &'static [&'static str],
}

/// C files of every architecture.
pub(crate) const COMMON_C_SOURCES: &[&str] = &[
    "src/api/faults.c",
    "src/api/syscall.c",
    "src/assert.c",
    "src/benchmark/benchmark_track.c",
    "src/benchmark/benchmark_utilisation.c",
    "src/config/default_domain.c",
    "src/fastpath/fastpath.c",
    "src/inlines.c",
    "src/kernel/boot.c",
    "src/kernel/cspace.c",
    "src/kernel/faulthandler.c",
    "src/kernel/stack.c",
    "src/kernel/thread.c",
    "src/machine/fpu.c",
    "src/machine/io.c",
    "src/machine/registerset.c",
    "src/model/preemption.c",
    "src/model/statedata.c",
    "src/object/cnode.c",
    "src/object/endpoint.c",
    "src/object/interrupt.c",
    "src/object/notification.c",
    "src/object/objecttype.c",
    "src/object/tcb.c",
    "src/object/untyped.c",
    "src/smp/lock.c",
    "src/string.c",
    "src/util.c",
];

impl Arch {
    /// How its kernel is built.
    pub(crate) fn recipe(self) -> &'static Recipe {
        match self {
            Arch::Aarch64 => &aarch64::RECIPE,
            Arch::X86_64 => &x86_64::RECIPE,
        }
    }

    /// Its name, as in `libsel4/sel4_arch_include/` and in Rust's target triples.
    pub fn name(self) -> &'static str {
        self.recipe().sel4_arch
    }
}

impl Recipe {
    /// The options that every board of the architecture has.
    pub(crate) fn configuration(&self) -> Configuration {
        use crate::autoconf::Value;
        let mut configuration = Configuration::default();
        for name in self.config_on {
            configuration.set(name, Value::Bool(true));
        }
        for (name, number) in self.config {
            configuration.set(name, Value::Number(*number));
        }
        configuration
    }
}
