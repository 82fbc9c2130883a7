//! Scheduling domains.

use crate::cnode::answer;
use crate::{Result, cap, sys};

impl cap::DomainSet {
    /// Moves a thread into a scheduling domain.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error) for a domain that the kernel does not have.
    #[inline]
    pub fn set(self, domain: u8, thread: cap::Tcb) -> Result<()> {
        answer(sys::seL4_DomainSet_Set(self.bits(), domain, thread.bits()))
    }
}
