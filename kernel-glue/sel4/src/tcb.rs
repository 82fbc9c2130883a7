//! Threads.

use crate::cnode::answer;
use crate::{CPtr, CapData, Result, UserContext, Word, cap, sys};

/// A thread's priority, and the greatest one that it may give to threads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PrioProps {
    /// Greatest priority that the thread may give, to itself or others.
    pub max_controlled: u8,
    /// The thread's own priority.
    pub priority: u8,
}

impl cap::Tcb {
    /// Reads the first `count` registers of a thread, in the order of [`UserContext`], the rest
    /// being 0; suspends the thread first where `suspend` says so.
    ///
    /// # Errors
    /// [`Error::IllegalOperation`](crate::Error) for the calling thread itself.
    #[inline]
    pub fn read_registers(self, suspend: bool, count: usize) -> Result<UserContext> {
        let mut context = UserContext::default();
        answer(sys::seL4_TCB_ReadRegisters(
            self.bits(),
            suspend,
            0,
            count as Word,
            context.inner_mut(),
        ))?;
        Ok(context)
    }

    /// Reads all registers of a thread; suspends it first where `suspend` says so.
    ///
    /// # Errors
    /// As [`Self::read_registers`].
    #[inline]
    pub fn read_all_registers(self, suspend: bool) -> Result<UserContext> {
        self.read_registers(suspend, UserContext::WORDS)
    }

    /// Sets the first `count` registers of a thread, in the order of [`UserContext`]; resumes it
    /// afterwards where `resume` says so.
    ///
    /// # Errors
    /// [`Error::IllegalOperation`](crate::Error) for the calling thread itself.
    #[inline]
    pub fn write_registers(self, resume: bool, context: &UserContext, count: usize) -> Result<()> {
        answer(sys::seL4_TCB_WriteRegisters(
            self.bits(),
            resume,
            0,
            count as Word,
            context.inner(),
        ))
    }

    /// Sets all registers of a thread; resumes it afterwards where `resume` says so.
    ///
    /// # Errors
    /// As [`Self::write_registers`].
    #[inline]
    pub fn write_all_registers(self, resume: bool, context: &UserContext) -> Result<()> {
        self.write_registers(resume, context, UserContext::WORDS)
    }

    /// Copies registers of `source` to this thread: those that make up its frame (program counter,
    /// stack pointer, flags, arguments), and the other integer registers.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where `source` is no thread.
    #[inline]
    pub fn copy_registers(
        self,
        source: cap::Tcb,
        suspend_source: bool,
        resume_target: bool,
        transfer_frame: bool,
        transfer_integer: bool,
    ) -> Result<()> {
        answer(sys::seL4_TCB_CopyRegisters(
            self.bits(),
            source.bits(),
            suspend_source,
            resume_target,
            transfer_frame,
            transfer_integer,
            0,
        ))
    }

    /// Sets everything that a new thread needs but its registers. `fault_endpoint` is an address
    /// in the *new thread's* capability space; its capability needs the rights write and grant.
    /// `buffer` is the address of the IPC buffer in `vspace`, which lies in `buffer_frame`.
    ///
    /// # Errors
    /// [`Error::IllegalOperation`](crate::Error) where a capability is of the wrong kind or a
    /// space is not usable, [`Error::RangeError`](crate::Error) for a priority above the caller's
    /// greatest, [`Error::AlignmentError`](crate::Error) for the buffer's address.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    pub fn configure(
        self,
        fault_endpoint: CPtr,
        priority: PrioProps,
        cspace: cap::CNode,
        cspace_data: CapData,
        vspace: cap::VSpace,
        buffer: Word,
        buffer_frame: cap::Page,
    ) -> Result<()> {
        answer(sys::seL4_TCB_Configure(
            self.bits(),
            fault_endpoint.bits(),
            sys::seL4_PrioProps::new(priority.max_controlled.into(), priority.priority.into()),
            cspace.bits(),
            cspace_data.raw(),
            vspace.bits(),
            CapData::NONE.raw(),
            buffer,
            buffer_frame.bits(),
        ))
    }

    /// Sets the thread's spaces and its fault endpoint.
    ///
    /// # Errors
    /// As [`Self::configure`].
    #[inline]
    pub fn set_space(
        self,
        fault_endpoint: CPtr,
        cspace: cap::CNode,
        cspace_data: CapData,
        vspace: cap::VSpace,
    ) -> Result<()> {
        answer(sys::seL4_TCB_SetSpace(
            self.bits(),
            fault_endpoint.bits(),
            cspace.bits(),
            cspace_data.raw(),
            vspace.bits(),
            CapData::NONE.raw(),
        ))
    }

    /// Sets the thread's IPC buffer; address 0 takes it away.
    ///
    /// # Errors
    /// As [`Self::configure`].
    #[inline]
    pub fn set_ipc_buffer(self, buffer: Word, frame: cap::Page) -> Result<()> {
        answer(sys::seL4_TCB_SetIPCBuffer(
            self.bits(),
            buffer,
            frame.bits(),
        ))
    }

    /// Sets the thread's priority.
    ///
    /// # Errors
    /// [`Error::RangeError`](crate::Error) for a priority above the caller's greatest.
    #[inline]
    pub fn set_priority(self, priority: u8) -> Result<()> {
        answer(sys::seL4_TCB_SetPriority(self.bits(), priority))
    }

    /// Sets the greatest priority that the thread may give.
    ///
    /// # Errors
    /// [`Error::RangeError`](crate::Error) for a priority above the caller's greatest.
    #[inline]
    pub fn set_mc_priority(self, priority: u8) -> Result<()> {
        answer(sys::seL4_TCB_SetMCPriority(self.bits(), priority))
    }

    /// Stops the thread. What it was waiting for is cancelled.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where this is no thread.
    #[inline]
    pub fn suspend(self) -> Result<()> {
        answer(sys::seL4_TCB_Suspend(self.bits()))
    }

    /// Lets the thread run, at its program counter. One that waits for something restarts the
    /// system call in which it waits.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where this is no thread.
    #[inline]
    pub fn resume(self) -> Result<()> {
        answer(sys::seL4_TCB_Resume(self.bits()))
    }

    /// Binds a notification: the thread takes its badges also while it receives on an endpoint.
    ///
    /// # Errors
    /// [`Error::IllegalOperation`](crate::Error) where one of the two is bound already.
    #[inline]
    pub fn bind_notification(self, notification: cap::Notification) -> Result<()> {
        answer(sys::seL4_TCB_BindNotification(
            self.bits(),
            notification.bits(),
        ))
    }

    /// Unbinds the thread's notification.
    ///
    /// # Errors
    /// [`Error::IllegalOperation`](crate::Error) where it has none.
    #[inline]
    pub fn unbind_notification(self) -> Result<()> {
        answer(sys::seL4_TCB_UnbindNotification(self.bits()))
    }
}
