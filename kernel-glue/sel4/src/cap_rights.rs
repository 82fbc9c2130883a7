//! What a capability allows.

use crate::{Word, sys};
use core::fmt;
use core::ops::{BitAnd, BitOr};

/// Rights of a capability to an endpoint, a notification or a page.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct CapRights(sys::seL4_CapRights);

impl CapRights {
    /// No right.
    pub const NONE: Self = Self::new(false, false, false);
    /// Receive, or read memory.
    pub const READ: Self = Self::new(false, true, false);
    /// Send, or write memory (which implies nothing about reading).
    pub const WRITE: Self = Self::new(false, false, true);
    /// Attach capabilities to messages, and be answered by a reply capability.
    pub const GRANT: Self = Self::new(true, false, false);
    /// Read and write.
    pub const READ_WRITE: Self = Self::new(false, true, true);
    /// Send messages with capabilities, and call.
    pub const WRITE_GRANT: Self = Self::new(true, false, true);
    /// Everything.
    pub const ALL: Self = Self::new(true, true, true);

    /// Chooses each right.
    #[inline(always)]
    #[must_use]
    pub const fn new(grant: bool, read: bool, write: bool) -> Self {
        Self(sys::seL4_CapRights::new(
            grant as Word,
            read as Word,
            write as Word,
        ))
    }

    /// Whether messages may carry capabilities and get a reply capability.
    #[inline(always)]
    #[must_use]
    pub const fn grant(self) -> bool {
        self.0.cap_allow_grant() != 0
    }

    /// Whether receiving, or reading, is allowed.
    #[inline(always)]
    #[must_use]
    pub const fn read(self) -> bool {
        self.0.cap_allow_read() != 0
    }

    /// Whether sending, or writing, is allowed.
    #[inline(always)]
    #[must_use]
    pub const fn write(self) -> bool {
        self.0.cap_allow_write() != 0
    }

    /// The word that invocations take.
    #[inline(always)]
    #[must_use]
    pub const fn into_word(self) -> Word {
        self.0.0
    }

    #[inline(always)]
    pub(crate) const fn raw(self) -> sys::seL4_CapRights {
        self.0
    }
}

impl BitOr for CapRights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(sys::seL4_CapRights(self.0.0 | other.0.0))
    }
}

impl BitAnd for CapRights {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(sys::seL4_CapRights(self.0.0 & other.0.0))
    }
}

impl fmt::Debug for CapRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |right, letter| if right { letter } else { "-" };
        write!(
            f,
            "{}{}{}",
            letter(self.read(), "r"),
            letter(self.write(), "w"),
            letter(self.grant(), "g")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_have_the_bits_of_the_kernel() {
        assert_eq!(CapRights::WRITE.into_word(), 1);
        assert_eq!(CapRights::READ.into_word(), 2);
        assert_eq!(CapRights::GRANT.into_word(), 4);
        assert_eq!(CapRights::READ | CapRights::WRITE, CapRights::READ_WRITE);
        assert_eq!(
            CapRights::ALL & CapRights::WRITE_GRANT,
            CapRights::WRITE_GRANT
        );
    }
}
