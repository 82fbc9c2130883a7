//! SD cards, apart from any server: the protocol ([`Card`]), and the controller of the BCM2835 and
//! its successors ([`SdHost`]).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod card;
mod controller;
mod sdhost;
#[cfg(test)]
mod testing;

pub use card::Card;
pub use controller::{Controller, Data, Failure, Time};
pub use sdhost::SdHost;
