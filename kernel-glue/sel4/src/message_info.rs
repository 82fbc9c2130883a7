//! The word that describes a message.

use crate::{Word, sys};
use core::fmt;

/// Label, number of words and number of capabilities of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct MessageInfo(sys::seL4_MessageInfo);

impl MessageInfo {
    /// Bits of a label.
    pub const LABEL_BITS: u32 = sys::seL4_MessageInfo::LABEL_BITS;
    /// Where the bits begin that are not the kernel's.
    const USER_SHIFT: u32 = 32;
    /// The greatest label.
    pub const MAX_LABEL: Word = (1 << Self::LABEL_BITS) - 1;

    /// Describes a message. `length` is in words, up to
    /// [`MESSAGE_MAX_LENGTH`](crate::MESSAGE_MAX_LENGTH); a sender leaves `caps_unwrapped` 0.
    /// Bits that do not fit are cut off.
    #[inline(always)]
    #[must_use]
    pub const fn new(label: Word, caps_unwrapped: Word, extra_caps: Word, length: Word) -> Self {
        Self(sys::seL4_MessageInfo::new(
            label,
            caps_unwrapped,
            extra_caps,
            length,
        ))
    }

    /// Reads the word.
    #[inline(always)]
    #[must_use]
    pub const fn from_word(word: Word) -> Self {
        Self(sys::seL4_MessageInfo(word))
    }

    /// The word.
    #[inline(always)]
    #[must_use]
    pub const fn into_word(self) -> Word {
        self.0.0
    }

    /// What the message is about.
    #[inline(always)]
    #[must_use]
    pub const fn label(self) -> Word {
        self.0.label()
    }

    /// For a receiver: a bit for each capability that came as the badge of its own endpoint.
    #[inline(always)]
    #[must_use]
    pub const fn caps_unwrapped(self) -> Word {
        self.0.caps_unwrapped()
    }

    /// The 32 bits above the fields, which the kernel hands through from sender to receiver as
    /// they are, in calls, sends and replies. Messages of the kernel's own have 0 there. (The
    /// kernels of today have made them a part of the label.)
    #[inline(always)]
    #[must_use]
    pub const fn user_bits(self) -> u32 {
        (self.into_word() >> Self::USER_SHIFT) as u32
    }

    /// The same with other [`Self::user_bits`].
    #[inline(always)]
    #[must_use]
    pub const fn with_user_bits(self, bits: u32) -> Self {
        let fields = self.into_word() & ((1 << Self::USER_SHIFT) - 1);
        Self::from_word(fields | (bits as Word) << Self::USER_SHIFT)
    }

    /// Number of capabilities in the message.
    #[inline(always)]
    #[must_use]
    pub const fn extra_caps(self) -> Word {
        self.0.extra_caps()
    }

    /// Number of words in the message.
    #[inline(always)]
    #[must_use]
    pub const fn length(self) -> usize {
        self.0.length() as usize
    }

    #[inline(always)]
    pub(crate) const fn raw(self) -> sys::seL4_MessageInfo {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn from_raw(raw: sys::seL4_MessageInfo) -> Self {
        Self(raw)
    }
}

impl fmt::Debug for MessageInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageInfo")
            .field("label", &self.label())
            .field("caps_unwrapped", &self.caps_unwrapped())
            .field("extra_caps", &self.extra_caps())
            .field("length", &self.length())
            .field("user_bits", &self.user_bits())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_as_they_went_in() {
        let info = MessageInfo::new(0xabcde, 5, 3, 120);
        assert_eq!(info.label(), 0xabcde);
        assert_eq!(info.caps_unwrapped(), 5);
        assert_eq!(info.extra_caps(), 3);
        assert_eq!(info.length(), 120);
        assert_eq!(MessageInfo::from_word(info.into_word()), info);
    }

    #[test]
    fn user_bits_leave_the_fields_alone() {
        let info = MessageInfo::new(MessageInfo::MAX_LABEL, 7, 3, 127).with_user_bits(0x8000_0001);
        assert_eq!(info.user_bits(), 0x8000_0001);
        assert_eq!(
            info.with_user_bits(0),
            MessageInfo::new(MessageInfo::MAX_LABEL, 7, 3, 127)
        );
    }

    #[test]
    fn the_label_lies_above_twelve_bits_as_on_the_wire() {
        assert_eq!(MessageInfo::new(1, 0, 0, 0).into_word(), 1 << 12);
        assert_eq!(MessageInfo::new(0, 0, 1, 2).into_word(), 1 << 7 | 2);
    }

    #[test]
    fn a_label_of_more_than_twenty_bits_loses_the_rest() {
        assert_eq!(
            MessageInfo::new(MessageInfo::MAX_LABEL + 1, 0, 0, 0).label(),
            0
        );
    }
}
