//! How the AArch64 kernel is built.

use crate::arch::Recipe;

/// seL4 5.0.0 for ARMv8-A in 64-bit mode, one core.
pub(crate) const RECIPE: Recipe = Recipe {
    family: "arm",
    sel4_arch: "aarch64",
    debian: "arm64",
    target: "aarch64-unknown-none-softfloat",
    cpu_option: "-mcpu=",
    // Of the processor's name: the kernel's name of its cache line size.
    cpu_define: Some("ARM_"),
    include_dirs: &[
        "include",
        "include/64",
        "include/arch/arm",
        "include/arch/arm/arch/64",
        "include/arch/arm/armv/armv8-a/64",
    ],
    defines: &[
        "__KERNEL_64__",
        "AARCH64",
        "ARCH_ARM",
        "ARMV8_A",
        "__ARM_64__",
    ],
    cflags: &["-mgeneral-regs-only"],
    ldflags: &[],
    c_sources: &[
        "src/arch/arm/64/c_traps.c",
        "src/arch/arm/64/idle.c",
        "src/arch/arm/64/kernel/thread.c",
        "src/arch/arm/64/kernel/vspace.c",
        "src/arch/arm/64/machine/fpu.c",
        "src/arch/arm/64/machine/hardware.c",
        "src/arch/arm/64/machine/registerset.c",
        "src/arch/arm/64/model/statedata.c",
        "src/arch/arm/64/object/objecttype.c",
        "src/arch/arm/api/faults.c",
        "src/arch/arm/armv/armv8-a/64/benchmark.c",
        "src/arch/arm/armv/armv8-a/64/cache.c",
        "src/arch/arm/armv/armv8-a/64/user_access.c",
        "src/arch/arm/benchmark/benchmark.c",
        "src/arch/arm/c_traps.c",
        "src/arch/arm/kernel/boot.c",
        "src/arch/arm/machine/cache.c",
        "src/arch/arm/machine/debug.c",
        "src/arch/arm/machine/errata.c",
        "src/arch/arm/machine/io.c",
        "src/arch/arm/object/interrupt.c",
        "src/arch/arm/object/iospace.c",
        "src/arch/arm/object/tcb.c",
        "src/arch/arm/object/vcpu.c",
    ],
    debug_c_sources: &["src/arch/arm/64/machine/capdl.c"],
    asm_sources: &[
        "src/arch/arm/64/head.S",
        "src/arch/arm/64/traps.S",
        "src/arch/arm/armv/armv8-a/64/machine_asm.S",
    ],
    bitfields: &[
        (
            "include/arch/arm/arch/64/mode/object/structures.bf",
            "arch/object/structures_gen.h",
        ),
        (
            "include/64/mode/api/shared_types.bf",
            "mode/api/shared_types_gen.h",
        ),
        ("@/plat/machine/hardware.bf", "plat/machine/hardware_gen.h"),
    ],
    boot_format: None,
    config: &[],
    config_on: &[
        "ARCH_ARM",
        "ARCH_AARCH64",
        "ARCH_ARM_V8A",
        // The kernel then saves and restores TPIDR_EL0 and leaves its value to the thread.
        "IPC_BUF_GLOBALS_FRAME",
    ],
};
