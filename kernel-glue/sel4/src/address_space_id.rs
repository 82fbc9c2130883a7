//! Address space identifiers.

use crate::cnode::answer;
use crate::{AbsoluteCPtr, Result, arch, cap};

impl cap::AsidControl {
    /// Makes a pool out of an untyped object of the size [`cap::AsidPool::SIZE_BITS`], with its
    /// capability in a slot.
    ///
    /// # Errors
    /// [`Error::DeleteFirst`](crate::Error) where no pool is left or the slot is occupied,
    /// [`Error::InvalidCapability`](crate::Error) for an untyped object of another size,
    /// [`Error::RevokeFirst`](crate::Error) for one in use.
    #[inline]
    pub fn make_pool(self, untyped: cap::Untyped, slot: &AbsoluteCPtr) -> Result<()> {
        answer(arch::asid_control_make_pool(
            self.bits(),
            untyped.bits(),
            slot.root().bits(),
            slot.index(),
            slot.depth(),
        ))
    }
}

impl cap::AsidPool {
    /// Log2 of the bytes that a pool is made of.
    pub const SIZE_BITS: usize = crate::sys::seL4_ASIDPoolBits as usize;

    /// Gives an address space an identifier, without which it can be neither used nor mapped into.
    ///
    /// # Errors
    /// [`Error::DeleteFirst`](crate::Error) where the pool is full,
    /// [`Error::InvalidCapability`](crate::Error) where the address space has an identifier.
    #[inline]
    pub fn assign(self, vspace: cap::VSpace) -> Result<()> {
        answer(arch::asid_pool_assign(self.bits(), vspace.bits()))
    }
}
