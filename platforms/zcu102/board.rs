//! Xilinx's ZCU102: the console before its driver runs, and power.

/// Physical addresses of the devices that the root task uses, and where it maps them.
pub const DEVICES: [(u64, usize); 1] = [(0xff00_0000, CONSOLE)];

/// Interrupt of the core's physical timer.
pub const TIMER_INTERRUPT: u32 = 30;

const CONSOLE: usize = 0xf_0000_0000;

/// Status register with its bit "transmit FIFO full", and data register (UG1085, chapter 21).
const STATUS: usize = CONSOLE + 0x2c;
const TRANSMIT_FULL: u32 = 1 << 4;
const DATA: usize = CONSOLE + 0x30;

/// Writes text to the UART, waiting for it.
pub fn console_write(text: &str) {
    for byte in text.bytes() {
        // SAFETY: the root task has mapped the registers of `DEVICES` and keeps them mapped.
        unsafe {
            while (STATUS as *const u32).read_volatile() & TRANSMIT_FULL != 0 {}
            (DATA as *mut u32).write_volatile(byte.into());
        }
    }
}

/// User programs can neither switch this board off nor restart it: whoever runs it reads the
/// request on the console.
pub fn power(_restart: bool) {}
