//! What objects are made of.

use crate::{Word, sys};

/// Sizes of pages that can be mapped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FrameSize {
    /// The smallest.
    Small,
    /// One entry of a page directory.
    Large,
    /// One entry of the level above page directories.
    Huge,
}

impl FrameSize {
    /// Log2 of the bytes.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> usize {
        match self {
            Self::Small => sys::seL4_PageBits as usize,
            Self::Large => sys::seL4_LargePageBits as usize,
            Self::Huge => sys::seL4_HugePageBits as usize,
        }
    }

    /// The size in bytes.
    #[inline]
    #[must_use]
    pub const fn bytes(self) -> usize {
        1 << self.bits()
    }

    /// The object of that size.
    #[inline]
    #[must_use]
    pub const fn blueprint(self) -> ObjectBlueprint {
        match self {
            Self::Small => ObjectBlueprint::SmallPage,
            Self::Large => ObjectBlueprint::LargePage,
            Self::Huge => ObjectBlueprint::HugePage,
        }
    }
}

/// The kind of an object that untyped memory can become, with its size where that can vary.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ObjectBlueprint {
    /// Untyped memory again.
    Untyped {
        /// Log2 of the bytes.
        size_bits: usize,
    },
    /// A thread.
    Tcb,
    /// An endpoint.
    Endpoint,
    /// A notification.
    Notification,
    /// A table of capability slots.
    CNode {
        /// Log2 of the number of slots.
        size_bits: usize,
    },
    /// A page of [`FrameSize::Small`].
    SmallPage,
    /// A page of [`FrameSize::Large`].
    LargePage,
    /// A page of [`FrameSize::Huge`]; some x86_64 kernels have none.
    HugePage,
    /// The lowest level of translation.
    PageTable,
    /// The level above page tables.
    PageDirectory,
    /// The level above page directories.
    #[cfg(target_arch = "aarch64")]
    PageUpperDirectory,
    /// The root of translation.
    #[cfg(target_arch = "aarch64")]
    PageGlobalDirectory,
    /// The level above page directories.
    #[cfg(target_arch = "x86_64")]
    Pdpt,
    /// The root of translation.
    #[cfg(target_arch = "x86_64")]
    Pml4,
}

impl ObjectBlueprint {
    /// The kernel's number of the kind.
    #[inline]
    #[must_use]
    pub const fn object_type(self) -> Word {
        match self {
            Self::Untyped { .. } => sys::seL4_UntypedObject,
            Self::Tcb => sys::seL4_TCBObject,
            Self::Endpoint => sys::seL4_EndpointObject,
            Self::Notification => sys::seL4_NotificationObject,
            Self::CNode { .. } => sys::seL4_CapTableObject,
            #[cfg(target_arch = "aarch64")]
            Self::SmallPage => sys::seL4_ARM_SmallPageObject,
            #[cfg(target_arch = "aarch64")]
            Self::LargePage => sys::seL4_ARM_LargePageObject,
            #[cfg(target_arch = "aarch64")]
            Self::HugePage => sys::seL4_ARM_HugePageObject,
            #[cfg(target_arch = "aarch64")]
            Self::PageTable => sys::seL4_ARM_PageTableObject,
            #[cfg(target_arch = "aarch64")]
            Self::PageDirectory => sys::seL4_ARM_PageDirectoryObject,
            #[cfg(target_arch = "aarch64")]
            Self::PageUpperDirectory => sys::seL4_ARM_PageUpperDirectoryObject,
            #[cfg(target_arch = "aarch64")]
            Self::PageGlobalDirectory => sys::seL4_ARM_PageGlobalDirectoryObject,
            #[cfg(target_arch = "x86_64")]
            Self::SmallPage => sys::seL4_X86_4K,
            #[cfg(target_arch = "x86_64")]
            Self::LargePage => sys::seL4_X86_LargePageObject,
            #[cfg(target_arch = "x86_64")]
            Self::HugePage => sys::seL4_X64_HugePageObject,
            #[cfg(target_arch = "x86_64")]
            Self::PageTable => sys::seL4_X86_PageTableObject,
            #[cfg(target_arch = "x86_64")]
            Self::PageDirectory => sys::seL4_X86_PageDirectoryObject,
            #[cfg(target_arch = "x86_64")]
            Self::Pdpt => sys::seL4_X86_PDPTObject,
            #[cfg(target_arch = "x86_64")]
            Self::Pml4 => sys::seL4_X64_PML4Object,
        }
    }

    /// The size argument of a retype; 0 where the kind has one size.
    #[inline]
    #[must_use]
    pub const fn api_size_bits(self) -> usize {
        match self {
            Self::Untyped { size_bits } | Self::CNode { size_bits } => size_bits,
            _ => 0,
        }
    }

    /// Log2 of the bytes of memory that an object takes.
    #[inline]
    #[must_use]
    pub const fn physical_size_bits(self) -> usize {
        match self {
            Self::Untyped { size_bits } => size_bits,
            Self::Tcb => sys::seL4_TCBBits as usize,
            Self::Endpoint => sys::seL4_EndpointBits as usize,
            Self::Notification => sys::seL4_NotificationBits as usize,
            Self::CNode { size_bits } => size_bits + sys::seL4_SlotBits as usize,
            Self::SmallPage => FrameSize::Small.bits(),
            Self::LargePage => FrameSize::Large.bits(),
            Self::HugePage => FrameSize::Huge.bits(),
            Self::PageTable => sys::seL4_PageTableBits as usize,
            Self::PageDirectory => sys::seL4_PageDirBits as usize,
            #[cfg(target_arch = "aarch64")]
            Self::PageUpperDirectory => sys::seL4_PUDBits as usize,
            #[cfg(target_arch = "aarch64")]
            Self::PageGlobalDirectory => sys::seL4_PGDBits as usize,
            #[cfg(target_arch = "x86_64")]
            Self::Pdpt => sys::seL4_PDPTBits as usize,
            #[cfg(target_arch = "x86_64")]
            Self::Pml4 => sys::seL4_PML4Bits as usize,
        }
    }
}
