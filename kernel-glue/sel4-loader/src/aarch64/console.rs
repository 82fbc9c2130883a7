//! Messages on the UART that the firmware, or what the board's description says of it, has set up.

use core::fmt::{self, Write};
use core::hint;

use super::board::{SETUP, UART, UART_REGISTERS};

/// Sets the registers that the board's description names: address, bits to change, value. Called
/// once, before anything is printed.
pub fn set_up() {
    for &(address, bits, value) in SETUP {
        let register = address as *mut u32;
        // SAFETY: the description names registers of devices that nothing else drives now, and the
        // MMU is off, so that they are at their addresses.
        unsafe { register.write_volatile(register.read_volatile() & !bits | value) };
    }
}

struct Console;

impl Console {
    fn put(&mut self, byte: u8) {
        let [data, status, full] = UART_REGISTERS;
        let status = (UART + status) as *const u32;
        let data = (UART + data) as *mut u32;
        // SAFETY: these are registers of the board's UART, which nothing else drives now.
        unsafe {
            while status.read_volatile() & full as u32 != 0 {
                hint::spin_loop();
            }
            data.write_volatile(byte.into());
        }
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                self.put(b'\r');
            }
            self.put(byte);
        }
        Ok(())
    }
}

/// Prints a line.
pub fn print_line(text: fmt::Arguments<'_>) {
    // The console takes everything.
    let _ = writeln!(Console, "sel4-loader: {text}");
}

/// Prints a line; takes what `format!` takes.
macro_rules! println {
    ($($text:tt)*) => { $crate::aarch64::console::print_line(format_args!($($text)*)) };
}
pub(crate) use println;

/// Says why the system cannot be booted, and stops.
pub fn fail(why: fmt::Arguments<'_>) -> ! {
    println!("cannot boot: {why}");
    stop()
}

/// Stops the processor for good.
pub fn stop() -> ! {
    loop {
        aarch64_cpu::asm::wfe();
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    fail(format_args!("{info}"))
}
