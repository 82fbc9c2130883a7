//! Turns the kernel's `autoconf.h` into constants and a macro.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Options with a number, whatever it is. All others that are 1 are switches that are on.
const NUMBERS: &[&str] = &[
    "CACHE_LN_SZ",
    "FLUSH_WORK_UNIT",
    "FPU_MAX_RESTORES_SINCE_SWITCH",
    "KERNEL_STACK_BITS",
    "MAX_NUM_BOOTINFO_UNTYPED_CAPS",
    "MAX_NUM_IOAPIC",
    "MAX_NUM_NODES",
    "MAX_NUM_TRACE_POINTS",
    "MAX_NUM_WORK_UNITS_PER_PREEMPTION",
    "MAX_RMRR_ENTRIES",
    "MAX_VPIDS",
    "NUM_DOMAINS",
    "NUM_PRIORITIES",
    "RESET_CHUNK_BITS",
    "RETYPE_FAN_OUT_LIMIT",
    "ROOT_CNODE_SIZE_BITS",
    "TIMER_TICK_MS",
    "TIME_SLICE",
    "USER_STACK_TRACE_LENGTH",
    "WORD_SIZE",
    "XSAVE_SIZE",
];

/// Switches that have a constant even if they are off.
const SWITCHES: &[&str] = &[
    "ARCH_AARCH64",
    "ARCH_ARM",
    "ARCH_X86",
    "ARCH_X86_64",
    "ARM_HYPERVISOR_SUPPORT",
    "ARM_SMMU",
    "BENCHMARK_TRACK_UTILISATION",
    "DEBUG_BUILD",
    "ENABLE_BENCHMARKS",
    "FASTPATH",
    "FSGSBASE_INST",
    "FSGSBASE_MSR",
    "HARDWARE_DEBUG_API",
    "HAVE_FPU",
    "HUGE_PAGE",
    "IOMMU",
    "IPC_BUF_GLOBALS_FRAME",
    "IPC_BUF_TPIDRURW",
    "IRQ_REPORTING",
    "KERNEL_MASTER",
    "PRINTING",
    "SUPPORT_PCID",
    "SYSCALL",
    "SYSENTER",
    "VTX",
    "X2APIC",
    "XAPIC",
];

fn main() {
    let path = autoconf();
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rerun-if-env-changed=HIRD_KERNEL_DIR");
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut switches: BTreeMap<&str, bool> = SWITCHES.iter().map(|name| (*name, false)).collect();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, value) in options(&text) {
        let value: usize = value
            .parse()
            .unwrap_or_else(|_| panic!("{}: CONFIG_{name} is not a number", path.display()));
        if value == 1 && !NUMBERS.contains(&name) {
            switches.insert(name, true);
        } else {
            numbers.insert(name, value);
        }
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("configuration.rs"), generate(&switches, &numbers))
        .expect("OUT_DIR can be written");
}

/// The configuration of the built kernel; without one, the standard configuration.
fn autoconf() -> PathBuf {
    if let Some(dir) = env::var_os("HIRD_KERNEL_DIR") {
        return Path::new(&dir).join("include/autoconf.h");
    }
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets CARGO_CFG_TARGET_ARCH");
        assert_eq!(
            arch, "aarch64",
            "HIRD_KERNEL_DIR is not set, and {arch} has no standard"
        );
        println!("cargo::warning=HIRD_KERNEL_DIR is not set: assuming the usual kernel");
    }
    PathBuf::from("standard/aarch64.h")
}

/// Name, without its prefix, and value of each option that `text` defines.
fn options(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let mut words = line.strip_prefix("#define CONFIG_")?.split_whitespace();
        Some((words.next()?, words.next()?))
    })
}

/// The Rust text.
fn generate(switches: &BTreeMap<&str, bool>, numbers: &BTreeMap<&str, usize>) -> String {
    let mut code = String::new();
    for (name, value) in switches {
        writeln!(
            code,
            "/// `CONFIG_{name}`.\npub const {name}: bool = {value};"
        )
        .unwrap();
    }
    for (name, value) in numbers {
        writeln!(
            code,
            "/// `CONFIG_{name}`.\npub const {name}: usize = {value};"
        )
        .unwrap();
    }
    code.push_str(
        "/// The code of one of two branches, `if SWITCH { ... } else { ... }`, `else` optional:\n\
         /// expressions, statements or items. The other branch is not compiled, so it may name\n\
         /// what does not exist. `if not(SWITCH)` is the opposite.\n\
         #[macro_export]\nmacro_rules! sel4_cfg_if {\n",
    );
    for (name, value) in switches {
        for (condition, taken) in [(name.to_string(), *value), (format!("not({name})"), !value)] {
            let [then, otherwise] = if taken {
                ["$($then)*", ""]
            } else {
                ["", "$($otherwise)*"]
            };
            writeln!(
                code,
                "    (if {condition} {{ $($then:tt)* }} else {{ $($otherwise:tt)* }}) => \
                 {{ {then}{otherwise} }};\n    \
                 (if {condition} {{ $($then:tt)* }}) => {{ {then} }};"
            )
            .unwrap();
        }
    }
    code.push_str("}\n");
    code
}
