//! The pins of the BCM2835 and its successors: each as a type with `embedded-hal`'s traits
//! ([`Pin`]), and all as files of a directory ([`Volume`]).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod pins;
mod volume;

pub use pins::{Function, PINS, Pin, Pins};
pub use volume::Volume;
