//! Interrupts.

#[cfg(target_arch = "x86_64")]
use crate::Word;
use crate::cnode::answer;
use crate::{AbsoluteCPtr, Result, cap, sys};

impl cap::IrqControl {
    /// Puts the handler capability of interrupt `irq` into a slot. On x86_64 with an I/O APIC the
    /// kernel refuses this: use `get_ioapic` or `get_msi` there.
    ///
    /// # Errors
    /// [`Error::RevokeFirst`](crate::Error) where the interrupt has a handler, or is the kernel's
    /// own; [`Error::RangeError`](crate::Error) for a number that is none;
    /// [`Error::DeleteFirst`](crate::Error) where the slot is occupied.
    #[inline]
    pub fn get(self, irq: u32, slot: &AbsoluteCPtr) -> Result<()> {
        answer(sys::seL4_IRQControl_Get(
            self.bits(),
            irq,
            slot.root().bits(),
            slot.index(),
            slot.depth(),
        ))
    }

    /// Puts the handler capability of a pin of an I/O APIC into a slot. `vector` is the number
    /// that the interrupt gets, from 0.
    ///
    /// # Errors
    /// As [`Self::get`].
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub fn get_ioapic(
        self,
        slot: &AbsoluteCPtr,
        ioapic: Word,
        pin: Word,
        level_triggered: bool,
        active_low: bool,
        vector: Word,
    ) -> Result<()> {
        answer(sys::seL4_IRQControl_GetIOAPIC(
            self.bits(),
            slot.root().bits(),
            slot.index(),
            Word::from(slot.depth()),
            ioapic,
            pin,
            Word::from(level_triggered),
            Word::from(active_low),
            vector,
        ))
    }

    /// Puts the handler capability of a message-signalled interrupt into a slot, for the PCI
    /// function (bus, device, function). `vector` is the number that the interrupt gets, from 0.
    ///
    /// # Errors
    /// As [`Self::get`].
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub fn get_msi(
        self,
        slot: &AbsoluteCPtr,
        function: (u8, u8, u8),
        handle: Word,
        vector: Word,
    ) -> Result<()> {
        answer(sys::seL4_IRQControl_GetMSI(
            self.bits(),
            slot.root().bits(),
            slot.index(),
            Word::from(slot.depth()),
            function.0.into(),
            function.1.into(),
            function.2.into(),
            handle,
            vector,
        ))
    }
}

impl cap::IrqHandler {
    /// Unmasks the interrupt after it was served.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where this is no interrupt handler.
    #[inline]
    pub fn ack(self) -> Result<()> {
        answer(sys::seL4_IRQHandler_Ack(self.bits()))
    }

    /// Makes the interrupt signal a notification, with the badge of the capability.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where it is no notification with write right.
    #[inline]
    pub fn set_notification(self, notification: cap::Notification) -> Result<()> {
        answer(sys::seL4_IRQHandler_SetNotification(
            self.bits(),
            notification.bits(),
        ))
    }

    /// Takes the notification away; the interrupt is masked when it next arrives.
    ///
    /// # Errors
    /// [`Error::InvalidCapability`](crate::Error) where this is no interrupt handler.
    #[inline]
    pub fn clear(self) -> Result<()> {
        answer(sys::seL4_IRQHandler_Clear(self.bits()))
    }
}
