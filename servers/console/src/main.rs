//! The driver of a serial line: a translator whose node is the line.
//!
//! `driver::Arguments` says with what it is started; the kind of device is `pl011`, `cadence`,
//! `bcm2835-aux` or `ns16550a`.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;

use console_driver::serve::drive;
use console_driver::{Cadence, MiniUart, Ns16550, Pl011};
use driver::{Arguments, Bus};
use machuser::mach::{self, Registers};
use machuser::{Error, Result};

machuser::program!(main);

/// Registers of 8 bits.
struct Bytes(Registers);

impl Bus for Bytes {
    fn read(&self, offset: usize) -> u32 {
        self.0.read8(offset).into()
    }

    fn write(&self, offset: usize, value: u32) {
        self.0.write8(offset, value as u8);
    }
}

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("console: {error}"));
    }
}

fn serve() -> Result<()> {
    let arguments = Arguments::of_program()?;
    let bus = arguments.registers()?;
    let interrupt = Some(arguments.interrupt(0)?);
    match arguments.kind.as_deref() {
        Some("pl011") => drive(Pl011::new(bus), interrupt),
        Some("bcm2835-aux") => drive(MiniUart::new(bus), interrupt),
        Some("cadence") => drive(Cadence::new(bus), interrupt),
        Some("ns16550a") => drive(Ns16550::new(Bytes(bus)), interrupt),
        _ => Err(Error::EINVAL),
    }
}
