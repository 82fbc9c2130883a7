//! Faults of threads, which arrive as messages at their fault endpoints.

use crate::error::LookupFailure;
use crate::{IpcBuffer, MessageInfo, Mrs, Word, sys};

pub use crate::arch::fault::{UnknownSyscall, UserException};

/// Defines a fault message as its words, with an accessor for each.
macro_rules! fault_message {
    (
        $(#[$attribute:meta])*
        $name:ident: $length:expr, reply $reply:expr;
        $($(#[$doc:meta])* $field:ident, $set:ident = $index:expr;)*
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name {
            words: [$crate::Word; Self::LENGTH],
        }

        impl $name {
            /// Words of the message.
            pub const LENGTH: usize = $length as usize;
            /// Words of the answer that the kernel takes as registers.
            pub const REPLY_LENGTH: usize = $reply as usize;

            /// The fault with these words.
            #[inline]
            #[must_use]
            pub const fn from_words(words: [$crate::Word; Self::LENGTH]) -> Self {
                Self { words }
            }

            /// The words, in the order of the message.
            #[inline]
            #[must_use]
            pub const fn words(&self) -> &[$crate::Word; Self::LENGTH] {
                &self.words
            }

            #[inline]
            pub(crate) fn decode(mrs: $crate::Mrs, buffer: $crate::IpcBuffer) -> Self {
                let mut words = [0; Self::LENGTH];
                for (at, word) in words.iter_mut().enumerate() {
                    *word = if at < mrs.len() { mrs[at] } else { buffer.msg(at) };
                }
                Self { words }
            }

            $(
                $(#[$doc])*
                #[inline]
                #[must_use]
                pub const fn $field(&self) -> $crate::Word {
                    self.words[$index as usize]
                }

                /// Changes what the accessor of the same name gives, for a reply.
                #[inline]
                pub const fn $set(&mut self, word: $crate::Word) {
                    self.words[$index as usize] = word;
                }
            )*

            /// The answer that lets the thread go on, with the registers as they are here. Fills
            /// the IPC buffer's part of it.
            #[inline]
            #[must_use]
            pub fn reply(&self, buffer: $crate::IpcBuffer) -> ($crate::MessageInfo, $crate::Mrs) {
                self.reply_with(buffer, Self::REPLY_LENGTH)
            }

            /// Like [`Self::reply`], with only the first `length` words: the other registers stay
            /// as they were.
            #[inline]
            #[must_use]
            pub fn reply_with(
                &self,
                buffer: $crate::IpcBuffer,
                length: usize,
            ) -> ($crate::MessageInfo, $crate::Mrs) {
                let length = length.min(Self::REPLY_LENGTH);
                let mut mrs = [0; sys::FAST_MESSAGE_REGISTERS];
                for (at, &word) in self.words.iter().enumerate().take(length) {
                    if at < mrs.len() {
                        mrs[at] = word;
                    } else {
                        buffer.set_msg(at, word);
                    }
                }
                ($crate::MessageInfo::new(0, 0, 0, length as $crate::Word), mrs)
            }
        }
    };
}
pub(crate) use fault_message;

/// A fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// No fault: the thread sent a message with label 0.
    Null,
    /// A system call named a capability that is not there.
    Cap(CapFault),
    /// A system call that the kernel does not know.
    UnknownSyscall(UnknownSyscall),
    /// An exception that the program caused.
    UserException(UserException),
    /// An access to memory that is not mapped, or not in this way.
    Vm(VmFault),
}

impl Fault {
    /// Reads a message that came from the kernel on behalf of a thread. `None` where the label is
    /// no fault's. A thread can send such a message itself: only the badge tells them apart, by
    /// being given out for nothing but a fault endpoint.
    #[inline]
    #[must_use]
    pub fn decode(info: MessageInfo, mrs: Mrs, buffer: IpcBuffer) -> Option<Self> {
        Some(match info.label() {
            sys::seL4_Fault_NullFault => Self::Null,
            sys::seL4_Fault_CapFault => Self::Cap(CapFault::decode(mrs, buffer)),
            sys::seL4_Fault_UnknownSyscall => {
                Self::UnknownSyscall(UnknownSyscall::decode(mrs, buffer))
            }
            sys::seL4_Fault_UserException => {
                Self::UserException(UserException::decode(mrs, buffer))
            }
            sys::seL4_Fault_VMFault => Self::Vm(VmFault::decode(mrs, buffer)),
            _ => return None,
        })
    }

    /// The program counter of the fault.
    #[inline]
    #[must_use]
    pub const fn pc(&self) -> Option<Word> {
        match self {
            Self::Null => None,
            Self::Cap(fault) => Some(fault.pc()),
            Self::UnknownSyscall(fault) => Some(fault.pc()),
            Self::UserException(fault) => Some(fault.pc()),
            Self::Vm(fault) => Some(fault.pc()),
        }
    }

    /// The answer that leaves the thread stopped; it can be resumed later. Faults of memory and
    /// of capabilities have none: the kernel restarts the thread on any answer, so do not answer.
    #[inline]
    #[must_use]
    pub const fn stop() -> (MessageInfo, Mrs) {
        (
            MessageInfo::new(1, 0, 0, 0),
            [0; sys::FAST_MESSAGE_REGISTERS],
        )
    }
}

fault_message! {
    /// A memory fault. Any answer repeats the access.
    VmFault: sys::seL4_VMFault_Length, reply 0;
    /// The program counter.
    pc, set_pc = sys::seL4_VMFault_IP;
    /// The address. The x86_64 kernel of 5.0.0 gives only its low 32 bits.
    address, set_address = sys::seL4_VMFault_Addr;
    /// 1 for the fetch of an instruction, else 0.
    prefetch, set_prefetch = sys::seL4_VMFault_PrefetchFault;
    /// The processor's description of the fault.
    status, set_status = sys::seL4_VMFault_FSR;
}

impl VmFault {
    /// Whether an instruction was fetched.
    #[inline]
    #[must_use]
    pub const fn is_fetch(&self) -> bool {
        self.prefetch() == sys::seL4_InstructionFault
    }

    /// Whether the access was a write.
    #[inline]
    #[must_use]
    pub const fn is_write(&self) -> bool {
        !self.is_fetch() && crate::arch::fault::is_write(self.status())
    }

    /// Whether the address is mapped, and only the access is not allowed.
    #[inline]
    #[must_use]
    pub const fn is_permission(&self) -> bool {
        crate::arch::fault::is_permission(self.status())
    }
}

fault_message! {
    /// A system call on a capability that is not there. Any answer repeats the system call.
    CapFault: sys::seL4_CapFault_GuardMismatch_BitsFound + 1, reply 0;
    /// The program counter.
    pc, set_pc = sys::seL4_CapFault_IP;
    /// The address of the capability.
    address, set_address = sys::seL4_CapFault_Addr;
    /// 1 where the thread was to receive, 0 where it was to send.
    in_receive_phase, set_in_receive_phase = sys::seL4_CapFault_InRecvPhase;
}

impl CapFault {
    /// Why the lookup failed.
    #[inline]
    #[must_use]
    pub const fn lookup_failure(&self) -> LookupFailure {
        let words = &self.words;
        LookupFailure::from_words([
            words[sys::seL4_CapFault_LookupFailureType as usize],
            words[sys::seL4_CapFault_BitsLeft as usize],
            words[sys::seL4_CapFault_GuardMismatch_GuardFound as usize],
            words[sys::seL4_CapFault_GuardMismatch_BitsFound as usize],
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::NonNull;

    fn with_buffer(test: impl FnOnce(IpcBuffer)) {
        // SAFETY: all members are integers.
        let mut buffer: sys::seL4_IPCBuffer = unsafe { core::mem::zeroed() };
        // SAFETY: the buffer outlives the test, which alone uses it.
        test(unsafe { IpcBuffer::from_ptr(NonNull::from(&mut buffer)) });
    }

    #[test]
    fn a_memory_fault_lies_in_the_four_registers() {
        with_buffer(|buffer| {
            let info = MessageInfo::new(sys::seL4_Fault_VMFault, 0, 0, 4);
            let Some(Fault::Vm(fault)) = Fault::decode(info, [0x1000, 0x2000, 1, 3], buffer) else {
                panic!("not decoded as a memory fault");
            };
            assert_eq!((fault.pc(), fault.address()), (0x1000, 0x2000));
            assert!(fault.is_fetch() && !fault.is_write());
            assert_eq!(fault.reply(buffer).0.length(), 0);
        });
    }

    #[test]
    fn an_unknown_system_call_is_answered_with_changed_registers() {
        with_buffer(|buffer| {
            for at in 4..UnknownSyscall::LENGTH {
                buffer.set_msg(at, at as Word);
            }
            let info = MessageInfo::new(
                sys::seL4_Fault_UnknownSyscall,
                0,
                0,
                UnknownSyscall::LENGTH as Word,
            );
            let Some(Fault::UnknownSyscall(mut fault)) =
                Fault::decode(info, [10, 11, 12, 13], buffer)
            else {
                panic!("not decoded as an unknown system call");
            };
            assert_eq!(fault.words()[..5], [10, 11, 12, 13, 4]);
            fault.set_pc(0x1234);
            let (info, mrs) = fault.reply(buffer);
            assert_eq!(mrs, [10, 11, 12, 13]);
            assert_eq!(info.length(), UnknownSyscall::LENGTH - 1);
            assert_eq!(
                buffer.msg(sys::seL4_UnknownSyscall_FaultIP as usize),
                0x1234
            );
        });
    }

    #[test]
    fn a_label_beyond_the_faults_is_none() {
        with_buffer(|buffer| {
            let info = MessageInfo::new(1000, 0, 0, 0);
            assert_eq!(Fault::decode(info, [0; 4], buffer), None);
        });
    }
}
