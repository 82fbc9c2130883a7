//! Address spaces in words that fit every architecture.
//!
//! An address space is a root object ([`VSPACE_BLUEPRINT`], with an identifier from a pool), the
//! tables of [`TRANSLATION_LEVELS`] below it, and pages. [`map_page`] says which level is missing,
//! so that a caller can make such an object and map it with [`map_table`].

use core::fmt;

use crate::error::{Error, LookupFailure};
use crate::{
    CPtr, CapRights, FrameSize, ObjectBlueprint, VmAttributes, arch, cap, ipc_buffer, sys,
};

pub use arch::{TRANSLATION_LEVELS, USER_TOP, VSPACE_BLUEPRINT};

/// Log2 of the bytes of the smallest page.
pub const PAGE_BITS: usize = sys::seL4_PageBits as usize;
/// Bytes of the smallest page.
pub const PAGE_SIZE: usize = 1 << PAGE_BITS;

/// A kind of translation table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TranslationLevel {
    /// The object.
    pub blueprint: ObjectBlueprint,
    /// Log2 of the bytes of address space that one table covers.
    pub span_bits: usize,
}

impl TranslationLevel {
    /// The first address that the table covers which covers `vaddr`.
    #[inline]
    #[must_use]
    pub const fn start_of(&self, vaddr: usize) -> usize {
        vaddr & !((1 << self.span_bits) - 1)
    }
}

/// How many of [`TRANSLATION_LEVELS`], from the top, lie above a page of a size.
#[inline]
#[must_use]
pub const fn levels_above(size: FrameSize) -> usize {
    match size {
        FrameSize::Small => 3,
        FrameSize::Large => 2,
        FrameSize::Huge => 1,
    }
}

/// Why something could not be mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapError {
    /// The table of this index in [`TRANSLATION_LEVELS`] is missing.
    MissingTable(usize),
    /// The kernel has another reason.
    Kernel(Error),
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingTable(level) => write!(f, "translation table of level {level} missing"),
            Self::Kernel(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MapError {}

impl From<Error> for MapError {
    #[cold]
    fn from(error: Error) -> Self {
        let Some((_, LookupFailure::MissingCapability { bits_left })) =
            error.lookup_failure(ipc_buffer())
        else {
            return Self::Kernel(error);
        };
        TRANSLATION_LEVELS
            .iter()
            .position(|level| level.span_bits as u64 == bits_left)
            .map_or(Self::Kernel(error), Self::MissingTable)
    }
}

/// Maps a page.
///
/// # Errors
/// [`MapError::MissingTable`] with the topmost level that is missing; else as
/// [`cap::Page::map`].
#[inline]
pub fn map_page(
    vspace: cap::VSpace,
    page: cap::Page,
    vaddr: usize,
    rights: CapRights,
    attributes: VmAttributes,
) -> Result<(), MapError> {
    page.map(vspace, vaddr, rights, attributes)
        .map_err(MapError::from)
}

/// Maps a table of level `level` so that it covers `vaddr`.
///
/// # Errors
/// [`MapError::MissingTable`] with a level above; [`Error::DeleteFirst`] where there is a table
/// already; as [`cap::Page::map`] else. [`Error::InvalidArgument`] for a level that does not exist.
#[inline]
pub fn map_table(
    level: usize,
    table: CPtr,
    vspace: cap::VSpace,
    vaddr: usize,
    attributes: VmAttributes,
) -> Result<(), MapError> {
    let Some(kind) = TRANSLATION_LEVELS.get(level) else {
        return Err(MapError::Kernel(Error::InvalidArgument));
    };
    let vaddr = kind.start_of(vaddr) as u64;
    arch::map_table(
        level,
        table.bits(),
        vspace.bits(),
        vaddr,
        attributes.into_word(),
    )
    .map_err(|label| Error::from_failure(label).into())
}

/// Takes a table of level `level` out of its address space, and everything below it.
///
/// # Errors
/// [`Error::InvalidCapability`] where it is no such table; [`Error::InvalidArgument`] for a level
/// that does not exist.
#[inline]
pub fn unmap_table(level: usize, table: CPtr) -> Result<(), Error> {
    if level >= TRANSLATION_LEVELS.len() {
        return Err(Error::InvalidArgument);
    }
    arch::unmap_table(level, table.bits()).map_err(Error::from_failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_divides_the_one_above_into_512() {
        let spans = TRANSLATION_LEVELS.map(|level| level.span_bits);
        assert_eq!(spans, [39, 30, 21]);
        for level in TRANSLATION_LEVELS {
            assert_eq!(level.blueprint.physical_size_bits(), PAGE_BITS);
        }
    }

    #[test]
    fn a_page_fills_an_entry_of_the_last_level_above_it() {
        for size in [FrameSize::Small, FrameSize::Large, FrameSize::Huge] {
            let last = TRANSLATION_LEVELS[levels_above(size) - 1];
            assert_eq!(last.span_bits - 9, size.bits());
        }
    }
}
