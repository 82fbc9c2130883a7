//! QEMU's `virt` board: the console before its driver runs, and power.

/// Physical address of the PL011 (hw/arm/virt.c, `VIRT_UART`).
pub const CONSOLE_PHYSICAL: u64 = 0x0900_0000;
/// Where the root task maps it.
pub const CONSOLE_ADDRESS: usize = 0xf_0000_0000;

/// Data register, and flag register with its bit "transmit FIFO full" (PL011 manual, 3.3).
const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
const TRANSMIT_FULL: u32 = 1 << 5;

/// Writes text to the UART, waiting for it. The page at [`CONSOLE_ADDRESS`] is mapped before.
pub fn console_write(text: &str) {
    for byte in text.bytes() {
        let flags = (CONSOLE_ADDRESS + FLAGS) as *const u32;
        let data = (CONSOLE_ADDRESS + DATA) as *mut u32;
        // SAFETY: the root task has mapped the device's registers there and keeps them mapped.
        unsafe {
            while flags.read_volatile() & TRANSMIT_FULL != 0 {}
            data.write_volatile(byte.into());
        }
    }
}

/// Ends or restarts the system. User programs cannot switch this board off: whoever runs it
/// reads the request on the console.
pub fn power(restart: bool) {
    console_write(if restart {
        "\n<<hird:reboot>>\n"
    } else {
        "\n<<hird:halt>>\n"
    });
}
