//! x86_64.

use crate::cnode::answer;
use crate::user_context::word_of;
use crate::vspace::TranslationLevel;
use crate::{CPtrBits, ObjectBlueprint, Result, Word, cap, sys};

type Answer<T = ()> = core::result::Result<T, Word>;

/// The root of an address space.
pub const VSPACE_BLUEPRINT: ObjectBlueprint = ObjectBlueprint::Pml4;

/// Translation tables below the root, topmost first.
pub const TRANSLATION_LEVELS: [TranslationLevel; 3] = [
    TranslationLevel {
        blueprint: ObjectBlueprint::Pdpt,
        span_bits: sys::SEL4_MAPPING_LOOKUP_NO_PDPT as usize,
    },
    TranslationLevel {
        blueprint: ObjectBlueprint::PageDirectory,
        span_bits: sys::SEL4_MAPPING_LOOKUP_NO_PD as usize,
    },
    TranslationLevel {
        blueprint: ObjectBlueprint::PageTable,
        span_bits: sys::SEL4_MAPPING_LOOKUP_NO_PT as usize,
    },
];

/// First address above what a user program can use.
pub const USER_TOP: usize = 0x7fff_ffff_f000;

/// How memory is mapped: one of the processor's memory types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct VmAttributes(Word);

impl VmAttributes {
    /// Cached memory.
    pub const DEFAULT: Self = Self(sys::seL4_X86_Default_VMAttributes);
    /// Writes go through the caches to memory.
    pub const WRITE_THROUGH: Self = Self(sys::seL4_X86_WriteThrough);
    /// Past the caches, and in order.
    pub const UNCACHEABLE: Self = Self(sys::seL4_X86_Uncacheable);
    /// Past the caches, writes being collected.
    pub const WRITE_COMBINING: Self = Self(sys::seL4_X86_WriteCombining);

    /// Ordinary memory.
    #[inline]
    #[must_use]
    pub const fn cached() -> Self {
        Self::DEFAULT
    }

    /// Memory past the caches.
    #[inline]
    #[must_use]
    pub const fn uncached() -> Self {
        Self(sys::seL4_X86_CacheDisabled)
    }

    /// A device's registers.
    #[inline]
    #[must_use]
    pub const fn device() -> Self {
        Self::UNCACHEABLE
    }

    /// The same: this kernel cannot forbid execution.
    #[inline]
    #[must_use]
    pub const fn execute_never(self) -> Self {
        self
    }

    /// The word that invocations take.
    #[inline]
    #[must_use]
    pub const fn into_word(self) -> Word {
        self.0
    }
}

impl Default for VmAttributes {
    #[inline]
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[inline]
pub fn asid_control_make_pool(
    control: CPtrBits,
    untyped: CPtrBits,
    root: CPtrBits,
    index: CPtrBits,
    depth: u8,
) -> Answer {
    sys::seL4_X86_ASIDControl_MakePool(control, untyped, root, index, depth)
}

#[inline]
pub fn asid_pool_assign(pool: CPtrBits, vspace: CPtrBits) -> Answer {
    sys::seL4_X86_ASIDPool_Assign(pool, vspace)
}

#[inline]
pub fn page_map(
    page: CPtrBits,
    vspace: CPtrBits,
    vaddr: Word,
    rights: sys::seL4_CapRights,
    attributes: Word,
) -> Answer {
    sys::seL4_X86_Page_Map(page, vspace, vaddr, rights, attributes)
}

#[inline]
pub fn page_remap(
    page: CPtrBits,
    vspace: CPtrBits,
    rights: sys::seL4_CapRights,
    attributes: Word,
) -> Answer {
    sys::seL4_X86_Page_Remap(page, vspace, rights, attributes)
}

#[inline]
pub fn page_unmap(page: CPtrBits) -> Answer {
    sys::seL4_X86_Page_Unmap(page)
}

#[inline]
pub fn page_get_address(page: CPtrBits) -> Answer<Word> {
    sys::seL4_X86_Page_GetAddress(page)
}

#[inline]
pub fn map_table(
    level: usize,
    table: CPtrBits,
    vspace: CPtrBits,
    vaddr: Word,
    attributes: Word,
) -> Answer {
    match level {
        0 => sys::seL4_X86_PDPT_Map(table, vspace, vaddr, attributes),
        1 => sys::seL4_X86_PageDirectory_Map(table, vspace, vaddr, attributes),
        _ => sys::seL4_X86_PageTable_Map(table, vspace, vaddr, attributes),
    }
}

#[inline]
pub fn unmap_table(level: usize, table: CPtrBits) -> Answer {
    match level {
        0 => sys::seL4_X86_PDPT_Unmap(table),
        1 => sys::seL4_X86_PageDirectory_Unmap(table),
        _ => sys::seL4_X86_PageTable_Unmap(table),
    }
}

/// Accesses to I/O ports, which user mode has only through the kernel.
///
/// # Errors
/// All give [`Error::IllegalOperation`](crate::Error) for a port outside the capability's range.
#[allow(clippy::missing_errors_doc)]
impl cap::IoPort {
    /// Reads a byte.
    #[inline]
    pub fn in8(self, port: u16) -> Result<u8> {
        answer(sys::seL4_X86_IOPort_In8(self.bits(), port))
    }

    /// Reads two bytes.
    #[inline]
    pub fn in16(self, port: u16) -> Result<u16> {
        answer(sys::seL4_X86_IOPort_In16(self.bits(), port))
    }

    /// Reads four bytes.
    #[inline]
    pub fn in32(self, port: u16) -> Result<u32> {
        answer(sys::seL4_X86_IOPort_In32(self.bits(), port))
    }

    /// Writes a byte.
    #[inline]
    pub fn out8(self, port: u16, data: u8) -> Result<()> {
        answer(sys::seL4_X86_IOPort_Out8(
            self.bits(),
            port.into(),
            data.into(),
        ))
    }

    /// Writes two bytes.
    #[inline]
    pub fn out16(self, port: u16, data: u16) -> Result<()> {
        answer(sys::seL4_X86_IOPort_Out16(
            self.bits(),
            port.into(),
            data.into(),
        ))
    }

    /// Writes four bytes.
    #[inline]
    pub fn out32(self, port: u16, data: u32) -> Result<()> {
        answer(sys::seL4_X86_IOPort_Out32(
            self.bits(),
            port.into(),
            data.into(),
        ))
    }
}

// Registers of the user context, by their word in it.
pub const PC_WORD: usize = word_of!(rip);
pub const SP_WORD: usize = word_of!(rsp);
pub const BADGE_WORD: usize = word_of!(rdi);
pub const INFO_WORD: usize = word_of!(rsi);
pub const MR_WORDS: [usize; 4] = [word_of!(r10), word_of!(r8), word_of!(r9), word_of!(r15)];
pub const ARGUMENT_WORDS: [usize; 6] = [
    word_of!(rdi),
    word_of!(rsi),
    word_of!(rdx),
    word_of!(rcx),
    word_of!(r8),
    word_of!(r9),
];
/// Words up to `r15`.
pub const MESSAGE_WORDS: usize = word_of!(r15) + 1;

/// Fault messages.
pub mod fault {
    use crate::fault::fault_message;
    use crate::{Word, sys};

    fault_message! {
        /// A system call that the kernel does not know, or an interrupt instruction. The program
        /// counter is that of the instruction, which is two bytes long.
        UnknownSyscall: sys::seL4_UnknownSyscall_Length, reply sys::seL4_UnknownSyscall_Syscall;
        /// Register `rax`.
        rax, set_rax = sys::seL4_UnknownSyscall_RAX;
        /// Register `rbx`.
        rbx, set_rbx = sys::seL4_UnknownSyscall_RBX;
        /// Register `rcx`.
        rcx, set_rcx = sys::seL4_UnknownSyscall_RCX;
        /// Register `rdx`.
        rdx, set_rdx = sys::seL4_UnknownSyscall_RDX;
        /// Register `rsi`.
        rsi, set_rsi = sys::seL4_UnknownSyscall_RSI;
        /// Register `rdi`.
        rdi, set_rdi = sys::seL4_UnknownSyscall_RDI;
        /// Register `rbp`.
        rbp, set_rbp = sys::seL4_UnknownSyscall_RBP;
        /// Register `r8`.
        r8, set_r8 = sys::seL4_UnknownSyscall_R8;
        /// Register `r9`.
        r9, set_r9 = sys::seL4_UnknownSyscall_R9;
        /// Register `r10`.
        r10, set_r10 = sys::seL4_UnknownSyscall_R10;
        /// Register `r11`.
        r11, set_r11 = sys::seL4_UnknownSyscall_R11;
        /// Register `r12`.
        r12, set_r12 = sys::seL4_UnknownSyscall_R12;
        /// Register `r13`.
        r13, set_r13 = sys::seL4_UnknownSyscall_R13;
        /// Register `r14`.
        r14, set_r14 = sys::seL4_UnknownSyscall_R14;
        /// Register `r15`.
        r15, set_r15 = sys::seL4_UnknownSyscall_R15;
        /// The program counter.
        pc, set_pc = sys::seL4_UnknownSyscall_FaultIP;
        /// The stack pointer.
        sp, set_sp = sys::seL4_UnknownSyscall_SP;
        /// The flags.
        flags, set_flags = sys::seL4_UnknownSyscall_FLAGS;
        /// The number of the system call.
        number, set_number = sys::seL4_UnknownSyscall_Syscall;
    }

    fault_message! {
        /// An exception that the program caused. An answer repeats the instruction, unless it
        /// changes the program counter.
        UserException: sys::seL4_UserException_Length, reply sys::seL4_UserException_Number;
        /// The program counter.
        pc, set_pc = sys::seL4_UserException_FaultIP;
        /// The stack pointer.
        sp, set_sp = sys::seL4_UserException_SP;
        /// The flags.
        flags, set_flags = sys::seL4_UserException_FLAGS;
        /// The exception's vector.
        number, set_number = sys::seL4_UserException_Number;
        /// The exception's error code.
        code, set_code = sys::seL4_UserException_Code;
    }

    /// Page fault: the access was a write (error code, bit 1).
    pub const fn is_write(status: Word) -> bool {
        status & 1 << 1 != 0
    }

    /// Page fault: the page was present (error code, bit 0).
    pub const fn is_permission(status: Word) -> bool {
        status & 1 != 0
    }
}
