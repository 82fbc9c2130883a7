//! Serial lines ([`serve`] makes a server of one) and their devices: the ARM PrimeCell UART (PL011), the
//! BCM2835's mini UART, the 16550 of PCs, and Cadence's UART.

#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod cadence;
mod line;
mod mini_uart;
mod ns16550;
mod pl011;
pub mod serve;
mod uart;

pub use cadence::Cadence;
pub use line::{Line, RECEIVED_LIMIT};
pub use mini_uart::MiniUart;
pub use ns16550::Ns16550;
pub use pl011::Pl011;
pub use uart::{LineError, Uart};
