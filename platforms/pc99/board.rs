//! PCs: the console before its driver runs, the emulator's command line, and power.

use sel4::init_thread::IO_PORT;

/// The root task's devices are I/O ports, which need no place in memory.
pub const DEVICES: [(u64, usize); 0] = [];

/// Interrupt of the interval timer: where ISA's line 0 leads.
pub const TIMER_INTERRUPT: u32 = 2;

/// COM1's registers (16550 data sheet): data, line status with its bit "transmitter empty".
const COM1: u16 = 0x3f8;
const LINE_STATUS: u16 = COM1 + 5;
const TRANSMIT_EMPTY: u8 = 1 << 5;

/// Writes text to COM1, waiting for it.
pub fn console_write(text: &str) {
    for byte in text.bytes() {
        // Reading 0xff: there is no such device. The ports are the mach server's: neither access
        // can fail.
        while IO_PORT.in8(LINE_STATUS).is_ok_and(|status| status & TRANSMIT_EMPTY == 0) {}
        let _ = IO_PORT.out8(COM1, byte);
    }
}

/// A framebuffer that the boot loader has left.
#[derive(Clone, Copy, Debug)]
pub struct Framebuffer {
    /// Physical address.
    pub address: u64,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from a row to the next one.
    pub stride: u32,
    /// How pixels lie in memory (Devicetree bindings, simple-framebuffer).
    pub format: &'static str,
}

/// What the program that GRUB starts (`grub/start.c`) writes into this program's file. It finds the
/// place by the mark.
#[repr(C, align(16))]
struct Record {
    mark: [u8; 16],
    address: u64,
    width: u32,
    height: u32,
    stride: u32,
    format: u32,
}

#[used]
static mut RECORD: Record = Record {
    mark: *b"hird framebuffer",
    address: 0,
    width: 0,
    height: 0,
    stride: 0,
    format: 0,
};

/// The formats by their numbers in the record; 0 is no framebuffer, 1 any other format.
const FORMATS: [&str; 4] = ["", "other", "x8r8g8b8", "x8b8g8r8"];

/// The framebuffer, if the boot loader has left one.
pub fn framebuffer() -> Option<Framebuffer> {
    // SAFETY: nobody writes it once this program runs; the compiler must not believe that it is as
    // it was written here.
    let record = unsafe { (&raw const RECORD).read_volatile() };
    let format = FORMATS.get(record.format as usize).filter(|format| !format.is_empty())?;
    let Record { address, width, height, stride, .. } = record;
    Some(Framebuffer { address, width, height, stride, format })
}

/// The emulator's configuration device (QEMU, docs/specs/fw_cfg.rst): its ports, the numbers of its
/// entries, and the name of the command line.
const CONFIGURATION_SELECT: u16 = 0x510;
const CONFIGURATION_DATA: u16 = 0x511;
const CONFIGURATION_SIGNATURE: u16 = 0;
const CONFIGURATION_FILES: u16 = 0x19;
const COMMAND_LINE: &[u8] = b"opt/hird/bootargs\0";

/// Finds the command line that the emulator was given; answers its length.
/// [`command_line_read`] reads it next.
pub fn command_line() -> Option<usize> {
    let mut signature = [0; 4];
    select(CONFIGURATION_SIGNATURE);
    read(&mut signature);
    if signature != *b"QEMU" {
        return None;
    }
    select(CONFIGURATION_FILES);
    let mut count = [0; 4];
    read(&mut count);
    for _ in 0..u32::from_be_bytes(count) {
        // Size, number, two bytes of nothing, name.
        let mut file = [0; 64];
        read(&mut file);
        let ([a, b, c, d, e, f, ..], name) = file.split_first_chunk::<8>()?;
        if name.starts_with(COMMAND_LINE) {
            select(u16::from_be_bytes([*e, *f]));
            return Some(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        }
    }
    None
}

/// Reads the next bytes of the command line.
pub fn command_line_read(bytes: &mut [u8]) {
    read(bytes);
}

fn select(entry: u16) {
    let _ = IO_PORT.out16(CONFIGURATION_SELECT, entry);
}

fn read(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = IO_PORT.in8(CONFIGURATION_DATA).unwrap_or(0);
    }
}

/// The reset control register of Intel's chipsets: kind of reset, then the reset itself.
const RESET_CONTROL: u16 = 0xcf9;
const RESET_HARD: u8 = 0x02;
const RESET_NOW: u8 = 0x06;
/// The keyboard controller's command port, and its command that pulls the processor's reset line.
const KEYBOARD_COMMAND: u16 = 0x64;
const KEYBOARD_RESET: u8 = 0xfe;
/// Restarts the machine, where ACPI could not; it cannot be switched off here.
pub fn power(restart: bool) {
    if restart {
        let _ = IO_PORT.out8(RESET_CONTROL, RESET_HARD);
        let _ = IO_PORT.out8(RESET_CONTROL, RESET_NOW);
        let _ = IO_PORT.out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    }
}
