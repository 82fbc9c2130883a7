//! AArch64.

use crate::cnode::answer;
use crate::user_context::word_of;
use crate::vspace::TranslationLevel;
use crate::{CPtrBits, ObjectBlueprint, Result, Word, cap, sys};
use core::ops::BitOr;

type Answer<T = ()> = core::result::Result<T, Word>;

/// The root of an address space.
pub const VSPACE_BLUEPRINT: ObjectBlueprint = ObjectBlueprint::PageGlobalDirectory;

/// Translation tables below the root, topmost first.
pub const TRANSLATION_LEVELS: [TranslationLevel; 3] = [
    TranslationLevel {
        blueprint: ObjectBlueprint::PageUpperDirectory,
        span_bits: sys::SEL4_MAPPING_LOOKUP_NO_PUD as usize,
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
pub const USER_TOP: usize = 0x8000_0000_0000;

/// How memory is mapped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct VmAttributes(Word);

impl VmAttributes {
    /// Cached memory that can be executed.
    pub const DEFAULT: Self = Self(sys::seL4_ARM_Default_VMAttributes);
    /// Memory that the caches hold.
    pub const PAGE_CACHEABLE: Self = Self(sys::seL4_ARM_PageCacheable);
    /// No instruction can be fetched.
    pub const EXECUTE_NEVER: Self = Self(sys::seL4_ARM_ExecuteNever);

    /// Ordinary memory.
    #[inline]
    #[must_use]
    pub const fn cached() -> Self {
        Self::DEFAULT
    }

    /// Memory past the caches. The kernel makes it device memory: accesses have to be aligned.
    #[inline]
    #[must_use]
    pub const fn uncached() -> Self {
        Self(0)
    }

    /// A device's registers.
    #[inline]
    #[must_use]
    pub const fn device() -> Self {
        Self::EXECUTE_NEVER
    }

    /// The same without execution.
    #[inline]
    #[must_use]
    pub const fn execute_never(self) -> Self {
        Self(self.0 | Self::EXECUTE_NEVER.0)
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

impl BitOr for VmAttributes {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
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
    sys::seL4_ARM_ASIDControl_MakePool(control, untyped, root, index, depth)
}

#[inline]
pub fn asid_pool_assign(pool: CPtrBits, vspace: CPtrBits) -> Answer {
    sys::seL4_ARM_ASIDPool_Assign(pool, vspace)
}

#[inline]
pub fn page_map(
    page: CPtrBits,
    vspace: CPtrBits,
    vaddr: Word,
    rights: sys::seL4_CapRights,
    attributes: Word,
) -> Answer {
    sys::seL4_ARM_Page_Map(page, vspace, vaddr, rights, attributes)
}

#[inline]
pub fn page_remap(
    page: CPtrBits,
    vspace: CPtrBits,
    rights: sys::seL4_CapRights,
    attributes: Word,
) -> Answer {
    sys::seL4_ARM_Page_Remap(page, vspace, rights, attributes)
}

#[inline]
pub fn page_unmap(page: CPtrBits) -> Answer {
    sys::seL4_ARM_Page_Unmap(page)
}

#[inline]
pub fn page_get_address(page: CPtrBits) -> Answer<Word> {
    sys::seL4_ARM_Page_GetAddress(page)
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
        0 => sys::seL4_ARM_PageUpperDirectory_Map(table, vspace, vaddr, attributes),
        1 => sys::seL4_ARM_PageDirectory_Map(table, vspace, vaddr, attributes),
        _ => sys::seL4_ARM_PageTable_Map(table, vspace, vaddr, attributes),
    }
}

#[inline]
pub fn unmap_table(level: usize, table: CPtrBits) -> Answer {
    match level {
        0 => sys::seL4_ARM_PageUpperDirectory_Unmap(table),
        1 => sys::seL4_ARM_PageDirectory_Unmap(table),
        _ => sys::seL4_ARM_PageTable_Unmap(table),
    }
}

/// Cache maintenance; offsets are in bytes from the start of the page.
impl cap::Page {
    /// Writes dirty cache lines back.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error) where the range is not within the page,
    /// [`Error::IllegalOperation`](crate::Error) where the capability maps nothing.
    #[inline]
    pub fn clean_data(self, start: usize, end: usize) -> Result<()> {
        answer(sys::seL4_ARM_Page_Clean_Data(
            self.bits(),
            start as Word,
            end as Word,
        ))
    }

    /// Drops cache lines, so that memory written by a device is seen.
    ///
    /// # Errors
    /// As [`Self::clean_data`]; [`Error::IllegalOperation`](crate::Error) where the page is not
    /// mapped for writing.
    #[inline]
    pub fn invalidate_data(self, start: usize, end: usize) -> Result<()> {
        answer(sys::seL4_ARM_Page_Invalidate_Data(
            self.bits(),
            start as Word,
            end as Word,
        ))
    }

    /// Writes dirty cache lines back and drops them.
    ///
    /// # Errors
    /// As [`Self::clean_data`].
    #[inline]
    pub fn clean_invalidate_data(self, start: usize, end: usize) -> Result<()> {
        answer(sys::seL4_ARM_Page_CleanInvalidate_Data(
            self.bits(),
            start as Word,
            end as Word,
        ))
    }

    /// Makes instructions that were written as data visible to instruction fetches.
    ///
    /// # Errors
    /// As [`Self::clean_data`].
    #[inline]
    pub fn unify_instruction(self, start: usize, end: usize) -> Result<()> {
        answer(sys::seL4_ARM_Page_Unify_Instruction(
            self.bits(),
            start as Word,
            end as Word,
        ))
    }
}

/// Cache maintenance; both addresses lie in one page that is mapped.
impl cap::VSpace {
    /// Writes dirty cache lines back.
    ///
    /// # Errors
    /// [`Error::RangeError`](crate::Error) where the range crosses pages or is the kernel's,
    /// [`Error::FailedLookup`](crate::Error) where the space is not usable.
    #[inline]
    pub fn clean_data(self, start: usize, end: usize) -> Result<()> {
        answer(sys::seL4_ARM_PageGlobalDirectory_Clean_Data(
            self.bits(),
            start as Word,
            end as Word,
        ))
    }

    /// Drops cache lines.
    ///
    /// # Errors
    /// As [`Self::clean_data`].
    #[inline]
    pub fn invalidate_data(self, start: usize, end: usize) -> Result<()> {
        answer(sys::seL4_ARM_PageGlobalDirectory_Invalidate_Data(
            self.bits(),
            start as Word,
            end as Word,
        ))
    }

    /// Writes dirty cache lines back and drops them.
    ///
    /// # Errors
    /// As [`Self::clean_data`].
    #[inline]
    pub fn clean_invalidate_data(self, start: usize, end: usize) -> Result<()> {
        answer(sys::seL4_ARM_PageGlobalDirectory_CleanInvalidate_Data(
            self.bits(),
            start as Word,
            end as Word,
        ))
    }

    /// Makes instructions that were written as data visible to instruction fetches.
    ///
    /// # Errors
    /// As [`Self::clean_data`].
    #[inline]
    pub fn unify_instruction(self, start: usize, end: usize) -> Result<()> {
        answer(sys::seL4_ARM_PageGlobalDirectory_Unify_Instruction(
            self.bits(),
            start as Word,
            end as Word,
        ))
    }
}

// Registers of the user context, by their word in it.
pub const PC_WORD: usize = word_of!(pc);
pub const SP_WORD: usize = word_of!(sp);
pub const BADGE_WORD: usize = word_of!(x0);
pub const INFO_WORD: usize = word_of!(x1);
pub const MR_WORDS: [usize; 4] = [word_of!(x2), word_of!(x3), word_of!(x4), word_of!(x5)];
pub const ARGUMENT_WORDS: [usize; 8] = [
    word_of!(x0),
    word_of!(x1),
    word_of!(x2),
    word_of!(x3),
    word_of!(x4),
    word_of!(x5),
    word_of!(x6),
    word_of!(x7),
];
/// Words up to `x8`.
pub const MESSAGE_WORDS: usize = word_of!(x8) + 1;

const GENERAL_WORDS: [usize; 31] = [
    word_of!(x0),
    word_of!(x1),
    word_of!(x2),
    word_of!(x3),
    word_of!(x4),
    word_of!(x5),
    word_of!(x6),
    word_of!(x7),
    word_of!(x8),
    word_of!(x9),
    word_of!(x10),
    word_of!(x11),
    word_of!(x12),
    word_of!(x13),
    word_of!(x14),
    word_of!(x15),
    word_of!(x16),
    word_of!(x17),
    word_of!(x18),
    word_of!(x19),
    word_of!(x20),
    word_of!(x21),
    word_of!(x22),
    word_of!(x23),
    word_of!(x24),
    word_of!(x25),
    word_of!(x26),
    word_of!(x27),
    word_of!(x28),
    word_of!(x29),
    word_of!(x30),
];

impl crate::UserContext {
    /// Register `x0` to `x30`.
    ///
    /// # Panics
    /// Where there is no such register.
    #[inline]
    #[must_use]
    pub const fn x(&self, register: usize) -> Word {
        self.inner().as_words()[GENERAL_WORDS[register]]
    }

    /// Sets register `x0` to `x30`.
    ///
    /// # Panics
    /// Where there is no such register.
    #[inline]
    pub const fn set_x(&mut self, register: usize, word: Word) {
        self.inner_mut().as_words_mut()[GENERAL_WORDS[register]] = word;
    }
}

/// Fault messages.
pub mod fault {
    use crate::fault::fault_message;
    use crate::{Word, sys};

    fault_message! {
        /// A system call that the kernel does not know. `svc` leaves the program counter at
        /// itself: to go on behind it, answer with [`Self::resume_pc`] as the program counter.
        /// The message lacks `x8`.
        UnknownSyscall: sys::seL4_UnknownSyscall_Length, reply sys::seL4_UnknownSyscall_Syscall;
        /// Register `x0`.
        x0, set_x0 = sys::seL4_UnknownSyscall_X0;
        /// Register `x1`.
        x1, set_x1 = sys::seL4_UnknownSyscall_X1;
        /// Register `x2`.
        x2, set_x2 = sys::seL4_UnknownSyscall_X2;
        /// Register `x3`.
        x3, set_x3 = sys::seL4_UnknownSyscall_X3;
        /// Register `x4`.
        x4, set_x4 = sys::seL4_UnknownSyscall_X4;
        /// Register `x5`.
        x5, set_x5 = sys::seL4_UnknownSyscall_X5;
        /// Register `x6`.
        x6, set_x6 = sys::seL4_UnknownSyscall_X6;
        /// Register `x7`.
        x7, set_x7 = sys::seL4_UnknownSyscall_X7;
        /// The program counter.
        pc, set_pc = sys::seL4_UnknownSyscall_FaultIP;
        /// The stack pointer.
        sp, set_sp = sys::seL4_UnknownSyscall_SP;
        /// The address behind the instruction.
        resume_pc, set_resume_pc = sys::seL4_UnknownSyscall_LR;
        /// The processor state.
        spsr, set_spsr = sys::seL4_UnknownSyscall_SPSR;
        /// The number of the system call: `x7`.
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
        /// The processor state.
        spsr, set_spsr = sys::seL4_UserException_SPSR;
        /// Always 0.
        number, set_number = sys::seL4_UserException_Number;
        /// Always 0.
        code, set_code = sys::seL4_UserException_Code;
    }

    /// Data abort: the access was a write (ESR, bit WnR).
    pub const fn is_write(status: Word) -> bool {
        status & 1 << 6 != 0
    }

    /// Permission fault of any level (ESR, fault status code 0b0011xx).
    pub const fn is_permission(status: Word) -> bool {
        status & 0x3c == 0x0c
    }
}
