//! Tells the loader where it runs: the addresses in its linker script and in `board.rs`.
//!
//! They, and the registers to set first, come from the environment, set from a board's `platform.toml` by the `sel4-kernel` crate;
//! without it, they are those of QEMU's `virt` board.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=loader.lds");
    let base = address("HIRD_LOADER_BASE", 0x4040_0000);
    let memory = address("HIRD_LOADER_MEMORY", 0x4000_0000);
    let uart = address("HIRD_LOADER_UART", 0x0900_0000);
    println!("cargo::rerun-if-env-changed=HIRD_LOADER_UART_REGISTERS");
    let registers = env::var("HIRD_LOADER_UART_REGISTERS");
    let registers = registers.unwrap_or_else(|_| "[0x00, 0x18, 0x20]".into());
    println!("cargo::rerun-if-env-changed=HIRD_LOADER_SETUP");
    let setup = env::var("HIRD_LOADER_SETUP").unwrap_or_else(|_| "[]".into());
    let sleep = address("HIRD_LOADER_SLEEP", 0);
    println!("cargo::rerun-if-env-changed=HIRD_LOADER_CORES");
    let cores = env::var("HIRD_LOADER_CORES").unwrap_or_else(|_| "[]".into());
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let script = fs::read_to_string("loader.lds").expect("loader.lds is part of the crate");
    let script = script
        .replace("@BASE@", &format!("{base:#x}"))
        .replace("@TEXT_OFFSET@", &format!("{:#x}", base - memory));
    fs::write(out.join("loader.lds"), script).expect("OUT_DIR can be written");
    let board = format!(
        "/// Start of the memory that the kernel and the loader lie in.\n\
         pub const MEMORY: u64 = {memory:#x};\n\
         /// The UART for messages.\n\
         pub const UART: usize = {uart:#x};\n\
         /// Its data and its status register, and the bits there that say that there is no room.\n\
         pub const UART_REGISTERS: [usize; 3] = {registers};\n\
         /// Registers to set before the UART is used: address, bits to change, value.\n\
         pub const SETUP: &[(usize, u32, u32)] = &{setup};\n\
         /// Where the other cores wait for an address to go on from.\n\
         pub const CORES: &[u64] = &{cores};\n\
         /// Where they go to sleep.\n\
         pub const SLEEP: u64 = {sleep:#x};\n"
    );
    fs::write(out.join("board.rs"), board).expect("OUT_DIR can be written");
    println!(
        "cargo::rustc-link-arg-bins=-T{}",
        out.join("loader.lds").display()
    );
}

/// The address in the environment variable `name`, hexadecimal with `0x` or decimal.
fn address(name: &str, default: u64) -> u64 {
    println!("cargo::rerun-if-env-changed={name}");
    let Ok(text) = env::var(name) else {
        return default;
    };
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.unwrap_or_else(|error| panic!("{name}={text}: {error}"))
}
