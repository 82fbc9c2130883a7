//! The driver of a serial line: a translator whose node is the line.
//!
//! `driver::Arguments` says with what it is started; the kind of device is `pl011`, `cadence`,
//! `bcm2835-aux` or `ns16550a`.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::format;
use alloc::sync::Arc;

use core::time::Duration;

use console_driver::{Cadence, Line, MiniUart, Ns16550, Pl011, Uart};
use driver::{Arguments, Bus};
use interface::fs::{O_NONBLOCK, O_READ, O_WRITE};
use interface::io::{SELECT_READ, SELECT_WRITE, StatBuf, fstype};
use machuser::mach::{self, Interrupt, Registers};
use machuser::sync::{Condvar, Mutex};
use machuser::{Data, DataOut, Error, Result, clock, thread};
use trivfs::{Node, Open};

machuser::program!(main);

/// Registers of 8 bits.
struct Bytes(Registers);

impl Bus for Bytes {
    fn read(&self, offset: usize) -> u32 {
        self.0.read8(offset).into()
    }

    fn write(&self, offset: usize, value: u32) {
        self.0.write8(offset, value as u8);
    }
}

struct Device<U> {
    line: Mutex<Line<U>>,
    received: Condvar,
    room: Condvar,
}

impl<U: Uart> Device<U> {
    /// Serves the device's interrupts, for ever.
    fn serve(&self, interrupt: &Interrupt) {
        loop {
            interrupt.wait();
            let received = self.line.lock().interrupt();
            if received {
                self.received.notify_all();
            }
            self.room.notify_all();
            interrupt.acknowledge();
        }
    }
}

struct Console<U>(Arc<Device<U>>);

impl<U: Uart + Send + 'static> Node for Console<U> {
    type State = ();

    const ALLOW_OPEN: i32 = O_READ | O_WRITE;
    const FSTYPE: i32 = fstype::DEV;
    const SEEKABLE: bool = false;

    fn stat(&self, _: &mut StatBuf) {}

    fn read(
        &self,
        open: &Open<'_, Self>,
        _: u64,
        amount: usize,
        to: &mut DataOut<'_>,
    ) -> Result<()> {
        let mut buffer = [0; 256];
        let most = amount.min(buffer.len());
        let mut line = self.0.line.lock();
        while line.received() == 0 && most != 0 {
            if open.modes & O_NONBLOCK != 0 {
                return Err(Error::EWOULDBLOCK);
            }
            line = self.0.received.wait_cancellable(line, open.call)?;
        }
        let count = line.take(&mut buffer[..most]);
        to.write(&buffer[..count]);
        Ok(())
    }

    fn write(&self, open: &Open<'_, Self>, _: u64, data: Data<'_>) -> Result<usize> {
        let mut buffer = [0; 512];
        let mut done = 0;
        let mut line = self.0.line.lock();
        while done < data.len() {
            let count = data.copy_to(done, &mut buffer);
            let sent = line.send(&buffer[..count]);
            done += sent;
            if sent == count {
                continue;
            }
            if open.modes & O_NONBLOCK != 0 {
                return if done == 0 {
                    Err(Error::EWOULDBLOCK)
                } else {
                    Ok(done)
                };
            }
            line = match self.0.room.wait_cancellable(line, open.call) {
                Ok(line) => line,
                Err(_) if done != 0 => return Ok(done),
                Err(error) => return Err(error),
            };
        }
        Ok(done)
    }

    fn readable(&self, _: &Open<'_, Self>, _: u64) -> Result<usize> {
        Ok(self.0.line.lock().received())
    }

    fn select(&self, open: &Open<'_, Self>, wanted: i32, until: Option<Duration>) -> Result<i32> {
        let mut line = self.0.line.lock();
        loop {
            let readable = if line.received() != 0 { SELECT_READ } else { 0 };
            let ready = wanted & (readable | SELECT_WRITE);
            if ready != 0 {
                return Ok(ready);
            }
            line = match until.map(|until| until.saturating_sub(clock::realtime())) {
                None => self.0.received.wait_cancellable(line, open.call)?,
                Some(Duration::ZERO) => return Ok(0),
                Some(left) => {
                    self.0
                        .received
                        .wait_timeout_cancellable(line, left, open.call)?
                        .0
                }
            };
        }
    }
}

fn main() {
    if let Err(error) = serve() {
        mach::log(&format!("console: {error}"));
    }
}

fn serve() -> Result<()> {
    let arguments = Arguments::of_program()?;
    let bus = arguments.registers()?;
    let interrupt = arguments.interrupt(0)?;
    match arguments.kind.as_deref() {
        Some("pl011") => drive(Pl011::new(bus), interrupt),
        Some("bcm2835-aux") => drive(MiniUart::new(bus), interrupt),
        Some("cadence") => drive(Cadence::new(bus), interrupt),
        Some("ns16550a") => drive(Ns16550::new(Bytes(bus)), interrupt),
        _ => Err(Error::EINVAL),
    }
}

/// Drives a device for ever.
fn drive<U: Uart + Send + 'static>(uart: U, interrupt: Interrupt) -> Result<()> {
    let device = Arc::new(Device {
        line: Mutex::new(Line::new(uart)),
        received: Condvar::new(),
        room: Condvar::new(),
    });
    let served = device.clone();
    thread::try_spawn(move || served.serve(&interrupt))?;
    trivfs::run(Console(device))
}
