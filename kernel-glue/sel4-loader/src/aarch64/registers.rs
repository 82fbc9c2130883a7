//! The processor's state: exception level, timers, MMU.

use core::arch::asm;

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::*;
use sel4_loader::tables::MEMORY_ATTRIBUTES;

use super::cache;
use super::start;

/// Bits of `SCTLR_EL1` that must be one.
const SCTLR_RESERVED: u64 = 0x30d0_0800;

/// Goes from EL2 to EL1, unless it is there already, with everything that EL2 could hold back
/// permitted. The stack stays.
///
/// # Errors
///
/// The current exception level, if it is neither of these.
pub fn enter_el1() -> Result<(), u64> {
    match CurrentEL.read(CurrentEL::EL) {
        1 => {
            SCTLR_EL1.set(SCTLR_RESERVED);
            barrier::isb(barrier::SY);
            return Ok(());
        }
        2 => {}
        level => return Err(level),
    }
    HCR_EL2.write(HCR_EL2::RW::EL1IsAarch64);
    CNTHCTL_EL2.write(CNTHCTL_EL2::EL1PCTEN::SET + CNTHCTL_EL2::EL1PCEN::SET);
    CNTVOFF_EL2.set(0);
    SCTLR_EL1.set(SCTLR_RESERVED);
    SPSR_EL2.write(
        SPSR_EL2::D::Masked
            + SPSR_EL2::A::Masked
            + SPSR_EL2::I::Masked
            + SPSR_EL2::F::Masked
            + SPSR_EL2::M::EL1h,
    );
    // SAFETY: what follows runs at EL1, with the same stack and, since both MMUs are off, the same
    // memory. The registers that trap floating point (CPTR_EL2), system (HSTR_EL2) and stage 2
    // (VTTBR_EL2) accesses are set to what traps nothing, the identification registers to what
    // they are at EL2.
    unsafe {
        asm!(
            "mov {t}, #0x33ff",
            "msr cptr_el2, {t}",
            "msr hstr_el2, xzr",
            "msr vttbr_el2, xzr",
            "mrs {t}, midr_el1",
            "msr vpidr_el2, {t}",
            "mrs {t}, mpidr_el1",
            "msr vmpidr_el2, {t}",
            "mov {t}, sp",
            "msr sp_el1, {t}",
            "adr {t}, 2f",
            "msr elr_el2, {t}",
            "isb",
            "eret",
            "2:",
            t = out(reg) _,
        );
    }
    Ok(())
}

/// Why the kernel cannot run on this processor, if it cannot.
pub fn misfit() -> Option<&'static str> {
    let features: u64;
    // SAFETY: reads an identification register.
    unsafe {
        asm!("mrs {}, id_aa64pfr0_el1", out(reg) features, options(nomem, nostack, preserves_flags));
    }
    // Arm Architecture Reference Manual, ID_AA64PFR0_EL1: FP, AdvSIMD, GIC. The kernel takes half
    // precision for the lack of floating point, and drives a GICv2 or the board's own controller.
    let field = |shift: u32| features >> shift & 0xf;
    match (field(16), field(20), field(24)) {
        (0, 0, 0) => None,
        (0, 0, _) => Some("its interrupt controller is a GICv3; a GICv2 is needed"),
        (1, _, _) | (_, 1, _) => Some(
            "it has half-precision floating point, which this kernel does not know; \
             Cortex-A53, A57 and A72 work",
        ),
        _ => Some("it has no floating point"),
    }
}

/// Switches the MMU and the caches on, and sets what the kernel leaves as it finds it.
///
/// # Safety
///
/// `low` and `high` are the addresses of tables for the lower and the upper half of the address
/// space, and `low` maps everything that the loader uses to where it is.
pub unsafe fn enable_mmu(low: u64, high: u64) {
    // The tables were written past the caches, which may still hold what was there before.
    cache::clean_and_invalidate(start::loader());

    MAIR_EL1.set(MEMORY_ATTRIBUTES);
    let address_size = ID_AA64MMFR0_EL1.read(ID_AA64MMFR0_EL1::PARange).min(5);
    TCR_EL1.write(
        TCR_EL1::T0SZ.val(16)
            + TCR_EL1::T1SZ.val(16)
            + TCR_EL1::TG0::KiB_4
            + TCR_EL1::TG1::KiB_4
            + TCR_EL1::SH0::Inner
            + TCR_EL1::SH1::Inner
            + TCR_EL1::IRGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable
            + TCR_EL1::ORGN0::WriteBack_ReadAlloc_WriteAlloc_Cacheable
            + TCR_EL1::IRGN1::WriteBack_ReadAlloc_WriteAlloc_Cacheable
            + TCR_EL1::ORGN1::WriteBack_ReadAlloc_WriteAlloc_Cacheable
            + TCR_EL1::AS::ASID16Bits
            + TCR_EL1::IPS.val(address_size),
    );
    TTBR0_EL1.set(low);
    TTBR1_EL1.set(high);
    // User space reads both counters and owns the physical timer; the kernel's is the virtual one.
    CNTKCTL_EL1
        .write(CNTKCTL_EL1::EL0PCTEN::SET + CNTKCTL_EL1::EL0VCTEN::SET + CNTKCTL_EL1::EL0PTEN::SET);
    barrier::dsb(barrier::SY);
    // SAFETY: there is nothing in the TLB that is still needed.
    unsafe { asm!("tlbi vmalle1", options(nostack, preserves_flags)) };
    cache::invalidate_instructions();
    SCTLR_EL1.set(
        SCTLR_RESERVED
            + (SCTLR_EL1::M::Enable
                + SCTLR_EL1::C::Cacheable
                + SCTLR_EL1::I::Cacheable
                // What user programs may do: zero memory by cache lines, maintain the caches by
                // address, read the cache line size, wait for events and interrupts.
                + SCTLR_EL1::DZE::DontTrap
                + SCTLR_EL1::UCI::DontTrap
                + SCTLR_EL1::UCT::DontTrap
                + SCTLR_EL1::NTWE::DontTrap
                + SCTLR_EL1::NTWI::DontTrap)
                .value,
    );
    barrier::isb(barrier::SY);
}
