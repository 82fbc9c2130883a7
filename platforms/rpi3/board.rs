//! The Raspberry Pi 3: the console before its driver runs, and power.

/// Physical addresses of the devices that the root task uses, and where it maps them.
pub const DEVICES: [(u64, usize); 2] = [(0x3f20_1000, CONSOLE), (0x3f10_0000, POWER)];

/// Interrupt of the core's physical timer.
pub const TIMER_INTERRUPT: u32 = 1;

const CONSOLE: usize = 0xf_0000_0000;
const POWER: usize = 0xf_0000_1000;

/// Data register, and flag register with its bit "transmit FIFO full" (PL011 manual, 3.3).
const DATA: usize = CONSOLE;
const FLAGS: usize = CONSOLE + 0x18;
const TRANSMIT_FULL: u32 = 1 << 5;

/// The power block's registers: what a reset does, what it leaves behind, and the watchdog's time
/// in units of 1/65536 s. Each write carries the password.
const RESET_CONTROL: usize = POWER + 0x1c;
const RESET_STATUS: usize = POWER + 0x20;
const WATCHDOG: usize = POWER + 0x24;
const PASSWORD: u32 = 0x5a << 24;
/// The control register's field that chooses the kind of reset, and a full one.
const RESET_KIND: u32 = 3 << 4;
const RESET_FULL: u32 = 2 << 4;
/// The bits of the status register that name the partition to start from next; 63 tells the
/// firmware to stay off.
const PARTITION: u32 = 0x555;
/// What the watchdog waits: about 150 microseconds.
const WAIT: u32 = 10;

fn read(register: usize) -> u32 {
    // SAFETY: the root task has mapped the registers of `DEVICES` and keeps them mapped.
    unsafe { (register as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: as in `read`.
    unsafe { (register as *mut u32).write_volatile(value) }
}

/// Writes text to the UART, waiting for it.
pub fn console_write(text: &str) {
    for byte in text.bytes() {
        while read(FLAGS) & TRANSMIT_FULL != 0 {}
        write(DATA, byte.into());
    }
}

/// Switches the board off, as far as it can be, or starts it again: by the watchdog.
pub fn power(restart: bool) {
    let partition = if restart { 0 } else { PARTITION };
    let status = read(RESET_STATUS) & !(PARTITION | 0xff << 24);
    write(RESET_STATUS, PASSWORD | status | partition);
    write(WATCHDOG, PASSWORD | WAIT);
    let control = read(RESET_CONTROL) & !(RESET_KIND | 0xff << 24);
    write(RESET_CONTROL, PASSWORD | control | RESET_FULL);
}
