//! The driver of the processor's pins: `driver::Arguments` says with what it is started.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;

use diskfs::FileServer;
use driver::Arguments;
use gpio_driver::Volume;
use machuser::{Result, mach};

machuser::program!(main);

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("gpio: {error}"));
    }
}

fn serve() -> Result<()> {
    let registers = Arguments::of_program()?.registers()?;
    let server = FileServer::new(Volume::new(registers))?;
    server.start()?;
    server.startup(0)?;
    server.wait();
    Ok(())
}
