//! Capabilities: a number, and the kind of object that it is believed to name.
//!
//! The kernel checks each use; a wrong belief ends in [`Error`](crate::Error), never in a wrong
//! operation.

use crate::CPtrBits;
use core::fmt;
use core::marker::PhantomData;

/// A capability of unknown kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct CPtr(CPtrBits);

impl CPtr {
    /// The null capability's slot.
    pub const NULL: Self = Self(crate::sys::seL4_CapNull);

    /// The capability at an address of the thread's capability space.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: CPtrBits) -> Self {
        Self(bits)
    }

    /// The address.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> CPtrBits {
        self.0
    }

    /// The same capability with a kind.
    #[inline(always)]
    #[must_use]
    pub const fn cast<T>(self) -> Cap<T> {
        Cap {
            cptr: self,
            kind: PhantomData,
        }
    }
}

/// A capability of the kind `T`, one of [`cap_type`].
#[repr(transparent)]
pub struct Cap<T> {
    cptr: CPtr,
    kind: PhantomData<fn() -> T>,
}

impl<T> Cap<T> {
    /// The capability at an address of the thread's capability space.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: CPtrBits) -> Self {
        CPtr::from_bits(bits).cast()
    }

    /// The address.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> CPtrBits {
        self.cptr.0
    }

    /// The capability without its kind.
    #[inline(always)]
    #[must_use]
    pub const fn cptr(self) -> CPtr {
        self.cptr
    }

    /// The same capability with another kind.
    #[inline(always)]
    #[must_use]
    pub const fn cast<U>(self) -> Cap<U> {
        self.cptr.cast()
    }
}

impl<T> Clone for Cap<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Cap<T> {}

impl<T> PartialEq for Cap<T> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.cptr == other.cptr
    }
}

impl<T> Eq for Cap<T> {}

impl<T> core::hash::Hash for Cap<T> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.cptr.hash(state);
    }
}

impl<T> fmt::Debug for Cap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = core::any::type_name::<T>();
        write!(
            f,
            "{}({})",
            name.rsplit("::").next().unwrap_or(name),
            self.cptr
        )
    }
}

impl<T> From<Cap<T>> for CPtr {
    #[inline(always)]
    fn from(cap: Cap<T>) -> Self {
        cap.cptr
    }
}

macro_rules! kinds {
    ($($(#[$attribute:meta])* $name:ident,)*) => {
        /// The kinds of capabilities.
        pub mod cap_type {
            $($(#[$attribute])* #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)] pub enum $name {})*
        }
        $($(#[$attribute])* pub type $name = Cap<cap_type::$name>;)*
    };
}

kinds! {
    /// No capability.
    Null,
    /// Memory without an object.
    Untyped,
    /// A table of capability slots.
    CNode,
    /// A thread.
    Tcb,
    /// An endpoint.
    Endpoint,
    /// A notification.
    Notification,
    /// A caller that waits for its reply.
    Reply,
    /// The authority to make interrupt handlers.
    IrqControl,
    /// An interrupt.
    IrqHandler,
    /// The authority to make pools of address space identifiers.
    AsidControl,
    /// A pool of address space identifiers.
    AsidPool,
    /// The authority to move threads between scheduling domains.
    DomainSet,
    /// The root of an address space: page global directory, or PML4.
    VSpace,
    /// Memory that can be mapped, of any [`FrameSize`](crate::FrameSize).
    Page,
    /// The lowest level of translation.
    PageTable,
    /// The level above page tables.
    PageDirectory,
    /// The level above page directories.
    #[cfg(target_arch = "aarch64")]
    PageUpperDirectory,
    /// The level above page directories.
    #[cfg(target_arch = "x86_64")]
    Pdpt,
    /// A range of I/O ports.
    #[cfg(target_arch = "x86_64")]
    IoPort,
}
