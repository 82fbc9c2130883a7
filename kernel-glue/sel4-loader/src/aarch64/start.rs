//! The first instructions, the last ones, and the loader's own memory.

use core::arch::{asm, global_asm};
use core::ops::Range;

use sel4_loader::tables::{Table, Tables};

use super::cache;

const STACK_SIZE: usize = 0x4000;

/// Two roots, and below each of them two levels for the ranges that are mapped: memory, device
/// tree and UART may each touch two gigabytes.
const TABLE_COUNT: usize = 12;

static mut TABLES: [Table; TABLE_COUNT] = [Table::EMPTY; TABLE_COUNT];

// The image header is that of arm64 Linux: see its Documentation/arch/arm64/booting.rst. The sizes
// are written when the image is made.
//
// Firmware that takes no notice of the text offset loads the image elsewhere. It is then moved: to
// a higher address from its end on, so that these instructions, which run where they were loaded,
// are overwritten by none of it; to a lower one the loader first, which then moves the rest. Both
// need the distance to be larger than the loader, and it is, since addresses are multiples of
// 2 MiB.
global_asm!(
    ".section .text.start, \"ax\"",
    ".global _start",
    "_start:",
    "    b 1f",
    "    .long 0",
    "    .quad __text_offset",
    "    .global __image_size",
    "__image_size:",
    "    .quad 0",
    "    .quad 2", // little-endian, pages of 4 KiB
    "    .quad 0, 0, 0",
    "    .ascii \"ARM\\x64\"",
    "    .long 0",
    "    .global __file_size",
    "__file_size:",
    "    .quad 0",
    "1:  msr daifset, #0xf",
    "    msr spsel, #1",
    "    mov x19, x0",
    "    adr x20, _start",
    "    ldr x21, =__loader_start",
    "    ldr x22, =__loader_end",
    "    sub x22, x22, x21",
    "    ldr x23, __file_size",
    "    cmp x23, #0",
    "    csel x23, x22, x23, eq", // a loader without payload
    "    mov x24, #0", // how much of the image has been moved
    "    cmp x20, x21",
    "    b.eq 3f",
    "    mov x24, x23",
    "    b.lo 2f",
    "    mov x24, x22",
    "2:  mov x0, x20",
    "    mov x1, x21",
    "    mov x2, x24",
    "    bl 5f",
    "    ldr x0, =4f",
    "    br x0",
    "3:  mov x24, x23",
    "4:  add x0, x20, x24",
    "    add x1, x21, x24",
    "    subs x2, x23, x24",
    "    b.ls 6f",
    "    bl 5f",
    "6:  ldr x0, ={stack}",
    "    add sp, x0, #{stack_size}",
    "    mov x29, xzr",
    "    mov x30, xzr",
    "    mov x0, x19",
    "    bl {load}",
    // Moves x2 bytes, rounded up to 64, from x0 to x1, upwards or downwards. The caches may hold
    // something of the destination, but are not written through.
    "5:  add x2, x2, #63",
    "    bic x2, x2, #63",
    "    add x3, x0, x2",
    "    add x4, x1, x2",
    "    mov x5, x1",
    "7:  dc civac, x5",
    "    add x5, x5, #16",
    "    cmp x5, x4",
    "    b.lo 7b",
    "    dsb sy",
    "    mov x8, x1",
    "    mov x9, x4",
    "    cmp x0, x1",
    "    b.lo 9f",
    "8:  ldp x6, x7, [x0], #16",
    "    stp x6, x7, [x1], #16",
    "    cmp x1, x4",
    "    b.lo 8b",
    "    b 10f",
    "9:  ldp x6, x7, [x3, #-16]!",
    "    stp x6, x7, [x4, #-16]!",
    "    cmp x4, x1",
    "    b.hi 9b",
    "10: dsb sy",
    "11: dc civac, x8",
    "    add x8, x8, #16",
    "    cmp x8, x9",
    "    b.lo 11b",
    "    dsb sy",
    "    ic iallu",
    "    dsb sy",
    "    isb",
    "    ret",
    ".ltorg",
    ".section .bss.stack, \"aw\", @nobits",
    ".balign 16",
    ".global __stack",
    "__stack: .space {stack_size}",
    ".text",
    stack = sym __stack,
    stack_size = const STACK_SIZE,
    load = sym super::load,
);

unsafe extern "C" {
    static __loader_start: u8;
    static __loader_end: u8;
    static __image_size: u64;
    static __file_size: u64;
    static __stack: u8;
}

/// Where the loader itself lies.
pub fn loader() -> Range<u64> {
    (&raw const __loader_start) as u64..(&raw const __loader_end) as u64
}

/// Where the image lies, with the zeroed memory of the root task.
pub fn image() -> Range<u64> {
    // SAFETY: the word is part of the loader, and nothing writes to it while the loader runs.
    let size = unsafe { (&raw const __image_size).read_volatile() };
    loader().start..loader().start + size
}

/// Bytes of the image that were in the file.
pub fn file_size() -> u64 {
    // SAFETY: as in `image`.
    unsafe { (&raw const __file_size).read_volatile() }
}

/// The loader's page tables, all empty. To be called once.
pub fn tables() -> Tables<'static> {
    let tables = &raw mut TABLES;
    // SAFETY: there is one processor, and `load` calls this once.
    Tables::new(unsafe { &mut *tables }, tables as u64)
}

/// Enters the kernel.
///
/// # Safety
///
/// `entry` is the mapped virtual address of a kernel that takes these arguments.
pub unsafe fn enter_kernel(arguments: [u64; 4], entry: u64) -> ! {
    cache::invalidate_instructions();
    // SAFETY: by the contract of this function.
    unsafe {
        asm!(
            "br {entry}",
            entry = in(reg) entry,
            in("x0") arguments[0],
            in("x1") arguments[1],
            in("x2") arguments[2],
            in("x3") arguments[3],
            options(noreturn)
        )
    }
}
