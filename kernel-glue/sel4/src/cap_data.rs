//! What mint, mutate and rotate add to a capability.

use crate::{Badge, Word, sys};

/// A badge for an endpoint or notification capability, or a guard for a CNode capability.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct CapData(sys::seL4_CapData);

impl CapData {
    /// Leaves the capability as it is.
    pub const NONE: Self = Self(sys::seL4_CapData(0));
    /// Bits of a badge that the kernel keeps.
    pub const BADGE_BITS: u32 = sys::seL4_CapData::BADGE_BADGE_BITS;
    /// Bits that a guard can have.
    pub const GUARD_BITS: u32 = sys::seL4_CapData::GUARD_GUARD_BITS_BITS;

    /// A badge; bits above [`Self::BADGE_BITS`] are cut off.
    #[inline(always)]
    #[must_use]
    pub const fn badge(badge: Badge) -> Self {
        Self(sys::seL4_CapData::badge_new(badge))
    }

    /// A guard of `size` bits with the value `guard`, of which [`Self::GUARD_BITS`] are kept.
    #[inline(always)]
    #[must_use]
    pub const fn guard(guard: Word, size: usize) -> Self {
        Self(sys::seL4_CapData::guard_new(guard, size as Word))
    }

    /// The guard with which a CNode of `slots_bits` makes a capability space by itself: addresses
    /// are slot numbers, as in the initial thread's.
    #[inline(always)]
    #[must_use]
    pub const fn skip_guard(slots_bits: usize) -> Self {
        Self::guard(0, crate::WORD_BITS - slots_bits)
    }

    /// The I/O ports from `first` to `last`, of those that the capability is for.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    #[must_use]
    pub const fn ports(first: u16, last: u16) -> Self {
        Self(sys::seL4_CapData((first as Word) << 16 | last as Word))
    }

    /// The word that invocations take.
    #[inline(always)]
    #[must_use]
    pub const fn into_word(self) -> Word {
        self.0.0
    }

    #[inline(always)]
    pub(crate) const fn raw(self) -> sys::seL4_CapData {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_told_from_a_badge_by_its_tag() {
        assert_eq!(CapData::guard(0, 56).into_word(), 1 << 31 | 56 << 2);
        assert_eq!(CapData::skip_guard(8), CapData::guard(0, 56));
        assert_eq!(CapData::badge(7).into_word(), 7);
    }

    #[test]
    fn a_badge_keeps_twenty_eight_bits() {
        assert_eq!(
            CapData::badge(u64::MAX).into_word(),
            (1 << CapData::BADGE_BITS) - 1
        );
        assert_eq!(CapData::BADGE_BITS as usize, crate::ENDPOINT_BADGE_BITS);
    }
}
