//! Capabilities that the kernel gives to the initial thread (manual, section "Initial Thread's
//! Environment").

use crate::{cap, sys};

/// The initial thread.
pub const TCB: cap::Tcb = cap::Tcb::from_bits(sys::seL4_CapInitThreadTCB);
/// The root of its capability space.
pub const CNODE: cap::CNode = cap::CNode::from_bits(sys::seL4_CapInitThreadCNode);
/// Its address space.
pub const VSPACE: cap::VSpace = cap::VSpace::from_bits(sys::seL4_CapInitThreadVSpace);
/// The authority to make interrupt handlers.
pub const IRQ_CONTROL: cap::IrqControl = cap::IrqControl::from_bits(sys::seL4_CapIRQControl);
/// The authority to make pools of address space identifiers.
pub const ASID_CONTROL: cap::AsidControl = cap::AsidControl::from_bits(sys::seL4_CapASIDControl);
/// The pool of the initial address space.
pub const ASID_POOL: cap::AsidPool = cap::AsidPool::from_bits(sys::seL4_CapInitThreadASIDPool);
/// All I/O ports.
#[cfg(target_arch = "x86_64")]
pub const IO_PORT: cap::IoPort = cap::IoPort::from_bits(sys::seL4_CapIOPort);
/// The page of the [`BootInfo`](crate::BootInfo).
pub const BOOT_INFO_FRAME: cap::Page = cap::Page::from_bits(sys::seL4_CapBootInfoFrame);
/// The page of its IPC buffer.
pub const IPC_BUFFER: cap::Page = cap::Page::from_bits(sys::seL4_CapInitThreadIPCBuffer);
/// The authority over scheduling domains.
pub const DOMAIN: cap::DomainSet = cap::DomainSet::from_bits(sys::seL4_CapDomain);
/// Number of slots at the start of the root CNode that have a fixed meaning.
pub const FIXED_SLOTS: u64 = sys::seL4_NumInitialCaps;
