//! Paths to slots, and the operations of a CNode on them.

use crate::cap::{self, CPtr};
use crate::error::{Error, Result};
use crate::{Badge, CPtrBits, CSPACE_DEPTH, CapData, CapRights, sys};

/// A slot: the capability to a CNode, and an address that is resolved from there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AbsoluteCPtr {
    root: cap::CNode,
    index: CPtrBits,
    depth: u8,
}

impl cap::CNode {
    /// The slot at a whole address, all bits of which are resolved.
    #[inline(always)]
    #[must_use]
    pub const fn absolute_cptr(self, cptr: CPtr) -> AbsoluteCPtr {
        self.absolute_cptr_with_depth(cptr.bits(), CSPACE_DEPTH)
    }

    /// The slot at the lowest `depth` bits of `index`. With the depth of a CNode's own size (and
    /// guard) that is one of its slots.
    #[inline(always)]
    #[must_use]
    pub const fn absolute_cptr_with_depth(self, index: CPtrBits, depth: u8) -> AbsoluteCPtr {
        AbsoluteCPtr {
            root: self,
            index,
            depth,
        }
    }

    /// This CNode itself, as the destination of a retype.
    #[inline(always)]
    #[must_use]
    pub const fn absolute_self(self) -> AbsoluteCPtr {
        self.absolute_cptr_with_depth(0, 0)
    }
}

/// Wraps an invocation's answer.
#[inline(always)]
pub(crate) fn answer<T>(result: core::result::Result<T, crate::Word>) -> Result<T> {
    result.map_err(Error::from_failure)
}

impl AbsoluteCPtr {
    /// The CNode from which the address is resolved.
    #[inline(always)]
    #[must_use]
    pub const fn root(&self) -> cap::CNode {
        self.root
    }

    /// The address.
    #[inline(always)]
    #[must_use]
    pub const fn index(&self) -> CPtrBits {
        self.index
    }

    /// Bits of the address that are resolved.
    #[inline(always)]
    #[must_use]
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// Deletes the capability here. Deleting the last one to an object destroys the object.
    ///
    /// # Errors
    /// [`Error::FailedLookup`] where the path leads nowhere.
    #[inline]
    pub fn delete(&self) -> Result<()> {
        answer(sys::seL4_CNode_Delete(
            self.root.bits(),
            self.index,
            self.depth,
        ))
    }

    /// Deletes all capabilities that were derived from the one here.
    ///
    /// # Errors
    /// [`Error::FailedLookup`] where the path leads nowhere.
    #[inline]
    pub fn revoke(&self) -> Result<()> {
        answer(sys::seL4_CNode_Revoke(
            self.root.bits(),
            self.index,
            self.depth,
        ))
    }

    /// Takes all waiting senders with the badge of the capability here off its endpoint; their
    /// sends restart.
    ///
    /// # Errors
    /// [`Error::IllegalOperation`] where the capability lacks rights or is no endpoint's.
    #[inline]
    pub fn cancel_badged_sends(&self) -> Result<()> {
        answer(sys::seL4_CNode_CancelBadgedSends(
            self.root.bits(),
            self.index,
            self.depth,
        ))
    }

    /// Puts a copy of the capability at `src` here, with `rights` of it at most.
    ///
    /// # Errors
    /// [`Error::DeleteFirst`] where this slot is occupied, [`Error::FailedLookup`] where a path
    /// leads nowhere or `src` is empty, [`Error::RevokeFirst`] for an untyped object with children.
    #[inline]
    pub fn copy(&self, src: &Self, rights: CapRights) -> Result<()> {
        answer(sys::seL4_CNode_Copy(
            self.root.bits(),
            self.index,
            self.depth,
            src.root.bits(),
            src.index,
            src.depth,
            rights.raw(),
        ))
    }

    /// Like [`Self::copy`], with a badge or a guard.
    ///
    /// # Errors
    /// As [`Self::copy`]; [`Error::IllegalOperation`] where the capability at `src` has a badge
    /// already or can have none. A guard that does not fit is one too.
    #[inline]
    pub fn mint(&self, src: &Self, rights: CapRights, data: CapData) -> Result<()> {
        answer(sys::seL4_CNode_Mint(
            self.root.bits(),
            self.index,
            self.depth,
            src.root.bits(),
            src.index,
            src.depth,
            rights.raw(),
            data.raw(),
        ))
    }

    /// [`Self::mint`] with a badge.
    ///
    /// # Errors
    /// As [`Self::mint`].
    #[inline]
    pub fn mint_badge(&self, src: &Self, rights: CapRights, badge: Badge) -> Result<()> {
        self.mint(src, rights, CapData::badge(badge))
    }

    /// Moves the capability at `src` here.
    ///
    /// # Errors
    /// [`Error::DeleteFirst`] where this slot is occupied, [`Error::FailedLookup`] where a path
    /// leads nowhere or `src` is empty.
    #[inline]
    pub fn move_(&self, src: &Self) -> Result<()> {
        answer(sys::seL4_CNode_Move(
            self.root.bits(),
            self.index,
            self.depth,
            src.root.bits(),
            src.index,
            src.depth,
        ))
    }

    /// Like [`Self::move_`], with a new guard.
    ///
    /// # Errors
    /// As [`Self::move_`]; [`Error::IllegalOperation`] for capabilities of endpoints and
    /// notifications, whose badges do not change.
    #[inline]
    pub fn mutate(&self, src: &Self, data: CapData) -> Result<()> {
        answer(sys::seL4_CNode_Mutate(
            self.root.bits(),
            self.index,
            self.depth,
            src.root.bits(),
            src.index,
            src.depth,
            data.raw(),
        ))
    }

    /// Moves the capability at `pivot` here and the one at `src` to `pivot`. This slot may be
    /// `src`, then the two are exchanged.
    ///
    /// # Errors
    /// [`Error::DeleteFirst`] where this slot is occupied and not `src`, [`Error::FailedLookup`]
    /// where a path leads nowhere or a source is empty, [`Error::IllegalOperation`] where `pivot`
    /// is one of the others, or for capabilities of endpoints and notifications.
    #[inline]
    pub fn rotate(
        &self,
        dest_data: CapData,
        pivot: &Self,
        pivot_data: CapData,
        src: &Self,
    ) -> Result<()> {
        answer(sys::seL4_CNode_Rotate(
            self.root.bits(),
            self.index,
            self.depth,
            dest_data.raw(),
            pivot.root.bits(),
            pivot.index,
            pivot.depth,
            pivot_data.raw(),
            src.root.bits(),
            src.index,
            src.depth,
        ))
    }

    /// Puts the reply capability of the last caller here. It can be invoked once, with
    /// [`cap::Reply::send`].
    ///
    /// # Errors
    /// [`Error::DeleteFirst`] where this slot is occupied. A thread without a caller makes this an
    /// empty success.
    #[inline]
    pub fn save_caller(&self) -> Result<()> {
        answer(sys::seL4_CNode_SaveCaller(
            self.root.bits(),
            self.index,
            self.depth,
        ))
    }
}
