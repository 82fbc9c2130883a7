//! Untyped memory.

use crate::cnode::answer;
use crate::{AbsoluteCPtr, ObjectBlueprint, Result, Word, cap, sys};

impl cap::Untyped {
    /// Makes `count` objects out of this memory, with capabilities in the slots from
    /// `first_slot` on of the CNode at `destination`
    /// ([`cap::CNode::absolute_self`] for a CNode itself).
    ///
    /// # Errors
    /// [`Error::NotEnoughMemory`](crate::Error), [`Error::DeleteFirst`](crate::Error) where a
    /// slot is occupied, [`Error::RangeError`](crate::Error) where the slots do not lie in the
    /// CNode or `count` is 0 or more than [`RETYPE_MAX_OBJECTS`](crate::RETYPE_MAX_OBJECTS),
    /// [`Error::InvalidArgument`](crate::Error) for an object that device memory cannot be.
    #[inline]
    pub fn retype(
        self,
        blueprint: &ObjectBlueprint,
        destination: &AbsoluteCPtr,
        first_slot: usize,
        count: usize,
    ) -> Result<()> {
        answer(sys::seL4_Untyped_Retype(
            self.bits(),
            blueprint.object_type(),
            blueprint.api_size_bits() as Word,
            destination.root().bits(),
            destination.index(),
            Word::from(destination.depth()),
            first_slot as Word,
            count as Word,
        ))
    }
}
