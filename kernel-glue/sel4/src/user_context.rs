//! A thread's registers.

use crate::{Badge, MessageInfo, Mrs, Word, arch, sys};
use core::fmt;

/// The registers of a thread, as [`Tcb::read_registers`](crate::cap::Tcb::read_registers) gives
/// them and `write_registers` takes them.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct UserContext(sys::seL4_UserContext);

impl Default for UserContext {
    #[inline]
    fn default() -> Self {
        Self(sys::seL4_UserContext::zeroed())
    }
}

/// Index of a member in the order of the message.
macro_rules! word_of {
    ($member:ident) => {
        core::mem::offset_of!($crate::sys::seL4_UserContext, $member) / size_of::<$crate::Word>()
    };
}
pub(crate) use word_of;

impl UserContext {
    /// Number of registers.
    pub const WORDS: usize = sys::seL4_UserContext::WORDS;
    /// Registers that carry arguments of a C function.
    pub const ARGUMENTS: usize = arch::ARGUMENT_WORDS.len();

    /// How many registers [`Tcb::read_registers`](crate::cap::Tcb::read_registers) must be asked
    /// for to get everything that a message touches: program counter, stack pointer, argument and
    /// message registers.
    pub const MESSAGE_WORDS: usize = arch::MESSAGE_WORDS;

    /// The kernel's structure, with a member for each register.
    #[inline(always)]
    #[must_use]
    pub const fn inner(&self) -> &sys::seL4_UserContext {
        &self.0
    }

    /// The kernel's structure, for change.
    #[inline(always)]
    pub const fn inner_mut(&mut self) -> &mut sys::seL4_UserContext {
        &mut self.0
    }

    #[inline(always)]
    const fn word(&self, index: usize) -> Word {
        self.0.as_words()[index]
    }

    #[inline(always)]
    const fn set_word(&mut self, index: usize, word: Word) {
        self.0.as_words_mut()[index] = word;
    }

    /// The program counter.
    #[inline(always)]
    #[must_use]
    pub const fn pc(&self) -> Word {
        self.word(arch::PC_WORD)
    }

    /// Sets the program counter.
    #[inline(always)]
    pub const fn set_pc(&mut self, pc: Word) {
        self.set_word(arch::PC_WORD, pc);
    }

    /// The stack pointer.
    #[inline(always)]
    #[must_use]
    pub const fn sp(&self) -> Word {
        self.word(arch::SP_WORD)
    }

    /// Sets the stack pointer.
    #[inline(always)]
    pub const fn set_sp(&mut self, sp: Word) {
        self.set_word(arch::SP_WORD, sp);
    }

    /// Argument `index` of a C function that the thread is about to enter.
    ///
    /// # Panics
    /// Where `index` is not below [`Self::ARGUMENTS`].
    #[inline(always)]
    #[must_use]
    pub const fn argument(&self, index: usize) -> Word {
        self.word(arch::ARGUMENT_WORDS[index])
    }

    /// Sets argument `index` of a C function that the thread is about to enter.
    ///
    /// # Panics
    /// Where `index` is not below [`Self::ARGUMENTS`].
    #[inline(always)]
    pub const fn set_argument(&mut self, index: usize, word: Word) {
        self.set_word(arch::ARGUMENT_WORDS[index], word);
    }

    /// The register that holds the capability of a system call, and the badge after it.
    #[inline(always)]
    #[must_use]
    pub const fn badge(&self) -> Badge {
        self.word(arch::BADGE_WORD)
    }

    /// Sets the register that holds the badge after a system call.
    #[inline(always)]
    pub const fn set_badge(&mut self, badge: Badge) {
        self.set_word(arch::BADGE_WORD, badge);
    }

    /// The register that describes the message of a system call, before and after it.
    #[inline(always)]
    #[must_use]
    pub const fn message_info(&self) -> MessageInfo {
        MessageInfo::from_word(self.word(arch::INFO_WORD))
    }

    /// Sets the register that describes the message after a system call.
    #[inline(always)]
    pub const fn set_message_info(&mut self, info: MessageInfo) {
        self.set_word(arch::INFO_WORD, info.into_word());
    }

    /// The message registers.
    #[inline(always)]
    #[must_use]
    pub const fn mrs(&self) -> Mrs {
        let [a, b, c, d] = arch::MR_WORDS;
        [self.word(a), self.word(b), self.word(c), self.word(d)]
    }

    /// Sets the message registers.
    #[inline(always)]
    pub const fn set_mrs(&mut self, mrs: Mrs) {
        let mut at = 0;
        while at < mrs.len() {
            self.set_word(arch::MR_WORDS[at], mrs[at]);
            at += 1;
        }
    }
}

impl fmt::Debug for UserContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pc={:#x} sp={:#x} ", self.pc(), self.sp())?;
        f.debug_list().entries(self.0.as_words()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accessors_reach_registers_of_their_own() {
        let mut context = UserContext::default();
        context.set_pc(1);
        context.set_sp(2);
        context.set_badge(3);
        context.set_message_info(MessageInfo::new(4, 0, 0, 2));
        context.set_mrs([5, 6, 7, 8]);
        assert_eq!((context.pc(), context.sp(), context.badge()), (1, 2, 3));
        assert_eq!(context.message_info().label(), 4);
        assert_eq!(context.mrs(), [5, 6, 7, 8]);
        let used = context
            .inner()
            .as_words()
            .iter()
            .filter(|&&word| word != 0)
            .count();
        assert_eq!(used, 8);
    }

    #[test]
    fn everything_of_a_message_lies_in_the_first_words() {
        let words = [
            arch::PC_WORD,
            arch::SP_WORD,
            arch::BADGE_WORD,
            arch::INFO_WORD,
        ];
        for word in words
            .into_iter()
            .chain(arch::MR_WORDS)
            .chain(arch::ARGUMENT_WORDS)
        {
            assert!(word < UserContext::MESSAGE_WORDS);
        }
    }
}
