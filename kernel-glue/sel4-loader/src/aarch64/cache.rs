//! Data and instruction cache maintenance by address.

use core::arch::asm;
use core::ops::Range;

use aarch64_cpu::asm::barrier;

/// Writes what the data caches hold of the addresses in `range` to memory, and forgets it.
pub fn clean_and_invalidate(range: Range<u64>) {
    let line = line_size();
    let mut address = range.start & !(line - 1);
    while address < range.end {
        // SAFETY: the instruction changes no memory's contents as the processor sees it.
        unsafe { asm!("dc civac, {}", in(reg) address, options(nostack, preserves_flags)) };
        address += line;
    }
    barrier::dsb(barrier::SY);
}

/// Bytes of the smallest data cache line.
fn line_size() -> u64 {
    let cache_type: u64;
    // SAFETY: the register can be read at every exception level.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) cache_type, options(nomem, nostack)) };
    // The field DminLine counts words of four bytes, as a logarithm.
    4 << (cache_type >> 16 & 0xf)
}

/// Forgets all instructions that have been fetched.
pub fn invalidate_instructions() {
    barrier::dsb(barrier::SY);
    // SAFETY: the instruction has no effect but that.
    unsafe { asm!("ic iallu", options(nostack, preserves_flags)) };
    barrier::dsb(barrier::SY);
    barrier::isb(barrier::SY);
}
