//! A screen with a keyboard, apart from any server: the terminal that programs believe they write to
//! ([`Emulator`]), what shows it, and what is typed.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod cell;
mod controller;
mod display;
mod emulator;
mod font;
mod framebuffer;
mod keyboard;
mod screen;
mod text;

pub use cell::{Cell, Pen};
pub use controller::{Controller, Fault, Ports};
pub use display::{Display, Memory};
pub use emulator::Emulator;
pub use framebuffer::{Framebuffer, Mode};
pub use keyboard::Keys;
pub use screen::{Never, Screen};
pub use text::Text;
