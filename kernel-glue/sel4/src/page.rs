//! Pages.

use crate::cnode::answer;
use crate::{CapRights, Result, VmAttributes, Word, arch, cap};

impl cap::Page {
    /// Maps the page. A page capability maps once; a copy of it can map the page again.
    ///
    /// # Errors
    /// [`Error::FailedLookup`](crate::Error) where a translation table is missing
    /// ([`vspace::map_page`](crate::vspace::map_page) says which),
    /// [`Error::DeleteFirst`](crate::Error) where something is mapped at `vaddr`,
    /// [`Error::InvalidCapability`](crate::Error) where the capability maps elsewhere or the
    /// address space has no identifier, [`Error::AlignmentError`](crate::Error).
    #[inline]
    pub fn map(
        self,
        vspace: cap::VSpace,
        vaddr: usize,
        rights: CapRights,
        attributes: VmAttributes,
    ) -> Result<()> {
        answer(arch::page_map(
            self.bits(),
            vspace.bits(),
            vaddr as Word,
            rights.raw(),
            attributes.into_word(),
        ))
    }

    /// Changes rights and attributes of the mapping that this capability made.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where it maps nothing, or into another space.
    #[inline]
    pub fn remap(
        self,
        vspace: cap::VSpace,
        rights: CapRights,
        attributes: VmAttributes,
    ) -> Result<()> {
        answer(arch::page_remap(
            self.bits(),
            vspace.bits(),
            rights.raw(),
            attributes.into_word(),
        ))
    }

    /// Takes away the mapping that this capability made, if any.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where this is no page.
    #[inline]
    pub fn unmap(self) -> Result<()> {
        answer(arch::page_unmap(self.bits()))
    }

    /// The physical address.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where this is no page.
    #[inline]
    pub fn get_address(self) -> Result<usize> {
        answer(arch::page_get_address(self.bits())).map(|address| address as usize)
    }
}
