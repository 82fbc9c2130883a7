//! Typed capabilities, invocations, IPC, faults and boot info of seL4.
//!
//! The names are those of the seL4 manual: what it calls *Untyped Retype* is
//! [`cap::Untyped::retype`], and so on. Where an architecture has its own words
//! (page upper directory, PDPT), [`vspace`] gives a view that is the same everywhere.
//!
//! Nothing here allocates, and the four message registers that travel in processor registers are
//! plain arguments and results ([`Mrs`]), so a call of an endpoint costs what the bare system call
//! costs.
//!
//! Invocations are safe functions. They cannot disturb the calling thread's registers, but a
//! holder of the capabilities for its own address space can of course unmap the ground under its
//! feet; whoever hands out such capabilities decides that.
//!
//! On a host that is not seL4 everything compiles, for documentation and for tests of what needs
//! no kernel; a system call there panics.
#![no_std]

#[cfg(target_arch = "aarch64")]
#[path = "arch/aarch64.rs"]
mod arch;
#[cfg(target_arch = "x86_64")]
#[path = "arch/x86_64.rs"]
mod arch;

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
#[path = "arch/aarch64_memory.rs"]
mod memory;

mod address_space_id;
mod boot_info;
pub mod cap;
mod cap_data;
mod cap_rights;
mod cnode;
mod domain;
mod error;
pub mod fault;
pub mod init_thread;
mod interrupt;
mod ipc;
mod ipc_buffer;
mod message_info;
mod object;
mod page;
mod tcb;
mod untyped;
mod user_context;
pub mod vspace;

/// The raw ABI below this crate.
pub use sel4_sys as sys;

pub use arch::VmAttributes;
pub use boot_info::{BootInfo, BootInfoExtra, UntypedDesc};
pub use cap::{CPtr, Cap};
pub use cap_data::CapData;
pub use cap_rights::CapRights;
pub use cnode::AbsoluteCPtr;
pub use error::{Error, LookupFailure, Result};
pub use fault::Fault;
pub use ipc::{Received, reply, r#yield};
pub use ipc_buffer::{IpcBuffer, ipc_buffer};
pub use message_info::MessageInfo;
pub use object::{FrameSize, ObjectBlueprint};
pub use tcb::PrioProps;
pub use user_context::UserContext;

/// A machine word.
pub type Word = sys::seL4_Word;
/// The number by which a thread addresses a capability in its capability space.
pub type CPtrBits = sys::seL4_CPtr;
/// What a receiver learns about the capability through which a message came.
pub type Badge = Word;
/// The message registers that travel in processor registers.
pub type Mrs = [Word; sys::FAST_MESSAGE_REGISTERS];

/// Bits of a machine word, and of an address in a capability space.
pub const WORD_BITS: usize = Word::BITS as usize;
/// The depth that resolves a whole capability address.
pub const CSPACE_DEPTH: u8 = Word::BITS as u8;
/// Words that a message can have.
pub const MESSAGE_MAX_LENGTH: usize = sys::seL4_MsgMaxLength as usize;
/// Capabilities that a message can carry.
pub const MESSAGE_MAX_EXTRA_CAPS: usize = sys::seL4_MsgMaxExtraCaps as usize;
/// Bits of the badge of an endpoint capability that the kernel keeps.
pub const ENDPOINT_BADGE_BITS: usize = sys::seL4_BadgeBits as usize;
/// Objects that one retype can make.
pub const RETYPE_MAX_OBJECTS: usize = sys::seL4_UntypedRetypeMaxObjects as usize;
/// Log2 of the bytes of a capability slot.
pub const SLOT_BITS: usize = sys::seL4_SlotBits as usize;
/// Log2 of the smallest and of the largest untyped object.
pub const UNTYPED_BITS: core::ops::RangeInclusive<usize> =
    sys::seL4_MinUntypedBits as usize..=sys::seL4_MaxUntypedBits as usize;
