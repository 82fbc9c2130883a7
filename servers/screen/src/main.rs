//! The driver of a screen and its keyboard: a translator whose node is a line with a terminal of the
//! kind `linux` at its other end.
//!
//! It is started with words that name descriptors, which hold its rights to the machine:
//!
//! - `--text=MEMORY:OFFSET:BYTES:PORTS`: a VGA-compatible adapter's text memory, where in its pages
//!   that begins, and the ports of its controller; or
//!   `--framebuffer=MEMORY:OFFSET:BYTES:WIDTH:HEIGHT:STRIDE` with `--format=FORMAT`;
//! - `--keyboard=DATA:COMMAND:INTERRUPT`: the ports of the keyboard's controller, and its interrupt.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use driver::{Bus, descriptor, option};
use machuser::mach::{self, Interrupt, Registers};
use machuser::{Error, Result, env, thread};
use screen_driver::{Controller, Display, Framebuffer, Mode, Ports, Screen, Text};

machuser::program!(main);

/// What the program is started with.
#[derive(Default)]
struct Arguments {
    text: Option<[usize; 4]>,
    framebuffer: Option<[usize; 6]>,
    format: String,
    keyboard: Option<[usize; 3]>,
}

impl Arguments {
    fn parse(words: &[Vec<u8>]) -> Option<Self> {
        let mut arguments = Self::default();
        for word in words {
            if let Some(format) = word.strip_prefix(b"--format=") {
                arguments.format = core::str::from_utf8(format).ok()?.to_string();
                continue;
            }
            let (name, numbers) = option(word)?;
            match name {
                "--text" => arguments.text = Some(numbers.try_into().ok()?),
                "--framebuffer" => arguments.framebuffer = Some(numbers.try_into().ok()?),
                "--keyboard" => arguments.keyboard = Some(numbers.try_into().ok()?),
                _ => return None,
            }
        }
        Some(arguments)
    }
}

/// Ports of 8 bits.
struct Bytes(Registers);

impl Bus for Bytes {
    fn read(&self, offset: usize) -> u32 {
        self.0.read8(offset).into()
    }

    fn write(&self, offset: usize, value: u32) {
        self.0.write8(offset, value as u8);
    }
}

/// The ports of the keyboard's controller.
struct Keyboard {
    data: Registers,
    command: Registers,
}

impl Ports for Keyboard {
    fn data(&self) -> u8 {
        self.data.read8(0)
    }

    fn send(&self, byte: u8) {
        self.data.write8(0, byte);
    }

    fn status(&self) -> u8 {
        self.command.read8(0)
    }

    fn command(&self, command: u8) {
        self.command.write8(0, command);
    }

    fn pause(&self) {
        thread::sleep(Duration::from_millis(1));
    }
}

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("screen: {error}"));
    }
}

fn serve() -> Result<()> {
    let arguments = Arguments::parse(env::args().get(1..).unwrap_or(&[])).ok_or(Error::EINVAL)?;
    let memory = |number, offset, bytes| Registers::new(&*descriptor(number)?, offset, bytes);
    let (mut keyboard, mut interrupt) = (None, None);
    if let Some([data, command, line]) = arguments.keyboard {
        let ports = Keyboard {
            data: memory(data, 0, 1)?,
            command: memory(command, 0, 1)?,
        };
        // Before the keyboard sends anything.
        interrupt = Some(Interrupt::attach(&*descriptor(line)?)?);
        match Controller::new(ports) {
            Ok(controller) => keyboard = Some(controller),
            Err(fault) => mach::log(&format!("screen: the keyboard does not work: {fault:?}")),
        }
    }
    if let Some([number, offset, bytes, width, height, stride]) = arguments.framebuffer {
        let format = &arguments.format;
        let mode = Mode::new(width, height, stride, format, bytes);
        let mode = mode.ok_or(Error::EOPNOTSUPP).inspect_err(|_| {
            mach::log(&format!(
                "screen: cannot show text in a framebuffer of {width} by {height} pixels of the format '{format}'"
            ));
        })?;
        let display = Framebuffer::new(memory(number, offset, bytes)?, mode);
        return drive(display.ok_or(Error::EINVAL)?, keyboard, interrupt);
    }
    let [number, offset, bytes, ports] = arguments.text.ok_or(Error::EINVAL)?;
    let ports = Bytes(memory(ports, 0, 2)?);
    drive(
        Text::new(memory(number, offset, bytes)?, ports),
        keyboard,
        interrupt,
    )
}

/// Drives a display and a keyboard, if there is one, for ever.
fn drive<D: Display + Send + 'static>(
    display: D,
    keyboard: Option<Controller<Keyboard>>,
    interrupt: Option<Interrupt>,
) -> Result<()> {
    console_driver::serve::drive(Screen::new(display, keyboard), interrupt)
}
