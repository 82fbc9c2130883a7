//! Errors of invocations.

use crate::{CPtr, IpcBuffer, Word, sys};
use core::fmt;

/// The result of an invocation.
pub type Result<T> = core::result::Result<T, Error>;

/// Why the kernel refused an invocation. The numbers are the kernel's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Error {
    /// An argument that is no capability is wrong; [`Error::argument_number`] says which.
    InvalidArgument = sys::seL4_InvalidArgument as u8,
    /// A capability is missing or of the wrong type; [`Error::argument_number`] says which.
    InvalidCapability = sys::seL4_InvalidCapability as u8,
    /// The object does not know the operation, or is in no state for it.
    IllegalOperation = sys::seL4_IllegalOperation as u8,
    /// An argument is out of range; [`Error::range`] says which range.
    RangeError = sys::seL4_RangeError as u8,
    /// An address is not aligned.
    AlignmentError = sys::seL4_AlignmentError as u8,
    /// A capability address, or an address in a VSpace, does not resolve;
    /// [`Error::lookup_failure`] says why.
    FailedLookup = sys::seL4_FailedLookup as u8,
    /// The message has too few words or capabilities.
    TruncatedMessage = sys::seL4_TruncatedMessage as u8,
    /// A slot is occupied.
    DeleteFirst = sys::seL4_DeleteFirst as u8,
    /// The object has children.
    RevokeFirst = sys::seL4_RevokeFirst as u8,
    /// The untyped object has no room; [`Error::memory_left`] says how much it has.
    NotEnoughMemory = sys::seL4_NotEnoughMemory as u8,
    /// The answer's label is no kernel error: the capability named an endpoint, and a server
    /// answered in the kernel's place.
    NotFromKernel = u8::MAX,
}

const _: () = assert!(sys::seL4_NumErrors == 11, "the kernel knows other errors");

impl Error {
    /// The error of a label, `None` where the label says success.
    #[inline]
    #[must_use]
    pub const fn from_label(label: Word) -> Option<Self> {
        Some(match label {
            sys::seL4_NoError => return None,
            sys::seL4_InvalidArgument => Self::InvalidArgument,
            sys::seL4_InvalidCapability => Self::InvalidCapability,
            sys::seL4_IllegalOperation => Self::IllegalOperation,
            sys::seL4_RangeError => Self::RangeError,
            sys::seL4_AlignmentError => Self::AlignmentError,
            sys::seL4_FailedLookup => Self::FailedLookup,
            sys::seL4_TruncatedMessage => Self::TruncatedMessage,
            sys::seL4_DeleteFirst => Self::DeleteFirst,
            sys::seL4_RevokeFirst => Self::RevokeFirst,
            sys::seL4_NotEnoughMemory => Self::NotEnoughMemory,
            _ => Self::NotFromKernel,
        })
    }

    /// The error of a label that is known not to say success.
    #[inline]
    pub(crate) const fn from_failure(label: Word) -> Self {
        match Self::from_label(label) {
            Some(error) => error,
            None => Self::NotFromKernel,
        }
    }

    /// After [`Error::InvalidArgument`] or [`Error::InvalidCapability`]: the argument's number,
    /// counted as the manual counts them. Valid until the thread's next message.
    #[must_use]
    pub fn argument_number(self, buffer: IpcBuffer) -> Option<Word> {
        matches!(self, Self::InvalidArgument | Self::InvalidCapability).then(|| buffer.msg(0))
    }

    /// After [`Error::RangeError`]: the least and the greatest value that the kernel takes. Valid
    /// until the thread's next message.
    #[must_use]
    pub fn range(self, buffer: IpcBuffer) -> Option<(Word, Word)> {
        (self == Self::RangeError).then(|| (buffer.msg(0), buffer.msg(1)))
    }

    /// After [`Error::NotEnoughMemory`]: the bytes that the untyped object has left. Valid until
    /// the thread's next message.
    #[must_use]
    pub fn memory_left(self, buffer: IpcBuffer) -> Option<Word> {
        (self == Self::NotEnoughMemory).then(|| buffer.msg(0))
    }

    /// After [`Error::FailedLookup`]: whether it was the source that did not resolve, and why.
    /// Valid until the thread's next message.
    #[must_use]
    pub fn lookup_failure(self, buffer: IpcBuffer) -> Option<(bool, LookupFailure)> {
        (self == Self::FailedLookup).then(|| {
            let words = [buffer.msg(1), buffer.msg(2), buffer.msg(3), buffer.msg(4)];
            (buffer.msg(0) != 0, LookupFailure::from_words(words))
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidArgument => "invalid argument",
            Self::InvalidCapability => "invalid capability",
            Self::IllegalOperation => "illegal operation",
            Self::RangeError => "argument out of range",
            Self::AlignmentError => "address not aligned",
            Self::FailedLookup => "failed lookup",
            Self::TruncatedMessage => "truncated message",
            Self::DeleteFirst => "slot occupied",
            Self::RevokeFirst => "object has children",
            Self::NotEnoughMemory => "not enough memory",
            Self::NotFromKernel => "answered by a server, not by the kernel",
        })
    }
}

impl core::error::Error for Error {}

/// Why a capability address did not resolve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupFailure {
    /// No failure was reported.
    None,
    /// The root is no CNode.
    InvalidRoot,
    /// An empty slot.
    MissingCapability {
        /// Bits of the address that were left.
        bits_left: Word,
    },
    /// The address is too short or too long.
    DepthMismatch {
        /// Bits of the address that were left.
        bits_left: Word,
        /// Bits that the CNode at which it ended resolves.
        bits_found: Word,
    },
    /// A CNode's guard differs from the address.
    GuardMismatch {
        /// Bits of the address that were left.
        bits_left: Word,
        /// The guard of the CNode.
        guard: Word,
        /// Bits of that guard.
        guard_bits: Word,
    },
}

impl LookupFailure {
    /// Decodes the words in which the kernel describes a failure: its kind first.
    #[must_use]
    pub const fn from_words(words: [Word; 4]) -> Self {
        let [kind, bits_left, found, size] = words;
        match kind {
            sys::seL4_InvalidRoot => Self::InvalidRoot,
            sys::seL4_MissingCapability => Self::MissingCapability { bits_left },
            sys::seL4_DepthMismatch => Self::DepthMismatch {
                bits_left,
                bits_found: found,
            },
            sys::seL4_GuardMismatch => Self::GuardMismatch {
                bits_left,
                guard: found,
                guard_bits: size,
            },
            _ => Self::None,
        }
    }
}

/// A capability argument of an invocation, for messages about errors.
impl fmt::Display for CPtr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.bits())
    }
}
