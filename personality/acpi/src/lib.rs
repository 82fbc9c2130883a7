//! How a machine with ACPI is switched off and restarted (ACPI Specification 6.4): the tables that say
//! so ([`Power::find`]), and what is written to the hardware then ([`Power::off`],
//! [`Power::restart`]). Pure logic over [`Memory`] and [`Hardware`].
//!
//! No number in a table is believed before it is checked; whatever they hold, reading them ends.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod aml;
mod power;
mod tables;
#[cfg(test)]
mod testing;

pub use power::{Hardware, Power, Reset};
pub use tables::{Failure, Memory};
