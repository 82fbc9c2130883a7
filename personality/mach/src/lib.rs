//! Ports, rights, messages, notifications, accounts and VM maps: the mach
//! server's whole logic, with no kernel call of its own.
//!
//! What it asks of a kernel is the trait [`Kernel`], "the waist": put this
//! right in that slot, take it out, map, unmap, start, stop, reply. The root
//! task implements it with seL4; [`sim`] implements it on the host, where the
//! same logic runs under random schedules and injected failures.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod abi;
mod account;
mod accounts;
mod audit;
mod clock;
mod control;
mod death;
mod error;
mod exception;
mod host;
mod inspect;
mod ipc;
mod kernel;
mod label;
mod memory;
mod object;
mod names;
mod pager;
mod pages;
mod processors;
mod proxy;
mod ready;
pub mod rpc;
pub mod sim;
mod segments;
mod slab;
mod space;
mod spare;
mod sync;
mod task;
mod vm;
mod window;

pub use account::{Account, AccountId, Limits};
pub use audit::Installed;
pub use error::{Error, Result};
pub use ipc::{Carried, KernelObject, Message, PortId};
pub use kernel::{BLOCK, Cache, Kernel, Protection};
pub use rpc::Outcome;
pub use segments::Segments;
pub use slab::Slab;
pub use task::{Mach, TaskId, ThreadId};
pub use object::ObjectId;
pub use processors::Processing;
pub use proxy::ProxyId;
