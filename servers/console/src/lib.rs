//! The ARM PrimeCell UART (PL011), apart from any server.

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

mod line;
mod pl011;

pub use line::{Line, RECEIVED_LIMIT};
pub use pl011::{Bus, LineError, Pl011};
