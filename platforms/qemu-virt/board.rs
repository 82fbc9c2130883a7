//! QEMU's `virt` board: the console before its driver runs, and power.

/// Physical addresses of the devices that the root task uses, and where it maps them: the PL011
/// (hw/arm/virt.c, `VIRT_UART`).
pub const DEVICES: [(u64, usize); 1] = [(0x0900_0000, CONSOLE)];

/// Interrupt of the core's physical timer.
pub const TIMER_INTERRUPT: u32 = 30;

const CONSOLE: usize = 0xf_0000_0000;

/// Data register, and flag register with its bit "transmit FIFO full" (PL011 manual, 3.3).
const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const TRANSMIT_FULL: u32 = 1 << 5;

/// Writes text to the UART, waiting for it.
pub fn console_write(text: &str) {
    for byte in text.bytes() {
        let flags = (CONSOLE + FLAGS) as *const u32;
        let data = (CONSOLE + DATA) as *mut u32;
        // SAFETY: the root task has mapped the device's registers there and keeps them mapped.
        unsafe {
            while flags.read_volatile() & TRANSMIT_FULL != 0 {}
            data.write_volatile(byte.into());
        }
    }
}

/// User programs can neither switch this board off nor restart it: whoever runs it reads the
/// request on the console.
pub fn power(_restart: bool) {}
